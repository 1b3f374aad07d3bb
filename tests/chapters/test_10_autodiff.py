"""Proofs of the equations of chapter 10: loops, exact fractions, differences, and PyTorch."""

import inspect
import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from notebooks import cells_of
from witnesses import measured_jacobian

import nnlearn as nn
from nnlearn.automatic import dual, tape
from nnlearn.automatic.dual import Dual
from nnlearn.operations import arithmetic

chapter = cells_of("10-autodiff", inspect=inspect, tape=tape, dual=dual)


@pytest.fixture
def rng():
    return np.random.default_rng(10)


# --- reverse mode ------------------------------------------------------------------------------


@pytest.mark.equation("eq-tape")
def test_tape():
    """In exact fractions: the shares of all uses, line by line, for (ab + a) b."""
    a, b = Fraction(2), Fraction(3)
    total = a * b + a
    d_total, d_b = b, total  # y = total · b
    d_product, d_a = d_total, d_total  # total = product + a
    d_a, d_b = d_a + b * d_product, d_b + a * d_product  # product = a b
    assert (d_a, d_b) == (b**2 + b, 2 * a * b + a) == (12, 14)

    found = chapter("autodiff-first-tape", "autodiff-read-back")
    assert [float(found["gradient"](found[name])) for name in "ab"] == [12, 14]
    assert [call.operation.__name__ for call in found["notes"]] == ["multiply", "add", "multiply"]


@pytest.mark.equation("eq-tape")
def test_a_line_that_uses_a_value_twice_has_two_terms(rng):
    x = rng.normal(size=4)
    _, backward = nn.vjp(nn.record(lambda x: x * x), x)
    np.testing.assert_allclose(backward(np.ones(4)), 2 * x, rtol=1e-15)


@pytest.mark.equation("eq-tape")
def test_graphs_that_chance_makes(rng):
    """Each value is used by several later ones; PyTorch has a tape of its own."""
    ours = {"*": arithmetic.multiply, "+": arithmetic.add, "tanh": nn.tanh}
    theirs = {"*": torch.mul, "+": torch.add, "tanh": torch.tanh}
    for _ in range(20):
        lines = []
        for k in range(2, 12):
            kind = rng.choice(list(ours))
            lines.append((kind, [int(i) for i in rng.integers(0, k, 1 if kind == "tanh" else 2)]))

        def run(functions, a, b, lines=lines):
            values = [a, b]
            for kind, inputs in lines:
                values.append(functions[kind](*(values[i] for i in inputs)))
            return values[-1] + values[-2] * values[0] * values[1]

        point = rng.uniform(-1, 1, (2, 3))
        value, backward = nn.vjp(nn.record(lambda a, b, run=run: run(ours, a, b)), *point)
        tensors = [torch.tensor(p, requires_grad=True) for p in point]
        result = run(theirs, *tensors)
        result.backward(torch.ones(3, dtype=torch.float64))
        np.testing.assert_allclose(value, result.detach().numpy(), rtol=1e-12)
        for mine, tensor in zip(backward(np.ones(3)), tensors, strict=True):
            np.testing.assert_allclose(mine, tensor.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.equation("eq-broadcast-gradient")
def test_broadcast_gradient(rng):
    a, b, dy = rng.normal(size=(3, 1)), rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    da, db = nn.vjp(arithmetic.add, a, b)[1](dy)
    literal = np.zeros((3, 1))
    for i, j in itertools.product(range(3), range(4)):
        literal[i, 0] += dy[i, j]
    np.testing.assert_allclose(da, literal, rtol=1e-13)
    np.testing.assert_array_equal(db, dy)


@pytest.mark.equation("eq-product-gradient")
def test_product_gradient():
    """In fractions that floating-point numbers hold exactly."""
    a, b, dy = Fraction(3, 4), Fraction(-1, 2), Fraction(5)
    floats = [np.array([float(v)]) for v in (a, b)]
    products = nn.vjp(arithmetic.multiply, *floats)[1](np.array([5.0]))
    assert [Fraction(float(g[0])) for g in products] == [dy * b, dy * a]
    quotients = nn.vjp(arithmetic.divide, *floats)[1](np.array([5.0]))
    assert [Fraction(float(g[0])) for g in quotients] == [dy / b, -dy * (a / b) / b]


@pytest.mark.equation("eq-matmul-gradient")
def test_matmul_gradient(rng):
    A, B, dY = rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=(2, 4))
    dA, dB = np.zeros((2, 3)), np.zeros((3, 4))
    for m, k, n in itertools.product(range(2), range(3), range(4)):
        dA[m, k] += dY[m, n] * B[k, n]
        dB[k, n] += A[m, k] * dY[m, n]
    for ours, literal in zip(nn.vjp(arithmetic.matmul, A, B)[1](dY), (dA, dB), strict=True):
        np.testing.assert_allclose(ours, literal, rtol=1e-12)


@pytest.mark.equation("eq-sum-gradient")
def test_sum_gradient(rng):
    a = rng.normal(size=(2, 5))
    np.testing.assert_array_equal(nn.vjp(arithmetic.total, a)[1](np.array(3.0)), np.full((2, 5), 3))
    np.testing.assert_allclose(nn.vjp(arithmetic.mean, a)[1](np.array(3.0)), np.full((2, 5), 0.3))


@pytest.mark.equation("eq-index-gradient")
@pytest.mark.parametrize(
    "key", [np.array([0, 2, 2]), slice(None, None, -2), np.array([True, False, True, True]), 1]
)
def test_index_gradient(key, rng):
    a = rng.normal(size=4)
    taken = np.atleast_1d(np.arange(4)[key])  # k(j)
    dy = rng.normal(size=np.shape(a[key]))
    literal = np.zeros(4)
    for j, i in enumerate(taken):
        literal[i] += np.atleast_1d(dy)[j]
    np.testing.assert_allclose(nn.vjp(arithmetic.item, a, key, wrt=0)[1](dy), literal, rtol=1e-13)


# --- forward mode ------------------------------------------------------------------------------


def exact(value, tangent):
    """A dual number of fractions, in arrays of Python objects."""
    return Dual(
        np.array([Fraction(value)], dtype=object), np.array([Fraction(tangent)], dtype=object)
    )


@pytest.mark.equation("eq-dual")
def test_dual():
    """ε times ε is exactly nothing, and 1 + ε times 1 - ε exactly one."""
    epsilon = exact(0, 1)
    square = epsilon * epsilon
    assert (square.value[0], square.tangent[0]) == (0, 0)
    one = (1 + epsilon) * (1 - epsilon)
    assert (one.value[0], one.tangent[0]) == (1, 0)


@pytest.mark.equation("eq-dual-product")
def test_dual_product():
    """Powers are repeated products: the tangent of xⁿ is n xⁿ⁻¹, in exact fractions."""
    x = Fraction(3, 7)
    power = exact(x, 1)
    for n in range(2, 8):
        power = power * exact(x, 1)
        assert power.tangent[0] == n * x ** (n - 1)


@pytest.mark.equation("eq-dual-function")
@pytest.mark.parametrize("name", sorted(dual.SLOPES))
def test_dual_function(name, rng):
    x, direction = rng.uniform(0.2, 2, 5), rng.normal(size=5)
    function = getattr(dual.duals_of(np), name)
    found = function(Dual(x, direction))
    tensor = torch.tensor(x, requires_grad=True)
    getattr(torch, name)(tensor).sum().backward()
    np.testing.assert_allclose(found.value, getattr(np, name)(x), rtol=1e-15)
    np.testing.assert_allclose(found.tangent, tensor.grad.numpy() * direction, rtol=1e-12)


@pytest.mark.equation("eq-jvp")
def test_jvp(rng):
    """Against the whole Jacobian, measured, of a function with several inputs and outputs."""
    A, x, direction = rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=3)

    def f(x):
        return nn.softmax((x[None, :] @ A.T) ** 2)[0]

    value, tangent = nn.jvp(f, [x], [direction])
    np.testing.assert_allclose(value, f(x), rtol=1e-14)
    np.testing.assert_allclose(tangent, measured_jacobian(f, x) @ direction, rtol=1e-6)


@pytest.mark.equation("eq-jacobian-passes")
def test_jacobian_passes(rng):
    """Passes are counted where they happen, and both tables are PyTorch's."""
    cells = chapter("autodiff-both-jacobians")
    A = rng.normal(size=(4, 3))
    runs = []

    def f(x):
        runs.append("run")
        return nn.tanh(x[None, :] @ A.T)[0]

    x = rng.normal(size=3)
    theirs = torch.autograd.functional.jacobian(
        lambda x: torch.tanh(torch.tensor(A) @ x), torch.tensor(x)
    )
    columns, passes = cells["jacobian_forwards"](f, x)
    assert passes == len(runs) == 3
    rows, passes = cells["jacobian_backwards"](nn.record(f), x)
    assert passes == 4
    assert len(runs) == 3 + 1  # backwards the function itself runs once
    np.testing.assert_allclose(columns, theirs.numpy(), rtol=1e-12)
    np.testing.assert_allclose(rows, theirs.numpy(), rtol=1e-12)


# --- curvature ---------------------------------------------------------------------------------


@pytest.mark.equation("eq-hvp")
def test_hvp(rng):
    """Every column of a small network's Hessian, from PyTorch, and the gradient's own slope."""
    x, labels = rng.normal(size=(6, 3)), np.array([0, 1, 2, 0, 1, 2])
    W = rng.normal(size=(3, 3))

    @nn.record
    def loss(W):
        return nn.softmax_cross_entropy(nn.tanh(x @ W.T), labels)

    H = torch.autograd.functional.hessian(
        lambda W: torch.nn.functional.cross_entropy(
            torch.tanh(torch.tensor(x) @ W.T), torch.tensor(labels)
        ),
        torch.tensor(W),
    ).numpy()
    for i, j in itertools.product(range(3), range(3)):
        unit = np.zeros((3, 3))
        unit[i, j] = 1
        column = nn.hvp(loss, W, direction=unit)
        np.testing.assert_allclose(column, H[:, :, i, j], rtol=1e-10, atol=1e-12)
        ends = [nn.vjp(loss, W + s * 1e-5 * unit)[1]() for s in (1, -1)]
        np.testing.assert_allclose(column, (ends[0] - ends[1]) / 2e-5, atol=1e-8)


@pytest.mark.equation("eq-power-iteration")
@pytest.mark.parametrize("sign", [1, -1])
def test_power_iteration(sign, rng):
    """A matrix with known eigenvalues; one step is the literal equation."""
    steepest = chapter("autodiff-steepest")["steepest"]
    Q, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    H = Q @ np.diag([4.0 * sign, 2, 1, -1, 0]) @ Q.T
    v = rng.normal(size=5)
    eigenvalue, direction, products = steepest(lambda v: H @ v, v, 1e-6)
    assert eigenvalue == pytest.approx(4 * sign, rel=1e-9)
    assert abs(direction @ Q[:, 0]) == pytest.approx(1, abs=1e-6)
    literal = v / np.linalg.norm(v)
    for _ in range(products - 1):
        literal = H @ literal / np.linalg.norm(H @ literal)
    np.testing.assert_allclose(direction, literal, rtol=1e-9, atol=1e-12)
    assert eigenvalue == pytest.approx(literal @ H @ literal, rel=1e-12)


@pytest.mark.equation("eq-curvature-limit")
def test_curvature_limit(rng):
    """Along the steepest direction a step just below 2/λ goes down, and one just above goes up."""
    steepest = chapter("autodiff-steepest")["steepest"]
    X, target = rng.normal(size=(20, 4)), rng.normal(size=20)

    @nn.record
    def loss(w):
        return nn.mean_squared_error((X @ w[:, None])[:, 0], target)

    bottom = np.linalg.lstsq(X, target)[0]
    largest, direction, _ = steepest(
        lambda v: nn.hvp(loss, bottom, direction=v), rng.normal(size=4), 1e-9
    )
    for share, falls in ((0.99, True), (1.01, False)):
        params = nn.Parameters(bottom + 0.1 * direction, {"w": (4,)})
        before, backward = nn.vjp(loss, params.vector)
        nn.SGD(share * 2 / largest).step(params, nn.Parameters(backward(), params.layout))
        assert (loss(params.vector) < before) == falls
