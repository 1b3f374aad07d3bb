"""Layers in a row, and all of backpropagation: one backward function after the other."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnlearn.arrays.typing import Array
from nnlearn.gradients import Waiting
from nnlearn.layers.layer import Declaration, Gradients, Layer
from nnlearn.parameters import Parameters


class Sequential(Layer):
    """Layers in a row: the output of one is the input of the next.

    Parameters
    ----------
    *layers : Layer
        Their parameters are named ``"0.W"``, ``"0.b"``, ``"2.W"``, …

    Raises
    ------
    TypeError
        If one of them is no layer.

    Notes
    -----
    Source: eq-vjp-composition.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> model = nn.Sequential(nn.Dense(2, 3), nn.ReLU(), nn.Dense(3, 1))
    >>> model(model.init(seed=0), np.ones((5, 2), dtype="float32")).shape
    (5, 1)
    """

    def __init__(self, *layers: Layer) -> None:
        for i, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                hint = "; write nn.Sequential(*layers)" if isinstance(layer, list | tuple) else ""
                hint = hint or (", such as nn.ReLU() is" if callable(layer) else "")
                raise TypeError(f"Sequential: layer {i} is {layer!r}, expected a layer{hint}")
        self.layers = {str(i): layer for i, layer in enumerate(layers)}
        self.shares_batch = any(layer.shares_batch for layer in layers)

    def parameters(self) -> Declaration:
        """Declare the parameters of all layers."""
        return _joined({name: layer.parameters() for name, layer in self.layers.items()})

    def state(self) -> Declaration:
        """Declare the states of all layers."""
        return _joined({name: layer.state() for name, layer in self.layers.items()})

    def operation(
        self, params: Parameters, x: Array, training: bool, rng: np.random.Generator | None
    ) -> Any:
        """Refuse: a row of layers is several operations."""
        raise TypeError("a Sequential is several operations; use forward")

    def forward(
        self,
        params: Parameters,
        x: Array,
        training: bool = False,
        rng: np.random.Generator | None = None,
        memory: Mapping[str, Array] | None = None,
    ) -> tuple[Array, Callable[[Waiting], Gradients], dict[str, Array]]:
        """Return the value, `backward`, and the new state, as `Layer.forward`."""
        backwards, states = {}, {}
        for name, layer in self.layers.items():
            with _said_of(name, layer):
                x, backwards[name], states[name] = layer.forward(
                    params.part(name), x, training, rng, _part(memory, name)
                )

        def backward(dy: Waiting) -> Gradients:
            dparams, steps = {}, [dy]
            for name, backward_layer in reversed(backwards.items()):
                dparams[name], dx = backward_layer(steps[-1])
                steps.append(dx)
            return _joined(dparams), functools.partial(_in_turn, steps)

        return x, backward, _joined(states)

    def settings(self) -> dict[str, Any]:
        """Return nothing: what a Sequential was given is in `layers`."""
        return {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(repr(layer) for layer in self.layers.values())})"


def _in_turn(steps: list[Waiting]) -> Array:
    """Call one after the other and return the last: a deep model's calls are then not nested."""
    return [step() for step in steps][-1]


class _said_of:
    """Say of an error in which layer it came up; its cause stays behind it."""

    def __init__(self, name: str, layer: Layer) -> None:
        self.name, self.layer = name, layer

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, ValueError | TypeError):
            known = ValueError if isinstance(error, ValueError) else TypeError
            raise known(f"layer {self.name}, {self.layer!r}: {error}") from error
        if isinstance(error, Exception):  # another kind stays what it is, with its attributes
            error.add_note(f"this came up in layer {self.name}, {self.layer!r}")


def _joined(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Name what belongs to the layers as their parameters are: layer, full stop, name."""
    return {
        f"{layer}.{name}": entry for layer, part in parts.items() for name, entry in part.items()
    }


def _part(memory: Mapping[str, Array] | None, layer: str) -> dict[str, Array] | None:
    """Return of a memory what belongs to one layer; None, where nothing is to be remembered."""
    if memory is None:
        return None
    start = f"{layer}."
    return {k.removeprefix(start): v for k, v in memory.items() if k.startswith(start)}
