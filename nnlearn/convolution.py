"""Convolution: the source's equation, and the layer that learns its kernels.

`conv2d` writes every window of the images as a row (`Windows.gather`, the book's im2col), so that
the sum over rows, columns and channels becomes one matrix product. Its backward pass is the
chapter's: the kernel's gradient is the product of the same rows with dz, the input's is the
product with the kernel, added back to the pixels that each window came from.
"""

import math

from nnlearn.backend import array_namespace, product
from nnlearn.derivative import differentiable
from nnlearn.parallel import in_blocks
from nnlearn.shapes import as_rows
from nnlearn.windows import Windows


@differentiable("x (N, H, W, C), K (P, Q, C, F), b (F) -> z (N, H', W', F)")
def conv2d(x, K, b=None, stride=1, padding=0):
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
    Source: eq-conv2d, as a matrix product eq-im2col; its gradients are eq-conv2d-dx,
    eq-conv2d-dk and eq-conv2d-db.
    """
    xp = array_namespace(x, K, b)
    windows = Windows("conv2d", x.shape, K.shape[:2], stride, padding)
    kernels = xp.reshape(K, (math.prod(K.shape[:3]), K.shape[3]))
    entries = math.prod(windows.counts) * kernels.shape[0]  # of all windows of one image
    z = xp.empty((x.shape[0], *windows.counts, K.shape[3]), dtype=x.dtype, device=x.device)

    def forward(n):
        product(windows.gather(x[n, ...]), kernels).into(as_rows(z[n, ...]))
        if b is not None:
            z[n, ...] += b

    in_blocks(forward, x, entries)

    def backward(dz):
        def dx():  # eq-conv2d-dx
            dx = xp.empty(x.shape, dtype=x.dtype, device=x.device)

            def part(n):
                rows = as_rows(dz[n, ...]) @ kernels.T
                dx[n, ...] = windows.scatter(rows, dz[n, ...].shape[0], x.shape[3])

            in_blocks(part, x, entries)
            return dx

        def dK():  # eq-conv2d-dk
            parts = in_blocks(
                lambda n: windows.gather(x[n, ...]).T @ as_rows(dz[n, ...]), x, entries
            )
            return xp.reshape(sum(parts), K.shape)

        def db():  # eq-conv2d-db
            return xp.sum(as_rows(dz), axis=0)

        return (dx, dK) if b is None else (dx, dK, db)

    return z, backward


@differentiable("I (H, W), K (P, Q) -> S (H', W')")
def convolve2d(I, K, mode="full"):  # noqa: E741  (the source's letter)
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

    def backward(dS):
        dz = xp.zeros(z.shape, dtype=z.dtype, device=z.device)
        dz[0, rows, columns, 0] = dS
        dx, dK = conv2d_backward(dz)
        return lambda: dx()[0, :, :, 0], lambda: xp.flip(dK()[:, :, 0, 0])

    return z[0, rows, columns, 0], backward


def _kept(image, kernel, mode):
    """Return which rows and columns of the full convolution a mode keeps."""
    if min(*image, *kernel) < 1:
        raise ValueError(f"convolve2d: I has shape {image} and K {kernel}, expected no empty array")
    if mode == "full":
        return slice(None), slice(None)
    if mode == "same":
        first = [(k - 1) // 2 for k in kernel]
        return tuple(slice(f, f + size) for f, size in zip(first, image, strict=True))
    if mode != "valid":
        raise ValueError(f"convolve2d: mode is {mode!r}, expected 'full', 'same' or 'valid'")
    larger, smaller = max(image, kernel), min(image, kernel)
    if any(small > large for small, large in zip(smaller, larger, strict=True)):
        raise ValueError(
            f"convolve2d: I has shape {image} and K {kernel}, expected one that holds the other "
            "in mode 'valid'"
        )
    return tuple(slice(small - 1, large) for small, large in zip(smaller, larger, strict=True))
