"""All parameters of a model as one vector θ, with named and shaped views into it."""

import math
from collections.abc import Mapping

from nnlearn.arrays.backend import array_namespace, asarray


class Layout:
    """Where each named array lies in the vector.

    Parameters
    ----------
    shapes : dict of str to tuple of int
        In the order of the vector.
    """

    def __init__(self, shapes):
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}
        self.slices = {}
        self.size = 0
        for name, shape in self.shapes.items():
            self.slices[name] = slice(self.size, self.size + math.prod(shape))
            self.size += math.prod(shape)
        self._parts = {}

    def part(self, prefix):
        """Return the slice and the layout of the names that begin with ``prefix.``."""
        if prefix not in self._parts:
            names = [name for name in self.shapes if name.startswith(prefix + ".")]
            inner = Layout({name[len(prefix) + 1 :]: self.shapes[name] for name in names})
            start = self.slices[names[0]].start if names else 0
            self._parts[prefix] = slice(start, start + inner.size), inner
        return self._parts[prefix]


class Parameters(Mapping):
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

    def __init__(self, vector, layout, state=None):
        self.layout = layout if isinstance(layout, Layout) else Layout(layout)
        self.vector = vector
        self.state = state

    @property
    def vector(self):
        """θ itself. Another vector of the same length may take its place."""
        return self._vector

    @vector.setter
    def vector(self, vector):
        if vector.shape != (self.layout.size,):
            raise ValueError(
                f"Parameters: vector has shape {vector.shape}, expected ({self.layout.size},)"
            )
        self._vector = vector
        self._views = {}  # those into the old one

    def __getitem__(self, name):
        if name not in self._views:
            if name not in self.layout.shapes:
                raise KeyError(f"no parameter {name!r}; there are {', '.join(self) or 'none'}")
            xp = array_namespace(self.vector)
            piece = self.vector[self.layout.slices[name]]
            self._views[name] = xp.reshape(piece, self.layout.shapes[name])
        return self._views[name]

    def __setitem__(self, name, value):
        """Write into the vector; the shape must be that of the view."""
        view = self[name]
        if hasattr(value, "shape") and value.shape != view.shape:
            raise ValueError(
                f"Parameters: {name!r} is given shape {value.shape}, expected {view.shape}"
            )
        view[...] = value

    def __iter__(self):
        return iter(self.layout.shapes)

    def __len__(self):
        return len(self.layout.shapes)

    def __eq__(self, other):
        return self is other

    __hash__ = object.__hash__

    def part(self, prefix):
        """Return the parameters whose names begin with ``prefix.``, as views without copying."""
        where, layout = self.layout.part(prefix)
        state = self.state.part(prefix) if self.state is not None else None
        return Parameters(self.vector[where], layout, state)

    def empty_like(self):
        """Return parameters of the same form whose values are still to be written."""
        return Parameters(array_namespace(self.vector).empty_like(self.vector), self.layout)

    def zeros_like(self):
        """Return parameters of the same form, all zero."""
        return Parameters(array_namespace(self.vector).zeros_like(self.vector), self.layout)

    def copy(self):
        """Return an independent copy, the state with it."""
        xp = array_namespace(self.vector)
        state = self.state.copy() if self.state is not None else None
        return Parameters(xp.asarray(self.vector, copy=True), self.layout, state)

    def assign(self, other):
        """Take over the values, and the state, of parameters of the same form."""
        self.vector[...] = other.vector
        if self.state is not None:
            self.state.assign(other.state)

    def astype(self, dtype):
        """Return a copy on the current backend in another dtype, such as ``"float64"``."""
        state = self.state.astype(dtype) if self.state is not None else None
        return Parameters(asarray(self.copy().vector, dtype), self.layout, state)

    def __repr__(self):
        lines = [f"  {name}: {shape}" for name, shape in self.layout.shapes.items()]
        return f"Parameters of {self.layout.size} numbers\n" + "\n".join(lines)
