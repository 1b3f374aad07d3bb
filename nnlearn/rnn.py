"""The recurrent network over a whole sequence, and backpropagation through time.

Time comes first: ``x[t]`` is what the network reads at step t, for a whole batch. What does not
wait for the step before is done for all steps at once: the input's share of z and, once every
dL/dz is known, the gradients of the weights, each a single matrix product.
"""

from nnlearn.backend import array_namespace, column_sums, product
from nnlearn.dense import dense
from nnlearn.derivative import differentiable
from nnlearn.shapes import as_rows
from nnlearn.steps import states_from


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
    z = dense(x, W_xh, b_h)  # the input's share, of all steps in one product
    h = states_from(h0, z, "rnn")  # h[0] is h0, and h[t + 1] the state after x[t]
    for t in range(x.shape[0]):
        z[t, ...] += h[t, ...] @ W_hh.T
        h[t + 1, ...] = xp.tanh(z[t, ...])

    def backward(dh):
        dz = 1 - h[1:, ...] ** 2  # tanh', of all steps at once
        later = 0.0  # what the later steps say of h
        for t in reversed(range(x.shape[0])):
            dz[t, ...] *= dh[t, ...] + later  # eq-rnn-dh, eq-rnn-dz
            later = dz[t, ...] @ W_hh
        return (
            lambda: dz @ W_xh,  # eq-rnn-dx
            later,  # eq-rnn-dh0
            product(as_rows(dz).T, as_rows(x)),  # eq-rnn-dwxh
            product(as_rows(dz).T, as_rows(h[:-1, ...])),  # eq-rnn-dwhh
            lambda: column_sums(as_rows(dz)),  # eq-rnn-db
        )

    return h[1:, ...], backward
