"""The exercises' command, used as a reader does: from a folder of their own, faults and all."""

import json
import re
import subprocess
import sys

import exercise_course
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnlearn.exercises import author, notebook, progress, run, transplant
from nnlearn.exercises.__main__ import main
from nnlearn.exercises.verdict import Result

RIGHT = {
    "5.1": "def double(x):\n    return x + x",
    "5.2": "def mean(x):\n    return x.sum(axis=0) / len(x)",
    "5.3": "guess = 3 + 4",
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A folder with one refreshed exercise notebook, 05-cnn.ipynb."""
    path = exercise_course.write(tmp_path_factory.mktemp("course"))
    author.refresh(path)
    return path.parent


@pytest.fixture
def pristine(course):
    return notebook.read_pristine(course / "05-cnn.ipynb")


@pytest.fixture
def reader(course, tmp_path, monkeypatch, capsys):
    """A reader in an empty folder, with the command at hand."""
    monkeypatch.chdir(tmp_path)
    return Reader(course, tmp_path, capsys)


class Reader:
    def __init__(self, course, folder, capsys):
        self.course, self.capsys = course, capsys
        self.copy = folder / "05-cnn.ipynb"

    def __call__(self, *words):
        """Run the command; return its exit code and everything that it said."""
        self.capsys.readouterr()
        code = main([words[0], "--course", str(self.course), *words[1:]])
        out, err = self.capsys.readouterr()
        return code, out + err

    def edit(self, change):
        """Change the copy as an editor would, through its parsed form."""
        content = json.loads(self.copy.read_text())
        change(content)
        self.copy.write_text(json.dumps(content))

    def answer(self, **answers):
        """Start if need be, and write answers: `self.answer(a1="…")` answers exercise 5.1."""
        if not self.copy.exists():
            self("start", "5")
        texts = {f"answer-5-{key[1:]}": text for key, text in answers.items()}

        def change(content):
            for cell in content["cells"]:
                cell["source"] = texts.get(cell["id"], cell["source"])

        self.edit(change)


def states(text):
    """The state that the report gives to each exercise."""
    return re.findall(r"^  5\.\d .*?(right|not right yet|not answered yet)$", text, re.MULTILINE)


# ---- start ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["5", "05", "cnn", "05-cnn", "05-cnn.ipynb", "CNN"])
def test_start_copies_the_notebook_without_outputs(reader, name):
    code, text = reader("start", name)
    assert code == 0
    assert "check 05" in text
    cells = json.loads(reader.copy.read_text())["cells"]
    code_cells = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code_cells) == 7
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code_cells)


def test_start_never_overwrites(reader):
    reader.copy.write_text("my work")
    code, text = reader("start", "5")
    assert code == 2
    assert "never overwritten" in text
    assert reader.copy.read_text() == "my work"


def test_an_unknown_chapter_lists_the_known_ones(reader):
    for command in ("start", "check"):
        code, text = reader(command, "rnn")
        assert code == 2
        assert "'rnn'" in text
        assert "05-cnn" in text


def test_it_runs_as_a_module_from_any_folder(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "nnlearn.exercises", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    for command in ("start", "check", "status"):
        assert command in result.stdout


# ---- check ---------------------------------------------------------------------------------


def test_unanswered(reader):
    reader("start", "5")
    code, text = reader("check", "5")
    assert code == 1
    assert "0 of 3 right" in text
    assert states(text) == ["not answered yet"] * 3


def test_right_answers_may_print_draw_warn_and_move_elsewhere(reader):
    reader.answer(
        a1="import os, sys\nos.chdir('/')\nprint('x' * 10**6)\n"
        "def double(x):\n    print('here', x)\n    print('there', file=sys.stderr)\n"
        "    return x + x",
        a2="%config InlineBackend.close_figures = True\n" + RIGHT["5.2"] + "\nnp = None",
        a3="for i in range(20_000):\n    print(i)\nguess = 7",
    )
    before = reader.copy.read_bytes()
    code, text = reader("check", "cnn")
    assert (code, states(text)) == (0, ["right"] * 3), text
    assert "3 of 3 right" in text
    assert reader.copy.read_bytes() == before
    left = sorted(path.name for path in reader.copy.parent.iterdir())
    assert left == [progress.FILE, "05-cnn.ipynb"]


def test_wrong_answers_are_told_with_message_case_and_hint(reader):
    reader.answer(
        a1="def double(x):\n    return x ** 2",
        a2="def mean(x):\n    return undefined_name",
        a3="n = 3\n\nguess = half(n)",
    )
    code, text = reader("check", "5")
    assert (code, states(text)) == (1, ["not right yet"] * 3)
    assert "It is squared." in text
    assert "Tried: double([1., 2.])" in text
    assert "Hint: Think of eq-cnn and 1." in text
    assert "NameError: name 'undefined_name'" in text
    assert "line 2 of the cell" in text
    assert "line 3 of the answer cell: guess = half(n)" in text
    assert "must stand in it" in text


def test_a_hanging_or_dying_answer_does_not_keep_the_others_from_being_judged(reader):
    reader.answer(
        a1="while True:\n    pass",
        a2="import os\ndef mean(x):\n    os._exit(1)",
        a3=RIGHT["5.3"],
    )
    code, text = reader("check", "5", "--timeout", "3")
    assert (code, states(text)) == (1, ["not right yet", "not right yet", "right"])
    assert "still running after 3 seconds" in text
    assert "ended Python itself" in text


def test_answers_that_cannot_be_interrupted_or_are_no_python(reader):
    reader.answer(
        a1="def double(x):\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass",
        a2="def mean(x):\n    return x.sum(axis=0",
        a3="import sys\nsys.exit()",
    )
    code, text = reader("check", "5", "--timeout", "3")
    assert (code, states(text)) == (1, ["not right yet"] * 3)
    assert "still running after 3 seconds" in text
    assert "SyntaxError in line 2." in text
    assert "return x.sum(axis=0" in text
    assert "Leave out the call of exit()" in text


def test_when_nbval_itself_hangs_the_rest_is_judged_by_another_run(pristine, monkeypatch):
    # An endless flood of prints that cannot be interrupted keeps nbval reading for ever.
    monkeypatch.setattr(run, "PATIENCE", 8.0)
    flood = "while True:\n    try:\n        while True: print(1)\n    except BaseException: pass"
    told = []
    results = run.judge(pristine, {"5.1": flood, "5.3": "guess = 7"}, 2.0, on_result=told.append)
    assert [(result.number, result.state) for result in results] == [
        ("5.1", "wrong"),
        ("5.3", "right"),
    ]
    assert "still running" in results[0].message
    assert told == results


def test_one_exercise_alone(reader):
    reader.answer(a3="guess = 7")
    code, text = reader("check", "5", "--exercise", "5.3")
    assert (code, states(text)) == (0, ["right"])
    code, text = reader("check", "5", "--exercise", "1")
    assert (code, states(text)) == (1, ["not answered yet"])
    code, text = reader("check", "5", "--exercise", "5.9")
    assert code == 2
    assert "5.1, 5.2, 5.3" in text


def test_damaged_notebooks_are_told_in_plain_words(reader):
    code, text = reader("check", "5")
    assert code == 2
    assert "no 05-cnn.ipynb in this folder" in text
    assert "start 05" in text
    reader("start", "5")
    whole = reader.copy.read_text()
    for content, words in (
        (whole[: len(whole) // 2], "saved only in part"),
        ("", "saved only in part"),
        ("[1, 2]", "not a Jupyter notebook"),
        ('{"worksheets": []}', "not a Jupyter notebook"),
        ('{"cells": [{"cell_type": "code"}]}', "not a Jupyter notebook"),
        ('{"cells": [{"cell_type": "code", "source": [3], "id": 1}]}', "not a Jupyter notebook"),
    ):
        reader.copy.write_text(content)
        code, text = reader("check", "5")
        assert code == 2
        assert words in text
        assert reader.copy.read_text() == content
    reader.copy.write_bytes(b"\xff\xfe")
    assert "cannot be read" in reader("check", "5")[1]


def test_the_course_s_own_notebook_is_not_a_copy(reader, course, monkeypatch):
    monkeypatch.chdir(course)
    code, text = reader("check", "5")
    assert code == 2
    assert "the course's own notebook" in text


def test_a_renamed_copy(reader):
    reader("start", "5")
    reader.copy.rename("mine.ipynb")
    assert reader("check", "5")[0] == 2
    assert reader("check", "5", "--file", "mine.ipynb")[0] == 1


def test_cells_deleted_doubled_or_turned_into_text(reader):
    def change(content):
        cells = content["cells"]
        by_id = {cell["id"]: cell for cell in cells}
        cells.remove(by_id["answer-5-1"])
        second = dict(by_id["answer-5-2"], source="another = 1")
        cells.insert(cells.index(by_id["answer-5-2"]), second)
        by_id["answer-5-3"]["cell_type"] = "markdown"

    reader.answer(a2=RIGHT["5.2"])
    reader.edit(change)
    code, text = reader("check", "5")
    assert code == 1
    assert states(text) == ["not right yet"] * 3
    assert "answer cell is missing" in text
    assert "2 answer cells with different texts" in text
    assert "is a text cell" in text


# ---- finding the answers --------------------------------------------------------------------


def solved_copy(pristine):
    return notebook.stripped(pristine.with_answers(RIGHT))


EDITS = ["new ids", "no tags", "edited check", "deleted check", "scratch cells", "untouched copy"]


@given(edits=st.sets(st.sampled_from(EDITS)), data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_answers_are_found_whatever_else_was_edited(pristine, edits, data):
    copy = solved_copy(pristine)
    given = notebook.stripped(pristine.raw)["cells"]
    cells = []
    for cell, before in zip(copy["cells"], given, strict=True):
        part = before["id"].partition("-")[0]
        if part == "check" and "deleted check" in edits:
            continue
        if part == "check" and "edited check" in edits:
            cell["source"] = notebook.source(cell) + "\nprint('mine')"
        if part == "answer" and "untouched copy" in edits:
            cells.append(dict(before, id=before["id"] + "x"))
        cells.append(cell)
        # Where ids and tags are both gone, nothing tells a scratch cell from an answer.
        lost = {"new ids", "no tags"} <= edits
        if "scratch cells" in edits and not lost and data.draw(st.booleans()):
            cells.append({"cell_type": "code", "source": "1 + 1", "id": "s", "metadata": {}})
    for number, cell in enumerate(cells):
        if "new ids" in edits:
            cell["id"] = f"new-{number}"
        if "no tags" in edits:
            cell["metadata"] = {}
    if {"no tags", "new ids", "untouched copy"} <= edits:
        return
    found, problems = transplant.answers(pristine, {"cells": cells})
    assert (found, problems) == (RIGHT, {})


def test_a_comment_names_the_exercise_wherever_the_cell_has_gone(pristine):
    mine = {n: f"# Exercise {n}\n{text}" for n, text in RIGHT.items()}
    cells = [
        {"cell_type": "code", "source": text, "id": f"n{n}", "metadata": {}}
        for n, text in reversed(mine.items())
    ]
    assert transplant.answers(pristine, {"cells": cells}) == (mine, {})


def test_only_the_answers_come_from_the_reader(pristine):
    judged = pristine.with_answers(RIGHT, only="5.2")
    changed = [
        c for c in judged["cells"] if c not in pristine.setup + pristine.exercises["5.2"].cells
    ]
    assert [cell["id"] for cell in changed] == ["answer-5-2"]
    assert pristine.exercises["5.2"].cell("answer")["source"] != RIGHT["5.2"]


# ---- status --------------------------------------------------------------------------------


def test_status_remembers_and_knows_what_has_changed(reader, pristine):
    assert "not started" in reader("status")[1]
    reader.answer(a1=RIGHT["5.1"], a2="wrong")
    assert "3 of 3" not in reader("status")[1]
    answers = {"5.1": RIGHT["5.1"], "5.2": "wrong"}
    results = [Result("5.1", "right"), Result("5.2", "wrong", "…")]
    progress.remember(reader.copy.parent, pristine, answers, results)
    line = reader("status")[1]
    assert "1 of 3 right" in line
    assert "1 not right yet" in line
    assert "1 not answered" in line
    reader.answer(a1="def double(x):\n    return 3 * x")
    line = reader("status")[1]
    assert "0 of 3 right" in line
    assert "1 changed since the last check" in line


def test_status_survives_damaged_files(reader):
    reader("start", "5")
    (reader.copy.parent / progress.FILE).write_text("{half")
    assert reader("status") == (0, "05-cnn                0 of 3 right, 3 not answered\n")
    reader.copy.write_text("{half")
    code, text = reader("status")
    assert code == 0
    assert "cannot be read" in text


def test_a_changed_exercise_makes_the_remembered_result_stale(reader, pristine):
    folder = reader.copy.parent
    progress.remember(folder, pristine, RIGHT, [Result(n, "right") for n in RIGHT])
    assert set(progress.known(folder, pristine, RIGHT).values()) == {"right"}
    pristine.exercises["5.1"].cell("check")["source"] = "stricter_check(double)"
    assert progress.known(folder, pristine, RIGHT)["5.1"] == "new"


# ---- the author's command ------------------------------------------------------------------


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
