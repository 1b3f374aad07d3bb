"""Finished pages, made lighter: what no page of this book uses is taken out.

The theme brings 1.5 MB of JavaScript to draw eight icons, and scripts for running cells in the
page, for tabs and for toggles that the book does not have. Here each page gets the one style sheet
and the one script of `assets.py`, the small pictures of `pictures.py`, the policy of `policy.py`,
and a description for search engines: its own first paragraph.
"""

import html
import re
from pathlib import Path

import assets
import fonts
import pictures
import policy
import purge
from valid import valid

#: The theme of a page before anything is drawn: `book/web/parts/theme.js` goes on from there. And
#: the fonts of its formulas, asked for at once; from a disk browsers refuse such a request.
THEME = """<script>
{
  const page = document.documentElement;
  let mode = null;
  try { mode = localStorage.getItem("mode"); } catch {}
  if (mode !== "light" && mode !== "dark") mode = "auto";
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  page.dataset.mode = mode;
  page.dataset.theme = mode === "auto" ? (dark ? "dark" : "light") : mode;
  const fonts = document.querySelector("meta[name=fonts]")?.content.split(" ") ?? [];
  if (location.protocol !== "file:") for (const href of fonts) {
    const link = { rel: "preload", as: "font", type: "font/woff2", crossOrigin: "", href };
    document.head.append(Object.assign(document.createElement("link"), link));
  }
}
</script>"""

_SCRIPT = re.compile(r"<script\b[^>]*>.*?</script>\s*", re.DOTALL)
_STYLE = re.compile(r'<link\b(?=[^>]*\brel="stylesheet")[^>]*\bhref="([^"?]*)[^>]*>\s*')
_PRELOAD = re.compile(r'<link\b(?=[^>]*\brel="preload")(?=[^>]*\bas="script")[^>]*>\s*')
_VIEWPORT = re.compile(r'<meta name="viewport"[^>]*>\s*')
_BOTH = re.compile(r"_static/book\.[0-9a-f]{10}\.(css|js)")
_FONTS = re.compile(r'<meta name="fonts"[^>]*>\n')
#: Spans that change nothing: docutils puts each word of code into one, Pygments each name, mark and
#: space into one that has the ground's colour. They were a fifth of all elements of a chapter.
BARE = re.compile(r'<span class="(?:pre|n|nn|p|w)">([^<]*)</span>')
_PARAGRAPH = re.compile(r"<article\b.*?<p>(.*?)</p>", re.DOTALL)
_ROOT = re.compile(r'<html\b[^>]*\bdata-content_root="([^"]*)"')
_DESCRIPTION = '<meta name="description"'


def lighter(page):
    """Return a page's HTML without what it does not use, and the style sheets it asked for.

    Parameters
    ----------
    page : str
        HTML.

    Returns
    -------
    page : str
    sheets : list of str
        Addresses, as seen from the page.
    """
    sheets = _STYLE.findall(page)
    root = _ROOT.search(page)[1]
    page = _PRELOAD.sub("", _STYLE.sub("", _SCRIPT.sub(_data_alone, page)))
    page = BARE.sub(r"\1", BARE.sub(r"\1", valid(page)))  # one may stand in another
    page = page.replace(' data-theme="auto"', "", 1)  # without JavaScript: light
    viewport = _VIEWPORT.search(page)[0].strip()
    page = _VIEWPORT.sub("", page)
    head = [
        viewport,
        THEME,
        f'<link rel="stylesheet" href="{root}_static/book.0000000000.css" />',
        f'<script defer src="{root}_static/book.0000000000.js"></script>',
    ]
    page = page.replace("</title>", "</title>\n" + "\n".join(head), 1)
    return page.replace("</head>", f"{describe(page)}\n</head>", 1), sheets


def _data_alone(match):
    """Keep of the scripts of a page those that are data."""
    return match[0] if 'type="application/' in match[0].partition(">")[0] else ""


def describe(page):
    """Return the meta element that describes a page: the beginning of its first paragraph."""
    found = _PARAGRAPH.search(page)
    text = re.sub(r"<annotation.*?</annotation>|<[^>]*>", "", found[1], flags=re.S) if found else ""
    text = " ".join(html.unescape(text).split())
    if len(text) > 155:
        text = text[:155].rsplit(" ", 1)[0] + " …"
    text = text or "Neural Networks, Equation by Equation"
    return f'{_DESCRIPTION} content="{html.escape(text, quote=True)}" />'


def with_fonts(page, first):
    """Return a page's HTML that asks at once for its fonts, if it has a formula.

    Parameters
    ----------
    page : str
        HTML.
    first : list of str
        Addresses, as seen from `_static`.
    """
    page = _FONTS.sub("", page)
    if 'class="katex"' not in page:
        return page
    root = _ROOT.search(page)[1]
    content = " ".join(f"{root}_static/{name}" for name in first)
    return page.replace("<script>", f'<meta name="fonts" content="{content}" />\n<script>', 1)


def finish(app, exception):
    """Go over all pages when the book is built."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    static = out / "_static"
    pages = {
        p: p.read_text(encoding="utf-8") for p in out.rglob("*.html") if static not in p.parents
    }
    asked, words = [], purge.Words()
    for path, text in pages.items():
        if _DESCRIPTION in text or "<head>" not in text:  # done when it was built
            continue
        text, sheets = lighter(text)
        asked.append((path.parent, sheets))
        pages[path] = policy.guarded(pictures.pictures_sized(text, path.parent))
    if not asked:
        return
    for text in pages.values():
        words.read_page(text)
    sheets = assets.sheets_of(asked)
    for script in static.glob("*.js"):
        if script.name not in assets.UNNEEDED:  # what the pages load later sets classes, too
            words.read_script(script.read_text(encoding="utf-8"))
    sheet = assets.join_sheets(sheets, static, words)
    sheet, first = fonts.reduce_all(static, sheet, pages.values())
    names = {
        "css": assets.named(static, "book", ".css", sheet).name,
        "js": assets.name_script(static).name,
    }
    for path, text in pages.items():
        text = _BOTH.sub(lambda match: f"_static/{names[match[1]]}", text)
        pages[path] = with_fonts(text, first)
        assets.put(path, pages[path])
    for path in (static / "figures").glob("*.html"):  # the live figures are pages in a frame
        text = path.read_text(encoding="utf-8")
        if "Content-Security-Policy" not in text:
            assets.put(path, policy.guarded(text))
    pictures.clear(out / "_images", pages.values())
    assets.clear(static, sheet, pages.values())


def setup(app):
    """Do it after everything else."""
    app.connect("build-finished", finish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
