"""Checks of the exercises of chapter 10 about curvature: the Hessian's trace, and its ends."""

import itertools
from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.arrays.backend import to_numpy
from nnlearn.automatic.dual import Dual
from nnlearn.exercises.checking import Check


def _tangent(theta: Any) -> Any:
    """Return the direction along which a loss is asked; None without one."""
    return theta.value.tangent if isinstance(theta.value, Dual) else None


def _bowl(A: Any, runs: list[Any]) -> Any:
    """Return ½ θᵀ A θ + Σ θ of a symmetric A, recorded; it notes each run, and its direction."""

    @nn.record
    def bowl(theta: Any) -> Any:
        runs.append(_tangent(theta))
        return (theta * (0.5 * (A * theta).sum(axis=1) + 1)).sum()

    return bowl


def _neuron(X: Any, y: Any, runs: list[Any]) -> Any:
    """Return the mean squared error of a tanh neuron by its weights, recorded."""

    @nn.record
    def neuron(theta: Any) -> Any:
        runs.append(_tangent(theta))
        return ((nn.tanh((X * theta).sum(axis=1)) - y) ** 2).mean()

    return neuron


def _neuron_hessian(X: Any, y: Any, theta: Any) -> Any:
    """Return the Hessian of the neuron's loss, derived by hand."""
    u = np.tanh(X @ theta)
    slope, r = 1 - u * u, u - y
    weight = slope**2 - 2 * r * u * slope
    return 2 / len(y) * (X.T * weight) @ X


def trace(answer: Any, spread: Any) -> None:
    """10.8: the trace of the Hessian by random signs, and how far it is off."""
    check = Check("10.8", "the sum of all curvatures", answer, spread)
    check.keys(spread, ("diagonal", "one", "many"), "`spread` should keep its three names.")
    rng = check.rng
    A, X = check.normal((5, 5), (12, 4))
    A = A + A.T
    theta = rng.normal(size=4)
    y = np.tanh(X @ theta) + 0.3 * rng.normal(size=12)
    wide = _saddle(rng)
    runs: list[Any] = []
    neuron, H_neuron = _neuron(X, y, runs), _neuron_hessian(X, y, theta)
    every = np.array(list(itertools.product([-1.0, 1.0], repeat=4)))
    for text, loss, at, H, signs in (
        ("one draw, for a loss of 5 parameters", _bowl(A, runs), np.ones(5), A, _draws(rng, 1, 5)),
        ("7 draws, for the same loss", _bowl(A, runs), np.ones(5), A, _draws(rng, 7, 5)),
        ("3 draws, for a tanh neuron", neuron, theta, H_neuron, _draws(rng, 3, 4)),
        ("all 16 rows of four signs, for this neuron", neuron, theta, H_neuron, every),
        ("6 draws, for 300 parameters", _bowl(wide, runs), np.ones(300), wide, _draws(rng, 6, 300)),
    ):
        runs.clear()
        found = check.call(answer, loss, at, signs, case=text)
        right = _mean(check, found, H, signs, _along(runs, signs))
        check.that(
            any(direction is not None for direction in runs),
            "The loss has seen no tangent, so this is measured. `nn.hvp` is exact.",
        )
        check.close(found, right, rtol=1e-9, name="The mean")
        check.that(
            len(runs) <= 2 * len(signs) + 2,
            f"The mean is right, but the loss was run {len(runs)} times for {len(signs)} draws. "
            "One product for each draw is enough: H is never made.",
        )
    _spread(check, spread)
    check.done()


def _draws(rng: Any, draws: int, size: int) -> Any:
    return rng.choice([-1.0, 1.0], size=(draws, size))


def _along(runs: list[Any], signs: Any) -> bool:
    """Say if every direction that a loss has seen is one of these rows, but for its length."""
    rows = signs / np.linalg.norm(signs[0])
    return all(
        np.shape(v) == rows[0].shape and np.max(np.abs(rows @ v)) > 0.999999 * np.linalg.norm(v)
        for v in runs
        if v is not None
    )


def _mean(check: Check, found: Any, H: Any, signs: Any, along: bool) -> Any:
    """Compare the mean of vᵀ H v over the draws, and return the right one."""
    products = signs @ H
    each, middle = (products * signs).sum(axis=1), signs.mean(axis=0)
    right, size = each.mean(), len(H)
    hints = {
        "This is the sum over the draws, not their mean": each.sum(),
        "There is one number for each draw. What is asked for is their mean": each,
        "This is divided by the number of parameters, which is vᵀ v. Leave the draws as long as "
        "they are, and add up over the parameters": right / size,
        "The draws are divided by their length once. They stay as they are": right / size**0.5,
        "This is the trace itself. What do these few draws say of it?": np.trace(H),
        "The mean was taken of the draws, before the product. Take it of vᵀ H v": (
            middle @ H @ middle
        ),
        "This is the sum of all entries of H v. Each is still to be multiplied by its sign": (
            products.sum(axis=1).mean()
        ),
        "This is the mean of H v. What is asked for is that of vᵀ H v": products.mean(axis=0),
        "This is the first draw alone": each[0],
        "This is the last draw alone": each[-1],
        "The loss was asked along a direction that is no row of `signs`. Draw nothing yourself": (
            np.nan if along else found
        ),
    }
    check.close(found, right, hints, rtol=1e-4, name="The mean")
    return right


def _spread(check: Check, spread: dict[str, Any]) -> None:
    """Compare three standard deviations: 0, 6 and 0.6."""
    H = np.array([[4.0, 1.0, 2.0], [1.0, 3.0, -2.0], [2.0, -2.0, 5.0]])
    off, diagonal = H[np.triu_indices(3, 1)], np.arange(1.0, 101.0)
    variance = 4 * np.sum(off**2)
    normal = "This would hold for normal numbers. What is the square of a sign?"
    mistakes = {
        "This is the spread of what is on the diagonal. What is the square of a sign?": (
            np.std(diagonal)
        ),
        "This is the trace. How far can one draw be from it?": diagonal.sum(),
        normal: np.sqrt(2 * np.sum(diagonal**2)),
    }
    case = "one draw for a diagonal Hessian"
    value = check.number_of(spread["diagonal"], "spread['diagonal']")
    check.close(value, 0.0, mistakes, name="spread['diagonal']", case=case)
    mistakes = {
        "This is the variance. The standard deviation is its root": variance,
        "Each v_i v_j stands twice in the sum, with H_ij and with H_ji": np.sqrt(variance / 4),
        "H_ij and H_ji come with the same signs. Add them first, and square the sum": (
            np.sqrt(variance / 2)
        ),
        "This is as if all products had one sign at once. It is the variances that add up": (
            2 * np.sum(np.abs(off))
        ),
        "This is the trace, which is the mean": np.trace(H),
        "This is exact for a diagonal H only. Here other entries are not 0": 0.0,
        normal: np.sqrt(2 * np.sum(H**2)),
    }
    case = "one draw for the H of three parameters"
    value = check.number_of(spread["one"], "spread['one']")
    check.close(value, np.sqrt(variance), mistakes, name="spread['one']", case=case)
    mistakes = {
        "This is that of one draw. A mean varies less": np.sqrt(variance),
        "This is the variance. The standard deviation is its root": variance / 100,
        "It is the variance that is divided by 100. The standard deviation is its root": (
            np.sqrt(variance) / 100
        ),
        "This is that of the sum of the draws. What is asked for is that of their mean": (
            np.sqrt(variance * 100)
        ),
    }
    case = "the mean of 100 draws"
    value = check.number_of(spread["many"], "spread['many']")
    check.close(value, np.sqrt(variance / 100), mistakes, name="spread['many']", case=case)


def valley(answer: Any) -> None:
    """10.9: the largest and the smallest curvature, and the largest rate."""
    check = Check("10.9", "the shape of a valley", answer)
    rng = check.rng
    X = rng.normal(size=(40, 3)) * np.array([2.0, 1.0, 0.5])
    theta = rng.normal(size=3) / 2
    y = np.tanh(X @ theta) + 0.05 * rng.normal(size=40)
    saddle = _saddle(rng)
    runs: list[Any] = []
    neuron, H_neuron = _neuron(X, y, runs), _neuron_hessian(X, y, theta)
    steep = 1e3 * VALLEY
    for text, loss, at, H, steps in (
        ("a valley with the eigenvalues 2 and 9", _bowl(VALLEY, runs), np.ones(2), VALLEY, 30),
        ("the same, 1,000 times as steep", _bowl(steep, runs), np.ones(2), steep, 99),
        ("the loss of a tanh neuron", neuron, theta, H_neuron, 60),
        ("a saddle of 300 parameters", _bowl(saddle, runs), np.ones(300), saddle, 40),
    ):
        runs.clear()
        v = rng.normal(size=at.shape)
        result = check.call(answer, loss, at, v, steps, case=f"{text}, {steps} steps")
        _ends(check, check.unpack(result, "largest, smallest, rate"), H, v)
        check.that(
            len(runs) <= 2 * steps + 4,
            f"The loss was run {len(runs)} times, for twice {steps} steps. A step is one product "
            "with H, and no H is made.",
        )
    _walk(check, answer)
    check.done()


VALLEY = np.array([[5.5, 3.5], [3.5, 5.5]])  # with the eigenvalues 2 and 9


def _saddle(rng: Any, size: int = 300) -> Any:
    """Return a symmetric matrix with the eigenvalues 9 and -4, and all others between 0.5 and 1."""
    Q = np.linalg.qr(rng.normal(size=(size, size)))[0]
    return Q @ np.diag([9.0, -4.0, *rng.uniform(0.5, 1, size=size - 2)]) @ Q.T


def _ends(check: Check, found: tuple[Any, ...], H: Any, v: Any) -> None:
    """Compare the two ends of the spectrum, and the rate."""
    smallest, *_, largest = np.linalg.eigvalsh(H)
    for name, value in zip(("largest", "smallest", "rate"), found, strict=True):
        check.shape(value, (), name=name)
        check.that(
            np.isfinite(to_numpy(value)),
            f"`{name}` is no finite number. Each product makes the vector longer, until it has "
            "outgrown all numbers. Its direction is enough.",
        )
    hints = {
        "This is the smallest curvature": smallest,
        "This is the trace, the sum of all curvatures": np.trace(H),
        "This is the largest entry of the diagonal. A slanting direction may be steeper": (
            np.max(np.diag(H))
        ),
        "This is its square": largest**2,
        "This is the curvature along the v that was given. Where do the steps lead?": (
            v @ H @ v / (v @ v)
        ),
        "This is the length of v, which is 1. How long is H v?": 1.0,
    }
    check.number_close(found[0], largest, hints, rtol=1e-6, name="largest")
    hints = {
        "This is an eigenvalue of H - λ_max. Move it back by λ_max": smallest - largest,
        "The sign of what was moved is the wrong way round": largest - smallest,
        "This is the largest once more. Which matrix has the smallest as its largest in size?": (
            largest
        ),
        "This is its size. A valley may bend down as well": abs(smallest),
        "This is the smallest entry of the diagonal": np.min(np.diag(H)),
    }
    check.number_close(found[1], smallest, hints, rtol=0, atol=1e-6 * largest, name="smallest")
    hints = {
        "With 1/λ one step leads to the bottom of the steepest direction. How much more until it "
        "leads out of the valley?": 1 / largest,
        "The steepest direction breaks first, not the flattest": 2 / smallest,
        "It is upside down: a steeper valley wants shorter steps": largest / 2,
        "This is the best rate of a valley. How far can one go before it breaks?": (
            2 / (largest + smallest)
        ),
    }
    check.number_close(found[2], 2 / largest, hints, rtol=1e-6, name="rate")


def _walk(check: Check, answer: Any) -> None:
    """Let gradient descent confirm the rate: just below it the walk comes home, above it not."""
    start = np.array([3.0, -1.0])
    case = "gradient descent in the valley, with a rate 2 % below and 2 % above"
    *_, rate = check.call(answer, _bowl(VALLEY, []), start, start, 30, case=case)
    ends = []
    for factor in (0.98, 1.02):
        theta = start
        for _ in range(400):
            theta = theta - factor * rate * VALLEY @ theta
        ends.append(np.linalg.norm(theta))
    check.that(ends[0] < 1e-2 < 1e2 < ends[1], "A walk does not confirm the rate.")
