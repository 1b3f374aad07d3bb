"""RNN, the last step, SGD: one training step in nnlearn."""

import numpy as np

import nnlearn as nn
from benchmarks.networks import chosen
from benchmarks.timing import report

shape = chosen("rnn").shape
generator = np.random.default_rng(0)
x = nn.asarray(generator.random((shape.steps, shape.batch, shape.inputs), dtype=np.float32))
labels = nn.asarray(generator.integers(0, 10, (shape.batch,)))
model = nn.Sequential(nn.RNN(shape.inputs, shape.units, last=True), nn.Dense(shape.units, 10))
params = model.init(seed=0)
optimizer = nn.SGD(0.01)


def step():
    logits, backward = nn.vjp(model, params, x, wrt=0)
    _, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, labels, wrt=0)
    optimizer.step(params, backward(backward_loss()))


report(step)
