"""The LSTM over a whole sequence: a cell state that gates write to, and its backward pass.

The four gates stand side by side in one array, in the order forget, input, output, candidate, so
that one matrix product serves all four. Inside, each sequence is a column (see
`nnlearn.arrays.recurrence`).
"""

from typing import Any

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.layout import blocks_of, room_for_turned, turned
from nnlearn.arrays.recurrence import Columns, lstm_gates, lstm_slopes
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable
from nnlearn.operations import few_kernels_recurrent
from nnlearn.operations.few_kernels import with_fused


@differentiable(
    "x (T, N, D), h0 (N, H), c0 (N, H), W_x (4H, D), W_h (4H, H), b (4H)"
    " -> h (T, N, H), c (T, N, H)"
)
def lstm(x: Array, h0: Array, c0: Array, W_x: Array, W_h: Array, b: Array) -> Any:
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
    columns = Columns("lstm", x, h0, W_x, W_h, b)
    h, T = columns.h, x.shape[0]  # h[0] is h0, and h[t + 1] the state after x[t]
    c, tanh_c = xp.empty_like(h), xp.empty_like(h)
    c[0, ...] = c0.T
    gates, (f, i, o, candidate) = columns.room(4)  # the four are views
    for t in range(T):
        columns.write_affine(t, gates[t, ...])  # eq-lstm-z
        lstm_gates(gates[t, ...])  # eq-lstm-gates, eq-lstm-candidate
        c[t + 1, ...] = f[t, ...] * c[t, ...] + i[t, ...] * candidate[t, ...]  # eq-lstm-cell
        tanh_c[t, ...] = xp.tanh(c[t + 1, ...])
        h[t + 1, ...] = o[t, ...] * tanh_c[t, ...]  # eq-lstm-hidden

    def backward(dh: Array, dc: Array) -> Gradients:
        dh, dc = xp.matrix_transpose(dh), xp.matrix_transpose(dc)
        dz, dz_t = room_for_turned(gates), xp.empty_like(gates[0, ...])
        df, di, do, dcandidate = blocks_of(dz_t, 4)  # views
        W_hT, later_h, later_c = turned(W_h), xp.zeros_like(h0.T), xp.zeros_like(c0.T)
        for t in reversed(range(T)):
            dh_t = dh[t, ...] + later_h  # eq-lstm-dh
            dc_t = dc[t, ...] + later_c + dh_t * o[t, ...] * (1 - tanh_c[t, ...] ** 2)  # eq-lstm-dc
            df[...] = dc_t * c[t, ...]  # eq-lstm-df
            di[...] = dc_t * candidate[t, ...]  # eq-lstm-di
            do[...] = dh_t * tanh_c[t, ...]  # eq-lstm-do
            dcandidate[...] = dc_t * i[t, ...]  # eq-lstm-dcandidate
            dz_t *= lstm_slopes(gates[t, ...])  # eq-lstm-dz
            later_h, later_c = W_hT @ dz_t, dc_t * f[t, ...]  # at the end: eq-lstm-dinitial
            dz[t, ...] = dz_t.T
        # eq-lstm-dx, eq-lstm-dinitial, eq-lstm-dwx, eq-lstm-dwh, eq-lstm-db
        return columns.gradients(dz, later_h, later_c)

    return (columns.states(), xp.matrix_transpose(c[1:, ...])), backward


lstm = with_fused(lstm, few_kernels_recurrent.lstm)
