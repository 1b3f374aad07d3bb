"""The tasks that measure memory: what is drawn is what is asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlearn as nn


@given(gap=st.integers(0, 30), count=st.integers(0, 5), seed=st.integers(0, 99))
def test_signals(gap, count, seed):
    x, bit = nn.tasks.signals(gap, count, np.random.default_rng(seed))
    assert (x.shape, bit.shape) == ((gap + 1, count, 2), (count, 1))
    assert x.dtype == bit.dtype == np.float32
    np.testing.assert_array_equal(x[0, :, 0], 2 * bit[:, 0] - 1)
    assert set(bit.ravel()) <= {0.0, 1.0}
    assert not x[1:, :, 0].any()  # the bit comes once
    assert not x[0, :, 1].any()
    if gap and count:
        assert x[1:, :, 1].all()


@given(steps=st.integers(2, 40), count=st.integers(0, 5), seed=st.integers(0, 99))
def test_adding(steps, count, seed):
    x, total = nn.tasks.adding(steps, count, np.random.default_rng(seed))
    assert (x.shape, total.shape) == ((steps, count, 2), (count, 1))
    assert x.dtype == total.dtype == np.float32
    np.testing.assert_allclose((x[..., 0] * x[..., 1]).sum(axis=0), total[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(x[: steps // 2, :, 1].sum(axis=0), np.ones(count))
    np.testing.assert_array_equal(x[steps // 2 :, :, 1].sum(axis=0), np.ones(count))
    assert np.all((x[..., 0] >= 0) & (x[..., 0] < 1))


def test_every_step_may_be_marked():
    x, _ = nn.tasks.adding(5, 400, np.random.default_rng(0))
    assert np.all(x[..., 1].any(axis=1))


def test_adding_needs_two_steps():
    with pytest.raises(ValueError, match="adding: steps is 1, expected at least 2"):
        nn.tasks.adding(1, 3, np.random.default_rng(0))


@given(
    gap=st.integers(0, 20),
    count=st.integers(0, 4),
    length=st.integers(1, 4),
    symbols=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_copying(gap, count, length, symbols, seed):
    generator = np.random.default_rng(seed)
    x, wanted = nn.tasks.copying(gap, count, generator, length, symbols)
    assert x.shape == (gap + 2 * length, count, symbols + 2)
    assert wanted.shape == (length, count)
    shown, flag, now = x[..., :symbols], x[..., symbols], x[..., symbols + 1]
    np.testing.assert_array_equal(shown[: length + gap].sum(axis=-1), 1)
    assert not shown[length + gap :].any()  # while it answers, nothing comes in
    np.testing.assert_array_equal(shown[:length].argmax(axis=-1), wanted)
    assert set(x.ravel()) <= {0.0, 1.0}
    assert flag[:length].all()
    assert not flag[length:].any()
    np.testing.assert_array_equal(
        np.flatnonzero(now.any(axis=1)) if count else [], [length + gap] * bool(count)
    )


def test_what_is_copied_by_default():
    """Three of four symbols."""
    x, wanted = nn.tasks.copying(5, 2, np.random.default_rng(0))
    assert (x.shape, wanted.shape) == ((5 + 2 * 3, 2, 4 + 2), (3, 2))


def test_a_seed_draws_the_same_task_as_ever():
    """Chapter 7's results are those of its seeds."""
    x, total = nn.tasks.adding(6, 3, np.random.default_rng(0))
    assert x[..., 1].argmax(axis=0).tolist() == [0, 0, 1]
    assert (5 - x[::-1, :, 1].argmax(axis=0)).tolist() == [4, 4, 3]
    np.testing.assert_allclose(total[:, 0], [1.494366, 0.303372, 0.915494], rtol=1e-6)


def test_where_nothing_is_there_is_zero():
    """And not minus zero, which would be printed so."""
    for task in (nn.tasks.signals, nn.tasks.adding, nn.tasks.copying):
        x, _ = task(5, 20, np.random.default_rng(0))
        assert x.dtype == np.float32
        assert not np.signbit(x[x == 0]).any()


def test_they_are_made_on_the_current_backend(backend):
    for task in (nn.tasks.signals, nn.tasks.adding, nn.tasks.copying):
        for array in task(5, 2, np.random.default_rng(0)):
            assert backend.holds(array)
