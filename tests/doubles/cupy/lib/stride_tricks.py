"""Views by strides, without a look at the bounds: as in CuPy."""

import numpy as np

from .._array import ndarray, unwrap


def as_strided(x, shape=None, strides=None):
    return ndarray(np.lib.stride_tricks.as_strided(unwrap(x), shape, strides))
