"""The table of other machines: what is run on them, what is read of it, and what is kept."""

import json

import pytest

from trust import machines, playing
from trust.machines import MACHINES, Machine

REPORT = """<testsuites><testsuite errors="1" failures="1" skipped="2" tests="6">
<testcase classname="tests.a" name="right" /><testcase classname="tests.a" name="right too" />
<testcase classname="tests.a" name="no GPU"><skipped /></testcase>
<testcase classname="tests.a" name="no browser"><skipped /></testcase>
<testcase classname="tests.a" name="wrong"><failure message="1 == 2&#10;"/></testcase>
<testcase classname="book/01" name="Cell 3"><error message="Timeout">said</error></testcase>
</testsuite></testsuites>"""


BEFORE = {"passed": 5, "skipped": 1, "failed": ["tests.b::wrong"]}


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Where results are written, with one of another day, and with nothing run."""
    path = tmp_path / "machines.json"
    path.write_text(json.dumps({"haswell": {"chapters": BEFORE}, "zen": {"tests": BEFORE}}))
    monkeypatch.setattr(machines, "RESULTS", path)
    played = {"passed": 3, "skipped": 0, "failed": []}
    monkeypatch.setattr(machines, "play", lambda *_: {"numpy": "2", "tests": played})
    monkeypatch.setattr(machines, "missing", lambda machine: "")
    return path


def test_a_report_is_read(tmp_path):
    (tmp_path / "report.xml").write_text(REPORT)
    found = playing.counted(tmp_path / "report.xml")
    failed = ["tests.a::wrong: 1 == 2", "book/01::Cell 3: Timeout"]
    assert found == {"passed": 2, "skipped": 2, "failed": failed}


def test_a_result_is_added_to_those_of_other_machines_and_other_parts(results, capsys):
    assert machines.main(["haswell", "--only", "tests"]) == 0
    found = json.loads(results.read_text())
    assert found["zen"] == {"tests": BEFORE}
    assert found["haswell"]["chapters"] == BEFORE
    assert found["haswell"]["tests"]["passed"] == 3
    assert found["haswell"]["why"] == MACHINES["haswell"].why
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "machines": 2,
        "machines not to be had": 0,
        "cells and tests passed": 5 + 5 + 3,
        "failed": 2,
    }


def test_a_failure_is_told(results, monkeypatch):
    broken = {"passed": 3, "skipped": 0, "failed": ["tests.a::wrong"]}
    monkeypatch.setattr(machines, "play", lambda *_: {"tests": broken})
    assert machines.main(["haswell", "--only", "tests"]) == 1


def test_a_machine_that_cannot_be_had_says_why(results, monkeypatch, capsys):
    monkeypatch.undo()
    monkeypatch.setattr(machines, "RESULTS", results)
    monkeypatch.setitem(MACHINES, "python9", Machine("a Python of later", python="python9.9"))
    assert machines.main(["python9"]) == 0
    assert "not run: it does not run: python9.9" in capsys.readouterr().out
    assert "python9.9" in json.loads(results.read_text())["python9"]["not run"]


def test_nothing_runs_for_a_list_or_for_a_name_that_is_none(results, capsys):
    old = results.read_text()
    assert machines.main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(MACHINES)
    with pytest.raises(SystemExit):
        machines.main(["pdp11"])
    assert "there is no machine pdp11" in capsys.readouterr().err
    assert results.read_text() == old


def test_without_pytorch_no_test_asks_it():
    ignored = playing.command_of("tests", Machine("", torch=False), playing.ROOT)
    ignored = {text.partition("=")[2] for text in ignored if text.startswith("--ignore")}
    files = {str(p): p.read_text(encoding="utf-8") for p in playing.ROOT.glob("tests/**/test_*.py")}
    assert {p for p, text in files.items() if "\nimport torch" in text} <= ignored < set(files)
    assert playing.command_of("tests", Machine(""), playing.ROOT)[2:] == []
    (locked,) = playing.command_of("tests", Machine("", versions=None), playing.ROOT)[2:]
    assert locked == f"--ignore={playing.ROOT / 'tests/test_supply.py'}"
    (pages,) = playing.command_of("tests", MACHINES["prescott"], playing.ROOT)[2:]
    assert pages == f"--ignore={playing.ROOT / 'tests/book'}"


def test_what_came_of_each_is_a_table(results):
    told = json.loads(results.read_text())
    told["haswell"] |= {"why": "AVX2", "date": "2026-01-02", "tests": BEFORE | {"passed": 12345}}
    told["zen"] = {"why": "threads", "date": "2026-01-03", "not run": "it does not run: zen"}
    results.write_text(json.dumps(told))
    rows = machines.table().splitlines()
    assert rows[2] == "| haswell | AVX2 | 5 of 6 | 12,345 of 12,346 | 2026-01-02 |"
    assert rows[3] == "| zen | threads | it does not run: zen |  | 2026-01-03 |"


def test_what_failed_is_asked_again_after_mending(results, monkeypatch):
    """By its name, brackets and all; what fails still stays."""
    wrong = ["tests.a.test_b::test_c[x: y]: assert 1 == 2", "tests.test_d::test_e: E: no"]
    run = {"passed": 5, "skipped": 1, "failed": wrong, "seconds": 60}
    before = {"why": "threads", "date": "2026-01-02", "numpy": "2", "tests": run}
    right = before | {"tests": BEFORE | {"failed": []}}
    results.write_text(json.dumps({"zen": before, "haswell": right}))
    asked = []

    def play(name, machine, parts, tests=()):
        asked.append((name, parts, tests))
        return {"tests": {"passed": 1, "skipped": 0, "failed": wrong[1:], "seconds": 3}}

    monkeypatch.setattr(machines, "play", play)
    assert machines.main(["haswell", "zen", "--again"]) == 1
    names = ["tests/a/test_b.py::test_c[x: y]", "tests/test_d.py::test_e"]
    assert asked == [("zen", ["tests"], names)]
    told = json.loads(results.read_text())
    mended = {"passed": 6, "skipped": 1, "failed": wrong[1:], "seconds": 63, "mended": 1}
    assert told["zen"] == before | {"tests": mended}
    assert told["haswell"] == right
    assert "6 of 7 (1 after mending)" in machines.table()
    with pytest.raises(RuntimeError, match="zen: 1 tests failed, and 2 could be run again"):
        machines.main(["zen", "--again"])
