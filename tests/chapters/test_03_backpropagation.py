"""Proofs of the equations of chapter 3: the literal formula, the package, and PyTorch."""

import itertools
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from notebooks import cells_of
from scipy import optimize
from witnesses import measured_jacobian

import nnlearn as nn
from nnlearn.book.figures import COLORS
from nnlearn.checking import central_difference

EPS = float(np.finfo(np.float64).eps)
chapter = cells_of("03-backpropagation", pairwise=itertools.pairwise, plt=plt, COLORS=COLORS)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def package_jacobian(f, x, *constants):
    """All rows of a Jacobian, each by one call of the backward function."""
    y, backward = nn.vjp(f, x, *constants, wrt=0)
    rows = [backward(u.reshape(y.shape)).reshape(-1) for u in np.eye(y.size)]
    return np.stack(rows)


def torch_jacobian(f, x):
    """The same table from PyTorch."""
    x = torch.tensor(x)
    J = torch.autograd.functional.jacobian(f, x).numpy()
    return J.reshape(-1, x.numel())


def literal_vjp(J, dy):
    """Σᵢ Jᵢⱼ dyᵢ for each j, in loops; i and j number all elements of arrays of any shape."""
    J = J.reshape(len(dy), -1)
    dx = np.zeros(J.shape[1])
    for j in range(J.shape[1]):
        for i in range(J.shape[0]):
            dx[j] += J[i, j] * dy[i]
    return dx


FUNCTIONS = [
    (nn.tanh, torch.tanh),
    (nn.sigmoid, torch.sigmoid),
    (nn.softplus, torch.nn.functional.softplus),
    (nn.softmax, lambda x: torch.softmax(x, -1)),
    (nn.log_softmax, lambda x: torch.log_softmax(x, -1)),
]
each_function = pytest.mark.parametrize(
    ("ours", "theirs"), FUNCTIONS, ids=[f.__name__ for f, _ in FUNCTIONS]
)


# --- the chain rule -----------------------------------------------------------------------------


@pytest.mark.equation("eq-jacobian")
@each_function
def test_jacobian(ours, theirs, rng):
    x, v = rng.normal(size=(2, 4))
    J = package_jacobian(ours, x)
    assert np.allclose(J, measured_jacobian(ours, x), atol=1e-8)
    assert np.allclose(J, torch_jacobian(theirs, x), atol=1e-12)
    # What is left of a nudge after J v falls faster than the nudge: like its square.
    rest = [np.abs(ours(x + h * v) - ours(x) - J @ (h * v)).max() for h in (1e-2, 1e-3)]
    assert 50 < rest[0] / rest[1] < 200


@pytest.mark.equation("eq-chain-rule")
def test_chain_rule(rng):
    W, b, x = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=3)

    def whole(x):
        return nn.softmax(nn.tanh(nn.dense(x, W, b)))

    u = nn.dense(x, W, b)
    factors = [package_jacobian(nn.softmax, nn.tanh(u)), package_jacobian(nn.tanh, u), W]
    product = factors[0] @ factors[1] @ factors[2]
    paths = np.zeros((5, 3))  # the sum over every path through the two layers between
    for i, k, m, j in itertools.product(range(5), range(5), range(5), range(3)):
        paths[i, j] += factors[0][i, k] * factors[1][k, m] * factors[2][m, j]
    assert np.allclose(paths, product, atol=1e-14)
    assert np.allclose(product, measured_jacobian(whole, x), atol=1e-8)
    W_t, b_t = torch.tensor(W), torch.tensor(b)
    theirs = torch_jacobian(lambda x: torch.softmax(torch.tanh(x @ W_t.T + b_t), -1), x)
    assert np.allclose(product, theirs, atol=1e-12)


@pytest.mark.equation("eq-dense-jacobian")
def test_dense_jacobian(rng):
    N, D, M = 3, 4, 2
    x, W, b = rng.normal(size=(N, D)), rng.normal(size=(M, D)), rng.normal(size=M)
    literal = np.zeros((N, M, N, D))
    for n, m, other, d in itertools.product(range(N), range(M), range(N), range(D)):
        literal[n, m, other, d] = W[m, d] if n == other else 0.0
    literal = literal.reshape(N * M, N * D)
    assert np.count_nonzero(literal) == literal.size // N
    assert np.allclose(package_jacobian(nn.dense, x, W, b), literal, atol=1e-14)
    W_t, b_t = torch.tensor(W), torch.tensor(b)
    assert np.allclose(torch_jacobian(lambda x: x @ W_t.T + b_t, x), literal, atol=1e-14)
    dz = rng.normal(size=(N, M))
    dx = nn.vjp(nn.dense, x, W, b, wrt=0)[1](dz)
    assert np.allclose(dx.reshape(-1), literal_vjp(literal, dz.reshape(-1)), atol=1e-13)


# --- the vector-Jacobian product ----------------------------------------------------------------


@pytest.mark.equation("eq-vjp")
@each_function
def test_vjp(ours, theirs, rng):
    x, dy = rng.normal(size=(2, 5))
    literal = literal_vjp(measured_jacobian(ours, x), dy)
    dx = nn.vjp(ours, x)[1](dy)
    assert np.allclose(dx, literal, atol=1e-8)
    _, by_torch = torch.autograd.functional.vjp(theirs, torch.tensor(x), torch.tensor(dy))
    assert np.allclose(dx, by_torch.numpy(), atol=1e-12)


@pytest.mark.equation("eq-elementwise-vjp")
@pytest.mark.parametrize(
    ("ours", "slope"),
    [
        (nn.tanh, lambda x: 1 - np.tanh(x) ** 2),
        (nn.sigmoid, lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
        (nn.softplus, lambda x: 1 / (1 + np.exp(-x))),
        (nn.relu, lambda x: float(x > 0)),
        (nn.leaky_relu, lambda x: 1.0 if x > 0 else 0.01),
    ],
    ids=["tanh", "sigmoid", "softplus", "relu", "leaky_relu"],
)
def test_elementwise_vjp(ours, slope, rng):
    x, dy = rng.normal(size=(2, 6))
    assert np.sum(x > 0) not in (0, 6)
    J = package_jacobian(ours, x)
    assert np.count_nonzero(J - np.diag(np.diag(J))) == 0
    literal = np.array([dy[i] * slope(x[i]) for i in range(6)])
    assert np.allclose(nn.vjp(ours, x)[1](dy), literal, atol=1e-14)
    theirs = getattr(torch.nn.functional, ours.__name__)
    _, by_torch = torch.autograd.functional.vjp(theirs, torch.tensor(x), torch.tensor(dy))
    assert np.allclose(literal, by_torch.numpy(), atol=1e-12)


@pytest.mark.equation("eq-vjp-composition")
def test_vjp_composition(rng):
    model = nn.Sequential(nn.Dense(3, 5), nn.Tanh(), nn.Dense(5, 4), nn.Sigmoid())
    params = model.init(seed=1, dtype="float64")
    x, dy = rng.normal(size=(2, 3)), rng.normal(size=(2, 4))
    grads, dx = nn.vjp(model, params, x)[1](dy)

    z1, back1 = nn.vjp(nn.dense, x, params["0.W"], params["0.b"])
    a1, back2 = nn.vjp(nn.tanh, z1)
    z2, back3 = nn.vjp(nn.dense, a1, params["2.W"], params["2.b"])
    _, back4 = nn.vjp(nn.sigmoid, z2)
    dz2 = back4(dy)
    da1, dW2, db2 = back3(dz2)
    dz1 = back2(da1)
    by_hand, dW1, db1 = back1(dz1)
    assert np.allclose(dx, by_hand, atol=1e-14)
    for name, gradient in {"0.W": dW1, "0.b": db1, "2.W": dW2, "2.b": db2}.items():
        assert np.allclose(grads[name], gradient, atol=1e-14)
    literal = literal_vjp(measured_jacobian(lambda x: model(params, x), x), dy.reshape(-1))
    assert np.allclose(dx.reshape(-1), literal, atol=1e-8)

    W1, b1, W2, b2 = (torch.tensor(params[k], requires_grad=True) for k in params)
    a1_t = torch.tanh(torch.tensor(x) @ W1.T + b1)
    a1_t.retain_grad()
    torch.sigmoid(a1_t @ W2.T + b2).backward(torch.tensor(dy))
    assert np.allclose(da1, a1_t.grad.numpy(), atol=1e-12)  # the gradient in between counts too
    assert np.allclose(grads["0.W"], W1.grad.numpy(), atol=1e-12)
    assert np.allclose(grads["2.b"], b2.grad.numpy(), atol=1e-12)


@pytest.mark.equation("eq-parameter-gradient")
def test_parameter_gradient(rng):
    """Each layer's measured Jacobian by its parameters and by its input; the loop; the model."""
    model = nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 2))
    params = model.init(seed=2, dtype="float64")
    x, target = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    y, backward = nn.vjp(model, params, x)
    _, backward_loss = nn.vjp(nn.mean_squared_error, y, target, wrt=0)
    grads, dx = backward(backward_loss())

    a = nn.tanh(nn.dense(x, params["0.W"], params["0.b"]))
    dy = backward_loss().reshape(-1)  # ∂L/∂y of the last layer
    J_W = measured_jacobian(lambda W: nn.dense(a, W, params["2.b"]), params["2.W"])
    J_a = measured_jacobian(lambda a: nn.dense(a, params["2.W"], params["2.b"]), a)
    assert np.allclose(literal_vjp(J_W, dy), grads["2.W"].ravel(), atol=1e-8)
    da = literal_vjp(J_a, dy)
    first = nn.Sequential(nn.Dense(3, 4), nn.Tanh())
    below = nn.Parameters(params.vector[:16].copy(), first.init().layout)
    J_below = measured_jacobian(
        lambda theta: first(nn.Parameters(theta, below.layout), x), below.vector
    )
    assert np.allclose(literal_vjp(J_below, da), grads.vector[:16], atol=1e-8)

    numbers = rng.random((64, 784))
    theta = nn.Sequential(nn.Dense(784, 64), nn.ReLU(), nn.Dense(64, 10)).init(dtype="float64")
    given = {"x_train": numbers, "theta": theta, "labels": rng.integers(10, size=64)}
    given["model"] = nn.Sequential(nn.Dense(784, 64), nn.ReLU(), nn.Dense(64, 10))
    logits = given["model"](theta, numbers)
    given["backward_loss"] = nn.vjp(nn.softmax_cross_entropy, logits, given["labels"])[1]
    loop = chapter("backpropagation-loop", **given)["backpropagation"]
    layers = [(nn.dense, (params["0.W"], params["0.b"])), (nn.tanh, ())]
    layers.append((nn.dense, (params["2.W"], params["2.b"])))
    dx_by_loop, by_layer = loop(layers, x, lambda y: backward_loss())
    assert np.allclose(dx_by_loop, dx, atol=1e-14)
    slopes = np.concatenate([g.ravel() for dtheta in by_layer for g in dtheta])
    assert np.allclose(slopes, grads.vector, atol=1e-14)


def counted_product(A, B):
    """A matrix product in loops, and the number of multiplications that it made."""
    C, count = np.zeros((A.shape[0], B.shape[1])), 0
    for i, j, k in itertools.product(range(A.shape[0]), range(B.shape[1]), range(A.shape[1])):
        C[i, j] += A[i, k] * B[k, j]
        count += 1
    return C, count


@pytest.mark.equation("eq-order-cost")
@pytest.mark.parametrize("sizes", [(5, 4, 3, 1), (2, 4, 3, 6), (3, 3, 3, 3, 3)])
def test_order_cost(sizes, rng):
    """The chapter counts as many multiplications as the products make, in both orders."""
    L = len(sizes) - 1
    jacobians = [rng.normal(size=(sizes[k], sizes[k - 1])) for k in range(1, L + 1)]
    reverse, reverse_count = jacobians[-1], 0
    for J in jacobians[-2::-1]:
        reverse, count = counted_product(reverse, J)
        reverse_count += count
    forward, forward_count = jacobians[0], 0
    for J in jacobians[1:]:
        forward, count = counted_product(J, forward)
        forward_count += count
    assert np.allclose(reverse, forward, atol=1e-12)
    shown = chapter("backpropagation-order-count")["multiplications"]
    assert (shown(sizes, reverse=True), shown(sizes, reverse=False)) == (
        reverse_count,
        forward_count,
    )
    assert reverse_count == sizes[L] * sum(sizes[k] * sizes[k - 1] for k in range(1, L))
    assert forward_count == sizes[0] * sum(sizes[k] * sizes[k - 1] for k in range(2, L + 1))


@pytest.mark.equation("eq-fan-out")
def test_fan_out(rng):
    x, dy = rng.normal(size=(2, 4, 3))
    W, b = rng.normal(size=(3, 3)), rng.normal(size=3)

    def twice(x, W):  # x goes round the layers and through them; W is used in both layers
        return x + nn.dense(nn.tanh(nn.dense(x, W, b)), W, b)

    z, back1 = nn.vjp(nn.dense, x, W, b)
    a, back2 = nn.vjp(nn.tanh, z)
    _, back3 = nn.vjp(nn.dense, a, W, b)
    da, dW_outer, _ = back3(dy)
    dx_through, dW_inner, _ = back1(back2(da))
    dx, dW = dy + dx_through, dW_outer + dW_inner
    for gradient, f, at in ((dx, lambda x: twice(x, W), x), (dW, lambda W: twice(x, W), W)):
        literal = literal_vjp(measured_jacobian(f, at), dy.reshape(-1))
        assert np.allclose(gradient.reshape(-1), literal, atol=1e-8)
    x_t, W_t, b_t = (torch.tensor(a, requires_grad=True) for a in (x, W, b))
    y_t = x_t + torch.tanh(x_t @ W_t.T + b_t) @ W_t.T + b_t
    y_t.backward(torch.tensor(dy))
    assert np.allclose(dx, x_t.grad.numpy(), atol=1e-12)
    assert np.allclose(dW, W_t.grad.numpy(), atol=1e-12)
    assert not np.allclose(dW_outer, W_t.grad.numpy(), atol=1e-3)  # one use alone is not enough


@pytest.mark.equation("eq-fan-out")
def test_gradients_of_a_graph(rng):
    """The chapter's engine on a graph where values are used once, twice and three times."""
    page = chapter("backpropagation-graph-loop", x=np.ones(3), dy=np.ones(3))
    add, graph_gradients = page["add"], page["graph_gradients"]
    steps = [
        ("z", nn.dense, ["x", "W", "b"]),
        ("a", nn.tanh, ["z"]),
        ("s", nn.dense, ["a", "W", "b"]),
        ("t", add, ["x", "s"]),
        ("u", add, ["t", "t"]),
        ("y", add, ["u", "z"]),
    ]
    values = {"x": rng.normal(size=(4, 3)), "W": rng.normal(size=(3, 3)), "b": rng.normal(size=3)}
    dy = rng.normal(size=(4, 3))
    gradients = graph_gradients(steps, values, dy)
    x, W, b = (torch.tensor(values[name], requires_grad=True) for name in "xWb")
    z = x @ W.T + b
    t = x + torch.tanh(z) @ W.T + b
    (t + t + z).backward(torch.tensor(dy))
    for name, tensor in zip("xWb", (x, W, b), strict=True):
        assert np.allclose(gradients[name], tensor.grad.numpy(), rtol=1e-12, atol=1e-12), name
    assert set(values) == {"x", "W", "b"}  # what was given is as it was


# --- the network on paper -----------------------------------------------------------------------

X, TARGET = np.array([[1.0, 2.0]]), np.array([[3.0]])
WEIGHTS = {
    "0.W": np.array([[1.0, 0.5], [-1.0, 0.5]]),
    "0.b": np.array([0.0, -1.0]),
    "2.W": np.array([[0.5, -2.0]]),
    "2.b": np.array([0.3]),
}


def paper_network():
    model = nn.Sequential(nn.Dense(2, 2), nn.LeakyReLU(0.1), nn.Dense(2, 1))
    params = model.init(dtype="float64")
    for name, values in WEIGHTS.items():
        params[name] = values
    return model, params


@pytest.mark.equation("eq-worked-network")
def test_worked_network():
    z = [1 * 1 + 0.5 * 2 + 0, -1 * 1 + 0.5 * 2 - 1]
    a = [z[0], 0.1 * z[1]]
    y = 0.5 * a[0] - 2 * a[1] + 0.3
    assert (z, a) == ([2, -1], [2, -0.1])  # the numbers of the chapter's table
    assert y == pytest.approx(1.5)
    assert (y - 3) ** 2 == pytest.approx(2.25)
    model, params = paper_network()
    assert model(params, X) == pytest.approx(np.array([[y]]))
    assert nn.mean_squared_error(model(params, X), TARGET) == pytest.approx(2.25)


@pytest.mark.equation("eq-worked-gradients")
def test_worked_gradients():
    paper = {
        "2.W": [[-6, 0.3]],
        "2.b": [-3],
        "0.W": [[-1.5, -3], [0.6, 1.2]],
        "0.b": [-1.5, 0.6],
    }
    model, params = paper_network()
    y, backward = nn.vjp(model, params, X)
    _, backward_loss = nn.vjp(nn.mean_squared_error, y, TARGET, wrt=0)
    dy = backward_loss()
    assert dy == pytest.approx(np.array([[-3.0]]))
    grads, dx = backward(dy)

    tensors = {k: torch.tensor(v, requires_grad=True) for k, v in WEIGHTS.items()}
    x_t = torch.tensor(X, requires_grad=True)
    z_t = x_t @ tensors["0.W"].T + tensors["0.b"]
    a_t = torch.nn.functional.leaky_relu(z_t, 0.1)
    y_t = a_t @ tensors["2.W"].T + tensors["2.b"]
    for between in (z_t, a_t):
        between.retain_grad()
    ((y_t - 3) ** 2).sum().backward()
    assert np.allclose(a_t.grad.numpy(), [[-1.5, 6]])  # the numbers between, as on paper
    assert np.allclose(z_t.grad.numpy(), [[-1.5, 0.6]])
    for name, numbers in paper.items():
        assert np.allclose(grads[name], numbers, atol=1e-14)
        assert np.allclose(tensors[name].grad.numpy(), numbers, atol=1e-14)
    assert np.allclose(dx, [[-2.1, -0.45]], atol=1e-14)
    assert np.allclose(x_t.grad.numpy(), dx, atol=1e-14)

    def loss_of(params, x):
        return nn.mean_squared_error(model(params, x), TARGET)

    step = 1e-5  # every slope is measured, too
    for k in range(params.vector.size):
        sides = []
        for side in (step, -step):
            moved = params.copy()
            moved.vector[k] += side
            sides.append(loss_of(moved, X))
        assert (sides[0] - sides[1]) / (2 * step) == pytest.approx(grads.vector[k], abs=1e-8)


# --- gradient checking --------------------------------------------------------------------------


@pytest.mark.equation("eq-forward-difference")
def test_forward_difference(monkeypatch):
    """The errors that the chapter draws lie where f'' puts them; and exactly, in fractions."""
    monkeypatch.setattr(plt, "show", lambda: None)
    shown = chapter("backpropagation-error-figure")  # relative errors, of 1/x at 3, in float64
    plt.close("all")
    h, rounding = shown["h"], 6 * EPS / shown["h"]
    assert np.all(shown["ahead"] >= 9 * h / (3 + h) ** 3 - rounding)
    assert np.all(shown["ahead"] <= 9 * h / 3**3 + rounding)
    x = Fraction(3)  # exact arithmetic: the truncation error and nothing else
    for h in (Fraction(1, 10), Fraction(1, 1000)):
        error = (1 / (x + h) - 1 / x) / h - (-1 / x**2)
        # f'' = 2/x³ falls, so its values on [x, x + h] lie between those at the ends.
        assert h / 2 * (2 / (x + h) ** 3) < error < h / 2 * (2 / x**3)


@pytest.mark.equation("eq-central-difference")
def test_central_difference(rng):
    x = Fraction(3)
    for h in (Fraction(1, 10), Fraction(1, 1000)):
        literal = (1 / (x + h) - 1 / (x - h)) / (2 * h)
        assert central_difference(lambda x: 1 / x, x, Fraction(1), h) == literal
        error = literal - (-1 / x**2)
        # f''' = -6/x⁴ rises: its values lie between those at x - h and x + h.
        assert h**2 / 6 * (-6 / (x - h) ** 4) < error < h**2 / 6 * (-6 / (x + h) ** 4)
    # And the package's check believes PyTorch's gradients, too.
    W, v = rng.normal(size=(4, 3)), rng.normal(size=3)
    W_t = torch.tensor(W)
    v_t = torch.tensor(v, requires_grad=True)
    torch.tanh(W_t @ v_t).sum().backward()
    for k, direction in enumerate(np.eye(3)):
        slope = central_difference(lambda v: np.sum(np.tanh(W @ v)), v, direction, 1e-5)
        assert slope == pytest.approx(v_t.grad[k].item(), abs=1e-9)


@pytest.mark.equation("eq-difference-error")
@pytest.mark.parametrize(("kind", "longest"), [(np.float32, 18), (np.float64, 44)])
def test_difference_error(kind, longest):
    eps, x = float(np.finfo(kind).eps), 3.0
    ratios = []
    for k in range(3, longest):
        h = kind(2.0**-k)  # x ± h is exact, so that only f is rounded
        slope = central_difference(lambda x: kind(1) / x, kind(x), kind(1), h)
        assert isinstance(slope, kind)
        h = float(h)
        third, value = 6 / (x - h) ** 4, 1 / (x - h)  # the largest on [x - h, x + h]
        bound = h**2 / 6 * third + eps * value / h
        ratios.append(abs(float(slope) + 1 / x**2) / bound)
    assert max(ratios) <= 1
    assert ratios[0] > 0.5  # truncation alone, and the bound is close
    assert max(ratios[-8:]) > 0.05  # rounding alone, and the bound is not idle


@pytest.mark.theorem("eq-optimal-step")
@pytest.mark.parametrize("eps", [EPS, float(np.finfo(np.float32).eps)])
def test_optimal_step(eps):
    f, third = 1 / 3, 6 / 81

    def bound(log_h):
        h = np.exp(log_h)
        return h**2 / 6 * third + eps * f / h

    found = optimize.minimize_scalar(bound, bounds=(-25, 0), options={"xatol": 1e-10})
    best = (3 * eps * f / third) ** (1 / 3)
    assert np.exp(found.x) == pytest.approx(best, rel=1e-4)
    assert found.fun == pytest.approx(third * best**2 / 2, rel=1e-9)


@pytest.mark.equation("eq-optimal-step")
def test_check_takes_the_optimal_step():
    """The points at which the package's check evaluates are ε^(1/3) max(1, |x|) away."""
    seen = []

    @nn.differentiable
    def cube(x):
        seen.append(float(x[0]))
        return x**3, lambda dy: 3 * x**2 * dy

    for x in (0.5, -20.0):
        seen.clear()
        assert nn.check_gradients(cube, np.array([x])) < 1e-9
        steps = sorted(abs(point - x) for point in seen if point != x)
        assert steps == pytest.approx([EPS ** (1 / 3) * max(1, abs(x))] * 2, rel=1e-6)


@pytest.mark.equation("eq-kink")
def test_kink():
    h = 0.25
    for z in np.linspace(-0.24, 0.24, 25):
        literal = 0.5 + z / (2 * h)
        measured = central_difference(nn.relu, np.array([z]), np.array([1.0]), h)[0]
        by_torch = (torch.relu(torch.tensor(z + h)) - torch.relu(torch.tensor(z - h))) / (2 * h)
        assert measured == pytest.approx(literal, abs=1e-14)
        assert by_torch.item() == pytest.approx(literal, abs=1e-14)
    for z, slope in ((-0.26, 0.0), (0.26, 1.0)):  # beyond h the kink is not seen
        measured = central_difference(nn.relu, np.array([z]), np.array([1.0]), h)[0]
        assert measured == pytest.approx(slope, abs=1e-14)
    with pytest.raises(nn.GradientError, match=r"argument 0 at \[1\]"):
        nn.check_gradients(nn.relu, np.array([1.0, 0.0]))


@pytest.mark.equation("eq-adjoint")
@each_function
def test_adjoint(ours, theirs, rng):
    x, v, u = rng.normal(size=(3, 2, 4))
    Jv = torch_jacobian(theirs, x) @ v.reshape(-1)
    left = np.sum(Jv * u.reshape(-1))
    assert left == pytest.approx(np.sum(v * nn.vjp(ours, x)[1](u)), rel=1e-11)
    measured = (ours(x + 1e-6 * v) - ours(x - 1e-6 * v)) / 2e-6
    assert left == pytest.approx(np.sum(measured * u), rel=1e-6)


@pytest.mark.equation("eq-adjoint")
def test_adjoint_of_a_model(rng):
    model = nn.Sequential(nn.Dense(4, 6), nn.Tanh(), nn.LayerNorm(6), nn.Dense(6, 3))
    params = model.init(seed=2, dtype="float64")
    x, u = rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
    v = rng.normal(size=params.vector.size)

    def outputs(vector):
        return model(nn.Parameters(vector, params.layout), x)

    Jv = central_difference(outputs, params.vector, v, 1e-6)
    grads = nn.vjp(model, params, x, wrt=0)[1](u)
    assert np.sum(Jv * u) == pytest.approx(np.sum(v * grads.vector), rel=1e-7)
    wrong = grads.vector.copy()
    wrong[-1] *= 1.1  # one gradient of 63 wrong by a tenth is seen
    assert np.sum(Jv * u) != pytest.approx(np.sum(v * wrong), rel=1e-5)


# --- the cost, and the pixels -------------------------------------------------------------------


class Counted(np.ndarray):
    """An array that counts the multiplications of its matrix products."""

    count = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kw):
        if ufunc is np.matmul:
            Counted.count += inputs[0].size * inputs[1].shape[-1]
        if out is not None:
            kw["out"] = tuple(np.asarray(a) for a in out)
        result = getattr(ufunc, method)(*(np.asarray(a) for a in inputs), **kw)
        return result.view(Counted) if isinstance(result, np.ndarray) else result


@pytest.mark.equation("eq-backward-cost")
@pytest.mark.parametrize("sizes", [(7, 5), (6, 5, 3), (4, 4, 4, 4, 4)])
def test_backward_cost(sizes):
    N, layers = 8, list(itertools.pairwise(sizes))
    stack = [layer for D, M in layers for layer in (nn.Dense(D, M), nn.Tanh())]
    model = nn.Sequential(*stack)
    params = model.init(dtype="float64")
    params = nn.Parameters(params.vector.view(Counted), params.layout)
    x = np.ones((N, sizes[0])).view(Counted)

    Counted.count = 0
    y, backward = nn.vjp(model, params, x, wrt=0)
    forward = Counted.count
    Counted.count = 0
    backward(np.ones(y.shape).view(Counted))
    each = [D * M for D, M in layers]
    assert forward == N * sum(each)
    assert Counted.count / forward == pytest.approx(2 - each[0] / sum(each))


@pytest.mark.equation("eq-sign-nudge")
def test_sign_nudge(rng):
    g, rho = rng.normal(size=6), 0.3
    corners = [rho * np.array(signs) for signs in itertools.product((-1, 1), repeat=6)]
    inside = rng.uniform(-rho, rho, size=(500, 6))
    best = max(corners, key=lambda delta: np.dot(g, delta))
    assert np.array_equal(best, rho * np.sign(g))
    assert np.dot(g, best) == pytest.approx(rho * np.sum(np.abs(g)))
    assert np.all(inside @ g <= np.dot(g, best))
    found = optimize.linprog(-g, bounds=[(-rho, rho)] * 6)  # a third opinion
    assert np.allclose(found.x, best)

    model = nn.Sequential(nn.Dense(6, 8), nn.Tanh(), nn.Dense(8, 3))
    params = model.init(seed=4, dtype="float64")
    x, label = rng.normal(size=(1, 6)), np.array([1])
    logits, backward = nn.vjp(model, params, x, wrt=1)
    loss, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, label)
    g, rho = backward(backward_loss()), 1e-5
    x_t = torch.tensor(x, requires_grad=True)
    W1, b1, W2, b2 = (torch.tensor(params[k]) for k in params)
    hidden = torch.tanh(x_t @ W1.T + b1)
    torch.nn.functional.cross_entropy(hidden @ W2.T + b2, torch.tensor(label)).backward()
    assert np.allclose(g, x_t.grad.numpy(), atol=1e-12)
    nudged = nn.softmax_cross_entropy(model(params, x + rho * np.sign(g)), label)
    assert nudged - loss == pytest.approx(rho * np.sum(np.abs(g)), rel=1e-3)
