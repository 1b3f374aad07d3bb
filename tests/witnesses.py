"""Three witnesses for one operation: loops from its equation, PyTorch, and finite differences.

The loops stand in each test file, beside the equation that they copy. Here is what compares them
with the package, in the value and in every gradient, wherever the arrays live.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import array_api_compat
import array_api_strict
import numpy as np
import torch
from hypothesis import strategies as st

import nnlearn as nn


@dataclass(frozen=True)
class Space:
    """A namespace and one of its devices."""

    name: str
    xp: Any
    device: Any

    def array(self, a, dtype=None):
        """Put a copy of a NumPy array there."""
        a = np.array(a, dtype=dtype)
        return self.xp.asarray(a, device=self.device)

    def holds(self, a):
        """Whether an array lives there: it has this type, and is on this device."""
        on_numpy = isinstance(a, np.ndarray | np.generic)
        xp = np if on_numpy else array_api_compat.array_namespace(a)
        return xp is self.xp and array_api_compat.device(a) == self.device

    def use(self):
        """Make it the current backend."""
        backend = "array_api_strict" if self.name.startswith("strict") else self.name
        nn.use_backend(backend, device=self.device if backend != "cupy" else None)


def make_space(name):
    """Return one of the spaces that `conftest` names."""
    if name == "numpy":
        return Space(name, np, "cpu")
    if name == "cupy":
        import array_api_compat.cupy as xp

        return Space(name, xp, array_api_compat.device(xp.zeros(1)))
    if name == "torch":
        import array_api_compat.torch as xp

        return Space(name, xp, torch.device("cpu"))
    device = "device1" if name.endswith("device1") else "CPU_DEVICE"
    return Space(name, array_api_strict, array_api_strict.Device(device))


NUMPY = make_space("numpy")


# --- generated inputs --------------------------------------------------------------------------

sizes = st.sampled_from([0, 1, 2, 3])
batch_shapes = st.lists(sizes, max_size=2).map(tuple)
dtypes = st.sampled_from(["float32", "float64"])
layouts = st.sampled_from(["plain", "transposed", "strided", "reversed"])
seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([1.0, 30.0, 1e4])


def place(space, a, layout="plain"):
    """Put an array somewhere, with the same values but another order in memory."""
    if a.ndim == 0 or layout == "plain" or (space.name == "torch" and layout == "reversed"):
        return space.array(a)  # PyTorch knows no steps backwards
    if layout == "transposed":
        return space.xp.permute_dims(
            space.array(np.ascontiguousarray(a.T)), tuple(reversed(range(a.ndim)))
        )
    if layout == "reversed":
        return space.array(a[..., ::-1].copy())[..., ::-1]
    gaps = np.repeat(a, 2, axis=-1)  # between the values there is nothing to be read
    gaps[..., 1::2] = np.nan if a.dtype.kind == "f" else 99
    return space.array(gaps)[..., ::2]


# --- witnesses ---------------------------------------------------------------------------------


def close(actual, expected, tolerance, what):
    """Compare with what is expected, relative to its largest number."""
    actual, expected = np.asarray(actual, dtype=float), np.asarray(expected, dtype=float)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, not {expected.shape}"
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(
        actual, expected, rtol=tolerance, atol=tolerance * scale, err_msg=what
    )


def difference_gradient(f, arrays, i, dvalue, h=1e-5):
    """Measure the gradient of Σ dvalue · f by arrays[i], one element after the other.

    It shares nothing with `nn.check_gradients`, so that this is not its own witness.
    """
    gradient = np.empty(arrays[i].shape)
    for index in np.ndindex(*arrays[i].shape):
        ends = []
        for sign in (1, -1):
            moved = [a.copy() for a in arrays]
            moved[i][index] += sign * h
            ends.append(np.asarray(f(*moved)))
        gradient[index] = np.sum(dvalue * (ends[0] - ends[1])) / (2 * h)
    return gradient


def measured_slope(f, z, h=1e-5):
    """Measure the slope of a function that takes every element of z by itself."""
    return (f(z + h) - f(z - h)) / (2 * h)


def measured_jacobian(f, x, h=1e-6):
    """Measure the derivatives of f by x: entry [..., k] is that by x[k], for every index k."""
    measured = []
    for index in np.ndindex(*x.shape):
        step = np.zeros(x.shape)
        step[index] = h
        measured.append((f(x + step) - f(x - step)) / (2 * h))
    return np.stack(measured, axis=-1).reshape(*np.shape(measured[0]), *x.shape)


def torch_gradients(f, arrays, dvalue, constants=()):
    """Return the value and all gradients from PyTorch, in float64."""
    tensors = [torch.tensor(np.array(a, order="C"), requires_grad=True) for a in arrays]
    value = f(*tensors, *(torch.tensor(np.array(c, order="C")) for c in constants))
    value.backward(torch.tensor(np.array(dvalue, order="C")))
    return value.detach().numpy(), [
        np.zeros(t.shape) if t.grad is None else t.grad.numpy() for t in tensors
    ]


TOLERANCE = {"float32": 2e-5, "float64": 1e-10}


def agree(
    space,
    operation,
    arrays,
    literal,
    by_torch,
    *,
    constants=(),
    keywords=None,
    dtype="float64",
    layout="plain",
    differences=True,
    seed=0,
):
    """Let all witnesses testify on the value and every gradient of an operation.

    Parameters
    ----------
    space : Space
    operation : differentiable function
    arrays : list of ndarray
        The arguments to differentiate by.
    literal : callable
        The equation in loops, of float64 NumPy arrays.
    by_torch : callable
        The same by PyTorch, of float64 tensors.
    constants : list of ndarray
        Arguments after those, such as labels.
    keywords : dict
    dtype, layout : str
        How the operation gets the arrays.
    differences : bool
        Whether finite differences can testify: not where the function has a kink, or is so large
        that its digits are lost.
    """
    keywords = keywords or {}
    arrays = [np.asarray(a, dtype=dtype) for a in arrays]
    exact = [a.astype(float) for a in arrays]
    placed = [place(space, a, layout) for a in arrays]
    fixed = [place(space, np.asarray(c), layout) for c in constants]
    tolerance = TOLERANCE[dtype]

    value, backward = nn.vjp(operation, *placed, *fixed, wrt=range(len(arrays)), **keywords)
    signature = operation.signature
    if signature.values:
        signature.check_values(value, signature.check([*placed, *fixed]))
    assert space.holds(value)
    assert str(value.dtype).endswith(dtype)
    expected = literal(*exact, *constants)
    close(nn.to_numpy(value), expected, tolerance, "value against loops")
    again = operation(*placed, *fixed, **keywords)
    np.testing.assert_array_equal(nn.to_numpy(again), nn.to_numpy(value))

    dvalue = np.random.default_rng(seed).normal(size=value.shape).astype(dtype)
    placed_dvalue = place(space, dvalue, layout)
    gradients = backward(placed_dvalue)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    by_torch_value, by_torch_gradients = torch_gradients(
        by_torch, exact, dvalue.astype(float), constants
    )
    close(nn.to_numpy(value), by_torch_value, tolerance, "value against PyTorch")
    for i, gradient in enumerate(gradients):
        assert space.holds(gradient)
        assert str(gradient.dtype).endswith(dtype)
        ours = nn.to_numpy(gradient)
        close(ours, by_torch_gradients[i], tolerance * 10, f"gradient {i} against PyTorch")
        if differences:
            measured = difference_gradient(
                lambda *a: literal(*a, *constants), exact, i, dvalue.astype(float)
            )
            close(ours, measured, max(tolerance, 1e-6), f"gradient {i} against differences")

    _selections(operation, placed, fixed, keywords, placed_dvalue, gradients)
    inputs = [*arrays, *constants, dvalue], [*placed, *fixed, placed_dvalue]
    for before, after in zip(*inputs, strict=True):
        np.testing.assert_array_equal(nn.to_numpy(after), before, "an input was changed")
    something = any(a.size for a in arrays)  # a check of nothing is refused
    if differences and something and all(np.abs(a).max(initial=0) < 50 for a in exact):
        nn.check_gradients(operation, *placed, *fixed, wrt=range(len(arrays)), **keywords)


def _selections(operation, placed, fixed, keywords, dvalue, gradients):
    """Every choice of arguments gives the same bits as all together."""
    positions = range(len(placed))
    for count in range(1, len(placed) + 1):
        for wrt in itertools.permutations(positions, count):
            _, backward = nn.vjp(operation, *placed, *fixed, wrt=wrt, **keywords)
            chosen = backward(dvalue)
            chosen = chosen if len(wrt) > 1 else (chosen,)
            for i, gradient in zip(wrt, chosen, strict=True):
                np.testing.assert_array_equal(
                    nn.to_numpy(gradient), nn.to_numpy(gradients[i]), f"wrt={wrt}, argument {i}"
                )


def placed(space, layer, seed=0):
    """Return parameters of a layer, in float64, with no value that hides a fault."""
    rng = np.random.default_rng(seed)
    here = layer.init(seed=seed, dtype="float64")
    vector = here.vector + rng.normal(size=here.vector.shape)
    state = None
    if here.state is not None:
        state = nn.Parameters(
            space.array(rng.uniform(0.5, 2, here.state.vector.shape)), here.state.layout
        )
    return nn.Parameters(space.array(vector), here.layout, state)


def pairs(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most))
