"""Formulas that are one kernel each on a GPU, where CuPy would launch one for every sign in them.

A kernel costs some five microseconds to launch, and on the arrays of a small network less to run:
there the number of kernels is what a training step pays for. `fused` turns the lines of a formula
into one kernel with ``cupy.fuse``. On all other arrays the lines run as they stand.

What a formula may say, so that it stays one kernel (``tests/arrays/test_fused.py`` looks at all of
them with CuPy's own tracing, which needs no GPU): arithmetic and functions of `xp`, ``a[...] =``
and ``+=`` on arguments, and one sum at the end. No indices, and no arithmetic among numbers alone,
which CuPy does in float16. Arguments may share memory only place by place.

In each docstring: the kernels that the plain lines launch → those that remain.
"""

import functools
from collections.abc import Callable
from typing import Any

from nnlearn.arrays.backend import array_namespace, is_cupy
from nnlearn.arrays.typing import Array


def fused(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Make one kernel of a formula's lines on CuPy's arrays; run them as they are elsewhere.

    Parameters
    ----------
    formula : callable
        ``formula(xp, array, ...)``: arrays, of which the first one says where it runs, and
        numbers. Numbers that change from call to call cost no new kernel.

    Returns
    -------
    callable
        The same without `xp`; `formula` is its attribute ``__wrapped__``.
    """

    @functools.wraps(formula)
    def call(array: Array, *others: Any) -> Any:
        xp = array_namespace(array)
        if is_fused(array):
            return _kernel(formula, xp)(array, *others)
        return formula(xp, array, *others)

    return call


def is_fused(array: Array) -> bool:
    """Whether formulas of this array become kernels: it is CuPy's."""
    return is_cupy(array)


@functools.cache
def _kernel(formula: Callable[..., Any], xp: Any) -> Any:
    """Return the formula as CuPy fuses it: made once, and compiled at its first call."""
    import cupy

    name = f"nnlearn_{formula.__name__}"
    return cupy.fuse(kernel_name=name)(functools.partial(formula, xp))


# --- activations -------------------------------------------------------------------------------


@fused
def sigmoid(xp: Any, z: Array) -> Array:
    """σ(z), with its digits in both tails: 7 → 1."""
    return xp.exp(xp.minimum(z, 0.0)) / (1 + xp.exp(-xp.abs(z)))


@fused
def sigmoid_slope(xp: Any, da: Array, a: Array) -> Array:
    """da a (1 - a), eq-sigmoid-derivative: 3 → 1."""
    return da * a * (1 - a)


@fused
def tanh_slope(xp: Any, da: Array, a: Array) -> Array:
    """da (1 - a²), eq-tanh-derivative: 3 → 1."""
    return da * (1 - a * a)


@fused
def relu_slope(xp: Any, da: Array, z: Array) -> Array:
    """da where z > 0, eq-relu-derivative: 2 → 1."""
    return xp.where(z > 0, da, 0.0)


@fused
def leaky_relu(xp: Any, z: Array, slope: float) -> Array:
    """z where z > 0, slope · z elsewhere: 2 → 1."""
    return xp.where(z > 0, z, slope * z)


@fused
def leaky_relu_slope(xp: Any, da: Array, z: Array, slope: float) -> Array:
    """da where z > 0, slope · da elsewhere, eq-leaky-relu-derivative: 3 → 1."""
    return xp.where(z > 0, da, slope * da)


@fused
def softplus(xp: Any, z: Array) -> Array:
    """log(1 + eᶻ), which cannot overflow: 6 → 1."""
    return xp.maximum(z, 0.0) + xp.log1p(xp.exp(-xp.abs(z)))


@fused
def softplus_slope(xp: Any, da: Array, z: Array) -> Array:
    """da σ(z), eq-softplus-derivative: 8 → 1."""
    return da * (xp.exp(xp.minimum(z, 0.0)) / (1 + xp.exp(-xp.abs(z))))


# --- losses ------------------------------------------------------------------------------------


@fused
def sum_of_exponentials(xp: Any, z: Array, top: Array) -> Array:
    """Σₖ exp(zₖ - top) along the last axis: 3 → 1."""
    return xp.sum(xp.exp(z - top), axis=-1)


@fused
def cross_entropies(
    xp: Any, z: Array, top: Array, total: Array, labels: Array, classes: Array, share: float
) -> Array:
    """-log p of the label, times `share`, along the last axis: 7 → 1."""
    log_p = (z - top) - xp.log(total)
    return xp.sum(xp.where(labels == classes, -log_p, 0.0) * share, axis=-1)


@fused
def cross_entropy_slope(
    xp: Any,
    z: Array,
    top: Array,
    total: Array,
    labels: Array,
    classes: Array,
    dloss: Array,
    share: float,
) -> Array:
    """(p - one-hot label) · dloss · share, eq-softmax-cross-entropy-gradient: 5 → 1."""
    p = xp.exp((z - top) - xp.log(total))
    return xp.where(labels == classes, p - 1, p) * (dloss * share)


@fused
def binary_cross_entropies(xp: Any, z: Array, y: Array, share: float) -> Array:
    """(softplus(z) - y z) · share: 9 → 1."""
    return (xp.maximum(z, 0.0) - y * z + xp.log1p(xp.exp(-xp.abs(z)))) * share


@fused
def binary_cross_entropy_slope(xp: Any, z: Array, y: Array, dloss: Array, share: float) -> Array:
    """(σ(z) - y) · dloss · share, eq-sigmoid-cross-entropy-gradient: 9 → 1."""
    e = xp.exp(-xp.abs(z))
    tail = e / (1 + e)
    return xp.where(z > 0, 1 - y - tail, tail - y) * (dloss * share)


# --- the largest of a window -------------------------------------------------------------------


@fused
def largest(xp: Any, *places: Array) -> Array:
    """The largest, place by place: one less than there are arrays → 1."""
    return functools.reduce(xp.maximum, places)


@fused
def take_largest(xp: Any, into: Array, left: Array, here: Array, y: Array) -> None:
    """Move what is `left` of dy to `into` where `here` is y, or NaN: 6 → 1.

    Source: eq-max-pool-gradient.
    """
    taken = xp.where((here == y) | (here != here), left, 0.0)
    into[...] = into + taken
    left[...] = left - taken


# --- optimizers --------------------------------------------------------------------------------


@fused
def sgd(xp: Any, theta: Array, g: Array, rate: float) -> None:
    """θ ← θ - η g, eq-stochastic-gradient: 2 → 1."""
    theta -= rate * g


@fused
def momentum(xp: Any, theta: Array, g: Array, v: Array, mu: float, rate: float) -> None:
    """v ← μ v + g, θ ← θ - η v, eq-momentum: 4 → 1."""
    v *= mu
    v += g
    theta -= rate * v


@fused
def nesterov(xp: Any, theta: Array, g: Array, v: Array, mu: float, rate: float) -> None:
    """v ← μ v + g, θ ← θ - η (g + μ v), eq-nesterov: 6 → 1."""
    v *= mu
    v += g
    theta -= rate * (g + mu * v)


@fused
def adam(
    xp: Any,
    theta: Array,
    g: Array,
    m: Array,
    s: Array,
    least: float,
    most: float,
    new1: float,
    new2: float,
    correction: float,
    rate: float,
    eps: float,
) -> None:
    """Adam's step, with 1 - β₁ and 1 - β₂ as `new1` and `new2`: 15 → 1.

    Source: eq-adam-moments, eq-adam-bias-correction, eq-adam-step.
    """
    g = xp.minimum(xp.maximum(g, least), most)
    m += new1 * (g - m)
    s += new2 * (g * g - s)
    theta -= rate * m / (xp.sqrt(s / correction) + eps)
