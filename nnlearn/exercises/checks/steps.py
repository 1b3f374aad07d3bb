"""The best step of exercise 3.6, for x⁴ at 1 in float32, and the steps that mistakes lead to."""

import numpy as np

EPS, EPS64 = float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps)

#: What eq-optimal-step recommends, with f = 1 and f''' = 24.
STEP = (3 * EPS / 24) ** (1 / 3)

#: What is wrong → the step that it leads to.
WRONG = {
    "This is the best step of float64; the question is about float32.": (EPS64 / 8) ** (1 / 3),
    "ε to the power 1/3 alone is the size. Put in f and f''' as well.": EPS ** (1 / 3),
    "f''' is missing: what is the third derivative of x⁴ at 1?": (3 * EPS) ** (1 / 3),
    "The factor of eq-optimal-step before ε is missing.": (EPS / 24) ** (1 / 3),
    "12 is the second derivative at 1; which one is in the truncation error?": (
        (3 * EPS / 12) ** (1 / 3)
    ),
    "f''' at 1 is a number; 4 is the first derivative there.": (3 * EPS / 4) ** (1 / 3),
    "That is the size where f and f''' are near 1. How large is f''' here?": 0.01,
    "The power is 1/3, not 1/2: that is for forward differences.": (EPS / 8) ** (1 / 2),
    "This is the best step of the forward difference.": 2 * (EPS / 12) ** (1 / 2),
    "The cube root is missing.": EPS / 8,
}


def near(step: float, other: float) -> bool:
    """Whether two steps differ by less than 5 %, which must be the same for every size."""
    return bool(abs(np.log(step / other)) <= 0.05)


def fault(step: float) -> str:
    """Say what is wrong with a step that is not the best one, but not by how much."""
    size = "too long" if step > STEP else "too short"
    far = "" if 0.1 < step / STEP < 10 else "far "
    return next(
        (text for text, wrong in WRONG.items() if near(step, wrong)), f"best_step is {far}{size}."
    )
