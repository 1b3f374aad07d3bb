"""The checks of chapter 4's exercises: the artificial neural network."""

import math
from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.decisions import decisions, standardize_fold  # noqa: F401
from nnlearn.exercises.checks.normalization import batch_norm_backward, layer_norm_backward  # noqa: F401
from nnlearn.exercises.checks.trained import learns  # noqa: F401


def count_and_bound(parameters: Any, rank: Any, lowest_loss: Any) -> None:
    """4.1: parameters of a network, rank of a linear stack, loss of a linear stack on XOR."""
    check = Check("4.1", "count and bound", parameters, rank, lowest_loss)
    weights = 784 * 256 + 256 * 10
    check.number_close(
        parameters,
        weights + 256 + 10,
        hints={
            "These are the weights alone. Each neuron also has a bias": weights,
            "The input pixels are no neurons: they have no biases": weights + 784 + 256 + 10,
            "The neurons of the last layer have biases too": weights + 256,
            "Each layer has a matrix of its own: do their sizes multiply?": 784 * 256 * 10,
        },
        name="parameters",
    )
    check.number_close(
        rank,
        5,
        hints={"A product of matrices has no higher rank than any of its factors": 100},
        name="rank",
    )
    check.number_close(
        lowest_loss,
        math.log(2),
        hints={
            "Zero would mean that all four points are right": 0,
            "This is a probability. The loss is its negative logarithm": 0.5,
            "The loss of the course is in nats, with the natural logarithm": 1.0,
            "This is the sum over the four points. The mean is asked for": 4 * math.log(2),
            "This is rounded too far: two digits after the point are asked for": 0.7,
        },
        rtol=0.006,
        name="lowest_loss",
    )
    check.done()


def layer_in_columns(answer: Any) -> None:
    """4.2: a = relu(W X + b), entry by entry."""
    check = Check("4.2", "a layer in columns", answer, without=unaided.DENSE)
    for M, D, N in [(2, 2, 4), (3, 5, 1), (1, 4, 6)]:
        W, X, b = check.normal((M, D), (D, N), (M, 1))
        z = np.array(
            [
                [sum(W[i, j] * X[j, n] for j in range(D)) + b[i, 0] for n in range(N)]
                for i in range(M)
            ]
        )
        a = check.call(answer, W, X, b, case=f"M = {M} neurons, D = {D} inputs, N = {N} examples")
        check.shape(a, (M, N))
        check.close(
            a,
            np.maximum(z, 0),
            hints={
                "The activation is missing": z,
                "The bias is missing": np.maximum(z - b, 0),
                "The bias is added after the activation": np.maximum(z - b, 0) + b,
            },
        )
        check.close(a, nn.relu(nn.dense(X.T, W, b[:, 0])).T, name="Against the package, a")
    check.done()


def skip_backward(answer: Any) -> None:
    """4.3: the backward pass of y = x + relu(x Wᵀ + b)."""
    check = Check("4.3", "a skip connection", answer, without=unaided.GRADIENTS)

    def skip(x: Any, W: Any, b: Any) -> Any:
        return x + np.maximum(x @ W.T + b, 0)

    for N, D in [(5, 3), (4, 6), (1, 1)]:
        x, W, b, dy = check.normal((N, D), (D, D), D, (N, D))
        case = f"N = {N} examples, D = {D} inputs and outputs"
        dx, dW, db = check.unpack(check.call(answer, dy, x, W, b, case=case), "dx, dW, db")
        dz = dy * (x @ W.T + b > 0)
        mask = "The relu has a derivative too, and it is not 1 everywhere"
        dx_hints = {
            "x is used twice, and one way back is missing: the one that does not pass W": dz @ W,
            "x is used twice, and one way back is missing: the one through the layer": dy,
            mask: dy + dy @ W,
            "A matrix is on the wrong side: look at the indices of W": dy + dz @ W.T,
            "The mask is taken from y here. Is y what the relu was given?": (
                dy + (dy * (skip(x, W, b) > 0)) @ W
            ),
            "Both ways back pass the relu here. Does the shortcut?": dz + dz @ W,
        }
        check.gradient(dx, skip, x, W, b, wrt=0, seed=dy, name="dx", hints=dx_hints)
        check.gradient(dW, skip, x, W, b, wrt=1, seed=dy, name="dW", hints={mask: dy.T @ x})
        check.shape(db, (D,), name="db")
        check.gradient(db, skip, x, W, b, wrt=2, seed=dy, name="db", hints={mask: dy.sum(axis=0)})
    check.done()


def leaky_variance(answer: Any) -> None:
    """4.4: the variance of first weights that keeps the scale under leaky relu."""
    check = Check("4.4", "leaky initialisation", answer, without=unaided.INITIALIZERS)
    for D, slope in [(64, 0.2), (300, 0.5), (100, 0.0), (100, 1.0)]:
        v = check.call(answer, D, slope)
        right = 1 / (D * (0.5 + 0.5 * slope**2))  # one over D times the mean of the squared slopes
        check.number_close(
            v,
            right,
            hints={
                "This is right for relu. What do the negative z add?": 2 / D,
                "This is right without a bend. What does leaky relu do to the mean square?": 1 / D,
                "Each sign has only one half of the numbers z": right / 2,
                "This is turned over: the larger the mean square, the smaller the weights": (
                    1 / (D**2 * right)
                ),
                "A factor of z is squared when its mean square is taken": 2 / (D * (1 + slope)),
                "The square of a sum is not the sum of the squares": 2 / (D * (1 + slope) ** 2),
                "This is the standard deviation. The variance is asked for": math.sqrt(right),
            },
            name="The variance",
        )
    x = nn.leaky_relu(check.rng.normal(size=(500, 200)), slope=0.3)
    for _ in range(12):
        W = check.rng.normal(size=(200, 200)) * math.sqrt(
            check.number_of(check.call(answer, 200, 0.3), "The variance")
        )
        x = nn.leaky_relu(nn.dense(x, W, np.zeros(200)), slope=0.3)
    level = np.mean(x**2) / (0.5 + 0.5 * 0.3**2)
    check.that(
        0.4 < level < 2.5, f"After 12 layers the variance of z is {level:.2g} times as large"
    )
    check.done()


def inverted_dropout(answer: Any) -> None:
    """4.5: dropout with the division, and the same mask on the way back."""
    check = Check("4.5", "inverted dropout", answer, without=unaided.DROPOUT)

    def there(x: Any, p: float, seed: int, case: str) -> tuple[Any, ...]:
        result = check.call(answer, x, p, np.random.default_rng(seed), case=case)
        return check.unpack(result, "y, backward")

    for p in (0.25, 0.6):
        x, dy = np.full((400, 50), 2.0), np.full((400, 50), 3.0)
        y, backward = there(x, p, seed=1, case=f"20,000 numbers that are all 2.0, p = {p}")
        check.shape(y, x.shape, name="y")
        dropped = float(np.mean(y == 0))
        check.that(abs(dropped - p) < 0.03, f"A share of {dropped:.2f} is dropped, for p = {p}.")
        kept = y[y != 0]
        check.close(
            kept,
            np.full(kept.shape, 2 / (1 - p)),
            hints={
                "The mean over the draws is not x: look at what is divided": np.full(
                    kept.shape, 2.0
                ),
                "Divide by the probability of being kept": np.full(kept.shape, 2 / p),
            },
            name="What is not dropped",
        )
        dx = check.call(backward, dy, case=f"the backward function, p = {p}")
        check.that(
            np.all((dx == 0) == (y == 0)), "The way back must use the mask of the way there."
        )
        check.close(dx, y * 1.5, name="dx")
    first, again, other = (there(np.ones(99), 0.5, k, f"seed {k}, p = 0.5")[0] for k in (3, 3, 4))
    check.that(
        np.array_equal(first, again) and not np.array_equal(first, other),
        "The random numbers do not come from the generator that is given.",
    )
    y, _ = there(np.ones(9), 0.0, seed=2, case="p = 0")
    check.close(y, np.ones(9), name="y")
    check.done()


def interpolating_weights(answer: Any) -> None:
    """4.8: the weights of a network that goes through given points."""
    check = Check("4.8", "a network through given points", answer)
    for t, y in [
        (np.array([0.0, 1.0]), np.array([1.0, 3.0])),
        (np.array([-1.0, 0.0, 0.5, 2.0]), np.array([2.0, -1.0, 1.0, 1.5])),
        (np.sort(check.rng.uniform(-3, 3, size=9)), check.rng.normal(size=9)),
    ]:
        K = len(t) - 1
        result = check.call(answer, t, y, case=f"{K + 1} points")
        W1, b1, W2, b2 = check.unpack(result, "W1, b1, W2, b2")
        parts = {"W1": (W1, (K, 1)), "b1": (b1, (K,)), "W2": (W2, (1, K)), "b2": (b2, (1,))}
        for name, (value, shape) in parts.items():
            check.shape(value, shape, name=name)
        W1, b1, W2, b2 = (np.asarray(value, dtype=float) for value in (W1, b1, W2, b2))
        x = np.linspace(t[0], t[-1], 101)
        slopes = np.diff(y) / np.diff(t)
        awake = np.maximum(x[:, None] - t[:-1], 0)
        line = np.interp(x, t, y)
        check.close(
            nn.dense(nn.relu(nn.dense(x[:, None], W1, b1)), W2, b2)[:, 0],
            line,
            hints={
                "Each relu adds its slope to those that are awake already": y[0] + awake @ slopes,
                "The first point is not met": line - y[0],
                "The neurons do not wake up at the knots": (
                    y[0] + np.maximum(x[:, None] + t[:-1], 0) @ np.diff(slopes, prepend=0)
                ),
            },
            name="The network's output between the points",
            atol=1e-9,
        )
    check.done()
