"""Proofs of the equations of chapter 2: the literal formula, the package, and others' libraries."""

import numpy as np
import pytest
import torch
from scipy import special, stats
from witnesses import torch_gradients

import nnlearn as nn
from nnlearn.exercises.checking import numerical_gradient


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def parameters(vector):
    """Return a vector as Parameters, the form that optimizers take."""
    vector = np.asarray(vector, dtype=np.float64).copy()
    return nn.Parameters(vector, {"theta": vector.shape})


def walk(optimizer, gradient, start, steps):
    """Return all points of a walk, the start included."""
    params = parameters(start)
    path = [params.vector.copy()]
    for _ in range(steps):
        optimizer.step(params, parameters(gradient(params.vector)))
        path.append(params.vector.copy())
    return np.array(path)


def torch_walk(make, gradient, start, steps):
    """Do the same with an optimizer of PyTorch, in float64."""
    theta = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = make([theta])
    path = [theta.detach().numpy().copy()]
    for _ in range(steps):
        theta.grad = torch.from_numpy(gradient(theta.detach().numpy()))
        optimizer.step()
        path.append(theta.detach().numpy().copy())
    return np.array(path)


def bowl(rng, eigenvalues):
    """Return a symmetric matrix with these eigenvalues, lying across the axes."""
    n = len(eigenvalues)
    directions, _ = np.linalg.qr(rng.normal(size=(n, n)))
    return directions @ np.diag(eigenvalues) @ directions.T


def torch_gradient(f, *arrays):
    """Return the value of f and its gradient by the first array, both from PyTorch."""
    value, (gradient,) = torch_gradients(f, arrays[:1], np.array(1.0), arrays[1:])
    return float(value), gradient


# --- losses -------------------------------------------------------------------------------------


@pytest.mark.equation("eq-likelihood")
def test_likelihood_product_and_sum(rng):
    p = rng.uniform(0.05, 1, size=40)
    product, total = 1.0, 0.0
    for p_n in p:
        product *= p_n
        total += -np.log(p_n)
    assert -np.log(product) / 40 == pytest.approx(total / 40, rel=1e-12)

    # The package's losses are this with the probability that the model gave to the truth.
    z, y = rng.normal(size=(2, 40))
    y = (y > 0).astype(float)
    given = np.where(y == 1, special.expit(z), special.expit(-z))
    assert nn.sigmoid_cross_entropy(z, y) == pytest.approx(-np.log(np.prod(given)) / 40)
    z, labels = rng.normal(size=(40, 3)), rng.integers(3, size=40)
    given = special.softmax(z, axis=1)[np.arange(40), labels]
    assert nn.softmax_cross_entropy(z, labels) == pytest.approx(-np.log(np.prod(given)) / 40)


@pytest.mark.equation("eq-gaussian")
def test_gaussian_likelihood_is_squared_error(rng):
    prediction, target = rng.normal(size=(2, 30))
    tau = 0.7
    literal = [
        np.exp(-((a - b) ** 2) / (2 * tau**2)) / (tau * np.sqrt(2 * np.pi))
        for a, b in zip(prediction, target, strict=True)
    ]
    np.testing.assert_allclose(literal, stats.norm.pdf(target, prediction, tau), rtol=1e-12)
    # Up to a factor and a constant, both without θ, the negative log-likelihood is the loss.
    loss = nn.mean_squared_error(prediction, target)
    constant = np.log(tau * np.sqrt(2 * np.pi))
    assert -np.mean(np.log(literal)) == pytest.approx(loss / (2 * tau**2) + constant)


@pytest.mark.equation("eq-mean-squared-error", "eq-mean-squared-error-gradient")
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 4)])
def test_mean_squared_error(rng, shape):
    prediction, target = rng.normal(size=(2, *shape))
    total, gradient = 0.0, np.zeros(shape)
    for n in np.ndindex(shape):
        total += (prediction[n] - target[n]) ** 2
        gradient[n] = 2 / prediction.size * (prediction[n] - target[n])
    loss, backward = nn.vjp(nn.mean_squared_error, prediction, target)
    d_prediction, d_target = backward()
    assert loss == pytest.approx(total / prediction.size, rel=1e-12)
    np.testing.assert_allclose(d_prediction, gradient, rtol=1e-12)
    np.testing.assert_allclose(d_target, -gradient, rtol=1e-12)
    theirs, their_gradient = torch_gradient(torch.nn.functional.mse_loss, prediction, target)
    assert loss == pytest.approx(theirs, rel=1e-12)
    np.testing.assert_allclose(d_prediction, their_gradient, rtol=1e-12)
    measured = numerical_gradient(nn.mean_squared_error, prediction, target)
    np.testing.assert_allclose(gradient, measured, atol=1e-8)


@pytest.mark.equation("eq-bernoulli")
def test_bernoulli_likelihood(rng):
    z = rng.normal(size=20)
    for y in (0, 1):
        literal = special.expit(z) ** y * (1 - special.expit(z)) ** (1 - y)
        np.testing.assert_allclose(literal, stats.bernoulli.pmf(y, nn.sigmoid(z)), rtol=1e-12)
        loss = nn.sigmoid_cross_entropy(z, np.full(20, float(y)))
        assert loss == pytest.approx(-np.mean(np.log(literal)), rel=1e-12)


@pytest.mark.equation("eq-log-sigmoid")
def test_log_sigmoid(rng):
    z = rng.normal(size=20) * 5
    np.testing.assert_allclose(z - nn.softplus(z), np.log(nn.sigmoid(z)), rtol=1e-9)
    np.testing.assert_allclose(-nn.softplus(z), np.log(nn.sigmoid(-z)), rtol=1e-9)
    np.testing.assert_allclose(-nn.softplus(z), special.log_expit(-z), rtol=1e-9)
    np.testing.assert_allclose(z - nn.softplus(z), special.log_expit(z), rtol=1e-9, atol=1e-13)


@pytest.mark.equation("eq-sigmoid-cross-entropy", "eq-sigmoid-cross-entropy-gradient")
def test_sigmoid_cross_entropy(rng):
    z, y = rng.normal(size=9) * 3, rng.uniform(size=9)
    y[:4] = [0, 1, 0, 1]
    first_line, second_line, gradient = 0.0, 0.0, np.zeros(9)
    for n in range(9):
        a = 1 / (1 + np.exp(-z[n]))
        first_line += -y[n] * np.log(a) - (1 - y[n]) * np.log(1 - a)
        second_line += np.log(1 + np.exp(z[n])) - y[n] * z[n]
        gradient[n] = (a - y[n]) / 9
    loss, backward = nn.vjp(nn.sigmoid_cross_entropy, z, y, wrt=0)
    assert loss == pytest.approx(first_line / 9, rel=1e-12)
    assert loss == pytest.approx(second_line / 9, rel=1e-12)
    np.testing.assert_allclose(backward(), gradient, rtol=1e-12)
    theirs, their_gradient = torch_gradient(
        torch.nn.functional.binary_cross_entropy_with_logits, z, y
    )
    assert loss == pytest.approx(theirs, rel=1e-12)
    np.testing.assert_allclose(backward(), their_gradient, rtol=1e-12)
    measured = numerical_gradient(nn.sigmoid_cross_entropy, z, y)
    np.testing.assert_allclose(gradient, measured, atol=1e-8)


def test_sigmoid_cross_entropy_is_exact_far_out():
    z, y = np.array([1e4, -1e4, 1e4, -1e4]), np.array([1.0, 0.0, 0.0, 1.0])
    loss, backward = nn.vjp(nn.sigmoid_cross_entropy, z, y, wrt=0)
    assert loss == 5000
    np.testing.assert_array_equal(backward(), [0, 0, 0.25, -0.25])


# --- softmax ------------------------------------------------------------------------------------


@pytest.mark.equation("eq-softmax")
def test_softmax(rng):
    z = rng.normal(size=(5, 4)) * 3
    p = nn.softmax(z)
    for n, k in np.ndindex(5, 4):
        literal = np.exp(z[n, k]) / sum(np.exp(z[n, j]) for j in range(4))
        assert p[n, k] == pytest.approx(literal, rel=1e-12)
    np.testing.assert_allclose(p, torch.softmax(torch.from_numpy(z), -1), rtol=1e-12)
    np.testing.assert_allclose(p, special.softmax(z, axis=-1), rtol=1e-12)
    np.testing.assert_allclose(nn.softmax(np.array([2.0, 1, 0])), [0.665, 0.245, 0.090], atol=5e-4)
    two = np.stack([z[:, 0], np.zeros(5)], axis=1)  # two classes are the sigmoid
    np.testing.assert_allclose(nn.softmax(two)[:, 0], nn.sigmoid(z[:, 0]), rtol=1e-12)


@pytest.mark.equation("eq-softmax-shift")
def test_softmax_does_not_see_a_shift(rng):
    z = rng.normal(size=(5, 4))
    for c in (-3.0, 2.5):
        shifted = np.exp(z + c) / np.sum(np.exp(z + c), axis=1, keepdims=True)
        np.testing.assert_allclose(shifted, nn.softmax(z), rtol=1e-12)
    np.testing.assert_allclose(nn.softmax(z + 1e4), nn.softmax(z), atol=1e-11)
    np.testing.assert_allclose(nn.softmax(z - 1e4), nn.softmax(z), atol=1e-11)


def literal_jacobian(z):
    """∂p_k/∂z_j, entry by entry."""
    p = np.exp(z) / sum(np.exp(z))
    K = len(z)
    return np.array([[p[k] * ((k == j) - p[j]) for j in range(K)] for k in range(K)])


@pytest.mark.equation("eq-softmax-jacobian")
def test_softmax_jacobian(rng):
    z = rng.normal(size=4)
    jacobian = literal_jacobian(z)
    theirs = torch.autograd.functional.jacobian(lambda t: torch.softmax(t, -1), torch.from_numpy(z))
    np.testing.assert_allclose(jacobian, theirs, atol=1e-13)
    for k, seed in enumerate(np.eye(4)):
        np.testing.assert_allclose(
            jacobian[k], numerical_gradient(nn.softmax, z, seed=seed), atol=1e-9
        )


@pytest.mark.equation("eq-softmax-gradient")
def test_softmax_gradient(rng):
    z, dp = rng.normal(size=(2, 6, 4)) * 2
    _, backward = nn.vjp(nn.softmax, z)
    dz = backward(dp)
    for n in range(6):
        jacobian = literal_jacobian(z[n])
        all_ways = [sum(dp[n, k] * jacobian[k, j] for k in range(4)) for j in range(4)]
        p = np.exp(z[n]) / np.sum(np.exp(z[n]))
        last_line = [p[j] * (dp[n, j] - sum(dp[n] * p)) for j in range(4)]
        np.testing.assert_allclose(last_line, all_ways, atol=1e-13)
        np.testing.assert_allclose(dz[n], last_line, atol=1e-13)
    _, theirs = torch_gradient(lambda t, w: (w * torch.softmax(t, -1)).sum(), z, dp)
    np.testing.assert_allclose(dz, theirs, atol=1e-12)
    nn.check_gradients(nn.softmax, z)


@pytest.mark.equation("eq-log-softmax")
def test_log_softmax(rng):
    z = rng.normal(size=(5, 4)) * 3
    log_p = nn.log_softmax(z)
    for n, k in np.ndindex(5, 4):
        literal = z[n, k] - np.log(sum(np.exp(z[n, j]) for j in range(4)))
        assert log_p[n, k] == pytest.approx(literal, rel=1e-12)
    np.testing.assert_allclose(log_p, np.log(nn.softmax(z)), rtol=1e-9)
    np.testing.assert_allclose(log_p, torch.log_softmax(torch.from_numpy(z), -1), rtol=1e-9)
    np.testing.assert_allclose(log_p, special.log_softmax(z, axis=-1), rtol=1e-9)


@pytest.mark.equation("eq-log-sum-exp")
def test_log_sum_exp(rng):
    z = rng.normal(size=(5, 4)) * 3
    m = z.max(axis=1, keepdims=True)
    shifted = m[:, 0] + np.log(np.sum(np.exp(z - m), axis=1))
    np.testing.assert_allclose(shifted, np.log(np.sum(np.exp(z), axis=1)), rtol=1e-12)
    np.testing.assert_allclose(shifted, special.logsumexp(z, axis=1), rtol=1e-12)
    # In the package it is the difference between a logit and its log-probability, here at ±10⁴.
    far = np.array([[1e4, -1e4, 1e4], [-1e4, -1e4, -1e4 - 1]])
    ours = (far - nn.log_softmax(far))[:, 0]
    np.testing.assert_allclose(ours, special.logsumexp(far, axis=1), rtol=1e-15)
    assert nn.log_softmax(np.array([1e4, -1e4]))[1] == -2e4


@pytest.mark.equation("eq-log-softmax-gradient")
def test_log_softmax_gradient(rng):
    z, dy = rng.normal(size=(2, 6, 4)) * 2
    _, backward = nn.vjp(nn.log_softmax, z)
    dz = backward(dy)
    for n in range(6):
        p = np.exp(z[n]) / np.sum(np.exp(z[n]))
        all_ways = [sum(dy[n, k] * ((k == j) - p[j]) for k in range(4)) for j in range(4)]
        last_line = [dy[n, j] - p[j] * sum(dy[n]) for j in range(4)]
        np.testing.assert_allclose(last_line, all_ways, atol=1e-13)
        np.testing.assert_allclose(dz[n], last_line, atol=1e-13)
    _, theirs = torch_gradient(lambda t, w: (w * torch.log_softmax(t, -1)).sum(), z, dy)
    np.testing.assert_allclose(dz, theirs, atol=1e-12)
    nn.check_gradients(nn.log_softmax, z)


@pytest.mark.equation("eq-softmax-cross-entropy", "eq-softmax-cross-entropy-gradient")
def test_softmax_cross_entropy(rng):
    z, labels = rng.normal(size=(6, 4)) * 2, np.array([0, 3, 1, 1, 2, 0])
    first_form, second_form, gradient = 0.0, 0.0, np.zeros((6, 4))
    for n in range(6):
        total = sum(np.exp(z[n, j]) for j in range(4))
        first_form -= np.log(np.exp(z[n, labels[n]]) / total)
        second_form -= z[n, labels[n]] - np.log(total)
        for j in range(4):
            gradient[n, j] = (np.exp(z[n, j]) / total - (j == labels[n])) / 6
    loss, backward = nn.vjp(nn.softmax_cross_entropy, z, labels)
    assert loss == pytest.approx(first_form / 6, rel=1e-12)
    assert loss == pytest.approx(second_form / 6, rel=1e-12)
    np.testing.assert_allclose(backward(), gradient, atol=1e-14)
    theirs, their_gradient = torch_gradient(torch.nn.functional.cross_entropy, z, labels)
    assert loss == pytest.approx(theirs, rel=1e-12)
    np.testing.assert_allclose(backward(), their_gradient, atol=1e-14)
    np.testing.assert_allclose(
        gradient, numerical_gradient(nn.softmax_cross_entropy, z, labels), atol=1e-8
    )
    ignorant = nn.softmax_cross_entropy(np.zeros((3, 10)), np.array([1, 2, 3]))
    assert ignorant == pytest.approx(np.log(10))


# --- gradient descent ---------------------------------------------------------------------------


@pytest.mark.equation("eq-gradient-descent")
def test_gradient_descent(rng):
    A, start = bowl(rng, [0.5, 2, 3]), rng.normal(size=3)
    literal = [start]
    for _ in range(8):
        literal.append(literal[-1] - 0.3 * (A @ literal[-1]))
    ours = walk(nn.SGD(0.3), lambda theta: A @ theta, start, 8)
    theirs = torch_walk(lambda p: torch.optim.SGD(p, lr=0.3), lambda t: A @ t, start, 8)
    np.testing.assert_allclose(ours, literal, atol=1e-13)
    np.testing.assert_allclose(ours, theirs, atol=1e-13)


@pytest.mark.equation("eq-quadratic")
def test_squared_error_is_a_bowl(rng):
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    A = 2 / 30 * X.T @ X
    bottom = np.linalg.lstsq(X, y)[0]

    def loss(theta):
        return nn.mean_squared_error(X @ theta, y)

    for _ in range(5):
        e = rng.normal(size=4)
        assert loss(bottom + e) == pytest.approx(loss(bottom) + 0.5 * e @ A @ e, rel=1e-12)
        _, backward = nn.vjp(nn.mean_squared_error, X @ (bottom + e), y, wrt=0)
        np.testing.assert_allclose(X.T @ backward(), A @ e, atol=1e-12)
        np.testing.assert_allclose(numerical_gradient(loss, bottom + e), A @ e, atol=1e-7)


@pytest.mark.equation("eq-gradient-descent-rate")
def test_gradient_descent_rate(rng):
    eigenvalues = np.array([0.2, 1, 4, 10])
    A, start, kappa = bowl(rng, eigenvalues), rng.normal(size=4), 50

    def factor(rate, steps=600):
        path = walk(nn.SGD(rate), lambda theta: A @ theta, start, steps)
        distance = np.linalg.norm(path, axis=1)
        rho = np.abs(1 - rate * eigenvalues).max()
        # The second line bounds every step, and the last steps go by exactly this factor.
        assert np.all(distance <= rho ** np.arange(steps + 1) * distance[0] * (1 + 1e-9))
        measured = (distance[-1] / distance[-101]) ** 0.01
        assert measured == pytest.approx(rho, abs=1e-6)
        return measured

    assert factor(0.1999) < 1 < factor(0.2001)  # 2 / λ_max = 0.2
    best = factor(2 / (0.2 + 10))
    assert best == pytest.approx((kappa - 1) / (kappa + 1), abs=1e-6)
    assert best < min(factor(0.15), factor(0.19), factor(0.198))
    # Each eigendirection is multiplied by 1 - ηλ.
    lam, q = np.linalg.eigh(A)
    path = walk(nn.SGD(0.07), lambda theta: A @ theta, start, 1) @ q
    np.testing.assert_allclose(path[1], (1 - 0.07 * lam) * path[0], atol=1e-13)


@pytest.mark.equation("eq-descent")
def test_descent_of_one_step(rng):
    eigenvalues = np.array([0.2, 1, 4, 10])
    A = bowl(rng, eigenvalues)

    def loss(theta):
        return 0.5 * theta @ A @ theta

    for rate in (0.01, 0.1, 0.199):
        for _ in range(20):
            theta = rng.normal(size=4)
            g = A @ theta
            after = loss(walk(nn.SGD(rate), lambda t: A @ t, theta, 1)[1])
            equality = loss(theta) - rate * g @ g + 0.5 * rate**2 * g @ A @ g
            bound = loss(theta) - rate * (1 - 0.5 * rate * 10) * g @ g
            assert after == pytest.approx(equality, rel=1e-9)
            assert after <= bound + 1e-12 < loss(theta)


@pytest.mark.equation("eq-stochastic-gradient")
def test_the_gradient_of_a_batch_is_unbiased(rng):
    """Over one pass, in equal batches, the mean of the batches' gradients is the gradient."""
    X, labels = rng.normal(size=(24, 5)), rng.integers(3, size=24)
    params = nn.Dense(5, 3).init(seed=0, dtype="float64")

    def gradient(x, y):
        logits, backward = nn.vjp(nn.Dense(5, 3), params, x, wrt=0)
        _, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, y)
        return backward(backward_loss()).vector

    each = np.array([gradient(X[n : n + 1], labels[n : n + 1]) for n in range(24)])
    np.testing.assert_allclose(each.mean(axis=0), gradient(X, labels), atol=1e-14)
    passes = nn.data.batches([X, labels], 6, rng)
    parts = np.array([gradient(x, y) for x, y in passes])
    np.testing.assert_allclose(parts.mean(axis=0), gradient(X, labels), atol=1e-14)
    assert np.abs(parts[0] - gradient(X, labels)).max() > 1e-3  # one batch alone is noisy
    # Every example is drawn with probability B / N.
    drawn = sum(np.isin(np.arange(24), rng.choice(24, 6, replace=False)) for _ in range(4000))
    np.testing.assert_allclose(drawn / 4000, 6 / 24, atol=0.035)
    # And SGD's step is the batch's gradient times η.
    before, g = params.vector.copy(), gradient(X[:6], labels[:6])
    nn.SGD(0.1).step(params, nn.Parameters(g, params.layout))
    np.testing.assert_allclose(params.vector, before - 0.1 * g, atol=1e-15)


@pytest.mark.equation("eq-batch-variance")
def test_variance_of_a_batch(rng):
    """Over all batches of 2 and of 3 out of 6, exactly."""
    from itertools import combinations

    gradients = rng.normal(size=(6, 4))
    mean = gradients.mean(axis=0)
    d = gradients - mean
    V = np.mean(np.sum(d**2, axis=1))
    pairs = [d[n] @ d[m] for n in range(6) for m in range(6) if n != m]
    assert np.mean(pairs) == pytest.approx(-V / 5, rel=1e-12)
    for B in (1, 2, 3, 6):
        off = [
            np.sum((gradients[list(i)].mean(axis=0) - mean) ** 2) for i in combinations(range(6), B)
        ]
        assert np.mean(off) == pytest.approx(V / B * (6 - B) / 5, rel=1e-9, abs=1e-15)
    # The package's batches are drawn without putting back, too.
    X, off = gradients, []
    for _ in range(3000):
        (x,) = next(nn.data.batches([X], 3, rng))
        off.append(np.sum((x.mean(axis=0) - mean) ** 2))
    assert np.mean(off) == pytest.approx(V / 3 * 3 / 5, rel=0.06)


# --- momentum -----------------------------------------------------------------------------------


@pytest.mark.equation("eq-momentum")
def test_momentum(rng):
    A, start = bowl(rng, [0.5, 2, 3]), rng.normal(size=3)
    theta, v, literal = start, np.zeros(3), [start]
    for _ in range(10):
        v = 0.8 * v + A @ theta
        theta = theta - 0.2 * v
        literal.append(theta)
    ours = walk(nn.SGD(0.2, momentum=0.8), lambda t: A @ t, start, 10)
    theirs = torch_walk(
        lambda p: torch.optim.SGD(p, lr=0.2, momentum=0.8), lambda t: A @ t, start, 10
    )
    np.testing.assert_allclose(ours, literal, atol=1e-13)
    np.testing.assert_allclose(ours, theirs, atol=1e-13)
    # Under a constant gradient the steps become 1 / (1 - μ) times as long.
    path = walk(nn.SGD(0.1, momentum=0.9), np.ones_like, np.zeros(1), 300)
    assert path[-2, 0] - path[-1, 0] == pytest.approx(0.1 / (1 - 0.9), rel=1e-9)


@pytest.mark.equation("eq-momentum-recursion")
def test_momentum_recursion():
    rate, mu, lam = 0.2, 0.7, 3.0
    c = walk(nn.SGD(rate, momentum=mu), lambda t: lam * t, np.array([1.0]), 12)[:, 0]
    for t in range(1, 12):
        assert c[t + 1] == pytest.approx((1 + mu - rate * lam) * c[t] - mu * c[t - 1], abs=1e-14)
    roots = np.roots([1, -(1 + mu - rate * lam), mu])
    np.testing.assert_allclose(np.abs(roots), np.sqrt(mu), rtol=1e-12)


def step_matrix(rate, mu, lam, nesterov=False):
    """One step of the package, as the matrix that takes (θ, v) of one direction to the next."""
    columns = []
    for theta, v in ((1.0, 0.0), (0.0, 1.0)):
        optimizer = nn.SGD(rate, momentum=mu, nesterov=nesterov)
        optimizer.memory["velocity"] = np.array([v])
        params = parameters([theta])
        optimizer.step(params, parameters(lam * params.vector))
        columns.append([params.vector[0], optimizer.memory["velocity"][0]])
    return np.array(columns).T


def spectral_radius(rate, mu, eigenvalues, nesterov=False):
    matrices = [step_matrix(rate, mu, lam, nesterov) for lam in eigenvalues]
    return max(np.abs(np.linalg.eigvals(m)).max() for m in matrices)


@pytest.mark.equation("eq-momentum-rate")
def test_momentum_rate():
    eigenvalues = np.array([0.2, 1, 4, 12.8])
    root = np.sqrt(12.8 / 0.2)  # 8
    rho = (root - 1) / (root + 1)
    rate = (2 / (np.sqrt(0.2) + np.sqrt(12.8))) ** 2
    # A double root is known to the root of the rounding error only.
    assert spectral_radius(rate, rho**2, eigenvalues) == pytest.approx(rho, abs=1e-6)
    around = [(rate * a, rho**2 * b) for a in (0.97, 1, 1.03) for b in (0.97, 1, 1.03)]
    worse = [spectral_radius(*setting, eigenvalues) for setting in around if setting != around[4]]
    assert min(worse) > rho + 1e-3  # nothing near it is as fast
    path = walk(nn.SGD(rate, momentum=rho**2), lambda t: eigenvalues * t, np.ones(4), 130)
    distance = np.linalg.norm(path, axis=1)
    measured = (distance[110] / distance[60]) ** (1 / 50)
    assert measured == pytest.approx(rho * (110 / 60) ** (1 / 50), abs=2e-3)  # t ρᵗ


@pytest.mark.equation("eq-nesterov-lookahead", "eq-nesterov")
def test_nesterov_is_the_look_ahead_at_another_point(rng):
    A, start, rate, mu = bowl(rng, [0.5, 2, 3]), rng.normal(size=3), 0.2, 0.8
    theta, v, ahead = start, np.zeros(3), [start]
    for _ in range(10):  # the gradient where the velocity will carry us
        v = mu * v + A @ (theta - rate * mu * v)
        theta = theta - rate * v
        ahead.append(theta - rate * mu * v)  # φ
    phi, v, literal = start, np.zeros(3), [start]
    for _ in range(10):
        g = A @ phi
        v = mu * v + g
        phi = phi - rate * (g + mu * v)
        literal.append(phi)
    ours = walk(nn.SGD(rate, momentum=mu, nesterov=True), lambda t: A @ t, start, 10)
    theirs = torch_walk(
        lambda p: torch.optim.SGD(p, lr=rate, momentum=mu, nesterov=True),
        lambda t: A @ t,
        start,
        10,
    )
    np.testing.assert_allclose(literal, ahead, atol=1e-13)
    np.testing.assert_allclose(ours, literal, atol=1e-13)
    np.testing.assert_allclose(ours, theirs, atol=1e-13)


@pytest.mark.equation("eq-nesterov-rate")
def test_nesterov_rate():
    eigenvalues = np.array([0.2, 1, 4, 12.8])
    root = 8.0
    mu = (root - 1) / (root + 1)
    radius = spectral_radius(1 / 12.8, mu, eigenvalues, nesterov=True)
    assert radius == pytest.approx(1 - 1 / root, abs=1e-6)
    assert radius == pytest.approx(np.sqrt(mu * (1 - 1 / root**2)), abs=1e-6)
    for lam in eigenvalues[1:-1]:  # complex roots of the size that the text gives
        roots = np.linalg.eigvals(step_matrix(1 / 12.8, mu, lam, nesterov=True))
        np.testing.assert_allclose(np.abs(roots), np.sqrt(mu * (1 - lam / 12.8)), rtol=1e-9)


# --- Adam ---------------------------------------------------------------------------------------


def adam_memory(gradients, **settings):
    """Run the package's Adam on a stream of gradients; return its two moments after each step."""
    optimizer, params, moments = nn.Adam(**settings), parameters(np.zeros_like(gradients[0])), []
    for g in gradients:
        optimizer.step(params, parameters(g))
        moments.append((optimizer.memory["mean"].copy(), optimizer.memory["square"].copy()))
    return np.array(moments)


@pytest.mark.equation("eq-adam-moments")
def test_adam_moments(rng):
    gradients = rng.normal(size=(7, 3))
    moments = adam_memory(gradients, betas=(0.8, 0.95))
    m, s = np.zeros(3), np.zeros(3)
    for g, (ours_m, ours_s) in zip(gradients, moments, strict=True):
        m = 0.8 * m + (1 - 0.8) * g
        s = 0.95 * s + (1 - 0.95) * g**2
        np.testing.assert_allclose(ours_m, m, atol=1e-15)
        np.testing.assert_allclose(ours_s, s, atol=1e-15)
    theta = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.Adam([theta], betas=(0.8, 0.95))
    for g in gradients:
        theta.grad = torch.from_numpy(g)
        theirs.step()
    state = theirs.state[theta]
    np.testing.assert_allclose(moments[-1, 0], state["exp_avg"], atol=1e-15)
    np.testing.assert_allclose(moments[-1, 1], state["exp_avg_sq"], atol=1e-15)


@pytest.mark.equation("eq-adam-bias-correction")
def test_adam_bias_correction(rng):
    beta1, beta2 = 0.9, 0.99
    gradients = rng.normal(0.5, 1.0, size=(12, 100_000))
    moments = adam_memory(gradients, betas=(beta1, beta2))
    for t, (m, s) in enumerate(moments, 1):
        # The unrolled sum, exactly; the expectation, within five standard errors.
        unrolled = (1 - beta1) * sum(beta1 ** (t - i) * g for i, g in enumerate(gradients[:t], 1))
        np.testing.assert_allclose(m, unrolled, atol=1e-13)
        assert m.mean() == pytest.approx((1 - beta1**t) * 0.5, abs=5 * m.std() / 316)
        assert s.mean() == pytest.approx((1 - beta2**t) * 1.25, abs=5 * s.std() / 316)
    # A constant gradient is seen as it is from the first step: every step is η.
    path = walk(nn.Adam(0.1, betas=(beta1, beta2), eps=0), lambda t: np.full(1, 3.0), [0.0], 12)
    np.testing.assert_allclose(np.diff(path[:, 0]), -0.1, rtol=1e-12)


@pytest.mark.equation("eq-adam-step")
def test_adam_step(rng):
    A, start = bowl(rng, [0.5, 2, 3]), rng.normal(size=3)
    rate, beta1, beta2, eps = 0.05, 0.8, 0.95, 1e-3
    theta, m, s, literal = start, np.zeros(3), np.zeros(3), [start]
    for t in range(1, 16):
        g = A @ theta
        m, s = beta1 * m + (1 - beta1) * g, beta2 * s + (1 - beta2) * g**2
        m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
        theta = theta - rate * m_hat / (np.sqrt(s_hat) + eps)
        literal.append(theta)
    settings = {"betas": (beta1, beta2), "eps": eps}
    ours = walk(nn.Adam(rate, **settings), lambda t: A @ t, start, 15)
    theirs = torch_walk(
        lambda p: torch.optim.Adam(p, lr=rate, **settings), lambda t: A @ t, start, 15
    )
    np.testing.assert_allclose(ours, literal, atol=1e-13)
    np.testing.assert_allclose(ours, theirs, atol=1e-13)


@pytest.mark.equation("eq-adam-scale")
def test_adam_does_not_see_the_scale(rng):
    gradients = rng.normal(size=(9, 4))
    c = np.array([1e-6, 0.5, 3, 1e6])
    paths = []
    for stream in (gradients, gradients * c):
        left = iter(stream)
        paths.append(walk(nn.Adam(0.01, eps=0), lambda _, left=left: next(left), np.zeros(4), 9))
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-9)
    np.testing.assert_allclose(paths[0][1], -0.01 * np.sign(gradients[0]), rtol=1e-12)


# --- sure, and wrong ----------------------------------------------------------------------------


@pytest.mark.equation("eq-plateau")
def test_squared_error_of_a_sigmoid_goes_flat():
    def loss(z, y):
        return nn.mean_squared_error(nn.sigmoid(z), y)

    y = np.array([1.0])
    for value in (-20.0, -10.0, -1.0, 2.0):
        z = np.array([value])
        a, backward_sigmoid = nn.vjp(nn.sigmoid, z)
        _, backward_loss = nn.vjp(nn.mean_squared_error, a, y, wrt=0)
        gradient = backward_sigmoid(backward_loss())
        literal = 2 * (a - y) * a * (1 - a)
        np.testing.assert_allclose(gradient, literal, rtol=1e-12)
        np.testing.assert_allclose(gradient, numerical_gradient(loss, z, y), atol=1e-9)
        _, theirs = torch_gradient(
            lambda t, u: torch.nn.functional.mse_loss(torch.sigmoid(t), u), z, y
        )
        np.testing.assert_allclose(gradient, theirs, rtol=1e-12)
        if value <= -10:
            np.testing.assert_allclose(gradient, -2 * np.exp(value), rtol=2e-4)
            _, backward = nn.vjp(nn.sigmoid_cross_entropy, z, y, wrt=0)
            assert backward()[0] == pytest.approx(-1, abs=1e-4)


@pytest.mark.equation("eq-trembling")
@pytest.mark.parametrize(("rate", "curvature"), [(0.1, 1.0), (0.5, 1.0), (0.2, 4.0)])
def test_trembling(rate, curvature):
    """nn.SGD in a bowl with a noisy slope: 4,000 walkers, after it has become steady."""
    rng, tau = np.random.default_rng(0), 0.7
    params = nn.Dense(1, 2000).init(dtype="float64")
    params.vector[:] = 0
    optimizer = nn.SGD(rate)
    for _ in range(300):
        noise = tau * rng.normal(size=params.vector.shape)
        slope = nn.Parameters(curvature * params.vector + noise, params.layout)
        optimizer.step(params, slope)
    predicted = rate * tau**2 / (curvature * (2 - rate * curvature))
    assert np.var(params.vector) == pytest.approx(predicted, rel=0.06)
