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
    A gradient whose squares overflow is clipped like any other. An infinite entry, or one that is
    NaN, makes all entries NaN: there is no direction left to keep.
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
    if on_host(g) and np.isfinite(norm):
        g *= max_norm / xp.maximum(norm, max_norm)
        return norm
    return _clip_huge(g, norm, max_norm) if g.shape[0] else norm


def _clip_huge(g: Array, norm: Array, max_norm: float) -> Array:
    """Clip, where the squares may overflow: if they do, make the largest entry 1 first.

    On a device, where asking whether they do would wait for it, every gradient comes this way.
    """
    xp = array_namespace(g)
    unit = xp.where(xp.isfinite(norm), xp.ones_like(norm), xp.max(xp.abs(g)))
    g /= unit
    norm = xp.sqrt(xp.sum(g * g))
    g *= max_norm / xp.maximum(norm, max_norm / unit)
    return norm * unit
