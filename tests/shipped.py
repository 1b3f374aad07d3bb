"""Whether a proof runs what the book ships: the package, a cell of a chapter, or a study."""

import contextlib
import sys
from types import SimpleNamespace

from paths import BOOK, PACKAGE

#: Where an equation is computed. `book` and `exercises` compute none, `shapes` only looks.
_PLACES = tuple(
    f"{PACKAGE / part}"
    for part in ("operations/", "layers/", "training/", "data/", "arrays/")
    + ("checking.py", "derivative.py", "parameters.py")
) + (f"{BOOK}/",)


@contextlib.contextmanager
def watch():
    """Give an object whose `runs` becomes true as soon as a function of what is shipped runs.

    The profiler sees every call, so it stops at the first one that counts: a proof is as fast
    with it as without. Cells are known by the file name that `notebooks.run` gives them.
    """
    seen = SimpleNamespace(runs=False)
    before = sys.getprofile()

    def look(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(_PLACES):
            seen.runs = True
            sys.setprofile(before)

    sys.setprofile(look)
    try:
        yield seen
    finally:
        sys.setprofile(before)
