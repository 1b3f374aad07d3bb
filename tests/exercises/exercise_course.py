"""A small course of exercises, written into a folder: what the tests of the command run on."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from nnlearn.exercises import notebook as notebooks

SETUP = """
import numpy as np
from nnlearn.exercises.checking import Check


def check_double(answer):
    check = Check("5.1", "double", answer)
    for x in (np.array([1.0, 2.0]), np.array([[3.0]])):
        check.close(check.call(answer, x), x + x, hints={"It is squared": x * x})
    check.done()


def check_mean(answer):
    check = Check("5.2", "mean", answer)
    x = check.rng.normal(size=(4, 3))
    check.close(check.call(answer, x), x.sum(axis=0) / 4)
    check.done()


def check_guess(answer):
    check = Check("5.3", "guess", answer)
    check.that(check.number_of(answer) == 7, "Count again")
    check.done()
"""

EXERCISES = [
    (
        "Double",
        "implement",
        'def double(x):\n    raise NotImplementedError("Exercise 5.1: double x")',
        "check_double(double)",
        "def double(x):\n    return 2 * x",
    ),
    (
        "Mean over the batch",
        "repair",
        "def mean(x):\n    return x.mean(axis=1)",
        "check_mean(mean)",
        "def mean(x):\n    return x.mean(axis=0)",
    ),
    ("Guess", "predict", "guess = ...", "check_guess(guess)", "guess = 7"),
]


def notebook(chapter=5):
    """The exercise notebook, not executed yet."""
    cells = [
        new_markdown_cell("# Exercises", id="title"),
        new_code_cell(SETUP.strip(), id="setup", metadata={"tags": ["setup"]}),
    ]
    for k, (title, kind, answer, check, solution) in enumerate(EXERCISES, start=1):
        end = f"{chapter}-{k}"
        fold = "<details><summary>{}</summary>\n\n{}\n\n</details>".format
        text = f"(ex-cnn-{k})=\n## Exercise {chapter}.{k}: {title}\n\n*{kind}* See {{eq}}`eq-cnn`."
        code = f"In words.\n\n```python\n{solution}\n```"
        cells += [
            new_markdown_cell(text, id=f"statement-{end}", metadata={"tags": ["statement"]}),
            new_code_cell(answer, id=f"answer-{end}", metadata={"tags": ["answer"]}),
            new_code_cell(check, id=f"check-{end}", metadata={"tags": ["check", "remove-output"]}),
            new_markdown_cell(
                fold("Hint", f"Think of {{eq}}`eq-cnn` and {k}."),
                id=f"hint-{end}",
                metadata={"tags": ["hint"]},
            ),
            new_markdown_cell(
                fold("Solution", code), id=f"solution-{end}", metadata={"tags": ["solution"]}
            ),
        ]
    return new_notebook(cells=cells)


def write(folder: Path) -> Path:
    """Write the course's one notebook into a folder and return its path."""
    path = folder / "05-cnn.ipynb"
    nbformat.write(notebook(), path)
    return path


#: Right answers, none of them the solution's own text.
RIGHT = {
    "5.1": "def double(x):\n    return x + x",
    "5.2": "def mean(x):\n    return x.sum(axis=0) / len(x)",
    "5.3": "guess = 3 + 4",
}


def doubles(path: Path, count: int) -> notebooks.Pristine:
    """Return a chapter whose exercises 5.1 to 5.count all ask for `double`, written to `path`."""
    lines = (
        "import numpy as np",
        "from nnlearn.exercises.checking import Check",
        "def check_double(answer, number):",
        '    check = Check(number, "double", answer)',
        "    for x in (np.array([1.0, 2.0]), np.array([[3.0]])):",
        "        check.close(check.call(answer, x), x + x)",
        "    check.done()",
    )
    setup = new_code_cell("\n".join(lines), id="setup", metadata={"tags": ["setup"]})
    setup.execution_count = 1
    cells = [setup]
    for k in range(1, count + 1):
        printed = new_output("stream", name="stdout", text=f"5.{k} {PASSED}\n")
        check = new_code_cell(
            f'check_double(double, "5.{k}")', id=f"check-5-{k}", metadata={"tags": ["check"]},
            outputs=[printed], execution_count=2,
        )  # fmt: skip
        cells += [
            new_markdown_cell(f"## Exercise 5.{k}: Double", id=f"statement-5-{k}"),
            new_code_cell("double = ...", id=f"answer-5-{k}", metadata={"tags": ["answer"]}),
            check,
        ]
    nbformat.write(new_notebook(cells=cells), path)
    return notebooks.read_pristine(path)


#: What the check of one of the `doubles` prints after its number.
PASSED = "double: all 2 properties hold"
