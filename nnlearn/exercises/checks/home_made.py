"""Five small tapes for exercise 10.4, some with a fault on purpose; and the check of it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnlearn.exercises.checking import Check

FAULTS = ("right", "overwrites", "too early", "remembers", "looks late")


class Value:
    """An array that knows which values it was made of, and their shares of its gradient."""

    def __init__(self, line: list["Value"], array: Any, *made_of: tuple["Value", Any]) -> None:
        self.line, self.array, self.made_of = line, array, made_of
        self.gradient = np.zeros(array.shape)
        line.append(self)

    def __add__(self, other: Any) -> "Value":
        made_of = [(part, lambda dy: dy) for part in (self, other) if isinstance(part, Value)]
        return Value(self.line, self.array + _array(other), *made_of)

    def __mul__(self, other: Any) -> "Value":
        made_of = [(self, lambda dy: dy * _array(other))]
        if isinstance(other, Value):
            made_of.append((other, lambda dy: dy * self.array))
        return Value(self.line, self.array * _array(other), *made_of)

    __radd__, __rmul__ = __add__, __mul__


def _array(a: Any) -> Any:
    return a.array if isinstance(a, Value) else a


def _tape(fault: str) -> Callable[..., Any]:
    """Return a function such as `nn.vjp`, of functions made of + and *, with this fault."""

    def tape(f: Callable[[Any], Any], x: Any) -> tuple[Any, Callable[[Any], Any]]:
        """Return f(x), made of + and *, and its backward function."""
        line: list[Value] = []
        leaf = Value(line, x if fault == "looks late" else np.array(x))
        result = f(leaf)

        def send(value: Value) -> None:
            for part, share in value.made_of:
                more = share(value.gradient)
                part.gradient = more if fault == "overwrites" else part.gradient + more
                if fault == "too early":
                    send(part)

        def backward(dy: Any) -> Any:
            for value in line:
                if value is not leaf or fault != "remembers":
                    value.gradient = np.zeros(value.array.shape)
            result.gradient = result.gradient + dy
            for value in [result] if fault == "too early" else reversed(line):
                send(value)
            return leaf.gradient.copy()

        return result.array.copy(), backward

    return tape


tapes = {
    name: _tape(fault)
    for name, fault in zip(
        "abcde", ("too early", "overwrites", "right", "remembers", "looks late"), strict=True
    )
}


def _truth(tape: Callable[..., Any]) -> str:
    """Say which fault a tape has, by the first question that it answers wrongly."""
    x, dy = np.array([0.7, -1.3]), np.array([2.0, 0.5])

    def between(x: Any) -> Any:
        u = 3 * x
        return u * u

    _, backward = tape(lambda x: x * x, x)
    first, again = backward(dy), backward(dy)
    x[0] = 5.0
    late = backward(dy)
    right = np.array([1.4, -2.6]) * dy
    if not np.allclose(first, right):
        return "overwrites"
    if not np.allclose(tape(between, np.array([0.7, -1.3]))[1](dy), 9 * right):
        return "too early"
    if not np.allclose(again, right):
        return "remembers"
    return "right" if np.allclose(late, right) else "looks late"


def verdicts(answer: Any) -> None:
    """10.4: which tape has which fault."""
    check = Check("10.4", "five tapes", answer)
    check.keys(answer, tapes, "`verdicts` should be a dictionary with the keys 'a' to 'e'.")
    missed = {
        "overwrites": "Ask it about a function that uses x itself twice.",
        "too early": "Ask it about a value between x and y that is used twice.",
        "remembers": "Ask it the same question twice.",
        "looks late": "What if x is changed before it is asked back?",
    }
    for name, tape in tapes.items():
        truth = _truth(tape)
        said = check.choice(answer[name], FAULTS, f"verdicts[{name!r}]")
        if said == "right":
            hint = missed.get(truth, "")
        elif truth == "right":
            hint = "It answers each of the four questions rightly. Did it get an x that was fresh?"
        else:
            hint = "It has a fault, but another one. Find the simplest question that it fails."
        check.that(said == truth, f"The verdict on {name!r} does not hold. {hint}")
    check.done()
