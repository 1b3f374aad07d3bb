"""Optimizers: how the gradient of θ becomes a step of θ. They work in place, on whole vectors."""

from abc import ABC, abstractmethod

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.fast import blocks


class Optimizer(ABC):
    """A rule for steps, with what it remembers from one step to the next.

    `memory` holds that, by name: arrays of the vector's shape. `steps` counts the steps. Both
    are what a checkpoint keeps.
    """

    def __init__(self, learning_rate, weight_decay):
        self.learning_rate = _in_range(self, "learning_rate", learning_rate, 0, float("inf"))
        self.weight_decay = _in_range(self, "weight_decay", weight_decay, 0, float("inf"))
        self.memory = {}
        self.steps = 0

    def step(self, params, grads):
        """Take one step, in place.

        Parameters
        ----------
        params, grads : Parameters
            θ and the gradient of the loss by it, of the same form.

        Raises
        ------
        ValueError
            If the forms differ, or are not those of the first step.
        """
        theta, g = params.vector, grads.vector
        for name, vector in {"grads": g, **self.memory}.items():
            if vector.shape != theta.shape:
                raise ValueError(
                    f"{type(self).__name__}.step: {name} has shape {vector.shape}, expected that "
                    f"of the parameters, {theta.shape}"
                )
        xp = array_namespace(theta, g)
        for name in self.remembers:
            if name not in self.memory:
                self.memory[name] = xp.zeros_like(theta)
        self.steps += 1
        for part in blocks(theta):
            self.update(xp, theta[part], g[part], *(self.memory[n][part] for n in self.remembers))
        if params.state is not None and grads.state is not None:
            params.state.assign(grads.state)  # what is remembered without being learned

    #: names of the vectors that the rule remembers, in the order in which `update` takes them
    remembers: tuple[str, ...] = ()

    @abstractmethod
    def update(self, xp, theta, g, *memory):
        """Move `theta` and the memory in place; `g` is not changed."""


class SGD(Optimizer):
    """Gradient descent on batches, with momentum.

    Parameters
    ----------
    learning_rate : float
        η.
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

    def __init__(self, learning_rate, momentum=0, nesterov=False, weight_decay=0):
        super().__init__(learning_rate, weight_decay)
        self.momentum = _in_range(self, "momentum", momentum, 0, 1)
        self.nesterov = nesterov
        if nesterov and momentum == 0:
            raise ValueError("SGD: nesterov is True, expected a momentum greater than 0 with it")
        self.remembers = ("velocity",) if momentum else ()

    def update(self, xp, theta, g, v=None):
        if self.weight_decay:
            g = g + self.weight_decay * theta  # eq-weight-decay
        if v is not None:
            v *= self.momentum
            v += g  # eq-momentum
            g = g + self.momentum * v if self.nesterov else v  # eq-nesterov
        theta -= self.learning_rate * g


class Adam(Optimizer):
    """Adam: each parameter's step is scaled by the recent size of its gradient.

    Parameters
    ----------
    learning_rate : float
        η.
    betas : pair of float
        β₁ and β₂, how long the mean and the mean square of the gradient last, in [0, 1).
    eps : float
        ε, which keeps the division away from zero.
    weight_decay : float
        λ: each step first shrinks θ by the factor 1 - η λ, apart from the gradient
        :cite:`loshchilov2019`.

    Notes
    -----
    Source: eq-adam-moments, eq-adam-bias-correction, eq-adam-step.
    """

    remembers = ("mean", "square")

    def __init__(self, learning_rate=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0):
        super().__init__(learning_rate, weight_decay)
        self.betas = tuple(_in_range(self, f"betas[{i}]", b, 0, 1) for i, b in enumerate(betas))
        self.eps = _in_range(self, "eps", eps, 0, float("inf"))

    def update(self, xp, theta, g, m, s):
        beta1, beta2 = self.betas
        if self.weight_decay:
            theta *= 1 - self.learning_rate * self.weight_decay
        m += (1 - beta1) * (g - m)  # eq-adam-moments
        s += (1 - beta2) * (g * g - s)
        rate = self.learning_rate / (1 - beta1**self.steps)  # eq-adam-bias-correction, for m and s
        root = xp.sqrt(s / (1 - beta2**self.steps))
        theta -= rate * m / (root + self.eps)  # eq-adam-step


def _in_range(optimizer, name, value, low, high):
    """Return a setting as a float; refuse one that is not a number in [low, high)."""
    if not low <= value < high:
        raise ValueError(
            f"{type(optimizer).__name__}: {name} is {value}, expected a number in [{low}, {high})"
        )
    return float(value)  # a NumPy float64 would make float32 arithmetic float64
