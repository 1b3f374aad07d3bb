"""Where a notebook runs: on the reader's machine, on Binder, on Colab, in the browser itself.

The first is always offered. Binder and Colab fetch the project, so their links appear once
pyproject.toml has the project's address (`project.py`); JupyterLite once the build was asked for it
(``make book LITE=1``, see `lite.py`). The menu is `_templates/running.html`.
"""

import json
import os
import re
from pathlib import Path
from urllib.parse import quote

import lite
import project

#: The id of the cell that brings the project to a notebook that is opened alone.
FETCH = "fetch-the-project"
#: The branch from which Binder takes the project, and the one that holds these pages, for Colab.
SOURCE, PAGES = "HEAD", "gh-pages"
_HOST = re.compile(r"https?://([^/]+)/([^/]+)/([^/]+?)(?:\.git)?/?$")


def binder(address, page):
    """Return the link that opens a page's notebook on mybinder.org.

    Binder reads what to install from the folder `.binder`.

    Parameters
    ----------
    address : str
        The project's.
    page : str
        The page's name, such as ``"exercises/05-cnn"``.
    """
    match = _HOST.match(address)
    if match and match[1] == "github.com":
        where = f"gh/{match[2]}/{match[3]}"
    elif match and match[1] == "gitlab.com":
        where = "gl/" + quote(f"{match[2]}/{match[3]}", safe="")
    else:
        where = "git/" + quote(address, safe="")
    return f"https://mybinder.org/v2/{where}/{SOURCE}?urlpath=lab/tree/book/{quote(page)}.ipynb"


def colab(address, page):
    """Return the link that opens a page's notebook on Colab, or an empty text.

    Colab opens notebooks from GitHub alone. The one beside these pages begins with the cell that
    fetches the project, so these pages have to be published in a branch, `PAGES`.
    """
    match = _HOST.match(address)
    if not match or match[1] != "github.com":
        return ""
    there = f"{match[2]}/{match[3]}/blob/{PAGES}/_sources/{quote(page)}.ipynb"
    return f"https://colab.research.google.com/github/{there}"


def links(address, page, with_lite=False):
    """Return (name, address, what it says) of every place elsewhere that runs a page's notebook."""
    found = []
    if with_lite:
        found.append(
            ("In this browser", lite.link(page), "JupyterLite: its Python comes from another host")
        )
    if address:
        found.append(
            ("Binder", binder(address, page), "a machine of mybinder.org; takes minutes to start")
        )
    if address and colab(address, page):
        found.append(
            ("Colab", colab(address, page), "a machine of Google's; needs an account there")
        )
    return found


def fetch_cell(address):
    """Return the cell that brings the project to a notebook that is opened alone.

    It does nothing where the package is already there.
    """
    source = f'''\
# Opened alone, on Colab for one: bring the project, install its package, go where it stands.
import importlib.util, os, pathlib, subprocess, sys

if importlib.util.find_spec("nnlearn") is None:
    if not pathlib.Path("the-book").exists():
        subprocess.run(["git", "clone", "--depth", "1", "{address}", "the-book"], check=True)
    needed = ["./the-book", "matplotlib", "scikit-learn", "verovio"]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *needed], check=True)
    importlib.invalidate_caches()
    os.chdir("the-book/book")
    sys.path.insert(0, ".")'''
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": FETCH,
        "metadata": {},
        "outputs": [],
        "source": source,
    }


def add_menu(app, pagename, templatename, context, doctree):
    """Tell the template where this page's notebook runs."""
    source = context.get("sourcename") or ""
    if source.endswith(".ipynb"):
        context["running"] = links(project.address(), pagename, app.config.book_lite)


def finish(app, exception):
    """Give every notebook that can be downloaded the cell, once there is an address."""
    address = project.address()
    if exception is not None or app.builder.format != "html" or not address:
        return
    for path in (Path(app.outdir) / "_sources").rglob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if FETCH not in [cell.get("id") for cell in notebook["cells"]]:
            notebook["cells"].insert(1, fetch_cell(address))  # after what `project.py` says
            text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
            path.write_text(text, encoding="utf-8")


def setup(app):
    """Offer it on every page; go over the notebooks after `project.py`."""
    app.add_config_value("book_lite", bool(os.environ.get("LITE")), "html", types=bool)
    app.connect("builder-inited", lite.begin)
    app.connect("html-page-context", add_menu)
    app.connect("build-finished", finish, priority=600)
    app.connect("build-finished", lite.finish, priority=990)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
