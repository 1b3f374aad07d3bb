"""Attention and its weights: loops, PyTorch and finite differences agree, under every mask."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from witnesses import NUMPY, agree, batch_shapes, close, dtypes, layouts, seeds, sizes

import nnlearn as nn

by_torch_alone = torch.nn.functional.scaled_dot_product_attention


def weights_literal(q, k, mask=None):
    """p of one query after the other, key by key; a query that may look at nothing has none."""
    p = np.zeros((*q.shape[:-1], k.shape[-2]))
    may = np.ones(p.shape, bool) if mask is None else np.broadcast_to(mask, p.shape)
    for index in np.ndindex(*q.shape[:-1]):
        open_keys = [s for s in range(k.shape[-2]) if may[(*index, s)]]
        scores = {
            s: sum(a * b for a, b in zip(q[index], k[(*index[:-1], s)], strict=True))
            / math.sqrt(q.shape[-1])
            for s in open_keys
        }
        for s in open_keys:
            others = (math.exp(min(scores[u] - scores[s], 700.0)) for u in open_keys)
            p[(*index, s)] = 1 / sum(others)
    return p


def attention_literal(q, k, v, mask=None):
    p = weights_literal(q, k, mask)
    o = np.zeros((*q.shape[:-1], v.shape[-1]))
    for index in np.ndindex(*o.shape):
        for s in range(k.shape[-2]):
            o[index] += p[(*index[:-1], s)] * v[(*index[:-2], s, index[-1])]
    return o


def attention_by_torch(q, k, v, mask=None):
    shape = (*q.shape[:-1], k.shape[-2])
    if 0 in shape:  # PyTorch has no word for that: the formula has
        return torch.softmax(q @ k.mT, -1) @ v
    return by_torch_alone(q, k, v, None if mask is None else torch.broadcast_to(mask, shape))


def weights_by_torch(q, k, mask=None):
    """The values of key number s are row s of the unit matrix: their means are the weights."""
    unit = torch.eye(k.shape[-2], dtype=q.dtype).expand(*k.shape[:-1], -1)
    return attention_by_torch(q, k, unit, mask)


def no_mask(rng, shape):
    return None


def causal(rng, shape):
    """As `nn.causal_mask`, where there may be more queries than keys: then the first see none."""
    T, S = shape[-2:]
    return np.arange(S) <= np.arange(T)[:, None] + S - T


def padding(rng, shape):
    """Another length for each sequence, none included: the queries' axis is repeated."""
    lengths = rng.integers(0, shape[-1] + 1, shape[:-2])
    return np.arange(shape[-1]) < lengths[..., None, None]


def at_random(rng, shape):
    return rng.uniform(size=shape) < 0.6


def closed_rows(rng, shape):
    """Some queries may look at nothing."""
    return at_random(rng, shape) & (rng.uniform(size=(*shape[:-1], 1)) < 0.5)


def repeated_axes(rng, shape):
    """Each axis is there, is of size 1, or, from the left on, is missing."""
    kept = [n if rng.uniform() < 0.5 else 1 for n in shape]
    return (rng.uniform(size=kept) < 0.6)[(0,) * int(rng.integers(0, len(shape) - 1))]


MASKS = {f.__name__: f for f in (no_mask, causal, padding, at_random, closed_rows, repeated_axes)}
cases = {
    "shape": batch_shapes,
    "T": sizes,
    "S": sizes,
    "d": st.integers(1, 3),
    "dtype": dtypes,
    "layout": layouts,
    "seed": seeds,
}


def drawn(kind, shape, T, S, d, e, seed):
    """Return queries, keys, values, and a list with a mask, or without one."""
    rng = np.random.default_rng(seed)
    q, k, v = (2 * rng.normal(size=(*shape, *s)) for s in [(T, d), (S, d), (S, e)])
    shape = (*shape, T, S)
    if kind == "repeated_axes" and 0 in shape:
        kind = "at_random"
    mask = MASKS[kind](rng, shape)
    return q, k, v, [] if mask is None else [mask]


@pytest.mark.parametrize("kind", MASKS)
@given(e=sizes, **cases)
def test_attention(space, kind, shape, T, S, d, e, dtype, layout, seed):
    q, k, v, mask = drawn(kind, shape, T, S, d, e, seed)
    agree(
        space,
        nn.attention,
        [q, k, v],
        attention_literal,
        attention_by_torch,
        constants=mask,
        dtype=dtype,
        layout=layout,
    )


@pytest.mark.parametrize("kind", MASKS)
@given(**cases)
def test_attention_weights(space, kind, shape, T, S, d, dtype, layout, seed):
    q, k, _, mask = drawn(kind, shape, T, S, d, 1, seed)
    agree(
        space,
        nn.attention_weights,
        [q, k],
        weights_literal,
        weights_by_torch,
        constants=mask,
        dtype=dtype,
        layout=layout,
    )


def test_more_than_a_hundred_cases_against_pytorch():
    """Forward and backward, at larger sizes; none is another one once more."""
    seen = Counter()

    @settings(max_examples=300)
    @given(
        kind=st.sampled_from(list(MASKS)),
        shape=st.sampled_from([(), (2,), (3, 2)]),
        T=st.integers(1, 9),
        S=st.integers(1, 9),
        d=st.integers(1, 8),
        e=st.integers(1, 8),
        seed=seeds,
    )
    def case(kind, shape, T, S, d, e, seed):
        q, k, v, mask = drawn(kind, shape, T, S, d, e, seed)
        agree(
            NUMPY,
            nn.attention,
            [q, k, v],
            attention_literal,
            attention_by_torch,
            constants=mask,
            differences=False,
        )
        seen[kind, shape, T, S, d, e, seed] += 1

    case()
    kinds = Counter(kind for kind, *_ in seen)
    assert len(seen) >= 100
    assert min(kinds[kind] for kind in MASKS) >= 10, kinds


def test_heads_of_real_size(space, rng):
    """At sizes where another kernel of the matrix product is used."""
    arrays = [rng.normal(size=(2, 4, n, 64)) for n in (65, 130, 130)]
    mask = np.arange(130) <= np.arange(65)[:, None] + 65
    o, backward = nn.vjp(nn.attention, *map(space.array, arrays), space.array(mask), wrt=(0, 1, 2))
    do = rng.normal(size=o.shape)
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    expected = attention_by_torch(*tensors, torch.tensor(mask))
    expected.backward(torch.tensor(do))
    close(nn.to_numpy(o), expected.detach(), 1e-12, "o")
    for ours, t in zip(backward(space.array(do)), tensors, strict=True):
        close(nn.to_numpy(ours), t.grad, 1e-12, "gradient")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_scores(space, dtype):
    """Scores of ±10⁴, which are exact in both precisions, close together and far apart."""
    q = np.array([[1.0], [-1.0], [0.5]])
    k = np.array([[1e4], [1e4 - 1], [-1e4], [1e4]])
    v = np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 5.0], [1.0, 0.25]])
    for mask in ([], [np.array([True, True, False, True])]):
        arrays = [space.array(a, dtype) for a in (q, k, v)]
        o, backward = nn.vjp(nn.attention, *arrays, *map(space.array, mask), wrt=(0, 1, 2))
        do = np.array([[1.0, -1.0], [0.5, 2.0], [1.0, 1.0]])
        tensors = [torch.tensor(a, requires_grad=True) for a in (q, k, v)]
        expected = attention_by_torch(*tensors, *map(torch.tensor, mask))
        expected.backward(torch.tensor(do))
        tolerance = 1e-6 if dtype == "float32" else 1e-14
        close(nn.to_numpy(o), expected.detach(), tolerance, "o")
        dq, *others = map(nn.to_numpy, backward(space.array(do, dtype)))
        close(dq, tensors[0].grad, 1e4 * tolerance, "dq, in which numbers of 10⁴ cancel")
        for ours, t in zip(others, tensors[1:], strict=True):
            close(ours, t.grad, tolerance, "dk, dv")


STRANGE = [np.nan, np.inf, -np.inf, 0.0, 1.0]


def test_strange_scores_as_in_the_softmax():
    """NaN gives NaN, +∞ gives NaN, -∞ the weight 0: one component, so that k is the score."""
    k = np.array(np.meshgrid(*[STRANGE] * 3)).reshape(3, -1).T[..., None]
    q = np.ones((len(k), 1, 1))
    with np.errstate(all="ignore"):
        p, softmax = nn.attention_weights(q, k), nn.softmax(k[..., 0])
        opened = nn.attention_weights(q, k, np.ones((1, 3), bool))
    np.testing.assert_array_equal(p[:, 0, :], softmax)
    np.testing.assert_array_equal(opened, p)
    assert 0 < np.isnan(p).all(axis=-1).sum() < len(p)


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_what_is_masked_has_no_say(space, strange):
    """Whatever its key is, its weight is 0, and the weights of the others stay."""
    k = np.array([[0.5], [1.5], [strange], [-1.0]])
    q, mask = np.array([[1.0], [2.0]]), np.array([True, True, False, True])
    p = nn.to_numpy(nn.attention_weights(*map(space.array, (q, k, mask))))
    np.testing.assert_array_equal(p[:, 2], 0)
    close(p[:, mask], weights_literal(q, k[mask]), 1e-15, "the others")


def test_a_query_that_may_look_at_nothing(space, rng):
    """Its output is 0, and nobody's gradient comes from it; without any key all are such."""
    q, k, v = (rng.normal(size=s) for s in [(2, 3), (4, 3), (4, 2)])
    mask = np.array([[True] * 4, [False] * 4])
    arrays = [*map(space.array, (q, k, v, mask))]
    o, backward = nn.vjp(nn.attention, *arrays, wrt=(0, 1, 2))
    assert nn.to_numpy(o)[1].tolist() == [0, 0]
    do = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert not any(nn.to_numpy(g).any() for g in backward(space.array(do)))
    o, backward = nn.vjp(nn.attention, arrays[0], arrays[1][:0, :], arrays[2][:0, :])
    assert nn.to_numpy(o).tolist() == [[0, 0], [0, 0]]
    dq, dk, dv = backward(o)
    assert (nn.to_numpy(dq).tolist(), dk.shape, dv.shape) == ([[0] * 3] * 2, (0, 3), (0, 2))
    assert nn.attention(arrays[0][:0, :], *arrays[1:3]).shape == (0, 2)


def test_the_future_has_no_say(rng):
    """Another key or value after position t changes no bit of o up to t."""
    q, k, v = rng.normal(size=(3, 5, 4))
    mask = nn.causal_mask(5)
    o = nn.attention(q, k, v, mask)
    for t in range(4):
        k2, v2 = k.copy(), v.copy()
        k2[t + 1 :], v2[t + 1 :] = rng.normal(size=(2, 4 - t, 4))
        changed = nn.attention(q, k2, v2, mask)
        np.testing.assert_array_equal(changed[: t + 1], o[: t + 1])
        assert (changed[t + 1 :] != o[t + 1 :]).all()


def test_what_comes_out_is_no_part_of_what_went_in(rng):
    q, k, v = rng.normal(size=(3, 2, 2))
    for mask in ([], [np.ones((2, 2), bool)]):
        o, backward = nn.vjp(nn.attention, q, k, v, *mask, wrt=(0, 1, 2))
        p, backward_p = nn.vjp(nn.attention_weights, q, k, *mask, wrt=(0, 1))
        do = np.ones((2, 2))
        for fresh in (o, p, *backward(do), *backward_p(do)):
            assert not any(np.shares_memory(fresh, a) for a in (q, k, v, do, *mask))


def test_weights_that_nobody_asks_for_get_no_gradient(rng):
    """For dv alone neither dp nor ds is computed: each gradient waits."""
    q, k = rng.normal(size=(2, 2, 2))
    p, v, do = nn.attention_weights(q, k), np.full((2, 2), 1e3), np.full((2, 2), 1e307)
    dq, _, dv = nn.attention.forward(q, k, v)[1](do)
    close(dv() / 1e307, p.T @ np.ones((2, 2)), 1e-15, "dv")
    with pytest.raises(RuntimeWarning, match="overflow"):  # in dp
        dq()


one = np.ones((2, 3))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([one, np.ones((2, 4)), one], r"k has shape \(2, 4\), expected \(\.\.\., S, d\) .*d = 3"),
        ([one, one, np.ones((3, 3))], r"v has shape \(3, 3\), expected \(\.\.\., S, e\) .*S = 2"),
        ([one, np.ones((1, 2, 3)), one], r"k has shape \(1, 2, 3\), expected \(\.\.\., S, d\)"),
        ([np.ones(3), one, one], r"q has shape \(3,\), expected \(\.\.\., T, d\)"),
        ([np.ones((2, 0)), np.ones((2, 0)), one], r"q has shape \(2, 0\), expected d of at least"),
        ([one, one, one, np.ones((3, 2), bool)], r"mask has shape \(3, 2\), .*scores', \(2, 2\)"),
        ([one, one, one, np.ones((1, 2, 2), bool)], r"mask has shape \(1, 2, 2\), expected one"),
    ],
)
def test_shapes_that_do_not_fit(arrays, message):
    with pytest.raises(ValueError, match=f"^attention: {message}"):
        nn.attention(*arrays)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([one, one, one, one], "mask is of float64, expected an array of bool"),
        ([one, one, one, np.ones((2, 2), int)], "mask is of int64, expected an array of bool"),
        ([one, one, one, [[True]]], "mask is of list, expected an array of bool"),
        ([one, one, one.tolist()], "v is a list, expected a floating-point array"),
        ([one.astype(int), one, one], "q has dtype int64, expected a floating-point array"),
        ([one, one.astype("complex64"), one], "k has dtype complex64, expected a floating"),
        ([one, one, one.astype(one.dtype.newbyteorder())], "v has dtype >f8, .*this machine's"),
        ([one, torch.ones(2, 3), one], "k is an array of torch, the first argument one of numpy"),
    ],
)
def test_what_is_no_array_of_that_kind(arrays, message):
    with pytest.raises(TypeError, match=f"^attention: {message}"):
        nn.attention(*arrays)
