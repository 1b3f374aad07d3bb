"""Sequences in batches, without padding.

One long sequence is cut into `streams` that a network reads side by side, and these into
`windows` of so many steps, one after the other: truncated backpropagation through time. Many
short sequences are put together `by_length`. What a trained network would say next is
`continuation`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nnlearn.arrays.backend import array_namespace, asarray, to_numpy
from nnlearn.arrays.typing import Array
from nnlearn.operations.activations import softmax
from nnlearn.parameters import Parameters


def streams(sequence: Any, count: int) -> Array:
    """Cut a long sequence into equal stretches, to be read side by side.

    Parameters
    ----------
    sequence : array, shape (L, ...)
    count : int
        How many streams, N.

    Returns
    -------
    array, shape (L // N, N, ...)
        Time first: column n holds the n-th stretch. A remainder at the end is left out.

    Raises
    ------
    ValueError
        If there is not at least one element for each stream.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> print(nn.sequences.streams(np.arange(7), 2))
    [[0 3]
     [1 4]
     [2 5]]
    """
    _positive("streams", "count", count)
    length = sequence.shape[0] // count
    if length == 0:
        raise ValueError(
            f"streams: sequence has shape {sequence.shape}, expected at least {count} elements "
            f"for {count} streams"
        )
    xp = array_namespace(sequence)
    rest = sequence.shape[1:]
    stretches = xp.reshape(sequence[: length * count, ...], (count, length, *rest))
    return xp.permute_dims(stretches, (1, 0, *range(2, stretches.ndim)))


def windows(streams: Any, steps: int) -> Iterator[tuple[Array, ...]]:
    """Go through streams once, a window of so many steps at a time, with what comes next.

    Parameters
    ----------
    streams : array, shape (L, N, ...)
        As `streams` gives them.
    steps : int
        Of a window, T; the last one may be shorter.

    Yields
    ------
    x, target : array, shape (T, N, ...)
        ``target[t]`` is what follows ``x[t]``. Every element but the first is a target once.
    """
    _positive("windows", "steps", steps)
    last = streams.shape[0] - 1  # it has nothing after it
    for start in range(0, last, steps):
        stop = min(start + steps, last)
        yield streams[start:stop, ...], streams[start + 1 : stop + 1, ...]


def by_length(
    sequences: Any, batch_size: int, rng: np.random.Generator | None = None
) -> list[Array]:
    """Put sequences of equal length together: batches without padding.

    Parameters
    ----------
    sequences : list of array, each of shape (L, ...)
        Their lengths may differ.
    batch_size : int
        At most so many in a batch.
    rng : numpy.random.Generator, optional
        Shuffles the sequences, and then the batches; without it they come in order, the shortest
        first.

    Returns
    -------
    list of array, each of shape (L, n, ...)
        Time first.
    """
    _positive("by_length", "batch_size", batch_size)
    order = range(len(sequences)) if rng is None else rng.permutation(len(sequences))
    groups: dict[Any, Any] = {}
    for i in order:
        groups.setdefault(sequences[i].shape[0], []).append(sequences[i])
    batches = [
        array_namespace(*group).stack(group[start : start + batch_size], axis=1)
        for _, group in sorted(groups.items())
        for start in range(0, len(group), batch_size)
    ]
    if rng is not None:
        batches = [batches[i] for i in rng.permutation(len(batches))]
    return batches


def continuation(
    model: Any,
    params: Parameters,
    beginning: Any,
    rng: np.random.Generator,
    *,
    end: int,
    longest: int,
    temperature: float = 1.0,
) -> Any:
    """Let a network go on with a sequence of tokens, one after the other.

    Parameters
    ----------
    model : Layer
        Gives logits (T, N, K) of what follows each of the tokens (T, N), and keeps its state in
        `memory`.
    params : Parameters
    beginning : sequence of int
        At least one token.
    rng : numpy.random.Generator
        Draws from the distribution of the next token.
    end : int
        The token after which there is no more.
    longest : int
        How many tokens there are at most, the beginning included.
    temperature : float
        The logits are divided by it: below 1 what is likely becomes likelier.

    Returns
    -------
    numpy array of int
        The beginning, and what follows.

    Raises
    ------
    ValueError
        If there is no beginning, the temperature is not positive, or the logits are not finite.

    Notes
    -----
    Source: eq-temperature.
    """
    tokens = [int(token) for token in beginning]
    _positive("continuation", "the length of beginning", len(tokens))
    if temperature <= 0:
        raise ValueError(f"continuation: temperature is {temperature}, expected more than 0")
    unread = tokens
    memory: dict[Any, Any] = {}  # the state after what was read
    for _ in range(longest - len(tokens)):
        logits = model(params, asarray(np.array(unread)[:, None]), memory=memory)[-1, 0, :]
        if not np.isfinite(to_numpy(logits).max()):
            raise ValueError(
                f"continuation: the largest logit after token {len(tokens)} is "
                f"{to_numpy(logits).max()}, expected a finite one: did the training diverge?"
            )
        p = np.cumsum(softmax(to_numpy(logits).astype(np.float64) / temperature))
        unread = [int(np.searchsorted(p, rng.random() * p[-1]))]
        tokens = tokens + unread
        if unread == [end]:
            break
    return np.array(tokens)


def _positive(function: Any, name: str, value: float) -> None:
    if value < 1:
        raise ValueError(f"{function}: {name} is {value}, expected at least 1")
