"""Checks of exercises 11.2 and 11.3: attention, and its way back."""

import functools
import itertools
from typing import Any

import numpy as np

from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.mismatch import outcomes
from nnlearn.operations import attention as package


def softmax(scores: Any, axis: int | None = -1) -> Any:
    """Return the softmax along an axis, from its definition."""
    e = np.exp(scores - np.max(scores, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def scores_of(q: Any, k: Any) -> Any:
    """Return q_t · k_s / √d, one by one."""
    scores = np.empty((len(q), len(k)))
    for t, s in itertools.product(range(len(q)), range(len(k))):
        scores[t, s] = sum(a * b for a, b in zip(q[t], k[s], strict=True)) / len(q[t]) ** 0.5
    return scores


def looked(
    q: Any, k: Any, v: Any, *, divisor: float = 1.0, axis: int | None = -1, part: int = 0
) -> Any:
    """Return attention's output (part 0), or its weights (part 1).

    With the keywords it makes mistakes: the scores are divided once more, or the softmax goes along
    another axis.
    """
    p = softmax(scores_of(q, k) / divisor, axis)
    return p if part else p @ v


SIZES = [(4, 6, 3, 2), (1, 1, 1, 1), (3, 3, 3, 3), (2, 5, 8, 4)]


def sizes_of(T: int, S: int, d: int, e: int) -> str:
    """Say the sizes of a case."""
    return f"T = {T} queries, S = {S} keys, d = {d}, e = {e}"


def attention(answer: Any) -> None:
    """11.2: attention of one sequence."""
    check = Check("11.2", "attention", answer, without=unaided.ATTENTION)
    for T, S, d, e in SIZES:
        given = check.normal((T, d), (S, d), (S, e))
        found = check.call(answer, *given, case=sizes_of(T, S, d, e))
        _compare(check, found, *given)
        _reorder(check, answer, *given)
    q, k, v = (a.astype(np.float32) for a in check.normal((3, 4), (5, 4), (5, 2)))
    o, p = check.unpack(check.call(answer, q, k, v, case="everything in float32"), "o, p")
    check.shape(o, (3, 2), np.float32, name="o")
    check.shape(p, (3, 5), np.float32, name="p")
    check.close(p, softmax(scores_of(q, k)), name="p")
    _huge(check, answer)
    check.done()


def _compare(check: Check, found: Any, q: Any, k: Any, v: Any) -> None:
    """Compare o and p with the sums, written out, and then with the package."""
    d = q.shape[1]
    o, p = check.unpack(found, "o, p")
    if d > 1 and len(q) != len(k) and np.shape(o) == (len(q), len(k)) == np.shape(p)[::-1]:
        check.fail("p has a row for each query, and a column for each key.")
    check.shape(p, (len(q), len(k)), name="p")
    check.shape(o, (len(q), v.shape[1]), name="o")
    scores = scores_of(q, k)
    mistakes = {
        "The scores are not divided by √d": {"divisor": d**-0.5},
        "The scores are divided by d, and not by its root": {"divisor": d**0.5},
        "They are divided by the root of the number of keys. What is d?": {
            "divisor": (len(k) / d) ** 0.5
        },
        "They are divided by the root of the number of queries. What is d?": {
            "divisor": (len(q) / d) ** 0.5
        },
        "The softmax goes along the queries. The weights of one query are to have the sum 1": {
            "axis": 0
        },
        "The softmax goes over all scores. The weights of each query are to have the sum 1": {
            "axis": None
        },
    }
    others = {
        "These are the scores. The softmax is missing": scores,
        "The exponentials are not divided by their sum": np.exp(scores),
        "The scores are divided by their sum. The exponentials are missing": (
            scores / scores.sum(axis=1, keepdims=True)
        ),
    }
    wrong = outcomes(functools.partial(looked, part=1), q, k, v, mistakes=mistakes)
    check.close(p, softmax(scores), wrong | others, name="p")
    check.close(np.sum(p, axis=1), np.ones(len(q)), name="The sum of a row of p")
    hints = {
        "All values count alike here. Each counts with its weight": v.mean(axis=0) + 0 * (p @ v),
        "This is the value of the best key alone": v[np.argmax(p, axis=1)],
    }
    if v.shape == k.shape:
        hints["That is the mean of the keys"] = p @ k
    check.close(o, p @ v, hints, name="o")
    check.close(o, package.attention(q, k, v), name="Against the package, o")


def _reorder(check: Check, answer: Any, q: Any, k: Any, v: Any) -> None:
    """Ask with keys and values in another order, and queries in the reverse one: eq-permutation."""
    order = check.rng.permutation(len(k))
    case = "the queries turned round, keys and values in another order"
    o, p = check.unpack(check.call(answer, q[::-1], k[order], v[order], case=case), "o, p")
    check.close(o, looked(q, k, v)[::-1], name="o")
    check.close(p, looked(q, k, v, part=1)[::-1, order], name="p")


def _huge(check: Check, answer: Any) -> None:
    """Ask with scores of ±10⁴ in some rows, and small ones in the last."""
    k, v = np.array([[2e2, 0.0, 0, 0], [1.9e2, 1, 0, 0], [-2e2, 0, 1, 0]]), np.eye(3)
    q = np.array([[1e2, 0, 0, 0], [-1e2, 0, 0, 0], [1e-2, 0, 0, 0]])
    case = "scores of ±10,000 in some rows, and small ones in the last"
    o, p = check.unpack(check.call(answer, q, k, v, case=case), "o, p")
    check.no_warnings(LARGEST)
    right = softmax(scores_of(q, k))
    check.close(p, right, name="p")
    check.close(o, right, name="o")


def _way_back(
    q: Any, k: Any, v: Any, do: Any, *, mean: str = "own", share: bool = True,
    scales: tuple[float, float] = (1.0, 1.0), weighted: bool = True,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Return dq, dk, dv; with the keywords, as a mistake gives them."""
    p = looked(q, k, v, part=1)
    dp = do @ v.T
    means = {
        "own": (p * dp).sum(axis=1, keepdims=True),
        "none": 0.0,
        "keys": (p * dp).sum(axis=0, keepdims=True),
        "plain": dp.mean(axis=1, keepdims=True),
        "sum": dp.sum(axis=1, keepdims=True),
    }
    ds = (p if share else 1) * (dp - means[mean])
    ds = ds / q.shape[1] ** 0.5
    return ds @ k * scales[0], ds.T @ q * scales[1], p.T @ do if weighted else do.sum(0) + 0 * v


def attention_backward(answer: Any) -> None:
    """11.3: the gradients by queries, keys and values."""
    check = Check(
        "11.3", "attention's way back", answer, without=unaided.ATTENTION + unaided.GRADIENTS
    )
    names = "dq, dk, dv"
    for T, S, d, e in SIZES:
        q, k, v = given = check.normal((T, d), (S, d), (S, e))
        do = check.rng.normal(size=(T, e))
        found = check.unpack(check.call(answer, *given, do, case=sizes_of(T, S, d, e)), names)
        check.shapes(found, given, names)
        root = d**0.5
        mistakes: dict[str, Any] = {
            "The scale 1/√d is missing": {"scales": (root, root)},
            "The scale stands there twice": {"scales": (1 / root, 1 / root)},
            "The softmax's way back has a second part: what all keys of a query share": {
                "mean": "none"
            },
            "The sum to be taken away goes over the keys of one query, and not over the queries": {
                "mean": "keys"
            },
            "The mean to be taken away is weighted, with p": {"mean": "plain"},
            "The sum to be taken away is weighted, with p": {"mean": "sum"},
            "The weight p in front of the bracket is missing": {"share": False},
            "The softmax is left out: this takes dp for ds": {"share": False, "mean": "none"},
            "A value has as much say as its weights give it": {"weighted": False},
        }
        hints = outcomes(_way_back, q, k, v, do, mistakes=mistakes)
        check.gradients(found, names, looked, *given, seed=do, mistakes=hints)
        right = _way_back(q, k, v, do)
        for name, value, exact in zip(names.split(", "), found, right, strict=True):
            check.close(value, exact, {"This is measured": value}, rtol=1e-11, name=name)
        check.close(np.sum(found[1], axis=0), np.zeros(d), atol=1e-9, name=SHIFT)
    q, k, v, do = 60 * check.rng.normal(size=(3, 4)), *check.normal((5, 4), (5, 2), (3, 2))
    found = check.unpack(check.call(answer, q, 60 * k, v, do, case="scores of thousands"), names)
    check.no_warnings(LARGEST)
    right = _way_back(q, 60 * k, v, do)
    for name, value, exact in zip(names.split(", "), found, right, strict=True):
        check.close(value, exact, atol=1e-9, name=name)
    check.done()


LARGEST = (
    "Take the largest score of each row away before the exponential: of each row, not of all rows."
)
SHIFT = "The sum of dk over the keys (what is added to all of them changes nothing)"
