"""Clipping: a gradient that is too long is shortened, so that no step explodes."""

import numpy as np

from nnlearn.arrays.backend import array_namespace, on_host
from nnlearn.arrays.typing import Array
from nnlearn.parameters import Parameters


def clip_gradient_norm(grads: Parameters, max_norm: float) -> Array:
    """Shorten the gradient, in place, to a length of at most `max_norm`.

    Parameters
    ----------
    grads : Parameters
        As the backward function of a model gives them.
    max_norm : float
        Positive.

    Returns
    -------
    array, shape ()
        The length that it had. It stays on the device, so that nothing waits for it.

    Raises
    ------
    TypeError
        If `grads` is not `Parameters`.
    ValueError
        If `max_norm` is not positive.

    Notes
    -----
    On the CPU a gradient whose squares overflow is clipped like any other. An infinite entry, or
    one that is NaN, makes all entries NaN: there is no direction left to keep.
    Source: eq-gradient-clipping.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> grads = nn.Parameters(np.array([3.0, 4.0]), {"W": (1, 2)})
    >>> float(nn.clip_gradient_norm(grads, 1.0))
    5.0
    >>> print(grads["W"])
    [[0.6 0.8]]
    """
    if not hasattr(grads, "vector"):
        raise TypeError(
            f"clip_gradient_norm: grads is {type(grads).__name__}, expected Parameters, as "
            "backward of nn.vjp(model, params, x, wrt=0) gives them"
        )
    if not max_norm > 0:
        raise ValueError(f"clip_gradient_norm: max_norm is {max_norm}, expected a positive number")
    g = grads.vector
    xp = array_namespace(g)
    with np.errstate(over="ignore"):  # told by the norm
        norm = xp.sqrt(xp.sum(g * g))
    if on_host(g) and not np.isfinite(norm):
        return _clip_huge(g, max_norm)
    g *= max_norm / xp.maximum(norm, max_norm)
    return norm


def _clip_huge(g: Array, max_norm: float) -> Array:
    """Clip a gradient whose squares overflow: make its largest entry 1 first."""
    largest = np.max(np.abs(g))
    g /= largest
    norm = np.sqrt(np.sum(g * g))
    g *= max_norm / norm
    return norm * largest
