"""Proofs of the equations of chapter 11: loops, complex numbers, differences, and PyTorch."""

import cmath
import itertools
import math

import numpy as np
import pytest
import torch
from notebooks import cells_of
from witnesses import measured_jacobian, measured_slope

import nnlearn as nn

chapter = cells_of("11-attention")


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def arrays(rng):
    """q, k, v and do: three queries, four keys."""
    return [rng.normal(size=shape) for shape in [(3, 2), (4, 2), (4, 5), (3, 5)]]


def scores_literal(q, k):
    s = np.zeros((len(q), len(k)))
    for t, u in np.ndindex(s.shape):
        for i in range(q.shape[1]):
            s[t, u] += q[t, i] * k[u, i]
    return s / math.sqrt(q.shape[1])


def weights_literal(s):
    p = np.zeros(s.shape)
    for t, u in np.ndindex(s.shape):
        p[t, u] = math.exp(s[t, u]) / sum(math.exp(s[t, r]) for r in range(s.shape[1]))
    return p


def mixed_literal(p, v):
    o = np.zeros((len(p), v.shape[1]))
    for t, u, j in itertools.product(range(len(p)), range(len(v)), range(v.shape[1])):
        o[t, j] += p[t, u] * v[u, j]
    return o


def attention_literal(q, k, v):
    return mixed_literal(weights_literal(scores_literal(q, k)), v)


def same(actual, expected, tolerance=1e-12):
    np.testing.assert_allclose(nn.to_numpy(actual), expected, rtol=tolerance, atol=tolerance)


# --- forwards ----------------------------------------------------------------------------------


@pytest.mark.equation("eq-attention-scores")
def test_scores(arrays):
    """The logarithms of two weights of a row differ as its scores do."""
    q, k, _, _ = arrays
    logs = np.log(nn.attention_weights(q, k))
    s = scores_literal(q, k)
    same(logs - logs[:, :1], s - s[:, :1])


@pytest.mark.equation("eq-attention-weights")
def test_weights(arrays):
    q, k, _, _ = arrays
    p = nn.attention_weights(q, k)
    same(p, weights_literal(scores_literal(q, k)))
    same(p.sum(axis=1), np.ones(3))


@pytest.mark.equation("eq-attention")
def test_attention(arrays):
    q, k, v, _ = arrays
    same(nn.attention(q, k, v), attention_literal(q, k, v))
    by_torch = torch.nn.functional.scaled_dot_product_attention(*map(torch.tensor, (q, k, v)))
    same(nn.attention(q, k, v), by_torch.numpy())
    found = chapter("attention-literal")
    same(found["by_hand"], [[3.0, 2.0]])  # as on paper
    same(found["attention_literal"](q, k, v), attention_literal(q, k, v))


@pytest.mark.equation("eq-score-variance")
def test_score_variance():
    """Of normal and of uniform numbers, from 400,000 products."""
    rng = np.random.default_rng(0)
    for d, sigma_q, sigma_k in ((1, 1.0, 1.0), (16, 0.5, 2.0), (64, 1.5, 0.2)):
        normal = rng.normal(size=(400_000 // d, d)) * sigma_q
        uniform = rng.uniform(-math.sqrt(3), math.sqrt(3), normal.shape) * sigma_k
        found = np.var(np.sum(normal * uniform, axis=1))
        expected = d * sigma_q**2 * sigma_k**2
        assert abs(found / expected - 1) < 6 * math.sqrt(3 / len(normal)), d

    found = chapter("attention-root-code", "attention-root-measured")  # measures it, too
    for d, one, other in zip(found["sizes"], found["plain"], found["scaled"], strict=True):
        assert abs(one[0] / math.sqrt(d) - 1) < 0.1
        assert abs(other[0] - 1) < 0.1


# --- backwards ---------------------------------------------------------------------------------


def intermediate(q, k, v, do):
    """Return dp, ds by differences: each with what comes before it held fast."""
    s = scores_literal(q, k)
    p = weights_literal(s)
    dp = np.tensordot(do, measured_jacobian(lambda p: mixed_literal(p, v), p), axes=2)
    ds = np.tensordot(dp, measured_jacobian(weights_literal, s), axes=2)
    return s, p, dp, ds


@pytest.mark.equation("eq-attention-dv")
def test_dv(arrays):
    q, k, v, do = arrays
    p = weights_literal(scores_literal(q, k))
    dv = np.zeros_like(v)
    for s, t in np.ndindex(4, 3):
        dv[s] += p[t, s] * do[t]
    _, backward = nn.vjp(nn.attention, q, k, v, wrt=2)
    same(backward(do), dv)
    measured = np.tensordot(do, measured_jacobian(lambda v: mixed_literal(p, v), v), axes=2)
    same(dv, measured, 1e-8)


@pytest.mark.equation("eq-attention-dp")
def test_dp(arrays):
    q, k, v, do = arrays
    _, _, dp, _ = intermediate(q, k, v, do)
    literal = [[sum(do[t, j] * v[s, j] for j in range(5)) for s in range(4)] for t in range(3)]
    same(literal, dp, 1e-8)
    _, backward = nn.vjp(nn.attention, q, k, v, wrt=(0, 1))
    _, backward_weights = nn.vjp(nn.attention_weights, q, k)
    for one, other in zip(backward(do), backward_weights(np.array(literal)), strict=True):
        same(one, other)


@pytest.mark.equation("eq-attention-ds")
def test_ds(arrays):
    s, p, dp, ds = intermediate(*arrays)
    literal = np.zeros_like(s)
    for t, u in np.ndindex(s.shape):
        literal[t, u] = p[t, u] * (dp[t, u] - sum(p[t, r] * dp[t, r] for r in range(4)))
    same(literal, ds, 1e-8)
    # with d = 1 and a query of 1 the key is the score
    one = np.ones((1, 1))
    for t in range(3):
        _, backward = nn.vjp(nn.attention_weights, one, s[t][:, None], wrt=1)
        same(backward(dp[t][None])[:, 0], literal[t], 1e-8)


@pytest.mark.equation("eq-attention-dq")
def test_dq(arrays):
    q, k, v, do = arrays
    *_, ds = intermediate(q, k, v, do)
    dq = [sum(ds[t, s] * k[s] for s in range(4)) / math.sqrt(2) for t in range(3)]
    same(nn.vjp(nn.attention, q, k, v, wrt=0)[1](do), dq, 1e-8)


@pytest.mark.equation("eq-attention-dk")
def test_dk(arrays):
    q, k, v, do = arrays
    *_, ds = intermediate(q, k, v, do)
    dk = [sum(ds[t, s] * q[t] for t in range(3)) / math.sqrt(2) for s in range(4)]
    same(nn.vjp(nn.attention, q, k, v, wrt=1)[1](do), dk, 1e-8)


def test_the_chapters_loops_backwards(arrays):
    q, k, v, do = arrays
    _, backward = nn.vjp(nn.attention, q, k, v)
    loops = chapter("attention-backward-literal")["backward_literal"](q, k, v, do)
    for ours, literal in zip(backward(do), loops, strict=True):
        same(ours, literal)


# --- order -------------------------------------------------------------------------------------


@pytest.mark.equation("eq-permutation")
def test_permutation(rng):
    layer = nn.MultiHeadAttention(6, heads=2)
    theta = layer.init(seed=1, dtype="float64")
    x = rng.normal(size=(5, 2, 6))
    for order in itertools.islice(itertools.permutations(range(5)), 0, 120, 7):
        order = list(order)
        same(layer(theta, x[order]), layer(theta, x)[order])
    causal = nn.MultiHeadAttention(6, heads=2, causal=True)
    assert np.abs(causal(theta, x[::-1]) - causal(theta, x)[::-1]).max() > 0.01


@pytest.mark.equation("eq-sinusoids")
def test_sinusoids():
    P = nn.sinusoids(7, 6, start=3)
    for t, i in np.ndindex(7, 3):
        omega = 10_000 ** (-2 * i / 6)
        pair = math.sin(omega * (t + 3)), math.cos(omega * (t + 3))
        np.testing.assert_allclose(P[t, 2 * i : 2 * i + 2], pair, atol=1e-7)


@pytest.mark.equation("eq-sinusoid-shift")
def test_sinusoid_shift():
    """One matrix for each pair brings every position three further."""
    P = nn.sinusoids(20, 4, like=np.zeros(0))
    for i in range(2):
        angle = 3 * 10_000 ** (-2 * i / 4)
        c, s = math.cos(angle), math.sin(angle)
        for t in range(17):
            sine, cosine = P[t, 2 * i : 2 * i + 2]
            moved = np.array([[c, -s], [s, c]]) @ [cosine, sine]
            same(P[t + 3, 2 * i : 2 * i + 2][::-1], moved)


@pytest.mark.equation("eq-rotary")
def test_rotary(rng):
    """A pair of components is a complex number, and turning it multiplies by e^{iωt}."""
    x = rng.normal(size=(5, 6))
    y = nn.rotary(x, start=2)
    for t, i in np.ndindex(5, 3):
        turned = complex(*x[t, 2 * i : 2 * i + 2]) * cmath.exp(1j * 10_000 ** (-i / 3) * (t + 2))
        same(y[t, 2 * i : 2 * i + 2], [turned.real, turned.imag])


@pytest.mark.equation("eq-rotary-relative")
def test_rotary_relative(rng):
    q, k = rng.normal(size=(2, 1, 8))

    def score(t, s):
        return float((nn.rotary(q, start=t) @ nn.rotary(k, start=s).T)[0, 0])

    for t, s, far in ((0, 0, 9), (5, 2, 40), (3, 11, 1000)):
        assert score(t + far, s + far) == pytest.approx(score(t, s), abs=1e-10)
    assert abs(score(5, 2) - score(5, 3)) > 1e-3
    found = chapter("attention-rotary-measured")
    assert found["score"](5, 2) == pytest.approx(found["score"](105, 102), abs=1e-10)


# --- the layers --------------------------------------------------------------------------------


@pytest.mark.equation("eq-heads")
def test_heads(rng):
    """Each head by itself, with its own rows of the matrices, joined and mixed."""
    layer, x = nn.MultiHeadAttention(6, heads=3), rng.normal(size=(4, 1, 6))
    theta = layer.init(seed=2, dtype="float64")
    theta.vector[...] = rng.normal(size=theta.vector.shape)
    W, b = theta["W_qkv"].reshape(3, 3, 2, 6), theta["b_qkv"].reshape(3, 3, 2)  # q k v, head, row
    heads = []
    for a in range(3):
        q, k, v = (np.array([W[i, a] @ x[t, 0] + b[i, a] for t in range(4)]) for i in range(3))
        heads.append(attention_literal(q, k, v))
    y = np.array([theta["W_o"] @ np.concatenate([h[t] for h in heads]) for t in range(4)])
    same(layer(theta, x)[:, 0], y + theta["b_o"])


@pytest.mark.equation("eq-causal-mask")
def test_causal_mask(arrays):
    """The weights are those of the sequence that ends at the query; what follows weighs nothing."""
    q, k, v, do = arrays
    k, v = k[:3], v[:3]
    p = nn.attention_weights(q, k, nn.causal_mask(3))
    for t in range(3):
        same(p[t, : t + 1], weights_literal(scores_literal(q[t : t + 1], k[: t + 1]))[0])
        assert np.all(p[t, t + 1 :] == 0)
    _, backward = nn.vjp(nn.attention, q, k, v, nn.causal_mask(3), wrt=(1, 2))
    first = np.array([1.0, 0, 0])[:, None]
    for gradient in backward(do * first):
        assert np.all(gradient[1:] == 0)
    found = chapter("attention-future", rng=np.random.default_rng(0))
    assert np.all(found["dx"][3:] == 0)
    assert np.all(np.abs(found["dx"][:3]).max(axis=1) > 0)


@pytest.mark.equation("eq-residual")
def test_residual(rng):
    layer, x = nn.Residual(nn.Dense(3, 5), nn.Tanh(), nn.Dense(5, 3)), rng.normal(size=(4, 3))
    theta = layer.init(seed=0, dtype="float64")
    inside = np.tanh(x @ theta["0.W"].T + theta["0.b"]) @ theta["2.W"].T + theta["2.b"]
    same(layer(theta, x), x + inside)


@pytest.mark.equation("eq-residual-gradient")
def test_residual_gradient(rng):
    layer, x = nn.Residual(nn.Dense(3, 3), nn.Tanh()), rng.normal(size=3)
    theta, dy = layer.init(seed=0, dtype="float64"), rng.normal(size=3)
    J = measured_jacobian(lambda x: np.tanh(x @ theta["0.W"].T + theta["0.b"]), x)
    _, backward = nn.vjp(layer, theta, x, wrt=1)
    same(backward(dy), dy + J.T @ dy, 1e-8)


def layer_norm_literal(x):
    mean = x.mean(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + 1e-5)


def block_parts(norm, rng):
    """A block, its parameters, and its two functions by themselves."""
    block = nn.TransformerBlock(4, heads=2, norm=norm)
    theta = block.init(seed=3, dtype="float64")
    theta.vector[...] = rng.normal(size=theta.vector.shape)
    names = ("0.1", "1.1", "1.3") if norm == "pre" else ("0.0", "2.0", "2.2")
    for name in theta:
        if name.endswith(("gamma", "beta")):
            theta[name][...] = name.endswith("gamma")
    attend, wide, narrow = (theta.part(name) for name in names)

    def look(x):
        return nn.MultiHeadAttention(4, heads=2)(attend, x)

    def think(x):
        hidden = x @ wide["W"].T + wide["b"]
        gate = 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3)))
        return (hidden * gate) @ narrow["W"].T + narrow["b"]

    return block, theta, look, think


@pytest.mark.equation("eq-post-norm")
def test_post_norm(rng):
    block, theta, look, think = block_parts("post", rng)
    x = rng.normal(size=(3, 2, 4))
    middle = layer_norm_literal(x + look(x))
    same(block(theta, x), layer_norm_literal(middle + think(middle)), 1e-10)


@pytest.mark.equation("eq-pre-norm")
def test_pre_norm(rng):
    block, theta, look, think = block_parts("pre", rng)
    x = rng.normal(size=(3, 2, 4))
    middle = x + look(layer_norm_literal(x))
    same(block(theta, x), middle + think(layer_norm_literal(middle)), 1e-10)


@pytest.mark.equation("eq-gelu")
def test_gelu():
    z = np.linspace(-6, 6, 101)
    u = math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)
    same(nn.gelu(z), z * 0.5 * (1 + np.tanh(u)))
    exact = [x * 0.5 * math.erfc(-x / math.sqrt(2)) for x in z]
    assert np.abs(nn.gelu(z) - exact).max() < 5e-4  # close enough


@pytest.mark.equation("eq-gelu-derivative")
def test_gelu_derivative():
    z = np.linspace(-6, 6, 101)
    u = math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)
    g, slope = 0.5 * (1 + np.tanh(u)), math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z**2)
    _, backward = nn.vjp(nn.gelu, z)
    same(backward(np.ones(101)), g + z * 2 * g * (1 - g) * slope)
    same(backward(np.ones(101)), measured_slope(nn.gelu, z), 1e-8)


class Counting(np.ndarray):
    """An array that counts the multiplications of the matrix products that begin with it."""

    counted = 0

    def __matmul__(self, other):
        a, b = self.view(np.ndarray), np.asarray(other)
        each = a.shape[-2] * a.shape[-1] * b.shape[-1]
        Counting.counted += math.prod(np.broadcast_shapes(a.shape[:-2], b.shape[:-2])) * each
        return (a @ b).view(Counting)


@pytest.mark.equation("eq-attention-cost")
@pytest.mark.parametrize(("T", "D", "heads"), [(12, 8, 2), (5, 6, 3), (40, 4, 1)])
def test_attention_cost(T, D, heads, rng):
    """A block is run, and every multiplication in its products counted."""
    block = nn.TransformerBlock(D, heads)
    Counting.counted = 0
    y = block(block.init(0, "float64"), rng.normal(size=(T, 1, D)).view(Counting))
    assert isinstance(y, Counting)  # none on the way was lost
    assert Counting.counted == 4 * T * D**2 + 8 * T * D**2 + 2 * T**2 * D
    assert Counting.counted == pytest.approx(12 * T * D**2 * (1 + T / (6 * D)))


# --- in blocks ---------------------------------------------------------------------------------


def running(s, v, size):
    """The running maximum, sum and sum of values of one query after each block."""
    m, total, a = -math.inf, 0.0, np.zeros(v.shape[1])
    for start in range(0, len(s), size):
        part = s[start : start + size]
        new = max(m, max(part))
        total = math.exp(m - new) * total + sum(math.exp(x - new) for x in part)
        a = math.exp(m - new) * a + sum(
            math.exp(x - new) * v[start + i] for i, x in enumerate(part)
        )
        m = new
        yield m, total, a


@pytest.mark.equation("eq-running-sum")
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_running_sum(rng, size):
    s, v = rng.normal(size=7) * 30, rng.normal(size=(7, 2))
    for i, (m, total, _) in enumerate(running(s, v, size)):
        seen = s[: (i + 1) * size]
        assert m == max(seen)
        assert total == pytest.approx(np.exp(seen - max(seen)).sum(), rel=1e-12)
        # the package's sum, from the weight of the best key, which is 1 / sum
        best = (seen == m).astype(float)[:, None]
        weight = nn.blockwise_attention(np.ones((1, 1)), seen[:, None], best, block=size)
        assert 1 / weight[0, 0] == pytest.approx(total, rel=1e-12)


@pytest.mark.equation("eq-running-softmax")
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_running_softmax(arrays, size):
    q, k, v, _ = arrays
    s, expected = scores_literal(q, k), attention_literal(q, k, v)
    for t in range(3):
        *_, (_, total, a) = running(s[t], v, size)
        same(a / total, expected[t])
    same(nn.blockwise_attention(q, k, v, block=size), expected)


@pytest.mark.equation("eq-blockwise-gradient")
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_blockwise_gradient(arrays, size):
    q, k, v, do = arrays
    _, p, dp, _ = intermediate(q, k, v, do)
    same((p * dp).sum(axis=1), (do * attention_literal(q, k, v)).sum(axis=1), 1e-8)
    whole = nn.vjp(nn.attention, q, k, v)[1](do)
    parts = nn.vjp(nn.blockwise_attention, q, k, v, block=size)[1](do)
    for one, other in zip(whole, parts, strict=True):
        same(one, other)


# --- schedules ---------------------------------------------------------------------------------


def rates(schedule, steps):
    return [schedule(t) for t in range(1, steps + 1)]


@pytest.mark.equation("eq-warm-up")
def test_warm_up():
    found = rates(nn.schedules.warm_up(0.3, 7), 20)
    same(found, [0.3 * min(t / 7, 1) for t in range(1, 21)])


@pytest.mark.equation("eq-inverse-root")
def test_inverse_root():
    found = rates(nn.schedules.inverse_root(0.3, 7), 50)
    same(found, [0.3 * min(t / 7, math.sqrt(7 / t)) for t in range(1, 51)])
    # Vaswani et al.: D^-1/2 min(t^-1/2, t w^-3/2), of which this is the form with a chosen peak
    same(found, [0.3 * math.sqrt(7) * min(t**-0.5, t * 7**-1.5) for t in range(1, 51)])


@pytest.mark.equation("eq-cosine-schedule")
def test_cosine_schedule():
    eta, low, w, T = 0.3, 0.02, 7, 40
    found = rates(nn.schedules.cosine(eta, T, warm_up=w, lowest=low), T)
    for t in range(w, T + 1):
        expected = low + (eta - low) / 2 * (1 + math.cos(math.pi * (t - w) / (T - w)))
        assert found[t - 1] == pytest.approx(expected, rel=1e-12)
    assert found[-1] == pytest.approx(low)


@pytest.mark.equation("eq-step-decay")
def test_step_decay():
    found = rates(nn.schedules.step_decay(0.3, every=4, factor=0.5), 13)
    same(found, [0.3 * 0.5 ** ((t - 1) // 4) for t in range(1, 14)])
