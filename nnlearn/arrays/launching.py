"""Whether this process is one of several that ``mpiexec`` started, and what each then takes.

Only then mpi4py is imported: who trains in one process needs neither it nor an MPI.
"""

import locale
import os
from typing import Any, NamedTuple

from nnlearn.arrays.backend import use_backend

#: What the launchers of MPICH (and those like it), Open MPI and PMIx (Slurm's, too) tell a process.
_VARIABLES = (
    ("PMI_RANK", "PMI_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMIX_RANK", "PMIX_SIZE"),
)


class Launched(NamedTuple):
    """What the launcher tells: this process's rank, and how many there are, where it tells that."""

    rank: int
    size: int | None


def launched() -> Launched | None:
    """Return what a launcher of MPI tells of this process; None if none has started it."""
    for rank, size in _VARIABLES:
        if rank in os.environ:
            told = os.environ.get(size)
            return Launched(int(os.environ[rank]), int(told) if told else None)
    return None


def world() -> Any:
    """Return mpi4py's communicator of all processes, ``MPI.COMM_WORLD``.

    Raises
    ------
    RuntimeError
        If mpi4py is missing, finds no MPI, or finds another than the launcher's.
    """
    try:
        MPI = started_mpi()
    except (ImportError, RuntimeError) as error:  # RuntimeError: there is no library of MPI
        raise RuntimeError(
            f"several processes were started, and mpi4py cannot be used ({error}): "
            "pip install mpi4py, and mpich where the system has no MPI; both come with the extra "
            "mpi of nnlearn"
        ) from error
    told = launched()
    if told is not None and told.size not in (None, MPI.COMM_WORLD.size):
        library = MPI.Get_library_version().split("\n")[0].strip()
        raise RuntimeError(
            f"{told.size} processes were started, and mpi4py, with {library}, sees "
            f"{MPI.COMM_WORLD.size}: the mpiexec is that of another MPI; expected the one that "
            "belongs to mpi4py's, such as the one that the package mpich puts beside Python"
        )
    return MPI.COMM_WORLD


def started_mpi() -> Any:
    """Import mpi4py's module ``MPI``, which starts MPI, where i is the small letter of I.

    In Turkish and Azeri it is not, and MPICH's transport, which compares its settings without
    regard to case, then does not know "diag" for its own "DIAG", and ends the process.
    """
    letters = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        from mpi4py import MPI
    finally:
        locale.setlocale(locale.LC_CTYPE, letters)
    return MPI


def use_backend_on(name: str, communicator: Any) -> None:
    """Make new arrays with another library; on GPUs each process takes one of its machine's.

    Parameters
    ----------
    name : str
        As of `use_backend`.
    communicator : mpi4py communicator, or None
        Of all processes, if there are several.
    """
    several = communicator is not None and communicator.size > 1
    use_backend(name, own_device(communicator) if several and name == "cupy" else None)


def own_device(communicator: Any) -> int:
    """Return the number of the device for this process: the machine's, in turn.

    Parameters
    ----------
    communicator : mpi4py communicator
    """
    import cupy
    from mpi4py import MPI

    here = communicator.Split_type(MPI.COMM_TYPE_SHARED)
    try:
        device: int = here.rank % cupy.cuda.runtime.getDeviceCount()
        return device
    finally:
        here.Free()
