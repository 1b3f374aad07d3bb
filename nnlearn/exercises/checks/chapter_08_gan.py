"""The checks of chapter 8's exercises: the generative adversarial network."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.distances import divergence, frechet  # noqa: F401
from nnlearn.exercises.checks.generator import generator_gradient, through_the_judge  # noqa: F401
from nnlearn.exercises.checks.trained import two_hills  # noqa: F401


def values(value: Any, best: Any, apart: Any) -> None:
    """8.1: what the game is worth."""
    check = Check("8.1", "what the game is worth", value, best, apart)
    check.number_close(
        value,
        (np.log(0.9) + np.log(0.6)) / 2 + (np.log(0.8) + np.log(0.5)) / 2,
        hints={
            "Each expectation is a mean over its own two examples, not a sum": (
                np.log(0.9) + np.log(0.6) + np.log(0.8) + np.log(0.5)
            ),
            "Of what was generated it is the logarithm of 1 - D": (
                (np.log(0.9) + np.log(0.6)) / 2 + (np.log(0.2) + np.log(0.5)) / 2
            ),
            "The logarithm is the natural one": (
                (np.log2(0.9) + np.log2(0.6)) / 2 + (np.log2(0.8) + np.log2(0.5)) / 2
            ),
        },
        rtol=1e-3,
        name="value",
    )
    check.number_close(
        best,
        0.2 / 0.8,
        hints={
            "This is the probability that it was generated": 0.6 / 0.8,
            "This is the ratio of the densities; a probability is at most 1": 0.2 / 0.6,
        },
        rtol=1e-3,
        name="best",
    )
    check.number_close(
        apart,
        0.0,
        hints={
            "That is the value where the two are equal": -np.log(4),
            "That is the divergence. The value is twice that, less log 4": np.log(2),
        },
        atol=1e-3,
        name="apart",
    )
    check.done()


def slope_sampler(answer: Any) -> None:
    """8.2: uniform numbers bent into the density 2 (1 - x)."""
    check = Check("8.2", "bent to order", answer)
    for u in (np.array([0.25, 0.75]), np.linspace(0, 0.999, 40), check.rng.random(7)):
        x = check.call(answer, u)
        check.shape(x, u.shape)
        check.close(
            x,
            1 - np.sqrt(1 - u),
            hints={
                "This has the density 2 x: most numbers near 1, not near 0": np.sqrt(u),
                "This is F itself. A draw is where F reaches u: the inverse": 1 - (1 - u) ** 2,
                "The density is right, but this g falls; the exercise asks for one that rises": (
                    1 - np.sqrt(u)
                ),
            },
        )
    check.done()


def discriminator_loss(answer: Any) -> None:
    """8.3: the judge's loss and its gradients, from logits of any size."""
    check = Check(
        "8.3",
        "a loss that does not overflow",
        answer,
        without=unaided.GRADIENTS + unaided.LOSSES + unaided.LOGARITHMS,
    )
    sizes = ((3, 3), (1, 4), (5, 2))
    batches = [tuple(check.normal(*size)) for size in sizes]
    batches.append((np.array([1e4, -1e4, 0.0]), np.array([800.0, -1e4])))
    for real, fake in batches:
        found = check.unpack(check.call(answer, real, fake), "loss, dreal, dfake")
        check.no_warnings()
        expected, backward = nn.vjp(nn.discriminator_loss, real, fake)
        sums = np.logaddexp(0, -real).sum() + np.logaddexp(0, fake).sum()
        count = real.size + fake.size
        check.close(
            found[0],
            expected,
            hints={
                "That is V. The loss is what the judge wants to be small": -expected,
                "Take the mean over each batch": sums,
                "Each of the two means is over its own batch, and not over both": sums / count,
            },
            name="loss",
        )
        for name, value, right in zip(("dreal", "dfake"), found[1:], backward(), strict=True):
            check.shape(value, right.shape, name=name)
            check.close(
                value,
                right,
                hints={
                    "Its sign is that of V's gradient": -right,
                    "The mean has left its 1/N or 1/M in the gradient": right * right.size,
                    "The mean is over its own batch, and not over both": right * right.size / count,
                },
                name=name,
            )
    check.done()


def best_answer(answer: Any) -> None:
    """8.4: the best judge when the heap is not half and half."""
    check = Check("8.4", "an unequal heap", answer)
    for share in (0.9, 0.2, 0.5):
        p_data, p_g = check.rng.uniform(0.05, 2, size=(2, 6))
        case = f"densities of 6 points, share {share} real"
        D = check.call(answer, p_data, p_g, share, case=case)
        check.shape(D, p_data.shape)
        right = share * p_data / (share * p_data + (1 - share) * p_g)
        turned = (1 - share) * p_data / ((1 - share) * p_data + share * p_g)
        check.close(
            D,
            right,
            hints={
                "This is the best judge of a heap that is half and half": p_data / (p_data + p_g),
                "This is the share of what was generated": 1 - right,
                "Here `share` is taken for the share of what was generated": turned,
                "Both terms of the value get their weight, share and 1 - share": (
                    share * p_data / (p_data + p_g)
                ),
            },
        )
        D = np.asarray(D)
        slope = share * p_data / D - (1 - share) * p_g / (1 - D)
        check.that(np.abs(slope) < 1e-6, "At the best answer the weighted value has no slope.")
    check.done()


def look_ahead(answer: Any) -> None:
    """8.7: the matrix of a step that looks ahead."""
    check = Check("8.7", "look before you step", answer)
    for rate in (0.1, 0.5, 0.9):
        matrix = check.call(answer, rate)
        check.shape(matrix, (2, 2))
        turn = rate * np.array([[0.0, -1.0], [1.0, 0.0]])
        at_once = np.eye(2) + turn
        right = np.eye(2) + turn @ at_once
        check.close(
            matrix,
            right,
            hints={
                "This is a step of both at once, without looking ahead": at_once,
                "This is two steps. Go back to the old point before the second": at_once @ at_once,
                "This is a step of the two in turn, the generator first": (
                    np.array([[1, -rate], [rate, 1 - rate**2]])
                ),
                "This is a step of the two in turn, the judge first": (
                    np.array([[1 - rate**2, -rate], [rate, 1]])
                ),
                "This is for the chapter's game, V = −θw. Here it has the other sign": right.T,
                "This is a step of both at once, in the chapter's game. Here they look ahead, and "
                "the game has the other sign": at_once.T,
            },
        )
        largest = np.abs(np.linalg.eigvals(np.asarray(matrix))).max()
        check.that(largest < 1, "Every step should come nearer to the solution.")
    check.done()


def stamps(answer: Any) -> None:
    """8.9: transposed convolution, stamp by stamp."""
    check = Check(
        "8.9", "stamps", answer, without=unaided.GRADIENTS + unaided.CONV2D + unaided.TRANSPOSED
    )
    for size, kernel, stride in [((2, 2), (2, 2), 1), ((2, 3), (3, 2), 2), ((3, 2), (2, 2), 3)]:
        x, K = check.normal(size, kernel)
        case = f"a picture {size}, a kernel {kernel}, stride {stride}"
        y = check.call(answer, x, K, stride, case=case)
        right = nn.conv_transpose2d(x[None, :, :, None], K[:, :, None, None], stride=stride)
        right = right[0, :, :, 0]
        last = np.zeros(right.shape)
        for i, j in np.ndindex(size):
            place = np.s_[i * stride : i * stride + kernel[0], j * stride : j * stride + kernel[1]]
            last[place] = x[i, j] * K
        turned = nn.conv_transpose2d(x[None, :, :, None], K[::-1, ::-1, None, None], stride=stride)
        check.shape(y, right.shape)
        check.close(
            y,
            right,
            hints={
                "Where stamps overlap only the last one is left": last,
                "The kernel is turned. A stamp is laid down as it stands": turned[0, :, :, 0],
            },
        )
    check.done()
