"""What `fit` and `fit_gan` are given, looked at before any work is done."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnlearn.arrays.backend import is_floating
from nnlearn.arrays.typing import Array
from nnlearn.operations.gan import check_kind

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
        ("model", model, not callable(model)),
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


def check_fit_gan(
    G: Any,
    params_G: Any,
    D: Any,
    params_D: Any,
    x: Any,
    optimizers: Any,
    steps: int,
    latent: int,
    batch_size: int,
    every: int,
    kind: str,
) -> None:
    """Raise TypeError or ValueError for an argument of `fit_gan` that does not fit."""
    check_model("fit_gan", G, params_G)
    check_model("fit_gan", D, params_D)
    check_array("fit_gan", "x", x)
    if x.ndim == 0 or x.shape[0] == 0:
        raise ValueError(f"fit_gan: x has shape {x.shape}, expected at least one example")
    if not is_floating(x.dtype):
        raise TypeError(
            f"fit_gan: x has dtype {x.dtype}, expected floating-point numbers in the range of what "
            "the generator gives: bytes for one that ends in tanh are x / 127.5 - 1"
        )
    if not isinstance(optimizers, tuple | list) or len(optimizers) != 2:
        raise TypeError(f"fit_gan: optimizers is {optimizers!r}, expected a pair, of G and of D")
    for optimizer in optimizers:
        check_optimizer("fit_gan", optimizer)
    if optimizers[0] is optimizers[1]:
        raise ValueError("fit_gan: optimizers are one object twice, expected one of G and one of D")
    check_count("fit_gan", "steps", steps, 0)
    for name, value in {"latent": latent, "batch_size": batch_size, "every": every}.items():
        check_count("fit_gan", name, value, 1)
    check_kind("fit_gan", kind)


def check_count(caller: str, name: str, value: Any, least: int) -> None:
    """Refuse what is no whole number, or too small a one."""
    if not isinstance(value, int | float | np.number):
        raise TypeError(f"{caller}: {name} is {_kind(value)}, expected a whole number")
    if not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{caller}: {name} is {value}, expected a whole number from {least}")


def _check_pair(name: str, pair: Any) -> None:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TypeError(f"fit: {name} is {_kind(pair)}, expected a pair (x, target)")
    for which, a in zip(("x", "target"), pair, strict=True):
        check_array("fit", f"{which} of {name}", a)
    lengths = [_length(a) for a in pair]
    if lengths[0] != lengths[1] or 0 in lengths:
        raise ValueError(f"fit: {name} has lengths {lengths}, expected two equal, not zero")


def _length(a: Array) -> int:
    return a.shape[0] if a.shape else 0


def _kind(value: Any) -> str:
    """Say what came, shortly: a text as it is, anything else by its type."""
    return repr(value) if isinstance(value, str) else type(value).__name__
