"""The checks of chapter 9's exercises: any device, and beyond one machine."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.machines import best_ranks  # noqa: F401
from nnlearn.exercises.checks.ring import all_reduce  # noqa: F401
from nnlearn.exercises.checks.roof import roofline  # noqa: F401
from nnlearn.exercises.checks.shards import shard_gradient, whole_moments  # noqa: F401
from nnlearn.exercises.checks.sums import sum_in_pairs  # noqa: F401
from nnlearn.exercises.checks.waits import finish_times, waits_once  # noqa: F401


def dense_work(operations: Any, moved: Any, intensity: Any, side: Any) -> None:
    """9.1: what a dense layer computes and moves."""
    check = Check("9.1", "a layer on paper", operations, moved, intensity, side)
    N, D, M = 16, 1024, 256
    F, numbers = 2 * N * D * M, N * D + M * D + M + N * M
    check.number_close(
        operations,
        F,
        hints={
            "A product and adding it are two operations": F / 2,
            "These are the operations of one example": F / N,
            "This is a whole training step. The layer itself is asked for": 3 * F,
        },
        rtol=1e-9,
        name="operations",
    )
    check.number_close(
        moved,
        4 * numbers,
        hints={
            "These are numbers. How many bytes has each?": numbers,
            "In float32 a number has 4 bytes, not 8": 8 * numbers,
            "The bias is fetched too": 4 * (numbers - M),
            "What comes out has to be stored": 4 * (numbers - N * M),
            "At the least the weights are fetched once, for all examples": (
                4 * (numbers + (N - 1) * M * D)
            ),
        },
        rtol=1e-9,
        name="moved",
    )
    check.number_close(
        intensity,
        F / (4 * numbers),
        hints={
            "These are bytes for each operation": 4 * numbers / F,
            "These are operations for each number, not for each byte": F / numbers,
            "The half in front of the brackets is missing": 1 / (1 / M + 1 / N + 1 / D),
        },
        rtol=5e-3,  # without the bias it is right too
        name="intensity",
    )
    side = check.choice(side, ("left", "right"), "side")
    check.that(side == "left", "Is the intensity smaller than that of the ridge, or larger?")
    check.done()


def _convolution_counts(
    x: Any, K: Any, windows: Any, outputs: int, bias: int
) -> tuple[int, int, int]:
    """Count operations and bytes from the arrays themselves: the last, with im2col."""
    P, Q, C, _ = K.shape
    direct = 4 * (x.size + K.size + bias + outputs)
    return 2 * outputs * P * Q * C, direct, direct + 2 * 4 * windows.size


def convolution_work(answer: Any) -> None:
    """9.3: operations and bytes of a convolution, direct and by im2col."""
    check = Check("9.3", "a convolution's bytes", answer)
    for _ in range(4):
        N, C, P, Q, F = (int(n) for n in check.rng.integers(2, 6, size=5))
        H, W = (int(n) for n in check.rng.integers(9, 14, size=2))
        x, K = np.zeros((N, H, W, C)), np.zeros((P, Q, C, F))
        windows, outputs = nn.im2col(x, (P, Q)), nn.conv2d(x, K).size
        right = _convolution_counts(x, K, windows, outputs, F)
        padded = _convolution_counts(x, K, np.zeros((N, H, W, P * Q * C)), N * H * W * F, F)
        result = check.call(answer, N, H, W, C, P, Q, F)
        operations, direct, im2col = check.unpack(result, "operations, direct, im2col")
        same = "As many windows as pixels there are only with padding"
        operations_hints = {
            same: padded[0],
            "A product and adding it are two operations": right[0] / 2,
            "The window has its places in every channel": right[0] / C,
        }
        bias, size = "The biases are fetched too", "In float32 a number has 4 bytes"
        direct_hints = {
            same: padded[1],
            bias: right[1] - 4 * F,
            size: right[1] / 4,
            "Directly, the matrix of windows is never written": right[2],
            "A pixel is fetched once, however many windows see it": (
                right[1] + 4 * (windows.size - x.size)
            ),
        }
        im2col_hints = {
            same: padded[2],
            bias: right[2] - 4 * F,
            size: right[2] / 4,
            "The matrix of windows is written and then read again": right[2] - 4 * windows.size,
            "To write out the windows one has to read the pictures": right[2] - 4 * x.size,
            "This is without the matrix of windows": right[1],
        }
        hints = (operations_hints, direct_hints, im2col_hints)
        names = ("operations", "direct", "im2col")
        values = (operations, direct, im2col)
        for value, expected, known, name in zip(values, right, hints, names, strict=True):
            check.number_close(value, expected, known, rtol=1e-9, name=name)
    check.done()


def _needed(check: Check, needed: Any, B: Any, B_noise: float) -> None:
    """Compare with counted steps: as many as have together the gain that a training needs."""
    steps, examples = check.unpack(check.call(needed, B, B_noise), "steps, examples")

    def counted(B: Any) -> Any:
        return 1000 / (1 / (1 + B_noise / B))  # the whole gain by the gain of one step

    fewest, least = counted(1e15), 1e-12 * counted(1e-12)  # a huge batch, and a tiny one
    right_steps, right_examples = counted(B) / fewest, B * counted(B) / least
    hints = {
        "This is the gain of a step. With less gain, are more steps needed or fewer?": (
            1 / right_steps
        ),
        "The two are exchanged": right_examples,
    }
    check.close(steps, right_steps, hints, rtol=1e-6, name="steps")
    hints = {
        "This is not relative yet: how many are they where they are fewest?": B * right_steps,
        "A step has B examples, and the number of steps changes with B": B / B_noise,
        "The two are exchanged": right_steps,
    }
    check.close(examples, right_examples, hints, rtol=1e-6, name="examples")


def larger_batch(best_rate: Any, needed: Any, both: Any) -> None:
    """9.11: rate, steps and examples for a batch, by the noise scale."""
    check = Check("9.11", "the price of a batch", best_rate, needed, both)
    for size in (1, 5, 3):
        B = check.rng.uniform(8, 4000, size=size)
        fastest, B_noise = check.rng.uniform(0.1, 3), check.rng.uniform(50, 1000)
        rate = check.call(best_rate, B, fastest, B_noise)
        hints = {
            "In proportion, without end: no batch may go beyond `fastest`": fastest * B / B_noise,
            "In proportion and then level, but with a corner. The formula has none": (
                np.minimum(fastest * B / B_noise, fastest)
            ),
            "This rate falls as the batch grows": fastest / (1 + B / B_noise),
        }
        check.close(rate, fastest / (1 + B_noise / B), hints, name="best_rate")
        _needed(check, needed, B, B_noise)
    beside = {
        "There the steps are less than twice the fewest": 1200.0,
        "There the steps are more than twice the fewest": 300.0,
    }
    check.number_close(both, 600.0, beside, rtol=1e-6, name="both")
    check.done()
