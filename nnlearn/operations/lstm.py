"""The LSTM over a whole sequence: a cell state that gates write to, and its backward pass.

The four gates stand side by side in one array, in the order forget, input, output, candidate, so
that one matrix product serves all four. Inside, each sequence is a column (see `columns`).
"""

from nnlearn.arrays.backend import array_namespace, column_sums, product, tanh_in_place
from nnlearn.derivative import differentiable
from nnlearn.operations.columns import (
    blocks_of,
    in_columns,
    inputs_above_states,
    room_for_turned,
    turned,
)
from nnlearn.shapes import as_rows


@differentiable(
    "x (T, N, D), h0 (N, H), c0 (N, H), W_x (4H, D), W_h (4H, H), b (4H)"
    " -> h (T, N, H), c (T, N, H)"
)
def lstm(x, h0, c0, W_x, W_h, b):
    """Long short-term memory: C_t = f ⊙ C_{t-1} + i ⊙ C̃ and h_t = o ⊙ tanh C_t for every step t.

    Parameters
    ----------
    x : array, shape (T, N, D), floating-point
        The inputs: T steps of N sequences.
    h0, c0 : array, shape (N, H)
        The hidden state and the cell state before the first step.
    W_x : array, shape (4H, D)
        Weights of the input: H rows for each of forget, input, output gate and candidate.
    W_h : array, shape (4H, H)
        Weights of the hidden state before, in the same order.
    b : array, shape (4H,)
        Biases, in the same order.

    Returns
    -------
    h, c : array, shape (T, N, H)
        The hidden state and the cell state after each step.

    Raises
    ------
    ValueError
        If the shapes do not fit, or there is no step.

    Notes
    -----
    The network of Hochreiter and Schmidhuber :cite:`hochreiter1997`, with the forget gate of Gers,
    Schmidhuber and Cummins :cite:`gers2000`. Source: eq-lstm-z, eq-lstm-gates, eq-lstm-candidate,
    eq-lstm-cell, eq-lstm-hidden; eq-lstm-dh, eq-lstm-do, eq-lstm-dc, eq-lstm-df, eq-lstm-di,
    eq-lstm-dcandidate, eq-lstm-dz, eq-lstm-dx, eq-lstm-dinitial, eq-lstm-dwx, eq-lstm-dwh,
    eq-lstm-db.
    """
    xp = array_namespace(x, h0, c0, W_x, W_h, b)
    T, N, D = x.shape
    W, bias = xp.concat([W_x, W_h], axis=1), in_columns(b, N)
    xh, rows = inputs_above_states(x, h0, "lstm")
    h = xh[:, D:, :]  # h[0] is h0, and h[t + 1] the state after x[t], in columns
    c, tanh_c = xp.empty_like(h), xp.empty_like(h)
    c[0, ...] = c0.T
    gates = xp.empty((T, *bias.shape), dtype=xh.dtype, device=x.device)
    f, i, o, candidate = blocks_of(gates, 4)  # views
    for t in range(T):
        product(W, xh[t, ...]).into(gates[t, ...])
        gates[t, ...] += bias  # eq-lstm-z
        squash(gates[t, ...])  # eq-lstm-gates, eq-lstm-candidate
        c[t + 1, ...] = f[t, ...] * c[t, ...]
        c[t + 1, ...] += i[t, ...] * candidate[t, ...]  # eq-lstm-cell
        tanh_c[t, ...] = xp.tanh(c[t + 1, ...])
        h[t + 1, ...] = o[t, ...] * tanh_c[t, ...]  # eq-lstm-hidden
        rows[t + 1, :, D:] = h[t + 1, ...].T

    def backward(dh, dc):
        dh, dc = xp.matrix_transpose(dh), xp.matrix_transpose(dc)
        W_hT, dz = turned(W_h), room_for_turned(gates)
        dz_t = xp.empty_like(gates[0, ...])  # of one step, in columns
        df, di, do, dcandidate = blocks_of(dz_t, 4)  # views
        later_h = later_c = xp.zeros_like(h0.T)  # what the later steps say of h and C
        for t in reversed(range(T)):
            dh_t = dh[t, ...] + later_h  # eq-lstm-dh
            dc_t = dh_t * o[t, ...] * (1 - tanh_c[t, ...] ** 2)
            dc_t += dc[t, ...] + later_c  # eq-lstm-dc
            df[...] = dc_t * c[t, ...]  # eq-lstm-df
            di[...] = dc_t * candidate[t, ...]  # eq-lstm-di
            do[...] = dh_t * tanh_c[t, ...]  # eq-lstm-do
            dcandidate[...] = dc_t * i[t, ...]  # eq-lstm-dcandidate
            dz_t *= slopes(gates[t, ...])  # eq-lstm-dz
            later_c = dc_t * f[t, ...]
            later_h = W_hT @ dz_t
            dz[t, ...] = dz_t.T
        dz_rows = as_rows(dz)
        return (
            lambda: dz @ W_x,  # eq-lstm-dx
            later_h.T,  # eq-lstm-dinitial
            later_c.T,  # eq-lstm-dinitial
            product(dz_rows.T, as_rows(x)),  # eq-lstm-dwx
            product(dz_rows.T, as_rows(rows[:-1, ...])[:, D:]),  # eq-lstm-dwh
            lambda: column_sums(dz_rows),  # eq-lstm-db
        )

    return (rows[1:, :, D:], xp.matrix_transpose(c[1:, ...])), backward


def squash(z):
    """Turn z of the gates, in place, into their values: σ of three of them, tanh of the last.

    As σ(z) = (1 + tanh(z / 2)) / 2, one call of tanh serves all four.
    """
    H = z.shape[0] // 4
    sigmoids = z[: 3 * H, :]
    sigmoids *= 0.5
    tanh_in_place(z)
    sigmoids *= 0.5
    sigmoids += 0.5


def slopes(gates):
    """Give the derivatives of the gates a by their z: a(1 - a), and 1 - a² of the candidate."""
    H = gates.shape[0] // 4
    slope = gates * gates
    slope[: 3 * H, :] = gates[: 3 * H, :] - slope[: 3 * H, :]
    slope[3 * H :, :] = 1 - slope[3 * H :, :]
    return slope
