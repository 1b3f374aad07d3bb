"""What a device would be asked to do: kernels, waits for it, copies to and from it."""

import contextlib
import traceback
from collections import Counter

#: kernels; synchronizations (the host waits); uploads, downloads; generators (made on the device);
#: launches of graphs
_total = Counter()
_where = Counter()  # the lines that wait
capturing = []  # the streams that are being captured


def count(what, times=1):
    """Count something; of a wait, remember the line of ours that asked for it."""
    if capturing and what in ("synchronizations", "uploads"):
        raise RuntimeError(f"cudaErrorStreamCaptureUnsupported: {what} while a stream is captured")
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
