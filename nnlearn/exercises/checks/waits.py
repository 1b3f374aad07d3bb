"""Checks of the exercises of chapter 9 about the queue: when kernels are done, and who waits."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.remote import Remote, inner


def _queue(launches: Any, runs: Any, waits_after: Iterable[int], mistake: str = "") -> Any:
    """Return when each kernel is done, by eq-queue, or with one mistake in it."""
    waits, done = set(waits_after), []
    a = e = 0.0
    for k, (h, d) in enumerate(zip(launches, runs, strict=True)):
        if mistake == "before" and k in waits:
            a = max(a, e)
        a = a + h
        start = {"launched": a, "done": e}.get(mistake, max(a, e))
        e = start + d
        done.append(e)
        if k in waits and mistake != "before":
            a = {"added": a + e, "its own": a + d}.get(mistake, e)
    return np.array(done)


def _launched(launches: Any, done: Any, waits_after: Iterable[int]) -> Any:
    """Return when each kernel's note is in the queue."""
    times, a = [], 0.0
    for k, h in enumerate(launches):
        a = (done[k - 1] if k - 1 in waits_after else a) + h
        times.append(a)
    return np.array(times)


def finish_times(answer: Any) -> None:
    """9.4: when each kernel is done, and how long the device rests."""
    check = Check("9.4", "the queue", answer)
    cases: list[tuple[int, list[int]]] = [(6, []), (8, [2, 5]), (1, [0]), (20, [0, 3, 4, 11, 19])]
    for n, waits in cases:
        launches, runs = check.rng.uniform(1, 9, size=n), check.rng.uniform(1, 9, size=n)
        case = f"{n} kernels, the host waits after {waits}"
        found = check.call(answer, launches, runs, waits, case=case)
        done, idle = check.unpack(found, "done, idle")
        right = _queue(launches, runs, waits)
        check.shape(done, (n,), name="done")
        check.close(
            done,
            right,
            hints={
                "A wait changes nothing here. From when on does the host launch again?": (
                    _queue(launches, runs, ())
                ),
                "The host waits after every kernel, and not only where it should": (
                    _queue(launches, runs, range(n))
                ),
                "A kernel cannot begin before the one in front of it is done": (
                    _queue(launches, runs, waits, "launched")
                ),
                "A kernel cannot begin before its note is in the queue": (
                    _queue(launches, runs, waits, "done")
                ),
                "The host waits after these kernels, not before them, and the first one is "
                "kernel 0": _queue(launches, runs, waits, "before"),
                "Both clocks count from 0. Which time is it on both, when the wait is over?": (
                    _queue(launches, runs, waits, "added")
                ),
                "Those in front of it may not be done either: the wait can be longer than the "
                "kernel": _queue(launches, runs, waits, "its own"),
                "These are the times at which the notes are in the queue": (
                    _launched(launches, right, waits)
                ),
                "These are the times at which the kernels begin": right - runs,
            },
            name="done",
        )
        hints = {
            "This is the time at which the last kernel is done": right[-1],
            "This is the time in which the device works": np.sum(runs),
            "This is the time in which the host launches": np.sum(launches),
            "It is the device that rests. For how long does it work?": (
                right[-1] - np.sum(launches)
            ),
            "Before the first kernel the device rests too": right[-1] - np.sum(runs) - launches[0],
        }
        check.number_close(idle, right[-1] - np.sum(runs), hints, rtol=1e-9, name="idle")
    check.done()


def _gradient(theta: Any, batch: Any) -> tuple[Any, Any]:
    """Return the mean of (x · θ - y)²/2 over a batch, and its gradient."""
    x, y = batch
    error = x @ theta - y
    return (error**2).mean() / 2, x.T @ error / len(y)


def _walk(theta: Any, batches: Any, rate: float, clip: Callable[[Any], Any]) -> tuple[Any, Any]:
    losses = []
    for batch in batches:
        loss, g = _gradient(theta, batch)
        theta = theta - rate * clip(g)
        losses.append(loss)
    return theta, np.array(losses)


def waits_once(answer: Any) -> None:
    """9.5: a training loop that waits for the device once."""
    check = Check("9.5", "one wait", answer)
    for steps, limit in ((8, 1.0), (5, 1.2), (12, 0.6)):
        theta, w = check.normal(4, 4)
        batches = [(x, x @ w + 1) for x in check.normal(*[(16, 4)] * steps)]
        looks: list[str] = []
        on_device = [tuple(Remote(a, looks) for a in batch) for batch in batches]
        case = f"{steps} steps on a device, limit {limit}"
        start = Remote(theta.copy(), looks)
        given = (start, _gradient, on_device, 0.3, limit)
        # A Remote does not tell that it was changed, so it is given itself and then looked at.
        found = check.call(answer, *given, case=case, in_place=True)
        if found is None:
            check.fail("`train` gave back nothing. Is its `return` missing?")
        found_theta, mean = check.unpack(found, "theta, mean")
        for value, name in ((found_theta, "theta"), (mean, "The mean loss")):
            if isinstance(value, list | tuple):
                check.fail(f"{name} should be one alone; it is a list of {len(value)}.")
        if not np.array_equal(inner(start), theta):
            check.fail(
                "`train` changes the `theta` that it was given, and whoever gave it may need it "
                "again. Make a new array: `theta = theta - …`, and not `theta -= …`."
            )
        waits = Counter(looks)
        _same_walk(check, found_theta, mean, theta, batches, limit)
        told = ", ".join(f"{n} × {how}" for how, n in waits.items())
        check.that(
            waits.total() <= 1,
            f"In {steps} steps the host has waited {waits.total()} times for a number of the "
            f"device: {told}. Once is enough.",
        )
        check.that(
            not isinstance(mean, Remote),
            "The mean loss lies on the device still. Python wants a number, once all is done.",
        )
    check.done()


def _same_walk(
    check: Check, theta: Any, mean: Any, start: Any, batches: Any, limit: float
) -> None:  # fmt: skip
    """Check that the training is what it was: its last parameters, and its mean loss."""

    def clipped(g: Any) -> Any:
        return g * min(1.0, limit / np.linalg.norm(g))

    right, losses = _walk(start, batches, 0.3, clipped)
    hints = {
        "Long gradients are no longer shortened": _walk(start, batches, 0.3, lambda g: g)[0],
        "Gradients that are shorter than the limit should stay as they are": (
            _walk(start, batches, 0.3, lambda g: g * (limit / np.linalg.norm(g)))[0]
        ),
        "The other way round: a short gradient is stretched, and a long one left": (
            _walk(start, batches, 0.3, lambda g: g * max(1.0, limit / np.linalg.norm(g)))[0]
        ),
        "A long gradient should have the length `limit`, and not 1; a short one stays": (
            _walk(start, batches, 0.3, lambda g: g / max(np.linalg.norm(g), limit))[0]
        ),
        "The length is the root of the sum of squares": (
            _walk(start, batches, 0.3, lambda g: g * min(1.0, limit / np.sum(g**2)))[0]
        ),
        "Each entry is limited. It is the length of the gradient that should be": (
            _walk(start, batches, 0.3, lambda g: np.clip(g, -limit, limit))[0]
        ),
    }
    check.shape(theta, right.shape, name="theta")
    check.close(theta, right, hints, name="theta")
    hints = {
        "This is the sum of the losses, not their mean": losses.sum(),
        "This is the last loss alone": losses[-1],
        "The first loss is missing": losses[1:].sum() / len(losses),
    }
    check.number_close(mean, losses.mean(), hints, rtol=1e-9, name="The mean loss")
