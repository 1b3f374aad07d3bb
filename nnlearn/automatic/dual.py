"""Dual numbers: arrays that carry their derivative along a direction.

A dual number is a + ȧ ε with ε² = 0. What a formula does to it, it does to the value a, and by
the rules of differentiation to the tangent ȧ. Here the two are arrays of any library, and `Duals`
is a namespace of functions of them. So dual numbers are one more backend: operations, layers and
their backward passes run on them as they are.
"""

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.typing import Array


class Dual:
    """An array of dual numbers, a + ȧ ε. Source: eq-dual.

    Parameters
    ----------
    value, tangent : array, the same shape and dtype
        a and ȧ. A tangent of another shape is repeated to the shape of the value; None stands for
        zeros, of a constant.

    Notes
    -----
    Where a maximum, a minimum or an absolute value has a kink, the derivative from the left is
    taken. So ReLU's is 0 at 0, as in its backward function, and what is smooth stays smooth if it
    is written with such pieces, as the sigmoid is.
    """

    __array_ufunc__ = None  # NumPy's arrays leave the arithmetic with these to these

    def __init__(self, value: Array, tangent: Array | None) -> None:
        if tangent is not None and tangent.shape != value.shape:
            tangent = tangent + array_namespace(value).zeros_like(value)
        self.value, self._tangent = value, tangent

    @property
    def tangent(self) -> Array:
        if self._tangent is None:
            self._tangent = array_namespace(self.value).zeros_like(self.value)
        return self._tangent

    @property
    def moves(self) -> bool:
        return self._tangent is not None

    def __array_namespace__(self, api_version: str | None = None) -> "Duals":
        return duals_of(array_namespace(self.value))

    def constant(self, a: Any) -> Any:
        """Return an array beside this one as dual numbers that do not move; all else as it is.

        An array of True and False stays what it is: nothing is computed with it.
        """
        if not hasattr(a, "dtype") or str(a.dtype).endswith("bool"):
            return a
        array_namespace(self.value, value_of(a))  # of one library
        return a if isinstance(a, Dual) else Dual(a, None)

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: math.prod(self.shape))  # of PyTorch's arrays it is a function
    dtype = property(lambda self: self.value.dtype)
    device = property(lambda self: self.value.device)

    @property
    def T(self) -> "Dual":
        return Dual(self.value.T, self.tangent.T if self.moves else None)

    def __repr__(self) -> str:
        return f"Dual({self.value!r}, {self.tangent!r})"

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, key: Any) -> "Dual":
        key = _values(key)
        return Dual(self.value[key], self.tangent[key])

    def __setitem__(self, key: Any, new: Any) -> None:
        key = _values(key)
        self.value[key] = value_of(new)
        self.tangent[key] = tangent_of(new)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return self.__array_namespace__().sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        return self.__array_namespace__().mean(self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Any:
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return self.__array_namespace__().reshape(self, shape)

    def __neg__(self) -> "Dual":
        return Dual(-self.value, -self.tangent)

    def __add__(self, other: Any) -> "Dual":
        return Dual(self.value + value_of(other), self.tangent + tangent_of(other))

    def __sub__(self, other: Any) -> "Dual":
        return self.__add__(-other)

    def __mul__(self, other: Any) -> "Dual":
        return product(operator.mul, self, other)

    def __truediv__(self, other: Any) -> "Dual":
        b = value_of(other)
        quotient = self.value / b
        shares = [self.tangent] if self.moves else []
        shares += [-quotient * other.tangent] if moves(other) else []
        return Dual(quotient, sum(shares[1:], shares[0]) / b if shares else None)

    def __pow__(self, power: float) -> "Dual":
        slope = power * self.value ** (power - 1) if power else 0  # a⁰ is flat, at 0 and ∞ too
        return Dual(self.value**power, slope * self.tangent)

    def __matmul__(self, other: Any) -> "Dual":
        return product(operator.matmul, self, other)

    def __radd__(self, other: Any) -> "Dual":
        return self.__add__(other)

    def __rsub__(self, other: Any) -> "Dual":
        return self.__neg__().__add__(other)

    def __rmul__(self, other: Any) -> "Dual":
        return product(operator.mul, other, self)

    def __rtruediv__(self, other: Any) -> "Dual":
        value = other / self.value
        return Dual(value, -value / self.value * self.tangent)

    def __rmatmul__(self, other: Array) -> "Dual":
        return product(operator.matmul, other, self)

    def _become(self, new: "Dual") -> "Dual":
        """Write into the arrays that are there, so that views of them see it."""
        if not hasattr(self.value, "__setitem__"):  # a NumPy number is no array
            return new
        self.value[...], self.tangent[...] = new.value, new.tangent
        return self

    def __iadd__(self, other: Any) -> "Dual":
        return self._become(self + other)

    def __isub__(self, other: Any) -> "Dual":
        return self._become(self - other)

    def __imul__(self, other: Any) -> "Dual":
        return self._become(self * other)

    def __itruediv__(self, other: Any) -> "Dual":
        return self._become(self / other)

    # To compare is to look at the values: the answer has no derivative.
    def __gt__(self, other: Any) -> Array:
        return self.value > value_of(other)

    def __ge__(self, other: Any) -> Array:
        return self.value >= value_of(other)

    def __lt__(self, other: Any) -> Array:
        return self.value < value_of(other)

    def __le__(self, other: Any) -> Array:
        return self.value <= value_of(other)

    def __eq__(self, other: object) -> Any:
        return self.value == value_of(other)

    def __ne__(self, other: object) -> Any:
        return self.value != value_of(other)

    __hash__ = None  # type: ignore[assignment]


def product(times: Callable[[Any, Any], Any], a: Any, b: Any) -> Dual:  # eq-dual-product
    """Multiply, entry by entry or as matrices; a constant has no part in the tangent."""
    x, y = value_of(a), value_of(b)
    shares = [times(a.tangent, y)] if moves(a) else []
    shares += [times(x, b.tangent)] if moves(b) else []
    return Dual(times(x, y), sum(shares[1:], shares[0]) if shares else None)


def moves(a: Any) -> bool:
    """Whether a has a tangent: it is a dual number, and no constant."""
    return isinstance(a, Dual) and a.moves


def value_of(a: Any) -> Any:
    """Return a of a + ȧ ε; a constant is its own value."""
    return a.value if isinstance(a, Dual) else a


def tangent_of(a: Any) -> Any:
    """Return ȧ of a + ȧ ε; that of a constant is 0."""
    return a.tangent if isinstance(a, Dual) else 0.0


def _is_nan(a: Any) -> Any:
    return value_of(a) != value_of(a)


def _values(key: Any) -> Any:
    """Return an index, or each entry of one, without tangents."""
    return tuple(map(value_of, key)) if isinstance(key, tuple) else value_of(key)


#: Derivatives of functions of one array, from the library, the argument a and the value y.
SLOPES: dict[str, Callable[[Any, Array, Array], Array]] = {
    "exp": lambda xp, a, y: y,
    "log": lambda xp, a, y: 1 / a,
    "log1p": lambda xp, a, y: 1 / (1 + a),
    "sqrt": lambda xp, a, y: 0.5 / y,
    "tanh": lambda xp, a, y: 1 - y * y,
    "abs": lambda xp, a, y: 2 * xp.astype(a > 0, a.dtype) - 1,
}
#: Functions that move or add numbers: they do to the tangent what they do to the value.
LINEAR = (
    *("astype", "broadcast_to", "flip", "matrix_transpose", "mean", "permute_dims"),
    *("repeat", "reshape", "sum", "take"),
)
#: Functions that make arrays of constants.
CONSTANT = ("arange", "empty", "empty_like", "full", "ones", "ones_like", "zeros", "zeros_like")
#: Functions of arrays of True and False, which are no dual numbers.
BOOLEAN = ("any",)


class Duals:
    """The functions of dual numbers whose parts are arrays of one library.

    Parameters
    ----------
    xp : namespace
        That library.
    """

    def __init__(self, xp: Any) -> None:
        self.xp = xp
        self.__name__ = f"duals of {xp.__name__}"

    def __getattr__(self, name: str) -> Any:
        if name in SLOPES:
            return functools.partial(self._elementwise, name)
        if name in LINEAR:
            return functools.partial(self._linear, getattr(self.xp, name))
        if name in CONSTANT:
            return functools.partial(self._constant, getattr(self.xp, name))
        if name in BOOLEAN:
            return getattr(self.xp, name)
        if name.startswith(("float", "int", "uint", "bool")):  # a dtype
            return getattr(self.xp, name)
        raise AttributeError(f"dual numbers have no function {name!r}", name=name, obj=self)

    def _elementwise(self, name: str, a: Any) -> Any:  # eq-dual-function
        if not isinstance(a, Dual):  # a constant
            return getattr(self.xp, name)(a)
        y = getattr(self.xp, name)(a.value)
        return Dual(y, SLOPES[name](self.xp, a.value, y) * a.tangent if a.moves else None)

    def _linear(self, f: Callable[..., Array], a: Any, *args: Any, **kw: Any) -> Any:
        if not isinstance(a, Dual):  # a constant, or what a comparison gave
            return f(a, *args, **kw)
        args = tuple(map(value_of, args))
        return Dual(f(a.value, *args, **kw), f(a.tangent, *args, **kw) if a.moves else None)

    def _constant(self, f: Callable[..., Array], *args: Any, **kw: Any) -> Dual:
        value = f(*map(value_of, args), **kw)
        return Dual(value, self.xp.zeros_like(value))

    def asarray(self, a: Any, *, copy: bool | None = None, **kw: Any) -> Dual:
        if isinstance(a, Dual):
            return Dual(*(self.xp.asarray(part, copy=copy, **kw) for part in (a.value, a.tangent)))
        return self._constant(self.xp.asarray, a, copy=copy, **kw)

    def concat(self, arrays: Any, axis: int = 0) -> Dual:
        return self._joined(self.xp.concat, arrays, axis)

    def stack(self, arrays: Any, axis: int = 0) -> Dual:
        return self._joined(self.xp.stack, arrays, axis)

    def _joined(self, f: Callable[..., Array], arrays: Any, axis: int) -> Dual:
        duals = [self.asarray(a) for a in arrays]
        return Dual(
            f([a.value for a in duals], axis=axis), f([a.tangent for a in duals], axis=axis)
        )

    def matmul(self, a: Any, b: Any) -> Dual:
        return Dual.__matmul__(a, b) if isinstance(a, Dual) else Dual.__rmatmul__(b, a)

    def where(self, condition: Array, a: Any, b: Any) -> Dual:
        value = self.xp.where(condition, value_of(a), value_of(b))
        zeros = self.xp.zeros_like(value)
        return Dual(value, self.xp.where(condition, zeros + tangent_of(a), zeros + tangent_of(b)))

    def maximum(self, a: Any, b: Any) -> Dual:
        return self.where((value_of(a) > value_of(b)) | _is_nan(a), a, b)

    def minimum(self, a: Any, b: Any) -> Dual:
        return self.where((value_of(a) <= value_of(b)) | _is_nan(a), a, b)

    def max(self, a: Any, axis: int | None = None, keepdims: bool = False) -> Any:
        """Return the largest; where several are, the mean of their tangents goes with it."""
        if not isinstance(a, Dual):
            return self.xp.max(a, axis=axis, keepdims=keepdims)
        largest = self.xp.max(a.value, axis=axis, keepdims=True)
        first = self.xp.astype(a.value == largest, a.dtype)
        share = first / self.xp.sum(first, axis=axis, keepdims=True)
        value = self.xp.max(a.value, axis=axis, keepdims=keepdims)
        return Dual(value, self.xp.sum(share * a.tangent, axis=axis, keepdims=keepdims))

    def result_type(self, *arrays: Any) -> Any:
        return self.xp.result_type(*map(value_of, arrays))


@functools.cache
def duals_of(xp: Any) -> Duals:
    """Return the one namespace of dual numbers over a library."""
    return Duals(xp)
