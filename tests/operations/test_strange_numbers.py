"""Huge, infinite, missing (NaN) and constant numbers: no operation is worse than PyTorch's.

Wherever PyTorch gives a finite number in float32, in the value or in a gradient, ours is as near
to what it gives in float64.
"""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import nnlearn as nn

HUGE = np.float32(1e30)
#: What stands in one place of an array of plain numbers, or in all of it.
STRANGE = {
    "huge": [HUGE, -HUGE],
    "infinite": [np.inf, -np.inf],
    "missing": [np.nan],
    "large": [50.0, -50.0, 1e4, -1e4],
    "tiny": [1e-30, -1e-30, 1e-42],
}


def torch_gan_value(real, fake):
    return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()


def images(x):
    return x.permute(0, 3, 1, 2)


def torch_conv(x, K, b):
    return F.conv2d(images(x), K.permute(3, 2, 0, 1), b).permute(0, 2, 3, 1)


def torch_recurrent(kind, order):
    """PyTorch's network, whose gates stand in another order than ours."""

    def run(x, *args):
        states, weights = args[:-3], args[-3:]
        network = kind(x.shape[2], states[0].shape[1], dtype=x.dtype)
        W_x, W_h, b = (
            torch.cat([w.chunk(len(order))[k] for k in order]) if len(order) > 1 else w
            for w in weights
        )
        values = dict(zip(NAMES, [W_x, W_h, b, torch.zeros_like(b)], strict=True))
        first = tuple(s[None] for s in states)
        given = (x, first if len(states) > 1 else first[0])
        return torch.func.functional_call(network, values, given)[0]

    return run


def torch_batch_norm(x, gamma, beta):
    return F.batch_norm(x, None, None, gamma, beta, training=True)


def torch_layer_norm(x, gamma, beta):
    return F.layer_norm(x, x.shape[1:], gamma, beta)


def torch_attention_weights(q, k):
    return F.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1)


def torch_attention(q, k, v):
    """By its formula. PyTorch's own takes a query whose scores are all -∞ for a masked one."""
    return torch_attention_weights(q, k) @ v


def torch_gelu(z):
    return F.gelu(z, approximate="tanh")


def torch_rotary(x):
    pairs = torch.view_as_complex(x.reshape(3, 2, 2))
    angles = torch.arange(3, dtype=x.dtype)[:, None] * torch.tensor([1.0, 0.01], dtype=x.dtype)
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).reshape(3, 4)


NAMES = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
RNN = [(3, 2, 2), (2, 3), (3, 2), (3, 3), (3,)]
LSTM = [(3, 2, 2), (2, 3), (2, 3), (12, 2), (12, 3), (12,)]
GRU = [(3, 2, 2), (2, 3), (9, 2), (9, 3), (9,)]
LOOK = [(3, 4), (5, 4), (5, 2)]
#: Ours, PyTorch's, the shapes of the floating-point arguments, and what comes after them.
OPERATIONS = {
    "sigmoid": (nn.sigmoid, torch.sigmoid, [(2, 3)], ()),
    "tanh": (nn.tanh, torch.tanh, [(2, 3)], ()),
    "relu": (nn.relu, F.relu, [(2, 3)], ()),
    "exp": (nn.exp, torch.exp, [(2, 3)], ()),
    "log": (nn.log, torch.log, [(2, 3)], ()),
    "leaky_relu": (nn.leaky_relu, F.leaky_relu, [(2, 3)], ()),
    "softplus": (nn.softplus, F.softplus, [(2, 3)], ()),
    "softmax": (nn.softmax, lambda z: F.softmax(z, -1), [(2, 3)], ()),
    "log_softmax": (nn.log_softmax, lambda z: F.log_softmax(z, -1), [(2, 3)], ()),
    "mean_squared_error": (nn.mean_squared_error, F.mse_loss, [(2, 3), (2, 3)], ()),
    "softmax_cross_entropy": (nn.softmax_cross_entropy, F.cross_entropy, [(2, 3)], ([2, 0],)),
    "sigmoid_cross_entropy": (
        nn.sigmoid_cross_entropy,
        F.binary_cross_entropy_with_logits,
        [(2, 3)],
        (np.array([[1, 0, 1], [0, 1, 0.25]], "float32"),),
    ),
    "gan_value": (nn.gan_value, torch_gan_value, [(2, 1), (3, 1)], ()),
    "discriminator_loss": (
        nn.discriminator_loss,
        lambda r, f: -torch_gan_value(r, f),
        [(2, 1), (3, 1)],
        (),
    ),
    "dense": (nn.dense, F.linear, [(2, 3), (4, 3), (4,)], ()),
    "conv2d": (nn.conv2d, torch_conv, [(1, 3, 3, 2), (2, 2, 2, 3), (3,)], ()),
    "max_pool2d": (
        nn.max_pool2d,
        lambda x: F.max_pool2d(images(x), 2).permute(0, 2, 3, 1),
        [(1, 4, 4, 1)],
        (),
    ),
    "avg_pool2d": (
        nn.avg_pool2d,
        lambda x: F.avg_pool2d(images(x), 2).permute(0, 2, 3, 1),
        [(1, 4, 4, 1)],
        (),
    ),
    "batch_norm": (nn.batch_norm, torch_batch_norm, [(4, 3), (3,), (3,)], ()),
    "layer_norm": (nn.layer_norm, torch_layer_norm, [(4, 3), (3,), (3,)], ()),
    "standardize": (nn.standardize, lambda x: F.layer_norm(x, x.shape[1:]), [(4, 3)], ()),
    "generator_loss": (nn.generator_loss, lambda z: -F.logsigmoid(z).mean(), [(3, 1)], ()),
    "embedding": (nn.embedding, lambda W, i: W[i], [(4, 3)], ([2, 0, 2],)),
    "upsample2d": (
        nn.upsample2d,
        lambda x: F.interpolate(images(x), scale_factor=2.0).permute(0, 2, 3, 1),
        [(1, 2, 3, 2)],
        (),
    ),
    "conv_transpose2d": (
        nn.conv_transpose2d,
        lambda x, K: F.conv_transpose2d(images(x), K.permute(3, 2, 0, 1)).permute(0, 2, 3, 1),
        [(1, 2, 2, 2), (2, 2, 3, 2)],
        (),
    ),
    "attention": (nn.attention, torch_attention, LOOK, ()),
    "attention_weights": (nn.attention_weights, torch_attention_weights, LOOK[:2], ()),
    "gelu": (nn.gelu, torch_gelu, [(2, 3)], ()),
    "rotary": (nn.rotary, torch_rotary, [(3, 4)], ()),
    "rnn": (nn.rnn, torch_recurrent(torch.nn.RNN, [0]), RNN, ()),
    "lstm": (nn.lstm, torch_recurrent(torch.nn.LSTM, [1, 0, 3, 2]), LSTM, ()),
    "gru": (nn.gru, torch_recurrent(torch.nn.GRU, [0, 1, 2]), GRU, ()),
}
#: Operations that have no place above, and why.
ELSEWHERE = {
    "dropout": "random; its mask is that of `masked`",
    "flatten": "no number is changed",
    "unflatten": "no number is changed",
    "im2col": "no number is changed; its gradients are those of conv2d",
    "convolve2d": "PyTorch has none; its numbers are those of conv2d",
    "blockwise_attention": "as in one piece: test_blockwise_attention.py. Σ p dp rounds otherwise",
}
#: Results that differ, by operation and kind: which ones (0 is the value, 1 the gradient of the
#: first argument), and why that is no worse.
OTHERWISE = {
    ("relu", "missing"): ((1,), "at a NaN the gradient is 0, ours, or passes, PyTorch's"),
    ("max_pool2d", "missing"): ((1,), "of several NaN the first takes the gradient, or the last"),
    ("conv2d", "missing"): ((1,), "a NaN in the kernel times the padding is NaN"),
    ("conv2d", "infinite"): ((1,), "so is an infinite one"),
    ("conv_transpose2d", "missing"): ((0,), "it is the way back of conv2d"),
    ("conv_transpose2d", "infinite"): ((0,), "it is the way back of conv2d"),
}
#: Of equal keys or values all cancels. What is left is rounding, and BLAS decides how much: these
#: gradients may differ by that of the products that they are summed of.
CANCELLING = {"attention": (1, 2), "attention_weights": (1,)}
EPS = float(np.finfo("float32").eps)


def largest(a):
    """Return the size of the largest finite number, or 1 where that is less."""
    return float(np.abs(a[np.isfinite(a)]).max(initial=1.0))


def rounding_of_weights(q, k):
    """Return how far attention's weights may be off by the rounding of q · k / √D alone.

    A sum of D products is off by D ε / 2 times D |q| |k| at most, in whatever order BLAS adds; and
    where logits move by δ, a weight p becomes at most p e^(2 δ), and no more than 1. Equal keys of
    1e4 have equal weights only where BLAS rounds all columns alike, which Debian's BLIS does not.
    """
    D = q.shape[-1]
    moved = D * EPS / 2 * D * largest(q) * largest(k) / D**0.5
    return min(1.0, math.expm1(min(2 * moved, 1.0)))


def ours(name, arrays, dvalue):
    """Value and gradients by the package."""
    operation, constants = OPERATIONS[name][0], [np.asarray(c) for c in OPERATIONS[name][3]]
    with np.errstate(all="ignore"):
        value, backward = nn.vjp(operation, *arrays, *constants, wrt=range(len(arrays)))
        value = value[0] if isinstance(value, tuple) else value  # of an LSTM the hidden states
        gradients = backward(dvalue.reshape(value.shape))
    return [value, *(gradients if isinstance(gradients, tuple) else (gradients,))]


def theirs(name, arrays, dvalue, dtype):
    """The same by PyTorch, in a precision."""
    _, operation, _, constants = OPERATIONS[name]
    fixed = [torch.as_tensor(np.asarray(c)) for c in constants]
    fixed = [c.to(dtype) if c.is_floating_point() else c for c in fixed]
    tensors = [torch.tensor(a).to(dtype).requires_grad_() for a in arrays]
    value = operation(*tensors, *fixed)
    value.backward(torch.tensor(dvalue).to(dtype).reshape(value.shape))
    return [t.detach().double().numpy() for t in (value, *(t.grad for t in tensors))]


def no_worse(name, arrays, but=()):
    """Where PyTorch's float32 is finite, ours is as near to its float64 as it is, to rounding."""
    with np.errstate(all="ignore"):
        value = OPERATIONS[name][0](*arrays, *map(np.asarray, OPERATIONS[name][3]))
    shape = (value[0] if isinstance(value, tuple) else value).shape
    dvalue = np.random.default_rng(1).normal(size=shape).astype("float32")
    exact = theirs(name, arrays, dvalue, torch.float64)
    results = [ours(name, arrays, dvalue), theirs(name, arrays, dvalue, torch.float32), exact]
    for i, (a, t, true) in enumerate(zip(*results, strict=True)):
        if i in but:
            continue
        finite = np.isfinite(t) & np.isfinite(true)
        a, t, true = (r[finite].astype(float) for r in (a, t, true))
        allowed = 2 * np.abs(t - true) + 2e-5 * np.abs(true)
        allowed += 1e-6 * np.abs(true).max(initial=1.0)
        others = [*arrays[: i - 1], *arrays[i:], dvalue] if i else arrays[2:]
        size = np.prod([largest(a) for a in others])
        if i in CANCELLING.get(name, ()):
            allowed += 16 * EPS * size
        if name in CANCELLING:
            allowed += rounding_of_weights(*arrays[:2]) * size
        what = "value" if i == 0 else f"gradient of argument {i - 1}"
        assert (np.abs(a - true) <= allowed).all(), f"{what} of {arrays}: {a}, {t}, {true}"


def strange_arrays(name, kind, rng):
    """Each argument in turn with one strange number, and full of it."""
    shapes = OPERATIONS[name][2]
    for strange in STRANGE[kind]:
        for which, shape in enumerate(shapes):
            arrays = [rng.normal(size=s).astype("float32") for s in shapes]
            arrays[which].reshape(-1)[int(rng.integers(np.prod(shape)))] = strange
            yield arrays
            yield [np.full_like(a, strange) if i == which else a for i, a in enumerate(arrays)]


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_worse_than_pytorch(name, kind, rng):
    but = OTHERWISE.get((name, kind), ((),))[0]
    for arrays in strange_arrays(name, kind, rng):
        no_worse(name, arrays, but)


@pytest.mark.parametrize(("name", "kind"), OTHERWISE)
def test_an_exception_that_is_not_needed_leaves_the_list(name, kind, rng):
    def all_of_it():
        for arrays in strange_arrays(name, kind, rng):
            no_worse(name, arrays)

    with pytest.raises(AssertionError, match=r"value of|gradient of argument [01]"):
        all_of_it()


def test_every_operation_is_here():
    public = {name for name in dir(nn) if hasattr(getattr(nn, name), "signature")}
    assert public == set(OPERATIONS) | set(ELSEWHERE)


@pytest.mark.parametrize("name", OPERATIONS)
def test_constants(name, rng):
    """A constant of any size, as a column without information has."""
    for constant in (0.0, 1.0, 123456.7, -3e5):
        arrays = [rng.normal(size=s).astype("float32") for s in OPERATIONS[name][2]]
        arrays[0][...] = constant
        no_worse(name, arrays)
