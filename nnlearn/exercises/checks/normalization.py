"""Checks of the exercises of chapter 4 about the way back through normalisation."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checking import Check

EPS = 1e-5


def batch_norm_backward(answer: Any) -> None:
    """4.6: the gradient of batch normalisation by its input."""
    check = Check("4.6", "batch normalisation's way back", answer)
    for N, D in [(3, 1), (6, 3), (9, 2)]:
        x = check.rng.normal(loc=2, scale=3, size=(N, D))
        gamma, dy = check.rng.normal(size=D), check.rng.normal(size=(N, D))
        dx = check.call(answer, dy, x, gamma, case=f"N = {N} examples, D = {D} features")
        check.shape(dx, (N, D), name="dx")
        s = np.sqrt(x.var(axis=0) + EPS)
        x_hat, g = (x - x.mean(axis=0)) / s, gamma * dy
        stretch = x_hat * (g * x_hat).mean(axis=0)
        check.gradient(
            dx,
            lambda x, gamma=gamma: nn.batch_norm(x, gamma, np.zeros_like(gamma), eps=EPS),
            x,
            seed=dy,
            hints={
                "The scale depends on x as well": (g - g.mean(axis=0)) / s,
                "The mean depends on x as well": (g - stretch) / s,
                "Both the mean and the scale depend on x": g / s,
                "A factor is missing in front of everything": g - g.mean(axis=0) - stretch,
            },
            name="dx",
        )
    check.done()


def layer_norm_backward(answer: Any) -> None:
    """4.7: the gradient of layer normalisation by its input."""
    check = Check("4.7", "layer normalisation's way back", answer)
    for N, D in [(1, 4), (5, 3), (2, 8)]:
        x = check.rng.normal(loc=-1, scale=2, size=(N, D))
        gamma, dy = check.rng.normal(size=D), check.rng.normal(size=(N, D))
        dx = check.call(answer, dy, x, gamma, case=f"N = {N} examples, D = {D} features")
        check.shape(dx, (N, D), name="dx")
        s = np.sqrt(x.var(axis=1, keepdims=True) + EPS)
        x_hat = (x - x.mean(axis=1, keepdims=True)) / s

        def way_back(g: Any, axis: Any = 1, x_hat: Any = x_hat, s: Any = s) -> Any:
            mean, part = g.mean(axis=axis, keepdims=True), g * x_hat
            return (g - mean - x_hat * part.mean(axis=axis, keepdims=True)) / s

        check.gradient(
            dx,
            lambda x, gamma=gamma: nn.layer_norm(x, gamma, np.zeros_like(gamma), eps=EPS),
            x,
            seed=dy,
            hints={
                "γ is not the same for all terms of the sums: it cannot stand in front": gamma
                * way_back(dy),
                "γ is missing": way_back(dy),
                "The means run over the examples here; for this layer they do not": way_back(
                    gamma * dy, axis=0
                ),
            },
            name="dx",
        )
    check.done()
