"""Checks of the exercises of chapter 1, the neuron."""

import itertools
from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.literal import sigmoid
from nnlearn.exercises.checks.tumours import mean_score, mistakes, score, split
from nnlearn.exercises.measuring import numerical_gradient


def neuron(answer: Any) -> None:
    """Check exercise 1.1: a sigmoid neuron for a batch of examples."""
    check = Check("1.1", "a neuron", answer, without=unaided.NUMPY_ONLY)
    for N, n in ((1, 1), (1, 3), (4, 2)):
        x, w, b = check.rng.normal(size=(N, n)), check.rng.normal(size=n), 0.8
        a = check.call(answer, x, w, b)
        check.shape(a, (N,))
        z = np.array([sum(w[i] * x[k, i] for i in range(n)) + b for k in range(N)])
        hints = {
            "This is the weighted sum z; the activation function is missing": z,
            "The bias is missing": nn.sigmoid(z - b),
            "Look at the sign of z in the exponential": nn.sigmoid(-z),
            "The bias is inside the sum: it was added once for each input": nn.sigmoid(
                z + (n - 1) * b
            ),
            "This is the threshold, which has no shades": (z > 0).astype(float),
        }
        check.close(a, sigmoid(z), hints)
    check.done()


def distance(answer: Any) -> None:
    """Check exercise 1.2: the signed distance of points from a neuron's boundary."""
    check = Check("1.2", "distance from the boundary", answer)
    for N, n in ((5, 3), (1, 2)):
        x, w, b = check.rng.normal(size=(N, n)), 2 * check.rng.normal(size=n), -0.6
        d = check.call(answer, x, w, b)
        check.shape(d, (N,))
        z, length = x @ w + b, np.sqrt(np.sum(w * w))
        hints = {
            "This is z, not a distance: divide by the length of w": z,
            "Divide by the length of w, not by its square": z / length**2,
            "Which side has the sign +? The arrow w points to it": -z / length,
            "The side is lost: the distance has the sign of z": np.abs(z) / length,
            "The bias is missing": (z - b) / length,
            "The length is the root of the sum of squares": z / np.sum(np.abs(w)),
            "The bias is part of z: it is divided too": (z - b) / length + b,
            "Divide by the length of w, not of x": z / np.sqrt(np.sum(x * x, axis=1)),
        }
        check.close(d, z / length, hints)
        case = f"w and b times 10, otherwise {_brief(x, w, b)}"
        again = check.call(answer, x, 10 * w, 10 * b, case=case)
        check.close(again, d, name="The distance, for the same line")
    check.done()


def _brief(x: Any, w: Any, b: Any) -> str:
    return f"x of shape {x.shape}, w = {np.round(w, 2).tolist()}, b = {b}"


RULES: dict[str, tuple[int, Any]] = {
    "and": (2, lambda x: x == (1, 1)),
    "nand": (2, lambda x: x != (1, 1)),
    "first only": (2, lambda x: x == (1, 0)),
    "majority": (3, lambda x: sum(x) >= 2),
}


def gates(answer: Any) -> None:
    """Check exercise 1.3: weights and biases, set by hand, for four rules."""
    check = Check("1.3", "set by hand", answer)
    message = f"`gates` should be a dictionary with the keys {', '.join(map(repr, RULES))}."
    if isinstance(answer, dict):  # a rule of one's own, as the text invites to try, does no harm
        answer = {name: answer[name] for name in answer if name in RULES}
    check.keys(answer, RULES, message)
    for name, (n, rule) in RULES.items():
        w, b = check.unpack(answer[name], "w, b")
        case = f"the rule {name!r}"
        check.shape(w, (n,), name="w", case=case)
        b = check.number_of(b, "b")
        for x in itertools.product((0, 1), repeat=n):
            z = float(np.dot(w, x) + b)
            said, wanted = int(z > 0), int(rule(x))
            hint = " A sum of exactly 0 counts as no." if z == 0 else ""
            message = f"For x = {x} the sum is z = {z:g}, so it answers {said}.{hint}"
            check.that(said == wanted, message, case=case)
    check.done()


def silu_slope(answer: Any) -> None:
    """Check exercise 1.4: the derivative of z σ(z)."""
    check = Check("1.4", "the slope of z times σ(z)", answer, without=unaided.GRADIENTS)
    for z in (np.array([0.0]), np.array([-3.0, -0.7, 0.4, 2.5]), check.rng.normal(size=(2, 3))):
        slope = check.call(answer, z)
        s = nn.sigmoid(z)
        hints = {
            "z stands twice in z σ(z), and each of them needs its term": s,
            "The product rule has two terms; one is missing": z * s * (1 - s),
            "One of the two terms has the wrong sign": s - z * s * (1 - s),
            "The derivative of a product is not the product of the derivatives": s * (1 - s),
            "This is the function itself, not its slope": z * s,
        }
        expected = numerical_gradient(lambda z: z * nn.sigmoid(z), z)
        check.close(slope, expected, hints, rtol=1e-6, atol=1e-8, name="The slope")
    case = "z = 800 and z = -800"
    slope = check.call(answer, np.array([800.0, -800.0]), case=case)
    check.close(slope, [1.0, 0.0], name="The slope")
    check.no_warnings("nn.sigmoid is safe for every z.")
    check.done()


def log_sigmoid(answer: Any) -> None:
    """Check exercise 1.5: the logarithm of the sigmoid, without overflow."""
    check = Check("1.5", "log σ(z) that holds", answer, without=unaided.NUMPY_ONLY)
    z = np.array([-3.0, -0.5, 0.0, 0.5, 3.0])
    expected = np.log(1 / (1 + np.exp(-z)))
    hints = {
        "This is softplus(z). Which z does log σ(z) belong to, and with which sign?": (
            nn.softplus(z)
        ),
        "The sign is right; softplus is taken at the wrong place": -nn.softplus(z),
        "One of the two cases is not there: try z < 0 and z > 0 by themselves": (
            -np.log1p(np.exp(-np.abs(z)))
        ),
    }
    value = check.call(answer, z)
    check.close(value, expected, hints)
    for far, expected in (
        (np.array([-1000.0, -50.0]), [-1000.0, -50.0]),
        (np.array([40.0, 1000.0]), [-np.exp(-40.0), 0.0]),
    ):
        value = check.call(answer, far)
        message = "It is no number, or infinite. What does the exponential see?"
        check.that(np.all(np.isfinite(value)), message)
        check.no_warnings("Never take the exponential of anything positive.")
        lost = {"1 + e⁻ᶻ was rounded to 1, and the small part is lost: np.log1p": [0.0, 0.0]}
        check.close(value, expected, lost if far[0] > 0 else None, rtol=1e-12, atol=0)
    check.done()


def neuron_gradient(answer: Any) -> None:
    """Check exercise 1.6: the gradient of a sigmoid neuron's loss."""
    check = Check(
        "1.6", "the gradient of a neuron", answer, without=unaided.GRADIENTS + unaided.LOSSES
    )
    for N, n in ((6, 3), (1, 2)):
        x, w, b = check.rng.normal(size=(N, n)), check.rng.normal(size=n), -0.4
        y = (np.arange(N) % 2 == 0).astype(float)
        case = f"N = {N}, n = {n}"
        dw, db = check.unpack(check.call(answer, x, w, b, y, case=case), "dw, db")

        def loss(w: Any, b: Any, x: Any = x, y: Any = y) -> Any:
            return nn.sigmoid_cross_entropy(x @ w + b, y)

        a = nn.sigmoid(x @ w + b)
        damped = (a - y) * a * (1 - a)
        hints = {
            "There is a σ′ too many: with this loss it has cancelled": x.T @ damped / N,
            "It is a mean over the examples, not a sum": x.T @ (a - y),
            "The error is what was said minus what was true": x.T @ (y - a) / N,
            "The inputs are missing: how does z change with a weight?": np.mean(a - y) * np.ones(n),
        }
        check.gradient(dw, loss, w, np.array(b), wrt=0, hints=hints, name="dw")
        hints = {
            "There is a σ′ too many": damped.mean(),
            "It is a mean over the examples, not a sum": np.sum(a - y),
            "The error is what was said minus what was true": np.mean(y - a),
        }
        check.gradient(db, loss, w, np.array(b), wrt=1, hints=hints, name="db")
    check.done()


def line(side_distance: Any, when_scaled: Any, slope_when_scaled: Any, when_raised: Any) -> None:
    """Check exercise 1.7: what happens to a neuron's line."""
    answers = (side_distance, when_scaled, slope_when_scaled, when_raised)
    check = Check("1.7", "what happens to the line", *answers)
    hints = {
        "This is z. How long is w?": -10,
        "On which side is the origin? Mind the sign": 2,
        "Divide by the length of w, not by its square": -0.4,
        "The length of (3, 4) is not 7": -10 / 7,
    }
    check.number_close(side_distance, -2, hints, name="origin_distance")
    said = check.choice(when_scaled, ["stays", "moves"], "when_scaled")
    check.that(said == "stays", "when_scaled: where is 10 z = 0, if not where z = 0?")
    hints = {
        "The line stays, but what the neuron says beside it does not": 1,
        "At the line z = 0 before and after, so σ′(z) is the same there. What else changed?": 100,
    }
    check.number_close(slope_when_scaled, 10, hints, name="steeper")
    said = check.choice(when_raised, ["along w", "against w"], "when_raised")
    check.that(said == "against w", "when_raised: now some points with z < 0 become positive.")
    check.done()


def tanh_neuron(answer: Any) -> None:
    """Check exercise 1.8: the gradient of a tanh neuron under squared error."""
    check = Check("1.8", "a tanh neuron", answer, without=unaided.GRADIENTS + unaided.LOSSES)
    for N, n in ((5, 3), (1, 2)):
        x, w, y = check.normal((N, n), n, N)
        b = 0.3
        case = f"N = {N}, n = {n}"
        result = check.unpack(check.call(answer, x, w, b, y, case=case), "dw, db")

        def loss(w: Any, b: Any, x: Any = x, y: Any = y) -> Any:
            return np.mean((np.tanh(x @ w + b) - y) ** 2)

        z = x @ w + b
        a = np.tanh(z)
        usual = {
            "The slope of the tanh is missing": 2 * (a - y),
            "The 2 of the square is missing": (a - y) * (1 - a**2),
            "That is the sigmoid's slope; this is a tanh": 2 * (a - y) * a * (1 - a),
            "The slope of tanh is 1 - a², of the activation and not of z": 2 * (a - y) * (1 - z**2),
            "It is a mean over the examples, not a sum": 2 * N * (a - y) * (1 - a**2),
        }
        mistakes = {text: (x.T @ dz / N, dz.sum() / N) for text, dz in usual.items()}
        check.gradients(result, "dw, db", loss, w, np.array(b), mistakes=mistakes)
    check.done()


FIRST = "worst concave points"


def second_number(answer: Any, best_partner: Any) -> None:
    """Check exercise 1.9: the test accuracy of a neuron, and the partner that helps most."""
    check = Check("1.9", "the second number", answer, best_partner)
    # In the last of these, what the test part adds to mean and deviation changes an answer.
    for seed, name in ((0, "worst texture"), (1, "mean area"), (1, "radius error")):
        parts = split(seed, [FIRST, name])
        case = f"split {seed}, {FIRST!r} and {name!r}"
        accuracy = check.call(answer, *parts, case=case)
        right, _ = score(*parts)
        check.close(accuracy, right, mistakes(parts), atol=1e-9, name="The accuracy")
    *_, names = nn.data.load_breast_cancer()
    others = [name for name in names if name != FIRST]
    check.choice(best_partner, others, "best_partner")
    scores = {name: mean_score([FIRST, name]) for name in others}
    missing = 100 * (max(scores.values()) - scores[best_partner])
    message = f"In splits 0 to 4, another one is right for {missing:.1f} more lumps in 100."
    check.that(missing < 0.2, message, case="all 29 partners")
    check.done()
