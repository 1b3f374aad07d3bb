"""For authors: solutions, planted wrong answers, and the refreshing of an exercise notebook."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlearn.exercises.notebook import (
    JSON,
    Exercise,
    NotebookProblem,
    Pristine,
    read_pristine,
    source,
    tags,
    text_of,
)
from nnlearn.files import write_atomically

PARTS = {
    "statement": "markdown",
    "answer": "code",
    "check": "code",
    "hint": "markdown",
    "solution": "markdown",
}
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WRONG = re.compile(r"^# %% (\d+\.\d+) (.+?) \| (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class WrongAnswer:
    """A plausible wrong answer, and words that the check's message must contain."""

    number: str
    mistake: str
    words: str
    code: str


def solution(exercise: Exercise) -> str:
    """Return the one python block of an exercise's solution: the right text of the answer cell."""
    blocks = FENCE.findall(exercise.folded("solution"))
    if len(blocks) != 1:
        raise NotebookProblem(
            f"The solution of exercise {exercise.number} must have exactly one ```python block; "
            f"it has {len(blocks)}."
        )
    return str(blocks[0]).rstrip("\n")


def solutions(pristine: Pristine) -> dict[str, str]:
    """Return all solutions of a notebook, by exercise number."""
    return {number: solution(exercise) for number, exercise in pristine.exercises.items()}


def wrong_answers(path: Path) -> list[WrongAnswer]:
    """Return the wrong answers of a file with cells ``# %% N.k mistake | words of the message``."""
    text = path.read_text(encoding="utf-8")
    heads = list(WRONG.finditer(text))
    if len(heads) != text.count("# %%"):
        raise NotebookProblem(f"{path}: a cell does not begin with '# %% N.k mistake | words'.")
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return [
        WrongAnswer(head[1], head[2].strip(), head[3].strip(), text[head.end() : end].strip())
        for head, end in zip(heads, ends, strict=True)
    ]


def faults(pristine: Pristine) -> list[str]:
    """Say what in a notebook's structure is not as the exercises' machinery needs it."""
    chapter = str(int(pristine.path.stem.partition("-")[0]))
    found = []
    ids = [cell.get("id") for cell in pristine.raw["cells"]]
    if len(set(ids)) != len(ids) or None in ids:
        found.append("every cell needs an id of its own")
    if not any(cell.get("id") == "setup" and "setup" in tags(cell) for cell in pristine.setup):
        found.append("before the first exercise there must be a code cell with id and tag 'setup'")
    wanted = [f"{chapter}.{k + 1}" for k in range(len(pristine.exercises))]
    if list(pristine.exercises) != wanted or not wanted:
        found.append(f"exercises must be numbered {chapter}.1, {chapter}.2, … in order")
    for exercise in pristine.exercises.values():
        found += [f"exercise {exercise.number}: {fault}" for fault in _exercise_faults(exercise)]
    return found


def _exercise_faults(exercise: Exercise) -> list[str]:
    found = []
    number = exercise.number.replace(".", "-")
    place = {cell.get("id"): position for position, cell in enumerate(exercise.cells)}
    missing = [part for part in PARTS if f"{part}-{number}" not in place]
    if missing:
        return [f"there is no cell with id '{part}-{number}'" for part in missing]
    order = [place[f"{part}-{number}"] for part in PARTS]
    if order != sorted(order):
        found.append(f"its cells must stand in the order {', '.join(PARTS)}")
    for part, kind in PARTS.items():
        cell = exercise.cell(part)
        if cell["cell_type"] != kind or part not in tags(cell):
            found.append(f"cell '{part}-{number}' must be a {kind} cell with tag '{part}'")
    statement = source(exercise.cell("statement"))
    if not re.match(r"\(ex-[a-z0-9-]+\)=\n", statement):
        found.append("its statement must begin with a label line such as (ex-neuron-sum)=")
    if not exercise.title or f"## Exercise {exercise.number}: " not in statement:
        found.append(f"its statement needs the heading '## Exercise {exercise.number}: Title'")
    if "remove-output" not in tags(exercise.cell("check")):
        found.append("its check cell needs the tag 'remove-output'")
    for part in ("hint", "solution"):
        start = f"<details><summary>{part.capitalize()}</summary>\n\n"
        text = source(exercise.cell(part)).strip()
        if not text.startswith(start) or not text.endswith("\n\n</details>"):
            found.append(
                f"its {part} must be folded: {start.strip()}, blank line, text, </details>"
            )
    if len(FENCE.findall(exercise.folded("solution"))) != 1:
        found.append("its solution must have exactly one ```python block")
    return found


def refresh(path: Path) -> None:
    """Store in an exercise notebook the outputs that right answers give, and tidy its metadata.

    The solutions are put in, the notebook is executed, the solutions are taken out again. Nothing
    is written unless all of it succeeds.

    Raises
    ------
    NotebookProblem
        If the structure has faults, or a cell fails or writes to the error stream.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    pristine = read_pristine(path)
    if found := faults(pristine):
        raise NotebookProblem(f"{path} has faults:\n" + "\n".join(f"  {fault}" for fault in found))
    solved = _parsed(pristine.with_answers(solutions(pristine)))
    try:
        NotebookClient(
            solved, timeout=120, kernel_name="python3", record_timing=False, coalesce_streams=True,
            resources={"metadata": {"path": str(path.parent)}},
        ).execute()  # fmt: skip
    except CellExecutionError as error:
        raise NotebookProblem(f"{path}: with the solutions in it, a cell fails:\n{error}") from None
    write_atomically(path, _refreshed(path, pristine, solved))


def _parsed(notebook: JSON) -> Any:
    """Return a notebook in the form that nbformat and nbclient take."""
    import nbformat

    return nbformat.reads(text_of(notebook), as_version=4)  # type: ignore[no-untyped-call]


def _refreshed(path: Path, pristine: Pristine, solved: Any) -> str:
    """Return the notebook's text: the cells as they were given, the outputs of the solved one."""
    import nbformat

    notebook = _parsed(pristine.raw)
    notebook.metadata = nbformat.from_dict(METADATA)  # type: ignore[no-untyped-call]
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count = 0
    for cell, run in zip(notebook.cells, solved.cells, strict=True):
        keep = {key: cell.metadata[key] for key in ("tags", "mystnb") if key in cell.metadata}
        cell.metadata = nbformat.from_dict(keep)  # type: ignore[no-untyped-call]
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = [] if "answer" in tags(cell) else run.outputs
        for output in cell.outputs:
            if output.get("name") == "stderr":
                raise NotebookProblem(f"{path}: cell '{cell.id}' writes to the error stream.")
            if "execution_count" in output:
                output.execution_count = count
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]
