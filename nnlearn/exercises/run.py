"""Run answers in the pristine notebook under strict nbval, and say what came of each exercise."""

import json
import os
import queue
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from nnlearn.exercises import extra, verdict, watching
from nnlearn.exercises.notebook import NotebookProblem, Pristine, text_of
from nnlearn.exercises.verdict import Result

#: What is told when an exercise begins, and when it is judged.
Started = Callable[[str], None]
Settled = Callable[[Result], None]

MEMORY = 4.0  # GiB that an answer may fill
#: Environment variables by which the judge is told what it has to know: a word that begins each of
#: its lines, how much memory an answer may fill, and a mark of all processes of one run.
SEAL, LIMIT, RUN = (f"NNLEARN_EXERCISES_{name}" for name in ("SEAL", "MEMORY", "RUN"))
START = "\x1e"  # begins each line of the judge (the record separator of RFC 7464)
STARTING = 300.0  # seconds until the first sign of a run
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
    memory: float = MEMORY,
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
    memory : float
        GiB that one answer may fill.

    Returns
    -------
    list of Result
        In the order of `answers`.

    Raises
    ------
    ModuleNotFoundError
        If something that the exercises need is not installed.
    NotebookProblem
        If nothing can be run here at all, because of a full disk for example.
    """
    extra.require()
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
    while todo:
        # One run judges all of them, unless one of them ends the run: then another judges the rest.
        try:
            culprit = _run(
                pristine, {n: answers[n] for n in todo}, timeout, memory, on_start, settle
            )
        except BrokenPipeError:  # nobody reads what is found any more
            raise
        except OSError as error:
            raise NotebookProblem(
                f"The exercises could not be run: {error.strerror or error} (in the folder for "
                f"temporary files, {tempfile.gettempdir()})."
            ) from None
        if culprit:
            settle(culprit)
        todo = [number for number in todo if number not in results]
    return [results[number] for number in answers]


def _run(
    pristine: Pristine, answers: dict[str, str], timeout: float, memory: float, on_start: Started,
    settle: Settled,
) -> Result | None:  # fmt: skip
    """Judge by one run of pytest; return what to tell of the exercise that ended it early."""
    numbers = list(answers)
    seal, mark = secrets.token_hex(), secrets.token_hex()
    with tempfile.TemporaryDirectory(prefix="nnlearn-exercises-", ignore_cleanup_errors=True) as d:
        folder = Path(d)
        for number in numbers:
            text = text_of(pristine.with_answers(answers, only=number))
            notebook = folder / _file(number)
            notebook.parent.mkdir(parents=True)  # of its own: what an answer writes and deletes
            notebook.write_text(text, encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n")
        told = {SEAL: seal, RUN: mark, LIMIT: str(memory)}
        process = subprocess.Popen(
            _command(numbers, timeout), cwd=folder, env=_environment(folder) | told, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
        try:
            return _follow(process, START + seal, pristine, numbers, timeout, on_start, settle)
        finally:
            process.kill()  # all is told: it need not stop its last kernel in good order
            process.wait()
            watching.end_processes(f"{RUN}={mark}")  # kernels too, and what they have started


def _command(numbers: list[str], timeout: float) -> list[str]:
    return [
        sys.executable, "-m", "pytest", "-p", "nbval.plugin", "-p", "nnlearn.exercises.judge",
        "--nbval", "--nbval-current-env", f"--nbval-cell-timeout={timeout}",
        "-p", "no:cacheprovider", "-c", "pytest.ini", "-s", "-q", "--color=no",
        *(str(_file(number)) for number in numbers),
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
    }
    for name in ("TMPDIR", "TEMP", "TMP"):
        environment[name] = str(folder / "temporary")
    (folder / "temporary").mkdir()
    package = Path(__file__).resolve().parents[2]
    if package.name != "site-packages":  # a checkout that is not installed must be found as well
        paths = [str(package), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return environment


def _follow(
    process: subprocess.Popen[str], start: str, pristine: Pristine, numbers: list[str],
    timeout: float, on_start: Started, settle: Settled,
) -> Result | None:  # fmt: skip
    """Turn the lines of a running pytest into results; return one that its exercise prevented."""
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
    number_of = {_file(number).name: number for number in numbers}
    begun = ""
    on_start(left[0])
    while left:
        try:
            line = lines.get(timeout=timeout + PATIENCE if begun else STARTING)
        except queue.Empty:
            if not begun:
                raise NotebookProblem(
                    f"Python did not start within {STARTING:g} seconds. Is the machine very busy?"
                ) from None
            return Result(left[0], "wrong", verdict.timed_out(timeout))
        if line is None and begun == left[0]:
            return Result(begun, "wrong", verdict.ended_python())
        if line is None:
            told = "".join(other[-30:])
            raise NotebookProblem(f"The exercises could not be run. nbval says:\n{told}")
        before, mark, text = line.partition(start)
        if not mark:
            other = [*other[-30:], before[:500]]
            continue
        event = json.loads(text)
        if event["kind"] == "no kernel":
            if len(left) < len(numbers):
                return None  # an answer may have deleted what kernels need: a fresh run starts
            raise NotebookProblem(f"No Python kernel could be started: {event['text']}")
        number = number_of[event["file"]]
        if event["kind"] == "begun":
            begun = number
            continue
        result = _result(pristine, number, event, timeout)
        if result and number in left:
            settle(result)
            left.remove(number)
            if left:
                on_start(left[0])
    return None


def _result(
    pristine: Pristine, number: str, event: dict[str, str], timeout: float
) -> Result | None:
    """Return what a cell's event means for its exercise, if it settles it."""
    cells = [cell["id"] for cell in pristine.exercises[number].cells if cell["cell_type"] == "code"]
    if event["kind"] == "passed":
        return Result(number, "right") if event["cell"] == cells[-1] else None
    state = "unanswered" if event.get("name") == "NotAnswered" else "wrong"
    return Result(number, state, verdict.message(event, timeout))


def _file(number: str) -> Path:
    name = f"exercise-{number.replace('.', '-')}"
    return Path(name) / f"{name}.ipynb"
