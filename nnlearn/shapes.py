"""Shapes that do not fit raise at once, and say which argument, its shape, and the shape expected.

An operation declares its shapes in one line, ``"x (..., D), W (M, D), b (M) -> z (..., M)"``.
Equal letters must be equal sizes; ``...`` stands for any number of leading dimensions, the same
ones wherever it appears; ``4H`` is four times an H that came before; ``int`` before the brackets
asks for integers, otherwise arguments are floating-point. `None` is passed over, so that an
argument may be optional.
"""

import math
import re

from nnlearn.arrays.backend import array_namespace, is_floating, is_integer

_DIMENSION = re.compile(r"(\d*)(.*)")
_ARGUMENT = re.compile(r"(\w+)( int)? \(([^)]*)\)")


def as_rows(x):
    """Flatten all dimensions of an array but the last: (..., D) becomes (N, D)."""
    if x.ndim == 2:
        return x
    return array_namespace(x).reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


class Signature:
    """The shapes that an operation takes, parsed from their one-line form.

    Parameters
    ----------
    operation : str
        Its name, for the messages.
    text : str
        As in the module's description.
    """

    def __init__(self, operation, text):
        self.operation = operation
        arguments = text.partition("->")[0]
        if _ARGUMENT.sub("", arguments).strip(", ") or re.search(r", *\.\.\.", arguments):
            raise ValueError(
                f"{operation}: the shapes {text!r} cannot be read, expected such as "
                "'x (..., D), labels int (...) -> z (..., M)'"
            )
        self.arguments = [
            (name, kind == " int", tuple(d.strip() for d in dims.split(",") if d.strip()))
            for name, kind, dims in _ARGUMENT.findall(arguments)
        ]

    def check(self, args, keywords=None):
        """Raise TypeError or ValueError if the declared arguments do not fit."""
        sizes: dict = {}
        for i, (name, integer, dims) in enumerate(self.arguments):
            array = args[i] if i < len(args) else (keywords or {}).get(name)
            if array is not None:
                self._check_type(name, integer, array)
                self._check_shape(name, dims, array.shape, sizes)

    def _check_type(self, name, integer, array):
        kind = "an integer" if integer else "a floating-point"
        if not hasattr(array, "dtype") or not hasattr(array, "shape"):
            raise TypeError(
                f"{self.operation}: {name} is a {type(array).__name__}, expected {kind} array; "
                "nn.asarray makes one"
            )
        if not (is_integer if integer else is_floating)(array.dtype):
            raise TypeError(
                f"{self.operation}: {name} has dtype {array.dtype}, expected {kind} array"
            )

    def _check_shape(self, name, dims, shape, sizes):
        rest = shape
        fits = len(shape) == len(dims)
        if dims and dims[0] == "...":
            count = len(shape) - (len(dims) - 1)
            fits = count >= 0 and sizes.setdefault("...", shape[:count]) == shape[:count]
            dims, rest = dims[1:], shape[max(count, 0) :]
        if fits and all(
            size == _declared(d, size, sizes) for d, size in zip(dims, rest, strict=True)
        ):
            return
        raise ValueError(
            f"{self.operation}: {name} has shape {shape}, {self._expected(name, sizes)}"
        )

    def _expected(self, name, sizes):
        dims = next(dims for n, _, dims in self.arguments if n == name)
        text = f"expected ({', '.join(dims)}{',' if len(dims) == 1 else ''})"
        letters = dict.fromkeys(_DIMENSION.findall(d)[0][1] for d in dims)
        known = [f"{d} = {sizes[d]}" for d in letters if d in sizes]
        return text + (f" with {', '.join(known)}" if known else "")


def _declared(dimension, size, sizes):
    """Return the size that a dimension must have; a new letter takes what came."""
    count, letter = _DIMENSION.findall(dimension)[0]
    if count:
        return int(count) * (sizes[letter] if letter else 1)
    return sizes.setdefault(letter, size)
