"""The recurrent operations on a GPU, by CuPy: two kernels for each step and direction.

One is the product with the weights, the other all that is done number by number. See `few_kernels`.
"""

from typing import Any

from nnlearn.arrays import fused_steps
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.fast import write
from nnlearn.arrays.layout import blocks_of, room_for_turned
from nnlearn.arrays.recurrence import Columns
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable


@differentiable
def rnn(x: Array, h0: Array, W_xh: Array, W_hh: Array, b_h: Array) -> Array:
    """7 kernels a step → 4."""
    xp = array_namespace(x, h0, W_xh, W_hh, b_h)
    columns = Columns("rnn", x, h0, W_xh, W_hh, b_h)
    h, T = columns.h, x.shape[0]
    for t in range(T):
        columns.write_product(t, h[t + 1, ...])
        fused_steps.rnn_step(h[t + 1, ...], b_h[:, None])

    def backward(dh: Array) -> Gradients:
        dh = xp.matrix_transpose(dh)
        dz = room_for_turned(h[1:, ...])  # in rows; its columns are written
        columns_of_dz = xp.matrix_transpose(dz)
        later = xp.zeros_like(h0.T)
        for t in reversed(range(T)):
            dz_t = columns_of_dz[t, ...]
            fused_steps.rnn_step_back(dz_t, h[t + 1, ...], dh[t, ...], later)
            later = W_hh.T @ dz_t
        return columns.gradients(dz, later)

    return columns.states(), backward


@differentiable
def lstm(x: Array, h0: Array, c0: Array, W_x: Array, W_h: Array, b: Array) -> Any:
    """38 kernels a step → 4."""
    xp = array_namespace(x, h0, c0, W_x, W_h, b)
    columns = Columns("lstm", x, h0, W_x, W_h, b)
    h, T = columns.h, x.shape[0]
    c, tanh_c = xp.empty_like(h), xp.empty_like(h)
    c[0, ...] = c0.T
    gates, (f, i, o, candidate) = columns.room(4)
    biases = blocks_of(b[:, None], 4)
    for t in range(T):
        columns.write_product(t, gates[t, ...])
        step = f[t, ...], i[t, ...], o[t, ...], candidate[t, ...], *biases
        states = c[t, ...], c[t + 1, ...], tanh_c[t, ...], h[t + 1, ...]
        fused_steps.lstm_step(*step, *states)

    def backward(dh: Array, dc: Array) -> Gradients:
        dh, dc = xp.matrix_transpose(dh), xp.matrix_transpose(dc)
        dz = room_for_turned(gates)  # in rows; its columns are written
        columns_of_dz = xp.matrix_transpose(dz)
        dgates = blocks_of(columns_of_dz, 4)
        later_h = xp.zeros_like(h0.T)
        later_c = xp.zeros_like(c0.T)
        for t in reversed(range(T)):
            step = f[t, ...], i[t, ...], o[t, ...], candidate[t, ...], c[t, ...], tanh_c[t, ...]
            fused_steps.lstm_step_back(
                dh[t, ...], later_h, dc[t, ...], later_c, *step, *(d[t, ...] for d in dgates)
            )
            later_h = W_h.T @ columns_of_dz[t, ...]
        return columns.gradients(dz, later_h, later_c)

    return (columns.states(), xp.matrix_transpose(c[1:, ...])), backward


@differentiable
def gru(x: Array, h0: Array, W_x: Array, W_h: Array, b: Array) -> Array:
    """44 kernels a step → 4."""
    xp = array_namespace(x, h0, W_x, W_h, b)
    columns = Columns("gru", x, h0, W_x, W_h, b)
    h, T = columns.h, x.shape[0]
    gates = columns.affine_of_inputs()
    r, u, candidate = blocks_of(gates, 3)
    shares, (share_r, share_u, recalled) = columns.room(3)  # what W_h makes of the states
    for t in range(T):
        write(shares[t, ...], xp.matmul, W_h, h[t, ...])
        step = r[t, ...], u[t, ...], candidate[t, ...]
        of_state = share_r[t, ...], share_u[t, ...], recalled[t, ...]
        fused_steps.gru_step(*step, *of_state, h[t, ...], h[t + 1, ...])

    def backward(dh: Array) -> Gradients:
        dh = xp.matrix_transpose(dh)
        later = xp.zeros_like(h0.T)
        carried = xp.zeros_like(h0.T)
        dz = room_for_turned(gates)  # in rows, as in lstm; of W_x x + b
        dshare = room_for_turned(gates)  # of W_h h
        dgates = blocks_of(xp.matrix_transpose(dz), 3)
        columns_of_dshare = xp.matrix_transpose(dshare)
        dshares = blocks_of(columns_of_dshare, 3)
        for t in reversed(range(T)):
            step = r[t, ...], u[t, ...], candidate[t, ...], recalled[t, ...], h[t, ...]
            found = (d[t, ...] for d in (*dgates, *dshares))
            fused_steps.gru_step_back(dh[t, ...], later, carried, *step, *found)
            later = W_h.T @ columns_of_dshare[t, ...]
        return columns.gradients(dz, later + carried, dz_h=dshare)

    return columns.states(), backward
