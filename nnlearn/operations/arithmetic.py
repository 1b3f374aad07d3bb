"""Arithmetic, indexing and sums as operations: what a formula does between the networks' own.

Each knows its backward pass as every operation does, so that a tape can record it. Sizes that
broadcasting repeats get a sum as their gradient: a number that is used many times (eq-fan-out).
"""

import math
from collections.abc import Sequence
from typing import Any

from nnlearn.arguments import check_numbers, count
from nnlearn.arrays.backend import array_namespace, is_integer
from nnlearn.arrays.fast import add_rows
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable
from nnlearn.parameters import Parameters


def summed_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over all that broadcasting repeated. Source: eq-broadcast-gradient."""
    if gradient.shape == shape:
        return gradient
    xp = array_namespace(gradient)
    added = gradient.ndim - len(shape)
    repeated = [i for i, size in enumerate(shape, added) if size == 1 != gradient.shape[i]]
    return xp.reshape(xp.sum(gradient, axis=(*range(added), *repeated)), shape)


def arrays(operation: str, a: Any, b: Any) -> tuple[Array, Array]:
    """Turn a number beside an array into an array of its dtype, of shape (); refuse all else."""
    for name, given in (("a", a), ("b", b)):
        if not (hasattr(given, "shape") or isinstance(given, int | float)):
            raise TypeError(
                f"{operation}: {name} is a {type(given).__name__}, expected an array or a number"
            )
        if hasattr(given, "shape"):
            check_numbers(operation, name, given)
    if not hasattr(a, "shape"):
        a = array_namespace(b).asarray(a, dtype=b.dtype, device=b.device)
    if not hasattr(b, "shape"):
        b = array_namespace(a).asarray(b, dtype=a.dtype, device=a.device)
    return a, b


@differentiable
def add(a: Array, b: Array) -> Array:
    """Sum a + b of arrays that broadcast. Source: eq-broadcast-gradient."""
    a, b = arrays("add", a, b)

    def backward(dy: Array) -> Gradients:
        return lambda: summed_to(dy, a.shape), lambda: summed_to(dy, b.shape)

    return a + b, backward


@differentiable
def subtract(a: Array, b: Array) -> Array:
    """Difference a - b of arrays that broadcast. Source: eq-broadcast-gradient."""
    a, b = arrays("subtract", a, b)

    def backward(dy: Array) -> Gradients:
        return lambda: summed_to(dy, a.shape), lambda: summed_to(-dy, b.shape)

    return a - b, backward


@differentiable
def multiply(a: Array, b: Array) -> Array:
    """Product a b, element by element, of arrays that broadcast. Source: eq-product-gradient."""
    a, b = arrays("multiply", a, b)

    def backward(dy: Array) -> Gradients:
        return lambda: summed_to(dy * b, a.shape), lambda: summed_to(dy * a, b.shape)

    return a * b, backward


@differentiable
def divide(a: Array, b: Array) -> Array:
    """Quotient a / b, element by element, of arrays that broadcast. Source: eq-product-gradient."""
    a, b = arrays("divide", a, b)
    y = a / b

    def backward(dy: Array) -> Gradients:
        return lambda: summed_to(dy / b, a.shape), lambda: summed_to(-dy * y / b, b.shape)

    return y, backward


@differentiable("a (...)")
def negative(a: Array) -> Array:
    """Every element with the opposite sign. Source: eq-elementwise-vjp."""
    return -a, lambda dy: -dy


@differentiable("a (...)")
def power(a: Array, exponent: float) -> Array:
    """Power of every element; the exponent is a number. Source: eq-elementwise-vjp."""
    if not isinstance(exponent, int | float) or hasattr(exponent, "shape"):
        raise TypeError(
            f"power: exponent is a {type(exponent).__name__}, expected a Python number; "
            "a to the power of an array b is nn.exp(b * nn.log(a))"
        )

    def backward(dy: Array) -> Gradients:
        return dy * (exponent * a ** (exponent - 1)) if exponent else dy * 0

    return a**exponent, backward


@differentiable("a (...)")
def exp(a: Array) -> Array:
    """Exponential of every element. Source: eq-elementwise-vjp."""
    y = array_namespace(a).exp(a)
    return y, lambda dy: dy * y


@differentiable("a (...)")
def log(a: Array) -> Array:
    """Natural logarithm of every element. Source: eq-elementwise-vjp."""
    return array_namespace(a).log(a), lambda dy: dy / a


@differentiable
def matmul(a: Array, b: Array) -> Array:
    """Matrix product of stacks of matrices, (..., M, K) and (..., K, N), whose stacks broadcast.

    Raises
    ------
    ValueError
        If one of them is no matrix, or the sizes do not fit.

    Notes
    -----
    Source: eq-matmul-gradient.
    """
    a, b = arrays("matmul", a, b)
    if min(a.ndim, b.ndim) < 2 or a.shape[-1] != b.shape[-2]:
        raise ValueError(
            f"matmul: shapes {a.shape} and {b.shape}, expected (..., M, K) and (..., K, N); "
            "v[:, None] makes a column of a vector, v[None, :] a row"
        )

    def backward(dy: Array) -> Gradients:
        return (
            lambda: summed_to(dy @ array_namespace(b).matrix_transpose(b), a.shape),
            lambda: summed_to(array_namespace(a).matrix_transpose(a) @ dy, b.shape),
        )

    return a @ b, backward


@differentiable("a (...)")
def total(a: Array, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """Sum over axes, or of all elements. Source: eq-sum-gradient."""
    xp = array_namespace(a)
    kept = xp.sum(a, axis=axis, keepdims=True)

    def backward(dy: Array) -> Gradients:
        return xp.reshape(dy, kept.shape) + xp.zeros_like(a)

    return (kept if keepdims else xp.sum(a, axis=axis)), backward


@differentiable("a (...)")
def mean(a: Array, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """Mean over axes, or of all elements. Source: eq-sum-gradient."""
    sums, backward = total.forward(a, axis, keepdims)
    axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    share = 1 / count("mean", "a, over these axes,", tuple(a.shape[i] for i in axes))
    return sums * share, lambda dy: backward(dy * share)[0]()


@differentiable("a (...)")
def reshape(a: Array, *shape: Any) -> Array:
    """Put the same numbers, in the same order, into another shape, of several sizes or a tuple.

    It is a view, where a lies in one piece in memory.

    Source: eq-index-gradient.
    """
    xp = array_namespace(a)
    shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
    return xp.reshape(a, shape), lambda dy: xp.reshape(dy, a.shape)


@differentiable("a (...)")
def transpose(a: Array) -> Array:
    """Put the axes into the opposite order: a view. Source: eq-index-gradient."""
    xp, axes = array_namespace(a), tuple(reversed(range(a.ndim)))
    return xp.permute_dims(a, axes), lambda dy: xp.permute_dims(dy, axes)


@differentiable
def item(a: Any, key: Any) -> Array:
    """Take elements: by integers, slices, a mask, or whole numbers along the first axis.

    Of `Parameters`, take one array by its name. What is taken by name, by integers and by slices
    is a view.

    Raises
    ------
    IndexError, KeyError
        If there is no such element (of whole numbers on a GPU: looking would wait for the device
        and is left out), or the key is a list, or has an array of whole numbers beside
        others: what may be taken twice is an array that stands alone.

    Notes
    -----
    What is taken twice gets the sum. Source: eq-index-gradient.
    """
    if is_integer(getattr(key, "dtype", None)) and key.ndim:
        return _rows(a, key)
    parts = key if isinstance(key, tuple) else (key,)
    if any(map(_may_repeat, parts)):
        raise IndexError(
            f"item: key is {key!r}, expected whole numbers, slices, None, ..., a mask, a name, or "
            "one array of whole numbers that stands alone"
        )
    if any(part is None for part in parts):
        return _with_new_axes(a, parts)

    def backward(dy: Array) -> Gradients:
        da = zeros_of(a)
        da[key] = dy
        return da

    return a[key], backward


def _with_new_axes(a: Array, key: tuple[Any, ...]) -> Any:
    """Take elements, and put axes of size 1 between them, where the standard lets nobody write."""
    xp = array_namespace(a)
    y, backward = item.forward(a, tuple(part for part in key if part is not None))
    return a[key], lambda dy: backward(xp.reshape(dy, y.shape))[0]()


def _may_repeat(part: Any) -> bool:
    """Whether a part of an index may name the same place twice."""
    if isinstance(part, Sequence):
        return not isinstance(part, str)
    return is_integer(getattr(part, "dtype", None)) and part.ndim > 0


def _rows(a: Array, places: Array) -> Any:
    """Take entries along the first axis; each gradient goes back to its place: a scatter-add."""
    xp = array_namespace(a, places)
    flat = xp.astype(xp.reshape(places, (-1,)), xp.int64)  # a byte does not hold what is added
    flat = xp.where(flat < 0, flat + a.shape[0], flat)
    flat = xp.where(flat < 0, a.shape[0], flat)  # further back than there is anything: no row
    rows = xp.take(a, flat, axis=0)
    size = math.prod(a.shape[1:])

    def backward(dy: Array) -> Gradients:
        dy = xp.reshape(dy, (flat.shape[0], size))
        return xp.reshape(add_rows(dy, flat, a.shape[0]), a.shape)

    return xp.reshape(rows, (*places.shape, *a.shape[1:])), backward


def swapped(operation: Any) -> Any:
    """Return the operation with its two arguments in the opposite order, for 1 - a."""
    return lambda a, b: operation(b, a)


def zeros_of(a: Any) -> Any:
    """Return zeros of the form of an array or of parameters: a gradient to which nothing comes."""
    return a.zeros_like() if isinstance(a, Parameters) else array_namespace(a).zeros_like(a)


def sum_of(a: Any, b: Any) -> Any:
    """Add two gradients of one array, or of one set of parameters; the state of the first stays."""
    if not isinstance(a, Parameters):
        return a + b
    return Parameters(a.vector + b.vector, a.layout, a.state or b.state)
