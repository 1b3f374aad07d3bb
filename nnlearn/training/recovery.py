"""What keeps a training from losing its checkpoint: one writer at a time, the last good file."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnlearn.arrays.typing import Array
from nnlearn.files import name_also, remove_leftovers
from nnlearn.locks import locked
from nnlearn.training.checkpoints import (
    DamagedCheckpoint,
    beside,
    check_writable,
    load_checkpoint,
)


@contextmanager
def only_writer(path: str | Path, caller: str) -> Iterator[None]:
    """Be the only training that writes a checkpoint, until the block ends.

    Parameters
    ----------
    path : str or Path
        Its folder is made. What a killed training left half written there is removed.
    caller : str
        The function that trains, for what is told of it.

    Raises
    ------
    BlockingIOError
        If another training has it; see `locked` for where that cannot be seen.
    OSError
        If no file can be written there.
    """
    name = f"{caller}: checkpoint"
    check_writable(path, name)
    with locked(path, name) as sure:
        if sure:  # else another may be writing what looks left over
            for file in (path, beside(path, "previous"), beside(path, "damaged")):
                remove_leftovers(file)
        yield


def load_last_good(
    path: str | Path,
) -> tuple[dict[str, Array], dict[str, Any], DamagedCheckpoint | None]:
    """Read a checkpoint, or where it is damaged the one before it.

    Returns
    -------
    arrays, facts : dict
        As of `load_checkpoint`.
    damage : DamagedCheckpoint or None
        What is wrong with the file, if they come from the one before it. No file is changed;
        `put_back` does that, for who takes the training up from there.

    Raises
    ------
    ValueError, OSError
        If neither can be read.
    """
    previous = beside(path, "previous")
    try:
        return (*load_checkpoint(path), None)
    except DamagedCheckpoint as damage:
        try:
            return (*load_checkpoint(previous), damage)
        except FileNotFoundError:
            text = f"There is no {previous.name} to go back to"
        except (ValueError, OSError) as error:
            text = f"Nor can the one before it be taken: {error}"
        advice = "Put a good copy there, or name another file, or delete it to begin anew"
        raise DamagedCheckpoint(f"{damage}. {text}. {advice}") from damage


def put_back(path: str | Path, damage: DamagedCheckpoint, caller: str) -> None:
    """Let the checkpoint before take the place of a damaged one, which is kept; and warn.

    At every moment the previous one is there under one name or the other.
    """
    previous, aside = beside(path, "previous"), beside(path, "damaged")
    name_also(path, aside)
    os.replace(previous, path)
    warnings.warn(
        f"{caller}: {damage}. Training goes on from the checkpoint before it, {previous.name}; the "
        f"damaged file is now {aside}",
        stacklevel=2,
    )
