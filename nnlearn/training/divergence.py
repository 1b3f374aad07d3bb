"""Noticing that training went wrong: which loss was the first that is not finite, and where."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.processes import on_every_rank
from nnlearn.arrays.typing import Array
from nnlearn.training.history import History


class TrainingDiverged(FloatingPointError):
    """A loss that is not finite.

    Attributes
    ----------
    history : History
        What was recorded before.
    batch : int or None
        Which batch of the epoch it was, from 1; None where it was seen only at the epoch's end.
    """

    def __init__(self, text: str, history: History, batch: int | None = None) -> None:
        super().__init__(text)
        self.history, self.batch = history, batch


def is_finite(a: Array) -> bool:
    """Whether all numbers are; on a GPU this waits for them."""
    return bool(array_namespace(a).all(array_namespace(a).isfinite(a)))


def zero_if_finite(a: Array) -> Array:
    """Return 0 if all numbers are finite, else NaN; on a GPU nothing waits for it."""
    with np.errstate(invalid="ignore"):
        return array_namespace(a).sum(a * 0.0)


def diverged(
    run: Any, loss: Any, value: Any, batch: Sequence[Array], number: int | None
) -> TrainingDiverged:
    """Make the error of a run whose loss is not finite, from the batch that showed it."""
    when = f"batch {number}" if number else "seen at its end"
    name = getattr(loss, "__name__", type(loss).__name__)
    what = f"the loss, {name}, is {float(value)}"
    error = TrainingDiverged(
        f"fit: in epoch {run.history.epochs + 1}, {when}, {what}; {_where(run, *batch)}. params "
        "are those of the last good epoch; try a smaller learning rate, clip_norm, or data of mean "
        "0 and variance 1",
        run.history,
        number,
    )
    return on_every_rank(error)


def _where(run: Any, x: Array, target: Array) -> str:
    """Say where the first number stands that is not finite, in this rank's rows or another's."""
    own = first_not_finite(run.model, run.params, x, target) if x.shape[0] else ""
    told: list[str] = run.ranks.gathered(own)
    return next((text for text in told if text.startswith("the first")), max(told))


def first_not_finite(model: Any, params: Any, x: Array, target: Array | None = None) -> str:
    """Say in words where the first number stands that is not finite, in the order of the pass."""
    for name, a in (("x", x), ("target", target)):
        xp = array_namespace(params.vector)
        if a is not None and xp.isdtype(a.dtype, "real floating") and not is_finite(a):
            return f"the first number that is not finite stands in the data, {name}"
    largest, where = 0.0, repr(model)
    for name, layer in getattr(model, "layers", {"": model}).items():
        part = params.part(name) if name else params
        said = f"layer {name}, {layer!r}" if name else repr(layer)
        bad = [n for n in part if not is_finite(part[n])]
        if bad:
            return f"the first number that is not finite stands in {bad[0]} of {said}"
        x = layer(part, x)
        if not is_finite(x):
            return f"the first number that is not finite comes out of {said}"
        largest, where = float(array_namespace(x).max(array_namespace(x).abs(x))), said
    return f"every layer gives finite numbers, of up to {largest:.1e} out of {where}"
