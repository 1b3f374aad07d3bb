"""Functions that work element by element, one kernel a call."""

import numpy as np

from ._array import unwrap, wrap
from ._counting import count
from ._fusion import call_ufunc, is_fusing

UFUNCS = """
abs absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_or
bitwise_xor cbrt ceil copysign cos cosh divide divmod equal exp exp2 expm1 fabs floor floor_divide
fmax fmin fmod greater greater_equal hypot invert isfinite isinf isnan left_shift less less_equal
log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor matmul maximum minimum
mod modf multiply negative nextafter not_equal positive power reciprocal remainder right_shift rint
sign signbit sin sinh sqrt square subtract tan tanh true_divide trunc conj conjugate
""".split()  # noqa: SIM905
_SCATTERING = {"add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"}


class ufunc:
    """One of NumPy's, of device arrays."""

    def __init__(self, name):
        self.__name__ = self.name = name
        self._numpy = getattr(np, name)

    def __call__(self, *args, out=None, dtype=None):
        if is_fusing():
            if self.name == "matmul" or dtype is not None:
                raise TypeError(f"{self.name} cannot be fused, nor can a dtype be given")
            return call_ufunc(self._numpy, *args, out=out)
        count("kernels")
        kw = {} if dtype is None else {"dtype": dtype}
        result = self._numpy(*map(unwrap, args), out=unwrap(out), **kw)
        return wrap(result) if out is None else out

    def at(self, a, indices, b=None):
        """Work in place, as often as an index stands there."""
        if self.name not in _SCATTERING:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        count("kernels")
        self._numpy.at(unwrap(a), unwrap(indices), unwrap(b))

    def __repr__(self):
        return f"<ufunc 'cupy_{self.name}'>"
