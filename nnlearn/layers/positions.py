"""A layer that tells a network where in a sequence each vector stands."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnlearn.arguments import positive_integer
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.layers import initializers
from nnlearn.layers.layer import Declaration
from nnlearn.layers.remembering import Remembering
from nnlearn.operations.positions import sinusoids
from nnlearn.parameters import Parameters
from nnlearn.shapes import Signature

KINDS = ("sinusoidal", "learned")
_INPUT = Signature("PositionalEncoding", "x (T, N, D)")


class PositionalEncoding(Remembering):
    """Add to each vector one that says where it stands: (T, N, D), time first.

    In the `memory` of a call it leaves how many were read; the next call counts on from there.

    Parameters
    ----------
    width : int
        D, the size of the vectors.
    kind : {"sinusoidal", "learned"}
        Whether the vectors are `nn.sinusoids`, or parameters. The third way, rotary positions, is
        a setting of `nn.MultiHeadAttention`: they turn its queries and keys.
    longest : int, optional
        How many positions are learned. Sinusoids have no last one.

    Raises
    ------
    ValueError
        If the kind is another, sinusoids have an odd width, or `longest` is missing for learned
        positions; in a call, if a sequence is longer than that.

    Notes
    -----
    Source: eq-sinusoids.
    """

    def __init__(self, width: int, kind: str = "sinusoidal", longest: int | None = None) -> None:
        self.width = positive_integer("PositionalEncoding", "width", width)
        if kind not in KINDS:
            raise ValueError(f"PositionalEncoding: kind is {kind!r}, expected one of {KINDS}")
        if kind == "learned":
            longest = positive_integer("PositionalEncoding", "longest", longest)
        elif width % 2:
            raise ValueError(
                f"PositionalEncoding: width is {width}, expected an even number for sinusoids"
            )
        self.kind, self.longest = kind, longest

    def parameters(self) -> Declaration:
        if self.kind == "sinusoidal":
            return {}
        return {"P": ((self.longest or 0, self.width), initializers.normal(0.02))}

    def read(self, params: Parameters, x: Array, memory: Mapping[str, Any] | None) -> Any:
        _INPUT.check((x,))
        if x.shape[-1] != self.width:
            raise ValueError(
                f"x has shape {x.shape}, expected (T, N, D), time first, with D = {self.width}"
            )
        start = int((memory or {}).get("read", 0))
        stop = start + x.shape[0]
        y, backward = self._added(params, x, start, stop)
        return y, backward, {} if memory is None else {"read": np.asarray(stop)}

    def _added(self, params: Parameters, x: Array, start: int, stop: int) -> Any:
        if self.kind == "sinusoidal":
            return x + sinusoids(x.shape[0], self.width, start, like=x)[:, None, :], lambda dy: dy
        P = params["P"]
        if stop > P.shape[0]:
            raise ValueError(f"x goes on to position {stop}, expected at most {P.shape[0]}")

        def backward(dy: Array) -> Gradients:
            xp = array_namespace(dy)
            dP = xp.zeros(P.shape, dtype=dy.dtype, device=dy.device)
            dP[start:stop, :] = xp.sum(dy, axis=1)
            return dy, dP

        return x + P[start:stop, None, :], backward
