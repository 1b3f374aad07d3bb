"""Optimizers: how the gradient of θ becomes a step of θ. They work in place, on whole vectors."""

import functools
import math
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np

from nnlearn.arguments import truth
from nnlearn.arrays import fused
from nnlearn.arrays.backend import array_namespace, on_host
from nnlearn.arrays.fast import blocks
from nnlearn.arrays.typing import Array
from nnlearn.layers.layer import Layer
from nnlearn.parameters import Parameters
from nnlearn.training import few_kernels
from nnlearn.usage import usage

#: What users of other libraries write, and what it is here.
_ELSEWHERE = {
    "zero_grad": "nothing is to be zeroed: every backward pass gives new gradients",
    "param_groups": "set optimizer.learning_rate",
    "lr": "it is optimizer.learning_rate",
    "state_dict": "its state is optimizer.memory and optimizer.steps; fit(checkpoint=...) keeps it",
    "apply_gradients": "it is optimizer.step(params, grads)",
    "minimize": "it is optimizer.step(params, grads)",
}
_ARGUMENTS = {"lr": "it is learning_rate", "params": "step(params, grads) takes them"}

#: η, or a function that gives it for each step, counted from 1
LearningRate = float | Callable[[int], float]


class Optimizer(ABC):
    """A rule for steps, with what it remembers from one step to the next.

    `memory` holds that, by name: arrays of the vector's shape. `steps` counts the steps. Both
    are what a checkpoint keeps. `learning_rate`, a number or a function of the step, may be set at
    any time; `rate` is its number now.
    """

    def __init__(self, learning_rate: LearningRate, weight_decay: float) -> None:
        self.learning_rate = learning_rate
        first = self._rate_of(1)  # what is no rate is refused at once
        if not _is_schedule(learning_rate):
            self.learning_rate = first
        self.weight_decay = _in_range(self, "weight_decay", weight_decay, 0, float("inf"))
        self.memory: dict[str, Array] = {}
        self.steps = 0
        self._rate: float | None = None  # of the step that is being taken
        self._moved: weakref.ref[Parameters] | None = None

    def __getattr__(self, name: str) -> Any:
        """Explain what other libraries have and this one does without."""
        ours = f"; {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{ours}")

    @property
    def rate(self) -> float:
        """η as a number: of the step that is being taken; between two steps, of the next one."""
        return self._rate_of(self.steps + 1) if self._rate is None else self._rate

    def _rate_of(self, step: int) -> float:
        """Return the learning rate of a step; refuse what is none."""
        value, name = self.learning_rate, "learning_rate"
        if _is_schedule(value):
            value, name = value(step), f"the learning_rate of step {step}"
        return _in_range(self, name, value, 0, float("inf"))

    def moved_others_than(self, params: Parameters) -> bool:
        """Whether the last step was with other parameters: what is remembered is not of these."""
        return self._moved is not None and self._moved() is not params

    def go_on(self, params: Parameters, memory: dict[str, Array], steps: int) -> None:
        """Take over what is remembered of so many steps with some parameters."""
        self.memory.update(memory)
        self.steps = steps
        self._moved = weakref.ref(params)

    def forget(self) -> None:
        """Begin anew: no step has been taken, and nothing of one is remembered."""
        self.memory.clear()
        self.steps = 0

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_moved": None}  # a copy may go on with a copy

    @usage("optimizer.step(params, grads)")
    def step(self, params: Parameters, grads: Parameters) -> None:
        """Take one step, in place; what a layer remembers of the pass is taken over.

        Parameters
        ----------
        params, grads : Parameters
            θ and the gradient of the loss by it, of the same form.

        Raises
        ------
        TypeError
            If one of them is something else.
        ValueError
            If the forms differ, or are not those of the first step.
        """
        for name, given in {"params": params, "grads": grads}.items():
            if not isinstance(given, Parameters):
                raise TypeError(
                    f"{type(self).__name__}.step: {name} is {type(given).__name__}, expected "
                    "Parameters"
                )
        theta, g = params.vector, grads.vector
        for name, vector in {"grads": g, **self.memory}.items():
            if vector.shape != theta.shape:
                raise ValueError(
                    f"{type(self).__name__}.step: {name} has shape {vector.shape}, expected that "
                    f"of the parameters, {theta.shape}"
                )
        xp, rate = array_namespace(theta, g), self.rate
        for name in self.remembers:
            if name not in self.memory:
                self.memory[name] = xp.zeros_like(theta)
        self.steps += 1
        self._moved = weakref.ref(params)
        update = _rule(self, theta)
        try:
            self._rate = rate
            for part in blocks(theta):
                update(xp, theta[part], g[part], *(self.memory[n][part] for n in self.remembers))
        finally:
            self._rate = None
        if params.state is not None and grads.state is not None:
            params.state.assign(grads.state)  # what is remembered without being learned

    #: names of the vectors that the rule remembers, in the order in which `update` takes them
    remembers: tuple[str, ...] = ()

    @abstractmethod
    def update(self, *args: Any, **kw: Any) -> None:
        """Take ``(xp, theta, g, *memory)``; move `theta` and the memory in place, but not `g`.

        The step's learning rate is `rate`.
        """


class SGD(Optimizer):
    """Gradient descent on batches, with momentum.

    Parameters
    ----------
    learning_rate : float or callable
        η, or a function that gives it for each step, such as those of `nn.schedules`.
    momentum : float
        μ, in [0, 1): how much of the velocity stays from step to step.
    nesterov : bool
        Whether to look ahead along the velocity.
    weight_decay : float
        λ: the gradient of ½ λ θᵀθ is added.

    Notes
    -----
    The velocity is a sum of gradients, v ← μ v + g, and the step is -η v.
    Source: eq-stochastic-gradient, eq-momentum, eq-nesterov, eq-weight-decay.
    """

    @usage("nn.SGD(learning_rate, momentum=0)", **_ARGUMENTS)
    def __init__(
        self,
        learning_rate: LearningRate,
        momentum: float = 0,
        nesterov: bool = False,
        weight_decay: float = 0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.momentum = _in_range(self, "momentum", momentum, 0, 1)
        self.nesterov = truth("SGD", "nesterov", nesterov)
        if nesterov and momentum == 0:
            raise ValueError("SGD: nesterov is True, expected a momentum greater than 0 with it")
        self.remembers = ("velocity",) if momentum else ()

    def update(self, xp: Any, theta: Array, g: Array, v: Array | None = None) -> None:
        if self.weight_decay:
            g = g + self.weight_decay * theta  # eq-weight-decay
        if v is not None:
            v *= self.momentum
            v += g  # eq-momentum
            g = g + self.momentum * v if self.nesterov else v  # eq-nesterov
        theta -= self.rate * g


class Adam(Optimizer):
    """Adam: each parameter's step is scaled by the recent size of its gradient.

    Parameters
    ----------
    learning_rate : float or callable
        η, or a function that gives it for each step, such as those of `nn.schedules`.
    betas : pair of float
        β₁ and β₂, how long the mean and the mean square of the gradient last, in [0, 1).
    eps : float
        ε, which keeps the division away from zero.
    weight_decay : float
        λ: each step first shrinks θ by the factor 1 - η λ, apart from the gradient
        :cite:`loshchilov2019`.

    Notes
    -----
    An entry of the gradient whose square would overflow counts as the largest whose square does
    not. One that is NaN makes its parameter NaN.
    Source: eq-adam-moments, eq-adam-bias-correction, eq-adam-step.
    """

    remembers = ("mean", "square")

    @usage("nn.Adam(learning_rate=1e-3)", **_ARGUMENTS)
    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.betas = tuple(_in_range(self, f"betas[{i}]", b, 0, 1) for i, b in enumerate(betas))
        self.eps = _in_range(self, "eps", eps, 0, float("inf"))

    def update(self, xp: Any, theta: Array, g: Array, m: Array, s: Array) -> None:
        beta1, beta2 = self.betas
        if self.weight_decay:
            theta *= 1 - self.rate * self.weight_decay
        g = _with_finite_squares(xp, g)
        m += (1 - beta1) * (g - m)  # eq-adam-moments
        s += (1 - beta2) * (g * g - s)
        rate = self.rate / (1 - beta1**self.steps)  # eq-adam-bias-correction, for m and s
        root = xp.sqrt(s / (1 - beta2**self.steps))
        theta -= rate * m / (root + self.eps)  # eq-adam-step


#: on CuPy's arrays, instead of the rule: the same in one kernel
_IN_FEW_KERNELS: dict[Callable[..., None], Callable[..., None]] = {
    SGD.update: few_kernels.sgd,
    Adam.update: few_kernels.adam,
}


def _rule(optimizer: Optimizer, theta: Array) -> Callable[..., None]:
    """Return what moves θ: `update`, or what stands for it; a rule of the user's own stays."""
    update = optimizer.update
    written = getattr(update, "__func__", None)
    if fused.is_fused(theta) and written in _IN_FEW_KERNELS:
        return functools.partial(_IN_FEW_KERNELS[written], optimizer)
    return update


def _with_finite_squares(xp: Any, g: Array) -> Array:
    """Return g, its entries no larger than their squares allow: one too large would last for ever.

    On the host one product says that there is nothing to do. On a GPU the question would wait.
    """
    if on_host(g):
        with np.errstate(over="ignore", invalid="ignore"):  # the answer says it
            if math.isfinite(xp.vecdot(g, g)):
                return g
    largest = xp.finfo(g.dtype).max ** 0.5
    return xp.minimum(xp.maximum(g, -largest), largest)


def _is_schedule(learning_rate: Any) -> TypeGuard[Callable[[int], float]]:
    """Whether a learning rate is a function; a model can be called too, but is none."""
    return callable(learning_rate) and not isinstance(learning_rate, Layer | type)


def _in_range(optimizer: Optimizer, name: str, value: Any, low: float, high: float) -> float:
    """Return a setting as a float; refuse one that is not a number in [low, high)."""
    if not hasattr(value, "__float__"):
        kind = repr(value) if isinstance(value, str) else type(value).__name__
        hint = "; the parameters are given at each step, optimizer.step(params, grads)"
        raise TypeError(
            f"{type(optimizer).__name__}: {name} is {kind}, expected a number"
            + (hint if name == "learning_rate" else "")
        )
    if not low <= value < high:
        raise ValueError(
            f"{type(optimizer).__name__}: {name} is {value}, expected a number in [{low}, {high})"
        )
    return float(value)  # a NumPy float64 would make float32 arithmetic float64
