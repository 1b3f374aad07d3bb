"""Checks of the exercises in which a network is trained: what it does on data it has not seen."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import wording
from nnlearn.exercises.checking import Check


def remember(answer: Any) -> None:
    """7.12: a network that keeps one bit over a hundred steps of noise."""
    check = Check("7.12", "a bit over a hundred steps", answer)
    for seed in (0, 1):
        model, params = _trained(check, answer, seed)
        x, bit = nn.tasks.signals(100, 1000, np.random.default_rng(1000 + seed))
        logits = _said(check, seed, model, params, x, (1000, 1))
        right = np.mean((logits > 0) == (nn.to_numpy(bit) == 1))
        if right < 0.05:
            hint = "It says the opposite: a logit above 0 says that the bit was +1."
        elif right < 0.6:
            hint = (
                "That is no better than guessing. Has its gradient reached the bit? Of a cell with "
                "your forget gate, how much is left after a hundred steps?"
            )
        else:
            hint = "It has begun to learn: a few more steps, or another rate?"
        check.that(right > 0.95, f"Told right: {_percent(right)}, expected more than 95 %. {hint}")
    check.done()


def learns(answer: Any) -> None:
    """4.11: ten layers that learn."""
    check = Check("4.11", "ten layers that learn", answer)

    def deep_enough(params: Any) -> None:
        depth = sum(array.ndim == 2 for array in params.values())
        check.that(depth > 10, f"It has {depth} dense layers, expected ten hidden ones and a last.")

    hint = (
        "By which factor does a layer change the size of what it is given, and what is left after "
        "ten?"
    )
    _read_digits(check, answer, (784,), deep_enough, 0.75, hint, bent=True)


def few(answer: Any) -> None:
    """5.10: a network of few numbers that reads digits."""
    check = Check("5.10", "few numbers", answer)

    def small_enough(params: Any) -> None:
        size = params.vector.size
        check.that(size <= 1000, f"It has {size:,} numbers to learn, expected at most 1,000.")

    hint = (
        "Where are the numbers spent: are they shared by all places, or are there some for each "
        "pixel? And does the loss still fall at the end?"
    )
    _read_digits(check, answer, (28, 28, 1), small_enough, 0.9, hint)


def echo(answer: Any) -> None:
    """6.12: a network that says what it heard five steps ago."""
    check = Check("6.12", "an echo", answer)
    for seed in (0, 1):
        model, params = _trained(check, answer, seed)
        x = np.random.default_rng(2000 + seed).uniform(-1, 1, size=(24, 500, 1)).astype("float32")
        said = _said(check, seed, model, params, x, x.shape)
        left = np.mean((said[5:] - x[:-5]) ** 2) / np.var(x)
        others = [np.mean((said[11:] - x[11 - k : 24 - k]) ** 2) / np.var(x) for k in range(12)]
        late = int(np.argmin(others))
        steps = "1 step" if late == 1 else f"{late} steps"
        hint = (
            f"It says what it heard {steps} ago." if others[late] < 0.1 else "Does the loss fall?"
        )
        check.that(
            left < 0.1,
            f"Of the variance {_percent(left)} is missed, expected less than 10 %. {hint}",
        )
    check.done()


def two_hills(answer: Any) -> None:
    """8.11: a generator that finds both hills."""
    check = Check("8.11", "two hills", answer)
    for seed in (0, 1):
        rng = np.random.default_rng(3000 + seed)
        side = rng.integers(0, 2, size=4000) * 2 - 1
        x = (2 * side + 0.3 * rng.normal(size=4000)).astype("float32")[:, None]
        G, params = _trained(check, answer, seed, nn.asarray(x))
        z = rng.normal(size=(4000, 4)).astype("float32")
        name = "What the generator makes of 4,000 draws of 4 numbers"
        made = _said(check, seed, G, params, z, (4000, 1), name)
        near, left = np.mean(np.abs(np.abs(made) - 2) < 0.9), np.mean(made < 0)
        check.that(
            0.3 < left < 0.7,
            f"Left of 0 are {_percent(left)} of what it makes, expected 30 to 70 %. Has it found "
            "both hills? Can your judge say 'real' on two sides and 'made' between them?",
        )
        check.that(
            near > 0.85,
            f"On a hill, within three of its deviations, are {_percent(near)}, expected more than "
            "85 %. What lies between? Give the game more steps, or the judge more bends.",
        )
    check.done()


def _read_digits(
    check: Check,
    answer: Any,
    form: tuple[int, ...],
    fits: Any,
    least: float,
    hint: str,
    bent: bool = False,
) -> None:
    """Let the learner train on 2,000 digits of this form; ask for the test digits, twice."""
    (x, y), (x_test, y_test) = nn.data.load_mnist()
    x, x_test = (a.reshape(-1, *form) for a in (x[:2000], x_test))
    for seed in (0, 1):
        model, params = _trained(check, answer, seed, x, y[:2000])
        fits(params)
        right = _right(check, seed, model, params, x_test, y_test)
        check.that(
            right > least,
            f"Test digits told right: {_percent(right)}, expected more than {_percent(least)}. "
            f"{hint}",
        )
        if bent:
            _bends(check, seed, model, params, x_test[:64])
    check.done()


def _bends(check: Check, seed: int, model: Any, params: Any, x: Any) -> None:
    """Check that the model is not linear: half-way between two inputs it is not half-way."""
    a, b = x[: len(x) // 2], x[len(x) // 2 :]
    at_a, half_way, at_b = (
        _said(check, seed, model, params, point, (len(a), 10)) for point in (a, (a + b) / 2, b)
    )
    bend, change = np.abs(half_way - (at_a + at_b) / 2), np.abs(at_a - at_b)
    check.that(
        np.max(bend) > 1e-3 * np.max(change),
        "Without a bend between them all its layers are one. Where are the relus?",
    )


def _percent(share: Any) -> str:
    return f"{100 * share:.0f} %"


def _trained(check: Check, answer: Any, seed: int, *given: Any) -> Any:
    """Let the learner train, and return the model and its parameters, if they are that."""
    result = check.call(answer, seed, *given, case=f"seed {seed}")
    model, params = check.unpack(result, "model, params")
    if not callable(model):
        check.fail(f"The first result should be the model; it is {wording.kind(model)}.")
    if not isinstance(params, nn.Parameters):
        check.fail(f"The second result should be its parameters; it is {wording.kind(params)}.")
    return model, params


def _said(
    check: Check, seed: int, model: Any, params: Any, x: Any, shape: tuple[int, ...],
    name: str = "What the network says",
) -> Any:  # fmt: skip
    """Return what the model makes of new data, if it is numbers of this shape."""
    said = check.call(model, params, nn.asarray(x), case=f"seed {seed}, on new data")
    check.shape(said, shape, name=name)
    return nn.to_numpy(said)


def _right(check: Check, seed: int, model: Any, params: Any, x: Any, y: Any) -> float:
    """Return the share of digits that the model tells right; it reads them batch by batch."""

    def model_on_digits() -> Any:
        parts = nn.data.batches([x], len(x) // 4)
        return np.concatenate([nn.to_numpy(model(params, part)) for (part,) in parts])

    said = check.call(model_on_digits, case=f"seed {seed}, on the test digits")
    check.shape(said, (len(x), 10), name="What the network says")
    return float(np.mean(np.argmax(said, axis=1) == nn.to_numpy(y)))
