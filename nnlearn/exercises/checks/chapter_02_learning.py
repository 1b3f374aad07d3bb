"""Checks of the exercises of chapter 2, learning."""

import functools
import math
from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.valleys import (  # noqa: F401
    factors,
    faster_than_descent,
    patients_valley,
    stretched_valley,
    walk,
)


def poisson_loss(answer: Any) -> None:
    """Check exercise 2.1: the loss of counts, from the Poisson distribution, and its gradient."""
    check = Check("2.1", "a loss for counts", answer, without=unaided.GRADIENTS)
    for n in (1, 4):
        z, y = check.rng.normal(size=n), check.rng.poisson(2.0, size=n).astype(float)
        loss, gradient = check.unpack(check.call(answer, z, y), "loss, gradient")
        check.shape(loss, (), name="The loss")
        terms = np.exp(z) - y * z
        hints = {
            "A loss is a mean over the examples, not a sum": terms.sum(),
            "Minus the logarithm of the likelihood: something to be made small": -terms.mean(),
            "The mean count is e^z, not z": np.mean(z - y * np.log(np.abs(z))),
            "log y! does not depend on z: leave it out": np.mean(
                terms + [math.lgamma(count + 1) for count in y]
            ),
        }
        check.close(loss, terms.mean(), hints, name="The loss")
        errors = np.exp(z) - y
        hints = {
            "The loss is a mean, so its gradient holds a 1/N": errors,
            "Which way does the loss rise? The sign of the gradient is turned": -errors / n,
            "What is the derivative of e^z by z?": (1 - y) / n,
            "What the model expects is e^z, the mean count, not z": (z - y) / n,
        }
        check.close(gradient, errors / n, hints, name="The gradient")

        def only_the_loss(z: Any, y: Any = y) -> Any:
            return check.unpack(answer(z, y), "loss, gradient")[0]

        check.gradient(gradient, only_the_loss, z)
    check.done()


def softmax_backward(answer: Any) -> None:
    """Check exercise 2.2: the vector-Jacobian product of the softmax, for a batch."""
    check = Check("2.2", "backward of the softmax", answer, without=unaided.GRADIENTS)
    for shape in ((3,), (5, 3), (2, 3, 4)):
        z, dp = check.rng.normal(size=(2, *shape))
        p = nn.softmax(z)
        case = f"p and dp of shape {shape}"
        dz = check.call(answer, p, dp, case=case)
        check.shape(dz, shape, name="dz")
        hints = {
            "A probability falls when another one's logit rises: those ways are missing": p * dp,
            "That is the sigmoid's derivative; the softmax's Jacobian has more": p * (1 - p) * dp,
            "Each example (row) has its own weighted mean: sum over the classes only": p
            * (dp - np.sum(dp * p)),
            "Sum over the classes (the last axis), not over the batch": p
            * (dp - np.sum(dp * p, axis=0)),
            "The mean to be subtracted is weighted by p": p
            * (dp - np.mean(dp, axis=-1, keepdims=True)),
            "The sum to be subtracted is weighted by p": p
            * (dp - np.sum(dp, axis=-1, keepdims=True)),
            "The factor p in front is missing": dp - np.sum(dp * p, axis=-1, keepdims=True),
        }
        _, backward = nn.vjp(nn.softmax, z)
        check.close(dz, backward(dp), hints, name="dz")
        check.gradient(dz, nn.softmax, z, seed=dp, name="dz")
    p = nn.softmax(check.rng.normal(size=(4, 5)))
    dz = check.call(answer, p, np.ones((4, 5)), case="dp is 1 everywhere")
    message = "All probabilities sum to 1, so a gradient that is the same for all moves nothing"
    check.that(np.abs(dz) < 1e-12, message)
    linear = functools.partial(answer, p)  # the Jacobian of the softmax is its own transpose
    check.adjoint(linear, linear, (4, 5), (4, 5), case="u and v for dp")
    check.done()


def stable_cross_entropy(answer: Any) -> None:
    """Check exercise 2.3: the cross-entropy of logits, exact for small and for huge ones."""
    check = Check("2.3", "cross-entropy of huge logits", answer, without=unaided.NUMPY_ONLY)
    z, y = check.rng.normal(size=6), np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.3])
    check.close(check.call(answer, z, y), nn.sigmoid_cross_entropy(z, y), name="The loss")
    for right in (False, True):
        for logit in (-40.0, 40.0, -1e4, 1e4):
            truth = float((logit > 0) == right)
            z, y = np.array([logit]), np.array([truth])
            loss = check.call(answer, z, y)
            check.no_warnings("Which exponential overflows? Use one that never does, e^(-|z|).")
            expected = max(logit, 0) - truth * logit + np.log1p(np.exp(-abs(logit)))
            stuck = np.size(loss) == 1 and 10 < np.max(loss) < expected - 1
            lost = "A small loss is not zero: log(1 + e) forgets a tiny e, np.log1p does not"
            if logit > 0:
                lost = "A tiny logarithm is lost beside a z that cancels later: what comes first?"
            hints = {
                lost: 0.0,
                "It stops growing: a probability kept away from 0 forgets how wrong it is": (
                    loss if stuck else np.nan
                ),
            }
            check.close(loss, expected, hints, atol=1e-30 if right else 1e-12, name="The loss")
    z, y = np.array([1e4, -1e4, 1e4]), np.array([1.0, 0.0, 0.0])
    check.close(check.call(answer, z, y), 1e4 / 3, name="The loss of three")
    check.done()


def nesterov_step(answer: Any) -> None:
    """Check exercise 2.5: Nesterov's momentum, as it was written: the gradient taken ahead."""
    check = Check("2.5", "Nesterov looks ahead", answer, without=unaided.OPTIMIZERS)
    A = np.array([[3.0, 1.0], [1.0, 2.0]])
    rate, mu = 0.2, 0.6
    theta, v = check.rng.normal(size=(2, 2))
    for case, start in {"the first step, v = 0": 0 * v, "a later step": v}.items():
        result = check.call(answer, theta, start, A.__matmul__, rate, mu, case=case)
        new_theta, new_v = check.unpack(result, "theta, v")

        ahead = A @ (theta - rate * mu * start)
        hints = _velocity_mistakes(A, theta, start, rate, mu)
        right = mu * start + ahead
        check.close(new_v, right, hints, name="The new velocity")
        hints = {
            "The step uses the new velocity, not the old one": theta - rate * start,
            "The velocity is a sum of gradients: it points uphill": theta + rate * right,
            "Start from theta, not from the point ahead": theta - rate * (mu * start + right),
            "That is the package's step, of the point ahead; here θ itself is kept": theta
            - rate * (ahead + mu * right),
        }
        check.close(new_theta, theta - rate * right, hints, name="The new theta")

    points, v = theta, np.zeros(2)
    for _ in range(6):
        step = check.call(answer, points, v, A.__matmul__, rate, mu, case="six steps")
        points, v = map(np.asarray, check.unpack(step, "theta, v"))
    optimizer = nn.SGD(rate, momentum=mu, nesterov=True)
    shifted = walk(optimizer, A, 6, start=theta)[-1]
    check.close(
        points - rate * mu * v, shifted, name="θ - η μ v", case="six steps, then the package"
    )
    check.done()


def _velocity_mistakes(A: Any, theta: Any, v: Any, rate: float, mu: float) -> dict[str, Any]:
    """Return what the usual mistakes make of the new velocity."""

    def velocity(look: float) -> Any:
        return mu * v + A @ (theta - look * v)

    ahead = A @ (theta - rate * mu * v)
    return {
        "Plain momentum: the gradient is to be taken where the velocity carries us": velocity(0),
        "The look ahead goes the wrong way: a step is minus η v": velocity(-rate * mu),
        "Look ahead by η μ v: the gradient was taken one whole μ v away": velocity(mu),
        "Look ahead by η μ v, not by η v": velocity(rate),
        "The velocity is μ times the old one plus the whole gradient": mu * v + (1 - mu) * ahead,
        "η does not belong in this velocity: it comes in with the step": mu * v + rate * ahead,
        "This velocity is a sum of gradients: neither η nor a minus is in it": mu * v
        - rate * ahead,
    }


def adam_step(answer: Any) -> None:
    """Check exercise 2.6: a step of Adam, and its memory."""
    check = Check("2.6", "Adam repaired", answer, without=unaided.OPTIMIZERS)
    settings: dict[str, Any] = {"rate": 0.1, "beta1": 0.8, "beta2": 0.9, "eps": 0.01}
    params = nn.Parameters(check.rng.normal(size=3), {"theta": (3,)})
    optimizer = nn.Adam(0.1, betas=(0.8, 0.9), eps=0.01)
    m, s = np.zeros(3), np.zeros(3)
    for t in (1, 2, 3):
        g, theta = check.rng.normal(size=3) * [0.1, 1, 10], params.vector.copy()
        case = f"step t = {t}, gradient {np.round(g, 2)}"
        result = check.call(answer, theta, m, s, g, t, **settings, case=case)
        new_theta, new_m, new_s = check.unpack(result, "theta, m, s")
        optimizer.step(params, nn.Parameters(g, params.layout))
        old_m, old_s = m, s
        m, s = (optimizer.memory[name].copy() for name in ("mean", "square"))
        hints = {
            "Return m as it is kept, without the correction": m / (1 - 0.8**t),
            "That is a sum of gradients, as in momentum; m is a running mean": 0.8 * old_m + g,
            "m has the wrong β": 0.9 * old_m + 0.1 * g,
        }
        check.close(new_m, m, hints, name="m")
        hints = {
            "Return s as it is kept, without the correction": s / (1 - 0.9**t),
            "s is the mean of the *squared* gradient": 0.9 * old_s + 0.1 * g,
            "s has the wrong β": 0.8 * old_s + 0.2 * g**2,
        }
        check.close(new_s, s, hints, name="s")
        check.close(new_theta, params.vector, _adam_mistakes(theta, m, s, t), name="theta")
    check.done()


def _adam_mistakes(theta: Any, m: Any, s: Any, t: Any) -> dict[str, Any]:
    """Return what the usual mistakes in the step lead to."""
    rate, eps, m_hat, s_hat = 0.1, 0.01, m / (1 - 0.8**t), s / (1 - 0.9**t)
    m_other, s_other = m / (1 - 0.9**t), s / (1 - 0.8**t)
    return {
        "Both faults of the given cell are still there, in a correction and in the step": theta
        - rate * m_hat / np.sqrt(s_other + eps),
        "m is corrected with the β of s": theta - rate * m_other / (np.sqrt(s_hat) + eps),
        "Each moment is corrected with the β of the other one": theta
        - rate * m_other / (np.sqrt(s_other) + eps),
        "ε stands outside the root, and not as its square": theta
        - rate * m_hat / np.sqrt(s_hat + eps**2),
        "m is not corrected for its start at zero": theta - rate * m / (np.sqrt(s_hat) + eps),
        "s is not corrected for its start at zero": theta - rate * m_hat / (np.sqrt(s) + eps),
        "Neither m nor s is corrected for its start at zero": theta - rate * m / (np.sqrt(s) + eps),
        "Each moment has its own β in the correction": theta
        - rate * m_hat / (np.sqrt(s_other) + eps),
        "Steps count from 1: t is the step that is being taken": theta
        - rate * (m / (1 - 0.8 ** (t + 1))) / (np.sqrt(s / (1 - 0.9 ** (t + 1))) + eps),
        "ε stands outside the root": theta - rate * m_hat / np.sqrt(s_hat + eps),
        "The root of s is missing": theta - rate * m_hat / (s_hat + eps),
        "The step goes uphill": theta + rate * m_hat / (np.sqrt(s_hat) + eps),
    }
