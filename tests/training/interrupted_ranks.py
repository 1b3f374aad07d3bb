"""A run on several ranks that something happens to, for `test_ranks_faults`.

Started on ranks as ``python -m mpi4py interrupted_ranks.py CHECKPOINT RESULT FAULT RANK WHEN``; at
the given step, or write, the fault happens to that rank. Rank 0 writes what the run ended with to
RESULT, each rank an error to ``RESULT.error.<rank>``, and who is killed the time, as a file's.
"""

import errno
import functools
import os
import signal
import sys
from pathlib import Path

import interrupted
import numpy as np

from nnlearn.arrays.launching import started_mpi
from nnlearn.training.optimizers import Optimizer

MPI = started_mpi()


def killed(result):
    """Leave a sign of the time, and die."""
    Path(f"{result}.killed").touch()
    os.kill(os.getpid(), signal.SIGKILL)


def alone(result):
    """Fail, as no other rank does."""
    Path(f"{result}.killed").touch()
    raise KeyError("what one rank stumbles over")


def full(result):
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, "No space left on device")


def before(number, act, function):
    """Return a function that acts before its call of this number, and else does what it did."""
    left = [number]

    def call(*args, **kw):
        left[0] -= 1
        if left[0] == 0:
            act()
        return function(*args, **kw)

    return call


def prepare(fault, when, result):
    """Let a fault happen to this rank."""
    if fault == "other data":
        interrupted.data = lambda count, seed, draw=interrupted.data: draw(count, seed + 1)
    elif fault in ("killed while writing", "disk full"):
        act = functools.partial(killed if fault.startswith("killed") else full, result)
        os.replace = before(when, act, os.replace)  # all is written, under a temporary name
    elif fault in ("killed", "alone"):
        act = functools.partial(killed if fault == "killed" else alone, result)
        Optimizer.step = before(when, act, Optimizer.step)


def main(checkpoint, result, fault, rank, when):
    """Train; rank 0 writes the result, and each rank its error."""
    ranks = MPI.COMM_WORLD
    if ranks.rank == int(rank):
        prepare(fault, int(when), result)
    try:
        ended = interrupted.train(checkpoint, ranks=ranks, optimizer="momentum")
    except Exception as error:
        Path(f"{result}.error.{ranks.rank}").write_text(f"{type(error).__name__}: {error}")
        raise
    if ranks.rank == 0:
        np.savez(result, **ended)


if __name__ == "__main__":
    main(*sys.argv[1:])
