"""The check of exercise 9.2: the roofline, and the batch that reaches its ridge."""

import math
from typing import Any

import numpy as np

from nnlearn.arrays.backend import to_numpy
from nnlearn.exercises.checking import Check


def _roof(check: Check, roof: Any, F: Any, Q: Any, peak: float, bandwidth: float) -> None:
    result = check.call(roof, F, Q, peak, bandwidth, case=f"{len(F)} layers")
    seconds, rate = check.unpack(result, "seconds, rate")
    computing, fetching, I = F / peak, Q / bandwidth, F / Q
    right = np.where(computing > fetching, computing, fetching)
    check.close(
        seconds,
        right,
        hints={
            "Arithmetic and fetching go on at the same time": computing + fetching,
            "In the shorter of the two times the other is not done": (
                np.where(computing > fetching, fetching, computing)
            ),
            "Each layer has a time of its own": np.max(right),
            "What is fetched takes time too": computing,
            "What is computed takes time too": fetching,
        },
        atol=0.0,
        name="seconds",
    )
    check.close(
        rate,
        F / right,
        hints={
            "No processor computes faster than its peak": bandwidth * I,
            "Where little is done with each byte, the peak is not reached": (
                np.full(np.shape(I), peak)
            ),
            "The ceiling is the lower of the two, not the higher": np.maximum(peak, bandwidth * I),
            "These are bytes in a second": Q / right,
        },
        atol=0.0,
        name="rate",
    )


def _batch(check: Check, answer: Any, D: int, M: int, ridge: float) -> None:
    batch = check.call(answer, D, M, ridge)
    if ridge >= D * M / (2 * (D + M)):  # what the intensity tends to
        check.shape(batch, (), name="batch")
        check.that(
            float(to_numpy(batch)) == math.inf,
            "However large the batch, this layer does not reach the ridge. "
            "What should the function return then?",
        )
        return
    N = np.arange(1, 100_000)
    right = int(N[ridge <= N * D * M / (2 * (N * D + M * D + N * M))][0])
    check.number_close(
        batch,
        right,
        hints={
            "With that batch the layer is still left of the ridge": right - 1,
            "A smaller batch is enough": right + 1,
            "A batch has whole examples": 1 / (1 / (2 * ridge) - 1 / D - 1 / M),
            "D and M are not so large that they do not matter": math.ceil(2 * ridge),
            "The half in front of the brackets is missing": (
                math.ceil(1 / (1 / ridge - 1 / D - 1 / M))
            ),
        },
        rtol=0.0,
        atol=1e-9,
        name="batch",
    )


def roofline(roof: Any, smallest_batch: Any) -> None:
    """9.2: the least time, the highest rate, and the batch that reaches the ridge."""
    check = Check("9.2", "the roof", roof, smallest_batch)
    for layers in (2, 7, 4):
        peak, bandwidth = check.rng.uniform(1e12, 2e13), check.rng.uniform(1e11, 2e12)
        F = check.rng.uniform(1e8, 1e10, size=layers)
        side = np.where(np.arange(layers) % 2, 0.3, 3.0)  # left and right of the ridge, in turn
        _roof(check, roof, F, F * bandwidth / peak / side, peak, bandwidth)
    for D, M, ridge in [(512, 512, 12.5), (300, 70, 12.5), (1000, 4000, 40.0), (90, 200, 20.0)]:
        _batch(check, smallest_batch, D, M, ridge)
    for D, M in [(20, 1000), (50, 50)]:
        _batch(check, smallest_batch, D, M, 12.5)
    check.done()
