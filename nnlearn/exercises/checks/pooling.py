"""Checks of the exercises of chapter 5 about windows that overlap, and about pooling."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check


def scatter(answer: Any) -> None:
    """5.5: col2im adds."""
    check = Check("5.5", "col2im adds", answer, without=unaided.WINDOWS)
    for size, window, stride in [((4, 4), 2, 2), ((5, 5), 3, 1), ((6, 7), 3, 2), ((7, 5), 2, 3)]:
        x = check.rng.normal(size=(1, *size, 1))
        rows, backward = nn.vjp(nn.im2col, x, window, stride=stride)
        drows = check.rng.normal(size=rows.shape[1:])
        case = f"a picture {size}, windows {window} × {window}, stride {stride}"
        dx = check.call(answer, drows, size, window, stride, case=case)
        check.shape(dx, size)
        right = backward(drows[None])[0, :, :, 0]
        count = nn.vjp(nn.im2col, x, window, stride=stride)[1](np.ones_like(rows))[0, :, :, 0]
        last = np.zeros(size)
        for i, j in np.ndindex(rows.shape[1:3]):
            for k, (m, n) in enumerate(np.ndindex(window, window)):
                last[i * stride + m, j * stride + n] = drows[i, j, k]
        check.close(
            dx,
            right,
            hints={
                "A pixel that several windows saw keeps only what the last one says": last,
                "A pixel collects the sum from its windows, not the mean": (
                    right / np.maximum(count, 1)
                ),
            },
        )
    check.done()


def pooling_winners(answer: Any) -> None:
    """5.6: of equal values, one takes the whole gradient."""
    check = Check("5.6", "who won", answer, without=unaided.POOLING)
    pictures = [check.rng.normal(size=(4, 6)), np.zeros((2, 4)), np.ones((4, 4))]
    pictures.append(check.rng.integers(0, 3, size=(6, 6)).astype(float))
    for x in pictures:
        y, backward = nn.vjp(nn.max_pool2d, x[None, :, :, None])
        dy = check.rng.normal(size=y.shape[1:3])
        dx = check.call(answer, x, dy)
        check.shape(dx, x.shape)
        spread = np.repeat(np.repeat(y[0, :, :, 0], 2, axis=0), 2, axis=1) == x
        wide = np.repeat(np.repeat(dy, 2, axis=0), 2, axis=1)
        blocks = spread.reshape(x.shape[0] // 2, 2, -1, 2).sum(axis=(1, 3))
        turned = nn.vjp(nn.max_pool2d, x[None, ::-1, ::-1, None])[1](dy[None, ::-1, ::-1, None])
        shared = np.repeat(np.repeat(blocks, 2, axis=0), 2, axis=1)
        check.close(
            dx,
            backward(dy[None, :, :, None])[0, :, :, 0],
            hints={
                "Where values are equal the gradient is given out more than once": wide * spread,
                "Equal values share the gradient here. The first one takes it whole": (
                    wide * spread / shared
                ),
                "Of equal values the first takes the gradient, row by row; here the last does": (
                    turned[0, ::-1, ::-1, 0]
                ),
                "Every pixel gets the gradient, the losers too": wide,
            },
        )
    check.done()


def pooling_kernel(answer: Any) -> None:
    """5.9: average pooling is a convolution."""
    check = Check("5.9", "pooling as a convolution", answer)
    for size, channels in [(2, 1), (3, 4), (2, 3)]:
        K = check.call(answer, size, channels)
        check.shape(K, (size, size, channels, channels), name="K")
        x = check.rng.normal(size=(2, 2 * size, 3 * size, channels))
        right = nn.avg_pool2d(x, size)
        hints = {"This is the sum of each window, not its mean": right * size**2}
        if channels > 1:
            mean = np.repeat(right.mean(axis=-1, keepdims=True), channels, axis=-1)
            hints["It mixes the channels: output c may see input c alone"] = channels * mean
            hints["The mean goes over the window alone, not over the channels"] = mean
        check.close(
            nn.conv2d(x, np.asarray(K, dtype=float), stride=size),
            right,
            name="What conv2d makes of it",
            hints=hints,
        )
    check.done()
