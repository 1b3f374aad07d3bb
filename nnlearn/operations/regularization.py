"""What keeps a network from learning its examples by heart, and its steps from exploding."""

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.randomness import uniform
from nnlearn.derivative import differentiable


@differentiable("x (...)")
def dropout(x, p, rng):
    """Set each element to zero with probability p, and divide the others by 1 - p.

    Parameters
    ----------
    x : array, any shape, floating-point
    p : float
        In [0, 1).
    rng : numpy.random.Generator
        Where the chance comes from; its state is what a checkpoint keeps.

    Returns
    -------
    array
        Of the same shape; its expectation is x.

    Raises
    ------
    ValueError
        If p is not in [0, 1).
    TypeError
        If there is no generator.

    Notes
    -----
    Source: eq-dropout, eq-dropout-gradient.
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p is {p}, expected a probability in [0, 1)")
    if not hasattr(rng, "random"):
        raise TypeError(
            f"dropout: rng is {rng!r}, expected a numpy.random.Generator "
            "(in a training pass: nn.vjp(model, params, x, wrt=0, rng=...))"
        )
    p = float(p)  # a NumPy float64 would make float32 arithmetic float64
    xp = array_namespace(x)
    kept = xp.astype(uniform(rng, x) >= p, x.dtype) / (1 - p)
    y = x * kept

    def backward(dy):
        return dy * kept  # eq-dropout-gradient

    return y, backward


def clip_gradient_norm(grads, max_norm):
    """Shorten the gradient, in place, to a length of at most `max_norm`.

    Parameters
    ----------
    grads : Parameters
    max_norm : float
        Positive.

    Returns
    -------
    array, shape ()
        The length that it had. It stays on the device, so that nothing waits for it.

    Raises
    ------
    ValueError
        If `max_norm` is not positive.

    Notes
    -----
    Source: eq-gradient-clipping.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_gradient_norm: max_norm is {max_norm}, expected a positive number")
    g = grads.vector
    xp = array_namespace(g)
    norm = xp.sqrt(xp.sum(g * g))
    g *= max_norm / xp.maximum(norm, max_norm)
    return norm
