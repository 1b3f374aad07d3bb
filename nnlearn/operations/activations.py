"""Activation functions, each with the derivative that the book derives for it.

All of them take and give an array of any shape, are safe for arguments of ±10⁴, and keep the
dtype. `softmax` and `log_softmax` work along the last axis. NaN gives NaN. Infinite arguments
give the limit, but for softmax, where two infinities would have to be compared: there +∞ gives
NaN, and -∞ the probability 0.
"""

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.fast import masked
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable
from nnlearn.operations import few_kernels
from nnlearn.operations.few_kernels import with_fused


@differentiable("z (...)")
def sigmoid(z: Array) -> Array:
    """Logistic sigmoid, σ(z) = 1 / (1 + e⁻ᶻ).

    Parameters
    ----------
    z : array, any shape, floating-point

    Returns
    -------
    array
        Of the same shape and dtype, in [0, 1].

    Notes
    -----
    Written with exp(-abs(z)), which cannot overflow and keeps its digits in both tails. The
    numerator is 1 for z >= 0 and exp(z) below: as exp(min(z, 0)), a third of the time of `where`.
    The slope a(1 - a) is 0 where a is rounded to 1: from z = 17 on in float32, 37 in float64.
    Source: eq-sigmoid, eq-sigmoid-derivative.
    """
    xp = array_namespace(z)
    a = xp.exp(xp.minimum(z, 0.0)) / (1 + xp.exp(-xp.abs(z)))

    def backward(da: Array) -> Gradients:
        return da * a * (1 - a)  # eq-sigmoid-derivative

    return a, backward


@differentiable("z (...)")
def tanh(z: Array) -> Array:
    """Hyperbolic tangent.

    Parameters
    ----------
    z : array, any shape, floating-point

    Returns
    -------
    array
        Of the same shape and dtype, in [-1, 1].

    Notes
    -----
    Source: eq-tanh, eq-tanh-derivative.
    """
    xp = array_namespace(z)
    a = xp.tanh(z)

    def backward(da: Array) -> Gradients:
        return da * (1 - a * a)  # eq-tanh-derivative

    return a, backward


@differentiable("z (...)")
def relu(z: Array) -> Array:
    """Rectified linear unit, max(0, z).

    Parameters
    ----------
    z : array, any shape, floating-point

    Returns
    -------
    array
        Of the same shape and dtype.

    Notes
    -----
    At z = 0, where there is no derivative, and at NaN backward uses 0. Source: eq-relu,
    eq-relu-derivative.
    """
    xp = array_namespace(z)
    a = xp.maximum(z, 0.0)

    def backward(da: Array) -> Gradients:
        return masked(da, z > 0)  # eq-relu-derivative

    return a, backward


@differentiable("z (...)")
def leaky_relu(z: Array, slope: float = 0.01) -> Array:
    """Leaky rectified linear unit: z where z > 0, slope · z elsewhere.

    Parameters
    ----------
    z : array, any shape, floating-point
    slope : float
        Of the negative side.

    Returns
    -------
    array
        Of the same shape and dtype.

    Notes
    -----
    At z = 0 and at NaN backward uses `slope`. Source: eq-leaky-relu, eq-leaky-relu-derivative.
    """
    xp = array_namespace(z)
    slope = float(slope)  # a NumPy float64 would make float32 arithmetic float64
    larger = xp.maximum if slope <= 1 else xp.minimum  # of the two branches, which one it is
    a = larger(z, slope * z) if slope else xp.maximum(z, 0.0)  # 0 times infinity is no number

    def backward(da: Array) -> Gradients:
        return xp.where(z > 0, da, slope * da)  # eq-leaky-relu-derivative

    return a, backward


@differentiable("z (...)")
def softplus(z: Array) -> Array:
    """Softplus, log(1 + eᶻ): a smooth ReLU, whose derivative is the sigmoid.

    Parameters
    ----------
    z : array, any shape, floating-point

    Returns
    -------
    array
        Of the same shape and dtype, never negative.

    Notes
    -----
    Written as max(z, 0) + log(1 + exp(-abs(z))), which cannot overflow.
    Source: eq-softplus, eq-softplus-derivative.
    """
    xp = array_namespace(z)
    a = xp.maximum(z, 0.0) + xp.log1p(xp.exp(-xp.abs(z)))

    def backward(da: Array) -> Gradients:
        return da * sigmoid(z)  # eq-softplus-derivative

    return a, backward


@differentiable("z (..., K+)")
def softmax(z: Array) -> Array:
    """Softmax along the last axis: pₖ = e^{zₖ} / Σⱼ e^{zⱼ}.

    Parameters
    ----------
    z : array, shape (..., K), floating-point
        Logits.

    Returns
    -------
    array, shape (..., K)
        Positive, with sum 1 along the last axis.

    Notes
    -----
    The largest logit is subtracted first, which changes nothing but cannot overflow: of equal
    logits, however large, each gets 1/K. Source: eq-softmax, eq-softmax-gradient.
    """
    xp = array_namespace(z)
    e = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
    p = e / xp.sum(e, axis=-1, keepdims=True)

    def backward(dp: Array) -> Gradients:
        return p * (dp - xp.sum(dp * p, axis=-1, keepdims=True))  # eq-softmax-gradient

    return p, backward


@differentiable("z (..., K+)")
def log_softmax(z: Array) -> Array:
    """Logarithm of the softmax along the last axis: zₖ - log Σⱼ e^{zⱼ}.

    Parameters
    ----------
    z : array, shape (..., K), floating-point
        Logits.

    Returns
    -------
    array, shape (..., K)
        Log-probabilities.

    Notes
    -----
    Source: eq-log-softmax, eq-log-softmax-gradient.
    """
    xp = array_namespace(z)
    shifted = z - xp.max(z, axis=-1, keepdims=True)
    log_p = shifted - xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))

    def backward(dy: Array) -> Gradients:
        return dy - xp.exp(log_p) * xp.sum(dy, axis=-1, keepdims=True)  # eq-log-softmax-gradient

    return log_p, backward


sigmoid = with_fused(sigmoid, few_kernels.sigmoid)
tanh = with_fused(tanh, few_kernels.tanh)
relu = with_fused(relu, few_kernels.relu)
leaky_relu = with_fused(leaky_relu, few_kernels.leaky_relu)
softplus = with_fused(softplus, few_kernels.softplus)
