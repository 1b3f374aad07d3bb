"""The check of exercise 10.10: an operation that the tape did not know."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check


def own_operation(log_sum_exp: Any, cross_entropy: Any) -> None:
    """10.10: log Σ exp as an operation, and a loss that is recorded with it."""
    check = Check(
        "10.10",
        "an operation of your own",
        log_sum_exp,
        cross_entropy,
        without=unaided.LOSSES + unaided.LOGARITHMS,
    )
    for shape in ((3,), (2, 4), (2, 3, 4)):
        x, dy = check.normal(shape, shape[:-1])
        dy = np.asarray(dy)
        case = f"x of shape {shape}"
        y, backward = check.unpack(check.call(nn.vjp, log_sum_exp, x, case=case), "value, backward")
        expected = np.logaddexp.reduce(x, axis=-1)
        hints = {
            "This is the sum over all axes. Only the last one is asked for": (
                np.logaddexp.reduce(x, axis=None)
            ),
            "The logarithm is missing": np.exp(x).sum(axis=-1),
            "This is the largest one alone. The sum is a little more": x.max(axis=-1),
            "This is the logarithm of the mean": expected - np.log(shape[-1]),
            "The largest was taken away first, and is not added again": expected - x.max(axis=-1),
        }
        check.close(y, expected, hints, name="The value")
        dx = check.call(backward, dy, case=case)
        p = np.exp(x - expected[..., None])
        hints = {
            "What comes in, dy, is missing": p,
            "This is dy for all alike. A larger x has a larger share": dy[..., None] + 0 * x,
            "The exponentials are not divided by their sum": dy[..., None] * np.exp(x),
            "The exponentials are divided by the logarithm of the sum": (
                dy[..., None] * np.exp(x) / expected[..., None]
            ),
            "The largest is taken away in the numerator, and not in the sum": (
                dy[..., None] * p * np.exp(-x.max(axis=-1, keepdims=True))
            ),
        }
        check.gradient(
            dx, lambda x: np.logaddexp.reduce(x, axis=-1), x, seed=dy, hints=hints, name="dx"
        )
    huge = np.array([[1000.0, 999.0, -1000.0], [-1000.0, -1001.0, -1002.0]])
    y, backward = check.call(nn.vjp, log_sum_exp, huge)
    check.no_warnings("Take the largest x away before the exponential, and add it at the end.")
    check.close(y, np.logaddexp.reduce(huge, axis=-1), name="The value")
    dx = check.call(backward, np.ones(2), case="the gradient for these numbers")
    check.no_warnings("Take the largest x away before the exponential.")
    check.close(dx, nn.softmax(huge), name="dx")
    for N, K in ((1, 3), (5, 4)):
        z, v = check.normal((N, K), (N, K))
        _loss(check, cross_entropy, z, v, check.rng.integers(K, size=N))
    check.done()


def _loss(check: Check, cross_entropy: Any, z: Any, v: Any, labels: Any) -> None:
    """Compare the recorded loss with the package's own: value, gradient and curvature."""
    t = np.eye(z.shape[1])[labels]
    case = f"cross_entropy of z and t, {z.shape}"
    value, backward = check.call(nn.vjp, cross_entropy, z, t, wrt=0, case=case)
    expected, known = nn.vjp(nn.softmax_cross_entropy, z, labels)
    each = np.logaddexp.reduce(z, axis=-1) - z[np.arange(len(z)), labels]
    hints = {
        "This is the sum over the examples, not their mean": expected * len(z),
        "The sign is the wrong way round": -expected,
        "The logit of the right class is missing": np.logaddexp.reduce(z, axis=-1).mean(),
        "There is a loss for each example. What is asked for is their mean": each,
        "The mean goes over the examples. Over the classes it is a sum": (
            (np.logaddexp.reduce(z, axis=-1)[:, None] - t * z).mean()
        ),
    }
    check.close(value, expected, hints, name="The loss")
    check.close(check.call(backward, case=case), known(), name="Its gradient")
    case = "nn.hvp of your loss. It sends dual numbers through, which xp's functions know"
    found = check.call(nn.hvp, cross_entropy, z, t, direction=v, case=case)
    right = nn.hvp(nn.softmax_cross_entropy, z, labels, direction=v)
    check.close(found, right, name="H v")
