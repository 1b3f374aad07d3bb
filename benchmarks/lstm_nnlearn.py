"""LSTM, 64 classes at each step, Adam: one training step in nnlearn."""

import numpy as np

import nnlearn as nn
from benchmarks.timing import report

generator = np.random.default_rng(0)
x = nn.asarray(generator.random((128, 32, 64), dtype=np.float32))
labels = nn.asarray(generator.integers(0, 64, (128, 32)))
model = nn.Sequential(nn.LSTM(64, 256), nn.Dense(256, 64))
params = model.init(seed=0)
optimizer = nn.Adam()


def step():
    logits, backward = nn.vjp(model, params, x, wrt=0)
    _, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, labels, wrt=0)
    optimizer.step(params, backward(backward_loss()))


report(step)
