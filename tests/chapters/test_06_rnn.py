"""The proofs of chapter 6: sums, package and another library agree, and so do the derivatives.

What the chapter computes with a function of its own is taken out of the chapter and tested here.
"""

import collections
import itertools
import json
import math
import sys

import numpy as np
import pytest
import scipy.stats
import torch
from notebooks import cells_of, code_cells, run
from paths import BOOK

import nnlearn as nn

CHAPTER = BOOK / "06-rnn.ipynb"
sys.path.insert(0, str(BOOK))

from studies import rnn_gap  # noqa: E402

chapter = cells_of("06-rnn", collections=collections)


@pytest.fixture
def rng():
    return np.random.default_rng(6)


@pytest.fixture(params=[(1, 1, 1, 1), (5, 3, 2, 4), (8, 1, 4, 3)], ids=str)
def case(request, rng):
    """Inputs, state, weights and arriving gradient, for T steps, N sequences, D inputs, H units."""
    T, N, D, H = request.param
    shapes = [(T, N, D), (N, H), (H, D), (H, H), (H,), (T, N, H)]
    return [rng.normal(size=shape) for shape in shapes]


def torch_rnn(x, h0, W_xh, W_hh, b_h, g=None):
    """States of torch.nn.RNN and, given the gradient g of the states, its gradients."""
    H, D = W_xh.shape
    other = torch.nn.RNN(D, H).double()
    with torch.no_grad():
        for name, value in [("ih", W_xh), ("hh", W_hh)]:
            getattr(other, f"weight_{name}_l0").copy_(torch.tensor(value))
        other.bias_ih_l0.copy_(torch.tensor(b_h))
        other.bias_hh_l0.zero_()
    x, h0 = (torch.tensor(a, requires_grad=True) for a in (x, h0[None]))
    h, _ = other(x, h0)
    if g is None:
        return h.detach().numpy()
    h.backward(torch.tensor(g))
    weights = [other.weight_ih_l0, other.weight_hh_l0, other.bias_ih_l0]
    dx, dh0, *dweights = (a.grad.numpy() for a in [x, h0, *weights])
    return [dx, dh0[0], *dweights]


def states(x, h0, W_xh, W_hh, b_h):
    """Every state, h0 included, from the equation: one sum after the other."""
    h = [h0]
    for x_t in x:
        h.append(
            np.array(
                [
                    [
                        math.tanh(
                            sum(W_hh[i, j] * before[j] for j in range(len(b_h)))
                            + sum(W_xh[i, j] * inputs[j] for j in range(len(inputs)))
                            + b_h[i]
                        )
                        for i in range(len(b_h))
                    ]
                    for before, inputs in zip(h[-1], x_t, strict=True)
                ]
            )
        )
    return h


def dz_by_nudges(x, h0, W_xh, W_hh, b_h, g, step=1e-6):
    """dL/dz by central differences: every z of every step is nudged by itself.

    A nudge of z_t is a nudge of what W_xh x_t + b_h gives, so it comes in by an input of its own.
    """
    (T, N, _), H = x.shape, len(b_h)
    drive = x @ W_xh.T
    dz = np.zeros((T, N, H))
    for index in np.ndindex(dz.shape):
        loss = []
        for sign in (1, -1):
            nudged = drive.copy()
            nudged[index] += sign * step
            loss.append(np.sum(g * nn.rnn(nudged, h0, np.eye(H), W_hh, b_h)))
        dz[index] = (loss[0] - loss[1]) / (2 * step)
    return dz


# --- the recurrence ----------------------------------------------------------------------------


@pytest.mark.equation("eq-rnn")
def test_rnn(case):
    *arguments, _ = case
    literal = states(*arguments)[1:]
    shown = chapter("rnn-literal")["rnn_literal"]
    np.testing.assert_allclose(shown(*arguments), literal, rtol=1e-12)
    np.testing.assert_allclose(nn.rnn(*arguments), literal, rtol=1e-12)
    np.testing.assert_allclose(torch_rnn(*arguments), literal, rtol=1e-12)


@pytest.mark.equation("eq-rnn-sigmoid")
def test_rnn_sigmoid(rng):
    T, N, D, H = 6, 2, 3, 4
    x, W, U, b = (rng.normal(size=shape) for shape in [(T, N, D), (H, H), (H, D), (H,)])
    s = rng.uniform(size=(N, H))
    h = nn.rnn(x, 2 * s - 1, U / 2, W / 4, b / 2 + W @ np.ones(H) / 4)
    cell = torch.sigmoid
    for t in range(T):
        theirs = cell(torch.tensor(s @ W.T + x[t] @ U.T + b)).numpy()
        s = 1 / (1 + np.exp(-(s @ W.T + x[t] @ U.T + b)))
        np.testing.assert_allclose(s, theirs, rtol=1e-12)
        np.testing.assert_allclose(h[t], 2 * s - 1, rtol=1e-9, atol=1e-12)


# --- backpropagation through time --------------------------------------------------------------


def totals(x, h0, W_xh, W_hh, b_h, g):
    """The loop of eq-rnn-dh and eq-rnn-dz, index by index: dh and dz of all steps."""
    h = states(x, h0, W_xh, W_hh, b_h)
    T, N, H = g.shape
    dh, dz = np.zeros((T, N, H)), np.zeros((T + 1, N, H))
    for t in range(T - 1, -1, -1):
        for n in range(N):
            for j in range(H):
                dh[t, n, j] = g[t, n, j] + sum(dz[t + 1, n, i] * W_hh[i, j] for i in range(H))
                dz[t, n, j] = (1 - h[t + 1][n, j] ** 2) * dh[t, n, j]
    return h, dh, dz[:-1]


@pytest.mark.equation("eq-rnn-dh")
def test_rnn_dh(case):
    """What arrives at a state by all ways, against a nudge of that state."""
    x, _, W_xh, W_hh, b_h, g = case
    h, dh, _ = totals(*case)
    np.testing.assert_allclose(nn.rnn(*case[:5]), h[1:], rtol=1e-12)
    for t in range(len(x)):
        loss = []
        for step in (1e-6, -1e-6):
            nudged = h[t + 1].copy()
            nudged[0, 0] += step
            here = np.sum(g[t] * nudged)
            later = nn.rnn(x[t + 1 :], nudged, W_xh, W_hh, b_h) if t + 1 < len(x) else 0
            loss.append(here + np.sum(g[t + 1 :] * later))
        assert dh[t, 0, 0] == pytest.approx((loss[0] - loss[1]) / 2e-6, rel=1e-6, abs=1e-8)
        tensor = torch.tensor(h[t + 1], requires_grad=True)
        total, state = (torch.tensor(g[t]) * tensor).sum(), tensor
        weights = [torch.tensor(a) for a in (W_xh, W_hh, b_h)]
        for k in range(t + 1, len(x)):
            z = torch.tensor(x[k]) @ weights[0].T + state @ weights[1].T + weights[2]
            state = torch.tanh(z)
            total = total + (torch.tensor(g[k]) * state).sum()
        total.backward()
        np.testing.assert_allclose(dh[t], tensor.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.equation("eq-rnn-dz")
def test_rnn_dz(case):
    """The gradient of every sum z, against nudges; the package's is dx where W_xh is 1."""
    x, h0, W_xh, W_hh, b_h, g = case
    _, _, dz = totals(*case)
    np.testing.assert_allclose(dz_by_nudges(*case), dz, rtol=1e-6, atol=1e-8)
    drive = x @ W_xh.T
    ours = nn.vjp(nn.rnn, drive, h0, np.eye(len(b_h)), W_hh, b_h, wrt=0)[1](g)
    np.testing.assert_allclose(ours, dz, rtol=1e-10, atol=1e-12)


def one_gradient(case, which):
    """One gradient of the package and of PyTorch, beside dz and the states from loops."""
    *arguments, g = case
    ours = nn.vjp(nn.rnn, *arguments, wrt=which)[1](g)
    theirs = torch_rnn(*arguments, g)[which]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    assert nn.check_gradients(nn.rnn, *arguments, wrt=which) < 1e-6
    h, _, dz = totals(*case)
    return ours, h, dz


@pytest.mark.equation("eq-rnn-dx")
def test_rnn_dx(case):
    ours, _, dz = one_gradient(case, 0)
    W_xh = case[2]
    for t, n, j in np.ndindex(ours.shape):
        literal = sum(W_xh[i, j] * dz[t, n, i] for i in range(len(W_xh)))
        assert ours[t, n, j] == pytest.approx(literal, rel=1e-9, abs=1e-12)


@pytest.mark.equation("eq-rnn-dh0")
def test_rnn_dh0(case):
    ours, _, dz = one_gradient(case, 1)
    W_hh = case[3]
    for n, j in np.ndindex(ours.shape):
        literal = sum(W_hh[i, j] * dz[0, n, i] for i in range(len(W_hh)))
        assert ours[n, j] == pytest.approx(literal, rel=1e-9, abs=1e-12)


@pytest.mark.equation("eq-rnn-dwxh")
def test_rnn_dwxh(case):
    ours, _, dz = one_gradient(case, 2)
    x = case[0]
    for i, j in np.ndindex(ours.shape):
        pairs = itertools.product(range(x.shape[0]), range(x.shape[1]))
        literal = sum(dz[t, n, i] * x[t, n, j] for t, n in pairs)
        assert ours[i, j] == pytest.approx(literal, rel=1e-9, abs=1e-12)


@pytest.mark.equation("eq-rnn-dwhh")
def test_rnn_dwhh(case):
    ours, h, dz = one_gradient(case, 3)
    for i, j in np.ndindex(ours.shape):
        pairs = itertools.product(range(dz.shape[0]), range(dz.shape[1]))
        literal = sum(dz[t, n, i] * h[t][n, j] for t, n in pairs)  # h[t] is the state before
        assert ours[i, j] == pytest.approx(literal, rel=1e-9, abs=1e-12)


@pytest.mark.equation("eq-rnn-db")
def test_rnn_db(case):
    ours, _, dz = one_gradient(case, 4)
    pairs = list(itertools.product(range(dz.shape[0]), range(dz.shape[1])))
    literal = [sum(dz[t, n, i] for t, n in pairs) for i in range(dz.shape[2])]
    np.testing.assert_allclose(ours, literal, rtol=1e-9, atol=1e-12)


@pytest.mark.equation("eq-rnn-dh", "eq-rnn-dz", "eq-rnn-dwhh")
def test_rnn_inside_a_network(rng):
    """Something before and after the layer, and its weights used by a second one."""
    T, N, H = 5, 2, 3
    x, W, U, b = (rng.normal(size=shape) for shape in [(T, N, H), (H, H), (H, H), (H,)])
    target, h0 = rng.normal(size=(T, N, H)), np.zeros((N, H))
    first, back_first = nn.vjp(nn.rnn, x, h0, U, W, b, wrt=(0, 3))
    bent, back_bend = nn.vjp(nn.softplus, first)
    second, back_second = nn.vjp(nn.rnn, bent, h0, U, W, b, wrt=(0, 3))
    _, back_loss = nn.vjp(nn.mean_squared_error, second, target, wrt=0)
    dbent, dW_second = back_second(back_loss())
    dx, dW_first = back_first(back_bend(dbent))
    x_, W_ = (torch.tensor(a, requires_grad=True) for a in (x, W))

    def layer(inputs):
        h, found = torch.tensor(h0), []
        for x_t in inputs:
            h = torch.tanh(x_t @ torch.tensor(U).T + h @ W_.T + torch.tensor(b))
            found.append(h)
        return torch.stack(found)

    loss = ((layer(torch.nn.functional.softplus(layer(x_))) - torch.tensor(target)) ** 2).mean()
    loss.backward()
    np.testing.assert_allclose(dx, x_.grad, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(dW_first + dW_second, W_.grad, rtol=1e-8, atol=1e-11)


# --- the sum over paths ------------------------------------------------------------------------


@pytest.fixture
def one_sequence(rng):
    T, D, H = 6, 2, 3
    shapes = [(T, 1, D), (1, H), (H, D), (H, H), (H,), (T, 1, H)]
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.equation("eq-rnn-jacobian")
def test_rnn_jacobian(one_sequence):
    """The product of matrices, the sum over all paths of units, and PyTorch's Jacobian."""
    x, h0, W_xh, W_hh, b_h, _ = one_sequence
    h = [state[0] for state in states(x, h0, W_xh, W_hh, b_h)]
    k, t, H = 1, 4, 3
    product = np.eye(H)
    for j in range(t, k, -1):
        product = product @ np.diag(1 - h[j] ** 2) @ W_hh
    paths = np.zeros((H, H))
    for start, *between, end in itertools.product(range(H), repeat=t - k + 1):
        road, value = [start, *between, end], 1.0
        for j, (a, b) in enumerate(itertools.pairwise(road), k + 1):
            value *= (1 - h[j][b] ** 2) * W_hh[b, a]
        paths[end, start] += value

    def later(h_k):
        for j in range(k, t):
            z = torch.tensor(W_hh) @ h_k + torch.tensor(W_xh @ x[j, 0] + b_h)
            h_k = torch.tanh(z)
        return h_k

    theirs = torch.autograd.functional.jacobian(later, torch.tensor(h[k])).numpy()
    np.testing.assert_allclose(product, paths, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(product, theirs, rtol=1e-10, atol=1e-13)
    rows = []  # the package's: one vector-Jacobian product for each unit
    for unit in np.eye(H):
        g = np.zeros((t - k, 1, H))
        g[-1] = unit
        args = (x[k:t], h[k][None], W_xh, W_hh, b_h)
        rows.append(nn.vjp(nn.rnn, *args, wrt=1)[1](g)[0])
    np.testing.assert_allclose(product, rows, rtol=1e-10, atol=1e-13)


@pytest.mark.equation("eq-bptt-paths")
def test_bptt_paths(one_sequence):
    x, h0, W_xh, W_hh, b_h, g = one_sequence
    shown = chapter("rnn-paths-literal", "rnn-paths-loop")
    h, backward = nn.vjp(nn.rnn, x, h0, W_xh, W_hh, b_h, wrt=3)
    ours = backward(g)
    paths = shown["dW_hh_by_paths"](h[:, 0], h0[0], W_hh, g[:, 0])
    loop = shown["dW_hh_by_backward_functions"](x, h0, W_xh, W_hh, b_h, g)
    np.testing.assert_allclose(paths, ours, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(loop, ours, rtol=1e-9, atol=1e-12)
    theirs = torch_rnn(x, h0, W_xh, W_hh, b_h, g)[3]
    np.testing.assert_allclose(paths, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.equation("eq-bptt-factored")
def test_bptt_factored(one_sequence):
    """The sum over all later losses, and the recursion that replaces it."""
    x, h0, W_xh, W_hh, b_h, g = one_sequence
    h = [state[0] for state in states(x, h0, W_xh, W_hh, b_h)]
    _, dh, _ = totals(*one_sequence)
    slopes = [np.diag(1 - state**2) for state in h]
    for k in range(1, len(x) + 1):
        total = np.zeros(3)
        for t in range(k, len(x) + 1):
            jacobian = np.eye(3)
            for j in range(t, k, -1):
                jacobian = jacobian @ slopes[j] @ W_hh
            total += jacobian.T @ g[t - 1, 0]
        np.testing.assert_allclose(total, dh[k - 1, 0], rtol=1e-9, atol=1e-12)
        if k < len(x):
            recursion = g[k - 1, 0] + W_hh.T @ slopes[k + 1] @ dh[k, 0]
            np.testing.assert_allclose(recursion, total, rtol=1e-9, atol=1e-12)
        if k < len(x):  # the package's: what comes back to h_k, and the loss that looks at it
            rest = (x[k:], h[k][None], W_xh, W_hh, b_h)
            ours = g[k - 1] + nn.vjp(nn.rnn, *rest, wrt=1)[1](g[k:])
            np.testing.assert_allclose(ours[0], total, rtol=1e-9, atol=1e-12)
    summed = sum(np.outer(slopes[k] @ dh[k - 1, 0], h[k - 1]) for k in range(1, len(x) + 1))
    ours = nn.vjp(nn.rnn, x, h0, W_xh, W_hh, b_h, wrt=3)[1](g)
    np.testing.assert_allclose(summed, ours, rtol=1e-9, atol=1e-12)
    theirs = torch_rnn(x, h0, W_xh, W_hh, b_h, g)[3]
    np.testing.assert_allclose(summed, theirs, rtol=1e-9, atol=1e-12)


# --- how far the gradient reaches --------------------------------------------------------------


@pytest.mark.equation("eq-step-bound")
@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_step_bound(scale, rng):
    for _ in range(50):
        W, z, u = scale * rng.normal(size=(6, 6)), 2 * rng.normal(size=6), rng.normal(size=6)
        s = math.sqrt(np.linalg.eigvalsh(W.T @ W).max())  # the singular value, another way
        assert s == pytest.approx(np.linalg.norm(W, 2))
        assert s == pytest.approx(np.linalg.norm(W.T, 2))
        for f, gamma in [(nn.tanh, 1.0), (nn.sigmoid, 0.25)]:
            slopes = nn.vjp(f, z)[1](np.ones(6))
            assert slopes.max() <= gamma
            back = W.T @ (slopes * u)
            bound = s * slopes.max() * np.linalg.norm(u)
            assert np.linalg.norm(back) <= bound * (1 + 1e-12)
    direction = np.linalg.svd(W)[0][:, 0]  # and the bound is reached
    assert np.linalg.norm(W.T @ direction) == pytest.approx(s)


@pytest.mark.equation("eq-gradient-bound")
@pytest.mark.parametrize("radius", [0.3, 0.9, 1.0, 1.4])
@pytest.mark.parametrize("kind", ["normal", "orthogonal"])
@pytest.mark.parametrize("strength", [1e-4, 0.3, 2.0])
def test_gradient_bound(radius, kind, strength, rng):
    """Measured by the package's backward pass; tight where W is orthogonal and states are small."""
    T, H = 30, 8
    W = chapter("rnn-vanish-measure")["random_matrix"](kind, radius, H, rng)
    assert np.abs(np.linalg.eigvals(W)).max() == pytest.approx(radius)
    x, b, u = strength * rng.normal(size=(T, 1, H)), np.zeros(H), rng.normal(size=H)
    h = nn.rnn(x, np.zeros((1, H)), np.eye(H), W, b)
    s = np.linalg.norm(W, 2)
    for k in range(1, T):
        g = np.zeros((T - k, 1, H))
        g[-1] = u
        back = nn.vjp(nn.rnn, x[k:], h[k - 1], np.eye(H), W, b, wrt=1)[1](g)
        slopes = (1 - h[k:, 0] ** 2).max(axis=1)
        finer = np.prod(s * slopes) * np.linalg.norm(u)
        coarse = s ** (T - k) * np.linalg.norm(u)
        assert np.linalg.norm(back) <= finer * (1 + 1e-9)
        assert finer <= coarse * (1 + 1e-9)
        if kind == "orthogonal" and strength == 1e-4 and radius <= 1:
            assert np.linalg.norm(back) >= 0.99 * coarse


@pytest.mark.equation("eq-rms-slope")
@pytest.mark.parametrize("radius", [0.5, 1.0, 1.3])
@pytest.mark.parametrize("strength", [1e-3, 0.5, 2.0])
def test_rms_slope(radius, strength, rng):
    """One step of the package's backward pass, over directions; and the product over many."""
    T, H = 20, 48
    W = chapter("rnn-vanish-measure")["random_matrix"]("orthogonal", radius, H, rng)
    x, h0 = strength * rng.normal(size=(T, 1, H)), 0.3 * rng.normal(size=(1, H))
    h = nn.rnn(x, h0, np.eye(H), W, np.zeros(H))
    shown = chapter("rnn-rms-code")
    factor = shown["predicted_length"](h[:2, 0], radius)  # of the one step from h[1] to h[0]
    _, backward = nn.vjp(nn.rnn, x[1:2], h[0], np.eye(H), W, np.zeros(H), wrt=1)
    basis = [backward(unit.reshape(1, 1, H)) for unit in np.eye(H)]  # their mean is the expectation
    assert np.mean([np.sum(back**2) for back in basis]) == pytest.approx(factor**2, rel=1e-12)
    drawn = rng.normal(size=(4000, H))  # no preferred direction
    lengths = np.linalg.norm(drawn @ np.concatenate(basis), axis=1) / np.linalg.norm(drawn, axis=1)
    assert np.sqrt(np.mean(lengths**2)) == pytest.approx(factor, rel=0.02)

    law, measured = shown["predicted_length"](h[:, 0], radius), shown["measured_length"](h[:, 0], W)
    jacobian = np.eye(H)
    for h_j in h[:0:-1, 0]:
        jacobian = jacobian @ (np.diag(1 - h_j**2) @ W)
    assert measured == pytest.approx(np.linalg.norm(jacobian) / np.sqrt(H), rel=1e-12)
    assert 0.5 < law / measured < 2


@pytest.mark.equation("eq-gradient-bound")
def test_what_the_chapter_measures(rng):
    """Its norms of Jacobians are those of a product formed by PyTorch."""
    T, H = 7, 4
    W, x = rng.normal(size=(H, H)), rng.normal(size=(T, H))
    norms = chapter("rnn-vanish-measure")["jacobian_norms"](W, x)
    h = nn.rnn(x[:, None], np.zeros((1, H)), np.eye(H), W, np.zeros(H))[:, 0]
    for k in range(T - 1):

        def later(state, start=T - 1 - k):
            for j in range(start + 1, T):
                state = torch.tanh(torch.tensor(W) @ state + torch.tensor(x[j]))
            return state

        jacobian = torch.autograd.functional.jacobian(later, torch.tensor(h[T - 1 - k]))
        assert norms[k] == pytest.approx(float(torch.linalg.matrix_norm(jacobian, 2)))


@pytest.mark.equation("eq-gradient-horizon")
@pytest.mark.parametrize(("factor", "steps"), [(0.5, 7), (0.9, 44), (0.99, 459)])
def test_gradient_horizon(factor, steps):
    """The first whole number beyond the formula is the first at which less than 1 % is left."""
    formula = math.log(1 / 0.01) / math.log(1 / factor)
    assert math.ceil(formula) == steps
    assert factor**steps < 0.01 <= factor ** (steps - 1)
    x, one = np.zeros((steps + 1, 1, 1)), np.ones((1, 1))
    g = np.zeros_like(x)
    g[-1] = 1
    dx = nn.vjp(nn.rnn, x, 0 * one, one, factor * one, np.zeros(1), wrt=0)[1](g)[:, 0, 0]
    assert dx[0] < 0.01 <= dx[1]  # at rest the slope is 1: the bound is what happens


@pytest.mark.equation("eq-truncated-bptt")
@pytest.mark.parametrize("K", [1, 3, 4, 10, 50])
def test_truncated_bptt(K, rng):
    T, N, D, H = 10, 2, 3, 4
    shapes = [(T, N, D), (N, H), (H, D), (H, H), (H,), (T, N, H)]
    x, h0, W_xh, W_hh, b_h, g = (rng.normal(size=shape) for shape in shapes)
    shown = chapter("rnn-truncated-code")["truncated_gradient"]
    found = shown(x, h0, W_xh, W_hh, b_h, g, K)
    h = states(x, h0, W_xh, W_hh, b_h)
    literal = np.zeros((H, H))  # the pairs k <= t of one piece
    for n, t in itertools.product(range(N), range(1, T + 1)):
        road = np.eye(H)
        for k in range(t, (t - 1) // K * K, -1):
            slopes = np.diag(1 - h[k][n] ** 2)
            literal += np.outer(slopes @ road.T @ g[t - 1, n], h[k - 1][n])
            road = road @ slopes @ W_hh
    np.testing.assert_allclose(found, literal, rtol=1e-9, atol=1e-12)
    weights = [torch.tensor(a) for a in (W_xh, W_hh, b_h)]
    weights[1].requires_grad_()
    state = torch.tensor(h0)
    for t in range(T):
        state = state.detach() if t % K == 0 else state
        state = torch.tanh(torch.tensor(x[t]) @ weights[0].T + state @ weights[1].T + weights[2])
        (torch.tensor(g[t]) * state).sum().backward(retain_graph=True)
    np.testing.assert_allclose(found, weights[1].grad, rtol=1e-9, atol=1e-12)
    if K >= T:
        full = nn.vjp(nn.rnn, x, h0, W_xh, W_hh, b_h, wrt=3)[1](g)
        np.testing.assert_allclose(found, full, rtol=1e-12)


@pytest.mark.equation("eq-truncated-bptt")
def test_a_layer_with_memory_truncates_in_the_same_way(rng):
    T, N, D, H, K = 9, 2, 3, 4, 4
    x, g = rng.normal(size=(T, N, D)), rng.normal(size=(T, N, H))
    layer, memory, total = nn.RNN(D, H), {}, 0
    params = layer.init(seed=1, dtype="float64")
    for start in range(0, T, K):
        piece = slice(start, start + K)
        _, backward = nn.vjp(layer, params, x[piece], wrt=0, memory=memory)
        total = total + backward(g[piece])["W_hh"]
    shown = chapter("rnn-truncated-code")["truncated_gradient"]
    arguments = (np.zeros((N, H)), params["W_xh"], params["W_hh"], params["b_h"])
    np.testing.assert_allclose(total, shown(x, *arguments, g, K), rtol=1e-12)


def orthogonal_layer(radius, strength, T, H, rng):
    """Inputs of one sequence, an orthogonal matrix times the radius, and no bias."""
    W = radius * np.linalg.qr(rng.normal(size=(H, H)))[0]
    return strength * rng.normal(size=(T, 1, H)), W, np.zeros(H)


@pytest.mark.equation("eq-truncation-bound")
@pytest.mark.parametrize("radius", [0.4, 0.9])
@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_truncation_bound(radius, strength, rng):
    """What a cut K steps before one loss leaves out: full gradient minus the kept one."""
    T, H = 25, 6
    x, W, b = orthogonal_layer(radius, strength, T, H, rng)
    u = rng.normal(size=H)
    g = np.zeros((T, 1, H))
    g[-1] = u
    h, backward = nn.vjp(nn.rnn, x, np.zeros((1, H)), np.eye(H), W, b, wrt=3)
    full, shown = backward(g), chapter("rnn-truncated-missing")["missing_beyond"](x[:, 0], W, u)
    for K in range(1, T):
        last = slice(T - K, None)
        kept = nn.vjp(nn.rnn, x[last], h[T - K - 1], np.eye(H), W, b, wrt=3)[1](g[last])
        missing = np.linalg.norm(full - kept)
        bound = math.sqrt(H) * np.linalg.norm(u) * radius**K / (1 - radius)
        assert missing <= bound * (1 + 1e-9)
        assert shown[K] == pytest.approx(missing, rel=1e-6, abs=1e-12)


@pytest.mark.equation("eq-truncation-cut")
@pytest.mark.parametrize("radius", [0.5, 0.8])
@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_truncation_cut(radius, strength, rng):
    """What one cut loses, with a loss at every step, at every place of the cut."""
    T, H = 24, 6
    x, W, b = orthogonal_layer(radius, strength, T, H, rng)
    g = rng.normal(size=(T, 1, H))
    h, backward = nn.vjp(nn.rnn, x, np.zeros((1, H)), np.eye(H), W, b, wrt=3)
    full = backward(g)
    longest = math.sqrt(H) * np.linalg.norm(g, axis=2).max()
    bound = longest * radius / (1 - radius) ** 2
    windows = [longest * radius ** (j + 1) / (1 - radius) for j in range(500)]
    assert bound == pytest.approx(sum(windows), rel=1e-12)  # of eq-truncation-bound, K = j + 1
    truncated = chapter("rnn-truncated-code")["truncated_gradient"]
    for cut in range(1, T):
        first = nn.vjp(nn.rnn, x[:cut], np.zeros((1, H)), np.eye(H), W, b, wrt=3)[1](g[:cut])
        second = nn.vjp(nn.rnn, x[cut:], h[cut - 1], np.eye(H), W, b, wrt=3)[1](g[cut:])
        assert np.linalg.norm(full - first - second) <= bound
        if 2 * cut >= T:  # the chapter's function makes this one cut, too
            shown = truncated(x, np.zeros((1, H)), np.eye(H), W, b, g, cut)
            np.testing.assert_allclose(shown, first + second, atol=1e-12)


# --- letters -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def letters():
    return chapter("rnn-anagrams", "rnn-names-encode", "rnn-ngram-letters") | {
        "perplexity": _function("rnn-ngram-choose", "perplexity"),
        "log_probabilities": _function("rnn-ngram-choose", "log_probabilities"),
    }


def _function(cell_id, name):
    """One function of a cell that also does other work."""
    source = next("".join(c["source"]) for c in code_cells(CHAPTER) if c["id"] == cell_id)
    start = source.index(f"def {name}(")
    end = source.find("\n\n\n", start)
    names = {"np": np, "nn": nn, "ALPHABET": "abcdefghijklmnopqrstuvwxyz."}
    run(source[start : end if end > 0 else None], names, f"{CHAPTER.name}#{cell_id}")
    return names[name]


@pytest.mark.equation("eq-language-model")
def test_language_model(letters, rng):
    """Factors multiply to the probability of the whole, and all wholes add up to 1."""
    model = nn.Sequential(nn.Embedding(3, 4), nn.RNN(4, 5), nn.Dense(5, 3))
    params = model.init(seed=0, dtype="float64")
    total = 0.0
    for text in itertools.product(range(3), repeat=4):
        codes = np.array([2, *text])[:, None]
        p = nn.softmax(model(params, codes[:-1]))[:, 0]
        factors = [p[t, c] for t, c in enumerate(text)]
        log_p = nn.log_softmax(model(params, codes[:-1]))[np.arange(4), 0, list(text)].sum()
        assert np.prod(factors) == pytest.approx(math.exp(log_p))
        mean = torch.nn.functional.cross_entropy(
            torch.tensor(model(params, codes[:-1])[:, 0]), torch.tensor(text)
        )
        assert log_p == pytest.approx(-4 * float(mean))
        total += np.prod(factors)
    assert total == pytest.approx(1)


@pytest.mark.equation("eq-perplexity")
def test_perplexity(letters):
    group = ["ann", "bo"]
    uniform = letters["log_probabilities"](lambda _: np.full(27, 1 / 27), group)
    assert letters["perplexity"](uniform, group) == pytest.approx(27)
    p = np.full(27, 0.5 / 26)
    p[0] = 0.5
    found = letters["perplexity"](letters["log_probabilities"](lambda _: p, group), group)
    literal = [p["abcdefghijklmnopqrstuvwxyz.".index(c)] for name in group for c in f"{name}."]
    assert found == pytest.approx(math.exp(-sum(math.log(q) for q in literal) / 7))
    assert found == pytest.approx(1 / scipy.stats.gmean(literal))
    codes = torch.tensor([letters["ALPHABET"].index(c) for c in "ann.bo."])
    logits = torch.tensor(np.log(p)).repeat(7, 1)
    assert found == pytest.approx(math.exp(torch.nn.functional.cross_entropy(logits, codes)))


@pytest.mark.equation("eq-ngram")
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_ngram(letters, n):
    group, alpha, alphabet = ["anna", "ann", "nan"], 2.5, letters["ALPHABET"]
    model = nn.NGram([letters["encode"](name) for name in group], n, alpha, 27)
    texts = ["." * (n - 1) + name + "." for name in group]

    def count(sequence):
        """How often it stands in the texts, ending at a letter that is predicted."""
        ends = [(text, t) for text in texts for t in range(n - 1, len(text))]
        return sum(text[: t + 1].endswith(sequence) for text, t in ends)

    def literal(c, u):
        shorter = literal(c, u[1:]) if u else 1 / 27
        seen = sum(count(u + other) for other in alphabet)
        return (count(u + c) + alpha * shorter) / (seen + alpha)

    for beginning in ("", "a", "an", "ann", "zz"):
        u = ("." * (n - 1) + beginning)[len(beginning) :]
        p = letters["next_letter_of"](model)(beginning)
        assert p.sum() == pytest.approx(1)
        np.testing.assert_allclose(p, [literal(c, u) for c in alphabet], rtol=1e-12)


@pytest.mark.equation("eq-embedding")
def test_embedding(rng):
    E, tokens = rng.normal(size=(6, 3)), rng.integers(0, 6, size=(4, 5))
    x = nn.embedding(E, tokens)
    for t, n in np.ndindex(tokens.shape):
        np.testing.assert_array_equal(x[t, n], E[tokens[t, n]])
    one_hot = np.eye(6)[tokens]
    np.testing.assert_allclose(x, nn.dense(one_hot, E.T, np.zeros(3)), rtol=1e-12)
    theirs = torch.nn.functional.embedding(torch.tensor(tokens), torch.tensor(E))
    np.testing.assert_array_equal(x, theirs)


@pytest.mark.equation("eq-embedding-gradient")
def test_embedding_gradient(rng):
    E, tokens = (
        rng.normal(size=(6, 3)),
        np.array([[2, 0], [2, 2], [5, 0]]),
    )  # some twice, some never
    dx = rng.normal(size=(3, 2, 3))
    dE = nn.vjp(nn.embedding, E, tokens, wrt=0)[1](dx)
    literal = np.zeros_like(E)
    for t, n in np.ndindex(tokens.shape):
        literal[tokens[t, n]] += dx[t, n]
    np.testing.assert_allclose(dE, literal, rtol=1e-12)
    through_one_hot = nn.vjp(nn.dense, np.eye(6)[tokens], E.T, np.zeros(3), wrt=1)[1](dx).T
    np.testing.assert_allclose(dE, through_one_hot, rtol=1e-12)
    weight = torch.tensor(E, requires_grad=True)
    torch.nn.functional.embedding(torch.tensor(tokens), weight).backward(torch.tensor(dx))
    np.testing.assert_allclose(dE, weight.grad, rtol=1e-12)
    assert nn.check_gradients(nn.embedding, E, tokens, wrt=0) < 1e-7


# --- a series ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def oil():
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        return chapter("rnn-oil-load", "rnn-oil-weeks", "rnn-oil-baselines-code", "rnn-oil-rnn")


@pytest.mark.equation("eq-realised-volatility")
def test_realised_volatility():
    oil = chapter("rnn-oil-load", "rnn-oil-weeks")
    days, prices, v = oil["days"], nn.to_numpy(oil["prices"]), oil["v"]
    by_week = collections.defaultdict(list)
    for d in range(1, len(days)):
        year, week, _ = days[d].item().isocalendar()  # weeks that begin on Monday, another way
        by_week[year, week].append(math.log(prices[d] / prices[d - 1]) ** 2)
    literal = [math.log(math.sqrt(260 / len(r) * sum(r))) for r in by_week.values()]
    np.testing.assert_allclose(v, literal, rtol=1e-9)
    per_cent = [100 * math.sqrt(260 / len(r) * sum(r)) for r in by_week.values()]
    np.testing.assert_allclose(oil["per_cent_a_year"](v), per_cent, rtol=1e-9)
    # a random walk with 30 % a year has about that volatility
    r = np.random.default_rng(0).normal(scale=0.3 / math.sqrt(260), size=(4000, 5))
    assert math.sqrt(np.mean(52 * np.sum(r**2, axis=1))) == pytest.approx(0.3, rel=0.02)


@pytest.mark.equation("eq-har")
def test_har(oil):
    v = oil["v"]
    train, test = np.arange(26, 900), np.arange(900, 950)
    found = oil["regression"]([1, 4, 13])(v, train, test)

    def inputs(w):
        return [1.0, v[w - 1], sum(v[w - k] for k in range(1, 5)) / 4,
                sum(v[w - k] for k in range(1, 14)) / 13]  # fmt: skip

    from sklearn.linear_model import LinearRegression

    other = LinearRegression(fit_intercept=False).fit([inputs(w) for w in train], v[train])
    np.testing.assert_allclose(found, other.predict([inputs(w) for w in test]), rtol=1e-8)
    rng = np.random.default_rng(1)  # a series that follows the equation gives its numbers back
    series = list(rng.normal(size=13))
    for _ in range(20_000):
        past = np.array(series[:-14:-1])
        series.append(0.3 * past[0] + 0.2 * past[:4].mean() + 0.4 * past.mean() + rng.normal())
    series = np.array(series)
    w = np.arange(26, len(series))
    forecast = oil["regression"]([1, 4, 13])(series, w, w)
    assert np.var(series[w] - forecast) == pytest.approx(1, rel=0.05)


@pytest.mark.equation("eq-har")
@pytest.mark.parametrize("name", ["mean so far", "last week", "autoregression", "1, 4, 13 weeks"])
def test_no_forecast_looks_ahead(oil, name):
    """Any single later week may change: the forecast of an earlier one may not."""
    v, forecast = oil["v"], oil["methods"][name]
    train, test = np.arange(26, 400), np.arange(400, 420)
    before = forecast(v, train, test)
    for week in (400, 410, 419):
        changed = v.copy()
        changed[week] += 5
        after = forecast(changed, train, test)
        known = test <= week  # the forecast of a week does not know that week either
        np.testing.assert_array_equal(after[known], before[known])
        if week < 419:
            assert np.any(after != before)


@pytest.mark.equation("eq-skill")
def test_skill(oil, rng):
    v = oil["v"]
    test = np.arange(800, 900)
    mean_so_far = oil["methods"]["mean so far"](v, np.arange(26, 800), test)
    means = [sum(v[:w]) / w for w in test]
    np.testing.assert_allclose(mean_so_far, means, rtol=1e-12)

    def skill(forecast):
        reference = sum((v[w] - m) ** 2 for w, m in zip(test, means, strict=True))
        return 1 - sum((v[test] - forecast) ** 2) / reference

    assert skill(mean_so_far) == pytest.approx(0, abs=1e-12)
    # The chapter's own cell, over its own weeks; its network is replaced by a fast forecast.
    last_week = oil["methods"]["last week"]
    shown = chapter("rnn-oil-run", **{**oil, "rnn_forecast": lambda seed: last_week})
    weeks = np.concatenate([np.arange(len(v))[test] for _, test in oil["blocks"]])
    reference = sum((v[w] - sum(v[:w]) / w) ** 2 for w in weeks)
    literal = 1 - sum((v[w] - v[w - 1]) ** 2 for w in weeks) / reference
    assert shown["skill"]["last week"] == pytest.approx([literal])
    assert shown["skill"]["RNN"] == pytest.approx(3 * [literal])
    assert shown["skill"]["mean so far"] == pytest.approx([0], abs=1e-12)
    assert skill(v[test]) == 1
    from sklearn.metrics import r2_score

    # where the mean does not move, the skill is the coefficient of determination
    y, forecast = rng.normal(size=50), rng.normal(size=50)
    assert 1 - np.sum((y - forecast) ** 2) / np.sum((y - y.mean()) ** 2) == pytest.approx(
        r2_score(y, forecast)
    )


# --- the study of one bit over a gap -----------------------------------------------------------


def test_the_gaps_were_trained_as_the_study_says():
    """Short gaps again, on this machine; what is stored for the long ones has the right form."""
    study = json.loads(rnn_gap.RESULTS.read_text(encoding="utf-8"))
    assert (tuple(study["gaps"]), tuple(study["seeds"])) == (rnn_gap.GAPS, rnn_gap.SEEDS)
    for seed in rnn_gap.SEEDS:
        share, reaching = rnn_gap.learn_gap(5, seed)
        assert share > 0.99 < study["right"][0][seed]
        assert reaching == pytest.approx(study["reaching"][0][seed], rel=1e-3)
    right, reaching = np.array(study["right"]), np.array(study["reaching"])
    assert right.shape == reaching.shape == (8, 3)
    assert right[:4].min() > 0.99
    assert right[-1].max() < 0.6
    assert np.all(np.diff(np.log(reaching).mean(axis=1)) < 0)  # ever less arrives
    lowest = study["lowest"]
    assert right[rnn_gap.GAPS.index(lowest["gap"]), lowest["seed"]] == right.min()
    assert len(lowest["last_steps"]) == 12
