"""Real data, small enough to ship: nothing is fetched when a notebook runs.

Every function gives arrays on the current backend.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nnlearn.arrays.backend import array_namespace, asarray
from nnlearn.arrays.typing import Array

_DATASETS = Path(__file__).with_name("datasets")
_MNIST_TRAINING = 8_000
_TEST_NAMES = 1_000
_TEST_CHORALES, _CHOICE_CHORALES = 60, 30


def load_mnist() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Load 10,000 handwritten digits, in a fixed split of 8,000 and 2,000.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x: array of float32, shape (N, 28, 28), brightness in [0, 1]; y: array of int64, shape
        (N,), the digits 0 to 9.

    Notes
    -----
    A sample of MNIST :cite:`lecun1998`, shuffled once. CC BY-SA 3.0: see the file beside it.
    """
    with np.load(_DATASETS / "mnist-10k.npz", allow_pickle=False) as arrays:
        x = arrays["images"].astype(np.float32) / 255
        y = arrays["labels"].astype(np.int64)
    training, test = slice(None, _MNIST_TRAINING), slice(_MNIST_TRAINING, None)
    return (asarray(x[training]), asarray(y[training])), (asarray(x[test]), asarray(y[test]))


def load_breast_cancer() -> tuple[Array, Array, list[str]]:
    """Load 569 tumours, each with 30 measurements of its cells' nuclei.

    Returns
    -------
    x : array of float64, shape (569, 30)
        The measurements in their own units, not standardized.
    y : array of int64, shape (569,)
        1 for malignant, 0 for benign. (scikit-learn has them the other way round; here the
        positive class is the disease.)
    feature_names : list of str

    Raises
    ------
    ImportError
        If scikit-learn, whose wheel holds the data, is not installed.

    Notes
    -----
    Wisconsin diagnostic breast cancer data :cite:`street1993`, CC BY 4.0.
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(
            "load_breast_cancer: the data is in scikit-learn; pip install scikit-learn"
        ) from error
    bunch = datasets.load_breast_cancer()
    y = (1 - bunch.target).astype(np.int64)
    return asarray(bunch.data), asarray(y), [str(name) for name in bunch.feature_names]


def load_first_names() -> tuple[list[str], list[str]]:
    """Load 5,163 first names from the United States Census of 1990, each once.

    Returns
    -------
    train, test : list of str
        4,163 and 1,000 names of 2 to 11 small letters, a to z, in a fixed random order.

    Notes
    -----
    A work of the United States government, in the public domain :cite:`census1995`.
    """
    names = (_DATASETS / "first-names.txt").read_text(encoding="ascii").split()
    return names[:-_TEST_NAMES], names[-_TEST_NAMES:]


def load_oil_prices() -> tuple[Any, Array]:
    """Load what a barrel of crude oil cost, day by day, from 1986 to 2019.

    Returns
    -------
    days : numpy array of datetime64[D], shape (8321,)
        The trading days, in order. They stay on the host: other libraries know no dates.
    prices : array of float64, shape (8321,)
        West Texas Intermediate, in US dollars.

    Notes
    -----
    Published by the United States Energy Information Administration :cite:`eia2019`, in the
    public domain.
    """
    with np.load(_DATASETS / "oil-prices.npz", allow_pickle=False) as arrays:
        days = arrays["days"].astype("datetime64[D]")
        prices = arrays["cents"] / 100
    return days, asarray(prices)


class Chorale(NamedTuple):
    """A melody: its number in the catalogue of Bach's works, and its notes.

    Parameters
    ----------
    name : str
        Number of the piece, such as "244.15".
    upbeat : int
        How many sixteenths stand before the first bar.
    notes : numpy array of int64, shape (L, 3)
        Of each note the pitch (MIDI: 60 is middle C), the length in sixteenths, and 1 if the
        singers rest on it, at the end of a line, else 0.
    """

    name: str
    upbeat: int
    notes: np.ndarray


def load_chorales() -> tuple[list[Chorale], list[Chorale], list[Chorale]]:
    """Load 271 melodies of chorales that Johann Sebastian Bach set for four voices.

    All are in 4/4, and moved to a key without sharps and flats. Bach set many tunes several times;
    every tune is in one of the three lists only.

    Returns
    -------
    train, choice, test : list of Chorale
        181, 30 and 60 melodies.

    Notes
    -----
    In the public domain. Read from the encodings that music21 :cite:`cuthbert2010` distributes,
    by a script of the project: see the file beside the data.
    """
    with np.load(_DATASETS / "bach-chorales.npz", allow_pickle=False) as arrays:
        ends = np.cumsum(arrays["counts"].astype(int))
        notes = np.split(arrays["notes"].astype(np.int64), ends[:-1])
        rows = zip(arrays["names"].tolist(), arrays["upbeats"].tolist(), notes, strict=True)
        chorales = [Chorale(*row) for row in rows]
    test = len(chorales) - _TEST_CHORALES
    choice = test - _CHOICE_CHORALES
    return chorales[:choice], chorales[choice:test], chorales[test:]


def standardize_columns(x: Array, *others: Any) -> Any:
    """Give every column of `x` mean 0 and standard deviation 1, and move the others likewise.

    The mean and the deviation are those of `x` alone, so that nothing leaks from a test set.
    A constant column becomes 0, and its other values are only moved, not scaled.

    Parameters
    ----------
    x : array, shape (N, D), floating-point
        The training inputs.
    *others : array, shape (_, D)

    Returns
    -------
    tuple of array
        x and the others, standardized; x alone if there are no others.
    """
    xp = array_namespace(x, *others)
    # A constant column has a deviation of rounding errors: ask its ends, and take its value.
    constant = xp.max(x, axis=0) == xp.min(x, axis=0)
    mean = xp.where(constant, x[0, :], xp.mean(x, axis=0))
    deviation = xp.std(x, axis=0)
    scale = xp.where(constant, xp.ones_like(deviation), deviation)
    scaled = tuple((a - mean) / scale for a in (x, *others))
    return scaled if others else scaled[0]


def batches(
    arrays: Any,
    size: int,
    rng: np.random.Generator | None = None,
    shard: Callable[[int], slice] | None = None,
) -> Iterator[tuple[Array, ...]]:
    """Go once through some arrays of equal length, in batches.

    Parameters
    ----------
    arrays : sequence of array, each of shape (N, ...)
    size : int
        Of a batch; the last one may be smaller.
    rng : numpy.random.Generator, optional
        Shuffles the examples; without it they come in order.
    shard : callable, optional
        Says which of a batch's ``n`` rows to take, as a slice; by default all.

    Yields
    ------
    tuple of array

    Raises
    ------
    ValueError
        If the lengths differ, or the size is not positive.
    """
    lengths = [a.shape[0] for a in arrays]
    if len(set(lengths)) != 1:
        raise ValueError(f"batches: arrays have lengths {lengths}, expected equal ones")
    if size < 1:
        raise ValueError(f"batches: size is {size}, expected at least 1")
    xp = array_namespace(*arrays)
    order = None
    if rng is not None:
        order = xp.asarray(rng.permutation(lengths[0]), device=arrays[0].device)
    for start in range(0, lengths[0], size):
        part = slice(start, min(start + size, lengths[0]))
        if shard is not None:
            rows = shard(part.stop - start)
            part = slice(start + rows.start, start + rows.stop)
        if order is None:
            yield tuple(a[part, ...] for a in arrays)
        else:
            yield tuple(xp.take(a, order[part], axis=0) for a in arrays)
