"""Masks: position by position from their definition, on every library, and in attention."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from witnesses import close, seeds

import nnlearn as nn


@given(T=st.integers(1, 6), more=st.integers(0, 5))
def test_causal_mask(space, T, more):
    S = T + more
    mask = nn.causal_mask(T, S, like=space.array(np.zeros(1)))
    assert space.holds(mask)
    assert str(mask.dtype).endswith("bool")
    expected = [[s <= t + S - T for s in range(S)] for t in range(T)]
    assert nn.to_numpy(mask).tolist() == expected
    if not more:
        short = nn.causal_mask(T, like=space.array(np.zeros(1)))
        assert nn.to_numpy(short).tolist() == expected


def test_causal_mask_of_the_current_backend(backend):
    mask = nn.causal_mask(2, np.int64(3))
    assert backend.holds(mask)
    assert nn.to_numpy(mask).tolist() == [[True, True, False], [True, True, True]]


@given(lengths=st.lists(st.integers(0, 6), max_size=4), keys=st.integers(1, 6))
def test_padding_mask(space, lengths, keys):
    for dtype in ("int32", "int64", "uint8"):
        mask = nn.padding_mask(space.array(lengths, dtype), keys)
        assert space.holds(mask)
        assert str(mask.dtype).endswith("bool")
        assert mask.shape == (len(lengths), 1, keys)
        assert nn.to_numpy(mask)[:, 0, :].tolist() == [
            [s < n for s in range(keys)] for n in lengths
        ]


@given(T=st.integers(1, 4), more=st.integers(0, 3), seed=seeds)
def test_a_mask_is_attention_to_a_part(space, T, more, seed):
    """Each query by itself, given only the keys that it may look at, gets the same."""
    rng, S = np.random.default_rng(seed), T + more
    q, k, v = (rng.normal(size=(2, n, 3)) for n in (T, S, S))
    lengths = rng.integers(0, S + 1, 2)
    causal = nn.causal_mask(T, S, like=space.array(q))
    padding = nn.padding_mask(space.array(lengths), S)
    for mask in (causal, padding, causal & padding):
        o = nn.to_numpy(nn.attention(*map(space.array, (q, k, v)), mask))
        for n in range(2):
            for t in range(T):
                end = S if mask is padding else t + S - T + 1
                end = end if mask is causal else min(end, lengths[n])
                alone = nn.attention(q[n, t : t + 1], k[n, :end], v[n, :end])
                close(o[n, t], alone[0], 1e-12, f"query {t} of sequence {n}")


def test_heads_need_one_more_axis(rng):
    """As the docstring says, and all heads of a sequence see the same."""
    q, k, v = rng.normal(size=(3, 2, 4, 5, 3))  # sequences, heads, positions, components
    mask = nn.padding_mask(np.array([5, 2]), 5)
    o = nn.attention(q, k, v, mask[:, None])
    for head in range(4):
        close(o[:, head], nn.attention(q[:, head], k[:, head], v[:, head], mask), 1e-14, "a head")
    with pytest.raises(ValueError, match=r"mask has shape \(2, 1, 5\)"):
        nn.attention(q, k, v, mask)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0,), "queries is 0, expected a whole number of at least 1"),
        ((2.0,), "queries is 2.0, expected a whole number"),
        ((2, 0), "keys is 0, expected a whole number of at least 1"),
        ((3, 2), "keys is 2, expected at least as many as queries, 3"),
    ],
)
def test_sizes_of_a_causal_mask(sizes, message):
    with pytest.raises(ValueError, match=f"^causal_mask: {message}"):
        nn.causal_mask(*sizes)


@pytest.mark.parametrize(
    "lengths", [np.array([1.0]), np.array([True]), np.array(2), np.array([[1]]), np.array([1j])]
)
def test_lengths_that_are_none(lengths):
    with pytest.raises(TypeError, match=r"^padding_mask: lengths has dtype \w+ and shape .*\(N,\)"):
        nn.padding_mask(lengths, 3)


def test_keys_of_a_padding_mask():
    with pytest.raises(TypeError, match="arrays of one library are expected"):
        nn.padding_mask([1, 2], 3)
    for keys in (0, -1, 2.5):
        with pytest.raises(ValueError, match=f"^padding_mask: keys is {keys}, expected a whole"):
            nn.padding_mask(np.array([1]), keys)
