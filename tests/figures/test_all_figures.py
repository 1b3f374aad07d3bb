"""What holds for every live figure, whatever it shows."""

import re

import pytest
from axe import violations
from paths import ROOT

from nnlearn.book.frames import whole

FIGURES = ROOT / "book" / "_static" / "figures"
NAMES = sorted(path.stem for path in FIGURES.glob("*.html"))
#: A frame is a part of a page, which has the landmarks and the heading.
PARTS = ("region", "page-has-heading-one")
#: All but what is only read aloud, a moment after it is shown.
SHOWN = """() => {
    const shown = document.getElementById("figure").cloneNode(true);
    for (const heard of shown.querySelectorAll(".sr")) heard.remove();
    return shown.innerHTML;
}"""
SHEET = (ROOT / "book" / "_static" / "styles" / "live-heights.css").read_text(encoding="utf-8")
LIVE = "document.documentElement.dataset.live !== undefined"


def watched(context):
    """Open a page; return it with what it complains about and what it asks for."""
    page, complaints, requests = context.new_page(), [], []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    return page, complaints, requests


#: A sentence under a figure may take a line more when its numbers change.
LINE = 25
FITS = """([room, line]) =>
    Math.abs(document.getElementById("figure").getBoundingClientRect().height - room) <= line"""


def room(name, width):
    """The height that a page keeps for a figure in a frame of this width: its last rule."""
    found = None
    for block in SHEET.split("@container (min-width: ")[1:]:
        rule = re.search(rf"/{name}\.html\"\] {{ height: (\d+)px", block)
        if int(block.partition("px")[0]) <= width and rule:
            found = int(rule[1])
    return found


def test_there_are_ten_of_them():
    assert len(NAMES) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_its_script_is_light_and_its_still_picture_has_words(name):
    assert len((FIGURES / f"{name}.js").read_bytes()) <= 60_000
    still = (FIGURES / f"{name}.html").read_text(encoding="utf-8")
    assert "<svg" in still or "<img" in still
    for label in re.findall(r'<svg[^>]*role="img"[^>]*>', still):
        assert re.search(r'aria-label="[^"]{15,}"', label), label[:80]


@pytest.mark.parametrize("name", NAMES)
def test_it_waits_for_the_reader_and_then_answers_every_key(chromium, figures_address, name):
    context = chromium.new_context(viewport={"width": 720, "height": 900})
    page, complaints, requests = watched(context)
    frame = (
        f'<div style="height: 4000px"></div><iframe src="{figures_address}/{name}.html"></iframe>'
    )
    page.route("**/around.html", lambda route: route.fulfill(body=frame, content_type="text/html"))
    page.goto(f"{figures_address}/around.html")
    page.wait_for_load_state("networkidle")
    assert not any(url.endswith(f"/{name}.js") for url in requests)  # not in view: not loaded

    page.goto(f"{figures_address}/{name}.html")
    page.wait_for_function(LIVE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    page.wait_for_function("() => document.documentElement.dataset.busy === undefined")
    page.wait_for_function(FITS, arg=[room(name, 720), LINE])
    controls = "button, input, select, textarea, a[href], [tabindex='0'], [role=slider]"
    shown = [c for c in page.locator(controls).all() if c.is_visible()]
    assert shown, "nothing can be moved"
    for control in shown:
        if control.is_visible() and control.is_enabled():
            control.focus()
            for key in ("ArrowRight", "ArrowLeft"):
                page.keyboard.press(key)
    assert complaints == []
    strangers = [url for url in requests if not url.startswith((figures_address, "data:"))]
    assert strangers == []
    context.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_phone_and_axe_finds_nothing(chromium, figures_address, name, theme):
    context = chromium.new_context(
        viewport={"width": 320, "height": 700}, color_scheme=theme, reduced_motion="reduce"
    )
    page, complaints, _ = watched(context)
    page.goto(f"{figures_address}/{name}.html")
    page.wait_for_function(LIVE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert violations(page, leave_out=PARTS) == []
    page.wait_for_function("() => document.documentElement.dataset.busy === undefined")
    before = page.evaluate(SHOWN)
    page.wait_for_timeout(250)
    assert page.evaluate(SHOWN) == before  # nothing moves by itself
    page.set_viewport_size({"width": 358, "height": 700})
    page.wait_for_function(FITS, arg=[room(name, 358), LINE])
    assert complaints == []
    context.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_running_notebook_gets_it_whole(chromium, name):
    """Jupyter's server lets a framed page fetch nothing."""
    context = chromium.new_context()
    page, complaints, requests = watched(context)
    page.set_content("<iframe></iframe>")
    page.evaluate("text => document.querySelector('iframe').srcdoc = text", whole(name, FIGURES))
    frame = next(f for f in page.frames if f != page.main_frame)
    frame.wait_for_function(LIVE)
    assert complaints == []
    assert [url for url in requests if not url.startswith(("data:", "about:"))] == []
    context.close()
