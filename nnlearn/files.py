"""Files that are whole: the new one or the old one, and never half of either.

What is written goes to a temporary file in the same folder, which takes the file's name when all
of it is on the disk. A program that fails or is killed half way leaves the old file as it was.
"""

import os
import tempfile
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
def atomic_file(path: str | Path, *, text: bool = False) -> Iterator[IO[Any]]:
    """Open a file to write; it takes its name when the block ends, unless the block raises.

    Parameters
    ----------
    path : str or Path
        Its folder must exist. A file that is there already keeps its permissions.
    text : bool
        Whether the file takes text, in UTF-8 with plain line ends; by default it takes bytes.

    Yields
    ------
    file object

    Raises
    ------
    OSError
        If the folder is missing, before anything else is done, or the file cannot be written.

    Examples
    --------
    ::

        with atomic_file("weights.npz") as file:
            np.savez(file, W=W)
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        kind: dict[str, Any] = {"mode": "wb"}
        if text:
            kind = {"mode": "w", "encoding": "utf-8", "newline": "\n"}
        with open(handle, **kind) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or the name could reach the disk before what is in the file
        os.chmod(temporary, path.stat().st_mode if path.exists() else 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
