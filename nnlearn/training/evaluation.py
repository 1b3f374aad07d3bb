"""Looking at a model without training it: its output for much data, and how often it is right."""

from collections.abc import Callable
from typing import Any

from nnlearn.arrays.backend import array_namespace, is_floating
from nnlearn.arrays.typing import Array
from nnlearn.data.sets import batches
from nnlearn.layers.as_json import all_layers
from nnlearn.layers.dense import GELU, Dense, Dropout, LeakyReLU, ReLU, Sigmoid, Tanh
from nnlearn.layers.normalization import LayerNorm
from nnlearn.layers.recurrent import Embedding
from nnlearn.layers.remembering import Remembering
from nnlearn.layers.sequential import Sequential
from nnlearn.parameters import Parameters
from nnlearn.training.arguments import check_array, check_model
from nnlearn.usage import usage

#: Layers that leave the axes of their input where they are, and rows that may hold such.
KEEP_AXES = (
    *(Dense, Dropout, Embedding, LayerNorm, Sequential),
    *(GELU, LeakyReLU, ReLU, Sigmoid, Tanh),
)


@usage("nn.predict(model, params, x)")
def predict(
    model: Callable[[Parameters, Array], Array],
    params: Parameters,
    x: Array,
    batch_size: int = 1024,
    batch_axis: int = 0,
) -> Array:
    """Compute the model's output in inference, batch by batch, so that memory stays small.

    Parameters
    ----------
    model : layer or model
    params : Parameters
    x : array, shape (N, ...)
    batch_size : int
    batch_axis : int
        Which axis of x, and of the output, counts the examples: 1 for sequences, time first,
        (T, N, ...). Cut along time, a model that reads it would forget at every cut.

    Returns
    -------
    array, shape (N, ...)

    Raises
    ------
    TypeError
        If model and parameters are swapped, or x is no array.
    ValueError
        If x has no such axis, or a model that reads in time would be cut along it.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> model = nn.Dense(3, 2)
    >>> nn.predict(model, model.init(), np.ones((5, 3), dtype="float32"), batch_size=2).shape
    (5, 2)
    """
    check_model("predict", model, params)
    check_array("predict", "x", x)
    xp = array_namespace(x)
    if not 0 <= batch_axis < x.ndim:
        raise ValueError(f"predict: batch_axis is {batch_axis}, expected an axis of {x.shape}")
    if batch_axis == 0 and x.shape[0] > batch_size and _reads_time_first(model):
        raise ValueError(
            f"predict: x has shape {x.shape} and the model reads time first, expected "
            "batch_axis=1, which cuts it between sequences and not in time"
        )
    turned = xp.moveaxis(x, batch_axis, 0)
    parts = (xp.moveaxis(part, 0, batch_axis) for (part,) in batches([turned], batch_size))
    outputs = [model(params, part) for part in parts]
    return xp.concat(outputs, axis=batch_axis) if outputs else model(params, x)


def _reads_time_first(model: Any) -> bool:
    """Whether a layer that reads in time comes before any that may move the axes."""
    for layer in all_layers(model):
        if isinstance(layer, Remembering):
            return True
        if not isinstance(layer, KEEP_AXES):
            return False
    return False


@usage("nn.accuracy(logits, labels)", y_true="it is labels", y_pred="it is logits")
def accuracy(logits: Array, labels: Array) -> float:
    """Return the share of rows whose largest logit is that of the label.

    Parameters
    ----------
    logits : array, shape (..., K), floating-point
        With K = 1, or as one row (N,), a positive logit says class 1.
    labels : array, shape (...)
        Class numbers, not one-hot.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If one of them is no array, or the logits are not floating-point.
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> nn.accuracy(np.array([[0.1, 2.0], [0.3, -1.0]]), np.array([1, 1]))
    0.5
    """
    _check(logits, labels)
    xp = array_namespace(logits, labels)
    if logits.ndim == labels.ndim or logits.shape[-1] == 1:
        said = xp.reshape(logits, labels.shape) > 0
        right = said == (xp.astype(labels, xp.float32) > 0.5)
    else:
        right = xp.argmax(logits, axis=-1) == labels
    return float(xp.mean(xp.astype(right, xp.float32)))


def _check(logits: Array, labels: Array) -> None:
    """Refuse swapped arguments, labels of another length, and one-hot labels."""
    check_array("accuracy", "logits", logits)
    check_array("accuracy", "labels", labels)
    if not is_floating(logits.dtype):
        raise TypeError(
            f"accuracy: logits has dtype {logits.dtype}, expected floating-point numbers; the "
            "order is accuracy(logits, labels)"
        )
    given, shape = labels.shape, logits.shape
    if given == shape and len(shape) > 1 and shape[-1] > 1:
        raise ValueError(
            f"accuracy: labels has shape {given}, as logits have, expected {shape[:-1]}: the "
            "number of the class, not one-hot; xp.argmax(labels, axis=-1) gives it. "
            "If each logit is a yes or no of its own: accuracy(logits[..., None], labels)"
        )
    if given not in (shape, shape[:-1]):
        raise ValueError(
            f"accuracy: labels has shape {given}, expected {shape[:-1]}, as logits has {shape}"
        )
