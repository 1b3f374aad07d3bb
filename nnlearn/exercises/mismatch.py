"""Say in words how a learner's value differs from the right one, without showing the right one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnlearn.exercises.wording import sentence

Hints = Mapping[str, Any]


def outcomes(
    function: Callable[..., Any], *args: Any, mistakes: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return, as hints, what a function gives with the keywords of each mistake."""
    return {text: function(*args, **keywords) for text, keywords in mistakes.items()}


def part(mistakes: Mapping[str, Sequence[Any]], k: int) -> dict[str, Any]:
    """Return the hints for the k-th of several results."""
    return {text: results[k] for text, results in mistakes.items()}


def tolerance(value: Any, expected: Any, rtol: float | None, atol: float) -> float:
    """How far `value` may be from `expected`: relative to the largest expected entry.

    Without `rtol` it follows the coarser of the two dtypes: 1e-4 for float32, 1e-7 for float64.
    """
    if rtol is None:
        coarse = np.float32 in (value.dtype, expected.dtype)
        rtol = 1e-4 if coarse else 1e-7
    largest = float(np.max(np.abs(expected), initial=0.0))
    return atol + rtol * largest


def numbers(value: Any) -> Any:
    """Return an array with 1.0 for True and 0.0 for False, which cannot be subtracted."""
    return value.astype(float) if value.dtype == bool else value


def agrees(value: Any, expected: Any, allowed: float) -> bool:
    """Whether two arrays have one shape and differ nowhere by more than `allowed`."""
    if value.shape != expected.shape:
        return False
    value, expected = numbers(value), numbers(expected)
    with np.errstate(all="ignore"):
        near = np.abs(value - expected) <= allowed
    # Equal infinities count as near: their difference is NaN.
    return bool(np.all(near | (value == expected)))


def explain(value: Any, expected: Any, allowed: float, hints: Hints) -> str:
    """One or two sentences on what is wrong with `value`; the best matching explanation only.

    The hints given by the exercise come first, in their order, without those that would blame a
    mistake for the right value; then mistakes that can be seen
    without knowing the exercise (NaN, transposed, sign, constant factor); then the size of the
    error.
    """
    for hint, wrong in hints.items():
        if callable(wrong):
            wrong = wrong()
        wrong = np.asarray(wrong)
        if agrees(value, wrong, allowed) and not agrees(wrong, expected, allowed):
            return sentence(hint)
    if value.shape != expected.shape:
        return _shape(value, expected, allowed)
    if not np.all(np.isfinite(value)) and np.all(np.isfinite(expected)):
        return _not_finite(value)
    return _pattern(value, expected, allowed) or _size(value, expected, allowed)


def _shape(value: Any, expected: Any, allowed: float) -> str:
    text = f"It has shape {value.shape}; expected shape {expected.shape}."
    if value.ndim == 2 and agrees(value.T, expected, allowed):
        return text + " Your array is the transpose of the right one."
    if value.size == expected.size and agrees(value.ravel(), expected.ravel(), allowed):
        return text + " The numbers are right, only the shape is not."
    if value.size > expected.size and value.ndim > expected.ndim:
        return text + " Is a sum over one axis missing?"
    return text


def _not_finite(value: Any) -> str:
    nan, infinite = int(np.sum(np.isnan(value))), int(np.sum(np.isinf(value)))
    found = []
    if nan:
        found.append(f"{nan} NaN (not a number)")
    if infinite:
        found.append(f"{infinite} infinite")
    of = "" if value.ndim == 0 else f" among its {value.size} entries"
    return f"It has {' and '.join(found)}{of}; all must be finite."


def _pattern(value: Any, expected: Any, allowed: float) -> str:
    """A remark when a simple relation explains the whole difference, else an empty text."""
    square = value.ndim == 2 and value.shape[0] == value.shape[1]
    if square and agrees(value.T, expected, allowed):
        return "Your array is the transpose of the right one."
    if agrees(-value, expected, allowed):
        return "The sign is the wrong way round."
    right = np.abs(expected) > allowed
    # One number says nothing about a factor: any two numbers have one.
    if np.sum(right) >= 2 and np.all(np.isfinite(value)):
        ratio = value[right] / expected[right]
        factor = float(np.mean(ratio))
        if abs(factor) > 1e-3 and agrees(value / factor, expected, allowed / abs(factor)):
            return f"Every entry is the right one times {factor:.4g}."
    return ""


def _size(value: Any, expected: Any, allowed: float) -> str:
    error = np.abs(np.asarray(value, dtype=float) - np.asarray(expected, dtype=float))
    if value.ndim == 0:
        return f"It is off by {float(error):.3g}."
    if value.size == 1:
        return f"Its only entry is off by {float(error.reshape(())):.3g}."
    wrong = ~(error <= allowed)
    where = np.unravel_index(int(np.argmax(np.nan_to_num(error, nan=np.inf))), error.shape)
    index = ", ".join(str(int(i)) for i in where)
    count, off = int(np.sum(wrong)), f"is off by {float(error[where]):.3g}."
    if count == 1:
        return f"1 of its {value.size} entries is wrong: the one at index [{index}] {off}"
    return f"{count} of its {value.size} entries are wrong; the worst, at index [{index}], {off}"


def same(before: Any, after: Any) -> bool:
    """Whether nothing in nested tuples, lists, dicts and arrays has changed."""
    if isinstance(before, np.ndarray):
        return np.array_equal(before, after, equal_nan=before.dtype.kind == "f")
    if isinstance(before, tuple | list):
        return len(before) == len(after) and all(map(same, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(same(before[k], after[k]) for k in before)
    return True
