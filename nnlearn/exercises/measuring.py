"""Gradients measured by central differences: what the gradients of an answer are held against."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnlearn.checking import partial_derivative


def numerical_gradient(
    function: Callable[..., Any], *args: Any, wrt: int = 0, seed: Any = None
) -> Any:
    """Measure the gradient of sum(seed · function(*args)) by argument `wrt`, in float64.

    Source: eq-central-difference, with the step of eq-optimal-step.
    """
    x = np.asarray(args[wrt], dtype=np.float64)

    def scalar(vector: Any) -> float:
        moved = vector.reshape(x.shape) if x.ndim else vector[0]
        value = np.asarray(function(*args[:wrt], moved, *args[wrt + 1 :]))
        return float(np.sum(value if seed is None else seed * value))

    slopes = [partial_derivative(scalar, x.reshape(-1), k) for k in range(x.size)]
    return np.array(slopes).reshape(x.shape)
