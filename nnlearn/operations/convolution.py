"""Convolution: the source's equation, and the layer that learns its kernels.

`conv2d` writes every window of the images as a row (`Windows.gather`, the book's im2col), so that
the sum over rows, columns and channels becomes one matrix product. Its backward pass is the
chapter's: the kernel's gradient is the product of the same rows with dz, the input's is again a
convolution, of dz with the turned kernels.
"""

import math
from typing import Any

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.fast import column_sums, write
from nnlearn.arrays.layout import as_rows
from nnlearn.arrays.parallel import in_blocks
from nnlearn.arrays.typing import Array, Gradients, Pair
from nnlearn.derivative import differentiable
from nnlearn.operations.windows import Windows


@differentiable("x (N, H+, W+, C), K (P+, Q+, C, F), b (F) -> z (N, H', W', F)")
def conv2d(
    x: Array, K: Array, b: Array | None = None, stride: Pair = 1, padding: Pair = 0
) -> Array:
    """Cross-correlation of images with a set of kernels, plus a bias.

    Parameters
    ----------
    x : array, shape (N, H, W, C), floating-point
        Images, channels last.
    K : array, shape (P, Q, C, F)
        F kernels of P rows and Q columns over all C channels. They are not flipped.
    b : array, shape (F,), optional
        One bias for each kernel.
    stride, padding : int or pair of int
        Steps of the window, and the border of zeros on either side; a pair is (rows, columns).

    Returns
    -------
    array, shape (N, H', W', F)
        H' and W' are given by `output_size`.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the kernel is larger than the image with its border.

    Notes
    -----
    An infinite entry of K, or a NaN, makes NaN of pixels' gradients that it has no part in: it
    meets zeros. Source: eq-conv2d, as a matrix product eq-im2col; its gradients are eq-conv2d-dx,
    eq-conv2d-dk and eq-conv2d-db.
    """
    xp = array_namespace(x, K, b)
    windows = Windows("conv2d", x.shape, K.shape[:2], stride, padding)
    matrix = xp.reshape(K, (math.prod(K.shape[:3]), K.shape[3]))  # one kernel a column
    entries = math.prod(windows.counts) * matrix.shape[0]  # of all windows of one image
    z = xp.empty(
        (x.shape[0], *windows.counts, K.shape[3]), dtype=xp.result_type(x, K), device=x.device
    )

    def forward(n: slice) -> Any:  # eq-im2col
        write(as_rows(z[n, ...]), xp.matmul, windows.gather(x[n, ...]), matrix)
        if b is not None:
            z[n, ...] += b

    in_blocks(forward, x, entries)

    def backward(dz: Array) -> Gradients:
        def dK() -> Array:  # eq-conv2d-dk
            def part(n: slice) -> Array:
                return windows.gather(x[n, ...]).T @ as_rows(dz[n, ...])

            return xp.reshape(sum(in_blocks(part, x, entries)), K.shape)

        return (
            lambda: input_gradient(dz, K, windows, x.shape),  # eq-conv2d-dx
            dK,
            lambda: column_sums(as_rows(dz)),  # eq-conv2d-db
        )

    return z, backward


def input_gradient(dz: Array, K: Array, windows: Windows, shape: tuple[int, ...]) -> Array:
    """Return dL/dx of `conv2d`, images of a shape (N, H, W, C).

    With steps of one pixel it is a convolution of dz, so `conv2d` itself computes it. Longer steps
    would fill dz with zeros: then each window's share is added to the pixels that it saw.
    """
    xp = array_namespace(dz, K)
    border = [size - 1 - p for size, p in zip(windows.size, windows.padding, strict=True)]
    if windows.stride == (1, 1) and min(border) >= 0:  # eq-conv2d-dx
        turned = xp.permute_dims(xp.flip(K, axis=(0, 1)), (0, 1, 3, 2))
        return conv2d(dz, turned, padding=(border[0], border[1]))
    dx = xp.empty(shape, dtype=dz.dtype, device=dz.device)
    matrix = xp.reshape(K, (math.prod(K.shape[:3]), K.shape[3]))

    def part(n: slice) -> None:  # eq-col2im
        dx[n, ...] = windows.scatter(as_rows(dz[n, ...]) @ matrix.T, shape[3])

    in_blocks(part, dz, math.prod(windows.counts) * matrix.shape[0])
    return dx


@differentiable("I (H, W), K (P, Q) -> S (H', W')")
def convolve2d(I: Array, K: Array, mode: str = "full") -> Array:
    """Convolution of an image with a kernel: S(i, j) = Σₘ Σₙ I(m, n) K(i - m, j - n).

    Parameters
    ----------
    I : array, shape (H, W), floating-point
        The image, zero outside.
    K : array, shape (P, Q)
        The kernel, zero outside.
    mode : {"full", "same", "valid"}
        Every sum with at least one term, (H + P - 1, W + Q - 1); the middle of it, (H, W); only
        the sums that need no zero from outside, ``(|H - P| + 1, |W - Q| + 1)``.

    Returns
    -------
    array
        What `scipy.signal.convolve2d` gives.

    Raises
    ------
    ValueError
        If the mode is not known, an array is empty, or, in mode "valid", neither array holds the
        other.

    Notes
    -----
    Source: eq-convolution; computed as the correlation with the flipped kernel, eq-flip.
    """
    xp = array_namespace(I, K)
    rows, columns = _kept(I.shape, K.shape, mode)
    border = (K.shape[0] - 1, K.shape[1] - 1)
    z, conv2d_backward = conv2d.forward(
        I[None, :, :, None], xp.flip(K)[:, :, None, None], padding=border
    )

    def backward(dS: Array) -> Gradients:
        dx, dK, _ = conv2d_backward(_among_zeros(dS, z.shape, rows, columns))
        return lambda: dx()[0, :, :, 0], lambda: xp.flip(dK()[:, :, 0, 0])

    return z[0, rows, columns, 0], backward


def _among_zeros(dS: Array, shape: tuple[int, ...], rows: slice, columns: slice) -> Any:
    """Put the gradient of the part that was kept into zeros: the rest has no influence."""
    xp = array_namespace(dS)
    dz = xp.zeros(shape, dtype=dS.dtype, device=dS.device)
    dz[0, rows, columns, 0] = dS
    return dz


def _kept(image: tuple[int, ...], kernel: tuple[int, ...], mode: str) -> Any:
    """Return which rows and columns of the full convolution a mode keeps."""
    if min(*image, *kernel) < 1:
        raise ValueError(f"convolve2d: I has shape {image} and K {kernel}, expected no empty array")
    if mode == "full":
        return slice(None), slice(None)
    if mode == "same":
        first = [(k - 1) // 2 for k in kernel]
        return [slice(f, f + size) for f, size in zip(first, image, strict=True)]
    if mode != "valid":
        raise ValueError(f"convolve2d: mode is {mode!r}, expected 'full', 'same' or 'valid'")
    larger, smaller = max(image, kernel), min(image, kernel)
    if any(small > large for small, large in zip(smaller, larger, strict=True)):
        raise ValueError(
            f"convolve2d: I has shape {image} and K {kernel}, expected one that holds the other "
            "in mode 'valid'"
        )
    return [slice(small - 1, large) for small, large in zip(smaller, larger, strict=True)]
