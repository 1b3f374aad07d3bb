"""The book on paper and in an EPUB reader: complete, in order, and every link arrives.

Two of its pages stand for all: `make pdf` itself refuses a link that leads nowhere, and what is
wider than a sheet.
"""

import io
import re
import unicodedata
import xml.etree.ElementTree as ET
import zipfile
from html.parser import HTMLParser
from types import SimpleNamespace

import browser
import epub
import pdf
import pytest
from pypdf import PdfReader

PAGES = ("exercises/05-cnn", "glossary")
XHTML = "{http://www.w3.org/1999/xhtml}"


def squeezed(text):
    """Return a text without what printing may change: spaces, ligatures, folded quotes."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


class _Blocks(HTMLParser):
    """Collects the texts of an article's listings, and of its paragraphs without mathematics."""

    def __init__(self):
        super().__init__()
        self.found, self.open, self.kind = [], None, None

    def handle_starttag(self, tag, attributes):
        if tag in ("pre", "p") and self.kind is None:
            self.open, self.kind = "", tag
        elif self.kind and tag in ("math", "a"):
            self.open = None  # a link's mark is not printed, mathematics not in reading order

    def handle_endtag(self, tag):
        if tag == self.kind:
            if self.open and self.open.strip():
                self.found.append(self.open)
            self.open, self.kind = None, None

    def handle_data(self, data):
        if self.open is not None:
            self.open += data


def blocks(site, name):
    page = (site / f"{name}.html").read_text(encoding="utf-8")
    reader = _Blocks()
    article = page[page.index("<article") : page.index("</article>")]
    reader.feed(re.sub(r'<details class="[^"]*hide.*?</details>', "", article, flags=re.DOTALL))
    return reader.found


@pytest.fixture(scope="module")
def printed(site, chromium):
    """The two pages as a PDF."""
    return PdfReader(io.BytesIO(pdf.make(site, PAGES, chromium)))


@pytest.fixture(scope="module")
def texts(printed):
    """What stands on each sheet."""
    return [page.extract_text() for page in printed.pages]


@pytest.fixture(scope="module")
def packed(site, chromium):
    """The two pages as an EPUB."""
    return zipfile.ZipFile(io.BytesIO(epub.make(site, PAGES, chromium)))


# ---- what is printed ----------------------------------------------------------------------------


def test_the_printed_book_has_every_chapter_then_its_exercises():
    pages = browser.contents()
    names = [page["name"] for page in pages]
    chapters = [page["name"] for page in pages if page["deep"]]
    assert len(chapters) >= 9
    for name in chapters:
        assert names[names.index(name) + 1] == f"exercises/{name}"
    assert not set(names) & set(browser.SCREEN_ONLY)
    assert pages[0]["part"] == "Start here"


def test_a_page_that_the_book_does_not_have_is_refused():
    with pytest.raises(ValueError, match="05-cmm"):
        browser.contents(["05-cnn", "05-cmm"])


def test_without_pages_or_browser_a_clear_message_ends_the_program(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="make book"):
        browser.check(tmp_path)
    (tmp_path / "index.html").write_text("")
    monkeypatch.setattr(browser, "find_browser", lambda: None)
    with pytest.raises(SystemExit, match="install chromium"):
        browser.check(tmp_path)


# ---- the PDF ------------------------------------------------------------------------------------


def places(reader, outline):
    for entry in outline:
        if isinstance(entry, list):
            yield from places(reader, entry)
        else:
            yield entry.title, reader.get_destination_page_number(entry)


def test_every_heading_is_a_bookmark_to_its_page(printed, texts):
    marks = list(places(printed, printed.outline))
    titles = [title for title, _ in marks]
    assert titles[0] == "Contents"
    assert "Glossary" in titles
    assert sum(title.startswith("Exercise 5.1:") for title in titles) == 2  # and its solution
    for title, number in marks:
        assert squeezed(title) in squeezed(texts[number])


def test_the_contents_name_the_right_pages(printed, texts):
    marks = dict(places(printed, printed.outline))
    text = squeezed(texts[1])
    for title in ("Glossary", "Hints and solutions"):
        assert f"{squeezed(title)}{marks[title] + 1}" in text


def test_every_link_inside_the_pdf_arrives(printed):
    count, broken = pdf.links(printed)
    assert count > 30
    assert broken == []


def test_a_link_to_nowhere_is_found(printed):
    lost = SimpleNamespace(named_destinations={}, pages=printed.pages)
    count, broken = pdf.links(lost)
    assert len(broken) == count > 30


def test_no_listing_and_no_sentence_is_lost_on_paper(texts, site):
    bodies = [text.split("\n", 2)[2] for text in texts[2:]]  # without the heads and the numbers
    text = squeezed("".join(bodies))
    pieces = [piece for name in PAGES for piece in blocks(site, name)]
    assert len(pieces) > 60
    assert [piece for piece in pieces if squeezed(piece) not in text] == []


def test_solutions_stand_at_the_end_and_exercises_say_where(printed, texts):
    marks = list(places(printed, printed.outline))
    first, second = [number for title, number in marks if title.startswith("Exercise 5.1:")]
    end = dict(marks)["Hints and solutions"]
    assert first < end <= second
    assert f"Hint and solution on page {second + 1}" in texts[first]
    assert "Solution" not in texts[first]


def test_the_pdf_says_what_it_is_and_reads_aloud(printed):
    root = printed.trailer["/Root"]
    assert printed.metadata.title == "Neural Networks, Equation by Equation"
    assert printed.metadata.author
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]


def test_all_fonts_are_in_the_pdf(printed):
    missing, count = set(), 0
    for page in printed.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
            count += 1
            if font["/Subtype"] != "/Type3" and not any(
                f"/FontFile{n}" in inner["/FontDescriptor"] for n in ("", 2, 3)
            ):
                missing.add(font["/BaseFont"])
    assert count > 0
    assert missing == set()


# ---- the EPUB -----------------------------------------------------------------------------------


def documents(packed):
    names = [name for name in packed.namelist() if name.endswith(".xhtml")]
    return {name: ET.fromstring(packed.read(name)) for name in names}


def test_an_epub_reader_finds_all_that_the_package_lists(packed):
    assert packed.namelist()[0] == "mimetype"
    assert packed.infolist()[0].compress_type == zipfile.ZIP_STORED
    package = ET.fromstring(packed.read("book/book.opf"))
    listed = {f"book/{item.get('href')}" for item in package.iter() if item.tag.endswith("}item")}
    inside = {name for name in packed.namelist() if name.startswith("book/")} - {"book/book.opf"}
    assert listed == inside
    assert {"book/exercises-05-cnn.xhtml", "book/glossary.xhtml", "book/contents.xhtml"} <= inside


def test_every_link_and_picture_of_the_epub_is_there(packed):
    found = documents(packed)
    ids = {name: {e.get("id") for e in tree.iter() if e.get("id")} for name, tree in found.items()}
    count = 0
    for name, tree in found.items():
        for element in tree.iter(f"{XHTML}img"):
            assert f"book/{element.get('src')}" in packed.namelist()
        for element in tree.iter(f"{XHTML}a"):
            address = element.get("href")
            if not address or re.match(r"https?:", address):
                continue
            page, _, anchor = address.partition("#")
            page = f"book/{page}" if page else name
            assert not anchor or anchor in ids[page]
            count += 1
    assert count > 3


def test_formulas_of_the_epub_are_mathml_with_their_tex(packed):
    formulas = [
        formula
        for tree in documents(packed).values()
        for formula in tree.iter("{http://www.w3.org/1998/Math/MathML}math")
    ]
    assert len(formulas) > 20
    assert all(formula.get("alttext") for formula in formulas)
    assert all(b"katex-html" not in packed.read(name) for name in documents(packed))
