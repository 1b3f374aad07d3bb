"""Where the parts of the project are, for the tests that look at them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
PACKAGE = ROOT / "nnlearn"
TESTS = ROOT / "tests"
