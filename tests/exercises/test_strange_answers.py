"""Whatever an answer is made of, a check judges it: it never falls over itself."""

import ast
import copy
import functools
import pickle

import numpy as np
import pytest
from test_exercises import after_setup, each_exercise, execute, read

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


class Once:
    """A function that computes only once what it is asked again with other changes to come."""

    def __init__(self, function):
        self.function, self.known = function, {}

    def __call__(self, *args, **settings):
        try:
            asked = pickle.dumps((args, settings))
        except (pickle.PicklingError, AttributeError, TypeError):  # a function made on the spot
            return self.function(*args, **settings)
        if asked not in self.known:
            value = self.function(*args, **settings)
            if pickle.dumps((args, settings)) != asked:  # it writes into them, and has to
                return value
            self.known[asked] = value
        return copy.deepcopy(self.known[asked])


def asked_once(answer):
    """Let the functions in an answer remember what they have computed."""
    if isinstance(answer, tuple | list):
        return type(answer)(map(asked_once, answer))
    if isinstance(answer, dict):
        return {key: asked_once(part) for key, part in answer.items()}
    return functools.wraps(answer)(Once(answer)) if callable(answer) else answer


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


def answered(path, exercise):
    """Run an exercise with its right answer up to there; return the names, and the cells left."""
    cells = read(path).with_answers({exercise.number: author.solution(exercise)})["cells"]
    own = [cell for cell in cells if cell["id"] in {c["id"] for c in exercise.cells}]
    check = [cell["id"] for cell in own].index(exercise.cell("check")["id"])
    names = dict(after_setup(path))
    execute(own[:check], names)
    return names, own[check:]


@pytest.mark.filterwarnings("ignore")
@each_exercise
def test_no_answer_makes_a_check_fall_over(path, number):
    exercise = read(path).exercises[number]
    answers = answers_of(exercise)
    assert answers
    names, check = answered(path, exercise)
    right = {name: asked_once(names[name]) for name in answers}
    refused = 0
    for kind, change in STRANGE.items():
        names |= {name: changed(change, answer) for name, answer in right.items()}
        try:
            execute(check, names)
        except CheckFailed:
            refused += 1
        except Exception as error:
            pytest.fail(f"{kind}: the check ended with {type(error).__name__}: {error}")
    derivative_too = "differentiable" in author.solution(exercise)  # which is called on its own
    assert refused >= 2 or derivative_too  # nothing, and NaN, are right nowhere
