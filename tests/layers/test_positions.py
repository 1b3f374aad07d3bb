"""Positions that are added: loops, gradients, and counting on from one piece to the next."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from witnesses import NUMPY, close, placed

import nnlearn as nn


@pytest.mark.equation("eq-sinusoids")
@given(T=st.integers(0, 6), N=st.integers(1, 3), half=st.integers(1, 4), start=st.integers(0, 9))
def test_sinusoids_are_added(space, T, N, half, start):
    D = 2 * half
    layer, x = nn.PositionalEncoding(D), np.random.default_rng(T).normal(size=(T, N, D))
    memory = {"read": np.asarray(start)}
    y, backward = nn.vjp(layer, layer.init(), space.array(x), memory=memory, wrt=1)
    expected = x.copy()
    for t in range(T):
        for i in range(half):
            angle = (start + t) / 10_000 ** (2 * i / D)
            expected[t, :, 2 * i] += np.sin(angle)
            expected[t, :, 2 * i + 1] += np.cos(angle)
    assert space.holds(y)
    close(nn.to_numpy(y), expected, 1e-12, "value")
    np.testing.assert_array_equal(nn.to_numpy(backward(y)), nn.to_numpy(y))
    assert memory == {"read": start + T}


@given(T=st.integers(1, 5), N=st.integers(1, 3), D=st.integers(1, 4), start=st.integers(0, 4))
def test_learned_positions(space, T, N, D, start):
    layer = nn.PositionalEncoding(D, "learned", longest=9)
    params, rng = placed(space, layer), np.random.default_rng(T)
    x, dy = rng.normal(size=(T, N, D)), rng.normal(size=(T, N, D))
    y, backward = nn.vjp(layer, params, space.array(x), memory={"read": np.asarray(start)})
    dparams, dx = backward(space.array(dy))
    P, dP = nn.to_numpy(params["P"]), np.zeros((9, D))
    expected = x.copy()
    for t in range(T):
        for n in range(N):
            expected[t, n] += P[start + t]
            dP[start + t] += dy[t, n]
    close(nn.to_numpy(y), expected, 1e-12, "value")
    close(nn.to_numpy(dparams["P"]), dP, 1e-12, "dP")
    np.testing.assert_array_equal(nn.to_numpy(dx), dy)


@pytest.mark.parametrize("kind", ["sinusoidal", "learned"])
@pytest.mark.parametrize("pieces", [[1, 1, 1, 1, 1], [2, 3], [4, 1], [5]])
def test_pieces_count_on(kind, pieces, rng):
    layer = nn.PositionalEncoding(4, kind, longest=5)
    params, x = layer.init(seed=1, dtype="float64"), rng.normal(size=(5, 2, 4))
    memory, found, start = {}, [], 0
    for length in pieces:
        found.append(layer(params, x[start : start + length], memory=memory))
        start += length
        assert memory["read"] == start
    np.testing.assert_array_equal(np.concatenate(found), layer(params, x))


@pytest.mark.parametrize("kind", ["sinusoidal", "learned"])
def test_a_memory_holds_arrays_of_any_library(space, kind, rng):
    """What is read comes back as an array, and one that lives on a device counts, too."""
    layer = nn.PositionalEncoding(4, kind, longest=5)
    params, x = placed(space, layer), space.array(rng.normal(size=(5, 2, 4)))
    memory = {"read": space.array(3)}
    found = layer(params, x[3:, ...], memory=memory)
    np.testing.assert_array_equal(nn.to_numpy(found), nn.to_numpy(layer(params, x))[3:])
    assert (memory["read"].shape, memory["read"]) == ((), 5)


def test_without_a_memory_nothing_is_kept(rng):
    x = rng.normal(size=(5, 2, 4))
    for layer in (nn.PositionalEncoding(4), nn.MultiHeadAttention(4, 2, causal=True)):
        params = placed(NUMPY, layer)
        assert layer.forward(params, x)[2] == {}
        assert layer.forward(params, x, memory={})[2] != {}


@pytest.mark.parametrize("kind", ["sinusoidal", "learned"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_stays(kind, dtype):
    layer = nn.PositionalEncoding(4, kind, longest=5)
    params = layer.init(dtype=dtype)
    y, backward = nn.vjp(layer, params, np.ones((5, 2, 4), dtype))
    dparams, dx = backward(y)
    assert {y.dtype, dx.dtype, *(g.dtype for g in dparams.values())} == {np.dtype(dtype)}
    np.testing.assert_array_equal(layer(params, np.ones((5, 2, 4), dtype)), y)


def test_learned_positions_begin_small():
    P = nn.PositionalEncoding(64, "learned", longest=500).init(seed=0)["P"]
    assert P.shape == (500, 64)
    assert P.std() == pytest.approx(0.02, rel=0.05)
    assert list(nn.PositionalEncoding(4).init()) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.PositionalEncoding(5), "width is 5, expected an even number"),
        (lambda: nn.PositionalEncoding(0), "PositionalEncoding: width is 0"),
        (
            lambda: nn.PositionalEncoding(4, "rotary"),
            r"is 'rotary', expected one of \('sinusoidal', 'l",
        ),
        (lambda: nn.PositionalEncoding(4, "learned"), "longest is None, expected a whole number"),
        (lambda: called(np.ones((3, 4))), r"x has shape \(3, 4\), expected \(T, N, D\)"),
        (lambda: called(np.ones((3, 1, 6))), r"x has shape \(3, 1, 6\), .* with D = 4"),
        (lambda: called(np.ones((6, 1, 4))), "x goes on to position 6, expected at most 5"),
        (
            lambda: called(np.ones((2, 1, 4)), memory={"read": np.asarray(4)}),
            "x goes on to position 6, expected at most 5",
        ),
    ],
)
def test_what_it_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def called(x, **kw):
    layer = nn.PositionalEncoding(4, "learned", longest=5)
    return layer(layer.init(dtype="float64"), x, **kw)
