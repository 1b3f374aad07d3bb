"""The chapters' networks, what each learns, and how the chapter trains it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nnlearn.arrays.backend import array_namespace
from nnlearn.data import load_mnist, tasks
from nnlearn.layers.dense import Dense, Dropout, ReLU
from nnlearn.layers.images import Conv2D, MaxPool2D
from nnlearn.layers.recurrent import GRU, LSTM, RNN
from nnlearn.layers.reshaping import Flatten, TimeFirst
from nnlearn.layers.sequential import Sequential
from nnlearn.operations.losses import (
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from nnlearn.training.evaluation import accuracy

STEPS = 50  # of the sequences; a bit is to be kept for all but the first of them
FRESH = 10_000  # sequences to train with, unless the user asks for another number


class Network(NamedTuple):
    """A network of a chapter, what it can learn, and how the chapter trains it."""

    make: Callable[[], Sequential]
    data: tuple[str, ...]
    learning_rate: float
    batch_size: int
    epochs: int
    clip_norm: float | None = None


def mlp() -> Sequential:
    """Return chapter 4's network for digits, as rows of pixels."""
    return Sequential(Dense(784, 256), ReLU(), Dropout(0.3), Dense(256, 10))


def cnn() -> Sequential:
    """Return chapter 5's network for digits, as images of one channel."""
    return Sequential(
        *(Conv2D(1, 16, size=5, padding=2), ReLU(), MaxPool2D(size=2)),
        *(Conv2D(16, 32, size=5), ReLU(), MaxPool2D(size=2)),
        *(Flatten(), Dropout(0.5), Dense(5 * 5 * 32, 10)),
    )


def reader(layer: Any) -> Callable[[], Sequential]:
    """Return what makes chapter 7's network, which also reads chapter 6's bits."""
    return lambda: Sequential(TimeFirst(), layer(2, 32, last=True), Dense(32, 1))


SEQUENCES = ("adding", "bit")
NETWORKS = {
    "mlp": Network(mlp, ("mnist",), 2e-3, 128, 8),
    "cnn": Network(cnn, ("mnist",), 2e-3, 64, 7),
    "rnn": Network(reader(RNN), SEQUENCES, 1e-3, 32, 10, 1.0),
    "lstm": Network(reader(LSTM), SEQUENCES, 5e-3, 32, 10, 1.0),
    "gru": Network(reader(GRU), SEQUENCES, 5e-3, 32, 10, 1.0),
}


class Task(NamedTuple):
    """Data to learn, data to look at, and how wrong an output is."""

    data: Any
    validation: Any
    loss: Any
    metrics: dict[str, Any]


def digits(network: str, examples: int | None) -> Task:
    """Return the digits, as the network takes them."""
    shape = (-1, 784) if network == "mlp" else (-1, 28, 28, 1)
    (x, y), (x_test, y_test) = load_mnist()
    if examples is not None and examples > x.shape[0]:
        raise ValueError(f"--examples is {examples}, expected at most {x.shape[0]} for mnist")
    data = x[:examples].reshape(shape), y[:examples]
    looking = x_test.reshape(shape), y_test
    return Task(data, looking, softmax_cross_entropy, {"accuracy": accuracy})


def sequences(kind: str, examples: int | None, seed: int) -> Task:
    """Draw sequences of chapter 7's adding, or of chapter 6's bit before noise."""
    rng = np.random.default_rng(seed)
    draw, steps = (tasks.adding, STEPS) if kind == "adding" else (tasks.signals, STEPS - 1)
    pairs = [draw(steps, count, rng) for count in (examples or FRESH, 1000)]
    # `fit` cuts batches along the first axis
    data, looking = ((array_namespace(x).moveaxis(x, 0, 1), target) for x, target in pairs)
    if kind == "adding":
        return Task(data, looking, mean_squared_error, {})
    return Task(data, looking, sigmoid_cross_entropy, {"accuracy": accuracy})
