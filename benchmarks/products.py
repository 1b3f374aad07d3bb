"""The machine's limit: the matrix products of one training step, as NumPy's BLAS does them."""

import sys

import numpy as np

from benchmarks.networks import EVERY
from benchmarks.timing import report

generator = np.random.default_rng(0)
arrays = []
for product in EVERY[sys.argv[1]].products:
    a, b = (
        generator.random(shape, dtype=np.float32)
        for shape in ((product.rows, product.inner), (product.inner, product.columns))
    )
    arrays += [(a, b, a @ b)] * product.times


def step():
    for a, b, out in arrays:
        np.matmul(a, b, out=out)


report(step)
