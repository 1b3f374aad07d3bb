"""The checks of chapter 5's exercises: the convolutional neural network."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.pooling import pooling_kernel, pooling_winners, scatter  # noqa: F401
from nnlearn.exercises.checks.trained import few  # noqa: F401


def sizes_and_counts(side: Any, parameters: Any, field: Any) -> None:
    """5.1: output size, parameters and receptive field of three layers."""
    check = Check("5.1", "sizes and counts", side, parameters, field)
    check.number_close(
        side,
        4,
        hints={
            "Only whole windows count: round down after each layer": 4.25,
            "Round down, not up: a window that does not fit is left out": 5,
            "The first layer has a border of padding": 3,
            "Count the first window too: there is one more of them than steps": 1,
        },
        name="side",
    )
    check.number_close(
        parameters,
        24 * (3 * 3 * 12 + 1),
        hints={
            "Each kernel has a bias": 24 * 3 * 3 * 12,
            "A kernel reaches through all channels of its input": 24 * (3 * 3 + 1),
            "A kernel has one bias, not one for each channel": 24 * 12 * (3 * 3 + 1),
        },
        name="parameters",
    )
    check.number_close(
        field,
        17,
        hints={
            "Neighbours of a later layer are more than one pixel apart": 9,
            "A stride moves the windows of all layers after it": 11,
            "The pooling has a stride too, and the layer after it feels it": 13,
            "A layer's own stride counts for the layers after it, not for itself": 25,
        },
        name="field",
    )
    check.done()


def convolution(answer: Any) -> None:
    """5.2: the source's convolution, from its double sum."""
    check = Check("5.2", "the source's convolution", answer, without=unaided.CONVOLUTION)
    for image, kernel in [((3, 3), (2, 2)), ((1, 4), (1, 3)), ((4, 3), (2, 5)), ((1, 1), (3, 2))]:
        I, K = check.normal(image, kernel)
        right, last = _stamped(I, K)
        wrapped = np.zeros_like(right)
        for m, n in np.ndindex(image):
            copies = np.pad(K, ((m, 0), (n, 0)), mode="wrap")
            wrapped[: m + kernel[0], : n + kernel[1]] += I[m, n] * copies
        S = check.call(answer, I, K, case=f"a picture {image}, a kernel {kernel}")
        check.shape(S, right.shape)
        check.close(
            S,
            right,
            hints={
                "This is the correlation: along the kernel the indices run backwards": (
                    nn.convolve2d(I, K[::-1, ::-1])
                ),
                "Outside its frame the kernel is zero, but NumPy's index −1 is its last entry": (
                    wrapped
                ),
                "Where copies of the kernel overlap they add up; yours keeps the last": last,
            },
        )
        check.close(S, nn.convolve2d(I, K), name="Against the package, S")
    check.done()


def _stamped(I: Any, K: Any) -> tuple[Any, Any]:
    """Let each number of `I` stamp a copy of `K`: all copies added up, and the last alone."""
    (H, W), (P, Q) = I.shape, K.shape
    added, last = np.zeros((2, H + P - 1, W + Q - 1))
    for m, n in np.ndindex(I.shape):
        added[m : m + P, n : n + Q] += I[m, n] * K
        last[m : m + P, n : n + Q] = I[m, n] * K
    return added, last


def _correlate(I: Any, K: Any, stride: int = 1) -> Any:
    """Write the correlation of one picture with one kernel, by its slices."""
    rows, columns = (nn.output_size(n, k, stride) for n, k in zip(I.shape, K.shape, strict=True))
    z = np.zeros((rows, columns))
    for m, n in np.ndindex(K.shape):
        z += (
            K[m, n]
            * I[m : m + stride * rows : stride, n : n + stride * columns : stride][:rows, :columns]
        )
    return z


def kernel_gradient(answer: Any) -> None:
    """5.3: the kernel's gradient, with a stride."""
    check = Check(
        "5.3", "the kernel's gradient", answer, without=unaided.GRADIENTS + unaided.CONV2D
    )
    for size, kernel, stride in [((4, 4), (2, 2), 1), ((5, 7), (3, 2), 2), ((8, 6), (3, 3), 3)]:
        I, K = check.normal(size, kernel)
        dz = check.rng.normal(size=_correlate(I, K, stride).shape)
        case = f"a picture {size}, a kernel {kernel}, stride {stride}, dz {dz.shape}"
        dK = check.call(answer, I, dz, kernel, stride, case=case)
        check.shape(dK, kernel)
        right = np.array(
            [
                [
                    sum(
                        dz[i, j] * I[i * stride + m, j * stride + n]
                        for i, j in np.ndindex(dz.shape)
                    )
                    for n in range(kernel[1])
                ]
                for m in range(kernel[0])
            ]
        )
        hints = {
            "It comes out turned by half a turn. No flip is left in this one": right[::-1, ::-1],
            "The gradients of all windows add up; this is their mean": right / dz.size,
        }
        if stride > 1:
            close_by = [
                [np.sum(dz * I[m : m + dz.shape[0], n : n + dz.shape[1]]) for n in range(kernel[1])]
                for m in range(kernel[0])
            ]
            hints["The windows are one stride apart, not one pixel"] = np.array(close_by)
        check.gradient(
            dK, lambda K, I=I, s=stride: _correlate(I, K, s), K, seed=dz, name="dK", hints=hints
        )
    check.done()


def input_gradient(answer: Any) -> None:
    """5.4: the input's gradient is a full convolution."""
    check = Check(
        "5.4", "the picture's gradient", answer, without=unaided.GRADIENTS + unaided.TRANSPOSED
    )
    for size, kernel in [((3, 3), (2, 2)), ((4, 6), (3, 2)), ((3, 5), (3, 1))]:
        I, K = check.normal(size, kernel)
        dz = check.rng.normal(size=_correlate(I, K).shape)
        dI = check.call(answer, dz, K, case=f"dz {dz.shape}, a kernel {kernel}")
        check.shape(dI, size)
        check.gradient(
            dI,
            lambda I, K=K: _correlate(I, K),
            I,
            seed=dz,
            name="dI",
            hints={
                "The kernel lies the wrong way round: look at the signs of the indices": (
                    nn.convolve2d(dz, K[::-1, ::-1])
                ),
                "A pixel collects from every window that saw it; yours keeps the last": (
                    _stamped(dz, K)[1]
                ),
            },
        )
    K = check.rng.normal(size=(2, 3))
    check.adjoint(
        lambda v: _correlate(v, K),
        lambda u: check.call(answer, u, K),
        (4, 5),
        (3, 3),
        hint="Every pixel collects from each window that saw it.",
    )
    check.done()


def equivariance(answers: Any) -> None:
    """5.7: what commutes with a move?"""
    check = Check("5.7", "moved first or last", answers)
    rng, size = check.rng, 24
    K = rng.normal(size=(3, 3, 1, 1))
    maps: dict[str, tuple[Any, int, int | None]] = {
        "relu, one pixel": (nn.relu, 1, 1),
        "convolution, one pixel": (lambda x: nn.conv2d(x, K), 1, 1),
        "max pooling 2 × 2, one pixel": (nn.max_pool2d, 1, None),
        "max pooling 2 × 2, two pixels": (nn.max_pool2d, 2, 1),
        "convolution with stride 3, two pixels": (lambda x: nn.conv2d(x, K, stride=3), 2, None),
        "convolution with stride 3, six pixels": (lambda x: nn.conv2d(x, K, stride=3), 6, 2),
        "times a number for each place, one pixel": (None, 1, None),
    }
    check.keys(answers, maps, "`answers` should keep its seven names, each with True or False.")
    x = np.zeros((1, size, size, 1))
    x[:, 8:12, 8:12, :] = rng.normal(size=(1, 4, 4, 1))
    weights = rng.normal(size=(1, size, size, 1))
    for name, (function, move, step) in maps.items():
        said = check.choice(answers[name], [True, False], name)
        function = function or (lambda x: weights * x)
        before, after = function(x), function(np.roll(x, move, axis=1))
        steps = range(after.shape[1]) if step is None else [step]
        holds = any(np.allclose(np.roll(before, k, axis=1), after) for k in steps)
        hint = (
            "Which windows are looked at after the move, the same ones as before?"
            if before.shape[1] < size - 2
            else "Does this map do the same at every place?"
        )
        check.that(said == holds, f"This one is wrong. {hint}", case=name)
    check.done()


def edge_kernel(K: Any) -> None:
    """5.8: a kernel that answers to one kind of edge."""
    check = Check("5.8", "a kernel of your own", K)
    check.shape(K, (3, 3), name="K")
    K, rng = np.asarray(K, dtype=float), check.rng
    flat = np.full((5, 5), rng.uniform(0.2, 0.9))
    across = np.tile(rng.uniform(size=6), (6, 1))
    check.that(
        np.allclose(_correlate(flat, K), 0, atol=1e-6),
        "It answers to a picture of one brightness. What must its nine numbers add up to?",
        case="a flat picture",
    )
    check.that(
        np.allclose(_correlate(across, K), 0, atol=1e-6),
        "It answers to upright edges. Each of its columns lies on equal pixels there.",
        case="a picture that changes only from left to right",
    )
    for k in (2, 3):
        edge = np.zeros((6, 6))
        edge[k:] = 1
        z = _correlate(edge, K)
        case = f"dark above row {k}, bright from it on"
        check.that(
            z.min() > -1e-6,
            f"Somewhere it answers {z.min():.3g}. Which of its rows lie on the bright side there?",
            case=case,
        )
        check.that(
            z.max() > 0.5,
            f"Its strongest answer to this edge is {z.max():.3g}, expected more than 0.5.",
            case=case,
        )
    noise = np.sum(K**2)
    check.that(
        abs(noise - 1) < 1e-3,
        f"Out comes noise of variance {noise:.3g}, expected 1. By which number does the "
        "variance shrink if all of K is divided by 2?",
        case="noise of variance 1 in each pixel",
    )
    check.done()
