"""Checks of the exercises of chapter 8 about the generator's gradient through its judge."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check


def _players(seed: int) -> Any:
    """Return two small players, with parameters on the host, where the check draws z."""
    G = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 2))
    D = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 1))
    drawn = G.init(seed, dtype="float64"), D.init(seed + 1, dtype="float64")
    params_G, params_D = (nn.Parameters(nn.to_numpy(p.vector), p.layout) for p in drawn)
    return G, params_G, D, params_D


def generator_gradient(answer: Any) -> None:
    """8.5: whose side is the generator on?"""
    check = Check("8.5", "whose side", answer, without=unaided.GAN_STEPS)
    for seed, count in ((0, 4), (5, 1), (9, 6)):
        G, params_G, D, params_D = _players(seed)
        z = check.rng.normal(size=(count, 2))
        case = f"two small players, seed {seed}, z {z.shape}"
        grads = check.call(answer, G, params_G, D, params_D, z, case=case)
        if not hasattr(grads, "vector"):
            check.fail(
                "Return the gradient of the generator's parameters, as `backward_G` gives it."
            )
        fake, backward_G = nn.vjp(G, params_G, z, wrt=0)
        logits, backward_D = nn.vjp(D, params_D, fake, wrt=1)

        def back(
            kind: Any,
            logits: Any = logits,
            backward_D: Any = backward_D,
            backward_G: Any = backward_G,
        ) -> Any:
            return backward_G(backward_D(nn.vjp(nn.generator_loss, logits, kind)[1]())).vector

        check.shape(grads.vector, params_G.vector.shape, name="The gradient")

        def loss(
            vector: Any,
            G: Any = G,
            D: Any = D,
            params_G: Any = params_G,
            params_D: Any = params_D,
            z: Any = z,
        ) -> Any:
            params = nn.Parameters(vector, params_G.layout)
            return nn.generator_loss(D(params_D, G(params, z)))

        check.gradient(
            grads.vector,
            loss,
            params_G.vector,
            hints={
                "It still goes down the judge's loss: a step against it helps the judge": (
                    -back("minimax")
                ),
                "The sign is turned: a step against it raises the generator's loss": (
                    -back("non-saturating")
                ),
                "This is the gradient of the minimax loss, the one that stops teaching": (
                    back("minimax")
                ),
            },
        )
    check.done()


def through_the_judge(answer: Any) -> None:
    """8.6: the generator's gradient through a judge, by hand."""
    check = Check("8.6", "through the judge", answer, without=unaided.GRADIENTS + unaided.LOSSES)
    for count, latent, size in ((4, 2, 3), (1, 1, 1), (6, 3, 2)):
        z, A, c, w = check.normal((count, latent), (size, latent), size, size)
        case = f"z {z.shape}, A {A.shape}"
        parts = check.unpack(check.call(answer, z, A, c, w, case=case), "dA, dc")

        def loss(A: Any, c: Any, z: Any = z, w: Any = w) -> Any:
            return np.mean(np.logaddexp(0, -np.tanh(z @ A.T + c) @ w))

        x = z @ A.T + c
        flat = -w / (1 + np.exp(np.tanh(x) @ w))[:, None]
        bent = flat * (1 - np.tanh(x) ** 2)
        usual = {
            "The loss is a mean: divide by the number of examples": bent,
            "The judge bends its input: the slope of tanh is missing": flat / count,
            "The signs are turned: a step against it would make D less sure": -bent / count,
            "The slope of tanh takes the square of what comes out, and not of what goes in": (
                flat * (1 - x**2) / count
            ),
        }
        mistakes = {text: (dx.T @ z, dx.sum(axis=0)) for text, dx in usual.items()}
        check.shapes(parts, (A, c), "dA, dc")
        check.gradients(parts, "dA, dc", loss, A, c, mistakes=mistakes)
    check.done()
