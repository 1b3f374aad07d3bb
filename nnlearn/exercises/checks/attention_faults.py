"""The check of exercise 11.6: attention with a mask, in which four faults were planted."""

import functools
from typing import Any

import numpy as np

from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks.attention_values import looked, scores_of, sizes_of, softmax

SQUARE = (4, 4, 4, 3)  # as in the trial that found nothing


def _weights(q: Any, k: Any, mask: Any) -> Any:
    return softmax(np.where(mask, scores_of(q, k), -np.inf))


def _masked(mask: Any, q: Any, k: Any, v: Any) -> Any:
    return _weights(q, k, mask) @ v


def _values(check: Check, look: Any) -> None:
    """Compare the output: first where all may be seen, then with a mask."""
    for T, S, d, e in (SQUARE, (3, 5, 2, 4), (2, 6, 3, 1), (1, 1, 1, 1)):
        q, k, v = check.normal((T, d), (S, d), (S, e))
        o = _run(check, look, q, k, v, np.full((T, S), True), "all may be seen")[0]
        hints = {
            "The scores are to be divided by the root of d, the number of components. len(k) is "
            "the number of keys": looked(q, k, v, divisor=(S / d) ** 0.5),
            "The scores are not divided by √d any more": looked(q, k, v, divisor=d**-0.5),
            "The scores are divided by d, and not by its root": looked(q, k, v, divisor=d**0.5),
            "They are divided by the root of the number of queries. What is d?": (
                looked(q, k, v, divisor=(T / d) ** 0.5)
            ),
            "The softmax goes along the keys. It did": looked(q, k, v, axis=0),
            "All may be seen, and all count alike. The mask is True where a query may look": (
                np.tile(v.mean(axis=0), (T, 1))
            ),
        }
        check.close(o, looked(q, k, v), hints, name="o")
    for T, S, d, e in (SQUARE, (3, 5, 2, 4)):
        q, k, v = check.normal((T, d), (S, d), (S, e))
        mask = np.tri(T, S, S - T, dtype=bool)
        o = _run(check, look, q, k, v, mask, "a causal mask")[0]
        scores = scores_of(q, k)
        hints = {
            "The mask comes after the softmax, so the weights of a row have no longer the sum 1": (
                (mask * softmax(scores)) @ v
            ),
            "A score of 0 is not masked: e⁰ = 1": softmax(scores * mask) @ v,
            "Nothing is masked any more": softmax(scores) @ v,
            "The mask is True where a query may look": softmax(np.where(mask, -1e300, scores)) @ v,
        }
        check.close(o, _masked(mask, q, k, v), hints, name="o")


def _run(check: Check, look: Any, q: Any, k: Any, v: Any, mask: Any, what: str) -> Any:
    case = f"{sizes_of(len(q), len(k), k.shape[1], v.shape[1])}; {what}"
    return check.unpack(check.call(look, q, k, v, mask, case=case), "value, backward")


def mended(look: Any) -> None:
    """11.6: four faults, found by their equations."""
    check = Check("11.6", "four faults", look, without=unaided.ATTENTION + unaided.GRADIENTS)
    names = "dq, dk, dv"
    _values(check, look)
    for T, S, d, e in (SQUARE, (3, 5, 2, 4), (2, 6, 3, 1)):
        q, k, v, do = check.normal((T, d), (S, d), (S, e), (T, e))
        for what, mask in {
            "all may be seen": np.full((T, S), True),
            "a causal mask": np.tri(T, S, S - T, dtype=bool),
        }.items():
            _, backward = _run(check, look, q, k, v, mask, what)
            case = f"{sizes_of(T, S, d, e)}; {what}; its backward pass"
            found = check.unpack(check.call(backward, do, case=case), names)
            dq, dk, dv = _gradients(q, k, v, mask, do)
            check.close(found[2], dv, name="dv")
            check.close(found[0], dq, _wrong(0, q, k, v, mask, do), name="dq")
            check.close(found[1], dk, _wrong(1, q, k, v, mask, do), name="dk")
            weighted = functools.partial(_masked, mask)
            check.gradients(found, names, weighted, q, k, v, seed=do)
    check.done()


def _gradients(
    q: Any, k: Any, v: Any, mask: Any, do: Any, axis: int = 1, scale: float = 1.0
) -> tuple[Any, Any, Any]:
    p = _weights(q, k, mask)
    dp = do @ v.T
    ds = scale * p * (dp - (p * dp).sum(axis=axis, keepdims=True)) / q.shape[1] ** 0.5
    return ds @ k, ds.T @ q, p.T @ do


def _wrong(part: int, q: Any, k: Any, v: Any, mask: Any, do: Any) -> dict[str, Any]:
    """Return the hints for dq (part 0) or dk (part 1)."""
    d = q.shape[1]
    p, dp = _weights(q, k, mask), do @ v.T
    flat = p * (dp - (p * dp).sum(axis=1, keepdims=True)) / d**0.5
    hints = {
        "The sum in ds goes over the keys of one query": (
            _gradients(q, k, v, mask, do, axis=0)[part]
        ),
        "ds is multiplied by 1/√d twice": _gradients(q, k, v, mask, do, scale=d**-0.5)[part],
        "ds is not multiplied by 1/√d any more": (
            _gradients(q, k, v, mask, do, scale=d**0.5)[part]
        ),
        "The sum of p dp is not taken away any more": (
            (p * dp / d**0.5) @ k if part == 0 else (p * dp / d**0.5).T @ q
        ),
    }
    if len(q) == len(k):
        unkept = p * (dp - (p * dp).sum(axis=1)) / d**0.5
        hints["The sums stand in a row now: number t is taken from column t. `keepdims=True` lets "
              "them stand in a column"] = (unkept @ k, unkept.T @ q)[part]  # fmt: skip
        hints["A key gets its share from every query: ds is to be transposed"] = (
            flat @ q if part else flat.T @ k
        )
    return hints
