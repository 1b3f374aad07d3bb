"""What stands for an optimizer's `update` where the parameters are CuPy's: a step in one kernel.

The rules stay in `nnlearn.training.optimizers`. What they compute of numbers alone, such as Adam's
correction, is computed here and handed to the kernel, which is the same one at every step.
"""

from typing import Any

from nnlearn.arrays import fused
from nnlearn.arrays.typing import Array


def sgd(rule: Any, xp: Any, theta: Array, g: Array, v: Array | None = None) -> None:
    """Take a step of `SGD`: 2 kernels → 1, with momentum 4 → 1, Nesterov's 6 → 1.

    Weight decay takes two more.
    """
    rate = rule.rate
    if rule.weight_decay:
        g = g + rule.weight_decay * theta
    if v is None:
        fused.sgd(theta, g, rate)
    else:
        (fused.nesterov if rule.nesterov else fused.momentum)(theta, g, v, rule.momentum, rate)


def adam(rule: Any, xp: Any, theta: Array, g: Array, m: Array, s: Array) -> None:
    """Take a step of `Adam`: 15 kernels → 1. Weight decay takes one more."""
    beta1, beta2 = rule.betas
    if rule.weight_decay:
        theta *= 1 - rule.rate * rule.weight_decay
    most = float(xp.finfo(g.dtype).max ** 0.5)
    rate = rule.rate / (1 - beta1**rule.steps)
    corrections = 1 - beta1, 1 - beta2, 1 - beta2**rule.steps
    fused.adam(theta, g, m, s, -most, most, *corrections, rate, rule.eps)
