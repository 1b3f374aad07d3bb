"""The checks of chapter 6's exercises: the recurrent neural network."""

import math
from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.literal import case_of
from nnlearn.exercises.checks.sequences import (  # noqa: F401
    both_ways,
    embedding_backward,
    no_look_ahead,
    perplexity,
)
from nnlearn.exercises.checks.trained import echo  # noqa: F401
from nnlearn.exercises.checks.vanishing import alive, bound, latch, surviving  # noqa: F401
from nnlearn.exercises.mismatch import outcomes


def count_and_reach(parameters: Any, steps: Any, sigmoid_share: Any) -> None:
    """6.1: what a recurrent layer learns, and how far its gradient reaches."""
    check = Check("6.1", "count and reach", parameters, steps, sigmoid_share)
    weights = 128 * 16 + 128 * 128
    check.number_close(
        parameters,
        weights + 128,
        hints={
            "These are the weights alone. Each unit also has a bias": weights,
            "The weights are the same at every step: the number of steps does not count": 10
            * (weights + 128),
            "The state is an input too, with a matrix of its own": 128 * 16 + 128,
            "Both products go into one sum: a unit has one bias, not two": weights + 256,
        },
        name="parameters",
    )
    exact = math.log(100) / math.log(1 / 0.8)
    check.number_close(
        steps,
        math.ceil(exact),
        hints={
            "A whole number of steps is asked for, and one at which it is below 1 %": exact,
            "After this many steps a little more than 1 % is left": math.floor(exact),
            "Below a tenth is not below a hundredth": math.ceil(exact / 2),
        },
        name="steps",
    )
    if check.number_of(sigmoid_share, "sigmoid_share") == 0:
        check.fail("sigmoid_share is small, but not 0. Which two digits does it begin with?")
    check.number_close(
        sigmoid_share,
        0.5**10,
        hints={
            "The slope of the bend is missing: the sigmoid's is never above a quarter": 2.0**10,
            "Ten steps, and each has its factor": 0.5,
            "These are the slopes alone. At each step the matrix can also lengthen": 0.25**10,
            "Two significant digits are asked for": 0.001,
            "This is in per cent, and a share is asked for": 0.098,
        },
        rtol=0.02,
        name="sigmoid_share",
    )
    check.done()


def _arguments(check: Check, T: int, N: int, D: int, H: int) -> list[Any]:
    """Return x, h0, W_xh, W_hh and b_h of these sizes."""
    return check.normal((T, N, D), (N, H), (H, D), (H, H), H)


def _states(x: Any, h0: Any, W_xh: Any, W_hh: Any, b_h: Any, bend: Any = math.tanh) -> Any:
    """Return all states after h0, one number after the other."""
    h, found = h0, []
    for x_t in x:
        z = np.array([W_hh @ h_n + W_xh @ x_n + b_h for h_n, x_n in zip(h, x_t, strict=True)])
        h = np.vectorize(bend)(z)
        found.append(h)
    return np.array(found)


def forward(answer: Any) -> None:
    """6.2: the recurrence, step by step."""
    check = Check("6.2", "the recurrence", answer, without=unaided.RNN)
    for sizes in [(4, 2, 3, 5), (1, 1, 1, 1), (6, 3, 2, 4)]:
        x, h0, W_xh, W_hh, b_h = _arguments(check, *sizes)
        T, N, _, H = sizes
        h = check.call(answer, x, h0, W_xh, W_hh, b_h, case=case_of(*sizes))
        check.shape(h, (T, N, H), name="h")
        right = _states(x, h0, W_xh, W_hh, b_h)
        hints = {
            "The bend is missing": _states(x, h0, W_xh, W_hh, b_h, lambda z: z),
            "The bend is the sigmoid: this network has another one": _states(
                x, h0, W_xh, W_hh, b_h, lambda z: 1 / (1 + math.exp(-z))
            ),
            "The state before plays no part: where is W_hh?": np.tanh(nn.dense(x, W_xh, b_h)),
            "It starts from zero, and not from h0": _states(x, 0 * h0, W_xh, W_hh, b_h),
            "Every step starts from h0. It should start from the state before": np.tanh(
                nn.dense(x, W_xh, b_h) + h0 @ W_hh.T
            ),
            "The bias is missing": _states(x, h0, W_xh, W_hh, 0 * b_h),
        }
        if H > 1:
            hints["A state is a row here: which side of it does W_hh go to, and turned or not?"] = (
                _states(x, h0, W_xh, W_hh.T, b_h)
            )
        check.close(h, right, hints, name="h")
        check.close(h, nn.rnn(x, h0, W_xh, W_hh, b_h), name="Against the package, h")
    check.done()


def _backward(
    g: Any,
    x: Any,
    h0: Any,
    h: Any,
    W_xh: Any,
    W_hh: Any,
    slope: Any = lambda h: 1 - h**2,
    off: Any = 0,
    carry: bool = True,
    side: bool = False,
    late: bool = False,
    short: bool = False,
) -> Any:
    """Return the five gradients, or those of a usual mistake."""
    before = np.concatenate([h0[None], h])
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    dx, later, dz = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(h0)
    for t in range(len(x) - 1, -1, -1):
        back = later if carry else 0
        dz = slope(h[t]) * g[t] + back if late else slope(h[t]) * (g[t] + back)
        later = dz @ (W_hh.T if side else W_hh)
        dx[t] = dz @ W_xh
        dW_xh, db = dW_xh + dz.T @ x[t], db + dz.sum(axis=0)
        dW_hh = dW_hh + dz.T @ before[t + off]
    return dx, dz if short else later, dW_xh, dW_hh, db


def backward(answer: Any) -> None:
    """6.3: backpropagation through time."""
    check = Check(
        "6.3", "backpropagation through time", answer, without=unaided.GRADIENTS + unaided.RNN
    )
    names = "dx, dh0, dW_xh, dW_hh, db_h"
    for sizes in [(1, 1, 1, 1), (4, 2, 3, 2), (5, 1, 2, 3)]:
        arguments = _arguments(check, *sizes)
        x, h0, W_xh, W_hh, _ = arguments
        h = nn.rnn(*arguments)
        g = check.rng.normal(size=h.shape)
        result = check.call(answer, g, x, h0, h, W_xh, W_hh, case=case_of(*sizes))
        parts = check.unpack(result, names)
        mistakes: dict[str, Any] = {
            "h_t has a second user, the next step: its gradient has to be added to g_t": {
                "carry": False
            },
            "The slope of tanh is missing": {"slope": np.ones_like},
            "The slope is 1 − h², and h is the state that comes out of tanh": {
                "slope": lambda h: 1 - np.tanh(h) ** 2
            },
            "W_hh met the state before this step, and not the one after it": {"off": 1},
            "W_hh is on the wrong side on the way back": {"side": True},
            "What the next step sends back has to pass the bend of this step too": {"late": True},
            "dh0 stops before the first step's product: by which matrix does h0 come in?": {
                "short": True
            },
        }
        wrong = outcomes(_backward, g, x, h0, h, W_xh, W_hh, mistakes=mistakes)
        check.shapes(parts, arguments, names)
        check.gradients(parts, names, nn.rnn, *arguments, seed=g, mistakes=wrong)
    check.done()


def truncated(answer: Any) -> None:
    """6.4: truncated backpropagation through time."""
    check = Check("6.4", "truncated, but not forgetful", answer)
    for T, K in [(6, 3), (7, 3), (5, 1), (4, 9)]:
        x, h0, W_xh, W_hh, b_h = _arguments(check, T, 2, 3, 4)
        g = check.rng.normal(size=(T, 2, 4))

        def pieces(
            carry: int | None = -1,
            whole_only: bool = False,
            x: Any = x,
            h0: Any = h0,
            weights: Any = (W_xh, W_hh, b_h),
            g: Any = g,
            K: Any = K,
        ) -> Any:
            h, total, states = h0, np.zeros((4, 4)), []
            for start in range(0, len(x) - (len(x) % K if whole_only else 0), K):
                part = slice(start, start + K)
                value, way_back = nn.vjp(nn.rnn, x[part], h, *weights, wrt=3)
                total = total + way_back(g[part])
                states.append(value)
                h = h0 if carry is None else value[carry]
            return np.concatenate(states) if states else np.zeros((0, 2, 4)), total

        case = f"{T} steps in pieces of K = {K}"
        result = check.call(answer, x, h0, W_xh, W_hh, b_h, g, K, case=case)
        h, dW_hh = check.unpack(result, "h, dW_hh")
        check.shape(h, (T, 2, 4), name="h")
        forgetful = "A piece should start from the last state of the piece before"
        first = "The next piece goes on from the first state of this one"
        full = nn.vjp(nn.rnn, x, h0, W_xh, W_hh, b_h, wrt=3)
        hints = {forgetful: pieces(carry=None)[0], first: pieces(carry=0)[0]}
        check.close(h, full[0], hints, name="h")
        right = pieces()[1]
        hints = {
            forgetful: pieces(carry=None)[1],
            "The last, shorter piece is missing": pieces(whole_only=True)[1],
            "This is the whole gradient. Nothing has been cut": full[1](g),
        }
        check.close(dW_hh, right, hints, name="dW_hh")
    check.done()
