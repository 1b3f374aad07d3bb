"""MLP 784–512–256–10, batch 128, Adam: one training step in Thinc, on NumPy."""

import numpy as np
from thinc.api import Adam, Linear, NumpyOps, Relu, chain, set_current_ops

from benchmarks.timing import report

set_current_ops(NumpyOps())
generator = np.random.default_rng(0)
x = generator.random((128, 784), dtype=np.float32)
one_hot = np.eye(10, dtype=np.float32)[generator.integers(0, 10, 128)]
model = chain(Relu(512, 784), Relu(256, 512), Linear(10, 256))
model.initialize(x, one_hot)
optimizer = Adam(0.001)


def step():
    logits, backward = model(x, is_train=True)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    backward((p - one_hot) / 128)
    model.finish_update(optimizer)


report(step)
