"""The proofs of chapter 4: sums, package and another library agree, and so do the derivatives."""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.special
import scipy.stats
import torch
from notebooks import cells_of
from sklearn.metrics import roc_auc_score
from witnesses import measured_jacobian, torch_gradients

import nnlearn as nn
from nnlearn.operations.normalization import moments, scale_and_shift

POINTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([0.0, 1.0, 1.0, 0.0])
chapter = cells_of("04-ann", roc_auc_score=roc_auc_score)


@pytest.fixture
def rng():
    return np.random.default_rng(4)


# --- a layer in matrices -----------------------------------------------------------------------


@pytest.mark.equation("eq-xor-network")
def test_xor_network():
    literal = [max(0, a + b) - 2 * max(0, a + b - 1) for a, b in POINTS]
    model = nn.Sequential(nn.Dense(2, 2), nn.ReLU(), nn.Dense(2, 1))
    params = model.init(seed=0, dtype="float64")
    params["0.W"], params["0.b"] = np.ones((2, 2)), np.array([0.0, -1.0])
    params["2.W"], params["2.b"] = np.array([[1.0, -2.0]]), np.zeros(1)
    total = torch.tensor(POINTS).sum(dim=1)
    np.testing.assert_array_equal(literal, XOR)
    np.testing.assert_array_equal(model(params, POINTS)[:, 0], XOR)
    np.testing.assert_array_equal(torch.relu(total) - 2 * torch.relu(total - 1), XOR)


def ann_literal(W, X, b, activation):
    a = np.empty((W.shape[0], X.shape[1]))
    for i in range(W.shape[0]):
        for n in range(X.shape[1]):
            z = b[i, 0]
            for j in range(W.shape[1]):
                z += W[i, j] * X[j, n]
            a[i, n] = activation(z)
    return a


ACTIVATIONS = {
    "sigmoid": (nn.sigmoid, lambda z: 1 / (1 + math.exp(-z)), torch.sigmoid),
    "tanh": (nn.tanh, math.tanh, torch.tanh),
    "relu": (nn.relu, lambda z: max(0.0, z), torch.relu),
}


@pytest.mark.equation("eq-ann", "eq-ann-entry")
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_ann(name, rng):
    ours, scalar, theirs = ACTIVATIONS[name]
    W, X, b = rng.normal(size=(3, 5)), rng.normal(size=(5, 4)), rng.normal(size=(3, 1))
    literal = ann_literal(W, X, b, scalar)
    np.testing.assert_allclose(ours(W @ X + b), literal, rtol=1e-12)
    np.testing.assert_allclose(ours(nn.dense(X.T, W, b[:, 0])).T, literal, rtol=1e-12)
    tensors = [torch.tensor(a) for a in (W, X, b)]
    np.testing.assert_allclose(theirs(tensors[0] @ tensors[1] + tensors[2]), literal, rtol=1e-12)


def dense_literal(x, W, b):
    z = np.empty((len(x), len(W)))
    for n in range(len(x)):
        for i in range(len(W)):
            z[n, i] = b[i] + sum(x[n, j] * W[i, j] for j in range(W.shape[1]))
    return z


@pytest.mark.equation("eq-dense")
@pytest.mark.parametrize(("N", "D", "M"), [(1, 1, 1), (6, 5, 3), (2, 7, 4)])
def test_dense(N, D, M, rng):
    x, W, b = rng.normal(size=(N, D)), rng.normal(size=(M, D)), rng.normal(size=M)
    literal = dense_literal(x, W, b)
    theirs = torch.nn.functional.linear(*(torch.tensor(a) for a in (x, W, b)))
    np.testing.assert_allclose(nn.dense(x, W, b), literal, rtol=1e-12)
    np.testing.assert_allclose(theirs, literal, rtol=1e-12)


@pytest.mark.equation("eq-rows-and-columns")
def test_rows_and_columns(rng):
    W, X, b = rng.normal(size=(3, 5)), rng.normal(size=(5, 4)), rng.normal(size=(3, 1))
    columns = ann_literal(W, X, b, lambda z: z)
    np.testing.assert_allclose(nn.dense(X.T, W, b[:, 0]), columns.T, rtol=1e-12)
    np.testing.assert_allclose(X.T @ W.T + np.ones((4, 1)) @ b.T, columns.T, rtol=1e-12)


@pytest.fixture
def dense_case(rng):
    """A dense layer with something before and after it, so that a wrong factor shows."""
    return [rng.normal(size=shape) for shape in [(6, 5), (3, 5), (3,), (6, 3)]]


@pytest.mark.equation("eq-dense-dx")
def test_dense_dx(dense_case):
    x, W, b, dz = dense_case
    dx = nn.vjp(nn.dense, x, W, b, wrt=0)[1](dz)
    literal = [[sum(dz[n, k] * W[k, j] for k in range(3)) for j in range(5)] for n in range(6)]
    np.testing.assert_allclose(dx, literal, rtol=1e-12)
    theirs = torch_gradients(torch.nn.functional.linear, [x, W, b], dz)[1][0]
    np.testing.assert_allclose(dx, theirs, rtol=1e-12)
    assert nn.check_gradients(nn.dense, x, W, b, wrt=0) < 1e-7


@pytest.mark.equation("eq-dense-dw")
def test_dense_dw(dense_case):
    x, W, b, dz = dense_case
    dW = nn.vjp(nn.dense, x, W, b, wrt=1)[1](dz)
    literal = [[sum(dz[m, i] * x[m, j] for m in range(6)) for j in range(5)] for i in range(3)]
    np.testing.assert_allclose(dW, literal, rtol=1e-12)
    theirs = torch_gradients(torch.nn.functional.linear, [x, W, b], dz)[1][1]
    np.testing.assert_allclose(dW, theirs, rtol=1e-12)
    assert nn.check_gradients(nn.dense, x, W, b, wrt=1) < 1e-7


@pytest.mark.equation("eq-dense-db")
def test_dense_db(dense_case):
    x, W, b, dz = dense_case
    db = nn.vjp(nn.dense, x, W, b, wrt=2)[1](dz)
    literal = [sum(dz[m, i] for m in range(6)) for i in range(3)]
    np.testing.assert_allclose(db, literal, rtol=1e-12)
    theirs = torch_gradients(torch.nn.functional.linear, [x, W, b], dz)[1][2]
    np.testing.assert_allclose(db, theirs, rtol=1e-12)
    assert nn.check_gradients(nn.dense, x, W, b, wrt=2) < 1e-7


@pytest.mark.equation("eq-dense-dx", "eq-dense-dw", "eq-dense-db")
def test_dense_inside_a_network(rng):
    """Layers before and after, and W used twice: its gradients add."""
    x, W, b, dy = (rng.normal(size=shape) for shape in [(4, 3), (3, 3), (3,), (4, 3)])
    h, backward_1 = nn.vjp(nn.dense, x, W, b)
    a, backward_tanh = nn.vjp(nn.tanh, h)
    y, backward_2 = nn.vjp(nn.dense, a, W, b)
    da, dW_2, db_2 = backward_2(dy)
    dx, dW_1, db_1 = backward_1(backward_tanh(da))
    linear = torch.nn.functional.linear
    value, gradients = torch_gradients(
        lambda x, W, b: linear(torch.tanh(linear(x, W, b)), W, b), [x, W, b], dy
    )
    theirs = [value, *gradients]
    for ours, other in zip([y, dx, dW_1 + dW_2, db_1 + db_2], theirs, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-11, atol=1e-13)


@pytest.mark.equation("eq-linear-collapse")
def test_linear_collapse(rng):
    W1, b1, W2, b2 = (rng.normal(size=shape) for shape in [(3, 6), (3,), (5, 3), (5,)])
    x = rng.normal(size=(4, 6))
    W, b = W2 @ W1, W2 @ b1 + b2
    two_layers = nn.dense(nn.dense(x, W1, b1), W2, b2)
    np.testing.assert_allclose(nn.dense(x, W, b), two_layers, rtol=1e-11)
    literal = dense_literal(dense_literal(x, W1, b1), W2, b2)
    np.testing.assert_allclose(two_layers, literal, rtol=1e-11)
    model = torch.nn.Sequential(torch.nn.Linear(6, 3), torch.nn.Linear(3, 5)).double()
    with torch.no_grad():
        for layer, (weight, bias) in zip(model, [(W1, b1), (W2, b2)], strict=True):
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.copy_(torch.tensor(bias))
        np.testing.assert_allclose(model(torch.tensor(x)), nn.dense(x, W, b), rtol=1e-11)
    assert np.linalg.matrix_rank(W) == 3  # the narrowest layer
    bent = nn.dense(nn.relu(nn.dense(x, W1, b1)), W2, b2)
    assert np.abs(bent - two_layers).max() > 0.1


@pytest.mark.equation("eq-xor-bound")
def test_xor_bound(rng):
    def loss(theta):
        z = nn.dense(POINTS, theta[None, :2], theta[2:])[:, 0]
        return float(nn.sigmoid_cross_entropy(z, XOR))

    for _ in range(200):
        theta = rng.normal(size=3) * rng.choice([0.01, 1, 10])
        z = nn.dense(POINTS, theta[None, :2], theta[2:])[:, 0]
        assert z[0] + z[3] == pytest.approx(z[1] + z[2])
        literal = np.mean(
            [np.logaddexp(0, z_n if t == 0 else -z_n) for z_n, t in zip(z, XOR, strict=True)]
        )
        assert loss(theta) == pytest.approx(literal)
        assert literal >= math.log(2) - 1e-12
    best = scipy.optimize.minimize(loss, rng.normal(size=3))
    assert best.fun == pytest.approx(math.log(2), abs=1e-8)


# --- the size of the first weights -------------------------------------------------------------
# Tolerances: a variance measured on n independent draws has a relative standard error of about
# sqrt(2 / n). The cases below average over at least 10^4 weight vectors or entries that share
# inputs, and allow 5 %, more than four standard errors.


@pytest.mark.equation("eq-variance-forward")
@pytest.mark.parametrize("draw", ["normal", "uniform"])
def test_variance_forward(draw, rng):
    D, v, count = 50, 0.03, 20_000
    x = nn.relu(rng.normal(loc=0.4, size=D))  # not centred: E[x²] is not the variance
    W = (
        rng.normal(scale=math.sqrt(v), size=(count, D))
        if draw == "normal"
        else rng.uniform(-math.sqrt(3 * v), math.sqrt(3 * v), size=(count, D))
    )
    z = nn.dense(x, W, np.zeros(count))
    predicted = D * v * np.mean(x**2)
    assert z.var() == pytest.approx(predicted, rel=0.05)
    assert z.var() != pytest.approx(D * v * x.var(), rel=0.2)
    # exactly: the covariance of the weights, v times the identity, through the sum
    assert x @ (v * np.eye(D)) @ x == pytest.approx(predicted)


@pytest.mark.equation("eq-variance-backward")
def test_variance_backward(rng):
    M, v, count = 40, 0.02, 20_000
    dz = rng.normal(loc=0.5, size=M)
    W = rng.normal(scale=math.sqrt(v), size=(M, count))
    dx = nn.vjp(nn.dense, np.zeros(count), W, np.zeros(M), wrt=0)[1](dz)
    assert dx.var() == pytest.approx(M * v * np.mean(dz**2), rel=0.05)
    theirs = torch_gradients(lambda x: torch.tensor(W) @ x, [np.zeros(count)], dz)[1][0]
    np.testing.assert_allclose(dx, theirs, rtol=1e-10, atol=1e-13)


@pytest.mark.equation("eq-glorot", "eq-glorot-uniform")
@pytest.mark.parametrize(("D", "M"), [(300, 300), (400, 100), (64, 900)])
def test_glorot(D, M, rng):
    W = nn.initializers.glorot(rng, (M, D), D, M)
    limit = math.sqrt(6 / (D + M))
    assert W.var() == pytest.approx(2 / (D + M), rel=0.05)
    assert (D * W.var() + M * W.var()) / 2 == pytest.approx(1, rel=0.05)
    assert np.abs(W).max() <= limit
    assert scipy.stats.kstest(W.ravel(), "uniform", args=(-limit, 2 * limit)).pvalue > 1e-3
    theirs = torch.nn.init.xavier_uniform_(torch.empty(M, D), generator=torch.manual_seed(0))
    assert float(theirs.var()) == pytest.approx(2 / (D + M), rel=0.05)
    integral = scipy.integrate.quad(lambda w: w**2 / (2 * limit), -limit, limit)[0]
    assert integral == pytest.approx(2 / (D + M))


@pytest.mark.equation("eq-relu-half")
@pytest.mark.parametrize(
    "distribution", [scipy.stats.norm(scale=1.7), scipy.stats.uniform(-2, 4), scipy.stats.laplace()]
)
def test_relu_half(distribution, rng):
    low, high = distribution.support()
    integral = scipy.integrate.quad(
        lambda z: max(0.0, z) ** 2 * distribution.pdf(z), max(low, -60), min(high, 60), points=[0.0]
    )[0]
    assert integral == pytest.approx(distribution.var() / 2, rel=1e-6)
    z = distribution.rvs(size=200_000, random_state=rng)
    assert np.mean(nn.relu(z) ** 2) == pytest.approx(distribution.var() / 2, rel=0.05)


@pytest.mark.equation("eq-he")
@pytest.mark.parametrize(("D", "M"), [(300, 300), (400, 100)])
def test_he(D, M, rng):
    W = nn.initializers.he(rng, (M, D), D, M)
    assert W.var() == pytest.approx(2 / D, rel=0.05)
    assert scipy.stats.kstest(W.ravel(), "norm", args=(0, math.sqrt(2 / D))).pvalue > 1e-3
    theirs = torch.nn.init.kaiming_normal_(
        torch.empty(M, D), nonlinearity="relu", generator=torch.manual_seed(0)
    )
    assert float(theirs.var()) == pytest.approx(2 / D, rel=0.05)


@pytest.mark.equation("eq-he")
def test_he_keeps_the_variance_through_relu_layers(rng):
    """Mean square of z from layer to layer: level for He, halved for 1 / D."""
    for numerator, factor in [(2, 1.0), (1, 0.5)]:
        ratios = []
        for _ in range(40):
            x = nn.relu(rng.normal(size=(64, 200)))
            W = rng.normal(scale=math.sqrt(numerator / 200), size=(200, 200))
            z = nn.dense(x, W, np.zeros(200))
            W = rng.normal(scale=math.sqrt(numerator / 200), size=(200, 200))
            ratios.append(np.mean(nn.dense(nn.relu(z), W, np.zeros(200)) ** 2) / np.mean(z**2))
        assert np.mean(ratios) == pytest.approx(factor, rel=0.05)


@pytest.mark.equation("eq-he-backward")
def test_he_backward(rng):
    """Backward, from the gradient of one relu layer's output to that of its input."""
    D, M, ratios = 150, 300, []
    for _ in range(60):
        W = rng.normal(scale=math.sqrt(2 / M), size=(M, D))
        z, backward_dense = nn.vjp(nn.dense, rng.normal(size=(64, D)), W, np.zeros(M), wrt=0)
        _, backward_relu = nn.vjp(nn.relu, z)
        da = rng.normal(size=(64, M))
        ratios.append(np.mean(backward_dense(backward_relu(da)) ** 2) / np.mean(da**2))
    assert np.mean(ratios) == pytest.approx(1, rel=0.05)


# --- overfitting and its cures -----------------------------------------------------------------


@pytest.mark.equation("eq-weight-penalty")
def test_weight_penalty(rng):
    theta, target, lam = rng.normal(size=7), rng.normal(size=7), 0.3

    def penalised(theta):
        loss = np.mean((theta - target) ** 2)
        return loss + lam / 2 * sum(t * t for t in theta)

    _, backward = nn.vjp(nn.mean_squared_error, theta, target, wrt=0)
    gradient = backward() + lam * theta
    np.testing.assert_allclose(gradient, measured_jacobian(penalised, theta), rtol=1e-7, atol=1e-9)
    t = torch.tensor(theta, requires_grad=True)
    (torch.mean((t - torch.tensor(target)) ** 2) + lam / 2 * torch.sum(t**2)).backward()
    np.testing.assert_allclose(gradient, t.grad, rtol=1e-12)


@pytest.mark.equation("eq-weight-decay")
def test_weight_decay(rng):
    theta, g, eta, lam = rng.normal(size=9), rng.normal(size=9), 0.1, 0.3
    params, grads = nn.Parameters(theta.copy(), {"W": (9,)}), nn.Parameters(g.copy(), {"W": (9,)})
    nn.SGD(eta, weight_decay=lam).step(params, grads)
    np.testing.assert_allclose(params.vector, (1 - eta * lam) * theta - eta * g, rtol=1e-12)
    t = torch.tensor(theta, requires_grad=True)
    t.grad = torch.tensor(g)
    torch.optim.SGD([t], lr=eta, weight_decay=lam).step()
    np.testing.assert_allclose(params.vector, t.detach(), rtol=1e-12)


@pytest.mark.equation("eq-weight-decay")
def test_weight_decay_of_adam_is_apart_from_its_moments(rng):
    theta, eta, lam = rng.normal(size=9), 0.01, 0.3
    params = nn.Parameters(theta.copy(), {"W": (9,)})
    optimizer = nn.Adam(eta, weight_decay=lam)
    t = torch.tensor(theta, requires_grad=True)
    other = torch.optim.AdamW([t], lr=eta, weight_decay=lam)
    for _ in range(5):
        g = rng.normal(size=9)
        optimizer.step(params, nn.Parameters(g.copy(), {"W": (9,)}))
        t.grad = torch.tensor(g)
        other.step()
    np.testing.assert_allclose(params.vector, t.detach(), rtol=1e-9)


@pytest.mark.equation("eq-dropout")
@pytest.mark.parametrize("p", [0.0, 0.3, 0.8])
def test_dropout(p, rng):
    x = rng.normal(size=(200, 50))
    y = nn.dropout(x, p, rng=np.random.default_rng(0))
    dropped = y == 0
    np.testing.assert_allclose(y[~dropped], x[~dropped] / (1 - p), rtol=1e-12)
    # 10,000 draws: a standard error of at most 0.005
    assert dropped.mean() == pytest.approx(p, abs=0.02)
    torch.manual_seed(0)
    theirs = torch.nn.functional.dropout(torch.ones(200, 50, dtype=torch.float64), p).numpy()
    ours = nn.dropout(np.ones((200, 50)), p, rng=rng)
    np.testing.assert_allclose(np.unique(ours), np.unique(theirs), rtol=1e-12)
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.1)  # five standard errors at p = 0.8


@pytest.mark.equation("eq-dropout-moments")
@pytest.mark.parametrize("p", [0.2, 0.5])
def test_dropout_moments(p):
    x, draws = np.array([1.0, -2.0, 0.5]), 200_000
    y = nn.dropout(np.tile(x, (draws, 1)), p, rng=np.random.default_rng(1))
    m = scipy.stats.bernoulli(1 - p)
    exact_mean = m.mean() / (1 - p) * x
    exact_variance = m.var() / (1 - p) ** 2 * x**2
    np.testing.assert_allclose(exact_mean, x)
    np.testing.assert_allclose(exact_variance, p / (1 - p) * x**2)
    # standard errors: below 0.005 for the means, below 1 % for the variances
    np.testing.assert_allclose(y.mean(axis=0), exact_mean, atol=0.025)
    np.testing.assert_allclose(y.var(axis=0), exact_variance, rtol=0.05)


@pytest.mark.equation("eq-dropout-gradient")
def test_dropout_gradient(rng):
    x, dy, p = rng.normal(size=(8, 5)), rng.normal(size=(8, 5)), 0.4
    ones, _ = nn.vjp(nn.dropout, np.ones_like(x), p, rng=np.random.default_rng(3), wrt=0)
    y, backward = nn.vjp(nn.dropout, x, p, rng=np.random.default_rng(3), wrt=0)
    kept = ones * (1 - p)  # m, 0 or 1
    assert set(np.round(kept, 12).ravel()) == {0.0, 1.0}
    np.testing.assert_allclose(y, kept * x / (1 - p), rtol=1e-12)
    np.testing.assert_allclose(backward(dy), kept * dy / (1 - p), rtol=1e-12)
    theirs = torch_gradients(lambda t: t * torch.tensor(kept) / (1 - p), [x], dy)[1][0]
    np.testing.assert_allclose(backward(dy), theirs, rtol=1e-12)
    assert nn.check_gradients(nn.dropout, x, p, rng=np.random.default_rng(3), wrt=0) < 1e-7


@pytest.mark.equation("eq-dropout-penalty")
def test_dropout_penalty(rng):
    """Exactly, over all 2^6 masks, and with the package's draws."""
    x, w, t, p = rng.normal(size=6), rng.normal(size=6), 0.7, 0.3
    exact = 0.0
    for bits in np.ndindex(*[2] * 6):
        m = np.array(bits)
        chance = np.prod(np.where(m == 1, 1 - p, p))
        exact += chance * (t - w @ (m * x / (1 - p))) ** 2
    predicted = (t - w @ x) ** 2 + p / (1 - p) * np.sum(w**2 * x**2)
    assert exact == pytest.approx(predicted)
    y = nn.dropout(np.tile(x, (100_000, 1)), p, rng=rng)
    assert np.mean((t - y @ w) ** 2) == pytest.approx(predicted, rel=0.05)


@pytest.mark.equation("eq-early-stopping")
@pytest.mark.parametrize("h", [0.1, 1.0, 8.0])
def test_early_stopping(h):
    eta, k, best = 0.1, 13, -1.4
    params = nn.Parameters(np.zeros(1), {"theta": (1,)})
    optimizer = nn.SGD(eta)
    t = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    other = torch.optim.SGD([t], lr=eta)
    for _ in range(k):
        optimizer.step(params, nn.Parameters(h * (params.vector - best), {"theta": (1,)}))
        other.zero_grad()
        (h / 2 * (t - best) ** 2).sum().backward()
        other.step()
    predicted = (1 - (1 - eta * h) ** k) * best
    assert params.vector[0] == pytest.approx(predicted)
    assert t.item() == pytest.approx(predicted)
    lam = 0.5
    decayed = scipy.optimize.minimize_scalar(
        lambda theta: h / 2 * (theta - best) ** 2 + lam / 2 * theta**2
    )
    assert decayed.x == pytest.approx(h / (h + lam) * best, abs=1e-6)


# --- normalisation -----------------------------------------------------------------------------

EPS = 1e-5


def normalise_literal(x, gamma, beta):
    """Equation eq-batch-norm with plain sums."""
    N, D = x.shape
    y = np.empty((N, D))
    for d in range(D):
        mean = sum(x[n, d] for n in range(N)) / N
        variance = sum((x[n, d] - mean) ** 2 for n in range(N)) / N
        for n in range(N):
            y[n, d] = gamma[d] * (x[n, d] - mean) / math.sqrt(variance + EPS) + beta[d]
    return y


@pytest.fixture
def norm_case(rng):
    """Input far from standardized, and parameters far from 1 and 0."""
    x = rng.normal(loc=[3, -1, 0, 10], scale=[1, 5, 0.1, 2], size=(7, 4))
    return x, rng.normal(size=4), rng.normal(size=4), rng.normal(size=(7, 4))


def torch_batch_norm(x, gamma, beta):
    return torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)


def torch_layer_norm(x, gamma, beta):
    return torch.nn.functional.layer_norm(x, (x.shape[-1],), gamma, beta, eps=EPS)


@pytest.mark.equation("eq-batch-norm")
def test_batch_norm(norm_case):
    x, gamma, beta, dy = norm_case
    y = nn.batch_norm(x, gamma, beta)
    np.testing.assert_allclose(y, normalise_literal(x, gamma, beta), rtol=1e-10)
    theirs = torch_gradients(torch_batch_norm, [x, gamma, beta], dy)[0]
    np.testing.assert_allclose(y, theirs, rtol=1e-10)


@pytest.fixture
def feature(rng):
    return rng.normal(loc=3, scale=2, size=6)


@pytest.mark.equation("eq-norm-mean-gradient")
def test_norm_mean_gradient(feature):
    measured = measured_jacobian(lambda x: moments(x, axis=0)[0][0], feature)
    np.testing.assert_allclose(measured, np.full(6, 1 / 6), rtol=1e-7)


@pytest.mark.equation("eq-norm-variance-gradient")
def test_norm_variance_gradient(feature):
    measured = measured_jacobian(lambda x: moments(x, axis=0)[1][0], feature)
    derived = 2 / 6 * (feature - feature.mean())
    np.testing.assert_allclose(derived, measured, rtol=1e-6, atol=1e-8)
    theirs = torch_gradients(lambda x: x.var(correction=0), [feature], np.array(1.0))[1][0]
    np.testing.assert_allclose(derived, theirs, rtol=1e-10)


@pytest.mark.equation("eq-norm-scale-gradient")
def test_norm_scale_gradient(feature):
    measured = measured_jacobian(lambda x: np.sqrt(x.var() + EPS), feature)
    derived = nn.standardize(feature, axis=0, eps=EPS) / 6
    np.testing.assert_allclose(derived, measured, rtol=1e-6, atol=1e-8)
    theirs = torch_gradients(
        lambda x: torch.sqrt(x.var(correction=0) + EPS), [feature], np.array(1.0)
    )[1][0]
    np.testing.assert_allclose(derived, theirs, rtol=1e-9)


def norm_jacobian(x):
    """Equation eq-norm-jacobian, entry by entry."""
    N, s = len(x), math.sqrt(x.var() + EPS)
    x_hat = (x - x.mean()) / s
    return np.array(
        [[((m == n) - 1 / N - x_hat[m] * x_hat[n] / N) / s for n in range(N)] for m in range(N)]
    )


@pytest.mark.equation("eq-norm-jacobian")
@pytest.mark.parametrize("scale", [1.0, 3e-3])
def test_norm_jacobian(feature, scale):
    x = scale * feature  # the small scale makes eps count
    derived = norm_jacobian(x)
    measured = measured_jacobian(lambda x: nn.standardize(x, axis=0, eps=EPS), x, h=1e-6 * scale)
    np.testing.assert_allclose(derived, measured, rtol=1e-5, atol=1e-6 / scale)
    theirs = torch.autograd.functional.jacobian(
        lambda x: (x - x.mean()) / torch.sqrt(x.var(correction=0) + EPS), torch.tensor(x)
    )
    np.testing.assert_allclose(derived, theirs, rtol=1e-9, atol=1e-9 / scale)


@pytest.mark.equation("eq-batch-norm-gradient")
def test_batch_norm_gradient(norm_case):
    x, gamma, beta, dy = norm_case
    dx = nn.vjp(nn.batch_norm, x, gamma, beta, wrt=0)[1](dy)
    for d in range(4):
        g, N = gamma[d] * dy[:, d], 7
        s = math.sqrt(x[:, d].var() + EPS)
        x_hat = (x[:, d] - x[:, d].mean()) / s
        mean_g = sum(g[m] for m in range(N)) / N
        mean_gx = sum(g[m] * x_hat[m] for m in range(N)) / N
        literal = [(g[n] - mean_g - x_hat[n] * mean_gx) / s for n in range(N)]
        np.testing.assert_allclose(dx[:, d], literal, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(dx[:, d], g @ norm_jacobian(x[:, d]), rtol=1e-9, atol=1e-11)
    theirs = torch_gradients(torch_batch_norm, [x, gamma, beta], dy)[1][0]
    np.testing.assert_allclose(dx, theirs, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(dx.sum(axis=0), np.zeros(4), atol=1e-10)
    assert nn.check_gradients(nn.batch_norm, x, gamma, beta, wrt=0) < 1e-6


@pytest.mark.equation("eq-norm-parameter-gradients")
@pytest.mark.parametrize(
    ("operation", "other"), [(nn.batch_norm, torch_batch_norm), (nn.layer_norm, torch_layer_norm)]
)
def test_norm_parameter_gradients(operation, other, norm_case):
    x, gamma, beta, dy = norm_case
    dgamma, dbeta = nn.vjp(operation, x, gamma, beta, wrt=(1, 2))[1](dy)
    x_hat = operation(x, np.ones(4), np.zeros(4))
    literal = [sum(dy[n, d] * x_hat[n, d] for n in range(7)) for d in range(4)]
    np.testing.assert_allclose(dgamma, literal, rtol=1e-10)
    np.testing.assert_allclose(dbeta, [sum(dy[n, d] for n in range(7)) for d in range(4)])
    theirs = torch_gradients(other, [x, gamma, beta], dy)[1]
    np.testing.assert_allclose(dgamma, theirs[1], rtol=1e-9)
    np.testing.assert_allclose(dbeta, theirs[2], rtol=1e-9)
    assert nn.check_gradients(scale_and_shift, x_hat, gamma, beta) < 1e-7
    dx_hat = nn.vjp(scale_and_shift, x_hat, gamma, beta, wrt=0)[1](dy)
    literal = [[gamma[d] * dy[n, d] for d in range(4)] for n in range(7)]
    np.testing.assert_allclose(dx_hat, literal, rtol=1e-14)


@pytest.mark.equation("eq-running-average")
def test_running_average(rng):
    layer, other = nn.BatchNorm(3, momentum=0.2), torch.nn.BatchNorm1d(3, momentum=0.2).double()
    params = layer.init(dtype="float64")
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(4):
        x = rng.normal(loc=2, scale=3, size=(5, 3))
        y, backward = nn.vjp(layer, params, x, wrt=0)
        params.state.assign(backward(y).state)
        other(torch.tensor(x))
        mean = 0.8 * mean + 0.2 * x.mean(axis=0)
        variance = 0.8 * variance + 0.2 * 5 / 4 * x.var(axis=0)
    for ours, literal, theirs in [
        (params.state["mean"], mean, other.running_mean),
        (params.state["variance"], variance, other.running_var),
    ]:
        np.testing.assert_allclose(ours, literal, rtol=1e-10)
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    other.eval()
    x = rng.normal(size=(2, 3))
    theirs = other(torch.tensor(x)).detach()
    np.testing.assert_allclose(layer(params, x), theirs, rtol=1e-9)


@pytest.mark.equation("eq-layer-norm")
def test_layer_norm(norm_case):
    x, gamma, beta, dy = norm_case
    y = nn.layer_norm(x, gamma, beta)
    literal = np.empty_like(x)
    for n in range(7):
        mean = sum(x[n]) / 4
        variance = sum((value - mean) ** 2 for value in x[n]) / 4
        for d in range(4):
            literal[n, d] = gamma[d] * (x[n, d] - mean) / math.sqrt(variance + EPS) + beta[d]
    np.testing.assert_allclose(y, literal, rtol=1e-10)
    theirs = torch_gradients(torch_layer_norm, [x, gamma, beta], dy)[0]
    np.testing.assert_allclose(y, theirs, rtol=1e-10)


@pytest.mark.equation("eq-layer-norm-gradient")
def test_layer_norm_gradient(norm_case):
    x, gamma, beta, dy = norm_case
    dx = nn.vjp(nn.layer_norm, x, gamma, beta, wrt=0)[1](dy)
    for n in range(7):
        g, s = gamma * dy[n], math.sqrt(x[n].var() + EPS)
        x_hat = (x[n] - x[n].mean()) / s
        mean_g = sum(g) / 4
        mean_gx = sum(g[e] * x_hat[e] for e in range(4)) / 4
        literal = [(g[d] - mean_g - x_hat[d] * mean_gx) / s for d in range(4)]
        np.testing.assert_allclose(dx[n], literal, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(dx[n], g @ norm_jacobian(x[n]), rtol=1e-9, atol=1e-12)
    theirs = torch_gradients(torch_layer_norm, [x, gamma, beta], dy)[1][0]
    np.testing.assert_allclose(dx, theirs, rtol=1e-9, atol=1e-12)
    assert nn.check_gradients(nn.layer_norm, x, gamma, beta, wrt=0) < 1e-6


@pytest.mark.equation("eq-scale-invariance")
@pytest.mark.parametrize("alpha", [0.1, 3.0])
def test_scale_invariance(alpha, rng):
    x, W, dy = rng.normal(size=(9, 6)), rng.normal(size=(4, 6)), rng.normal(size=(9, 4))

    def gradient(W):
        z, backward_dense = nn.vjp(nn.dense, x, W, np.zeros(4), wrt=1)
        y, backward_norm = nn.vjp(nn.standardize, z, eps=1e-12)
        return y, backward_dense(backward_norm(dy))

    (y, g), (y_scaled, g_scaled) = gradient(W), gradient(alpha * W)
    np.testing.assert_allclose(y_scaled, y, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(g_scaled, g / alpha, rtol=1e-6, atol=1e-9)
    theirs = torch_gradients(
        lambda W: torch.nn.functional.layer_norm(torch.tensor(x) @ W.T, (4,), eps=1e-12),
        [alpha * W],
        dy,
    )[1][0]
    np.testing.assert_allclose(g_scaled, theirs, rtol=1e-6, atol=1e-9)


# --- clipping ----------------------------------------------------------------------------------


@pytest.mark.equation("eq-gradient-clipping")
@pytest.mark.parametrize("limit", [0.5, 1.0, 100.0])
def test_gradient_clipping(limit, rng):
    g = rng.normal(size=12)
    grads = nn.Parameters(g.copy(), {"W": (3, 3), "b": (3,)})
    norm = nn.clip_gradient_norm(grads, limit)
    length = math.sqrt(sum(v * v for v in g))
    literal = g * min(1, limit / length)
    assert float(norm) == pytest.approx(length)
    np.testing.assert_allclose(grads.vector, literal, rtol=1e-12)
    tensors = [torch.zeros(3, 3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)]
    tensors[0].grad, tensors[1].grad = torch.tensor(g[:9].reshape(3, 3)), torch.tensor(g[9:])
    torch.nn.utils.clip_grad_norm_(tensors, limit)
    # PyTorch adds 1e-6 to the length that it divides by
    np.testing.assert_allclose(grads["W"], tensors[0].grad, rtol=1e-5)
    np.testing.assert_allclose(grads["b"], tensors[1].grad, rtol=1e-5)


@pytest.mark.equation("eq-gradient-clipping")
def test_clipped_gradient_is_the_nearest_point_of_the_ball(rng):
    g, limit = rng.normal(size=3), 0.6
    grads = nn.Parameters(g.copy(), {"W": (3,)})
    nn.clip_gradient_norm(grads, limit)
    nearest = scipy.optimize.minimize(
        lambda u: np.sum((u - g) ** 2),
        np.zeros(3),
        constraints={"type": "ineq", "fun": lambda u: limit**2 - u @ u},
        tol=1e-12,
    )
    np.testing.assert_allclose(grads.vector, nearest.x, atol=1e-5)


# --- universal approximation -------------------------------------------------------------------


@pytest.mark.equation("eq-sigmoid-bump")
def test_sigmoid_bump():
    x, a, b, kappa = np.linspace(0, 1, 101), 0.3, 0.7, 200.0
    bump = nn.sigmoid(kappa * (x - a)) - nn.sigmoid(kappa * (x - b))
    theirs = scipy.special.expit(kappa * (x - a)) - scipy.special.expit(kappa * (x - b))
    np.testing.assert_allclose(bump, theirs, atol=1e-14)
    inside, outside = (x > a + 0.05) & (x < b - 0.05), (x < a - 0.05) | (x > b + 0.05)
    np.testing.assert_allclose(bump[inside], 1, atol=1e-4)
    np.testing.assert_allclose(bump[outside], 0, atol=1e-4)


@pytest.mark.equation("eq-relu-hat")
def test_relu_hat():
    K = 5
    h, knots = 1 / K, np.arange(6) / K
    x = np.linspace(0, 1, 201)
    for k in range(1, K):
        hat = (
            nn.relu(x - knots[k - 1]) - 2 * nn.relu(x - knots[k]) + nn.relu(x - knots[k + 1])
        ) / h
        np.testing.assert_allclose(hat, np.maximum(0, 1 - np.abs(x - knots[k]) / h), atol=1e-12)
        np.testing.assert_allclose(hat, np.interp(x, knots, np.eye(K + 1)[k]), atol=1e-12)


def curve(x):
    return np.sin(9 * x**2) + 0.3 * np.cos(25 * x)


def interpolant(f, K):
    """Equation eq-relu-interpolant as a network of the package."""
    t = np.linspace(0, 1, K + 1)
    model = nn.Sequential(nn.Dense(1, K), nn.ReLU(), nn.Dense(K, 1))
    params = model.init(seed=0, dtype="float64")
    slopes = (f(t[1:]) - f(t[:-1])) * K
    params["0.W"], params["0.b"] = np.ones((K, 1)), -t[:-1]
    params["2.W"] = (slopes - np.concatenate([[0], slopes[:-1]]))[None, :]
    params["2.b"] = f(t[:1])
    return lambda x: model(params, x[:, None])[:, 0]


@pytest.mark.equation("eq-relu-interpolant")
@pytest.mark.parametrize("K", [1, 4, 33])
def test_relu_interpolant(K):
    x, t = np.linspace(0, 1, 501), np.linspace(0, 1, K + 1)
    s = [(curve(t[k + 1]) - curve(t[k])) * K for k in range(K)]
    literal = [
        curve(t[0]) + sum((s[k] - (s[k - 1] if k else 0)) * max(0, point - t[k]) for k in range(K))
        for point in x
    ]
    network = interpolant(curve, K)(x)
    np.testing.assert_allclose(network, literal, atol=1e-10)
    np.testing.assert_allclose(network, np.interp(x, t, curve(t)), atol=1e-10)


@pytest.mark.equation("eq-universal-approximation")
@pytest.mark.parametrize(
    "f", [curve, np.sqrt, lambda x: np.abs(x - 0.37)], ids=["smooth", "sqrt", "kink"]
)
def test_universal_approximation(f):
    """The error is at most the modulus of continuity, also where there is no derivative."""
    x = np.linspace(0, 1, 2001)
    errors = []
    for K in (4, 16, 64):
        apart = 2000 // K
        modulus = max(np.abs(f(x[d:]) - f(x[: len(x) - d])).max() for d in range(1, apart + 1))
        errors.append(np.abs(interpolant(f, K)(x) - f(x)).max())
        assert errors[-1] <= modulus + 1e-12
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.equation("eq-interpolation-error")
@pytest.mark.parametrize("K", [4, 16, 64, 256])
def test_interpolation_error(K):
    x = np.linspace(0, 1, 20_001)
    second = 18 * np.cos(9 * x**2) - 324 * x**2 * np.sin(9 * x**2) - 187.5 * np.cos(25 * x)
    error = np.abs(interpolant(curve, K)(x) - curve(x)).max()
    bound = np.abs(second).max() / (8 * K**2)
    assert error <= bound
    if K == 256:
        assert error > 0.9 * bound  # the bound is sharp for small pieces
    parabola = interpolant(lambda x: x**2, K)(x)  # f'' = 2 everywhere: equality in the middle
    assert np.abs(parabola - x**2).max() == pytest.approx(1 / (4 * K**2), rel=1e-2)


# --- decisions ---------------------------------------------------------------------------------


@pytest.mark.equation("eq-roc-auc")
def test_roc_auc(rng):
    y = rng.integers(0, 2, size=60)
    p = np.round(rng.uniform(size=60) * 0.7 + 0.3 * y, 1)  # rounded: ties
    ill, well = p[y == 1], p[y == 0]
    pairs = [(a > b) + 0.5 * (a == b) for a in ill for b in well]
    shown = chapter("ann-auc-code", probabilities={})["roc_auc"]
    assert shown(p, y) == pytest.approx(np.mean(pairs), rel=1e-12)
    assert np.mean(pairs) == pytest.approx(roc_auc_score(y, p))
    rank_sum = scipy.stats.mannwhitneyu(p[y == 1], p[y == 0]).statistic
    assert np.mean(pairs) == pytest.approx(rank_sum / (y.sum() * (60 - y.sum())))


def costs(miss, alarm):
    """The chapter's cost of a hundred decisions, with costs of our own."""
    shown = chapter("ann-cost-code")
    shown.update(COST_MISS=miss, COST_ALARM=alarm)
    return shown["cost_per_hundred"]


@pytest.mark.equation("eq-expected-cost")
@pytest.mark.parametrize("ill", [3, 40])
def test_expected_cost(ill):
    """What the chapter charges for a hundred patients, of whom as many are ill as p says."""
    miss, alarm, p = 20.0, 3.0, ill / 100
    cost, said, truth = costs(miss, alarm), np.full(100, p), np.arange(100) < ill
    assert cost(said, truth, p) == pytest.approx(100 * (1 - p) * alarm)  # all are called ill
    assert cost(said, truth, p + 1e-9) == pytest.approx(100 * p * miss)  # all, healthy


@pytest.mark.equation("eq-cost-threshold")
@pytest.mark.parametrize(("miss", "alarm"), [(20, 1), (1, 1), (2, 5)])
def test_cost_threshold(miss, alarm):
    """Where the two costs cross; and where the chapter's cost of all decisions is lowest."""
    threshold = alarm / (miss + alarm)
    crossing = scipy.optimize.brentq(lambda p: (1 - p) * alarm - p * miss, 0, 1)
    assert threshold == pytest.approx(crossing)
    # a hundred patients for each percentage, of whom as many are ill as it says
    said = np.repeat(np.arange(101) / 100, 100)
    ill = np.tile(np.arange(100), 101) < np.repeat(np.arange(101), 100)
    charged = [costs(miss, alarm)(said, ill, percent / 100) for percent in range(102)]
    assert np.argmin(charged) == math.ceil(100 * threshold - 1e-9)
    own = chapter("ann-cost-code")
    chosen = own["COST_ALARM"] / (own["COST_MISS"] + own["COST_ALARM"])
    assert own["best_threshold"] == pytest.approx(chosen)
