"""What tests count is added up over processes, and a test that fails counts for nothing."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tally

HERE = Path(__file__).parent
TESTS = """
import hypothesis, pytest, tally
from hypothesis import strategies as st

@hypothesis.given(st.integers())
def test_generated(k):
    tally.count("cases tried")

@pytest.mark.parametrize("k", range(3))
def test_faults(k):
    tally.count("faults survived", 2)

def test_fails():
    tally.count("faults survived", 100)
    assert False
"""


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_counts_of_passed_tests_are_added(tmp_path, workers):
    (tmp_path / "conftest.py").write_text((HERE / "conftest.py").read_text())
    (tmp_path / "test_some.py").write_text(TESTS)
    here = shlex.quote(str(HERE))  # the option is a list of folders, and this one may have spaces
    settings = [f"--override-ini=pythonpath={here}", "--rootdir", tmp_path, "-c", "/dev/null"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *settings, *workers]
    subprocess.run([*command, "--tally", tmp_path / "sums.json", tmp_path], cwd=tmp_path)
    sums = json.loads((tmp_path / "sums.json").read_text())
    assert sums == {"cases tried": 15, "bad inputs refused": 0, "faults survived": 6}


def test_only_known_kinds_are_counted():
    with pytest.raises(ValueError, match="kind must be one of"):
        tally.count("cases")
