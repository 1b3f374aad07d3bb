"""Arithmetic and sums: loops, PyTorch and finite differences agree, whatever is repeated."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import agree, close, dtypes, layouts, seeds, sizes

import nnlearn as nn
from nnlearn.operations import arithmetic


@st.composite
def broadcasting(draw):
    """Two shapes that broadcast: sizes of 0 and 1, and leading axes that one of them lacks."""
    full = draw(st.lists(sizes, max_size=3))
    pair = []
    for _ in range(2):
        kept = full[draw(st.integers(0, len(full))) :]
        pair.append(tuple(draw(st.sampled_from([size, 1])) for size in kept))
    return tuple(pair)


def seen(a, index):
    """Return the element that stands at a place of the broadcast array."""
    own = index[len(index) - a.ndim :]
    return a[tuple(i if size > 1 else 0 for i, size in zip(own, a.shape, strict=True))]


def in_loops(scalar):
    """Apply a function of two numbers at every place of the broadcast array."""

    def literal(a, b):
        y = np.empty(np.broadcast_shapes(a.shape, b.shape))
        for index in np.ndindex(*y.shape):
            y[index] = scalar(seen(a, index), seen(b, index))
        return y

    return literal


def each(scalar):
    def literal(a):
        y = np.empty(a.shape)
        for index in np.ndindex(*a.shape):
            y[index] = scalar(float(a[index]))
        return y

    return literal


BINARY = {
    "add": (in_loops(lambda a, b: a + b), torch.add),
    "subtract": (in_loops(lambda a, b: a - b), torch.sub),
    "multiply": (in_loops(lambda a, b: a * b), torch.mul),
    "divide": (in_loops(lambda a, b: a / b), torch.div),
}
UNARY = {
    "negative": (each(lambda a: -a), torch.neg),
    "exp": (each(math.exp), torch.exp),
    "log": (each(math.log), torch.log),
}


def away_from_zero(rng, shape):
    return rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)


@pytest.mark.parametrize("name", BINARY)
@given(shapes=broadcasting(), dtype=dtypes, layout=layouts, seed=seeds)
def test_two_arrays_that_broadcast(space, name, shapes, dtype, layout, seed):
    rng = np.random.default_rng(seed)
    arrays = [away_from_zero(rng, shape) for shape in shapes]
    agree(space, getattr(arithmetic, name), arrays, *BINARY[name], dtype=dtype, layout=layout)


@given(
    name=st.sampled_from([*UNARY]),
    shape=st.lists(sizes, max_size=2).map(tuple),
    dtype=dtypes,
    layout=layouts,
    seed=seeds,
)
def test_every_element_by_itself(space, name, shape, dtype, layout, seed):
    a = np.random.default_rng(seed).uniform(0.3, 3, shape)
    agree(space, getattr(arithmetic, name), [a], *UNARY[name], dtype=dtype, layout=layout)


@given(exponent=st.sampled_from([0, 1, 2, 3, -1, 0.5, -1.5]), dtype=dtypes, seed=seeds)
def test_power(space, exponent, dtype, seed):
    a = np.random.default_rng(seed).uniform(0.5, 2, (2, 1))
    literal = each(lambda a: math.pow(a, exponent))
    by_torch = lambda a: a**exponent  # noqa: E731
    keywords = {"exponent": exponent}
    agree(space, arithmetic.power, [a], literal, by_torch, keywords=keywords, dtype=dtype)


def test_powers_of_what_is_negative_or_zero():
    """No warning, and the slopes that everybody knows: warnings are errors here."""
    a = np.array([-2.0, 0.0, 3.0])
    for exponent, slope in [(0, 0 * a), (1, a**0), (2, 2 * a), (3, 3 * a * a)]:
        close(nn.vjp(arithmetic.power, a, exponent)[1](np.ones(3)), slope, 0, str(exponent))


def product_in_loops(a, b):
    stacks = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (np.broadcast_to(x, (*stacks, *x.shape[-2:])) for x in (a, b))
    y = np.zeros((*stacks, a.shape[-2], b.shape[-1]))
    for *stack, i, j in np.ndindex(*y.shape):
        for k in range(a.shape[-1]):
            y[(*stack, i, j)] += a[(*stack, i, k)] * b[(*stack, k, j)]
    return y


@given(stacks=broadcasting(), M=sizes, K=sizes, N=sizes, dtype=dtypes, layout=layouts, seed=seeds)
def test_matmul(space, stacks, M, K, N, dtype, layout, seed):
    rng = np.random.default_rng(seed)
    shapes = (*stacks[0], M, K), (*stacks[1], K, N)
    arrays = [rng.normal(size=shape) for shape in shapes]
    witnesses = product_in_loops, torch.matmul
    agree(space, arithmetic.matmul, arrays, *witnesses, dtype=dtype, layout=layout)


def sums_in_loops(a, axis, keepdims, share):
    axes = range(a.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = {i % a.ndim for i in axes}
    y = np.zeros([1 if i in axes else size for i, size in enumerate(a.shape)])
    for index in np.ndindex(*a.shape):
        y[tuple(0 if i in axes else k for i, k in enumerate(index))] += a[index]
    n = math.prod(a.shape[i] for i in axes) if share else 1
    return y / n if keepdims else np.squeeze(y / n, tuple(axes))


AXES = [None, 0, 1, -1, (0, 1), (-1, 0), (0, 1, 2)]


@given(
    name=st.sampled_from(["total", "mean"]),
    axis=st.sampled_from(AXES),
    shape=st.lists(sizes, min_size=3, max_size=3).map(tuple),
    keepdims=st.booleans(),
    dtype=dtypes,
    layout=layouts,
    seed=seeds,
)
def test_sums_and_means(space, name, axis, shape, keepdims, dtype, layout, seed):
    """Of nothing the sum is 0; a mean of nothing is refused."""
    a = np.random.default_rng(seed).normal(size=shape)
    keywords = {"axis": axis, "keepdims": keepdims}
    operation = getattr(arithmetic, name)
    axes = range(3) if axis is None else (axis,) if isinstance(axis, int) else axis
    if name == "mean" and 0 in [shape[i] for i in axes]:
        none = re.escape(str(tuple(shape[i] for i in axes)))
        with pytest.raises(
            ValueError, match=rf"mean: a, .*has shape {none}, expected at least one"
        ):
            operation(space.array(a), **keywords)
        return
    dims = tuple(axes)
    by_torch = {"total": torch.sum, "mean": torch.mean}[name]
    agree(
        space,
        operation,
        [a],
        lambda a: sums_in_loops(a, axis, keepdims, name == "mean"),
        lambda a: by_torch(a, dim=dims, keepdim=keepdims),
        keywords=keywords,
        dtype=dtype,
        layout=layout,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("number", [2, 2.0, -0.3, True])
def test_a_number_beside_an_array_takes_its_dtype(space, dtype, number):
    a = space.array(np.array([[0.5, -2.0]]), dtype)
    for name in BINARY:
        operation = getattr(arithmetic, name)
        for args, wrt in (((a, number), 0), ((number, a), 1)):
            value, backward = nn.vjp(operation, *args, wrt=wrt)
            expected = BINARY[name][0](*(np.asarray(nn.to_numpy(x), float) for x in args))
            close(nn.to_numpy(value), expected, 1e-6, name)
            gradient = backward(space.xp.ones_like(value))
            for array in (value, gradient):
                assert space.holds(array)
                assert str(array.dtype).endswith(dtype)


def test_what_is_repeated_gets_the_sum():
    """A bias that 4 rows share gets the sum of 4 gradients; an axis of 1 stays an axis of 1."""
    dy = np.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(arithmetic.summed_to(dy, (2,)), [12, 16])
    np.testing.assert_array_equal(arithmetic.summed_to(dy, (1, 2)), [[12, 16]])
    np.testing.assert_array_equal(arithmetic.summed_to(dy, (4, 1)), [[1], [5], [9], [13]])
    np.testing.assert_array_equal(arithmetic.summed_to(dy, ()), 28)
    assert arithmetic.summed_to(dy, (4, 2)) is dy


@pytest.mark.parametrize("name", [*BINARY, "matmul"])
def test_what_is_no_array_and_no_number_is_refused(name):
    """Such as the None of a function that forgot its return: NumPy would make it NaN."""
    operation, a = getattr(arithmetic, name), np.ones((2, 2))
    for wrong in (None, [1.0, 2.0], "1"):
        kind = type(wrong).__name__
        with pytest.raises(TypeError, match=f"{name}: b is a {kind}, expected an array or a num"):
            operation(a, wrong)
        with pytest.raises(TypeError, match=f"{name}: a is a {kind}, expected an array or a num"):
            operation(wrong, a)
        with pytest.raises(TypeError, match=f"{name}: a is a {kind}"):  # of two wrong ones
            operation(wrong, wrong)


@pytest.mark.parametrize("exponent", [np.ones(2), np.float64(2), "2", None])
def test_an_exponent_that_is_no_number_is_refused(exponent):
    kind = type(exponent).__name__
    with pytest.raises(TypeError, match=rf"power: exponent is a {kind}, .*nn.exp\(b \* nn.log"):
        arithmetic.power(np.ones(2), exponent)


@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), ())])
def test_matrices_that_do_not_fit(shapes):
    with pytest.raises(ValueError, match=r"matmul: shapes \(.*\) and \(.*K\) and .*a column"):
        arithmetic.matmul(*(np.ones(shape) for shape in shapes))


@pytest.mark.parametrize("name", [*UNARY, "power", "total", "mean", "reshape", "transpose"])
def test_what_is_no_floating_array_is_refused(name):
    operation = getattr(arithmetic, name)
    with pytest.raises(TypeError, match=f"{name}: a has dtype int64, expected a floating-point"):
        operation(np.array([1, 2]))
    with pytest.raises(TypeError, match=f"{name}: a is a list.*nn.asarray"):
        operation([1.0, 2.0])


def test_gradients_that_are_work_wait():
    """Of two arguments each gradient is computed alone."""
    a = np.ones((2, 2))
    for name in [*BINARY, "matmul"]:
        value, backward = getattr(arithmetic, name).forward(a, a)
        assert [callable(gradient) for gradient in backward(value)] == [True, True], name
