"""Pack the built book as an EPUB: ``make epub``.

    python book/print/epub.py [--root HTML] [--out EPUB] [--only PAGE …]

Chromium reads the pages of ``make book`` and writes them as XHTML (``chapters.js``). Formulas are
MathML, films and live figures their still pictures; hints and solutions stand unfolded with their
exercises. What is left out is what the PDF leaves out.
"""

import html
import io
import mimetypes
import os
import time
import uuid
import zipfile

import browser
from pygments.formatters import HtmlFormatter

import nnlearn

PAGE = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"
 lang="en" xml:lang="en">
<head><title>{title}</title><link rel="stylesheet" href="book.css"/></head>
<body>{body}</body>
</html>
"""
CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles>
<rootfile full-path="book/book.opf" media-type="application/oebps-package+xml"/>
</rootfiles>
</container>
"""
PACKAGE = """<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{uuid}</dc:identifier>
<dc:title>{title}</dc:title>
<dc:creator>{author}</dc:creator>
<dc:language>en</dc:language>
<dc:rights>Text CC BY 4.0, code MIT</dc:rights>
<meta property="dcterms:modified">{modified}</meta>
<meta property="schema:accessMode">textual</meta>
<meta property="schema:accessMode">visual</meta>
<meta property="schema:accessModeSufficient">textual</meta>
<meta property="schema:accessibilityFeature">MathML</meta>
<meta property="schema:accessibilityFeature">alternativeText</meta>
<meta property="schema:accessibilityFeature">structuralNavigation</meta>
<meta property="schema:accessibilityHazard">none</meta>
</metadata>
<manifest>
{manifest}
</manifest>
<spine>
{spine}
</spine>
</package>
"""


def navigation(documents):
    """Return the list of contents as XHTML: parts, pages, and the sections of chapters."""

    def item(file, title, inner=""):
        return f'<li><a href="{file}">{html.escape(title)}</a>{inner}</li>'

    parts = []
    for document in documents:
        if document["part"]:
            parts.append((document["part"], []))
        file = document["file"]
        inner = "".join(item(f"{file}#{h['id']}", h["title"]) for h in document["headings"])
        parts[-1][1].append(item(file, document["title"], inner and f"<ol>{inner}</ol>"))
    lines = "".join(
        f"<li><span>{html.escape(part)}</span><ol>{''.join(items)}</ol></li>"
        for part, items in parts
    )
    body = f'<nav epub:type="toc" id="toc"><h1>Contents</h1><ol>{lines}</ol></nav>'
    return PAGE.format(title="Contents", body=body)


def title_page(config):
    """Return the first page as XHTML."""
    title, author = html.escape(config["title"]), html.escape(config["author"])
    body = (
        f'<section class="title-page"><h1>{title}</h1><p>{author}<br/>Version '
        f"{nnlearn.__version__}</p><p>This is a form of a book of notebooks. What can be run, "
        "heard and moved is there, and so are the tests that prove the equations and the code that "
        "draws the figures.</p><p>Text CC BY 4.0, code MIT.</p></section>"
    )
    return PAGE.format(title=title, body=body)


def photographs(page, figures):
    """Return pictures of live figures as they lie when a page opens.

    Parameters
    ----------
    page : playwright.sync_api.Page
    figures : dict of str to str
        Names in the EPUB, and paths in the built book.

    Returns
    -------
    dict of str to bytes
        PNG; an empty figure is not among them.
    """
    found = {}
    root = page.url.rsplit("/", 1)[0]
    with page.context.browser.new_context(
        viewport={"width": 700, "height": 600}, device_scale_factor=2
    ) as context:
        camera = context.new_page()
        camera.route("**/*.js*", lambda route: route.abort())
        for name, path in figures.items():
            camera.goto(f"{root}/{path}", wait_until="load")
            figure = camera.locator("#figure")
            if figure.evaluate("figure => figure.childElementCount"):
                found[name] = figure.screenshot(type="png")
    return found


def packed(files, documents, config):
    """Return files as the bytes of an EPUB.

    Parameters
    ----------
    files : dict of str to bytes
        Everything beside the package's own description.
    documents : list of dict
        In reading order, as ``chapters.js`` gives them.
    config : dict
        ``_config.yml``.
    """
    manifest = []
    for i, (name, data) in enumerate(files.items()):
        kind = mimetypes.guess_type(name)[0]
        if name.endswith(".xhtml"):
            kind = "application/xhtml+xml"
        elif name.endswith(".webp"):
            kind = "image/webp"
        marks = ["nav"] * (name == "contents.xhtml") + ["mathml"] * (b"<math" in data)
        marks += ["svg"] * (kind == "application/xhtml+xml" and b"<svg" in data)
        properties = f' properties="{" ".join(marks)}"' if marks else ""
        manifest.append(f'<item id="f{i}" href="{name}" media-type="{kind}"{properties}/>')
    order = ["title.xhtml", "contents.xhtml", *(document["file"] for document in documents)]
    ids = {name: f"f{i}" for i, name in enumerate(files)}
    built = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    package = PACKAGE.format(
        uuid=uuid.uuid5(uuid.NAMESPACE_DNS, f"equation-by-equation {nnlearn.__version__}"),
        title=html.escape(config["title"]),
        author=html.escape(config["author"]),
        modified=time.strftime("%Y-%m-%dT%H:%M:%SZ", built),
        manifest="\n".join(manifest),
        spine="\n".join(f'<itemref idref="{ids[name]}"/>' for name in order),
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as pack:

        def put(name, data, how=zipfile.ZIP_DEFLATED):
            pack.writestr(zipfile.ZipInfo(name), data, how)  # a fixed date: same bytes again

        put("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        put("META-INF/container.xml", CONTAINER)
        put("book/book.opf", package)
        for name, data in files.items():
            put(f"book/{name}", data)
    return archive.getvalue()


def make(root, only=(), chromium=None):
    """Return the book as the bytes of an EPUB.

    Parameters
    ----------
    root : Path
        The built pages.
    only : sequence of str
        Names of pages; all if empty.
    chromium : playwright.sync_api.Browser, optional
        One that runs already.
    """
    config = browser.config()
    with browser.opened(root, chromium) as page:
        found = page.evaluate(browser.read("chapters.js"), {"pages": browser.contents(only)})
        pictures = photographs(page, found["figures"])
    documents = found["documents"]
    style = HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight")
    pages = {"title.xhtml": title_page(config), "contents.xhtml": navigation(documents)}
    for document in documents:
        title = html.escape(document["title"])
        pages[document["file"]] = PAGE.format(title=title, body=document["body"])
    pages["book.css"] = browser.read("epub.css") + style
    files = {name: text.encode("utf-8") for name, text in pages.items()}
    files |= {name: (root / path).read_bytes() for name, path in found["pictures"].items()}
    return packed(files | pictures, documents, config)


def main():
    """Read the command line and write the EPUB."""
    options = browser.asked(__doc__, "epub")
    data = make(options.root, options.only)
    browser.write(options.out, data)


if __name__ == "__main__":
    main()
