"""The check of exercise 9.10: how many machines, and for which vectors a ring."""

import math
from typing import Any

import numpy as np

from nnlearn.exercises.checking import Check


def _ring_time(p: Any, m: float, alpha: float, beta: float) -> Any:
    return 2 * (p - 1) * (alpha + m / p / beta)


def _tree_time(p: int, m: float, alpha: float, beta: float) -> float:
    rounds = (p - 1).bit_length()  # the logarithm to the base 2, rounded up
    return 2 * rounds * (alpha + m / beta)


def _whole(check: Check, answer: Any, t1: float, alpha: float) -> None:
    """Compare with the best of all numbers of machines, tried one by one."""
    p = check.call(answer, t1, alpha)
    tried = np.arange(1, 2000)
    right = int(tried[np.argmin(t1 / tried + _ring_time(tried, 0.0, alpha, 1.0))])
    smooth = math.sqrt(t1 / (2 * alpha))
    check.number_close(
        p,
        right,
        hints={
            "There is no part of a machine": smooth,
            "There has to be one machine at least": 0,
            "The whole number that is nearest to p* is not always the best": round(smooth),
            "Rounded down, p* is not always the best": math.floor(smooth),
            "Rounded up, p* is not always the best": math.ceil(smooth),
            "The 2 stands beside the latency": round(math.sqrt(t1 / alpha)),
            "A root is missing": round(smooth**2),
            "The 2 stands beside the latency, below the line": round(2 * smooth),
            "This is the time. On how many machines does the step take it?": (
                t1 / right + _ring_time(right, 0.0, alpha, 1.0)
            ),
        },
        rtol=0.0,
        atol=1e-9,
        name="best_ranks",
    )


def _length(check: Check, answer: Any, p: int, alpha: float, beta: float) -> None:
    """Compare with the length at which the two times cross: both are straight lines in m."""
    m = check.call(answer, p, alpha, beta)

    def gap(m: float) -> float:
        return float(_ring_time(p, m, alpha, beta) - _tree_time(p, m, alpha, beta))

    step = alpha * beta
    right = gap(0) * step / (gap(0) - gap(step))
    rounds, smooth = (p - 1).bit_length(), math.log2(p)
    number, once = check.number_of(m, "same_length"), (p - 1) / p
    for power in (1, 2):  # beside the bytes these are nearly 0, so no hint can tell them
        if math.isclose(number, right / beta**power, rel_tol=1e-6):
            check.fail(
                "same_length is not right. These are not bytes: a time, multiplied by the "
                "bandwidth, gives them."
            )
    check.number_close(
        m,
        right,
        hints={
            "A tree has whole rounds": step * (p - 1 - smooth) / (smooth - (p - 1) / p),
            "A tree of p ranks has as many rounds as the logarithm says: to the base 2, and "
            "rounded up": (
                step * (p - 1 - math.floor(smooth)) / (math.floor(smooth) - (p - 1) / p)
            ),
            "These are numbers of float32; asked are bytes": right / 4,
            "What is sent round the ring is a block, not the whole vector": (
                step * (p - 1 - rounds) / (rounds - (p - 1))
            ),
            "Where p is a power of 2, `p.bit_length()` is a round too many": (
                step * (p - 1 - p.bit_length()) / (p.bit_length() - once)
            ),
            "For so few ranks (p - 1)/p is not 1": step * (p - 1 - rounds) / (rounds - 1),
            "The ring's factor is (p - 1)/p, not 1/p": (step * (p - 1 - rounds) / (rounds - 1 / p)),
            "The ring goes round twice. And the tree?": (
                step * (2 * (p - 1) - rounds) / (rounds - 2 * once)
            ),
            "The tree goes both ways. And the ring?": (
                step * (p - 1 - 2 * rounds) / (2 * rounds - once)
            ),
            "It is upside down": step * (rounds - once) / (p - 1 - rounds),
            "There is the bandwidth, but also the latency": right / alpha,
        },
        rtol=1e-6,
        name="same_length",
    )


def best_ranks(answer: Any, length: Any) -> None:
    """9.10: the best whole number of machines, and the vector for which ring and tree are equal."""
    check = Check("9.10", "how many machines", answer, length)
    alpha = 1e-5
    works = (50.3, 23.0, 2.1, 6.1, 0.3, 1.3, 20.2, *check.rng.uniform(100, 1e5, size=4))
    for work in works:  # p* squared
        _whole(check, answer, 2 * alpha * work, alpha)
    for p in (4, 5, 7, 16, 100):
        alpha, beta = check.rng.uniform(1e-6, 1e-4), check.rng.uniform(1e9, 1e11)
        _length(check, length, p, alpha, beta)
    check.done()
