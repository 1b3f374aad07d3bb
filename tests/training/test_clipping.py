"""Gradient clipping against its formula and PyTorch's."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import close, dtypes

import nnlearn as nn


def gradient_of(space, values, dtype="float64"):
    return nn.Parameters(space.array(values, dtype), {"W": (len(values),)})


@given(
    values=st.lists(st.floats(-1e4, 1e4, width=32), min_size=0, max_size=6),
    max_norm=st.floats(1e-3, 1e5),
    dtype=dtypes,
)
def test_clip_gradient_norm(space, values, max_norm, dtype):
    grads = gradient_of(space, values, dtype)
    vector = grads.vector
    norm = nn.clip_gradient_norm(grads, max_norm)
    length = math.sqrt(sum(float(np.array(v, dtype)) ** 2 for v in values))
    assert space.holds(norm)
    assert grads.vector is vector
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    close(nn.to_numpy(norm), length, tolerance, "length before")
    factor = min(1.0, max_norm / length) if length else 1.0
    close(nn.to_numpy(vector), np.array(values) * factor, tolerance, "after")
    assert str(vector.dtype).endswith(dtype)


def test_clip_gradient_norm_against_torch(space, rng):
    for max_norm in (0.5, 100.0):
        values = rng.normal(size=8)
        grads = gradient_of(space, values)
        norm = nn.clip_gradient_norm(grads, max_norm)
        parameter = torch.nn.Parameter(torch.zeros(8, dtype=torch.float64))
        parameter.grad = torch.tensor(values)
        theirs = torch.nn.utils.clip_grad_norm_([parameter], max_norm)
        close(float(norm), theirs.item(), 1e-14, "length")
        close(nn.to_numpy(grads.vector), parameter.grad.numpy(), 2e-6, "clipped")  # it adds 1e-6


def test_a_gradient_within_bounds_keeps_every_bit(space, rng):
    values = rng.normal(size=8)
    grads = gradient_of(space, values)
    nn.clip_gradient_norm(grads, 1e3)
    np.testing.assert_array_equal(nn.to_numpy(grads.vector), values)


@pytest.mark.parametrize("max_norm", [0, -1.0, math.nan])
def test_clip_gradient_norm_refuses(max_norm):
    with pytest.raises(ValueError, match=r"max_norm is .*expected a positive number"):
        nn.clip_gradient_norm(nn.Parameters(np.ones(2), {"W": (2,)}), max_norm)


def test_a_bare_vector_is_refused():
    with pytest.raises(TypeError, match="grads is ndarray, expected Parameters, as backward"):
        nn.clip_gradient_norm(np.ones(2), 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("share", [1e-1, 1e-12])
@pytest.mark.parametrize("first", [0.6, -0.6])
def test_a_gradient_whose_squares_overflow_keeps_its_direction(space, dtype, share, first):
    huge = np.finfo(dtype).max * share
    grads = gradient_of(space, np.array([first * huge, -0.8 * huge, 0.0], dtype), dtype)
    norm = nn.clip_gradient_norm(grads, 2.0)
    assert space.holds(norm)
    assert float(norm) == pytest.approx(huge, rel=1e-5)
    np.testing.assert_allclose(nn.to_numpy(grads.vector), [2 * first, -1.6, 0], rtol=1e-5)
    assert str(grads.vector.dtype).endswith(dtype)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_has_no_direction_becomes_no_number(space, bad):
    grads = gradient_of(space, [1.0, bad])
    assert not np.isfinite(float(nn.clip_gradient_norm(grads, 1.0)))
    assert np.all(np.isnan(nn.to_numpy(grads.vector)))
