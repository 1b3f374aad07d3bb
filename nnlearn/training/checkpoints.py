"""Checkpoints: everything that training needs to go on, bit for bit, in one file.

The file is a plain ``.npz`` of arrays and texts, without pickle. Every array and the facts have a
checksum, so that a file which a disk or a transfer has changed is refused and not believed. It is
no signature: who means to forge a checkpoint can.

It is written under a temporary name and renamed, so that a run that is killed leaves the old file
or the new one; and the file before it is kept beside it, for the day on which one is damaged.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnlearn.arrays.backend import array_namespace, to_numpy
from nnlearn.arrays.typing import Array
from nnlearn.files import atomic_file
from nnlearn.training.archives import read_archive

_FORMAT = 2  # 1 had no checksums


class DamagedCheckpoint(ValueError):
    """A file that is not, or not any more, what `save_checkpoint` wrote."""


class _NewerFormat(ValueError):
    pass


def check_writable(path: str | Path, name: str) -> None:
    """Make a file's folder; raise OSError at once where no file can be written.

    Parameters
    ----------
    path : str or Path
        Of the file, which stays as it is if it is there.
    name : str
        What to call it where it cannot be written.
    """
    path = Path(path)
    try:
        is_folder = path.is_dir()
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise type(error)(
            f"{name} is {path}, expected a place where a file can be written ({error})"
        ) from error
    if is_folder:
        raise IsADirectoryError(f"{name} is the folder {path}, expected a file's name")


def beside(path: str | Path, kind: str) -> Path:
    """Return the name of another file of the same run: ``run.previous.npz`` of ``run.npz``."""
    path = Path(path)
    return path.with_name(f"{path.stem}.{kind}{path.suffix}")


def save_checkpoint(
    path: str | Path, arrays: Mapping[str, Array], facts: Mapping[str, Any]
) -> None:
    """Write arrays and facts to one file, atomically; keep the one before as ``.previous``.

    Parameters
    ----------
    path : str or Path
        Its folder must exist.
    arrays : dict of str to array
        Of numbers.
    facts : dict
        What JSON can hold.

    Raises
    ------
    OSError
        If it cannot be written; the files that were there are then as they were.
    """
    held = {name: to_numpy(a) for name, a in arrays.items()}
    about = {
        "format": _FORMAT,
        "nnlearn": getattr(sys.modules.get("nnlearn"), "__version__", None),  # it stands above
        "numpy": np.__version__,
        "checksums": {name: _checksum(a) for name, a in held.items()},
        "facts": dict(facts),
    }
    text = np.asarray(json.dumps(about))
    content: dict[str, Any] = {f"array.{name}": a for name, a in held.items()}
    with atomic_file(path, previous=beside(path, "previous")) as file:
        np.savez(file, facts=text, checksum=np.asarray(_checksum(text)), **content)


def _checksum(a: Array) -> str:
    """Return a text that changes when an array's shape, dtype or a byte does.

    It is no CRC: the archive has one already, and two of them miss the same changes.
    """
    told = hashlib.blake2b(f"{a.shape} {a.dtype.str} ".encode(), digest_size=16)
    told.update(np.ravel(a).view(np.uint8).data)
    return told.hexdigest()


def load_checkpoint(path: str | Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `save_checkpoint` wrote, in this version or an earlier one.

    Nothing of the file is run, and it takes no more memory than a small multiple of its bytes. A
    file of before there were checksums is read without them.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    arrays : dict of str to ndarray
    facts : dict

    Raises
    ------
    DamagedCheckpoint
        A ValueError, if a checksum does not fit, or the file is something else.
    ValueError
        If a newer version wrote it.
    OSError
        If there is no such file, or no right to read it.
    """
    try:
        return _unpacked(read_archive(path))
    except (FileNotFoundError, PermissionError, MemoryError):  # it may be as good as ever
        raise
    except _NewerFormat as error:
        raise ValueError(f"load_checkpoint: {path} has {error}") from None
    except Exception as error:  # a damaged file may fail in any way that unpacking can
        kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
        raise DamagedCheckpoint(
            f"load_checkpoint: {path} is no checkpoint of nnlearn, or is damaged: {kind}{error}"
        ) from error


def _unpacked(content: dict[str, Array]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Take apart what an archive holds; nothing is believed that has another checksum."""
    text = content.pop("facts")
    facts = json.loads(str(text))
    found = facts.pop("format")
    if isinstance(found, int) and found > _FORMAT:
        raise _NewerFormat(
            f"format {found}, expected at most {_FORMAT}: nnlearn {facts.get('nnlearn')} wrote it, "
            "and a newer one than this can read it"
        )
    seal = content.pop("checksum", None)
    arrays = {name.removeprefix("array."): a for name, a in content.items()}
    if found == 1 and seal is None:  # of before there were checksums
        return arrays, facts
    if found != _FORMAT:
        raise ValueError(f"it has format {found!r}, expected 1 or {_FORMAT}")
    if str(seal) != _checksum(text):
        raise ValueError("its facts have another checksum than when they were written")
    checksums = facts["checksums"]
    for name in {**checksums, **arrays}:
        if name not in arrays or name not in checksums:
            kind = "missing" if name in checksums else "unknown"
            raise ValueError(f"its array {name!r} is {kind}")
        if _checksum(arrays[name]) != checksums[name]:
            raise ValueError(f"its array {name!r} has another checksum than when it was written")
    return arrays, dict(facts["facts"])


def write_into(target: Array, values: Array) -> None:
    """Copy a NumPy array into an array of any backend, in place.

    Raises
    ------
    ValueError
        If it has another shape.
    """
    if target.shape != values.shape:
        raise ValueError(f"an array has shape {values.shape}, expected {tuple(target.shape)}")
    xp = array_namespace(target)
    target[...] = xp.asarray(values, dtype=target.dtype, device=target.device)
