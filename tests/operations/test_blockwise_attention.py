"""Attention in blocks: what `nn.attention` gives, by the same witnesses, in much less memory."""

import math
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import TOLERANCE, agree, batch_shapes, close, dtypes, layouts, place, seeds, sizes

import nnlearn as nn

by_torch_alone = torch.nn.functional.scaled_dot_product_attention


def running_literal(q, k, v, causal):
    """Key after key, with a running maximum and running sums: no row of weights is ever there."""
    T, S = q.shape[-2], k.shape[-2]
    o = np.zeros((*q.shape[:-1], v.shape[-1]))
    for *n, t in np.ndindex(*q.shape[:-1]):
        m, l, total = -math.inf, 0.0, np.zeros(v.shape[-1])
        for s in range(t + S - T + 1 if causal else S):
            score = sum(a * b for a, b in zip(q[(*n, t)], k[(*n, s)], strict=True))
            score /= math.sqrt(q.shape[-1])
            top = max(m, score)
            l = l * math.exp(m - top) + math.exp(score - top)
            total = total * math.exp(m - top) + math.exp(score - top) * v[(*n, s)]
            m = top
        if l:
            o[(*n, t)] = total / l
    return o


def mask_of(causal, T, S):
    return np.arange(S) <= np.arange(T)[:, None] + S - T if causal else np.ones((T, S), bool)


def attention_by_torch(causal):
    def run(q, k, v):
        T, S = q.shape[-2], k.shape[-2]
        if 0 in (*q.shape, S):
            return torch.softmax(q @ k.mT, -1) @ v
        return by_torch_alone(q, k, v, torch.tensor(mask_of(causal, T, S)))

    return run


def drawn(shape, T, S, d, e, seed, scale=2.0):
    rng = np.random.default_rng(seed)
    return [scale * rng.normal(size=(*shape, *s)) for s in [(T, d), (S, d), (S, e)]]


@pytest.mark.parametrize("causal", [False, True])
@given(
    shape=batch_shapes,
    T=sizes,
    S=st.integers(0, 5),
    d=st.integers(1, 3),
    e=sizes,
    block=st.sampled_from([1, 2, 3, 128]),
    dtype=dtypes,
    layout=layouts,
    seed=seeds,
)
def test_blockwise_attention(space, causal, shape, T, S, d, e, block, dtype, layout, seed):
    S = max(S, T) if causal else S
    agree(
        space,
        nn.blockwise_attention,
        drawn(shape, T, S, d, e, seed),
        lambda q, k, v: running_literal(q, k, v, causal),
        attention_by_torch(causal),
        keywords={"causal": causal, "block": block},
        dtype=dtype,
        layout=layout,
    )


@pytest.mark.parametrize("block", [1, 2, 7, 12, 13, 128])
@given(
    form=st.sampled_from([(9, False), (13, True), (5, True), (1, True)]),
    shape=st.sampled_from([(), (2,), (2, 3)]),
    dtype=dtypes,
    layout=layouts,
    seed=seeds,
)
def test_the_same_as_in_one_piece(space, block, form, shape, dtype, layout, seed):
    """Value and gradients, whatever the blocks are, with what is left over and with none."""
    T, causal = form
    arrays = [a.astype(dtype) for a in drawn(shape, T, 13, 4, 3, seed)]
    placed = [place(space, a, layout) for a in arrays]
    mask = space.array(mask_of(True, T, 13)) if causal else None
    o, backward = nn.vjp(nn.blockwise_attention, *placed, causal=causal, block=block)
    whole, backward_whole = nn.vjp(nn.attention, *placed, mask=mask)
    do = place(space, np.random.default_rng(1).normal(size=o.shape).astype(dtype), layout)
    for ours, theirs in zip((o, *backward(do)), (whole, *backward_whole(do)), strict=True):
        assert ours.dtype == theirs.dtype
        close(nn.to_numpy(ours), nn.to_numpy(theirs), TOLERANCE[dtype], "in blocks")


def peak(f):
    """Measure how much memory is taken at most while a function runs."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        f()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def there_and_back(operation, q, k, v, **keywords):
    o, backward = nn.vjp(operation, q, k, v, **keywords)
    backward(o)


@pytest.mark.parametrize("causal", [False, True])
def test_memory_grows_with_the_length_alone(causal):
    """Twice as long takes twice the memory, and not four times; at 1,024 a tenth is enough."""
    arrays = {n: drawn((), n, n, 4, 4, 0) for n in (256, 512, 1024)}
    there_and_back(nn.blockwise_attention, *arrays[256])  # what is made once is made now
    blocks, whole = (
        {n: peak(lambda: there_and_back(f, *arrays[n], **kw[n])) for n in arrays}  # noqa: B023
        for f, kw in (
            (nn.blockwise_attention, {n: {"causal": causal, "block": 16} for n in arrays}),
            (nn.attention, {n: {"mask": nn.causal_mask(n) if causal else None} for n in arrays}),
        )
    )
    for n in (256, 512):
        assert 1.8 < blocks[2 * n] / blocks[n] < 2.2
        assert 3.6 < whole[2 * n] / whole[n] < 4.4
    assert blocks[1024] < whole[1024] / 10


def test_blocks_of_the_future_are_not_read(rng):
    """A weight of 0 times an infinite value is no number: none comes to a query before them."""
    q, k, v = rng.normal(size=(3, 6, 2))
    k[4:], v[4:] = np.nan, np.inf
    o, backward = nn.vjp(nn.blockwise_attention, q[:4], k[:4], v[:4], causal=True, block=2)
    with np.errstate(all="ignore"):
        longer, backward_longer = nn.vjp(nn.blockwise_attention, q, k, v, causal=True, block=2)
        do = np.concatenate([np.ones((4, 2)), np.zeros((2, 2))])
        dq = backward_longer(do)[0]
    np.testing.assert_array_equal(longer[:4], o)
    np.testing.assert_array_equal(dq[:4], backward(do[:4])[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("block", [1, 2, 128])
def test_huge_scores(space, dtype, block):
    """Equal and nearly equal scores of 10⁴: m + log l in one number would lose their digits."""
    q = np.array([[1.0], [-1.0], [0.5]])
    k = np.array([[-1e4], [1e4], [1e4 - 1], [1e4], [1e4]])
    v = np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 5.0], [1.0, 0.25], [0.0, 1.0]])
    placed = [space.array(a, dtype) for a in (q, k, v)]
    o, backward = nn.vjp(nn.blockwise_attention, *placed, block=block)
    do = np.array([[1.0, -1.0], [0.5, 2.0], [1.0, 1.0]])
    tensors = [torch.tensor(a, requires_grad=True) for a in (q, k, v)]
    expected = by_torch_alone(*tensors)
    expected.backward(torch.tensor(do))
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    close(nn.to_numpy(o), expected.detach(), tolerance, "o")
    dq, *others = map(nn.to_numpy, backward(space.array(do, dtype)))
    close(dq, tensors[0].grad, 1e4 * tolerance, "dq, in which numbers of 10⁴ cancel")
    for ours, t in zip(others, tensors[1:], strict=True):
        close(ours, t.grad, tolerance, "dk, dv")


@pytest.mark.parametrize("block", [1, 2, 3])
def test_strange_scores_as_in_one_piece(block):
    """NaN, infinite and plain scores in every order: one component, so that k is the score."""
    k = np.array(np.meshgrid(*[[np.nan, np.inf, -np.inf, 0.5]] * 3)).reshape(3, -1).T[..., None]
    q, v = np.ones((len(k), 1, 1)), np.arange(3.0)[:, None] * np.ones((len(k), 1, 1))
    with np.errstate(all="ignore"):
        o, backward = nn.vjp(nn.blockwise_attention, q, k, v, block=block)
        whole, backward_whole = nn.vjp(nn.attention, q, k, v)
        both = zip((o, *backward(q)), (whole, *backward_whole(q)), strict=True)
    for ours, theirs in both:
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        close(np.nan_to_num(ours), np.nan_to_num(theirs), 1e-15, "in blocks")
    assert 0 < np.isnan(o).sum() < o.size


def test_without_keys_or_queries(space, rng):
    q, k, v = (space.array(rng.normal(size=s)) for s in [(2, 3), (4, 3), (4, 2)])
    o, backward = nn.vjp(nn.blockwise_attention, q, k[:0, :], v[:0, :])
    assert nn.to_numpy(o).tolist() == [[0, 0], [0, 0]]
    assert [g.shape for g in backward(o)] == [(2, 3), (0, 3), (0, 2)]
    assert not nn.to_numpy(backward(o)[0]).any()
    for causal in (False, True):
        o, backward = nn.vjp(nn.blockwise_attention, q[:0, :], k, v, causal=causal, block=3)
        assert o.shape == (0, 2)
        assert [nn.to_numpy(g).any() for g in backward(o)] == [False] * 3


def test_each_gradient_alone_and_in_any_order(rng):
    """All three come from one way back, whichever is asked for first; none before it is asked."""
    q, k, v = rng.normal(size=(3, 5, 2))
    do = rng.normal(size=(5, 2))
    together = nn.vjp(nn.blockwise_attention, q, k, v, block=2)[1](do)
    waiting = nn.blockwise_attention.forward(q, k, v, block=2)[1](do)
    for i in (2, 0, 1):
        np.testing.assert_array_equal(waiting[i](), together[i])
        assert waiting[i]() is waiting[i]()
        assert not any(np.shares_memory(together[i], a) for a in (q, k, v, do))
    waiting = nn.blockwise_attention.forward(q, k, 1e3 * np.ones((5, 2)))[1](
        1e307 * np.ones((5, 2))
    )
    with pytest.raises(RuntimeWarning, match="overflow"):  # in dp, and not before
        waiting[0]()


one = np.ones((3, 2))


@pytest.mark.parametrize(
    ("arrays", "keywords", "message"),
    [
        ([one, np.ones((3, 4)), one], {}, r"k has shape \(3, 4\), expected \(\.\.\., S, d\)"),
        ([one, one, np.ones((2, 2))], {}, r"v has shape \(2, 2\), expected \(\.\.\., S, e\)"),
        ([one[:, :0], one[:, :0], one], {}, r"q has shape \(3, 0\), expected d of at least 1"),
        ([one, one, one], {"block": 0}, "block is 0, expected a whole number of at least 1"),
        ([one, one, one], {"block": 2.0}, "block is 2.0, expected a whole number"),
        ([one, one[:2], one[:2]], {"causal": True}, "k has 2 rows, expected at least .* q, 3, for"),
    ],
)
def test_what_does_not_fit(arrays, keywords, message):
    with pytest.raises(ValueError, match=f"^blockwise_attention: {message}"):
        nn.blockwise_attention(*arrays, **keywords)


def test_integers_and_strangers_are_refused():
    with pytest.raises(TypeError, match="blockwise_attention: q has dtype int64, expected a float"):
        nn.blockwise_attention(one.astype(int), one, one)
    with pytest.raises(TypeError, match="blockwise_attention: v is an array of torch"):
        nn.blockwise_attention(one, one, torch.ones(3, 2))
