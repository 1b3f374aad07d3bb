"""What the checks of chapter 7 compare with: right values, and those of the usual mistakes.

A keyword of a function is a mistake; without any it computes what the chapter's equations say.
"""

import numpy as np

import nnlearn as nn


def telling(hints, right):
    """Return the hints whose mistake shows in this case."""
    return {text: wrong for text, wrong in hints.items() if not np.allclose(wrong, right)}


def sizes(T, N, D, H):
    return f"T = {T} steps, N = {N} sequences, D = {D} inputs, H = {H} units"


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def normal(check, *shapes):
    return [check.rng.normal(size=shape) for shape in shapes]


def blocks(gates, count):
    return np.split(np.asarray(gates), count, axis=-1)


def step(
    x, h, c, W_x, W_h, b, *, order=(0, 1, 2, 3), bend=np.tanh, shown=np.tanh, late=True, gated=True
):
    """One LSTM step, one sum after the other; or a usual mistake."""
    rows = range(len(b))
    z = np.array(
        [[W_x[k] @ x_n + W_h[k] @ h_n + b[k] for k in rows] for x_n, h_n in zip(x, h, strict=True)]
    )
    parts = [blocks(z, 4)[place] for place in order]
    f, i, o = map(sigmoid, parts[:3])
    new = f * c + (i if gated else 1) * bend(parts[3])
    return o * shown(new if late else c), new


def cell(z, c_before):
    """Give h and C of one cell from its z and the cell state before, stacked."""
    f, i, o, candidate = blocks(z, 4)
    c = sigmoid(f) * c_before + sigmoid(i) * np.tanh(candidate)
    return np.stack([sigmoid(o) * np.tanh(c), c])


def cell_back(
    dh, dc_later, f, i, o, candidate, c_before, c, *,
    add="both", opened=True, bent=True, sloped=True, a_gate=False, kept=None, mixed=False,
):  # fmt: skip
    """Return dz and what goes to the cell before; or those of a usual mistake."""
    shown = dh * (o if opened else 1) * (1 - np.tanh(c) ** 2 if bent else 1)
    dc = {"both": dc_later + shown, "later": dc_later, "shown": shown}[add]
    d_gates = [dc * (c_before if kept is None else kept), dc * candidate, dh * np.tanh(c), dc * i]
    if mixed:
        d_gates[1], d_gates[3] = d_gates[3], d_gates[1]
    bend = candidate * (1 - candidate) if a_gate else 1 - candidate**2
    slopes = [f * (1 - f), i * (1 - i), o * (1 - o), bend] if sloped else [1, 1, 1, 1]
    dz = [d * slope for d, slope in zip(d_gates, slopes, strict=True)]
    return np.concatenate(dz, axis=1), f * dc


def gates(x, h0, h, W_x, W_h, b):
    """All gates and candidates after their bends, (T, N, 4H)."""
    f, i, o, candidate = blocks(x @ W_x.T + np.concatenate([h0[None], h[:-1]]) @ W_h.T + b, 4)
    bent = [sigmoid(f), sigmoid(i), sigmoid(o), np.tanh(candidate)]
    return np.concatenate(bent, axis=-1)


def backward(g, x, h0, c0, h, c, gates, W_x, W_h, *, dc="add", states=True, off=0, cell=0, **cells):
    """Return the six gradients, or those of a usual mistake."""
    h_before, c_before = np.concatenate([h0[None], h]), np.concatenate([c0[None], c])
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    dx, later_h, later_c = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(c0)
    last = len(x) - 1
    for t in range(last, -1, -1):
        f, i, o, candidate = blocks(gates[t], 4)
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


def hidden_states(*arguments):
    return nn.lstm(*arguments)[0]


def gru(x, h0, W_x, W_h, b, *, order=(0, 1, 2), early=False, turned=False, bend=np.tanh, reset=""):
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


def gru_step(a, h_before, W_h):
    """One step from what the input gives to the sums, a = W_x x + b, in rows."""
    of_x, of_h = blocks(a, 3), blocks(h_before @ W_h.T, 3)
    r, u = (sigmoid(of_x[k] + of_h[k]) for k in range(2))
    return u * h_before + (1 - u) * np.tanh(of_x[2] + r * of_h[2])


def gru_back(
    dh, h_before, r, u, candidate, s_c, W_h, *,
    share=None, difference=None, met=None, sloped=True, bent=True, reset=True, ways=(1, 1),
):  # fmt: skip
    """Return dz and the gradient of the state before; or those of a usual mistake."""
    dz_c = dh * (1 - u if share is None else share) * (1 - candidate**2 if bent else 1)
    difference = h_before - candidate if difference is None else difference
    dz_u = dh * difference * (u * (1 - u) if sloped else 1)
    dz_r = dz_c * (s_c if met is None else met) * (r * (1 - r) if sloped else 1)
    ds = np.concatenate([dz_r, dz_u, dz_c * r if reset else dz_c], axis=1)
    return np.concatenate([dz_r, dz_u, dz_c], axis=1), ways[0] * u * dh + ways[1] * ds @ W_h
