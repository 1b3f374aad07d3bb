"""`start` and `check`, used as a reader does: from a folder of their own, faults and all."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from exercise_course import RIGHT
from paths import ROOT

from nnlearn.exercises import extra, notebook, plain, progress, run
from nnlearn.exercises.report import Report
from nnlearn.exercises.verdict import Result

EXERCISES = sorted((ROOT / "book" / "exercises").glob("*.ipynb"))


def states(text):
    """The state that the report gives to each exercise."""
    return re.findall(r"^  5\.\d .*?(right|not right yet|not answered yet)$", text, re.MULTILINE)


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


def test_an_error_that_led_to_another_is_in_a_line_of_the_answer(reader):
    reader.answer(a3="from collections import ChainMap\nguess = ChainMap().pop(7)")
    _, text = reader("check", "5", "--exercise", "3")
    assert "It stopped with KeyError: 'Key not found in the first mapping: 7'" in text
    assert "line 2 of the answer cell: guess = ChainMap().pop(7)" in text


def test_a_hanging_or_dying_answer_does_not_keep_the_others_from_being_judged(reader):
    reader.answer(
        a1="while True:\n    pass",
        a2="import os\ndef mean(x):\n    os._exit(1)",
        a3=RIGHT["5.3"],
    )
    code, text = reader("check", "5", "--timeout", "5")
    assert (code, states(text)) == (1, ["not right yet", "not right yet", "right"])
    assert "still running after 5 seconds" in text
    assert "ended Python itself" in text


def test_answers_that_cannot_be_interrupted_or_are_no_python(reader):
    reader.answer(
        a1="def double(x):\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass",
        a2="def mean(x):\n    return x.sum(axis=0",
        a3="import sys\nsys.exit()",
    )
    code, text = reader("check", "5", "--timeout", "5")
    assert (code, states(text)) == (1, ["not right yet"] * 3)
    assert "still running after 5 seconds" in text
    assert "SyntaxError in line 2." in text
    assert "return x.sum(axis=0" in text
    assert "Leave out the call of exit()" in text


def test_when_nbval_itself_hangs_the_rest_is_judged_by_another_run(pristine, monkeypatch):
    monkeypatch.setattr(run, "PATIENCE", 10.0)
    stop = "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)\nwhile True: pass"
    told = []
    results = run.judge(pristine, {"5.1": stop, "5.3": "guess = 7"}, 5.0, on_result=told.append)
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
    reader.copy.write_bytes(b'{"cells": "\xe4"}')
    assert "cannot be read" in reader("check", "5")[1]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_does_no_harm(reader, encoding):
    reader.answer(a3="guess = 7  # σ")
    text = reader.copy.read_text(encoding="utf-8")
    reader.copy.write_text(text, encoding=encoding)
    code, text = reader("check", "5", "--exercise", "3")
    assert (code, states(text)) == (0, ["right"])
    assert "1 of 3 right" in reader("status")[1]


@pytest.mark.parametrize("page", ["cp1252", "cp437", "cp932", "cp1251", "ascii", "utf-8"])
def test_a_report_is_printed_whatever_the_code_page(course, tmp_path, page):
    answers = [{"cell_type": "code", "metadata": {}, "id": "answer-5-1", "source": "σ = ∂("}]
    (tmp_path / "05-cnn.ipynb").write_text(json.dumps({"cells": answers}), encoding="utf-8")
    environment = os.environ | {"PYTHONIOENCODING": page, "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "nnlearn.exercises", "check", "5", "--exercise", "1",
         "--course", course],
        cwd=tmp_path, env=environment, capture_output=True, check=False,
    )  # fmt: skip
    text = done.stdout.decode(page)
    assert (done.returncode, done.stderr) == (1, b"")
    assert states(text) == ["not right yet"]
    if page == "utf-8":
        assert "σ = ∂(" in text
    if page == "ascii":
        assert "sigma = d(" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("σ Θ λ", "sigma Theta lambda"),
        ("Jᵀ − ₁", "J^T - 1"),
        ("ŷ é C̃", "y e C"),
        ("a … b", "a ... b"),
        ("⟨v, u⟩ ≤ ε", "<v, u> <= epsilon"),
        ("中", "?"),
    ],
)
def test_letters_of_mathematics_have_words(text, said):
    assert text.encode("ascii", plain.ERRORS).decode() == said


@pytest.mark.parametrize(
    ("tex", "said"),
    [
        ("where is $W_{hh}$, and $x_j$?", "where is W_hh, and x_j?"),
        (r"$\tanh(w h)$, $\log r$", "tanh(w h), log r"),
        (r"$\sigma'(z)$, $\eta\lambda$, $\varepsilon \le \Theta$", "σ'(z), ηλ, ε ≤ Θ"),
        (r"$e^{-z} = C_{T-1}^2$, $2/\lambda_{\max}$", "e^(-z) = C_(T-1)^2, 2/λ_max"),
        (r"$J^{\mathsf T} u$, $W^\top$, $\mathrm d\tilde u_n$", "Jᵀ u, Wᵀ, du\u0303_n"),
        (r"$\hat{x}_{nd}$, $\sqrt\mu$, $\sqrt{a + b}$", "x\u0302_nd, √μ, √(a + b)"),
        (r"$\tfrac 12 (1 + \tanh \frac{u}{2})$", "(1/2) (1 + tanh (u/2))"),
        (r"$\operatorname{softplus}(z) - 24\,x$", "softplus(z) - 24 x"),
        (r"`'\n' {x} ** 2`", r"`'\n' {x} ** 2`"),
    ],
)
def test_formulas_of_a_hint_are_plain_text(tex, said):
    assert plain.from_tex(tex) == said


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_no_hint_of_the_course_shows_tex(path):
    for exercise in notebook.read_pristine(path).exercises.values():
        shown = plain.from_tex(exercise.folded("hint"))
        words = re.sub(r"(\{\w+\})?`[^`]*`", "", shown)  # without code and references
        assert not re.search(r"[$\\{}]|frac", words), shown


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
    assert states(text) == ["not right yet", "right", "not right yet"]
    assert "answer cell is missing" in text
    assert "is a text cell" in text


def test_a_split_answer_counts_with_both_halves(reader):
    def change(content):
        place = next(i for i, c in enumerate(content["cells"]) if c["id"] == "answer-5-1")
        cell = content["cells"][place]
        second = dict(cell, source="    return half + half", id="new")
        cell["source"] = "def double(x):\n    half = x"
        content["cells"].insert(place + 1, second)

    reader("start", "5")
    reader.edit(change)
    code, text = reader("check", "5", "--exercise", "1")
    assert code == 0, text
    reader.edit(lambda content: content["cells"][4].update(source="    return half * half"))
    code, text = reader("check", "5", "--exercise", "1")
    assert code == 1
    assert "It is squared." in text
    assert "Your answer stands in 2 cells; they were run in their order." in text


def test_stopped_by_the_reader_it_leaves_nothing_behind(reader, tmp_path_factory):
    reader.answer(a1="while True:\n    pass")
    temporary = tmp_path_factory.mktemp("temporary")
    command = [sys.executable, "-m", "nnlearn.exercises", "check", "5", "--course", reader.course]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
        # where the tests run in a script's background, it would be ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    end = time.monotonic() + 60
    while not any(temporary.rglob("tmp*.json")) and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 130, text
    assert text.endswith("Stopped.\n")
    assert "Traceback" not in text
    assert list(temporary.iterdir()) == []


def test_an_answer_that_replaces_the_check_is_not_right(pristine):
    cheat = 'def double(x):\n    pass\ndef check_double(answer):\n    print("5.1 all right")'
    (result,) = run.judge(pristine, {"5.1": cheat})
    assert result.state == "wrong"
    assert "`double` gave back nothing" in result.message  # the course's own check has judged it


def test_answers_judged_without_running(pristine):
    results = run.judge(pristine, {"5.1": "  ", "5.2": "x = '\0'", "5.3": "guess = ...\n"})
    assert [result.state for result in results] == ["unanswered", "wrong", "unanswered"]
    assert "not Python" in results[1].message


def test_a_machine_that_is_too_busy_to_start_is_not_the_answer_s_fault(reader, monkeypatch):
    monkeypatch.setattr(run, "STARTING", 0.001)
    reader.answer(a3="guess = 7")
    code, text = reader("check", "5", "--exercise", "3")
    assert code == 2
    assert "Is the machine very busy?" in text


def test_where_no_kernel_starts_it_is_not_the_answer_that_is_wrong(reader, tmp_path, monkeypatch):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "ipykernel_launcher.py").write_text("raise SystemExit('broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    reader.answer(a3="guess = 7")
    code, text = reader("check", "5")
    assert code == 2
    assert "No Python kernel could be started" in text
    (tmp_path / "broken" / "pytest.py").write_text("raise SystemExit('no pytest here')")
    code, text = reader("check", "5")
    assert code == 2
    assert "could not be run" in text
    assert "no pytest here" in text


@pytest.mark.parametrize("folder", [Path("my book"), None])
def test_without_nbval_it_says_what_to_install(folder, reader, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbval", None)
    monkeypatch.setattr(extra, "checkout", lambda: folder)
    what = "-e 'my book[book]'" if folder else "'nnlearn[book]'"
    install = f"python -m pip install {what}\n"
    assert f"Before both:  {install}" in reader("start", "5")[1]
    reader.answer(a3="guess = 7")
    code, text = reader("check", "5")
    assert code == 2
    assert f"nbval is not installed. The exercises need what this brings: {install}" in text
    assert "not answered" not in text  # nothing is judged in part


@pytest.mark.parametrize("name", extra.NEEDED)
def test_a_right_answer_is_not_judged_without_all_that_it_may_need(name, reader, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    reader.answer(a3="guess = 7")
    code, text = reader("check", "5")
    assert code == 2
    assert f"{name} is not installed. The exercises need what this brings: " in text
    assert "right" not in text


def test_with_the_extra_nothing_is_to_be_installed(reader):
    assert "install" not in reader("start", "5")[1]


def test_a_backend_chosen_for_the_chapters_does_not_reach_the_judge(reader, monkeypatch):
    monkeypatch.setenv("NNLEARN_BACKEND", "array_api_strict")
    reader.answer(a3="import os\nguess = 7 if os.environ['NNLEARN_BACKEND'] == 'numpy' else 0")
    code, text = reader("check", "5", "--exercise", "5.3")
    assert code == 0, text


def test_a_folder_that_cannot_be_written(reader, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    reader("start", "5")
    monkeypatch.setattr(progress, "write_atomically", refuse)
    code, text = reader("check", "5")
    assert code == 1
    assert "could not be remembered for `status`: Permission denied" in text
    reader.copy.unlink()
    monkeypatch.setattr("builtins.open", refuse)
    code, text = reader("start", "5")
    assert code == 2
    assert "cannot be written here: Permission denied" in text


def test_in_a_terminal_it_shows_what_is_running_and_colours_the_result(
    pristine, monkeypatch, capsys
):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    with Report(pristine, ["5.1", "5.2"]) as shown:
        shown.start("5.1")
        shown.result(Result("5.2", "unanswered"))  # known at once, but printed in its turn
        shown.result(Result("5.1", "right"))
    text = capsys.readouterr().out
    assert "running 5.1 (1 of 2)" in text
    assert text.index("\x1b[32mright") < text.index("\x1b[33mnot answered yet")
    assert not shown.all_right
