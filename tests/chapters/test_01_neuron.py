"""Proofs of the equations of chapter 1: the literal formula, the package, PyTorch and SciPy."""

import itertools
import math

import numpy as np
import pytest
import torch
from notebooks import cells_of
from scipy import optimize, special, stats
from witnesses import measured_slope

import nnlearn as nn

chapter = cells_of("01-neuron")

Z = np.array([-6.0, -2.5, -1.0, -0.3, 0.2, 0.9, 1.7, 4.0])  # not 0, where ReLU has its corner


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def literal_sum(w, x, b):
    z = 0.0
    for i in range(len(x)):
        z += w[i] * x[i]
    return z + b


def elementwise(function, z):
    return np.array([function(float(number)) for number in z])


def package_slope(function, z, **settings):
    return nn.vjp(function, z, **settings)[1](np.ones_like(z))


def torch_slope(function, z):
    z = torch.tensor(z, requires_grad=True)
    function(z).sum().backward()
    return z.grad.numpy()


def assert_slopes(ours, theirs, literal, measured_of=None, **settings):
    """The derived slope is the package's, PyTorch's, and the one that is measured."""
    derived = elementwise(literal, Z)
    assert np.allclose(package_slope(ours, Z, **settings), derived, rtol=1e-13, atol=1e-15)
    assert np.allclose(torch_slope(theirs, Z), derived, rtol=1e-12, atol=1e-15)
    of = measured_of or (lambda z: ours(z, **settings))
    assert np.allclose(measured_slope(of, Z), derived, atol=1e-9)


def assert_values(ours, theirs, literal, **settings):
    values = elementwise(literal, Z)
    assert np.allclose(ours(Z, **settings), values, rtol=1e-13, atol=1e-15)
    assert np.allclose(theirs(torch.tensor(Z)).numpy(), values, rtol=1e-12, atol=1e-15)


# --- the weighted sum and its boundary ----------------------------------------------------------


@pytest.mark.equation("eq-neuron")
@pytest.mark.parametrize("n", [1, 2, 5])
def test_neuron(n, rng):
    x, w, b = rng.normal(size=(6, n)), rng.normal(size=n), 0.7
    literal = [literal_sum(w, x_n, b) for x_n in x]
    assert np.allclose(nn.dense(x, w[None, :], np.array([b]))[:, 0], literal, atol=1e-14)
    tensors = [torch.tensor(a) for a in (x, w[None, :], np.array([b]))]
    theirs = torch.nn.functional.linear(*tensors)
    assert np.allclose(theirs.numpy()[:, 0], literal, atol=1e-14)


def test_the_neuron_on_paper():
    assert literal_sum([0.5, 2], [3, -1], 1) == 0.5
    assert literal_sum([0.5, 2], [3, -2], 1) == -1.5


@pytest.mark.equation("eq-activation")
def test_activation(rng):
    x, w, b = rng.normal(size=(5, 3)), rng.normal(size=3), -0.2
    literal = [1 / (1 + math.exp(-literal_sum(w, x_n, b))) for x_n in x]
    model = nn.Sequential(nn.Dense(3, 1), nn.Sigmoid())
    params = model.init(dtype="float64")
    params["0.W"], params["0.b"] = w[None, :], np.array([b])
    assert np.allclose(model(params, x)[:, 0], literal, atol=1e-14)
    theirs = torch.sigmoid(torch.tensor(x) @ torch.tensor(w) + b)
    assert np.allclose(theirs.numpy(), literal, atol=1e-14)


@pytest.mark.equation("eq-neuron-slopes")
def test_neuron_slopes(rng):
    x, w, b = rng.normal(size=(1, 4)), rng.normal(size=(1, 4)), np.array([0.3])
    dx, dw, db = nn.vjp(nn.dense, x, w, b)[1](np.ones((1, 1)))
    assert np.allclose(dw, x, atol=1e-15)
    assert np.allclose(dx, w, atol=1e-15)
    assert db == 1
    h = 1e-5
    for i, move in enumerate(np.eye(4) * h):
        for at, slope in ((w, x[0, i]), (x, w[0, i])):
            other = x if at is w else w
            ends = [literal_sum((at + m)[0], other[0], 0.3) for m in (move, -move)]
            assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(slope, abs=1e-9)
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    torch.nn.functional.linear(*tensors).sum().backward()
    for tensor, slope in zip(tensors, (w, x, [1.0]), strict=True):
        assert np.allclose(tensor.grad.numpy(), slope, atol=1e-15)


@pytest.mark.equation("eq-threshold")
def test_threshold():
    """The chapter's is Heaviside's step, and its slope is zero on both sides of the jump."""
    threshold = chapter("neuron-sum-literal")["threshold"]
    values = elementwise(threshold, np.array([*Z, 0.0]))
    assert np.array_equal(values, np.heaviside(np.array([*Z, 0.0]), 0.0))
    theirs = torch.heaviside(torch.tensor([*Z, 0.0]), torch.tensor(0.0, dtype=torch.float64))
    assert np.array_equal(values, theirs.numpy())
    assert np.all(measured_slope(lambda z: elementwise(threshold, z), Z) == 0)
    # It is what every neuron with a rising activation decides, if the limit is at the middle.
    assert np.array_equal(elementwise(threshold, Z), nn.sigmoid(Z) > 0.5)


@pytest.mark.equation("eq-boundary-normal")
@pytest.mark.parametrize("n", [2, 3, 6])
def test_boundary_normal(n, rng):
    w, b = rng.normal(size=n), 1.3

    def on_boundary(point):  # slide along the first coordinate until z is zero
        point = point.copy()
        point[0] -= literal_sum(w, point, b) / w[0]
        return point

    p, q = (on_boundary(rng.normal(size=n)) for _ in range(2))
    sums = nn.dense(np.stack([p, q]), w[None, :], np.array([b]))
    assert np.allclose(sums, 0, atol=1e-12)
    assert np.linalg.norm(q - p) > 0.1
    assert abs(literal_sum(w, q - p, 0)) < 1e-12


@pytest.mark.equation("eq-boundary-distance")
@pytest.mark.parametrize("n", [1, 2, 4])
def test_boundary_distance(n, rng):
    for _ in range(3):
        w, b, x = rng.normal(size=n), rng.normal(), 2 * rng.normal(size=n)
        z = literal_sum(w, x, b)
        length = math.sqrt(sum(w[i] ** 2 for i in range(n)))
        on_boundary = {"type": "eq", "fun": lambda p, w=w, b=b: literal_sum(w, p, b)}
        found = optimize.minimize(
            lambda p, x=x: np.sum((p - x) ** 2), np.zeros(n), constraints=on_boundary, tol=1e-12
        )
        assert math.sqrt(found.fun) == pytest.approx(abs(z) / length, rel=1e-5)
        nearest = x - z / length**2 * w  # the walk of the derivation ends on the boundary
        assert literal_sum(w, nearest, b) == pytest.approx(0, abs=1e-12)
        assert np.allclose(found.x, nearest, atol=1e-4)
        scaled = nn.dense(x[None], 10 * w[None], np.array([10 * b]))[0, 0] / (10 * length)
        assert scaled == pytest.approx(z / length)


# --- activations and their slopes ---------------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


@pytest.mark.equation("eq-log-odds")
def test_log_odds():
    a = nn.sigmoid(Z)
    literal = elementwise(lambda a: math.log(a / (1 - a)), a)
    assert np.allclose(literal, Z, rtol=1e-12)
    assert np.allclose(special.logit(a), Z, rtol=1e-12)
    assert np.allclose(torch.logit(torch.tensor(a)).numpy(), Z, rtol=1e-12)
    odds = nn.sigmoid(Z + 1) / (1 - nn.sigmoid(Z + 1))
    assert np.allclose(odds, math.e * a / (1 - a), rtol=1e-11)  # one unit: odds times e


@pytest.mark.equation("eq-sigmoid")
def test_sigmoid():
    assert_values(nn.sigmoid, torch.sigmoid, sigmoid)
    assert np.allclose(special.expit(Z), nn.sigmoid(Z), rtol=1e-14)
    assert nn.sigmoid(np.array(2.0)) == pytest.approx(0.8808, abs=5e-5)  # on paper


@pytest.mark.equation("eq-sigmoid-symmetry")
def test_sigmoid_symmetry():
    for z in Z:
        assert 1 - sigmoid(z) == pytest.approx(sigmoid(-z), abs=1e-15)
        assert math.exp(-z) / (1 + math.exp(-z)) == pytest.approx(sigmoid(-z), rel=1e-13)
    assert np.allclose(1 - nn.sigmoid(Z), nn.sigmoid(-Z), atol=1e-15)
    theirs = 1 - torch.sigmoid(torch.tensor(Z))
    assert np.allclose(theirs.numpy(), nn.sigmoid(-Z), atol=1e-15)


@pytest.mark.equation("eq-sigmoid-derivative")
def test_sigmoid_derivative():
    assert_slopes(nn.sigmoid, torch.sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z)))
    assert package_slope(nn.sigmoid, np.array([0.0, 2.0])) == pytest.approx(
        np.array([0.25, 0.1050]), abs=5e-5
    )


def tanh(z):
    return (math.exp(z) - math.exp(-z)) / (math.exp(z) + math.exp(-z))


@pytest.mark.equation("eq-tanh")
def test_tanh():
    assert_values(nn.tanh, torch.tanh, tanh)


@pytest.mark.equation("eq-tanh-sigmoid")
def test_tanh_sigmoid():
    assert np.allclose(nn.tanh(Z), 2 * nn.sigmoid(2 * Z) - 1, atol=1e-15)
    assert_values(nn.tanh, torch.tanh, lambda z: 2 * sigmoid(2 * z) - 1)


@pytest.mark.equation("eq-tanh-derivative")
def test_tanh_derivative():
    assert_slopes(nn.tanh, torch.tanh, lambda z: 1 - math.tanh(z) ** 2)


@pytest.mark.equation("eq-relu")
def test_relu():
    assert_values(nn.relu, torch.relu, lambda z: z if z > 0 else 0.0)
    assert nn.relu(np.array(0.0)) == 0


@pytest.mark.equation("eq-relu-derivative")
def test_relu_derivative():
    assert_slopes(nn.relu, torch.relu, lambda z: 1.0 if z > 0 else 0.0)
    assert package_slope(nn.relu, np.zeros(1)) == torch_slope(torch.relu, np.zeros(1)) == 0


@pytest.mark.equation("eq-leaky-relu")
@pytest.mark.parametrize("slope", [0.01, 0.1, 0.5])
def test_leaky_relu(slope):
    def theirs(z):
        return torch.nn.functional.leaky_relu(z, slope)

    assert_values(nn.leaky_relu, theirs, lambda z: z if z > 0 else slope * z, slope=slope)
    assert np.array_equal(nn.leaky_relu(Z), nn.leaky_relu(Z, slope=0.01))


@pytest.mark.equation("eq-leaky-relu-derivative")
@pytest.mark.parametrize("slope", [0.01, 0.1, 0.5])
def test_leaky_relu_derivative(slope):
    def theirs(z):
        return torch.nn.functional.leaky_relu(z, slope)

    assert_slopes(nn.leaky_relu, theirs, lambda z: 1.0 if z > 0 else slope, slope=slope)
    assert package_slope(nn.leaky_relu, np.zeros(1), slope=slope) == slope
    assert torch_slope(theirs, np.zeros(1)) == slope


@pytest.mark.equation("eq-softplus")
def test_softplus():
    assert_values(nn.softplus, torch.nn.functional.softplus, lambda z: math.log(1 + math.exp(z)))


@pytest.mark.equation("eq-softplus-derivative")
def test_softplus_derivative():
    assert_slopes(nn.softplus, torch.nn.functional.softplus, sigmoid)


@pytest.mark.equation("eq-activation-chain")
@pytest.mark.parametrize(
    ("ours", "slope"),
    [
        (nn.sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
        (nn.tanh, lambda z: 1 - math.tanh(z) ** 2),
        (nn.relu, lambda z: float(z > 0)),
        (nn.leaky_relu, lambda z: 1.0 if z > 0 else 0.01),
        (nn.softplus, sigmoid),
    ],
    ids=["sigmoid", "tanh", "relu", "leaky_relu", "softplus"],
)
def test_activation_chain(ours, slope, rng):
    """With something behind it, L = Σ a³: dL/dz = 3a² σ′(z)."""
    a, backward = nn.vjp(ours, Z)
    literal = 3 * a**2 * elementwise(slope, Z)
    assert np.allclose(backward(3 * a**2), literal, rtol=1e-12, atol=1e-15)
    assert np.allclose(measured_slope(lambda z: ours(z) ** 3, Z), literal, atol=1e-7)
    theirs = getattr(torch.nn.functional, ours.__name__)
    assert np.allclose(torch_slope(lambda z: theirs(z) ** 3, Z), literal, rtol=1e-11, atol=1e-14)


# --- a neuron that learns -----------------------------------------------------------------------


@pytest.fixture
def examples(rng):
    x = rng.normal(size=(7, 3))
    y = np.array([1.0, 0, 0, 1, 1, 0, 1])
    return rng.normal(size=3), 0.4, x, y


def literal_loss(w, b, x, y):
    loss = 0.0
    for n in range(len(x)):
        a = sigmoid(literal_sum(w, x[n], b))
        loss -= (y[n] * math.log(a) + (1 - y[n]) * math.log(1 - a)) / len(x)
    return loss


def literal_gradient(w, b, x, y):
    dw, db = np.zeros(len(w)), 0.0
    for n, i in itertools.product(range(len(x)), range(len(w))):
        dw[i] += (sigmoid(literal_sum(w, x[n], b)) - y[n]) * x[n, i] / len(x)
    for n in range(len(x)):
        db += (sigmoid(literal_sum(w, x[n], b)) - y[n]) / len(x)
    return dw, db


def package_gradient(w, b, x, y):
    z, backward_sum = nn.vjp(nn.dense, x, w[None, :], np.array([b]))
    loss, backward_loss = nn.vjp(nn.sigmoid_cross_entropy, z[:, 0], y, wrt=0)
    _, dW, db = backward_sum(backward_loss()[:, None])
    return loss, dW[0], db[0]


@pytest.mark.equation("eq-neuron-loss")
def test_neuron_loss(examples):
    w, b, x, y = examples
    literal = literal_loss(w, b, x, y)
    assert package_gradient(w, b, x, y)[0] == pytest.approx(literal, rel=1e-13)
    a = torch.sigmoid(torch.tensor(x) @ torch.tensor(w) + b)
    theirs = torch.nn.functional.binary_cross_entropy(a, torch.tensor(y))
    assert theirs.item() == pytest.approx(literal, rel=1e-12)


@pytest.mark.equation("eq-neuron-loss-logit")
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_neuron_loss_logit(y):
    for z in Z:
        literal = -y * math.log(sigmoid(z)) - (1 - y) * math.log(1 - sigmoid(z))
        assert math.log(1 + math.exp(z)) - y * z == pytest.approx(literal, rel=1e-11)
        ours = nn.sigmoid_cross_entropy(np.array([z]), np.array([y]))
        assert ours == pytest.approx(literal, rel=1e-11)
        theirs = torch.nn.functional.binary_cross_entropy_with_logits(
            torch.tensor(z), torch.tensor(y, dtype=torch.float64)
        )
        assert theirs.item() == pytest.approx(literal, rel=1e-11)
    # Where the first form is infinite, this one keeps all digits.
    assert nn.sigmoid_cross_entropy(np.array([40.0]), np.array([0.0])) == pytest.approx(40)


@pytest.mark.equation("eq-neuron-error")
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_neuron_error(y):
    targets = np.full_like(Z, y)
    literal = elementwise(sigmoid, Z) - y
    _, backward = nn.vjp(nn.sigmoid_cross_entropy, Z, targets, wrt=0)
    assert np.allclose(len(Z) * backward(), literal, atol=1e-14)
    slopes = measured_slope(lambda z: nn.softplus(z) - y * z, Z)
    assert np.allclose(slopes, literal, atol=1e-9)

    def theirs(z):
        return torch.nn.functional.binary_cross_entropy_with_logits(
            z, torch.tensor(targets), reduction="sum"
        )

    assert np.allclose(torch_slope(theirs, Z), literal, atol=1e-14)


@pytest.mark.equation("eq-neuron-gradient")
def test_neuron_gradient(examples):
    w, b, x, y = examples
    dw, db = literal_gradient(w, b, x, y)
    _, our_dw, our_db = package_gradient(w, b, x, y)
    assert np.allclose(our_dw, dw, atol=1e-14)
    assert our_db == pytest.approx(db, abs=1e-14)
    h = 1e-5
    for i, move in enumerate(np.eye(3) * h):
        rise = literal_loss(w + move, b, x, y) - literal_loss(w - move, b, x, y)
        assert rise / (2 * h) == pytest.approx(dw[i], abs=1e-9)
    rise = literal_loss(w, b + h, x, y) - literal_loss(w, b - h, x, y)
    assert rise / (2 * h) == pytest.approx(db, abs=1e-9)
    w_t, b_t = (torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (w, b))
    a_t = torch.sigmoid(torch.tensor(x) @ w_t + b_t)
    torch.nn.functional.binary_cross_entropy(a_t, torch.tensor(y)).backward()
    assert np.allclose(w_t.grad.numpy(), dw, atol=1e-13)
    assert b_t.grad.item() == pytest.approx(db, abs=1e-13)


@pytest.mark.equation("eq-neuron-step")
def test_neuron_step(examples):
    w, b, x, y = examples
    dw, db = literal_gradient(w, b, x, y)
    rate = 0.3
    literal = np.array([w[i] - rate * dw[i] for i in range(3)])

    model = nn.Sequential(nn.Dense(3, 1))
    params, grads = model.init(dtype="float64"), model.init(dtype="float64")
    params["0.W"], params["0.b"] = w[None, :], np.array([b])
    grads["0.W"], grads["0.b"] = dw[None, :], np.array([db])
    nn.SGD(rate).step(params, grads)
    assert np.allclose(params["0.W"][0], literal, atol=1e-15)
    assert params["0.b"][0] == pytest.approx(b - rate * db)

    w_t = torch.tensor(w, requires_grad=True)
    w_t.grad = torch.tensor(dw)
    torch.optim.SGD([w_t], lr=rate).step()
    assert np.allclose(w_t.detach().numpy(), literal, atol=1e-15)
    assert literal_loss(literal, b - rate * db, x, y) < literal_loss(w, b, x, y)


def test_the_step_on_paper():
    x, y = np.array([[1.0, 1.0], [-1.0, 0.0]]), np.array([1.0, 0.0])
    loss, dw, db = package_gradient(np.zeros(2), 0.0, x, y)
    assert loss == pytest.approx(math.log(2))
    assert (dw.tolist(), db) == ([-0.5, -0.25], 0)
    loss, _, _ = package_gradient(np.array([0.5, 0.25]), 0.0, x, y)
    assert loss == pytest.approx((0.387 + 0.474) / 2, abs=5e-4)


# --- how it fails -------------------------------------------------------------------------------


@pytest.mark.equation("eq-standardise")
def test_standardise(rng):
    x, other = 5 + 3 * rng.normal(size=(2, 6, 2)) * np.array([1, 100])
    literal, literal_other = np.zeros_like(x), np.zeros_like(other)
    for i in range(2):
        mean = sum(x[:, i]) / 6
        deviation = math.sqrt(sum((x[n, i] - mean) ** 2 for n in range(6)) / 6)
        for n in range(6):
            literal[n, i] = (x[n, i] - mean) / deviation
            literal_other[n, i] = (other[n, i] - mean) / deviation
    ours = nn.data.standardize_columns(x, other)
    assert np.allclose(ours[0], literal, atol=1e-13)
    assert np.allclose(ours[1], literal_other, atol=1e-12)
    from sklearn.preprocessing import StandardScaler

    assert np.allclose(StandardScaler().fit_transform(x), literal, atol=1e-13)


@pytest.mark.equation("eq-saturation")
def test_saturation():
    z = np.array([-700.0, -30.0, *Z, 30.0, 700.0])
    literal = elementwise(lambda z: math.exp(-abs(z)) / (1 + math.exp(-abs(z))) ** 2, z)
    bound = np.exp(-np.abs(z))
    assert np.all(literal <= bound)  # equal only where 1 + e⁻ᶻ is rounded to 1
    assert np.all(literal[2:-2] < bound[2:-2])
    assert np.allclose(package_slope(nn.sigmoid, z), literal, rtol=1e-2, atol=1e-16)
    assert np.allclose(torch_slope(torch.sigmoid, z), literal, rtol=1e-2, atol=1e-16)
    # Far out, a (1 - a) keeps few digits of 1 - a; nearer by, it keeps nearly all.
    assert np.allclose(package_slope(nn.sigmoid, Z), literal[2:-2], rtol=1e-12, atol=0)
    assert literal.max() < 0.25  # at most a quarter, which is reached at zero
    assert package_slope(nn.sigmoid, np.zeros(1)) == 0.25


@pytest.mark.equation("eq-sigmoid-stable")
def test_sigmoid_stable():
    z = np.array([-1e4, -800.0, -40.0, *Z, 0.0, 40.0, 800.0, 1e4])

    def literal(z):
        e = math.exp(-abs(z))  # at most 1: it cannot overflow
        return 1 / (1 + e) if z >= 0 else e / (1 + e)

    values = elementwise(literal, z)
    with np.errstate(all="raise", under="ignore"):
        assert np.allclose(nn.sigmoid(z), values, rtol=1e-15, atol=0)
    assert np.allclose(special.expit(z), values, rtol=1e-14, atol=1e-300)
    assert np.allclose(torch.sigmoid(torch.tensor(z)).numpy(), values, rtol=1e-13, atol=1e-300)
    assert np.allclose(values[3:-4], elementwise(sigmoid, Z), rtol=1e-14)
    with pytest.raises(OverflowError):
        sigmoid(-800.0)


@pytest.mark.equation("eq-softplus-stable")
def test_softplus_stable():
    z = np.array([-1e4, -800.0, -40.0, *Z, 0.0, 40.0, 800.0, 1e4])
    values = elementwise(lambda z: max(z, 0) + math.log1p(math.exp(-abs(z))), z)
    with np.errstate(all="raise", under="ignore"):
        assert np.allclose(nn.softplus(z), values, rtol=1e-15, atol=0)
    assert np.allclose(np.logaddexp(0, z), values, rtol=1e-14, atol=0)
    plain = elementwise(lambda z: math.log(1 + math.exp(z)), Z)
    assert np.allclose(values[3:-4], plain, rtol=1e-12)
    theirs = torch.logaddexp(torch.tensor(z), torch.zeros(len(z), dtype=torch.float64))
    assert np.allclose(theirs.numpy(), values, rtol=1e-13, atol=1e-300)


# --- what no neuron can do ----------------------------------------------------------------------

SWITCHES = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def separable(answers):
    """Ask a linear program for w, b with z ≥ 1 where the answer is 1, and z ≤ -1 where it is 0."""
    sign = np.where(np.array(answers) == 1, 1.0, -1.0)
    rows = -sign[:, None] * np.column_stack([SWITCHES, np.ones(4)])
    found = optimize.linprog(np.zeros(3), A_ub=rows, b_ub=-np.ones(4), bounds=[(None, None)] * 3)
    return found.status == 0


@pytest.mark.equation("eq-bayes-odds")
def test_bayes_odds(rng):
    """A table of joint probabilities says both odds; and a neuron adds the logarithms."""
    prior = np.array([0.3, 0.7])  # malignant, benign
    first, second = rng.dirichlet(np.ones(3), size=(2, 2))  # P(piece | answer), three values each
    joint = prior[:, None, None] * first[:, :, None] * second[:, None, :]  # independent, given it
    posterior = joint[0] / joint.sum(axis=0)
    new_odds = prior[0] / prior[1] * (first[0] / first[1])
    assert np.allclose(joint.sum(axis=2)[0] / joint.sum(axis=2)[1], new_odds, rtol=1e-13)
    evidence = np.log(first[0] / first[1])[:, None] + np.log(second[0] / second[1])[None, :]
    x = evidence.reshape(-1, 1)
    z = nn.dense(x, np.ones((1, 1)), np.log(prior[:1] / prior[1:]))
    assert np.allclose(nn.sigmoid(z).ravel(), posterior.ravel(), rtol=1e-13)


@pytest.mark.equation("eq-gaussian-evidence")
def test_gaussian_evidence():
    m_1, m_0, s, x = 1.4, -0.5, 0.8, np.linspace(-3, 3, 7)
    log_ratio = stats.norm(m_1, s).logpdf(x) - stats.norm(m_0, s).logpdf(x)
    w, b = (m_1 - m_0) / s**2, -(m_1**2 - m_0**2) / (2 * s**2)
    z = nn.dense(x[:, None], np.array([[w]]), np.array([b]))[:, 0]
    assert np.allclose(z, log_ratio, rtol=1e-12)


@pytest.mark.equation("eq-neuron-first-step")
def test_neuron_first_step(rng):
    y = np.repeat([1.0, 0.0], [7, 13])
    x = rng.normal(size=(20, 3)) + np.outer(y, [1.0, -2.0, 0.5])
    centred = x - x.mean(axis=0)
    _, dw, _ = package_gradient(np.zeros(3), 0.0, centred, y)
    way = centred[y == 1].mean(axis=0) - centred[y == 0].mean(axis=0)
    assert np.allclose(-0.3 * dw, 0.3 * (7 * 13) / 20**2 * way, atol=1e-14)
    _, dw, _ = package_gradient(np.zeros(3), 0.0, x + 5, y)  # and not without the mean of zero
    assert not np.allclose(-0.3 * dw, 0.3 * (7 * 13) / 20**2 * way, atol=0.1)


def measured_hessian(w, b, x, y, h=1e-5):
    """Central differences of the package's gradient, by w and b."""

    def gradient(theta):
        _, dw, db = package_gradient(theta[:-1], theta[-1], x, y)
        return np.append(dw, db)

    theta = np.append(w, b)
    moves = h * np.eye(len(theta))
    return np.array([(gradient(theta + m) - gradient(theta - m)) / (2 * h) for m in moves])


@pytest.mark.equation("eq-neuron-hessian")
@pytest.mark.parametrize(("w", "b"), [(0.0, 0.0), (0.2, -1.5)])
def test_neuron_hessian(w, b, rng):
    x, y = 3 + 2 * rng.normal(size=(30, 1)), rng.integers(2, size=30).astype(float)
    a = special.expit(w * x[:, 0] + b)
    terms = [[x[:, 0] ** 2, x[:, 0]], [x[:, 0], np.ones(30)]]
    derived = [[np.mean(a * (1 - a) * term) for term in row] for row in terms]
    assert np.allclose(measured_hessian(np.array([w]), b, x, y), derived, atol=1e-8)
    if w == b == 0:
        mu, s = x.mean(), x.std()
        at_zero = np.array([[s**2 + mu**2, mu], [mu, 1]]) / 4
        assert np.allclose(derived, at_zero, rtol=1e-12)
        curvatures = chapter("neuron-curvatures")["curvatures"]
        assert np.allclose(curvatures(x), np.linalg.eigvalsh(at_zero)[[0, -1]], rtol=1e-9)


@pytest.mark.equation("eq-narrow-way")
@pytest.mark.parametrize("mu", [0.0, 3.0, 16.3])
def test_narrow_way(mu, rng):
    """The curvature along and across: second differences of the package's loss."""
    x = rng.normal(size=(50, 1))
    x = mu + 4.8 * (x - x.mean()) / x.std()
    y, s, h = (x[:, 0] > mu).astype(float), 4.8, 1e-4
    along = s**2 / (4 * (1 + mu**2))
    across = (1 + mu**2 + s**2 * mu**2 / (1 + mu**2)) / 4
    for u, curvature in (((1, -mu), along), ((mu, 1), across)):
        u = np.array(u) / np.sqrt(1 + mu**2)
        at = [package_gradient(k * h * u[:1], k * h * u[1], x, y)[1:] for k in (-1, 1)]
        slopes = [dw[0] * u[0] + db * u[1] for dw, db in at]
        assert (slopes[1] - slopes[0]) / (2 * h) == pytest.approx(curvature, rel=1e-4)


@pytest.mark.equation("eq-neuron-convex")
def test_neuron_convex(rng):
    x, y = rng.normal(size=(12, 2)), rng.integers(2, size=12).astype(float)
    for w, u in rng.normal(size=(20, 2, 2)):
        b, c, h = rng.normal(), rng.normal(), 1e-5
        z, v = x @ w + b, x @ u + c
        _, dw, db = package_gradient(w, b, x, y)
        slope = np.mean((special.expit(z) - y) * v)
        assert dw @ u + db * c == pytest.approx(slope, abs=1e-13)
        ends = [package_gradient(w + k * h * u, b + k * h * c, x, y)[1:] for k in (-1, 1)]
        speed = np.subtract(*[dw @ u + db * c for dw, db in ends[::-1]]) / (2 * h)
        second = np.mean(special.expit(z) * special.expit(-z) * v**2)
        assert speed == pytest.approx(second, abs=1e-8)
        assert second >= 0


@pytest.mark.equation("eq-xor")
def test_xor(rng):
    # The proof: the two sums that must differ in sign are one and the same number.
    for w1, w2, b in rng.normal(size=(100, 3)):
        middle, outer = (w1 + b) + (w2 + b), b + (w1 + w2 + b)
        assert middle == pytest.approx(outer)
        z = nn.dense(SWITCHES, np.array([[w1, w2]]), np.array([b]))[:, 0]
        assert ((z > 0) == np.array([False, True, True, False])).sum() <= 3
    # Of all sixteen questions about two switches, XOR and its opposite alone have no line.
    without = [q for q in itertools.product((0, 1), repeat=4) if not separable(q)]
    assert without == [(0, 1, 1, 0), (1, 0, 0, 1)]
