"""The dense layer, and the layers that apply a function to each number.

A layer holds no arrays. Like f(x; θ) it is a function of parameters and input: ``layer(params,
x)`` is inference, ``nn.vjp(layer, params, x, wrt=0)`` a training pass.
"""

import functools
from typing import Any

import numpy as np

from nnlearn.arguments import initializer_of, number, positive_integer, probability
from nnlearn.arrays.typing import Array
from nnlearn.layers import initializers
from nnlearn.layers.layer import Declaration, Draw, Layer
from nnlearn.layers.settings import SIZES
from nnlearn.operations import activations
from nnlearn.operations.dense import dense
from nnlearn.operations.gelu import gelu
from nnlearn.operations.regularization import dropout
from nnlearn.parameters import Parameters
from nnlearn.usage import usage


class Dense(Layer):
    """Dense layer: z = x Wᵀ + b, with parameters W (outputs, inputs) and b (outputs,).

    Parameters
    ----------
    inputs, outputs : int
        Sizes D and M.
    initializer : callable
        Of W, by default `initializers.he`; b starts at zero.

    Notes
    -----
    Source: eq-dense, eq-he.
    """

    @usage("nn.Dense(inputs, outputs)", **SIZES)
    def __init__(self, inputs: int, outputs: int, initializer: Draw = initializers.he) -> None:
        self.inputs = positive_integer("Dense", "inputs", inputs)
        self.outputs = positive_integer("Dense", "outputs", outputs)
        self.initializer = initializer_of("Dense", "initializer", initializer)

    def parameters(self) -> Declaration:
        draw = functools.partial(self.initializer, fan_in=self.inputs, fan_out=self.outputs)
        return {
            "W": ((self.outputs, self.inputs), draw),
            "b": ((self.outputs,), initializers.fill(0.0)),
        }

    def operation(
        self, params: Parameters, x: Array, training: bool, rng: np.random.Generator | None
    ) -> Any:
        return dense.forward(x, params["W"], params["b"])


class Activation(Layer):
    """A layer without parameters, from a differentiable function of one array.

    Parameters
    ----------
    function : differentiable function
    **keywords
        Its keyword arguments.
    """

    def __init__(self, function: Any, **keywords: Any) -> None:
        self.function = function
        self.keywords = keywords

    def operation(
        self, params: Parameters, x: Array, training: bool, rng: np.random.Generator | None
    ) -> Any:
        return self.function.forward(x, **self.keywords)

    def settings(self) -> dict[str, Any]:
        """Return the keyword arguments of the function."""
        return dict(self.keywords)

    def __repr__(self) -> str:
        named = {} if type(self) is not Activation else {"function": self.function.__name__}
        settings = ", ".join(f"{name}={v}" for name, v in (named | self.keywords).items())
        return f"{type(self).__name__}({settings})"


class ReLU(Activation):
    """Rectified linear unit, `relu`. Source: eq-relu."""

    def __init__(self) -> None:
        super().__init__(activations.relu)


class LeakyReLU(Activation):
    """Leaky rectified linear unit, `leaky_relu`. Source: eq-leaky-relu.

    Parameters
    ----------
    slope : float
        Of the negative side.
    """

    def __init__(self, slope: float = 0.01) -> None:
        super().__init__(activations.leaky_relu, slope=number("LeakyReLU", "slope", slope))


class Sigmoid(Activation):
    """Logistic sigmoid, `sigmoid`. Source: eq-sigmoid."""

    def __init__(self) -> None:
        super().__init__(activations.sigmoid)


class Tanh(Activation):
    """Hyperbolic tangent, `tanh`. Source: eq-tanh."""

    def __init__(self) -> None:
        super().__init__(activations.tanh)


class GELU(Activation):
    """Gaussian error linear unit, `gelu`. Source: eq-gelu."""

    def __init__(self) -> None:
        super().__init__(gelu)


class Dropout(Layer):
    """Dropout in training, nothing in inference. Source: eq-dropout.

    Parameters
    ----------
    p : float
        The probability of dropping, in [0, 1).
    """

    @usage("nn.Dropout(p)", rate="it is p, the probability of dropping")
    def __init__(self, p: float) -> None:
        self.p = probability("Dropout", "p", p)

    def operation(
        self, params: Parameters, x: Array, training: bool, rng: np.random.Generator | None
    ) -> Any:
        dropout.signature.check((x,))
        return dropout.forward(x, self.p, rng) if training else (x, lambda dy: dy)
