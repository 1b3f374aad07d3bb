"""A lock on a file's name: one process writes it at a time, and a second one is told at once."""

import contextlib
import errno
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def locked(path: str | Path, name: str = "the file") -> Iterator[bool]:
    """Keep others from a file until the block ends; refuse at once if another keeps us from it.

    It concerns only those who ask for the lock. It is the system's (``flock``; on Windows
    ``LockFile``), on a file ``.NAME.lock`` beside it, so that it ends with its process however that
    ends, and a lock's file that is left over locks nothing. Between machines it holds as far as
    their common file system does locks; one that does none is no error.

    Parameters
    ----------
    path : str or Path
        Its folder must exist, the file need not.
    name : str
        What to call it where another is writing it.

    Yields
    ------
    bool
        Whether there is a lock: the file system may have none.

    Raises
    ------
    BlockingIOError
        If another process has the lock, or another thread or block of this one.
    """
    beside = Path(path).with_name(f".{Path(path).name}.lock")
    try:
        file, sure = _open_locked(beside)
    except BlockingIOError as error:
        raise BlockingIOError(
            f"{name} is {path}, which {error} is writing; wait for its end, or give another"
        ) from error
    try:
        yield sure
    finally:
        with contextlib.suppress(OSError):  # on Windows what is open keeps its name
            beside.unlink()  # while the lock is ours: later the name could be another's
        file.close()
        if sys.platform == "win32":
            with contextlib.suppress(OSError):
                beside.unlink()


def _open_locked(name: Path) -> tuple[IO[bytes], bool]:
    """Open the file of a lock and lock it, if there are locks; or raise, saying who has it."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    while True:
        file = os.fdopen(os.open(name, flags, 0o644), "r+b", buffering=0)
        try:
            sure = _lock(file.fileno())
        except BlockingIOError as error:
            with file:
                file.seek(0)
                holder = file.read(200).decode(errors="replace") or "another process"
            raise BlockingIOError(holder) from error
        if _is_at(file, name):
            with contextlib.suppress(OSError):  # a full disk is not yet a reason to give up
                file.truncate(0)
                file.write(f"process {os.getpid()} on {platform.node()}".encode())
            return file, sure
        file.close()  # who had it has removed its name in between: it would lock nothing


def _is_at(file: IO[bytes], name: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(name))
    except FileNotFoundError:
        return False


def _lock(handle: int) -> bool:
    """Lock an open file until it is closed, if there are locks; raise where another has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, 2**30, os.SEEK_SET)  # what is locked there nobody else can read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Python in a browser
        return False
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            raise BlockingIOError(*error.args) from error
        return False
    return True
