"""A double of CuPy: NumPy does the arithmetic, and everything else is as on a GPU.

With this folder's parent first on the path (``PYTHONPATH=tests/doubles``) ``import cupy`` gives
this module, and all that is written for CuPy runs on any laptop: arrays that refuse to become
NumPy's, or to be mixed with them; reductions that stay on the device; and whatever makes the host
wait for the device is counted, as is every kernel that would be launched. What it lacks CuPy may
have; what it has CuPy has, under the same name and with the same arguments (a test compares them).
It is stricter in one thing: CuPy lets NumPy's functions do with its arrays what its own do.
"""

import functools

import numpy as np

from . import cuda, exceptions, fft, lib, linalg, random  # noqa: F401
from ._array import ndarray, to_device, unwrap, wrap
from ._counting import count, counted  # noqa: F401
from ._fusion import call_reduction, call_where, fuse, is_fusing  # noqa: F401
from ._ufunc import UFUNCS, ufunc

__version__ = "14.2.0"

globals().update({name: ufunc(name) for name in UFUNCS})

# dtypes are NumPy's own, as in CuPy
float16, float32, float64 = np.float16, np.float32, np.float64
int8, int16, int32, int64, intp = np.int8, np.int16, np.int32, np.int64, np.intp
uint8, uint16, uint32, uint64 = np.uint8, np.uint16, np.uint32, np.uint64
bool_, complex64, complex128 = np.bool_, np.complex64, np.complex128
dtype, integer, floating, generic = np.dtype, np.integer, np.floating, np.generic
finfo, iinfo, issubdtype, isdtype = np.finfo, np.iinfo, np.issubdtype, np.isdtype
broadcast_shapes, newaxis, pi, inf, nan = np.broadcast_shapes, None, np.pi, np.inf, np.nan


def _launching(function, kernels=1):
    """Make a function of NumPy one of device arrays: so many kernels a call."""

    @functools.wraps(function)
    def call(*args, **kw):
        count("kernels", kernels)
        return wrap(function(*map(unwrap, args), **{k: unwrap(v) for k, v in kw.items()}))

    call.__module__ = __name__
    return call


def _looking(function):
    """Make a function that gives a view where it can: a kernel only where it must copy."""

    @functools.wraps(function)
    def call(a, *args, **kw):
        result = function(unwrap(a), *map(unwrap, args), **kw)
        if not np.shares_memory(result, unwrap(a)):
            count("kernels")
        return wrap(result)

    call.__module__ = __name__
    return call


# CuPy's own arguments, which are fewer than NumPy's


def _fused_reduction(name, a, axis, out, keepdims):
    if name not in ("sum", "prod", "max", "min", "all", "any") or keepdims or out is not None:
        raise NotImplementedError(f"cupy.{name} is not fused so")
    return call_reduction(getattr(np, name), a, axis)


def _reduction(name):
    def reduce(a, axis=None, dtype=None, out=None, keepdims=False):
        if is_fusing():
            return _fused_reduction(name, a, axis, out, keepdims)
        count("kernels")
        kw = {} if dtype is None else {"dtype": dtype}
        return wrap(
            getattr(np, name)(unwrap(a), axis=axis, out=unwrap(out), keepdims=keepdims, **kw)
        )

    reduce.__name__ = name
    return reduce


sum, prod, mean, argmax, argmin = map(_reduction, ("sum", "prod", "mean", "argmax", "argmin"))


def _extreme(name):
    def reduce(a, axis=None, out=None, keepdims=False):
        if is_fusing():
            return _fused_reduction(name, a, axis, out, keepdims)
        count("kernels")
        return wrap(getattr(np, name)(unwrap(a), axis=axis, out=unwrap(out), keepdims=keepdims))

    reduce.__name__ = name
    return reduce


max, min, all, any = map(_extreme, ("max", "min", "all", "any"))


def var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    count("kernels", 2)  # the mean, then the squares around it
    return wrap(np.var(unwrap(a), axis, dtype, unwrap(out), ddof=ddof, keepdims=keepdims))


def std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    count("kernels", 3)
    return wrap(np.std(unwrap(a), axis, dtype, unwrap(out), ddof=ddof, keepdims=keepdims))


def where(condition, x=None, y=None):
    if is_fusing():
        return call_where(condition, x, y)
    if x is None:
        count("synchronizations")  # how many there are decides the shape
        return tuple(map(wrap, np.where(unwrap(condition))))
    count("kernels")
    return wrap(np.where(unwrap(condition), unwrap(x), unwrap(y)))


def concatenate(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    count("kernels", len(tup))
    return wrap(np.concatenate([unwrap(a) for a in tup], axis, unwrap(out), dtype=dtype))


def stack(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    count("kernels", len(tup))
    return wrap(np.stack([unwrap(a) for a in tup], axis, unwrap(out), dtype=dtype))


def take(a, indices, axis=None, out=None):
    """Wrap indices around where they are too large, as CuPy does, and say nothing."""
    count("kernels")
    return wrap(np.take(unwrap(a), unwrap(indices), axis, unwrap(out), mode="wrap"))


def repeat(a, repeats, axis=None):
    if isinstance(repeats, ndarray):
        raise ValueError("cupy.ndarray cannot be specified as `repeats` argument.")
    count("kernels")
    return wrap(np.repeat(unwrap(a), repeats, axis))


def cumsum(a, axis=None, dtype=None, out=None):
    count("kernels", 2)
    return wrap(np.cumsum(unwrap(a), axis, dtype, unwrap(out)))


def round(a, decimals=0, out=None):
    count("kernels")
    return wrap(np.round(unwrap(a), decimals, unwrap(out)))


def count_nonzero(a, axis=None):
    count("kernels")
    return wrap(np.count_nonzero(unwrap(a), axis))


def flip(a, axis=None):
    return wrap(np.flip(unwrap(a), axis))


reshape = _looking(lambda a, newshape, order="C", *, copy=None: np.reshape(a, newshape, order))
ravel = _looking(lambda a, order="C": np.ravel(a, order))
transpose = _looking(lambda a, axes=None: np.transpose(a, axes))
moveaxis = _looking(np.moveaxis)
swapaxes = _looking(np.swapaxes)
expand_dims = _looking(np.expand_dims)
squeeze = _looking(lambda a, axis=None: np.squeeze(a, axis))
broadcast_to = _looking(lambda array, shape: np.broadcast_to(array, shape))
tensordot = _launching(lambda a, b, axes=2: np.tensordot(a, b, axes))
take_along_axis = _launching(lambda a, indices, axis: np.take_along_axis(a, indices, axis))


def broadcast_arrays(*args):
    return list(map(wrap, np.broadcast_arrays(*map(unwrap, args))))


def zeros(shape, dtype=float, order="C"):
    count("kernels")
    return wrap(np.zeros(shape, dtype, order))


def ones(shape, dtype=float, order="C"):
    count("kernels")
    return wrap(np.ones(shape, dtype, order))


def full(shape, fill_value, dtype=None, order="C"):
    count("kernels")
    return wrap(np.full(shape, unwrap(fill_value), dtype, order))


def empty(shape, dtype=float, order="C"):
    """Leave what is there: numbers that nobody may rely on."""
    array = np.empty(shape, dtype, order)
    if array.dtype.kind == "f":
        array[...] = np.nan
    return wrap(array)


def _like(make):
    def like(a, dtype=None, order="K", subok=None, shape=None):
        a = unwrap(a)
        return make(a.shape if shape is None else shape, a.dtype if dtype is None else dtype)

    return like


zeros_like, ones_like = _like(zeros), _like(ones)


def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
    return _like(empty)(prototype, dtype, order, subok, shape)


def full_like(a, fill_value, dtype=None, order="K", subok=None, shape=None):
    made = empty_like(a, dtype, order, subok, shape)
    made.fill(fill_value)
    return made


def arange(start, stop=None, step=1, dtype=None):
    count("kernels")
    return wrap(
        np.arange(0 if stop is None else start, start if stop is None else stop, step, dtype)
    )


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    count("kernels")
    return wrap(np.linspace(start, stop, num, endpoint, retstep, dtype, axis))


def eye(N, M=None, k=0, dtype=float, order="C"):
    count("kernels")
    return wrap(np.eye(N, M, k, dtype, order))


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    return to_device(obj, dtype, copy)


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    return to_device(a, dtype, copy)


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


def result_type(*arrays_and_dtypes):
    return np.result_type(*map(unwrap, arrays_and_dtypes))


class _MemoryPool:
    def total_bytes(self):
        return 0


def get_default_memory_pool():
    return _MemoryPool()


def can_cast(from_, to, casting="safe"):
    return np.can_cast(unwrap(from_), to, casting)


def shares_memory(a, b, max_work=None):
    return np.shares_memory(unwrap(a), unwrap(b))


_ours = {"functools", "np", "count", "counted", "to_device", "unwrap", "wrap", "UFUNCS"}
_ours |= {"call_reduction", "call_where", "is_fusing"}
_named = {"abs", "max", "min", "round"}  # only if asked for
__all__ = sorted({name for name in globals() if not name.startswith("_")} - _ours - _named)
