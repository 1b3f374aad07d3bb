"""Checks of the exercises in which a network is trained: what it does on data it has not seen."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checking import Check


def remember(answer: Any) -> None:
    """7.12: a network that keeps one bit over a hundred steps of noise."""
    check = Check("7.12", "a bit over a hundred steps", answer)
    for seed in (0, 1):
        result = check.call(answer, seed, case=f"seed {seed}, 1,000 new sequences")
        model, params = check.unpack(result, "model, params")
        x, bit = nn.tasks.signals(100, 1000, np.random.default_rng(1000 + seed))
        logits = np.asarray(model(params, x))
        check.shape(logits, (1000, 1), name="What the network says")
        right = np.mean((logits > 0) == (bit == 1))
        check.that(
            right > 0.95,
            f"Told right: {right:.0%}, expected more than 95 %. "
            + (
                "It guesses. Has its gradient reached the bit? Of a cell with your forget gate, "
                "how much is left after a hundred steps?"
                if right < 0.6
                else "It has begun to learn: a few more steps, or another rate?"
            ),
        )
    check.done()
