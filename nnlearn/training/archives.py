"""Reading an ``.npz`` that a stranger may have made: nothing of it is run, and memory is bounded.

An archive is full of numbers that may lie: lengths, shapes, places. None is believed before it was
held against the bytes that are there. ``np.load`` reads the same files, but believes more of them.
"""

import io
import math
import os
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnlearn.arrays.typing import Array

_DIRECTORY = 2**20  # bytes that the list of members may take: for some ten thousand of them
_KINDS = "biufcU"  # dtypes of numbers and texts: no objects, which would be pickled
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_archive(path: str | Path) -> dict[str, Array]:
    """Read an archive of arrays of numbers and texts, as ``np.savez`` writes it.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict of str to ndarray
        By their names, which are never taken for paths.

    Raises
    ------
    OSError
        If the file cannot be opened.
    Exception
        Of any type, if it is damaged or something else. What it takes of memory until then is a
        small multiple of the bytes that it has on the disk.
    """
    with _Pieces(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        stream.largest = min(size, _DIRECTORY)
        with zipfile.ZipFile(stream) as archive:
            stream.largest = size
            members = archive.infolist()
            _check_members(members, size)
            return {m.filename.removesuffix(".npy"): _array(archive, m) for m in members}


class _Pieces(io.FileIO):
    """A file that makes no room for more than it has, whatever length is asked for."""

    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(size if size is None else min(size, self.largest))


def _check_members(members: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Refuse members that could together be larger in memory than the file is."""
    for name, count in Counter(member.filename for member in members).items():
        if count > 1:
            raise ValueError(f"{name} is there {count} times")
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{member.filename} is compressed, expected it as it is")
        if member.compress_size != member.file_size:
            raise ValueError(f"{member.filename} has two lengths")
    total = sum(member.file_size for member in members)
    if total > size:
        raise ValueError(f"its members promise {total} bytes, and the file has {size}")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    """Read one array, once its header has said no more than the truth."""
    with archive.open(member) as stream:
        shape, dtype = _header(stream)
        held = member.file_size - stream.tell()
    if dtype.kind not in _KINDS:
        raise ValueError(f"{member.filename} has dtype {dtype}, expected numbers or a text")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != held:
        raise ValueError(
            f"{member.filename} promises an array of shape {shape} and dtype {dtype}, and has "
            f"{held} bytes"
        )
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype that an array's header promises."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"an array has version {version}, expected one of {list(_HEADERS)}")
    try:
        shape, _, dtype = _HEADERS[version](stream)
    except MemoryError as error:  # so Python's parser calls what is nested too deeply for it
        raise ValueError("an array's header is nested too deeply") from error
    return shape, dtype
