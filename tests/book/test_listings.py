"""Set-up is folded, and a listing bears its name, its file and its equations."""

import ast
import re

import listings
import pytest
from paths import ROOT

CHAPTERS = sorted(path.stem for path in (ROOT / "book").glob("[0-9]*.ipynb"))


def statements(text):
    return ast.parse(text).body


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("nn.source(nn.dense)", "nn.dense"),
        ("from a import b\n\nb.source(c.d, docstring=True)", "c.d"),
        ("x = nn.source(nn.dense)", None),
        ("print(nn.source(nn.dense))", None),
        ("y = 1\nnn.source(nn.dense)", None),
        ("", None),
    ],
)
def test_a_cell_is_a_listing_if_it_does_nothing_else(cell, name):
    assert listings.listed(statements(cell)) == name


def test_a_cell_that_is_no_python_is_no_listing():
    assert listings.parsed("%timeit x") == []


@pytest.mark.parametrize(
    ("name", "names", "found"),
    [
        ("nn.dense", {"nn": "nnlearn"}, ("nnlearn.operations.dense", "dense")),
        ("nn.SGD.update", {"nn": "nnlearn"}, ("nnlearn.training.optimizers", "SGD.update")),
        ("told.f", {"told": "studies.lstm_memory"}, ("studies.lstm_memory", "f")),
    ],
)
def test_a_listing_knows_where_it_stands(name, names, found):
    module, path, file = listings.home(name, names)
    assert (module, path) == found
    assert file.is_file()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_page_shows_names_and_no_calls(site, chapter):
    """As many names as the notebook has calls, each beside a file that is there."""
    page = (site / f"{chapter}.html").read_text(encoding="utf-8")
    source = (ROOT / "book" / f"{chapter}.ipynb").read_text(encoding="utf-8")
    calls = re.findall(r'"(?:nn|sources)\.source\(', source)
    lines = re.findall(r'<p class="listing-name">(.*?)</p>', page, re.DOTALL)
    assert len(lines) == len(calls) > 0
    for line in lines:
        file = re.search(r" in ((?:nnlearn|book)/[\w/]+\.py)", re.sub(r"<[^>]*>", "", line))
        assert (ROOT / file[1]).is_file()
    code = re.sub(r"<[^>]*>", "", "".join(re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)))
    assert re.findall(r"\b(?:nn|sources)\.source\(", code) == []


def test_a_listing_leads_to_its_equations(site):
    page = (site / "04-ann.html").read_text(encoding="utf-8")
    line = next(x for x in re.findall(r'listing-name">(.*?)</p>', page) if "nn.dense" in x)
    assert 'href="api.html#nnlearn.dense"' in line
    assert 'href="#equation-eq-' in line
    numbers = re.findall(r"\((\d+)\.(\d+)\)", line)
    assert numbers == sorted(numbers, key=lambda n: (int(n[0]), int(n[1])))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_first_screen_has_no_machinery(site, chapter):
    """Imports are folded, and the first code that stands open comes after something to look at."""
    page = (site / f"{chapter}.html").read_text(encoding="utf-8")
    article = page[page.index("<article") :]
    cells = re.split(r'<div class="cell ', article)[1:]
    assert "set-up" in cells[0][:200]
    assert listings.SET_UP in cells[0]
    shown = re.search(r'class="(?:output|cell_output)|<img|<iframe', article).start()
    opened = re.search(r'<div class="cell (?!tag_hide-input|[^"]*set-up|[^"]*listing)', article)
    assert shown < opened.start()
