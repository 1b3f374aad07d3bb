"""The array: it lies on a device, and says so whenever the host wants to look."""

import operator

import numpy as np

from ._counting import count
from .cuda import Device


class ndarray:
    """An array on the device.

    Like CuPy's it works with its like and with scalars only, gives 0-d arrays where NumPy gives
    scalars, and becomes NumPy's by `get` alone.
    """

    __array_ufunc__ = None  # NumPy's operators leave the work to ours, and its functions refuse
    __hash__ = None

    def __init__(self, array):
        self._array = array

    # --- what can be asked without a wait ------------------------------------------------------

    shape = property(lambda self: self._array.shape)
    dtype = property(lambda self: self._array.dtype)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)
    strides = property(lambda self: self._array.strides)
    itemsize = property(lambda self: self._array.itemsize)
    nbytes = property(lambda self: self._array.nbytes)
    flags = property(lambda self: self._array.flags)
    T = property(lambda self: ndarray(self._array.T))
    mT = property(lambda self: ndarray(self._array.mT))
    device = property(lambda self: Device(0))
    base = property(lambda self: None if self._array.base is None else ndarray(self._array.base))

    def __len__(self):
        return len(self._array)

    def __repr__(self):
        return repr(self.get())

    def __array_namespace__(self, *, api_version=None):
        import cupy

        return cupy

    # --- what makes the host wait --------------------------------------------------------------

    def __array__(self, *args, **kw):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to "
            "construct a NumPy array explicitly."
        )

    def __array_function__(self, function, *args):
        raise TypeError(f"numpy.{function.__name__} does not work on arrays of the device")

    def get(self, stream=None, order="C", out=None, blocking=True):
        """Bring the numbers to the host."""
        count("synchronizations")
        count("downloads")
        return self._array.copy()

    def item(self):
        return self.get().item()

    def tolist(self):
        return self.get().tolist()

    def __float__(self):
        return float(self.get())

    def __int__(self):
        return int(self.get())

    def __bool__(self):
        return bool(self.get())

    def __complex__(self):
        return complex(self.get())

    def __index__(self):
        return operator.index(self.get())

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    # --- indices -------------------------------------------------------------------------------

    def __getitem__(self, index):
        index, gathers = _index(index)
        count("kernels", gathers)
        parts = index if isinstance(index, tuple) else (index,)
        if not any(part is ... for part in parts):
            parts = (*parts, ...)  # one number, too, is a view: it changes with the array
        return wrap(self._array[parts])

    def __setitem__(self, index, value):
        index, gathers = _index(index)
        count("kernels", 1 + gathers)
        if isinstance(value, np.ndarray) and value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        if isinstance(value, list | tuple) and not gathers:
            raise TypeError(f"Unsupported type {type(value)}")
        self._array[index] = unwrap(value)

    # --- methods -------------------------------------------------------------------------------

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        if not copy and self.dtype == dtype:
            return self
        count("kernels")
        return ndarray(self._array.astype(dtype))

    def copy(self, order="C"):
        count("kernels")
        return ndarray(self._array.copy())

    def fill(self, value):
        count("kernels")
        self._array.fill(unwrap(value))

    def view(self, dtype=None):
        return ndarray(self._array.view(dtype))

    def reshape(self, *shape, order="C"):
        return _module().reshape(self, shape[0] if len(shape) == 1 else shape, order)

    def transpose(self, *axes):
        return ndarray(self._array.transpose(*axes))

    def ravel(self, order="C"):
        return _module().ravel(self, order)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __reduce__(self):
        return to_device, (self.get(),)


def _method(name):
    def method(self, *args, **kw):
        return getattr(_module(), name)(self, *args, **kw)

    method.__name__ = name
    return method


for _name in ("sum", "mean", "max", "min", "argmax", "argmin", "all", "any", "std", "var"):
    setattr(ndarray, _name, _method(_name))

_BINARY = "add sub mul truediv floordiv mod pow matmul lt le gt ge eq ne and or xor lshift rshift"


def _binary(name, swapped=False):
    function = getattr(operator, f"__{name}__")

    def method(self, other):
        if not _fits(other):
            return NotImplemented
        count("kernels")
        first, second = (other, self) if swapped else (self, other)
        return wrap(function(unwrap(first), unwrap(second)))

    return method


def _in_place(name):
    function = getattr(operator, f"__i{name}__")

    def method(self, other):
        if not _fits(other):
            return NotImplemented
        count("kernels")
        function(self._array, unwrap(other))
        return self

    return method


for _name in _BINARY.split():
    setattr(ndarray, f"__{_name}__", _binary(_name))
    if _name not in ("lt", "le", "gt", "ge", "eq", "ne"):
        setattr(ndarray, f"__r{_name}__", _binary(_name, swapped=True))
        setattr(ndarray, f"__i{_name}__", _in_place(_name))


def _unary(name):
    function = getattr(operator, f"__{name}__")

    def method(self):
        count("kernels")
        return wrap(function(self._array))

    return method


for _name in ("neg", "pos", "abs", "invert"):
    setattr(ndarray, f"__{_name}__", _unary(_name))


# --- between the device and the host -----------------------------------------------------------


def wrap(result):
    """Put what NumPy gave on the device: arrays, and its scalars as arrays without dimensions."""
    if isinstance(result, tuple | list):
        return type(result)(map(wrap, result))
    return ndarray(np.asarray(result))


def unwrap(value):
    """Give NumPy what lies on the device; refuse what lies on the host, but for scalars."""
    if isinstance(value, ndarray):
        return value._array
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, list | tuple):
        return type(value)(map(unwrap, value))
    if type(value).__name__.startswith("_FusionVar"):
        raise TypeError("a fused function calls what CuPy does not fuse")
    return value


def to_device(obj, dtype=None, copy=None):
    """Make an array of numbers, lists or NumPy's arrays; leave one that is there already."""
    if isinstance(obj, ndarray):
        if copy or (dtype is not None and obj.dtype != dtype):
            return obj.astype(obj.dtype if dtype is None else dtype)
        return obj
    if isinstance(obj, list | tuple) and any(isinstance(a, ndarray) for a in obj):
        return _module().stack([to_device(a) for a in obj])
    count("uploads")
    return ndarray(np.array(obj, dtype=dtype))


def _fits(other):
    """Whether an operand may stand beside an array of the device: its like, or a scalar."""
    if isinstance(other, np.ndarray) and other.ndim:
        raise TypeError(f"Unsupported type {type(other)}")
    return isinstance(other, ndarray | np.generic | np.ndarray | int | float | complex)


def _index(index):
    """Unwrap an index, and say how many kernels it takes: masks make the host wait."""
    parts = index if isinstance(index, tuple) else (index,)
    gathers = 0
    for part in parts:
        if isinstance(part, np.ndarray):
            raise IndexError("Unsupported type <class 'numpy.ndarray'>: an index lies on the host")
        if isinstance(part, list):
            count("uploads")
            gathers = 1
        if isinstance(part, ndarray):
            gathers = 1
            if part.dtype == bool:
                count("synchronizations")  # how many there are decides the shape
    parts = tuple(unwrap(p) for p in parts)
    return (parts if isinstance(index, tuple) else parts[0]), gathers


def _module():
    import cupy

    return cupy
