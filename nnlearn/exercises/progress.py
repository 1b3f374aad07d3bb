"""What the last checks found, remembered beside the reader's notebooks.

Remembered, because to run the whole course again takes minutes and `status` should answer at once.
Each result is kept with a hash of the answer and of the exercise: once either has changed, the
result counts no more and is shown as such.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from nnlearn.exercises.notebook import Exercise, Pristine, source
from nnlearn.exercises.verdict import Result
from nnlearn.files import write_atomically

FILE = ".nnlearn-exercises.json"


def fingerprint(pristine: Pristine, exercise: Exercise, answer: str) -> str:
    """Return a hash of the answer and of all that it is run with."""
    code = [
        source(cell)
        for cell in pristine.setup + exercise.cells
        if cell["cell_type"] == "code" and cell is not exercise.cell("answer")
    ]
    return hashlib.sha256("\0".join([*code, answer.strip()]).encode()).hexdigest()


def load(folder: Path) -> dict[str, Any]:
    """Return what is remembered; nothing, if the file is missing or damaged."""
    try:
        state = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def remember(
    folder: Path, pristine: Pristine, answers: dict[str, str], results: list[Result]
) -> None:
    """Remember the results of a check beside the reader's notebook."""
    state = load(folder)
    for result in results:
        exercise = pristine.exercises[result.number]
        state[result.number] = {
            "answer": fingerprint(pristine, exercise, answers[result.number]),
            "state": result.state,
        }
    write_atomically(folder / FILE, json.dumps(state, indent=1, sort_keys=True) + "\n")


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
