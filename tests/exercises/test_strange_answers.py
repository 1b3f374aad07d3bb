"""Whatever an answer is made of, a check judges it: it never falls over itself."""

import ast
import builtins
import functools

import numpy as np
import pytest
from test_exercises import each_exercise, execute_exercise, read

from nnlearn.exercises import author
from nnlearn.exercises.failures import CheckFailed
from nnlearn.exercises.notebook import source

#: What becomes of each value of a right answer, or of what a right function gives.
STRANGE = {
    "booleans": lambda value: np.asarray(value) > 0,
    "one boolean": lambda value: bool(np.all(np.asarray(value) > 0)),
    "text": str,
    "NumPy's text": lambda value: np.asarray(value).astype(str),
    "lists": lambda value: np.asarray(value).tolist(),
    "complex numbers": lambda value: np.asarray(value) + 1j,
    "objects": lambda value: np.asarray(value).astype(object),
    "nothing": lambda value: None,
    "an empty array": lambda value: np.ravel(value)[:0],
    "bytes": lambda value: np.asarray(value).astype(np.uint8),
    "NaN": lambda value: np.full(np.shape(value), np.nan),
    "two axes": np.atleast_2d,
}


def changed(change, answer):
    """Change the values in an answer, or what comes out of the functions in it."""
    if isinstance(answer, tuple | list):
        return type(answer)(changed(change, part) for part in answer)
    if isinstance(answer, dict):
        return {key: changed(change, part) for key, part in answer.items()}
    if callable(answer):
        return functools.wraps(answer)(lambda *a, **k: changed(change, answer(*a, **k)))
    try:
        return change(answer)
    except (TypeError, ValueError):  # text has no sign
        return answer


def answers_of(exercise):
    """The names that the solution defines and the check takes."""
    names = {
        node.id if isinstance(node, ast.Name) else node.name
        for node in ast.walk(ast.parse(author.solution(exercise)))
        if isinstance(node, ast.FunctionDef)
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    }
    taken = ast.walk(ast.parse(source(exercise.cell("check"))))
    return [n.id for n in taken if isinstance(n, ast.Name) and n.id in names]


@pytest.mark.filterwarnings("ignore")
@each_exercise
def test_no_answer_makes_a_check_fall_over(path, number, monkeypatch):
    exercise = read(path).exercises[number]
    names = answers_of(exercise)
    assert names
    refused = 0
    for kind, change in STRANGE.items():
        # What a cell finds without an import.
        monkeypatch.setattr(builtins, "change", functools.partial(changed, change), raising=False)
        lines = [f"{name} = change({name})" for name in names]
        text = "\n".join([author.solution(exercise), *lines])
        try:
            execute_exercise(path, number, text)
        except CheckFailed:
            refused += 1
        except Exception as error:
            pytest.fail(f"{kind}: the check ended with {type(error).__name__}: {error}")
    derivative_too = "differentiable" in author.solution(exercise)  # which is called on its own
    assert refused >= 2 or derivative_too  # nothing, and NaN, are right nowhere
