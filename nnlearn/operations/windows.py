"""Windows that slide over images: the geometry that convolution and pooling share.

Images are channels last, (N, H, W, C). The window of output pixel (i, j) covers the rows
i s + m and the columns j s + n, for all places (m, n) inside it. So *all* windows at one place
(m, n) are one regular slice of the images, and a loop over the few places does the work of a
loop over the many windows.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

from nnlearn.arguments import pair
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.fast import sliding_windows
from nnlearn.arrays.typing import Array, Gradients, Pair
from nnlearn.derivative import differentiable


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Return how many windows fit along one axis: ⌊(size + 2 padding - kernel) / stride⌋ + 1.

    Parameters
    ----------
    size, kernel, stride, padding : int
        Of the image, of the window, of a step, and of the border of zeros on either side.

    Returns
    -------
    int
        At least 1 where the window fits.

    Notes
    -----
    Source: eq-output-size.
    """
    return (size + 2 * padding - kernel) // stride + 1


class Windows:
    """All places where a window stands on images of one shape.

    Parameters
    ----------
    operation : str
        Its name, for the messages.
    shape : tuple of int
        (N, H, W, C), of the images.
    size, stride, padding : int or pair of int
        Of the window, of its steps, and of the border of zeros; a pair is (rows, columns).

    Raises
    ------
    ValueError
        If a number is not positive (the padding: negative) or no window fits.
    """

    def __init__(
        self,
        operation: str,
        shape: tuple[int, ...],
        size: Pair,
        stride: Pair,
        padding: Pair = 0,
    ) -> None:
        self.size = pair(operation, "size", size, 1)
        self.stride = pair(operation, "stride", stride, 1)
        self.padding = pair(operation, "padding", padding, 0)
        self.images = shape[1:3]
        self.counts = tuple(
            map(output_size, self.images, self.size, self.stride, self.padding)
        )  # H', W'
        if min(self.counts) < 1:
            raise ValueError(
                f"{operation}: the window is {_by(self.size)}, the image x with its padding of "
                f"{_by(self.padding)} only {_by(self.padded)}; expected an image that holds it"
            )

    @property
    def padded(self) -> tuple[int, ...]:
        """The rows and columns of an image with its border."""
        return tuple(s + 2 * p for s, p in zip(self.images, self.padding, strict=True))

    @functools.cached_property
    def places(self) -> list[tuple[Any, ...]]:
        """For each place (m, n) inside a window, row by row: the index of all that is seen there.

        That is the rows m, m + s, m + 2s, … and the columns n, n + s, …: one pixel of each window.
        """
        rows, columns = (
            [slice(k, k + step * (count - 1) + 1, step) for k in range(size)]
            for size, step, count in zip(self.size, self.stride, self.counts, strict=True)
        )
        return [(slice(None), *place, ...) for place in itertools.product(rows, columns)]

    def pad(self, x: Array) -> Array:
        """Lay a border of zeros around images (N, H, W, C)."""
        if not any(self.padding):
            return x
        xp = array_namespace(x)
        padded = xp.zeros((x.shape[0], *self.padded, x.shape[3]), dtype=x.dtype, device=x.device)
        padded[self._inside] = x
        return padded

    @property
    def _inside(self) -> tuple[Any, ...]:
        sides = zip(self.padding, self.images, strict=True)
        return (slice(None), *(slice(p, p + size) for p, size in sides), ...)

    def gather(self, x: Array) -> Array:
        """Write every window as a row: (N, H, W, C) becomes (N H' W', P Q C). See `im2col`."""
        xp = array_namespace(x)
        seen = sliding_windows(self.pad(x), self.size, self.stride)  # (N, H', W', P, Q, C)
        windows, entries = math.prod(seen.shape[:3]), math.prod(seen.shape[3:])
        if x.shape[3] == 1:  # place by place is twice as fast: it copies along the image's rows
            by_place = xp.permute_dims(seen, (3, 4, 5, 0, 1, 2))
            return xp.reshape(by_place, (entries, windows)).T
        return xp.reshape(seen, (windows, entries))

    def scatter(self, rows: Array, channels: int) -> Array:
        """Add every window's row to the pixels that it came from: the transpose of `gather`."""
        xp = array_namespace(rows)
        count = math.prod(rows.shape[:-1]) // math.prod(self.counts)
        rows = xp.reshape(rows, (count, *self.counts, len(self.places), channels))
        dx = xp.zeros((count, *self.padded, channels), dtype=rows.dtype, device=rows.device)
        for k, place in enumerate(self.places):
            dx[place] += rows[:, :, :, k, :]
        return dx[self._inside]

    def collect(self, x: Array) -> tuple[Array, Callable[..., None]]:
        """Give an array like x, and how to put at a place of it what belongs to all windows there.

        Where each pixel is in exactly one window there is nothing to add up, and nothing to wipe.
        """
        xp = array_namespace(x)
        covered = tuple(n * size for n, size in zip(self.counts, self.size, strict=True))
        if self.size == self.stride and covered == self.images:
            return xp.empty(x.shape, dtype=x.dtype, device=x.device), _assign
        return xp.zeros(x.shape, dtype=x.dtype, device=x.device), _add


def _assign(dx: Array, place: Any, values: Array) -> None:
    dx[place] = values


def _add(dx: Array, place: Any, values: Array) -> None:
    dx[place] += values


@differentiable("x (N, H, W, C)")
def im2col(x: Array, size: Pair, stride: Pair = 1, padding: Pair = 0) -> Array:
    """Write out every window of images as a vector.

    Parameters
    ----------
    x : array, shape (N, H, W, C), floating-point
    size, stride, padding : int or pair of int
        Of the window (P, Q), of its steps, and of the border of zeros; a pair is (rows, columns).

    Returns
    -------
    array, shape (N, H', W', P Q C)
        The entries of a window in the order (m, n, c): row, column, channel. Where each window is
        one pixel it may be a view of x.

    Raises
    ------
    ValueError
        If no window fits into the image.

    Notes
    -----
    Source: eq-im2col; the gradient is eq-col2im.
    """
    windows = Windows("im2col", x.shape, size, stride, padding)
    xp = array_namespace(x)
    count, channels = x.shape[0], x.shape[3]

    def backward(drows: Array) -> Gradients:
        return windows.scatter(drows, channels)  # eq-col2im

    shape = (count, *windows.counts, len(windows.places) * channels)
    return xp.reshape(windows.gather(x), shape), backward


def _by(numbers: tuple[int, ...]) -> str:
    return f"{numbers[0]} × {numbers[1]}"
