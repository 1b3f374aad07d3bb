"""One style sheet and one script for every page, each named by what is in it.

The theme and its extensions bring ten style sheets and a dozen scripts, 600 kB of rules that no
page uses among them. The sheets that a page asks for are joined in their order, what no page uses
is taken out (`purge.py`), the rest is minified. Of the scripts only the book's own bundle stays:
`book/web/parts` does what the theme's did. A name holds the beginning of the content's SHA-256
(``book.3fa21b….css``): a server may let browsers keep such a file for ever.
"""

import hashlib
import os
import re

import purge
import rcssmin

from nnlearn.files import write_atomically

#: The bundle of `book/web/page.js`.
SCRIPT = "page.js"
#: What the theme and its extensions bring, and no page of this book needs.
LEFT_OUT = ("sphinx-thebe.css", "togglebutton.css", "katex-math.css", "copybutton.css")
#: The theme's own sheets. Their icons come from a font; `styles/icons.css` draws ours.
THEME = ("pydata-sphinx-theme.css", "sphinx-book-theme.css")
#: In the built `_static`: the sources of what was joined, and what nothing asks for.
UNNEEDED = (
    "**/*.map", "**/*.LICENSE.txt", "**/*macros.html", "locales/**/*", "vendor/**/*", "images/**/*",
    "scripts/*", "styles/*", "*.css", "katex/katex.min.css", "design-tabs.js", "sphinx-thebe.js",
    "togglebutton.js", "copybutton.js", "copybutton_funcs.js", "clipboard.min.js",
    "documentation_options.js", "doctools.js", "sphinx_highlight.js", "searchtools.js",
    "language_data.js", "copy-button.svg", "check-solid.svg", "play-solid.svg", "file.png",
    "minus.png", "plus.png",
)  # fmt: skip

_IMPORT = re.compile(r'@import\s+(?:url\()?"([^"]+)"\)?\s*;')
_URL = re.compile(r"url\(\s*(['\"]?)(?!data:|#)([^'\")]+)\1\s*\)")


def put(path, content):
    """Write a file whole or not at all, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)


def named(folder, stem, suffix, content):
    """Write content under a name that tells what is in it; remove what had another such name.

    Parameters
    ----------
    folder : Path
    stem, suffix : str
        Such as ``"book"`` and ``".css"``.
    content : str or bytes

    Returns
    -------
    Path
        Such as ``folder/book.3fa21b9c07.css``.
    """
    data = content.encode() if isinstance(content, str) else content
    path = folder / f"{stem}.{hashlib.sha256(data).hexdigest()[:10]}{suffix}"
    for old in folder.glob(f"{stem}.{'?' * 10}{suffix}"):
        if old != path:
            old.unlink()
    put(path, data)
    return path


def read_sheet(path, static):
    """Return a style sheet's text with its imports in it and its addresses as seen from `static`.

    Parameters
    ----------
    path : Path
        The sheet.
    static : Path
        The folder where the joined sheet will stand.

    Raises
    ------
    FileNotFoundError
        If the sheet, or one that it imports, is not there.
    """

    def imported(match):
        return read_sheet((path.parent / match[1]).resolve(), static)

    def address(match):
        there = (path.parent / match[2].split("?")[0]).resolve()
        return f"url({os.path.relpath(there, static.resolve())})"

    parts = _IMPORT.split(path.read_text(encoding="utf-8"))
    text = "".join(
        read_sheet((path.parent / part).resolve(), static) if place % 2 else _URL.sub(address, part)
        for place, part in enumerate(parts)
    )
    return text + "\n"


def join_sheets(paths, static, words):
    """Join style sheets, take out what no page uses, minify.

    Parameters
    ----------
    paths : list of Path
        In the order in which they bind.
    static : Path
    words : purge.Words
        What the pages and the scripts use.
    """
    text = "".join(
        purge.used_rules(read_sheet(path, static), words, icons=path.name not in THEME)
        for path in paths
    )
    return rcssmin.cssmin(purge.read_rules(text, words))


def name_script(static):
    """Give the book's one script its name; return the new file.

    Jupyter Book puts every script of `_static` on every page. The others there are asked for by
    this one when a reader needs them, or belong to the live figures.
    """
    return named(static, "book", ".js", (static / SCRIPT).read_bytes())


def clear(static, sheet, pages):
    """Take out of the built `_static` what was joined and what nothing asks for.

    Parameters
    ----------
    static : Path
    sheet : str
        The joined style sheet.
    pages : iterable of str
        HTML. What the sheet and the pages ask for stays.
    """
    asked = set(re.findall(r"url\(['\"]?([^'\")]+)", sheet))
    for page in pages:
        asked.update(re.findall(r'_static/([^"?#\s]+)', page))
    for pattern in (*UNNEEDED, SCRIPT):
        for path in static.glob(pattern):
            if path.is_file() and path.relative_to(static).as_posix() not in asked:
                path.unlink()
    for folder in sorted((p for p in static.rglob("*") if p.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def sheets_of(pages):
    """Return the style sheets that pages ask for, in their order, without those left out.

    Parameters
    ----------
    pages : iterable of (Path, list of str)
        A page's folder, and the addresses of its sheets.
    """
    found = {}
    for folder, links in pages:
        for link in links:
            path = (folder / link).resolve()
            if path.name not in LEFT_OUT and path.parent.name != "figures":  # of the live figures
                found.setdefault(path)
    return list(found)
