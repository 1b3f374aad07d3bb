"""The built book, opened in Chromium for printing: what ``pdf.py`` and ``epub.py`` share."""

import argparse
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path

import yaml

from nnlearn.book.browser import browser, served
from nnlearn.doctor import find_browser
from nnlearn.files import write_atomically

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
#: Reference pages that stay on screen: listings of code, and what describes it.
SCREEN_ONLY = ("proofs", "api", "fast-paths")
#: A4 between the margins of print.css, in pixels.
PAPER = {"width": 642, "height": 975}


def config():
    """Return the book's settings, ``_config.yml``."""
    return yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


def contents(only=()):
    """Return which pages are printed, in order.

    Parameters
    ----------
    only : sequence of str
        Names of pages; all if empty.

    Returns
    -------
    list of dict
        ``name``, ``part`` (the caption, of a part's first page) and ``deep`` (whether the contents
        list its sections).

    Raises
    ------
    ValueError
        If `only` names a page that the printed book does not have.
    """
    found = []
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    for part in toc["parts"]:
        caption = part["caption"]
        for chapter in part["chapters"]:
            files = [chapter["file"], *(section["file"] for section in chapter.get("sections", []))]
            for name in files:
                if name in SCREEN_ONLY or (only and name not in only):
                    continue
                deep = bool(part["numbered"]) and name == chapter["file"]
                found.append({"name": name, "part": caption, "deep": deep})
                caption = None
    missing = set(only) - {page["name"] for page in found}
    if missing:
        raise ValueError(f"only: pages of the printed book were expected, got {sorted(missing)}")
    return found


def read(name):
    """Return the text of a file of this folder."""
    return (HERE / name).read_text(encoding="utf-8")


@contextmanager
def opened(root, chromium=None):
    """Open the built book's first page, without its scripts but with those of ``pages.js``.

    Parameters
    ----------
    root : Path
        The built pages.
    chromium : playwright.sync_api.Browser, optional
        One that runs already; by default one is started.

    Yields
    ------
    playwright.sync_api.Page
    """
    running = nullcontext(chromium) if chromium else browser()
    with (
        served(root) as address,
        running as found,
        found.new_context(bypass_csp=True, viewport=PAPER) as context,
    ):
        page = context.new_page()
        page.set_default_timeout(600_000)
        page.emulate_media(media="print")
        page.route("**/*.js*", lambda route: route.abort())  # paper needs none
        page.goto(f"{address}/index.html", wait_until="load")
        page.evaluate(read("pages.js"))
        yield page


def check(root):
    """End the program with a clear message if there is no book, or no browser to print it."""
    if not (root / "index.html").exists():
        sys.exit(f"There are no pages in {root}. Build them first: make book")
    if find_browser() is None:
        sys.exit("Chromium prints the book, and there is none here: install chromium or Chrome.")


def asked(program, suffix):
    """Read a command line; end the program if it cannot be done.

    Parameters
    ----------
    program : str
        What the program says of itself; its first line is shown.
    suffix : str
        Of the file that it writes, such as ``"pdf"``.

    Returns
    -------
    argparse.Namespace
        ``root``, ``out`` (its folder is there) and ``only``.
    """
    parser = argparse.ArgumentParser(description=program.split("\n", 1)[0])
    built = ROOT / "_build"
    parser.add_argument("--root", type=Path, default=built / "html")
    parser.add_argument("--out", type=Path, default=built / f"equation-by-equation.{suffix}")
    parser.add_argument("--only", nargs="+", default=())
    options = parser.parse_args()
    check(options.root)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    return options


def write(path, data):
    """Write the book, and say how large it is."""
    write_atomically(path, data)
    print(f"{path}: {len(data) / 1e6:.1f} MB")
