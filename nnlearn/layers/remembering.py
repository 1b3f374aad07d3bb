"""Layers whose value depends on what was read before, which the `memory` of a call holds."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnlearn.arrays.typing import Array
from nnlearn.layers.layer import Layer
from nnlearn.parameters import Parameters


class Remembering(Layer):
    """A layer that reads in pieces. A subclass gives `read` in the place of `operation`."""

    @abstractmethod
    def read(self, params: Parameters, x: Array, memory: Mapping[str, Any] | None) -> Any:
        """Return ``value, backward, state`` of an operation on x, after what a memory holds.

        Parameters
        ----------
        params : Parameters
        x : array
        memory : mapping of str to array, or None
            What this layer has read: empty at the start, None where nothing is to be remembered.

        Returns
        -------
        value, backward
            As those of `Layer.operation`.
        state : dict of str to array
            What the memory is to hold afterwards.
        """

    def forward(
        self,
        params: Parameters,
        x: Array,
        training: bool = False,
        rng: Any = None,
        memory: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the value, `backward` and what is to be remembered, as `Layer.forward`."""
        return self._named(*self.read(params, x, memory))

    def operation(
        self, params: Parameters, x: Array, training: bool, rng: np.random.Generator | None
    ) -> Any:
        """Return ``value, backward, state`` of a sequence that comes whole."""
        return self.read(params, x, None)
