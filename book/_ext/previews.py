"""What a page shows on demand, in small files beside it: equations for previews, and symbols.

``_static/previews/05-cnn.js`` holds the drawn equations of a chapter, for the pages that refer to
them; ``_static/symbols/05-cnn.js`` holds, for each of its equations, the rows of the notation table
that explain it (see `symbols.py`). Both are cut out of the finished pages, so that they look as the
pages do. They are classic scripts, which a page may load from a disk, too, and no page loads one
before a reader asks (`book/web/parts/asked.js`).
"""

import itertools
import json
import re

import equations
import notation
import symbols
from assets import put
from sphinx.errors import ExtensionError

_EQUATION = re.compile(
    r'<div class="math[^"]*" id="equation-(eq-[a-z0-9-]+)"[^>]*>\s*'
    r'<span class="eqno">(\([\d.]+\)).*?</span>(.*?)</div>',
    re.DOTALL,
)
_HEADING = re.compile(r"<h[1-6]>(.*?)<a class=\"headerlink\"", re.DOTALL)
_ROW = re.compile(r'<tr class="row-(?:even|odd)">\s*(<td>.*?)</tr>', re.DOTALL)
_CELL = re.compile(r"<td>(.*?)</td>", re.DOTALL)
_ID = re.compile(r'\sid="[^"]*"')


def equations_of(page):
    """Return what a preview shows of each equation of a page.

    Parameters
    ----------
    page : str
        HTML.

    Returns
    -------
    dict
        By label: number, the heading above it, the drawn equation.
    """
    headings = [(match.start(), match[1].strip()) for match in _HEADING.finditer(page)]
    return {
        match[1]: {
            "number": match[2],
            "where": [text for start, text in headings if start < match.start()][-1],
            "drawn": _ID.sub("", match[3].strip()),
        }
        for match in _EQUATION.finditer(page)
    }


def rows_of(page):
    """Return the rows of the notation table, as HTML: [symbols, meaning, name in the code].

    Raises
    ------
    ExtensionError
        If they are not those of `book/notation.md`.
    """
    rows = [[_ID.sub("", cell).strip() for cell in _CELL.findall(r)] for r in _ROW.findall(page)]
    if len(rows) != len(notation.table()) or {len(row) for row in rows} != {3}:
        raise ExtensionError(
            f"notation.html should have the {len(notation.table())} rows of book/notation.md, "
            f"each of three cells; it has {len(rows)}."
        )
    return rows


def symbols_on(page, labelled, rows):
    """Return the symbols of a chapter's equations.

    Parameters
    ----------
    page : str
        Such as "05-cnn".
    labelled : list
        (label, TeX) of its equations.
    rows : list
        Of `rows_of`.

    Returns
    -------
    dict
        "equations": numbers of rows by label; "rows": by number, the chapter and three cells.
    """
    found = {label: symbols.rows_of(label, page, tex) for label, tex in labelled}
    used = sorted(
        {row for explained in found.values() for row in explained}, key=lambda r: r.number
    )
    return {
        "equations": {label: [row.number for row in found[label]] for label in found},
        "rows": {row.number: [row.chapter, *rows[row.number]] for row in used},
    }


def write(app, exception):
    """Write the files when the pages are finished."""
    if exception is not None or app.builder.format != "html":
        return
    rows = rows_of((app.outdir / "notation.html").read_text(encoding="utf-8"))
    for page, group in itertools.groupby(equations.labels(), key=lambda entry: entry[1]):
        labelled = [(label, tex) for label, _, tex in group]
        there = equations_of((app.outdir / f"{page}.html").read_text(encoding="utf-8"))
        missing = sorted({label for label, _ in labelled} - set(there))
        if missing:
            raise ExtensionError(
                f"{page}.html does not show these equations as expected: {missing}"
            )
        for name, data in (("previews", there), ("symbols", symbols_on(page, labelled, rows))):
            text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
            script = f'(window.asked ??= {{}})["{name}/{page}"] = {text};\n'
            put(app.outdir / "_static" / name / f"{page}.js", script)


def setup(app):
    """Do it when `pages.py` is done."""
    app.connect("build-finished", write, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
