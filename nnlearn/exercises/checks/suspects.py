"""Five operations for exercise 3.8; the backward functions of some are wrong on purpose."""

from typing import Any

import numpy as np

import nnlearn as nn


@nn.differentiable
def suspect_a(x: Any) -> Any:
    """y = log(1 + x²)."""
    return np.log1p(x * x), lambda dy: dy * 2 * x / (1 + x * x)


@nn.differentiable
def suspect_b(x: Any) -> Any:
    """y = x²."""
    return x * x, lambda dy: dy * 2 * abs(x)


@nn.differentiable
def suspect_c(x: Any) -> Any:
    """y = the mean of x (N, D) over its rows."""
    return x.mean(axis=0), lambda dy: 0 * x + dy


@nn.differentiable
def suspect_d(x: Any) -> Any:
    """y = x clipped to the range from -2 to 2."""
    return np.clip(x, -2, 2), lambda dy: +dy


@nn.differentiable
def suspect_e(x: Any) -> Any:
    """y = max(x, 0)."""
    return np.maximum(x, 0), lambda dy: dy * (x > 0)


suspects = {"a": suspect_a, "b": suspect_b, "c": suspect_c, "d": suspect_d, "e": suspect_e}
