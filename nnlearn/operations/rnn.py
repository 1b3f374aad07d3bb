"""The recurrent network over a whole sequence, and backpropagation through time.

Time comes first: ``x[t]`` is what the network reads at step t, for a whole batch. Inside,
each sequence is a column (see `nnlearn.arrays.recurrence`). Once dL/dz of every step is known, the
gradient of the weights is a single product over all steps.
"""

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.fast import write
from nnlearn.arrays.layout import turned
from nnlearn.arrays.recurrence import Columns
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable
from nnlearn.operations import few_kernels_recurrent
from nnlearn.operations.few_kernels import with_fused


@differentiable("x (T, N, D), h0 (N, H), W_xh (H, D), W_hh (H, H), b_h (H) -> h (T, N, H)")
def rnn(x: Array, h0: Array, W_xh: Array, W_hh: Array, b_h: Array) -> Array:
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
    columns = Columns("rnn", x, h0, W_xh, W_hh, b_h)
    h, T = columns.h, x.shape[0]  # h[0] is h0, and h[t + 1] the state after x[t]
    for t in range(T):
        columns.write_affine(t, h[t + 1, ...])
        write(h[t + 1, ...], xp.tanh, h[t + 1, ...])  # eq-rnn

    def backward(dh: Array) -> Gradients:
        dh = xp.matrix_transpose(dh)
        dz = 1 - h[1:, ...] ** 2  # tanh', of all steps at once
        later = xp.zeros_like(h0.T)  # what the later steps say of h[t + 1]
        for t in reversed(range(T)):
            dz[t, ...] *= dh[t, ...] + later  # eq-rnn-dh, eq-rnn-dz
            later = W_hh.T @ dz[t, ...]  # at the end: eq-rnn-dh0
        # eq-rnn-dx, eq-rnn-dwxh, eq-rnn-dwhh, eq-rnn-db
        return columns.gradients(turned(dz), later)

    return columns.states(), backward


rnn = with_fused(rnn, few_kernels_recurrent.rnn)
