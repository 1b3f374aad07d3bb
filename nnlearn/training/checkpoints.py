"""Checkpoints: everything that training needs to go on, bit for bit, in one file.

The file is a plain ``.npz`` of arrays and one JSON text, without pickle. It is written under a
temporary name and renamed, so that a run that is killed leaves the old file or the new one.
"""

import json
import math
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnlearn.arrays.backend import array_namespace, to_numpy
from nnlearn.arrays.typing import Array
from nnlearn.files import atomic_file

_FORMAT = 1


def check_writable(path: str | Path, name: str = "fit: checkpoint") -> None:
    """Make a file's folder; raise OSError at once where no file can be written.

    Parameters
    ----------
    path : str or Path
        Of the file, which stays as it is if it is there.
    name : str
        What to call it where it cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{name} is the folder {path}, expected a file's name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise type(error)(
            f"{name} is {path}, expected a place where a file can be written ({error})"
        ) from error


def save_checkpoint(
    path: str | Path, arrays: Mapping[str, Array], facts: Mapping[str, Any]
) -> None:
    """Write arrays and facts to one file, atomically.

    Parameters
    ----------
    path : str or Path
        Its folder must exist.
    arrays : dict of str to array
    facts : dict
        What JSON can hold.
    """
    text = np.asarray(json.dumps({"format": _FORMAT, **facts}))
    content: dict[str, Any] = {f"array.{k}": to_numpy(a) for k, a in arrays.items()}
    with atomic_file(path) as file:
        np.savez(file, facts=text, **content)


def load_checkpoint(path: str | Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `save_checkpoint` wrote.

    Returns
    -------
    arrays : dict of str to ndarray
    facts : dict

    Raises
    ------
    ValueError
        If the file is no checkpoint of this format, or would fill more memory than it has bytes.
    """
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            _check_sizes(file.zip, Path(path).stat().st_size)
            facts = json.loads(str(file["facts"]))
            arrays = {k.removeprefix("array."): file[k] for k in file.files if k != "facts"}
        if facts.pop("format", None) != _FORMAT:
            raise ValueError(f"it has another format, expected {_FORMAT}")
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged file may fail in any way that unpacking can
        raise ValueError(
            f"load_checkpoint: {path} is no checkpoint of nnlearn ({type(error).__name__}: {error})"
        ) from error
    return arrays, facts


def _check_sizes(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse what would be larger in memory than the file is, before any of it is read."""
    headers = {(1, 0): np.lib.format.read_array_header_1_0}
    headers[2, 0] = np.lib.format.read_array_header_2_0
    for member in archive.infolist():
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{member.filename} is compressed, expected it as it is")
        with archive.open(member) as stream:
            shape, _, dtype = headers[np.lib.format.read_magic(stream)](stream)
        if math.prod(shape) * dtype.itemsize > size:
            raise ValueError(
                f"{member.filename} promises an array of shape {shape}, more than the file's "
                f"{size} bytes"
            )


def write_into(target: Array, values: Array) -> None:
    """Copy a NumPy array into an array of any backend, in place."""
    xp = array_namespace(target)
    target[...] = xp.asarray(values, dtype=target.dtype, device=target.device)
