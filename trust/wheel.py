"""The package as others get it: built twice, compared, installed into an empty environment, used.

    python -m trust.wheel

builds the wheel and the source distribution from two copies of the tree; says whether they are the
same to the byte, and whether they hold what they should; installs each by pip, with what it needs
from the package index, into an environment of its own; and uses it there, far from the tree:
without the book's extra, then with what the refusal says is to be installed, and with the extra
from the start.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEFT = shutil.ignore_patterns(
    ".git", ".venv", "_build", "node_modules", "__pycache__", ".*_cache", ".hypothesis"
)
#: run where the package is installed
USE = Path(__file__).with_name("using.py")


def build(tree, out, umask=0o022):
    """Build the wheel and the source distribution of a tree.

    Parameters
    ----------
    tree, out : Path
        The project, and the folder for what is built.
    umask : int
        What the builder's files lack in permissions: it must not show.

    Returns
    -------
    dict of str to Path
        ``"wheel"`` and ``"sdist"``.

    Raises
    ------
    subprocess.CalledProcessError
        If Hatchling, which must be installed, refuses.
    """
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", out]
    plain = {k: v for k, v in os.environ.items() if k not in ("SOURCE_DATE_EPOCH", "PYTHONPATH")}
    subprocess.run(command, cwd=tree, umask=umask, env=plain, check=True, capture_output=True)
    return {"wheel": next(out.glob("*.whl")), "sdist": next(out.glob("*.tar.gz"))}


def copied(folder, umask=0o022):
    """Copy the project's own files into a folder, as a user with this umask would have them."""
    shutil.copytree(ROOT, folder, ignore=LEFT)
    for path in folder.rglob("*"):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)
        os.utime(path, (umask, umask))  # and another date
    return folder


def contents(file):
    """Return the names in a wheel or a source distribution, without the latter's first folder."""
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as archive:
            return set(archive.namelist())
    with tarfile.open(file) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def wanted(tree=ROOT):
    """Return the names of the package's files in a wheel, as the tree has them."""
    names = {str(path.relative_to(tree).as_posix()) for path in (tree / "nnlearn").rglob("*")
             if path.is_file() and "__pycache__" not in path.parts}  # fmt: skip
    notebooks = (tree / "book/exercises").glob("*.ipynb")
    return names | {f"nnlearn/exercises/notebooks/{path.name}" for path in notebooks}


def rebuilt(sdist, out):
    """Build a wheel from a source distribution alone; return its path."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        return build(next(Path(folder).iterdir()), out)["wheel"]


def same(*files):
    """Return whether files have the same name and bytes."""
    digests = {(file.name, hashlib.sha256(file.read_bytes()).digest()) for file in files}
    return len(digests) == 1


def environment(folder):
    """Make an environment with nothing in it, not even pip; return its Python."""
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(python, *what):
    """Install into an environment, by this Python's pip."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "--python", python, "install", *what], check=True)


def use(python, *what):
    """Use the installed package in an empty folder; return what was done, line by line.

    Parameters
    ----------
    python : Path
        Of the environment.
    *what : str
        What more to use, as `using.py` names it.

    Raises
    ------
    RuntimeError
        If it fails, with what was written.
    """
    with tempfile.TemporaryDirectory() as empty:
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "NNLEARN"))}
        result = subprocess.run(
            [python, "-W", "error", USE, python.parents[1], *what],
            cwd=empty, env=plain, capture_output=True, text=True,
        )  # fmt: skip
    if result.returncode:
        raise RuntimeError(f"the installed package does not do:\n{result.stdout}{result.stderr}")
    return result.stdout.splitlines()


def advised(said):
    """Return what the last of the lines, a refusal, tells to install: the arguments for pip."""
    _, command, what = said[-1].partition("python -m pip install ")
    if not command:
        raise RuntimeError(f"this does not tell what to install: {said[-1]}")
    return shlex.split(what)


def main():
    """Build, compare, install and use; return the counts."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        first = build(copied(work / "a"), work / "out")
        second = build(copied(work / "b b" / "é", 0o077), work / "again", 0o077)
        from_sdist = rebuilt(first["sdist"], work / "third")
        for kind, files in {
            "wheel": (first["wheel"], second["wheel"], from_sdist),
            "sdist": (first["sdist"], second["sdist"]),
        }.items():
            if not same(*files):
                raise RuntimeError(f"the {kind} differs from build to build")
            print(f"{files[0].name}: the same bytes in {len(files)} builds")
        said = used(first, work / "environments")
    return {"builds compared": 5, "uses of what was installed": len(said)}


def used(built, folder):
    """Install and use what was built, each in an environment of its own; return what was done."""
    said = []
    for kind, extra, *what in (
        ("wheel", ""), ("sdist", ""), ("wheel", "[book]", "book", "chapters"),
    ):  # fmt: skip
        python = environment(folder / f"{kind}{len(what)}")
        install(python, f"{built[kind]}{extra}")
        done = use(python, *what)
        if kind == "sdist":
            install(python, *advised(done))
            done += use(python, "book")
        print(f"{kind}{extra}:", *done, sep="\n  ", flush=True)
        said += done
    return said


if __name__ == "__main__":
    main()
