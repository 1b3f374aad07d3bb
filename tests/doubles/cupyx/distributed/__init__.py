"""A double of ``cupyx.distributed``: sums over several processes, each with a device.

CuPy brings the processes together by MPI, and their devices then add up by NCCL. Here MPI adds up,
too. What it lacks CuPy may have; what it has CuPy has, with the same arguments (a test compares
them), and it refuses what CuPy and NCCL refuse.
"""

import numpy as np
from cupy._array import ndarray
from cupy._counting import count
from mpi4py import MPI

_OPERATIONS = {"sum": MPI.SUM, "prod": MPI.PROD, "max": MPI.MAX, "min": MPI.MIN}


class NCCLBackend:
    """The devices of all processes; MPI's communicator is that of all of them, as in CuPy."""

    def __init__(self, n_devices, rank, host, port, use_mpi=False):
        if not use_mpi:
            raise NotImplementedError("the double brings processes together by MPI alone")
        if n_devices != MPI.COMM_WORLD.size:  # NCCL would wait for the others for ever
            raise RuntimeError(f"{n_devices} devices of {MPI.COMM_WORLD.size} processes")
        self.rank, self._n_devices = rank, n_devices
        MPI.COMM_WORLD.Barrier()

    def all_reduce(self, in_array, out_array, op="sum", stream=None):
        """Add up on the devices: one kernel, and no wait of the host."""
        for array in (in_array, out_array):
            if not isinstance(array, ndarray):
                raise TypeError(f"{type(array).__name__} is no array on the device")
            if not array._array.flags.forc:
                raise RuntimeError("NCCL requires arrays to be either c- or f-contiguous")
            if array.dtype.char not in "bBiIlLqQefdFD":
                raise TypeError(f"Unknown dtype {array.dtype} for NCCL")
        if op not in _OPERATIONS:
            raise RuntimeError(f"Unknown op {op} for NCCL")
        count("kernels")
        total = np.empty_like(in_array._array)
        MPI.COMM_WORLD.Allreduce(in_array._array, total, _OPERATIONS[op])
        out_array._array[...] = total


def init_process_group(n_devices, rank, *, backend="nccl", host=None, port=None, use_mpi=False):
    """Return the group; all processes call it."""
    if n_devices <= 0:
        raise ValueError(f"Invalid number of devices {n_devices}")
    if not 0 <= rank < n_devices:
        raise ValueError(f"Invalid number of rank {rank} {n_devices}")
    if backend != "nccl":
        raise ValueError(f"{backend} is not supported")
    return NCCLBackend(n_devices, rank, host, port, use_mpi)
