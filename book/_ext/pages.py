"""Finished pages, made lighter: what no page of this book uses is taken out.

The theme brings 1.5 MB of JavaScript to draw eight icons, and scripts for running cells in the
page, for tabs and for toggles that the book does not have. `book.css` draws the icons. Each page
also gets a description for search engines: its own first paragraph.
"""

import html
import re
from pathlib import Path

#: Scripts that no page needs; those of the search are needed by the search page alone.
UNUSED = ("fontawesome", "sphinx-thebe", "design-tabs", "togglebutton")
UNUSED_STYLES = ("sphinx-thebe.css", "togglebutton.css", "katex-math.css")
SEARCH = ("searchtools.js", "language_data.js", "searchindex.js")

_SCRIPT = re.compile(r"<script\b[^>]*>.*?</script>\s*", re.DOTALL)
_STYLE = re.compile(r"<link\b[^>]*rel=\"stylesheet\"[^>]*/?>\s*")
_PARAGRAPH = re.compile(r"<article\b.*?<p>(.*?)</p>", re.DOTALL)


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

    def script(match):
        text = match[0]
        opening = text[: text.index(">")]
        inline = "src=" not in opening
        if any(word in (text if inline else opening) for word in (*unused, "thebe")):
            return ""
        return text

    seen = set()

    def style(match):
        address = re.sub(r"\?.*", "", re.search(r'href="([^"]*)"', match[0])[1])
        if address in seen or address.endswith(UNUSED_STYLES):
            return ""
        seen.add(address)
        return match[0]

    page = _STYLE.sub(style, _SCRIPT.sub(script, page))
    return page.replace("</head>", f"{describe(page)}\n</head>", 1)


def describe(page):
    """Return the meta element that describes a page: the beginning of its first paragraph."""
    found = _PARAGRAPH.search(page)
    text = re.sub(r"<annotation.*?</annotation>|<[^>]*>", "", found[1], flags=re.S) if found else ""
    text = " ".join(html.unescape(text).split())
    if len(text) > 155:
        text = text[:155].rsplit(" ", 1)[0] + " …"
    text = text or "Neural Networks, Equation by Equation"
    return f'<meta name="description" content="{html.escape(text, quote=True)}" />'


def finish(app, exception):
    """Go over all pages when the book is built."""
    if exception is None and app.builder.format == "html":
        for path in Path(app.outdir).rglob("*.html"):
            text = path.read_text(encoding="utf-8")
            path.write_text(lighter(text, path.name), encoding="utf-8")


def setup(app):
    """Do it after everything else."""
    app.connect("build-finished", finish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
