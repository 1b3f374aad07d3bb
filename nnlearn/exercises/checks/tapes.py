"""The check of exercise 10.3: a tape, read from its end."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nnlearn.exercises import unaided, wording
from nnlearn.exercises.checking import Check

#: The names that went in, the name of what came out, and the backward function.
Line = tuple[tuple[str, ...], str, Callable[[Any], tuple[Any, ...]]]


class Case(NamedTuple):
    """A tape, the gradient by its y, and y as a function of each of its leaves."""

    tape: list[Line]
    dy: Any
    leaves: dict[str, tuple[Callable[[Any], Any], Any]]
    dead: tuple[str, ...] = ()  # y is not made of these


def _used_twice(x: Any, w: Any, dy: Any) -> Case:
    s = x * w + x
    tape: list[Line] = [
        (("x", "w"), "p", lambda dp: (dp * w, dp * x)),
        (("p", "x"), "s", lambda ds: (ds, ds)),
        (("s",), "y", lambda dy: (2 * s * dy,)),
    ]
    leaves = {"x": (lambda x: (x * w + x) ** 2, x), "w": (lambda w: (x * w + x) ** 2, w)}
    return Case(tape, dy, leaves)


def _twice_in_one_line(x: Any, dy: Any) -> Case:
    u = x * x
    tape: list[Line] = [
        (("x", "x"), "u", lambda du: (du * x, du * x)),
        (("u", "u"), "y", lambda dy: (dy * u, dy * u)),
    ]
    return Case(tape, dy, {"x": (lambda x: x**4, x)})


def _more_than_y(x: Any, dy: Any) -> Case:
    y = 3 * x * x
    tape: list[Line] = [
        (("x",), "u", lambda du: (3 * du,)),
        (("x",), "a", lambda da: (5 * da,)),
        (("u", "x"), "y", lambda dy: (dy * x, dy * 3 * x)),
        (("y", "a"), "b", lambda db: (db * 5 * x, db * y)),
    ]
    return Case(tape, dy, {"x": (lambda x: 3 * x * x, x)}, dead=("a", "b"))


def _used_between(x: Any, W: Any, dy: Any) -> Case:
    u = np.tanh(x)
    s = W @ u
    tape: list[Line] = [
        (("x",), "u", lambda du: (du * (1 - u * u),)),
        (("W", "u"), "s", lambda ds: (np.outer(ds, u), W.T @ ds)),
        (("s", "u"), "y", lambda dy: (dy * u, dy * s)),
    ]
    leaves = {
        "x": (lambda x: W @ np.tanh(x) * np.tanh(x), x),
        "W": (lambda W: W @ u * u, W),
    }
    return Case(tape, dy, leaves)


def _one_array_for_two(x: Any, dy: Any) -> Case:
    tape: list[Line] = [
        (("x",), "z", lambda dz: (3 * dz,)),
        (("x", "z"), "y", lambda dy: (dy, dy)),  # the same array for both
    ]
    return Case(tape, dy, {"x": (lambda x: x + 3 * x, x)})


def _read(case: Case, add: Callable[[Any, Any], Any]) -> dict[str, Any]:
    """Read a tape as asked for, with this way to put two shares together."""
    gradients = {"y": np.array(case.dy)}
    for inputs, output, backward in reversed(case.tape):
        if output in gradients:
            for name, share in zip(inputs, backward(gradients[output]), strict=True):
                old = gradients.get(name)
                gradients[name] = share if old is None else add(old, share)
    return gradients


def _in_place(old: Any, share: Any) -> Any:
    old += share
    return old


def read_back(answer: Any) -> None:
    """10.3: the heart of the tape."""
    check = Check("10.3", "from the end", answer, without=unaided.TAPE)
    numbers = check.rng.uniform(1.5, 3, size=8)
    x, dy, z, dz = check.normal(3, 3, 4, 4)
    cases = {
        "y = (x w + x)²": _used_twice(*numbers[:3]),
        "y = u u, u = x x": _twice_in_one_line(*numbers[3:5]),
        "y = u x, u = 3 x; a and b are made too, and y is not made of them": (
            _more_than_y(*numbers[5:7])
        ),
        "y = (W u) u, u = tanh x, with arrays": (
            _used_between(x, check.rng.normal(size=(3, 3)), dy)
        ),
        "y = x + z, z = 3 x, with arrays": _one_array_for_two(z, dz),
    }
    for text, case in cases.items():
        found = check.call(answer, case.tape, "y", case.dy, case=text)
        _compare(check, case, found)
    check.done()


def _compare(check: Check, case: Case, found: Any) -> None:
    if not isinstance(found, dict):
        check.fail(f"Return a dictionary, name → gradient. Yours is {wording.kind(found)}.")
    right = _read(case, lambda old, share: old + share)
    mistakes = {
        "A value is used twice, and the later share has overwritten the first": (
            _read(case, lambda old, share: share)
        ),
        "A value is used twice, and the second share is lost": _read(case, lambda old, _: old),
        "A value is used twice, and the shares are multiplied": (
            _read(case, lambda old, share: old * share)
        ),
        "Two names share one array here. `+=` writes into it, and so into the other's gradient: "
        "make a new one, old + new": _read(case, _in_place),
    }
    for name, expected in right.items():
        check.that(name in found, f"There is no gradient for {name!r}. y is made of it.")
        hints = {hint: wrong[name] for hint, wrong in mistakes.items()}
        if name == "y":
            hints["y is the result. Its gradient is the one that was given"] = found[name]
        check.close(found[name], expected, hints, name=f"The gradient for {name!r}")
        if name in case.leaves:
            function, at = case.leaves[name]
            check.gradient(found[name], function, at, seed=case.dy, name=f"That for {name!r}")
    for name in case.dead:
        check.close(
            found.get(name, 0.0),
            0.0,
            {"What is made after y, or beside it, has no say in y": found.get(name, np.nan)},
            name=f"The gradient for {name!r}",
        )
    others = set(found) - set(right) - set(case.dead)
    check.that(not others, f"There is a gradient for {others}, a name that is not on the tape.")
