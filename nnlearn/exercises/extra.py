"""What the exercises need beyond the package itself, and how it is had."""

import importlib.util
import shlex

from nnlearn.doctor import checkout


def missing() -> bool:
    """Whether the extra ``book`` is missing, as far as its nbval tells."""
    return importlib.util.find_spec("nbval") is None


def command() -> str:
    """Return the command that installs the extra ``book``.

    In a checkout it names the folder. Elsewhere the package's name does, though no index may have
    it: pip finds that it is installed, and asks only for what the extra brings.
    """
    folder = checkout()
    what = ["nnlearn[book]"] if folder is None else ["-e", f"{folder}[book]"]
    return f"python -m pip install {shlex.join(what)}"
