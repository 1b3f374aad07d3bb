"""What a model does to an input of some shape, layer by layer, as a table.

It knows layers by what they have, and imports none: `Layer.summary` leads here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlearn.arrays.backend import asarray
from nnlearn.arrays.typing import Array
from nnlearn.parameters import Parameters
from nnlearn.tables import Table

_WIDEST = 44  # of a layer's text, so that the table fits in a terminal


@dataclass(frozen=True)
class Row:
    """A layer: its name as in the parameters, its text, the shape it gives, and its size."""

    name: str
    layer: str
    shape: tuple[int, ...]
    numbers: int


@dataclass(frozen=True)
class Summary:
    """What `summarize` found; it prints as a table, in a notebook too.

    Attributes
    ----------
    input_shape : tuple of int
    rows : list of Row
        Of all layers in order, a nested `Sequential` before its layers.
    numbers, bytes : int
        Of the parameters, without what is not learned.
    state : int
        How many numbers are not learned.
    dtype : str
    """

    input_shape: tuple[int, ...]
    rows: list[Row]
    numbers: int
    bytes: int
    state: int
    dtype: str

    def table(self, widest: int | None = None) -> Table:
        """Return the table; a layer's text is cut off at the widest."""
        rows = [
            (
                "  " * row.name.count(".") + row.name,
                _cut(row.layer, widest),
                str(row.shape),
                f"{row.numbers:,}",
            )
            for row in self.rows
        ]
        foot = [f"Parameters: {self.numbers:,} numbers, {self.bytes:,} bytes as {self.dtype}"]
        if self.state:
            foot.append(f"State, not learned: {self.state:,} numbers")
        head = ("name", "layer", "output shape", "parameters")
        return Table(f"Input of shape {self.input_shape}", head, rows, foot, left=3)

    def __repr__(self) -> str:
        return str(self.table(_WIDEST))

    def _repr_html_(self) -> str:
        return self.table().html()


def summarize(model: Any, input_shape: Sequence[int] | Array) -> Summary:
    """Run a model on zeros, and tell what each layer gives and how many parameters it has.

    Parameters
    ----------
    model : layer or model
    input_shape : tuple of int, or array
        The shape of x, batch included; recurrent layers are time first, (T, N, D). In place of a
        shape an array may be given, as a model of tokens needs: of integers.

    Returns
    -------
    Summary

    Raises
    ------
    TypeError
        If the model is none.
    ValueError, TypeError
        If the shape is none, or a layer cannot take what comes; the error names the layer.

    Examples
    --------
    >>> import nnlearn as nn
    >>> from nnlearn.layers.summary import summarize
    >>> summarize(nn.Sequential(nn.Dense(3, 4), nn.ReLU(), nn.Dense(4, 1)), (10, 3))
    Input of shape (10, 3)
    name  layer        output shape  parameters
    0     Dense(3, 4)  (10, 4)               16
    1     ReLU()       (10, 4)                0
    2     Dense(4, 1)  (10, 1)                5
    Parameters: 21 numbers, 84 bytes as float32
    """
    if not hasattr(model, "training_pass"):
        raise TypeError(f"summary: model is {type(model).__name__}, expected a layer or a model")
    x = _input(input_shape)
    params = model.init()
    rows, _ = _walk(model, "", params, x)
    state = params.state.layout.size if params.state is not None else 0
    dtype = str(params.vector.dtype).rpartition(".")[2]
    count = params.layout.size
    return Summary(tuple(x.shape), rows, count, count * np.dtype(dtype).itemsize, state, dtype)


def _input(given: Any) -> Array:
    """Make zeros of a shape; an array is taken as it is."""
    if hasattr(given, "dtype") and hasattr(given, "shape"):
        return given
    whole = isinstance(given, Sequence) and not isinstance(given, str)
    if not whole or not all(isinstance(n, int | np.integer) and n > 0 for n in given):
        raise ValueError(
            f"summary: input_shape is {given!r}, expected the shape of x, batch included, such as "
            "(1, 784)"
        )
    return asarray(np.zeros(given, dtype=np.float32))


def _walk(layer: Any, name: str, params: Parameters, x: Array) -> tuple[list[Row], Array]:
    """Go through the layers in order, each with what the one before it gives."""
    if not hasattr(layer, "layers"):
        y = _output(layer, name, params, x)
        return [Row(name or "-", repr(layer), tuple(y.shape), params.layout.size)], y
    inside: list[Row] = []
    for inner, part in layer.layers.items():
        path = f"{name}.{inner}" if name else inner
        rows, x = _walk(part, path, params.part(inner), x)
        inside += rows
    own = [Row(name, type(layer).__name__, tuple(x.shape), params.layout.size)] if name else []
    return own + inside, x


def _output(layer: Any, name: str, params: Parameters, x: Array) -> Array:
    try:
        return layer(params, x)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        tokens = "; tokens are given as an array of integers" if "integer" in str(error) else ""
        where = f"layer {name}, " if name else ""
        raise kind(f"summary: {where}{layer!r}: {error}{tokens}") from error


def _cut(text: str, widest: int | None) -> str:
    return text if widest is None or len(text) <= widest else text[: widest - 1] + "…"
