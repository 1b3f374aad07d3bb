"""CNN, batch 64, SGD with momentum: one training step in nnlearn."""

import numpy as np

import nnlearn as nn
from benchmarks.timing import report

generator = np.random.default_rng(0)
x = nn.asarray(generator.random((64, 28, 28, 1), dtype=np.float32))
labels = nn.asarray(generator.integers(0, 10, 64))
model = nn.Sequential(
    nn.Conv2D(1, 32, 5, padding=2),
    nn.MaxPool2D(2),  # before the ReLU: the same values and gradients, with a quarter of the work
    nn.ReLU(),
    nn.Conv2D(32, 64, 3, padding=1),
    nn.MaxPool2D(2),  # before the ReLU: the same values and gradients, with a quarter of the work
    nn.ReLU(),
    nn.Flatten(),
    nn.Dense(7 * 7 * 64, 128),
    nn.ReLU(),
    nn.Dense(128, 10),
)
params = model.init(seed=0)
optimizer = nn.SGD(0.01, momentum=0.9)


def step():
    logits, backward = nn.vjp(model, params, x, wrt=0)
    _, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, labels, wrt=0)
    optimizer.step(params, backward(backward_loss()))


report(step)
