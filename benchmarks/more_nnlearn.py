"""More networks in nnlearn, by name: ``python -m benchmarks.more_nnlearn gru``."""

import sys

import numpy as np

import nnlearn as nn
from benchmarks.networks import MORE
from benchmarks.timing import report

name = sys.argv[1]
shape = MORE[name].shape
generator = np.random.default_rng(0)


def sequences(*layers):
    """Return a model with classes at each step, its data and its optimizer."""
    model = nn.Sequential(*layers, nn.Dense(shape.units, shape.classes))
    x = generator.random((shape.steps, shape.batch, shape.inputs), dtype=np.float32)
    labels = generator.integers(0, shape.classes, (shape.steps, shape.batch))
    return model, x, labels, nn.Adam()


def colour():
    """Return the second CNN, pictures for it and its optimizer."""
    model = nn.Sequential(
        *(nn.Conv2D(3, shape.first, 3, padding=1), nn.ReLU()),
        *(nn.Conv2D(shape.first, shape.first, 3, padding=1), nn.ReLU(), nn.MaxPool2D(2)),
        *(nn.Conv2D(shape.first, shape.second, 3, padding=1), nn.ReLU(), nn.MaxPool2D(2)),
        *(nn.Flatten(), nn.Dense(8 * 8 * shape.second, 10)),
    )
    x = generator.random((shape.batch, 32, 32, 3), dtype=np.float32)
    labels = generator.integers(0, 10, shape.batch)
    return model, x, labels, nn.SGD(0.01, momentum=0.9)


def transformer():
    """Return a Transformer that tells of each token the next one, tokens and its optimizer."""
    blocks = [
        nn.TransformerBlock(shape.width, shape.heads, causal=True) for _ in range(shape.depth)
    ]
    model = nn.Sequential(
        nn.Embedding(shape.classes, shape.width), *blocks, nn.Dense(shape.width, shape.classes)
    )
    x, labels = generator.integers(0, shape.classes, (2, shape.steps, shape.batch))
    return model, x, labels, nn.Adam()


MAKERS = {
    "gru": lambda: sequences(nn.GRU(shape.inputs, shape.units)),
    "stacked": lambda: sequences(
        nn.LSTM(shape.inputs, shape.units), nn.LSTM(shape.units, shape.units)
    ),
    "colour": colour,
    "transformer": transformer,
}
model, x, labels, optimizer = MAKERS[name]()
x, labels, params = nn.asarray(x), nn.asarray(labels), model.init(seed=0)


def step():
    logits, backward = nn.vjp(model, params, x, wrt=0)
    _, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, labels, wrt=0)
    optimizer.step(params, backward(backward_loss()))


report(step)
