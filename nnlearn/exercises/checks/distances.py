"""Checks of the exercises of chapter 8 that measure how far apart two distributions are."""

from typing import Any

import numpy as np

from nnlearn.exercises.checking import Check


def _relative_entropy(p: Any, m: Any) -> Any:
    kept = p > 0
    return np.sum(p[kept] * np.log(p[kept] / m[kept]))


def divergence(answer: Any) -> None:
    """8.8: the Jensen-Shannon divergence of two lists of shares."""
    check = Check("8.8", "a divergence of shares", answer)
    pairs = [check.rng.dirichlet(np.ones(5), size=2) for _ in range(2)]
    pairs += [np.array([[0.5, 0.5, 0, 0], [0, 0, 0.25, 0.75]])]  # nowhere both
    pairs += [np.array([[0.2, 0.8, 0.0], [0.5, 0.25, 0.25]]), np.array([[0.3, 0.7], [0.3, 0.7]])]
    for p, q in pairs:
        value = check.call(answer, p, q)
        check.no_warnings("A share of 0 adds nothing: leave those places out of the sum.")
        m = (p + q) / 2
        right = (_relative_entropy(p, m) + _relative_entropy(q, m)) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            kl, back = np.sum(p * np.log(p / q)), np.sum(q * np.log(q / p))
        check.number_close(
            value,
            right,
            hints={
                "Take half of each of the two": 2 * right,
                "The logarithm is the natural one": right / np.log(2),
                "This is KL(p, q). Compare each of the two with their mean": kl,
                "This compares p and q with each other. Compare each with their mean": (
                    (kl + back) / 2
                ),
                "Only one of the two is compared with the mean": _relative_entropy(p, m),
                "The mean m of the two is half their sum": right - np.log(2),
            },
            atol=1e-9,
            name="The divergence",
        )
        check.close(check.call(answer, q, p), right, atol=1e-9, name="With p and q exchanged, it")
    check.done()


def _root(S: Any) -> Any:
    """The exercise's own: it reads the lower triangle only, and takes a negative value for 0."""
    values, Q = np.linalg.eigh(S)
    return (Q * np.sqrt(np.maximum(values, 0))) @ Q.T


def frechet(answer: Any) -> None:
    """8.10: a distance that sees how features are correlated."""
    check = Check("8.10", "correlated features", answer)
    for size in (1, 2, 4):
        A, B = check.rng.normal(size=(2, size, size))
        S1, S2 = A @ A.T + 0.1 * np.eye(size), B @ B.T + 0.1 * np.eye(size)
        m1, m2 = check.rng.normal(size=(2, size))
        value = check.call(answer, m1, S1, m2, S2, case=f"two Gaussians with {size} features")
        root = _root(S1)
        both = np.sqrt(np.linalg.eigvalsh(root @ S2 @ root)).sum()
        means, traces = np.sum((m1 - m2) ** 2), np.trace(S1 + S2)
        check.number_close(
            value,
            means + traces - 2 * both,
            hints={
                "It still takes the root of each entry; the root of a matrix is another": (
                    means + traces - 2 * np.sqrt(np.diag(S1 * S2)).sum()
                ),
                "`root` takes a symmetric matrix, and S1 @ S2 is not symmetric": (
                    means + traces - 2 * np.trace(_root(S1 @ S2))
                ),
                "The product of two roots is not the root of the product": (
                    means + traces - 2 * np.trace(root @ _root(S2))
                ),
                "The root of the product is missing": means + traces - 2 * np.trace(S1 @ S2),
                "The means are missing": traces - 2 * both,
                "The root of the means' distance was taken; it stands squared here": (
                    np.sqrt(means) + traces - 2 * both
                ),
            },
            rtol=1e-6,
            name="The distance",
        )
        zero = check.call(answer, m1, S1, m1, S1, case="twice the same Gaussian")
        check.number_close(zero, 0, atol=1e-6, name="The distance")
    check.done()
