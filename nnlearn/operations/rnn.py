"""The recurrent network over a whole sequence, and backpropagation through time.

Time comes first: ``x[t]`` is what the network reads at step t, for a whole batch. Inside,
each sequence is a column (see `columns`). Once dL/dz of every step is known, the gradient of
the weights is a single product over all steps.
"""

from nnlearn.arrays.backend import array_namespace, column_sums, product, tanh_in_place
from nnlearn.derivative import differentiable
from nnlearn.operations.columns import in_columns, inputs_above_states, turned
from nnlearn.shapes import as_rows


@differentiable("x (T, N, D), h0 (N, H), W_xh (H, D), W_hh (H, H), b_h (H) -> h (T, N, H)")
def rnn(x, h0, W_xh, W_hh, b_h):
    """Recurrent network: hₜ = tanh(W_hh hₜ₋₁ + W_xh xₜ + b_h) for every step t.

    Parameters
    ----------
    x : array, shape (T, N, D), floating-point
        The inputs: T steps of N sequences.
    h0 : array, shape (N, H)
        The state before the first step.
    W_xh : array, shape (H, D)
        Weights of the input.
    W_hh : array, shape (H, H)
        Weights of the state before.
    b_h : array, shape (H,)
        Biases.

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
    Elman's network :cite:`elman1990`; the backward pass is Werbos's :cite:`werbos1990`.
    Source: eq-rnn, eq-rnn-dh, eq-rnn-dz, eq-rnn-dx, eq-rnn-dh0, eq-rnn-dwxh, eq-rnn-dwhh,
    eq-rnn-db.
    """
    xp = array_namespace(x, h0, W_xh, W_hh, b_h)
    T, N, D = x.shape
    W, bias = xp.concat([W_xh, W_hh], axis=1), in_columns(b_h, N)
    xh, rows = inputs_above_states(x, h0, "rnn")
    h = xh[:, D:, :]  # h[0] is h0, and h[t + 1] the state after x[t], in columns
    for t in range(T):
        product(W, xh[t, ...]).into(h[t + 1, ...])
        h[t + 1, ...] += bias
        tanh_in_place(h[t + 1, ...])  # eq-rnn
    rows[1:, :, D:] = xp.matrix_transpose(h[1:, ...])

    def backward(dh):
        dh = xp.matrix_transpose(dh)
        dz = 1 - h[1:, ...] ** 2  # tanh', of all steps at once
        later = xp.zeros_like(h0.T)  # what the later steps say of h[t + 1]
        for t in reversed(range(T)):
            dz[t, ...] *= dh[t, ...] + later  # eq-rnn-dh, eq-rnn-dz
            later = W_hh.T @ dz[t, ...]
        dz = as_rows(turned(dz))
        return (
            lambda: xp.reshape(dz @ W_xh, x.shape),  # eq-rnn-dx
            later.T,  # eq-rnn-dh0
            product(dz.T, as_rows(x)),  # eq-rnn-dwxh
            product(dz.T, as_rows(rows[:-1, ...])[:, D:]),  # eq-rnn-dwhh
            lambda: column_sums(dz),  # eq-rnn-db
        )

    return rows[1:, :, D:], backward
