"""Masks: which position may look at which other one, as arrays of True and False."""

import numpy as np

from nnlearn.arguments import positive_integer
from nnlearn.arrays.backend import array_namespace, asarray
from nnlearn.arrays.typing import Array


def causal_mask(queries: int, keys: int | None = None, like: Array | None = None) -> Array:
    """Let each position look at itself and at what came before it.

    Parameters
    ----------
    queries : int
        How many positions look, T.
    keys : int, optional
        How many are looked at, S, of which the queries are the last T; by default T.
    like : array, optional
        Of whose library and on whose device the mask is to be; by default the current backend's.

    Returns
    -------
    array of bool, shape (T, S)
        True at [t, s] where s ≤ t + S - T.

    Raises
    ------
    ValueError
        If a size is no whole number of at least 1, or there are fewer keys than queries.

    Notes
    -----
    Source: eq-causal-mask.

    Examples
    --------
    >>> import nnlearn as nn
    >>> print(nn.causal_mask(3).astype(int))
    [[1 0 0]
     [1 1 0]
     [1 1 1]]
    """
    queries = positive_integer("causal_mask", "queries", queries)
    keys = queries if keys is None else positive_integer("causal_mask", "keys", keys)
    if keys < queries:
        raise ValueError(
            f"causal_mask: keys is {keys}, expected at least as many as queries, {queries}"
        )
    if like is None:
        times = asarray(np.arange(keys))
    else:
        times = array_namespace(like).arange(keys, device=like.device)
    return times[None, :] <= times[keys - queries :, None]  # eq-causal-mask


def padding_mask(lengths: Array, keys: int) -> Array:
    """Let every position look only at what is really there of its sequence.

    Parameters
    ----------
    lengths : array of int, shape (N,)
        How many of its positions each sequence has; the rest, at its end, is padding.
    keys : int
        How many positions there are with the padding, S.

    Returns
    -------
    array of bool, shape (N, 1, S)
        True at [n, :, s] where s < lengths[n]. Before attention in several heads, (N, h, T, S),
        it needs one more axis: ``mask[:, None]``.

    Raises
    ------
    TypeError
        If the lengths are no array of whole numbers.
    ValueError
        If `keys` is no whole number of at least 1.

    Notes
    -----
    Source: eq-causal-mask.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> print(nn.padding_mask(np.array([1, 3]), 3).astype(int))
    [[[1 0 0]]
    <BLANKLINE>
     [[1 1 1]]]
    """
    keys = positive_integer("padding_mask", "keys", keys)
    xp = array_namespace(lengths)
    if lengths.ndim != 1 or not xp.isdtype(lengths.dtype, "integral"):
        raise TypeError(
            f"padding_mask: lengths has dtype {lengths.dtype} and shape {lengths.shape}, expected "
            "whole numbers, (N,)"
        )
    return xp.arange(keys, device=lengths.device)[None, None, :] < lengths[:, None, None]
