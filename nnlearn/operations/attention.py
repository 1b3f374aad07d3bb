"""Attention: a mean of values, weighted by how well each one's key fits a query."""

import math

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable
from nnlearn.gradients import once
from nnlearn.operations.activations import softmax


@differentiable("q (..., T, d), k (..., S, d) -> p (..., T, S)")
def attention_weights(q: Array, k: Array, mask: Array | None = None) -> Array:
    """Tell how much each query looks at each key: the softmax of q kᵀ / √d along the keys.

    Parameters
    ----------
    q : array, shape (..., T, d), floating-point
        Queries, one a row.
    k : array, shape (..., S, d)
        Keys, one a row.
    mask : array of bool, shape (T, S) or (..., T, S), optional
        True where a query may look at a key. Axes of size 1 are repeated.

    Returns
    -------
    array, shape (..., T, S)
        Never negative. Each row's sum is 1; but that of a query that may look at nothing is 0.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the vectors have no components.
    TypeError
        If the mask is not of bool.

    Notes
    -----
    NaN and infinite scores give what they give in `nn.softmax`; masked ones, whatever they are, 0.
    Source: eq-attention-weights, eq-causal-mask; its gradients are eq-attention-ds,
    eq-attention-dq and eq-attention-dk.
    """
    xp = array_namespace(q, k)
    check_width("attention", q)
    scale = 1 / math.sqrt(q.shape[-1])
    scaled = q * scale
    scores = scaled @ xp.matrix_transpose(k)
    p = _masked_softmax(scores, mask)

    def backward(dp: Array) -> Gradients:
        ds = p * (dp - xp.sum(dp * p, axis=-1, keepdims=True))  # eq-attention-ds
        return (
            lambda: ds @ k * scale,  # eq-attention-dq
            lambda: xp.matrix_transpose(ds) @ scaled,  # eq-attention-dk
        )

    return p, backward


@differentiable("q (..., T, d), k (..., S, d), v (..., S, e) -> o (..., T, e)")
def attention(q: Array, k: Array, v: Array, mask: Array | None = None) -> Array:
    """Scaled dot-product attention: for each query the mean of the values, by `attention_weights`.

    Parameters
    ----------
    q : array, shape (..., T, d), floating-point
        Queries, one a row.
    k : array, shape (..., S, d)
        Keys, one a row.
    v : array, shape (..., S, e)
        Values, one for each key.
    mask : array of bool, shape (T, S) or (..., T, S), optional
        True where a query may look at a key. Axes of size 1 are repeated.

    Returns
    -------
    array, shape (..., T, e)
        Zeros for a query that may look at nothing.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the vectors have no components.
    TypeError
        If the mask is not of bool.

    Notes
    -----
    After Vaswani et al. :cite:`vaswani2017`. A value that no query may look at must be finite all
    the same: 0 times NaN is NaN. Source: eq-attention; its gradients are
    eq-attention-dv, and those of the weights.
    """
    xp = array_namespace(q, k, v)
    p, backward_weights = attention_weights.forward(q, k, mask)

    def backward(do: Array) -> Gradients:
        dq_dk = once(lambda: backward_weights(do @ xp.matrix_transpose(v)))  # eq-attention-dp
        return (
            lambda: dq_dk()[0](),
            lambda: dq_dk()[1](),
            lambda: xp.matrix_transpose(p) @ do,  # eq-attention-dv
        )

    return p @ v, backward


def _masked_softmax(scores: Array, mask: Array | None) -> Array:
    """Take the softmax over those scores that a mask leaves; zeros where it leaves none."""
    if mask is not None:
        check_mask(mask, scores.shape)
    if scores.shape[-1] == 0:
        return scores  # where there is no key, there is no weight
    if mask is None:
        return softmax(scores)
    xp = array_namespace(scores)
    some = xp.any(mask, axis=-1, keepdims=True)
    zero = xp.zeros((), dtype=scores.dtype, device=scores.device)
    hidden = xp.where(some, zero - math.inf, zero)  # -∞ alone would have no softmax
    p = softmax(xp.where(mask, scores, hidden))
    p *= xp.astype(some, p.dtype)
    return p


def check_width(operation: str, q: Array) -> None:
    """Refuse vectors without components, whose scores would be divided by zero."""
    if q.shape[-1] == 0:
        raise ValueError(f"{operation}: q has shape {q.shape}, expected d of at least 1")


def check_mask(mask: Array, shape: tuple[int, ...]) -> None:
    """Refuse a mask that is not of bool, or cannot be repeated to the shape of the scores."""
    if not str(getattr(mask, "dtype", "")).endswith("bool"):
        kind = getattr(mask, "dtype", type(mask).__name__)
        raise TypeError(
            f"attention: mask is of {kind}, expected an array of bool: True where a query may look"
        )
    sizes = zip(reversed(mask.shape), reversed(shape), strict=False)
    if len(mask.shape) > len(shape) or any(m not in (1, s) for m, s in sizes):
        raise ValueError(
            f"attention: mask has shape {mask.shape}, expected one that repeats to the scores', "
            f"{shape}"
        )
