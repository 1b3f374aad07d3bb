"""What the steps of a recurrent layer read, laid out so that a step is quick.

Every sequence of the batch is a column, as in the equations: ``W @ h[t]`` reads like W hₜ, each
gate of the batch is one stretch of memory, and BLAS needs less time for the small products of the
steps (104 microseconds instead of 118 for 1024 × 320 by 32 columns). `Columns` does that;
`PlainColumns` computes the same as the equations are written.
"""

from collections.abc import Callable

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.fast import column_sums, fast, write
from nnlearn.arrays.layout import as_rows, blocks_of, turned
from nnlearn.arrays.memory import keep_freed_memory
from nnlearn.arrays.typing import Array


class Columns:
    """Inputs above states, in columns, and the weights that read them.

    Parameters
    ----------
    operation : str
        Its name, for the message.
    x : array, shape (T, N, D)
    h0 : array, shape (N, H)
        The state before the first step.
    W_x, W_h : array, shape (G, D) and (G, H)
        What multiplies the input and the state before, G rows in all.
    b : array, shape (G,)

    Attributes
    ----------
    h : array, shape (T + 1, H, N)
        The state after t steps, to be filled in; ``h[0]`` is h0.

    Raises
    ------
    ValueError
        If there is no step.
    """

    def __init__(
        self, operation: str, x: Array, h0: Array, W_x: Array, W_h: Array, b: Array
    ) -> None:
        T, N, D = x.shape
        if T == 0:
            raise ValueError(f"{operation}: x has shape {x.shape}, expected at least one step")
        xp = array_namespace(x, h0, W_x, W_h, b)
        keep_freed_memory(x)
        self.x, self.W_x, self.W_h, self.b = x, W_x, W_h, b
        self._weights = xp.concat([W_x, W_h], axis=1)
        self._bias = xp.repeat(b[:, None], N, axis=1)  # added whole: no broadcasting
        dtype = xp.result_type(x, h0, W_x, W_h, b)
        self._read = xp.empty((T + 1, D + h0.shape[1], N), dtype=dtype, device=x.device)
        self._read[:T, :D, :] = xp.matrix_transpose(x)
        self.h = self._read[:, D:, :]
        self.h[0, ...] = h0.T

    def write_affine(self, t: int, z: Array) -> None:
        """Put W_x xₜ + W_h hₜ₋₁ + b into `z`: one product, of [W_x W_h] with what step t reads."""
        self.write_product(t, z)
        z += self._bias

    def write_product(self, t: int, z: Array) -> None:
        """Put W_x xₜ + W_h hₜ₋₁ into `z`, where b comes later."""
        write(z, array_namespace(z).matmul, self._weights, self._read[t, ...])

    def affine_of_inputs(self) -> Array:
        """Return W_x xₜ + b of all steps at once, (T, G, N)."""
        return self.W_x @ self._read[:-1, : self.x.shape[2], :] + self._bias

    def states(self) -> Array:
        """Return the states after each step as rows, (T, N, H)."""
        self._rows = turned(self.h)
        return self._rows[1:, ...]

    def room(self, count: int) -> tuple[Array, list[Array]]:
        """Return an array (T, count H, N) to be filled in, and views of its `count` blocks."""
        (T, N, _), H = self.x.shape, self.h.shape[1]
        xp = array_namespace(self.x)
        array = xp.empty((T, count * H, N), dtype=self.h.dtype, device=self.x.device)
        return array, blocks_of(array, count)

    def gradients(
        self, dz: Array, *initial: Array, dz_h: Array | None = None
    ) -> tuple[Callable[[], Array] | Array, ...]:
        """Return the gradients of x, of the initial states (as they come), of W_x, W_h and b.

        Parameters
        ----------
        dz : array, shape (T, N, G)
            dL/dz of every step, a row for each sequence.
        *initial : array, shape (H, N)
            What the first step says of each initial state.
        dz_h : array, shape (T, N, G), optional
            What comes to W_h hₜ₋₁ of dz, where that is not the same (in a GRU).
        """
        xp = array_namespace(dz)
        dz, x, h = as_rows(dz), as_rows(self.x), as_rows(self._rows[:-1, ...])
        dz_h = dz if dz_h is None else as_rows(dz_h)
        return (
            lambda: xp.reshape(dz @ self.W_x, self.x.shape),
            *(state.T for state in initial),
            lambda: dz.T @ x,  # Σₜ dzₜ xₜᵀ: one product over all steps and examples
            lambda: dz_h.T @ h,
            lambda: column_sums(dz),
        )


class PlainColumns(Columns):
    """The same, step by step, as the equations say it."""

    def write_affine(self, t: int, z: Array) -> None:
        """Put W_x xₜ + W_h hₜ₋₁ + b into `z`."""
        z[...] = self.W_x @ self.x[t, ...].T + self.W_h @ self.h[t, ...] + self.b[:, None]

    def affine_of_inputs(self) -> Array:
        """Return W_x xₜ + b of all steps, one after the other."""
        xp = array_namespace(self.x)
        steps = range(self.x.shape[0])
        return xp.stack([self.W_x @ self.x[t, ...].T + self.b[:, None] for t in steps])

    def gradients(
        self, dz: Array, *initial: Array, dz_h: Array | None = None
    ) -> tuple[Callable[[], Array] | Array, ...]:
        """Return the same gradients, each a sum over the steps."""
        xp = array_namespace(dz)
        dz_h = dz if dz_h is None else dz_h
        steps = range(self.x.shape[0])
        return (
            lambda: xp.stack([dz[t, ...] @ self.W_x for t in steps]),
            *(state.T for state in initial),
            lambda: sum(dz[t, ...].T @ self.x[t, ...] for t in steps),
            lambda: sum(dz_h[t, ...].T @ self.h[t, ...].T for t in steps),
            lambda: sum(xp.sum(dz[t, ...], axis=0) for t in steps),
        )


def plain_lstm_gates(z: Array) -> None:
    """Turn z of the gates, in place, into their values: σ of three of them, tanh of the last."""
    xp = array_namespace(z)
    H = z.shape[0] // 4
    z[: 3 * H, :] = 1 / (1 + xp.exp(-z[: 3 * H, :]))
    z[3 * H :, :] = xp.tanh(z[3 * H :, :])


@fast(plain_lstm_gates)
def lstm_gates(z: Array) -> None:
    """Turn z of the gates, in place, into their values: σ of three of them, tanh of the last.

    As σ(z) = (1 + tanh(z / 2)) / 2, one call of tanh serves all four. Source: eq-lstm-gates,
    eq-lstm-candidate.
    """
    H = z.shape[0] // 4
    sigmoids = z[: 3 * H, :]
    sigmoids *= 0.5
    write(z, array_namespace(z).tanh, z)
    sigmoids *= 0.5
    sigmoids += 0.5


def plain_lstm_slopes(gates: Array) -> Array:
    """Give the derivatives of the gates a by their z: a(1 - a), and 1 - a² of the candidate."""
    H = gates.shape[0] // 4
    sigmoids, candidate = gates[: 3 * H, :], gates[3 * H :, :]
    parts = [sigmoids * (1 - sigmoids), 1 - candidate * candidate]
    return array_namespace(gates).concat(parts, axis=0)


@fast(plain_lstm_slopes)
def lstm_slopes(gates: Array) -> Array:
    """Give the derivatives of the gates a by their z: a(1 - a), and 1 - a² of the candidate.

    The squares of all four are taken at once. Source: eq-lstm-dz.
    """
    H = gates.shape[0] // 4
    slope = gates * gates
    slope[: 3 * H, :] = gates[: 3 * H, :] - slope[: 3 * H, :]
    slope[3 * H :, :] = 1 - slope[3 * H :, :]
    return slope
