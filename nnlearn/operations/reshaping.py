"""Operations that move numbers and change none."""

import math

from nnlearn.arguments import check_numbers
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable


@differentiable("x (...)")
def flatten(x: Array) -> Array:
    """Reshape each example to a vector: (N, ...) becomes (N, D).

    Parameters
    ----------
    x : array, shape (N, ...), floating-point

    Returns
    -------
    array, shape (N, D)
        A view of x where x lies in one piece in memory, and its gradient one of dy.

    Raises
    ------
    ValueError
        If there is no axis that counts the examples.
    """
    xp = array_namespace(x)
    if x.ndim == 0:
        raise ValueError("flatten: x has shape (), expected a batch dimension")
    size = math.prod(x.shape[1:])

    def backward(dy: Array) -> Gradients:
        return xp.reshape(dy, x.shape)

    return xp.reshape(x, (x.shape[0], size)), backward


@differentiable("x (N, D)")
def unflatten(x: Array, shape: tuple[int, ...]) -> Array:
    """Reshape each example from a vector to an array: (N, D) becomes (N, ...).

    Parameters
    ----------
    x : array, shape (N, D), floating-point
    shape : tuple of int
        Of an example; the product is D.

    Returns
    -------
    array, shape (N, ...)
        A view of x where x lies in one piece in memory, and its gradient one of dy.

    Raises
    ------
    ValueError
        If the shape does not hold D numbers.
    """
    xp = array_namespace(x)
    if math.prod(shape) != x.shape[1]:
        raise ValueError(
            f"unflatten: shape is {shape}, which holds {math.prod(shape)} numbers; expected "
            f"{x.shape[1]}, as in a row of x"
        )

    def backward(dy: Array) -> Gradients:
        return xp.reshape(dy, x.shape)

    return xp.reshape(x, (x.shape[0], *shape)), backward


@differentiable
def swap_time_and_batch(x: Array) -> Array:
    """Swap the first two axes: (N, T, ...) becomes (T, N, ...), and back.

    Parameters
    ----------
    x : array, shape (N, T, ...)

    Returns
    -------
    array, shape (T, N, ...)
        A view of x, and its gradient one of dy.

    Raises
    ------
    TypeError
        If x is no array of numbers.
    ValueError
        If x has less than two axes.
    """
    check_numbers("swap_time_and_batch", "x", x)
    if x.ndim < 2:
        raise ValueError(f"swap_time_and_batch: x has shape {x.shape}, expected (N, T, ...)")
    xp = array_namespace(x)
    axes = (1, 0, *range(2, x.ndim))

    def backward(dy: Array) -> Gradients:
        return xp.permute_dims(dy, axes)

    return xp.permute_dims(x, axes), backward
