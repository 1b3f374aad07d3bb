"""CNN, SGD with momentum: one training step in nnlearn."""

import numpy as np

import nnlearn as nn
from benchmarks.networks import chosen
from benchmarks.timing import report

shape = chosen("cnn").shape
generator = np.random.default_rng(0)
x = nn.asarray(generator.random((shape.batch, 28, 28, 1), dtype=np.float32))
labels = nn.asarray(generator.integers(0, 10, shape.batch))
model = nn.Sequential(
    nn.Conv2D(1, shape.first, 5, padding=2),
    nn.MaxPool2D(2),  # before the ReLU: the same values and gradients, with a quarter of the work
    nn.ReLU(),
    nn.Conv2D(shape.first, shape.second, 3, padding=1),
    nn.MaxPool2D(2),  # before the ReLU: the same values and gradients, with a quarter of the work
    nn.ReLU(),
    nn.Flatten(),
    nn.Dense(7 * 7 * shape.second, shape.hidden),
    nn.ReLU(),
    nn.Dense(shape.hidden, 10),
)
params = model.init(seed=0)
optimizer = nn.SGD(0.01, momentum=0.9)


def step():
    logits, backward = nn.vjp(model, params, x, wrt=0)
    _, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, labels, wrt=0)
    optimizer.step(params, backward(backward_loss()))


report(step)
