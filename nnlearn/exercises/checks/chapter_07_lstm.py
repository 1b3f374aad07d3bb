"""The checks of chapter 7's exercises: the LSTM and the GRU."""

import math
from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks import lstm_values as values
from nnlearn.exercises.checks.gru import gru, gru_backward  # noqa: F401
from nnlearn.exercises.checks.literal import case_of, sigmoid
from nnlearn.exercises.checks.lstm_gates import bias_for, road, tie  # noqa: F401
from nnlearn.exercises.checks.temperature import draw  # noqa: F401
from nnlearn.exercises.checks.trained import remember  # noqa: F401
from nnlearn.exercises.mismatch import outcomes, part


def three_numbers(learned: Any, half_life: Any, error: Any) -> None:
    """7.1: what an LSTM learns, how long a gate stays open, what half a memory is worth."""
    check = Check("7.1", "three numbers", learned, half_life, error)
    one_layer = 63 * (16 + 63 + 1)
    check.number_close(
        learned,
        4 * one_layer,
        hints={
            "This is one layer, as in an RNN. How many does the cell have?": one_layer,
            "Three gates, and something else has weights too": 3 * one_layer,
            "Each unit of each of the four layers also has a bias": 4 * 63 * (16 + 63),
            "The state before is an input too, with a matrix of its own": 4 * 63 * (16 + 1),
        },
        name="learned",
    )
    check.number_close(
        half_life,
        math.log(2) / math.log1p(math.exp(-3)),
        hints={
            "Near, but not to 1 %. At this bias the approximation is too rough": (
                math.log(2) * math.exp(3)
            ),
            "After this many steps a share of 1/e is left. Half is reached sooner": (
                1 / math.log1p(math.exp(-3))
            ),
            "This is the gate itself, what is left after one step": 1 / (1 + math.exp(-3)),
            "This is the half-life of a gate with bias −3": math.log(2) / math.log1p(math.exp(3)),
        },
        rtol=0.01,
        name="half_life",
    )
    check.number_close(
        error,
        1 / 12,
        hints={
            "This is for somebody who knows neither of the two": 1 / 6,
            "The best guess for the other number is not 0, but its mean": 1 / 3,
            "This is its root. The mean of the squares is asked for": math.sqrt(1 / 12),
            "This is the mean of the absolute error, without the square": 1 / 4,
        },
        rtol=0.01,
        name="error",
    )
    check.done()


def step(answer: Any) -> None:
    """7.2: one step of the LSTM."""
    check = Check("7.2", "one step", answer, without=unaided.LSTM)
    for N, D, H in [(2, 3, 4), (1, 1, 1), (3, 2, 2)]:
        shapes = [(N, D), (N, H), (N, H), (4 * H, D), (4 * H, H), (4 * H,)]
        arguments = x, h, c, W_x, W_h, b = check.normal(*shapes)
        case = f"N = {N} sequences, D = {D} inputs, H = {H} units"
        result = check.unpack(check.call(answer, *arguments, case=case), "h, c")
        for name, value in zip("hc", result, strict=True):
            check.shape(value, (N, H), name=f"The new {name}")
        right = values.step(*arguments)
        mistakes = {
            "Return h first, and c second": right[::-1],
            "The first rows are the forget gate's, and those of the input gate come second": (
                values.step(*arguments, order=(1, 0, 2, 3))
            ),
            "The candidate is the last of the four blocks": values.step(
                *arguments, order=(0, 1, 3, 2)
            ),
            "This is another library's order of blocks. Here the candidate is last": values.step(
                *arguments, order=(1, 0, 3, 2)
            ),
            "The candidate is no gate: it goes through tanh": values.step(*arguments, bend=sigmoid),
            "The candidate has no bend": values.step(*arguments, bend=lambda z: z),
            "The input gate does not let in its share: all of the candidate comes in": values.step(
                *arguments, gated=False
            ),
            "The state before plays no part: where is W_h?": values.step(x, 0 * h, c, W_x, W_h, b),
            "The forget gate keeps a share of the cell state c, and not of h": values.step(
                x, h, np.zeros_like(c), W_x, W_h, b
            )[1]
            + sigmoid(x @ W_x[:H].T + h @ W_h[:H].T + b[:H]) * h,
            "The bias is missing": values.step(x, h, c, W_x, W_h, 0 * b),
            "What is shown is tanh of the cell state": values.step(*arguments, shown=lambda z: z),
            "What is shown is the new cell state, and not the one before": values.step(
                *arguments, late=False
            ),
        }
        for k, name in [(1, "c"), (0, "h")]:
            hints = {text: w[k] if isinstance(w, tuple) else w for text, w in mistakes.items()}
            check.close(result[k], right[k], hints, name=f"The new {name}")
        for name, value, ours in zip("hc", result, nn.lstm(x[None], *arguments[1:]), strict=True):
            check.close(value, ours[0], name=f"Against the package, the new {name}")
    check.done()


def cell_backward(answer: Any) -> None:
    """7.3: the way back of one cell."""
    check = Check("7.3", "back through one cell", answer, without=unaided.GRADIENTS + unaided.LSTM)
    for N, H in [(2, 3), (1, 1), (3, 2)]:
        z, c_before, dh, dc_later = check.normal((N, 4 * H), *[(N, H)] * 3)
        f, i, o = map(sigmoid, values.blocks(z, 4)[:3])
        candidate, c = np.tanh(values.blocks(z, 4)[3]), values.cell(z, c_before)[1]
        given = dh, dc_later, f, i, o, candidate, c_before, c
        case = f"N = {N} sequences, H = {H} units"
        dz, dc_before = check.unpack(check.call(answer, *given, case=case), "dz, dc_before")
        check.shape(dz, z.shape, name="dz")
        check.shape(dc_before, c_before.shape, name="dc_before")
        mistakes: dict[str, Any] = {
            "The next cell reads the cell state too: its gradient has to be added": {
                "add": "shown"
            },
            "What is shown depends on the cell state too: its gradient has to be added": {
                "add": "later"
            },
            "On the way from h to the cell state the slope of tanh is missing": {"bent": False},
            "On the way from h to the cell state the output gate is missing": {"opened": False},
            "These are the gradients of the gates. The slopes of the four bends are missing": {
                "sloped": False
            },
            "The candidate comes out of tanh, and not out of a sigmoid: what is its slope?": {
                "a_gate": True
            },
            "The partner of the forget gate is the cell state before, and not the new one": {
                "kept": c
            },
            "Each factor of a product gets the gradient times the other one": {"mixed": True},
            "The candidate is the last of the four blocks": {"order": (0, 1, 3, 2)},
            "This is another library's order of blocks. Here the candidate is last": {
                "order": (1, 0, 3, 2)
            },
            "Between this cell and the one before stands the forget gate": {"gate": False},
        }
        wrong = outcomes(values.cell_back, *given, mistakes=mistakes)
        for k, (name, value) in enumerate([("dz", dz), ("dc_before", dc_before)]):
            check.gradient(
                value, values.cell, z, c_before, wrt=k, seed=np.stack([dh, dc_later]),
                hints=part(wrong, k), name=name,
            )  # fmt: skip
    check.done()


def backward(answer: Any, number: str = "7.4", title: str = "the whole way back") -> None:
    """7.4: the whole backward pass."""
    check = Check(number, title, answer, without=unaided.GRADIENTS + unaided.LSTM)
    names = "dx, dh0, dc0, dW_x, dW_h, db"
    for T, N, D, H in [(1, 2, 3, 2), (4, 2, 3, 2), (5, 1, 2, 3)]:
        shapes = [(T, N, D), (N, H), (N, H), (4 * H, D), (4 * H, H), (4 * H,)]
        arguments = x, h0, c0, W_x, W_h, b = check.normal(*shapes)
        h, c = nn.lstm(*arguments)
        g = check.rng.normal(size=h.shape)
        given = g, x, h0, c0, h, c, values.gates(x, h0, h, W_x, W_h, b), W_x, W_h
        result = check.call(answer, *given, case=case_of(T, N, D, H))
        parts = check.unpack(result, names)
        mistakes: dict[str, Any] = {
            "The next cell reads C_t too: what it gives back has to be added to dC_t": {
                "dc": "shown"
            },
            "dC_t was set to what the next cell says. What h_t says has to be added": {"dc": "set"},
            "The next cell's gradient comes through its own forget gate, that of time t + 1": {
                "dc": "own"
            },
            "Between a cell and the one before stands the forget gate": {"gate": False},
            "h_t has a second user: the four layers of the next step, through W_h": {
                "states": False
            },
            "W_h met the state before this step, and not the one after it": {"off": 1},
            "The forget gate met the cell state before this step, and not the one after it": {
                "cell": 1
            },
            "The slopes of the four bends are missing": {"sloped": False},
            "The candidate comes out of tanh, and not out of a sigmoid: what is its slope?": {
                "a_gate": True
            },
            "On the way from h_t to C_t the slope of tanh is missing": {"bent": False},
            "`gates` has the values after the bends: do not bend them again": {"again": True},
        }
        wrong = outcomes(values.backward, *given, mistakes=mistakes)
        right = values.backward(*given)
        one_bias = "Each of the four layers has a bias of its own, and each gets a sum of its own"
        for k, (name, value) in enumerate(zip(names.split(", "), parts, strict=True)):
            check.that(name != "db" or getattr(value, "shape", None) != (H,), f"{one_bias}.")
            check.shape(value, shapes[k], name=name)
            hints = part(wrong, k)
            if name == "db":
                hints[one_bias] = np.tile(right[k].reshape(4, H).sum(axis=0), 4)
            check.gradient(
                value, values.hidden_states, *arguments, wrt=k, seed=g, name=name,
                hints=hints,
            )  # fmt: skip
    check.done()


def mended(answer: Any) -> None:
    """7.11: the backward pass without its three bugs."""
    backward(answer, "7.11", "three old bugs")
