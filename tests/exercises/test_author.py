"""What authors use: refreshing a notebook, faults of its structure, planted wrong answers."""

import json
import re

import exercise_course
import pytest

from nnlearn.exercises import author, notebook
from nnlearn.exercises.__main__ import main


def test_refresh_changes_nothing_in_a_fresh_notebook(course):
    path = course / "05-cnn.ipynb"
    before = path.read_text()
    cells = [cell for cell in json.loads(before)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, 8))
    stored = [cell["outputs"] for cell in cells]
    assert [bool(outputs) for outputs in stored] == [False] + [False, True] * 3
    assert notebook.source(cells[1]) == exercise_course.EXERCISES[0][2]
    assert main(["refresh", "5", "--course", str(course)]) == 0
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("solution", ("2 * x", "3 * x"), "a cell fails"),
        ("solution", ("```python", "```"), "exactly one ```python block"),
        ("answer", ("def double", "import sys\nprint(1, file=sys.stderr)\ndef double"), None),
        ("check", ("check_double(double)", "import sys\nsys.stderr.write('a')"), "error stream"),
    ],
)
def test_refresh_writes_nothing_when_something_is_wrong(course, tmp_path, part, change, words):
    path = tmp_path / "05-cnn.ipynb"
    text = (course / path.name).read_text()
    content = json.loads(text)
    cell = next(cell for cell in content["cells"] if cell["id"] == f"{part}-5-1")
    cell["source"] = notebook.source(cell).replace(*change)
    path.write_text(notebook.text_of(content))
    before = path.read_text()
    if words is None:  # an answer's own output is not stored, so it does no harm
        author.refresh(path)
        return
    with pytest.raises(notebook.NotebookProblem, match=re.escape(words)):
        author.refresh(path)
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda cells: cells.pop(1), "code cell with id and tag 'setup'"),
        (lambda cells: cells[3].update(id="mine"), "no cell with id 'answer-5-1'"),
        (lambda cells: cells[3].update(cell_type="markdown"), "must be a code cell"),
        (
            lambda cells: cells[4]["metadata"].update(tags=["check"]),
            "needs the tag 'remove-output'",
        ),
        (lambda cells: cells[2].update(source="## Exercise 5.1: A"), "begin with a label line"),
        (lambda cells: cells[2].update(source="(ex-a)=\n# Other"), "needs the heading"),
        (lambda cells: cells[5].update(source="Hint"), "its hint must be folded"),
        (lambda cells: cells.insert(7, dict(cells[0])), "an id of its own"),
        (lambda cells: cells.insert(5, cells.pop(3)), "in the order"),
        (lambda cells: [cells.pop(2) for _ in range(5)], "numbered 5.1, 5.2, … in order"),
    ],
)
def test_faults_of_structure_are_named(course, tmp_path, change, fault):
    content = json.loads((course / "05-cnn.ipynb").read_text())
    change(content["cells"])
    path = tmp_path / "05-cnn.ipynb"
    path.write_text(notebook.text_of(content))
    assert any(fault in found for found in author.faults(notebook.read_pristine(path)))


def test_wrong_answers_are_read_from_percent_cells(tmp_path):
    path = tmp_path / "05-cnn.py"
    path.write_text("# %% 5.1 a sign | sign\nx = 1\n\n# %% 5.2 two | a, b\ny = 2\nz = 3\n")
    assert author.wrong_answers(path) == [
        author.WrongAnswer("5.1", "a sign", "sign", "x = 1"),
        author.WrongAnswer("5.2", "two", "a, b", "y = 2\nz = 3"),
    ]
    path.write_text("# %% 5.1 no words\nx = 1\n")
    with pytest.raises(notebook.NotebookProblem, match="does not begin with"):
        author.wrong_answers(path)
