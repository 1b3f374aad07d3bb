"""A stand-in for an array on a device, which notes down who looks at its numbers."""

from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class Remote(NDArrayOperatorsMixin):
    """An array that lies elsewhere, as on a device: it notes down each look at its numbers.

    Parameters
    ----------
    array : ndarray
    looks : list of str
        To which each look adds how it was done.
    """

    def __init__(self, array: Any, looks: list[str]) -> None:
        self._array, self._looks = np.asarray(array), looks

    def _look(self, how: str) -> Any:
        self._looks.append(how)
        return self._array.copy()

    def _wrapped(self, value: Any) -> Any:
        return _there(value, self._looks)

    def __deepcopy__(self, memo: Any) -> "Remote":
        return Remote(self._array.copy(), self._looks)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        out = settings.pop("out", None)
        if out is not None and not isinstance(out[0], Remote):
            raise TypeError("an array on the host cannot take up what lies on a device")
        result = getattr(ufunc, method)(*map(inner, inputs), **settings)
        if out is None:
            return self._wrapped(result)
        out[0]._array[...] = result  # such as x += 1
        return out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        given = {key: inner(value) for key, value in settings.items()}
        return self._wrapped(function(*map(inner, args), **given))

    def __array_namespace__(self, api_version: Any = None) -> Any:
        return Namespace(self._looks)

    def __array__(self, *args: Any, **settings: Any) -> Any:
        raise TypeError("these numbers lie on a device; nn.to_numpy brings them to the host")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._array, name)
        if not callable(value):
            return self._wrapped(value)
        return lambda *args, **settings: self._wrapped(
            value(*map(inner, args), **{key: inner(v) for key, v in settings.items()})
        )

    def __getitem__(self, index: Any) -> Any:
        return self._wrapped(self._array[inner(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._array[inner(index)] = inner(value)

    def __len__(self) -> int:
        return len(self._array)

    def __float__(self) -> float:
        return float(self._look("by `float`"))

    def __int__(self) -> int:
        return int(self._look("by `int`"))

    def __bool__(self) -> bool:
        return bool(self._look("to decide something (`if`, `and`, `max`)"))

    def __repr__(self) -> str:
        return repr(self._look("to show it"))

    def __format__(self, form: str) -> str:
        return format(self._look("to show it").item(), form)

    def item(self) -> Any:
        """Bring one number home."""
        return self._look("by `item`").item()

    def tolist(self) -> Any:
        """Bring all numbers home, as a list."""
        return self._look("by `tolist`").tolist()

    def get(self) -> Any:
        """Bring the array home: CuPy's name for it."""
        return self._look("by `get`")

    def to_device(self, device: Any, stream: Any = None) -> Any:
        """Bring the array home: this is how `nn.to_numpy` asks for it."""
        return self._look("by `nn.to_numpy`")


class Namespace:
    """NumPy's functions, but what they make lies on the device: zeros and stacks too.

    Parameters
    ----------
    looks : list of str
        For the arrays that are made.
    module : module
        NumPy, or a part of it such as ``numpy.linalg``.
    """

    def __init__(self, looks: list[str], module: ModuleType = np) -> None:
        self._looks, self._module = looks, module

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if isinstance(value, ModuleType):
            return Namespace(self._looks, value)
        # A ufunc asks the array itself, and a dtype makes numbers of the host.
        if name.startswith("__") or isinstance(value, type | np.ufunc) or not callable(value):
            return value

        def launched(*args: Any, **settings: Any) -> Any:
            if name not in MAKERS and any(isinstance(a, list) and _holds(a) for a in args):
                raise TypeError(f"{name} wants an array, not a list of them: `xp.stack` makes one")
            given = {key: inner(a) for key, a in settings.items()}
            return _there(value(*map(inner, args), **given), self._looks)

        return launched


MAKERS = ("array", "asarray", "stack", "concat", "concatenate", "hstack", "vstack")


def _holds(values: list[Any]) -> bool:
    return any(isinstance(value, Remote) for value in values)


def _there(value: Any, looks: list[str]) -> Any:
    return Remote(value, looks) if isinstance(value, np.ndarray | np.generic) else value


def inner(value: Any) -> Any:
    """Return the arrays within, as far as lists and tuples go."""
    if isinstance(value, tuple | list):
        return type(value)(map(inner, value))
    return value._array if isinstance(value, Remote) else value
