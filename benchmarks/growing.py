"""A convolution's forward and backward pass, beside its matrix products alone.

``python -m benchmarks.growing side=28`` sets one of batch, side (of the image, in pixels) and
channels (in and out).
"""

import json
import sys

import numpy as np

import nnlearn as nn
from benchmarks.networks import convolution
from benchmarks.timing import median_time

sizes = {"batch": 64, "side": 14, "channels": 32}
name, _, value = sys.argv[1].partition("=")
sizes[name] = int(value)
batch, side, channels = sizes.values()

generator = np.random.default_rng(0)
x, dz = generator.random((2, batch, side, side, channels), dtype=np.float32)
K = generator.random((3, 3, channels, channels), dtype=np.float32)
b = np.zeros(channels, dtype=np.float32)
products = convolution(batch, side * side, 9, channels, channels)
arrays = [
    [generator.random(s, dtype=np.float32) for s in ((p.rows, p.inner), (p.inner, p.columns))]
    for p in products
]
outs = [a @ c for a, c in arrays]


def step():
    _, backward = nn.vjp(nn.conv2d, x, K, b, padding=1)
    backward(dz)


def products_alone():
    for (a, c), out in zip(arrays, outs, strict=True):
        np.matmul(a, c, out=out)


print(
    json.dumps(
        {
            "operations": sum(p.operations for p in products),
            "seconds": median_time(step, warm_up=3, seconds=0.5),
            "products": median_time(products_alone, warm_up=3, seconds=0.5),
        }
    )
)
