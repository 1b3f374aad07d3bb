"""Dropout."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import agree, batch_shapes, dtypes, layouts, seeds

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
    for rng in (None, 7):  # a seed is none
        with pytest.raises(TypeError, match=rf"dropout: rng is {rng}, .*rng=\.\.\."):
            nn.dropout(np.ones(3), 0.5, rng)


def test_a_probability_of_numpy_widens_nothing(space):
    x = space.array(np.ones(9), "float32")
    ours, same = (nn.dropout(x, p, np.random.default_rng(1)) for p in (np.float64(0.3), 0.3))
    assert str(ours.dtype).endswith("float32")
    np.testing.assert_array_equal(nn.to_numpy(ours), nn.to_numpy(same))
