"""Take the answers, and nothing else, out of a reader's copy of an exercise notebook."""

import re

from nnlearn.exercises.notebook import HEADING, JSON, Exercise, Pristine, source, tags

MARK = re.compile(r"^\s*#\s*Exercise (\d+\.\d+)\b")


def answers(pristine: Pristine, copy: JSON) -> tuple[dict[str, str], dict[str, str]]:
    """Find the reader's answers.

    Cells are known by their id. Some editors give new ids: then the tag "answer" below the
    exercise's heading, or a first line ``# Exercise 5.2``, tells which cell it is. An answer that
    stands in several cells is all of them, in their order, as the notebook itself would run them.

    Parameters
    ----------
    pristine : Pristine
        The exercises as the course gives them.
    copy : dict
        The reader's notebook, as read from its file.

    Returns
    -------
    found : dict
        Exercise number → text of its answer cell.
    problems : dict
        Exercise number → what the reader should mend, for those without one clear answer.
    """
    found, problems = {}, {}
    for number, (cells, code) in _cells(pristine, copy).items():
        if code:
            found[number] = "\n".join(code)
        elif cells:
            problems[number] = (
                "The answer cell is a text cell. Make it a code cell again: select it, "
                "press Esc, then Y."
            )
        else:
            problems[number] = (
                f"The answer cell is missing. Write `# Exercise {number}` as the first line of "
                "the cell that holds your answer. If there is none: run `start` in an empty folder "
                "and copy the cell from there into your notebook."
            )
    return found, problems


def counts(pristine: Pristine, copy: JSON) -> dict[str, int]:
    """Return, for each exercise, how many cells the reader's answer stands in."""
    return {number: len(code) for number, (_, code) in _cells(pristine, copy).items()}


def _cells(pristine: Pristine, copy: JSON) -> dict[str, tuple[list[JSON], list[str]]]:
    """Return, for each exercise, the cells that may be its answer, and the texts that are."""
    sections = _sections(copy["cells"])
    found = {}
    for number, exercise in pristine.exercises.items():
        cells = _candidates(exercise, copy["cells"], sections)
        given = source(exercise.cell("answer"))
        code = list(dict.fromkeys(source(cell) for cell in cells if cell["cell_type"] == "code"))
        if len(code) > 1:  # an untouched copy beside the answer does no harm, nor an empty cell
            code = [text for text in code if text.strip() not in ("", given.strip())]
        found[number] = (cells, code)
    return found


def _sections(cells: list[JSON]) -> dict[int, str]:
    """Return, for the position of each cell below an exercise's heading, that exercise."""
    sections, number = {}, None
    for position, cell in enumerate(cells):
        if cell["cell_type"] == "markdown" and (heading := HEADING.search(source(cell))):
            number = heading[1]
        if number is not None:
            sections[position] = number
    return sections


def _candidates(exercise: Exercise, cells: list[JSON], sections: dict[int, str]) -> list[JSON]:
    """Return the reader's cells that may be the answer to an exercise."""
    own = exercise.cell("answer")["id"]
    known = {cell.get("id") for cell in exercise.cells} - {own}

    def claims(position: int, cell: JSON) -> bool:
        if cell.get("id") == own:
            return True
        if cell.get("id") in known or str(cell.get("id", "")).startswith("answer-"):
            return False
        mark = MARK.match(source(cell))
        if mark:
            return mark[1] == exercise.number
        return "answer" in tags(cell) and sections.get(position) == exercise.number

    chosen = [cell for position, cell in enumerate(cells) if claims(position, cell)]
    return chosen or _untagged(exercise, cells, sections)


def _untagged(exercise: Exercise, cells: list[JSON], sections: dict[int, str]) -> list[JSON]:
    """Where ids and tags are both lost: the one code cell that the course did not write."""
    given = source(exercise.cell("answer")).strip()
    ours = {source(cell).strip() for cell in exercise.cells} - {given}
    check = _call_name(source(exercise.cell("check")))
    left = [
        cell
        for position, cell in enumerate(cells)
        if cell["cell_type"] == "code"
        and sections.get(position) == exercise.number
        and source(cell).strip() not in ours
        and check not in source(cell)
    ]
    return left if len(left) == 1 else []


def _call_name(text: str) -> str:
    """Return the beginning of a check cell, by which an edited one is still known."""
    return text.strip().partition("(")[0] + "("
