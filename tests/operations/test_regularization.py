"""Dropout and gradient clipping."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import agree, batch_shapes, close, dtypes, layouts, seeds

import nnlearn as nn


@given(
    shape=batch_shapes,
    p=st.floats(0, 0.96875),
    dtype=dtypes,
    layout=layouts,
    seed=seeds,
)
def test_dropout(space, shape, p, dtype, layout, seed):
    """With the mask seen from outside, dropout is a product: the loops, PyTorch and differences."""
    x = np.random.default_rng(seed).normal(size=shape) + 10.0  # nothing is 0 by itself

    def dropped(x, rng=None):
        return nn.dropout.forward(x, p, np.random.default_rng(seed))

    operation = nn.differentiable("x (...)")(dropped)
    ones = space.array(np.ones(shape, dtype=dtype))
    kept = nn.to_numpy(nn.dropout(ones, p, np.random.default_rng(seed))) > 0

    def literal(x):
        y = np.empty(x.shape)
        for index in np.ndindex(*x.shape):
            y[index] = x[index] / (1 - p) if kept[index] else 0.0
        return y

    mask = torch.tensor(kept)
    agree(
        space,
        operation,
        [x],
        literal,
        lambda x: torch.where(mask, x / (1 - p), 0.0),
        dtype=dtype,
        layout=layout,
    )


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_dropout_drops_a_share_and_keeps_the_mean(space, p):
    n = 20_000
    y = nn.to_numpy(nn.dropout(space.array(np.ones(n)), p, np.random.default_rng(7)))
    count = int(np.sum(y == 0))
    assert set(np.unique(y).round(9)) <= {0.0, round(1 / (1 - p), 9)}
    assert scipy.stats.binomtest(count, n, p).pvalue > 1e-4 if p else count == 0
    assert abs(y.mean() - 1) < 5 * math.sqrt(p / (1 - p) / n) + 1e-12


def test_the_generator_is_what_chance_is(space):
    x = space.array(np.ones(100, dtype=np.float32))
    a, b, c = (nn.to_numpy(nn.dropout(x, 0.5, np.random.default_rng(seed))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, math.nan])
def test_dropout_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match=r"dropout: p is .*expected a probability in \[0, 1\)"):
        nn.dropout(np.ones(3), p, np.random.default_rng(0))


def test_dropout_needs_a_generator():
    with pytest.raises(TypeError, match=r"dropout: rng is None.*rng=\.\.\."):
        nn.dropout(np.ones(3), 0.5, None)


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
