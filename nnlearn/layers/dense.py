"""Layers: an operation together with the names, shapes and initial values of its parameters.

A layer holds no arrays. Like f(x; θ) it is a function of parameters and input: ``layer(params,
x)`` is inference, ``nn.vjp(layer, params, x, wrt=0)`` a training pass.
"""

import functools
import math

from nnlearn.arrays.backend import array_namespace
from nnlearn.derivative import differentiable
from nnlearn.layers import initializers
from nnlearn.layers.layer import Layer, positive_integer
from nnlearn.operations import activations
from nnlearn.operations.dense import dense
from nnlearn.operations.normalization import batch_norm, layer_norm, moments, scale_and_shift
from nnlearn.operations.regularization import dropout


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

    def __init__(self, inputs, outputs, initializer=initializers.he):
        self.inputs = positive_integer("Dense", "inputs", inputs)
        self.outputs = positive_integer("Dense", "outputs", outputs)
        self.initializer = initializer

    def parameters(self):
        draw = functools.partial(self.initializer, fan_in=self.inputs, fan_out=self.outputs)
        return {
            "W": ((self.outputs, self.inputs), draw),
            "b": ((self.outputs,), initializers.fill(0.0)),
        }

    def operation(self, params, x, training, rng):
        return dense.forward(x, params["W"], params["b"])

    def __repr__(self):
        return f"Dense({self.inputs}, {self.outputs})"


class Activation(Layer):
    """A layer without parameters, from a differentiable function of one array.

    Parameters
    ----------
    function : differentiable function
    **settings
        Its keyword arguments.
    """

    def __init__(self, function, **settings):
        self.function = function
        self.settings = settings

    def operation(self, params, x, training, rng):
        return self.function.forward(x, **self.settings)

    def __repr__(self):
        named = {} if type(self) is not Activation else {"function": self.function.__name__}
        settings = ", ".join(f"{name}={v}" for name, v in (named | self.settings).items())
        return f"{type(self).__name__}({settings})"


class ReLU(Activation):
    """Rectified linear unit, `relu`. Source: eq-relu."""

    def __init__(self):
        super().__init__(activations.relu)


class LeakyReLU(Activation):
    """Leaky rectified linear unit, `leaky_relu`. Source: eq-leaky-relu.

    Parameters
    ----------
    slope : float
        Of the negative side.
    """

    def __init__(self, slope=0.01):
        super().__init__(activations.leaky_relu, slope=slope)


class Sigmoid(Activation):
    """Logistic sigmoid, `sigmoid`. Source: eq-sigmoid."""

    def __init__(self):
        super().__init__(activations.sigmoid)


class Tanh(Activation):
    """Hyperbolic tangent, `tanh`. Source: eq-tanh."""

    def __init__(self):
        super().__init__(activations.tanh)


@differentiable("x (...)")
def flatten(x):
    """Reshape each example to a vector: (N, ...) becomes (N, D).

    Parameters
    ----------
    x : array, shape (N, ...), floating-point

    Returns
    -------
    array, shape (N, D)
    """
    xp = array_namespace(x)
    if x.ndim == 0:
        raise ValueError("flatten: x has shape (), expected a batch dimension")
    size = 1
    for d in x.shape[1:]:
        size *= d

    def backward(dy):
        return xp.reshape(dy, x.shape)

    return xp.reshape(x, (x.shape[0], size)), backward


class Flatten(Activation):
    """Each example becomes a vector, `flatten`."""

    def __init__(self):
        super().__init__(flatten)


@differentiable("x (N, D)")
def unflatten(x, shape):
    """Reshape each example from a vector to an array: (N, D) becomes (N, ...).

    Parameters
    ----------
    x : array, shape (N, D), floating-point
    shape : tuple of int
        Of an example; the product is D.

    Returns
    -------
    array, shape (N, ...)

    Raises
    ------
    ValueError
        If the shape does not hold D numbers.
    """
    xp = array_namespace(x)
    if math.prod(shape) != x.shape[1]:
        raise ValueError(
            f"unflatten: shape is {shape}, which holds {math.prod(shape)} numbers; expected "
            f"{x.shape[1]}, as in a row of x"
        )

    def backward(dy):
        return xp.reshape(dy, x.shape)

    return xp.reshape(x, (x.shape[0], *shape)), backward


class Unflatten(Activation):
    """Each vector becomes an array, `unflatten`, such as the first small picture of a generator.

    Parameters
    ----------
    shape : int, several
        Of an example: rows, columns, channels.
    """

    def __init__(self, *shape):
        super().__init__(unflatten, shape=tuple(shape))


class Dropout(Layer):
    """Dropout in training, nothing in inference. Source: eq-dropout.

    Parameters
    ----------
    p : float
        The probability of dropping, in [0, 1).
    """

    def __init__(self, p):
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p is {p}, expected a probability in [0, 1)")
        self.p = p

    def operation(self, params, x, training, rng):
        return dropout.forward(x, self.p, rng) if training else (x, lambda dy: dy)

    def __repr__(self):
        return f"Dropout({self.p})"


class LayerNorm(Layer):
    """Normalization of each example over its features. Source: eq-layer-norm.

    Parameters
    ----------
    features : int
        D, the size of the last axis.
    eps : float
    """

    def __init__(self, features, eps=1e-5):
        self.features = positive_integer(type(self).__name__, "features", features)
        self.eps = eps

    def parameters(self):
        shape = (self.features,)
        return {
            "gamma": (shape, initializers.fill(1.0)),
            "beta": (shape, initializers.fill(0.0)),
        }

    def operation(self, params, x, training, rng):
        return layer_norm.forward(x, params["gamma"], params["beta"], eps=self.eps)


class BatchNorm(LayerNorm):
    """Normalization of each feature over the batch. Source: eq-batch-norm.

    A training pass uses the batch's statistics and moves the running ones, in ``params.state``,
    towards them; inference uses the running ones.

    Parameters
    ----------
    features : int
        D, the size of the last axis.
    momentum : float
        How far the running statistics move at each training pass.
    eps : float
    """

    def __init__(self, features, momentum=0.1, eps=1e-5):
        super().__init__(features, eps)
        self.momentum = momentum

    def state(self):
        shape = (self.features,)
        return {
            "mean": (shape, initializers.fill(0.0)),
            "variance": (shape, initializers.fill(1.0)),
        }

    def operation(self, params, x, training, rng):
        gamma, beta = params["gamma"], params["beta"]
        if not training:
            return self._inference(params.state, x, gamma, beta)
        y, backward = batch_norm.forward(x, gamma, beta, eps=self.eps)
        self._remember(params.state, x)
        return y, backward

    def _inference(self, state, x, gamma, beta):
        """Normalize by the running statistics, which do not depend on x."""
        xp = array_namespace(x, gamma)
        scale = 1 / xp.sqrt(state["variance"] + self.eps)
        y, backward_y = scale_and_shift.forward((x - state["mean"]) * scale, gamma, beta)

        def backward(dy):
            dx_hat, dgamma, dbeta = backward_y(dy)
            return lambda: dx_hat() * scale, dgamma, dbeta

        return y, backward

    def _remember(self, state, x):
        """Move the running statistics; the variance is the unbiased one, as in the paper."""
        xp = array_namespace(x)
        mean, variance = moments(x, tuple(range(x.ndim - 1)))
        count = x.size // self.features
        unbiased = variance * (count / max(count - 1, 1))
        for name, value in (("mean", mean), ("variance", unbiased)):
            value = xp.reshape(value, (self.features,))
            state[name] = (1 - self.momentum) * state[name] + self.momentum * value
