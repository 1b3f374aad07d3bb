"""The book's search index, written while the book is built: `search-data.js`, beside the pages.

`search_records.py` reads each page into records; `book/web/search` ranks them in the browser. They
come to it as a script (a page that is opened from disk may not fetch data), once the reader
searches. Sphinx's own index, of words and whole pages, is not made.
"""

import json
import tomllib
from pathlib import Path

import assets
from search_records import records_of

#: The file of the records, beside the pages.
DATA = "search-data.js"
SYNONYMS = Path(__file__).with_name("synonyms.toml")


def synonyms(path=SYNONYMS):
    """Return groups of words that mean the same, each a list of strings."""
    groups = tomllib.loads(path.read_text(encoding="utf-8"))
    return [[word, *others] for word, others in groups.items()]


def page_titles(env):
    """Return (name, title, number) of every page, in the book's order."""
    order = [env.config.root_doc]
    for name in order:
        order += [n for n in env.toctree_includes.get(name, ()) if n not in order]
    rows = []
    for name in sorted(env.found_docs & set(order), key=order.index):
        number = (env.toc_secnumbers.get(name) or {}).get("") or ()
        rows.append((name, env.titles[name].astext(), ".".join(map(str, number))))
    return rows


def collect(app, doctree, docname):
    """Keep the records of a page that is about to be written."""
    if app.builder.format == "html":
        numbers = app.builder.env.toc_fignumbers.get(docname, {}).get("displaymath", {})
        app.env.search_records[docname] = records_of(doctree, docname, numbers)


def finish(app, exception):
    """Write the records, as a script that gives them to the search."""
    if exception is not None or app.builder.format != "html":
        return
    records, pages = app.env.search_records, page_titles(app.env)
    for name in sorted({row[0] for row in pages} - set(records)):  # of an earlier build
        collect(app, app.env.get_and_resolve_doctree(name, app.builder), name)
    data = {
        "pages": [{"name": n, "title": t, "number": no} for n, t, no in pages],
        "synonyms": synonyms(),
        "records": [record for row in pages for record in records[row[0]]],
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    assets.put(Path(app.outdir) / DATA, f"window.bookSearchData={text};\n")


def begin(app):
    """Begin without records; Sphinx's own index of words is not made."""
    app.env.search_records = {}
    app.builder.search = False


def search_page(app):
    """Give Sphinx the page of the search, which it makes only beside its own index."""
    yield "search", {}, "search.html"


def setup(app):
    """Read every page as it is written."""
    app.connect("builder-inited", begin)
    app.connect("html-collect-pages", search_page)
    app.connect("doctree-resolved", collect, priority=900)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
