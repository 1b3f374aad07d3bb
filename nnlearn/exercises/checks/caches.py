"""The check of exercise 11.9: one step of generation with a cache, and the bill of all steps."""

from typing import Any

import numpy as np

from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.attention_values import looked, softmax
from nnlearn.exercises.mismatch import outcomes


def _whole(
    X: Any, weights: tuple[Any, ...], heads: int, *, blind: bool = False, last: bool = True,
    strided: bool = False, divisor: float = 1.0, together: bool = False, turned: str = "",
) -> Any:  # fmt: skip
    """Return causal attention of the whole sequence X (T, D); the keywords make mistakes."""
    W_q, W_k, W_v, W_o = (
        W.T if name in turned else W for name, W in zip("qkvo", weights, strict=True)
    )
    y = np.empty(X.shape)
    for t, x in enumerate(X):
        seen = X[: t if blind and t else t + 1]
        q, K, V = W_q @ x, seen @ W_k.T, seen @ W_v.T
        o, D = np.empty(len(x)), len(x)
        for j in range(heads):
            own = slice(j, None, heads) if strided else slice(j * D // heads, (j + 1) * D // heads)
            o[own] = looked(q[None, own], K[:, own], V[:, own], divisor=divisor)[0]
        if together:
            o = looked(q[None], K, V)[0]
        y[t] = W_o @ o if last else o
    return y


def _across(X: Any, weights: tuple[Any, ...], heads: int) -> Any:
    """Return what comes of a softmax across the heads, in place of the keys."""
    W_q, W_k, W_v, W_o = weights
    y, d = np.empty(X.shape), X.shape[1] // heads
    for t, x in enumerate(X):
        q, K, V = W_q @ x, X[: t + 1] @ W_k.T, X[: t + 1] @ W_v.T
        q, K, V = q.reshape(heads, d), K.reshape(-1, heads, d), V.reshape(-1, heads, d)
        p = softmax((K * q).sum(axis=2) / d**0.5)
        y[t] = W_o @ (p[:, :, None] * V).sum(axis=0).reshape(-1)
    return y


def _step_mistakes(D: int, heads: int) -> dict[str, Any]:
    d = D // heads
    return {
        "The newest position sees itself too: its key and value are put into the cache before "
        "it looks": {"blind": True},
        "W_o is missing": {"last": False},
        "A head has D/h components, and √(D/h) divides its scores": {"divisor": heads**0.5},
        "The scores are not divided": {"divisor": d**-0.5},
        "Each head has its own scores, and its own softmax": {"together": True},
        "A head has neighbouring components: the first D/h of them, then the next": {
            "strided": True
        },
        "W_q is transposed: the query is W_q x": {"turned": "q"},
        "W_o is transposed: y is W_o o": {"turned": "o"},
        "W_q and W_o are transposed: the query is W_q x, and y is W_o o": {"turned": "qo"},
    }


def _generate(check: Check, step: Any, T: int, D: int, heads: int) -> None:
    """Run the learner's step through a sequence, and compare with the whole computation."""
    X, *matrices = check.normal((T, D), *[(D, D)] * 4)
    weights = tuple(W / D**0.5 for W in matrices)
    W_q, W_k, W_v, _ = weights
    right, across = _whole(X, weights, heads), _across(X, weights, heads)
    wrong = outcomes(_whole, X, weights, heads, mistakes=_step_mistakes(D, heads))
    cache: Any = (np.zeros((0, D)), np.zeros((0, D)))
    for t, x in enumerate(X):
        case = f"D = {D}, {heads} heads; the cache holds {t} positions"
        found = check.call(step, x, cache, *weights, heads, case=case)
        y, cache = check.unpack(found, "y, cache")
        cache = check.unpack(cache, "K, V")
        K, V = X[: t + 1] @ W_k.T, X[: t + 1] @ W_v.T
        for name, value, full, other in (("K", cache[0], K, V), ("V", cache[1], V, K)):
            check.shape(value, full.shape, name=f"{name} in the new cache")
            hints = {
                "Keys and values are exchanged": other,
                "The newest comes last": np.roll(full, 1, axis=0),
                "The cache holds what W makes of x, and not x itself": X[: t + 1],
                "The cache holds keys. These are queries": X[: t + 1] @ W_q.T,
                "W is transposed: a key is W_k x, a value W_v x": (
                    X[: t + 1] @ (W_k if name == "K" else W_v)
                ),
            }
            check.close(value, full, hints, name=f"{name} in the new cache")
        check.shape(y, (D,), name="y")
        hints = {text: Y[t] for text, Y in wrong.items()}
        over_heads = "The softmax goes over the keys, for each head. It goes over the heads here"
        hints[over_heads] = across[t]
        check.close(y, right[t], hints, name="y")


def _dense(t: int, D: int) -> int:
    return 4 * t * D * D


def _square(t: int, D: int) -> int:
    return 2 * t * t * D


def _bill(check: Check, answer: Any, T: int, D: int, hidden: int) -> None:
    found = check.call(answer, T, D, hidden)
    again, cached, crossing = check.unpack(found, "again, cached, crossing")
    steps = range(1, T + 1)
    right = sum(_dense(t, D) + _square(t, D) for t in steps)
    once = _dense(T, D) + _square(T, D)
    check.number_close(
        again,
        right,
        {
            "This is the last step alone. Every step before it computed all that was there then": (
                once
            ),
            "The steps are not all as long as the last one": T * once,
            "The four dense maps are missing": sum(_square(t, D) for t in steps),
            "Scores and mean are missing": sum(_dense(t, D) for t in steps),
            "Scores and mean take two products for each pair": (
                sum(_dense(t, D) + _square(t, D) / 2 for t in steps)
            ),
            "There are four dense maps": sum(_dense(t, D) / 4 + _square(t, D) for t in steps),
            "The last step is missing: there are T of them": (
                sum(_dense(t, D) + _square(t, D) for t in steps[:-1])
            ),
            "It is the layer of attention alone, without the small network": sum(
                _dense(t, D) + _square(t, D) + 2 * t * D * hidden for t in steps
            ),
        },
        rtol=1e-9,
        name="again",
    )
    right_cached = sum(_dense(1, D) + 2 * t * D for t in steps)
    check.number_close(
        cached,
        right_cached,
        {
            "This is the whole computation, once. A new query looks only at those that are there": (
                once
            ),
            "That is one step, the last": _dense(1, D) + 2 * T * D,
            "Each step looks at itself too: at t keys, and not t − 1": (
                sum(_dense(1, D) + 2 * (t - 1) * D for t in steps)
            ),
            "The cache has the keys and values. The four dense maps of the newest are still to "
            "be done": sum(2 * t * D for t in steps),
            "Two of the dense maps make the newest key and value, one its query, and one its y": (
                sum(_dense(1, D) / 2 + 2 * t * D for t in steps)
            ),
            "Scores and mean take two products for each pair": (
                sum(_dense(1, D) + t * D for t in steps)
            ),
            "This is as much as without a cache": right,
        },
        rtol=1e-9,
        name="cached",
    )
    _crossing(check, crossing, D, hidden)


def _crossing(check: Check, crossing: Any, D: int, hidden: int) -> None:
    lengths = np.arange(1, 10 * (D + hidden))
    pairs = 2 * lengths**2 * D
    rest = 4 * lengths * D * D + 2 * lengths * D * hidden
    right = int(lengths[pairs > rest][0])
    check.number_close(
        crossing,
        right,
        {
            "There both cost the same. From the next length on one of them costs more": right - 1,
            "That holds if hidden is 4 D": 6 * D + 1,
            "That holds if hidden is 4 D, and there both cost the same": 6 * D,
            "The small network is part of the rest": 2 * D + 1,
            "The four dense maps are part of the rest": hidden + 1,
            "The small network has two dense maps": 2 * D + hidden // 2 + 1,
            "Scores and mean take T² D multiplications each": 2 * (2 * D + hidden) + 1,
        },
        rtol=0.0,
        atol=1e-6,
        name="crossing",
    )


def generation(step: Any, bill: Any) -> None:
    """11.9: a step with a cache, and what it saves."""
    check = Check("11.9", "read once", step, bill, without=unaided.ATTENTION)
    for T, D, heads in ((5, 6, 2), (4, 4, 1), (6, 12, 4), (2, 3, 3)):
        _generate(check, step, T, D, heads)
    for T, D, hidden in ((3, 2, 8), (10, 16, 64), (200, 24, 30), (1, 5, 7)):
        _bill(check, bill, T, D, hidden)
    check.done()
