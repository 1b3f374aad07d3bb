"""Activation functions: loops, PyTorch, SciPy and finite differences agree everywhere."""

import math

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import (
    NUMPY,
    agree,
    batch_shapes,
    close,
    difference_gradient,
    dtypes,
    layouts,
    scales,
    seeds,
)

import nnlearn as nn


def elementwise(scalar):
    """Apply a function of one number to every element, in a loop."""

    def literal(z):
        a = np.empty(z.shape)
        for index in np.ndindex(*z.shape):
            a[index] = scalar(float(z[index]))
        return a

    return literal


def sigmoid_scalar(z):
    return 1 / (1 + math.exp(-z)) if z > -700 else 0.0


def softplus_scalar(z):
    return math.log1p(math.exp(z)) if z < 30 else z + math.exp(-z)


def softmax_literal(z):
    p = np.empty(z.shape)
    for index in np.ndindex(*z.shape):
        row = z[index[:-1]]
        p[index] = 1 / sum(math.exp(min(z_j - z[index], 700.0)) for z_j in row)
    return p


def log_softmax_literal(z):
    y = np.empty(z.shape)
    for index in np.ndindex(*z.shape):
        row = z[index[:-1]]
        top = max(row)
        y[index] = z[index] - top - math.log(sum(math.exp(z_j - top) for z_j in row))
    return y


SLOPE = 0.2
#: name: operation, loops, PyTorch, keyword arguments, whether there is a kink at 0
ELEMENTWISE = {
    "sigmoid": (nn.sigmoid, elementwise(sigmoid_scalar), torch.sigmoid, {}, False),
    "tanh": (nn.tanh, elementwise(math.tanh), torch.tanh, {}, False),
    "relu": (nn.relu, elementwise(lambda z: max(0.0, z)), torch.relu, {}, True),
    "leaky_relu": (
        nn.leaky_relu,
        elementwise(lambda z: z if z > 0 else SLOPE * z),
        lambda z: torch.nn.functional.leaky_relu(z, SLOPE),
        {"slope": SLOPE},
        True,
    ),
    "softplus": (
        nn.softplus,
        elementwise(softplus_scalar),
        lambda z: torch.logaddexp(z, torch.zeros_like(z)),
        {},
        False,
    ),
}
ROWWISE = {
    "softmax": (nn.softmax, softmax_literal, lambda z: torch.softmax(z, dim=-1)),
    "log_softmax": (nn.log_softmax, log_softmax_literal, lambda z: torch.log_softmax(z, dim=-1)),
}
ALL = [*ELEMENTWISE, *ROWWISE]


def away_from_zero(z, distance=1e-3):
    """Move values off the kink, where there is no derivative to measure."""
    return np.where(np.abs(z) < distance, distance, z)


@pytest.mark.parametrize("name", ELEMENTWISE)
@given(shape=batch_shapes, scale=scales, dtype=dtypes, layout=layouts, seed=seeds)
def test_elementwise(space, name, shape, scale, dtype, layout, seed):
    operation, literal, by_torch, keywords, kink = ELEMENTWISE[name]
    z = np.random.default_rng(seed).normal(size=shape) * scale
    if kink:
        z = away_from_zero(z)
    agree(space, operation, [z], literal, by_torch, keywords=keywords, dtype=dtype, layout=layout)


@pytest.mark.parametrize("name", ROWWISE)
@given(
    shape=batch_shapes, K=st.integers(1, 4), scale=scales, dtype=dtypes, layout=layouts, seed=seeds
)
def test_rowwise(space, name, shape, K, scale, dtype, layout, seed):
    operation, literal, by_torch = ROWWISE[name]
    z = np.random.default_rng(seed).normal(size=(*shape, K)) * scale
    agree(space, operation, [z], literal, by_torch, dtype=dtype, layout=layout)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_arguments(space, name, dtype):
    """Nothing overflows, and nothing becomes NaN: warnings are errors here."""
    operation = getattr(nn, name)
    z = np.array([[-1e4, -745.0, -88.0, -1e-30, 0.0], [1e-30, 88.0, 709.0, 1e4, 1e4]], dtype=dtype)
    value, backward = nn.vjp(operation, space.array(z))
    gradient = nn.to_numpy(backward(space.array(np.ones_like(z))))
    assert np.isfinite(nn.to_numpy(value)).all()
    assert np.isfinite(gradient).all()
    assert gradient.dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_tails_keep_their_digits(dtype, rng):
    """Even where the result is 1e-30 its digits are right: each number is compared with itself."""
    z = (rng.normal(size=(40, 3)) * 20).astype(dtype)
    digits = {"rtol": 4e-6 if dtype == "float32" else 1e-13}
    exact = z.astype(float)
    np.testing.assert_allclose(nn.sigmoid(z), scipy.special.expit(exact), **digits)
    np.testing.assert_allclose(nn.softplus(z), np.logaddexp(exact, 0), **digits)
    np.testing.assert_allclose(nn.softmax(z), scipy.special.softmax(exact, axis=-1), **digits)
    by_scipy = scipy.special.log_softmax(exact, axis=-1)
    np.testing.assert_allclose(nn.log_softmax(z), by_scipy, atol=digits["rtol"], **digits)


@pytest.mark.equation("eq-relu-derivative", "eq-leaky-relu-derivative")
def test_at_the_kink(space):
    """At 0 the derivative is what the book says: 0 for ReLU, the slope for leaky ReLU."""
    z, ones = space.array(np.zeros(2)), space.array(np.ones(2))
    for operation, keywords, expected in [
        (nn.relu, {}, 0.0),
        (nn.leaky_relu, {"slope": 0.3}, 0.3),
        (nn.leaky_relu, {}, 0.01),
    ]:
        _, backward = nn.vjp(operation, z, **keywords)
        np.testing.assert_array_equal(nn.to_numpy(backward(ones)), [expected, expected])


@pytest.mark.parametrize(
    ("name", "derivative"),
    [
        ("sigmoid", lambda z: math.exp(-z) / (1 + math.exp(-z)) ** 2),
        ("tanh", lambda z: 1 / math.cosh(z) ** 2),
        ("relu", lambda z: 1.0 if z > 0 else 0.0),
        ("leaky_relu", lambda z: 1.0 if z > 0 else 0.01),
        ("softplus", lambda z: math.exp(z) / (1 + math.exp(z))),
    ],
)
@given(z=st.floats(-30, 30))
def test_derivative_of_one_number(name, derivative, z):
    """The derivative in another form than the package's, number by number."""
    gradient = nn.vjp(getattr(nn, name), np.array(z))[1](np.array(1.0))
    assert math.isclose(gradient, derivative(z), rel_tol=1e-9, abs_tol=1e-12)


def test_softmax_jacobian(rng):
    """Row by row, the Jacobian is pₖ (δₖⱼ - pⱼ)."""
    z = rng.normal(size=4)
    p = softmax_literal(z)
    _, backward = nn.vjp(nn.softmax, z)
    jacobian = np.array([backward(e) for e in np.eye(4)])
    for k in range(4):
        for j in range(4):
            assert abs(jacobian[k, j] - p[k] * ((k == j) - p[j])) < 1e-15


def test_the_witness_of_differences_sees_a_fault():
    """The measuring itself is measured: on a cube, whose derivative everybody knows."""
    x = np.array([1.0, -2.0, 3.0])
    measured = difference_gradient(lambda x: x**3, [x], 0, np.ones(3))
    close(measured, 3 * x**2, 1e-9, "derivative of a cube")
    with pytest.raises(AssertionError):
        close(measured, 2 * x**2, 1e-6, "a wrong derivative")
    with pytest.raises(AssertionError, match="value against loops"):
        agree(NUMPY, nn.tanh, [x], elementwise(math.sin), torch.tanh)


@pytest.mark.parametrize("name", ALL)
def test_what_is_no_floating_array_is_refused(name):
    operation = getattr(nn, name)
    with pytest.raises(TypeError, match=rf"{name}: z has dtype int64, expected a floating-point"):
        operation(np.array([1, 2]))
    with pytest.raises(TypeError, match=rf"{name}: z is a list.*nn.asarray"):
        operation([1.0, 2.0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_leaky_relu_of_slope_zero_is_relu_at_infinity_too(dtype):
    z = np.array([-np.inf, -1.0, 0.0, 2.0, np.inf], dtype)
    a = nn.leaky_relu(z, slope=0.0)
    np.testing.assert_array_equal(a, [0, 0, 0, 2, np.inf])
    assert a.dtype == dtype


@pytest.mark.parametrize("dtype", [">f4", ">f8"])
def test_the_other_byte_order_is_told(dtype):
    with pytest.raises(TypeError, match=r"byte order: x.astype\(x.dtype.newbyteorder"):
        nn.relu(np.zeros(2, dtype))
    x = np.array([-1.0, 2.0], dtype)
    np.testing.assert_array_equal(nn.relu(x.astype(x.dtype.newbyteorder("="))), [0, 2])
