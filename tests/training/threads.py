"""A communicator whose ranks are threads of one process: what MPI does, where a debugger can go.

It has what `nnlearn.arrays.ranks` asks of a communicator of mpi4py, with the same arguments.
"""

import copy
import threading

import numpy as np

LIMIT = 20  # seconds that a rank waits for the others


class Threads:
    """One rank's end of it."""

    def __init__(self, rank, barrier, places):
        self.rank, self.size = rank, len(places)
        self.barrier, self.places = barrier, places

    def allgather(self, value):
        self.barrier.wait(LIMIT)
        self.places[self.rank] = copy.deepcopy(value)  # what is sent is sent as it was
        self.barrier.wait(LIMIT)
        return [copy.deepcopy(place) for place in self.places]

    def bcast(self, value, root=0):
        return self.allgather(value)[root]

    def Allreduce(self, sendbuf, recvbuf):
        for buffer in (sendbuf, recvbuf):
            if not buffer.flags.c_contiguous:
                raise ValueError("message: buffer is not C-contiguous")  # as mpi4py's
        if np.shares_memory(sendbuf, recvbuf):
            raise ValueError("MPI_ERR_BUFFER: buffers must not be aliased")
        recvbuf[...] = sum(self.allgather(sendbuf))


def on_threads(size, function):
    """Call a function on every rank of so many; return what each gives, or raises."""
    barrier, places = threading.Barrier(size), [None] * size
    ended = [None] * size

    def work(rank):
        try:
            ended[rank] = function(Threads(rank, barrier, places))
        except Exception as error:
            ended[rank] = error

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended
