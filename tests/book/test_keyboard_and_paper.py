"""The built pages under a keyboard, on a phone, and on paper."""

import math
import re
from pathlib import Path

import pytest
from visits import SEEN

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")

# ---- by keyboard, on a phone ------------------------------------------------------------------


def test_a_scrolling_box_shows_its_focus_and_moves_under_the_arrow_keys(chromium, address):
    page = chromium.new_page(viewport={"width": 360, "height": 740})
    page.goto(f"{address}/07-lstm.html", wait_until="load")
    for kind in ("div.math > .katex-display", "pre", "figure"):
        box = page.locator(f".bd-article {kind}[tabindex='0']:visible").first
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
    page.wait_for_function(SEEN)
    assert (page.evaluate(stops), page.evaluate(groups)) == (0, 0)
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_function(f"() => {stops} > 10 && ({SEEN})()")
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


@pytest.mark.parametrize("first", ["the page", "the frame"])
def test_a_figure_that_nobody_has_reached_takes_no_more_paper_than_its_still_picture(
    chromium, address, first
):
    """Whoever is ready first: the frame tells how high its still picture is, the page asks it."""
    page = chromium.new_page(viewport={"width": 698, "height": 1000})
    page.route("**/figures/tumours.js", lambda route: route.abort())  # the still picture stays
    late = "**/book.*.js" if first == "the frame" else "**/figures/loader.js"
    held = []
    page.route(late, lambda route: held.append(route))
    page.goto(f"{address}/index.html", wait_until="commit")
    frame = page.locator("iframe.live")
    still = page.frame_locator("iframe.live").locator("#figure")
    if first == "the page":
        page.wait_for_function("() => document.readyState !== 'loading'")
    else:
        still.evaluate("""() => new Promise(done => {
            const told = () => requestAnimationFrame(() => requestAnimationFrame(done));
            document.readyState === 'complete' ? told() : addEventListener('load', told);
        })""")
    for _ in range(300):
        if held:
            break
        page.wait_for_timeout(100)
    held.pop().continue_()
    told = "() => document.querySelector('iframe.live').style.cssText.includes('--still')"
    page.wait_for_function(told)
    high = frame.bounding_box()["height"]
    page.emulate_media(media="print")
    expected = math.ceil(still.bounding_box()["height"] + 2)
    assert frame.bounding_box()["height"] == expected < high
    page.close()
