"""Residual connections, and the block of which Transformers are stacked."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nnlearn.arguments import positive_integer, probability
from nnlearn.arrays.backend import array_namespace, on_host
from nnlearn.arrays.parallel import in_blocks
from nnlearn.arrays.typing import Array
from nnlearn.gradients import Waiting, once
from nnlearn.layers.attention import MultiHeadAttention, attention_settings
from nnlearn.layers.dense import GELU, Dense, Dropout
from nnlearn.layers.layer import Layer
from nnlearn.layers.normalization import LayerNorm
from nnlearn.layers.sequential import Sequential
from nnlearn.layers.settings import ATTENTION
from nnlearn.parameters import Parameters
from nnlearn.usage import usage


class Residual(Sequential):
    """Layers in a row, whose input is added to their output: y = x + f(x).

    Parameters
    ----------
    *layers : Layer
        Together f. They must give the shape that they take.

    Raises
    ------
    TypeError
        If one of them is no layer.
    ValueError
        In a call, if they give another shape.

    Notes
    -----
    After He et al. :cite:`he2016`. Source: eq-residual, eq-residual-gradient.
    """

    def forward(
        self,
        params: Parameters,
        x: Array,
        training: bool = False,
        rng: Any = None,
        memory: Mapping[str, Array] | None = None,
    ) -> Any:
        """Return the value, `backward`, and the new state, as `Layer.forward`."""
        f, backward_f, state = super().forward(params, x, training, rng, memory)
        if f.shape != x.shape:
            raise ValueError(
                f"Residual: its layers give shape {f.shape}, expected that of x, {x.shape}"
            )

        def backward(dy: Waiting) -> Any:
            dy = once(dy)
            dparams, df = backward_f(dy)
            return dparams, lambda: dy() + df()  # eq-residual-gradient

        return x + f, backward, state


class TransformerBlock(Sequential):
    """Attention, then a small network for each position; each with a residual connection.

    Its input is time first, (T, N, D), and so is its output. It goes through the sequences of a
    batch in groups that stay in a core's cache, on all cores (see `nnlearn.arrays.parallel`),
    unless there is dropout or a memory.

    Parameters
    ----------
    width : int
        D, the size of the vectors.
    heads : int
        Of `nn.MultiHeadAttention`.
    hidden : int, optional
        Units of the small network, by default 4 D.
    causal, rotary : bool
        Of `nn.MultiHeadAttention`.
    norm : {"pre", "post"}
        Whether layer normalization stands before attention and network, inside of the residual
        connection, or after the sum.
    dropout : float
        The probability of dropping a number of what attention and network add.

    Raises
    ------
    ValueError
        If a size or setting does not fit.

    Notes
    -----
    After Vaswani et al. :cite:`vaswani2017`; the network's activation is `nn.GELU`. Source:
    eq-pre-norm, eq-post-norm.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> block = nn.TransformerBlock(8, heads=2, causal=True)
    >>> block(block.init(seed=0), np.ones((5, 3, 8), dtype="float32")).shape
    (5, 3, 8)
    """

    @usage("nn.TransformerBlock(width, heads)", **ATTENTION)
    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int | None = None,
        *,
        causal: bool = False,
        rotary: bool = False,
        norm: str = "pre",
        dropout: float = 0.0,
    ) -> None:
        if norm not in ("pre", "post"):
            raise ValueError(f"TransformerBlock: norm is {norm!r}, expected 'pre' or 'post'")
        self.width, self.heads, self.causal, self.rotary = attention_settings(
            "TransformerBlock", width, heads, causal, rotary
        )
        hidden = 4 * self.width if hidden is None else hidden
        self.hidden = positive_integer("TransformerBlock", "hidden", hidden)
        self.dropout, self.norm = probability("TransformerBlock", "dropout", dropout), norm
        drop = [Dropout(dropout)] if dropout else []
        look = MultiHeadAttention(width, heads, causal=causal, rotary=rotary)
        think = [Dense(width, self.hidden), GELU(), Dense(self.hidden, width)]
        if norm == "pre":  # eq-pre-norm
            super().__init__(
                Residual(LayerNorm(width), look, *drop), Residual(LayerNorm(width), *think, *drop)
            )
        else:  # eq-post-norm
            super().__init__(
                *(Residual(look, *drop), LayerNorm(width)),
                *(Residual(*think, *drop), LayerNorm(width)),
            )
        self.shares_batch = not dropout  # or the cores would be taken from BLAS and lie idle

    def settings(self) -> dict[str, Any]:
        """Return what the constructor was given: the layers follow from it."""
        return Layer.settings(self)

    def __repr__(self) -> str:
        return Layer.__repr__(self)

    def forward(
        self,
        params: Parameters,
        x: Array,
        training: bool = False,
        rng: Any = None,
        memory: Mapping[str, Array] | None = None,
    ) -> Any:
        """Return the value, `backward`, and the new state, as `Layer.forward`."""

        def plain(x: Array) -> Any:
            return Sequential.forward(self, params, x, training, rng, memory)

        chance = self.dropout > 0 and training  # a mask is drawn for the whole batch
        if chance or memory is not None or x.ndim != 3 or not on_host(x):
            return plain(x)
        # such that four sequences of 128 steps with 1024 hidden units are a group, which takes 0.92
        # of the time of groups of three, and 0.7 of single ones
        numbers_each = 7 * x.shape[0] * self.hidden // 8
        y, backward = by_sequences(plain, x, self.parameters(), numbers_each)
        return y, backward, {}


def by_sequences(
    run: Callable[[Array], Any], x: Array, names: Iterable[str], numbers_each: int
) -> Any:
    """Run a layer's forward and backward pass for groups of sequences, on all cores.

    A step of a Transformer (two blocks of width 256, 128 steps, batch 32, two cores) takes 0.72 of
    the time of one pass for all with the threads of BLAS: what stands between the products is
    shared, too.

    Parameters
    ----------
    run : callable
        Takes sequences (T, n, D), and gives value, `backward` and state as `Layer.forward`.
    x : array, shape (T, N, D)
    names : iterable of str
        Of the parameters.
    numbers_each : int
        How many the work on one sequence reads and writes.

    Returns
    -------
    y : array, shape (T, N, D')
    backward : callable
        As that of `Layer.forward`. The groups' gradients of parameters are added in order.
    """
    sequences = array_namespace(x).permute_dims(x, (1, 0, 2))
    passes = in_blocks(lambda group: (group, *run(x[:, group, :])), sequences, numbers_each)
    backwards = {group.start: backward_group for group, _, backward_group, _ in passes}

    def backward(dy: Waiting) -> Any:
        def groups() -> list[Any]:
            whole = dy()  # once, and not in the threads

            def part(group: slice) -> Any:
                dparams, dx = backwards[group.start](lambda: whole[:, group, :])
                return {name: gradient() for name, gradient in dparams.items()}, dx()

            return in_blocks(part, sequences, numbers_each)

        done = once(groups)
        total = once(lambda: _summed([dparams for dparams, _ in done()]))
        waiting = {name: functools.partial(_named, total, name) for name in names}
        return waiting, lambda: _side_by_side([dx for _, dx in done()])

    return _side_by_side([y for _, y, _, _ in passes]), backward


def _side_by_side(groups: list[Array]) -> Array:
    return groups[0] if len(groups) == 1 else array_namespace(*groups).concat(groups, axis=1)


def _summed(parts: list[dict[str, Array]]) -> dict[str, Array]:
    """Add up gradients by name, in order, into the first ones."""
    total = parts[0]
    for part in parts[1:]:
        for name in total:
            total[name] += part[name]
    return total


def _named(gradients: Callable[[], dict[str, Array]], name: str) -> Array:
    return gradients()[name]
