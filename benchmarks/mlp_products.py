"""The machine's limit: the MLP's matrix products alone, as NumPy's BLAS does them."""

import itertools

import numpy as np

from benchmarks.timing import report

generator = np.random.default_rng(0)
sizes = [784, 512, 256, 10]
layers = []
for inputs, outputs in itertools.pairwise(sizes):
    x, w, dz = (
        generator.random(shape, dtype=np.float32)
        for shape in ((128, inputs), (outputs, inputs), (128, outputs))
    )
    layers.append((x, w, dz, x @ w.T, dz.T @ x, dz @ w))


def step():
    for i, (x, w, dz, z, dw, dx) in enumerate(layers):
        np.matmul(x, w.T, out=z)
        np.matmul(dz.T, x, out=dw)
        if i > 0:  # nobody asks for the gradient of the data
            np.matmul(dz, w, out=dx)


report(step)
