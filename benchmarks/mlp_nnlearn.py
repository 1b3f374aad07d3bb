"""MLP, Adam: one training step in nnlearn."""

import numpy as np

import nnlearn as nn
from benchmarks.networks import chosen
from benchmarks.timing import report

shape = chosen("mlp").shape
pixels, first, second, classes = shape.sizes
generator = np.random.default_rng(0)
x = nn.asarray(generator.random((shape.batch, pixels), dtype=np.float32))
labels = nn.asarray(generator.integers(0, classes, shape.batch))
model = nn.Sequential(
    nn.Dense(pixels, first),
    nn.ReLU(),
    nn.Dense(first, second),
    nn.ReLU(),
    nn.Dense(second, classes),
)
params = model.init(seed=0)
optimizer = nn.Adam()


def step():
    logits, backward = nn.vjp(model, params, x, wrt=0)
    _, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, labels, wrt=0)
    optimizer.step(params, backward(backward_loss()))


report(step)
