"""What keeps a network from learning its examples by heart, and its steps from exploding."""

import numpy as np

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.randomness import uniform
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable


@differentiable("x (...)")
def dropout(x: Array, p: float, rng: np.random.Generator | None) -> Array:
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
    if rng is None or not hasattr(rng, "random"):
        raise TypeError(
            f"dropout: rng is {rng!r}, expected a numpy.random.Generator "
            "(in a training pass: nn.vjp(model, params, x, wrt=0, rng=...))"
        )
    p = float(p)  # a NumPy float64 would make float32 arithmetic float64
    xp = array_namespace(x)
    kept = xp.astype(uniform(rng, x) >= p, x.dtype) / (1 - p)
    y = x * kept

    def backward(dy: Array) -> Gradients:
        return dy * kept  # eq-dropout-gradient

    return y, backward
