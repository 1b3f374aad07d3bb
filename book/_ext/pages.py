"""Finished pages, made lighter: what no page of this book uses is taken out.

The theme brings 1.5 MB of JavaScript to draw eight icons, and scripts for running cells in the
page, for tabs and for toggles that the book does not have. `book.css` draws the icons. A picture
is loaded when the reader comes near it. Each page also gets a description for search engines: its
own first paragraph.
"""

import html
import itertools
import re
from pathlib import Path
from urllib.parse import unquote

from PIL import Image

#: Scripts that no page needs; those of the search are needed by the search page alone.
UNUSED = ("fontawesome", "thebe", "kernelName", "design-tabs", "togglebutton", "let toggle")
UNUSED_STYLES = ("sphinx-thebe.css", "togglebutton.css", "katex-math.css")
SEARCH = ("searchtools.js", "language_data.js", "searchindex.js")

_SCRIPT = re.compile(r"<script\b[^>]*>.*?</script>\s*", re.DOTALL)
_SOURCE = re.compile(r'\bsrc="([^"]*)"')
_STYLE = re.compile(r"<link\b[^>]*rel=\"stylesheet\"[^>]*/?>\s*")
_IMAGE = re.compile(r"<img\b(?![^>]*\bwidth=)[^>]*\bsrc=\"([^\":]+)\"[^>]*?(?=\s*/?>)")
_VIEW_BOX = re.compile(r'<svg\b[^>]*\bviewBox="0 0 ([\d.]+) ([\d.]+)"')
_PARAGRAPH = re.compile(r"<article\b.*?<p>(.*?)</p>", re.DOTALL)
_DESCRIPTION = '<meta name="description"'


def lighter(page, name):
    """Return a page's HTML without what it does not use, and with a description.

    Parameters
    ----------
    page : str
        HTML.
    name : str
        The file's name, such as ``"search.html"``.
    """
    unused = UNUSED if name == "search.html" else UNUSED + SEARCH
    seen = set()

    def script(match):
        text = match[0]
        source = _SOURCE.search(text[: text.index(">")])
        if any(word in (source[1] if source else text) for word in unused):
            return ""
        if source is None:
            return text
        if source[1] in seen:
            return ""
        seen.add(source[1])
        if "defer" in text or "documentation_options" in source[1] or name == "search.html":
            return text
        return text.replace(" src=", " defer src=", 1)  # it waits until the page is read

    def style(match):
        address = re.sub(r"\?.*", "", re.search(r'href="([^"]*)"', match[0])[1])
        if address in seen or address.endswith(UNUSED_STYLES):
            return ""
        seen.add(address)
        return match[0]

    page = _STYLE.sub(style, _SCRIPT.sub(script, page))
    return page.replace("</head>", f"{describe(page)}\n</head>", 1)


def theme_at_once(page):
    """Return a page's HTML that is dark from its first moment, and light without JavaScript."""
    asked = 'matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"'
    page = page.replace(' data-theme="auto"', "", 1)
    return page.replace('getItem("theme") || "auto"', f'getItem("theme") || ({asked})', 1)


def pictures_sized(page, folder):
    """Return a page's HTML whose pictures have a size: no text jumps when one comes.

    All but the first are loaded when the reader comes near.

    Parameters
    ----------
    page : str
        HTML.
    folder : Path
        Where the page stands.
    """
    later = itertools.chain([""], itertools.repeat(' loading="lazy" decoding="async"'))

    def picture(match):
        path = folder / unquote(match[1])
        if path.suffix == ".svg":
            if path.parent.name != "_images":  # the logo, which the style sheet sizes
                return match[0]
            box = _VIEW_BOX.search(path.read_text(encoding="utf-8"))
            width, height = (round(float(side)) for side in box.groups())
        else:
            with Image.open(path) as image:
                width, height = image.size
        return f'{match[0]} width="{width}" height="{height}"{next(later)}'

    return _IMAGE.sub(picture, page)


def describe(page):
    """Return the meta element that describes a page: the beginning of its first paragraph."""
    found = _PARAGRAPH.search(page)
    text = re.sub(r"<annotation.*?</annotation>|<[^>]*>", "", found[1], flags=re.S) if found else ""
    text = " ".join(html.unescape(text).split())
    if len(text) > 155:
        text = text[:155].rsplit(" ", 1)[0] + " …"
    text = text or "Neural Networks, Equation by Equation"
    return f'{_DESCRIPTION} content="{html.escape(text, quote=True)}" />'


def finish(app, exception):
    """Go over all new pages when the book is built."""
    if exception is not None or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        if _DESCRIPTION not in text and "<head>" in text:  # else done when it was built
            text = pictures_sized(theme_at_once(lighter(text, path.name)), path.parent)
            path.write_text(text, encoding="utf-8")


def setup(app):
    """Do it after everything else."""
    app.connect("build-finished", finish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
