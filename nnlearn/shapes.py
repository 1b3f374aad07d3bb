"""Arguments that do not fit raise at once, and say which it is, what came, and what was expected.

An operation declares its shapes in one line, ``"x (..., D), W (M, D), b (M) -> z (..., M)"``.
Equal letters must be equal sizes; ``...`` stands for any number of leading dimensions, the same
ones wherever it appears, and ``...'`` for others; ``4H`` is four times an H that came before, and
``K+`` a K of at least 1; ``int`` before the brackets asks for integers, otherwise arguments are
floating-point. `None` is passed over where it is the argument's default. What stands behind the
arrow is for the reader, and for the tests.
"""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nnlearn.arguments import instead
from nnlearn.arrays.backend import array_namespace, is_floating, is_integer
from nnlearn.arrays.typing import Array

_ARRAY = re.compile(r"(?P<name>\w+)(?P<integer> int)? \((?P<dims>[^()]*)\)")
_DIMENSION = re.compile(r"(\d*)([A-Za-z]?'?)(\+?)")
_LEADING = {"...", "...'"}
_REMEMBERED = 256  # forms of arguments, for each operation


@dataclass(frozen=True)
class Declared:
    """An array of a declaration: its name, its kind, and each dimension as (count, letter)."""

    name: str
    integer: bool
    leading: str  # "..." where it stands before the dimensions, or ""
    dims: tuple[tuple[int, str], ...]
    some: frozenset[str]  # letters that are at least 1

    @property
    def letters(self) -> list[str]:
        """What of its shape has a name, in order, each once."""
        named = [self.leading, *(letter for _, letter in self.dims)]
        return [letter for letter in dict.fromkeys(named) if letter]

    def __str__(self) -> str:
        dims = [self.leading] if self.leading else []
        dims += [
            letter if count == 1 and letter else f"{count}{letter}" for count, letter in self.dims
        ]
        return f"({', '.join(dims)}{',' if len(dims) == 1 else ''})"


class Fit(NamedTuple):
    """What is known of arguments that fit."""

    sizes: dict[str, Any]  # of each letter
    dtype: Any  # the widest, where the floating-point ones have several, or None


class Signature:
    """The shapes that an operation takes and gives, parsed once from their one-line form.

    Parameters
    ----------
    operation : str
        Its name, for the messages.
    text : str
        As in the module's description.
    required : container of str
        The names of arguments that must not be None.

    Raises
    ------
    ValueError
        If the text cannot be read, or names a multiple of a letter that no argument has before.
    """

    def __init__(self, operation: str, text: str, required: Container[str] = ()) -> None:
        self.operation, self.required = operation, required
        arguments, _, values = text.partition("->")
        self.arguments = [self._declared(part, text) for part in _parts(arguments)]
        self.values = [self._declared(part, text) for part in _parts(values)]
        self._fitting: dict[Any, Fit] = {}  # by the forms of arguments
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
        leading = dims.pop(0) if dims and dims[0] in _LEADING else ""
        read = [d for d in map(_DIMENSION.fullmatch, dims) if d is not None and (d[1] or d[2])]
        if match is None or len(read) < len(dims):
            raise ValueError(
                f"{self.operation}: the shapes {text!r} cannot be read, expected such as "
                "'x (..., D), labels int (...) -> z (..., M)'"
            )
        sizes = tuple((int(d[1] or 1), d[2]) for d in read)
        some = frozenset(d[2] for d in read if d[3])
        return Declared(match["name"], match["integer"] is not None, leading, sizes, some)

    def check(
        self, args: Sequence[Any], keywords: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Raise TypeError or ValueError if the declared arguments do not fit.

        Returns
        -------
        dict
            The size of each letter, and the leading dimensions under ``"..."``.
        """
        return dict(self.fit(args, keywords or {}).sizes)

    def fitting(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Raise as `check` does; return the arguments, those of mixed dtypes in the widest one."""
        dtype = self.fit(args, keywords).dtype
        if dtype is None:
            return args, keywords
        floating = {a.name for a in self.arguments if not a.integer}
        names = [a.name for a in self.arguments] + [""] * len(args)
        wide = [
            _as_dtype(a, dtype) if name in floating else a
            for name, a in zip(names, args, strict=False)
        ]
        by_name = {k: _as_dtype(a, dtype) if k in floating else a for k, a in keywords.items()}
        return tuple(wide), by_name

    def fit(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> "Fit":
        """Raise as `check` does; return the sizes, and the dtype of arguments that mix several."""
        given = [*args[: len(self.arguments)]]
        given += [keywords.get(a.name) for a in self.arguments[len(given) :]]
        # With the dtype's own type: of two libraries one compares no other's dtype with its own.
        form = tuple(
            [(type(a), getattr(a, "shape", 0), type(d := getattr(a, "dtype", 0)), d) for a in given]
        )
        fit = self._fitting.get(form)  # a training step brings the same forms again and again
        if fit is None:
            fit = self._fit(given)
            if len(self._fitting) >= _REMEMBERED:
                self._fitting.clear()
            self._fitting[form] = fit
        return fit

    def _fit(self, given: Sequence[Any]) -> "Fit":
        """Check arguments that have not been seen in this form."""
        sizes: dict[str, Any] = {}
        floating: list[Any] = []
        first = None
        for argument, array in zip(self.arguments, given, strict=True):
            if array is not None or argument.name in self.required:
                self._check_type(argument, array)
                self._check_shape(argument, array.shape, sizes)
                first = array if first is None else first
                self._check_library(argument, array, first)
                floating += [] if argument.integer else [array]
        mixed = any(a.dtype != floating[0].dtype for a in floating)
        return Fit(sizes, array_namespace(first).result_type(*floating) if mixed else None)

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
            raise TypeError(
                f"{self.operation}: {argument.name} has dtype {array.dtype}, expected {kind} array"
                + instead(array.dtype)
            )

    def _check_library(self, argument: Declared, array: Array, first: Array) -> None:
        ours, other = array_namespace(first), array_namespace(array)
        if ours is not other:
            names = [xp.__name__.rpartition(".")[2] for xp in (other, ours)]
            raise TypeError(
                f"{self.operation}: {argument.name} is an array of {names[0]}, the first "
                f"argument one of {names[1]}; nn.asarray puts both on the current backend"
            )

    def _check_shape(self, declared: Declared, shape: Any, sizes: dict[str, Any]) -> None:
        before, rest, dots = dict(sizes), shape, declared.leading
        fits = len(shape) == len(declared.dims)
        if dots:
            count = len(shape) - len(declared.dims)
            fits = count >= 0 and sizes.setdefault(dots, shape[:count]) == shape[:count]
            rest = shape[count:]
        fits = fits and all(map(_fits, declared.dims, rest, [sizes] * len(rest)))
        if not (fits and all(sizes[letter] for letter in declared.some)):
            known = [
                f"{d} = {before[d]} of {self._first(d)}" for d in declared.letters if d in before
            ]
            known += [
                f"{d} ≥ 1" for d in declared.letters if d in declared.some and not before.get(d)
            ]
            raise ValueError(
                f"{self.operation}: {declared.name} has shape {shape}, expected {declared}"
                + (f" with {', '.join(known)}" if known else "")
            )

    def _first(self, letter: str) -> str:
        """Name the argument that a size comes from: of two that differ, either may be wrong."""
        return next(a.name for a in self.arguments if letter in a.letters)


def _as_dtype(a: Any, dtype: Any) -> Any:
    """Return an argument, unless it is left out, in a dtype."""
    return None if a is None else array_namespace(a).astype(a, dtype, copy=False)


def _parts(text: str) -> list[str]:
    """Cut ``"x (N, D), b (M)"`` at the commas between brackets."""
    return [p.strip() for p in re.split(r"(?<=\)) *,", text) if p.strip()]


def _fits(dimension: tuple[int, str], size: int, sizes: dict[str, Any]) -> bool:
    """Whether a size is that of its letter; a new letter takes what came."""
    count, letter = dimension
    if count != 1 or not letter:
        return size == count * (sizes[letter] if letter else 1)
    return bool(sizes.setdefault(letter, size) == size)
