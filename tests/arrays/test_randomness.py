"""Random numbers in bulk: where they are drawn, and that they are what they are called."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
from witnesses import close

import nnlearn as nn
from nnlearn.arrays import randomness

#: what is used of ``cupy.random``, by NumPy's generator
LIKE_CUPY = SimpleNamespace(Philox4x3210=np.random.PCG64, Generator=np.random.Generator)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform(space, dtype):
    like = space.array(np.zeros((50, 40)), dtype)
    numbers = randomness.uniform(np.random.default_rng(5), like)
    assert space.holds(numbers)
    assert str(numbers.dtype).endswith(dtype)
    assert numbers.shape == (50, 40)
    values = nn.to_numpy(numbers).ravel()
    assert values.min() >= 0
    assert values.max() < 1
    assert scipy.stats.kstest(values, "uniform").pvalue > 1e-3
    again = randomness.uniform(np.random.default_rng(5), like)
    np.testing.assert_array_equal(values, nn.to_numpy(again).ravel())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal(space, dtype):
    like = space.array(np.zeros(3), dtype)
    numbers = randomness.normal(np.random.default_rng(5), (50, 40), like)
    assert space.holds(numbers)
    assert str(numbers.dtype).endswith(dtype)
    assert numbers.shape == (50, 40)
    values = nn.to_numpy(numbers).ravel()
    assert scipy.stats.kstest(values, "norm").pvalue > 1e-3
    again = randomness.normal(np.random.default_rng(5), (50, 40), like)
    np.testing.assert_array_equal(values, nn.to_numpy(again).ravel())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_on_the_host_they_are_the_numbers_of_numpys_generator(space, dtype):
    if space.name == "cupy":
        return  # there they are drawn by CuPy's, see below
    like = space.array(np.zeros((5, 4)), dtype)
    expected = np.random.default_rng(5)
    rng = np.random.default_rng(5)
    for found, drawn in (
        (randomness.normal(rng, (5, 4), like), expected.standard_normal((5, 4), dtype=dtype)),
        (randomness.uniform(rng, like), expected.random((5, 4), dtype=dtype)),
    ):
        np.testing.assert_array_equal(nn.to_numpy(found), drawn, strict=True)


def test_seeds_on_a_gpu_are_of_63_bits(monkeypatch):
    """With few of them the same numbers would come again and again."""
    seeds = []
    like_cupy = SimpleNamespace(
        Philox4x3210=lambda seed: seeds.append(seed) or np.random.PCG64(seed),
        Generator=np.random.Generator,
    )
    monkeypatch.setattr(randomness, "is_cupy", lambda a: True)
    monkeypatch.setattr(randomness, "array_namespace", lambda a: SimpleNamespace(random=like_cupy))
    for _ in range(64):
        randomness.normal(np.random.default_rng(len(seeds)), (1,), np.zeros(1))
    assert 2**62 < max(seeds) < 2**63
    assert all(type(seed) is int for seed in seeds)


def test_normal_on_a_gpu_draws_there(monkeypatch):
    monkeypatch.setattr(randomness, "is_cupy", lambda a: True)
    monkeypatch.setattr(randomness, "array_namespace", lambda a: SimpleNamespace(random=LIKE_CUPY))
    generator, like = np.random.default_rng(0), np.zeros(4, dtype="float32")
    first, second = (randomness.normal(generator, (5, 2), like) for _ in range(2))
    assert first.dtype == "float32"
    assert (first != second).all()
    close(first, randomness.normal(np.random.default_rng(0), (5, 2), like), 0, "same seed")


def test_uniform_on_a_gpu_draws_there(monkeypatch):
    """The host's generator gives only a seed, and moves on with every call."""
    monkeypatch.setattr(randomness, "is_cupy", lambda a: True)
    monkeypatch.setattr(randomness, "array_namespace", lambda a: SimpleNamespace(random=LIKE_CUPY))
    generator = np.random.default_rng(0)
    like = np.zeros(4, dtype="float32")
    first, second = randomness.uniform(generator, like), randomness.uniform(generator, like)
    assert first.dtype == "float32"
    assert (first != second).all()
    close(first, randomness.uniform(np.random.default_rng(0), like), 0, "same seed")
