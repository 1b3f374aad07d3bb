"""Work on the examples of a batch, block after block, on all cores.

A block is as many examples as stay in a core's cache: what one line of a long formula writes,
the next reads back without a way to the memory. The blocks are shared out to as many threads as
the user grants to BLAS, while BLAS itself works with one thread in each. The results do not
depend on the number of threads: the blocks are the same, and come back in order.
"""

import collections
import contextlib
import contextvars
import functools
import os
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from threadpoolctl import ThreadpoolController

from nnlearn.arrays.backend import on_host
from nnlearn.arrays.memory import keep_freed_memory
from nnlearn.arrays.typing import Array

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

BLOCK = 500_000  # numbers: in float32 two megabytes, as much as a core's caches hold
_owner = threading.RLock()  # who holds it has all cores
_granted = 1  # threads, while they are held


def in_blocks(work: Callable[[slice], Any], like: Array, numbers_each: int) -> list[Any]:
    """Call ``work(block)`` for every block of the examples of a batch.

    Parameters
    ----------
    work : callable
        Takes a slice of the examples. Blocks run at the same time, so it may write only to what
        belongs to its own examples.
    like : array, shape (N, ...)
        The examples. On a GPU they are one block: few, large kernels.
    numbers_each : int
        How many the work on one example reads and writes.

    Returns
    -------
    list
        What `work` gave, in the order of the blocks; one entry where there is no example.
    """
    count = like.shape[0]
    size = max(1, BLOCK // max(numbers_each, 1)) if on_host(like) else max(count, 1)
    blocks = [slice(i, min(i + size, count)) for i in range(0, count, size)] or [slice(0, 0)]
    if len(blocks) == 1:
        return [work(blocks[0])]
    keep_freed_memory(like)
    with all_cores() as threads:
        return _share(work, blocks, threads)


@contextlib.contextmanager
def all_cores() -> Iterator[int]:
    """Take the cores from BLAS, and give the number of threads to use in its place.

    That is 1 while another thread has them. A whole model runs inside, not only its blocks:
    OpenBLAS's own threads go on spinning for some 25 ms after each product, on the cores that the
    blocks need (a CNN's training step: 26 ms instead of 18).
    """
    global _granted
    if not _owner.acquire(blocking=False):
        yield 1
        return
    try:
        libraries = _blas().info()
        if not libraries:  # Apple's Accelerate, on a Mac: it can be neither asked nor told
            yield _cores()
            return
        threads = max(library["num_threads"] for library in libraries)
        if threads == 1:  # nothing to take, or taken already
            yield _granted
            return
        with _blas().limit(limits=1):
            _granted = threads
            try:
                yield threads
            finally:
                _granted = 1
    finally:
        _owner.release()


def _next(queue: "collections.deque[tuple[int, slice]]") -> tuple[int, slice] | None:
    """Take the first entry of a queue that others take from too; None where there is none."""
    try:
        return queue.popleft()
    except IndexError:
        return None


def _share(work: Callable[[slice], Any], blocks: list[slice], threads: int) -> list[Any]:
    """Do all blocks on several threads, this one among them; give the results in order."""
    results: list[Any] = [None] * len(blocks)
    todo = collections.deque(enumerate(blocks))

    def run() -> None:
        while (entry := _next(todo)) is not None:
            i, block = entry
            results[i] = work(block)

    others = [  # with this thread's settings, such as NumPy's on what to do at an overflow
        _pool(threads).submit(contextvars.copy_context().run, run) for _ in range(threads - 1)
    ]
    try:
        run()
    finally:
        for other in others:
            other.result()
    return results


def _cores() -> int:
    """Return the number of cores for this process, or of threads that Accelerate is granted."""
    asked = os.environ.get("VECLIB_MAXIMUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _blas() -> Any:
    return ThreadpoolController().select(user_api="blas")


@functools.cache
def _pool(threads: int) -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor  # with it come logging and more

    return ThreadPoolExecutor(threads - 1, thread_name_prefix="nnlearn")


if hasattr(os, "register_at_fork"):  # a child process has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
