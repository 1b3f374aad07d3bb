"""The check of exercise 9.6: a sum in pairs, in the array's own dtype."""

import math
from typing import Any

import numpy as np

from nnlearn.arrays.backend import to_numpy
from nnlearn.exercises.checking import Check

DTYPES = ("float32", "float16", "float64")


def _alike(check: Check, n: int, dtype: str) -> tuple[Any, Any]:
    """Return n equal numbers and their sum in pairs, which is none of the mistakes' sums.

    With n = 2^k - 1 all trees of depth k have one shape, but for left and right. So numbers that
    are all alike have one sum, whichever of them are made pairs.
    """
    while True:
        x = np.full(n, check.rng.uniform(0.5, 1), dtype=dtype)
        # The sum of 2^j - 1 of them: that of 2^(j-1), which is exact, and that of 2^(j-1) - 1.
        right, exact = x[0], x.dtype.type(math.fsum(x.tolist()))
        for j in range(1, n.bit_length()):
            right = x.dtype.type(2**j) * x[0] + right
        in_order = np.add.accumulate(x)[-1]
        if len({float(s) for s in (right, exact, in_order)}) == 3:
            return x, right


def _equal_numbers(check: Check, answer: Any, n: int, dtype: str) -> None:
    x, right = _alike(check, n, dtype)
    exact = math.fsum(x.tolist())
    s = check.call(answer, x, case=f"{n} equal numbers in {dtype}")
    u, depth = float(np.finfo(dtype).eps) / 2, n.bit_length()
    check.shape(s, (), name="The sum")
    near = abs(float(to_numpy(s)) - exact) <= n * u * exact
    check.close(
        s,
        right,
        hints={
            "This is the sum in order, one number after the other": np.add.accumulate(x)[-1],
            "This is a sum in float64. Every addition should be one of x's own dtype": exact,
            "This sum is as exact as one of a finer dtype. Is each addition one of x's own dtype, "
            "and are few of them behind one another?": x.dtype.type(exact),
            "Where their count is odd, a number is lost": x[0] * x.dtype.type((n + 1) // 2),
            "Where their count is odd, a number is added twice": x[0] * x.dtype.type(n + 1),
            "This is what `np.sum` gives. It adds short runs one after the other": np.sum(x),
            f"It is close. But with at most {depth} additions for each number, all in {dtype}, "
            "the last digits would be others. Which number passes through more?": (
                s if near else np.nan
            ),
        },
        rtol=u / 4,
        atol=0.0,
        name="The sum",
    )
    check.shape(s, (), dtype, name="The sum")


def _within_bound(check: Check, answer: Any, n: int, dtype: str) -> None:
    x = check.rng.normal(size=n).astype(dtype)
    s = check.call(answer, x, case=f"{n:,} normal numbers in {dtype}")
    check.shape(s, (), dtype, name="The sum")
    u, depth = float(np.finfo(dtype).eps) / 2, math.ceil(math.log2(n))
    bound = math.expm1(depth * math.log1p(u)) * math.fsum(np.abs(x).tolist())
    off = abs(float(to_numpy(s)) - math.fsum(x.tolist()))
    check.that(
        off <= bound,
        f"It is off by {off:.2g}, and with a depth of {depth} by at most {bound:.2g}. Is each "
        "number added once, and does it pass through few additions?",
    )


def sum_in_pairs(answer: Any) -> None:
    """9.6: pairs, and pairs of pairs."""
    check = Check("9.6", "a sum in pairs", answer)
    for dtype in DTYPES:
        s = check.call(answer, np.zeros(0, dtype), case=f"no numbers, {dtype}")
        check.shape(s, (), dtype, name="The sum")
        check.that(float(to_numpy(s)) == 0.0, "The sum of no numbers is 0.")
        for n in (255, 63, 15):
            _equal_numbers(check, answer, n, dtype)
        for n in (1, 2, 3, 100, 613):
            _within_bound(check, answer, n, dtype)
    _within_bound(check, answer, 1_000_000, "float32")
    check.done()
