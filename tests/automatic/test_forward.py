"""Forward mode: every operation and layer, against differences and the reverse mode."""

import inspect

import numpy as np
import pytest
from witnesses import NUMPY, close

import nnlearn as nn
from nnlearn.operations import arithmetic

pytestmark = pytest.mark.filterwarnings("ignore:You are comparing a array_api_strict dtype")


def chance():
    return np.random.default_rng(5)


LABELS, TOKENS = np.array([0, 2, 1, 1]), np.array([[0, 2, 2], [3, 0, 1]])
SEQUENCE = [(3, 2, 2), (2, 3)]
LOOK = [(2, 3, 4), (2, 5, 4), (2, 5, 3)]  # queries, keys, values
#: one sequence is causal; of the other the first query may look at nothing
MAY = np.stack([np.tri(3, 5, 2, bool), np.arange(15).reshape(3, 5) > 6])
POSITIVE = 10.0  # what is added, where an operation needs what is positive
#: name: function of arrays, their shapes, and constants after them
OPERATIONS = {
    **{n: (getattr(nn, n), [(3, 4)], []) for n in ("sigmoid", "tanh", "relu", "leaky_relu")},
    **{n: (getattr(nn, n), [(3, 4)], []) for n in ("softplus", "softmax", "log_softmax", "exp")},
    "log": (lambda a: nn.log(a + POSITIVE), [(3, 4)], []),
    "dense": (nn.dense, [(5, 3), (2, 3), (2,)], []),
    "conv2d": (nn.conv2d, [(2, 4, 5, 2), (3, 2, 2, 3), (3,)], []),
    "conv2d, padded": (
        lambda *a: nn.conv2d(*a, stride=2, padding=1),
        [(2, 4, 5, 2), (3, 2, 2, 3), (3,)],
        [],
    ),
    "convolve2d": (nn.convolve2d, [(4, 5), (3, 2)], []),
    "conv_transpose2d": (
        lambda *a: nn.conv_transpose2d(*a, stride=2, padding=1),
        [(2, 3, 4, 3), (3, 2, 2, 3), (2,)],
        [],
    ),
    "upsample2d": (nn.upsample2d, [(2, 2, 3, 2)], []),
    "max_pool2d": (nn.max_pool2d, [(2, 4, 4, 2)], []),
    "avg_pool2d": (lambda x: nn.avg_pool2d(x, 3, 1), [(2, 4, 4, 2)], []),
    "im2col": (lambda x: nn.im2col(x, 2, padding=1), [(2, 3, 3, 2)], []),
    "flatten": (nn.flatten, [(2, 3, 2)], []),
    "unflatten": (lambda x: nn.unflatten(x, (3, 2)), [(2, 6)], []),
    "embedding": (nn.embedding, [(4, 3)], [TOKENS]),
    "attention": (nn.attention, LOOK, []),
    "attention, masked": (nn.attention, LOOK, [MAY]),
    "attention_weights": (nn.attention_weights, LOOK[:2], []),
    "attention_weights, masked": (nn.attention_weights, LOOK[:2], [MAY]),
    "blockwise_attention": (nn.blockwise_attention, LOOK, []),
    "blockwise_attention, causal": (
        lambda *a: nn.blockwise_attention(*a, causal=True, block=2),
        LOOK,
        [],
    ),
    "gelu": (nn.gelu, [(3, 4)], []),
    "rotary": (lambda x: nn.rotary(x, 2), [(2, 3, 4)], []),
    "rnn": (nn.rnn, [*SEQUENCE, (3, 2), (3, 3), (3,)], []),
    "gru": (nn.gru, [*SEQUENCE, (9, 2), (9, 3), (9,)], []),
    "lstm": (nn.lstm, [*SEQUENCE, (2, 3), (12, 2), (12, 3), (12,)], []),
    "standardize": (lambda x: nn.standardize(x, axis=0), [(4, 3)], []),
    "batch_norm": (nn.batch_norm, [(4, 3), (3,), (3,)], []),
    "layer_norm": (nn.layer_norm, [(4, 3), (3,), (3,)], []),
    "dropout": (lambda x: nn.dropout(x, 0.4, chance()), [(4, 3)], []),
    "mean_squared_error": (nn.mean_squared_error, [(4, 3), (4, 3)], []),
    "softmax_cross_entropy": (nn.softmax_cross_entropy, [(4, 3)], [LABELS]),
    "sigmoid_cross_entropy": (nn.sigmoid_cross_entropy, [(4, 3), (4, 3)], []),
    "gan_value": (nn.gan_value, [(4, 1), (3, 1)], []),
    "discriminator_loss": (nn.discriminator_loss, [(4, 1), (3, 1)], []),
    "generator_loss": (nn.generator_loss, [(4, 1)], []),
    "arithmetic": (
        lambda a, b: (2 - a * b / (b * b + 1) + a**3) @ (a - b).T + (-a)[:, :1],
        [(3, 2), (1, 2)],
        [],
    ),
    "sums": (
        lambda a: arithmetic.mean(a, 0) * arithmetic.total(a) + arithmetic.transpose(a)[:, 0],
        [(3, 2)],
        [],
    ),
}
LAYERS = {
    "Dense": (nn.Dense(3, 2), (4, 3)),
    "Conv2D": (nn.Conv2D(2, 3, 2), (2, 4, 4, 2)),
    "ConvTranspose2D": (nn.ConvTranspose2D(2, 3, 2), (2, 3, 3, 2)),
    "MaxPool2D": (nn.MaxPool2D(2), (2, 4, 4, 1)),
    "AvgPool2D": (nn.AvgPool2D(2), (2, 4, 4, 1)),
    "Upsample2D": (nn.Upsample2D(2), (2, 2, 2, 1)),
    "BatchNorm": (nn.BatchNorm(3), (4, 3)),
    "LayerNorm": (nn.LayerNorm(3), (4, 3)),
    "RNN": (nn.RNN(2, 3, last=True), (4, 2, 2)),
    "LSTM": (nn.LSTM(2, 3, learned_state=True), (4, 2, 2)),
    "GRU": (nn.GRU(2, 3), (4, 2, 2)),
    "MultiHeadAttention": (nn.MultiHeadAttention(4, 2, causal=True, rotary=True), (3, 2, 4)),
    "PositionalEncoding": (nn.PositionalEncoding(4, "learned", longest=5), (3, 2, 4)),
    "Residual": (nn.Residual(nn.LayerNorm(3), nn.Dense(3, 3)), (4, 3)),
    "TransformerBlock": (nn.TransformerBlock(4, 2, causal=True), (3, 2, 4)),
    "GELU": (nn.GELU(), (2, 3)),
    "Flatten": (nn.Flatten(), (2, 3, 2)),
    "Unflatten": (nn.Unflatten(3, 2), (2, 6)),
    "TimeFirst": (nn.TimeFirst(), (2, 3, 2)),
    "Dropout": (nn.Dropout(0.5), (2, 3)),
    "Sigmoid": (nn.Sigmoid(), (2, 3)),
    "Tanh": (nn.Tanh(), (2, 3)),
    "ReLU": (nn.ReLU(), (2, 3)),
    "LeakyReLU": (nn.LeakyReLU(), (2, 3)),
    "Embedding": (nn.Embedding(4, 3), None),
    "Sequential": (
        nn.Sequential(nn.Dense(3, 4), nn.BatchNorm(4), nn.Tanh(), nn.Dense(4, 2)),
        (5, 3),
    ),
}


def test_every_operation_and_layer_is_here():
    """A new one comes in here, too."""
    operations = {n for n in nn.__all__ if hasattr(getattr(nn, n), "forward")}
    classes = {n for n in operations if inspect.isclass(getattr(nn, n))} - {"Layer"}
    assert operations - classes - {"Layer"} <= set(OPERATIONS)
    assert classes == set(LAYERS)


def along(f, values, tangents, h=1e-5):
    ends = [f(*(v + s * h * t for v, t in zip(values, tangents, strict=True))) for s in (1, -1)]
    if isinstance(ends[0], tuple):
        return tuple((a - b) / (2 * h) for a, b in zip(*ends, strict=True))
    return (ends[0] - ends[1]) / (2 * h)


def several(value):
    return value if isinstance(value, tuple) else (value,)


def drawn(shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes], [rng.normal(size=s) for s in shapes]


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_against_differences(space, name):
    f, shapes, constants = OPERATIONS[name]
    values, tangents = drawn(shapes)
    fixed = [space.array(c) for c in constants]
    args, moves = [space.array(v) for v in values], [space.array(t) for t in tangents]
    value, tangent = nn.jvp(f, [*args, *fixed], [*moves, *[None] * len(fixed)])
    measured = along(lambda *a: f(*a, *constants), values, tangents)
    plain = f(*values, *constants)
    for v, t, p, m in zip(*map(several, (value, tangent, plain, measured)), strict=True):
        assert space.holds(v)
        assert space.holds(t)
        close(nn.to_numpy(v), p, 1e-12, "value")
        close(nn.to_numpy(t), m, 2e-8, "tangent")


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_against_the_adjoint(name):
    """⟨u, J v⟩ = ⟨Jᵀ u, v⟩: forward and reverse mode are one matrix, read from two sides."""
    f, shapes, constants = OPERATIONS[name]
    values, tangents = drawn(shapes, seed=1)
    f = f if hasattr(f, "forward") else nn.record(f)
    value, tangent = nn.jvp(f, [*values, *constants], [*tangents, *[None] * len(constants)])
    rng = np.random.default_rng(2)
    u = [rng.normal(size=v.shape) for v in several(value)]
    gradients = several(nn.vjp(f, *values, *constants, wrt=range(len(values)))[1](*u))
    left = sum(np.sum(a * t) for a, t in zip(u, several(tangent), strict=True))
    right = sum(np.sum(g * t) for g, t in zip(gradients, tangents, strict=True))
    assert abs(left - right) < 1e-12 * max(1, abs(left))


@pytest.mark.parametrize("name", [n for n in OPERATIONS if n != "dropout"])
def test_operations_in_float32(name):
    f, shapes, constants = OPERATIONS[name]
    values, tangents = ([a.astype("float32") for a in part] for part in drawn(shapes))
    found = nn.jvp(f, [*values, *constants], [*tangents, *[None] * len(constants)])
    exact = nn.jvp(
        f,
        [*map(np.float64, values), *constants],
        [*map(np.float64, tangents)] + [None] * len(constants),
    )
    for ours, theirs in zip(several(found[1]), several(exact[1]), strict=True):
        assert ours.dtype == "float32"
        close(ours, theirs, 1e-4, "tangent")
    assert all(v.dtype == "float32" for v in several(found[0]))


def layer_at(space, name):
    """Return a layer, its parameters and what moves them, its input and what moves that."""
    layer, shape = LAYERS[name]
    rng = np.random.default_rng(3)
    params = layer.init(seed=1, dtype="float64")
    params.vector[...] += 0.3 * rng.normal(size=params.vector.shape)
    state = params.state
    if state is not None:
        state.vector[...] = rng.uniform(0.5, 2, state.vector.shape)
    x = TOKENS if shape is None else rng.normal(size=shape)
    dx = None if shape is None else rng.normal(size=shape)
    dtheta = rng.normal(size=params.vector.shape)

    def at(h):
        moved = nn.Parameters(params.vector + h * dtheta, params.layout, state)
        return layer(moved, x if dx is None else x + h * dx)

    placed = state and nn.Parameters(space.array(state.vector), state.layout)
    theta = nn.Parameters(space.array(params.vector), params.layout, placed)
    moves = nn.Parameters(space.array(dtheta), params.layout)
    return layer, theta, moves, space.array(x), dx if dx is None else space.array(dx), at


@pytest.mark.parametrize("name", LAYERS)
def test_layers_against_differences(space, name):
    """As in inference: dropout is off, and running statistics are used, which do not move."""
    layer, theta, moves, x, dx, at = layer_at(space, name)
    value, tangent = nn.jvp(layer, [theta, x], [moves, dx])
    assert space.holds(tangent)
    close(nn.to_numpy(value), at(0), 1e-13, "value")
    close(nn.to_numpy(tangent), (at(1e-5) - at(-1e-5)) / 2e-5, 1e-8, "tangent")


@pytest.mark.parametrize(
    "name", [n for n in LAYERS if n not in ("BatchNorm", "Dropout", "Sequential")]
)
def test_layers_against_the_adjoint(name):
    """Where a training pass computes the same as inference."""
    layer, theta, moves, x, dx, _ = layer_at(NUMPY, name)
    value, tangent = nn.jvp(layer, [theta, x], [moves, dx])
    u = np.random.default_rng(4).normal(size=value.shape)
    dtheta = nn.vjp(layer, theta, x, wrt=0)[1](u)
    right = np.sum(dtheta.vector * moves.vector)
    if dx is not None:
        right += np.sum(nn.vjp(layer, theta, x, wrt=1)[1](u) * dx)
    assert abs(np.sum(u * tangent) - right) < 1e-12 * max(1, abs(right))
