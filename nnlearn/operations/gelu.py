"""The Gaussian error linear unit: a ReLU whose gate opens slowly."""

import math

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable

SLOPE = math.sqrt(2 / math.pi)  # of tanh's argument at 0
CUBE = 0.044715


@differentiable("z (...)")
def gelu(z: Array) -> Array:
    """Gaussian error linear unit, z Φ(z), with tanh in the place of the error function.

    Parameters
    ----------
    z : array, any shape, floating-point

    Returns
    -------
    array
        Of the same shape and dtype.

    Notes
    -----
    Φ, the distribution function of the standard normal distribution, is taken to be
    ½ (1 + tanh(√(2/π) (z + 0.044715 z³))) :cite:`hendrycks2016`. Source: eq-gelu,
    eq-gelu-derivative.
    """
    xp = array_namespace(z)
    low = xp.maximum(z, -10.0)  # below, the gate is 0, and so it is at -∞

    def clamped() -> Array:  # beyond, the tanh is 1, and no cube overflows
        return xp.minimum(low, 10.0)

    near = clamped()
    t = SLOPE * CUBE * near * near
    t += SLOPE
    t *= near
    gate = xp.tanh(t)
    gate *= 0.5
    gate += 0.5  # Φ(z)

    def backward(da: Array) -> Gradients:  # eq-gelu-derivative
        near = clamped()  # computed again sooner than read again from the memory
        density = 6 * SLOPE * CUBE * near * near
        density += 2 * SLOPE
        density *= gate
        density *= 1 - gate
        density *= near
        density += gate
        return da * density

    return low * gate, backward
