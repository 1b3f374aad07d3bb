"""What the checks of several chapters write out: the sigmoid, and the sizes of a case."""

from typing import Any

import numpy as np


def sigmoid(z: Any) -> Any:
    """Return the sigmoid, from its definition."""
    return 1 / (1 + np.exp(-z))


def case_of(T: int, N: int, D: int, H: int) -> str:
    """Say the sizes of a recurrent layer's case."""
    return f"T = {T} steps, N = {N} sequences, D = {D} inputs, H = {H} units"
