"""Several lines as one kernel: `fuse`, with what a function may do inside.

CuPy calls the function once with variables that stand for its arguments, and writes down what is
done to them (``cupy/_core/fusion.pyx``). Ours compute at once, with NumPy; but they have only what
CuPy's have, and refuse what CuPy's first tracing refuses. (CuPy then tries a second one, which
takes more and may launch several kernels: here that is an error.) They refuse arithmetic among
numbers alone, too, which CuPy takes, and does in float16.
"""

import functools
import threading

import numpy as np

from ._array import ndarray
from ._counting import count

_thread = threading.local()
_ARGUMENTS = (ndarray, np.generic, int, float, complex, bool, type(None))


def is_fusing():
    return getattr(_thread, "fusing", False)


class _FusionVarScalar:
    """A number, which follows the dtype of the arrays that it meets; or the sum of everything."""

    __array_ufunc__ = None
    __hash__ = None

    def __init__(self, value, postmap=False, weak=True):
        self._value, self._is_postmap, self.is_weak = value, postmap, weak
        self.dtype = np.asarray(value).dtype
        self.ndim = -1

    def __setitem__(self, slices, value):
        if slices is not Ellipsis and slices != slice(None):
            raise ValueError("The fusion supports `[...]` or `[:]`.")
        call_ufunc(np.positive, value, out=self)

    def __bool__(self):
        raise Exception("Can't cast to bool")

    def copy(self):
        return call_ufunc(np.positive, self)

    def astype(self, dtype, order=None, casting=None, subok=None, copy=True):
        return type(self)(self._value.astype(dtype), self._is_postmap)


class _FusionVarArray(_FusionVarScalar):
    """An array, whose shape it does not tell."""

    def __init__(self, value, postmap=False):
        super().__init__(value, postmap, weak=False)
        self.ndim = value.ndim


_OPERATORS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
}
_COMPARISONS = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}


def _method(function, swapped=False, in_place=False):
    def method(self, *other):
        operands = (*other, self) if swapped else (self, *other)
        return call_ufunc(function, *operands, out=self if in_place else None)

    return method


for _name, _function in (_OPERATORS | _COMPARISONS).items():
    setattr(_FusionVarScalar, f"__{_name}__", _method(_function))
    if _name in _OPERATORS:
        setattr(_FusionVarArray, f"__i{_name}__", _method(_function, in_place=True))
        if _name != "pow":  # CuPy's have none
            setattr(_FusionVarScalar, f"__r{_name}__", _method(_function, swapped=True))
_FusionVarScalar.__neg__ = _method(np.negative)
_FusionVarScalar.__invert__ = _method(np.invert)


def _variable(value):
    """Make a variable of a constant; refuse one from the wrong side of a reduction."""
    if isinstance(value, _FusionVarScalar):
        if value._is_postmap != _thread.reduced:
            raise Exception("Shape mismatch")
        return value
    if isinstance(value, int | float | bool | complex | np.generic):
        return _FusionVarScalar(value, _thread.reduced)
    raise TypeError(f"Unsupported type {type(value)}")


def call_ufunc(function, *args, out=None):
    """Do one operation inside a fused function; it goes into the kernel of the others."""
    inputs = [_variable(a) for a in args]
    if out is not None:
        if not isinstance(out, _FusionVarArray):
            raise TypeError("return arrays must be of ArrayType")
        if out.ndim < max(v.ndim for v in inputs):
            raise ValueError("non-broadcastable output operand")
        function(*(v._value for v in inputs), out=_variable(out)._value, casting="same_kind")
        return out
    if all(v.is_weak for v in inputs):
        raise TypeError("arithmetic among numbers alone, which CuPy does in float16")
    result = np.asarray(function(*(v._value for v in inputs)))
    if all(v.ndim == -1 for v in inputs):
        return _FusionVarScalar(result[()], _thread.reduced, weak=False)
    return _FusionVarArray(result, _thread.reduced)


def call_where(condition, x, y):
    return call_ufunc(_where, condition, x, y)


def _where(condition, x, y, out=None, casting=None):
    """Choose by a mask; numbers of Python follow the arrays, as in a ufunc."""
    if np.asarray(condition).dtype != bool:
        raise TypeError("Invalid type cast in 'cupy_where'")
    return np.where(condition, x, y)


def call_reduction(function, a, axis=None):
    """Reduce inside a fused function: once, and what comes after sees only the result."""
    if _variable(a)._is_postmap:
        raise NotImplementedError("Multiple reduction is not implemented yet")
    result = np.asarray(function(a._value, axis=axis))
    _thread.reduced = True
    return _FusionVarArray(result, True) if result.ndim else _FusionVarScalar(result, True, False)


class Fusion:
    """A function whose lines are one kernel where its arguments are arrays of the device."""

    def __init__(self, func, name=None):
        self.func = func
        self.name = name or func.__name__

    def __call__(self, *args):
        if is_fusing() or not any(isinstance(a, ndarray) for a in args):
            return self.func(*args)
        for a in args:
            if not isinstance(a, _ARGUMENTS):
                raise TypeError(f"Invalid argument type for '{self.name}': {type(a)}")
        _thread.fusing, _thread.reduced = True, False
        try:
            value = self.func(*map(_argument, args))
        finally:
            _thread.fusing = False
        count("kernels")
        return _result(value)


def _argument(a):
    if isinstance(a, ndarray):
        return _FusionVarArray(a._array)
    return a if a is None else _FusionVarScalar(a)


def _result(value):
    """Give arrays of their own: not one that came as an argument."""
    if isinstance(value, tuple):
        return tuple(map(_result, value))
    if value is None:
        return None
    if not isinstance(value, _FusionVarScalar):
        raise TypeError(f"Fusion function can't return {type(value)}")
    return ndarray(np.array(value._value))


def fuse(*args, **kwargs):
    """As CuPy's: a decorator, bare or with a name for the kernel."""

    def wrapper(f, kernel_name=None):
        return functools.update_wrapper(Fusion(f, kernel_name), f)

    if len(args) == 1 and not kwargs and callable(args[0]):
        return wrapper(args[0])
    return lambda f: wrapper(f, *args, **kwargs)
