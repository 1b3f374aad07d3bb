"""What operations and layers ask of their arguments, beside shapes: sizes, numbers, ranges."""

import contextlib
import contextvars
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nnlearn.arrays.backend import array_namespace, is_floating, is_integer, on_host
from nnlearn.arrays.typing import Array


def positive_integer(owner: str, name: str, value: Any) -> int:
    """Return a size; refuse what is none."""
    if not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{owner}: {name} is {value!r}, expected a whole number of at least 1")
    return int(value)


def number(
    owner: str, name: str, value: Any, least: float = -math.inf, most: float = math.inf
) -> float:
    """Return a setting as a plain float; refuse what is no finite number in a range."""
    if not isinstance(value, int | float | np.integer | np.floating):
        kind = repr(value) if isinstance(value, str) else type(value).__name__
        raise TypeError(f"{owner}: {name} is {kind}, expected a number")
    if not (math.isfinite(value) and least <= value <= most):
        bounds = "" if math.isinf(least) else f" of at least {least}"
        bounds = bounds if math.isinf(most) else f" from {least} to {most}"
        raise ValueError(f"{owner}: {name} is {value}, expected a finite number{bounds}")
    return float(value)


def probability(owner: str, name: str, value: Any) -> float:
    """Return a probability as a plain float; refuse what is none, or 1: nothing would be left."""
    p = number(owner, name, value)
    if not 0 <= p < 1:
        raise ValueError(f"{owner}: {name} is {value}, expected a probability in [0, 1)")
    return p


def truth(owner: str, name: str, value: Any) -> bool:
    """Return a setting that is True or False; refuse all else, such as the text 'no'."""
    if not isinstance(value, bool | np.bool):
        raise TypeError(f"{owner}: {name} is {value!r}, expected True or False")
    return bool(value)


def initializer_of(owner: str, name: str, value: Any) -> Callable[..., Any]:
    """Return what draws parameters; refuse what cannot be called, such as its name."""
    if not callable(value):
        raise TypeError(
            f"{owner}: {name} is {value!r}, expected a function of (rng, shape, fan_in, fan_out), "
            "such as those of nn.initializers"
        )
    drawing: Callable[..., Any] = value
    return drawing


def pair(owner: str, name: str, value: Any, least: int) -> tuple[int, int]:
    """Turn a number, or a pair of them, into a pair; refuse what is none."""
    numbers = value if isinstance(value, Sequence) else (value, value)
    whole = all(isinstance(v, int | np.integer) and v >= least for v in numbers)
    if len(numbers) != 2 or not whole:
        raise ValueError(
            f"{owner}: {name} is {value!r}, expected a whole number of at least {least}, "
            "or a pair (rows, columns)"
        )
    return int(numbers[0]), int(numbers[1])


def check_numbers(operation: str, name: str, a: Any) -> None:
    """Refuse what is no array of real numbers; those of True and False may be."""
    if not (hasattr(a, "shape") and hasattr(a, "dtype")):
        raise TypeError(
            f"{operation}: {name} is a {type(a).__name__}, expected an array; nn.asarray makes one"
        )
    if not (is_floating(a.dtype) or is_integer(a.dtype) or str(a.dtype).endswith("bool")):
        raise TypeError(
            f"{operation}: {name} has dtype {a.dtype}, expected a floating-point array"
            + instead(a.dtype)
        )


def instead(dtype: Any) -> str:
    """Say of a dtype that is nearly right what to do."""
    if not getattr(dtype, "isnative", True):
        return " in this machine's byte order: x.astype(x.dtype.newbyteorder('='))"
    return " of at least 32 bits: x.astype('float32')" if str(dtype).endswith("float16") else ""


def count(operation: str, name: str, shape: tuple[int, ...]) -> int:
    """Return how many elements a mean is over; refuse none."""
    n = math.prod(shape)
    if n == 0:
        raise ValueError(
            f"{operation}: {name} has shape {shape}, expected at least one element for a mean"
        )
    return n


_looks_at_devices = contextvars.ContextVar("looks_at_devices", default=False)


@contextlib.contextmanager
def looking_at_devices() -> Iterator[None]:
    """Have `check_range` look at numbers on a device, too, although that waits for it."""
    before = _looks_at_devices.set(True)
    try:
        yield
    finally:
        _looks_at_devices.reset(before)


def check_range(operation: str, name: str, numbers: Array, K: int, kind: str) -> None:
    """Refuse whole numbers outside 0 to K - 1, where looking at them costs no wait."""
    if not (on_host(numbers) or _looks_at_devices.get()) or 0 in numbers.shape:
        return
    xp = array_namespace(numbers)
    smallest, largest = int(xp.min(numbers)), int(xp.max(numbers))
    if smallest < 0 or largest >= K:
        wrong = smallest if smallest < 0 else largest
        raise ValueError(f"{operation}: {name} contains {wrong}, expected {kind} 0 to {K - 1}")
