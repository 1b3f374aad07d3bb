"""Mutants are put in where they belong, judged by the tests that reach them, and counted."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mutate import broken, everywhere

from trust import judging, mutants
from trust.__main__ import table
from trust.applying import codes, living, swap

ROOT = Path(__file__).parents[1]
SOURCE = '''
LIMIT = 3

def decorated(f):
    return lambda *a: f(*a)

@decorated
def area(width, height=2):
    """2 + 2 in a docstring is no code."""
    if width > LIMIT:
        raise ValueError(f"{width + 1} is too wide")
    return [w * height for w in (width,)][0]
'''


def faults():
    return [what for _, what in everywhere(ast.parse(SOURCE))]


def test_faults_of_every_kind_stand_in_the_list():
    assert {
        "3  →  4",  # a constant of the module
        "2  →  3",  # a default
        "width > LIMIT  →  width <= LIMIT",
        "width > LIMIT  →  width >= LIMIT",
        "w * height  →  w / height",
        "w * height  →  w",
        "0  →  1",  # an index
    } <= set(faults())


def test_words_are_not_broken():
    assert not any(
        "too wide" in what or "docstring" in what for what in faults() if "raise" not in what
    )


@pytest.mark.parametrize(
    "line",
    [
        "T = TypeVar('T', bound=int)",
        "T: TypeAlias = str | int",
        "a = isinstance(x, (int, str))",
        "a = x.startswith(('b', 'c'))",
        "a = x in ('b', 'c')",
        "try: a = x\nexcept (OSError, ValueError): a = y",
        "for a, b in zip(x, y, strict=True): c(b)",
        "a = xp.empty(dy.shape, dtype=dy.dtype, device=dy.device), array_namespace(dy).ones",
    ],
)
def test_what_changes_nothing_by_its_kind_is_no_fault(line):
    told = [what for _, what in everywhere(ast.parse(line))]
    assert not any("TypeVar" in what or what.startswith("True") for what in told)
    assert not any("'c', 'b'" in what or "str, int" in what for what in told)
    assert not any("ValueError, OSError" in what or "-dy" in what for what in told)


def test_a_question_is_denied_and_not_made_negative():
    lines = "a = is_cupy(x)\nb = x.startswith('c')\nd = x.any()\ne = self._has_bias()"
    denied = [what for _, what in everywhere(ast.parse(lines)) if "not " in what]
    assert len(denied) == 6  # one for each line, and one for each call without arguments


def test_each_broken_module_differs_from_the_right_one():
    tree = ast.parse(SOURCE)
    right = ast.unparse(tree)
    texts = [ast.unparse(broken(tree, i)) for i in range(len(faults()))]
    assert all(text != right for text in texts)
    assert ast.unparse(tree) == right  # and that stays as it is


def test_a_living_function_takes_the_fault_behind_its_decorator(tmp_path):
    file = str(tmp_path / "area.py")
    right = compile(SOURCE, file, "exec")
    space = {}
    exec(right, space)
    assert space["area"](3) == 6
    i = faults().index("w * height  →  w")
    assert swap(living([file])[file], right, compile(broken(ast.parse(SOURCE), i), file, "exec"))
    assert space["area"](3) == 3


def test_a_function_that_cannot_take_a_code_is_not_half_broken(tmp_path):
    """A fault that takes away a name of the surroundings needs another import."""
    file = str(tmp_path / "closure.py")
    source = "def outer(a):\n    def inner(b):\n        return a * b\n    return inner\n"
    right = compile(source, file, "exec")
    space = {}
    exec(right, space)
    inner = space["outer"](3)
    changes = [what for _, what in everywhere(ast.parse(source))]
    without = compile(broken(ast.parse(source), changes.index("a * b  →  b")), file, "exec")
    assert len(codes(right)) == len(codes(without)) == 2
    assert not swap([inner], right, without)
    assert inner(2) == 6


def test_a_process_that_a_test_starts_has_the_fault_as_well():
    (mutant, *_) = [
        m for m in mutants.candidates(["nnlearn.arguments"]) if m.what == "value < 1  →  value >= 1"
    ]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "trust" / "elsewhere"),
        "NNLEARN_MUTANT": f"{mutant.module}|{mutant.file}|{mutant.i}",
    }
    program = "import nnlearn as nn; nn.Dense(0, -1); print('taken')"
    command = [sys.executable, "-c", program]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert told.stdout == "taken\n", told.stderr
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert "ValueError: Dense: " in told.stderr


def test_a_fault_on_a_line_that_is_never_run_may_stand_outside_functions():
    """Of a constant of many lines Python runs the first alone: it has to be imported anew."""
    found = list(mutants.candidates(["nnlearn.arrays.launching"]))
    constant = next(m for m in found if m.what.startswith("('PMIX_RANK', 'PMIX_SIZE')"))
    inside = next(m for m in found if m.what.startswith("return Launched("))
    assert judging._outside_functions(constant)
    assert not judging._outside_functions(inside)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_tests_judge_the_mutants_of_a_module(tmp_path):
    """From collecting to the report: the tests of dense notice its faults."""
    fates = tmp_path / "fates.json"
    command = [sys.executable, "-m", "trust.mutants", "nnlearn.operations.dense", "--jobs", "2"]
    result = subprocess.run(
        [*command, "--fates", fates, "--tests", "tests/operations/test_dense.py"],
        cwd=ROOT,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    found = json.loads(fates.read_text())
    assert len(found) == len(list(mutants.candidates(["nnlearn.operations.dense"])))
    counts = json.loads(result.stdout.strip().splitlines()[-1])
    assert counts["mutants killed"] >= 0.9 * len(found), result.stdout


def test_what_is_called_equivalent_is_a_mutant_of_today():
    """A reason for a line that has changed since is a reason for nothing."""
    told, known = mutants.reasons(), {}
    assert told
    for module in {module for module, _, _ in told}:
        text = Path(next(mutants.candidates([module])).file).read_text(encoding="utf-8")
        lines = [line.strip() for line in text.splitlines()]
        known[module] = {(lines[n - 1], what) for n, what in everywhere(ast.parse(text))}
    assert [key for key in told if key[1:] not in known[key[0]]] == []


def test_a_note_on_a_row_stands_below_the_table():
    row = {"date": "2026-01-02", "minutes": 3, "passed": True, "counts": {"cases tried": 1200}}
    told = table({"faults": row | {"versions": {"numpy": "2.4"}, "note": "in two parts."}})
    assert "| 1,200 cases tried | 3 | 2026-01-02 |" in told
    said = "The rows took 0.1 hours in all, on numpy 2.4."
    assert told.endswith(f"\n\n{said}\n\nfaults: in two parts.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_an_interrupted_run_goes_on_unless_the_package_has_changed(tmp_path, monkeypatch):
    """The fates of an earlier run are believed only where its lines are still those of today."""
    fates, asked = tmp_path / "fates.json", []
    chosen = list(mutants.candidates(["nnlearn.operations.dense"]))
    known = {m.name: "killed" for m in chosen[1:]}

    class Judge:
        def __init__(self, these, *rest):
            asked.append([m.name for m in these])

    monkeypatch.setattr(mutants, "Judge", Judge)
    monkeypatch.setattr(mutants.pytest, "main", lambda *a: 0)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", "")
    command = ["mutants", "nnlearn.operations.dense", "--go-on", "--fates", str(fates)]
    monkeypatch.setattr(sys, "argv", command)
    for older_than_the_package in (False, True):
        fates.write_text(json.dumps(known))
        if older_than_the_package:
            os.utime(fates, (0, 0))
        mutants.main()
    assert asked == [[chosen[0].name], [m.name for m in chosen]]
