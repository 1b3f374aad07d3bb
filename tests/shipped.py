"""Whether a proof runs what the book ships: the package, a cell of a chapter, or a study."""

import contextlib
import re
import sys
from types import SimpleNamespace

from paths import BOOK, PACKAGE

#: Where an equation is computed; `arrays`, `derivative` and `shapes` only serve those who do.
_PLACES = tuple(
    str(PACKAGE / part)
    for part in (
        *("operations/", "automatic/", "layers/", "training/", "data/"),
        *("arrays/ranks.py", "book/music.py", "checking.py"),
    )
)
_STUDIES = str(BOOK / "studies/")
_CELLS = f"{BOOK}/"  # of a chapter: `notebooks.run` gives them such file names
#: Functions that compute nothing: to import, to make an object, to read data.
_IDLE = re.compile(r"(^|\.)(<module>|__init__|load_\w+)(\.|$)")


@contextlib.contextmanager
def watch():
    """Give an object whose `runs` becomes true as soon as a function of what is shipped runs.

    The profiler sees every call, so it stops at the first one that counts: a proof is as fast
    with it as without.
    """
    seen = SimpleNamespace(runs=False)
    before = sys.getprofile()

    def look(frame, event, _):
        if event == "call" and computes(frame.f_code):
            seen.runs = True
            sys.setprofile(before)

    sys.setprofile(look)
    try:
        yield seen
    finally:
        sys.setprofile(before)


def computes(code):
    """Whether a code object is a part of what is shipped that can compute an equation."""
    if code.co_filename.startswith(_CELLS) and ".ipynb#" in code.co_filename:
        return True
    shipped = code.co_filename.startswith((*_PLACES, _STUDIES))
    return shipped and not _IDLE.search(code.co_qualname)
