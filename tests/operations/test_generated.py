"""Every operation over drawn shapes, dtypes, layouts and numbers: the right result, or a clear no.

What is drawn, and from what, stands in `entries.py`.
"""

import importlib
import pkgutil

import numpy as np
import pytest
import tally
from entries import ELSEWHERE, OPERATIONS, matrices, two
from generated import examples
from hypothesis import assume, given
from hypothesis import strategies as st
from registry import DTYPES, KINDS, LAYOUTS, several
from witnesses import TOLERANCE, close

import nnlearn as nn
import nnlearn.operations

every_operation = pytest.mark.parametrize("name", OPERATIONS)
#: Those of several floating-point arrays.
MIXING = [
    name
    for name, entry in OPERATIONS.items()
    if sum(not a.integer for a in entry.declared) > 1 or entry.arrays in (two, matrices)
]


def drawn(name, data):
    """Draw a call that is not refused."""
    case = OPERATIONS[name].case(data.draw)
    assume(case.refused is None)
    tally.count("cases tried")
    return case


def test_every_operation_is_here():
    modules = pkgutil.iter_modules(nnlearn.operations.__path__, "nnlearn.operations.")
    found = {
        name
        for module in modules
        if not module.name.rpartition(".")[2].startswith("few_kernels")
        for name, f in vars(importlib.import_module(module.name)).items()
        if hasattr(f, "signature")
    }
    assert found == OPERATIONS.keys() | ELSEWHERE.keys()
    assert {n for n in dir(nn) if hasattr(getattr(nn, n), "signature")} <= OPERATIONS.keys()


def test_what_gives_a_view_says_so():
    for name, entry in OPERATIONS.items():
        assert ("view" in entry.operation.__doc__) == entry.view, name
    assert "share memory" in nn.vjp.__doc__


@every_operation
@examples
@given(data=st.data())
def test_shapes_dtypes_and_memory(name, data):
    """Sizes of 0 and 1 included. Nothing is changed, and nothing that comes out is what went in."""
    case = OPERATIONS[name].case(data.draw)
    given_arrays = list(case.arrays.values())
    if case.refused is not None:
        with pytest.raises(ValueError, match=rf"\b{case.refused}\b"):
            case.call(*given_arrays)
        tally.count("bad inputs refused")
        return
    tally.count("cases tried")
    dvalues = case.dvalues()
    before = [a.tobytes() for a in (*given_arrays, *dvalues)]
    values, backward = case.vjp(*given_arrays)
    gradients = backward(*dvalues)
    assert [a.tobytes() for a in (*given_arrays, *dvalues)] == before
    assert tuple(v.shape for v in values) == case.shapes
    dtype = given_arrays[0].dtype
    assert {a.dtype for a in (*values, *gradients)} == {dtype}
    for gradient, i in zip(gradients, case.wrt.values(), strict=True):
        assert gradient.shape == given_arrays[i].shape
        assert not any(np.may_share_memory(gradient, a) for a in (*given_arrays, *values))
    if not case.view:
        inside = [*given_arrays, *dvalues]
        assert not any(np.may_share_memory(v, a) for v in values for a in inside)
    called = several(case.call(*given_arrays))
    for value, again in zip(values, called, strict=True):
        np.testing.assert_array_equal(value, again)


@every_operation
@examples
@given(data=st.data())
def test_any_layout(name, data):
    """Value and gradients are those of plain copies, to rounding.

    Not to the bit: for numbers that lie apart BLAS and NumPy's vector units go other ways, which
    add in another order, or round an exponential's last digit otherwise.
    """
    case = drawn(name, data)
    draw = lambda a: LAYOUTS[data.draw(st.sampled_from(list(LAYOUTS)))](a)  # noqa: E731
    laid, dvalues = [draw(a) for a in case.arrays.values()], [draw(d) for d in case.dvalues()]
    values, backward = case.vjp(*laid)
    plain, plain_backward = case.vjp(*(a.copy() for a in laid))
    gradients = zip(backward(*dvalues), plain_backward(*(d.copy() for d in dvalues)), strict=True)
    tolerance = TOLERANCE[str(laid[0].dtype)]
    for ours, copied in (*zip(values, plain, strict=True), *gradients):
        close(ours, copied, tolerance, f"{[a.strides for a in laid]}")


@pytest.mark.parametrize("name", MIXING)
@examples
@given(data=st.data())
def test_float32_beside_float64_is_taken_for_float64(name, data):
    """To the rounding of float64; each gradient then has the dtype of its argument.

    Not to the bit: where a copy lies in memory may decide in which order BLAS adds.
    """
    case = drawn(name, data)
    first, second = data.draw(st.permutations(list(case.wrt)))[:2]
    dtypes = {n: data.draw(DTYPES) for n in case.wrt} | {first: "float32", second: "float64"}
    mixed = [a.astype(dtypes.get(n, a.dtype)) for n, a in case.arrays.items()]
    wide = [a.astype("float64") if a.dtype.kind == "f" else a for a in mixed]
    (values, backward), (expected, wide_backward) = case.vjp(*mixed), case.vjp(*wide)
    for value, right in zip(values, expected, strict=True):
        assert value.dtype == "float64"
        close(value, right, 1e-14, "value")
    dvalues = [d.astype("float64") for d in case.dvalues()]
    for i, ours, right in zip(
        case.wrt.values(), backward(*dvalues), wide_backward(*dvalues), strict=True
    ):
        assert ours.dtype == mixed[i].dtype
        rounded = 0.5001 * np.spacing(np.abs(right).astype(ours.dtype))  # to the argument's dtype
        allowed = 1e-14 * np.abs(right).max(initial=1.0) + rounded
        assert (np.abs(ours - right) <= allowed).all(), f"gradient {ours}, not {right}"


@pytest.mark.parametrize("name", ["relu", "dense", "lstm", "flatten", "add"])
@examples
@given(data=st.data())
def test_the_gradient_that_comes_in_is_taken_for_the_dtype_of_the_value(name, data):
    case = drawn(name, data)
    arrays = list(case.arrays.values())
    dvalues = [np.asarray(np.sign(d)) for d in case.dvalues()]
    _, backward = case.vjp(*arrays)
    expected = backward(*dvalues)
    for dtype in ("float32", "float64", "int64"):
        for ours, right in zip(
            backward(*(d.astype(dtype) for d in dvalues)), expected, strict=True
        ):
            assert ours.dtype == right.dtype
            np.testing.assert_array_equal(ours, right)
    for dtype in (complex, object, bool, "float16", ">f8"):
        with pytest.raises(TypeError, match=f"backward of {name}: the gradient has dtype"):
            backward(*(d.astype(dtype) for d in dvalues))
        tally.count("bad inputs refused")


@every_operation
@examples
@given(data=st.data())
def test_what_is_no_array_of_numbers_is_refused(name, data):
    case = drawn(name, data)
    entry = OPERATIONS[name]
    for argument, a in case.arrays.items():
        whole = a.dtype.kind == "i"
        for kind, spoil in KINDS.items():
            if kind in entry.takes or (argument in entry.optional and kind == "None"):
                continue
            if whole and kind == "whole":
                continue
            if kind == "a list" and not a.ndim:
                continue  # that is a number
            spoiled = case.arrays | {argument: spoil(a)}
            with pytest.raises(TypeError, match=rf"^\w+: {argument} (is|has) "):
                case.call(*spoiled.values())
            tally.count("bad inputs refused")


def wrong_shapes(entry, arrays):
    """Give what may not be: for each argument, an axis too many or too few, or one too long."""
    declared = {d.name: d for d in entry.declared if d.name in arrays}
    uses = [letter for d in declared.values() for letter in (d.leading, *(l for _, l in d.dims))]
    for name, d in declared.items():
        shape = arrays[name].shape
        if not d.leading or uses.count(d.leading) > 1:
            yield name, (1, *shape)
        if shape and (not d.leading or uses.count(d.leading) > 1 or len(shape) == len(d.dims)):
            yield name, shape[1:]
        for k, (_, letter) in enumerate(d.dims, len(shape) - len(d.dims)):
            if uses.count(letter) > 1:
                yield name, (*shape[:k], shape[k] + 1, *shape[k + 1 :])


@every_operation
@examples
@given(data=st.data())
def test_a_wrong_shape_is_refused(name, data):
    """The message names the argument; of two that differ, it names both."""
    case = drawn(name, data)
    for argument, shape in wrong_shapes(OPERATIONS[name], case.arrays):
        spoiled = case.arrays | {argument: np.ones(shape, case.arrays[argument].dtype)}
        with pytest.raises(ValueError, match=rf"^\w+: .*\b{argument}\b"):
            case.call(*spoiled.values())
        tally.count("bad inputs refused")
