"""Initial values, drawn on the host so that every backend starts from the same bits.

An initializer is a function ``(rng, shape, fan_in, fan_out)`` that gives a NumPy array.
"""

import math
from collections.abc import Callable

import numpy as np

from nnlearn.arrays.typing import Array


def he(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
    """Draw normal values of variance 2 / fan_in: keeps the forward variance under ReLU.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    fan_in, fan_out : int
        How many inputs one output sees, and how many outputs one input reaches.

    Returns
    -------
    ndarray of float64

    Notes
    -----
    Source: eq-he.
    """
    return rng.normal(0.0, math.sqrt(2.0 / max(fan_in, 1)), shape)


def glorot(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
    """Draw uniform values of variance 2 / (fan_in + fan_out): the compromise of both passes.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    fan_in, fan_out : int

    Returns
    -------
    ndarray of float64

    Notes
    -----
    Uniform on [-a, a] has variance a² / 3, so a² = 6 / (fan_in + fan_out). Source: eq-glorot.
    """
    limit = math.sqrt(6.0 / max(fan_in + fan_out, 1))
    return rng.uniform(-limit, limit, shape)


def orthogonal(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    fan_in: int | None = None,
    fan_out: int | None = None,
) -> Array:
    """Draw orthogonal square blocks, all equally likely: they keep the length of what they turn.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : pair of int
        (k H, H): k blocks of (H, H), one below the other, as for the gates of an LSTM.

    Returns
    -------
    ndarray of float64

    Notes
    -----
    The signs make the draw uniform over all orthogonal matrices :cite:`mezzadri2007`. Repeated
    products then neither vanish nor explode at the start :cite:`saxe2014`.
    """
    rows, H = shape
    if rows % max(H, 1):
        raise ValueError(f"orthogonal: shape is {shape}, expected whole blocks of ({H}, {H})")
    q, r = np.linalg.qr(rng.normal(size=(rows // max(H, 1), H, H)))
    signs = np.where(np.diagonal(r, axis1=1, axis2=2) < 0, -1.0, 1.0)
    return np.reshape(q * signs[:, None, :], shape)


def normal(std: float) -> Callable[..., Array]:
    """Return an initializer that draws normal values of a given standard deviation."""

    def initializer(
        rng: np.random.Generator,
        shape: tuple[int, ...],
        fan_in: int | None = None,
        fan_out: int | None = None,
    ) -> Array:
        return rng.normal(0.0, std, shape)

    return initializer


def fill(value: float) -> Callable[..., Array]:
    """Return an initializer that gives the same value everywhere."""

    def initializer(
        rng: np.random.Generator,
        shape: tuple[int, ...],
        fan_in: int | None = None,
        fan_out: int | None = None,
    ) -> Array:
        return np.full(shape, float(value))

    return initializer
