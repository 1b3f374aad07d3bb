"""Checks of the exercises of chapter 3, backpropagation."""

import itertools
from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.steps import STEP, fault, near
from nnlearn.exercises.checks.suspects import suspects
from nnlearn.exercises.measuring import numerical_gradient


def product_backward(answer: Any) -> None:
    """Check exercise 3.1: the backward function of y = x ⊙ w with w shared by the rows."""
    check = Check("3.1", "backward of a product", answer, without=unaided.GRADIENTS)
    for rows, columns in ((1, 3), (4, 3)):
        x, dy = check.rng.normal(size=(2, rows, columns))
        w = check.rng.normal(size=columns)
        dx, dw = check.unpack(check.call(answer, x, w, dy), "dx, dw")
        hints = {
            "`dx` has the wrong factor: which one is the slope of x w by x?": dy * x,
            "The gradient by y is missing in `dx`": w + 0 * dy,
        }
        check.close(dx, dy * w, hints, name="dx")
        hints = {
            "All rows use the same w. What happens to the gradients of a value used twice?": dy * x,
            "A mean is not a sum: gradients of a value used twice add": (dy * x).mean(axis=0),
            "The gradient by y is missing in `dw`": x.sum(axis=0),
            "Sum over the rows (the batch), not over the columns": (dy * x).sum(axis=1),
        }
        check.close(dw, (dy * x).sum(axis=0), hints, name="dw")
    check.done()


@nn.differentiable
def liar(x: Any) -> Any:
    """x³, with a backward function that is wrong on purpose: a measurement finds other slopes."""
    return x**3, lambda dy: 2 * x**2 * dy


def full_jacobian(answer: Any) -> None:
    """Check exercise 3.2: a Jacobian, formed row by row with a backward function."""
    check = Check("3.2", "the Jacobian, row by row", answer, without=unaided.FORWARD_MODE)
    A = check.rng.normal(size=(2, 3))

    @nn.differentiable
    def linear(x: Any) -> Any:
        return A @ x, lambda dy: A.T @ dy

    for f, size in ((linear, 3), (nn.tanh, 4), (nn.softmax, 3), (liar, 3)):
        x = check.rng.normal(size=size)
        J = check.call(answer, f, x, case=f"f = {f.__name__}, x of shape ({size},)")
        y, backward = nn.vjp(f, x)
        outputs = np.eye(y.size)
        expected = np.stack([backward(u) for u in outputs])
        hints = {
            "Rows and columns are exchanged: a row belongs to one output": expected.T,
            "One call with all ones gives the sum of the rows, not the rows": expected.sum(0),
            "Only the diagonal is there": np.eye(*expected.shape) * expected,
            "This is measured. Ask the backward function: here it says something else": (
                np.stack([numerical_gradient(f, x, seed=u) for u in outputs])
            ),
        }
        check.close(J, expected, hints, rtol=1e-6, name="The Jacobian")
    check.done()


def three_in_a_row(answer: Any) -> None:
    """Check exercise 3.3: the backward functions of dense, tanh and the loss, composed."""
    check = Check("3.3", "three backward functions", answer)
    for rows, inputs, classes in ((1, 2, 3), (5, 4, 3)):
        x = check.rng.normal(size=(rows, inputs))
        W, b = check.rng.normal(size=(classes, inputs)), check.rng.normal(size=classes)
        labels = check.rng.integers(classes, size=rows)
        case = f"a batch of {rows}, {inputs} inputs, {classes} classes"
        result = check.call(answer, x, W, b, labels, case=case)

        def loss(x: Any, W: Any, b: Any, labels: Any = labels) -> Any:
            return nn.softmax_cross_entropy(nn.tanh(nn.dense(x, W, b)), labels)

        mistakes = {
            "The tanh's backward function is missing": _no_tanh(x, W, b, labels),
            "The tanh is left out, forwards and backwards": _linear(x, W, b, labels),
            "The gradient of the loss by itself is not the loss": _times_loss(x, W, b, labels),
        }
        parts = check.unpack(result, "dx, dW, db")
        check.gradients(parts, "dx, dW, db", loss, x, W, b, mistakes=mistakes)
    check.done()


def _no_tanh(x: Any, W: Any, b: Any, labels: Any) -> Any:
    z, backward = nn.vjp(nn.dense, x, W, b)
    _, backward_loss = nn.vjp(nn.softmax_cross_entropy, nn.tanh(z), labels)
    return backward(backward_loss())


def _linear(x: Any, W: Any, b: Any, labels: Any) -> Any:
    z, backward = nn.vjp(nn.dense, x, W, b)
    return backward(nn.vjp(nn.softmax_cross_entropy, z, labels)[1]())


def _times_loss(x: Any, W: Any, b: Any, labels: Any) -> Any:
    z, backward = nn.vjp(nn.dense, x, W, b)
    a, backward_tanh = nn.vjp(nn.tanh, z)
    loss, backward_loss = nn.vjp(nn.softmax_cross_entropy, a, labels)
    return backward(backward_tanh(backward_loss(loss)))


def gate(answer: Any) -> None:
    """Check exercise 3.4: the gate y = x ⊙ σ(x Wᵀ), whose input is used twice."""
    check = Check("3.4", "the gate", answer, without=unaided.TAPE)
    for rows, size in ((1, 2), (4, 3)):
        x, dy = check.rng.normal(size=(2, rows, size))
        W = check.rng.normal(size=(size, size))
        case = f"x of shape {x.shape}, W of shape {W.shape}"
        y, backward = check.call(nn.vjp, answer, x, W, case=case)
        g = nn.sigmoid(x @ W.T)
        check.close(y, x * g, {"The gate has no sigmoid": x * (x @ W.T)}, name="The value")
        dx, dW = check.unpack(check.call(backward, dy, case=case), "dx, dW")
        ds = dy * x * g * (1 - g)
        hints = {
            "`dx` would be right if W were zero": dy * g,
            "x is used twice. The way through the gate is there, the direct one is lost": ds @ W,
            "One of the two terms has W the wrong way round": dy * g + ds @ W.T,
            "The two ways add; they do not multiply": dy * g * (ds @ W),
        }
        check.close(dx, dy * g + ds @ W, hints, name="dx")
        check.close(dW, ds.T @ x, {"The σ′ is missing in `dW`": (dy * x).T @ x}, name="dW")
    check.done()


def normalize(answer: Any) -> None:
    """Check exercise 3.5: the operation y = x / ‖x‖."""
    check = Check("3.5", "a vector of length one", answer, without=unaided.TAPE)
    for size in (2, 5):
        x, dy = 3 * check.rng.normal(size=(2, size))
        case = f"x = {np.round(x, 2).tolist()}"
        y, backward = check.call(nn.vjp, answer, x, case=case)
        length = np.sqrt(np.sum(x * x))
        check.close(y, x / length, name="The value")
        dx = check.call(backward, dy, case=case)
        u = x / length
        along = np.sum(u * dy)
        hints = {
            "The length is not a constant: it depends on every element of x": dy / length,
            "The direction is right, the size is not: divide by the length": dy - u * along,
            "The two terms have the same sign; one takes away": (dy + u * along) / length,
            "Only one of x and y has length one: look at the second term": (
                (dy - x * np.sum(x * dy)) / length
            ),
            "The second term is divided by the length too seldom": (
                dy / length - x * np.sum(x * dy) / length**2
            ),
        }
        check.gradient(dx, lambda x: x / np.sqrt(np.sum(x * x)), x, seed=dy, hints=hints, name="dx")
        flat = abs(np.sum(dx * x)) < 1e-9 * np.sum(abs(dx) * abs(x))
        check.that(flat, "Stretching x does not change y, so `dx` must be at right angles to x.")
    check.done()


def best_step(step: Any, truncation_grows: Any, rounding_grows: Any) -> None:
    """Check exercise 3.6: the best step for x⁴ at 1 in float32, and what happens beside it."""
    check = Check("3.6", "the best step", step, truncation_grows, rounding_grows)
    step = check.number_of(step, "best_step")
    check.that(step > 0, "A step is a positive number.")
    check.that(near(step, STEP), fault(step))
    hints = {"How does the truncation error depend on h?": 10.0, "Truncation falls with h²": 1000.0}
    check.number_close(truncation_grows, 100, hints, name="truncation_grows")
    hints = {"The rounding error is divided by h, not by h²": 100, "It grows": 0.1}
    check.number_close(rounding_grows, 10, hints, name="rounding_grows")
    check.done()


def two_sides(answer: Any) -> None:
    """Check exercise 3.7: the two sides of the adjoint identity."""
    check = Check("3.7", "two sides of one number", answer, without=unaided.FORWARD_MODE)
    for f in (nn.tanh, nn.softmax, liar):
        x, v, u = check.rng.normal(size=(3, 4))
        case = f"f = {f.__name__}, x, v and u of shape (4,)"
        left, right = check.unpack(check.call(answer, f, x, v, u, case=case), "left, right")
        measured = np.sum(numerical_gradient(f, x, seed=u) * v)
        h = 1e-5
        ahead = np.sum(u * (f(x + h * v) - f(x)) / h)
        exchanged = np.sum(numerical_gradient(f, x, seed=v) * u)
        gradient = nn.vjp(f, x)[1](u)
        hints = {
            "This is a forward difference; step to both sides": ahead,
            "Divide by 2h: the two points are 2h apart": 2 * measured,
            "v and u have changed places: v nudges the input, u weights the outputs": exchanged,
            "This side must be measured: a backward function may lie": np.sum(v * gradient),
        }
        check.close(left, measured, hints, rtol=2e-8, atol=1e-8, name="left")
        hints = {
            "This side must come from the backward function, not from a measurement": measured,
            "v and u have changed places": np.sum(nn.vjp(f, x)[1](v) * u) * (1 + 1e-9),
        }
        check.close(right, np.sum(v * gradient), hints, rtol=1e-10, name="right")
    check.done()


def verdicts(answer: Any) -> None:
    """Check exercise 3.8: which of the suspects have a wrong backward function."""
    check = Check("3.8", "five suspects", answer)
    check.keys(answer, suspects, "`verdicts` should be a dictionary with the keys 'a' to 'e'.")
    x = np.array([[0.7, -1.3, 2.9], [-2.4, 0.4, 1.8]])  # both signs, two rows, large and small
    missed = {
        "b": "What about negative x?",
        "c": "What about more than one row?",
        "d": "What about large x?",
        "e": "At zero it has a kink. How does it do away from there?",
    }
    for name, suspect in suspects.items():
        try:
            nn.check_gradients(suspect, x)
            truth = "right"
        except nn.GradientError:
            truth = "wrong"
        said = check.choice(answer[name], ["right", "wrong"], f"verdicts[{name!r}]")
        hint = missed.get(name, "Look at the sign and the size of its gradient.")
        check.that(said == truth, f"The verdict on {name!r} does not hold. {hint}")
    check.done()


def multiplications(answer: Any) -> None:
    """Check exercise 3.9: multiplications forwards and backwards in a stack of dense layers."""
    check = Check("3.9", "the bill", answer)
    for sizes, batch in (([3, 2], 1), ([784, 64, 10], 1), ([5, 7, 4, 2], 16)):
        result = check.call(answer, sizes, batch)
        forward, backward = check.unpack(result, "forward, backward")
        layers = [batch * D * M for D, M in itertools.pairwise(sizes)]
        total = sum(layers)
        hints = {
            "The batch is missing: every row is multiplied by W": total // batch,
            "Count products of connected layers: each W has D M numbers": batch * sum(sizes),
        }
        check.close(forward, total, hints, name="forward")
        hints = {
            "Nobody asks for one of these products: what lies before the first layer?": 2 * total,
            "The weights' gradients are there; those that go on to the layer before are not": total,
            "It is the first layer, not the last, that has none before it": 2 * total - layers[-1],
        }
        check.close(backward, 2 * total - layers[0], hints, name="backward")
    check.done()
