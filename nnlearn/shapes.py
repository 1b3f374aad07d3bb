"""Arguments that do not fit raise at once, and say which it is, what came, and what was expected.

An operation declares its shapes in one line, ``"x (..., D), W (M, D), b (M) -> z (..., M)"``.
Equal letters must be equal sizes; ``...`` stands for any number of leading dimensions, the same
ones wherever it appears; ``4H`` is four times an H that came before; ``int`` before the brackets
asks for integers, otherwise arguments are floating-point. `None` is passed over, so that an
argument may be optional. What stands behind the arrow is for the reader, and for the tests.
"""

import contextlib
import contextvars
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlearn.arrays.backend import array_namespace, is_floating, is_integer, on_host
from nnlearn.arrays.typing import Array

_ARRAY = re.compile(r"(?P<name>\w+)(?P<integer> int)? \((?P<dims>[^()]*)\)")
_DIMENSION = re.compile(r"(\d*)([A-Za-z]?'?)")
_REMEMBERED = 256  # forms of arguments, for each operation


@dataclass(frozen=True)
class Declared:
    """An array of a declaration: its name, its kind, and each dimension as (count, letter)."""

    name: str
    integer: bool
    leading: bool  # whether "..." stands before the dimensions
    dims: tuple[tuple[int, str], ...]

    def __str__(self) -> str:
        dims = ["..."] * self.leading
        dims += [
            letter if count == 1 and letter else f"{count}{letter}" for count, letter in self.dims
        ]
        return f"({', '.join(dims)}{',' if len(dims) == 1 else ''})"


class Signature:
    """The shapes that an operation takes and gives, parsed once from their one-line form.

    Parameters
    ----------
    operation : str
        Its name, for the messages.
    text : str
        As in the module's description.

    Raises
    ------
    ValueError
        If the text cannot be read, or names a multiple of a letter that no argument has before.
    """

    def __init__(self, operation: str, text: str) -> None:
        self.operation = operation
        arguments, _, values = text.partition("->")
        self.arguments = [self._declared(part, text) for part in _parts(arguments)]
        self.values = [self._declared(part, text) for part in _parts(values)]
        self._fitting: dict[Any, dict[str, Any]] = {}  # sizes, by the forms of arguments that fit
        known: set[str] = set()
        for argument in self.arguments:
            for count, letter in argument.dims:
                if count != 1 and letter and letter not in known:
                    raise ValueError(
                        f"{operation}: the shapes {text!r} have {count}{letter} before any {letter}"
                    )
                known.add(letter)

    def _declared(self, part: str, text: str) -> Declared:
        match = _ARRAY.fullmatch(part)
        dims = [d.strip() for d in match["dims"].split(",") if d.strip()] if match else []
        leading = dims[:1] == ["..."]
        read = [_DIMENSION.fullmatch(d) for d in dims[leading:]]
        if match is None or not all(d is not None and d[0] for d in read):
            raise ValueError(
                f"{self.operation}: the shapes {text!r} cannot be read, expected such as "
                "'x (..., D), labels int (...) -> z (..., M)'"
            )
        sizes = tuple((int(d[1] or 1), d[2]) for d in read if d is not None)
        return Declared(match["name"], match["integer"] is not None, leading, sizes)

    def check(
        self, args: Sequence[Any], keywords: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Raise TypeError or ValueError if the declared arguments do not fit.

        Returns
        -------
        dict
            The size of each letter, and the leading dimensions under ``"..."``.
        """
        given = [*args[: len(self.arguments)]]
        given += [(keywords or {}).get(a.name) for a in self.arguments[len(given) :]]
        form = tuple([(type(a), getattr(a, "shape", 0), getattr(a, "dtype", 0)) for a in given])
        sizes = self._fitting.get(form)  # a training step brings the same forms again and again
        if sizes is None:
            sizes = self._sizes(given)
            if len(self._fitting) >= _REMEMBERED:
                self._fitting.clear()
            self._fitting[form] = sizes
        return dict(sizes)

    def _sizes(self, given: Sequence[Any]) -> dict[str, Any]:
        """Check arguments that have not been seen in this form."""
        sizes: dict[str, Any] = {}
        first = None
        for argument, array in zip(self.arguments, given, strict=True):
            if array is not None:
                self._check_type(argument, array)
                self._check_shape(argument, array.shape, sizes)
                first = array if first is None else first
                if type(array) is not type(first):
                    self._check_library(argument, array, first)
        return sizes

    def check_values(self, value: Any, sizes: dict[str, Any]) -> None:
        """Raise ValueError if what came out does not have the shapes behind the arrow."""
        values = value if isinstance(value, tuple) else (value,)
        for declared, array in zip(self.values, values, strict=True):
            self._check_shape(declared, array.shape, sizes)

    def _check_type(self, argument: Declared, array: Any) -> None:
        kind = "an integer" if argument.integer else "a floating-point"
        if not hasattr(array, "dtype") or not hasattr(array, "shape"):
            raise TypeError(
                f"{self.operation}: {argument.name} is a {type(array).__name__}, expected {kind} "
                "array; nn.asarray makes one"
            )
        if not (is_integer if argument.integer else is_floating)(array.dtype):
            text = f"{argument.name} has dtype {array.dtype}, expected {kind} array"
            if not getattr(array.dtype, "isnative", True):
                text += " in this machine's byte order: x.astype(x.dtype.newbyteorder('='))"
            raise TypeError(f"{self.operation}: {text}")

    def _check_library(self, argument: Declared, array: Array, first: Array) -> None:
        ours, other = array_namespace(first), array_namespace(array)
        if ours is not other:
            names = [xp.__name__.rpartition(".")[2] for xp in (other, ours)]
            raise TypeError(
                f"{self.operation}: {argument.name} is an array of {names[0]}, the first "
                f"argument one of {names[1]}; nn.asarray puts both on the current backend"
            )

    def _check_shape(self, declared: Declared, shape: Any, sizes: dict[str, Any]) -> None:
        before, rest = dict(sizes), shape
        fits = len(shape) == len(declared.dims)
        if declared.leading:
            count = len(shape) - len(declared.dims)
            fits = count >= 0 and sizes.setdefault("...", shape[:count]) == shape[:count]
            rest = shape[max(count, 0) :]
        if not (fits and all(map(_fits, declared.dims, rest, [sizes] * len(rest)))):
            letters = ["..."] * declared.leading + [letter for _, letter in declared.dims]
            known = [f"{d} = {before[d]}" for d in dict.fromkeys(letters) if d in before]
            raise ValueError(
                f"{self.operation}: {declared.name} has shape {shape}, expected {declared}"
                + (f" with {', '.join(known)}" if known else "")
            )


def _parts(text: str) -> list[str]:
    """Cut ``"x (N, D), b (M)"`` at the commas between brackets."""
    return [p.strip() for p in re.split(r"(?<=\)) *,", text) if p.strip()]


def _fits(dimension: tuple[int, str], size: int, sizes: dict[str, Any]) -> bool:
    """Whether a size is that of its letter; a new letter takes what came."""
    count, letter = dimension
    if count != 1 or not letter:
        return size == count * (sizes[letter] if letter else 1)
    return bool(sizes.setdefault(letter, size) == size)


def positive_integer(owner: str, name: str, value: Any) -> int:
    """Return a size; refuse what is none."""
    if not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{owner}: {name} is {value!r}, expected a whole number of at least 1")
    return int(value)


def pair(owner: str, name: str, value: Any, least: int) -> tuple[int, int]:
    """Turn a number, or a pair of them, into a pair; refuse what is none."""
    numbers = tuple(value) if isinstance(value, Sequence) else (value, value)
    whole = all(isinstance(v, int | np.integer) and v >= least for v in numbers)
    if len(numbers) != 2 or not whole:
        raise ValueError(
            f"{owner}: {name} is {value!r}, expected a whole number of at least {least}, "
            "or a pair (rows, columns)"
        )
    return int(numbers[0]), int(numbers[1])


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
