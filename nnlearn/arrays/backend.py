"""Which library holds the arrays: NumPy on the CPU, CuPy on the GPU, or PyTorch on either.

Operations never ask which backend is current: they follow the arrays that they are given
(`array_namespace`). The current backend only decides where *new* arrays are made: data that is
loaded, parameters that are initialized. It is set by `use_backend` or, before Python starts, by
the environment variable ``NNLEARN_BACKEND``.
"""

import functools
import importlib
import os
from typing import Any

import array_api_compat
import numpy as np

from nnlearn.arrays import gpu
from nnlearn.arrays.typing import Array

_NAMESPACES = {
    "numpy": "numpy",  # since 2.1 it keeps the standard by itself
    "cupy": "array_api_compat.cupy",
    "torch": "array_api_compat.torch",
    "array_api_strict": "array_api_strict",  # for tests: refuses what the standard does not promise
}
#: what a user may compute with
BACKENDS = tuple(name for name in _NAMESPACES if name != "array_api_strict")
_NUMPYS = np.ndarray, np.generic
_FLOATING = {"float32", "float64", "float96", "float128"}  # sums in float16 would lose too much
_current: tuple[str, Any, Any] | None = None  # (name, namespace, device), set at the first use


def use_backend(name: str, device: Any = None) -> None:
    """Make new arrays with another library from now on.

    Parameters
    ----------
    name : {"numpy", "cupy", "torch"}
        The library. With "torch" the arrays are PyTorch's tensors, and its own derivatives are not
        used. "array_api_strict" is there for tests.
    device : optional
        A device of that library, by default its default device; for CuPy its number, which then
        becomes the current one.

    Raises
    ------
    ValueError
        If the name is not known.
    RuntimeError
        If the library cannot be used here. For CuPy the error says whether it is not installed,
        finds no driver, is made for another CUDA than the driver's, or finds no device, and what
        to do; ``python -m nnlearn.doctor`` tells more.
    """
    global _current
    if name not in _NAMESPACES:
        known = ", ".join(repr(n) for n in _NAMESPACES)
        raise ValueError(f"use_backend: name is {name!r}, expected one of {known}")
    if name == "cupy" and (why := gpu.trouble()):
        raise RuntimeError(f"use_backend: 'cupy' cannot be used here: {why}")
    try:
        xp = importlib.import_module(_NAMESPACES[name])
        if name == "cupy" and device is not None:
            xp.cuda.Device(device).use()  # the functions that make arrays follow the current one
            device = None
        xp.zeros(1, device=device)
    except Exception as error:
        raise RuntimeError(
            f"use_backend: {name!r} cannot be used here ({type(error).__name__}: {error})"
        ) from error
    _current = (name, xp, device)


def _backend() -> tuple[str, Any, Any]:
    if _current is None:
        use_backend(os.environ.get("NNLEARN_BACKEND", "numpy"))
    assert _current is not None
    return _current


def backend_name() -> str:
    """Return the name of the current backend, such as ``"numpy"``."""
    return _backend()[0]


def array_namespace(*arrays: Array | None) -> Any:
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
    given = [a for a in arrays if a is not None]
    if given and all([isinstance(a, _NUMPYS) for a in given]):
        return np
    try:
        return array_api_compat.array_namespace(*given)
    except TypeError as error:
        found = dict.fromkeys(f"{type(a).__module__}.{type(a).__name__}" for a in arrays)
        raise TypeError(
            f"arrays of one library are expected, and these came: {', '.join(found)}; "
            "nn.asarray puts an array on the current backend, nn.to_numpy brings it back"
        ) from error


def asarray(a: Any, dtype: str | Any = None) -> Array:
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

    Raises
    ------
    ValueError
        If its library has no such dtype.
    """
    _, xp, device = _backend()
    if not array_api_compat.is_array_api_obj(a):
        a = np.asarray(a)
        if dtype is None and a.dtype == np.float64:
            dtype = "float32"
    elif array_namespace(a) is not xp:
        a = to_numpy(a)
    if isinstance(dtype, str):
        if not hasattr(xp, dtype):
            raise ValueError(f"asarray: dtype is {dtype!r}, expected one such as 'float32'")
        dtype = getattr(xp, dtype)
    return xp.asarray(a, dtype=dtype, device=device)


def to_numpy(a: Array) -> np.ndarray[Any, Any]:
    """Bring an array back to the host, as a NumPy array.

    A NumPy array is returned as it is, without a copy.
    """
    if isinstance(a, np.ndarray | np.generic) or not array_api_compat.is_array_api_obj(a):
        return np.asarray(a)
    return np.asarray(array_api_compat.to_device(a, "cpu") if is_cupy(a) else _to_host(a))


def is_cupy(a: Array) -> bool:
    """Whether an array is CuPy's."""
    return bool(array_api_compat.is_cupy_array(a))


def _to_host(a: Array) -> Array:
    xp = array_api_compat.array_namespace(a)
    host = xp.__array_namespace_info__().default_device()
    return array_api_compat.to_device(a, host)


def on_host(a: Array) -> bool:
    """Whether looking at the values of `a` costs no wait for a device."""
    return isinstance(a, np.ndarray)


def is_floating(dtype: Any) -> bool:
    """Whether a dtype of any library is a real floating-point one of at least 32 bits."""
    return _dtype_name(type(dtype).__module__, dtype) in _FLOATING


def is_integer(dtype: Any) -> bool:
    """Whether a dtype of any library is a signed or unsigned integer."""
    return _dtype_name(type(dtype).__module__, dtype).startswith(("int", "uint"))


@functools.cache
def _dtype_name(library: str, dtype: Any) -> str:
    # Keyed by the library too: dtypes of two libraries must not be compared with one another.
    return str(dtype).rpartition(".")[2]
