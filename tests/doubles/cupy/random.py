"""Random numbers, drawn on the device; other ones than CuPy's, of the same distributions."""

import numpy as np

from ._array import ndarray
from ._counting import count


class Philox4x3210:
    """The seed of a generator, whose states a kernel sets up on the device."""

    def __init__(self, seed=None, *, size=-1):
        count("generators")
        count("kernels")
        self.seed = seed


class Generator:
    """As CuPy's, with the methods that are used."""

    def __init__(self, bit_generator):
        self._numpy = np.random.default_rng(bit_generator.seed)

    def random(self, size=None, dtype=np.float64, out=None):
        count("kernels")
        return ndarray(np.asarray(self._numpy.random(size, dtype)))

    def standard_normal(self, size=None, dtype=np.float64, out=None):
        count("kernels")
        return ndarray(np.asarray(self._numpy.standard_normal(size, dtype)))


def default_rng(seed=None):
    return Generator(Philox4x3210(seed))


__all__ = ["Generator", "Philox4x3210", "default_rng"]
