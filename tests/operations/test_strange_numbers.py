"""Huge, infinite, missing (NaN) and constant numbers: no operation is worse than PyTorch's.

Wherever PyTorch gives a finite number in float32, in the value or in a gradient, ours is as near
to what it gives in float64.
"""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import nnlearn as nn
from nnlearn.operations.gan import discriminator_loss, gan_value

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


def torch_recurrent(kind):
    def run(x, *args):
        states, W_x, W_h, b = args[:-3], *args[-3:]
        D, H = x.shape[2], states[0].shape[1]
        network = kind(D, H, dtype=x.dtype)
        weights = [W_x, W_h, b, torch.zeros_like(b)]
        names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
        first = tuple(s[None] for s in states)
        first = first if len(states) > 1 else first[0]
        return torch.func.functional_call(
            network, dict(zip(names, weights, strict=True)), (x, first)
        )[0]

    return run


def torch_batch_norm(x, gamma, beta):
    return F.batch_norm(x, None, None, gamma, beta, training=True)


def torch_layer_norm(x, gamma, beta):
    return F.layer_norm(x, x.shape[1:], gamma, beta)


SHAPES_RNN = [(3, 2, 2), (2, 3), (3, 2), (3, 3), (3,)]
#: Ours, PyTorch's, the shapes of the floating-point arguments, and what comes after them.
OPERATIONS = {
    "sigmoid": (nn.sigmoid, torch.sigmoid, [(2, 3)], ()),
    "tanh": (nn.tanh, torch.tanh, [(2, 3)], ()),
    "relu": (nn.relu, F.relu, [(2, 3)], ()),
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
    "gan_value": (gan_value, torch_gan_value, [(2, 1), (3, 1)], ()),
    "discriminator_loss": (
        discriminator_loss,
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
    "rnn": (nn.rnn, torch_recurrent(torch.nn.RNN), SHAPES_RNN, ()),
}
#: Where ours differs, and why that is no worse.
OTHERWISE = {
    ("relu", "missing"): "at a NaN the gradient is 0, ours, or passes, PyTorch's",
    ("max_pool2d", "missing"): "of several NaN the first takes the gradient, or the last",
    (
        "conv2d",
        "missing",
    ): "a NaN in the kernel times the padding is NaN",
    ("conv2d", "infinite"): "so does an infinite one",
}


def ours(name, arrays, dvalue):
    """Value and gradients by the package."""
    operation, constants = OPERATIONS[name][0], [np.asarray(c) for c in OPERATIONS[name][3]]
    with np.errstate(all="ignore"):
        value, backward = nn.vjp(operation, *arrays, *constants, wrt=range(len(arrays)))
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


def no_worse(name, arrays):
    """Where PyTorch's float32 is finite, ours is as near to its float64 as it is, to rounding."""
    with np.errstate(all="ignore"):
        shape = OPERATIONS[name][0](*arrays, *map(np.asarray, OPERATIONS[name][3])).shape
    dvalue = np.random.default_rng(1).normal(size=shape).astype("float32")
    exact = theirs(name, arrays, dvalue, torch.float64)
    results = [ours(name, arrays, dvalue), theirs(name, arrays, dvalue, torch.float32), exact]
    for i, (a, t, true) in enumerate(zip(*results, strict=True)):
        finite = np.isfinite(t) & np.isfinite(true)
        a, t, true = (r[finite].astype(float) for r in (a, t, true))
        allowed = 2 * np.abs(t - true) + 2e-5 * np.abs(true)
        allowed += 1e-6 * np.abs(true).max(initial=1.0)
        what = "value" if i == 0 else f"gradient of argument {i - 1}"
        assert (np.abs(a - true) <= allowed).all(), f"{what} of {arrays}: {a}, {t}, {true}"


@pytest.mark.parametrize(
    ("name", "kind"), [(n, k) for n in OPERATIONS for k in STRANGE if (n, k) not in OTHERWISE]
)
def test_no_worse_than_pytorch(name, kind, rng):
    shapes = OPERATIONS[name][2]
    for strange in STRANGE[kind]:
        for which, shape in enumerate(shapes):
            arrays = [rng.normal(size=s).astype("float32") for s in shapes]
            arrays[which].reshape(-1)[int(rng.integers(np.prod(shape)))] = strange
            no_worse(name, arrays)
            arrays[which][...] = strange  # all of it
            no_worse(name, arrays)


@pytest.mark.parametrize("name", OPERATIONS)
def test_constants(name, rng):
    """A constant of any size, as a column without information has."""
    for constant in (0.0, 1.0, 123456.7, -3e5):
        arrays = [rng.normal(size=s).astype("float32") for s in OPERATIONS[name][2]]
        arrays[0][...] = constant
        no_worse(name, arrays)
