"""The check of exercise 7.10: an index drawn from a softmax with a temperature."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checking import Check


def draw(answer: Any) -> None:
    """7.10: an index drawn from a softmax with a temperature."""
    check = Check("7.10", "draw with temperature", answer)

    def picked(z: Any, uniform: Any) -> Any:
        """Go along the probabilities, one after the other."""
        found = []
        for z_n, u in zip(z, uniform, strict=True):
            p, k = np.exp(z_n - z_n.max()), 0
            p = p / p.sum()
            while k < len(p) - 1 and u >= p[: k + 1].sum():
                k += 1
            found.append(k)
        return np.array(found)

    for N, K, temperature in [(200, 5, 0.5), (200, 4, 2.0), (1, 1, 1.0), (50, 7, 1.0)]:
        logits, uniform = 2 * check.rng.normal(size=(N, K)), check.rng.uniform(size=N)
        case = f"{N} rows of {K} logits, temperature {temperature}"
        index = check.call(answer, logits, temperature, uniform, case=case)
        check.shape(index, (N,), name="The index")
        check.that(np.asarray(index).dtype.kind in "iu", "An index should be an integer.")
        right = picked(logits / temperature, uniform)
        hints = {
            "The logits are to be divided by the temperature": picked(
                logits * temperature, uniform
            ),
            "The temperature plays no part": picked(logits, uniform),
            "This is always the likeliest. It should be drawn": logits.argmax(axis=1),
            "This counts from the end. Begin with the first index": (
                K - 1 - picked(logits[:, ::-1] / temperature, uniform)
            ),
            "This is the index before": right - 1,
            "This is the index after": right + 1,
        }
        check.close(index, right, hints, name="The index")
    z, M = np.array([0.0, 1.0, -1.0, 0.5]), 10_000
    case = f"{M} numbers at equal distances, temperature 0.7"
    index = check.call(answer, np.tile(z, (M, 1)), 0.7, (np.arange(M) + 0.5) / M, case=case)
    share = np.array([np.mean(np.equal(index, k)) for k in range(4)])
    apart = np.abs(share - nn.softmax(z / 0.7)).max()
    check.that(apart < 2 / M, f"The shares differ from the probabilities by up to {apart:.2g}.")
    large = np.array([[1e4, -1e4, 0.0], [-1e4, 0.0, 1e4], [-1e4, 1e4, 1e4]])
    index = check.call(answer, large, 0.7, np.array([0.5, 0.5, 0.75]), case="logits of ±10,000")
    check.no_warnings("nn.softmax is safe for every logit.")
    check.close(index, [0, 2, 2], name="The index")
    index = check.call(answer, large, 0.7, np.zeros(3), case="logits of ±10,000, uniform = 0")
    check.close(
        index,
        [0, 2, 1],
        {"With the number 0 it picks what has probability 0: is it < or ≤?": [0, 0, 0]},
        name="The index",
    )
    last = np.nextafter(1.0, 0.0)
    for K in (10, 49):
        case = f"{K} equal logits, and the largest number below 1"
        index = check.call(answer, np.zeros((1, K)), 1.0, np.array([last]), case=case)
        rounded = "The probabilities add up to a little less than 1, by rounding. Then"
        check.close(
            index,
            [K - 1],
            {
                f"{rounded} no sum is above the number, and this is index 0": [0],
                f"{rounded} the index runs over the end": [K],
            },
            name="The index",
        )
    check.done()
