"""Random numbers in bulk, drawn where the arrays are."""

from typing import Any

import array_api_compat
import numpy as np

from nnlearn.arrays.backend import array_namespace, is_cupy
from nnlearn.arrays.ranks import whole_batch
from nnlearn.arrays.typing import Array


def uniform(rng: np.random.Generator, like: Array) -> Array:
    """Draw numbers, uniform in [0, 1), of the shape, dtype and device of `like`.

    The generator is NumPy's, on the host, so that its state is one thing to save. On a GPU it
    only draws the seed of a generator there: the numbers themselves never cross the bus. Where
    ranks share a batch, `like` is of this one's rows, and each draws the whole batch's numbers:
    those of a row are then the same on any number of ranks.

    Parameters
    ----------
    rng : numpy.random.Generator
    like : array, any shape, floating-point

    Raises
    ------
    ValueError
        If ranks share a batch, and it cannot be told which axis counts its rows.
    """
    shape, own = whole_batch(like.shape)
    return _draw("random", rng, shape, like)[own]


def normal(rng: np.random.Generator, shape: tuple[int, ...], like: Array) -> Array:
    """Draw standard normal numbers of a shape, with the dtype and on the device of `like`.

    As with `uniform`, on a GPU the generator only draws the seed of one there.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    like : array, floating-point
    """
    return _draw("standard_normal", rng, shape, like)


def _draw(method: str, rng: np.random.Generator, shape: tuple[int, ...], like: Array) -> Array:
    """Call a method of the generator, or of one on the device, which it seeds."""
    xp = array_namespace(like)
    if is_cupy(like):
        # Philox's state is a counter, quick to set up; that of CuPy's default takes long
        bits = xp.random.Philox4x3210(int(rng.integers(2**63)))
        device_rng: Any = xp.random.Generator(bits)
        return getattr(device_rng, method)(shape, dtype=like.dtype)
    dtype = np.float64 if str(like.dtype).endswith("float64") else np.float32
    numbers = getattr(rng, method)(shape, dtype=dtype)
    return xp.asarray(numbers, device=array_api_compat.device(like))
