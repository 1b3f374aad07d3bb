"""Every number that a chapter tells stands in an output, an equation, or the code beside it.

A number that no cell prints will disagree one day with what the code computes. So a chapter's text
(prose, captions, alternative texts) is read for numbers, and each is looked for in the outputs and
in the equations of the notebook, in its worked examples (a cell with the tag `worked-example`), and
among the settings in the code of its section. Counts up to twelve and years are not looked for.
What is left stands in `numbers.toml`, with a reason.
"""

import tomllib

import pytest
from notebooks import CHAPTERS, name, read
from numbers_told import numbers_in, told, unfounded
from paths import TESTS

EXCEPTIONS = tomllib.loads((TESTS / "book" / "numbers.toml").read_text(encoding="utf-8"))[
    "exception"
]


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_every_number_is_printed_derived_or_set(path):
    allowed = {(e["cell"], e["number"]) for e in EXCEPTIONS if e["chapter"] == path.stem}
    missing = unfounded(read(path)["cells"])
    assert [
        f"{n.cell}: {n.text} in «{n.around}»" for n in missing if (n.cell, n.text) not in allowed
    ] == []
    needless = allowed - {(n.cell, n.text) for n in missing}
    assert needless == set(), "numbers.toml lists numbers that need no exception"


def test_exceptions_are_few_and_each_has_a_reason():
    assert len(EXCEPTIONS) < 40
    for exception in EXCEPTIONS:
        assert set(exception) == {"chapter", "cell", "number", "reason"}
        assert len(exception["reason"].split()) >= 4, exception


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_a_worked_example_shows_its_working(path):
    for cell in read(path)["cells"]:
        if "worked-example" in cell["metadata"].get("tags", []):
            source = "".join(cell["source"])
            assert "$$" in source or "| --- |" in source, cell["id"]


def markdown(source, *tags):
    return {
        "id": "text",
        "cell_type": "markdown",
        "metadata": {"tags": list(tags)},
        "source": source,
    }


def code(source="", printed="", caption=None):
    figure = {"mystnb": {"figure": {"caption": caption}}} if caption else {}
    outputs = [{"output_type": "stream", "text": printed}]
    return {
        "id": "code",
        "cell_type": "code",
        "metadata": figure,
        "source": source,
        "outputs": outputs,
    }


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("It is 16 times as long.", ["16"]),
        (
            "It gains seventeen times as much, in nineteen million steps.",
            ["seventeen", "nineteen million"],
        ),
        ("Right: 92.5 %, of 8,321 days, at −0.14.", ["92.5", "8,321", "−0.14"]),
        ("A loss of $0.088$ is left, and $x = 0.5$ is put in.", ["0.088"]),
        ("In chapter 13, exercise 2.15, `x[99]` and in 1998 there is {eq}`eq-99`.", []),
        ("Two of 3 seeds gain.", []),
        ("The third is 5 times as large, or 8 %.", ["5", "8"]),
        ("Numbers of 13, 14 and 15 things.", ["13", "14", "15"]),
    ],
)
def test_numbers_are_read(text, numbers):
    assert [number.text for number in told(text)] == numbers


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        ([markdown("It is 31 % right."), code(printed="right: 0.312")], []),
        ([markdown("It is 31 % right."), code(printed="right: 0.316")], ["31"]),
        ([markdown("It is 31 right."), code(printed="right: 0.312")], ["31"]),
        ([markdown("A loss of 0.25."), code(printed="0.2513")], []),
        ([markdown("A loss of 0.250."), code(printed="0.2513")], ["0.250"]),
        ([markdown("Fifteen times."), code(printed="2400 steps, 150 steps")], ["Fifteen"]),
        ([markdown("After 459 steps."), markdown("$$n = 459$$")], []),
        ([markdown("After 459 steps."), markdown("There are 459.")], ["459", "459"]),
        ([markdown("After 459 steps, 7.5.", "worked-example")], []),
        ([markdown("With 64 units."), code("H = 64")], []),
        ([markdown("## One\n\nWith 64 units."), markdown("## Two"), code("H = 64")], ["64"]),
        ([code(printed="1", caption="At 0.82 it ends.")], ["0.82"]),
    ],
)
def test_numbers_without_ground_are_found(cells, missing):
    assert [number.text for number in unfounded(cells)] == missing


def test_numbers_in_outputs():
    assert numbers_in("[[1. -2.5e-03] lstm1 8,056 of 1e−12]") == [1, 0.0025, 8056, 1e-12]
