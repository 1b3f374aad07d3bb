"""The checks of exercises 9.2 and 9.3: the roofline, and operations and bytes of a convolution."""

import math
from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.arrays.backend import to_numpy
from nnlearn.exercises.checking import Check


def _roof(check: Check, roof: Any, F: Any, Q: Any, peak: float, bandwidth: float) -> None:
    result = check.call(roof, F, Q, peak, bandwidth, case=f"{len(F)} layers")
    seconds, rate = check.unpack(result, "seconds, rate")
    computing, fetching, I = F / peak, Q / bandwidth, F / Q
    right = np.where(computing > fetching, computing, fetching)
    check.close(
        seconds,
        right,
        hints={
            "Arithmetic and fetching go on at the same time": computing + fetching,
            "In the shorter of the two times the other is not done": (
                np.where(computing > fetching, fetching, computing)
            ),
            "Each layer has a time of its own": np.max(right),
            "What is fetched takes time too": computing,
            "What is computed takes time too": fetching,
            "The peak belongs to the operations, and the bandwidth to the bytes": (
                np.maximum(F / bandwidth, Q / peak)
            ),
            "The two are exchanged": F / right,
        },
        atol=0.0,
        name="seconds",
    )
    if np.shape(rate) == np.shape(I) and np.allclose(to_numpy(rate), I):  # beside the rate it is 0
        check.fail("rate is not right. This is the intensity. How many operations a second is it?")
    check.close(
        rate,
        F / right,
        hints={
            "No processor computes faster than its peak": bandwidth * I,
            "Where little is done with each byte, the peak is not reached": (
                np.full(np.shape(I), peak)
            ),
            "The ceiling is the lower of the two, not the higher": np.maximum(peak, bandwidth * I),
            "These are bytes in a second": Q / right,
            "On the slope there are operations for each byte, not bytes for each operation": (
                np.minimum(peak, bandwidth / I)
            ),
            "Arithmetic and fetching go on at the same time": F / (computing + fetching),
        },
        atol=0.0,
        name="rate",
    )


def _batch(check: Check, answer: Any, D: int, M: int, ridge: float) -> None:
    batch = check.call(answer, D, M, ridge)
    if ridge >= D * M / (2 * (D + M)):  # what the intensity tends to
        check.shape(batch, (), name="batch")
        check.that(
            float(to_numpy(batch)) == math.inf,
            "However large the batch, this layer does not reach the ridge. "
            "What should the function return then?",
        )
        return
    N = np.arange(1, 100_000)
    number = check.number_of(batch, "batch")
    right = int(N[ridge <= N * D * M / (2 * (N * D + M * D + N * M))][0])
    check.number_close(
        batch,
        right,
        hints={
            "A batch has whole examples": 1 / (1 / (2 * ridge) - 1 / D - 1 / M),
            "D and M are not so large that they do not matter": math.ceil(2 * ridge),
            "The half in front of the brackets is missing": (
                math.ceil(1 / (1 / ridge - 1 / D - 1 / M))
            ),
            "With that batch the layer is still left of the ridge": min(number, right),
            "A smaller batch is enough": max(number, right),
        },
        rtol=0.0,
        atol=1e-9,
        name="batch",
    )


def roofline(roof: Any, smallest_batch: Any) -> None:
    """9.2: the least time, the highest rate, and the batch that reaches the ridge."""
    check = Check("9.2", "the roof", roof, smallest_batch)
    for layers in (2, 7, 4):
        peak, bandwidth = check.rng.uniform(1e12, 2e13), check.rng.uniform(1e11, 2e12)
        F = check.rng.uniform(1e8, 1e10, size=layers)
        side = np.where(np.arange(layers) % 2, 0.3, 3.0)  # left and right of the ridge, in turn
        _roof(check, roof, F, F * bandwidth / peak / side, peak, bandwidth)
    for D, M, ridge in [(512, 512, 12.5), (300, 70, 12.5), (1000, 4000, 40.0), (90, 200, 20.0)]:
        _batch(check, smallest_batch, D, M, ridge)
    for D, M in [(20, 1000), (50, 50)]:
        _batch(check, smallest_batch, D, M, 12.5)
    check.done()


FIT = "In a row of 3 pixels a window of 3 fits once, and not never"
PADDED = "As many windows as pixels there are only with padding"
BIAS, SIZE = "The biases are fetched too", "In float32 a number has 4 bytes"
DOUBLE, INTENSITY = "In float32 a number has 4 bytes, not 8", "This is an intensity"


def _counts(x: Any, K: Any, windows: Any, bias: int) -> Any:
    """Count operations and bytes from the arrays themselves: the last, with im2col."""
    P, Q, C, F = K.shape
    outputs = windows.size // (P * Q * C) * F
    direct = 4 * (x.size + K.size + bias + outputs)
    return np.array([2 * outputs * P * Q * C, direct, direct + 2 * 4 * windows.size])


def _operations_hints(right: Any, x: Any, K: Any, outputs: int) -> dict[str, Any]:
    return {
        "A product and adding it are two operations": right[0] / 2,
        "The window has its places in every channel": right[0] / K.shape[2],
        "The bias is where a sum begins: it makes no operation more": right[0] + outputs,
        "Each of the N pictures is worked on": right[0] / len(x),
        "Each of the F kernels does its work": right[0] / K.shape[3],
    }


def _direct_hints(right: Any, x: Any, K: Any, outputs: int, windows: Any) -> dict[str, Any]:
    C, F = K.shape[2:]
    return {
        BIAS: right[1] - 4 * F,
        SIZE: right[1] / 4,
        DOUBLE: 2 * right[1],
        INTENSITY: right[0] / right[1],
        "The outputs are written too": right[1] - 4 * outputs,
        "At each place of the window there is an output for each kernel": (
            right[1] - 4 * (outputs - outputs // F)
        ),
        "A kernel has weights for every channel": right[1] - 4 * (K.size - K.size // C),
        "The pictures are read too": right[1] - 4 * x.size,
        "The kernels are read too": right[1] - 4 * K.size,
        "Directly, the matrix of windows is never written": right[2],
        "A pixel is fetched once, however many windows see it": (
            right[1] + 4 * (windows.size - x.size)
        ),
    }


def _im2col_hints(right: Any, x: Any, K: Any, windows: Any) -> dict[str, Any]:
    matrix = right[2] - right[1]
    return {
        BIAS: right[2] - 4 * K.shape[3],
        SIZE: right[2] / 4,
        DOUBLE: 2 * right[2],
        INTENSITY: right[0] / right[2],
        "The matrix of windows is written and then read again": right[2] - 4 * windows.size,
        "To write out the windows one has to read the pictures": right[2] - 4 * x.size,
        "This is without the matrix of windows": right[1],
        "These are the bytes of the matrix alone. The rest is moved as before": matrix,
        "Three things are moved here: the pictures are read, the matrix is written, and it is "
        "read": right[2] - 4 * (x.size + windows.size),
        "The matrix of windows is the same for all kernels": right[1] + K.shape[3] * matrix,
        "A row of the matrix has the window's places in every channel": (
            right[1] + matrix / K.shape[2]
        ),
    }


def convolution_work(answer: Any) -> None:
    """9.3: operations and bytes of a convolution, direct and by im2col."""
    check = Check("9.3", "a convolution's bytes", answer)
    for _ in range(4):
        N, C, P, Q, F = (int(n) for n in check.rng.permutation(range(2, 7)))  # none like another
        H, W = (int(n) for n in check.rng.integers(9, 14, size=2))
        x, K = np.zeros((N, H, W, C)), np.zeros((P, Q, C, F))
        windows, outputs = nn.im2col(x, (P, Q)), int(nn.conv2d(x, K).size)
        right = _counts(x, K, windows, F)
        padded = _counts(x, K, np.zeros((N * H * W, P * Q * C)), F)
        fewer = _counts(x, K, np.zeros((N * (H - P) * (W - Q), P * Q * C)), F)
        values = check.unpack(check.call(answer, N, H, W, C, P, Q, F), "operations, direct, im2col")
        hints = (
            _operations_hints(right, x, K, outputs),
            _direct_hints(right, x, K, outputs, windows),
            _im2col_hints(right, x, K, windows),
        )
        for k, name in enumerate(("operations", "direct", "im2col")):
            known = {PADDED: padded[k], FIT: fewer[k]} | hints[k]
            check.number_close(values[k], right[k], known, rtol=1e-9, name=name)
    check.done()
