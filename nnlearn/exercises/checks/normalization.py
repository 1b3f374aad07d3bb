"""Checks of the exercises of chapter 4 about the way back through normalisation."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check

EPS = 1e-5


def _statistics(x: Any, axis: int) -> tuple[Any, Any]:
    """Return the normalised x and the scale that it was divided by."""
    s = np.sqrt(x.var(axis=axis, keepdims=True) + EPS)
    return (x - x.mean(axis=axis, keepdims=True)) / s, s


def _way_back(g: Any, x_hat: Any, s: Any, axis: int) -> Any:
    mean, part = g.mean(axis=axis, keepdims=True), g * x_hat
    return (g - mean - x_hat * part.mean(axis=axis, keepdims=True)) / s


def _slips(dy: Any, gamma: Any, x: Any, axis: int, among: str) -> dict[str, Any]:
    """Return, as hints, what the usual slips make of the way back along an axis."""

    def mean(values: Any) -> Any:
        return values.mean(axis=axis, keepdims=True)

    x_hat, s = _statistics(x, axis)
    g = gamma * dy
    m, along = mean(g), mean(g * x_hat)
    return {
        "The scale depends on x as well": (g - m) / s,
        "The mean depends on x as well": (g - x_hat * along) / s,
        "Both the mean and the scale depend on x": g / s,
        "A factor is missing in front of everything": g - m - x_hat * along,
        f"A sum over the {among} is not a mean yet": (g - x.shape[axis] * (m + x_hat * along)) / s,
        "One of the three terms has the wrong sign": (g - m + x_hat * along) / s,
        f"Your last term is the same for all {among}. Should it be?": (g - m - along) / s,
        "In the last term it is not the gradient alone that is averaged": (g - m - x_hat * m) / s,
        "γ is missing in the mean of the gradient": (g - mean(dy) - x_hat * along) / s,
        "γ is missing in the last term": (g - m - x_hat * mean(dy * x_hat)) / s,
    }


def batch_norm_backward(answer: Any) -> None:
    """4.6: the gradient of batch normalisation by its input."""
    check = Check(
        "4.6",
        "batch normalisation's way back",
        answer,
        without=unaided.GRADIENTS + unaided.NORMALIZATION,
    )
    for N, D in [(6, 3), (9, 2), (3, 1)]:
        x = check.rng.normal(loc=2, scale=3, size=(N, D))
        gamma, dy = check.rng.normal(size=D), check.rng.normal(size=(N, D))
        dx = check.call(answer, dy, x, gamma, case=f"N = {N} examples, D = {D} features")
        check.shape(dx, (N, D), name="dx")
        check.gradient(
            dx,
            lambda x, gamma=gamma: nn.batch_norm(x, gamma, np.zeros_like(gamma), eps=EPS),
            x,
            seed=dy,
            hints=_slips(dy, gamma, x, axis=0, among="examples"),
            name="dx",
        )
    check.done()


def layer_norm_backward(answer: Any) -> None:
    """4.7: the gradient of layer normalisation by its input."""
    check = Check(
        "4.7",
        "layer normalisation's way back",
        answer,
        without=unaided.GRADIENTS + unaided.NORMALIZATION,
    )
    for N, D in [(5, 3), (2, 8), (1, 4)]:
        x = check.rng.normal(loc=-1, scale=2, size=(N, D))
        gamma, dy = check.rng.normal(size=D), check.rng.normal(size=(N, D))
        dx = check.call(answer, dy, x, gamma, case=f"N = {N} examples, D = {D} features")
        check.shape(dx, (N, D), name="dx")
        x_hat, s = _statistics(x, axis=1)
        without = _way_back(dy, x_hat, s, axis=1)
        hints = {
            "γ is not the same for all terms of the sums: it cannot stand in front": (
                gamma * without
            ),
            "γ is missing": without,
            "The means run over the examples here; for this layer they do not": (
                _way_back(gamma * dy, x_hat, s, axis=0)
            ),
            "This is the way back of batch normalisation": (
                _way_back(gamma * dy, *_statistics(x, axis=0), axis=0)
            ),
        }
        check.gradient(
            dx,
            lambda x, gamma=gamma: nn.layer_norm(x, gamma, np.zeros_like(gamma), eps=EPS),
            x,
            seed=dy,
            hints=hints | _slips(dy, gamma, x, axis=1, among="features"),
            name="dx",
        )
    check.done()
