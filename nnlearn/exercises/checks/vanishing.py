"""Checks of the exercises of chapter 6 about gradients that vanish, stay or explode."""

import math
from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checking import Check


def _other_bounds(h: Any, W: Any) -> dict[str, Any]:
    """Return, as hints, what comes out where a norm or a slope of 6.5 is another one."""
    s, slopes, steps = np.linalg.norm(W, 2), 1 - h[1:] ** 2, len(h) - 1

    def product(slopes: Any, size: Any = s) -> Any:
        return np.prod(size * slopes.max(axis=1))

    return {
        "This is the coarse bound, with slope 1 everywhere": s**steps,
        "The spectral radius bounds long powers, not the product of different steps": product(
            slopes, np.abs(np.linalg.eigvals(W)).max()
        ),
        "The Frobenius norm is larger than needed": product(slopes, np.linalg.norm(W)),
        "A bound must hold for the unit with the largest slope, not on average": np.prod(
            s * slopes.mean(axis=1)
        ),
        "From the first state to the last there is one step fewer than there are states": product(
            1 - h**2
        ),
        "These are the slopes at the states that the steps start from": product(1 - h[:-1] ** 2),
        "This is the slope of the sigmoid, in terms of what it gives": product(h[1:] * (1 - h[1:])),
        "h is what tanh gives already: there is one tanh too many": product(
            1 - np.tanh(h[1:]) ** 2
        ),
        "Each step has a largest slope of its own": (s * slopes.max()) ** steps,
        "This bound is finer still. The one that is asked for takes matrix and slope apart": (
            np.prod([np.linalg.norm(slope[:, None] * W, 2) for slope in slopes])
        ),
    }


def bound(answer: Any) -> None:
    """6.5: the finer of the two bounds, from the slopes that there were."""
    check = Check("6.5", "a bound from the slopes", answer)
    for T, H, strength in [(2, 3, 0.5), (6, 4, 1.0), (12, 5, 0.1)]:
        x = strength * check.rng.normal(size=(T, 1, H))
        W = check.rng.normal(size=(H, H)) / math.sqrt(H)
        h = nn.rnn(x, np.zeros((1, H)), np.eye(H), W, np.zeros(H))[:, 0]
        case = f"{T} states of {H} units, inputs of size {strength}"
        value = check.number_of(check.call(answer, h, W, case=case), "The bound")
        road = np.eye(H)
        for h_j in h[:0:-1]:
            road = road @ np.diag(1 - h_j**2) @ W
        measured = np.linalg.norm(road, 2)
        right = np.prod(np.linalg.norm(W, 2) * (1 - h[1:] ** 2).max(axis=1))
        check.close(value, right, _other_bounds(h, W), name="The bound")
        check.that(
            value >= measured * (1 - 1e-9), f"The gradient that was measured, {measured:.3g}, "
            "is above it."
        )  # fmt: skip
    check.done()


def latch(state: Any, gradient: Any, least_weight: Any) -> None:
    """6.6: one unit that keeps a bit."""
    check = Check("6.6", "a unit that keeps a bit", state, gradient, least_weight)
    h, slope = 0.1, 1.0
    for _ in range(100):
        h = math.tanh(2 * h)
        slope *= 2 * (1 - h * h)
    check.number_close(
        state,
        h,
        hints={
            "It does not fade: near zero each step doubles it": 0.0,
            "tanh never reaches 1. Where does h = tanh(2h) hold?": 1.0,
            "This is where it starts": 0.1,
        },
        rtol=0.006,
        name="state",
    )
    said = check.choice(gradient, ["vanishes", "stays", "explodes"], "gradient")
    reasons = {
        "explodes": "The slope is 2 only at h = 0. What is 2 (1 − h²) where the unit stays?",
        "stays": "For that, 2 (1 − h²) would have to be 1 where the unit stays.",
    }
    check.that(said == "vanishes" and slope < 1e-20, reasons.get(said, ""))
    check.number_close(
        least_weight,
        1.0,
        hints={
            "With this weight it works. It works with a smaller one too": 2.0,
            "With this weight the unit forgets: h = 0 attracts it": 0.5,
            "At zero nothing of the state before arrives": 0.0,
        },
        name="least_weight",
    )
    check.done()


def alive(radius: Any) -> None:
    """6.7: the radius at which the gradient survives 40 steps."""
    check = Check("6.7", "keep it alive", radius)
    value = check.number_of(radius, "radius")
    check.that(value > 0, "A radius is positive.")
    typical = math.exp(np.mean([math.log(surviving(value, seed)) for seed in range(4)]))
    case = f"radius {value:g}, four draws of the inputs"
    check.that(
        typical > 0.5,
        f"After 40 steps about {typical:.1g} of the gradient is left: it vanishes.",
        case=case,
    )
    check.that(
        typical < 2,
        f"After 40 steps the gradient is about {typical:.3g} times as long: it explodes.",
        case=case,
    )
    check.done()


def surviving(radius: Any, seed: int, T: int = 41, H: int = 32, strength: Any = 0.1) -> float:
    """Return the gradient's length at the first state, for a gradient of length 1 at the last.

    The recurrent matrix is orthogonal times `radius`, the inputs are noise of size 0.1.
    """
    rng = np.random.default_rng(seed)
    W = radius * np.linalg.qr(rng.normal(size=(H, H)))[0]
    x = strength * rng.normal(size=(T, 1, H))
    h = nn.rnn(x, np.zeros((1, H)), np.eye(H), W, np.zeros(H))
    g = np.zeros((T - 1, 1, H))
    g[-1] = 1 / math.sqrt(H)
    _, backward = nn.vjp(nn.rnn, x[1:], h[0], np.eye(H), W, np.zeros(H), wrt=1)
    return float(np.linalg.norm(backward(g)))
