"""Every layer, with settings and an input that are drawn.

`test_generated_layers.py` fails for a layer that is missing here.
"""

import dataclasses
from typing import Any

import numpy as np
from entries import BORDERS, PAIRS, pair_of
from hypothesis import strategies as st
from registry import DTYPES, SIZES

import nnlearn as nn

SOME = st.sampled_from([1, 1, 2, 3, 5])  # sizes of a layer's own
EVEN = st.sampled_from([2, 4, 6])


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A layer, the shape of its input, and of its value."""

    layer: Any
    x: tuple[int, ...]
    y: tuple[int, ...]
    small: bool = False  # whether the input is too small and refused
    tokens: int = 0  # how many there are, where the input is tokens


def leading(draw):
    return tuple(draw(st.lists(SIZES, max_size=2)))


def elementwise(make):
    def entry(draw):
        shape = leading(draw)
        return Drawn(make(draw), shape, shape)

    return entry


def dense(draw):
    inputs, outputs, shape = draw(SOME), draw(SOME), leading(draw)
    return Drawn(nn.Dense(inputs, outputs), (*shape, inputs), (*shape, outputs))


def layer_norm(draw):
    shape = (*leading(draw), draw(SOME))
    return Drawn(nn.LayerNorm(shape[-1]), shape, shape)


def batch_norm(draw):
    shape = (draw(SIZES), *leading(draw), draw(SOME))
    return Drawn(nn.BatchNorm(shape[-1]), shape, shape, small=0 in shape)


def picture(draw):
    """Draw N, H and W."""
    return draw(SIZES), draw(SOME), draw(SOME)


def conv(draw):
    N, *image = picture(draw)
    C, F, size, stride, padding = draw(st.tuples(SOME, SOME, PAIRS, PAIRS, BORDERS))
    axes = zip(image, pair_of(size), pair_of(stride), pair_of(padding), strict=True)
    counts = [(n + 2 * p - k) // s + 1 for n, k, s, p in axes]
    layer = nn.Conv2D(C, F, size, stride, padding)
    return Drawn(layer, (N, *image, C), (N, *counts, F), small=min(counts) < 1)


def conv_transpose(draw):
    N, *image = picture(draw)
    F, C, size, stride = draw(st.tuples(SOME, SOME, PAIRS, PAIRS))
    axes = zip(image, pair_of(size), pair_of(stride), strict=True)
    large = [(n - 1) * s + k for n, k, s in axes]
    return Drawn(nn.ConvTranspose2D(F, C, size, stride), (N, *image, F), (N, *large, C))


def pool(kind):
    def entry(draw):
        (N, *image), C = picture(draw), draw(SIZES)
        size, stride = draw(PAIRS), draw(PAIRS)
        axes = zip(image, pair_of(size), pair_of(stride), strict=True)
        counts = [(n - k) // s + 1 for n, k, s in axes]
        return Drawn(kind(size, stride), (N, *image, C), (N, *counts, C), small=min(counts) < 1)

    return entry


def upsample(draw):
    (N, H, W), C, size = picture(draw), draw(SIZES), draw(PAIRS)
    rows, columns = pair_of(size)
    return Drawn(nn.Upsample2D(size), (N, H, W, C), (N, H * rows, W * columns, C))


def recurrent(kind):
    def entry(draw):
        T, N, D, H = draw(SIZES), draw(SIZES), draw(SOME), draw(SOME)
        last, learned = draw(st.booleans()), draw(st.booleans())
        layer = kind(D, H, last=last, learned_state=learned)
        return Drawn(layer, (T, N, D), (N, H) if last else (T, N, H), small=T == 0)

    return entry


def embedding(draw):
    count, size, shape = draw(SOME), draw(SOME), leading(draw)
    return Drawn(nn.Embedding(count, size), shape, (*shape, size), tokens=count)


def sequence(make, steps=1):
    """Of a layer that needs so many steps."""

    def entry(draw):
        shape = (draw(SIZES), draw(SIZES), 2 * draw(EVEN))
        return Drawn(make(draw, shape[-1]), shape, shape, small=shape[0] < steps)

    return entry


def encoding(draw, width):
    kind = draw(st.sampled_from(["sinusoidal", "learned"]))
    return nn.PositionalEncoding(width, kind, longest=7 if kind == "learned" else None)


def attention(draw, width):
    turned, causal = draw(st.booleans()), draw(st.booleans())
    return nn.MultiHeadAttention(width, 2, causal=causal, rotary=turned)


def block(draw, width):
    norm, dropout = draw(st.sampled_from(["pre", "post"])), draw(st.sampled_from([0.0, 0.3]))
    return nn.TransformerBlock(width, 2, draw(SOME), norm=norm, dropout=dropout)


def residual(draw):
    width, shape = draw(SOME), leading(draw)
    layer = nn.Residual(nn.Dense(width, 3), nn.Tanh(), nn.Dense(3, width))
    return Drawn(layer, (*shape, width), (*shape, width))


def row(draw):
    width, N = draw(SOME), draw(SOME)
    layer = nn.Sequential(nn.Flatten(), nn.BatchNorm(2 * width), nn.ReLU(), nn.Dense(2 * width, 3))
    return Drawn(layer, (N, 2, width), (N, 3))


def flatten(draw):
    N, H, C = draw(st.tuples(SIZES, SIZES, SIZES))
    return Drawn(nn.Flatten(), (N, H, C), (N, H * C))


def unflatten(draw):
    N, H, C = draw(SIZES), draw(SOME), draw(SOME)
    return Drawn(nn.Unflatten(H, C), (N, H * C), (N, H, C))


def time_first(draw):
    N, T, rest = draw(SIZES), draw(SIZES), leading(draw)
    return Drawn(nn.TimeFirst(), (N, T, *rest), (T, N, *rest))


LAYERS = {
    "ReLU": elementwise(lambda draw: nn.ReLU()),
    "LeakyReLU": elementwise(lambda draw: nn.LeakyReLU(draw(st.sampled_from([0.0, 0.2])))),
    "Sigmoid": elementwise(lambda draw: nn.Sigmoid()),
    "Tanh": elementwise(lambda draw: nn.Tanh()),
    "GELU": elementwise(lambda draw: nn.GELU()),
    "Dropout": elementwise(lambda draw: nn.Dropout(draw(st.sampled_from([0.0, 0.5])))),
    "Dense": dense,
    "LayerNorm": layer_norm,
    "BatchNorm": batch_norm,
    "Conv2D": conv,
    "ConvTranspose2D": conv_transpose,
    "MaxPool2D": pool(nn.MaxPool2D),
    "AvgPool2D": pool(nn.AvgPool2D),
    "Upsample2D": upsample,
    "RNN": recurrent(nn.RNN),
    "LSTM": recurrent(nn.LSTM),
    "GRU": recurrent(nn.GRU),
    "Embedding": embedding,
    "PositionalEncoding": sequence(encoding, steps=0),
    "MultiHeadAttention": sequence(attention),
    "TransformerBlock": sequence(block),
    "Residual": residual,
    "Sequential": row,
    "Flatten": flatten,
    "Unflatten": unflatten,
    "TimeFirst": time_first,
}
#: Who may give a view of x, or x itself, as the docstring of a layer's call says.
MOVING = ("Flatten", "Unflatten", "TimeFirst", "Dropout")


@dataclasses.dataclass(frozen=True)
class LayerCase:
    """A layer, its parameters and an input."""

    drawn: Drawn
    params: Any
    x: np.ndarray

    @property
    def wrt(self):
        return (0,) if self.drawn.tokens else (0, 1)

    def vjp(self, params, x):
        """Return the value of a training pass, and `backward`, which gives a tuple."""
        rng = np.random.default_rng(3)
        value, backward = nn.vjp(self.drawn.layer, params, x, wrt=self.wrt, rng=rng)
        return value, lambda dy: backward(dy) if len(self.wrt) > 1 else (backward(dy),)

    def dvalue(self):
        numbers = np.random.default_rng(1).normal(size=self.drawn.y)
        return np.asarray(numbers, self.params.vector.dtype)


def case(name, draw):
    """Draw a case."""
    drawn, dtype = LAYERS[name](draw), draw(DTYPES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if drawn.tokens:
        x = rng.integers(0, drawn.tokens, drawn.x)
    else:
        x = np.asarray(rng.normal(size=drawn.x), dtype)
    return LayerCase(drawn, drawn.layer.init(seed=rng, dtype=dtype), x)
