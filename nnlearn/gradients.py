"""Gradients that wait; and what `vjp` asks of its arguments, and of what comes in and goes out."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from nnlearn.arrays.backend import array_namespace, is_floating, is_integer, on_host
from nnlearn.arrays.typing import Array

#: A gradient that waits.
Waiting: TypeAlias = Callable[[], Any]


def once(gradient: Waiting) -> Waiting:
    """Let a gradient be computed at most once, however often it is asked for."""
    found: list[Any] = []

    def value() -> Any:
        if not found:
            found.append(gradient())
        return found[0]

    return value


def is_differentiable(a: Any) -> bool:
    """Whether `vjp` differentiates by this argument unless told otherwise."""
    return hasattr(a, "vector") or (hasattr(a, "shape") and is_floating(a.dtype))


def sampled(args: Sequence[Any], value: Any) -> list[tuple[str, Array, bytes]]:
    """Name the arrays on the host that backward may need, each with a sample of its numbers."""
    values = value if isinstance(value, tuple) else (value,)
    arrays = [(f"argument {i}", getattr(a, "vector", a)) for i, a in enumerate(args)]
    arrays += [("the value", v) for v in values]
    return [(what, a, _sample(a)) for what, a in arrays if on_host(a)]


def check_unchanged(name: str, kept: Sequence[tuple[str, Array, bytes]]) -> None:
    """Refuse to go back through arrays that are not what they were on the way forward."""
    for what, array, sample in kept:
        if _sample(array) != sample:
            raise RuntimeError(
                f"backward of {name}: {what} was changed in place after the forward pass, which "
                "would make the gradient wrong; change a copy"
            )


def _sample(array: "np.ndarray[Any, Any]", size: int = 256) -> bytes:
    """Give some numbers of an array, spread evenly: 2 microseconds, however it lies in memory."""
    return array.flat[:: -(-array.size // size) or 1].tobytes()


def positions_of(name: str, args: Sequence[Any], wrt: Any) -> tuple[int, ...]:
    """Turn `wrt` into a tuple of positions."""
    if wrt is None:
        positions = tuple(i for i, a in enumerate(args) if is_differentiable(a))
        if not positions:
            kinds = [str(getattr(a, "dtype", type(a).__name__)) for a in args]
            raise ValueError(
                f"vjp: {name} is given no floating-point array to differentiate by; its arguments "
                f"are of {', '.join(kinds)}"
            )
        return positions
    if not isinstance(wrt, int | Iterable):
        raise TypeError(f"vjp: wrt is {wrt!r}, expected a position or several")
    positions = (wrt,) if isinstance(wrt, int) else tuple(wrt)
    for i in positions:
        if not (isinstance(i, int) and 0 <= i < len(args)):
            raise ValueError(
                f"vjp: wrt names argument {i!r} of {name}, expected positions 0 to {len(args) - 1}"
            )
        if not is_differentiable(args[i]):
            raise TypeError(
                f"vjp: wrt names argument {i} of {name}, a {type(args[i]).__name__} that is not "
                "floating-point"
            )
    return positions


def output_gradients(name: str, value: Any, dvalues: Sequence[Any]) -> list[Array]:
    """Check the gradients of the outputs; fill in those that were left out."""
    values = value if isinstance(value, tuple) else (value,)
    if len(dvalues) > len(values):
        raise TypeError(
            f"backward of {name}: {len(dvalues)} gradients came, expected at most {len(values)}"
        )
    if not dvalues and values[0].shape != ():
        raise TypeError(
            f"backward of {name}: the value has shape {values[0].shape}; its gradient is missing"
        )
    dvalues = list(dvalues)
    for i, v in enumerate(values):
        xp = array_namespace(v)
        if i >= len(dvalues):
            dvalues.append((xp.zeros_like if i else xp.ones_like)(v))  # the first is one number
        elif not hasattr(dvalues[i], "shape"):
            dvalues[i] = xp.asarray(dvalues[i], dtype=v.dtype, device=v.device)
        elif dvalues[i].dtype != v.dtype:
            dvalues[i] = _in_dtype_of(v, name, dvalues[i])
        if dvalues[i].shape != v.shape:
            raise ValueError(
                f"backward of {name}: the gradient has shape {dvalues[i].shape}, expected the "
                f"shape of the value, {v.shape}"
            )
    return dvalues


def _in_dtype_of(value: Array, name: str, dvalue: Array) -> Array:
    """Turn the gradient of an output into the output's dtype; refuse what is no real number."""
    xp = array_namespace(value, dvalue)
    if not (is_floating(dvalue.dtype) or is_integer(dvalue.dtype)):
        raise TypeError(
            f"backward of {name}: the gradient has dtype {dvalue.dtype}, expected that of the "
            f"value, {value.dtype}"
        )
    return xp.astype(dvalue, value.dtype)


def gradient_of(name: str, gradients: Sequence[Waiting], args: Sequence[Any], i: int) -> Any:
    """Compute the gradient of argument `i`, which waited, and check its shape."""
    gradient = gradients[i]() if i < len(gradients) else None
    if gradient is None:
        raise TypeError(f"vjp: {name} gives no gradient for its argument {i}")
    if hasattr(args[i], "shape") and gradient.shape != args[i].shape:
        raise ValueError(
            f"vjp: {name} gives a gradient of shape {gradient.shape} for its argument {i}, "
            f"which has shape {args[i].shape}"
        )
    if hasattr(args[i], "shape") and gradient.dtype != args[i].dtype and _are_mixed(args):
        return array_namespace(gradient).astype(gradient, args[i].dtype)
    return gradient


def _are_mixed(args: Sequence[Any]) -> bool:
    """Whether arguments of several floating-point dtypes were computed with in the widest one."""
    arrays = [getattr(a, "vector", a) for a in args]  # of parameters, all that they are
    dtypes = [a.dtype for a in arrays if hasattr(a, "dtype") and is_floating(a.dtype)]
    return any(dtype != dtypes[0] for dtype in dtypes)
