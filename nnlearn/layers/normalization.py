"""The layers that give features or examples a mean and a variance of their own."""

from typing import Any

import numpy as np

from nnlearn.arguments import number, positive_integer
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.ranks import batch_count
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.layers import initializers
from nnlearn.layers.layer import Declaration, Layer
from nnlearn.operations.normalization import (
    batch_norm,
    check_batch,
    layer_norm,
    moments,
    scale_and_shift,
)
from nnlearn.parameters import Parameters


class LayerNorm(Layer):
    """Normalization of each example over its features. Source: eq-layer-norm.

    Parameters
    ----------
    features : int
        D, the size of the last axis.
    eps : float
    """

    def __init__(self, features: int, eps: float = 1e-5) -> None:
        self.features = positive_integer(type(self).__name__, "features", features)
        self.eps = number(type(self).__name__, "eps", eps, least=0)

    def parameters(self) -> Declaration:
        shape = (self.features,)
        return {
            "gamma": (shape, initializers.fill(1.0)),
            "beta": (shape, initializers.fill(0.0)),
        }

    def operation(
        self, params: Parameters, x: Array, training: bool, rng: np.random.Generator | None
    ) -> Any:
        return layer_norm.forward(x, params["gamma"], params["beta"], eps=self.eps)


class BatchNorm(LayerNorm):
    """Normalization of each feature over the batch. Source: eq-batch-norm.

    A training pass uses the batch's statistics. It gives the running ones, moved towards them, as
    the ``state`` of the gradient, which an optimizer's step puts into ``params.state``; inference
    uses those.

    Parameters
    ----------
    features : int
        D, the size of the last axis.
    momentum : float
        How far the running statistics move at each training pass.
    eps : float
    """

    def __init__(self, features: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__(features, eps)
        self.momentum = number("BatchNorm", "momentum", momentum, least=0, most=1)

    def state(self) -> Declaration:
        shape = (self.features,)
        return {
            "mean": (shape, initializers.fill(0.0)),
            "variance": (shape, initializers.fill(1.0)),
        }

    def operation(
        self, params: Parameters, x: Array, training: bool, rng: np.random.Generator | None
    ) -> Any:
        gamma, beta = params["gamma"], params["beta"]
        (x, gamma, beta), _ = batch_norm.signature.fitting((x, gamma, beta), {})
        if not training:
            return self._inference(params.state, x, gamma, beta)
        check_batch(x)
        found = moments(x, tuple(range(x.ndim - 1)))  # once, for the output and for the averages
        y, backward = batch_norm.forward(x, gamma, beta, eps=self.eps, known=found)
        mean, variance, _ = found
        return y, backward, self._moved(params.state, mean, variance, batch_count(x.shape))

    def _inference(self, state: Any, x: Array, gamma: Array, beta: Array) -> Any:
        """Normalize by the running statistics, which do not depend on x."""
        xp = array_namespace(x, gamma)
        scale = 1 / xp.sqrt(state["variance"] + self.eps)
        y, backward_y = scale_and_shift.forward((x - state["mean"]) * scale, gamma, beta)

        def backward(dy: Array) -> Gradients:
            dx_hat, dgamma, dbeta = backward_y(dy)
            return lambda: dx_hat() * scale, dgamma, dbeta

        return y, backward

    def _moved(self, state: Any, mean: Array, variance: Array, count: int) -> Any:
        """Return the running statistics, moved; the variance is the unbiased one of the paper."""
        xp = array_namespace(mean)
        # one example has no unbiased variance: the running one stays as it is
        unbiased = variance * (count / (count - 1)) if count > 1 else state["variance"]
        return {
            name: (1 - self.momentum) * state[name]
            + self.momentum * xp.reshape(value, (self.features,))
            for name, value in (("mean", mean), ("variance", unbiased))
        }
