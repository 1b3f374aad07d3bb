"""Checks of the exercises of chapter 9 about one batch on many ranks: gradient and moments."""

from typing import Any

import numpy as np

from nnlearn.arrays.backend import to_numpy
from nnlearn.exercises.checking import Check


def _shards(check: Check, counts: list[int], features: int) -> list[tuple[Any, Any]]:
    """Return x and y of each rank; what later ranks have is larger."""
    return [
        (
            r + check.rng.normal(size=(n, features)),
            r + check.rng.normal(size=n),
        )
        for r, n in enumerate(counts)
    ]


def _gradient(theta: Any, x: Any, y: Any) -> Any:
    """Return the gradient of the mean of (x · θ - y)²/2; for no examples it is NaN."""
    if len(y) == 0:
        return np.full(theta.shape, np.nan)
    return (x @ theta - y) @ x / len(y)


def shard_gradient(answer: Any) -> None:
    """9.7: the gradient of the whole batch, from those of the ranks."""
    check = Check("9.7", "unequal shards", answer)
    for sizes in ([2, 3, 2, 3], [5, 1], [4], [3, 0, 2], [0, 0, 6, 1]):
        counts, theta = np.array(sizes), check.rng.normal(size=5)
        shards = _shards(check, sizes, 5)
        gradients = np.array([_gradient(theta, x, y) for x, y in shards])
        whole = _gradient(theta, *(np.concatenate(parts) for parts in zip(*shards, strict=True)))
        g = check.call(answer, counts, gradients, case=f"ranks with {sizes} examples")
        check.shape(g, theta.shape, name="The gradient")
        if 0 in sizes:
            check.that(
                np.isfinite(to_numpy(g)),
                "It has NaN, from a rank without examples. What is 0 times NaN?",
            )
        known = np.nan_to_num(gradients)
        check.close(
            g,
            whole,
            hints={
                "This is the plain mean over the ranks: a rank with few examples counts as much "
                "as one with many": known.mean(axis=0),
                "This is the plain mean over the ranks that have examples": (
                    known[counts > 0].mean(axis=0)
                ),
                "This is the gradient of the sum of all losses, not of their mean": (
                    counts @ known
                ),
                "The shares add up to 1 already: nothing is left to divide by": (
                    counts @ known / counts.sum() / len(counts)
                ),
                "It is divided by the number of ranks. How many examples are there?": (
                    counts @ known / len(counts)
                ),
                "The ranks' gradients are added as if each were a share already": (
                    known.sum(axis=0)
                ),
            },
            name="The gradient",
        )
    check.done()


def whole_moments(answer: Any) -> None:
    """9.8: mean and variance of the whole batch, from those of the ranks."""
    check = Check("9.8", "the moments of the whole batch", answer)
    for sizes, features in (([2, 3, 2, 3], 3), ([7, 1], 2), ([1, 4, 1], 5), ([6], 4)):
        shards = [x for x, _ in _shards(check, sizes, features)]
        x, n = np.concatenate(shards), np.array(sizes)[:, None]
        means, variances = (np.array([f(s, axis=0) for s in shards]) for f in (np.mean, np.var))
        mean, share = x.mean(axis=0), n / n.sum()
        case = f"ranks with {sizes} examples, {features} features"
        result = check.call(answer, np.array(sizes), means, variances, case=case)
        found_mean, found_variance = check.unpack(result, "mean, variance")
        plain = means.mean(axis=0)
        within, between = (share * variances).sum(axis=0), (means - mean) ** 2
        check.close(
            found_mean,
            mean,
            hints={"This is the plain mean over the ranks. Some have more examples": plain},
            name="mean",
        )
        check.close(
            found_variance,
            x.var(axis=0),
            hints={
                "The ranks' means differ too, and that is variance": within,
                "What the ranks' means differ by is weighted too": within + between.mean(axis=0),
                "All is plain, nothing is weighted": (variances + between).mean(axis=0),
                "The ranks' means differ too, and ranks with more examples count more": (
                    variances.mean(axis=0)
                ),
                "`np.var` of the means takes them plain. Some ranks have more examples": (
                    within + means.var(axis=0)
                ),
                "This is the standard deviation, the root of the variance": x.std(axis=0),
                "What the ranks have are variances already, and not squared again": (
                    (share * (variances**2 + between)).sum(axis=0)
                ),
                "This is the mean of the squares, and the mean is not 0": (x**2).mean(axis=0),
                "What the means differ by makes the variance larger, not smaller": (
                    within - (share * between).sum(axis=0)
                ),
                "So one pools samples that have one mean. Here the ranks' means differ": (
                    ((n - 1) * variances).sum(axis=0) / max(n.sum() - len(n), 1)
                ),
                "This is the variance between the ranks alone": (share * between).sum(axis=0),
                "This is the variance that divides by n - 1": (
                    x.var(axis=0) * len(x) / max(len(x) - 1, 1)
                ),
                "What the means differ by stands squared": (
                    within + (share * np.abs(means - mean)).sum(axis=0)
                ),
                "The ranks' variances are weighted too": (
                    variances.mean(axis=0) + (share * between).sum(axis=0)
                ),
                "They differ from the mean of the whole batch, not from the ranks' plain mean": (
                    within + (share * (means - plain) ** 2).sum(axis=0)
                ),
            },
            name="variance",
        )
    check.done()
