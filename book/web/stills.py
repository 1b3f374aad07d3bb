"""Take the still picture of each live figure: what a reader without JavaScript sees, and paper.

    python book/web/stills.py

The figure's own script draws it, in headless Chromium; its drawing and its text are kept as they
stand there, its controls are not. How high the live figure is in frames of several widths goes into
a style sheet, so that the page keeps its room and nothing jumps. Part of ``make web``.
"""

import re
from pathlib import Path

from nnlearn.book.browser import browser, served
from nnlearn.files import write_atomically

ROOT = Path(__file__).resolve().parents[2]

FIGURES = ROOT / "book" / "_static" / "figures"
STILLS = Path(__file__).with_name("figures") / "stills"
HEIGHTS = ROOT / "book" / "_static" / "styles" / "live-heights.css"
#: Widths of frames, in pixels: on phones of 320 to 430, between, and beside two side bars.
WIDTHS = (288, 328, 343, 358, 380, 398, 440, 480, 520, 560, 600, 640, 680, 720, 760)
#: What is worth keeping of a live figure: nothing that only a script can move.
KEPT = """() => {
    const kept = document.getElementById("figure").cloneNode(true);
    for (const e of kept.querySelectorAll(".controls, .hint, .sr, .reach")) e.remove();
    for (const e of kept.querySelectorAll("[tabindex]")) e.removeAttribute("tabindex");
    for (const e of kept.querySelectorAll("[role=slider], [role=application]")) {
        for (const name of e.getAttributeNames()) {
            if (name === "role" || name.startsWith("aria-")) e.removeAttribute(name);
        }
    }
    for (const e of kept.querySelectorAll("svg[role]")) e.setAttribute("role", "img");
    return kept.innerHTML;
}"""
_TAG = re.compile(r"<[^>]*>")
_LONG = re.compile(r"(?<![\w#-])-?\d+\.\d{3,}(?![\w;])")


def still(page):
    """Return the HTML of a figure's still picture, places to a hundredth of a pixel."""

    def rounded(found):
        return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")

    return _TAG.sub(lambda tag: _LONG.sub(rounded, tag[0]), page.evaluate(KEPT))


def heights(page):
    """Return how high the figure is at each of `WIDTHS`, in pixels."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)  # it is drawn anew
        box = page.locator("#figure").bounding_box()
        found.append(round(box["height"]) + 2)  # as `lib/loader.js` tells it
    return found


def sheet(found):
    """Return the style sheet of all heights: a list for each figure's name."""
    lines = [
        "/* Written by `make web`: how high a live figure is in a frame of at least this width. */"
    ]
    lines.append(".bd-article figure.live { container-type: inline-size; }")
    for number, width in enumerate(WIDTHS):
        rules = [
            f'  .live > iframe[src$="/{name}.html"] {{ height: {high[number]}px; }}'
            for name, high in found.items()
            if number == 0 or high[number] != high[number - 1]
        ]
        lines += [f"@container (min-width: {width if number else 0}px) {{", *rules, "}"]
    return "\n".join(lines) + "\n"


def main():
    """Take them all."""
    STILLS.mkdir(exist_ok=True)
    found = {}
    with served(FIGURES) as address, browser() as chromium:
        page = chromium.new_page()
        for name in sorted(path.stem for path in FIGURES.glob("*.html")):
            page.set_viewport_size({"width": 700, "height": 900})
            page.goto(f"{address}/{name}.html", wait_until="load")
            page.wait_for_function("document.documentElement.dataset.live !== undefined")
            page.wait_for_timeout(500)  # data that the figure begins with
            page.wait_for_function("document.documentElement.dataset.busy === undefined")
            write_atomically(STILLS / f"{name}.html", still(page) + "\n")
            found[name] = heights(page)
    write_atomically(HEIGHTS, sheet(found))


if __name__ == "__main__":
    main()
