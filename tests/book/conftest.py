"""The built book, served, and a browser to look at it.

The pages are those of ``make book`` if that is newer than everything it is made of; otherwise a
copy is built, without executing the notebooks.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT, newest
from visits import PHONE, visit

from nnlearn.book.browser import served

BUILT = ROOT / "_build" / "html"


def is_current():
    """Whether the built book is newer than all that it is made of."""
    if not (BUILT / "index.html").exists():
        return False
    places = (ROOT / place for place in ("_config.yml", "book", "nnlearn", "tests"))
    return (BUILT / "index.html").stat().st_mtime > newest(places)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built pages."""
    if is_current():
        return BUILT
    copy = tmp_path_factory.mktemp("book")
    leave_out = shutil.ignore_patterns(".venv", "_build", ".git", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, copy, dirs_exist_ok=True, ignore=leave_out)
    config = (copy / "_config.yml").read_text(encoding="utf-8")
    assert "execute_notebooks: cache" in config
    (copy / "_config.yml").write_text(
        config.replace("execute_notebooks: cache", 'execute_notebooks: "off"'), encoding="utf-8"
    )
    command = [
        str(Path(sys.executable).with_name("jupyter-book")),
        *("build", "book", "--config", "_config.yml", "--path-output", "."),
        *("--warningiserror", "--keep-going"),
    ]
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return copy / "_build" / "html"


@pytest.fixture(scope="session")
def names(site):
    """The pages that a reader sees, as paths such as "exercises/04-ann.html"."""
    beside = {"_modules", "_static"}
    paths = [p for p in sorted(site.rglob("*.html")) if not beside & set(p.parts)]
    found = [str(p.relative_to(site)) for p in paths]
    assert len(found) >= 15
    return found


@pytest.fixture(scope="session")
def address(site):
    with served(site) as found:
        yield found


@pytest.fixture(scope="session")
def visits(chromium, address, names, site):
    """What one visit to each page has shown, by the page's name: see `visits.visit`."""
    context = chromium.new_context(viewport={"width": PHONE, "height": 740})
    found = {name: visit(context, address, name, site) for name in names}
    context.close()
    return found
