"""Every exercise of the course, run three ways: unanswered, answered rightly, answered wrongly."""

import contextlib
import functools
import io
import json
import os
import re
import subprocess
import sys
import warnings

import matplotlib.pyplot as plt
import pytest
from paths import ROOT

from nnlearn.exercises import author, marks, notebook, run
from nnlearn.exercises.failures import CheckFailed, NotAnswered
from nnlearn.exercises.notebook import source, tags

NOTEBOOKS = sorted((ROOT / "book" / "exercises").glob("*.ipynb"))
KINDS = ("derive", "implement", "repair", "predict", "explore")
SUCCESS = re.compile(r"\d+\.\d+ .+: (all \d+ properties hold|its one property holds)\n")

read = functools.cache(notebook.read_pristine)


@functools.cache
def wrong_answers(path):
    """The planted wrong answers of a chapter; that there are some is a test of its own."""
    planted = ROOT / "tests" / "wrong_answers" / f"{path.stem}.py"
    return author.wrong_answers(planted) if planted.exists() else []


each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_exercise = pytest.mark.parametrize(
    ("path", "number"),
    [
        pytest.param(path, number, id=number)
        for path in NOTEBOOKS
        for number in read(path).exercises
    ],
)
each_wrong_answer = pytest.mark.parametrize(
    ("path", "wrong"),
    [
        pytest.param(path, wrong, id=f"{wrong.number} {wrong.mistake}")
        for path in NOTEBOOKS
        for wrong in wrong_answers(path)
    ],
)


@functools.cache
def after_setup(path):
    """The names that an exercise starts with."""
    names = {"__name__": "__main__"}
    execute(read(path).setup, names)
    return names


def execute(cells, names):
    """Run code cells in this process, much quicker than in a kernel; return what they print."""
    plt.switch_backend("Agg")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(action="ignore"):
        for cell in cells:
            if cell["cell_type"] == "code":
                exec(compile(source(cell), cell["id"], "exec"), names)
    plt.close("all")
    return printed.getvalue()


def execute_exercise(path, number, answer=None):
    """Run one exercise from a clean start, with this answer or unanswered."""
    cells = read(path).with_answers({} if answer is None else {number: answer}, only=number)[
        "cells"
    ]
    own = cells[len(read(path).setup) :]
    return execute(own, dict(after_setup(path)))


def kind(exercise):
    """What the line in italics below the heading says."""
    text = source(exercise.cell("statement"))
    words = re.search(r"^## .*\n+[*_]([^*_]+)[*_]", text, re.MULTILINE)
    found = [word for word in KINDS if words and word in words[1].lower()]
    assert found, f"exercise {exercise.number} names no kind in italics below its heading"
    return found[0]


@functools.cache
def labels():
    """Every equation label that the chapters define."""
    found = set()
    for path in (ROOT / "book").glob("*.ipynb"):
        for cell in notebook.read_raw(path)["cells"]:
            if cell["cell_type"] == "markdown":
                found |= set(re.findall(r"\$\$\s*\((eq-[a-z0-9-]+)\)", source(cell)))
    return found


# ---- the notebooks ---------------------------------------------------------------------------


def test_every_chapter_has_exercises_and_wrong_answers():
    chapters = {path.stem for path in (ROOT / "book").glob("[0-9]*.ipynb")}
    assert chapters
    assert {path.stem for path in NOTEBOOKS} == chapters
    assert {path.stem for path in (ROOT / "tests" / "wrong_answers").glob("*.py")} == chapters


@each_notebook
def test_structure(path):
    pristine = read(path)
    assert author.faults(pristine) == []
    assert len(pristine.exercises) >= 6
    assert len({kind(exercise) for exercise in pristine.exercises.values()}) >= 3
    assert pristine.raw["metadata"] == author.METADATA


@each_notebook
def test_stored_outputs_are_those_of_refresh(path):
    code = [cell for cell in read(path).raw["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        if "answer" in tags(cell):
            assert cell["outputs"] == []
        if "check" in tags(cell):
            (output,) = cell["outputs"]
            text = "".join(output["text"])
            assert SUCCESS.fullmatch(text), f"{cell['id']} stores {text!r}"
            assert text.startswith(cell["id"].removeprefix("check-").replace("-", ".") + " ")


@each_exercise
def test_exercise_names_an_equation_of_the_book(path, number):
    statement = source(read(path).exercises[number].cell("statement"))
    named = set(re.findall(r"\{eq\}`(eq-[a-z0-9-]+)`", statement))
    assert named
    assert named <= labels(), f"not in the book: {named - labels()}"


@each_exercise
def test_answer_cell_does_not_give_the_answer_away(path, number):
    exercise = read(path).exercises[number]
    given = [line.strip("# \t") for line in source(exercise.cell("answer")).splitlines()]
    right = [line.strip("# \t") for line in author.solution(exercise).splitlines()]
    assert any(line not in given for line in right)


# ---- three ways ------------------------------------------------------------------------------


@each_exercise
def test_unanswered_it_fails_with_a_readable_message(path, number):
    with pytest.raises(CheckFailed) as failure:
        execute_exercise(path, number)
    repair = kind(read(path).exercises[number]) == "repair"
    assert isinstance(failure.value, NotAnswered) != repair, str(failure.value)
    end = r" \(.+\) is not right yet\.\n." if repair else r" is not answered yet\.\n."
    assert re.match(f"Exercise {re.escape(number)}{end}", str(failure.value))


@each_exercise
def test_answered_alone_and_from_a_clean_start_it_passes(path, number):
    exercise = read(path).exercises[number]
    after_setup(path)
    before = json.loads(marks.marks())
    printed = execute_exercise(path, number, author.solution(exercise))
    assert marks.changed(before, json.loads(marks.marks())) == []  # or the judge would refuse it
    (stored,) = exercise.cell("check")["outputs"]
    assert "".join(stored["text"]) in printed


@each_notebook
def test_with_all_solutions_it_passes_strict_nbval(path, tmp_path):
    solved = read(path).with_answers(author.solutions(read(path)))
    (tmp_path / path.name).write_text(notebook.text_of(solved))
    command = "-m pytest --nbval --nbval-current-env --nbval-cell-timeout=60 -q --color=no"
    result = subprocess.run(
        [sys.executable, *command.split(), "-p", "no:cacheprovider", path.name],
        cwd=tmp_path, env=os.environ | run.ONE_THREAD, capture_output=True, text=True,
    )  # fmt: skip
    code_cells = sum(cell["cell_type"] == "code" for cell in solved["cells"])
    assert result.returncode == 0, result.stdout
    assert f"{code_cells} passed" in result.stdout


@each_wrong_answer
def test_a_plausible_wrong_answer_fails_with_its_message(path, wrong):
    with pytest.raises(CheckFailed) as failure:
        execute_exercise(path, wrong.number, wrong.code)
    message = str(failure.value)
    assert not isinstance(failure.value, NotAnswered)
    assert wrong.words.lower() in message.lower(), message


@each_exercise
def test_each_exercise_has_two_wrong_answers(path, number):
    planted = [wrong for wrong in wrong_answers(path) if wrong.number == number]
    assert len(planted) >= 2
    assert len({wrong.code for wrong in planted}) == len(planted)
