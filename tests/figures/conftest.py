"""The live figures, each opened by itself in a browser, and their functions called from Python."""

import pytest
from paths import ROOT

from nnlearn.book.browser import served

FIGURES = ROOT / "book" / "_static" / "figures"


@pytest.fixture(scope="session")
def figures_address():
    """Where the figures are served."""
    with served(FIGURES) as address:
        yield address


@pytest.fixture(scope="session")
def visitor(chromium):
    """One visitor for all figures, which keep nothing: a new one takes as long as a page."""
    context = chromium.new_context(viewport={"width": 720, "height": 900})
    yield context
    context.close()


@pytest.fixture
def figure_page(visitor, figures_address):
    """Open a figure, wait until it has started, and give its page."""

    def opened(name):
        page = visitor.new_page()
        page.goto(f"{figures_address}/{name}.html", wait_until="load")
        page.wait_for_function("document.documentElement.dataset.live !== undefined")
        return page

    yield opened
    for page in visitor.pages:
        page.close()


@pytest.fixture
def calls():
    """Call a function of a figure with each list of arguments, in one round trip.

    ``calls(page, "sigmoid", [[0.0], [1.5]])`` gives the list of values; a name with dots is a path
    below ``window.figure.functions``.
    """

    def call(page, path, arguments):
        script = """([path, lists]) => {
            const f = path.split(".").reduce((here, name) => here[name], window.figure.functions);
            return lists.map((list) => f(...list));
        }"""
        return page.evaluate(script, [path, arguments])

    return call
