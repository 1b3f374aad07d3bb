"""The losses of the game, and the proofs of chapter 8.

Logarithms, PyTorch and finite differences agree, up to ±1e4. What the chapter computes with a
function of its own is taken out of the chapter and tested here.
"""

import json
import sys

import numpy as np
import pytest
import scipy
import torch
from hypothesis import given
from hypothesis import strategies as st
from notebooks import cells_of
from paths import BOOK
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid
from witnesses import agree, batch_shapes, close, dtypes, layouts, place, seeds, torch_gradients

import nnlearn as nn
from nnlearn.training import adversarial

KINDS = ("non-saturating", "minimax")
shapes = batch_shapes.filter(lambda shape: 0 not in shape)


def D(logit):
    return 1 / (1 + np.exp(-logit))


def value_literal(real, fake):
    told_real = [np.log(D(z)) for z in real.flat]
    told_fake = [np.log(1 - D(z)) for z in fake.flat]
    return np.float64(sum(told_real) / real.size + sum(told_fake) / fake.size)


def value_torch(real, fake):
    return logsigmoid(real).mean() + logsigmoid(-fake).mean()


@pytest.mark.parametrize("sign", [1, -1])
@given(real=shapes, fake=shapes, dtype=dtypes, layout=layouts, seed=seeds)
def test_value_and_discriminator_loss(space, sign, real, fake, dtype, layout, seed):
    """The batches of the two may have different sizes."""
    rng = np.random.default_rng(seed)
    agree(
        space,
        nn.gan_value if sign == 1 else nn.discriminator_loss,
        [rng.normal(size=real), rng.normal(size=fake)],
        lambda *logits: sign * value_literal(*logits),
        lambda *logits: sign * value_torch(*logits),
        dtype=dtype,
        layout=layout,
    )


@pytest.mark.parametrize("kind", KINDS)
@given(shape=shapes, dtype=dtypes, layout=layouts, seed=seeds)
def test_generator_loss(space, kind, shape, dtype, layout, seed):
    def literal(fake):
        told = [np.log(1 - D(z)) if kind == "minimax" else -np.log(D(z)) for z in fake.flat]
        return np.float64(sum(told) / fake.size)

    def by_torch(fake):
        return logsigmoid(-fake).mean() if kind == "minimax" else -logsigmoid(fake).mean()

    agree(
        space,
        nn.generator_loss,
        [np.random.default_rng(seed).normal(size=shape)],
        literal,
        by_torch,
        keywords={"kind": kind},
        dtype=dtype,
        layout=layout,
    )


extremes = st.lists(st.sampled_from([-1e4, -800.0, -30.0, 0.0, 30.0, 800.0, 1e4]), min_size=1)


@given(real=extremes, fake=extremes)
def test_nothing_overflows(space, real, fake):
    real, fake = np.array(real), np.array(fake)
    one = np.array(1.0)
    for operation, by_torch, arrays in (
        (nn.gan_value, value_torch, (real, fake)),
        (nn.discriminator_loss, lambda *z: -value_torch(*z), (real, fake)),
        (nn.generator_loss, lambda z: -logsigmoid(z).mean(), (fake,)),
    ):
        value, backward = nn.vjp(operation, *(place(space, a) for a in arrays))
        gradients = backward(space.array(one))
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        expected, by_torch_gradients = torch_gradients(by_torch, arrays, one)
        close(nn.to_numpy(value), expected, 1e-12, operation.__name__)
        for ours, theirs in zip(gradients, by_torch_gradients, strict=True):
            close(nn.to_numpy(ours), theirs, 1e-12, operation.__name__)


def test_the_loss_is_two_cross_entropies():
    real, fake = np.random.default_rng(0).normal(size=(2, 7))
    as_torch = [torch.tensor(z) for z in (real, fake)]
    expected = binary_cross_entropy_with_logits(as_torch[0], torch.ones(7, dtype=torch.float64))
    expected += binary_cross_entropy_with_logits(as_torch[1], torch.zeros(7, dtype=torch.float64))
    close(nn.discriminator_loss(real, fake), expected, 1e-12, "loss")
    undecided = nn.discriminator_loss(np.zeros(3), np.zeros(5))
    assert undecided == pytest.approx(2 * np.log(2))


def test_refused():
    with pytest.raises(ValueError, match=r"generator_loss: kind is 'loud', expected 'non-sat"):
        nn.generator_loss(np.zeros(2), "loud")
    with pytest.raises(ValueError, match=r"gan_value: fake_logits has shape \(0,\)"):
        nn.gan_value(np.zeros(2), np.zeros(0))
    with pytest.raises(ValueError, match=r"gan_value: real_logits has shape \(0, 1\)"):
        nn.discriminator_loss(np.zeros((0, 1)), np.zeros(2))
    with pytest.raises(TypeError, match="generator_loss: fake_logits is a list"):
        nn.generator_loss([1.0])


# --- the proofs of chapter 8 --------------------------------------------------------------------

CHAPTER = BOOK / "08-gan.ipynb"
sys.path.insert(0, str(CHAPTER.parent))

from studies import gan_digits, gan_ring  # noqa: E402

chapter = cells_of("08-gan", scipy=scipy)
PAIRS = {
    "bells": (scipy.stats.norm(0, 1), scipy.stats.norm(1, 1.5)),
    "logistic": (scipy.stats.logistic(-1, 0.5), scipy.stats.logistic(1, 1)),
    "heavy tails": (scipy.stats.t(3), scipy.stats.norm(0.5, 2)),
}
densities = pytest.mark.parametrize(("first", "second"), PAIRS.values(), ids=PAIRS)


@pytest.mark.equation("eq-change-of-variables")
def test_change_of_variables():
    """The formula against a difference quotient of the distribution function."""
    shown = chapter("gan-bend", "gan-bend-count")
    z = np.linspace(-3, 3, 61)
    h = 1e-5
    inside = [scipy.stats.norm.cdf(z + s * h) for s in (1, -1)]
    ends = [shown["bend"](z + s * h) for s in (1, -1)]
    measured = (inside[0] - inside[1]) / (ends[0] - ends[1])
    np.testing.assert_allclose(shown["bell"](z) / shown["slope"](z), measured, rtol=1e-6)
    total = np.trapezoid(
        shown["bell"](shown["z"]) / shown["slope"](shown["z"]), shown["bend"](shown["z"])
    )
    assert total == pytest.approx(1, abs=1e-3)


@pytest.mark.equation("eq-inverse-transform")
def test_inverse_transform():
    """Kolmogorov and Smirnov find no difference between the cell's numbers and the law wanted."""
    shown, wanted = chapter("gan-inverse-code"), scipy.stats.expon()
    np.testing.assert_allclose(wanted.cdf(shown["x"]), shown["z"], rtol=1e-9)
    x = shown["x"][:20_000]
    assert scipy.stats.kstest(x, wanted.cdf).pvalue > 0.01
    assert scipy.stats.kstest(x + 0.1, wanted.cdf).pvalue < 0.01  # the test can fail
    for other in (scipy.stats.norm(2, 3), PAIRS["logistic"][0]):  # the same z, bent otherwise
        assert scipy.stats.kstest(other.ppf(shown["z"][:20_000]), other.cdf).pvalue > 0.01


@pytest.mark.equation("eq-gan-value")
def test_value_is_the_sources():
    """Expectations of log D and log(1 - D), for a D and two laws, against large batches."""
    real, fake = PAIRS["bells"]
    logit = lambda x: 1 - 0.7 * x  # noqa: E731
    x = np.linspace(-30, 30, 200_001)
    told = np.log(D(logit(x))) * real.pdf(x) + np.log(1 - D(logit(x))) * fake.pdf(x)
    slices = (np.arange(10**6) + 0.5) / 10**6
    value = nn.gan_value(logit(real.ppf(slices)), logit(fake.ppf(slices)))
    assert value == pytest.approx(np.trapezoid(told, x), abs=1e-5)
    shown = chapter("gan-value-literal")["value_literal"]
    rng = np.random.default_rng(0)
    logits = rng.normal(size=7), rng.normal(size=5)
    assert shown(*logits) == pytest.approx(nn.gan_value(*logits), rel=1e-12)
    assert nn.gan_value(*map(chapter("gan-value-literal")["logit"], ([0.8, 0.5], [0.5, 0.1]))) == (
        pytest.approx(-0.857, abs=5e-4)
    )


@pytest.mark.equation("eq-gan-value-logits", "eq-discriminator-loss")
def test_value_by_softplus():
    rng = np.random.default_rng(1)
    real, fake = 5 * rng.normal(size=7), 5 * rng.normal(size=4)
    by_hand = -np.mean(np.logaddexp(0, -real)) - np.mean(np.logaddexp(0, fake))
    close(nn.gan_value(real, fake), by_hand, 1e-13, "V")
    close(nn.discriminator_loss(real, fake), -by_hand, 1e-13, "loss")
    ones, zeros = np.ones(7), np.zeros(4)
    crossed = nn.sigmoid_cross_entropy(real, ones) + nn.sigmoid_cross_entropy(fake, zeros)
    close(nn.discriminator_loss(real, fake), crossed, 1e-13, "two cross-entropies")


@pytest.mark.equation("eq-discriminator-gradient")
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_discriminator_gradient(scale):
    rng = np.random.default_rng(2)
    real, fake = scale * rng.normal(size=6), scale * rng.normal(size=4)
    dreal, dfake = nn.vjp(nn.gan_value, real, fake)[1]()
    with np.errstate(over="ignore"):
        close(dreal, (1 - D(real)) / 6, 1e-12, "real")
        close(dfake, -D(fake) / 4, 1e-12, "generated")
    _, theirs = torch_gradients(value_torch, (real, fake), np.array(1.0))
    close(dreal, theirs[0], 1e-12, "real, PyTorch")
    close(dfake, theirs[1], 1e-12, "generated, PyTorch")
    if scale == 1:
        nn.check_gradients(nn.gan_value, real, fake)


@pytest.mark.theorem("eq-optimal-discriminator")
@densities
def test_optimal_discriminator(first, second):
    """At each point a search for the best answer ends at the formula; its gradient is zero."""
    for x in np.linspace(-3, 4, 8):
        a, b = first.pdf(x), second.pdf(x)
        found = scipy.optimize.minimize_scalar(
            lambda y, a=a, b=b: -a * np.log(y) - b * np.log(1 - y), bounds=(1e-9, 1 - 1e-9),
            method="bounded", options={"xatol": 1e-10},
        )  # fmt: skip
        assert found.x == pytest.approx(a / (a + b), abs=1e-5)


@pytest.mark.equation("eq-optimal-discriminator", "eq-optimal-logit")
def test_a_trained_discriminator_comes_near():
    """Within 0.02 on average, from samples: the chapter's cells, as they stand."""
    shown = chapter("gan-bend", "gan-known", "gan-train-judge")
    assert shown["error"] < 0.02
    both = shown["both"]
    worse = np.trapezoid(np.abs(0.5 - shown["best"]) * both, shown["grid"])
    assert worse > 0.1  # a judge that knows nothing is far from it


@pytest.mark.equation("eq-optimal-logit")
@densities
def test_optimal_logit(first, second):
    """σ of the logit is the best judge; the value that the chapter's cell takes with it, too."""
    x = np.linspace(-3, 4, 50)
    best = first.pdf(x) / (first.pdf(x) + second.pdf(x))
    close(nn.sigmoid(first.logpdf(x) - second.logpdf(x)), best, 1e-12, "D*")
    slices = (np.arange(1000) + 0.5) / 1000
    real, fake = first.ppf(slices), second.ppf(slices)
    said = first.pdf(real) / (first.pdf(real) + second.pdf(real))
    denied = second.pdf(fake) / (first.pdf(fake) + second.pdf(fake))
    expected = np.mean(np.log(said)) + np.mean(np.log(denied))
    found = chapter("gan-quadrature")["value_of_samples"](first, second, 1000)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.equation("eq-kl-divergence")
@densities
def test_kl_divergence(first, second):
    """The integral as it is written; the chapter's cell takes the mean of two such integrals."""
    x = np.linspace(-30, 30, 200_001)

    def divergence(log_p, log_q):
        return np.trapezoid(np.exp(log_p) * (log_p - log_q), x)

    log_p, log_q = first.logpdf(x), second.logpdf(x)
    p, q = np.exp(log_p), np.exp(log_q)
    middle = np.log((p + q) / 2)
    halves = divergence(log_p, middle), divergence(log_q, middle)
    jsd = chapter("gan-quadrature")["jsd"]
    assert jsd(p, q, x) == pytest.approx(sum(halves) / 2, rel=1e-9)
    assert min(divergence(log_p, log_q), *halves) > 0.01
    assert jsd(p, p, x) == divergence(log_p, log_p) == 0
    if first.dist.name == second.dist.name == "norm":  # known in closed form
        (m1, s1), (m2, s2) = first.args, second.args
        exact = np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5
        assert divergence(log_p, log_q) == pytest.approx(exact, rel=1e-9)


@pytest.mark.equation("eq-jensen-shannon")
def test_jensen_shannon_is_scipys():
    """The chapter's integral on a grid is SciPy's divergence of the two lists of shares."""
    jsd = chapter("gan-quadrature")["jsd"]
    x = np.linspace(-40, 40, 100_001)
    p, q = (law.pdf(x) for law in PAIRS["bells"])
    theirs = scipy.spatial.distance.jensenshannon(p, q) ** 2
    assert jsd(p, q, x) == pytest.approx(theirs, rel=1e-9)
    assert jsd(q, p, x) == pytest.approx(jsd(p, q, x), rel=1e-12)


@pytest.mark.equation("eq-value-at-optimum")
@densities
def test_value_at_the_optimum(first, second):
    """By quadrature of the integral, and by the code at evenly spread samples."""
    shown = chapter("gan-quadrature")
    x = np.linspace(-400, 400, 2_000_001)
    p, q = first.pdf(x) + 1e-300, second.pdf(x) + 1e-300
    expected = 2 * shown["jsd"](p, q, x) - np.log(4)
    integral = np.trapezoid(p * np.log(p / (p + q)) + q * np.log(q / (p + q)), x)
    assert integral == pytest.approx(expected, abs=1e-6)
    assert shown["value_of_samples"](first, second) == pytest.approx(expected, abs=2e-6)
    same = shown["value_of_samples"](first, first, 1000)
    assert same == pytest.approx(-np.log(4), abs=1e-12)


five = st.lists(st.floats(0, 1), min_size=5, max_size=5)


@pytest.mark.equation("eq-jensen-shannon-bounds")
@given(p=five, q=five)
def test_jensen_shannon_bounds(p, q):
    """The chapter's divergence stays within them, and reaches them: at p = q, and far apart."""
    jsd, x = chapter("gan-quadrature")["jsd"], np.arange(13.0)
    p, q = (np.pad(np.array(a) + 1e-12, (1, 7)) for a in (p, q))
    p, q = p / np.trapezoid(p, x), q / np.trapezoid(q, x)
    assert -1e-12 <= jsd(p, q, x) <= np.log(2) + 1e-12
    assert jsd(p, p, x) == pytest.approx(0, abs=1e-12)
    assert jsd(p, np.roll(q, 6), x) == pytest.approx(np.log(2))  # no point has both


@pytest.mark.equation("eq-minimax-gradient", "eq-non-saturating-gradient")
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_generator_gradients(scale):
    fake = scale * np.random.default_rng(3).normal(size=6)
    with np.errstate(over="ignore"):
        expected = {"minimax": -D(fake) / 6, "non-saturating": -(1 - D(fake)) / 6}
    by_torch = {
        "minimax": lambda u: logsigmoid(-u).mean(),
        "non-saturating": lambda u: -logsigmoid(u).mean(),
    }
    for kind, gradient in expected.items():
        found = nn.vjp(nn.generator_loss, fake, kind)[1]()
        close(found, gradient, 1e-12, kind)
        close(found, torch_gradients(by_torch[kind], (fake,), np.array(1.0))[1][0], 1e-12, kind)
        if scale == 1:
            nn.check_gradients(nn.generator_loss, fake, kind=kind)
    if scale == 1:
        close(expected["non-saturating"] / expected["minimax"], np.exp(-fake), 1e-12, "quotient")


def small_players(seed=0):
    G = nn.Sequential(nn.Dense(3, 5), nn.Tanh(), nn.Dense(5, 2))
    D = nn.Sequential(nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, 1))
    return G, G.init(seed, dtype="float64"), D, D.init(seed + 1, dtype="float64")


@pytest.mark.equation("eq-equilibrium")
@pytest.mark.parametrize("kind", KINDS)
def test_equilibrium(kind):
    """A judge with a constant logit of 0, the best one at equal densities, sends back nothing."""
    G, params_G, D, params_D = small_players()
    params_D["2.W"][...] = 0
    params_D["2.b"][...] = 0
    fake, backward_G = nn.vjp(G, params_G, np.random.default_rng(0).normal(size=(9, 3)), wrt=0)
    logits, backward_D = nn.vjp(D, params_D, fake, wrt=1)
    np.testing.assert_array_equal(logits, 0)
    dlogits = nn.vjp(nn.generator_loss, logits, kind)[1]()
    assert np.abs(dlogits).min() > 0.05  # the loss does ask for more
    np.testing.assert_array_equal(backward_G(backward_D(dlogits)).vector, 0)


@pytest.mark.equation("eq-generator-backward")
@pytest.mark.parametrize("kind", KINDS)
def test_generator_backward(kind):
    """Three backward functions in a row, against differences of the whole and PyTorch."""
    G, params_G, D, params_D = small_players()
    z = np.random.default_rng(0).normal(size=(7, 3))
    fake, backward_G = nn.vjp(G, params_G, z, wrt=0)
    logits, backward_D = nn.vjp(D, params_D, fake, wrt=1)
    dlogits = nn.vjp(nn.generator_loss, logits, kind)[1]()
    dfake = backward_D(dlogits)
    gradient = backward_G(dfake).vector

    def loss(vector=None, moved=0.0):
        params = nn.Parameters(vector, params_G.layout) if vector is not None else params_G
        return nn.generator_loss(D(params_D, G(params, z) + moved), kind)

    h = 1e-6
    for k in range(gradient.size):
        step = h * np.eye(gradient.size)[k]
        measured = (loss(params_G.vector + step) - loss(params_G.vector - step)) / (2 * h)
        assert gradient[k] == pytest.approx(measured, abs=1e-8)
    for index in np.ndindex(*dfake.shape):  # the judge's part alone
        nudge = np.zeros(dfake.shape)
        nudge[index] = h
        measured = (loss(moved=nudge) - loss(moved=-nudge)) / (2 * h)
        assert dfake[index] == pytest.approx(measured, abs=1e-8)
    tensors = [torch.tensor(params_G[name], requires_grad=True) for name in params_G]
    W, b, U, c = tensors
    judge = [torch.tensor(params_D[name]) for name in params_D]
    x = torch.tanh(torch.tensor(z) @ W.T + b) @ U.T + c
    u = torch.tanh(x @ judge[0].T + judge[1]) @ judge[2].T + judge[3]
    (logsigmoid(-u).mean() if kind == "minimax" else -logsigmoid(u).mean()).backward()
    close(gradient, np.concatenate([t.grad.numpy().ravel() for t in tensors]), 1e-12, "PyTorch")
    before = params_G.vector.copy()  # and the package's step goes along it
    nn.generator_step(G, params_G, D, params_D, z, nn.SGD(0.5), kind)
    close(params_G.vector, before - 0.5 * gradient, 1e-12, "generator_step")


def modulus(matrix):
    return np.abs(np.linalg.eigvals(np.array(matrix, dtype=float)))


def played(rate, **settings):
    """The matrix of one step of the chapter's game, read off its own function."""
    play = chapter("gan-bilinear")["play"]
    start, first, two = play(2, rate, **settings)
    assert tuple(start) == (1, 0)
    # the image of (0, 1) from linearity: M (a, b) = a M e1 + b M e2
    second = (two - first[0] * first) / first[1]
    return np.stack([first, second], axis=1)


@pytest.mark.equation("eq-dirac-value")
@pytest.mark.parametrize(("theta", "w"), [(0.7, -1.3), (2.0, 1.5), (0.0, 3.0)])
def test_dirac_value(theta, w):
    """One real example at 0, one generated at θ, a straight judge; and what is left near 0."""
    value = nn.gan_value(np.zeros(1), np.array([w * theta]))
    assert value == pytest.approx(-np.log(2) - np.logaddexp(0, w * theta), rel=1e-12)
    for scale in (1e-2, 1e-3):  # the rest is of the second order in the product
        product = scale * w * theta
        near = nn.gan_value(np.zeros(1), np.array([product]))
        assert abs(near - (-2 * np.log(2) - product / 2)) <= product**2 / 8 + 1e-15


@pytest.mark.equation("eq-non-saturating-divergence")
@pytest.mark.parametrize("place", [0.3, 1.0, 2.5])
def test_non_saturating_divergence(place):
    """p = N(0, 1), q = N(place, 1): the generator's gradient is the slope of KL - 2 JSD."""
    slices = (np.arange(400_000) + 0.5) / 400_000
    x = place + scipy.stats.norm.ppf(slices)  # q's draws, without chance
    logits = place**2 / 2 - place * x  # u* = log p/q
    dlogits = nn.vjp(nn.generator_loss, logits, "non-saturating")[1]()
    gradient = np.sum(dlogits * -place)  # u* has the slope -place, each x moves as the place does

    grid = np.linspace(-12, 16, 40_001)

    def slopes(divergence, h=1e-4):
        ends = []
        for at in (place + h, place - h):
            p, q = scipy.stats.norm.pdf(grid), scipy.stats.norm.pdf(grid, at)
            ends.append(np.trapezoid(divergence(p, q), grid))
        return (ends[0] - ends[1]) / (2 * h)

    rel_entr = scipy.special.rel_entr
    kl = slopes(lambda p, q: rel_entr(q, p))
    twice_jsd = slopes(lambda p, q: rel_entr(p, (p + q) / 2) + rel_entr(q, (p + q) / 2))
    assert gradient == pytest.approx(kl - twice_jsd, rel=1e-3)
    minimax = nn.vjp(nn.generator_loss, logits, "minimax")[1]()
    assert np.sum(minimax * -place) == pytest.approx(twice_jsd, rel=1e-3)


@pytest.mark.equation("eq-bilinear-flow")
@pytest.mark.parametrize("in_turn", [False, True])
def test_bilinear_flow(in_turn):
    """The chapter's game with ever smaller steps comes near the flow, whose distance stays."""
    play, ends = chapter("gan-bilinear")["play"], []
    for steps in (500, 1000):
        ends.append(play(steps, 2.0 / steps, in_turn)[-1])
    exact = np.array([np.cos(2.0), -np.sin(2.0)])  # of the flow from (1, 0), at time 2
    errors = [np.linalg.norm(end - exact) for end in ends]
    assert errors[1] < 3e-3
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.02)  # half the step, half the error
    path = scipy.integrate.solve_ivp(  # and along an accurate solution
        lambda t, y: (y[1], -y[0]), (0, 20), (1.0, 0.5), rtol=1e-10, atol=1e-12
    )
    np.testing.assert_allclose(np.sum(path.y**2, axis=0), 1.25, rtol=1e-7)
    np.testing.assert_allclose(path.y[0, -1], np.cos(20) + 0.5 * np.sin(20), atol=1e-6)


@pytest.mark.equation("eq-bilinear-simultaneous")
@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0])
def test_bilinear_simultaneous(rate):
    matrix = played(rate, in_turn=False)
    np.testing.assert_allclose(matrix, [[1, rate], [-rate, 1]], atol=1e-12)
    for point in np.random.default_rng(0).normal(size=(5, 2)):
        grown = np.sum((matrix @ point) ** 2) / np.sum(point**2)
        assert grown == pytest.approx(1 + rate**2, rel=1e-12)
    np.testing.assert_allclose(modulus(matrix), np.sqrt(1 + rate**2), rtol=1e-12)


@pytest.mark.equation("eq-bilinear-alternating")
@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0, 1.9])
def test_bilinear_alternating(rate):
    matrix = played(rate, in_turn=True)
    np.testing.assert_allclose(matrix, [[1 - rate**2, rate], [-rate, 1]], atol=1e-12)
    path = chapter("gan-bilinear")["play"](200, rate, in_turn=True)
    kept = path[:, 0] ** 2 + path[:, 1] ** 2 - rate * path[:, 0] * path[:, 1]
    np.testing.assert_allclose(kept, 1, rtol=1e-9)
    np.testing.assert_allclose(modulus(matrix), 1, rtol=1e-9)
    assert modulus([[1, -2.1], [2.1, 1 - 2.1**2]]).max() > 1.3  # beyond 2 it flies apart


@pytest.mark.equation("eq-bilinear-damped")
@pytest.mark.parametrize(("rate", "damping"), [(0.1, 0.5), (0.01, 1.0), (0.5, 0.2)])
def test_bilinear_damped(rate, damping):
    matrix = played(rate, in_turn=True, damping=damping)
    right = [[1 - rate**2, rate * (1 - rate * damping)], [-rate, 1 - rate * damping]]
    np.testing.assert_allclose(matrix, right, atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1 - rate * damping)
    np.testing.assert_allclose(modulus(matrix), np.sqrt(1 - rate * damping), rtol=1e-12)
    theta, w = nn.Dense(1, 1).init(dtype="float64"), nn.Dense(1, 1).init(dtype="float64")
    theta.vector[:], w.vector[:] = (1, 0), (0, 0)  # weight decay does the same
    descend, judge = nn.SGD(rate), nn.SGD(rate, weight_decay=damping)
    for _ in range(5):  # the judge first; it goes up V = -θ w, so down θ w
        judge.step(w, nn.Parameters(np.array([theta["W"].item(), 0]), w.layout))
        descend.step(theta, nn.Parameters(np.array([-w["W"].item(), 0]), theta.layout))
    expected = np.linalg.matrix_power(matrix, 5) @ [1, 0]
    np.testing.assert_allclose([theta["W"].item(), w["W"].item()], expected, rtol=1e-12)


@pytest.mark.equation("eq-order-of-play")
@given(logits=st.lists(st.floats(-5, 5), min_size=2, max_size=8), seed=seeds)
def test_order_of_play(logits, seed):
    """Against a fixed judge no distribution over points beats the best single point."""
    logits = np.array(logits)
    shares = np.random.default_rng(seed).dirichlet(np.ones(len(logits)))
    share_of_value = -np.sum(shares * np.logaddexp(0, logits))
    bound = nn.generator_loss(np.array([logits.max()]), "minimax")
    assert share_of_value >= bound - 1e-12
    one = np.eye(len(logits))[logits.argmax()]
    assert -np.sum(one * np.logaddexp(0, logits)) == pytest.approx(bound)


@pytest.mark.equation("eq-instance-noise")
@pytest.mark.parametrize("tau", [0.5, 1.0])
def test_instance_noise(tau, monkeypatch):
    """The chapter's blurred hills are the convolutions, and the judge of `fit_gan` sees such."""
    shown = chapter("gan-bend", "gan-quadrature", "gan-blur-code")
    x, bell = shown["x"], shown["bell"]
    noise = bell(x, (x[0] + x[-1]) / 2, tau)  # in the middle, where `same` looks for zero
    blurred = [
        scipy.signal.fftconvolve(bell(x, place, 0.2), noise, "same") * (x[1] - x[0])
        for place in (0, 1.5)
    ]
    expected = shown["jsd"](*(np.maximum(b, 0) for b in blurred), x)
    assert shown["blurred_jsd"](1.5, tau) == pytest.approx(expected, rel=1e-6)

    seen = []
    monkeypatch.setattr(
        adversarial, "discriminator_step", lambda D, p, real, fake, *rest: seen.append(real) or 0.0
    )
    G, params_G, D, params_D = small_players()
    data = np.random.default_rng(0).normal(0, 0.2, size=(20_000, 2))
    optimizers, settings = (nn.SGD(0.1), nn.SGD(0.1)), {"latent": 3, "batch_size": 20_000}
    nn.fit_gan(G, params_G, D, params_D, data, optimizers, 1, noise=lambda t: tau, **settings)
    cdf = np.cumsum(blurred[0]) * (x[1] - x[0])
    found = scipy.stats.kstest(seen[0][:, 0], lambda y: np.interp(y, x, cdf))
    assert found.pvalue > 0.01


@pytest.mark.theorem("eq-instance-noise")
@pytest.mark.parametrize("tau", [0.3, 1.0])
def test_sums_of_draws_have_the_convolved_density(tau):
    """The convolution on a grid against sums of draws, and against the known law of two bells."""
    x = np.linspace(-15, 15, 3001)
    two = 0.5 * scipy.stats.norm.pdf(x, -1.5, 0.5) + 0.5 * scipy.stats.norm.pdf(x, 1, 0.8)
    blurred = scipy.signal.fftconvolve(two, scipy.stats.norm.pdf(x, 0, tau), "same") * (x[1] - x[0])
    exact = sum(
        0.5 * scipy.stats.norm.pdf(x, m, np.hypot(s, tau)) for m, s in ((-1.5, 0.5), (1, 0.8))
    )
    np.testing.assert_allclose(blurred, exact, atol=1e-9)
    rng = np.random.default_rng(0)
    draws = np.where(
        rng.random(10**5) < 0.5, rng.normal(-1.5, 0.5, 10**5), rng.normal(1, 0.8, 10**5)
    )
    cdf = np.cumsum(blurred) * (x[1] - x[0])
    noisy = draws + tau * rng.normal(size=10**5)
    assert scipy.stats.kstest(noisy, lambda y: np.interp(y, x, cdf)).statistic < 0.01


@pytest.mark.equation("eq-conv-transpose", "eq-transposed-size")
@pytest.mark.parametrize(("s", "p"), [(1, 0), (2, 1), (3, 0), (3, 1)])
def test_conv_transpose(s, p):
    shown = chapter("gan-transpose-literal")["conv_transpose2d_literal"]
    rng = np.random.default_rng(4)
    x, K, b = rng.normal(size=(2, 4, 3, 5)), rng.normal(size=(4, 3, 2, 5)), rng.normal(size=2)
    y = nn.conv_transpose2d(x, K, b, stride=s, padding=p)
    assert y.shape[1:3] == ((4 - 1) * s + 4 - 2 * p, (3 - 1) * s + 3 - 2 * p)
    assert y.shape[1:3] == tuple(nn.transposed_size(n, k, s, p) for n, k in ((4, 4), (3, 3)))
    close(y, shown(x, K, b, s, p), 1e-12, "loops")
    theirs = torch.nn.functional.conv_transpose2d(
        *(torch.tensor(a) for a in (x.transpose(0, 3, 1, 2), K.transpose(3, 2, 0, 1), b)),
        stride=s, padding=p,
    )  # fmt: skip
    close(y, theirs.numpy().transpose(0, 2, 3, 1), 1e-12, "PyTorch")
    backward = nn.vjp(nn.conv2d, np.zeros(y.shape), K, stride=s, padding=p, wrt=0)[1]
    close(y, backward(x) + b, 1e-12, "the convolution's backward pass")


@pytest.mark.equation("eq-conv-transpose-dx", "eq-conv-transpose-dk", "eq-conv-transpose-db")
@pytest.mark.parametrize(("s", "p"), [(1, 0), (2, 1), (3, 1)])
def test_conv_transpose_gradients(s, p):
    """The three sums, index by index."""
    rng = np.random.default_rng(5)
    x, K, b = rng.normal(size=(2, 3, 2, 3)), rng.normal(size=(4, 3, 2, 3)), rng.normal(size=2)
    y, backward = nn.vjp(nn.conv_transpose2d, x, K, b, stride=s, padding=p)
    dy = rng.normal(size=y.shape)
    dx, dK, db = np.zeros(x.shape), np.zeros(K.shape), np.zeros(2)
    for e, i, j, f in np.ndindex(*x.shape):
        for m, n, c in np.ndindex(*K.shape[:3]):
            r, t = i * s + m - p, j * s + n - p
            if 0 <= r < y.shape[1] and 0 <= t < y.shape[2]:
                dx[e, i, j, f] += dy[e, r, t, c] * K[m, n, c, f]
                dK[m, n, c, f] += dy[e, r, t, c] * x[e, i, j, f]
    for e, r, t, c in np.ndindex(*dy.shape):
        db[c] += dy[e, r, t, c]
    for ours, sums, name in zip(backward(dy), (dx, dK, db), ("dx", "dK", "db"), strict=True):
        close(ours, sums, 1e-12, name)


@pytest.mark.equation("eq-upsample", "eq-upsample-gradient")
@pytest.mark.parametrize("a", [1, 2, 3])
def test_upsample(a):
    rng = np.random.default_rng(6)
    x = rng.normal(size=(2, 3, 2, 2))
    y, backward = nn.vjp(nn.upsample2d, x, a)
    dy, dx = rng.normal(size=y.shape), np.zeros(x.shape)
    assert y.shape == (2, 3 * a, 2 * a, 2)
    for e, r, t, c in np.ndindex(*y.shape):
        assert y[e, r, t, c] == x[e, r // a, t // a, c]
        dx[e, r // a, t // a, c] += dy[e, r, t, c]
    close(backward(dy), dx, 1e-13, "dx")
    theirs = torch.nn.functional.interpolate(torch.tensor(x.transpose(0, 3, 1, 2)), scale_factor=a)
    np.testing.assert_array_equal(y, theirs.numpy().transpose(0, 2, 3, 1))


@pytest.mark.equation("eq-frechet-line")
@pytest.mark.parametrize(("m1", "s1", "m2", "s2"), [(0, 1, 3, 2), (-1, 0.5, -1, 2)])
def test_frechet_line(m1, s1, m2, s2):
    """The study's distance is that of sorted draws, and no other pairing of them is nearer."""
    u = (np.arange(10**6) + 0.5) / 10**6
    first, second = scipy.stats.norm(m1, s1).ppf(u), scipy.stats.norm(m2, s2).ppf(u)
    exact = (m1 - m2) ** 2 + (s1 - s2) ** 2
    assert gan_digits.frechet(first[:, None], second[:, None]) == pytest.approx(exact, rel=1e-3)
    assert np.mean((first - second) ** 2) == pytest.approx(exact, rel=1e-3)
    rng = np.random.default_rng(0)
    for _ in range(3):
        assert np.mean((first - rng.permutation(second)) ** 2) > exact
    few = rng.normal(m1, s1, 300), rng.normal(m2, s2, 300)
    cost = (few[0][:, None] - few[1]) ** 2
    rows, columns = scipy.optimize.linear_sum_assignment(cost)  # the best of all pairings
    ordered = np.mean((np.sort(few[0]) - np.sort(few[1])) ** 2)
    assert cost[rows, columns].mean() == pytest.approx(ordered, rel=1e-9)


@pytest.mark.equation("eq-frechet")
def test_frechet():
    """Against SciPy's matrix root, which needs no symmetry; and what must be zero is."""
    rng = np.random.default_rng(7)
    a, b = (rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) + rng.normal(size=6) for _ in "ab")
    S1, S2 = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(S1 @ S2).real
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(S1 + S2 - 2 * root)
    assert gan_digits.frechet(a, b) == pytest.approx(expected, rel=1e-8)
    assert gan_digits.frechet(b, a) == pytest.approx(expected, rel=1e-8)
    assert gan_digits.frechet(a, a) == pytest.approx(0, abs=1e-6)
    assert gan_digits.frechet(a, a + 2) == pytest.approx(6 * 4, rel=1e-8)
    x, y = rng.normal(3, 2, (10**5, 1)), rng.normal(0, 0.5, (10**5, 1))
    assert gan_digits.frechet(x, y) == pytest.approx(9 + 2.25, rel=0.02)


# --- the studies that are too long for the chapter ----------------------------------------------


def stored_study(name):
    path = CHAPTER.parent / "studies" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_ring_is_covered_with_the_cure_and_not_without():
    study = stored_study("gan_ring")
    assert all(len(runs) == len(study["seeds"]) == 5 for runs in study["ways"].values())
    assert list(study["ways"]) == list(gan_ring.WAYS)
    cured = study["ways"]["equal pace, fading noise"]
    assert all(run["modes"] == 8 and run["good"] >= 0.9 for run in cured)
    assert all(run["modes"] < 8 for run in study["ways"]["a slow judge"])
    plain = study["ways"]["equal pace"]
    assert any(run["modes"] < 8 for run in plain)
    assert min(run["smallest"] for run in cured) > max(run["smallest"] for run in plain)


def test_the_digits_reach_the_bounds():
    study = stored_study("gan_digits")
    assert len(study["runs"]) == len(study["seeds"]) == 3
    for run in study["runs"]:
        assert run["smallest"] >= 0.04
        assert run["frechet"] <= study["gaussian"]["frechet"] / 10
        assert run["nearest"] >= study["real"]["nearest"]
        assert run["step"][-1] == sum(study["steps"][:-1])
        assert len(run["step"]) == len(run["value"])
        assert len(run["judged_at"]) == len(run["judged"])


def test_scores_of_the_ring():
    rng = np.random.default_rng(0)
    data = gan_ring.scores(gan_ring.ring(20_000, rng))
    assert data["modes"] == 8
    assert data["good"] == pytest.approx(1 - np.exp(-4.5), abs=0.005)  # of a Gaussian in the plane
    one = np.tile(gan_ring.CENTRES[3], (50, 1))
    assert gan_ring.scores(one) == {"modes": 1, "good": 1.0, "smallest": 0.0}
    assert gan_ring.scores(0 * one)["modes"] == 0


def test_the_nearest_picture():
    rng = np.random.default_rng(0)
    images, others = rng.random((5, 4, 3)), rng.random((7, 4, 3))
    others[2] = images[4]
    distance, which = gan_digits.nearest(images, others)
    every = np.array([[np.linalg.norm(a - b) for b in others] for a in images])
    close(distance, every.min(axis=1), 1e-7, "distance")
    np.testing.assert_array_equal(which, every.argmin(axis=1))
    assert which[4] == 2


def test_what_is_stored_comes_back(tmp_path):
    G, _ = gan_digits.players()
    params = G.init(3)
    params.state.vector[...] = 0.5 * np.arange(params.state.vector.size)
    gan_digits.store(tmp_path / "some.npz", G=params)
    found = gan_digits.stored(tmp_path / "some.npz", "G", G)
    np.testing.assert_allclose(found.vector, params.vector, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(found.state.vector, params.state.vector)
    assert [path.name for path in tmp_path.iterdir()] == ["some.npz"]
    assert gan_digits.PLAYERS.stat().st_size + gan_digits.READER.stat().st_size < 10**6


def test_the_reader_sees_features():
    reader = gan_digits.stored_reader()
    (_, _), (x, y) = nn.data.load_mnist()
    features, logits = gan_digits.look(reader, x)
    assert features.shape == (2000, 800)
    assert nn.accuracy(logits, y) > 0.975
    expected = gan_digits.cnn_digits.cnn()(reader, x[:5, ..., None])
    close(logits[:5], expected, 1e-5, "logits")
