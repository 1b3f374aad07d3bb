"""What is asked of sizes and numbers: what fits comes back plain, what does not is told."""

from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest

import nnlearn as nn
from nnlearn import arguments


def test_a_pair_is_made_of_plain_integers():
    for given in (3, np.int64(3), (3, 3), [np.int32(3), np.uint8(3)]):
        made = arguments.pair("conv2d", "stride", given, 1)
        assert made == (3, 3)
        assert [type(n) for n in made] == [int, int]


@pytest.mark.parametrize("given", [0, (1, 0), (0, 1), (1, 2, 3), (1,), 1.5, (1, 2.0), "2", None])
def test_what_is_no_pair_is_refused(given):
    with pytest.raises(ValueError, match=r"conv2d: stride is .*, expected a whole number of at le"):
        arguments.pair("conv2d", "stride", given, 1)


def test_a_size_is_a_plain_integer_of_at_least_one():
    assert type(arguments.positive_integer("Dense", "inputs", np.int16(4))) is int
    for given in (0, -1, 1.0, "1", None):
        with pytest.raises(ValueError, match=r"Dense: inputs is .*, expected a whole number of"):
            arguments.positive_integer("Dense", "inputs", given)


def test_a_setting_is_a_plain_finite_number():
    for given in (2, 2.0, np.float32(2), np.int8(2), True + True):
        assert repr(arguments.number("LeakyReLU", "slope", given)) == "2.0"
    assert arguments.number("BatchNorm", "momentum", 1, least=0, most=1) == 1
    assert arguments.number("LayerNorm", "eps", 0.0, least=0) == 0
    for given, shown in {"0.1": "'0.1'", None: "NoneType", 1j: "complex", (1,): "tuple"}.items():
        with pytest.raises(TypeError, match=f"^LeakyReLU: slope is {shown}, expected a number$"):
            arguments.number("LeakyReLU", "slope", given)
    for given, range_, told in (
        (np.nan, {}, "nan, expected a finite number"),
        (-np.inf, {}, "-inf, expected a finite number"),
        (np.inf, {"least": 0}, "inf, expected a finite number of at least 0"),
        (-1e-9, {"least": 0}, "-1e-09, expected a finite number of at least 0"),
        (0.5, {"least": 1}, "0.5, expected a finite number of at least 1"),
        (1.5, {"least": 0, "most": 1}, "1.5, expected a finite number from 0 to 1"),
    ):
        with pytest.raises(ValueError, match=f"^LeakyReLU: slope is {told}$"):
            arguments.number("LeakyReLU", "slope", given, **range_)


def test_a_setting_is_true_or_false():
    for given in (True, False, np.True_, np.False_):
        found = arguments.truth("RNN", "last", given)
        assert found is bool(given)
    for given in ("no", 0, 1.0, None, np.array([True])):
        with pytest.raises(TypeError, match=r"^RNN: last is .*, expected True or False$"):
            arguments.truth("RNN", "last", given)


def test_an_initializer_can_be_called():
    assert (
        arguments.initializer_of("Dense", "initializer", nn.initializers.he) is nn.initializers.he
    )
    for given in ("he", None, 0.1):
        told = rf"^Dense: initializer is {given!r}, expected a function of \(rng, shape, fan_in"
        with pytest.raises(TypeError, match=told):
            arguments.initializer_of("Dense", "initializer", given)


RECURRENT = {name: (2, 2) for name in ("RNN", "LSTM", "GRU")}
ATTENDING = {name: (4, 2) for name in ("MultiHeadAttention", "TransformerBlock")}
DRAWING = {"Dense": (2, 2), "Embedding": (2, 2), "Conv2D": (2, 2, 3), "ConvTranspose2D": (2, 2, 3)}
TRUE_OR_FALSE = [
    *(
        (owner, sizes, name)
        for owner, sizes in RECURRENT.items()
        for name in ("last", "learned_state")
    ),
    *((owner, sizes, name) for owner, sizes in ATTENDING.items() for name in ("causal", "rotary")),
    ("SGD", (0.1, 0.9), "nesterov"),
    ("blockwise_attention", (np.ones((2, 2)),) * 3, "causal"),
]
DRAWN = [
    *((owner, sizes, "initializer") for owner, sizes in (DRAWING | RECURRENT).items()),
    *((owner, sizes, "recurrent_initializer") for owner, sizes in RECURRENT.items()),
    ("MultiHeadAttention", (4, 2), "initializer"),
]


@pytest.mark.parametrize(("owner", "sizes", "name"), TRUE_OR_FALSE)
def test_what_is_neither_true_nor_false_is_told_at_once(owner, sizes, name):
    with pytest.raises(TypeError, match=f"^{owner}: {name} is 'no', expected True or False$"):
        getattr(nn, owner)(*sizes, **{name: "no"})


@pytest.mark.parametrize(("owner", "sizes", "name"), DRAWN)
def test_what_draws_nothing_is_told_at_once(owner, sizes, name):
    with pytest.raises(TypeError, match=f"^{owner}: {name} is 'he', expected a function"):
        getattr(nn, owner)(*sizes, **{name: "he"})


def test_a_mean_of_nothing_is_refused():
    assert arguments.count("loss", "x", (2, 3)) == 6
    assert arguments.count("loss", "x", ()) == 1
    with pytest.raises(ValueError, match=r"loss: x has shape \(2, 0\), expected at least one"):
        arguments.count("loss", "x", (2, 0))


def test_numbers_are_floating_whole_or_truths():
    for dtype in ("float32", "float64", "int8", "uint64", "bool"):
        arguments.check_numbers("ReLU", "x", np.zeros(2, dtype))
    with pytest.raises(TypeError, match=r"ReLU: x is a list, expected an array; nn.asarray makes"):
        arguments.check_numbers("ReLU", "x", [1.0])
    for dtype, instead in {
        "float16": "of at least 32 bits: x.astype",
        ">f4": "in this machine's byte order",
        "complex64": "expected a floating-point array$",
        "object": "expected a floating-point array$",
    }.items():
        with pytest.raises(TypeError, match=rf"ReLU: x has dtype .*{instead}"):
            arguments.check_numbers("ReLU", "x", np.zeros(2, dtype))


def test_a_range_has_two_ends():
    arguments.check_range("embedding", "indices", np.array([0, 2]), 3, "rows")
    arguments.check_range("embedding", "indices", np.zeros((0,), int), 3, "rows")
    for wrong in (-1, 3):
        expected = rf"embedding: indices contains {wrong}, expected rows 0 to 2"
        with pytest.raises(ValueError, match=expected):
            arguments.check_range("embedding", "indices", np.array([0, wrong, 1]), 3, "rows")


def test_what_looks_like_an_array_by_half_is_none():
    for half in (SimpleNamespace(shape=(2,)), SimpleNamespace(dtype=np.dtype("float32"))):
        with pytest.raises(TypeError, match="ReLU: x is a SimpleNamespace, expected an array"):
            arguments.check_numbers("ReLU", "x", half)


def test_only_numpy_has_another_byte_order():
    x = array_api_strict.zeros(2, dtype=array_api_strict.complex64)
    with pytest.raises(TypeError, match=r"complex64, expected a floating-point array$"):
        arguments.check_numbers("ReLU", "x", x)


def test_numbers_on_a_device_are_looked_at_only_where_that_is_asked_for():
    wrong = array_api_strict.asarray([0, 3])

    def check():
        arguments.check_range("embedding", "indices", wrong, 3, "rows")

    check()
    with arguments.looking_at_devices():
        with pytest.raises(ValueError, match="indices contains 3, expected rows 0 to 2"):
            check()
        with arguments.looking_at_devices():
            pass
        with pytest.raises(ValueError, match="indices contains 3"):
            check()
    check()
