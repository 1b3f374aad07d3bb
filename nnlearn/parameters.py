"""All parameters of a model as one vector θ, with named and shaped views into it."""

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from nnlearn.arrays.backend import array_namespace, asarray, to_numpy
from nnlearn.arrays.typing import Array
from nnlearn.tables import Table, shortened

#: What users of other libraries ask parameters for, and what it is called here.
_ELSEWHERE = {
    "numpy": "θ as one NumPy array is nn.to_numpy(params.vector)",
    "grad": "gradients are given by the backward function of nn.vjp(model, params, x, wrt=0)",
    "shape": "θ is one vector, params.vector; shapes are those of its arrays",
    "dtype": "it is that of params.vector",
    "to": "params.astype(dtype) copies them to the current backend, see nn.use_backend",
}
_ROWS = 16


class Layout:
    """Where each named array lies in the vector.

    Parameters
    ----------
    shapes : dict of str to tuple of int
        In the order of the vector.
    """

    def __init__(self, shapes: Mapping[str, Sequence[int]]) -> None:
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}
        self.slices: dict[str, slice] = {}
        self.size = 0
        for name, shape in self.shapes.items():
            self.slices[name] = slice(self.size, self.size + math.prod(shape))
            self.size += math.prod(shape)
        self._parts: dict[str, tuple[slice, Layout]] = {}

    def part(self, prefix: str) -> "tuple[slice, Layout]":
        """Return the slice and the layout of the names that begin with ``prefix.``."""
        if prefix not in self._parts:
            names = [name for name in self.shapes if name.startswith(prefix + ".")]
            inner = Layout({name[len(prefix) + 1 :]: self.shapes[name] for name in names})
            start = self.slices[names[0]].start if names else 0
            self._parts[prefix] = slice(start, start + inner.size), inner
        return self._parts[prefix]


class Parameters(Mapping[str, Array]):
    """The parameters θ of a model: one contiguous vector, with a named view for each array.

    Because θ is one vector, an optimizer's step, a checkpoint and a gradient check are each a
    line over one vector. Gradients have the same form.

    Parameters
    ----------
    vector : array, shape (P,)
        θ itself; it is not copied.
    layout : Layout or dict of str to tuple of int
        The names and shapes, in the order of the vector.
    state : Parameters, optional
        What a layer remembers without learning it (running statistics): it has no gradient.

    Raises
    ------
    ValueError
        If the vector does not have as many elements as the shapes need.

    Examples
    --------
    >>> import nnlearn as nn
    >>> params = nn.Sequential(nn.Dense(3, 2), nn.ReLU(), nn.Dense(2, 1)).init(seed=0)
    >>> list(params)
    ['0.W', '0.b', '2.W', '2.b']
    >>> params["0.W"].shape, params.vector.shape
    ((2, 3), (11,))
    """

    def __init__(
        self,
        vector: Array,
        layout: Layout | Mapping[str, Sequence[int]],
        state: "Parameters | None" = None,
    ) -> None:
        self.layout = layout if isinstance(layout, Layout) else Layout(layout)
        self.vector = vector
        self.state = state

    @property
    def vector(self) -> Array:
        """θ itself. Another vector of the same length may take its place."""
        return self._vector

    @vector.setter
    def vector(self, vector: Array) -> None:
        if vector.shape != (self.layout.size,):
            raise ValueError(
                f"Parameters: vector has shape {tuple(vector.shape)}, "
                f"expected ({self.layout.size},)"
            )
        self._vector = vector
        self._views: dict[str, Array] = {}  # those into the old one

    def __getitem__(self, name: str) -> Array:
        if name not in self._views:
            if name not in self.layout.shapes:
                raise KeyError(f"no parameter {name!r}; there are {self._names() or 'none'}")
            xp = array_namespace(self.vector)
            piece = self.vector[self.layout.slices[name]]
            self._views[name] = xp.reshape(piece, self.layout.shapes[name])
        return self._views[name]

    def __setitem__(self, name: str, value: Array) -> None:
        """Write into the vector; the shape must be that of the view."""
        view = self[name]
        if hasattr(value, "shape") and value.shape != view.shape:
            raise ValueError(
                f"Parameters: {name!r} is given shape {value.shape}, expected {view.shape}"
            )
        view[...] = value

    def __getattr__(self, name: str) -> Array:
        """Explain what is not there: arrays are items, and other libraries' names are not ours."""
        if name.startswith("_") or name == "layout":  # of an object that is still being made
            raise AttributeError(name)
        ours = _ELSEWHERE.get(name) or f"the arrays are items: {self._names('params[{!r}]')}"
        raise AttributeError(f"Parameters have no attribute {name!r}; {ours}", name=name, obj=self)

    def _names(self, form: str = "{}", most: int = 12) -> str:
        """Write down the names, not too many of them."""
        names = [form.format(name) for name in list(self)[:most]]
        return ", ".join(names + ["…"] * (len(self) > most))

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.shapes)

    def __len__(self) -> int:
        return len(self.layout.shapes)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def part(self, prefix: str) -> "Parameters":
        """Return the parameters whose names begin with ``prefix.``, as views without copying."""
        where, layout = self.layout.part(prefix)
        state = self.state.part(prefix) if self.state is not None else None
        return Parameters(self.vector[where], layout, state)

    def empty_like(self) -> "Parameters":
        """Return parameters of the same form whose values are still to be written."""
        return Parameters(array_namespace(self.vector).empty_like(self.vector), self.layout)

    def filled(
        self, gradients: Mapping[str, Callable[[], Array]], state: Mapping[str, Array] | None = None
    ) -> "Parameters":
        """Return parameters of the same form, filled with gradients that wait.

        Parameters
        ----------
        gradients : mapping of str to callable
            By name, functions of no arguments; they are called in the order of the mapping.
        state : mapping of str to array, optional
            What a pass gives for entries of the state; other names are passed over.
        """
        filled = self.empty_like()
        for name, gradient in gradients.items():
            filled[name] = gradient()
        if self.state is not None:
            filled.state = self.state.copy()
            for name in filled.state:
                if state and name in state:
                    filled.state[name] = state[name]
        return filled

    def zeros_like(self) -> "Parameters":
        """Return parameters of the same form, all zero."""
        return Parameters(array_namespace(self.vector).zeros_like(self.vector), self.layout)

    def copy(self) -> "Parameters":
        """Return an independent copy, the state with it."""
        xp = array_namespace(self.vector)
        state = self.state.copy() if self.state is not None else None
        return Parameters(xp.asarray(self.vector, copy=True), self.layout, state)

    def __deepcopy__(self, memo: dict[int, object]) -> "Parameters":
        return self.copy()  # its views look into its own vector

    def __reduce__(self) -> tuple[type["Parameters"], tuple[object, ...]]:
        return Parameters, (self.vector, self.layout, self.state)  # pickled without the views

    def assign(self, other: "Parameters") -> None:
        """Take over the values, and the state, of parameters of the same form."""
        self.vector[...] = other.vector
        if self.state is not None and other.state is not None:
            self.state.assign(other.state)

    def astype(self, dtype: str) -> "Parameters":
        """Return a copy on the current backend in another dtype, such as ``"float64"``."""
        state = self.state.astype(dtype) if self.state is not None else None
        return Parameters(asarray(self.copy().vector, dtype), self.layout, state)

    def table(self) -> Table:
        """Return what there is as a table: names, shapes, and how many numbers; no values."""
        shapes = self.layout.shapes.items()
        rows = [(name, str(shape), f"{math.prod(shape):,}") for name, shape in shapes]
        vector = self.vector
        library = array_namespace(vector).__name__.rpartition(".")[2]
        dtype = str(vector.dtype).rpartition(".")[2]
        caption = f"Parameters: {self.layout.size:,} numbers, {dtype}, {library} on {vector.device}"
        state = [] if self.state is None else [f"and {self.state.layout.size:,} not learned: state"]
        return Table(caption, ("name", "shape", "numbers"), shortened(rows, _ROWS), state, left=2)

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table().html()


def checksum(*arrays: Array) -> str:
    """Return a short text that changes when an array's shape, dtype or a value does."""
    crc = 0
    for a in map(to_numpy, arrays):
        crc = zlib.crc32(f"{a.shape}{a.dtype}".encode(), crc)
        crc = zlib.crc32(np.ascontiguousarray(a).data.cast("B") if a.size else b"", crc)
    return f"{crc:08x}"
