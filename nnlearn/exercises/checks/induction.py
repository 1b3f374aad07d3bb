"""Exercise 11.10: a circuit of two layers of attention, set by hand; and the check of it."""

from typing import Any

import numpy as np

from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.attention_values import softmax

SURE = 0.9  # what counts as looking there, and as written there
NAMES = "A1, B1, A2, B2"


def _layer(x: Any, A: Any, B: Any) -> tuple[Any, Any]:
    """Return where one causal layer looks, p (n, n), and x + p x Bᵀ."""
    scores = np.where(np.tri(len(x), dtype=bool), x @ A @ x.T, -np.inf)
    p = softmax(scores)
    return p, x + p @ x @ B.T


def _start(tokens: Any, K: int, D: int) -> Any:
    """Return what the first layer gets: token and position, one-hot."""
    x, at = np.zeros((len(tokens), D)), np.arange(len(tokens))
    x[at, tokens] = x[at, 3 * K + at] = 1
    return x


def two_layers(tokens: Any, K: int, A1: Any, B1: Any, A2: Any, B2: Any) -> tuple[Any, Any, Any]:
    """Run two layers of attention, and return where they look and what comes out.

    Parameters
    ----------
    tokens : array of int, shape (n,)
        Whole numbers below K. There are at most T of them.
    K : int
        How many kinds of token there are.
    A1, B1, A2, B2 : array, shape (D, D)
        The matrices of the first layer and of the second one, D = 3 K + T.

    Returns
    -------
    p1, p2 : array, shape (n, n)
        The weights of both layers.
    x : array, shape (n, D)
        The vectors after both.
    """
    A1, B1, A2, B2 = (np.asarray(matrix, dtype=float) for matrix in (A1, B1, A2, B2))
    p1, x = _layer(_start(np.asarray(tokens), K, len(A1)), A1, B1)
    p2, x = _layer(x, A2, B2)
    return p1, p2, x


def circuit(answer: Any) -> None:
    """11.10: matrices that continue what repeats itself."""
    check = Check("11.10", "the one after the last time", answer)
    for K, T, period, n in ((6, 12, 4, 12), (5, 9, 5, 9), (16, 40, 7, 40), (8, 30, 3, 17),
                            (3, 8, 2, 8), (20, 48, 20, 48), (4, 6, 1, 6)):  # fmt: skip
        D = 3 * K + T
        case = f"K = {K} tokens, T = {T} positions"
        matrices = check.unpack(check.call(answer, K, T, case=case), NAMES)
        for name, matrix in zip(NAMES.split(", "), matrices, strict=True):
            check.shape(matrix, (D, D), name=name)
            whole = np.all(np.isfinite(np.asarray(matrix, dtype=float)))
            check.that(whole, f"{name} has an entry that is no finite number.")
        given = [np.asarray(matrix, dtype=float) for matrix in matrices]
        for _ in range(3):
            tokens = np.tile(check.rng.permutation(K)[:period], n)[:n]
            _follow(check, tokens, K, period, given, f"{case}; the tokens {tokens.tolist()}")
    check.done()


def _follow(check: Check, tokens: Any, K: int, period: int, given: Any, case: str) -> None:
    """Check that from the second period on the next block holds the next token."""
    x = two_layers(tokens, K, *given)[2]
    known = np.arange(period, len(tokens))
    right = np.eye(K)[tokens[known - period + 1]]
    blocks = x[known, 2 * K : 3 * K]
    wrong = np.any(np.abs(blocks - right) > 1 - SURE, axis=1)
    if not wrong.any():
        check.that(True, "")
        return
    t = int(known[np.argmax(wrong)])
    got, asked = _shown(blocks[t - period]), int(tokens[t - period + 1])
    message = f"At t = {t} the next block should have 1 for token {asked}; it has {got}. "
    check.that(False, message + _where(tokens, K, t, period, *given), case)


def _shown(block: Any) -> str:
    found = [f"{value:.2f} for token {i}" for i, value in enumerate(block) if abs(value) > 0.05]
    return ", ".join(found) if found else "nothing"


def _where(tokens: Any, K: int, t: int, period: int, A1: Any, B1: Any, A2: Any, B2: Any) -> str:
    """Say which of the four matrices is the first that does not do its work."""
    x = _start(tokens, K, len(A1))
    return (
        _of_first(x, A1, t)
        or _of_copy(x, A1, B1, tokens, K, t)
        or _of_second(_layer(x, A1, B1)[1], A2, tokens, t, period)
        or _of_next(B2, K)
    )


def _of_first(x: Any, A1: Any, t: int) -> str:
    p, turned = _layer(x, A1, 0 * A1)[0], _layer(x, A1.T, 0 * A1)[0]
    before = float(np.min(np.diagonal(p, -1)))
    if before >= SURE:
        return ""
    if np.min(np.diagonal(turned, -1)) >= SURE:
        return "A1 is the transpose: its rows are for the query, its columns for the key."
    if np.min(np.diagonal(p)) >= SURE:
        return "In the first layer each position looks at itself, and not at the one before it."
    if np.ptp(p[t, : t + 1]) < 0.1:
        return "In the first layer a position looks at all that it sees alike."
    if np.argmax(p[t]) == t - 1:
        return (
            f"In the first layer position {t} looks at the one before it with a weight of only "
            f"{p[t, t - 1]:.2f}. What makes a softmax sharper?"
        )
    return f"In the first layer position {t} looks at position {int(np.argmax(p[t]))}."


def _of_copy(x: Any, A1: Any, B1: Any, tokens: Any, K: int, t: int) -> str:
    def copied(B: Any) -> bool:
        block = _layer(x, A1, B)[1][1:, K : 2 * K]
        return bool(np.all(np.abs(block - np.eye(K)[tokens[:-1]]) <= 1 - SURE))

    if copied(B1):
        return ""
    if copied(B1.T):
        return (
            "B1 is the transpose: its rows are for what is written, its columns for what is read."
        )
    return (
        "The first layer looks at the position before, but the token from there does not stand in "
        f"the block of the token before: that has {_shown(_layer(x, A1, B1)[1][t, K : 2 * K])}."
    )


def _of_second(x: Any, A2: Any, tokens: Any, t: int, period: int) -> str:
    p = _layer(x, A2, 0 * A2)[0][t, : t + 1]
    turned = _layer(x, A2.T, 0 * A2)[0][t, : t + 1]
    after = np.arange(1, t + 1)[tokens[:t] == tokens[t]]  # the token before stands there too
    if p[after].sum() >= SURE:
        return ""
    looks = "In the second layer"
    if turned[after].sum() >= SURE:
        return "A2 is the transpose: its rows are for the query, its columns for the key."
    if after[-1] not in (0, t) and p[0] > 0.3 and t % period == 0:
        return (
            f"{looks} position {t} also looks at position 0, with a weight of {p[0]:.2f}. Nothing "
            "stands before it, so there it has looked at itself. What stands in its block of the "
            "token before?"
        )
    if p[tokens[: t + 1] == tokens[t]].sum() >= SURE:
        return f"{looks} it looks where the same token stands, and not at the one after it."
    if np.ptp(p) < 0.1:
        return f"{looks} position {t} looks at all that it sees alike."
    if p[after].sum() > 2 * (t + 1 - len(after)) ** -1.0 * len(after):
        return (
            f"{looks} position {t} looks at the right one with a weight of only "
            f"{p[after].sum():.2f}. What makes a softmax sharper?"
        )
    return f"{looks} position {t} looks at position {int(np.argmax(p))}, and not at {after[-1]}."


def _of_next(B2: Any, K: int) -> str:
    rows, columns = slice(2 * K, 3 * K), slice(0, K)
    if np.allclose(B2.T[rows, columns], np.eye(K)):
        return (
            "B2 is the transpose: its rows are for what is written, its columns for what is read."
        )
    return "Both layers look at the right place. What does B2 read there, and where does it write?"
