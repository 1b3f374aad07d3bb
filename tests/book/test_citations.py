"""Who is cited: each entry of the bibliography is used, complete, well formed, and there once."""

import re
import unicodedata
from collections import Counter
from functools import cache

import pytest
import tally
from notebooks import NOTEBOOKS, read
from paths import BOOK, PACKAGE, ROOT
from pybtex.database import parse_file
from pybtex.richtext import Text

ENTRIES = parse_file(BOOK / "references.bib").entries
#: where a work of each kind appeared
VENUE = {
    "article": "journal",
    "book": "publisher",
    "inproceedings": "booktitle",
    "mastersthesis": "school",
    "misc": "author",  # whoever publishes it
}
IDENTIFIERS = ("doi", "eprint", "isbn", "url")
#: works that have none of these, and why
NOWHERE = {
    "cauchy1847": "the Comptes rendus of that year have no identifiers",
    "korpelevich1976": "the journal is not online",
    "novikoff1962": "the proceedings were printed only",
    "seed": "the copy names neither author nor date",
}
CITED = re.compile(r"\{cite(?::[pt])?\}`([^`]+)`")
CITED_IN_DOCSTRING = re.compile(r":cite:`([^`]+)`")
CODE_OR_MATH = re.compile(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$", re.DOTALL)
#: a year that is the date of something, and no number
DATE = re.compile(r"\b(?:in|of|since|from|to|until)\s+(1[5-9]\d\d|20[0-4]\d)\b(?!,\d)")


@cache
def pages():
    """The prose of each page: its path in the book without the ending, and its text."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(BOOK.glob("*.md"))}
    for path in NOTEBOOKS:
        cells = [c for c in read(path)["cells"] if c["cell_type"] == "markdown"]
        name = str(path.relative_to(BOOK).with_suffix(""))
        texts[name] = "\n\n".join("".join(cell["source"]) for cell in cells)
    return texts


@cache
def docstrings():
    """The text of each module of the package."""
    files = sorted(PACKAGE.rglob("*.py"))
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files}


def keys(text, pattern=CITED):
    """The entries that a text cites, in its order."""
    return [key.strip() for found in pattern.findall(text) for key in found.split(",")]


def families(entry):
    """The family names of an entry's authors, as plain text; none for an office or a firm."""
    people = [p for p in entry.persons["author"] if p.first_names]
    return [Text.from_latex(" ".join(p.prelast_names + p.last_names)) for p in people]


def plain(text):
    """Letters alone, without accents and case: what two spellings have in common."""
    text = unicodedata.normalize("NFKD", str(text)).lower().replace("ø", "o").replace("ł", "l")
    return "".join(c for c in text if c.isalnum() and c.isascii())


def identifiers():
    """Each identifier with its kind and the entry that has it."""
    for key, entry in ENTRIES.items():
        for kind in IDENTIFIERS:
            if kind in entry.fields:
                yield kind, entry.fields[kind], key


def test_each_citation_resolves():
    places = [(name, keys(text)) for name, text in pages().items()]
    places += [(name, keys(text, CITED_IN_DOCSTRING)) for name, text in docstrings().items()]
    for name, cited in places:
        assert set(cited) <= set(ENTRIES), name
        tally.count("cases tried", len(cited))
    assert sum(len(cited) for _, cited in places) > 250


def test_no_citation_is_misspelled():
    """Sphinx would print it as it stands."""
    for name, text in pages().items():
        assert len(CITED.findall(text)) == text.count("{cite"), name
    for name, text in docstrings().items():
        assert len(CITED_IN_DOCSTRING.findall(text)) == text.count(":cite"), name


def test_each_entry_is_cited():
    cited = Counter(key for text in pages().values() for key in keys(text))
    cited += Counter(k for text in docstrings().values() for k in keys(text, CITED_IN_DOCSTRING))
    assert set(ENTRIES) == set(cited)


@pytest.mark.parametrize("key", ENTRIES)
def test_an_entry_says_who_what_where_and_when(key):
    entry = ENTRIES[key]
    assert entry.persons["author"]
    assert entry.fields["title"]
    if entry.type != "misc":
        assert entry.fields[VENUE[entry.type]]
    if key == "seed":
        assert "year" not in entry.fields
        return
    year = entry.fields["year"]
    assert re.fullmatch(r"1[89]\d\d|20[0-4]\d", year)
    # the key is the first author's family name, or the office's, with the year of the entry
    name, of_key = re.fullmatch(r"([a-z]+)(\d{4})[a-z]*", key).groups()
    assert of_key == year
    if names := families(entry):
        assert plain(names[0]) in (name, *(p + name for p in ("van", "de")))
    tally.count("cases tried")


@pytest.mark.parametrize("key", ENTRIES)
def test_an_entry_can_be_found(key):
    has = [kind for kind in IDENTIFIERS if kind in ENTRIES[key].fields]
    assert bool(has) != (key in NOWHERE), f"{key} has {has or 'no identifier'}"


def test_identifiers_are_well_formed():
    forms = {
        "doi": r"10\.\d{4,5}/[^\s{}]+",
        "eprint": r"\d{2}(0[1-9]|1[0-2])\.\d{4,5}|[a-z-]+/\d{7}",
        "isbn": r"[\d-]+[\dX]",
        "url": r"https?://[^\s{}]+[^\s{}.,]",
    }
    for kind, value, key in identifiers():
        assert re.fullmatch(forms[kind], value), (key, value)
        assert kind != "url" or ("arxiv.org" not in value and "doi.org" not in value), key
        tally.count("cases tried")
    for key, entry in ENTRIES.items():
        assert ("eprint" in entry.fields) == ("archiveprefix" in entry.fields), key
        assert entry.fields.get("archiveprefix", "arXiv") == "arXiv", key


def test_the_numbers_of_an_arxiv_preprint_and_of_a_book_are_possible():
    """A preprint is at most a year younger than the paper; an ISBN's last digit checks it."""
    for kind, value, key in identifiers():
        if kind == "eprint" and value[0].isdigit():
            assert 2007 <= 2000 + int(value[:2]) <= int(ENTRIES[key].fields["year"]) + 1, key
            assert len(value) == (9 if value < "1501" else 10), key
        if kind == "isbn":
            digits = [10 if c == "X" else int(c) for c in value.replace("-", "")]
            assert len(digits) in (10, 13), key
            weights = range(10, 0, -1) if len(digits) == 10 else [1, 3] * 6 + [1]
            total = sum(w * d for w, d in zip(weights, digits, strict=True))
            assert total % (11 if len(digits) == 10 else 10) == 0, key


def test_nothing_is_there_twice():
    same = Counter((kind, value.lower()) for kind, value, _ in identifiers())
    same += Counter(("title", plain(e.fields["title"])) for e in ENTRIES.values())
    assert not [what for what, n in same.items() if n > 1]
    assert list(ENTRIES) == sorted(ENTRIES)


def test_an_arxiv_number_has_one_home():
    for key, entry in ENTRIES.items():
        for field in set(entry.fields) - {"eprint", "archiveprefix"}:
            assert not re.search(r"arXiv[:.\s]*\d", entry.fields[field]), (key, field)


def test_pages_run_upwards():
    for key, entry in ENTRIES.items():
        if "pages" in entry.fields:
            value = entry.fields["pages"]
            if first_last := re.fullmatch(r"(\d+)--(\d+)", value):
                assert int(first_last[1]) < int(first_last[2]), key
            else:
                assert re.fullmatch(r"e\d+", value), key  # the number of an article


def test_who_is_named_is_cited():
    """On the page, or on the chapter's if it is a page of exercises. Two pages explain words."""
    authors = {}
    for key, entry in ENTRIES.items():
        for family in families(entry):
            authors.setdefault(str(family), set()).add(key)
    named = 0
    for name, text in pages().items():
        if name in ("glossary", "notation"):
            continue
        cited = set(keys(text + pages().get(name.removeprefix("exercises/"), "")))
        prose = CODE_OR_MATH.sub(" ", text)
        for author, works in authors.items():
            if len(author) > 5 and re.search(rf"\b{author}\b", prose):
                assert cited & works, f"{name} names {author}"
                named += 1
    assert named > 10
    tally.count("cases tried", named)


def test_a_section_that_dates_something_cites():
    dates = 0
    for name, text in pages().items():
        for section in re.split(r"^#+ ", text, flags=re.MULTILINE):
            if found := DATE.findall(CODE_OR_MATH.sub(" ", section)):
                assert keys(section), f"{name} says {found}"
                dates += len(found)
    assert dates >= 5
    tally.count("cases tried", dates)


def test_a_docstring_cites_and_does_not_quote_a_title():
    """The bibliography is the home of titles: "…", 2014 is an entry that it lacks."""
    for name, text in docstrings().items():
        assert not re.search(r"\",\s+(?:1[89]|20)\d\d\b", text), name
