"""Run answers in the pristine notebook under strict nbval, and say what came of each exercise."""

import ast
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nnlearn.exercises.judge import START
from nnlearn.exercises.notebook import Pristine, source, text_of

PATIENCE = 60.0  # seconds beyond a cell's limit until nbval itself is taken for hung
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


@dataclass(frozen=True)
class Result:
    """What came of one exercise: "right", "wrong" or "unanswered", and why."""

    number: str
    state: str
    message: str = ""


def judge(
    pristine: Pristine,
    answers: dict[str, str],
    timeout: float = 30.0,
    on_start: Callable[[str], None] = lambda number: None,
    on_result: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Judge the answers, each in a kernel of its own, from a clean start.

    Parameters
    ----------
    pristine : Pristine
        The notebook of the course; the answers are put into copies of it in a temporary folder.
    answers : dict
        Exercise number → text of the answer cell.
    timeout : float
        Seconds that one cell may take.
    on_start, on_result : callable
        Told as soon as an exercise begins and ends.

    Returns
    -------
    list of Result
        In the order of `answers`.
    """
    results: dict[str, Result] = {}

    def settle(result):
        if result.number not in results:
            results[result.number] = result
            on_result(result)

    todo = []
    for number, text in answers.items():
        early = _before_running(pristine, number, text)
        if early:
            settle(early)
        else:
            todo.append(number)
    while todo:
        # One run judges all of them, unless nbval hangs or dies: then another judges the rest.
        current = _run(pristine, {n: answers[n] for n in todo}, timeout, on_start, settle)
        if current in todo and current not in results:
            settle(Result(current, "wrong", _timeout(timeout)))
        todo = [number for number in todo if number not in results]
    return [results[number] for number in answers]


def _before_running(pristine, number, text) -> Result | None:
    """Judge what needs no kernel: an untouched answer, and one that is not Python."""
    if text.strip() == source(pristine.exercises[number].cell("answer")).strip():
        return Result(number, "unanswered", f"Exercise {number} is not answered yet.")
    if not text.strip():
        return Result(number, "unanswered", "The answer cell is empty.")
    try:
        from IPython.core.inputtransformer2 import TransformerManager

        code = TransformerManager().transform_cell(text)
        compile(code, "answer", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError) as error:
        where = f" in line {error.lineno}" if getattr(error, "lineno", None) else ""
        line = (getattr(error, "text", None) or "").rstrip()
        shown = f"\n    {line.strip()}" if line else ""
        return Result(
            number, "wrong", f"This is not Python yet: {type(error).__name__}{where}.{shown}\n"
            f"Python says: {getattr(error, 'msg', error)}."
        )  # fmt: skip
    return None


def _run(pristine, answers, timeout, on_start, settle) -> str:
    """Judge by one run of pytest; return the exercise that was running when it ended."""
    numbers = list(answers)
    with tempfile.TemporaryDirectory(prefix="nnlearn-exercises-", ignore_cleanup_errors=True) as d:
        folder = Path(d)
        for number in numbers:
            text = text_of(pristine.with_answers(answers, only=number))
            (folder / _file(number)).write_text(text, encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n")
        process = subprocess.Popen(
            _command(numbers, timeout), cwd=folder, env=_environment(folder), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
        try:
            return _follow(process, pristine, numbers, timeout, on_start, settle)
        finally:
            if process.poll() is None:
                process.kill()  # its kernel notices that its parent is gone, and ends too
            process.wait()
            process.stdout.close()


def _command(numbers, timeout) -> list[str]:
    return [
        sys.executable, "-m", "pytest", "-p", "nbval.plugin", "-p", "nnlearn.exercises.judge",
        "--nbval", "--nbval-current-env", f"--nbval-cell-timeout={timeout}",
        "-p", "no:cacheprovider", "-c", "pytest.ini", "-s", "-q", "--color=no",
        *map(_file, numbers),
    ]  # fmt: skip


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment that keeps the run quick, and keeps its files in its own folder."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"} | ONE_THREAD
    environment |= {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }
    package = Path(__file__).resolve().parents[2]
    if package.name != "site-packages":  # a checkout that is not installed must be found as well
        paths = [str(package), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return environment


def _follow(process, pristine, numbers, timeout, on_start, settle) -> str:
    """Turn the lines of a running pytest into results until it ends or is silent for too long."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read():
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    other = []
    left = iter(numbers)
    current = next(left)
    on_start(current)
    while True:
        try:
            line = lines.get(timeout=timeout + PATIENCE)
        except queue.Empty:
            return current
        if line is None:
            break
        before, mark, event = line.partition(START)
        if not mark:
            other.append(before)
            continue
        event = json.loads(event)
        result = _result(pristine, current, event, timeout)
        if result:
            settle(result)
            current = next(left, "")
            if current:
                on_start(current)
    if current:
        raise RuntimeError("nbval could not run the notebook:\n" + "".join(other[-30:]))
    return current


def _result(pristine, number, event, timeout) -> Result | None:
    """Return what a cell's event means for its exercise, if it settles it."""
    cells = [cell["id"] for cell in pristine.exercises[number].cells if cell["cell_type"] == "code"]
    if event["kind"] == "passed":
        return Result(number, "right") if event["cell"] == cells[-1] else None
    state = "unanswered" if event.get("name") == "NotAnswered" else "wrong"
    return Result(number, state, _message(number, event, timeout))


def _message(number, event, timeout) -> str:
    kind, name, text = event["kind"], event.get("name", ""), event.get("text", "")
    if kind == "timeout":
        return _timeout(timeout)
    if kind == "died":
        return "Your answer ended Python itself. Does it call exit(), quit() or os._exit()?"
    if kind == "differs":
        return f"The check ended otherwise than for a right answer. It printed:\n{text}".rstrip()
    if kind == "broken":
        return f"The notebook could not be run: {text}"
    if name in ("CheckFailed", "NotAnswered"):
        return text
    message = f"It stopped with {name}: {text}" if text else f"It stopped with {name}."
    line = re.search(r"^-+> *(\d+) (.*)$", event.get("trace", ""), re.MULTILINE)
    if line and event["cell"].startswith("answer-"):
        message += f"\nIt happened in line {line[1]} of the answer cell: {line[2].strip()}"
    if name == "NameError":
        message += (
            "\nOnly the answer cell is taken from your notebook: whatever it needs, imports and "
            "helping functions too, must stand in it."
        )
    return message


def _timeout(timeout) -> str:
    return (
        f"It was still running after {timeout:g} seconds and was stopped. Does a loop never end? "
        "(If it only is slow: --timeout gives it more seconds.)"
    )


def _file(number: str) -> str:
    return f"exercise-{number.replace('.', '-')}.ipynb"
