"""Processes that work together: what one of them finds out, or fails at, all of them know.

They are those of a communicator of mpi4py. MPI itself knows no such thing: where one process
raises and the others do not, the others wait for its next message for ever.
"""

import functools
import pickle
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


class Processes:
    """The processes of a communicator; each has its number, its rank, from 0.

    Parameters
    ----------
    communicator : mpi4py communicator, optional
        Such as ``MPI.COMM_WORLD``; by default there is one process.

    Raises
    ------
    TypeError
        If it is something else.
    """

    def __init__(self, communicator: Any = None) -> None:
        if communicator is not None and not hasattr(communicator, "Allreduce"):
            raise TypeError(
                f"fit: ranks is {communicator!r}, expected a communicator of mpi4py, such as "
                "MPI.COMM_WORLD"
            )
        self.communicator = communicator
        self.rank: int = 0 if communicator is None else communicator.rank
        self.size: int = 1 if communicator is None else communicator.size

    def on_first(self, function: Callable[[], T]) -> T:
        """Call a function on rank 0 alone; what it gives or raises, it gives or raises on all."""
        if self.size == 1:
            return function()
        value, error = _outcome(function) if self.rank == 0 else (None, None)
        value, theirs = self.communicator.bcast((value, _portable(error)))
        _raise_everywhere(error or theirs, 0)
        return value  # type: ignore[no-any-return]

    def on_all(self, function: Callable[[], T]) -> T:
        """Call a function that sends no messages on each rank; an error on one is one on all."""
        if self.size == 1:
            return function()
        value, error = _outcome(function)
        errors = self.communicator.allgather(_portable(error))
        failed = [rank for rank, theirs in enumerate(errors) if theirs is not None]
        if failed:
            _raise_everywhere(error or errors[failed[0]], self.rank if error else failed[0])
        return value  # type: ignore[no-any-return]

    def gathered(self, value: T) -> list[T]:
        """Return the value that each process has, in order."""
        return [value] if self.size == 1 else self.communicator.allgather(value)

    def check_same(self, caller: str, facts: Mapping[str, Any]) -> None:
        """Raise ValueError on every rank if a fact is not the same on all."""
        first, *others = self.gathered(facts)
        for rank, theirs in enumerate(others, start=1):
            for name in (name for name in first if theirs[name] != first[name]):
                text = (
                    f"{caller}: ranks do not agree: {name} is {first[name]!r} on rank 0, and "
                    f"{theirs[name]!r} on rank {rank}"
                )
                _raise_everywhere(ValueError(text), rank)


@functools.cache
def group_of_devices(size: int, rank: int) -> Any:
    """Return CuPy's own group of all processes: its sums go from device to device, by NCCL.

    It takes the devices that are the current ones when it is first asked for.

    Raises
    ------
    ValueError
        If these are not all processes that were started, which CuPy's group always is of.
    RuntimeError
        If there is no NCCL, or two ranks on a machine have the same device.
    """
    from cupyx import distributed
    from mpi4py import MPI

    if size != MPI.COMM_WORLD.size:
        raise ValueError(
            f"fit: ranks are {size} of {MPI.COMM_WORLD.size} processes, expected MPI.COMM_WORLD "
            "for arrays on GPUs"
        )
    try:
        return distributed.init_process_group(size, rank, use_mpi=True)
    except Exception as error:  # NCCL's errors have no type that is there without it
        raise RuntimeError(
            f"fit: the ranks' devices cannot be joined ({type(error).__name__}: {error}); expected "
            "NCCL, such as of pip install nvidia-nccl-cu12 (or -cu13), and a GPU for each rank of "
            "a machine, by nn.use_backend('cupy', device=...) before there are arrays"
        ) from error


def _outcome(function: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Return what a function gives, and what it raises."""
    try:
        return function(), None
    except Exception as error:
        return None, error


def _portable(error: Exception | None) -> Exception | None:
    """Return the error if it survives the way to another process, else one that says as much."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _raise_everywhere(error: Exception | None, rank: int) -> None:
    """Raise what came up on a rank, if anything did: every rank calls this."""
    if error is not None:
        error.add_note(f"this came up on rank {rank}")
        raise on_every_rank(error)


def on_every_rank(error: E) -> E:
    """Mark an error as one that all ranks raise, so that one of them is enough to tell it."""
    error.on_every_rank = True  # type: ignore[attr-defined]
    return error
