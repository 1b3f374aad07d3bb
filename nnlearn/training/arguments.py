"""What `fit` and `fit_gan` are given, looked at before any work is done."""

import math
from collections.abc import Mapping
from typing import Any

from nnlearn.arrays.typing import Array

#: What other libraries call the arguments of `fit`, and what to do here.
FIT_ELSEWHERE = {
    "validation_data": "it is validation=(x, target)",
    "validation_split": "cut the data yourself, validation=(x[n:], target[n:])",
    "verbose": "it is progress=True or False",
    "callbacks": "there are validation, metrics, patience and checkpoint; for more write the loop, "
    "nn.vjp and optimizer.step",
    "x": "data is one pair, (x, target)",
    "y": "data is one pair, (x, target)",
    "lr": "it is the optimizer's, nn.Adam(learning_rate=1e-3)",
    "learning_rate": "it is the optimizer's, nn.Adam(learning_rate=1e-3)",
    "shuffle": "the data is shuffled, by seed=",
    "random_state": "it is seed",
    "criterion": "it is loss",
    "comm": "it is ranks=MPI.COMM_WORLD, a communicator of mpi4py",
    "device": "arrays are where nn.use_backend puts them",
}


def check_model(caller: str, model: Any, params: Any) -> None:
    """Refuse a model that is none, and parameters that are none; say so if they are swapped."""
    for name, value, wrong in (
        ("model", model, hasattr(model, "vector") or not callable(model)),
        ("params", params, not hasattr(params, "vector")),
    ):
        if wrong:
            raise TypeError(
                f"{caller}: {name} is {_kind(value)}, expected (model, params, ...) in this "
                "order, with params = model.init()"
            )


def check_array(caller: str, name: str, a: Any) -> None:
    """Refuse a list, or whatever else is no array."""
    if not hasattr(a, "shape") or not hasattr(a, "dtype"):
        raise TypeError(
            f"{caller}: {name} is {_kind(a)}, expected an array; nn.asarray makes one of a list"
        )


def check_optimizer(caller: str, optimizer: Any) -> None:
    """Refuse the class in place of an object, and the name of an optimizer."""
    if isinstance(optimizer, type):
        raise TypeError(
            f"{caller}: optimizer is the class {optimizer.__name__}, expected an object of it, "
            f"such as nn.{optimizer.__name__}(learning_rate=1e-3)"
        )
    if not callable(getattr(optimizer, "step", None)):
        raise TypeError(
            f"{caller}: optimizer is {_kind(optimizer)}, expected such as nn.SGD(0.1) or nn.Adam()"
        )


def check_fit(
    model: Any,
    params: Any,
    loss: Any,
    data: Any,
    optimizer: Any,
    epochs: int,
    *,
    validation: Any,
    batch_size: int,
    metrics: Mapping[str, Any] | None,
    patience: int | None,
    clip_norm: float | None,
) -> None:
    """Raise TypeError or ValueError for an argument of `fit` that does not fit."""
    check_model("fit", model, params)
    if not callable(loss):
        raise TypeError(
            f"fit: loss is {_kind(loss)}, expected a function of (output, target), such as "
            "nn.mean_squared_error or nn.softmax_cross_entropy"
        )
    check_optimizer("fit", optimizer)
    _check_pair("data", data)
    if validation is not None:
        _check_pair("validation", validation)
    check_count("fit", "epochs", epochs, 0)
    check_count("fit", "batch_size", batch_size, 1)
    if patience is not None:
        check_count("fit", "patience", patience, 1)
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"fit: clip_norm is {clip_norm}, expected a positive number, or None")
    if metrics is not None and not (
        isinstance(metrics, Mapping) and all(callable(f) for f in metrics.values())
    ):
        raise TypeError(
            f"fit: metrics is {metrics!r}, expected functions by name, such as "
            "{'accuracy': nn.accuracy}"
        )
    for name, value in {"metrics": metrics, "patience": patience}.items():
        if value is not None and validation is None:
            raise ValueError(f"fit: {name} is given, expected validation data with it")


def check_count(caller: str, name: str, value: Any, least: int) -> None:
    """Refuse what is no whole number, or too small a one."""
    if isinstance(value, str) or not hasattr(value, "__lt__") or not hasattr(value, "__floor__"):
        raise TypeError(f"{caller}: {name} is {_kind(value)}, expected a whole number")
    if not least <= value < math.inf or math.floor(value) != value:
        raise ValueError(f"{caller}: {name} is {value}, expected a whole number from {least}")


def _check_pair(name: str, pair: Any) -> None:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TypeError(f"fit: {name} is {_kind(pair)}, expected a pair (x, target)")
    for which, a in zip(("x", "target"), pair, strict=True):
        check_array("fit", f"{which} of {name}", a)
    lengths = [_length(a) for a in pair]
    if lengths[0] != lengths[1] or lengths[0] == 0:
        raise ValueError(f"fit: {name} has lengths {lengths}, expected two equal, not zero")


def _length(a: Array) -> int:
    return int(a.shape[0]) if len(a.shape) else 0


def _kind(value: Any) -> str:
    """Say what came, shortly: a text as it is, anything else by its type."""
    return repr(value) if isinstance(value, str) else type(value).__name__
