"""Where the parts of the project are, for the tests that look at them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
PACKAGE = ROOT / "nnlearn"
TESTS = ROOT / "tests"


def newest(places):
    """Return when the youngest file of these files and folders was written, compiled ones aside."""
    files = [p for place in places for p in ([place] if place.is_file() else place.rglob("*"))]
    return max(p.stat().st_mtime for p in files if p.suffix != ".pyc" and p.is_file())
