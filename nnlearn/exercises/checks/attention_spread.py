"""The check of exercise 11.4: what the scores are to be divided by."""

import itertools
from typing import Any

import numpy as np

from nnlearn.exercises.checking import Check


def _populations(rng: Any) -> dict[str, tuple[Any, Any]]:
    """Return queries and keys, one a row: all of them, each as likely as any other."""
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
    mixing, other = rng.normal(size=(2, 3, 3))
    own = np.array([0.5, 1.0, 3.0])
    wide = np.array(list(itertools.product([-1.0, 1.0], repeat=6)))
    return {
        "independent components of mean 0; those of q have the variance 4, those of k 1/9": (
            (2 * signs, signs / 3)
        ),
        "the same for d = 6": (2 * wide, wide / 3),
        "independent components of mean 0, each of another variance": (signs * own, signs @ M(own)),
        "correlated components of mean 0": (signs @ mixing, signs @ other),
        "independent components; the keys have a mean": (signs, 2 * signs + np.array([0, 1, 2.0])),
        "independent components; the queries have a mean": (
            signs + np.array([3.0, 0, 1]),
            2 * signs,
        ),
        "correlated components, and both have a mean": (
            signs @ other + np.array([1.0, -2, 0.5]),
            signs @ mixing + np.array([-1.0, 1, 2]),
        ),
    }


def M(own: Any) -> Any:
    """Return a matrix that gives each component another variance, in another order."""
    return np.diag(own[[1, 2, 0]])


def divisor(answer: Any, larger: Any) -> None:
    """11.4: the standard deviation of q · k, and the weights without the division."""
    check = Check("11.4", "what to divide by", answer, larger)
    check.keys(larger, ("divided", "not divided"), "`larger` should keep its two names.")
    for case, (queries, keys) in _populations(check.rng).items():
        given = [queries.mean(0), np.cov(queries.T, bias=True)]
        given += [keys.mean(0), np.cov(keys.T, bias=True)]
        found = check.call(answer, *given, case=case)
        right = np.std(queries @ keys.T)  # over all pairs: nothing is drawn
        check.number_close(found, right, _mistakes(*given), rtol=1e-9, name="The divisor")
    for name, difference in {"divided": 2**0.5, "not divided": 16**0.5}.items():
        sigma = {"divided": 1.0, "not divided": 8**0.5}[name]
        hints = {
            "That is where one score varies. The difference of two varies more": _first(sigma),
            "Scores of standard deviation σ: the variance of their difference is 2σ², and its "
            "root is what is asked for": _first(2 * sigma),
            "That is the variance. The difference is as large as its root": _first(difference**2),
            "That is the weight of the smaller one": 1 - _first(difference),
            "This is the other one of the two": _first({"divided": 4}.get(name, 2**0.5)),
            "This is the difference of the scores. What weight does it make?": difference,
            "This is e to the difference. Divide by the sum of both": np.exp(difference),
        }
        text = f"larger[{name!r}]"
        check.number_close(larger[name], _first(difference), hints, rtol=2e-3, name=text)
    check.done()


def _first(difference: float) -> float:
    """Return the weight of the first of two keys, whose score is larger by this."""
    return float(1 / (1 + np.exp(-difference)))


def _mistakes(m_q: Any, C_q: Any, m_k: Any, C_k: Any) -> dict[str, Any]:
    d = len(m_q)
    pairs, from_q, from_k = np.trace(C_q @ C_k), m_k @ C_q @ m_k, m_q @ C_k @ m_q
    everything = pairs + from_q + from_k
    own = np.sum(np.diag(C_q) * np.diag(C_k))
    return {
        "This is √d, which is right for variances of 1": d**0.5,
        "This is the variance. Scores are divided by its root": everything,
        "There are d terms in the sum. Their variances add up": (
            np.sqrt(np.trace(C_q) * np.trace(C_k)) / d
        ),
        "Standard deviations are multiplied here, and then added. It is variances that add up": (
            np.sum(np.sqrt(np.diag(C_q) * np.diag(C_k)))
        ),
        "The means count too: what varies in one of the two meets the mean of the other": (
            np.sqrt(pairs)
        ),
        "Correlated terms: their variances alone do not add up": np.sqrt(own),
        "The two means make one number that never varies. It has no part in a variance": (
            np.sqrt(everything + (m_q @ m_k) ** 2)
        ),
        "Each mean goes with the other one's covariance": (
            np.sqrt(pairs + m_q @ C_q @ m_q + m_k @ C_k @ m_k)
        ),
    }
