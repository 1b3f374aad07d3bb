"""The checks of chapter 9's exercises: any device, and beyond one machine."""

from typing import Any

import numpy as np

from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.machines import best_ranks  # noqa: F401
from nnlearn.exercises.checks.ring import all_reduce  # noqa: F401
from nnlearn.exercises.checks.roof import convolution_work, roofline  # noqa: F401
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
            "The bias is one of the D additions: D products and a bias need no more": F + N * M,
            "The bias is added too": F - N * M,
            "This is rounded. Let Python multiply": 8.4e6,
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
            "These are bits": 32 * numbers,
            "The bias is fetched too": 4 * (numbers - M),
            "Each neuron has one bias, the same for all examples": 4 * (numbers + (N - 1) * M),
            "What comes out has to be stored": 4 * (numbers - N * M),
            "The examples are fetched too": 4 * (numbers - N * D),
            "These are the bytes of the weights alone": 4 * M * D,
            "The numbers of inputs and of neurons are exchanged": 4 * (numbers - M + D),
            "This is rounded. Let Python multiply": 1.13e6,
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
            "The smallest of the three sizes decides, but not alone": N / 2,
        },
        rtol=5e-3,  # without the bias it is right too
        name="intensity",
    )
    side = check.choice(side, ("left", "right"), "side")
    check.that(side == "left", "Is the intensity smaller than that of the ridge, or larger?")
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
        "An endless batch would need no steps at all. How many are the fewest?": B_noise / B,
        "This is relative to the other batches of `B`. Even these may be far from the best": (
            right_steps / np.min(right_steps)
        ),
        "The two are exchanged": right_examples,
    }
    check.close(steps, right_steps, hints, rtol=1e-6, name="steps")
    hints = {
        "This is not relative yet: how many are they where they are fewest?": B * right_steps,
        "A step has B examples, and the number of steps changes with B": B / B_noise,
        "These are the examples of one step": B,
        "Nothing takes less than the fewest": 1 / right_examples,
        "A batch of 1 is not the smallest here: think of one still smaller": (
            (B + B_noise) / (1 + B_noise)
        ),
        "This is relative to the other batches of `B`. Even these may be far from the best": (
            right_examples / np.min(right_examples)
        ),
        "The two are exchanged": right_steps,
    }
    check.close(examples, right_examples, hints, rtol=1e-6, name="examples")


def larger_batch(best_rate: Any, needed: Any, both: Any) -> None:
    """9.11: rate, steps and examples for a batch, by the noise scale."""
    check = Check("9.11", "the price of a batch", best_rate, needed, both)
    beside = {
        "There the steps are less than twice the fewest": 1200.0,
        "There the steps are more than twice the fewest": 300.0,
        "That would be one noise scale. How many examples is it?": 1.0,
    }
    check.number_close(both, 600.0, beside, rtol=1e-6, name="both")
    for size in (5, 1, 3):
        B = check.rng.uniform(8, 4000, size=size)
        fastest, B_noise = check.rng.uniform(0.1, 3), check.rng.uniform(50, 1000)
        rate = check.call(best_rate, B, fastest, B_noise)
        hints = {
            "In proportion, without end: no batch may go beyond `fastest`": fastest * B / B_noise,
            "In proportion and then level, but with a corner. The formula has none": (
                np.minimum(fastest * B / B_noise, fastest)
            ),
            "This rate falls as the batch grows": fastest / (1 + B / B_noise),
            "This rate is above `fastest`, and falls as the batch grows": (
                fastest * (1 + B_noise / B)
            ),
            "This grows with the root of the batch, and without end": (
                fastest * np.sqrt(B / B_noise)
            ),
            "Below the noise scale this rate is negative": fastest * (1 - B_noise / B),
        }
        check.close(rate, fastest / (1 + B_noise / B), hints, name="best_rate")
        _needed(check, needed, B, B_noise)
    check.done()
