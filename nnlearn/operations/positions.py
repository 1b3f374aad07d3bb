"""Telling attention where things are: waves that are added, and vectors that are turned."""

import numpy as np

from nnlearn.arrays.backend import array_namespace, asarray
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable

BASE = 10_000.0  # the longest wave is nearly 2π times as long


def sinusoids(steps: int, width: int, start: int = 0, like: Array | None = None) -> Array:
    """Give each position a vector of sines and cosines, from short waves to long ones.

    Parameters
    ----------
    steps : int
        How many positions, T.
    width : int
        Components of a vector, D, an even number.
    start : int
        The first position.
    like : array, optional
        Whose library, device and dtype the result has; by default float32 on the current backend.

    Returns
    -------
    array, shape (T, D)
        Sines in the even columns, cosines in the odd ones.

    Raises
    ------
    ValueError
        If the width is odd, or `steps` is no whole number.

    Notes
    -----
    The angles are computed in float64: a late position in float32 would have lost its digits.
    After Vaswani et al. :cite:`vaswani2017`. Source: eq-sinusoids, eq-sinusoid-shift.
    """
    if not isinstance(steps, int | np.integer) or steps < 0:
        raise ValueError(f"sinusoids: steps is {steps!r}, expected a whole number of at least 0")
    angles = _angles("sinusoids", np.arange(start, start + steps), width)
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(steps, width)
    return _like(waves, like)


@differentiable("x (..., T, d)")
def rotary(x: Array, start: int = 0) -> Array:
    """Turn each vector by angles that grow with its position, pair of components by pair.

    Parameters
    ----------
    x : array, shape (..., T, d), floating-point
        Queries or keys, one a row; d is even.
    start : int
        The position of the first row.

    Returns
    -------
    array, shape (..., T, d)
        Vectors of the same lengths. The product of a query turned at t and a key turned at s
        depends on t and s through t - s alone.

    Raises
    ------
    ValueError
        If d is odd.

    Notes
    -----
    After Su et al. :cite:`su2021`. The gradient is turned back. Source: eq-rotary,
    eq-rotary-relative.
    """
    steps, d = x.shape[-2:]
    angles = _angles("rotary", np.arange(start, start + steps), d, " of components of x")
    cos, sin = (_like(f(angles), x) for f in (np.cos, np.sin))

    def backward(dy: Array) -> Gradients:
        return _turned(dy, cos, -sin)  # the transpose of a rotation turns back

    return _turned(x, cos, sin), backward


def _angles(function: str, positions: np.ndarray, width: int, of: str = "") -> np.ndarray:
    """Return position times frequency, (T, width/2), in float64 on the host."""
    if width % 2 or width < 2:
        raise ValueError(f"{function}: the width is {width}, expected an even number{of}")
    frequencies = BASE ** -(np.arange(0, width, 2) / width)
    return positions[:, None] * frequencies


def _like(values: np.ndarray, like: Array | None) -> Array:
    """Put numbers of the host where an array is, in its dtype."""
    if like is None:
        return asarray(values.astype(np.float32))
    return array_namespace(like).asarray(values, dtype=like.dtype, device=like.device)


def _turned(x: Array, cos: Array, sin: Array) -> Array:  # eq-rotary
    """Turn the pairs of neighbouring components."""
    xp = array_namespace(x)
    even, odd = x[..., 0::2], x[..., 1::2]
    pairs = xp.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1)
    return xp.reshape(pairs, x.shape)
