"""How the numbers of an array lie in memory: rows, columns, blocks."""

import math

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.typing import Array


def as_rows(x: Array) -> Array:
    """Put all dimensions of an array but the last below one another: (..., D) becomes (N, D)."""
    if x.ndim == 2:
        return x
    return array_namespace(x).reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def turned(a: Array) -> Array:
    """Copy an array with its last two axes swapped: columns to rows, rows to columns."""
    copy = room_for_turned(a)
    copy[...] = array_namespace(a).matrix_transpose(a)
    return copy


def room_for_turned(a: Array) -> Array:
    """Give an empty array for `a` with its last two axes swapped, to be filled step by step."""
    shape = (*a.shape[:-2], a.shape[-1], a.shape[-2])
    return array_namespace(a).empty(shape, dtype=a.dtype, device=a.device)


def blocks_of(columns: Array, count: int) -> list[Array]:
    """Give views of `count` equal blocks of rows, such as the gates of an LSTM: (..., H, N)."""
    size = columns.shape[-2] // count
    return [columns[..., k * size : (k + 1) * size, :] for k in range(count)]
