"""The gated recurrent unit over a whole sequence: one state, two gates, and its backward pass.

The gates and the candidate stand side by side in one array, in the order reset, update,
candidate. Inside, each sequence is a column (see `columns`).
"""

from nnlearn.arrays.backend import array_namespace, column_sums, product
from nnlearn.derivative import differentiable
from nnlearn.operations.activations import sigmoid
from nnlearn.operations.columns import blocks_of, in_columns, inputs_above_states, turned
from nnlearn.shapes import as_rows


@differentiable("x (T, N, D), h0 (N, H), W_x (3H, D), W_h (3H, H), b (3H) -> h (T, N, H)")
def gru(x, h0, W_x, W_h, b):
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
    T, N, D = x.shape
    H = h0.shape[1]
    xh, rows = inputs_above_states(x, h0, "gru")
    h = xh[:, D:, :]  # h[0] is h0, and h[t + 1] the state after x[t], in columns
    gates = W_x @ xh[:-1, :D, :] + in_columns(b, N)  # the input's share, of all steps at once
    r, u, candidate = blocks_of(gates, 3)  # views
    recalled = xp.empty_like(candidate)  # what the candidate's rows of W_h make of the state
    for t in range(T):
        share = W_h @ h[t, ...]
        gates[t, : 2 * H, :] = sigmoid(gates[t, : 2 * H, :] + share[: 2 * H, :])
        recalled[t, ...] = share[2 * H :, :]
        candidate[t, ...] = xp.tanh(candidate[t, ...] + r[t, ...] * recalled[t, ...])
        h[t + 1, ...] = (1 - u[t, ...]) * candidate[t, ...] + u[t, ...] * h[t, ...]
    rows[1:, :, D:] = xp.matrix_transpose(h[1:, ...])

    def backward(dh):
        dh = xp.matrix_transpose(dh)
        dz = xp.empty_like(gates)  # of W_x x + b
        dshare = xp.empty_like(gates)  # of W_h h
        dr, du, dcandidate = blocks_of(dz, 3)  # views
        later = xp.zeros_like(h0.T)  # what the later steps say of h[t + 1]
        for t in reversed(range(T)):
            dh_t = dh[t, ...] + later  # eq-gru-dh
            dcandidate[t, ...] = dh_t * (1 - u[t, ...]) * (1 - candidate[t, ...] ** 2)
            du_t = dh_t * (h[t, ...] - candidate[t, ...])
            du[t, ...] = du_t * u[t, ...] * (1 - u[t, ...])  # eq-gru-du
            dr_t = dcandidate[t, ...] * recalled[t, ...]
            dr[t, ...] = dr_t * r[t, ...] * (1 - r[t, ...])  # eq-gru-dr
            dshare[t, : 2 * H, :] = dz[t, : 2 * H, :]  # eq-gru-ds
            dshare[t, 2 * H :, :] = dcandidate[t, ...] * r[t, ...]
            later = dh_t * u[t, ...] + W_h.T @ dshare[t, ...]
        dz, dshare = as_rows(turned(dz)), as_rows(turned(dshare))
        return (
            lambda: xp.reshape(dz @ W_x, x.shape),  # eq-gru-dweights, and three more
            later.T,
            product(dz.T, as_rows(x)),
            product(dshare.T, as_rows(rows[:-1, ...])[:, D:]),
            lambda: column_sums(dz),
        )

    return rows[1:, :, D:], backward
