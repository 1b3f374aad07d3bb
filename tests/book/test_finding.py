"""Finding one's way: the filtered index, addresses, where a notebook runs, a copy on disk."""

import json
import subprocess
import zipfile
from types import SimpleNamespace
from xml.etree import ElementTree

import address as site_address
import lite
import offline
import pytest
import running
import social
from paths import ROOT
from PIL import Image
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

BASE = "https://example.org/nets/"


# ---- the index of equations ---------------------------------------------------------------------


def test_the_index_of_equations_is_light_and_can_be_filtered(chromium, address, site):
    assert (site / "equations.html").stat().st_size < 700_000
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/equations.html", wait_until="load")
    count = page.locator(".filter-count")
    everything = page.locator(".equation").count()
    assert count.inner_text() == f"{everything} equations"
    page.wait_for_selector("#the-neuron .formula.is-drawn .katex-html")
    page.get_by_label("Words, labels, functions").fill("eq-adam step")
    assert count.inner_text() == f"1 of {everything} equations"
    visible = page.locator(".equation:visible")
    assert visible.locator("code").first.text_content() == "eq-adam-step"
    visible.locator(".is-drawn").wait_for()
    assert page.locator("section > h2:visible").count() == 1
    page.keyboard.press("Escape")
    assert count.inner_text() == f"{everything} equations"
    page.get_by_label("Chapter", exact=True).select_option(label="The LSTM")
    assert page.locator(".equation:visible").count() == page.locator("#the-lstm .equation").count()
    page.close()


# ---- the site's address -------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["", BASE])
def small(request, tmp_path_factory):
    """A book of two pages, built without and with an address."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "index.rst").write_text(
        "Nets\n====\n\nAbout *nets*.\n\n.. toctree::\n\n   01-neuron\n"
    )
    (folder / "01-neuron.rst").write_text("The neuron\n==========\n\nOne :math:`w` & more.\n")
    (folder / "_templates").mkdir()
    template = (ROOT / "book" / "_templates" / "404.html").read_text(encoding="utf-8")
    (folder / "_templates" / "404.html").write_text(template, encoding="utf-8")
    settings = {
        "project": "Nets",
        "extensions": ["address"],
        "templates_path": ["_templates"],
        "html_baseurl": request.param,
        "html_theme": "basic",
    }
    out = folder / "out"
    app = Sphinx(folder, None, out, folder / "t", "html", settings, status=None, freshenv=True)
    app.build()
    return SimpleNamespace(out=out, base=request.param)


def test_only_a_site_with_an_address_speaks_of_it(small):
    page = (small.out / "01-neuron.html").read_text(encoding="utf-8")
    for told in ('rel="canonical"', "og:title", "twitter:card", "og:image"):
        assert (told in page) == bool(small.base), told
    for name in ("sitemap.xml", "robots.txt", "_static/social-01-neuron.png"):
        assert (small.out / name).exists() == bool(small.base), name
    if small.base:
        assert f'<link rel="canonical" href="{BASE}01-neuron.html" />' in page
        assert f'property="og:url" content="{BASE}01-neuron.html"' in page
        assert 'property="og:description" content="One w &amp; more."' in page
        tree = ElementTree.fromstring((small.out / "sitemap.xml").read_text(encoding="utf-8"))
        assert [place[0].text for place in tree] == [f"{BASE}01-neuron.html", f"{BASE}index.html"]
        assert f"Sitemap: {BASE}sitemap.xml" in (small.out / "robots.txt").read_text()
        picture = small.out / "_static" / "social-01-neuron.png"
        assert picture.stat().st_size <= social.LIMIT
        with Image.open(picture) as image:
            assert image.size == social.SIZE


@pytest.mark.parametrize("lost", ["exercises/x.html", "a.html", "_static/old/y.html"])
def test_the_page_for_lost_readers_finds_the_book_again(small, chromium, lost):
    text = (small.out / "404.html").read_text(encoding="utf-8")
    assert "Content-Security-Policy" in text
    page = chromium.new_page()
    page.route("**/*", lambda route: route.fulfill(status=404, content_type="text/html", body=text))
    page.goto(f"{BASE}{lost}".replace("exercises", "_images"))
    link = page.locator("ol a").first
    assert link.evaluate("link => link.href") == f"{BASE}01-neuron.html"
    assert page.locator("form").evaluate("form => form.action") == f"{BASE}search.html"
    page.close()


def test_what_is_no_address_is_refused():
    with pytest.raises(ExtensionError, match="an address was expected"):
        site_address.base_of(SimpleNamespace(html_baseurl="example.org"))
    assert (
        site_address.base_of(SimpleNamespace(html_baseurl="https://e.org/x")) == "https://e.org/x/"
    )


def test_every_chapter_has_an_equation_for_its_picture():
    found = social.equations(social.INDEX.read_text(encoding="utf-8"))
    assert list(found) == [path.stem for path in sorted((ROOT / "book").glob("[0-9]*.ipynb"))]


# ---- where a notebook runs ----------------------------------------------------------------------


def test_the_places_that_run_a_notebook():
    page = "exercises/05-cnn"
    assert running.links("", page) == []
    github = dict(link[:2] for link in running.links("https://github.com/a/b.git", page))
    assert github == {
        "Binder": "https://mybinder.org/v2/gh/a/b/HEAD?urlpath=lab/tree/book/exercises/05-cnn.ipynb",
        "Colab": "https://colab.research.google.com/github/a/b/blob/gh-pages/_sources/exercises/"
        "05-cnn.ipynb",
    }
    other = running.links("https://example.org/nn", page, with_lite=True)
    assert [name for name, *_ in other] == ["In this browser", "Binder"]
    assert "git/https%3A%2F%2Fexample.org%2Fnn/HEAD" in other[1][1]


def test_a_notebook_opened_alone_fetches_the_project(tmp_path):
    """The cell clones what the address names; here that is a folder, and nothing is installed."""
    origin = tmp_path / "origin"
    (origin / "book").mkdir(parents=True)
    (origin / "book" / "here.txt").write_text("x")
    git = ("git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-C", str(origin))
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *command], check=True)
    installs = []
    program = (
        "import importlib.util, subprocess, json, os\n"
        "importlib.util.find_spec = lambda name: None\n"
        "run, calls = subprocess.run, []\n"
        "subprocess.run = lambda c, **k: calls.append(c) if 'pip' in c else run(c, **k)\n"
        + running.fetch_cell(origin.as_uri())["source"]
        + "\nprint(json.dumps([os.listdir('.'), calls[0][-4:]]))"
    )
    result = subprocess.run(
        ["python3", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    there, installs = json.loads(result.stdout)
    assert there == ["here.txt"]
    assert installs == ["./the-book", "matplotlib", "scikit-learn", "verovio"]


def test_the_menu_stands_on_notebooks(chromium, address):
    page = chromium.new_page(viewport={"width": 360, "height": 740})
    page.goto(f"{address}/05-cnn.html", wait_until="load")
    page.get_by_role("button", name="Run this notebook").click()
    menu = page.locator("#running")
    assert "make lab" in menu.inner_text()
    box = menu.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    page.keyboard.press("Escape")
    assert not menu.is_visible()
    page.goto(f"{address}/glossary.html", wait_until="load")
    assert page.locator("#running").count() == 0
    page.close()


def test_jupyterlite_gets_the_notebooks_and_what_they_read(tmp_path):
    lite.gather(tmp_path)
    chapters = sorted(path.stem for path in (ROOT / "book").glob("[0-9]*.ipynb"))
    assert sorted(path.stem for path in tmp_path.glob("*.ipynb")) == chapters
    assert len(list(tmp_path.glob("exercises/*.ipynb"))) == len(chapters)
    assert (tmp_path / "studies" / "rnn_gap.json").exists()
    assert (tmp_path / "_static" / "figures" / "neuron.html").exists()
    notebook = json.loads((tmp_path / "05-cnn.ipynb").read_text(encoding="utf-8"))
    assert notebook["cells"][0]["id"] == lite.INSTALL
    assert "piplite.install" in notebook["cells"][0]["source"]


# ---- a copy on disk -----------------------------------------------------------------------------


def test_the_archive_opens_from_disk(chromium, site, tmp_path):
    offline.pack(site, tmp_path / "book.zip")
    with zipfile.ZipFile(tmp_path / "book.zip") as archive:
        names = archive.namelist()
        assert names == sorted(names, key=lambda name: name.split("/"))
        assert {entry.date_time for entry in archive.infolist()} == {offline.DATE}
        archive.extractall(tmp_path)
    book = tmp_path / offline.NAME
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    complaints = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda r: r.url.startswith(("file:", "data:")) or complaints.append(r.url))
    page.goto((book / "05-cnn.html").as_uri(), wait_until="load")
    page.keyboard.press("Control+k")
    page.keyboard.type("im2col")
    page.wait_for_selector("#pst-search-dialog li a")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/05-cnn.html#sec-cnn-im2col")
    page.goto((book / "equations.html").as_uri(), wait_until="load")
    page.wait_for_selector(".is-drawn .katex-html")
    assert complaints == []
    page.close()


def test_the_same_pages_give_the_same_archive(tmp_path):
    book = tmp_path / "html"
    for name in ("index.html", "a/b.png", "404.html", "lite/index.html"):
        (book / name).parent.mkdir(parents=True, exist_ok=True)
        (book / name).write_text(name)
    offline.pack(book, tmp_path / "one.zip")
    (book / "index.html").touch()
    offline.pack(book, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == [f"{offline.NAME}/a/b.png", f"{offline.NAME}/index.html"]


def test_without_a_book_there_is_no_archive(tmp_path):
    with pytest.raises(FileNotFoundError, match="make book"):
        offline.pack(tmp_path, tmp_path / "book.zip")
