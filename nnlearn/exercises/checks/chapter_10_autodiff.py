"""The checks of chapter 10's exercises: automatic differentiation."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.curvature import trace, valley  # noqa: F401
from nnlearn.exercises.checks.directions import band, dual_pairs, which_mode  # noqa: F401
from nnlearn.exercises.checks.home_made import tapes, verdicts  # noqa: F401
from nnlearn.exercises.checks.own_operation import own_operation  # noqa: F401
from nnlearn.exercises.checks.tapes import read_back  # noqa: F401


def line_by_line(gradients: Any) -> None:
    """10.1: what is sent to each value of the tape of y = (x w + x)²."""
    check = Check("10.1", "line by line", gradients)
    names = ("v4", "v3", "v2", "v1", "v0")
    check.keys(gradients, names, "`gradients` should keep its five names, 'v0' to 'v4'.")
    x, w = np.array(3.0), np.array(4.0)
    v2, v3, v4 = x * w, x * w + x, (x * w + x) ** 2
    rest = {  # what is made of each value, by the lines after it
        "v4": (lambda v: 1 * v, v4),
        "v3": (lambda v: v**2, v3),
        "v2": (lambda v: (v + x) ** 2, v2),
        "v1": (lambda v: (x * v + x) ** 2, w),
        "v0": (lambda v: (v * w + v) ** 2, x),
    }
    value = "That is the value. What is asked for is the gradient of y by it"
    product, direct = 2 * v3 * w, 2 * v3  # what the two uses of x say
    mistakes = {
        "v4": {"How does y change if y itself moves by a little?": 0.0, value: v4},
        "v3": {"The slope of a square is twice the value": v3, value: v3},
        "v2": {
            "A sum hands on to both what comes to it. Nothing is multiplied": 2 * v3 * x,
            value: v2,
        },
        "v1": {
            "A product sends to each factor the other one. Which is w's?": 2 * v3 * w,
            "What came to the product is still to be multiplied": x,
            value: w,
        },
        "v0": {
            "x is used in two lines. The use in the sum is missing": product,
            "x is used in two lines. The use in the product is missing": direct,
            "What two uses say is added, not multiplied": product * direct,
            "That is a mean. What two uses say is added": (product + direct) / 2,
            "A product sends to each factor the other one. Which is x's?": 2 * v3 * x + direct,
            value: x,
        },
    }
    for name in names:
        function, at = rest[name]
        expected = nn.vjp(nn.record(function), at)[1]()
        check.number_close(gradients[name], expected, mistakes[name], name=f"gradients[{name!r}]")
    check.done()


def _collected(gradient: Any, shape: tuple[int, ...]) -> Any:
    """Carry each number of a gradient to the element that was repeated there, one by one."""
    collected = np.zeros(shape)
    for place in np.ndindex(gradient.shape):
        own = place[len(place) - len(shape) :]
        source = tuple(0 if size == 1 else i for i, size in zip(own, shape, strict=True))
        collected[source] += gradient[place]
    return collected


def summed_to(answer: Any) -> None:
    """10.2: the gradient of a broadcast."""
    check = Check("10.2", "what was repeated", answer, without=unaided.SUMMED_TO)
    for large, small in (
        *(((4, 3), (3,)), ((4, 3), (4, 1)), ((4, 3), (1, 3)), ((3, 3), (3,)), ((3, 3), (3, 1))),
        *(((4, 3), ()), ((4, 3), (4, 3)), ((2, 4, 3), (4, 1)), ((5, 1), (1,)), ((1, 3), (1, 3))),
    ):
        gradient = check.rng.normal(size=large)
        case = f"a gradient of shape {large}, for an array of shape {small}"
        result = check.call(answer, gradient, small, case=case)
        check.shape(result, small, name="The sum")
        expected = _collected(gradient, small)
        count = gradient.size / max(expected.size, 1)
        first = gradient[(0,) * (len(large) - len(small))]
        first = first[tuple(slice(0, 1) if size == 1 else slice(None) for size in small)]
        hints = {
            "This is a mean. Each copy of the number has its say, and all of it is added": (
                expected / count
            ),
            "This is what one of the copies says. The others are lost": first,
            "This is the sum over the other axis": (
                gradient.sum(axis=-len(small) % 2).reshape(small)
                if large == (3, 3)
                else np.full(small, np.nan)
            ),
        }
        check.close(result, expected, hints, name="The sum")
    check.done()
