"""Which library holds the arrays: NumPy on the CPU, CuPy on the GPU.

Operations never ask which backend is current: they follow the arrays that they are given
(`array_namespace`). The current backend only decides where *new* arrays are made: data that is
loaded, parameters that are initialized. It is set by `use_backend` or, before Python starts, by
the environment variable ``NNLEARN_BACKEND``.

What NumPy or CuPy does much better than the array API standard has one named helper here, with
the figure that justifies it.
"""

import functools
import importlib
import itertools
import os

import array_api_compat
import numpy as np

_NAMESPACES = {
    "numpy": "array_api_compat.numpy",
    "cupy": "array_api_compat.cupy",
    "array_api_strict": "array_api_strict",  # for tests: refuses what the standard does not promise
}
_current = None  # (name, namespace, device), set at the first use


def use_backend(name, device=None):
    """Make new arrays with another library from now on.

    Parameters
    ----------
    name : {"numpy", "cupy"}
        The library. "array_api_strict" is there for tests.
    device : optional
        A device of that library, by default its default device.

    Raises
    ------
    ValueError
        If the name is not known.
    RuntimeError
        If the library is not installed or finds no device.
    """
    global _current
    if name not in _NAMESPACES:
        known = ", ".join(repr(n) for n in _NAMESPACES)
        raise ValueError(f"use_backend: name is {name!r}, expected one of {known}")
    try:
        xp = importlib.import_module(_NAMESPACES[name])
        xp.zeros(1, device=device)
    except Exception as error:
        raise RuntimeError(
            f"use_backend: {name!r} cannot be used here ({type(error).__name__}: {error}). "
            + ("Install it with: pip install 'nnlearn[cuda12]'." if name == "cupy" else "")
        ) from error
    _current = (name, xp, device)


def _backend():
    if _current is None:
        use_backend(os.environ.get("NNLEARN_BACKEND", "numpy"))
    return _current


def backend_name():
    """Return the name of the current backend, such as ``"numpy"``."""
    return _backend()[0]


def array_namespace(*arrays):
    """Return the namespace, by custom called ``xp``, of the library that holds these arrays.

    Parameters
    ----------
    *arrays : array or None
        Arrays of one library; None is passed over.

    Raises
    ------
    TypeError
        If an argument is no array, or if two libraries are mixed.
    """
    return array_api_compat.array_namespace(*(a for a in arrays if a is not None))


def asarray(a, dtype=None):
    """Put an array, a number or a list on the current backend.

    Parameters
    ----------
    a : array, number or nested list
        An array keeps its dtype; Python floats become float32, the course's default.
    dtype : str, optional
        Such as ``"float64"``.

    Returns
    -------
    array
        Of the current backend, on its device.
    """
    _, xp, device = _backend()
    if not array_api_compat.is_array_api_obj(a):
        a = np.asarray(a)
        if dtype is None and a.dtype == np.float64:
            dtype = "float32"
    elif array_api_compat.array_namespace(a) is not xp:
        a = to_numpy(a)
    if isinstance(dtype, str):
        dtype = getattr(xp, dtype)
    return xp.asarray(a, dtype=dtype, device=device)


def to_numpy(a):
    """Bring an array back to the host, as a NumPy array.

    A NumPy array is returned as it is, without a copy.
    """
    if isinstance(a, np.ndarray | np.generic) or not array_api_compat.is_array_api_obj(a):
        return np.asarray(a)
    return np.asarray(array_api_compat.to_device(a, "cpu") if _is_cupy(a) else _to_host(a))


def _is_cupy(a):
    return array_api_compat.is_cupy_array(a)


def _to_host(a):
    xp = array_api_compat.array_namespace(a)
    host = xp.__array_namespace_info__().default_device()
    return array_api_compat.to_device(a, host)


def on_host(a):
    """Whether looking at the values of `a` costs no wait for a device."""
    return isinstance(a, np.ndarray)


def blocks(vector, size=131_072):
    """Give the slices of a vector in which elementwise work is best done.

    On the CPU the temporary arrays of a long formula then stay in the cache: a step of Adam on
    535,818 numbers takes 1.4 ms instead of 8. On a GPU there is one block: few, large kernels.
    """
    if not on_host(vector):
        size = max(vector.shape[0], 1)
    return [slice(i, i + size) for i in range(0, vector.shape[0], size)]


class product:
    """A matrix product that waits until it is wanted: called, it gives ``a @ b``.

    `into` writes it where it belongs. For the gradient of a large weight matrix that saves a
    fresh array and a copy: 0.6 ms instead of 2 for 512 x 784, most of it page faults.
    """

    def __init__(self, a, b):
        self.a, self.b = a, b

    def __call__(self):
        return self.a @ self.b

    def into(self, out):
        """Write the product into an array of its shape."""
        if on_host(out) or _is_cupy(out):
            array_namespace(out).matmul(self.a, self.b, out=out)
        else:  # the standard knows no `out`
            out[...] = self.a @ self.b


def masked(values, mask):
    """Keep values where a mask holds, zero elsewhere: a product takes a quarter of `where`'s time.

    What is infinite becomes NaN where the mask does not hold.
    """
    return values * array_namespace(values).astype(mask, values.dtype)


def tanh_in_place(a):
    """Put tanh(a) in the place of a: 4 microseconds less of 17 for 1024 x 32, a step of an LSTM."""
    xp = array_namespace(a)
    if on_host(a) or _is_cupy(a):
        xp.tanh(a, out=a)
    else:  # the standard knows no `out`
        a[...] = xp.tanh(a)


def column_sums(rows):
    """Sum the rows of a matrix: 0.1 ms instead of 0.8 for 50,176 x 32, as a product with ones."""
    xp = array_namespace(rows)
    return xp.ones(rows.shape[0], dtype=rows.dtype, device=rows.device) @ rows


def add_rows(rows, places, count):
    """Add each row into its place among `count` rows that start at zero: a scatter-add.

    As a product with the one-hot vectors of the places, that is 0.5 ms for 4,096 x 64 rows into
    64 places; NumPy's and CuPy's `add.at`, which the standard does not know, takes 3 ms. Into
    1,000 places it is 9 ms against 3, and the one-hot vectors would fill the memory.

    Parameters
    ----------
    rows : array, shape (M, D), floating-point
    places : array of int, shape (M,)
    count : int

    Returns
    -------
    array, shape (count, D)
    """
    xp = array_namespace(rows, places)
    if count > 256 and (on_host(rows) or _is_cupy(rows)):
        sums = xp.zeros((count, rows.shape[1]), dtype=rows.dtype, device=rows.device)
        xp.add.at(sums, places, rows)
        return sums
    one_hot = xp.arange(count, device=places.device)[:, None] == places[None, :]
    return xp.astype(one_hot, rows.dtype) @ rows


def sliding_windows(x, size, stride):
    """Give what each window of images sees, (N, H', W', P, Q, C): without a copy where it can be.

    NumPy and CuPy can look at one number from many windows; copying such a view is one call, and
    half the time of a copy for each of the P Q places.

    Parameters
    ----------
    x : array, shape (N, H, W, C)
    size, stride : pair of int
        Of the windows, (rows, columns), and of their steps.
    """
    xp = array_namespace(x)
    rows, columns = ((n - p) // s + 1 for n, p, s in zip(x.shape[1:3], size, stride, strict=True))
    shape = (x.shape[0], rows, columns, *size, x.shape[3])
    if on_host(x) or _is_cupy(x):
        image, row, column, channel = x.strides
        strides = (image, stride[0] * row, stride[1] * column, row, column, channel)
        return xp.lib.stride_tricks.as_strided(x, shape, strides)
    down, right = (s * (n - 1) + 1 for s, n in zip(stride, (rows, columns), strict=True))
    seen = xp.empty(shape, dtype=x.dtype, device=x.device)
    for m, n in itertools.product(*map(range, size)):
        seen[:, :, :, m, n, :] = x[:, m : m + down : stride[0], n : n + right : stride[1], :]
    return seen


def is_floating(dtype):
    """Whether a dtype of any library is a real floating-point one."""
    return _dtype_name(type(dtype).__module__, dtype).startswith(("float", "bfloat"))


def is_integer(dtype):
    """Whether a dtype of any library is a signed or unsigned integer."""
    return _dtype_name(type(dtype).__module__, dtype).startswith(("int", "uint"))


@functools.cache
def _dtype_name(library, dtype):
    # Keyed by the library too: dtypes of two libraries must not be compared with one another.
    return str(dtype).rpartition(".")[2]


def uniform(rng, like):
    """Draw numbers, uniform in [0, 1), of the shape, dtype and device of `like`.

    The generator is NumPy's, on the host, so that its state is one thing to save. On a GPU it
    only draws the seed of a generator there: the numbers themselves never cross the bus.

    Parameters
    ----------
    rng : numpy.random.Generator
    like : array, any shape, floating-point
    """
    xp = array_namespace(like)
    if _is_cupy(like):
        device_rng = xp.random.default_rng(int(rng.integers(2**63)))
        return device_rng.random(like.shape, dtype=like.dtype)
    dtype = np.float64 if str(like.dtype).endswith("float64") else np.float32
    numbers = rng.random(like.shape, dtype=dtype)
    return xp.asarray(numbers, device=array_api_compat.device(like))


def normal(rng, shape, like):
    """Draw standard normal numbers of a shape, with the dtype and on the device of `like`.

    As with `uniform`, on a GPU the generator only draws the seed of one there.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    like : array, floating-point
    """
    xp = array_namespace(like)
    if _is_cupy(like):
        device_rng = xp.random.default_rng(int(rng.integers(2**63)))
        return device_rng.standard_normal(shape, dtype=like.dtype)
    dtype = np.float64 if str(like.dtype).endswith("float64") else np.float32
    numbers = rng.standard_normal(shape, dtype=dtype)
    return xp.asarray(numbers, device=array_api_compat.device(like))
