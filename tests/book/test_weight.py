"""How light the built pages are: what they ask for, what they lay out, and what they may run."""

import base64
import hashlib
import html
import importlib.util
import re
from pathlib import Path

import purge
import pytest
from fonts import characters
from fontTools.ttLib import TTFont
from pages import BARE
from paths import ROOT
from pictures import lighter, size
from PIL import Image
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Name, Punctuation, Token, Whitespace

MOST_SHIFT = 0.02
PHONE = {"viewport": {"width": 412, "height": 823}, "is_mobile": True, "has_touch": True}
TEXT = (".html", ".css", ".js", ".svg", ".json")
_STATE = re.compile(r"::?(?!not|is|where|has|root)[a-z-]+(\([^)]*\))?")
FINGERPRINT = re.compile(r"_static/(?:[\w/-]+\.)([0-9a-f]{10})\.\w+")


@pytest.fixture(scope="module")
def pages(site, names):
    return {name: (site / name).read_text(encoding="utf-8") for name in names}


def test_a_page_has_one_sheet_and_one_script_named_by_what_is_in_them(site, pages):
    for name, text in pages.items():
        if name == "404.html":  # it stands alone, whatever folder was asked for
            continue
        assert len(re.findall(r'<link rel="stylesheet"', text)) == 1, name
        assert len(re.findall(r"<script\b[^>]*\bsrc=", text)) == 1, name
    named = {match[0]: match[1] for text in pages.values() for match in FINGERPRINT.finditer(text)}
    assert {Path(path).suffix for path in named} == {".css", ".js", ".woff2"}
    for path, digest in named.items():
        content = (site / path).read_bytes()
        assert hashlib.sha256(content).hexdigest().startswith(digest), path


def test_all_that_the_sheet_asks_for_is_there(site):
    (sheet,) = (site / "_static").glob("book.*.css")
    asked = re.findall(r"url\(['\"]?(?!data:)([^'\")]+)", sheet.read_text(encoding="utf-8"))
    assert len(asked) > 10
    assert [path for path in asked if not (sheet.parent / path).is_file()] == []


def test_fonts_have_every_character_of_the_formulas(site, pages):
    """That is, each that KaTeX's own fonts have: some signs come from the reader's system."""

    def known(folder):
        fonts = [TTFont(path) for path in folder.glob("*.woff2")]
        return set().union(*(font.getBestCmap() for font in fonts))

    text = {ord(letter) for letter in characters(pages.values())}
    before, after = known(ROOT / "book/_static/katex/fonts"), known(site / "_static/katex/fonts")
    assert len(text) > 80
    assert text & before <= after
    assert len(after) < len(before) / 2


# ---- what is left out of the theme's sheets -----------------------------------------------------

STATES = """() => {
    document.querySelector('.primary-toggle')?.click();
    document.querySelector('.copybtn')?.classList.add('success');
    for (const details of document.querySelectorAll('details')) details.open = true;
}"""
MATCHING = """selectors => selectors.filter(selector => {
    try { return document.querySelector(selector) !== null; } catch { return false; }
})"""


def selectors(text):
    """The selectors of a style sheet, without states and drawn parts: elements that they style."""
    found = set()
    for one in re.findall(r"([^{}@;]+)\{[^{}]*\}", re.sub(r"/\*.*?\*/", "", text, flags=re.S)):
        for selector in re.split(r",(?![^(]*\))", one):
            found.add(
                re.sub(r"::?(?!not|is|where|has|root)[a-z-]+(\([^)]*\))?", "", selector.strip())
            )
    return {selector for selector in found if selector}


def test_no_rule_that_was_left_out_matches_anything(chromium, address, site):
    """On pages of each kind, wide and narrow, with the side bar and all that is folded open."""
    theme = Path(importlib.util.find_spec("pydata_sphinx_theme").origin).parent / "theme"
    (path,) = theme.rglob("static/styles/pydata-sphinx-theme.css")
    whole = path.read_text(encoding="utf-8")
    words = purge.Words()
    for built in site.rglob("*.html"):
        words.read_page(built.read_text(encoding="utf-8"))
    for script in (site / "_static").glob("*.js"):
        words.read_script(script.read_text(encoding="utf-8"))
    left_out = sorted(selectors(whole) - selectors(purge.used_rules(whole, words)))
    assert len(left_out) > 1000
    wide = ("index", "api", "search", "genindex", "exercises/05-cnn")
    for width, some in ((1280, wide), (390, wide[-1:])):
        page = chromium.new_page(viewport={"width": width, "height": 900})
        for name in some:
            page.goto(f"{address}/{name}.html", wait_until="load")
            page.evaluate(STATES)
            assert page.evaluate(MATCHING, left_out) == [], (name, width)
        page.close()


def test_purging_keeps_what_a_script_may_set_and_drops_what_nothing_reads():
    words = purge.Words()
    words.read_page('<p class="seen" style="--inline: 1">x</p>')
    words.read_script('element.classList.add("later")')
    text = """
        .seen, .never { color: var(--read); --unread: 1; --inline: 2 }
        p.later:not(.gone) { animation: move 1s } .never p { color: red }
        @media print { .never { color: red } }
        @keyframes move { to { left: 0 } } @keyframes rest { to { left: 0 } }
        :root { --read: url("data:a;b}"); }
    """
    kept = purge.read_rules(purge.used_rules(text, words), words)
    for part in (
        ".seen{",
        "p.later:not(.gone)",
        "--read: url(",
        "a;b}",
        "--inline",
        "@keyframes move",
    ):
        assert part in kept, part
    for part in ("never", "--unread", "rest", "@media"):
        assert part not in kept, part
    with pytest.raises(ValueError, match="Expected CSS"):
        purge.used_rules("p", words)


def test_spans_that_are_taken_out_of_listings_have_the_grounds_colour(site, pages):
    """In both styles; and a listing has all its letters still."""
    for style in ("a11y-high-contrast-light", "a11y-high-contrast-dark"):
        style = get_style_by_name(style)
        ground = style.style_for_token(Token.Text)
        for token in (Name, Name.Namespace, Punctuation, Whitespace):
            assert STANDARD_TYPES[token] in ("n", "nn", "p", "w")
            assert style.style_for_token(token) == ground
    code = 'x = nn.dense(a, [1, "b"])  # y'
    marked = highlight(code, PythonLexer(), HtmlFormatter(nowrap=True))
    bare = BARE.sub(r"\1", marked)
    assert bare.count("<span") < marked.count("<span") / 2
    assert html.unescape(re.sub(r"<[^>]*>", "", bare)).strip() == code
    assert not any(BARE.search(text) for text in pages.values())


# ---- what a page lays out -----------------------------------------------------------------------


WAITING = """() => {
    const all = [...document.querySelectorAll('.bd-article .katex')];
    const far = all.filter(e => !e.checkVisibility({contentVisibilityAuto: true}));
    return far.length / all.length;
}"""
SHIFT = """window.shift = 0;
new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({type: 'layout-shift', buffered: true});"""


def test_what_is_far_away_is_not_laid_out_and_nothing_jumps(chromium, address):
    """On a phone, four times as slow: four fifths of a long page wait, and who opens a page
    and scrolls through it sees no text move."""
    context = chromium.new_context(**PHONE)
    context.add_init_script(SHIFT)
    shifts = {}
    for name in ("index", "04-ann", "equations", "glossary", "proofs"):
        page = context.new_page()
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.goto(f"{address}/{name}.html", wait_until="load")
        if name == "04-ann":
            assert page.evaluate(WAITING) > 0.8
        page.wait_for_timeout(500)  # a figure that is in view comes
        for _ in range(6):
            page.evaluate("scrollBy(0, 600)")
            page.wait_for_timeout(60)
        shifts[name] = page.evaluate("window.shift")
        page.close()
    context.close()
    assert {name: shift for name, shift in shifts.items() if shift >= MOST_SHIFT} == {}


# ---- what a page may run ------------------------------------------------------------------------


def test_every_page_has_a_strict_policy_that_names_its_own_scripts(pages):
    for name, text in pages.items():
        found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', text)
        assert found, name
        assert text.index("<script") > found.start(), name
        rules = dict(r.split(" ", 1) for r in html.unescape(found[1]).split("; "))
        assert rules["default-src"] == "'none'"
        assert not re.search(r"unsafe|http|\*|data:", rules["script-src"]), name
        assert "unsafe" not in rules["style-src"], name
        for script in re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", text, re.S):
            digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in rules["script-src"], name
        assert not re.search(r"<[a-z][^<>]*\son[a-z]+=", text), name


def test_a_strange_script_does_not_run(chromium, address):
    page = chromium.new_page()
    page.goto(f"{address}/index.html", wait_until="load")
    page.evaluate("""() => { const script = document.createElement('script');
        script.textContent = 'window.strange = true'; document.head.append(script); }""")
    assert page.evaluate("window.strange === undefined")
    page.close()


# ---- pictures -----------------------------------------------------------------------------------


def test_a_picture_becomes_smaller_and_no_pixel_changes(tmp_path):
    still, film = tmp_path / "still.png", tmp_path / "film.png"
    frames = [Image.linear_gradient("L").convert("RGBA").rotate(90 * k) for k in range(2)]
    frames[0].save(still, compress_level=0)
    frames[0].save(film, save_all=True, append_images=frames[1:])
    smaller = lighter(still)
    assert smaller == tmp_path / "still.webp"
    assert smaller.stat().st_size < still.stat().st_size
    with Image.open(smaller) as image:
        assert image.convert("RGBA").tobytes() == frames[0].tobytes()
    assert size(smaller) == (256, 256)
    assert lighter(film) == film  # what moves stays
