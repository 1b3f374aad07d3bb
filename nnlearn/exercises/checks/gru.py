"""Checks of the exercises of chapter 7 about the GRU."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.literal import case_of, sigmoid
from nnlearn.exercises.checks.lstm_values import blocks
from nnlearn.exercises.mismatch import outcomes


def gru(answer: Any) -> None:
    """7.7: the GRU over a sequence."""
    check = Check("7.7", "the GRU", answer, without=unaided.GRU)
    for T, N, D, H in [(4, 2, 3, 5), (1, 1, 1, 1), (6, 3, 2, 2)]:
        shapes = [(T, N, D), (N, H), (3 * H, D), (3 * H, H), (3 * H,)]
        arguments = x, h0, W_x, W_h, b = check.normal(*shapes)
        h = check.call(answer, *arguments, case=case_of(T, N, D, H))
        if getattr(h, "shape", None) == (T + 1, N, H):
            check.fail("Return the states after h0, without h0 itself.")
        check.shape(h, (T, N, H), name="h")
        right = _states(*arguments)
        each = [_states(x_t[None], *arguments[1:])[0] for x_t in x]
        hints = {
            "The reset gate stands before the product, as in the paper. Here it stands behind it": (
                _states(*arguments, early=True)
            ),
            "u is the share of the old state, and 1 − u that of the candidate": (
                _states(*arguments, turned=True)
            ),
            "The reset gate's rows come first, then those of the update gate": (
                _states(*arguments, order=(1, 0, 2))
            ),
            "The reset gate plays no part": _states(*arguments, reset="none"),
            "The reset gate multiplies W_h h, and not the bias": _states(*arguments, reset="bias"),
            "The reset gate multiplies what comes from the state, and not what comes from x": (
                _states(*arguments, reset="all")
            ),
            "The candidate is no gate: it goes through tanh": _states(*arguments, bend=sigmoid),
            "It starts from zero, and not from h0": _states(x, 0 * h0, W_x, W_h, b),
            "Every step starts from h0. It should start from the state before": np.array(each),
            "The bias is missing": _states(x, h0, W_x, W_h, 0 * b),
        }
        check.close(h, right, hints, name="h")
        check.close(h, nn.gru(*arguments), name="Against the package, h")
    x, h0, W_x, W_h, b = (3 * a for a in check.normal((30, 2, 2), (2, 3), (9, 2), (9, 3), (9,)))
    h = check.call(answer, x, np.tanh(h0), W_x, W_h, b, case="30 steps, large weights")
    check.that(np.abs(h) < 1 + 1e-12, "A state leaves the interval from −1 to 1.")
    check.done()


def gru_backward(answer: Any) -> None:
    """7.8: the way back of one step of a GRU."""
    check = Check("7.8", "back through a GRU", answer, without=unaided.GRADIENTS + unaided.GRU)
    for N, H in [(2, 3), (1, 1), (3, 2)]:
        a, h_before, W_h, dh = check.normal((N, 3 * H), (N, H), (3 * H, H), (N, H))
        of_x, of_h = blocks(a, 3), blocks(h_before @ W_h.T, 3)
        r, u = (sigmoid(of_x[k] + of_h[k]) for k in range(2))
        candidate = np.tanh(of_x[2] + r * of_h[2])
        given = dh, h_before, r, u, candidate, of_h[2], W_h
        case = f"N = {N} sequences, H = {H} units"
        dz, dh_before = check.unpack(check.call(answer, *given, case=case), "dz, dh_before")
        check.shape(dz, a.shape, name="dz")
        check.shape(dh_before, h_before.shape, name="dh_before")
        mistakes: dict[str, Any] = {
            "The candidate has the share 1 − u, and not u": {"share": u},
            "The update gate's gradient has the wrong sign: what does a larger u keep?": {
                "difference": candidate - h_before
            },
            "The update gate stands there twice, as u and as −u": {"difference": h_before},
            "The reset gate multiplied s_c, and not the state": {"met": h_before},
            "The slopes of the two sigmoids are missing": {"sloped": False},
            "The slope of the candidate's tanh is missing": {"bent": False},
            "The reset gate stands inside the candidate's tanh: its gradient passes that slope": {
                "inside": False
            },
            "This is ds. In dz the candidate's block does not pass the reset gate": {"sums": True},
            "The reset gate's block comes first, then that of the update gate": {
                "order": (1, 0, 2)
            },
            "The candidate's part of ds comes through the reset gate": {"reset": False},
            "One way is missing: the state before is also kept, with the share u": {"ways": (0, 1)},
            "One way is missing: the three sums read the state before through W_h": {
                "ways": (1, 0)
            },
        }
        wrong = outcomes(_back, *given, mistakes=mistakes)
        check.gradients(
            (dz, dh_before), "dz, dh_before", _step, a, h_before, W_h, seed=dh, mistakes=wrong
        )
    check.done()


def _states(
    x: Any,
    h0: Any,
    W_x: Any,
    W_h: Any,
    b: Any,
    *,
    order: Any = (0, 1, 2),
    early: bool = False,
    turned: bool = False,
    bend: Any = np.tanh,
    reset: Any = "",
) -> Any:
    """All states of a GRU, one sequence and step after the other; or a usual mistake."""
    H, h, found = h0.shape[1], h0, []
    for x_t in x:
        new = []
        for x_n, h_n in zip(x_t, h, strict=True):
            of_x, of_h = blocks(W_x @ x_n + b, 3), blocks(W_h @ h_n, 3)
            r, u = (sigmoid(of_x[k] + of_h[k]) for k in order[:2])
            c = order[2]
            rows = W_h[c * H : (c + 1) * H]
            recalled = rows @ (r * h_n) if early else r * of_h[c]
            z = {
                "": of_x[c] + recalled,
                "none": of_x[c] + of_h[c],
                "bias": of_x[c] + recalled + (r - 1) * blocks(b, 3)[c],
                "all": r * (of_x[c] + of_h[c]),
            }[reset]
            keep = 1 - u if turned else u
            new.append(keep * h_n + (1 - keep) * bend(z))
        h = np.array(new)
        found.append(h)
    return np.array(found)


def _step(a: Any, h_before: Any, W_h: Any) -> Any:
    """One step from what the input gives to the sums, a = W_x x + b, in rows."""
    of_x, of_h = blocks(a, 3), blocks(h_before @ W_h.T, 3)
    r, u = (sigmoid(of_x[k] + of_h[k]) for k in range(2))
    return u * h_before + (1 - u) * np.tanh(of_x[2] + r * of_h[2])


def _back(
    dh: Any, h_before: Any, r: Any, u: Any, candidate: Any, s_c: Any, W_h: Any, *,
    share: Any = None, difference: Any = None, met: Any = None, sloped: bool = True,
    bent: bool = True, reset: bool = True, ways: Any = (1, 1), inside: bool = True,
    sums: bool = False, order: Any = (0, 1, 2),
) -> Any:  # fmt: skip
    """Return dz and the gradient of the state before; or those of a usual mistake."""
    dcandidate = dh * (1 - u if share is None else share)
    dz_c = dcandidate * (1 - candidate**2 if bent else 1)
    difference = h_before - candidate if difference is None else difference
    dz_u = dh * difference * (u * (1 - u) if sloped else 1)
    dr = (dz_c if inside else dcandidate) * (s_c if met is None else met)
    dz_r = dr * (r * (1 - r) if sloped else 1)
    ds = np.concatenate([dz_r, dz_u, dz_c * r if reset else dz_c], axis=1)
    dz = ds if sums else np.concatenate([[dz_r, dz_u, dz_c][k] for k in order], axis=1)
    return dz, ways[0] * u * dh + ways[1] * ds @ W_h
