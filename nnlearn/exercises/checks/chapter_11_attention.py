"""The checks of chapter 11's exercises: attention and the Transformer."""

from typing import Any

import numpy as np

from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.attention_blocks import running  # noqa: F401
from nnlearn.exercises.checks.attention_faults import mended  # noqa: F401
from nnlearn.exercises.checks.attention_masks import masks  # noqa: F401
from nnlearn.exercises.checks.attention_spread import divisor  # noqa: F401
from nnlearn.exercises.checks.attention_values import (  # noqa: F401
    attention,
    attention_backward,
    scores_of,
    softmax,
)
from nnlearn.exercises.checks.caches import generation  # noqa: F401
from nnlearn.exercises.checks.induction import circuit, two_layers  # noqa: F401
from nnlearn.exercises.checks.turning import turning  # noqa: F401

QUERY = np.array([[2 * np.log(2), 2 * np.log(5), 0, 0]])
KEYS = np.array([[0.0, 0, 3, 0], [1, 0, 0, 5], [0, 1, 2, 7]])
VALUES = np.array([[24.0, 0], [0, 12], [16, -8]])
FRACTIONS = 2e-3  # three digits of a fraction are enough


def three_keys(weights: Any, outputs: Any) -> None:
    """11.1: where one query looks, and what it gets."""
    check = Check("11.1", "three keys", weights, outputs)
    names = ("all", "third masked", "query doubled", "keys moved")
    check.keys(weights, names, "`weights` should keep its four names.")
    check.keys(outputs, names[:2], "`outputs` should keep its two names.")
    scores = scores_of(QUERY, KEYS)[0]
    seen = np.array([True, True, False])
    masked = softmax(np.where(seen, scores, -np.inf))
    moved = scores_of(QUERY, KEYS + np.array([1.0, 2, 3, 4]))[0]
    right = {
        "all": softmax(scores),
        "third masked": masked,
        "query doubled": softmax(scores_of(2 * QUERY, KEYS)[0]),
        "keys moved": softmax(moved),
    }
    own: dict[str, dict[str, Any]] = {
        "all": {"The products are not divided by √d": softmax(2 * scores)},
        "third masked": {
            "The weights that are left must have the sum 1 again": right["all"] * seen,
            "A score of 0 is not masked: e⁰ = 1": softmax(np.where(seen, scores, 0)),
            "Nothing is masked here": right["all"],
            "The others do not share alike. Their scores are what they were": (
                np.where(seen, right["all"] + right["all"][2] / 2, 0)
            ),
        },
        "query doubled": {
            "All scores are twice as large now. That is not nothing": right["all"],
            "It is the scores that are doubled. The weights still have the sum 1": 2 * right["all"],
            "The squares of the weights still need to be divided by their sum": right["all"] ** 2,
        },
        "keys moved": {"All three scores grow by the same number. What does it change?": None},
    }
    for name in names:
        check.shape(weights[name], (3,), name=f"weights[{name!r}]")
        base = {"third masked": np.where(seen, scores, -np.inf), "query doubled": 2 * scores}
        own[name] |= _usual(base.get(name, scores))
        hints = {text: weights[name] if v is None else v for text, v in own[name].items()}
        text = f"weights[{name!r}]"
        check.close(weights[name], right[name], hints, rtol=FRACTIONS, name=text)
    for name in names[:2]:
        p = right[name]
        hints = {
            "All values count alike here. Each counts with its weight": VALUES.mean(axis=0),
            "All values count fully here. Each counts with its weight": VALUES.sum(axis=0),
            "This is the value of the best key alone": VALUES[np.argmax(p)],
            "The weights that are left must have the sum 1 again": (right["all"] * seen) @ VALUES,
            "Here each value counts with e to its score. Take the weights": (
                np.where(seen | (name == "all"), np.exp(scores), 0) @ VALUES
            ),
            "The third value is not seen": right["all"] @ VALUES,
            "That is a mean of the keys": p @ KEYS,
        }
        text = f"outputs[{name!r}]"
        check.close(outputs[name], p @ VALUES, hints, rtol=FRACTIONS, name=text)
    check.done()


def _usual(scores: Any) -> dict[str, Any]:
    """Return what the usual mistakes make of scores."""
    finite = np.where(np.isfinite(scores), scores, 0)
    return {
        "The products are divided by d = 4, and not by its root": softmax(scores / 2),
        "The products are not divided by √d": softmax(2 * scores),
        "The exponentials are not divided by their sum": np.exp(scores),
        "These are the scores. The softmax is missing": finite,
        "These are the products. √d and the softmax are missing": 2 * finite,
        "The scores are divided by their sum. The exponentials are missing": (
            finite / np.sum(finite)
        ),
    }
