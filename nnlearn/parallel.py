"""Work on the examples of a batch, block after block, on all cores.

A block is as many examples as stay in a core's cache: what one line of a long formula writes,
the next reads back without a way to the memory. The blocks are shared out to as many threads as
the user grants to BLAS, while BLAS itself works with one thread in each. The results do not
depend on the number of threads: the blocks are the same, and come back in order.
"""

import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import ThreadpoolController

from nnlearn.backend import on_host

BLOCK = 250_000  # numbers: in float32 about a core's second-level cache
_busy = threading.Lock()  # the number of BLAS threads belongs to the whole process


def in_blocks(work, like, numbers_each):
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
    if len(blocks) == 1 or not _busy.acquire(blocking=False):  # somebody else has the threads
        return [work(block) for block in blocks]
    try:
        threads = _blas_threads()
        if threads == 1:
            return [work(block) for block in blocks]
        with _blas().limit(limits=1, user_api="blas"):
            return list(_pool(threads).map(work, blocks))
    finally:
        _busy.release()


@functools.cache
def _blas():
    return ThreadpoolController().select(user_api="blas")


def _blas_threads():
    return max((library["num_threads"] for library in _blas().info()), default=1)


@functools.cache
def _pool(threads):
    return ThreadPoolExecutor(threads, thread_name_prefix="nnlearn")


if hasattr(os, "register_at_fork"):  # a child process has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
