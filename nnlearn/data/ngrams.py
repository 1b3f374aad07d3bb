"""The baseline of every model of sequences: count what came after the last few symbols."""

from typing import Any

import numpy as np

from nnlearn.arrays.backend import to_numpy
from nnlearn.arrays.typing import Array


class NGram:
    """Estimate p(next symbol | the last n - 1 symbols) from counts, mixed with shorter contexts.

    Parameters
    ----------
    sequences : iterable of sequence of int
        What is counted. Each begins with a symbol that stands for the beginning; it is not counted.
    n : int
        Order: 1 counts symbols, 2 pairs, 3 triples.
    alpha : float
        How many symbols are pretended, shared out as the shorter context says.
    symbols : int
        How many symbols there are.

    Raises
    ------
    ValueError
        If n is below 1, alpha is not positive, or a symbol is not in 0, ..., symbols - 1.

    Notes
    -----
    Hierarchical smoothing :cite:`mackay1995`. Source: eq-ngram.
    """

    def __init__(self, sequences: Any, n: int, alpha: float, symbols: int) -> None:
        if n < 1:
            raise ValueError(f"NGram: n is {n}, expected at least 1")
        if alpha <= 0:
            raise ValueError(f"NGram: alpha is {alpha}, expected more than 0")
        self.n, self.alpha, self.symbols = n, alpha, symbols
        #: of each context: how often each symbol followed
        self.counts: dict[tuple[int, ...], Any] = {}
        for sequence in sequences:
            sequence = self._checked(sequence)
            for t in range(1, len(sequence)):
                for context in self._contexts(sequence, t):
                    count = self.counts.setdefault(context, np.zeros(symbols))
                    count[sequence[t]] += 1

    def _checked(self, sequence: Any) -> list[int]:
        """Return the symbols as ints; refuse what is none, such as -1, which would count as last.

        They are taken from the device at once, and not one by one.
        """
        symbols: list[int] = to_numpy(sequence).tolist()
        for symbol in symbols:
            if not (isinstance(symbol, int) and 0 <= symbol < self.symbols):
                raise ValueError(
                    f"NGram: a sequence holds the symbol {symbol}, expected an integer from 0 to "
                    f"{self.symbols - 1}"
                )
        return symbols

    def _contexts(self, sequence: Any, t: int) -> list[tuple[int, ...]]:
        """Return the last 0, 1, ..., n - 1 symbols before t: first, its symbol again and again."""
        last = [sequence[max(i, 0)] for i in range(t - self.n + 1, t)]
        return [tuple(last[len(last) - k :]) for k in range(self.n)]

    def probabilities(self, beginning: Any) -> Array:
        """Give the probability of every symbol after a beginning.

        Parameters
        ----------
        beginning : sequence of int
            From the symbol of the beginning on.

        Returns
        -------
        array of float64, shape (symbols,)
        """
        beginning = self._checked(beginning)
        return self._after(beginning, len(beginning))

    def _after(self, sequence: list[int], t: int) -> Array:
        """Return the probabilities of what stands at t, given what stands before it."""
        p = np.full(self.symbols, 1 / self.symbols)
        for context in self._contexts(sequence, t):
            if (count := self.counts.get(context)) is not None:
                p = (count + self.alpha * p) / (count.sum() + self.alpha)
        return p

    def log_probability(self, sequence: Any) -> float:
        """Sum log p over a sequence, without its first symbol."""
        sequence = self._checked(sequence)
        said = (self._after(sequence, t)[sequence[t]] for t in range(1, len(sequence)))
        return float(np.sum(np.log(list(said))))
