"""What takes longer when something grows, beside its matrix products alone.

``python -m benchmarks.growing side=28`` takes a convolution's forward and backward pass, and sets
one of batch, side (of the image, in pixels) and channels (in and out). ``units=256`` takes a
training step of an MLP with two layers of so many units, and says how many parameters it has.
"""

import json
import sys

import numpy as np

import nnlearn as nn
from benchmarks.alone import alone
from benchmarks.networks import convolution, layers
from benchmarks.timing import median_time

generator = np.random.default_rng(0)


def of_convolution(batch=64, side=14, channels=32):
    """Return the pass, its products, and nothing more to tell."""
    x, dz = generator.random((2, batch, side, side, channels), dtype=np.float32)
    K = generator.random((3, 3, channels, channels), dtype=np.float32)
    b = np.zeros(channels, dtype=np.float32)

    def step():
        _, backward = nn.vjp(nn.conv2d, x, K, b, padding=1)
        backward(dz)

    return step, convolution(batch, side * side, 9, channels, channels), {}


def of_mlp(units, batch=128):
    """Return a training step, its products, and the number of parameters."""
    sizes = (64, units, units, 10)
    model = nn.Sequential(
        *(nn.Dense(64, units), nn.ReLU(), nn.Dense(units, units), nn.ReLU(), nn.Dense(units, 10))
    )
    params, optimizer = model.init(seed=0), nn.Adam()
    x = generator.random((batch, 64), dtype=np.float32)
    labels = generator.integers(0, 10, batch)

    def step():
        logits, backward = nn.vjp(model, params, x, wrt=0)
        _, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, labels, wrt=0)
        optimizer.step(params, backward(backward_loss()))

    return step, layers(batch, *sizes), {"parameters": params.vector.size}


name, _, value = sys.argv[1].partition("=")
work = of_mlp if name == "units" else of_convolution
step, products, told = work(**{name: int(value)})
seconds = median_time(step, warm_up=3, seconds=0.5)
told |= {"operations": sum(p.operations for p in products), "seconds": seconds}
told["products"] = median_time(alone(products), warm_up=3, seconds=0.5)
print(json.dumps(told))
