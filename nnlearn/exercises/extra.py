"""What the exercises need beyond the package itself, and how it is had."""

import importlib.util
import shlex

from nnlearn.doctor import checkout

#: of the extra ``book``, what runs the answers, and what answers and checks call
NEEDED = ("nbval", "psutil", "matplotlib", "sklearn")


def missing() -> str | None:
    """Return the name of a module that is needed and not installed; None if all of them are."""
    return next((name for name in NEEDED if importlib.util.find_spec(name) is None), None)


def require() -> None:
    """Refuse where something is missing: a right answer would seem to be wrong.

    Raises
    ------
    ModuleNotFoundError
        If a module of `NEEDED` is not installed.
    """
    if name := missing():
        raise ModuleNotFoundError(f"the exercises need {name}: {command()}", name=name)


def command() -> str:
    """Return the command that installs the extra ``book``.

    In a checkout it names the folder. Elsewhere the package's name does, though no index may have
    it: pip finds that it is installed, and asks only for what the extra brings.
    """
    folder = checkout()
    what = ["nnlearn[book]"] if folder is None else ["-e", f"{folder}[book]"]
    return f"python -m pip install {shlex.join(what)}"
