"""Normalization: over the batch, or over the features of one example."""

from typing import Any

from nnlearn.arguments import count
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.layout import as_rows
from nnlearn.arrays.ranks import batch_count, mean_over
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable


def moments(x: Array, axis: int | tuple[int, ...]) -> Any:
    """Return the mean, the variance (divided by the count) and what is left of x without its mean.

    Both are kept as size 1 along the axes. The mean of what is left is what rounding took of the
    mean: it is given back, so that a constant, however large, leaves zeros.

    Parameters
    ----------
    x : array
    axis : int or tuple of int
        Along all axes but the last the mean is over the batch, on several ranks over all of it.

    Notes
    -----
    Source: eq-global-moments.
    """
    if 0 in x.shape:
        _check_some(x, axis)
    mean = mean_over(x, axis)
    centered = x - mean
    rest = mean_over(centered, axis)
    centered -= rest
    return mean + rest, mean_over(centered * centered, axis), centered


def _check_some(x: Array, axis: int | tuple[int, ...]) -> None:
    """Refuse axes along which there is nothing to take a mean of, on all ranks."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    if axes == tuple(range(x.ndim - 1)) and batch_count(x.shape):
        return  # this rank's shard is empty, others' are not
    count("standardize", "x, over these axes,", tuple(x.shape[i] for i in axes))


@differentiable("x (...)")
def standardize(
    x: Array, axis: int | tuple[int, ...] = -1, eps: float = 1e-5, known: Any = None
) -> Array:
    """Give x mean 0 and variance (nearly) 1 along axes: x̂ = (x - μ) / √(σ² + ε).

    Parameters
    ----------
    x : array, any shape, floating-point
    axis : int or tuple of int
        What μ and σ² are taken over.
    eps : float
        ε, which keeps the root away from zero.
    known : tuple, optional
        What `moments` gives of x along these axes, where somebody has it already.

    Returns
    -------
    array
        Of the same shape.

    Raises
    ------
    ValueError
        If there is nothing along the axes to take a mean of.

    Notes
    -----
    μ and σ² depend on x too, which gives the two subtracted means of the gradient. Above 1e19 the
    squares of float32 are infinite, and x̂ is 0.
    Source: eq-batch-norm, eq-batch-norm-gradient.
    """
    xp = array_namespace(x)
    _, variance, centered = known or moments(x, axis)
    scale = 1 / xp.sqrt(variance + float(eps))
    x_hat = centered * scale

    def backward(dx_hat: Array) -> Gradients:
        shift = mean_over(dx_hat, axis)
        stretch = mean_over(dx_hat * x_hat, axis)
        return scale * (dx_hat - shift - x_hat * stretch)  # eq-batch-norm-gradient

    return x_hat, backward


@differentiable("x_hat (..., D), gamma (D), beta (D) -> y (..., D)")
def scale_and_shift(x_hat: Array, gamma: Array, beta: Array) -> Array:
    """Give every feature a scale and a shift of its own: y = γ x̂ + β.

    Parameters
    ----------
    x_hat : array, shape (..., D), floating-point
    gamma, beta : array, shape (D,)

    Returns
    -------
    array, shape (..., D)

    Notes
    -----
    Source: eq-batch-norm, eq-norm-parameter-gradients.
    """
    xp = array_namespace(x_hat, gamma, beta)
    y = gamma * x_hat + beta

    def backward(dy: Array) -> Gradients:
        return (  # eq-norm-parameter-gradients
            lambda: dy * gamma,
            lambda: xp.sum(as_rows(dy * x_hat), axis=0),
            lambda: xp.sum(as_rows(dy), axis=0),
        )

    return y, backward


@differentiable("x (..., D), gamma (D), beta (D) -> y (..., D)")
def batch_norm(x: Array, gamma: Array, beta: Array, eps: float = 1e-5, known: Any = None) -> Array:
    """Normalize every feature over the batch: y = γ (x - μ) / √(σ² + ε) + β.

    Parameters
    ----------
    x : array, shape (..., D), floating-point
        All dimensions but the last count as the batch.
    gamma, beta : array, shape (D,)
        Scale γ and shift β.
    eps : float
        ε, which keeps the root away from zero.
    known : tuple, optional
        What `moments` gives of x over the batch, where somebody has it already.

    Returns
    -------
    array, shape (..., D)

    Raises
    ------
    ValueError
        If the shapes do not fit, or the batch is empty.

    Notes
    -----
    A feature that is constant, however large, gives β. Above 1e19 the squares of float32 are
    infinite, and x̂ is 0. Source: eq-batch-norm, eq-batch-norm-gradient.
    """
    check_batch(x)
    return _normalized(x, gamma, beta, tuple(range(x.ndim - 1)), eps, known)


@differentiable("x (..., D), gamma (D), beta (D) -> y (..., D)")
def layer_norm(x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Array:
    """Normalize every example over its features: y = γ (x - μ) / √(σ² + ε) + β.

    Parameters
    ----------
    x : array, shape (..., D), floating-point
    gamma, beta : array, shape (D,)
        Scale γ and shift β.
    eps : float
        ε, which keeps the root away from zero.

    Returns
    -------
    array, shape (..., D)

    Raises
    ------
    ValueError
        If the shapes do not fit, or there are no features.

    Notes
    -----
    An example whose features are equal, however large, gives β. Above 1e19 the squares of float32
    are infinite, and x̂ is 0. Source: eq-layer-norm, eq-layer-norm-gradient.
    """
    if x.shape[-1] == 0:
        raise ValueError(f"layer_norm: x has shape {x.shape}, expected at least one feature")
    return _normalized(x, gamma, beta, -1, eps)


def check_batch(x: Array) -> None:
    """Refuse a batch of no example, before any mean is taken of it."""
    if x.ndim < 2 or batch_count(x.shape) == 0:
        raise ValueError(f"batch_norm: x has shape {x.shape}, expected at least one example")


def _normalized(
    x: Array, gamma: Array, beta: Array, axis: int | tuple[int, ...], eps: float, known: Any = None
) -> Any:
    """Standardize, then scale and shift: two operations, and their backward passes in turn."""
    x_hat, backward_x_hat = standardize.forward(x, axis, eps, known)
    y, backward_y = scale_and_shift.forward(x_hat, gamma, beta)

    def backward(dy: Array) -> Gradients:
        dx_hat, dgamma, dbeta = backward_y(dy)
        return lambda: backward_x_hat(dx_hat())[0](), dgamma, dbeta

    return y, backward
