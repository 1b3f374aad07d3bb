"""Checks of the exercises in which a network is trained: what it does on data it has not seen."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checking import Check


def remember(answer: Any) -> None:
    """7.12: a network that keeps one bit over a hundred steps of noise."""
    check = Check("7.12", "a bit over a hundred steps", answer)
    for seed in (0, 1):
        model, params = _trained(check, answer, seed)
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


def learns(answer: Any) -> None:
    """4.11: ten layers that learn."""
    check = Check("4.11", "ten layers that learn", answer)
    (x, y), (x_test, y_test) = _digits(2000)
    for seed in (0, 1):
        model, params = _trained(check, answer, seed, x, y)
        right = _right(model, params, x_test, y_test)
        depth = sum(isinstance(layer, nn.Dense) for layer in model.layers.values())
        check.that(depth > 10, f"It has {depth} dense layers, expected ten hidden ones and a last.")
        check.that(
            right > 0.75,
            f"Test digits told right: {right:.0%}, expected more than 75 %. By which factor does a "
            "layer change the size of what it is given, and what is left after ten?",
        )
    check.done()


def few(answer: Any) -> None:
    """5.10: a network of few numbers that reads digits."""
    check = Check("5.10", "few numbers", answer)
    (x, y), (x_test, y_test) = _digits(2000)
    x, x_test = (np.reshape(a, (-1, 28, 28, 1)) for a in (x, x_test))
    for seed in (0, 1):
        model, params = _trained(check, answer, seed, x, y)
        size = params.vector.size
        check.that(size <= 2500, f"It has {size:,} numbers to learn, expected at most 2,500.")
        right = _right(model, params, x_test, y_test)
        check.that(
            right > 0.87,
            f"Test digits told right: {right:.0%}, expected more than 87 %. Where are the numbers "
            "spent: are they shared by all places, or are there some for each pixel?",
        )
    check.done()


def echo(answer: Any) -> None:
    """6.12: a network that says what it heard five steps ago."""
    check = Check("6.12", "an echo", answer)
    for seed in (0, 1):
        model, params = _trained(check, answer, seed)
        x = np.random.default_rng(2000 + seed).uniform(-1, 1, size=(24, 500, 1)).astype("float32")
        said = np.asarray(model(params, x))
        check.shape(said, x.shape, name="What the network says")
        left = np.mean((said[5:] - x[:-5]) ** 2) / np.var(x)
        late = min(range(5), key=lambda k: np.mean((said[5:] - x[5 - k : len(x) - k]) ** 2))
        hint = np.mean((said[5:] - x[5 - late : len(x) - late]) ** 2) < 0.05 * np.var(x)
        check.that(
            left < 0.1,
            f"Of the variance {left:.0%} is missed, expected less than 10 %. "
            + (f"It says what it heard {late} steps ago." if hint else "Does the loss fall?"),
        )
    check.done()


def two_hills(answer: Any) -> None:
    """8.11: a generator that finds both hills."""
    check = Check("8.11", "two hills", answer)
    for seed in (0, 1):
        rng = np.random.default_rng(3000 + seed)
        side = rng.integers(0, 2, size=4000) * 2 - 1
        x = (2 * side + 0.3 * rng.normal(size=4000)).astype("float32")[:, None]
        G, params = _trained(check, answer, seed, x)
        made = np.asarray(G(params, rng.normal(size=(4000, 4)).astype("float32")))
        check.shape(made, (4000, 1), name="What the generator makes of 4,000 draws of 4 numbers")
        near, left = np.mean(np.abs(np.abs(made) - 2) < 0.9), np.mean(made < 0)
        check.that(
            0.3 < left < 0.7,
            f"Left of 0 are {left:.0%} of what it makes, expected 30 to 70 %. Has it found both "
            "hills? Can your judge say 'real' on two sides and 'made' between them?",
        )
        check.that(
            near > 0.85,
            f"On a hill, within three of its deviations, are {near:.0%}, expected more than 85 %. "
            "What lies between? Give the game more steps, or the judge more bends.",
        )
    check.done()


def _digits(count: int) -> Any:
    """Return so many training digits and all test digits, as rows of pixels, with their labels."""
    (x, y), (x_test, y_test) = nn.data.load_mnist()
    return (x[:count].reshape(count, -1), y[:count]), (x_test.reshape(len(x_test), -1), y_test)


def _trained(check: Check, answer: Any, seed: int, *given: Any) -> Any:
    """Let the learner train, and return the model and its parameters."""
    result = check.call(answer, seed, *given, case=f"seed {seed}")
    return check.unpack(result, "model, params")


def _right(model: Any, params: Any, x: Any, y: Any) -> float:
    return float(nn.accuracy(nn.predict(model, params, x), y))
