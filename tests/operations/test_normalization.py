"""Normalization: loops, PyTorch and finite differences agree."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import agree, batch_shapes, close, dtypes, layouts, seeds

import nnlearn as nn
from nnlearn.operations.normalization import moments, scale_and_shift

EPS = 1e-3  # large, so that a gradient without it is wrong
functional = torch.nn.functional
filled_shapes = batch_shapes.filter(lambda shape: shape and 0 not in shape)


def normalize_literal(values):
    """x̂ of a list of numbers, by the definition of mean and variance."""
    mean = sum(values) / len(values)
    variance = sum((v - mean) ** 2 for v in values) / len(values)
    return [(v - mean) / (variance + EPS) ** 0.5 for v in values]


def batch_norm_literal(x, gamma, beta):
    y = np.empty(x.shape)
    examples = list(np.ndindex(*x.shape[:-1]))
    for d in range(x.shape[-1]):
        column = normalize_literal([x[(*n, d)] for n in examples])
        for n, x_hat in zip(examples, column, strict=True):
            y[(*n, d)] = gamma[d] * x_hat + beta[d]
    return y


def layer_norm_literal(x, gamma, beta):
    y = np.empty(x.shape)
    for n in np.ndindex(*x.shape[:-1]):
        for d, x_hat in enumerate(normalize_literal(list(x[n]))):
            y[(*n, d)] = gamma[d] * x_hat + beta[d]
    return y


def batch_norm_by_torch(x, gamma, beta):
    rows = x.reshape(-1, x.shape[-1])
    if len(rows) == 1:  # PyTorch refuses a batch of one, whose x̂ is 0
        return x * 0 * gamma + beta
    y = functional.batch_norm(rows, None, None, gamma, beta, training=True, eps=EPS)
    return y.reshape(x.shape)


def layer_norm_by_torch(x, gamma, beta):
    return functional.layer_norm(x, gamma.shape, gamma, beta, eps=EPS)


def three_arrays(shape, D, seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=s) for s in [(*shape, D), (D,), (D,)]]


@given(shape=filled_shapes, D=st.integers(0, 3), dtype=dtypes, layout=layouts, seed=seeds)
def test_batch_norm(space, shape, D, dtype, layout, seed):
    agree(
        space,
        nn.batch_norm,
        three_arrays(shape, D, seed),
        batch_norm_literal,
        batch_norm_by_torch if D else lambda x, gamma, beta: x * gamma + beta,
        keywords={"eps": EPS},
        dtype=dtype,
        layout=layout,
    )


@given(shape=batch_shapes, D=st.integers(1, 4), dtype=dtypes, layout=layouts, seed=seeds)
def test_layer_norm(space, shape, D, dtype, layout, seed):
    agree(
        space,
        nn.layer_norm,
        three_arrays(shape, D, seed),
        layer_norm_literal,
        layer_norm_by_torch,
        keywords={"eps": EPS},
        dtype=dtype,
        layout=layout,
    )


@given(shape=batch_shapes, D=st.integers(0, 3), dtype=dtypes, layout=layouts, seed=seeds)
def test_scale_and_shift(space, shape, D, dtype, layout, seed):
    def literal(x_hat, gamma, beta):
        y = np.empty(x_hat.shape)
        for index in np.ndindex(*y.shape):
            y[index] = gamma[index[-1]] * x_hat[index] + beta[index[-1]]
        return y

    agree(
        space,
        scale_and_shift,
        three_arrays(shape, D, seed),
        literal,
        lambda x_hat, gamma, beta: gamma * x_hat + beta,
        dtype=dtype,
        layout=layout,
    )


@pytest.mark.parametrize("axis", [-1, 0, 1, (0, 1), (0, 2), (0, 1, 2)])
def test_standardize(space, axis, rng):
    """Along any axes: the intermediate step of both normalizations has witnesses of its own."""
    axes = tuple(np.atleast_1d(axis) % 3)

    def literal(x):
        x_hat = np.empty(x.shape)
        for index in np.ndindex(*(1 if a in axes else n for a, n in enumerate(x.shape))):
            group = tuple(slice(None) if a in axes else i for a, i in enumerate(index))
            x_hat[group] = np.reshape(normalize_literal(x[group].ravel()), x[group].shape)
        return x_hat

    def by_torch(x):
        variance, mean = torch.var_mean(x, dim=axes, correction=0, keepdim=True)
        return (x - mean) * torch.rsqrt(variance + EPS)

    agree(
        space,
        nn.standardize,
        [rng.normal(size=(2, 3, 4))],
        literal,
        by_torch,
        keywords={"axis": axis, "eps": EPS},
    )


def test_moments(space, rng):
    x = rng.normal(3.0, 2.0, size=(4, 5))
    mean, variance, centered = moments(space.array(x), (0, 1))
    assert mean.shape == variance.shape == (1, 1)
    close(nn.to_numpy(mean), x.mean(keepdims=True), 1e-14, "mean")
    close(nn.to_numpy(variance), x.var(keepdims=True), 1e-14, "variance")
    close(nn.to_numpy(centered), x - x.mean(), 1e-14, "centered")


@given(n=st.integers(1, 20), c=st.floats(-1e7, 1e7), dtype=dtypes)
def test_the_mean_of_a_constant_is_that_constant(space, n, c, dtype):
    """Whatever rounding makes of the sum."""
    x = np.full((n, 2), c, dtype)
    for axis in (0, (0, 1)):
        mean, variance, centered = map(nn.to_numpy, moments(space.array(x), axis))
        np.testing.assert_array_equal(mean, np.full(mean.shape, x[0, 0]))
        np.testing.assert_array_equal(variance, np.zeros(mean.shape))
        np.testing.assert_array_equal(centered, np.zeros(x.shape))


def test_along_the_last_axis_unless_said(space, rng):
    x = space.array(rng.normal(size=(2, 3, 4)))
    alone, said = (nn.to_numpy(nn.standardize(x, **axis)) for axis in ({}, {"axis": -1}))
    np.testing.assert_array_equal(alone, said)


def test_a_number_of_numpy_widens_nothing(space, rng):
    x, gamma, beta = (space.array(rng.normal(size=s), "float32") for s in ((4, 3), (3,), (3,)))
    for operation, args in (
        (nn.standardize, (x,)),
        (nn.batch_norm, (x, gamma, beta)),
        (nn.layer_norm, (x, gamma, beta)),
    ):
        (value, backward), (same, backward_same) = (
            nn.vjp(operation, *args, wrt=0, eps=eps) for eps in (np.float64(EPS), EPS)
        )
        for a, b in ((value, same), (backward(value), backward_same(same))):
            assert str(a.dtype).endswith("float32")
            np.testing.assert_array_equal(nn.to_numpy(a), nn.to_numpy(b))


@pytest.mark.parametrize("norm", [nn.batch_norm, nn.layer_norm])
def test_a_large_mean_costs_no_digits(norm, rng):
    """x - μ first: the mean of squares less the square of the mean would lose everything."""
    x = rng.normal(size=(6, 6)) + 1e6
    one, zero = np.ones(6), np.zeros(6)
    close(norm(x, one, zero), norm(x - 1e6, one, zero), 1e-8, "shifted by a million")


@pytest.mark.parametrize("norm", [nn.batch_norm, nn.layer_norm])
def test_constant_input_has_finite_gradients(space, norm):
    x, gamma, beta = (space.array(np.ones(s)) for s in [(3, 3), (3,), (3,)])
    y, backward = nn.vjp(norm, x, gamma, beta)
    np.testing.assert_array_equal(nn.to_numpy(y), np.ones((3, 3)))
    assert all(np.isfinite(nn.to_numpy(g)).all() for g in backward(x))


@pytest.mark.parametrize(
    ("shape", "axis"), [((0, 2), 0), ((2, 0), -1), ((2, 0), (0, 1)), ((2, 0, 3), (0, 1))]
)
def test_a_mean_of_nothing_is_refused(space, shape, axis):
    """Before any is taken: a warning is an error here."""
    along = [shape[i] for i in np.atleast_1d(axis)]
    message = re.escape(f"standardize: x, over these axes, has shape {tuple(along)}, expected")
    with pytest.raises(ValueError, match=message):
        nn.standardize(space.array(np.ones(shape)), axis)


@pytest.mark.parametrize(("shape", "axis"), [((0, 2), -1), ((2, 0), 0), ((2, 0, 3), (0, 2))])
def test_no_mean_at_all_is_none_of_nothing(space, shape, axis):
    assert nn.standardize(space.array(np.ones(shape)), axis).shape == shape


def test_what_does_not_fit():
    one = np.ones(2)
    for x in (np.ones(2), np.ones((0, 2))):
        with pytest.raises(ValueError, match=r"batch_norm: x has shape .*at least one example"):
            nn.batch_norm(x, one, one)
    with pytest.raises(ValueError, match=r"layer_norm: x has shape \(3, 0\).*one feature"):
        nn.layer_norm(np.ones((3, 0)), np.ones(0), np.ones(0))
    with pytest.raises(ValueError, match=r"gamma has shape \(2,\), expected \(D,\) with D = 3"):
        nn.batch_norm(np.ones((4, 3)), one, one)
    with pytest.raises(ValueError, match=r"beta has shape \(2,\), expected \(D,\) with D = 3"):
        nn.layer_norm(np.ones((4, 3)), np.ones(3), one)
