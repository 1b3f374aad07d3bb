"""Attention that never holds all of its weights: the keys are read in blocks.

The softmax of a row needs the largest score and the sum of all exponentials, but it needs neither
at the start. Both can run along with the keys, and so can the weighted sum of the values.
"""

import math
from collections.abc import Iterator
from typing import Any

from nnlearn.arguments import positive_integer, truth
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable
from nnlearn.gradients import once
from nnlearn.operations.attention import check_width


@differentiable("q (..., T, d), k (..., S, d), v (..., S, e) -> o (..., T, e)")
def blockwise_attention(
    q: Array, k: Array, v: Array, causal: bool = False, block: int = 128
) -> Array:
    """Compute `nn.attention` with memory that grows as T + S, not as their product.

    Parameters
    ----------
    q : array, shape (..., T, d), floating-point
        Queries, one a row.
    k : array, shape (..., S, d)
        Keys, one a row.
    v : array, shape (..., S, e)
        Values, one for each key.
    causal : bool
        Whether a query looks only at its own position and at those before it. The queries stand
        at the last T of the S positions, as in `nn.causal_mask`.
    block : int
        How many keys are read at once.

    Returns
    -------
    array, shape (..., T, e)
        Zeros if there is no key.

    Raises
    ------
    ValueError
        If the shapes do not fit, the vectors have no components, `block` is no whole number of at
        least 1, or causal attention has fewer keys than queries.

    Notes
    -----
    Exact, up to rounding. With the running maximum m and the running sum l the weights of a block
    are e^{score - m} / l. The backward pass computes them a second time: what is kept are o, m and
    l. Their one-number form m + log l would lose digits of large scores in float32.
    After :cite:`milakov2018,rabe2021,dao2022`. Source: eq-running-softmax, eq-running-sum,
    eq-blockwise-gradient.
    """
    xp = array_namespace(q, k, v)
    check_width("blockwise_attention", q)
    blocks = list(_blocks(q.shape[-2], k.shape[-2], causal, block))
    scale = 1 / math.sqrt(q.shape[-1])
    scaled = q * scale

    def scores(rows: Any, keys: Any) -> Array:
        s = scaled[rows] @ xp.matrix_transpose(k[keys])
        return _without_future(s, rows, keys, k.shape[-2] - q.shape[-2]) if causal else s

    one_each = {"dtype": q.dtype, "device": q.device}
    m = xp.full((*q.shape[:-1], 1), -math.inf, **one_each)
    l = xp.zeros((*q.shape[:-1], 1), **one_each)
    o = xp.zeros((*q.shape[:-1], v.shape[-1]), **one_each)
    for rows, keys in blocks:
        s = scores(rows, keys)
        top = xp.maximum(m[rows], xp.max(s, axis=-1, keepdims=True))
        shift = xp.where(top == -math.inf, 0.0, top)  # -∞ less -∞ is no number
        old, p = xp.exp(m[rows] - shift), xp.exp(s - shift)
        l[rows] = old * l[rows] + xp.sum(p, axis=-1, keepdims=True)  # eq-running-sum
        o[rows] = old * o[rows] + p @ v[keys]  # eq-running-softmax
        m[rows] = top
    if blocks:  # with no key there is no sum to divide by
        o /= l

    def backward(do: Array) -> Gradients:
        def gradients() -> tuple[Array, Array, Array]:
            dq, dk, dv = (xp.zeros_like(a) for a in (q, k, v))
            mean_dp = xp.sum(do * o, axis=-1, keepdims=True)  # Σ p dp, of all blocks
            for rows, keys in blocks:
                p = xp.exp(scores(rows, keys) - m[rows]) / l[rows]
                dv[keys] = xp.matrix_transpose(p) @ do[rows]  # eq-attention-dv
                dp = do[rows] @ xp.matrix_transpose(v[keys])  # eq-attention-dp
                ds = p * (dp - mean_dp[rows])  # eq-blockwise-gradient
                dq[rows] += ds @ k[keys] * scale  # eq-attention-dq
                dk[keys] = xp.matrix_transpose(ds) @ scaled[rows]  # eq-attention-dk
            return dq, dk, dv

        found = once(gradients)
        return lambda: found()[0], lambda: found()[1], lambda: found()[2]

    return o, backward


def _blocks(T: int, S: int, causal: bool, block: int) -> Iterator[tuple[Any, Any]]:
    """Give, block after block of keys, the rows of those queries that look at it, and its own."""
    block = positive_integer("blockwise_attention", "block", block)
    if truth("blockwise_attention", "causal", causal) and S < T:
        raise ValueError(
            f"blockwise_attention: k has {S} rows, expected at least as many as q, {T}, for causal "
            "attention"
        )
    for start in range(0, S, block):
        first = max(0, start - (S - T)) if causal else 0  # the queries before see none of it
        stop = min(start + block, S)
        yield (..., slice(first, T), slice(None)), (..., slice(start, stop), slice(None))


def _without_future(s: Array, rows: Any, keys: Any, before: int) -> Array:
    """Put -∞ where a key comes after its query, which stands `before` places after its row."""
    xp = array_namespace(s)
    (_, t, _), (_, u, _) = rows, keys
    at = xp.arange(t.start + before, t.stop + before, device=s.device)
    of = xp.arange(u.start, u.stop, device=s.device)
    return xp.where(of[None, :] <= at[:, None], s, -math.inf)  # eq-causal-mask
