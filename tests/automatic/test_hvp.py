"""Curvature: H v against differences of gradients, PyTorch's Hessian, and what is known of H."""

import numpy as np
import pytest
import torch
from witnesses import close

import nnlearn as nn

pytestmark = pytest.mark.filterwarnings("ignore:You are comparing a array_api_strict dtype")


def on(space, params):
    state = params.state and nn.Parameters(space.array(params.state.vector), params.state.layout)
    return nn.Parameters(space.array(params.vector), params.layout, state)


def loss_of(model):
    return nn.record(lambda p, x, labels: nn.softmax_cross_entropy(model(p, x), labels))


def classified(*layers):
    return nn.Sequential(*layers, nn.Dense(4, 3))


#: models with a smooth loss, and the shapes of their inputs
MODELS = {
    "mlp": (classified(nn.Dense(2, 4), nn.Tanh()), (5, 2)),
    "conv": (
        classified(
            nn.Conv2D(1, 2, 2, padding=1),
            nn.Sigmoid(),
            nn.AvgPool2D(2),
            nn.Flatten(),
            nn.Dense(8, 4),
        ),
        (5, 3, 3, 1),
    ),
    "lstm": (
        classified(nn.TimeFirst(), nn.LSTM(2, 4, last=True, learned_state=True)),
        (5, 3, 2),
    ),
    "gru": (classified(nn.TimeFirst(), nn.GRU(2, 4, last=True)), (5, 3, 2)),
    "layer norm": (classified(nn.Dense(2, 4), nn.LayerNorm(4), nn.Tanh()), (5, 2)),
    "attention": (
        classified(
            *(nn.TimeFirst(), nn.Dense(2, 4)),
            nn.Residual(nn.MultiHeadAttention(4, 2, causal=True, rotary=True)),
            *(nn.GELU(), nn.GRU(4, 4, last=True)),
        ),
        (5, 3, 2),
    ),
    "batch norm": (classified(nn.Dense(2, 4), nn.BatchNorm(4), nn.Tanh()), (5, 2)),
}


def point(name, dtype="float64"):
    """Return a loss, parameters, an input and labels, and a direction for each of the two."""
    model, shape = MODELS[name]
    rng = np.random.default_rng(0)
    params = model.init(seed=1, dtype=dtype)
    params.vector[...] += (0.2 * rng.normal(size=params.vector.shape)).astype(dtype)
    x, dx = rng.normal(size=(2, *shape)).astype(dtype)
    v = nn.Parameters(rng.normal(size=params.vector.shape).astype(dtype), params.layout)
    return loss_of(model), params, x, rng.integers(0, 3, 5), v, dx


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("wrt", [0, 1])
def test_against_differences_of_gradients(space, name, wrt):
    f, params, x, labels, v, dx = point(name)
    args = on(space, params), space.array(x), space.array(labels)
    direction = on(space, v) if wrt == 0 else space.array(dx)
    found = nn.hvp(f, *args, direction=direction, wrt=wrt)

    def gradient(h):
        moved = nn.Parameters(params.vector + h * v.vector, params.layout, params.state)
        at = (moved, x) if wrt == 0 else (params, x + h * dx)
        return nn.vjp(f, *at, labels, wrt=wrt)[1]()

    ends = [getattr(g, "vector", g) for g in (gradient(1e-5), gradient(-1e-5))]
    assert isinstance(found, nn.Parameters) == (wrt == 0)
    found = getattr(found, "vector", found)
    assert space.holds(found)
    close(nn.to_numpy(found), (ends[0] - ends[1]) / 2e-5, 2e-8, "H v")


@pytest.mark.parametrize("name", MODELS)
def test_it_is_symmetric(name):
    """⟨u, H v⟩ = ⟨v, H u⟩."""
    f, params, x, labels, v, _ = point(name)
    rng = np.random.default_rng(9)
    u = nn.Parameters(rng.normal(size=v.vector.shape), v.layout)
    Hv, Hu = (nn.hvp(f, params, x, labels, direction=d) for d in (v, u))
    assert list(Hv) == list(params)
    left, right = u.vector @ Hv.vector, v.vector @ Hu.vector
    assert abs(left - right) < 1e-12 * max(1, abs(left))


def test_the_whole_hessian_of_a_network_against_torch():
    f, params, x, labels, _, _ = point("mlp")
    n = params.vector.size
    basis = [nn.Parameters(e, params.layout) for e in np.eye(n)]
    ours = np.stack([nn.hvp(f, params, x, labels, direction=e).vector for e in basis])
    shapes = list(params.layout.shapes.values())

    def loss(theta):
        parts = theta.split([int(np.prod(s)) for s in shapes])
        W, b, U, c = (p.reshape(s) for p, s in zip(parts, shapes, strict=True))
        logits = torch.tanh(torch.tensor(x) @ W.T + b) @ U.T + c
        return torch.nn.functional.cross_entropy(logits, torch.tensor(labels))

    theirs = torch.autograd.functional.hessian(loss, torch.tensor(params.vector)).numpy()
    close(ours, theirs, 1e-12, "H")
    assert np.linalg.matrix_rank(ours) > n // 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_matrix_of_a_quadratic(space, dtype):
    """Of ½ xᵀ A x + bᵀ x the Hessian is (A + Aᵀ) / 2 everywhere, in whole numbers."""
    A = np.array([[2.0, 4.0, 0.0], [0.0, 6.0, -2.0], [2.0, 0.0, 8.0]])
    matrix = space.array(A, dtype)

    @nn.record
    def f(x):
        column = x.reshape(3, 1)
        return ((column.T @ matrix) @ column).sum() / 2 + 5 * x.sum()

    x = space.array([1.0, -2.0, 3.0], dtype)
    for i, e in enumerate(np.eye(3)):
        column = nn.hvp(f, x, direction=space.array(e, dtype))
        assert space.holds(column)
        assert str(column.dtype).endswith(dtype)
        np.testing.assert_array_equal(nn.to_numpy(column), (A + A.T)[i] / 2)


@pytest.mark.parametrize("name", MODELS)
def test_float32_stays_float32(name):
    f, params, x, labels, v, _ = point(name, "float32")
    found = nn.hvp(f, params, x, labels, direction=v)
    assert found.vector.dtype == "float32"
    exact = point(name)
    expected = nn.hvp(*exact[:1], exact[1], *exact[2:4], direction=exact[4])
    close(found.vector, expected.vector, 2e-4, "H v")


def test_of_every_argument():
    """Mixed terms stay outside: of x² y + y³ the two diagonal entries are 2 y and 6 y."""
    f = nn.record(lambda x, y: (x**2 * y + y**3).sum())
    x, y, v = np.array([1.0, 2.0]), np.array([3.0, 5.0]), np.array([1.0, -1.0])
    np.testing.assert_array_equal(nn.hvp(f, x, y, direction=v), 2 * y * v)
    np.testing.assert_array_equal(nn.hvp(f, x, y, direction=v, wrt=1), 6 * y * v)


def test_of_what_has_no_curvature(space):
    """Of a linear function it is 0, of the form of the argument."""
    x = space.array([1.0, 2.0])
    found = nn.hvp(nn.record(lambda x: (3 * x).sum()), x, direction=x)
    assert nn.to_numpy(found).tolist() == [0, 0]
    model = nn.Dense(2, 1)
    params = on(space, model.init(dtype="float64"))
    f = nn.record(lambda p: p["W"].sum())
    assert nn.to_numpy(nn.hvp(f, params, direction=params).vector).tolist() == [0, 0, 0]


def test_of_an_operation_and_of_constants_by_name():
    """An operation with a scalar value is a function, too; data may come by a closure."""
    a, target = np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]])
    found = nn.hvp(nn.mean_squared_error, a, target, direction=a)
    np.testing.assert_array_equal(found, a)  # the Hessian is 2 / 2
    f = nn.record(lambda a, by: by * nn.mean_squared_error(a, target))
    np.testing.assert_array_equal(nn.hvp(f, a, 3.0, direction=a), 3 * a)
    f = nn.record(lambda a, *, by: by * nn.mean_squared_error(a, target))
    np.testing.assert_array_equal(nn.hvp(f, a, direction=a, by=3.0), 3 * a)


def test_nothing_is_changed():
    f, params, x, labels, v, _ = point("batch norm")
    kept = params.copy(), v.copy(), x.copy()
    nn.hvp(f, params, x, labels, direction=v)
    np.testing.assert_array_equal(params.vector, kept[0].vector)
    np.testing.assert_array_equal(params.state.vector, kept[0].state.vector)
    np.testing.assert_array_equal(v.vector, kept[1].vector)
    np.testing.assert_array_equal(x, kept[2])


X = np.ones(3)
SUM = nn.record(lambda x, n=1: (x**3).sum() * n)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.hvp(SUM, X, direction=X, wrt=1),
            ValueError,
            "hvp: wrt is 1, expected a position, 0 to 0",
        ),
        (lambda: nn.hvp(SUM, X, direction=X, wrt=-1), ValueError, "hvp: wrt is -1"),
        (lambda: nn.hvp(SUM, X, direction=X, wrt=(0,)), ValueError, r"hvp: wrt is \(0,\)"),
        (
            lambda: nn.hvp(SUM, X, direction=X[:2]),
            ValueError,
            r"shape \(2,\) .* \(3,\) and float64",
        ),
        (
            lambda: nn.hvp(SUM, X, direction=X.astype("float32")),
            ValueError,
            "dtype float32, expected",
        ),
        (lambda: nn.hvp(SUM, X, 2, direction=2, wrt=1), TypeError, "argument 1 .*cannot move"),
        (
            lambda: nn.hvp(nn.tanh, X, direction=X),
            ValueError,
            "more than one number, expected a sc",
        ),
        (
            lambda: nn.hvp(nn.record(lambda x: (x.sum(), x.sum())), X, direction=X),
            *(ValueError, "hvp: f gives more than one number"),
        ),
        (lambda: nn.hvp(np.sum, X, direction=X), TypeError, "vjp: f is sum, which is not differ"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
