"""JupyterLite: the notebooks in the reader's browser, with the package's wheel. An option.

``make book LITE=1`` asks for it. It is off by default, because its Python (Pyodide) comes from
another host when a notebook is opened; what comes from here are JupyterLite's own files, the
notebooks, what they read, and the wheels that Pyodide does not have.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[2]
#: The folder in the built site.
FOLDER = "lite"
#: Wheels that the package needs and Pyodide does not bring; they are written for any machine.
WHEELS = ("array-api-compat",)
#: The id of the cell that installs the package.
INSTALL = "install-in-the-browser"
_CELL = """\
# In the browser: the package comes from these pages, the rest from where this Python came from.
import sys

if sys.platform == "emscripten":
    import piplite

    await piplite.install(["nnlearn", "matplotlib", "scikit-learn"])"""


def link(page):
    """Return the address of a page's notebook in JupyterLab, from the folder of the pages."""
    return f"{FOLDER}/lab/index.html?path={quote(page)}.ipynb"


def with_install(notebook):
    """Return a notebook that begins with the cell that installs the package in the browser."""
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": INSTALL,
        "metadata": {},
        "outputs": [],
        "source": _CELL,
    }
    return {**notebook, "cells": [cell, *notebook["cells"]]}


def gather(contents, root=ROOT):
    """Copy the notebooks, each with its first cell, and what they read beside them.

    Parameters
    ----------
    contents : Path
        An empty folder.
    root : Path
    """
    book = root / "book"
    for path in sorted([*book.glob("[0-9]*.ipynb"), *book.glob("exercises/[0-9]*.ipynb")]):
        notebook = with_install(json.loads(path.read_text(encoding="utf-8")))
        target = contents / path.relative_to(book)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")
    ignore = shutil.ignore_patterns("__pycache__")
    for folder in ("studies", "_static/figures"):
        shutil.copytree(book / folder, contents / folder, ignore=ignore)


def _run(*command, cwd):
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if result.returncode:
        raise ExtensionError(f"{' '.join(command)} failed:\n{result.stdout}{result.stderr}")


def wheels(folder, root=ROOT):
    """Put the package's wheel, and those that Pyodide lacks, into a folder; return their paths."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    _run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(root), cwd=root)
    limits = ("--constraint", "requirements.txt")
    _run(
        *pip, "download", "--quiet", "--no-deps", *limits, "--dest", str(folder), *WHEELS, cwd=root
    )
    return sorted(folder.glob("*.whl"))


def build(out, root=ROOT):
    """Build JupyterLite with the book's notebooks into a folder.

    Parameters
    ----------
    out : Path
        What is in it is replaced.
    root : Path

    Raises
    ------
    ExtensionError
        If `jupyterlite-core` or its kernel is not installed, or the build fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in ("contents", "wheels"):
            (work / name).mkdir()
        gather(work / "contents", root)
        given = [str(path) for path in wheels(work / "wheels", root)]
        settings = {"PipliteAddon": {"piplite_urls": given}}
        (work / "jupyter_lite_config.json").write_text(json.dumps(settings), "utf-8")
        _run(
            *(sys.executable, "-m", "jupyterlite_core", "build", "--contents", "contents"),
            *("--apps", "lab", "--no-sourcemaps", "--output-dir", "out"),
            cwd=work,
        )
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(work / "out", out)


def begin(app):
    """Take away what an earlier build made, so that nothing takes it for pages of the book."""
    shutil.rmtree(Path(app.outdir) / FOLDER, ignore_errors=True)


def finish(app, exception):
    """Build it beside the pages, if it was asked for and they are there."""
    if exception is None and app.builder.format == "html" and app.config.book_lite:
        build(Path(app.outdir) / FOLDER)
