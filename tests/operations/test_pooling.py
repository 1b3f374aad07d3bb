"""Pooling: loops, PyTorch and finite differences agree; of equal values the first one wins."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from witnesses import agree, close, dtypes, layouts, pairs, seeds, torch_gradients

import nnlearn as nn
from nnlearn.arrays import parallel

OPERATIONS = {"max": nn.max_pool2d, "avg": nn.avg_pool2d}


def literal(kind, size, stride):
    reduce = {"max": np.max, "avg": np.mean}[kind]

    def pool(x):
        N, H, W, C = x.shape
        counts = [(n - p) // s + 1 for n, p, s in zip((H, W), size, stride, strict=True)]
        y = np.empty((N, *counts, C))
        for e, i, j, c in np.ndindex(*y.shape):
            row, column = i * stride[0], j * stride[1]
            y[e, i, j, c] = reduce(x[e, row : row + size[0], column : column + size[1], c])
        return y

    return pool


def by_torch(kind, size, stride):
    pool = getattr(torch.nn.functional, f"{kind}_pool2d")
    return lambda x: pool(x.permute(0, 3, 1, 2).contiguous(), size, stride).permute(0, 2, 3, 1)


@st.composite
def geometries(draw, largest=5):
    H, W = draw(pairs(1, largest))
    size = draw(st.integers(1, H)), draw(st.integers(1, W))
    N, C = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return (N, H, W, C), size, draw(pairs(1, 4))


def apart(seed, shape):
    """Numbers in random order, each well apart from the others: no kink is near."""
    rng = np.random.default_rng(seed)
    return rng.permutation(np.linspace(-2, 2, int(np.prod(shape)))).reshape(shape)


@pytest.mark.parametrize("kind", OPERATIONS)
@given(geometry=geometries(), dtype=dtypes, layout=layouts, seed=seeds)
def test_pooling(space, kind, geometry, dtype, layout, seed):
    """Windows that overlap, that leave gaps, and that leave a remainder."""
    shape, size, stride = geometry
    agree(
        space,
        OPERATIONS[kind],
        [apart(seed, shape)],
        literal(kind, size, stride),
        by_torch(kind, size, stride),
        keywords={"size": size, "stride": stride},
        dtype=dtype,
        layout=layout,
    )


@pytest.mark.parametrize("kind", OPERATIONS)
@settings(max_examples=200)
@given(geometry=geometries(largest=9), block=st.sampled_from([1, 200, 10**6]), seed=seeds)
def test_equal_values_and_blocks(kind, geometry, block, seed):
    """Few different numbers, so that most windows have ties."""
    shape, size, stride = geometry
    rng = np.random.default_rng(seed)
    x = rng.integers(-1, 2, size=shape).astype(float)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "BLOCK", block)
        y, backward = nn.vjp(OPERATIONS[kind], x, size, stride)
        dy = rng.normal(size=y.shape)
        dx = backward(dy)
    expected, (gradient,) = torch_gradients(by_torch(kind, size, stride), [x], dy)
    close(y, expected, 1e-13, "y")
    close(dx, gradient, 1e-13, "dx")


def test_the_stride_is_the_size_unless_said(space):
    x = space.array(np.arange(24.0).reshape(1, 4, 6, 1))
    for operation in OPERATIONS.values():
        alone, both = operation(x, (2, 3)), operation(x, (2, 3), (2, 3))
        np.testing.assert_array_equal(nn.to_numpy(alone), nn.to_numpy(both))
        assert operation(x).shape == (1, 2, 3, 1)


def test_no_example(space):
    x = space.array(np.zeros((0, 4, 4, 2)))
    for operation in OPERATIONS.values():
        y, backward = nn.vjp(operation, x)
        assert y.shape == (0, 2, 2, 2)
        assert backward(y).shape == (0, 4, 4, 2)


def test_the_gradient_that_comes_in_stays():
    x, dy = np.zeros((1, 4, 4, 1)), np.ones((1, 2, 2, 1))
    for operation in OPERATIONS.values():
        nn.vjp(operation, x)[1](dy)
        np.testing.assert_array_equal(dy, 1)


@pytest.mark.parametrize("kind", OPERATIONS)
def test_refused(kind):
    name, operation = f"{kind}_pool2d", OPERATIONS[kind]
    with pytest.raises(ValueError, match=rf"{name}: the window is 3 × 3, the image .*2 × 5"):
        operation(np.ones((1, 2, 5, 1)), 3)
    with pytest.raises(ValueError, match=rf"{name}: size is 0, expected"):
        operation(np.ones((1, 2, 5, 1)), 0)
    with pytest.raises(ValueError, match=rf"{name}: x has shape \(2, 5, 1\)"):
        operation(np.ones((2, 5, 1)))
