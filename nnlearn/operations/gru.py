"""The gated recurrent unit over a whole sequence: one state, two gates, and its backward pass.

The gates and the candidate stand side by side in one array, in the order reset, update,
candidate. Inside, each sequence is a column (see `nnlearn.arrays.recurrence`).
"""

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.layout import blocks_of, turned
from nnlearn.arrays.recurrence import Columns
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable
from nnlearn.operations import few_kernels_recurrent
from nnlearn.operations.activations import sigmoid
from nnlearn.operations.few_kernels import with_fused


@differentiable("x (T, N, D), h0 (N, H), W_x (3H, D), W_h (3H, H), b (3H) -> h (T, N, H)")
def gru(x: Array, h0: Array, W_x: Array, W_h: Array, b: Array) -> Array:
    """Gated recurrent unit: h_t = (1 - u) ⊙ candidate + u ⊙ h_{t-1} for every step t.

    The candidate is tanh of W_x x + b + r ⊙ (W_h h_{t-1}), each with its own rows of W_x, W_h
    and b: the reset gate r acts on the product, as in cuDNN and PyTorch.

    Parameters
    ----------
    x : array, shape (T, N, D), floating-point
        The inputs: T steps of N sequences.
    h0 : array, shape (N, H)
        The state before the first step.
    W_x : array, shape (3H, D)
        Weights of the input: H rows for each of reset gate, update gate and candidate.
    W_h : array, shape (3H, H)
        Weights of the state before, in the same order.
    b : array, shape (3H,)
        Biases, in the same order.

    Returns
    -------
    array, shape (T, N, H)
        The state after each step.

    Raises
    ------
    ValueError
        If the shapes do not fit, or there is no step.

    Notes
    -----
    The unit of Cho et al. :cite:`cho2014`. Source: eq-gru-gates, eq-gru-candidate, eq-gru;
    eq-gru-dh, eq-gru-dcandidate, eq-gru-du, eq-gru-dr, eq-gru-ds, eq-gru-dweights.
    """
    xp = array_namespace(x, h0, W_x, W_h, b)
    columns = Columns("gru", x, h0, W_x, W_h, b)
    h, T, H = columns.h, x.shape[0], h0.shape[1]  # h[0] is h0, h[t + 1] the state after x[t]
    gates = columns.affine_of_inputs()
    r, u, candidate = blocks_of(gates, 3)  # views
    recalled = xp.empty_like(candidate)  # what the candidate's rows of W_h make of the state
    for t in range(T):
        share = W_h @ h[t, ...]
        gates[t, : 2 * H, :] = sigmoid(gates[t, : 2 * H, :] + share[: 2 * H, :])  # eq-gru-gates
        recalled[t, ...] = share[2 * H :, :]
        # eq-gru-candidate
        candidate[t, ...] = xp.tanh(candidate[t, ...] + r[t, ...] * recalled[t, ...])
        h[t + 1, ...] = (1 - u[t, ...]) * candidate[t, ...] + u[t, ...] * h[t, ...]  # eq-gru

    def backward(dh: Array) -> Gradients:
        dh, later = xp.matrix_transpose(dh), xp.zeros_like(h0.T)
        dz = xp.empty_like(gates)  # of W_x x + b
        dshare = xp.empty_like(gates)  # of W_h h
        dr, du, dcandidate = blocks_of(dz, 3)  # views
        for t in reversed(range(T)):
            dh_t = dh[t, ...] + later  # eq-gru-dh
            # eq-gru-dcandidate
            dcandidate[t, ...] = dh_t * (1 - u[t, ...]) * (1 - candidate[t, ...] ** 2)
            du_t = dh_t * (h[t, ...] - candidate[t, ...])
            du[t, ...] = du_t * u[t, ...] * (1 - u[t, ...])  # eq-gru-du
            # eq-gru-dr
            dr[t, ...] = dcandidate[t, ...] * recalled[t, ...] * r[t, ...] * (1 - r[t, ...])
            dshare[t, : 2 * H, :] = dz[t, : 2 * H, :]  # eq-gru-ds
            dshare[t, 2 * H :, :] = dcandidate[t, ...] * r[t, ...]
            later = dh_t * u[t, ...] + W_h.T @ dshare[t, ...]
        return columns.gradients(turned(dz), later, dz_h=turned(dshare))  # eq-gru-dweights

    return columns.states(), backward


gru = with_fused(gru, few_kernels_recurrent.gru)
