"""The rule about skips: in continuous integration only a missing GPU is a reason."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = """
import pytest

def test_passes():
    pass

@pytest.mark.skipif(True, reason="no GPU")
def test_without_a_gpu():
    pass

@pytest.mark.xfail(reason="known", strict=True)
def test_known():
    assert False
"""
LAZY = """
def test_lazy():
    pytest.skip("no browser")
"""
MODULE = 'import pytest\npytest.skip("no network", allow_module_level=True)'


def outcome(folder, text, ci):
    shutil.copy(Path(__file__).parent / "conftest.py", folder)
    (folder / "test_it.py").write_text(text)
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment["PYTHONPATH"] = str(Path(__file__).parent)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["--continue-on-collection-errors", str(folder)]
    done = subprocess.run(
        command, cwd=folder, env=environment | ci, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout


def test_at_home_a_skip_is_a_skip(tmp_path):
    returned, output = outcome(tmp_path, TESTS + LAZY, {})
    assert "1 passed, 2 skipped, 1 xfailed" in output
    assert "1 tests were skipped: no GPU" in output
    assert re.search(r"^!+ LEFT OUT: 1 tests. no browser !+$", output, re.MULTILINE)
    assert returned == 0


def test_in_continuous_integration_only_a_missing_gpu_is(tmp_path):
    (tmp_path / "test_module.py").write_text(MODULE)
    returned, output = outcome(tmp_path, TESTS + LAZY, {"CI": "true"})
    assert "skipped in continuous integration: Skipped: no browser" in output
    assert "skipped in continuous integration: Skipped: no network" in output
    assert returned != 0
    (tmp_path / "test_module.py").unlink()
    returned, output = outcome(tmp_path, TESTS, {"CI": "true"})
    assert "1 passed, 1 skipped, 1 xfailed" in output
    assert "1 tests were skipped: no GPU" in output
    assert returned == 0
