"""Print the built book as one PDF: ``make pdf``.

    python book/print/pdf.py [--root HTML] [--out PDF] [--only PAGE …]

Chromium opens the pages of ``make book``, joins them into one (``merge.js``), and prints that
twice: once to learn on which page everything stands, and once with these numbers in the contents.
Links between pages become links inside the PDF, headings its bookmarks. The hints and solutions
come at the end, where a reader who tries first does not see them. What makes no sense on paper is
left out: the tests' and the package's sources, and code that the pages keep folded.
"""

import html
import io

import browser
import pikepdf
from pypdf import PdfReader, PdfWriter
from pypdf.generic import BooleanObject, DictionaryObject, NameObject, TextStringObject

import nnlearn

REFERENCE = "Reference"
#: The first Chromium in which a style sheet can number the pages.
OLDEST = 131


def front(config):
    """Return the title page as HTML."""
    title = html.escape(config["title"])
    return (
        f'<div class="front"><p class="title">{title}</p>'
        '<p class="subtitle">From one neuron to networks that write, hear and draw: '
        "every equation derived, computed and proved</p>"
        f'<div class="foot"><p>{html.escape(config["author"])}<br>Version {nnlearn.__version__}</p>'
        "<p>This is the printed form of a book of notebooks. What can be run, heard and moved is "
        "there, and so are the tests that prove the equations and the code that draws the figures."
        "</p>"
        "<p>Text CC BY 4.0, code MIT.</p></div></div>"
    )


def numbered(page):
    """Return the page printed with its page numbers, as the bytes of a PDF."""
    settings = {"prefer_css_page_size": True, "print_background": True}
    reader = PdfReader(io.BytesIO(page.pdf(**settings)))
    places = {
        name: reader.get_destination_page_number(place) + 1
        for name, place in reader.named_destinations.items()
    }
    unknown = page.evaluate(
        """places => [...document.querySelectorAll('a:has(.page-of)')].map(link => {
            const place = places['/' + link.hash.slice(1)] ?? places[link.hash.slice(1)];
            link.querySelector('.page-of').textContent = place ?? '';
            return place ? null : link.hash;
        }).filter(Boolean)""",
        places,
    )
    if unknown:
        raise RuntimeError(f"no page was found for {unknown[:5]}")
    return page.pdf(**settings, outline=True, tagged=True)


def links(reader):
    """Return how many links inside a PDF there are, and the targets of those that lead nowhere.

    Parameters
    ----------
    reader : pypdf.PdfReader

    Returns
    -------
    count : int
    broken : list of str
    """
    known = reader.named_destinations
    count, broken = 0, []
    for page in reader.pages:
        for annotation in page.get("/Annots") or []:
            entry = annotation.get_object()
            place = entry.get("/Dest", (entry.get("/A") or {}).get("/D"))
            if entry.get("/Subtype") != "/Link" or place is None:
                continue
            count += 1
            if isinstance(place, str) and place not in known and place.lstrip("/") not in known:
                broken.append(place)
    return count, broken


def bookmarks(root):
    """Yield the bookmarks of a PDF in order, each before those below it.

    Parameters
    ----------
    root : pypdf.generic.DictionaryObject
        The document's catalogue.
    """
    waiting = [root["/Outlines"].get("/First")]
    while waiting:
        place = waiting.pop()
        if place is not None:
            mark = place.get_object()
            yield mark
            waiting += [mark.get("/Next"), mark.get("/First")]


def described(data, headings, config):
    """Return a PDF that names its author and subject, and whose bookmarks have the headings' words.

    Chromium repeats a heading's words that it moved to the next page, and joins words where it
    broke a line.

    Parameters
    ----------
    data : bytes
        A PDF.
    headings : list of str
        What its bookmarks say, in order.
    config : dict
        ``_config.yml``.

    Raises
    ------
    RuntimeError
        If there are not as many bookmarks as headings.
    """
    writer = PdfWriter(io.BytesIO(data), incremental=True)
    marks = list(bookmarks(writer.root_object))
    if len(marks) != len(headings):
        raise RuntimeError(f"{len(headings)} headings, but {len(marks)} bookmarks")
    for mark, heading in zip(marks, headings, strict=True):
        mark[NameObject("/Title")] = TextStringObject(heading)
    writer.add_metadata(
        {
            "/Author": config["author"],
            "/Subject": "A course on neural networks: every equation derived, computed and proved",
        }
    )
    writer.root_object[NameObject("/ViewerPreferences")] = DictionaryObject(
        {NameObject("/DisplayDocTitle"): BooleanObject(True)}
    )
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def compressed(data):
    """Return a PDF with its many small objects (the tags above all) packed: half of the bytes."""
    file = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as document:
        document.save(file, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return file.getvalue()


def make(root, only=(), chromium=None):
    """Return the book as the bytes of a PDF.

    Parameters
    ----------
    root : Path
        The built pages.
    only : sequence of str
        Names of pages to print; all if empty.
    chromium : playwright.sync_api.Browser, optional
        One that runs already.

    Raises
    ------
    RuntimeError
        If a link leads nowhere, something is wider than a sheet, or Chromium is too old.
    """
    config = browser.config()
    book = {
        "title": config["title"],
        "front": front(config),
        "style": browser.read("print.css"),
        "pages": browser.contents(only),
        "reference": REFERENCE,
    }
    with browser.opened(root, chromium) as page:
        version = page.context.browser.version
        if int(version.split(".")[0]) < OLDEST:
            raise RuntimeError(f"Chromium {version} is too old: {OLDEST} is needed.")
        report = page.evaluate(browser.read("merge.js"), book)
        if report["broken"]:
            raise RuntimeError(f"links that lead nowhere: {report['broken'][:10]}")
        if report["cut"]:
            raise RuntimeError(f"wider than a sheet: {report['cut'][:10]}")
        return compressed(described(numbered(page), report["headings"], config))


def main():
    """Read the command line and write the PDF."""
    options = browser.asked(__doc__, "pdf")
    data = make(options.root, options.only)
    browser.write(options.out, data)
    reader = PdfReader(io.BytesIO(data))
    count, broken = links(reader)
    print(f"{len(reader.pages)} pages, {count} links, {len(broken)} broken")


if __name__ == "__main__":
    main()
