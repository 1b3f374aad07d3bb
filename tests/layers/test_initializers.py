"""Initial values have the distribution that the derivation asks for."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

import nnlearn as nn
from nnlearn.layers import initializers

SHAPE, FAN_IN, FAN_OUT = (120, 80), 80, 120


def test_he_is_normal(rng):
    values = initializers.he(rng, SHAPE, FAN_IN, FAN_OUT)
    assert values.shape == SHAPE
    assert values.dtype == np.float64
    std = math.sqrt(2 / FAN_IN)
    assert scipy.stats.kstest(values.ravel() / std, "norm").pvalue > 1e-3


def test_glorot_is_uniform(rng):
    values = initializers.glorot(rng, SHAPE, FAN_IN, FAN_OUT)
    assert values.shape == SHAPE
    assert values.dtype == np.float64
    limit = math.sqrt(6 / (FAN_IN + FAN_OUT))
    assert np.abs(values).max() <= limit
    assert scipy.stats.kstest((values.ravel() / limit + 1) / 2, "uniform").pvalue > 1e-3


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (initializers.he, torch.nn.init.kaiming_normal_),
        (initializers.glorot, torch.nn.init.xavier_uniform_),
    ],
)
def test_the_same_distribution_as_torch(ours, theirs, rng):
    generator = torch.Generator().manual_seed(0)
    by_torch = theirs(torch.empty(SHAPE, dtype=torch.float64), generator=generator).numpy()
    values = ours(rng, SHAPE, FAN_IN, FAN_OUT)
    assert scipy.stats.ks_2samp(values.ravel(), by_torch.ravel()).pvalue > 1e-3


def test_normal_and_fill(rng):
    values = initializers.normal(0.3)(rng, SHAPE)
    assert scipy.stats.kstest(values.ravel() / 0.3, "norm").pvalue > 1e-3
    filled = initializers.fill(2)(rng, (2, 3))
    np.testing.assert_array_equal(filled, np.full((2, 3), 2.0))
    assert filled.dtype == np.float64


@pytest.mark.parametrize("initializer", [initializers.he, initializers.glorot])
def test_a_seed_gives_the_same_bits(initializer):
    first, second = (initializer(np.random.default_rng(4), (3, 2), 2, 3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert initializer(np.random.default_rng(0), (0, 0), 0, 0).shape == (0, 0)


def test_a_dense_layer_asks_for_its_own_fans():
    asked = {}

    def initializer(generator, shape, fan_in, fan_out):
        asked.update(shape=shape, fan_in=fan_in, fan_out=fan_out)
        return np.zeros(shape)

    params = nn.Dense(5, 3, initializer=initializer).init()
    assert asked == {"shape": (3, 5), "fan_in": 5, "fan_out": 3}
    np.testing.assert_array_equal(params["b"], np.zeros(3))


@pytest.mark.parametrize("shape", [(3, 3), (8, 2), (5, 1), (0, 3), (6, 0), (0, 0)])
def test_an_orthogonal_draw_is_the_same_on_every_machine(shape):
    """QR is unique where the diagonal of R is positive; which signs LAPACK gives says nothing."""
    rows, H = shape
    q = initializers.orthogonal(np.random.default_rng(5), shape)
    assert q.shape == shape
    a = np.random.default_rng(5).normal(size=(rows // max(H, 1), H, H))
    r = np.swapaxes(q.reshape(a.shape), 1, 2) @ a
    np.testing.assert_allclose(np.tril(r, -1), 0, atol=1e-14)
    assert (np.diagonal(r, axis1=1, axis2=2) > 0).all()


def test_a_seed_gives_the_numbers_of_its_generator():
    """Which ones: the pages and the studies tell of networks that start with these."""
    drawn = lambda: np.random.default_rng(4)  # noqa: E731
    normal, uniform = drawn().normal(size=(3, 2)), drawn().uniform(-1, 1, size=(3, 2))
    for ours, expected in (
        (initializers.he(drawn(), (3, 2), 2, 3), normal),
        (initializers.he(drawn(), (3, 2), 1, 3), normal * math.sqrt(2)),
        (initializers.he(drawn(), (3, 2), 0.25, 3), normal * math.sqrt(2)),  # no fan is below one
        (initializers.glorot(drawn(), (3, 2), 2, 3), uniform * math.sqrt(6 / 5)),
        (initializers.glorot(drawn(), (3, 2), 1, 0), uniform * math.sqrt(6)),
        (initializers.glorot(drawn(), (3, 2), 0.25, 0.5), uniform * math.sqrt(6)),
        (initializers.normal(0.3)(drawn(), (3, 2)), 0.3 * normal),
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-14)
