"""Pooling: one number for each window of an image, its largest or its mean."""

import math
from typing import Any

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.fast import masked
from nnlearn.arrays.parallel import in_blocks
from nnlearn.arrays.typing import Array, Gradients, Pair
from nnlearn.derivative import differentiable
from nnlearn.operations import few_kernels
from nnlearn.operations.few_kernels import with_fused
from nnlearn.operations.windows import Windows


@differentiable("x (N, H, W, C) -> y (N, H', W', C)")
def max_pool2d(x: Array, size: Pair = 2, stride: Pair | None = None) -> Array:
    """Take the largest value of each window, channel by channel.

    Parameters
    ----------
    x : array, shape (N, H, W, C), floating-point
        Images, channels last.
    size : int or pair of int
        Of the window, (rows, columns).
    stride : int or pair of int, optional
        Of its steps; by default the size, so that windows do not overlap.

    Returns
    -------
    array, shape (N, H', W', C)
        What is left over at the lower and right edge is in no window.

    Raises
    ------
    ValueError
        If no window fits into the image.

    Notes
    -----
    Of equal values the first, row by row, takes the whole gradient. A NaN is the largest of its
    window, and takes its gradient. Source: eq-max-pool, eq-max-pool-gradient.
    """
    xp = array_namespace(x)
    windows = Windows("max_pool2d", x.shape, size, size if stride is None else stride)
    y = xp.empty((x.shape[0], *windows.counts, x.shape[3]), dtype=x.dtype, device=x.device)

    def forward(n: slice) -> Any:
        largest = x[n, ...][windows.places[0]]
        for place in windows.places[1:]:
            largest = xp.maximum(largest, x[n, ...][place])
        y[n, ...] = largest

    numbers = 3 * math.prod(x.shape[1:])  # of one image, of its windows and of what is in between
    in_blocks(forward, x, numbers)

    def backward(dy: Array) -> Gradients:
        dx, put = windows.collect(x)

        def part(n: slice) -> None:  # eq-max-pool-gradient
            left = dy[n, ...]  # what no earlier place of the window has taken
            for place in windows.places[:-1]:
                here = x[n, ...][place]
                taken = masked(left, (here == y[n, ...]) | (here != here))  # NaN is not itself
                left = left - taken
                put(dx[n, ...], place, taken)
            put(dx[n, ...], windows.places[-1], left)

        in_blocks(part, x, numbers)
        return dx

    return y, backward


@differentiable("x (N, H, W, C) -> y (N, H', W', C)")
def avg_pool2d(x: Array, size: Pair = 2, stride: Pair | None = None) -> Array:
    """Take the mean of each window, channel by channel.

    Parameters
    ----------
    x : array, shape (N, H, W, C), floating-point
        Images, channels last.
    size : int or pair of int
        Of the window, (rows, columns).
    stride : int or pair of int, optional
        Of its steps; by default the size, so that windows do not overlap.

    Returns
    -------
    array, shape (N, H', W', C)
        What is left over at the lower and right edge is in no window.

    Raises
    ------
    ValueError
        If no window fits into the image.

    Notes
    -----
    Source: eq-avg-pool, eq-avg-pool-gradient.
    """
    xp = array_namespace(x)
    windows = Windows("avg_pool2d", x.shape, size, size if stride is None else stride)
    y = xp.zeros((x.shape[0], *windows.counts, x.shape[3]), dtype=x.dtype, device=x.device)
    share = 1 / len(windows.places)

    def forward(n: slice) -> Any:
        for place in windows.places:
            y[n, ...] += x[n, ...][place]
        y[n, ...] *= share

    numbers = 3 * math.prod(x.shape[1:])  # of one image, of its windows and of what is in between
    in_blocks(forward, x, numbers)

    def backward(dy: Array) -> Gradients:
        dx, put = windows.collect(x)

        def part(n: slice) -> None:  # eq-avg-pool-gradient
            each = dy[n, ...] * share
            for place in windows.places:
                put(dx[n, ...], place, each)

        in_blocks(part, x, numbers)
        return dx

    return y, backward


max_pool2d = with_fused(max_pool2d, few_kernels.max_pool2d)
