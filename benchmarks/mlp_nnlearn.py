"""MLP 784-512-256-10, batch 128, Adam: one training step in nnlearn."""

import numpy as np

import nnlearn as nn
from benchmarks.timing import report

generator = np.random.default_rng(0)
x = nn.asarray(generator.random((128, 784), dtype=np.float32))
labels = nn.asarray(generator.integers(0, 10, 128))
model = nn.Sequential(
    nn.Dense(784, 512), nn.ReLU(), nn.Dense(512, 256), nn.ReLU(), nn.Dense(256, 10)
)
params = model.init(seed=0)
optimizer = nn.Adam()


def step():
    logits, backward = nn.vjp(model, params, x, wrt=0)
    _, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, labels, wrt=0)
    optimizer.step(params, backward(backward_loss()))


report(step)
