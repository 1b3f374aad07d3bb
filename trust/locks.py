"""What the locks say: requirements*.txt, as `make lock` writes them."""

import functools
import re
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
#: the book's, all but PyTorch, PyTorch with its CUDA, PyTorch without, JupyterLite's
FILES = [
    ROOT / f"requirements{part}.txt" for part in ("-book", "", "-torch", "-torch-cpu", "-lite")
]


class Pin(NamedTuple):
    """One entry of a lock: what it asks for, and the files that may answer."""

    requirement: Requirement
    hashes: frozenset[str]


@functools.cache
def pins(file):
    """Return the entries of a lock.

    Parameters
    ----------
    file : Path

    Returns
    -------
    list of Pin
    """
    text = re.sub(r"^ *#.*\n?", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = []
    for entry in text.replace("\\\n", " ").split("\n"):
        if not entry.strip():
            continue
        asked, *hashes = entry.split("--hash=")
        found.append(Pin(Requirement(asked), frozenset(text.strip() for text in hashes)))
    return found


def locked():
    """Return the names of all distributions that stand in any lock."""
    return {pin.requirement.name for file in FILES for pin in pins(file)}
