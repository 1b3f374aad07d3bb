"""Checks of the exercises of chapter 10 about directions: pairs, passes and Jacobians."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.automatic.dual import Dual
from nnlearn.checking import central_difference
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check


def _pair(
    check: Check, function: Any, args: Any, value: Any, tangent: Any, mistakes: dict[str, Any]
) -> None:
    """Compare the pair that a rule gives; the mistakes are tangents."""
    name = getattr(function, "__name__", "your function")
    case = f"`{name}`, with pairs of arrays of shape {np.shape(value)}"
    found = check.unpack(check.call(function, *args, case=case), "value, tangent")
    hints = {"The value and the tangent are exchanged": tangent}
    check.close(found[0], value, hints, name=f"The value of `{name}`")
    check.close(found[1], tangent, mistakes, name=f"The tangent of `{name}`")


def dual_pairs(product: Any, quotient: Any, tanh: Any) -> None:
    """10.5: product, quotient and tanh of pairs."""
    check = Check("10.5", "pairs", product, quotient, tanh, without=unaided.GRADIENTS)
    for shape in ((), (3,), (2, 2)):
        a, da, b, db = (check.rng.uniform(0.5, 2, size=shape) for _ in range(4))
        pairs, sides = ((a, da), (b, db)), (da * b, a * db)
        mistakes = {
            "That is the product of the tangents. It stands with ε², which is 0": da * db,
            "Only a moves here. b moves too": sides[0],
            "Only b moves here. a moves too": sides[1],
            "ε² is 0: the product of the tangents goes away": sum(sides) + da * db,
            "Each factor's tangent is multiplied by the other's value, not by its own": (
                da * a + b * db
            ),
            "The two terms add": sides[0] - sides[1],
        }
        _pair(check, product, pairs, a * b, sides[0] + sides[1], mistakes)
        mistakes = {
            "That is the quotient of the tangents": da / db,
            "Only a moves here. b moves too": da / b,
            "If b grows, the quotient falls: look at a sign": (da * b + a * db) / b**2,
            "If a grows, the quotient grows: look at the signs": (a * db - da * b) / b**2,
            "It is divided by b once. Multiply out: how often is it?": da * b - a * db,
            "In the denominator b stands squared": (da * b - a * db) / b,
            "The tangent of the second term is divided by b once more": (da - a * db) / b,
        }
        _pair(check, quotient, pairs, a / b, (da * b - a * db) / b**2, mistakes)
        y = np.tanh(a)
        mistakes = {
            "That is the slope. In which direction does a move, and how far?": 1 - y**2,
            "A tangent is multiplied by the slope. tanh itself never sees it": np.tanh(da),
            "The slope of tanh is taken at a, not at ȧ": (1 - np.tanh(da) ** 2) * da,
            "1 - y² has the value y = tanh a in it, not a": (1 - a**2) * da,
            "The slope is missing": da,
        }
        _pair(check, tanh, ((a, da),), y, (1 - y**2) * da, mistakes)
    _composed(check, product, quotient, tanh)
    check.done()


def _composed(check: Check, product: Any, quotient: Any, tanh: Any) -> None:
    """Run a whole formula through the learner's rules, and measure along the direction."""
    x, dx = check.rng.uniform(0.5, 2, size=3), check.rng.normal(size=3)

    def formula(x: Any, dx: Any) -> Any:
        return quotient(tanh(product((x, dx), (x, dx))), (x, dx))

    result = check.call(formula, x, dx, case="tanh(x x) / x, by your three rules")
    value, tangent = check.unpack(result, "value, tangent")
    check.close(value, np.tanh(x * x) / x, name="The value")
    measured = central_difference(lambda x: np.tanh(x * x) / x, x, dx, 1e-5)
    check.close(tangent, measured, rtol=1e-6, name="The tangent")


#: Inputs and outputs of exercise 10.6.
SIZES = {"loss": (7850, 1), "losses": (7850, 32), "throw": (1, 400), "logits": (784, 10),
         "gradient": (50, 50)}  # fmt: skip


def which_mode(forward: Any, reverse: Any, cheaper: Any, diagonal: Any) -> None:
    """10.6: how many passes a Jacobian takes, forwards and backwards."""
    check = Check("10.6", "forwards or backwards", forward, reverse, cheaper, diagonal)
    for name, given in {"forward": forward, "reverse": reverse, "cheaper": cheaper}.items():
        check.keys(given, SIZES, f"`{name}` should keep its five names.")
    mistakes: dict[str, dict[str, Any]] = {
        "loss": {
            "A mean is one number, however many losses are in it": 32,
            "The biases move too": 7840,
            "These are the pixels. What the loss is differentiated by is weights and biases": 784,
        },
        "losses": {
            "Each of the 32 losses is an output here": 1,
            "The biases move too": 7840,
            "Each loss has ten logits, but it is one number": 320,
        },
        "throw": {
            "At each moment there are two numbers": 200,
            "How many numbers can be turned here, before the throw?": 200,
        },
        "logits": {
            "Here the pixels move, and the weights stay": 7850,
            "Each of the ten logits is an output": 1,
        },
        "gradient": {
            "A gradient has as many numbers as there are parameters": 1,
            "These are all entries of the Jacobian. A pass gives a row or a column of them": 2500,
        },
    }
    for name, (n, m) in SIZES.items():
        hints = {f"A forward pass follows one input, whatever comes out: {_COLUMN}": m}
        case = f"the function {name!r}"
        passes = _one(check, forward[name], name)
        check.close(passes, n, hints | mistakes[name], name="forward", case=case)
        hints = {f"A reverse pass starts from one output, whatever went in: {_ROW}": n}
        passes = _one(check, reverse[name], name)
        check.close(passes, m, hints | mistakes[name], name="reverse")
        said = check.choice(cheaper[name], ("forward", "reverse", "either"), "cheaper")
        best = "either" if n == m else "forward" if n < m else "reverse"
        check.that(said == best, "That is not the way with the fewest passes.")
    hints = {
        "That is the general rule. But here each output answers to one input only, so that what "
        "many directions say can be told apart": 100,
        "These are all entries. Most of them are 0, and you know which": 10_000,
    }
    passes = _one(check, diagonal, "tanh")
    check.close(passes, 1, hints, name="diagonal", case="tanh of each of 100 numbers")
    check.done()


_COLUMN, _ROW = "it gives a column", "it gives a row"


def _one(check: Check, value: Any, name: str) -> Any:
    check.number_of(value, f"The number of passes for {name!r}")
    return np.reshape(value, ())


def band(answer: Any) -> None:
    """10.7: a Jacobian with three diagonals, in three passes."""
    check = Check("10.7", "three passes", answer)
    for n in (4, 7, 12, 3, 1):
        A, x = check.normal((n, n), n)
        A = np.triu(np.tril(A, 1), -1)
        passes = {"forward": 0, "reverse": 0}
        J = check.call(answer, _counted(A, passes), x, case=f"a function of {n} numbers")
        expected = A * (1 - np.tanh(x) ** 2)
        hints = {
            "Rows and columns are exchanged: a row belongs to one output": expected.T,
            "This is the sum of all columns. Where they meet it does not tell them apart": (
                expected.sum(axis=1)
            ),
            "Two columns in one pass met in a row, and their sum was taken for one of them": (
                _seen(expected, 2)
            ),
            "Only the diagonal is there": np.diag(np.diag(expected)),
        }
        check.close(J, expected, hints, rtol=1e-4, name="The Jacobian")
        used = sum(passes.values())
        check.that(used, "It took no pass at all, so this is measured. `nn.jvp` gives it exactly.")
        check.close(J, expected, rtol=1e-9, name="The Jacobian")
        check.that(
            used <= 3,
            f"The Jacobian is right, but it took {used} passes, expected 3 at most. Which columns "
            "can share one?",
        )
    check.done()


def _seen(J: Any, groups: int) -> Any:
    """Return what is read off if every so many columns share a pass."""
    seen = np.zeros_like(J)
    for j in range(len(J)):
        rows = slice(max(j - 1, 0), j + 2)
        seen[rows, j] = J[rows, j % groups :: groups].sum(axis=1)
    return seen


def _counted(A: Any, passes: dict[str, int]) -> Any:
    """Return A tanh(x), which counts its passes along a direction and back."""

    @nn.differentiable
    def f(x: Any) -> Any:
        xp = nn.array_namespace(x)
        passes["forward"] += isinstance(x, Dual)
        u = xp.tanh(x)

        def backward(dy: Any) -> Any:
            passes["reverse"] += 1
            return (A * dy[:, None]).sum(axis=0) * (1 - u * u)

        return xp.sum(A * u, axis=1), backward

    return f
