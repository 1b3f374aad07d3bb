"""Matrix products of some shapes and nothing else: the limit that NumPy's BLAS sets."""

import numpy as np

generator = np.random.default_rng(0)


def alone(products):
    """Return a function that does products of these shapes, each as often as it says."""
    arrays = []
    for product in products:
        a, b = (
            generator.random(shape, dtype=np.float32)
            for shape in ((product.rows, product.inner), (product.inner, product.columns))
        )
        arrays += [(a, b, a @ b)] * product.times

    def step():
        for a, b, out in arrays:
            np.matmul(a, b, out=out)

    return step
