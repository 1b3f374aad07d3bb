"""GELU: loops, PyTorch and finite differences agree, and SciPy says how far from z Φ(z) it is."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy import special
from witnesses import agree, batch_shapes, close, dtypes, layouts, scales, seeds

import nnlearn as nn


def gelu_literal(z):
    a = np.empty(z.shape)
    for index in np.ndindex(*z.shape):
        inner = math.sqrt(2 / math.pi) * (z[index] + 0.044715 * z[index] ** 3)
        a[index] = z[index] * 0.5 * (1 + math.tanh(inner))
    return a


def gelu_by_torch(z):
    return torch.nn.functional.gelu(z, approximate="tanh")


@given(shape=batch_shapes, scale=scales, dtype=dtypes, layout=layouts, seed=seeds)
def test_gelu(space, shape, scale, dtype, layout, seed):
    z = np.random.default_rng(seed).normal(size=shape) * scale
    agree(space, nn.gelu, [z], gelu_literal, gelu_by_torch, dtype=dtype, layout=layout)


Z = np.linspace(-12, 12, 240_001)


def test_distance_to_the_exact_form():
    """z Φ(z) with the error function: the value errs by 0.00047 at most, the slope by 0.00087."""
    phi = np.exp(-(Z**2) / 2) / math.sqrt(2 * math.pi)
    exact, exact_slope = Z * special.ndtr(Z), special.ndtr(Z) + Z * phi
    a, backward = nn.vjp(nn.gelu, Z)
    error, slope_error = abs(a - exact), abs(backward(np.ones_like(Z)) - exact_slope)
    assert 4.7e-4 < error.max() < 4.8e-4
    assert 2 < abs(Z[error.argmax()]) < 3
    assert 8.6e-4 < slope_error.max() < 8.7e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_arguments(space, dtype):
    """No warning; far to the right it is z, far to the left 0, at both infinities too."""
    z = np.array([-np.inf, -1e30, -1e4, -60.0, 60.0, 1e4, 1e30, np.inf], dtype)
    a, backward = nn.vjp(nn.gelu, space.array(z))
    np.testing.assert_array_equal(nn.to_numpy(a), np.where(z > 0, z, 0))
    da = np.full(z.shape, 3, dtype)
    np.testing.assert_array_equal(nn.to_numpy(backward(space.array(da))), np.where(z > 0, 3, 0))
    assert str(a.dtype).endswith(dtype)


def test_the_clipped_ends_show_no_seam():
    """At ±10, beyond which the argument of tanh is held, neither value nor slope jumps."""
    for end in (-10.0, 10.0):
        z = end + np.array([-1e-9, 0.0, 1e-9])
        a, backward = nn.vjp(nn.gelu, z)
        close(a, gelu_literal(z), 1e-14, "value")
        np.testing.assert_array_equal(backward(np.ones(3)), [float(end > 0)] * 3)


def test_nan_stays_nan(space):
    a, backward = nn.vjp(nn.gelu, space.array([np.nan, 1.0]))
    assert np.isnan(nn.to_numpy(a)).tolist() == [True, False]
    assert np.isnan(nn.to_numpy(backward(space.array([1.0, 1.0])))).tolist() == [True, False]


def test_what_it_is_made_of():
    """From below it dips to -0.17 and comes back: it is not monotone, unlike the ReLU."""
    a, slope = nn.gelu(Z), nn.vjp(nn.gelu, Z)[1](np.ones_like(Z))
    assert -0.171 < a.min() < -0.169
    assert -0.76 < Z[a.argmin()] < -0.74
    assert nn.gelu(np.zeros(1))[0] == 0
    assert nn.vjp(nn.gelu, np.zeros(1))[1](np.ones(1))[0] == 0.5
    assert (slope < 0).any()
    close(a - nn.gelu(-Z), Z, 1e-14, "z Φ(z) + z Φ(-z) = z")


def test_integers_are_refused():
    with pytest.raises(TypeError, match="gelu: z has dtype int64, expected a floating-point array"):
        nn.gelu(np.array([1]))
