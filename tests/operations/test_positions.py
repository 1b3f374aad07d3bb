"""Sinusoids and rotary positions: loops, PyTorch's complex numbers, differences; what shifts do."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import agree, batch_shapes, close, dtypes, layouts, pairs, seeds, sizes

import nnlearn as nn

even_widths = st.sampled_from([2, 4, 6])
starts = st.integers(0, 9)


def frequency(i, width):
    """Of the pair of components 2 i and 2 i + 1."""
    return 1 / 10_000 ** (2 * i / width)


# --- sinusoids ---------------------------------------------------------------------------------


@given(steps=sizes, width=even_widths, start=starts, dtype=dtypes)
def test_sinusoids(space, steps, width, start, dtype):
    waves = nn.sinusoids(steps, width, start, like=space.array(np.zeros(1), dtype))
    assert space.holds(waves)
    assert str(waves.dtype).endswith(dtype)
    expected = np.empty((steps, width))
    for t in range(steps):
        for i in range(width // 2):
            expected[t, 2 * i] = math.sin((start + t) * frequency(i, width))
            expected[t, 2 * i + 1] = math.cos((start + t) * frequency(i, width))
    close(nn.to_numpy(waves), expected, 1e-7 if dtype == "float32" else 1e-14, "waves")


def test_sinusoids_of_the_current_backend(backend):
    waves = nn.sinusoids(np.int64(3), 4)
    assert backend.holds(waves)
    assert str(waves.dtype).endswith("float32")
    assert nn.to_numpy(waves)[0].tolist() == [0, 1, 0, 1]


@given(width=even_widths, t=starts, shift=starts)
def test_a_shift_of_position_is_a_rotation(width, t, shift):
    """The same one at every position: pair by pair, by the shift times the pair's frequency."""
    here, there = (nn.sinusoids(1, width, n, like=np.zeros(1))[0] for n in (t, t + shift))
    for i in range(width // 2):
        angle = shift * frequency(i, width)
        rotation = [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        close(there[2 * i : 2 * i + 2], rotation @ here[2 * i : 2 * i + 2], 1e-14, "a pair")


def test_positions_are_told_apart():
    """None of 2,000 positions has the vector of another; each vector has the same length."""
    waves = nn.sinusoids(2000, 8, like=np.zeros(1))
    products = waves @ waves.T
    close(np.diag(products), np.full(2000, 4.0), 1e-14, "squares of lengths")
    np.fill_diagonal(products, 0)
    assert products.max() < 4 - 1e-4


def test_a_late_position_keeps_its_digits():
    """A position of a million in float32: its angle would be off by 0.03, its waves are not."""
    late = nn.sinusoids(1, 4, 999_999)
    close(late, nn.sinusoids(1, 4, 999_999, like=np.zeros(1)), 1e-7, "waves")


@pytest.mark.parametrize("width", [0, 1, 3])
def test_odd_widths(width):
    with pytest.raises(ValueError, match=f"^sinusoids: the width is {width}, expected an even"):
        nn.sinusoids(2, width)
    with pytest.raises(ValueError, match=f"^rotary: the width is {width}, expected an even"):
        nn.rotary(np.ones((2, width)))


@pytest.mark.parametrize("steps", [-1, 2.5])
def test_steps_that_are_none(steps):
    with pytest.raises(ValueError, match=f"^sinusoids: steps is {steps}, expected a whole number"):
        nn.sinusoids(steps, 4)


# --- rotary ------------------------------------------------------------------------------------


def rotary_literal(x, start=0):
    y = np.empty(x.shape)
    for index in np.ndindex(*x.shape[:-1]):
        for i in range(x.shape[-1] // 2):
            angle = (start + index[-1]) * frequency(i, x.shape[-1])
            even, odd = x[(*index, 2 * i)], x[(*index, 2 * i + 1)]
            y[(*index, 2 * i)] = even * math.cos(angle) - odd * math.sin(angle)
            y[(*index, 2 * i + 1)] = even * math.sin(angle) + odd * math.cos(angle)
    return y


def rotary_by_torch(x, start=0):
    """Each pair is a complex number, and is multiplied by one of length 1."""
    *batch, T, d = x.shape
    angles = torch.arange(start, start + T, dtype=x.dtype)[:, None]
    angles = angles * torch.tensor([frequency(i, d) for i in range(d // 2)], dtype=x.dtype)
    pairs = torch.view_as_complex(x.reshape(*batch, T, d // 2, 2))
    turned = pairs * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).reshape(x.shape)


@given(
    shape=batch_shapes,
    T=sizes,
    d=even_widths,
    start=starts,
    dtype=dtypes,
    layout=layouts,
    seed=seeds,
)
def test_rotary(space, shape, T, d, start, dtype, layout, seed):
    x = np.random.default_rng(seed).normal(size=(*shape, T, d))
    agree(
        space,
        nn.rotary,
        [x],
        lambda x: rotary_literal(x, start),
        lambda x: rotary_by_torch(x, start),
        keywords={"start": start},
        dtype=dtype,
        layout=layout,
    )


@given(start=st.integers(0, 5000), d=even_widths, seed=seeds)
def test_lengths_are_kept_and_the_gradient_turns_back(start, d, seed):
    x = np.random.default_rng(seed).normal(size=(3, 4, d))
    y, backward = nn.vjp(nn.rotary, x, start=start)
    close(np.linalg.norm(y, axis=-1), np.linalg.norm(x, axis=-1), 1e-14, "lengths")
    close(backward(y), x, 1e-14, "turned, and turned back")
    if start == 0:
        np.testing.assert_array_equal(y[:, 0], x[:, 0])


@given(distance=starts, places=pairs(0, 3000), d=even_widths, seed=seeds)
def test_the_product_depends_on_the_distance_alone(distance, places, d, seed):
    q, k = np.random.default_rng(seed).normal(size=(2, 1, d))
    products = [
        np.vdot(nn.rotary(q, start=place + distance), nn.rotary(k, start=place)) for place in places
    ]
    close(products[0], products[1], 1e-11, "query and key, moved together")
    close(products[0], np.vdot(rotary_literal(q, distance), k), 1e-11, "by their distance")


def test_in_attention_only_distances_count(space, rng):
    """Queries and keys that start later: the same weights."""
    q, k = (space.array(rng.normal(size=(2, n, 4))) for n in (3, 5))
    weights = [
        nn.to_numpy(nn.attention_weights(nn.rotary(q, start=s + 2), nn.rotary(k, start=s)))
        for s in (0, 100)
    ]
    close(weights[0], weights[1], 1e-12, "weights")
    without = nn.to_numpy(nn.attention_weights(q, k))
    assert abs(weights[0] - without).max() > 0.01


def test_what_comes_out_is_no_part_of_what_went_in(rng):
    x = rng.normal(size=(1, 2))  # at position 0 it is not turned
    y, backward = nn.vjp(nn.rotary, x)
    np.testing.assert_array_equal(y, x)
    assert not np.shares_memory(y, x)
    assert not np.shares_memory(backward(x), x)


def test_rotary_refuses_what_has_no_rows():
    with pytest.raises(ValueError, match=r"rotary: x has shape \(4,\), expected \(\.\.\., T, d\)"):
        nn.rotary(np.ones(4))
    with pytest.raises(TypeError, match="rotary: x has dtype int64, expected a floating-point"):
        nn.rotary(np.ones((2, 4), int))
