"""Calls of operations, drawn from their own declarations of shapes: a size for each letter.

An `Entry` adds what the declaration does not say. The entries stand in `entries.py`, and those of
the layers in `tests/layers/layer_entries.py`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

import nnlearn as nn

SIZES = st.sampled_from([0, 1, 1, 2, 3, 3, 5, 7])
LARGE = 131  # a prime: one letter's size, now and then
DTYPES = st.sampled_from(["float32", "float64"])

Shape = tuple[int, ...]
Sizes = dict[str, Any]  # by letter; "..." and "...'" have tuples
Settings = dict[str, Any]  # what an operation is given besides; a function is called each time


@dataclasses.dataclass(frozen=True)
class Case:
    """One call that an operation takes, or refuses because one argument is too small."""

    operation: Any
    arrays: dict[str, np.ndarray]  # by name, in order
    shapes: tuple[Shape, ...]  # of what comes out
    settings: Settings
    refused: str | None = None  # the argument that is too small
    view: bool = False  # whether what comes out may be a view

    @property
    def wrt(self):
        """The arguments that have a gradient: the positions, by name."""
        return {n: i for i, (n, a) in enumerate(self.arrays.items()) if a.dtype.kind == "f"}

    def call(self, *arrays):
        """Return the value, of these arrays in the place of the case's own."""
        return self.operation(*arrays, **self.keywords())

    def vjp(self, *arrays, wrt=None):
        """Return the values as a tuple, and `backward`, which gives all gradients as one."""
        wrt = list(self.wrt.values()) if wrt is None else wrt
        value, backward = nn.vjp(self.operation, *arrays, wrt=wrt, **self.keywords())
        return several(value), lambda *dvalues: several(backward(*dvalues))

    def both(self, *arrays):
        """Return the values, and the gradients by name, for the case's own output gradients."""
        values, backward = self.vjp(*arrays)
        return values, dict(zip(self.wrt, backward(*self.dvalues()), strict=True))

    def keywords(self):
        return {k: v() if callable(v) else v for k, v in self.settings.items()}

    def dvalues(self):
        """Return a gradient for each value."""
        rng, dtype = np.random.default_rng(1), self.arrays[next(iter(self.wrt))].dtype
        return [np.asarray(rng.normal(size=s), dtype) for s in self.shapes]


def several(a):
    return a if isinstance(a, tuple) else (a,)


@dataclasses.dataclass(frozen=True)
class Entry:
    """An operation, and what its declaration does not say of it."""

    operation: Any
    settings: Callable[[Any, Sizes], Settings] = lambda draw, sizes: {}
    shapes: Callable[[Sizes, Settings], tuple[Shape, ...]] | None = None  # of what comes out
    refused: Callable[[Sizes, Settings], str | None] = lambda sizes, settings: None
    arrays: Callable[[Any, Sizes], dict[str, Shape]] | None = None  # which no declaration names
    optional: tuple[str, ...] = ()  # arguments that may be left out
    positive: bool = False  # of whose argument there is a logarithm
    view: bool = False  # whether what comes out may be a view, as its docstring says
    takes: frozenset[str] = frozenset()  # of `KINDS`, what it is right to give it

    def case(self, draw) -> Case:
        """Draw a call."""
        sizes = self._sizes(draw)
        shapes = {a.name: shape_of(a, sizes) for a in self.declared}
        if self.arrays is not None:
            shapes = self.arrays(draw, sizes)
        elif self.optional and draw(st.booleans()):
            shapes = {name: s for name, s in shapes.items() if name not in self.optional}
        settings = self.settings(draw, sizes)
        whole = {a.name for a in self.declared if a.integer}
        dtype = draw(DTYPES)
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        arrays = {}
        for name, shape in shapes.items():
            if name in whole:
                arrays[name] = rng.integers(0, max(sizes["K"], 1), shape)
                continue
            numbers = np.asarray(rng.normal(size=shape), dtype)
            arrays[name] = np.asarray(np.exp(numbers), dtype) if self.positive else numbers
        values = self._values(sizes, settings, arrays)
        refused = self.refused(sizes, settings)
        return Case(self.operation, arrays, values, settings, refused, self.view)

    @property
    def declared(self):
        return self.operation.signature.arguments

    def _sizes(self, draw) -> Sizes:
        letters = list(dict.fromkeys(letter for a in self.declared for _, letter in a.dims))
        large = draw(st.sampled_from([None] * 7 + (letters or [None])))
        sizes: Sizes = {l: LARGE if l == large else draw(SIZES) for l in letters}
        for dots in ("...", "...'"):
            sizes[dots] = tuple(draw(st.lists(SIZES, max_size=2)))
        return sizes

    def _values(self, sizes, settings, arrays) -> tuple[Shape, ...]:
        if self.shapes is not None:
            return self.shapes(sizes, settings)
        declared = self.operation.signature.values
        if declared:
            return tuple(shape_of(v, sizes) for v in declared)
        return (next(iter(arrays.values())).shape,)


def shape_of(declared, sizes: Sizes) -> Shape:
    """Return the shape that a declared array has with these sizes."""
    leading = sizes[declared.leading] if declared.leading else ()
    return (*leading, *(n * sizes[letter] if letter else n for n, letter in declared.dims))


# --- other ways to lie in memory, and what is not to be had -----------------------------------


def gapped(a):
    """Every second number of a longer array; between them there is nothing to be read."""
    gaps = np.full((*a.shape[:-1], 2 * a.shape[-1]), 99, a.dtype)
    gaps[..., ::2] = a
    return gaps[..., ::2]


def read_only(a):
    copy = a.copy()
    copy.flags.writeable = False
    return copy


def broadcast(a):
    """The first row along each axis stands in the place of all others, which take no memory."""
    one = a[tuple(slice(0, 1) for _ in a.shape)].copy()
    return np.broadcast_to(one, a.shape)


def unaligned(a):
    """Read from an odd address, as numbers in a file's bytes may be."""
    return np.frombuffer(b"\0" + a.tobytes(), a.dtype, a.size, 1).reshape(a.shape) if a.size else a


#: The same numbers, or for "broadcast" others, in another order in memory.
LAYOUTS = {
    "transposed": lambda a: a.T.copy().T,
    "gapped": lambda a: gapped(a) if a.ndim else a,
    "reversed": lambda a: np.flip(np.flip(a).copy()),
    "read-only": read_only,
    "broadcast": broadcast,
    "unaligned": unaligned,
}

#: What stands in the place of a floating-point array, and is refused.
KINDS = {
    "a list": lambda a: a.tolist(),
    "a number": lambda a: 1.5,
    "None": lambda a: None,
    "text": lambda a: "x",
    "complex": lambda a: a.astype(complex),
    "object": lambda a: a.astype(object),
    "dates": lambda a: a.astype("M8[s]"),
    "whole": lambda a: a.astype(int),
    "true or false": lambda a: a > 0,
    "float16": lambda a: a.astype("float16"),
    "bytes swapped": lambda a: a.astype(a.dtype.newbyteorder()),
}
