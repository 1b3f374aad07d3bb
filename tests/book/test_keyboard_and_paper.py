"""The built pages under a keyboard, on a phone, and on paper."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("site")
CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")

# ---- by keyboard, on a phone ------------------------------------------------------------------

SCROLLERS = """() => [...document.querySelectorAll('.bd-article, .bd-article *')].filter(box =>
    ['auto', 'scroll'].includes(getComputedStyle(box).overflowX)
    && box.clientWidth > 0 && box.scrollWidth > box.clientWidth + 1)"""


def test_what_scrolls_on_a_phone_is_reached_by_keyboard_and_has_a_name(chromium, address, names):
    page = chromium.new_page(viewport={"width": 360, "height": 740})
    count, wrong = 0, {}
    for name in names:
        page.goto(f"{address}/{name}", wait_until="load")
        found = page.evaluate(f"""() => ({SCROLLERS})().map(box => [
            box.tabIndex, box.getAttribute('role'), box.getAttribute('aria-label'),
            box.tagName, box.querySelector('figcaption') !== null])""")
        count += len(found)
        for box in found:
            tab, role, label, tag, captioned = box
            named = captioned if tag == "FIGURE" else role == "group" and "scrolls" in label
            if tab != 0 or not named:
                wrong.setdefault(name, []).append(box)
    page.close()
    assert wrong == {}
    assert count > 1000


def test_a_scrolling_box_shows_its_focus_and_moves_under_the_arrow_keys(chromium, address):
    page = chromium.new_page(viewport={"width": 360, "height": 740})
    page.goto(f"{address}/07-lstm.html", wait_until="load")
    for kind in ("div.math > .katex-display", "pre", "figure"):
        box = page.locator(f".bd-article {kind}[tabindex='0']").first
        box.evaluate("box => { box.scrollIntoView(); box.focus({focusVisible: true}); }")
        look = "box => (s => [s.outlineStyle, s.outlineWidth])(getComputedStyle(box))"
        assert box.evaluate(look) == ["solid", "3px"]
        assert box.evaluate("box => box.scrollLeft") == 0
        page.keyboard.press("ArrowRight")
        page.wait_for_function("() => document.activeElement.scrollLeft > 0")
    page.close()


def test_on_a_wide_screen_what_fits_is_no_stop_on_the_way(chromium, address):
    """A box becomes one, and ceases to be one, when the window changes."""
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.goto(f"{address}/07-lstm.html", wait_until="load")
    stops = "document.querySelectorAll('.bd-article .katex-display[tabindex]').length"
    groups = "document.querySelectorAll('.bd-article .katex-display[role]').length"
    assert (page.evaluate(stops), page.evaluate(groups)) == (0, 0)
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_function(f"() => {stops} > 10")
    assert page.evaluate(stops) == page.evaluate(groups)
    numbered = page.locator(
        ".katex-display[tabindex]:has(+ .eqno), .eqno + .katex-display[tabindex]"
    )
    label = numbered.first.get_attribute("aria-label")
    assert re.fullmatch(r"Equation \(7\.\d+\), scrolls sideways", label)
    page.set_viewport_size({"width": 1400, "height": 900})
    page.wait_for_function(f"() => {stops} == 0 && {groups} == 0")
    page.close()


# ---- on paper -----------------------------------------------------------------------------------

PRINTED = 698  # pixels of A4 between margins of half an inch


def test_nothing_is_cut_off_on_paper(chromium, address, names):
    script = """() => [...document.querySelectorAll(
            '.bd-article :is(pre, .katex-display, figure, table, .pst-scrollable-table-container)'
        )].filter(box => box.clientWidth > 0 && box.scrollWidth > box.clientWidth + 1)
        .map(box => `${box.scrollWidth} of ${box.clientWidth}: ${box.textContent.slice(0, 60)}`)"""
    page = chromium.new_page(viewport={"width": PRINTED, "height": 1000})
    cut = {}
    for name in names:
        page.goto(f"{address}/{name}", wait_until="load")
        page.emulate_media(media="print")
        if found := page.evaluate(script):
            cut[name] = found
        if (width := page.evaluate("document.documentElement.scrollWidth")) > PRINTED:
            cut.setdefault(name, []).append(f"the page: {width}")
        page.emulate_media(media="screen")
    page.close()
    assert cut == {}


def test_a_page_is_printed_with_dark_ink_from_the_dark_theme(chromium, address):
    context = chromium.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(f"{address}/02-learning.html", wait_until="load")
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    kept = "localStorage.getItem('theme')"
    before = page.evaluate(kept)
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_function(f"() => {theme} === 'light'")  # the event comes with the next frame
    assert page.evaluate(CONTRAST) == []
    look = "e => getComputedStyle(e).filter"
    filters = {e.evaluate(look) for e in page.locator(".cell_output img").all()}
    assert filters == {"none"}
    page.emulate_media(media="screen", color_scheme="dark")
    page.wait_for_function(f"() => {theme} === 'dark'")
    assert page.evaluate(kept) == before  # printing is not the reader's choice
    context.close()


def test_what_is_folded_is_open_on_paper_and_folded_again_after(chromium, address):
    page = chromium.new_page()
    page.goto(f"{address}/exercises/01-neuron.html", wait_until="load")
    shut = "document.querySelectorAll('details:not([open])').length"
    moving = """[...document.querySelectorAll('.bd-article details *')]
        .filter(e => getComputedStyle(e).animationName !== 'none').length"""
    page.locator(".bd-article details > summary").first.click()  # the reader's own stays open
    before = page.evaluate(shut)
    assert before >= 10
    page.emulate_media(media="print")
    page.wait_for_function(f"() => {shut} === 0")
    assert page.evaluate(moving) == 0  # what begins transparent would be printed so
    page.emulate_media(media="screen")
    page.wait_for_function(f"() => {shut} === {before}")
    page.close()


def test_printing_itself_takes_the_light_page_with_all_pictures_and_solutions(chromium, address):
    """No event is sent here by hand."""
    context = chromium.new_context(color_scheme="dark")
    page = context.new_page()
    waiting = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    state = """[document.documentElement.dataset.theme,
        document.querySelectorAll('details:not([open])').length,
        document.querySelectorAll('img[loading=lazy]').length]"""
    for name in ("05-cnn", "exercises/01-neuron"):
        page.goto(f"{address}/{name}.html", wait_until="load")
        before = page.evaluate(state)
        assert before[0] == "dark"
        assert before[1] > 5
        page.evaluate(f"window.addEventListener('beforeprint', () => window.printed = {state})")
        assert len(page.pdf()) > 50_000
        assert page.evaluate("window.printed") == ["light", 0, 0]
        page.wait_for_function(f"() => {waiting} === 0")
        assert page.evaluate(state)[:2] == before[:2]
    context.close()
