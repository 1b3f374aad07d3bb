"""Take pictures of the built book, for an author to look at.

    python tests/book/screenshots.py OUT [page …]

Every page (or the pages named, such as ``04-ann``) of ``_build/html`` is opened in headless
Chromium, wide and narrow, light and dark, and photographed in slices. ``--width``, ``--theme`` and
``--root`` narrow it down or look elsewhere.
"""

import argparse
import functools
import http.server
import threading
from contextlib import contextmanager
from pathlib import Path

from nnlearn.doctor import find_browser

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def served(folder):
    """Serve a folder on a free port of this machine; give its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def browser():
    """Start headless Chromium; give playwright's browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        try:
            yield chromium
        finally:
            chromium.close()


def photograph(page, name, out, height):
    """Save a page in slices of a screen's height."""
    page.add_style_tag(content="*{scroll-behavior:auto!important}")
    total = page.evaluate("document.documentElement.scrollHeight")
    for number, top in enumerate(range(0, max(total, 1), height)):
        page.evaluate(f"window.scrollTo(0, {top})")
        page.wait_for_timeout(60)
        page.screenshot(path=out / f"{name}-{number:02d}.png")


def main():
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("pages", nargs="*")
    parser.add_argument("--root", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--width", type=int, action="append")
    parser.add_argument("--theme", choices=("light", "dark"), action="append")
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
                context.close()


if __name__ == "__main__":
    main()
