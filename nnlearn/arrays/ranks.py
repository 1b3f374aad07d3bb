"""Training on several processes, the *ranks* of MPI: each has a part of every batch.

All ranks hold the same parameters and the same data. Of each batch a rank takes a shard of the
rows, and a mean over the batch is a weighted sum of the means over the shards. Such sums over all
ranks, all-reduces, are the only messages of a training step: one of the gradient, and small ones of
batch normalization. Who trains in one process has one rank, which sends nothing.
"""

import contextlib
import contextvars
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from nnlearn.arrays.backend import array_namespace, is_cupy, to_numpy
from nnlearn.arrays.processes import Processes, group_of_devices
from nnlearn.arrays.typing import Array


def shard(count: int, rank: int, size: int) -> slice:
    """Return which rows are a rank's: of nearly as many as any other's.

    Parameters
    ----------
    count : int
        Of all rows. Where it is smaller than `size`, some ranks have none.
    rank : int
        From 0.
    size : int
        How many ranks there are.

    Returns
    -------
    slice
    """
    return slice(count * rank // size, count * (rank + 1) // size)


class Ranks(Processes):
    """The processes that train together."""

    def shard(self, count: int) -> slice:
        """Return which of `count` rows are this rank's."""
        return shard(count, self.rank, self.size)

    def sum(self, a: Array) -> Array:
        """Return the sum over all ranks of arrays of one shape: an all-reduce.

        Parameters
        ----------
        a : array, any shape
            This rank's. CuPy's go from device to device, and no host waits for them.

        Returns
        -------
        array
            Of the same shape, with the same bits on every rank.
        """
        if self.size == 1:
            return a
        xp = array_namespace(a)
        if is_cupy(a):
            total = xp.empty_like(a)
            group_of_devices(self.size, self.rank).all_reduce(a, total)
            return total
        own = np.ascontiguousarray(to_numpy(a))
        total = np.empty_like(own)
        self.communicator.Allreduce(own, total)
        return xp.asarray(total, device=a.device)

    def all_rows(self, own: Array, count: int) -> Array:
        """Return all rows on every rank, from the shard that each has.

        Parameters
        ----------
        own : array, shape (n_r, ...)
        count : int
            Of all rows.

        Raises
        ------
        ValueError
            On all ranks, if one does not give as many rows as its shard has.
        """
        if self.size == 1:
            return own
        rows, xp = self.shard(count), array_namespace(own)
        self.on_all(lambda: _check_rows(own.shape, rows.stop - rows.start))
        every = xp.zeros((count, *own.shape[1:]), dtype=own.dtype, device=own.device)
        every[rows, ...] = own
        return self.sum(every)  # of zeros, but for one rank: no number is changed

    @contextlib.contextmanager
    def sharing(self, count: int) -> Iterator["Batch"]:
        """Let the ranks work on one batch of `count` rows, a shard each, until the block ends.

        Inside, `mean_over`, `batch_count` and `whole_batch` look beyond this rank's rows.
        """
        batch = Batch(self, count)
        before = _shared.set(batch if self.size > 1 else None)
        try:
            yield batch
        finally:
            _shared.reset(before)


def _check_rows(shape: tuple[int, ...], rows: int) -> None:
    if shape[0] != rows:
        raise ValueError(
            f"fit: the model gives shape {shape} for {rows} examples, expected that the first axis "
            "counts them, so that ranks can share them out"
        )


class Batch:
    """A batch that ranks share: `count` rows in all, of which this one has `own`."""

    def __init__(self, ranks: Ranks, count: int) -> None:
        self.ranks, self.count = ranks, count
        self.rows = ranks.shard(count)
        self.own = self.rows.stop - self.rows.start

    def weighted(self, own_mean: Array) -> Array:
        """Weigh a mean over this rank's shard by its share: all ranks' together sum to the mean."""
        return own_mean if self.own == self.count else own_mean * (self.own / self.count)

    def axis(self, shape: tuple[int, ...]) -> int:
        """Say which axis counts the examples: the first, or the second where time is first."""
        for axis in (0, 1) if len(shape) == 3 else (0,):
            if shape[axis] == self.own:
                return axis
        raise ValueError(
            f"this rank has {self.own} of {self.count} examples, and an array has shape {shape}: "
            "expected that its first axis counts them or, time first, the second of three"
        )


_shared: contextvars.ContextVar[Batch | None] = contextvars.ContextVar("shared", default=None)


def mean_over(x: Array, axis: int | tuple[int, ...]) -> Array:
    """Return the mean along axes, kept as size 1.

    Along all axes but the last it is over the batch: where ranks share it, over all their rows.

    Parameters
    ----------
    x : array
    axis : int or tuple of int

    Notes
    -----
    Source: eq-global-moments.
    """
    xp, batch = array_namespace(x), _shared.get()
    axes = axis if isinstance(axis, tuple) else (axis,)
    if batch is None or axes != tuple(range(x.ndim - 1)):
        return xp.mean(x, axis=axis, keepdims=True)
    own = xp.sum(x, axis=axis, keepdims=True) / max(1, math.prod(x.shape[:-1]))
    return batch.ranks.sum(batch.weighted(own))


def batch_count(shape: tuple[int, ...]) -> int:
    """Return how many numbers of each feature, the last axis, a batch holds, on all ranks."""
    batch = _shared.get()
    if batch is None:
        return math.prod(shape[:-1])
    axis = batch.axis(shape)
    return math.prod((*shape[:axis], batch.count, *shape[axis + 1 : -1]))


def whole_batch(shape: tuple[int, ...]) -> tuple[tuple[int, ...], Any]:
    """Return the shape that an array has for a whole batch, and the index of this rank's part.

    Parameters
    ----------
    shape : tuple of int
        Of this rank's part.

    Raises
    ------
    ValueError
        If no axis has as many entries as this rank has rows, or two may be meant.
    """
    batch = _shared.get()
    if batch is None:
        return shape, ...
    axis, p = batch.axis(shape), batch.ranks.size
    lengths = {batch.count // p, -(-batch.count // p)}  # of all shards: what fails, fails on all
    if len(shape) == 3 and lengths >= set(shape[:2]):
        raise ValueError(
            f"x has shape {shape}, and each rank {' or '.join(map(str, sorted(lengths)))} of "
            f"{batch.count} examples: the first axis may count them, and the second; expected "
            "another batch_size, or another number of ranks"
        )
    own = (*(slice(None),) * axis, batch.rows, ...)
    return (*shape[:axis], batch.count, *shape[axis + 1 :]), own
