"""What stands for an operation where its arrays are CuPy's: the same mathematics in fewer kernels.

The derivation stays in the operation's own module, where it is read and runs on all other arrays;
here its formulas are those of `nnlearn.arrays.fused`. Each of these runs on NumPy too, and a test
holds it to the derivation there.
"""

import functools
from typing import Any

from nnlearn.arguments import check_range, count
from nnlearn.arrays import fused
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.typing import Array, Gradients, Pair
from nnlearn.derivative import differentiable, with_forward
from nnlearn.operations.windows import Windows


def with_fused(operation: Any, path: Any) -> Any:
    """Return an operation that does `path` on CuPy's arrays, and what it is itself elsewhere.

    Parameters
    ----------
    operation : differentiable function
        The derivation, which the result keeps as `plain`; its name, shapes and text hold for both.
    path : differentiable function
        Takes the same arguments, which have been checked.
    """

    def forward(*args: Any, **kw: Any) -> Any:
        if not (args and fused.is_fused(args[0])):
            return operation.forward(*args, **kw)
        args, kw = operation.signature.fitting(args, kw)
        return path.forward(*args, **kw)

    either = with_forward(operation, forward)
    either.plain = operation
    either.fused = path
    return either


@differentiable
def sigmoid(z: Array) -> Array:
    """10 kernels → 2, for value and gradient together; so below."""
    a = fused.sigmoid(z)

    def backward(da: Array) -> Gradients:
        return fused.sigmoid_slope(da, a)

    return a, backward


@differentiable
def tanh(z: Array) -> Array:
    """4 kernels → 2."""
    a = array_namespace(z).tanh(z)

    def backward(da: Array) -> Gradients:
        return fused.tanh_slope(da, a)

    return a, backward


@differentiable
def relu(z: Array) -> Array:
    """3 kernels → 2."""
    a = array_namespace(z).maximum(z, 0.0)

    def backward(da: Array) -> Gradients:
        return fused.relu_slope(da, z)

    return a, backward


@differentiable
def leaky_relu(z: Array, slope: float = 0.01) -> Array:
    """5 kernels → 2."""
    slope = float(slope)  # a NumPy float64 would make float32 arithmetic float64
    # 0 times infinity is no number
    a = fused.leaky_relu(z, slope) if slope else array_namespace(z).maximum(z, 0.0)

    def backward(da: Array) -> Gradients:
        return fused.leaky_relu_slope(da, z, slope)

    return a, backward


@differentiable
def softplus(z: Array) -> Array:
    """14 kernels → 2."""
    a = fused.softplus(z)

    def backward(da: Array) -> Gradients:
        return fused.softplus_slope(da, z)

    return a, backward


@differentiable
def softmax_cross_entropy(logits: Array, labels: Array) -> Array:
    """17 kernels → 5. One sum of everything is left to CuPy, which does it on all processors."""
    xp = array_namespace(logits, labels)
    n = count("softmax_cross_entropy", "labels", labels.shape)
    K = logits.shape[-1]
    check_range("softmax_cross_entropy", "labels", labels, K, "classes")
    top = xp.max(logits, axis=-1)[..., None]
    total = fused.sum_of_exponentials(logits, top)[..., None]
    rest = labels[..., None], _classes(xp, K, labels.device)
    loss = xp.sum(fused.cross_entropies(logits, top, total, *rest, 1 / n))

    def backward(dloss: Array) -> Gradients:
        return fused.cross_entropy_slope(logits, top, total, *rest, dloss, 1 / n)

    return loss, backward


@functools.lru_cache(maxsize=64)
def _classes(xp: Any, K: int, device: Any) -> Array:
    """Return 0 to K - 1, made once."""
    return xp.arange(K, device=device)


@differentiable
def sigmoid_cross_entropy(logits: Array, targets: Array) -> Array:
    """19 kernels → 3, where no gradient of the targets is wanted."""
    xp = array_namespace(logits, targets)
    n = count("sigmoid_cross_entropy", "logits", logits.shape)
    loss = xp.sum(fused.binary_cross_entropies(logits, targets, 1 / n))

    def backward(dloss: Array) -> Gradients:
        return (
            lambda: fused.binary_cross_entropy_slope(logits, targets, dloss, 1 / n),
            lambda: -logits * (dloss / n),
        )

    return loss, backward


@differentiable
def max_pool2d(x: Array, size: Pair = 2, stride: Pair | None = None) -> Array:
    """23 kernels → 7, for windows of 2 × 2: backward has one for each place of a window."""
    xp = array_namespace(x)
    windows = Windows("max_pool2d", x.shape, size, size if stride is None else stride)
    seen = [x[place] for place in windows.places]
    y = fused.largest(*seen[:16])  # a kernel's arguments have room for some 40 arrays
    for k in range(16, len(seen), 15):
        y = fused.largest(y, *seen[k : k + 15])

    def backward(dy: Array) -> Gradients:
        dx = xp.zeros(x.shape, dtype=x.dtype, device=x.device)
        left = xp.asarray(dy, copy=True)  # what no earlier place of the window has taken
        for place, here in zip(windows.places, seen, strict=True):
            fused.take_largest(dx[place], left, here, y)
        return dx

    return y, backward
