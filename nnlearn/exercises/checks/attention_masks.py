"""The check of exercise 11.5: a mask of three conditions, and the softmax of what it leaves."""

from typing import Any

import numpy as np

from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.attention_values import softmax
from nnlearn.exercises.mismatch import outcomes


def _seen(
    lengths: Any, T: int, back: int, *, past: int = 0, window: int = 0, end: int = 0,
    queries: bool = False, turned: bool = False,
) -> Any:  # fmt: skip
    """Return the mask, one by one; the keywords move its borders, as mistakes do."""
    mask = np.zeros((len(lengths), T, T), dtype=bool)
    for n, t, s in np.ndindex(mask.shape):
        causal = s <= t + past
        near = t - s <= back + window
        there = s < lengths[n] + end and (t < lengths[n] or not queries)
        mask[n, t, s] = causal and near and there
    return mask.swapaxes(1, 2) if turned else mask


NO_END = 10**6  # moves a border so far that the condition is gone


def masks(allowed: Any, masked_softmax: Any) -> None:
    """11.5: who may look where, and the weights."""
    check = Check("11.5", "what may be seen", allowed, masked_softmax, without=unaided.ATTENTION)
    for lengths, T, back in [([4, 2], 5, 1), ([6, 1, 3], 6, 2), ([5, 2], 5, 0), ([3, 4], 4, 9)]:
        _mask(check, allowed, np.array(lengths), T, back)
    _weights(check, masked_softmax)
    _whatever_is_hidden(check, masked_softmax)
    check.done()


def _mask(check: Check, allowed: Any, lengths: Any, T: int, back: int) -> None:
    case = f"lengths {lengths.tolist()}, T = {T}, back = {back}"
    mask = check.call(allowed, lengths, T, back, case=case)
    right = _seen(lengths, T, back)
    check.shape(mask, right.shape, dtype=bool, name="The mask")
    mistakes: dict[str, Any] = {
        "A position may look at itself": {"past": -1},
        "Nobody may look at what comes later": {"past": NO_END},
        "`back` positions back are still seen: t − s may be as large as `back`": {"window": -1},
        "This looks one position too far back": {"window": 1},
        "Nothing is too far back here": {"window": NO_END},
        "This sees the first position of the padding. The last one of a sequence of length n is "
        "n − 1": {"end": 1},
        "This does not see the last position of a sequence, n − 1": {"end": -1},
        "The padding is seen here": {"end": NO_END},
        "A query that is padding is treated as any other. It is padding keys that nobody sees": {
            "queries": True
        },
        "Row t is for the query, column s for the key: yours are exchanged": {"turned": True},
    }
    hints = outcomes(_seen, lengths, T, back, mistakes=mistakes)
    hints["True is for what may be seen"] = ~right
    check.close(mask, right, hints, name="The mask")


WEIGHTS = "The array of weights"


def _chosen(scores: Any, mask: Any) -> Any:
    """Return the softmax of each row's own keys, one row after the other."""
    p = np.zeros(scores.shape)
    for row in np.ndindex(scores.shape[:-1]):
        if mask[row].any():
            p[row][mask[row]] = softmax(scores[row][mask[row]])
    return p


def _weights(check: Check, masked_softmax: Any) -> None:
    """Compare the weights with those of each row's own keys, one row after the other."""
    for N, T, S in ((2, 4, 4), (3, 2, 5)):
        scores = check.rng.normal(size=(N, T, S))
        mask = check.rng.uniform(size=scores.shape) < 0.6
        mask[0, 0], mask[1, 1] = False, True  # nothing, and everything
        case = f"{N} × {T} rows of {S} scores; one row may see nothing"
        p = check.call(masked_softmax, scores, mask, case=case)
        right = _chosen(scores, mask)
        check.shape(p, scores.shape, name=WEIGHTS)
        some = mask.any(axis=-1, keepdims=True)
        total = np.sum(np.exp(scores) * mask, axis=-1, keepdims=True) + ~some
        hints = {
            "A score of 0 is not masked: e⁰ = 1": softmax(scores * mask),
            "What is masked after the softmax is missing from the sum, which is to be 1": (
                softmax(scores) * mask
            ),
            "Nothing is masked here": softmax(scores),
            "The row that may see nothing looks at all keys alike. Its weights are to be 0": (
                np.where(some, right, 1 / S)
            ),
            "The row that may see nothing looks where its scores are large. Its weights are to be "
            "0": np.where(some, right, softmax(scores)),
            "Where the mask is True a key may be seen. Here it is the wrong way round": (
                _chosen(scores, ~mask)
            ),
            "The exponentials are not divided by their sum": right * total,
        }
        if np.all(np.isnan(np.asarray(p, dtype=float)[0, 0])):
            check.fail(
                "The row that may see nothing has −∞ less −∞, or 0/0. Its weights are to be 0."
            )
        check.close(p, right, hints, name=WEIGHTS)
        check.no_warnings("Mind −∞ less −∞, and 0/0, in the row that may see nothing.")


def _whatever_is_hidden(check: Check, masked_softmax: Any) -> None:
    """Ask with scores that must not matter, and with huge ones that must."""
    hidden = "What is masked must not matter, whatever it is: choose before you compute."
    for case, scores in {
        "a masked score of 10,000": np.array([[[1.0, 2.0, 1e4]]]),
        "a masked score that is infinite": np.array([[[1.0, 2.0, np.inf]]]),
        "a masked score that is no number": np.array([[[1.0, 2.0, np.nan]]]),
    }.items():
        p = check.call(masked_softmax, scores, np.array([[[True, True, False]]]), case=case)
        check.that(np.all(np.isfinite(np.asarray(p, dtype=float))), f"There is a NaN. {hidden}")
        check.no_warnings(hidden)
        right = np.append(softmax(scores[0, 0, :2]), 0).reshape(1, 1, 3)
        check.close(p, right, {hidden: p}, name=WEIGHTS)
    huge = np.array([[[1e4, 1e4 - 1, 0.0], [-1e4, -1e4 + 1, 0.0]]])
    mask = np.array([[[True, True, True], [True, True, False]]])
    p = check.call(masked_softmax, huge, mask, case="scores of ±10,000; the second row has a mask")
    check.no_warnings("Take the largest score away, of those that may be seen.")
    first = softmax(np.array([1.0, 0.0]))
    right = np.array([[[*first, 0], [*first[::-1], 0]]])
    none = {
        "A score of −10,000 may be the largest of its row. What takes the place of a masked one "
        "must be smaller than any": p
    }
    check.close(p, right, none, name=WEIGHTS)
