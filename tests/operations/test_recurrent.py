"""rnn, lstm and gru: loops from the equations, PyTorch and finite differences agree."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from witnesses import NUMPY, close, difference_gradient, dtypes, layouts, place, seeds

import nnlearn as nn

# --- the equations, one number after the other -------------------------------------------------


def share(W, x, i):
    """Σⱼ W[i, j] x[j]."""
    return sum(W[i, j] * x[j] for j in range(len(x)))


def sigma(z):
    return 1 / (1 + np.exp(-z))


def rnn_literal(x, h0, W_xh, W_hh, b_h):
    T, N, H = *x.shape[:2], h0.shape[1]
    h = np.empty((T, N, H))
    for t, n in np.ndindex(T, N):
        before = h[t - 1, n] if t > 0 else h0[n]
        for i in range(H):
            h[t, n, i] = np.tanh(share(W_hh, before, i) + share(W_xh, x[t, n], i) + b_h[i])
    return h


def lstm_literal(x, h0, c0, W_x, W_h, b):
    """Return h and c in one array, one beside the other."""
    T, N, H = *x.shape[:2], h0.shape[1]
    both = np.empty((T, N, 2 * H))
    for t, n in np.ndindex(T, N):
        h, c = (both[t - 1, n, :H], both[t - 1, n, H:]) if t > 0 else (h0[n], c0[n])
        for i in range(H):
            z = [share(W_x, x[t, n], k) + share(W_h, h, k) + b[k] for k in range(i, 4 * H, H)]
            forget, write, output, candidate = *map(sigma, z[:3]), np.tanh(z[3])
            both[t, n, H + i] = forget * c[i] + write * candidate
            both[t, n, i] = output * np.tanh(both[t, n, H + i])
    return both


def gru_literal(x, h0, W_x, W_h, b):
    T, N, H = *x.shape[:2], h0.shape[1]
    h = np.empty((T, N, H))
    for t, n in np.ndindex(T, N):
        before = h[t - 1, n] if t > 0 else h0[n]
        for i in range(H):
            a = [share(W_x, x[t, n], k) + b[k] for k in range(i, 3 * H, H)]
            s = [share(W_h, before, k) for k in range(i, 3 * H, H)]
            reset, update = sigma(a[0] + s[0]), sigma(a[1] + s[1])
            candidate = np.tanh(a[2] + reset * s[2])
            h[t, n, i] = (1 - update) * candidate + update * before[i]
    return h


@nn.differentiable
def lstm_both(*arrays):
    """The operation with its two outputs side by side, for witnesses that take one."""
    (h, c), backward = nn.lstm.forward(*arrays)
    xp = nn.array_namespace(h)
    H = h.shape[-1]
    both = xp.concat([h, c], axis=-1)
    return both, lambda dboth: backward(dboth[..., :H], dboth[..., H:])


# --- PyTorch's weights -------------------------------------------------------------------------


def by_torch(module, order, x, states, W_x, W_h, b):
    """Run a module of PyTorch on our weights, whose gates stand in another order."""
    H = states[0].shape[1]
    order = torch.cat([torch.arange(k * H, (k + 1) * H) for k in order])
    weights = {
        "weight_ih_l0": W_x[order],
        "weight_hh_l0": W_h[order],
        "bias_ih_l0": b[order],
        "bias_hh_l0": torch.zeros_like(b),
    }
    states = tuple(s[None] for s in states)
    module = module(x.shape[2], H).double()
    return torch.func.functional_call(
        module, weights, (x, states if len(states) > 1 else states[0])
    )[0]


def rnn_torch(x, h0, W_xh, W_hh, b_h):
    return by_torch(torch.nn.RNN, [0], x, (h0,), W_xh, W_hh, b_h)


def lstm_torch(x, h0, c0, W_x, W_h, b):
    """PyTorch's order is input, forget, candidate, output."""
    return by_torch(torch.nn.LSTM, [1, 0, 3, 2], x, (h0, c0), W_x, W_h, b)


def gru_torch(x, h0, W_x, W_h, b):
    return by_torch(torch.nn.GRU, [0, 1, 2], x, (h0,), W_x, W_h, b)


OPERATIONS = {
    "rnn": (nn.rnn, rnn_literal, rnn_torch, 1, 1),
    "lstm": (lstm_both, lstm_literal, lstm_torch, 4, 2),
    "gru": (nn.gru, gru_literal, gru_torch, 3, 1),
}


def draw(name, T, N, D, H, seed, scale=1.0):
    """Return arguments of an operation: x, the states, the weights, the bias."""
    rng = np.random.default_rng(seed)
    blocks, states = OPERATIONS[name][3:]
    shapes = [(T, N, D), *[(N, H)] * states, (blocks * H, D), (blocks * H, H), (blocks * H,)]
    return [scale * rng.normal(size=shape) for shape in shapes]


steps, small = st.integers(1, 4), st.integers(1, 3)
operations = pytest.mark.parametrize("name", OPERATIONS)


# --- three witnesses ---------------------------------------------------------------------------


@operations
@given(T=steps, N=small, D=small, H=small, dtype=dtypes, layout=layouts, seed=seeds)
def test_against_loops_and_differences(space, name, T, N, D, H, dtype, layout, seed):
    operation, literal = OPERATIONS[name][:2]
    arrays = [a.astype(dtype) for a in draw(name, T, N, D, H, seed)]
    exact = [a.astype(float) for a in arrays]
    placed = [place(space, a, layout) for a in arrays]
    tolerance = {"float32": 2e-5, "float64": 1e-12}[dtype]
    value, backward = nn.vjp(operation, *placed)
    assert space.holds(value)
    assert str(value.dtype).endswith(dtype)
    close(nn.to_numpy(value), literal(*exact), tolerance, "value against loops")

    dvalue = np.random.default_rng(seed).normal(size=value.shape).astype(dtype)
    placed_dvalue = place(space, dvalue, layout)
    gradients = backward(placed_dvalue)
    for i, gradient in enumerate(gradients):
        assert space.holds(gradient)
        assert str(gradient.dtype).endswith(dtype)
        measured = difference_gradient(literal, exact, i, dvalue.astype(float))
        close(nn.to_numpy(gradient), measured, max(tolerance * 10, 1e-6), f"gradient {i}")
        alone = nn.vjp(operation, *placed, wrt=i)[1](placed_dvalue)
        np.testing.assert_array_equal(nn.to_numpy(alone), nn.to_numpy(gradient))
    for before, after in zip([*arrays, dvalue], [*placed, placed_dvalue], strict=True):
        np.testing.assert_array_equal(nn.to_numpy(after), before, "an input was changed")


@operations
@settings(max_examples=150)
@given(
    T=st.one_of(st.just(1), st.integers(2, 12)),
    N=st.one_of(st.just(1), st.integers(2, 5)),
    D=st.integers(1, 6),
    H=st.integers(1, 7),
    scale=st.sampled_from([0.3, 1.0, 5.0]),
    seed=seeds,
)
def test_against_pytorch(name, T, N, D, H, scale, seed):
    operation, _, theirs = OPERATIONS[name][:3]
    arrays = draw(name, T, N, D, H, seed, scale)
    value, backward = nn.vjp(operation, *arrays)
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    expected = theirs(*tensors)
    close(value[..., :H], expected.detach().numpy(), 1e-11, "value")
    dvalue = np.random.default_rng(seed).normal(size=expected.shape)
    expected.backward(torch.tensor(dvalue))
    ours = backward(np.concatenate([dvalue, np.zeros_like(value[..., H:])], axis=-1))
    for gradient, tensor in zip(ours, tensors, strict=True):
        close(gradient, tensor.grad.numpy(), 1e-10, "gradient")


@operations
def test_fifty_steps_against_differences(name):
    """Relative to the largest entry of each gradient, 1e-6."""
    operation = OPERATIONS[name][0]
    arrays = draw(name, 50, 2, 3, 4, seed=1, scale=0.5)
    dvalue = np.random.default_rng(2).normal(size=operation(*arrays).shape)
    gradients = nn.vjp(operation, *arrays)[1](dvalue)
    for i, gradient in enumerate(gradients):
        measured = difference_gradient(operation, arrays, i, dvalue)
        assert np.max(np.abs(gradient - measured)) < 1e-6 * np.max(np.abs(measured))


@operations
def test_sizes_of_the_benchmark_against_pytorch(name, space):
    """Where other kernels of the matrix product are used, in float32."""
    operation, _, theirs = OPERATIONS[name][:3]
    arrays = [a.astype("float32") for a in draw(name, 9, 32, 64, 128, seed=3, scale=0.1)]
    value, backward = nn.vjp(operation, *map(space.array, arrays))
    tensors = [torch.tensor(a.astype(float), requires_grad=True) for a in arrays]
    expected = theirs(*tensors)
    close(nn.to_numpy(value)[..., :128], expected.detach().numpy(), 1e-5, "value")
    dvalue = np.ones(value.shape, dtype="float32")
    dvalue[..., 128:] = 0
    expected.backward(torch.ones_like(expected))
    for gradient, tensor in zip(backward(space.array(dvalue)), tensors, strict=True):
        close(nn.to_numpy(gradient), tensor.grad.numpy(), 1e-4, "gradient")


# --- two outputs, and what is not computed -----------------------------------------------------


def test_a_left_out_gradient_of_c_counts_as_zero(space):
    arrays = [space.array(a) for a in draw("lstm", 3, 2, 2, 3, seed=4)]
    (h, c), backward = nn.vjp(nn.lstm, *arrays)
    assert space.holds(c)
    assert h.shape == c.shape == (3, 2, 3)
    dh = space.array(np.random.default_rng(5).normal(size=h.shape))
    for a, b in zip(backward(dh), backward(dh, space.xp.zeros_like(c)), strict=True):
        np.testing.assert_array_equal(nn.to_numpy(a), nn.to_numpy(b))


@operations
def test_costly_gradients_wait_until_they_are_wanted(name):
    operation = OPERATIONS[name][0]
    arrays = draw(name, 3, 2, 2, 4, seed=6)
    value, backward = operation.forward(*arrays)
    dx, *_, dW_x, dW_h, db = backward(np.ones_like(value))
    assert all(callable(gradient) for gradient in (dx, dW_x, dW_h, db))


@operations
def test_backward_may_be_called_twice(name):
    operation = OPERATIONS[name][0]
    arrays = draw(name, 4, 2, 2, 3, seed=7)
    value, backward = nn.vjp(operation, *arrays)
    first = backward(np.ones_like(value))
    backward(np.full_like(value, 7.0))
    for a, b in zip(first, backward(np.ones_like(value)), strict=True):
        np.testing.assert_array_equal(a, b)


@operations
def test_the_value_shares_no_memory_with_the_inputs(name):
    arrays = draw(name, 3, 2, 2, 3, seed=8)
    value = OPERATIONS[name][0](*arrays)
    assert not any(np.shares_memory(value, a) for a in arrays)


# --- in parts, at the edges, and refused -------------------------------------------------------


@operations
def test_a_sequence_in_two_parts(name):
    """Going on from the last state gives the same states."""
    operation, states = OPERATIONS[name][0], OPERATIONS[name][4]
    x, *rest = draw(name, 7, 2, 3, 4, seed=9)
    whole = operation(x, *rest)
    first = operation(x[:3], *rest)
    going_on = [first[-1, :, k * 4 : (k + 1) * 4] for k in range(states)]
    second = operation(x[3:], *going_on, *rest[states:])
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=0, atol=1e-15)


@operations
@pytest.mark.parametrize("sizes", [(2, 0, 3, 2), (2, 3, 0, 2), (2, 3, 2, 0)])
def test_empty_batch_input_or_state(space, name, sizes):
    operation, literal = OPERATIONS[name][:2]
    arrays = draw(name, *sizes, seed=10)
    value, backward = nn.vjp(operation, *map(space.array, arrays))
    close(nn.to_numpy(value), literal(*arrays), 1e-13, "value")
    for gradient, a in zip(backward(space.xp.ones_like(value)), arrays, strict=True):
        assert gradient.shape == a.shape


@operations
def test_large_numbers_saturate(name):
    """Arguments of ±10⁴ give no overflow, and no NaN in the gradient."""
    arrays = draw(name, 3, 2, 2, 2, seed=11, scale=1e4)
    with np.errstate(all="raise", under="ignore"):
        value, backward = nn.vjp(OPERATIONS[name][0], *arrays)
        assert all(np.all(np.isfinite(gradient)) for gradient in backward(np.ones_like(value)))


@operations
def test_no_step_is_refused(name):
    with pytest.raises(ValueError, match=rf"{name}: x has shape \(0, 2, 3\), expected at least"):
        OPERATIONS[name][0](*draw(name, 0, 2, 3, 2, seed=12))


@pytest.mark.parametrize(
    ("name", "position", "shape", "message"),
    [
        ("rnn", 0, (4, 3), r"rnn: x has shape \(4, 3\), expected \(T, N, D\)"),
        ("rnn", 1, (5, 4), r"rnn: h0 has shape \(5, 4\), expected \(N, H\) with N = 2"),
        (
            "rnn",
            2,
            (3, 4),
            r"rnn: W_xh has shape \(3, 4\), expected \(H, D\) with H = 4 of h0, D = 3 of x",
        ),
        (
            "lstm",
            2,
            (2, 3),
            r"lstm: c0 has shape \(2, 3\), expected \(N, H\) with N = 2 of x, H = 4 of h0",
        ),
        (
            "lstm",
            3,
            (4, 3),
            r"lstm: W_x has shape \(4, 3\), expected \(4H, D\) with H = 4 of h0, D = 3 of x",
        ),
        ("lstm", 5, (12,), r"lstm: b has shape \(12,\), expected \(4H,\) with H = 4"),
        ("gru", 3, (16, 4), r"gru: W_h has shape \(16, 4\), expected \(3H, H\) with H = 4 of h0$"),
    ],
)
def test_shapes_that_do_not_fit(name, position, shape, message):
    operation = getattr(nn, name)
    arrays = draw(name, 3, 2, 3, 4, seed=13)
    arrays[position] = np.ones(shape)
    with pytest.raises(ValueError, match=message):
        operation(*arrays)


def test_the_witnesses_can_disagree():
    """The comparison with the loops fails for gates in PyTorch's order."""
    arrays = draw("lstm", 2, 1, 2, 2, seed=14)
    wrong = [*arrays[:3], *(np.concatenate([a[2:4], a[:2], a[6:], a[4:6]]) for a in arrays[3:])]
    with pytest.raises(AssertionError, match="value"):
        close(NUMPY.array(lstm_both(*wrong)), lstm_literal(*arrays), 1e-6, "value")


@pytest.mark.parametrize("wide", ["x", "h0", "weights"])
@pytest.mark.parametrize(("operation", "gates"), [(nn.rnn, 1), (nn.lstm, 4), (nn.gru, 3)])
def test_mixed_dtypes_give_the_wider_one(operation, gates, wide):
    """As `dense` does, whichever argument is the wider one."""
    rng, (T, N, D, H) = np.random.default_rng(0), (3, 2, 4, 5)
    states = [(N, H)] * (2 if operation is nn.lstm else 1)
    shapes = [(T, N, D), *states, (gates * H, D), (gates * H, H), (gates * H,)]
    arrays = [rng.normal(size=shape).astype("float32") for shape in shapes]
    which = {"x": [0], "h0": [1], "weights": [-3, -2, -1]}[wide]
    mixed = list(arrays)
    for i in which:
        mixed[i] = arrays[i].astype("float64")
    for ours, right in zip(
        *(
            value if isinstance(value, tuple) else (value,)
            for value in (operation(*mixed), operation(*(a.astype("float64") for a in arrays)))
        ),
        strict=True,
    ):
        assert ours.dtype == "float64"
        np.testing.assert_allclose(ours, right, rtol=1e-12, atol=1e-14)
