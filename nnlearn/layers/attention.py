"""Attention as a layer: several heads, each with queries, keys and values of its own."""

import functools
from collections.abc import Mapping
from typing import Any

from nnlearn.arguments import initializer_of, positive_integer, truth
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.layers import initializers
from nnlearn.layers.layer import Declaration, Draw
from nnlearn.layers.remembering import Remembering
from nnlearn.layers.settings import ATTENTION
from nnlearn.operations.attention import attention, attention_weights
from nnlearn.operations.dense import dense
from nnlearn.operations.masks import causal_mask
from nnlearn.operations.positions import rotary
from nnlearn.parameters import Parameters
from nnlearn.usage import usage


def attention_settings(
    owner: str, width: int, heads: int, causal: bool, rotary: bool
) -> tuple[int, int, bool, bool]:
    """Return what a layer of several heads is told; refuse what does not fit, in its name."""
    width = positive_integer(owner, "width", width)
    heads = positive_integer(owner, "heads", heads)
    rotary = truth(owner, "rotary", rotary)
    if width % heads:
        raise ValueError(f"{owner}: width is {width} and heads is {heads}, expected a multiple")
    if rotary and (width // heads) % 2:
        raise ValueError(
            f"{owner}: width is {width} and heads is {heads}, expected an even number of "
            "components for each head, which rotary positions turn in pairs"
        )
    return width, heads, truth(owner, "causal", causal), rotary


class MultiHeadAttention(Remembering):
    """Self-attention in several heads, of sequences that are time first: (T, N, D) to (T, N, D).

    In the `memory` of a call it leaves the keys and values of all that was read. The next call
    looks at them too, so that a sequence may come piece by piece. No gradient flows into them.

    Parameters
    ----------
    width : int
        D, the size of the vectors.
    heads : int
        How many heads, h. Each has queries, keys and values of D/h components.
    causal : bool
        Whether a position looks only at itself and at what came before it.
    rotary : bool
        Whether queries and keys are turned by their positions, `nn.rotary`.
    initializer : callable
        Of W_qkv (3 D, D) and W_o (D, D), by default `initializers.glorot`; both biases start at
        zero. W_qkv is drawn as three matrices.

    Raises
    ------
    ValueError
        If the width is no multiple of the number of heads, or rotary positions leave one component
        of a head over; in a call, if a memory comes to a layer that is not causal, or there is no
        step.

    Notes
    -----
    After Vaswani et al. :cite:`vaswani2017`. Source: eq-heads.
    """

    @usage("nn.MultiHeadAttention(width, heads)", **ATTENTION)
    def __init__(
        self,
        width: int,
        heads: int,
        *,
        causal: bool = False,
        rotary: bool = False,
        initializer: Draw = initializers.glorot,
    ) -> None:
        self.width, self.heads, self.causal, self.rotary = attention_settings(
            "MultiHeadAttention", width, heads, causal, rotary
        )
        self.initializer = initializer_of("MultiHeadAttention", "initializer", initializer)

    def parameters(self) -> Declaration:
        D = self.width
        draw = functools.partial(self.initializer, fan_in=D, fan_out=D)
        zeros = initializers.fill(0.0)
        return {
            "W_qkv": ((3 * D, D), draw),
            "b_qkv": ((3 * D,), zeros),
            "W_o": ((D, D), draw),
            "b_o": ((D,), zeros),
        }

    def weights(self, params: Parameters, x: Array) -> Array:
        """Return how much each position looks at each other one, head by head: to be drawn.

        Parameters
        ----------
        params : Parameters
            Of this layer.
        x : array, shape (T, N, D)
            What comes into this layer, time first.

        Returns
        -------
        array, shape (N, h, T, T)
            Row t holds the weights of position t, with sum 1.

        Notes
        -----
        Source: eq-attention-weights, eq-heads.
        """
        q, k, _, _ = self._projected(params, x)
        (queries, _), (keys, _) = self._placed(q, 0), self._placed(k, 0)
        mask = causal_mask(x.shape[0], like=x) if self.causal else None
        return attention_weights(queries, keys, mask)

    def read(self, params: Parameters, x: Array, memory: Mapping[str, Any] | None) -> Any:
        q, k, v, backward_in = self._projected(params, x)
        before = 0
        if memory is not None:
            k, v, before = self._remembered(k, v, memory)
        queries, backward_q = self._placed(q, before)
        keys, backward_k = self._placed(k, 0)
        mask = causal_mask(q.shape[-2], k.shape[-2], like=x) if self.causal else None
        o, backward_o = attention.forward(queries, keys, v, mask)
        y, backward_out = dense.forward(self._joined(o), params["W_o"], params["b_o"])

        def backward(dy: Array) -> Gradients:
            djoined, dW_o, db_o = backward_out(dy)
            dqueries, dkeys, dv = backward_o(self._split(djoined()))
            new = (..., slice(before, None), slice(None))  # what was read before gets no gradient
            dqkv = backward_q(dqueries()), backward_k(dkeys())[new], dv()[new]
            return (*backward_in(*dqkv), dW_o, db_o)

        state = {} if memory is None else {"k": k, "v": v}
        return y, backward, state

    def _projected(self, params: Parameters, x: Array) -> Any:
        """Compute queries, keys and values (N, h, T, d), all heads in one product."""
        if x.ndim != 3 or x.shape[-1] != self.width:
            raise ValueError(
                f"x has shape {x.shape}, expected (T, N, D), time first, with D = {self.width}"
            )
        if x.shape[0] == 0:
            raise ValueError(f"x has shape {x.shape}, expected at least one step")
        z, backward_z = dense.forward(x, params["W_qkv"], params["b_qkv"])
        D = self.width

        def backward(*dheads: Array) -> Any:
            joined = [self._joined(d) for d in dheads]
            return backward_z(array_namespace(*joined).concat(joined, axis=-1))

        return (*(self._split(z[..., i * D : (i + 1) * D]) for i in range(3)), backward)

    def _split(self, x: Array) -> Array:
        """Cut the last axis into heads: (T, N, D) to (N, h, T, D/h)."""
        xp = array_namespace(x)
        T, N, D = x.shape
        parts = xp.reshape(x, (T, N, self.heads, D // self.heads))
        return xp.permute_dims(parts, (1, 2, 0, 3))

    def _joined(self, x: Array) -> Array:
        """Put the heads side by side again: (N, h, T, D/h) to (T, N, D)."""
        xp = array_namespace(x)
        N, heads, T, size = x.shape
        return xp.reshape(xp.permute_dims(x, (2, 0, 1, 3)), (T, N, heads * size))

    def _placed(self, x: Array, start: int) -> Any:
        """Turn queries or keys by their positions, if that is wanted."""
        if not self.rotary:
            return x, lambda dx: dx
        y, backward = rotary.forward(x, start)
        return y, lambda dy: backward(dy)[0]()  # it does not wait

    def _remembered(self, k: Array, v: Array, memory: Mapping[str, Array]) -> Any:
        """Put what was read before this call before it."""
        if not self.causal:
            raise ValueError("memory was given, expected none: only a causal layer reads in pieces")
        if not memory:
            return k, v, 0
        xp = array_namespace(k, memory["k"])
        k, v = xp.concat([memory["k"], k], axis=-2), xp.concat([memory["v"], v], axis=-2)
        return k, v, memory["k"].shape[-2]
