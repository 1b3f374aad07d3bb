"""The LSTM over a whole sequence: a cell state that gates write to, and its backward pass.

The four gates stand side by side in one array, in the order forget, input, output, candidate, so
that one matrix product serves all four. As in `rnn`, what does not wait for the step before is
done for all steps at once.
"""

from nnlearn.backend import array_namespace, column_sums, product
from nnlearn.dense import dense
from nnlearn.derivative import differentiable
from nnlearn.shapes import as_rows
from nnlearn.steps import blocks_of, states_from


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
    Chapter 7 derives it. Source: Hochreiter and Schmidhuber, "Long short-term memory", 1997, with
    the forget gate of Gers, Schmidhuber and Cummins, "Learning to forget", 2000.
    """
    xp = array_namespace(x, h0, c0, W_x, W_h, b)
    gates = dense(x, W_x, b)  # the input's share, of all steps in one product
    h, c = states_from(h0, gates, "lstm"), states_from(c0, gates, "lstm")
    f, i, o, candidate = blocks_of(gates, 4)  # views
    tanh_c = xp.empty_like(c[1:, ...])
    for t in range(x.shape[0]):
        gates[t, ...] += h[t, ...] @ W_h.T
        squash(gates[t, ...])
        c[t + 1, ...] = f[t, ...] * c[t, ...] + i[t, ...] * candidate[t, ...]
        tanh_c[t, ...] = xp.tanh(c[t + 1, ...])
        h[t + 1, ...] = o[t, ...] * tanh_c[t, ...]

    def backward(dh, dc):
        dgates = xp.empty_like(gates)
        df, di, do, dcandidate = blocks_of(dgates, 4)  # views
        later_h = later_c = 0.0  # what the later steps say of h and C
        for t in reversed(range(x.shape[0])):
            dh_t = dh[t, ...] + later_h
            dc_t = dc[t, ...] + later_c + dh_t * o[t, ...] * (1 - tanh_c[t, ...] ** 2)
            df[t, ...] = dc_t * c[t, ...]
            di[t, ...] = dc_t * candidate[t, ...]
            do[t, ...] = dh_t * tanh_c[t, ...]
            dcandidate[t, ...] = dc_t * i[t, ...]
            unsquash(dgates[t, ...], gates[t, ...])
            later_c = dc_t * f[t, ...]
            later_h = dgates[t, ...] @ W_h
        return (
            lambda: dgates @ W_x,
            later_h,
            later_c,
            product(as_rows(dgates).T, as_rows(x)),
            product(as_rows(dgates).T, as_rows(h[:-1, ...])),
            lambda: column_sums(as_rows(dgates)),
        )

    return (h[1:, ...], c[1:, ...]), backward


def squash(gates):
    """Put the sigmoid of the three gates and tanh of the candidate in their place."""
    xp = array_namespace(gates)
    H = gates.shape[-1] // 4
    sigmoids = gates[..., : 3 * H]
    sigmoids *= 0.5
    gates[...] = xp.tanh(gates)
    sigmoids *= 0.5
    sigmoids += 0.5


def unsquash(dgates, gates):
    """Multiply by the derivatives."""
    H = gates.shape[-1] // 4
    s, a = gates[..., : 3 * H], gates[..., 3 * H :]
    dgates[..., : 3 * H] *= s * (1 - s)
    dgates[..., 3 * H :] *= 1 - a**2
