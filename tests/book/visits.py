"""One visit to each page, on a phone and on paper: all that several tests want to know of it.

To open a page costs half a second, and to lay it out as much again; so each page is opened once.
"""

import gzip

PHONE, NARROW, ZOOMED = 360, 320, 640  # pixels; a window of 1280 at 200 % has 640
WIDE = 1280
PAPER = 698  # pixels of A4 between margins of half an inch
TEXT = (".html", ".css", ".js", ".svg", ".json")

SEEN = "() => document.documentElement.dataset.boxes === 'seen'"
PAGE_WIDTH = "document.documentElement.scrollWidth"
#: What is far away is not laid out (styles/far.css); here all of it is, so that it can be measured.
ALL_LAID_OUT = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync('.bd-article * { content-visibility: visible !important; }');
    document.adoptedStyleSheets = [sheet];
}"""

#: What is on the first screen, and has only a guessed height before it is laid out.
GUESSED = """() => [...document.querySelectorAll('.bd-article section > *')].filter(e =>
    getComputedStyle(e).contentVisibility === 'auto'
    && e.getBoundingClientRect().top < innerHeight).map(e => e.textContent.trim().slice(0, 50))"""

#: Equations whose left end is outside the box in which they scroll.
CUT_EQUATIONS = """() => [...document.querySelectorAll('div.math > .katex-display')].filter(box => {
    const inner = box.querySelector('.katex-html').getBoundingClientRect();
    return inner.left < box.getBoundingClientRect().left - 1;
}).map(box => box.textContent.slice(0, 60))"""

#: How many formulas have a comma, and which commas do not stand at their formula's last piece.
COMMAS = """() => {
    const marks = [...document.querySelectorAll('.bd-article span.math .punctuation')]
        .filter(mark => mark.checkVisibility());  // not in what is folded
    const wrong = marks.filter(mark => {
        const strut = mark.parentElement.querySelector('.strut').getBoundingClientRect();
        const at = mark.getBoundingClientRect();
        return at.bottom < strut.top || at.top > strut.bottom;
    });
    const alone = [...document.querySelectorAll('.bd-article span.math')].filter(formula =>
        /^[.,;:!?)]/.test(formula.nextSibling?.data ?? ''));
    return [marks.length, [...wrong, ...alone].map(e => e.parentElement.textContent)];
}"""

#: What scrolls sideways: [tab stop, role, name, element, whether it has a caption].
SCROLLERS = """() => [...document.querySelectorAll('.bd-article, .bd-article *')].filter(box =>
    ['auto', 'scroll'].includes(getComputedStyle(box).overflowX)
    && box.clientWidth > 0 && box.scrollWidth > box.clientWidth + 1).map(box => [
        box.tabIndex, box.getAttribute('role'), box.getAttribute('aria-label'),
        box.tagName, box.querySelector('figcaption') !== null])"""

#: Texts that reach beyond the window, where nothing scrolls.
CUT_TEXTS = """() => [...document.querySelectorAll(
        '.bd-article :is(p, li, h1, h2, h3, td, dt, summary)')].filter(e => {
    const box = e.getBoundingClientRect();
    const says = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    return says && box.width > 0 && box.right > innerWidth + 1
        && !e.closest('[tabindex="0"], .pst-scrollable-table-container, figure, pre');
}).map(e => e.textContent.slice(0, 50))"""

#: What is wider than its place on paper, where nothing scrolls.
CUT_ON_PAPER = """() => [...document.querySelectorAll(
        '.bd-article :is(pre, .katex-display, figure, table, .pst-scrollable-table-container)'
    )].filter(box => box.clientWidth > 0 && box.scrollWidth > box.clientWidth + 1)
    .map(box => `${box.scrollWidth} of ${box.clientWidth}: ${box.textContent.slice(0, 60)}`)"""


def compressed(path):
    """The bytes that a server sends, which packs text as they all can."""
    data = path.read_bytes()
    return len(gzip.compress(data, 6)) if path.suffix in TEXT else len(data)


def visit(context, address, name, site):
    """Open a page once, and return what is seen of it, by the names above.

    Parameters
    ----------
    context : playwright context
    address : str
        Where the pages are served.
    name : str
        Such as ``"01-neuron.html"``.
    site : Path
        The folder that is served.
    """
    page, asked, complaints = context.new_page(), set(), []
    page.on("request", lambda request: asked.add(request.url.partition("?")[0]))
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/{name}", wait_until="load")
    at_first = [url for url in asked if url.startswith("http")]
    own = [site / url.removeprefix(f"{address}/") for url in at_first if url.startswith(address)]
    seen = {"requests": len(at_first), "bytes": sum(map(compressed, own))}
    if name != "404.html":  # which has no script: it stands alone, whatever folder was asked for
        page.wait_for_function(SEEN)
    seen["guessed"] = {PHONE: page.evaluate(GUESSED)}
    page.evaluate(ALL_LAID_OUT)
    seen |= {"width": {PHONE: page.evaluate(PAGE_WIDTH)}, "scrollers": page.evaluate(SCROLLERS)}
    seen |= {"equations": page.evaluate(CUT_EQUATIONS), "commas": page.evaluate(COMMAS)}
    seen["texts"] = {}
    for width in (NARROW, ZOOMED):
        page.set_viewport_size({"width": width, "height": 700})
        seen["width"][width] = page.evaluate(PAGE_WIDTH)
        seen["texts"][width] = page.evaluate(CUT_TEXTS)
    page.set_viewport_size({"width": PAPER, "height": 1000})
    page.emulate_media(media="print")
    seen["width"][PAPER] = page.evaluate(PAGE_WIDTH)
    seen["paper"] = page.evaluate(CUT_ON_PAPER)
    # Last, because the page looks at all its boxes anew for each width, and takes its time for it.
    page.set_viewport_size({"width": WIDE, "height": 900})
    page.emulate_media(media="screen")
    page.evaluate("document.adoptedStyleSheets = []")
    seen["guessed"][WIDE] = page.evaluate(GUESSED)
    seen["strangers"] = {u for u in asked if not u.startswith((address, "data:"))}
    seen["complaints"] = complaints
    page.close()
    return seen
