"""Layers that read a sequence step after step, and what brings sequences to them.

Their input is time first, (T, N, D). A state is zero, learned, or found in the `memory` of a call:
a dict in which the call also leaves the last states, so that the next one goes on from there.
The gradient does not flow through it: that is truncated backpropagation through time.

    memory = {}
    output, backward = nn.vjp(model, params, x, wrt=0, memory=memory)
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnlearn.arguments import initializer_of, number, positive_integer, truth
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.gradients import Waiting
from nnlearn.layers import initializers
from nnlearn.layers.layer import Declaration, Draw, Layer
from nnlearn.layers.remembering import Remembering
from nnlearn.layers.settings import RECURRENT
from nnlearn.operations.embedding import embedding
from nnlearn.operations.gru import gru
from nnlearn.operations.lstm import lstm
from nnlearn.operations.rnn import rnn
from nnlearn.parameters import Parameters
from nnlearn.usage import usage


class Recurrent(Remembering):
    """What `RNN`, `LSTM` and `GRU` share. A subclass names its function, weights and states."""

    function: Any = None  # of (x, *states, *weights), giving all states, or a tuple of them
    weights = ("W_x", "W_h", "b")  # names of the input's and the state's weights, and the bias
    states: tuple[str, ...] = ("h",)
    blocks = 1  # how many blocks of H rows the weights have

    @usage("nn.{}(inputs, hidden)", **RECURRENT)
    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        last: bool = False,
        learned_state: bool = False,
        initializer: Draw = initializers.glorot,
        recurrent_initializer: Draw = initializers.orthogonal,
    ) -> None:
        name = type(self).__name__
        self.inputs = positive_integer(name, "inputs", inputs)
        self.hidden = positive_integer(name, "hidden", hidden)
        self.last = truth(name, "last", last)
        self.learned_state = truth(name, "learned_state", learned_state)
        self.initializer = initializer_of(name, "initializer", initializer)
        self.recurrent_initializer = initializer_of(
            name, "recurrent_initializer", recurrent_initializer
        )

    def parameters(self) -> Declaration:
        D, H, rows = self.inputs, self.hidden, self.blocks * self.hidden
        W_x, W_h, b = self.weights
        shapes: Declaration = {
            W_x: ((rows, D), functools.partial(self.initializer, fan_in=D, fan_out=H)),
            W_h: ((rows, H), functools.partial(self.recurrent_initializer, fan_in=H, fan_out=H)),
            b: ((rows,), self._bias),
        }
        if self.learned_state:
            shapes |= {f"{name}0": ((H,), initializers.fill(0.0)) for name in self.states}
        return shapes

    def _bias(self, rng: Any, shape: tuple[int, ...]) -> Any:
        return np.zeros(shape)

    def read(self, params: Parameters, x: Array, memory: Mapping[str, Any] | None) -> Any:
        if x.ndim != 3:
            raise ValueError(f"x has shape {x.shape}, expected (T, N, D), time first")
        xp = array_namespace(x)
        initial = [self._initial(params, x, name, memory) for name in self.states]
        weights = [params[name] for name in self.weights]
        value, backward_operation = self.function.forward(x, *initial, *weights)
        h, *others = value if isinstance(value, tuple) else (value,)
        last = {
            name: xp.asarray(states[-1, ...], copy=True)
            for name, states in zip(self.states, (h, *others), strict=True)
        }

        def backward(dy: Array) -> Gradients:
            dh = dy
            if self.last:
                dh = xp.zeros_like(h)
                dh[-1, ...] = dy
            dx, *dparams = backward_operation(dh, *map(_unseen, others))
            dinitial, dparams = dparams[: len(initial)], dparams[len(initial) :]
            if self.learned_state:
                dparams += [functools.partial(_over_batch, d, memory) for d in dinitial]
            return dx, *dparams

        return h[-1, ...] if self.last else h, backward, last

    def _initial(
        self, params: Parameters, x: Array, name: str, memory: Mapping[str, Array] | None
    ) -> Any:
        """Return the state (N, H) before the first step."""
        if memory:
            return memory[name]
        xp = array_namespace(x)
        shape = (x.shape[1], self.hidden)
        if self.learned_state:
            return xp.broadcast_to(params[f"{name}0"], shape)
        return xp.zeros(shape, dtype=x.dtype, device=x.device)


def _unseen(states: Array) -> Any:
    """Give the gradient of states that nobody sees: zeros, all in the place of one."""
    xp = array_namespace(states)
    zero = xp.zeros((), dtype=states.dtype, device=states.device)
    return xp.broadcast_to(zero, states.shape)


def _over_batch(gradient: Waiting, memory: Mapping[str, Array] | None) -> Any:
    """Sum what every sequence says of the learned state; nothing if a memory stood in for it."""
    each = gradient()
    xp = array_namespace(each)
    total = xp.sum(each, axis=0)
    return xp.zeros_like(total) if memory else total


class RNN(Recurrent):
    """Recurrent network, `rnn`: the value is its state after each step, (T, N, H).

    Parameters
    ----------
    inputs, hidden : int
        Sizes D and H.
    last : bool
        Whether the value is the last state alone, (N, H).
    learned_state : bool
        Whether the state before the first step is a parameter h0 (H,) and not zero.
    initializer, recurrent_initializer : callable
        Of W_xh and W_hh, by default `initializers.glorot` and `initializers.orthogonal`; b_h
        starts at zero.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> model = nn.Sequential(nn.RNN(2, 3), nn.RNN(3, 4, last=True), nn.Dense(4, 1))
    >>> model(model.init(seed=0), np.ones((10, 5, 2), dtype="float32")).shape
    (5, 1)
    """

    function = rnn
    weights = ("W_xh", "W_hh", "b_h")


class Gated(Recurrent):
    """What `LSTM` and `GRU` share: a gate that keeps the state, and where its bias starts."""

    keeping = 0  # which block of the bias is the gate's

    def _keep(self, start: float, shape: tuple[int, ...]) -> Any:
        """Return the initial bias: `start` for the gate that keeps the state, zero for the rest."""
        bias = np.zeros(shape)
        bias[self.keeping * self.hidden : (self.keeping + 1) * self.hidden] = start
        return bias


class LSTM(Gated):
    """Long short-term memory, `lstm`: the value is its hidden state after each step, (T, N, H).

    Parameters
    ----------
    inputs, hidden : int
        Sizes D and H.
    last : bool
        Whether the value is the last hidden state alone, (N, H).
    learned_state : bool
        Whether the states before the first step are parameters h0 and c0, (H,), and not zero.
    forget_bias : float
        Where the bias of the forget gate starts; the others start at zero. The gate then starts
        at σ(forget_bias), and keeps half of the cell state for about 0.7 exp(forget_bias) steps:
        choose it for the distances in the data :cite:`jozefowicz2015,tallec2018`. Source:
        eq-forget-half-life.
    initializer, recurrent_initializer : callable
        Of W_x and W_h, by default `initializers.glorot` and `initializers.orthogonal`, which
        makes each gate's block orthogonal.
    """

    function = lstm
    states = ("h", "c")
    blocks = 4

    @usage("nn.LSTM(inputs, hidden)", **RECURRENT)
    def __init__(
        self, inputs: int, hidden: int, *, forget_bias: float = 1.0, **settings: Any
    ) -> None:
        super().__init__(inputs, hidden, **settings)
        self.forget_bias = number("LSTM", "forget_bias", forget_bias)

    def _bias(self, rng: Any, shape: tuple[int, ...]) -> Any:
        return self._keep(self.forget_bias, shape)


class GRU(Gated):
    """Gated recurrent unit, `gru`: the value is its state after each step, (T, N, H).

    Parameters
    ----------
    inputs, hidden : int
        Sizes D and H.
    last : bool
        Whether the value is the last state alone, (N, H).
    learned_state : bool
        Whether the state before the first step is a parameter h0 (H,) and not zero.
    update_bias : float
        Where the bias of the update gate starts, which keeps the state as the forget gate of an
        `LSTM` does; the others start at zero.
    initializer, recurrent_initializer : callable
        Of W_x and W_h, by default `initializers.glorot` and `initializers.orthogonal`, which
        makes each gate's block orthogonal.
    """

    function = gru
    blocks = 3
    keeping = 1

    @usage("nn.GRU(inputs, hidden)", **RECURRENT)
    def __init__(
        self, inputs: int, hidden: int, *, update_bias: float = 0.0, **settings: Any
    ) -> None:
        super().__init__(inputs, hidden, **settings)
        self.update_bias = number("GRU", "update_bias", update_bias)

    def _bias(self, rng: Any, shape: tuple[int, ...]) -> Any:
        return self._keep(self.update_bias, shape)


standard_normal = initializers.normal(1.0)


class Embedding(Layer):
    """A learned vector for each token, `embedding`: tokens (...) become vectors (..., D).

    Parameters
    ----------
    count, size : int
        How many tokens there are, K, and the size of their vectors, D.
    initializer : callable
        Of W (K, D), by default standard normal.
    """

    def __init__(self, count: int, size: int, initializer: Draw = standard_normal) -> None:
        self.count = positive_integer("Embedding", "count", count)
        self.size = positive_integer("Embedding", "size", size)
        self.initializer = initializer_of("Embedding", "initializer", initializer)

    def parameters(self) -> Declaration:
        return {"W": ((self.count, self.size), self.initializer)}

    def operation(
        self, params: Parameters, x: Array, training: bool, rng: np.random.Generator | None
    ) -> Any:
        e, backward = embedding.forward(params["W"], x)
        return e, lambda dy: (_no_gradient, *backward(dy))


def _no_gradient() -> None:
    """Stand in the place of the tokens' gradient, which they do not have."""
