"""What a device would be asked to do: kernels, waits for it, copies to and from it."""

import contextlib
import traceback
from collections import Counter

#: kernels; synchronizations (the host waits); uploads, downloads; generators (made on the device)
_total = Counter()
_where = Counter()  # the lines that wait


def count(what, times=1):
    """Count something; of a wait, remember the line of ours that asked for it."""
    _total[what] += times
    if what == "synchronizations":
        frames = [f for f in traceback.extract_stack() if "/doubles/" not in f.filename]
        ours = [f for f in frames if "/nnlearn/" in f.filename] or frames
        _where[f"{ours[-1].filename.rpartition('/nnlearn/')[2]}:{ours[-1].lineno}"] += times


@contextlib.contextmanager
def counted():
    """Count what happens inside: a Counter, and the lines that wait as its attribute `waits`."""
    before, lines = _total.copy(), _where.copy()
    found = Counter()
    found.waits = Counter()
    try:
        yield found
    finally:
        found.update(_total - before)
        found.waits.update(_where - lines)
