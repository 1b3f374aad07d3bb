"""Random numbers, drawn on the device; other ones than CuPy's, of the same distributions."""

import numpy as np

from ._array import ndarray
from ._counting import count


class Generator:
    """As CuPy's, with the methods that are used."""

    def __init__(self, seed):
        self._numpy = np.random.default_rng(seed)

    def random(self, size=None, dtype=np.float64, out=None):
        count("kernels")
        return ndarray(np.asarray(self._numpy.random(size, dtype)))

    def standard_normal(self, size=None, dtype=np.float64, out=None):
        count("kernels")
        return ndarray(np.asarray(self._numpy.standard_normal(size, dtype)))


def default_rng(seed=None):
    count("generators")  # a kernel that sets up many thousand states
    count("kernels")
    return Generator(seed)


__all__ = ["Generator", "default_rng"]
