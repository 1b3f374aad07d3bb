"""Take pictures of the built book, for an author to look at.

    python tests/book/screenshots.py OUT [page …]

Every page (or the pages named, such as ``04-ann``) of ``_build/html`` is opened in headless
Chromium, wide and narrow, light and dark, and photographed in slices. ``--width``, ``--theme`` and
``--root`` narrow it down or look elsewhere. With ``--sheets`` the slices of a page become one
contact sheet, and ``OUT/index.html`` shows all sheets: ``make screenshots``.
"""

import argparse
import math
from pathlib import Path

from nnlearn.book.browser import browser, served

ROOT = Path(__file__).resolve().parents[2]


def photograph(page, name, out, height):
    """Save a page in slices of a screen's height."""
    page.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
    total = page.evaluate("document.documentElement.scrollHeight")
    for number, top in enumerate(range(0, max(total, 1), height)):
        page.evaluate(f"window.scrollTo(0, {top})")
        page.wait_for_timeout(60)
        page.screenshot(path=out / f"{name}-{number:02d}.png")


def contact_sheet(out, label, slice_width=360, columns=8):
    """Put a page's slices side by side into one picture, and delete them; return its path."""
    from PIL import Image

    paths = sorted(out.glob(f"{label}-[0-9][0-9]*.png"))
    slices = []
    for path in paths:
        with Image.open(path) as image:
            size = (slice_width, round(image.height * slice_width / image.width))
            slices.append(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    rows = math.ceil(len(slices) / columns)
    tall = max(image.height for image in slices) + 8
    sheet = Image.new("RGB", (min(columns, len(slices)) * (slice_width + 8), rows * tall), "#888")
    for i, image in enumerate(slices):
        sheet.paste(image, (i % columns * (slice_width + 8), i // columns * tall))
    target = out / f"{label}.webp"
    sheet.save(target, quality=80)
    for path in paths:
        path.unlink()
    return target


def gallery(out):
    """Write the page that shows all contact sheets."""
    sheets = sorted(path.name for path in out.glob("*.webp"))
    shown = "\n".join(
        f'<h2>{name[:-5]}</h2>\n<a href="{name}"><img src="{name}" loading="lazy" width="100%"></a>'
        for name in sheets
    )
    title = "<title>All pages, four ways</title>"
    (out / "index.html").write_text(
        f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8">{title}\n{shown}\n',
        encoding="utf-8",
    )
    print(f"{len(sheets)} contact sheets: {out / 'index.html'}")


def main():
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("pages", nargs="*")
    parser.add_argument("--root", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--width", type=int, action="append")
    parser.add_argument("--theme", choices=("light", "dark"), action="append")
    parser.add_argument("--sheets", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    files = [p for p in sorted(options.root.rglob("*.html")) if "_modules" not in p.parts]
    names = [str(p.relative_to(options.root).with_suffix("")) for p in files]
    wanted = [n for n in names if not options.pages or n in options.pages]
    with served(options.root) as address, browser() as chromium:
        for width in options.width or (1280, 390):
            height = 1600 if width > 600 else 1688
            for theme in options.theme or ("light", "dark"):
                context = chromium.new_context(
                    viewport={"width": width, "height": height}, color_scheme=theme
                )
                page = context.new_page()
                for name in wanted:
                    page.goto(f"{address}/{name}.html", wait_until="load")
                    label = f"{name.replace('/', '_')}-{width}-{theme}"
                    photograph(page, label, options.out, height)
                    if options.sheets:
                        contact_sheet(options.out, label)
                context.close()
    if options.sheets:
        gallery(options.out)


if __name__ == "__main__":
    main()
