"""Run answers in the pristine notebook under strict nbval, and say what came of each exercise."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from nnlearn.exercises import verdict
from nnlearn.exercises.judge import START
from nnlearn.exercises.notebook import NotebookProblem, Pristine, text_of
from nnlearn.exercises.verdict import Result

#: What is told when an exercise begins, and when it is judged.
Started = Callable[[str], None]
Settled = Callable[[Result], None]

PATIENCE = 60.0  # seconds beyond a cell's limit until nbval itself is taken for hung
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


def judge(
    pristine: Pristine,
    answers: dict[str, str],
    timeout: float = 30.0,
    on_start: Started = lambda number: None,
    on_result: Settled = lambda result: None,
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

    def settle(result: Result) -> None:
        results[result.number] = result
        on_result(result)

    todo = []
    for number, text in answers.items():
        early = verdict.before_running(pristine, number, text)
        if early:
            settle(early)
        else:
            todo.append(number)
    import nbval  # noqa: F401 - where it is missing, better said now than by the run

    while todo:
        # One run judges all of them, unless nbval hangs: then another judges the rest.
        hung = _run(pristine, {n: answers[n] for n in todo}, timeout, on_start, settle)
        if hung:
            settle(Result(hung, "wrong", verdict.timed_out(timeout)))
        todo = [number for number in todo if number not in results]
    return [results[number] for number in answers]


def _run(
    pristine: Pristine, answers: dict[str, str], timeout: float, on_start: Started, settle: Settled
) -> str:
    """Judge by one run of pytest; return the exercise at which it hung, or an empty text."""
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
            hung = _follow(process, pristine, numbers, timeout, on_start, settle)
            if not hung:
                process.wait(PATIENCE)  # it still has the last kernel to stop
            return hung
        finally:
            if process.poll() is None:
                process.kill()  # its kernel notices that its parent is gone, and ends too
            process.wait()


def _command(numbers: list[str], timeout: float) -> list[str]:
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
        "NNLEARN_BACKEND": "numpy",  # checks compare with NumPy: a reader's choice is for chapters
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8:replace",  # as it is read here, whatever the code page
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "TMPDIR": str(folder),
    }
    package = Path(__file__).resolve().parents[2]
    if package.name != "site-packages":  # a checkout that is not installed must be found as well
        paths = [str(package), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return environment


def _follow(
    process: subprocess.Popen[str], pristine: Pristine, numbers: list[str], timeout: float,
    on_start: Started, settle: Settled,
) -> str:  # fmt: skip
    """Turn the lines of a running pytest into results until all are told, or it is silent."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    other: list[str] = []
    left = list(numbers)
    number_of = {_file(number): number for number in numbers}
    on_start(left[0])
    while left:
        try:
            line = lines.get(timeout=timeout + PATIENCE)
        except queue.Empty:
            return left[0]
        if line is None:
            told = "".join(other[-30:])
            raise NotebookProblem(f"The exercises could not be run. nbval says:\n{told}")
        before, mark, text = line.partition(START)
        if not mark:
            other.append(before)
            continue
        event = json.loads(text)
        if event["kind"] == "no kernel":
            raise NotebookProblem(f"No Python kernel could be started: {event['text']}")
        number = number_of[event["file"]]
        result = _result(pristine, number, event, timeout)
        if result and number in left:
            settle(result)
            left.remove(number)
            if left:
                on_start(left[0])
    return ""


def _result(
    pristine: Pristine, number: str, event: dict[str, str], timeout: float
) -> Result | None:
    """Return what a cell's event means for its exercise, if it settles it."""
    cells = [cell["id"] for cell in pristine.exercises[number].cells if cell["cell_type"] == "code"]
    if event["kind"] == "passed":
        return Result(number, "right") if event["cell"] == cells[-1] else None
    state = "unanswered" if event.get("name") == "NotAnswered" else "wrong"
    return Result(number, state, verdict.message(event, timeout))


def _file(number: str) -> str:
    return f"exercise-{number.replace('.', '-')}.ipynb"
