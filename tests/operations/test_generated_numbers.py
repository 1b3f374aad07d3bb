"""Every operation on numbers that are missing, infinite, huge, tiny or subnormal.

`test_strange_numbers.py` holds the results to PyTorch's in float32. Here: what is not known stays
not known, NumPy warns of nothing that comes out finite, and formulas of one number agree with
long doubles over the whole range of both dtypes.
"""

import numpy as np
import pytest
import tally
from entries import OPERATIONS
from generated import examples
from hypothesis import assume, given
from hypothesis import strategies as st

import nnlearn as nn

#: Whose gradient stays finite beside a NaN, as the docstring says.
CHOOSING = ("relu", "leaky_relu", "max_pool2d")
#: Who warns of an overflow and gives something finite all the same.
OVERFLOWING = {
    "batch_norm": "squares above 1e19 are infinite, as its docstring says",
    "layer_norm": "squares above 1e19 are infinite, as its docstring says",
    "standardize": "squares above 1e19 are infinite",
    "convolve2d": "of the full convolution some modes cut off a part, which may overflow",
}
#: Where an overflow on the way is told, and what comes of it is right: who, and what comes.
SATURATING = {
    "conv2d": "K and dz are multiplied into the border that padding cuts off",
    "conv_transpose2d": "the same, of x and K",
    "attention": "scores further apart than the largest number: a weight of 0",
    "attention_weights": "the same",
    "blockwise_attention": "the same",
    "rnn": "an infinite sum: a tanh of 1 or -1",
    "lstm": "an infinite sum: a gate of 0 or 1",
    "gru": "the same",
}
KINDS = {
    "missing": [np.nan],
    "infinite": [np.inf, -np.inf],
    "huge": [1e38, -1e38],
    "beyond float32": [1e300, -1e300],
    "tiny": [1e-38, -1e-300],
    "subnormal": [1e-45, -5e-324],
    "zero": [0.0, -0.0],
}


def results(case, arrays):
    values, gradients = case.both(*arrays)
    return {f"value {i}": v for i, v in enumerate(values)} | gradients


def drawn(name, data):
    case = OPERATIONS[name].case(data.draw)
    assume(case.refused is None and any(case.arrays[n].size for n in case.wrt))
    tally.count("cases tried")
    return case


@pytest.mark.parametrize("name", OPERATIONS)
@examples
@given(data=st.data())
def test_what_depends_on_a_missing_number_is_missing(name, data):
    """Move one number: what moves with it must be NaN where it is NaN."""
    case = drawn(name, data)
    which = data.draw(st.sampled_from([n for n in case.wrt if case.arrays[n].size]))
    at = data.draw(st.integers(0, case.arrays[which].size - 1))

    def with_number(number):
        moved = case.arrays[which].copy()
        moved.reshape(-1)[at] = number
        return results(case, (case.arrays | {which: moved}).values())

    before = results(case, case.arrays.values())
    with np.errstate(all="raise", under="ignore"):
        missing = with_number(np.nan)
    number = case.arrays[which].reshape(-1)[at]
    for other in (number + 0.25, number + 1.5):
        for what, result in with_number(other).items():
            moves = np.abs(result - before[what]) > 1e-3 * (1 + np.abs(before[what]))
            if what.startswith("value") or name not in CHOOSING:
                assert np.isnan(missing[what][moves]).all(), f"{what}, {which}[{at}]"


@pytest.mark.parametrize("name", OPERATIONS)
@examples
@given(data=st.data())
def test_numpy_warns_only_where_something_is_not_finite(name, data):
    """Filled with strange numbers, or with one of them."""
    case = drawn(name, data)
    kind = data.draw(st.sampled_from(list(KINDS)))
    arrays = dict(case.arrays)
    for which in data.draw(st.lists(st.sampled_from(list(case.wrt)), min_size=1)):
        a = arrays[which].copy()
        few = slice(None) if data.draw(st.booleans()) else slice(0, 1)
        with np.errstate(over="ignore"):
            strange = np.asarray(KINDS[kind]).astype(a.dtype)
        a.reshape(-1)[few] = np.resize(strange, a.reshape(-1)[few].shape)
        arrays[which] = a
    with np.errstate(all="ignore"):
        found = results(case, arrays.values())
    if name not in OVERFLOWING and all(np.isfinite(a).all() for a in found.values()):
        saturates = name in SATURATING and kind in ("huge", "beyond float32")
        over = "ignore" if saturates else "raise"
        with np.errstate(all="raise", under="ignore", over=over):
            again = results(case, arrays.values())
        for what, result in again.items():
            np.testing.assert_array_equal(result, found[what])


def long_gelu(z):
    return z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + np.longdouble(0.044715) * z**3)))


#: Formulas of one number, as they are written in the book; long doubles do not overflow here.
FORMULAS = {
    "sigmoid": (nn.sigmoid, lambda z: 1 / (1 + np.exp(-z))),
    "tanh": (nn.tanh, np.tanh),
    "relu": (nn.relu, lambda z: np.maximum(z, 0)),
    "leaky_relu": (nn.leaky_relu, lambda z: np.where(z > 0, z, z * np.longdouble(0.01))),
    "softplus": (nn.softplus, lambda z: np.logaddexp(z, 0)),
    "gelu": (nn.gelu, long_gelu),
    "exp": (nn.exp, np.exp),
    "log": (nn.log, np.log),
}
numbers = st.floats(allow_nan=True, allow_infinity=False)
small = st.floats(-100, 100)


@pytest.mark.parametrize("name", FORMULAS)
@given(z=st.lists(st.one_of(numbers, small), min_size=1), dtype=st.sampled_from(["f4", "f8"]))
def test_formulas_of_one_number(name, z, dtype):
    operation, formula = FORMULAS[name]
    tally.count("cases tried")
    with np.errstate(all="ignore"):
        z = np.clip(np.asarray(z, dtype), np.finfo(dtype).min, np.finfo(dtype).max)
        ours, exact = operation(z), formula(z.astype(np.longdouble))
        rounded = exact.astype(dtype)
        eps, least = np.finfo(dtype).eps, np.finfo(dtype).tiny
        near = np.abs(ours - exact) <= 16 * eps * np.abs(exact) + 16 * eps + least
    same = (ours == rounded) | (np.isnan(ours) & np.isnan(exact))
    assert (same | near).all(), (z, ours, exact)
