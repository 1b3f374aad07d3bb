"""What the checks of chapter 7 compare with: right values, and those of the usual mistakes.

A keyword of a function is a mistake; without any it computes what the chapter's equations say.
"""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checks.literal import sigmoid


def blocks(gates: Any, count: Any) -> Any:
    return np.split(np.asarray(gates), count, axis=-1)


def step(
    x: Any,
    h: Any,
    c: Any,
    W_x: Any,
    W_h: Any,
    b: Any,
    *,
    order: Any = (0, 1, 2, 3),
    bend: Any = np.tanh,
    shown: Any = np.tanh,
    late: bool = True,
    gated: bool = True,
) -> Any:
    """One LSTM step, one sum after the other; or a usual mistake."""
    rows = range(len(b))
    z = np.array(
        [[W_x[k] @ x_n + W_h[k] @ h_n + b[k] for k in rows] for x_n, h_n in zip(x, h, strict=True)]
    )
    parts = [blocks(z, 4)[place] for place in order]
    f, i, o = map(sigmoid, parts[:3])
    new = f * c + (i if gated else 1) * bend(parts[3])
    return o * shown(new if late else c), new


def cell(z: Any, c_before: Any) -> Any:
    """Give h and C of one cell from its z and the cell state before, stacked."""
    f, i, o, candidate = blocks(z, 4)
    c = sigmoid(f) * c_before + sigmoid(i) * np.tanh(candidate)
    return np.stack([sigmoid(o) * np.tanh(c), c])


def cell_back(
    dh: Any, dc_later: Any, f: Any, i: Any, o: Any, candidate: Any, c_before: Any, c: Any, *,
    add: Any = "both", opened: bool = True, bent: bool = True, sloped: bool = True,
    a_gate: bool = False, kept: Any = None, mixed: bool = False, gate: bool = True,
    order: Any = (0, 1, 2, 3),
) -> Any:  # fmt: skip
    """Return dz and what goes to the cell before; or those of a usual mistake."""
    shown = dh * (o if opened else 1) * (1 - np.tanh(c) ** 2 if bent else 1)
    dc = {"both": dc_later + shown, "later": dc_later, "shown": shown}[add]
    d_gates = [dc * (c_before if kept is None else kept), dc * candidate, dh * np.tanh(c), dc * i]
    if mixed:
        d_gates[1], d_gates[3] = d_gates[3], d_gates[1]
    bend = candidate * (1 - candidate) if a_gate else 1 - candidate**2
    slopes = [f * (1 - f), i * (1 - i), o * (1 - o), bend] if sloped else [1, 1, 1, 1]
    dz = [d * slope for d, slope in zip(d_gates, slopes, strict=True)]
    return np.concatenate([dz[k] for k in order], axis=1), f * dc if gate else dc


def bends(z: Any) -> Any:
    """Bend the four blocks: three gates and the candidate."""
    f, i, o, candidate = blocks(z, 4)
    return np.concatenate([sigmoid(f), sigmoid(i), sigmoid(o), np.tanh(candidate)], axis=-1)


def gates(x: Any, h0: Any, h: Any, W_x: Any, W_h: Any, b: Any) -> Any:
    """All gates and candidates after their bends, (T, N, 4H)."""
    return bends(x @ W_x.T + np.concatenate([h0[None], h[:-1]]) @ W_h.T + b)


def backward(
    g: Any,
    x: Any,
    h0: Any,
    c0: Any,
    h: Any,
    c: Any,
    gates: Any,
    W_x: Any,
    W_h: Any,
    *,
    dc: Any = "add",
    states: bool = True,
    off: Any = 0,
    cell: Any = 0,
    again: bool = False,
    **cells: Any,
) -> Any:
    """Return the six gradients, or those of a usual mistake."""
    h_before, c_before = np.concatenate([h0[None], h]), np.concatenate([c0[None], c])
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    dx, later_h, later_c = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(c0)
    last = len(x) - 1
    for t in range(last, -1, -1):
        f, i, o, candidate = blocks(bends(gates[t]) if again else gates[t], 4)
        dh = g[t] + later_h * states
        add = "both" if dc in ("add", "own") else "shown" if dc == "shown" or t == last else "later"
        dz, later_c = cell_back(
            dh, later_c * (f if dc == "own" else 1), f, i, o, candidate,
            c_before[t + cell], c[t], add=add, **cells,
        )  # fmt: skip
        if dc == "own" and t > 0:
            later_c = later_c / f
        later_h, dx[t] = dz @ W_h, dz @ W_x
        dW_x, dW_h, db = dW_x + dz.T @ x[t], dW_h + dz.T @ h_before[t + off], db + dz.sum(axis=0)
    return dx, later_h, later_c, dW_x, dW_h, db


def hidden_states(*arguments: Any) -> Any:
    return nn.lstm(*arguments)[0]
