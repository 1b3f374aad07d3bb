"""Files that are whole: the new one or the old one, and never half of either.

What is written goes to a temporary file in the same folder, which takes the file's name when all
of it is on the disk. A program that fails or is killed half way leaves the old file as it was.
"""

import contextlib
import errno
import functools
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write a text, in UTF-8 with plain line ends, or bytes; as `atomic_file` does.

    Parameters
    ----------
    path : str or Path
        Its folder must exist.
    content : str or bytes

    Raises
    ------
    OSError
        If the folder is missing, or the file cannot be written.
    """
    with atomic_file(path, text=isinstance(content, str)) as file:
        file.write(content)


@contextmanager
def atomic_file(
    path: str | Path, *, text: bool = False, previous: str | Path | None = None
) -> Iterator[IO[Any]]:
    """Open a file to write; it takes its name when the block ends, unless the block raises.

    Parameters
    ----------
    path : str or Path
        Its folder must exist. A file that is there already keeps its permissions; a new one has
        those that the user's umask leaves to any new file.
    text : bool
        Whether the file takes text, in UTF-8 with plain line ends; by default it takes bytes.
    previous : str or Path, optional
        In the same folder: what the old file, if there is one, is called from then on.

    Yields
    ------
    file object

    Raises
    ------
    OSError
        If the folder is missing, before anything else is done, or the file cannot be written. The
        old file is then as it was, and no other is left.

    Examples
    --------
    ::

        with atomic_file("weights.npz") as file:
            np.savez(file, W=W)
    """
    path, temporary = Path(path), None
    try:
        kind: dict[str, Any] = {"mode": "xb"}
        if text:
            kind = {"mode": "x", "encoding": "utf-8", "newline": "\n"}
        permissions = 0o600 if path.exists() else 0o666  # until it gets the old file's; less umask
        opener = functools.partial(os.open, mode=permissions)
        name = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        with open(name, opener=opener, **kind) as file:
            temporary = name
            yield file
            file.flush()
            os.fsync(file.fileno())  # or the name could reach the disk before what is in the file
        if path.exists():
            os.chmod(temporary, path.stat().st_mode)
            if previous is not None:
                name_also(path, previous)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        ours = temporary is None or getattr(error, "filename", "") in (None, temporary)
        if isinstance(error, OSError) and error.errno and ours:  # by the name that one knows
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    _sync_folder(path.parent)


def name_also(path: str | Path, other: str | Path) -> None:
    """Give a file a second name, atomically; it keeps the first one, and every moment has both.

    It is a hard link, or a copy where the file system has no hard links.

    Parameters
    ----------
    path : str or Path
    other : str or Path
        In the same folder. What had this name has it no more.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be done.
    """
    other = Path(other)
    if other.exists() and os.path.samefile(path, other):
        return  # a rename of one link of a file to another would leave both
    temporary = other.with_name(f".{other.name}.{secrets.token_hex(4)}.tmp")
    try:
        os.link(path, temporary)
    except (OSError, AttributeError):  # FAT, some network file systems, some systems
        with open(path, "rb") as old, atomic_file(other) as copy:
            shutil.copyfileobj(old, copy)
        return
    try:
        os.replace(temporary, other)
    except BaseException:
        os.unlink(temporary)
        raise


def _sync_folder(folder: Path) -> None:
    """Let a folder's names reach the disk, where the system has a way to ask for it."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows; or a folder that may be written and not read
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not every file system can
            raise
    finally:
        os.close(handle)


def remove_leftovers(path: str | Path) -> None:
    """Remove the temporary files of writers of a file that were killed; nobody may write it now.

    Parameters
    ----------
    path : str or Path
        Its folder must exist.
    """
    path = Path(path)
    temporary = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}\.tmp")
    for entry in os.scandir(path.parent):
        if temporary.fullmatch(entry.name):
            with contextlib.suppress(OSError):
                os.unlink(entry.path)
