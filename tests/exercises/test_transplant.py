"""The reader's answers are found, and nothing else is taken."""

from exercise_course import RIGHT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnlearn.exercises import notebook, transplant


def solved_copy(pristine):
    return notebook.stripped(pristine.with_answers(RIGHT))


EDITS = ["new ids", "no tags", "edited check", "deleted check", "scratch cells", "untouched copy"]


@given(edits=st.sets(st.sampled_from(EDITS)), data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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


def split(pristine, number, *halves, ids=("7b1de0c4", "0f3c9a52"), keep_tags=True):
    """A copy in which an editor has split one answer cell."""
    copy = solved_copy(pristine)
    cells = copy["cells"]
    place = next(i for i, c in enumerate(cells) if c["id"] == f"answer-{number}".replace(".", "-"))
    tags = cells[place]["metadata"] if keep_tags else {}
    cells[place : place + 1] = [
        {"cell_type": "code", "source": half, "id": name, "metadata": tags}
        for half, name in zip(halves, ids, strict=True)
    ]
    return copy


def test_the_parts_of_a_split_answer_are_put_together_again(pristine):
    halves = "def mean(x):\n    n = len(x)", "    return x.sum(axis=0) / n"
    for ids in (("7b1de0c4", "0f3c9a52"), ("answer-5-2", "0f3c9a52"), ("7b1de0c4", "answer-5-2")):
        copy = split(pristine, "5.2", *halves, ids=ids)
        found, problems = transplant.answers(pristine, copy)
        assert (found, problems) == ({**RIGHT, "5.2": "\n".join(halves)}, {})
        assert transplant.counts(pristine, copy) == {"5.1": 1, "5.2": 2, "5.3": 1}
    compile(found["5.2"], "answer", "exec")


def test_an_empty_or_untouched_part_and_a_copy_are_none(pristine):
    given = notebook.source(pristine.exercises["5.2"].cell("answer"))
    for second in ("", "\n  ", given, RIGHT["5.2"]):
        copy = split(pristine, "5.2", RIGHT["5.2"], second)
        assert transplant.answers(pristine, copy) == (RIGHT, {})
        assert transplant.counts(pristine, copy)["5.2"] == 1


def test_where_nothing_marks_the_answer_the_advice_loses_nothing(pristine):
    copy = split(pristine, "5.2", "a = 1", "def mean(x):\n    return x.mean(0)", keep_tags=False)
    found, problems = transplant.answers(pristine, copy)
    assert "5.2" not in found
    assert "Write `# Exercise 5.2` as the first line" in problems["5.2"]
    assert "delete" not in problems["5.2"]


def test_only_the_answers_come_from_the_reader(pristine):
    judged = pristine.with_answers(RIGHT, only="5.2")
    changed = [
        c for c in judged["cells"] if c not in pristine.setup + pristine.exercises["5.2"].cells
    ]
    assert [cell["id"] for cell in changed] == ["answer-5-2"]
    assert pristine.exercises["5.2"].cell("answer")["source"] != RIGHT["5.2"]
