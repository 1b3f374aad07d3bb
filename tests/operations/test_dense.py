"""The dense layer's operation: loops, PyTorch and finite differences agree."""

import numpy as np
import pytest
import torch
from hypothesis import given
from witnesses import (
    NUMPY,
    agree,
    batch_shapes,
    close,
    dtypes,
    layouts,
    seeds,
    sizes,
    torch_gradients,
)

import nnlearn as nn


def dense_literal(x, W, b):
    z = np.empty((*x.shape[:-1], len(b)))
    for index in np.ndindex(*x.shape[:-1]):
        for i in range(len(b)):
            z[(*index, i)] = b[i]
            for j in range(x.shape[-1]):
                z[(*index, i)] += W[i, j] * x[(*index, j)]
    return z


@given(shape=batch_shapes, D=sizes, M=sizes, dtype=dtypes, layout=layouts, seed=seeds)
def test_dense(space, shape, D, M, dtype, layout, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=s) for s in [(*shape, D), (M, D), (M,)]]
    agree(
        space,
        nn.dense,
        arrays,
        dense_literal,
        torch.nn.functional.linear,
        dtype=dtype,
        layout=layout,
    )


def test_large_batch_against_torch(space, rng):
    """At sizes where another kernel of the matrix product is used."""
    arrays = [rng.normal(size=s) for s in [(4, 67, 130), (70, 130), (70,)]]
    dz = rng.normal(size=(4, 67, 70))
    z, backward = nn.vjp(nn.dense, *map(space.array, arrays))
    expected, expected_gradients = torch_gradients(torch.nn.functional.linear, arrays, dz)
    close(nn.to_numpy(z), expected, 1e-12, "z")
    for ours, theirs in zip(backward(space.array(dz)), expected_gradients, strict=True):
        close(nn.to_numpy(ours), theirs, 1e-12, "gradient")


def test_the_bias_is_added_to_a_fresh_array():
    """`z += b` may not reach into x, W or b, whatever their shapes."""
    x, W, b = np.zeros((1, 1)), np.ones((1, 1)), np.ones(1)
    z = nn.dense(x, W, b)
    z += 5
    assert (x[0, 0], W[0, 0], b[0]) == (0, 1, 1)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(2, 3), (4, 5), (4,)], r"dense: W has shape \(4, 5\), expected \(M, D\) with .*D = 3"),
        ([(2, 3), (4, 3), (5,)], r"dense: b has shape \(5,\), expected \(M,\) with M = 4"),
        ([(), (4, 3), (4,)], r"dense: x has shape \(\), expected \(\.\.\., D\)"),
        ([(2, 3), (3,), (4,)], r"dense: W has shape \(3,\), expected \(M, D\)"),
        ([(2, 3), (4, 3), (4, 1)], r"dense: b has shape \(4, 1\), expected \(M,\)"),
    ],
)
def test_shapes_that_do_not_fit(shapes, message):
    with pytest.raises(ValueError, match=message):
        nn.dense(*(np.ones(s) for s in shapes))


def test_adjoint(rng):
    """⟨J v, u⟩ = ⟨v, Jᵀ u⟩ for each of the three arguments: dense is linear in each."""
    x, W, b = (NUMPY.array(rng.normal(size=s)) for s in [(2, 3), (4, 3), (4,)])
    u = rng.normal(size=(2, 4))
    dx, dW, db = nn.vjp(nn.dense, x, W, b)[1](u)
    zero = np.zeros(4)
    for v, gradient, image in [
        (x, dx, nn.dense(x, W, zero)),
        (W, dW, nn.dense(x, W, zero)),
        (b, db, np.broadcast_to(b, (2, 4))),
    ]:
        assert abs(np.sum(image * u) - np.sum(v * gradient)) < 1e-13
