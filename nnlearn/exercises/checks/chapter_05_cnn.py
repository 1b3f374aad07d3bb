"""The checks of chapter 5's exercises: the convolutional neural network."""

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checking import Check


def sizes_and_counts(side, parameters, field):
    """5.1: output size, parameters and receptive field of three layers."""
    check = Check("5.1", "sizes and counts", side, parameters, field)
    check.close(
        check.number_of(side, "side"),
        4,
        hints={
            "Only whole windows count: round down after each layer": 4.25,
            "Round down, not up: a window that does not fit is left out": 5,
            "The padding lies on both sides": 3,
        },
        name="side",
    )
    check.close(
        check.number_of(parameters, "parameters"),
        24 * (3 * 3 * 12 + 1),
        hints={
            "Each kernel has a bias": 24 * 3 * 3 * 12,
            "A kernel reaches through all channels of its input": 24 * (3 * 3 + 1),
            "A kernel has one bias, not one for each channel": 24 * 12 * (3 * 3 + 1),
        },
        name="parameters",
    )
    check.close(
        check.number_of(field, "field"),
        17,
        hints={
            "Neighbours of a later layer are more than one pixel apart": 9,
            "The stride of the first layer moves the windows of all later ones": 13,
        },
        name="field",
    )
    check.done()


def convolution(answer):
    """5.2: the source's convolution, from its double sum."""
    check = Check("5.2", "the source's convolution", answer)
    for image, kernel in [((3, 3), (2, 2)), ((1, 4), (1, 3)), ((4, 3), (2, 5)), ((1, 1), (3, 2))]:
        I, K = (check.rng.normal(size=s) for s in (image, kernel))
        right = np.zeros((image[0] + kernel[0] - 1, image[1] + kernel[1] - 1))
        for m, n in np.ndindex(image):
            right[m : m + kernel[0], n : n + kernel[1]] += I[m, n] * K
        S = check.call(answer, I, K, case=f"a picture {image}, a kernel {kernel}")
        check.shape(S, right.shape)
        check.close(
            S,
            right,
            hints={
                "This is the correlation: along the kernel the indices run backwards": (
                    nn.convolve2d(I, K[::-1, ::-1])
                )
            },
        )
        check.close(S, nn.convolve2d(I, K), name="Against the package, S")
    check.done()


def _correlate(I, K, stride=1):
    """Write the correlation of one picture with one kernel, by its slices."""
    rows, columns = (nn.output_size(n, k, stride) for n, k in zip(I.shape, K.shape, strict=True))
    z = np.zeros((rows, columns))
    for m, n in np.ndindex(K.shape):
        z += (
            K[m, n]
            * I[m : m + stride * rows : stride, n : n + stride * columns : stride][:rows, :columns]
        )
    return z


def kernel_gradient(answer):
    """5.3: the kernel's gradient, with a stride."""
    check = Check("5.3", "the kernel's gradient", answer)
    for size, kernel, stride in [((4, 4), (2, 2), 1), ((5, 7), (3, 2), 2), ((8, 6), (3, 3), 3)]:
        I, K = check.rng.normal(size=size), check.rng.normal(size=kernel)
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


def input_gradient(answer):
    """5.4: the input's gradient is a full convolution."""
    check = Check("5.4", "the picture's gradient", answer)
    for size, kernel in [((3, 3), (2, 2)), ((4, 6), (3, 2)), ((3, 5), (3, 1))]:
        I, K = check.rng.normal(size=size), check.rng.normal(size=kernel)
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
                )
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


def scatter(answer):
    """5.5: col2im adds."""
    check = Check("5.5", "col2im adds", answer)
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


def pooling_winners(answer):
    """5.6: of equal values, one takes the whole gradient."""
    check = Check("5.6", "who won", answer)
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
        shared = np.repeat(np.repeat(blocks, 2, axis=0), 2, axis=1)
        check.close(
            dx,
            backward(dy[None, :, :, None])[0, :, :, 0],
            hints={
                "Where values are equal the gradient is given out more than once": wide * spread,
                "Equal values share the gradient here. The first one takes it whole": (
                    wide * spread / shared
                ),
                "Every pixel gets the gradient, the losers too": wide,
            },
        )
    check.done()


def equivariance(answers):
    """5.7: what commutes with a move?"""
    given = answers.values() if isinstance(answers, dict) else [answers]
    check = Check("5.7", "moved first or last", *given)
    rng, size = check.rng, 24
    K = rng.normal(size=(3, 3, 1, 1))
    maps = {
        "relu, one pixel": (nn.relu, 1, 1),
        "convolution, one pixel": (lambda x: nn.conv2d(x, K), 1, 1),
        "max pooling 2 × 2, one pixel": (nn.max_pool2d, 1, None),
        "max pooling 2 × 2, two pixels": (nn.max_pool2d, 2, 1),
        "convolution with stride 3, two pixels": (lambda x: nn.conv2d(x, K, stride=3), 2, None),
        "convolution with stride 3, six pixels": (lambda x: nn.conv2d(x, K, stride=3), 6, 2),
        "times a number for each place, one pixel": (None, 1, None),
    }
    if not isinstance(answers, dict) or set(answers) != set(maps):
        check.fail("`answers` should keep its seven names, each with True or False.")
    x = np.zeros((1, size, size, 1))
    x[:, 8:12, 8:12, :] = rng.normal(size=(1, 4, 4, 1))
    weights = rng.normal(size=(1, size, size, 1))
    for name, (function, move, step) in maps.items():
        said = check.choice(answers[name], [True, False], name)
        function = function or (lambda x: weights * x)
        before, after = function(x), function(np.roll(x, move, axis=1))
        steps = range(after.shape[1]) if step is None else [step]
        holds = any(np.allclose(np.roll(before, k, axis=1), after) for k in steps)
        check.that(
            said == holds,
            "This one is wrong. Move a picture of a few pixels, and follow what a window sees",
            case=name,
        )
    check.done()


def edge_kernel(K):
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
        "It answers to upright edges. Each of its columns sees the same change",
        case="a picture that changes only from left to right",
    )
    for k in (2, 3):
        edge = np.zeros((6, 6))
        edge[k:] = 1
        z = _correlate(edge, K)
        check.that(
            z.max() > 0.5 and z.min() > -1e-6,
            "It should answer with more than 0.5 where it is dark above and bright below, "
            "and nowhere with a negative number",
            case=f"dark above row {k}, bright from it on",
        )
    check.close(
        np.sum(K**2),
        1,
        rtol=1e-3,
        name="What it makes of noise",
        case="noise of variance 1 in each pixel",
        hints={"Divide by the root of this sum, not by the sum": 1 / np.sum(K**2)},
    )
    check.done()


def pooling_kernel(answer):
    """5.9: average pooling is a convolution."""
    check = Check("5.9", "pooling as a convolution", answer)
    for size, channels in [(2, 1), (3, 4), (2, 3)]:
        K = check.call(answer, size, channels)
        check.shape(K, (size, size, channels, channels), name="K")
        x = check.rng.normal(size=(2, 2 * size, 3 * size, channels))
        right = nn.avg_pool2d(x, size)
        hints = {"This is the sum of each window, not its mean": right * size**2}
        if channels > 1:
            mixed = np.repeat(right.sum(axis=-1, keepdims=True), channels, axis=-1)
            hints["It mixes the channels: output c may see input c alone"] = mixed
        check.close(
            nn.conv2d(x, np.asarray(K, dtype=float), stride=size),
            right,
            name="What conv2d makes of it",
            hints=hints,
        )
    check.done()
