"""Tasks made of random numbers, on which a network's memory is measured.

Each gives a fresh batch, time first, in float32, on the current backend. How far apart cause and
effect lie is an argument.
"""

import numpy as np

from nnlearn.arrays.backend import asarray
from nnlearn.arrays.typing import Array


def signals(gap: int, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw the task of one bit: +1 or -1 at the first step, then noise on another line.

    Parameters
    ----------
    gap : int
        Steps of noise after the bit.
    count : int
        Sequences, N.
    rng : numpy.random.Generator

    Returns
    -------
    x : array of float32, shape (gap + 1, N, 2)
        The bit's line and the noise's line.
    bit : array of float32, shape (N, 1)
        1 where the first input was +1, else 0.
    """
    bit = rng.integers(0, 2, size=(count, 1)).astype("float32")
    x = np.zeros((gap + 1, count, 2), dtype="float32")
    x[0, :, 0] = 2 * bit[:, 0] - 1
    x[1:, :, 1] = rng.normal(size=(gap, count))
    return asarray(x), asarray(bit)


def adding(steps: int, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw the adding problem: two of the numbers are marked, and their sum is asked for.

    Parameters
    ----------
    steps : int
        Length T of a sequence, at least 2.
    count : int
        Sequences, N.
    rng : numpy.random.Generator

    Returns
    -------
    x : array of float32, shape (T, N, 2)
        A number, uniform in [0, 1), and a mark: 1 at one step of each half, else 0.
    total : array of float32, shape (N, 1)
        The sum of the two numbers that are marked.

    Raises
    ------
    ValueError
        If there are not two steps to mark.

    Notes
    -----
    After Hochreiter and Schmidhuber :cite:`hochreiter1997`. Source: eq-adding.
    """
    if steps < 2:
        raise ValueError(f"adding: steps is {steps}, expected at least 2")
    x = np.zeros((steps, count, 2), dtype="float32")
    x[..., 0] = rng.random((steps, count))
    half, each = steps // 2, np.arange(count)
    first, second = rng.integers(0, half, count), rng.integers(half, steps, count)
    x[first, each, 1] = x[second, each, 1] = 1
    total = x[first, each, 0] + x[second, each, 0]
    return asarray(x), asarray(total[:, None])


def copying(
    gap: int, count: int, rng: np.random.Generator, length: int = 3, symbols: int = 4
) -> tuple[Array, Array]:
    """Draw the copy task among noise: keep some flagged symbols, let others pass, then say them.

    Parameters
    ----------
    gap : int
        How many symbols pass that are not flagged.
    count : int
        Sequences, N.
    rng : numpy.random.Generator
    length : int
        How many symbols are to be kept, K.
    symbols : int
        How many different symbols there are, S.

    Returns
    -------
    x : array of float32, shape (gap + 2 K, N, S + 2)
        A symbol's one-hot vector, the flag "keep this", the flag "now say it". While the network
        answers, in the last K steps, no symbol comes in.
    wanted : array of int, shape (K, N)
        The symbols that were flagged, in their order.
    """
    seen = length + gap
    shown = rng.integers(0, symbols, size=(seen, count))
    x = np.zeros((seen + length, count, symbols + 2), dtype="float32")
    x[:seen, :, :symbols] = np.eye(symbols)[shown]
    x[:length, :, symbols] = 1
    x[seen, :, symbols + 1] = 1
    return asarray(x), asarray(shown[:length])
