"""The check of exercise 9.9: an all-reduce on a ring, each rank a program of its own."""

import math
import queue
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from nnlearn.arrays.backend import to_numpy
from nnlearn.exercises import wording
from nnlearn.exercises.checking import Check

MOST = 1000  # messages of a rank; then it will never end


class NoMessageError(RuntimeError):
    """A rank waits for a message, and its left neighbour has ended."""


class Ring:
    """Ranks that run at the same time, each with a line to its right neighbour and to no other.

    Parameters
    ----------
    p : int
        The number of ranks.

    Attributes
    ----------
    sizes : list of list of int
        For each rank the sizes of the messages that it sent.
    """

    def __init__(self, p: int) -> None:
        self.p = p
        self.lines: list[queue.SimpleQueue[Any]] = [queue.SimpleQueue() for _ in range(p)]
        self.sizes: list[list[int]] = [[] for _ in range(p)]
        self.results: list[Any] = [None] * p
        self.errors: list[BaseException] = []

    def run(self, answer: Callable[..., Any], vectors: list[Any]) -> list[Any]:
        """Run the answer once for each rank, side by side, and return what they return."""
        threads = [
            threading.Thread(target=self._rank, args=(answer, r, vectors[r]), daemon=True)
            for r in range(self.p)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.errors:  # that a rank gets no message may be another one's fault
            raise min(self.errors, key=lambda error: isinstance(error, NoMessageError))
        return self.results

    def _rank(self, answer: Callable[..., Any], r: int, vector: Any) -> None:
        try:
            self.results[r] = answer(r, self.p, vector, lambda message: self._exchange(r, message))
        except BaseException as error:  # it is raised again where the ranks are joined
            self.errors.append(error)
        finally:
            self.lines[(r + 1) % self.p].put(None)  # nobody waits for ever

    def _exchange(self, r: int, message: Any) -> Any:
        """Send a copy to the right neighbour, and return what comes from the left one."""
        try:
            sent = np.array(message)
        except ValueError:  # such as a tuple of a number and an array
            sent = np.array(None)
        if sent.dtype.kind not in "fiu":
            raise TypeError(f"a message should be an array; it is {wording.kind(message)}")
        self.sizes[r].append(sent.size)
        if len(self.sizes[r]) > MOST:
            raise RuntimeError(f"rank {r} has sent {MOST} messages and goes on")
        self.lines[(r + 1) % self.p].put(sent)
        came = self.lines[r].get()
        if came is None:
            raise NoMessageError(f"rank {r} waits for a message of rank {(r - 1) % self.p}, which "
                                 "has ended")  # fmt: skip
        return came


def _results(check: Check, answer: Any, vectors: list[Any], case: str) -> tuple[Ring, list[Any]]:
    """Return the ring that was used, and each rank's vector at the end."""
    p, shape = len(vectors), vectors[0].shape
    ring = Ring(p)

    def ranks(vectors: list[Any]) -> list[Any]:
        return ring.run(answer, vectors)

    if not callable(answer):
        check.call(answer)  # which says so
    ranks.__name__ = getattr(answer, "__name__", "your function")
    results = check.call(ranks, vectors, case=case)
    if any(result is None for result in results):
        check.fail("A rank gave back nothing. Is the `return` missing?")
    for r, result in enumerate(results):
        check.shape(result, shape, name=f"What rank {r} returns")
    return ring, [to_numpy(result) for result in results]


def _every_rank_once(check: Check, answer: Any, p: int) -> None:
    """Give rank r the number 1000^r everywhere: the digits of a sum tell what is in it."""
    vectors = [np.full(2 * p, 1000.0**r) for r in range(p)]
    case = f"{p} ranks, where rank r has the number 1000^r in all {2 * p} places"
    _, results = _results(check, answer, vectors, case)
    whole = np.full(2 * p, sum(1000.0**r for r in range(p)))
    if all(np.array_equal(result, vectors[r]) for r, result in enumerate(results)):
        check.fail("Each rank returns the vector that it was given.")
    for r, result in enumerate(results):
        place = int(np.argmax(result != whole))
        check.that(
            np.array_equal(result, whole),
            f"In what rank {r} returns, place {place} is not the sum. "
            f"{_what_is_there(float(result[place]), results, whole, p)}".strip(),
        )


def _what_is_there(value: float, results: list[Any], whole: Any, p: int) -> str:
    """Say of which ranks the numbers are that were added up, and what that may come from."""
    if math.isclose(value, whole[0] / p):
        return "It is the mean of all ranks."
    if not 0 <= value < 1000.0**p or value != np.floor(value):
        return ""
    times = [int(value) // 1000**s % 1000 for s in range(p)]
    told = ", ".join(f"{n} of rank {s}" for s, n in enumerate(times))
    text = f"Numbers added up there: {told}. One of each is wanted."
    if max(times) > 1:
        text += " What comes on the second way round is whole already."
    elif all(np.sum(result == whole) == len(whole) // p for result in results):
        text += " Each rank knows one block of the sum. The others want it too."
    return text


def all_reduce(answer: Any) -> None:
    """9.9: the ring, as a program for one rank."""
    check = Check("9.9", "round the ring", answer)
    _every_rank_once(check, answer, 4)
    for p, m in ((3, 12), (2, 6), (5, 20), (1, 4)):
        vectors = check.normal(*[m] * p)
        ring, results = _results(check, answer, vectors, f"{p} ranks, vectors of {m} numbers")
        for r, result in enumerate(results):
            whole = np.sum(vectors, axis=0)
            moved = np.allclose(np.sort(result), np.sort(whole), rtol=1e-12)
            hints = {"The numbers are right, but not in their order": result if moved else np.nan}
            check.close(result, whole, hints, rtol=1e-12, name=f"Rank {r}'s sum")
        check.that(
            all(np.array_equal(result, results[0]) for result in results),
            "The sums differ in their last digits from rank to rank: each has added for itself, "
            "in an order of its own. Then the ranks walk apart.",
        )
        for r, sizes in enumerate(ring.sizes):
            check.that(
                len(sizes) == 2 * (p - 1),
                f"Rank {r} sends {len(sizes)} messages, expected {2 * (p - 1)}.",
            )
            check.that(
                all(size == m // p for size in sizes),
                f"Rank {r} sends messages of {max(sizes, default=0)} numbers. In a ring of {p} "
                f"each has {m // p}.",
            )
    check.done()
