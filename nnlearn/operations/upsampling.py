"""The way from small pictures to large ones: transposed convolution, and nearest neighbours.

`conv_transpose2d` is the backward pass of `conv2d` by its input, used forwards: every pixel stamps
the kernel onto the larger picture. So its own backward pass is made of the convolution's parts,
with the two pictures in each other's place.
"""

import math

from nnlearn.arguments import pair
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.fast import column_sums
from nnlearn.arrays.layout import as_rows
from nnlearn.arrays.parallel import in_blocks
from nnlearn.arrays.typing import Array, Gradients, Pair
from nnlearn.derivative import differentiable
from nnlearn.operations.convolution import conv2d, input_gradient
from nnlearn.operations.windows import Windows


def transposed_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Return how many pixels stamps cover: (size - 1) stride + kernel - 2 padding.

    Parameters
    ----------
    size, kernel, stride, padding : int
        Of the small picture, of the kernel, of a step, and of what is cut off on either side.

    Returns
    -------
    int
        A convolution with the same settings makes `size` of them.

    Notes
    -----
    Source: eq-transposed-size.
    """
    return (size - 1) * stride + kernel - 2 * padding


@differentiable("x (N, H+, W+, F), K (P+, Q+, C, F), b (C) -> y (N, H', W', C)")
def conv_transpose2d(
    x: Array, K: Array, b: Array | None = None, stride: Pair = 1, padding: Pair = 0
) -> Array:
    """Stamp a kernel onto a larger picture, once for each pixel; what overlaps adds up.

    Parameters
    ----------
    x : array, shape (N, H, W, F), floating-point
        Small pictures, channels last.
    K : array, shape (P, Q, C, F)
        The kernels of the convolution that leads from (H', W', C) to (H, W, F).
    b : array, shape (C,), optional
        One bias for each channel of the large picture.
    stride, padding : int or pair of int
        Distance of the stamps, and what is cut off on either side; a pair is (rows, columns).

    Returns
    -------
    array, shape (N, H', W', C)
        H' and W' are given by `transposed_size`.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the padding cuts everything off.

    Notes
    -----
    An infinite entry of K, or a NaN, makes NaN of pixels that it has no part in: it meets zeros.
    Source: eq-conv-transpose; its gradients are eq-conv-transpose-dx, eq-conv-transpose-dk and
    eq-conv-transpose-db.
    """
    stride = pair("conv_transpose2d", "stride", stride, 1)
    padding = pair("conv_transpose2d", "padding", padding, 0)
    sizes = tuple(map(transposed_size, x.shape[1:3], K.shape[:2], stride, padding))
    if min(sizes) < 1:
        raise ValueError(
            f"conv_transpose2d: padding is {padding}, which leaves {sizes[0]} × {sizes[1]} pixels; "
            "expected at least one"
        )
    xp = array_namespace(x, K, b)
    entries = math.prod(x.shape[1:3]) * math.prod(K.shape[:3])  # of all windows of one picture
    windows = Windows("conv_transpose2d", (x.shape[0], *sizes), K.shape[:2], stride, padding)
    y = input_gradient(x, K, windows, (x.shape[0], *sizes, K.shape[2]))  # eq-conv-transpose
    if b is not None:
        y += b

    def backward(dy: Array) -> Gradients:
        def dK() -> Array:  # eq-conv-transpose-dk
            def part(n: slice) -> Array:
                return windows.gather(dy[n, ...]).T @ as_rows(x[n, ...])

            return xp.reshape(sum(in_blocks(part, x, entries)), K.shape)

        return (
            lambda: conv2d(dy, K, None, stride, padding),  # eq-conv-transpose-dx
            dK,
            lambda: column_sums(as_rows(dy)),  # eq-conv-transpose-db
        )

    return y, backward


@differentiable("x (N, H, W, C) -> y (N, H', W', C)")
def upsample2d(x: Array, size: Pair = 2) -> Array:
    """Enlarge pictures: every pixel becomes a block of equal ones (nearest neighbour).

    Parameters
    ----------
    x : array, shape (N, H, W, C), floating-point
    size : int or pair of int
        Of the block, (rows, columns).

    Returns
    -------
    array, shape (N, H size, W size, C)

    Raises
    ------
    ValueError
        If the size is no whole number of at least 1, or no pair of them.

    Notes
    -----
    Source: eq-upsample, eq-upsample-gradient.
    """
    rows, columns = pair("upsample2d", "size", size, 1)
    xp = array_namespace(x)
    N, H, W, C = x.shape
    y = xp.repeat(xp.repeat(x, rows, axis=1), columns, axis=2)

    def backward(dy: Array) -> Gradients:
        blocks = xp.reshape(dy, (N, H, rows, W, columns, C))
        return xp.sum(xp.sum(blocks, axis=4), axis=2)  # eq-upsample-gradient

    return y, backward
