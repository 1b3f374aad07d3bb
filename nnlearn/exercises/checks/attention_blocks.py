"""The check of exercise 11.7: attention whose keys come in blocks, in any order."""

import math
from typing import Any

import numpy as np

from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.attention_values import softmax

State = tuple[Any, Any, Any]


def _begin(scores: Any, v: Any) -> State:
    """Return m, l and a of a block, row by row."""
    m, l = np.full(len(scores), -math.inf), np.zeros(len(scores))
    o = np.zeros((len(scores), v.shape[1]))
    for t, row in enumerate(scores):
        if row.max() > -math.inf:
            m[t] = row.max()
            e = np.exp(row - m[t])
            l[t], o[t] = e.sum(), e @ v
    return m, l, o


def _whole(scores: Any, v: Any) -> Any:
    """Return attention's output; 0 for a row that may see nothing."""
    some = scores.max(axis=1, keepdims=True) > -math.inf
    return np.where(some, softmax(np.where(some, scores, 0)), 0) @ v


def _state(check: Check, found: Any, right: State, hints: dict[str, dict[str, Any]]) -> State:
    """Compare m, l and a of the learner with the right ones."""
    parts = check.unpack(found, "m, l, a")
    check.shapes(parts, right, "m, l, a")
    none = np.isneginf(right[0])
    m = np.asarray(parts[0], dtype=float)
    empty = "Where nothing is seen, m is −∞, l is 0 and a is 0."
    check.that(np.array_equal(np.isneginf(m), none), f"m is not right. {empty}")
    # An infinity among the expected numbers would allow any error.
    check.close(np.where(none, 0, m), np.where(none, 0, right[0]), hints.get("m"), name="m")
    for k, name in ((1, "l"), (2, "a")):
        if not np.all(np.isfinite(np.asarray(parts[k], dtype=float))):
            check.fail(f"{name} has NaN, or infinite numbers. {empty} Mind −∞ less −∞.")
        check.close(parts[k], right[k], hints.get(name), name=name)
    return parts


def _begins(check: Check, begin: Any, scores: Any, v: Any, case: str) -> None:
    right = m, l, o = _begin(scores, v)
    e = np.where(np.isneginf(scores), 0, np.exp(np.minimum(scores, 500)))
    hints = {
        "m": {
            "Each row has a maximum of its own": np.full(m.shape, np.max(scores)),
            "This is the maximum over the rows": np.max(scores, axis=0),
        },
        "l": {
            "Each exponential is that of a score less m": e.sum(axis=1),
            "This is the mean of the exponentials": l / scores.shape[1],
        },
        "a": {
            "a is not divided by l yet": o / np.where(l > 0, l, 1)[:, None],
            "Each exponential is that of a score less m": e @ v,
            "This is the sum of the values": np.tile(v.sum(axis=0), (len(m), 1)),
        },
    }
    _state(check, check.call(begin, scores, v, case=case), right, hints)
    check.no_warnings("Mind −∞ less −∞, and take the largest score away before the exponential.")


def _merges(check: Check, merge: Any, scores: Any, v: Any, cut: int, case: str) -> None:
    a, b = _begin(scores[:, :cut], v[:cut]), _begin(scores[:, cut:], v[cut:])
    right = _begin(scores, v)
    _state(check, check.call(merge, a, b, case=case), right, _wrong_merges(a, b, right))
    check.no_warnings("Mind −∞ less −∞.")
    case = f"{case}, the second block first"
    _state(check, check.call(merge, b, a, case=case), right, _wrong_merges(b, a, right))


@np.errstate(all="ignore")
def _wrong_merges(a: State, b: State, right: State) -> dict[str, dict[str, Any]]:
    """Return what mistakes make of two blocks: the hints for m, l and a."""
    m, l, o = right
    of_a, of_b, up_a, up_b = (np.exp(x) for x in (a[0] - m, b[0] - m, m - a[0], m - b[0]))
    same = "Both sums stand for exponentials less an m of their own. Bring them to the same m first"
    grows = "That grows where it should shrink: the exponent is the old m less the new one"
    of_m = {
        "The larger one of the two maxima is the maximum of both": a[0] + b[0],
        "m is still that of the first block": a[0],
        "m is that of the second block": b[0],
        "This is the smaller one of the two": np.minimum(a[0], b[0]),
    }
    of_l = {
        same: a[1] + b[1],
        grows: up_a * a[1] + up_b * b[1],
        "The first sum is not brought to the new m": a[1] + of_b * b[1],
        "The second sum is not brought to the new m": of_a * a[1] + b[1],
    }
    of_o = {
        same: a[2] + b[2],
        grows: up_a[:, None] * a[2] + up_b[:, None] * b[2],
        "The first a is not brought to the new m": a[2] + of_b[:, None] * b[2],
        "The second a is not brought to the new m": of_a[:, None] * a[2] + b[2],
        "a is not divided by l: only at the end": o / l[:, None],
        "Each a holds its l already. It does not count once more": (
            (of_a * a[1])[:, None] * a[2] + (of_b * b[1])[:, None] * b[2]
        ),
    }
    return {"m": of_m, "l": of_l, "a": of_o}


def _finishes(check: Check, finish: Any, scores: Any, v: Any, case: str) -> None:
    _, l, o = state = _begin(scores, v)
    found = check.call(finish, state, case=case)
    check.shape(found, o.shape, name="The output")
    none = l == 0
    if np.any(np.isnan(np.asarray(found, dtype=float)[none])):
        check.fail("A row that has seen nothing has 0/0. Its output is to be 0.")
    hints = {
        "a is not divided by l": o,
        "a is divided by the number of keys, and not by l": o / scores.shape[1],
    }
    check.close(found, _whole(scores, v), hints, name="The output")
    check.no_warnings("Mind 0/0 where a row has seen nothing.")


def running(begin: Any, merge: Any, finish: Any) -> None:
    """11.7: three functions that compute attention block by block."""
    check = Check("11.7", "in any order", begin, merge, finish, without=unaided.ATTENTION)
    plain, high = check.normal((3, 7), (4, 6))
    plain[[0, 1, 2], [0, 5, 2]] = 2.5, 3.0, 2.0  # both blocks have the largest score of some row
    empty = np.array([[1.0, -math.inf, 2, -math.inf], [-math.inf] * 4, [-math.inf] * 2 + [0.5, 3]])
    cases = {
        "3 rows of 7 scores": (plain, check.rng.normal(size=(7, 2)), 3),
        "scores of ±10,000": (1e4 * np.sign(high) + high, check.rng.normal(size=(6, 3)), 2),
        "some scores are −∞, and one whole row": (empty, check.rng.normal(size=(4, 2)), 2),
    }
    for case, (scores, v, _) in cases.items():
        _begins(check, begin, scores, v, f"begin: {case}")
    for case, (scores, v, cut) in cases.items():
        _merges(check, merge, scores, v, cut, f"merge: {case}, cut after {cut}")
    for case, (scores, v, _) in cases.items():
        _finishes(check, finish, scores, v, f"finish: {case}")
    for case, (scores, v, _) in cases.items():
        _in_any_order(check, begin, merge, finish, scores, v, case)
    check.done()


def _in_any_order(
    check: Check, begin: Any, merge: Any, finish: Any, scores: Any, v: Any, case: str
) -> None:
    """Put single keys together, in any order and with any brackets."""
    for _ in range(3):
        order = check.rng.permutation(len(v))
        case_here = f"{case}; blocks of one key each, order {order.tolist()}"
        states = [
            check.call(begin, scores[:, [s]], v[[s]], case=f"begin: {case_here}") for s in order
        ]
        while len(states) > 1:
            at = int(check.rng.integers(len(states) - 1))  # where the next bracket stands
            pair = states.pop(at), states.pop(at)
            states.insert(at, check.call(merge, *pair, case=f"merge: {case_here}"))
        o = check.call(finish, states[0], case=f"finish: {case_here}")
        check.close(o, _whole(scores, v), name="The output")
