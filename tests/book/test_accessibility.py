"""Every page is open to every reader, as far as axe can tell."""

import pytest
from axe import violations
from visits import ALL_LAID_OUT, SEEN

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 800}
#: What depends on colours; all else is the same in the dark.
COLOURS = ["color-contrast", "link-in-text-block"]
#: What depends on the width.
PLACES = ["target-size"]
THEME = "() => document.documentElement.dataset.theme === '{}'"


@pytest.fixture(scope="module")
def found(chromium, address, names):
    """What axe finds, by look and page: each page is opened once, made dark, and made narrow."""
    context = chromium.new_context(reduced_motion="reduce")  # colours change at once
    page, by_look = context.new_page(), {"light": {}, "dark": {}, "narrow": {}}
    for name in names:
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(WIDE)
        page.goto(f"{address}/{name}", wait_until="load")
        if name != "404.html":  # which has no script
            page.wait_for_function(SEEN)
        page.evaluate(ALL_LAID_OUT)  # else blocks that are only guessed at lie over one another
        by_look["light"][name] = violations(page)
        page.emulate_media(color_scheme="dark")
        if name != "404.html":
            page.wait_for_function(THEME.format("dark"))
        by_look["dark"][name] = violations(page, COLOURS)
        page.set_viewport_size(PHONE)
        by_look["narrow"][name] = violations(page, PLACES)
    context.close()
    return by_look


@pytest.mark.timeout(1200)  # the first one waits for all pages: 150 s, and a busy machine is slow
@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
def test_axe_finds_nothing_on_any_page(found, look):
    assert {name: wrong for name, wrong in found[look].items() if wrong} == {}


def test_axe_sees_each_faint_text_though_it_reads_each_colour_once(chromium):
    """The same colours on other grounds, and colours that change while the page is open."""
    page = chromium.new_page()
    page.set_content("""<main style="--ink: #222"><p>Black on white.</p>
        <p style="color: #aaa">Grey on white.</p>
        <div style="background: #222"><p style="color: #aaa">Grey on black.</p><p>Black.</p></div>
        <p style="color: rgb(0 0 0 / 30%)">Hardly there.</p>
        <p style="color: var(--ink)">As the theme says.</p></main>""")
    ((rule, _, count),) = violations(page, COLOURS)
    assert (rule, count) == ("color-contrast", 3)
    page.evaluate("document.querySelector('main').style.setProperty('--ink', '#ccc')")
    assert violations(page, COLOURS)[0][2] == 4
    page.close()


def preview(page):
    page.locator('.bd-article a.reference[href$="#equation-eq-output-size"]').first.hover()
    return page.locator(".preview:popover-open")


def symbols(page):
    page.get_by_role("button", name="Equation (5.11): its symbols").click()
    return page.get_by_role("dialog", name="Symbols of (5.11)")


def progress(page):
    page.get_by_role("button", name="Your progress").click()
    return page.get_by_role("dialog", name="Your progress")


def keys(page):
    page.keyboard.press("?")
    return page.get_by_role("dialog", name="Keys")


def finds(page):
    page.keyboard.press("Control+k")
    page.keyboard.type("mode coll")
    return page.locator("#pst-search-dialog li a").first


OPENED = [
    ("05-cnn", symbols),
    *(("exercises/05-cnn", opens) for opens in (preview, progress, keys, finds)),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("name", "opens"), OPENED)
def test_axe_finds_nothing_in_what_a_reader_opens(chromium, address, name, opens, theme):
    context = chromium.new_context(viewport=WIDE, color_scheme=theme, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{address}/{name}.html", wait_until="load")
    page.wait_for_function(SEEN)
    page.evaluate(ALL_LAID_OUT)
    opens(page).wait_for()
    assert violations(page) == []
    context.close()
