"""Losses: loops, PyTorch, SciPy and finite differences agree."""

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import agree, batch_shapes, close, dtypes, layouts, scales, seeds

import nnlearn as nn

filled_shapes = batch_shapes.filter(lambda shape: 0 not in shape)
functional = torch.nn.functional


def mean_squared_error_literal(prediction, target):
    total, count = 0.0, 0
    for index in np.ndindex(*prediction.shape):
        total += (prediction[index] - target[index]) ** 2
        count += 1
    return np.array(total / count)


def softmax_cross_entropy_literal(logits, labels):
    total, count = 0.0, 0
    for index in np.ndindex(*labels.shape):
        row, label = logits[index], labels[index]
        top = max(row)
        total -= row[label] - top - math.log(sum(math.exp(z - top) for z in row))
        count += 1
    return np.array(total / count)


def sigmoid_cross_entropy_literal(logits, targets):
    def log_sigmoid(z):
        return -math.log1p(math.exp(-z)) if z > -30 else z - math.exp(z)

    total, count = 0.0, 0
    for index in np.ndindex(*logits.shape):
        z, t = logits[index], targets[index]
        total -= t * log_sigmoid(z) + (1 - t) * log_sigmoid(-z)
        count += 1
    return np.array(total / count)


def softmax_cross_entropy_by_torch(logits, labels):
    return functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))


@given(shape=filled_shapes, scale=scales, dtype=dtypes, layout=layouts, seed=seeds)
def test_mean_squared_error(space, shape, scale, dtype, layout, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape) * scale for _ in range(2)]
    agree(
        space,
        nn.mean_squared_error,
        arrays,
        mean_squared_error_literal,
        functional.mse_loss,
        dtype=dtype,
        layout=layout,
        differences=scale < 1e3,  # 1e8 leaves a difference no digits to compare
    )


@given(
    shape=filled_shapes,
    K=st.integers(1, 4),
    scale=scales,
    dtype=dtypes,
    layout=layouts,
    kind=st.sampled_from(["int32", "int64", "uint8"]),
    seed=seeds,
)
def test_softmax_cross_entropy(space, shape, K, scale, dtype, layout, kind, seed):
    rng = np.random.default_rng(seed)
    agree(
        space,
        nn.softmax_cross_entropy,
        [rng.normal(size=(*shape, K)) * scale],
        softmax_cross_entropy_literal,
        lambda logits, labels: softmax_cross_entropy_by_torch(logits, labels.long()),
        constants=[rng.integers(0, K, shape).astype(kind)],
        dtype=dtype,
        layout=layout,
    )


@given(shape=filled_shapes, scale=scales, dtype=dtypes, layout=layouts, seed=seeds)
def test_sigmoid_cross_entropy(space, shape, scale, dtype, layout, seed):
    rng = np.random.default_rng(seed)
    agree(
        space,
        nn.sigmoid_cross_entropy,
        [rng.normal(size=shape) * scale, rng.uniform(size=shape)],
        sigmoid_cross_entropy_literal,
        lambda z, t: torch.mean(torch.logaddexp(z, torch.zeros_like(z)) - t * z),
        dtype=dtype,
        layout=layout,
    )


def test_sigmoid_cross_entropy_against_torch_and_scipy(rng):
    """PyTorch's own loss (which gives no gradient of the target), and SciPy's likelihood."""
    z, t = rng.normal(size=20), rng.integers(0, 2, 20).astype(float)
    loss = nn.sigmoid_cross_entropy(z, t)
    theirs = functional.binary_cross_entropy_with_logits(torch.tensor(z), torch.tensor(t))
    close(loss, theirs.numpy(), 1e-14, "PyTorch")
    likelihood = scipy.stats.bernoulli.logpmf(t, scipy.special.expit(z))
    close(loss, -np.mean(likelihood), 1e-13, "SciPy")


def test_softmax_cross_entropy_against_scipy(rng):
    z, labels = rng.normal(size=(20, 4)), rng.integers(0, 4, 20)
    probabilities = scipy.special.softmax(z, axis=1)
    likelihood = [
        scipy.stats.multinomial.logpmf(np.eye(4)[label], 1, p)
        for label, p in zip(labels, probabilities, strict=True)
    ]
    close(nn.softmax_cross_entropy(z, labels), -np.mean(likelihood), 1e-13, "SciPy")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_certainty_costs_what_it_should(space, dtype):
    """Logits of ±1e4: right and sure costs nothing, wrong and sure costs 1e4, nothing overflows."""
    sure = space.array(np.array([[1e4, -1e4]], dtype=dtype))
    for label, cost, gradient in [(0, 0.0, [[0.0, 0.0]]), (1, 2e4, [[1.0, -1.0]])]:
        loss, backward = nn.vjp(nn.softmax_cross_entropy, sure, space.array([label]))
        assert float(loss) == cost
        np.testing.assert_array_equal(nn.to_numpy(backward()), gradient)
    logits = space.array(np.array([1e4, -1e4], dtype=dtype))
    for targets, cost in [([1, 0], 0.0), ([0, 1], 1e4)]:
        targets = space.array(np.array(targets, dtype=dtype))
        assert float(nn.sigmoid_cross_entropy(logits, targets)) == cost


def test_the_seed_of_a_loss_scales_its_gradient(space, rng):
    z, t = space.array(rng.normal(size=3)), space.array(rng.normal(size=3))
    for loss in (nn.mean_squared_error, nn.sigmoid_cross_entropy):
        _, backward = nn.vjp(loss, z, t, wrt=0)
        close(nn.to_numpy(backward(3.0)), 3 * nn.to_numpy(backward()), 1e-14, "seed 3")


@pytest.mark.parametrize("loss", [nn.mean_squared_error, nn.sigmoid_cross_entropy])
def test_shapes_that_do_not_fit(loss):
    with pytest.raises(ValueError, match=r"targets? has shape \(3,\), expected \(\.\.\.,?\)"):
        loss(np.ones((3, 1)), np.ones(3))
    with pytest.raises(ValueError, match="expected at least one element"):
        loss(np.ones((0, 2)), np.ones((0, 2)))


def test_labels_that_do_not_fit():
    logits = np.ones((2, 3))
    for labels, error, message in [
        ([0, 3], ValueError, "labels contains 3, expected classes 0 to 2"),
        ([-1, 0], ValueError, "labels contains -1, expected classes 0 to 2"),
        ([0, 1, 2], ValueError, r"labels has shape \(3,\)"),
        ([0.0, 1.0], TypeError, "labels has dtype float64, expected an integer"),
    ]:
        with pytest.raises(error, match=message):
            nn.softmax_cross_entropy(logits, np.array(labels))
    with pytest.raises(ValueError, match="expected at least one element"):
        nn.softmax_cross_entropy(np.ones((0, 3)), np.ones(0, dtype=int))
