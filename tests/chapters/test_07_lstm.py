"""The proofs of chapter 7: sums, package and another library agree, and so do the derivatives.

Every intermediate gradient of the LSTM's way back has a test of its own, against a nudge of just
that quantity, so that a failing proof names the first wrong term.
"""

import importlib
import json
import math
import sys

import numpy as np
import pytest
import scipy.stats
import torch
from notebooks import cells_of
from paths import BOOK

import nnlearn as nn
from nnlearn.book import music

CHAPTER = BOOK / "07-lstm.ipynb"
sys.path.insert(0, str(CHAPTER.parent))

from studies import lstm_chorales, lstm_memory  # noqa: E402

chapter = cells_of("07-lstm", importlib=importlib, music=music)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def sigma(z):
    return 1 / (1 + np.exp(-z))


@pytest.fixture(params=[(1, 1, 1), (4, 2, 3), (6, 3, 2)], ids=str)
def case(request, rng):
    """One sequence: x (T, D), h0, c0, W_x, W_h, b, and gradients of h and C, (T, H) each."""
    T, D, H = request.param
    shapes = [(T, D), (H,), (H,), (4 * H, D), (4 * H, H), (4 * H,), (T, H), (T, H)]
    return [rng.normal(size=shape) for shape in shapes]


def forward(x, h0, c0, W_x, W_h, b, nudged=None, step=0.0):
    """All values of all steps, one number after the other; one of them may be nudged.

    `nudged` is (name, t, unit): where that value has been computed, `step` is added to it, and
    whatever comes later sees the sum.
    """
    H, values = len(h0), []

    def told(name, t, vector):
        if nudged and nudged[:2] == (name, t):
            vector = vector.copy()
            vector[nudged[2]] += step
        return vector

    h, C = told("h", -1, h0), told("C", -1, c0)
    for t, x_t in enumerate(x):
        z = np.array(
            [
                b[k]
                + sum(W_x[k, j] * x_t[j] for j in range(len(x_t)))
                + sum(W_h[k, j] * h[j] for j in range(H))
                for k in range(4 * H)
            ]
        )
        z = told("z", t, z)
        f = told("f", t, sigma(z[:H]))
        i = told("i", t, sigma(z[H : 2 * H]))
        o = told("o", t, sigma(z[2 * H : 3 * H]))
        candidate = told("candidate", t, np.tanh(z[3 * H :]))
        C = told("C", t, f * C + i * candidate)
        h = told("h", t, o * np.tanh(C))
        values.append({"z": z, "f": f, "i": i, "o": o, "candidate": candidate, "C": C, "h": h})
    return values


def loss(case, **nudge):
    *arrays, g, e = case
    values = forward(*arrays, **nudge)
    parts = zip(values, g, e, strict=True)
    return sum(np.sum(g_t * v["h"]) + np.sum(e_t * v["C"]) for v, g_t, e_t in parts)


def nudges(case, name, step=1e-6):
    """dL by every number called `name`, at every step, by central differences."""
    T = len(case[0])
    size = len(forward(*case[:6])[0][name])
    found = np.zeros((T, size))
    for t, unit in np.ndindex(found.shape):
        up, down = (loss(case, nudged=(name, t, unit), step=s) for s in (step, -step))
        found[t, unit] = (up - down) / (2 * step)
    return found


def package(case):
    """States and gradients of `nn.lstm` for the one sequence."""
    x, h0, c0, W_x, W_h, b, g, e = case
    arguments = (x[:, None], h0[None], c0[None], W_x, W_h, b)
    (h, C), backward = nn.vjp(nn.lstm, *arguments)
    return (h[:, 0], C[:, 0]), backward(g[:, None], e[:, None])


def of_torch(case):
    """The gradients of torch.nn.LSTM with the same weights, in our order."""
    x, h0, c0, W_x, W_h, b, g, e = (torch.tensor(a, requires_grad=True) for a in case)
    H = len(h0)
    order = torch.tensor([1, 0, 3, 2])  # PyTorch: input, forget, candidate, output
    theirs = [w.reshape(4, H, *w.shape[1:])[order].reshape(w.shape) for w in (W_x, W_h, b)]
    cell, h, C, value = torch.nn.LSTMCell(x.shape[1], H).double(), h0[None], c0[None], 0
    weights = dict(zip(("weight_ih", "weight_hh", "bias_ih"), theirs, strict=True))
    weights["bias_hh"] = torch.zeros_like(b)
    for t in range(len(x)):
        h, C = torch.func.functional_call(cell, weights, (x[t][None], (h, C)))
        value = value + (g[t] * h[0]).sum() + (e[t] * C[0]).sum()
    value.backward()
    return [a.grad.numpy() for a in (x, h0, c0, W_x, W_h, b)]


def back(case):
    """The chapter's loop; it has no direct look at C, so e goes in as zero."""
    *arrays, g, _ = case
    x, h0, c0, W_x, W_h, b = arrays
    return chapter("lstm-back")["lstm_back"](x, h0, c0, W_x, W_h, b, g)


def without_e(case):
    return [*case[:7], np.zeros_like(case[7])]


# --- the cell ----------------------------------------------------------------------------------


@pytest.mark.equation("eq-lstm-carousel")
def test_lstm_carousel(rng):
    """With f = 1 and news that does not depend on the state, the gradient arrives as it left."""
    T, H = 50, 3
    b = np.zeros(4 * H)
    b[:H] = 40  # sigmoid(40) is 1 to the last digit
    x, zero = rng.normal(size=(T, 1, 2)), np.zeros((1, H))
    W_x, W_h = rng.normal(size=(4 * H, 2)), np.zeros((4 * H, H))
    W_x[:H] = 0
    (h, C), backward = nn.vjp(nn.lstm, x, zero, zero, W_x, W_h, b)
    dC = np.zeros_like(C)
    dC[-1] = rng.normal(size=(1, H))
    np.testing.assert_array_equal(backward(np.zeros_like(h), dC)[2], dC[-1])
    z = x[:, 0] @ W_x.T + b
    news = sigma(z[:, H : 2 * H]) * np.tanh(z[:, 3 * H :])
    np.testing.assert_allclose(C[:, 0], np.cumsum(news, axis=0), rtol=1e-12)


@pytest.mark.equation("eq-lstm-z")
def test_lstm_z(case):
    """Four layers in one product: the rows of W are the gates' own matrices."""
    x, h0, _c0, W_x, W_h, b = case[:6]
    H = len(h0)
    values = forward(*case[:6])
    before = [h0, *(v["h"] for v in values[:-1])]
    for k in range(4):
        rows = slice(k * H, (k + 1) * H)
        own = [W_x[rows] @ x_t + W_h[rows] @ h + b[rows] for x_t, h in zip(x, before, strict=True)]
        np.testing.assert_allclose([v["z"][rows] for v in values], own, rtol=1e-12)
    np.testing.assert_allclose(package(case)[0][0], [v["h"] for v in values], rtol=1e-11)


def seen_alone(z):
    """The gates and the candidate of one step of `nn.lstm`, each where nothing hides it.

    With W_x the identity, the input is z. A candidate of 0 leaves the forget gate alone to be
    seen in C, and C = 0 before the step the other two factors.
    """
    H = len(z) // 4
    rows = {name: slice(k * H, (k + 1) * H) for k, name in enumerate(("f", "i", "o", "candidate"))}

    def step(c0, name=None, value=0.0):
        x = z.copy()
        if name is not None:
            x[rows[name]] = value
        empty = np.zeros((1, H)), np.full((1, H), c0)
        h, C = nn.lstm(x[None, None], *empty, np.eye(4 * H), np.zeros((4 * H, H)), 0 * z)
        return h[0, 0], C[0, 0]

    h, C = step(3.0)
    return {
        "f": step(1.0, "candidate", 0.0)[1],
        "i": step(0.0, "candidate", 40.0)[1],  # tanh(40) and sigmoid(40) are 1 to the last digit
        "candidate": step(0.0, "i", 40.0)[1],
        "o": h / np.tanh(C),
    }


@pytest.mark.equation("eq-lstm-gates")
def test_lstm_gates(case):
    H = len(case[1])
    for v in forward(*case[:6]):
        ours = seen_alone(v["z"])
        for name in ("f", "i", "o"):
            np.testing.assert_allclose(ours[name], v[name], rtol=1e-12)
        theirs = torch.sigmoid(torch.tensor(v["z"][: 3 * H])).numpy()
        gates = np.concatenate([ours[name] for name in ("f", "i", "o")])
        np.testing.assert_allclose(gates, theirs, rtol=1e-12)


@pytest.mark.equation("eq-lstm-candidate")
def test_lstm_candidate(case):
    H = len(case[1])
    for v in forward(*case[:6]):
        np.testing.assert_allclose(seen_alone(v["z"])["candidate"], v["candidate"], rtol=1e-12)
        theirs = torch.tanh(torch.tensor(v["z"][3 * H :])).numpy()
        np.testing.assert_allclose(v["candidate"], theirs, rtol=1e-12)


@pytest.mark.equation("eq-lstm-cell")
def test_lstm_cell(case):
    x, h0, c0, W_x, W_h, b = case[:6]
    (_, C), _ = package(case)
    np.testing.assert_allclose(C, [v["C"] for v in forward(*case[:6])], rtol=1e-11)
    shown = chapter("lstm-literal")["lstm_literal"]
    _, literal = shown(x[:, None], h0[None], c0[None], W_x, W_h, b)
    np.testing.assert_allclose(C, literal[:, 0], rtol=1e-11)


@pytest.mark.equation("eq-lstm-hidden")
def test_lstm_hidden(case):
    x, h0, c0, W_x, W_h, b = case[:6]
    (h, C), _ = package(case)
    np.testing.assert_allclose(
        h, [v["o"] * np.tanh(v["C"]) for v in forward(*case[:6])], rtol=1e-11
    )
    shown = chapter("lstm-literal")["lstm_literal"]
    literal, _ = shown(x[:, None], h0[None], c0[None], W_x, W_h, b)
    np.testing.assert_allclose(h, literal[:, 0], rtol=1e-11)
    assert np.all(np.abs(h) <= np.abs(np.tanh(C)))


# --- the way back, term by term ----------------------------------------------------------------


def way_back(case):
    """What `nn.lstm` finds on its way back, at every step: dh, and dz by its four parts.

    With W_x the identity, dx is dz. What the rest of the sequence sends back to h is dh without g.
    """
    x, h0, c0, W_x, W_h, b, g, e = case
    weights, drive, g, e = (np.eye(len(b)), W_h, b), (x @ W_x.T)[:, None], g[:, None], e[:, None]
    h, C = nn.lstm(drive, h0[None], c0[None], *weights)
    dz = nn.vjp(nn.lstm, drive, h0[None], c0[None], *weights, wrt=0)[1](g, e)[:, 0]
    dh = g[:, 0].copy()
    for t in range(1, len(x)):
        rest = (drive[t:], h[t - 1], C[t - 1], *weights)
        dh[t - 1] += nn.vjp(nn.lstm, *rest, wrt=1)[1](g[t:], e[t:])[0]
    parts = zip(("f", "i", "o", "candidate"), np.split(dz, 4, axis=1), strict=True)
    return {"h": dh, "z": dz, **dict(parts)}


def compare(case, name):
    """Nudges against the chapter's loop and, through dz = da ⊙ slope, against the package."""
    alone = without_e(case)  # the loop has no direct look at C
    np.testing.assert_allclose(back(alone)[name], nudges(alone, name), rtol=1e-5, atol=1e-8)
    if name == "C":
        return
    a = np.array([v[name] for v in forward(*case[:6])])
    slope = {"h": 1, "z": 1, "candidate": 1 - a**2}.get(name, a * (1 - a))
    expected = nudges(case, name) * slope
    np.testing.assert_allclose(way_back(case)[name], expected, rtol=1e-5, atol=1e-8)


@pytest.mark.equation("eq-lstm-dh")
def test_lstm_dh(case):
    compare(case, "h")


@pytest.mark.equation("eq-lstm-do")
def test_lstm_do(case):
    compare(case, "o")


@pytest.mark.equation("eq-lstm-dc")
def test_lstm_dc(case):
    """Also with a direct look at C, which the package has and the chapter's loop leaves out."""
    compare(case, "C")
    *_, _g, e = case
    values, dC = forward(*case[:6]), nudges(case, "C")
    dh = nudges(case, "h")
    for t, v in enumerate(values):
        next_cell = values[t + 1]["f"] * dC[t + 1] if t + 1 < len(values) else 0
        shown = dh[t] * v["o"] * (1 - np.tanh(v["C"]) ** 2)
        np.testing.assert_allclose(dC[t], e[t] + next_cell + shown, rtol=1e-5, atol=1e-8)
    _, gradients = package(case)
    for ours, theirs in zip(gradients, of_torch(case), strict=True):
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.equation("eq-lstm-df")
def test_lstm_df(case):
    compare(case, "f")


@pytest.mark.equation("eq-lstm-di")
def test_lstm_di(case):
    compare(case, "i")


@pytest.mark.equation("eq-lstm-dcandidate")
def test_lstm_dcandidate(case):
    compare(case, "candidate")


@pytest.mark.equation("eq-lstm-dz")
def test_lstm_dz(case):
    """The package hands out dz, too: through a W_x that is the identity, dx is dz."""
    compare(case, "z")
    case = without_e(case)
    x, h0, c0, W_x, W_h, b, g, _ = case
    (_, _), backward = nn.vjp(
        nn.lstm, (x @ W_x.T)[:, None], h0[None], c0[None], np.eye(len(b)), W_h, b, wrt=0
    )
    np.testing.assert_allclose(backward(g[:, None])[:, 0], back(case)["z"], rtol=1e-9, atol=1e-12)


def of_weights(case, position):
    """Package and PyTorch agree; return the gradient of one argument, and the chapter's dz."""
    case = without_e(case)
    _, gradients = package(case)
    theirs = of_torch(case)[position]
    np.testing.assert_allclose(
        gradients[position].reshape(theirs.shape), theirs, rtol=1e-9, atol=1e-12
    )
    return gradients[position], back(case)["z"]


@pytest.mark.equation("eq-lstm-dx")
def test_lstm_dx(case):
    dx, dz = of_weights(case, 0)
    np.testing.assert_allclose(dx[:, 0], [case[3].T @ dz_t for dz_t in dz], rtol=1e-9, atol=1e-12)


@pytest.mark.equation("eq-lstm-dinitial")
def test_lstm_dinitial(case):
    dh0, dz = of_weights(case, 1)
    dc0, _ = of_weights(case, 2)
    np.testing.assert_allclose(dh0[0], case[4].T @ dz[0], rtol=1e-9, atol=1e-12)
    f = forward(*case[:6])[0]["f"]
    np.testing.assert_allclose(dc0[0], f * back(without_e(case))["C"][0], rtol=1e-9, atol=1e-12)
    for name, found in [("h", dh0), ("C", dc0)]:
        for unit in range(len(f)):
            pair = [
                loss(without_e(case), nudged=(name, -1, unit), step=step) for step in (1e-6, -1e-6)
            ]
            assert found[0, unit] == pytest.approx((pair[0] - pair[1]) / 2e-6, rel=1e-5, abs=1e-8)


@pytest.mark.equation("eq-lstm-dwx")
def test_lstm_dwx(case):
    dW_x, dz = of_weights(case, 3)
    literal = sum(np.outer(dz_t, x_t) for dz_t, x_t in zip(dz, case[0], strict=True))
    np.testing.assert_allclose(dW_x, literal, rtol=1e-9, atol=1e-12)


@pytest.mark.equation("eq-lstm-dwh")
def test_lstm_dwh(case):
    dW_h, dz = of_weights(case, 4)
    before = [case[1], *(v["h"] for v in forward(*case[:6])[:-1])]
    literal = sum(np.outer(dz_t, h_t) for dz_t, h_t in zip(dz, before, strict=True))
    np.testing.assert_allclose(dW_h, literal, rtol=1e-9, atol=1e-12)


@pytest.mark.equation("eq-lstm-db")
def test_lstm_db(case):
    """Each gate has its own bias, and its own sum."""
    db, dz = of_weights(case, 5)
    np.testing.assert_allclose(db, [math.fsum(column) for column in dz.T], rtol=1e-9, atol=1e-12)


# --- the road ----------------------------------------------------------------------------------


def one_cell(C, o, x_t, W_x, W_h, b):
    """The next cell state, of a cell state C that is shown through o."""
    H = len(C)
    z = W_x @ x_t + W_h @ (o * np.tanh(C)) + b
    return sigma(z[:H]) * C + sigma(z[H : 2 * H]) * np.tanh(z[3 * H :])


@pytest.mark.equation("eq-lstm-jacobian")
def test_lstm_jacobian(rng):
    """The sum of four terms against differences, and against the package's backward pass."""
    H, D = 4, 3
    C, o, x_t = rng.normal(size=H), rng.uniform(size=H), rng.normal(size=D)
    W_x, W_h, b = (rng.normal(size=shape) for shape in [(4 * H, D), (4 * H, H), (4 * H,)])
    z = W_x @ x_t + W_h @ (o * np.tanh(C)) + b
    f, i, new = sigma(z[:H]), sigma(z[H : 2 * H]), np.tanh(z[3 * H :])
    W_hf, W_hi, W_hc = W_h[:H], W_h[H : 2 * H], W_h[3 * H :]
    side = (
        np.diag(C * f * (1 - f)) @ W_hf
        + np.diag(new * i * (1 - i)) @ W_hi
        + np.diag(i * (1 - new**2)) @ W_hc
    )
    literal = np.diag(f) + side @ np.diag(o * (1 - np.tanh(C) ** 2))
    for unit in range(H):
        nudge = 1e-6 * np.eye(H)[unit]
        up, down = (one_cell(C + s * nudge, o, x_t, W_x, W_h, b) for s in (1, -1))
        np.testing.assert_allclose((up - down) / 2e-6, literal[:, unit], rtol=1e-6, atol=1e-9)
    # What the chapter draws: two steps of the package, the second one's gradient brought back.
    names = chapter("lstm-road-code")
    x = rng.normal(size=(3, 1, D))
    h, cells = nn.lstm(x, np.zeros((1, H)), np.zeros((1, H)), W_x, W_h, b)
    found = names["cell_jacobian"](x, h, cells, (W_x, W_h, b), 1)
    shown = h[1, 0] / np.tanh(cells[1, 0])
    for unit in range(H):
        nudge = 1e-6 * np.eye(H)[unit]
        up, down = (one_cell(cells[1, 0] + s * nudge, shown, x[2, 0], W_x, W_h, b) for s in (1, -1))
        np.testing.assert_allclose((up - down) / 2e-6, found[:, unit], rtol=1e-5, atol=1e-8)


@pytest.mark.equation("eq-lstm-road")
def test_lstm_road(rng):
    """Without the ways through h the product of the forget gates is the whole Jacobian."""
    T, H, D = 9, 3, 2
    x, zero = rng.normal(size=(T, 1, D)), np.zeros((1, H))
    W_x, W_h, b = (rng.normal(size=shape) for shape in [(4 * H, D), (4 * H, H), (4 * H,)])
    h, C = nn.lstm(x, zero, zero, W_x, W_h, b)
    f = chapter("lstm-road-code")["forget_gates"](x, h, (W_x, W_h, b), H)[:, 0]
    values = forward(x[:, 0], zero[0], zero[0], W_x, W_h, b)
    np.testing.assert_allclose(f, [v["f"] for v in values[1:]], rtol=1e-12)
    given = np.concatenate([x, np.concatenate([zero[None], h[:-1]])], axis=2)[1:]
    joined = np.concatenate([W_x, W_h], axis=1)
    copies = np.repeat(given, H, axis=1)
    start = np.repeat(C[0], H, axis=0)
    (same, cells), backward = nn.vjp(
        nn.lstm, copies, np.zeros((H, H)), start, joined, 0 * W_h, b, wrt=2
    )
    np.testing.assert_allclose(same[:, 0], h[1:, 0], rtol=1e-12)
    dC = np.zeros_like(cells)
    dC[-1] = np.eye(H)
    np.testing.assert_allclose(
        backward(np.zeros_like(same), dC), np.diag(f.prod(axis=0)), atol=1e-14
    )
    norm = np.linalg.norm(np.diag(f.prod(axis=0)), 2)
    assert f.min(axis=1).prod() <= norm <= f.max(axis=1).prod() <= 1


def test_the_shortcut_leaves_out_the_ways_through_h(rng):
    """The cut gradient against the recurrence with h held, by differences of the weights."""
    T, N, D, H = 5, 1, 2, 3
    x = rng.normal(size=(T, N, D))
    W_x, W_h, b = (rng.normal(size=shape) for shape in [(4 * H, D), (4 * H, H), (4 * H,)])
    dh = rng.normal(size=(T, N, H))
    found = lstm_memory.along_the_road(x, W_x, W_h, b, dh)
    held, _ = nn.lstm(x, np.zeros((N, H)), np.zeros((N, H)), W_x, W_h, b)
    held = np.concatenate([np.zeros((1, N, H)), held[:-1]])

    def value(W_x, W_h, b):
        C, total = np.zeros(H), 0.0
        for x_t, h_t, dh_t in zip(x[:, 0], held[:, 0], dh[:, 0], strict=True):
            z = W_x @ x_t + W_h @ h_t + b
            f, i, o = (sigma(z[k * H : (k + 1) * H]) for k in range(3))
            C = f * C + i * np.tanh(z[3 * H :])
            total += dh_t @ (o * np.tanh(C))
        return total

    weights = [W_x, W_h, b]
    for k, gradient in enumerate(found):
        for index in np.ndindex(gradient.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [w.copy() for w in weights]
                moved[k][index] += step
                ends.append(value(*moved))
            difference = (ends[0] - ends[1]) / 2e-6
            assert gradient[index] == pytest.approx(difference, rel=1e-5, abs=1e-8)


@pytest.mark.equation("eq-forget-half-life")
@pytest.mark.parametrize("bias", [0.0, 1.0, 3.0, 5.0])
def test_forget_half_life(bias):
    """The cell state of a layer that starts with this bias, and no news: left after k steps."""
    k = math.log(2) / math.log1p(math.exp(-bias))
    layer = nn.LSTM(1, 1, forget_bias=bias)
    params = layer.init(seed=0, dtype="float64")
    params["W_x"][...] = params["W_h"][...] = 0
    steps = math.ceil(k) + 2
    x, one = np.zeros((steps, 1, 1)), np.ones((1, 1))
    _, C = nn.lstm(x, 0 * one, one, params["W_x"], params["W_h"], params["b"])
    left = np.concatenate([[1.0], C[:, 0, 0]])
    assert left[math.floor(k + 1e-9)] >= 0.5 - 1e-12
    assert left[math.ceil(k - 1e-9)] <= 0.5 + 1e-12
    assert np.exp(np.interp(k, np.arange(steps + 1), np.log(left))) == pytest.approx(0.5)
    if bias >= 3:
        assert k == pytest.approx(math.log(2) * math.exp(bias), rel=0.03)


# --- the tasks ---------------------------------------------------------------------------------


@pytest.mark.equation("eq-adding")
@pytest.mark.parametrize("steps", [2, 3, 50])
def test_adding(rng, steps):
    x, total = nn.tasks.adding(steps, 40, rng)
    for n in range(40):
        marked = [float(u) for u, m in x[:, n].tolist() if m == 1]
        assert len(marked) == 2
        assert total[n, 0] == pytest.approx(sum(marked))
    assert np.all(x[: steps // 2, :, 1].sum(axis=0) == 1)


@pytest.mark.equation("eq-adding-variance")
def test_adding_variance():
    _, total = nn.tasks.adding(10, 200_000, np.random.default_rng(0))
    assert np.mean((total.astype(float) - 1) ** 2) == pytest.approx(1 / 6, rel=0.01)
    assert 2 * scipy.stats.uniform.var() == pytest.approx(1 / 6)
    errors = [np.mean((total.astype(float) - c) ** 2) for c in (0.9, 1.0, 1.1)]
    assert min(errors) == errors[1]


# --- the GRU -----------------------------------------------------------------------------------


@pytest.fixture(params=[(1, 1, 1), (4, 2, 3), (6, 3, 2)], ids=str)
def gru_case(request, rng):
    """One sequence: x (T, D), h0, W_x, W_h, b, and the gradient of the states (T, H)."""
    T, D, H = request.param
    shapes = [(T, D), (H,), (3 * H, D), (3 * H, H), (3 * H,), (T, H)]
    return [rng.normal(size=shape) for shape in shapes]


def gru_forward(x, h0, W_x, W_h, b, nudged=None, step=0.0):
    """All values of all steps of a GRU; one of them may be nudged."""
    H, h, values = len(h0), h0, []

    def told(name, t, vector):
        if nudged and nudged[:2] == (name, t):
            vector = vector.copy()
            vector[nudged[2]] += step
        return vector

    for t, x_t in enumerate(x):
        s = told("s", t, np.array([sum(row[j] * h[j] for j in range(H)) for row in W_h]))
        of_x = W_x @ x_t + b
        z_r = told("z_r", t, of_x[:H] + s[:H])
        z_u = told("z_u", t, of_x[H : 2 * H] + s[H : 2 * H])
        r, u = sigma(z_r), sigma(z_u)
        z_c = told("z_c", t, of_x[2 * H :] + r * s[2 * H :])
        candidate = np.tanh(z_c)
        before, h = h, told("h", t, u * h + (1 - u) * candidate)
        values.append(
            {"s": s, "z_r": z_r, "z_u": z_u, "z_c": z_c, "r": r, "u": u}
            | {"candidate": candidate, "h": h, "before": before}
        )
    return values


def gru_nudges(case, name):
    *arrays, g = case
    found = np.zeros((len(g), len(gru_forward(*arrays)[0][name])))
    for t, unit in np.ndindex(found.shape):
        ends = [
            sum(
                np.sum(g_t * v["h"])
                for g_t, v in zip(
                    g, gru_forward(*arrays, nudged=(name, t, unit), step=step), strict=True
                )
            )
            for step in (1e-6, -1e-6)
        ]
        found[t, unit] = (ends[0] - ends[1]) / 2e-6
    return found


def near(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.equation("eq-gru-tied")
def test_gru_tied(rng):
    """An LSTM whose input gate has the forget gate's rows with the other sign."""
    T, H, D = 6, 3, 2
    x = rng.normal(size=(T, D))
    W_x, W_h, b = (rng.normal(size=shape) for shape in [(4 * H, D), (4 * H, H), (4 * H,)])
    for weights in (W_x, W_h, b):
        weights[H : 2 * H] = -weights[:H]
    c0 = rng.uniform(-1, 1, size=H)
    values = forward(x, np.zeros(H), c0, W_x, W_h, b)
    C = c0
    for v in values:
        np.testing.assert_allclose(v["i"], 1 - v["f"], rtol=1e-12)
        C = v["f"] * C + (1 - v["f"]) * v["candidate"]
        np.testing.assert_allclose(v["C"], C, rtol=1e-12)
    _, package_C = nn.lstm(x[:, None], np.zeros((1, H)), c0[None], W_x, W_h, b)
    np.testing.assert_allclose(package_C[-1, 0], C, rtol=1e-11)


@pytest.mark.equation("eq-gru-bounded")
def test_gru_bounded(rng):
    x, h0 = 30 * rng.normal(size=(200, 4, 3)), rng.uniform(-1, 1, size=(4, 5))
    W_x, W_h, b = (3 * rng.normal(size=shape) for shape in [(15, 3), (15, 5), (15,)])
    assert np.abs(nn.gru(x, h0, W_x, W_h, b)).max() <= 1
    outside = nn.gru(x, 4 * h0, W_x, W_h, b)  # and from outside it never moves further out
    largest = np.maximum(np.abs(np.concatenate([4 * h0[None], outside[:-1]])), 1)
    assert np.all(np.abs(outside) <= largest)


@pytest.mark.equation("eq-gru-gates", "eq-gru-candidate", "eq-gru")
def test_gru(gru_case):
    x, h0, W_x, W_h, b, _ = gru_case
    h = nn.gru(x[:, None], h0[None], W_x, W_h, b)[:, 0]
    np.testing.assert_allclose(h, [v["h"] for v in gru_forward(*gru_case[:5])], rtol=1e-11)
    shown = chapter("lstm-gru-literal")["gru_literal"](x[:, None], h0[None], W_x, W_h, b)
    np.testing.assert_allclose(h, shown[:, 0], rtol=1e-11)


@pytest.mark.equation("eq-gru-gates")
def test_gru_gates(gru_case):
    """Against PyTorch's cell, whose order of gates is the same and whose u keeps the state too."""
    x, h0, W_x, W_h, b, _ = gru_case
    cell = torch.nn.GRUCell(x.shape[1], len(h0)).double()
    arrays = (W_x, W_h, b, 0 * b)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights = {n: torch.tensor(a) for n, a in zip(names, arrays, strict=True)}
    h = torch.tensor(h0)[None]
    ours = nn.gru(x[:, None], h0[None], W_x, W_h, b)[:, 0]
    for t, v in enumerate(gru_forward(*gru_case[:5])):
        h = torch.func.functional_call(cell, weights, (torch.tensor(x[t])[None], h))
        np.testing.assert_allclose(v["h"], h[0].numpy(), rtol=1e-10)
        np.testing.assert_allclose(ours[t], h[0].numpy(), rtol=1e-10)


@pytest.mark.equation("eq-gru-candidate")
def test_gru_candidate(gru_case):
    """With the reset gate shut, the candidate hears nothing of the state."""
    x, h0, W_x, W_h, b, _ = gru_case
    H = len(h0)
    shut, fresh = b.copy(), b.copy()
    shut[:H] = fresh[:H] = -60
    shut[H : 2 * H] = fresh[H : 2 * H] = -60  # and nothing is kept
    W_quiet = W_h.copy()
    W_quiet[: 2 * H] = 0
    W_in = W_x.copy()
    W_in[: 2 * H] = 0
    h = nn.gru(x[:, None], h0[None], W_in, W_quiet, shut)[:, 0]
    np.testing.assert_allclose(h, np.tanh(x @ W_x[2 * H :].T + b[2 * H :]), rtol=1e-12)


def gru_back(case):
    """What `nn.gru` finds on its way back, at every step: dh, dz by its three parts, and ds.

    With W_x the identity, dx is dz. What the rest of the sequence sends back to a state is dh
    without g. And a step's share of dW_h is the outer product of ds and the state before it.
    """
    x, h0, W_x, W_h, b, g = case
    T, drive, unit = len(g), (x @ W_x.T)[:, None], np.eye(len(b))
    before = np.concatenate([h0[None], nn.gru(drive, h0[None], unit, W_h, b)[:, 0]])
    dh, dW_h = g.copy(), np.zeros((T + 1, *W_h.shape))
    for t in range(T):
        arguments = (drive[t:], before[t][None], unit, W_h, b)
        dx, arriving, _, dW_h[t], _ = nn.vjp(nn.gru, *arguments)[1](g[t:, None])
        if t == 0:
            dz = dx[:, 0]
        else:
            dh[t - 1] += arriving[0]
    ds = [(dW_h[t] - dW_h[t + 1]) @ before[t] / (before[t] @ before[t]) for t in range(T)]
    parts = zip(("z_r", "z_u", "z_c"), np.split(dz, 3, axis=1), strict=True)
    return {"dh": dh, "ds": np.array(ds), **dict(parts)}


@pytest.mark.equation("eq-gru-dh")
def test_gru_dh(gru_case):
    *arrays, g = gru_case
    values, back = gru_forward(*arrays), gru_back(gru_case)
    near(back["dh"], gru_nudges(gru_case, "h"))
    for t, g_t in enumerate(g):
        expected = g_t
        if t + 1 < len(g):
            expected = (
                g_t + values[t + 1]["u"] * back["dh"][t + 1] + arrays[3].T @ back["ds"][t + 1]
            )
        near(back["dh"][t], expected)


@pytest.mark.equation("eq-gru-dcandidate")
def test_gru_dcandidate(gru_case):
    back = gru_back(gru_case)
    near(back["z_c"], gru_nudges(gru_case, "z_c"))
    for t, v in enumerate(gru_forward(*gru_case[:5])):
        near(back["z_c"][t], back["dh"][t] * (1 - v["u"]) * (1 - v["candidate"] ** 2))


@pytest.mark.equation("eq-gru-du")
def test_gru_du(gru_case):
    back = gru_back(gru_case)
    near(back["z_u"], gru_nudges(gru_case, "z_u"))
    for t, v in enumerate(gru_forward(*gru_case[:5])):
        slope = v["u"] * (1 - v["u"])
        near(back["z_u"][t], back["dh"][t] * (v["before"] - v["candidate"]) * slope)


@pytest.mark.equation("eq-gru-dr")
def test_gru_dr(gru_case):
    back, H = gru_back(gru_case), len(gru_case[1])
    near(back["z_r"], gru_nudges(gru_case, "z_r"))
    for t, v in enumerate(gru_forward(*gru_case[:5])):
        near(back["z_r"][t], back["z_c"][t] * v["s"][2 * H :] * v["r"] * (1 - v["r"]))


@pytest.mark.equation("eq-gru-ds")
def test_gru_ds(gru_case):
    back = gru_back(gru_case)
    near(back["ds"], gru_nudges(gru_case, "s"))
    r = np.array([v["r"] for v in gru_forward(*gru_case[:5])])
    near(back["ds"], np.concatenate([back["z_r"], back["z_u"], back["z_c"] * r], axis=1))


@pytest.mark.equation("eq-gru-dweights")
def test_gru_dweights(gru_case):
    x, h0, W_x, W_h, b, g = gru_case
    values = gru_forward(*gru_case[:5])
    dz = np.concatenate([gru_nudges(gru_case, name) for name in ("z_r", "z_u", "z_c")], axis=1)
    ds = gru_nudges(gru_case, "s")
    _, backward = nn.vjp(nn.gru, x[:, None], h0[None], W_x, W_h, b)
    dx, dh0, dW_x, dW_h, db = backward(g[:, None])
    near(dh0[0], values[0]["u"] * gru_nudges(gru_case, "h")[0] + W_h.T @ ds[0])
    near(dx[:, 0], [W_x.T @ dz_t for dz_t in dz])
    near(dW_x, sum(np.outer(dz_t, x_t) for dz_t, x_t in zip(dz, x, strict=True)))
    near(dW_h, sum(np.outer(ds_t, v["before"]) for ds_t, v in zip(ds, values, strict=True)))
    near(db, dz.sum(axis=0))


@pytest.mark.equation("eq-recurrent-count")
@pytest.mark.parametrize(("D", "H"), [(1, 1), (16, 63), (3, 7)])
def test_recurrent_count(D, H):
    """What a layer learns, and what PyTorch's does without its second bias."""
    others = {nn.RNN: (1, torch.nn.RNN), nn.GRU: (3, torch.nn.GRU), nn.LSTM: (4, torch.nn.LSTM)}
    for layer, (blocks, other) in others.items():
        count = blocks * H * (D + H + 1)
        assert layer(D, H).init().vector.size == count
        assert sum(p.numel() for p in other(D, H).parameters()) == count + blocks * H


# --- melodies ----------------------------------------------------------------------------------


@pytest.mark.equation("eq-note-factors")
def test_note_factors(rng):
    """The tokens' factors multiply to the probability of the melody, and nothing is lost."""
    notes = np.array([[60, 4, 0], [62, 2, 1], [59, 16, 0]])
    tokens = music.encode(notes)
    assert len(tokens) == 2 * len(notes) + 2
    np.testing.assert_array_equal(music.decode(tokens), notes)
    model = nn.Sequential(nn.Embedding(music.TOKENS, 3), nn.GRU(3, 4), nn.Dense(4, music.TOKENS))
    params = model.init(seed=0, dtype="float64")
    p = nn.softmax(model(params, tokens[:-1, None]))[:, 0]
    factors = [p[t, token] for t, token in enumerate(tokens[1:])]
    said = nn.log_softmax(model(params, tokens[:-1, None]))[np.arange(len(p)), 0, tokens[1:]]
    assert math.prod(factors) == pytest.approx(math.exp(said.sum()))
    lengths = [len({*range(1, music.FIRST_PITCH)} & {int(t)}) for t in tokens[1:-1:2]]
    assert all(lengths)  # first the length, then the pitch
    assert all(t >= music.FIRST_PITCH for t in tokens[2:-1:2])


@pytest.mark.equation("eq-note-perplexity")
def test_note_perplexity():
    """Somebody who throws two dice for each note, and one for the end, as a perplexity a note."""
    notes = np.array([[60, 4, 0], [62, 2, 1], [59, 16, 0]])
    uniform = nn.NGram([], 1, 1.0, music.TOKENS)
    log_p = uniform.log_probability(music.encode(notes))
    M = len(notes)
    assert log_p == pytest.approx(-(2 * M + 1) * math.log(music.TOKENS))
    found = math.exp(-log_p / (M + 1))
    assert found == pytest.approx(music.TOKENS ** ((2 * M + 1) / (M + 1)))
    # The study's way of cutting into whole notes has the same number of notes to divide by.
    study = json.loads((CHAPTER.parent / "studies" / "lstm_chorales.json").read_text())
    *_, test_set = nn.data.load_chorales()
    total = sum(len(chorale.notes) + 1 for chorale in test_set)
    for run in [*study["counting"].values(), *study["networks"].values()]:
        for log_p in run["log_p"]:
            assert len(log_p) == len(test_set)
            assert 5 < math.exp(-sum(log_p) / total) < 250


@pytest.mark.equation("eq-temperature")
@pytest.mark.parametrize("temperature", [0.25, 0.7, 1.0, 3.0])
def test_temperature(temperature):
    """How often each token is drawn, against the softmax of the logits over the temperature."""
    logits = np.array([0.5, -1.0, 1.5, 0.0])
    model = nn.Sequential(nn.Embedding(4, 2), nn.RNN(2, 2), nn.Dense(2, 4))
    params = model.init(seed=0, dtype="float64")
    params["2.W"][...] = 0
    params["2.b"][...] = logits
    generator = np.random.default_rng(1)
    settings = {"end": 9, "longest": 8001, "temperature": temperature}
    drawn = nn.sequences.continuation(model, params, [0], generator, **settings)[1:]
    literal = [math.exp(z / temperature) for z in logits]
    expected = np.array(literal) / sum(literal)
    theirs = torch.softmax(torch.tensor(logits) / temperature, dim=0).numpy()
    np.testing.assert_allclose(expected, theirs, rtol=1e-12)
    counts = np.bincount(drawn, minlength=4)
    assert scipy.stats.chisquare(counts, 8000 * expected).pvalue > 1e-4


# --- the studies that are too long for the chapter ---------------------------------------------


@pytest.fixture(scope="module")
def study():
    path = CHAPTER.parent / "studies" / "lstm_memory.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_lstm_adds_over_two_hundred_steps_and_the_rnn_does_not(study):
    runs = study["adding"]
    assert len(runs) == 3 * len(lstm_memory.LENGTHS) * len(lstm_memory.SEEDS) == 36
    at_200 = {kind: [] for kind in ("RNN", "LSTM", "GRU")}
    for run in runs:
        assert len(run["curve"]) == lstm_memory.ADDING_STEPS // 50
        if run["length"] == 200:
            at_200[run["kind"]].append(run["error"])
    assert max(at_200["LSTM"]) <= 0.01
    assert max(at_200["GRU"]) <= 0.01
    assert all(0.155 < error < 0.18 for error in at_200["RNN"])  # one sixth is 0.167


def test_every_cell_of_the_studies_has_three_seeds(study):
    for part, gaps in (("bits", lstm_memory.BIT_GAPS), ("copying", lstm_memory.GAPS)):
        kinds = {run["kind"] for run in study[part]}
        assert len(study[part]) == len(kinds) * len(gaps)
        assert all(len(run["right"]) == 3 for run in study[part])
    sizes = {run["kind"]: run["parameters"] for run in study["names"]}
    assert max(sizes.values()) < 1.02 * min(sizes.values())  # equal parameters


def test_the_stored_adders_have_almost_learned():
    model = lstm_memory.adder("LSTM")
    params = model.init(0)
    with np.load(lstm_memory.WEIGHTS) as kept:
        for seed in lstm_memory.SEEDS:
            params.vector[:] = kept[f"seed{seed}"]
            assert lstm_memory.test_error(model, params, 200) < 0.01


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_short_training_adds_two_numbers(kind):
    """The study's own loop, on sequences so short that everybody learns."""
    model = lstm_memory.adder(kind)
    params = model.init(0)
    losses = lstm_memory.train_adder(model, params, 4, 5e-3, 200, np.random.default_rng(0))
    assert np.mean(losses[-20:]) < 0.02 < np.mean(losses[:20])


def test_the_chorales_networks_are_of_equal_size():
    sizes = [lstm_chorales.reader(k).init(0).vector.size for k in lstm_chorales.HIDDEN]
    assert max(sizes) - min(sizes) < 0.001 * min(sizes)


def test_the_numbers_on_paper():
    """The two tables of the chapter, with the digits that they show."""
    names = chapter("lstm-literal", "lstm-back", "lstm-knock")
    h, C = (a.ravel() for a in (names["h"], names["C"]))
    np.testing.assert_allclose(C, [0.725, 0.691, 0.658], atol=6e-4)
    np.testing.assert_allclose(h, [0.310, 0.299, 0.289], atol=6e-4)
    zero = np.zeros(1)
    arguments = (names["W_x"], np.zeros((4, 1)), names["b"])
    steps = names["lstm_back"](
        names["knock"][:, 0], zero, zero, *arguments, np.array([[0.0], [0.0], [1.0]])
    )
    np.testing.assert_allclose(steps["h"].ravel(), [0, 0, 1], atol=6e-4)
    text = next(
        "".join(cell["source"])
        for cell in json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]
        if cell["id"] == "lstm-backward-text"
    )
    dx = (steps["z"] @ names["W_x"]).ravel()
    for t in (1, 2, 3):
        row = next(line for line in text.splitlines() if line.startswith(f"| {t} |"))
        shown = [float(entry) for entry in row.strip("| ").split("|")[1:]]
        right = [steps[name][t - 1, 0] for name in ("h", "C", "f", "candidate")] + [dx[t - 1]]
        np.testing.assert_allclose(shown, right, atol=6e-4)


def test_the_second_example_on_paper():
    """W_h is not zero: each entry of the table, from the package and from nudges of one gate."""
    names = chapter("lstm-literal", "lstm-back", "lstm-knock")
    x, g = np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])
    zero, W_h = np.zeros(1), np.array([[0.0], [0.0], [0.0], [1.0]])
    arguments = (names["W_x"], W_h, names["b"])
    steps = names["lstm_back"](x, zero, zero, *arguments, g)
    text = next(
        "".join(cell["source"])
        for cell in json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]
        if cell["id"] == "lstm-backward-text"
    )
    rows = [line for line in text.splitlines() if line.startswith(("| 1 |", "| 2 |"))][-2:]
    assert [row[2] for row in rows] == ["2", "1"]
    for row in rows:
        t, *shown = row.strip("| ").split(" | ")
        right = [steps[k][int(t) - 1, 0] for k in ("h", "o", "C", "f", "i", "candidate")]
        np.testing.assert_allclose([float(entry) for entry in shown[:6]], right, atol=6e-4)
        dz = [float(entry) for entry in shown[6].strip("()").split(",")]
        np.testing.assert_allclose(dz, steps["z"][int(t) - 1], atol=6e-4)

    def loss(W_h=W_h, b=names["b"]):
        return nn.lstm(x[:, None], zero[None], zero[None], names["W_x"], W_h, b)[0][-1, 0, 0]

    for k, shown in enumerate([0.003, 0.001, 0.047, 0.004]):  # the table's dW_h
        nudge = 1e-6 * np.eye(4)[:, [k]]
        by_weight = (loss(W_h=W_h + nudge) - loss(W_h=W_h - nudge)) / 2e-6
        by_bias = (loss(b=names["b"] + nudge[:, 0]) - loss(b=names["b"] - nudge[:, 0])) / 2e-6
        assert by_weight == pytest.approx(shown, abs=6e-4)
        assert by_bias == pytest.approx(steps["z"][:, k].sum(), abs=1e-8)
