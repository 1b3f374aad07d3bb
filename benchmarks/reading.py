"""A recurrent layer's forward and backward pass over a sequence of some length.

``python -m benchmarks.reading lstm nnlearn 500``: the layer (rnn or lstm, with the sizes of its
network in the table), the library (nnlearn or torch) and the number of steps.
"""

import json
import sys

import numpy as np

from benchmarks.timing import median_time

layer, library, length = sys.argv[1], sys.argv[2], int(sys.argv[3])
hidden, blocks = {"rnn": (128, 1), "lstm": (256, 4)}[layer]
generator = np.random.default_rng(0)
x = generator.random((length, 32, 64), dtype=np.float32)
dh = generator.random((length, 32, hidden), dtype=np.float32)


def with_nnlearn():
    """Return a step: states of all times, and gradients of all weights."""
    import nnlearn as nn

    states = [np.zeros((32, hidden), dtype=np.float32)] * (2 if layer == "lstm" else 1)
    shapes = [(blocks * hidden, 64), (blocks * hidden, hidden), (blocks * hidden,)]
    weights = [generator.normal(0, 0.05, shape).astype(np.float32) for shape in shapes]
    positions = tuple(range(1 + len(states), 4 + len(states)))

    def step():
        _, backward = nn.vjp(getattr(nn, layer), x, *states, *weights, wrt=positions)
        backward(dh)

    return step


def with_torch():
    """Return the same step of PyTorch's module."""
    import torch

    module = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM}[layer](64, hidden)
    inputs, gradient = torch.from_numpy(x), torch.from_numpy(dh)

    def step():
        module.zero_grad()
        module(inputs)[0].backward(gradient)

    return step


step = {"nnlearn": with_nnlearn, "torch": with_torch}[library]()
print(json.dumps({"seconds": median_time(step, warm_up=3, seconds=0.5)}))
