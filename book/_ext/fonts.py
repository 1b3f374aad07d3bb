"""KaTeX's fonts with the letters that the book uses, and no others.

KaTeX brings twenty fonts of 260 kB. The style sheet keeps those that some formula uses; here each
loses the glyphs that stand in no formula. Its name tells what is in it, as those of `assets.py`.
"""

import html
import io
import logging
import re

import assets
from fontTools import subset

#: Where they stand in the built `_static`.
FOLDER = "katex/fonts"
#: The two with which nearly every formula begins: a page asks for them at once.
FIRST = ("KaTeX_Main-Regular", "KaTeX_Math-Italic")

logging.getLogger("fontTools").setLevel(logging.WARNING)  # else it tells of every table

_MATHEMATICS = re.compile(r'class="katex-html".*?(?=<(?:p|div|section|li|td)\b|$)', re.DOTALL)
_MARKUP = re.compile(r"<[^>]*>")


def characters(pages):
    """Return the characters that stand in the formulas of pages, and some around them.

    Parameters
    ----------
    pages : iterable of str
        HTML.
    """
    found = set()
    for page in pages:
        for text in _MATHEMATICS.findall(page):
            found.update(html.unescape(_MARKUP.sub("", text)))
    return found


def reduced(data, text):
    """Return a font with the glyphs of a text alone, as WOFF2.

    Parameters
    ----------
    data : bytes
        A font, in any format.
    text : str or set of str
        Characters.
    """
    options = subset.Options(flavor="woff2", hinting=False, notdef_outline=True)
    font = subset.load_font(io.BytesIO(data), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=sorted(map(ord, text)))
    subsetter.subset(font)
    out = io.BytesIO()
    subset.save_font(font, out, options)
    return out.getvalue()


def reduce_all(static, sheet, pages):
    """Reduce the fonts that a style sheet asks for; remove the others.

    Parameters
    ----------
    static : Path
        The built `_static`.
    sheet : str
        CSS; addresses as seen from `static`.
    pages : iterable of str
        HTML.

    Returns
    -------
    sheet : str
        With the new names.
    first : list of str
        The addresses of the fonts to ask for at once.
    """
    text, first = characters(pages), []
    for path in sorted((static / FOLDER).glob("KaTeX_*.woff2")):
        if path.stem.count("."):  # made by an earlier build
            continue
        if f"{FOLDER}/{path.name}" in sheet:
            new = assets.named(path.parent, path.stem, ".woff2", reduced(path.read_bytes(), text))
            sheet = sheet.replace(f"{FOLDER}/{path.name}", f"{FOLDER}/{new.name}")
            if path.stem in FIRST:
                first.append(f"{FOLDER}/{new.name}")
        path.unlink()
    return sheet, first
