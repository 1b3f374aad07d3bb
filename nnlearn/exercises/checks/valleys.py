"""Checks of the exercises of chapter 2 that walk: what a rule of descent makes of a valley."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checking import Check


def stretched_valley(
    largest_rate: Any, best_rate: Any, contraction: Any, steps: Any, momentum_contraction: Any
) -> None:
    """Check exercise 2.4: five predictions about a valley, against walks of the package."""
    answers = (largest_rate, best_rate, contraction, steps, momentum_contraction)
    check = Check("2.4", "a valley, predicted", *answers)
    A = np.array([[5.0, 4.0], [4.0, 5.0]])
    rate = _rates(check, A, largest_rate, best_rate)
    distance = np.linalg.norm(walk(nn.SGD(rate), A, 60), axis=1)

    hints = {
        "That is the gain of a step; what is left of the distance?": 0.2,
        "That is momentum's, with √κ": 0.5,
        "That is the rate 1/λ_max, not the best one": 8 / 9,
        "A distance is never negative, even if each step changes sides": -0.8,
    }
    rho = check.number_close(contraction, 0.8, hints, rtol=1e-3, name="contraction")
    check.close(rho, (distance[60] / distance[40]) ** 0.05, rtol=1e-3, name="contraction")

    hints = {
        "One too few: that is not yet a thousandth": 30.0,
        "Steps come whole: which number of them is enough?": np.log(1000) / -np.log(0.8),
        "A power of ten is not a power of e: use one logarithm for both numbers": np.ceil(
            3 / -np.log(0.8)
        ),
        "ρᵗ = 1/1000: the logarithm of 1000 is in the numerator": np.ceil(1000 * (1 - 0.8)),
    }
    walked = float(np.argmax(distance <= distance[0] / 1000))
    check.number_close(steps, walked, hints, atol=0.01, rtol=0, name="steps")

    hints = {
        "Momentum puts √κ in place of κ": 0.8,
        "That is μ; the distance shrinks by √μ a step": 0.25,
    }
    name = "momentum_contraction"
    rho = check.number_close(momentum_contraction, 0.5, hints, rtol=1e-3, name=name)
    distance = np.linalg.norm(walk(nn.SGD(1 / 4, momentum=1 / 4), A, 40), axis=1)
    # The two roots are one, so the distance goes like t ρᵗ: in 20 steps, 2 ρ²⁰.
    check.close(rho, (distance[40] / distance[20] / 2) ** 0.05, rtol=5e-3, name=name)
    check.done()


def _rates(check: Check, A: Any, largest_rate: Any, best_rate: Any) -> float:
    """Check the two rates of exercise 2.4, and return the best one."""
    low, high = 1.0, 9.0
    hints = {
        "The eigenvalues of A are not its diagonal entries": 2 / 5,
        "1/λ_max is the rate at which the steepest direction is solved in one step": 1 / high,
        "The steepest direction breaks first: which eigenvalue is that?": 2 / low,
        "That is the best rate; how far can one go before it breaks?": 2 / (low + high),
    }
    rate = check.number_close(largest_rate, 2 / high, hints, rtol=1e-3, name="largest_rate")
    ends = [np.linalg.norm(walk(nn.SGD(rate * f), A, 400)[-1]) for f in (0.98, 1.02)]
    check.that(ends[0] < 1e-2 < 1e2 < ends[1], "A walk does not confirm largest_rate")

    hints = {
        "With the largest rate the steepest direction does not shrink at all": 2 / high,
        "1/λ_max solves the steepest direction; the flattest could go faster": 1 / high,
        "The mean of the eigenvalues, but half of what the two extremes allow": 1 / (low + high),
    }
    return check.number_close(best_rate, 2 / (low + high), hints, rtol=1e-3, name="best_rate")


def factors(
    sgd_factor: Any, momentum_factor: Any, adam_factor: Any, first_step: Any, noise_factor: Any
) -> None:
    """Check exercise 2.7: what a change of scale does to a step, measured on the package."""
    answers = (sgd_factor, momentum_factor, adam_factor, first_step, noise_factor)
    check = Check("2.7", "what a step sees", *answers)
    gradients = check.rng.normal(size=(20, 4))
    rules = {
        "sgd_factor": (sgd_factor, nn.SGD(0.1), nn.SGD(0.1)),
        "momentum_factor": (momentum_factor, *(nn.SGD(0.1, momentum=0.9) for _ in range(2))),
        "adam_factor": (adam_factor, *(nn.Adam(0.1, eps=0) for _ in range(2))),
    }
    for name, (answer, one, other) in rules.items():
        moves = [move(rule, c * gradients) for rule, c in ((one, 1), (other, 1000))]
        measured = float(np.mean(moves[1] / moves[0]))
        hints = {
            "The gradient grows by 1,000; what does the rule do with it?": (
                1.0 if measured > 1 else 1000.0
            ),
            "Both moments grow, the mean by c and the mean square by c²: divide": 1e-3,
            "The velocity is a sum of gradients, not of their squares": 1e6,
            "1/(1 − μ) is the same before and after": 1e4,
        }
        check.number_close(answer, measured, hints, rtol=1e-6, name=name)
    step = -move(nn.Adam(0.01), np.full((1, 1), 0.003))[0]
    hints = {
        "That is gradient descent's step, η g": 3e-5,
        "Without the bias correction it would be 3.16 times too long": 0.0316,
        "Not corrected for the start at zero? Then m is 0.1 g": 1e-3,
        "theta moves against the gradient, and the *length* is asked": -0.01,
        "The gradient divided by its own size is 1": 0.003,
    }
    check.number_close(first_step, step, hints, rtol=0.01, name="first_step")
    hints = {
        "That is the factor of the variance; the deviation is its root": 0.25,
        "How many times 32 is 128?": 2**-0.5,
        "Larger batches are less noisy, not more": 2.0,
        "Larger batches are less noisy, not more; and the deviation is a root": 4.0,
    }
    answer = check.number_close(noise_factor, 0.5, hints, rtol=0.01, name="noise_factor")
    each, deviations = check.rng.normal(size=100_000), []
    for size in (32, 128):
        part = each[: each.size // size * size].reshape(-1, size)
        deviations.append(part.mean(axis=1).std())
    measured = deviations[1] / deviations[0]
    check.that(abs(answer - measured) < 0.1, "100,000 draws do not confirm noise_factor")
    check.done()


def faster_than_descent(rate: Any, momentum: Any) -> None:
    """Check exercise 2.8: settings that walk the patients' valley in 250 steps."""
    check = Check("2.8", "faster than gradient descent", rate, momentum)
    rate, momentum = check.number_of(rate, "rate"), check.number_of(momentum, "momentum")
    check.that(rate > 0, "rate must be greater than 0.")
    check.that(0 <= momentum < 1, "momentum must lie between 0 and 1, without 1.")
    A = patients_valley()
    low, *_, high = np.linalg.eigvalsh(A)
    case = f"rate = {rate:.4g}, momentum = {momentum:.4g}"
    message = "The walk diverges: the rate is too large for the steepest direction."
    check.that(rate * high < 2 * (1 + momentum), message, case=case)
    start = np.ones(len(A))
    distance = np.linalg.norm(walk(nn.SGD(rate, momentum=momentum), A, 250, start), axis=1)
    left = distance[-1] / distance[0]
    slow = "" if momentum else " Gradient descent cannot do it at any rate: κ is about 470."
    if momentum and rate * low < (1 - np.sqrt(momentum)) ** 2:
        slow = " The flattest direction still creeps: more momentum, or a larger rate."
    elif momentum:
        slow = " The flattest direction swings: all are as slow as √μ; less momentum would do."
    message = f"After 250 steps {left:.1e} of the distance is left; a millionth is asked.{slow}"
    check.that(left < 1e-6, message)
    check.done()


def patients_valley() -> Any:
    """Return A of eq-quadratic for all 442 patients with diabetes, standardized."""
    from sklearn.datasets import load_diabetes

    x = nn.data.standardize_columns(load_diabetes(scaled=False).data)
    X = np.hstack([x, np.ones((len(x), 1))])
    return 2 / len(X) * X.T @ X


def walk(optimizer: Any, A: Any, steps: Any, start: Any = (3.0, -1.0)) -> Any:
    """Return the points of a walk down ½ θᵀ A θ."""
    params = nn.Parameters(np.array(start, dtype=float), {"theta": (len(A),)})
    path = [params.vector.copy()]
    for _ in range(steps):
        optimizer.step(params, nn.Parameters(A @ params.vector, params.layout))
        path.append(params.vector.copy())
    return np.array(path)


def move(optimizer: Any, gradients: Any) -> Any:
    """Return how far a stream of gradients moves parameters that begin at zero."""
    params = nn.Parameters(np.zeros(gradients.shape[1]), {"theta": gradients.shape[1:]})
    for g in gradients:
        optimizer.step(params, nn.Parameters(g, params.layout))
    return params.vector
