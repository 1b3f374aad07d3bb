"""Counting what the tests tried: the numbers that `make trust` adds up.

`count("cases tried")` inside a test, or inside each of its generated examples; a test that fails
counts for nothing. With ``--tally FILE`` pytest writes the sums of a run, by kind, as JSON.
"""

from collections import Counter

#: what is counted, in the words of the table
KINDS = ("cases tried", "bad inputs refused", "faults survived")
_now = Counter()


def count(kind, n=1):
    """Count `n` more of a kind for the test that runs now."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, not {kind!r}")
    _now[kind] += n


def started():
    """Forget what was counted before: another test begins."""
    _now.clear()


def counted():
    """Return what the test that runs now has counted, as pairs."""
    return list(_now.items())


def added(reports):
    """Add up what passed tests have counted: a dictionary by kind."""
    sums = Counter(dict.fromkeys(KINDS, 0))
    for report in reports:
        sums.update({kind: n for kind, n in report.user_properties if kind in KINDS})
    return dict(sums)
