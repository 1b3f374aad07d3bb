"""What the last checks found, remembered beside the reader's notebooks.

Remembered, because to run the whole course again takes minutes and `status` should answer at once.
Each result is kept with a hash of the answer and of the exercise: once either has changed, the
result counts no more and is shown as such.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnlearn.exercises.notebook import Exercise, Pristine, source
from nnlearn.exercises.verdict import Result
from nnlearn.files import write_atomically

PATIENCE = 5.0  # seconds for which another check is waited for
FILE = ".nnlearn-exercises.json"


def fingerprint(pristine: Pristine, exercise: Exercise, answer: str) -> str:
    """Return a hash of the answer and of all that it is run with."""
    code = [
        source(cell)
        for cell in pristine.setup + exercise.cells
        if cell["cell_type"] == "code" and cell is not exercise.cell("answer")
    ]
    return hashlib.sha256("\0".join([*code, answer.strip()]).encode(errors="replace")).hexdigest()


def load(folder: Path) -> dict[str, Any]:
    """Return what is remembered; nothing, if the file is missing or damaged."""
    try:
        state = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return state if isinstance(state, dict) else {}


def remember(
    folder: Path, pristine: Pristine, answers: dict[str, str], results: list[Result]
) -> None:
    """Remember the results of a check beside the reader's notebook.

    Raises
    ------
    OSError
        If nothing can be written there.
    """
    with _alone(folder):
        state = load(folder)
        for result in results:
            exercise = pristine.exercises[result.number]
            state[result.number] = {
                "answer": fingerprint(pristine, exercise, answers[result.number]),
                "state": result.state,
            }
        write_atomically(folder / FILE, json.dumps(state, indent=1, sort_keys=True) + "\n")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let another check in this folder finish first: what it has just remembered would be lost."""
    lock = folder / f"{FILE}.lock"
    end = time.monotonic() + PATIENCE
    while True:
        try:
            lock.open("x").close()
            break
        except FileExistsError:
            if time.monotonic() > end:  # whoever made it was killed: it takes milliseconds
                break
            time.sleep(0.02)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def known(folder: Path, pristine: Pristine, answers: dict[str, str]) -> dict[str, str]:
    """Return each exercise's state: "right", "wrong", "unanswered" or, not checked yet, "new"."""
    state = load(folder)
    states = {}
    for number, exercise in pristine.exercises.items():
        answer = answers.get(number)
        entry = state.get(number)
        if answer is None or answer.strip() == source(exercise.cell("answer")).strip():
            states[number] = "unanswered"
        elif isinstance(entry, dict) and entry.get("answer") == fingerprint(
            pristine, exercise, answer
        ):
            states[number] = entry.get("state", "new")
        else:
            states[number] = "new"
    return states
