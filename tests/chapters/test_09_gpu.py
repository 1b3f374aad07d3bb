"""The proofs of chapter 9: counts, exact fractions and simulations agree with its cells."""

import functools
import heapq
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from notebooks import cells_of, code_cells, run
from paths import BOOK
from torch.utils.flop_counter import FlopCounterMode
from witnesses import torch_gradients

import nnlearn as nn
from nnlearn.arrays import ranks

A100 = {"peak": 1.0, "bandwidth": 1.0}  # no proof rests on its numbers
run_cells = cells_of("09-gpu", math=math, ranks=ranks, A100=A100)
sizes = st.integers(1, 8)
times = st.integers(1, 30)


@functools.cache
def chapter(*cells):
    """What these cells define; they are run once, and their functions in every test."""
    return run_cells(*cells)


# --- operations, bytes, and the roof -------------------------------------------------------------


@pytest.mark.equation("eq-dense-operations")
@given(N=sizes, D=sizes, M=sizes)
def test_dense_operations(N, D, M):
    """One by one, by the formula, and by PyTorch's counter of a linear layer."""
    names = chapter("gpu-work-count")
    counter = FlopCounterMode(display=False)
    with counter:
        torch.nn.functional.linear(torch.ones(N, D), torch.ones(M, D))
    by_one, by_formula = names["dense_counted"](N, D, M)[0], names["dense_counts"](N, D, M)[0]
    assert by_one == by_formula == counter.get_total_flops() == 2 * N * D * M


@pytest.mark.equation("eq-dense-bytes")
@given(N=sizes, D=sizes, M=sizes)
def test_dense_bytes(N, D, M):
    names = chapter("gpu-work-count")
    x, W, b = torch.ones(N, D), torch.ones(M, D), torch.ones(M)
    moved = sum(a.nbytes for a in (x, W, b, torch.nn.functional.linear(x, W, b)))
    assert names["dense_counted"](N, D, M)[1] == names["dense_counts"](N, D, M)[1] == moved


@pytest.mark.equation("eq-dense-intensity")
def test_dense_intensity():
    """The approximation is off by what the bias adds to the bytes."""
    counts = chapter("gpu-work-count")["dense_counts"]
    for N, D, M in [(64, 64, 64), (1, 512, 512), (4096, 128, 1024)]:
        F, Q = counts(N, D, M)
        without_bias = F / (Q - 4 * M)
        assert pytest.approx(without_bias, rel=1e-12) == 0.5 / (1 / M + 1 / N + 1 / D)
        assert pytest.approx(without_bias * (1 - 4 * M / Q), rel=1e-12) == F / Q
    assert counts(1, 512, 512)[0] / counts(1, 512, 512)[1] == pytest.approx(0.5, rel=0.01)


@pytest.mark.equation("eq-roofline")
@given(F=st.floats(1, 1e12), Q=st.floats(1, 1e12), peak=st.floats(1, 1e6), width=st.floats(1, 1e6))
def test_roofline(F, Q, peak, width):
    """No schedule that does one operation and one byte at a time, both at once, is faster."""
    names = chapter("gpu-work-count", "gpu-roof-functions")
    machine = {"peak": peak, "bandwidth": width}
    t = names["least_seconds"](F, Q, machine)
    assert t * peak >= F * (1 - 1e-12)
    assert t * width >= Q * (1 - 1e-12)
    assert t * peak == pytest.approx(F) or t * width == pytest.approx(Q)
    assert F / t == pytest.approx(float(names["highest_rate"](F / Q, machine)), rel=1e-9)


# --- the queue -----------------------------------------------------------------------------------


def by_events(launches, runs, waits_after=()):
    """A simulation of host and device, event by event: when each kernel is done."""
    events, waiting, done = [(0.0, "host", 0)], [], {}
    device_free, K = True, len(launches)
    while events:
        now, who, k = heapq.heappop(events)
        if who == "host" and k < K:
            heapq.heappush(events, (now + launches[k], "note", k))
        elif who == "note":
            waiting.append(k)
            if k not in waits_after:
                heapq.heappush(events, (now, "host", k + 1))
        elif who == "device":
            done[k], device_free = now, True
            if k in waits_after:
                heapq.heappush(events, (now, "host", k + 1))
        if device_free and waiting:
            k, device_free = waiting.pop(0), False
            heapq.heappush(events, (now + runs[k], "device", k))
    return [done[k] for k in range(K)]


@pytest.mark.equation("eq-queue")
@given(pairs=st.lists(st.tuples(times, times), min_size=1, max_size=12), waits=st.sets(sizes))
def test_queue(pairs, waits):
    launches, runs = zip(*pairs, strict=True)
    _, done = chapter("gpu-queue-literal")["queue"](launches, runs, waits)
    np.testing.assert_array_equal(done, by_events(launches, runs, waits))


@pytest.mark.equation("eq-queue-time")
@given(h=times, d=times, K=sizes)
def test_queue_time(h, d, K):
    _, done = chapter("gpu-queue-literal")["queue"]([h] * K, [d] * K)
    assert done[-1] == by_events([h] * K, [d] * K)[-1] == h + (K - 1) * max(h, d) + d


@pytest.mark.equation("eq-queue-waits")
@given(h=times, d=times, g=times, m=sizes)
def test_queue_waits(h, d, g, m):
    """With waits exactly; without, but for the start and the end, which do not grow."""
    names, n = chapter("gpu-queue-literal", "gpu-queue-waits"), 40
    assert names["steps"](n, m, h, d, g, True) == n * (g + h + (m - 1) * max(h, d) + d)
    free, slower = names["steps"](n, m, h, d, g, False), n * max(g + m * h, m * d)
    assert slower <= free <= slower + g + m * (h + d)


# --- fusion --------------------------------------------------------------------------------------


@pytest.mark.equation("eq-fused-bytes")
def test_fused_bytes():
    """Adam's operations, written out from its equations, against those that the array counts."""
    by_hand = [  # what each operation reads
        *(2, 1, 2),  # g - m, (1 - β₁) (…), m += …
        *(1, 2, 1, 2),  # g g, … - s, (1 - β₂) (…), s += …
        *(1, 1),  # s / (1 - β₂ᵗ), its root
        *(1, 1, 2, 2),  # rate m, root + ε, their quotient, θ -= …
    ]
    counting = chapter("gpu-fusion-count", "gpu-fusion-adam")["Counting"]
    assert (counting.operations, counting.reads) == (len(by_hand), sum(by_hand))
    n, R, W = 1000, 4, 3
    chain, fused = 4 * n * sum(r + 1 for r in by_hand), 4 * n * (R + W)
    assert chain / fused == pytest.approx(32 / 7)
    theta, g, m, s = (np.ones(n, dtype="float32").view(counting) for _ in range(4))
    before = [np.asarray(a).copy() for a in (theta, g, m, s)]
    adam = nn.Adam()
    adam.steps = 1
    adam.update(np, theta, g, m, s)
    after = [np.asarray(a) for a in (theta, g, m, s)]
    moved = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert moved == [True, False, False, False], "at these values only θ changes"


# --- sums ----------------------------------------------------------------------------------------

floats = st.floats(-1e6, 1e6, width=32)


def rounded(exact):
    """The float32 that is nearest to a fraction, by trying the neighbours."""
    near = np.float32(float(exact))
    around = [np.nextafter(near, np.float32(e)) for e in (-np.inf, np.inf)] + [near]
    return min(around, key=lambda f: abs(Fraction(float(f)) - exact))


@pytest.mark.equation("eq-rounding")
@given(a=floats, b=floats)
def test_rounding(a, b):
    names = chapter("gpu-sums-literal")
    computed = names["sum_in_order"](np.array([a, b], dtype="float32"))
    exact = Fraction(a) + Fraction(b)
    off = abs(Fraction(float(computed)) - exact)
    assert off == abs(Fraction(float(rounded(exact))) - exact), "the nearest"
    assert off <= Fraction(2) ** -24 * abs(exact)


@pytest.mark.equation("eq-sum-error")
@given(x=st.lists(floats, min_size=1, max_size=200))
def test_sum_error(x):
    """In exact fractions, and with PyTorch's sum, which is of some order too."""
    names, u = chapter("gpu-sums-literal"), Fraction(2) ** -24
    exact, sizes_of = sum(map(Fraction, x)), sum(abs(Fraction(v)) for v in x)
    n, array = len(x), np.array(x, dtype="float32")
    computed = [names["sum_in_order"](array), torch.tensor(array).sum().item()]
    for value in computed:
        bound = ((1 + u) ** (n - 1) - 1) * sizes_of
        assert abs(Fraction(float(value)) - exact) <= bound


@pytest.mark.equation("eq-pairwise-depth")
@given(x=st.lists(floats, min_size=1, max_size=200))
def test_pairwise_depth(x):
    names, u = chapter("gpu-sums-literal"), Fraction(2) ** -24
    exact, sizes_of = sum(map(Fraction, x)), sum(abs(Fraction(v)) for v in x)
    depth = math.ceil(math.log2(len(x)))
    off = abs(Fraction(float(names["sum_in_pairs"](np.array(x, dtype="float32")))) - exact)
    assert off <= ((1 + u) ** depth - 1) * sizes_of


def test_the_depth_of_a_sum_in_pairs_is_counted():
    """Numbers that carry their depth: adding two gives one more than the deeper one."""

    class Deep(np.ndarray):
        def __add__(self, other):
            return (np.maximum(np.asarray(self), np.asarray(other)) + 1).view(Deep)

    add = chapter("gpu-sums-literal")["sum_in_pairs"]
    for n in (1, 2, 3, 4, 5, 8, 9, 1000):
        padded = 2 ** math.ceil(math.log2(n))
        assert add(np.zeros(padded).view(Deep)) == math.ceil(math.log2(n))


# --- one batch, many processes -------------------------------------------------------------------


@pytest.mark.equation("eq-sharded-gradient")
def test_sharded_gradient():
    """The cells' sum of shares, and PyTorch's gradient of the whole batch."""
    names = chapter("gpu-shards-literal", "gpu-shards-proof")
    params = names["params"]

    def whole(x, W1, b1, W2, b2):
        z = torch.tanh(x @ W1.T + b1) @ W2.T + b2
        return torch.nn.functional.cross_entropy(z, torch.tensor(np.asarray(names["yb"])))

    arrays = [np.asarray(names["xb"]), *(np.asarray(params[n]) for n in params)]
    _, gradients = torch_gradients(whole, arrays, 1.0)
    flat = np.concatenate([g.ravel() for g in gradients[1:]])
    np.testing.assert_allclose(names["weighted"], flat, atol=1e-15)
    assert np.abs(names["plain"] - flat).max() > 1e-3


@pytest.mark.equation("eq-global-moments")
def test_global_moments():
    names = chapter("gpu-shards-literal", "gpu-shards-proof", "gpu-moments-proof")
    variance, mean = torch.var_mean(torch.tensor(names["values"]), correction=0)
    assert names["mean"] == pytest.approx(mean.item(), rel=1e-14)
    assert names["within"] + names["between"] == pytest.approx(variance.item(), rel=1e-14)
    assert names["between"] > 1, "what is forgotten would be seen"


# --- messages ------------------------------------------------------------------------------------

lines = st.tuples(st.floats(0.1, 10), st.floats(0.1, 10))


@pytest.mark.equation("eq-message-time")
@given(line=lines, size=st.floats(0, 1e3))
def test_message_time(line, size):
    """Twice the message is one latency less than two messages."""
    message = chapter("gpu-times")["message"]
    once, twice = message(size, *line), message(2 * size, *line)
    assert 2 * once - twice == pytest.approx(line[0], abs=1e-9 * (1 + once))
    assert message(0, *line) == line[0]
    assert (twice - once) * line[1] == pytest.approx(size, abs=1e-6)


def rounds_of_a_tree(p):
    """Send the sums of pairs on until one rank has all, then back; count the rounds."""
    holders, rounds = {r: {r} for r in range(p)}, 0
    while len(holders) > 1:
        left = sorted(holders)
        for a, b in zip(left[::2], left[1::2], strict=False):
            holders[a] |= holders.pop(b)
        rounds += 1
    assert holders == {0: set(range(p))}
    known = 1
    while known < p:  # each that knows it tells another
        known = min(p, 2 * known)
        rounds += 1
    return rounds


@pytest.mark.equation("eq-tree-time")
@given(p=st.integers(1, 33), size=st.integers(0, 1000), line=lines)
def test_tree_time(p, size, line):
    names = chapter("gpu-times")
    expected = rounds_of_a_tree(p) * names["message"](size, *line)
    assert names["tree"](p, size, *line) == pytest.approx(expected)


@pytest.mark.equation("eq-ring-time")
@given(p=st.integers(2, 9), blocks=st.integers(1, 5), line=lines, seed=st.integers(0, 100))
def test_ring_time(p, blocks, line, seed):
    """The rounds that the ring really takes, each as long as its longest message."""
    names = chapter("gpu-ring-literal", "gpu-times")
    rng = np.random.default_rng(seed)
    vectors = [rng.normal(size=p * blocks) for _ in range(p)]
    sums, messages = names["ring_all_reduce"](vectors)
    for s in sums:
        np.testing.assert_allclose(s, np.sum(vectors, axis=0), rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(s, sums[0])
    taken = sum(names["message"](8 * count, *line) for count in messages)
    assert names["ring"](p, 8 * p * blocks, *line) == pytest.approx(taken)


@pytest.mark.equation("eq-scaling")
@given(p=st.integers(2, 9), t1=st.floats(1, 100), line=lines)
def test_scaling(p, t1, line):
    """The work of a rank, and the messages of a ring, one round after the other."""
    names = chapter("gpu-ring-literal", "gpu-times")
    size = 8 * 2520  # every p up to 9 cuts it evenly
    _, messages = names["ring_all_reduce"]([np.ones(2520)] * p)
    talking = sum(names["message"](8 * count, *line) for count in messages)
    assert names["strong"](p, t1, size, *line) == pytest.approx(t1 / p + talking)
    assert names["weak"](p, t1, size, *line) == pytest.approx(t1 + talking)
    rest = names["strong"](p, t1, size, *line) - t1 / p
    assert rest == pytest.approx(2 * (p - 1) * line[0] + 2 * (p - 1) / p * size / line[1])


@pytest.mark.equation("eq-best-ranks")
@given(t1=st.floats(1, 1e3), latency=st.floats(1e-3, 1), share=st.floats(0, 1.5))
def test_best_ranks(t1, latency, share):
    """Among all whole numbers, by trying them: the root, rounded up or down; one at least."""
    strong, size = chapter("gpu-times")["strong"], share * t1 / 2  # 2 m / β is a share of t₁
    best = math.sqrt(max(0.0, t1 - 2 * size) / (2 * latency))
    times_of = [strong(p, t1, size, latency, 1.0) for p in range(1, int(2 * best) + 3)]
    around = {max(1, math.floor(best)), max(1, math.ceil(best))}
    assert min(times_of) == pytest.approx(min(times_of[p - 1] for p in around), rel=1e-12)
    if best <= 1:
        assert min(times_of) == times_of[0]


# --- large batches -------------------------------------------------------------------------------


def softmax_regression(rng, N=60, D=5, K=3):
    """Data, weights, and what the cells of the chapter compute of them."""
    X, labels = rng.normal(size=(N, D)), rng.integers(0, K, N)
    theta = 0.5 * rng.normal(size=(K, D))
    P = nn.softmax(X @ theta.T)
    E = P - np.eye(K)[labels]
    return X, labels, theta, P, E, E.T @ X / N


def torch_loss(X, labels):
    return lambda theta: torch.nn.functional.cross_entropy(
        torch.tensor(X) @ theta.reshape(-1, X.shape[1]).T, torch.tensor(labels)
    )


def noise_cells(X, labels):
    """What the cells on the noise scale define, for other data and without their training."""
    source = {c["id"]: "".join(c["source"]) for c in code_cells(BOOK / "09-gpu.ipynb")}
    names = {"np": np, "nn": nn, "X": X, "labels": labels, "N": len(X)}
    names["rng"] = np.random.default_rng(0)
    for cell, end in (("gpu-curvature", "\n\n\nX ="), ("gpu-noise-scale", "\n\n\nfor passes")):
        run(source[cell].split(end)[0], names, f"09-gpu.ipynb#{cell}")
    return names


@pytest.mark.equation("eq-linear-scaling")
def test_linear_scaling():
    """k steps and one step of k times the rate: what is between them is of the order η²."""
    rng = np.random.default_rng(0)
    X, labels, theta, *_ = softmax_regression(rng)
    model = nn.Dense(5, 3)

    def walk(parts, rate):
        params = model.init(0, dtype="float64")
        params["W"], params["b"] = theta, np.zeros(3)
        for part in parts:
            logits, backward = nn.vjp(model, params, X[part], wrt=0)
            d_loss = nn.vjp(nn.softmax_cross_entropy, logits, labels[part], wrt=0)[1]
            nn.SGD(rate).step(params, backward(d_loss()))
        return params.vector

    k, parts = 4, [slice(15 * j, 15 * j + 15) for j in range(4)]
    apart = []
    for rate in (0.02, 0.01, 0.005):
        apart.append(np.linalg.norm(walk(parts, rate) - walk([slice(None)], k * rate)))
    assert apart[0] / apart[1] == pytest.approx(4, rel=0.1)
    assert apart[1] / apart[2] == pytest.approx(4, rel=0.1)


@pytest.mark.equation("eq-noisy-step")
def test_noisy_step():
    """The mean over all batches of two, one by one, with PyTorch's Hessian: to the order η³."""
    rng = np.random.default_rng(1)
    X, labels, theta, P, E, g = softmax_regression(rng, N=12)
    flat, loss = torch.tensor(theta.ravel()), torch_loss(X, labels)
    H = torch.autograd.functional.hessian(loss, flat).numpy()
    each = np.einsum("nk,nd->nkd", E, X).reshape(12, -1)
    d = each - g.ravel()
    pairs = [(i, j) for i in range(12) for j in range(12)]  # drawn with replacement: Σ/B exactly
    noise = np.trace(H @ (d.T @ d / 12)) / 2
    off = []
    for eta in (0.1, 0.05):
        steps = [theta.ravel() - eta * each[list(pair)].mean(axis=0) for pair in pairs]
        mean = np.mean([loss(torch.tensor(s)).item() for s in steps])
        by_equation = loss(flat).item() - eta * np.sum(g**2)
        by_equation += eta**2 / 2 * (g.ravel() @ H @ g.ravel() + noise)
        off.append(abs(mean - by_equation))
    assert off[0] < 1e-3
    assert off[0] / off[1] == pytest.approx(8, rel=0.3)
    curvature = noise_cells(X, labels)["curvature"]
    assert curvature(P, X @ g.T) == pytest.approx(g.ravel() @ H @ g.ravel(), rel=1e-12)


@pytest.mark.equation("eq-noise-scale")
def test_noise_scale():
    """From PyTorch's Hessian; and the best rate is where the parabola is lowest."""
    rng = np.random.default_rng(2)
    X, labels, theta, _, E, g = softmax_regression(rng, N=300, K=10)
    flat, loss = torch.tensor(theta.ravel()), torch_loss(X, labels)
    H = torch.autograd.functional.hessian(loss, flat).numpy()
    each = np.einsum("nk,nd->nkd", E, X).reshape(300, -1)
    names = noise_cells(X, labels)
    fastest, B_noise, errors_of = names["noise_scale"](theta)
    np.testing.assert_allclose(errors_of, E, rtol=1e-12)
    d = each - g.ravel()
    noise = np.trace(H @ (d.T @ d / 300))
    bent = g.ravel() @ H @ g.ravel()
    assert fastest == pytest.approx(np.sum(g**2) / bent, rel=1e-12)
    assert B_noise == pytest.approx(noise / bent, rel=1e-10)
    for B in (1, 2, 100):
        noisy = g.ravel() @ H @ g.ravel() + noise / B
        rates = np.linspace(0, 2 * fastest, 200_001)
        parabola = -rates * np.sum(g**2) + rates**2 / 2 * noisy
        best = rates[np.argmin(parabola)]
        assert fastest / (1 + B_noise / B) == pytest.approx(best, abs=2e-5 * fastest)
