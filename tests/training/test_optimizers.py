"""Optimizers against PyTorch's, and against their equations in loops, over a dozen steps."""

import copy
import math
import pickle
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import close

import nnlearn as nn

STEPS = 12
SIZE = 7


def quadratic(rng):
    """A loss whose gradient depends on θ, so that every step counts for the next one."""
    A = rng.normal(size=(SIZE, SIZE))
    return lambda theta: A @ A.T @ theta / SIZE + np.sin(3 * theta)


def run_ours(space, optimizer, gradient, start, dtype="float64"):
    params = nn.Parameters(space.array(start, dtype), {"W": (SIZE,)})
    vector, path = params.vector, []
    for _ in range(STEPS):
        g = space.array(gradient(nn.to_numpy(params.vector)), dtype)
        grads = nn.Parameters(g, params.layout)
        before = nn.to_numpy(g).copy()
        optimizer.step(params, grads)
        np.testing.assert_array_equal(nn.to_numpy(g), before, "the gradient was changed")
        path.append(nn.to_numpy(params.vector).copy())
    assert params.vector is vector  # in place
    assert str(vector.dtype).endswith(dtype)
    assert space.holds(vector)
    return np.array(path)


def run_torch(make, gradient, start):
    theta = torch.nn.Parameter(torch.tensor(start))
    optimizer, path = make([theta]), []
    for _ in range(STEPS):
        theta.grad = torch.tensor(gradient(theta.detach().numpy()))
        optimizer.step()
        path.append(theta.detach().numpy().copy())
    return np.array(path)


def run_literal(rule, gradient, start):
    """A rule for one number: θ, g, what it remembers, and which step it is."""
    theta, memory, path = list(start), [{} for _ in start], []
    for t in range(1, STEPS + 1):
        g = gradient(np.array(theta))
        theta = [rule(theta[i], g[i], memory[i], t) for i in range(SIZE)]
        path.append(list(theta))
    return np.array(path)


def sgd_literal(rate, momentum=0.0, nesterov=False, decay=0.0):
    def rule(theta, g, memory, t):
        g = g + decay * theta
        v = memory["v"] = momentum * memory.get("v", 0.0) + g
        return theta - rate * (g + momentum * v if nesterov else v)

    return rule


def adam_literal(rate, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.0):
    def rule(theta, g, memory, t):
        m = memory["m"] = beta1 * memory.get("m", 0.0) + (1 - beta1) * g
        s = memory["s"] = beta2 * memory.get("s", 0.0) + (1 - beta2) * g * g
        m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
        return theta - rate * decay * theta - rate * m_hat / (math.sqrt(s_hat) + eps)

    return rule


CASES = {
    "plain": (
        lambda: nn.SGD(0.1),
        lambda p: torch.optim.SGD(p, lr=0.1),
        sgd_literal(0.1),
    ),
    "momentum": (
        lambda: nn.SGD(0.05, momentum=0.9),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
        sgd_literal(0.05, 0.9),
    ),
    "nesterov": (
        lambda: nn.SGD(0.05, momentum=0.8, nesterov=True),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True),
        sgd_literal(0.05, 0.8, nesterov=True),
    ),
    "weight decay": (
        lambda: nn.SGD(0.1, weight_decay=0.2),
        lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.2),
        sgd_literal(0.1, decay=0.2),
    ),
    "all of SGD": (
        lambda: nn.SGD(0.05, momentum=0.7, nesterov=True, weight_decay=0.3),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.7, nesterov=True, weight_decay=0.3),
        sgd_literal(0.05, 0.7, nesterov=True, decay=0.3),
    ),
    "Adam": (
        lambda: nn.Adam(),
        lambda p: torch.optim.Adam(p),
        adam_literal(1e-3),
    ),
    "Adam, other settings": (
        lambda: nn.Adam(0.1, betas=(0.5, 0.8), eps=1e-2),
        lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.5, 0.8), eps=1e-2),
        adam_literal(0.1, 0.5, 0.8, 1e-2),
    ),
    "AdamW": (
        lambda: nn.Adam(0.05, weight_decay=0.3),
        lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.3),
        adam_literal(0.05, decay=0.3),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_steps(space, name, rng):
    ours, by_torch, literal = CASES[name]
    gradient, start = quadratic(rng), rng.normal(size=SIZE)
    path = run_ours(space, ours(), gradient, start)
    close(path, run_literal(literal, gradient, start), 1e-10, "loops")
    close(path, run_torch(by_torch, gradient, start), 1e-10, "PyTorch")


@pytest.mark.parametrize("name", CASES)
def test_float32_stays_float32(space, name, rng):
    gradient, start = quadratic(rng), rng.normal(size=SIZE)
    path = run_ours(space, CASES[name][0](), gradient, start, "float32")
    close(path, run_literal(CASES[name][2], gradient, start), 1e-3, "loops")


@pytest.mark.parametrize("name", CASES)
@given(size=st.integers(0, 9), block=st.integers(1, 4))
def test_blocks_change_no_bit(name, size, block):
    """Working block by block gives what the whole vector at once gives."""
    from unittest import mock

    from nnlearn.arrays import fast
    from nnlearn.training import optimizers

    rng = np.random.default_rng(size)
    start, gradients = rng.normal(size=size), rng.normal(size=(3, size))
    results = []
    for length in (block, 10_000):
        params = nn.Parameters(start.copy(), {"W": (size,)})
        optimizer = CASES[name][0]()
        with mock.patch.object(optimizers, "blocks", lambda v, n=length: fast.blocks(v, n)):
            for g in gradients:
                optimizer.step(params, nn.Parameters(g.copy(), params.layout))
        results.append(params.vector)
    np.testing.assert_array_equal(*results)


def test_adam_moves_by_the_learning_rate_at_first(space):
    """The bias correction: the first step is η in every direction, however small the gradient."""
    params = nn.Parameters(space.array(np.zeros(3)), {"W": (3,)})
    grads = nn.Parameters(space.array([1e-3, -5.0, 1e4]), {"W": (3,)})
    nn.Adam(0.1).step(params, grads)
    close(nn.to_numpy(params.vector), [-0.1, 0.1, -0.1], 1e-5, "first step")


def test_what_is_remembered(space):
    params = nn.Parameters(space.array(np.zeros(3)), {"W": (3,)})
    grads = nn.Parameters(space.array(np.ones(3)), {"W": (3,)})
    for optimizer, names in [
        (nn.SGD(0.1), set()),
        (nn.SGD(0.1, momentum=0.5), {"velocity"}),
        (nn.Adam(), {"mean", "square"}),
    ]:
        assert optimizer.steps == 0
        optimizer.step(params, grads)
        optimizer.step(params, grads)
        assert optimizer.steps == 2
        assert set(optimizer.memory) == names
        assert all(space.holds(a) for a in optimizer.memory.values())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.SGD(-0.1), r"SGD: learning_rate is -0.1, expected a number in \[0, inf\)"),
        (lambda: nn.SGD(math.nan), "SGD: learning_rate is nan"),
        (lambda: nn.SGD(math.inf), "SGD: learning_rate is inf"),
        (lambda: nn.SGD(0.1, momentum=1.0), r"SGD: momentum is 1.0, expected .*\[0, 1\)"),
        (lambda: nn.SGD(0.1, weight_decay=-1), "SGD: weight_decay is -1"),
        (lambda: nn.SGD(0.1, nesterov=True), "SGD: nesterov is True, expected a momentum"),
        (lambda: nn.Adam(betas=(0.9, 1.0)), r"Adam: betas\[1\] is 1.0"),
        (lambda: nn.Adam(betas=(-0.1, 0.9)), r"Adam: betas\[0\] is -0.1"),
        (lambda: nn.Adam(eps=-1e-8), "Adam: eps is -1e-08"),
    ],
)
def test_settings_that_do_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("optimizer", [nn.SGD(0.1, momentum=0.9), nn.Adam()])
def test_forms_that_do_not_fit(optimizer):
    params = nn.Parameters(np.zeros(3), {"W": (3,)})
    small = nn.Parameters(np.zeros(2), {"W": (2,)})
    with pytest.raises(ValueError, match=r"step: grads has shape \(2,\), .*parameters, \(3,\)"):
        optimizer.step(params, small)
    optimizer.step(params, params.zeros_like())
    with pytest.raises(ValueError, match=r"has shape \(3,\), expected that of .*\(2,\)"):
        optimizer.step(small, small.zeros_like())
    assert optimizer.steps == 1  # what is refused is no step


def test_a_step_takes_over_what_a_layer_remembers(space):
    """The gradient carries the new running statistics; whoever takes the step takes them too."""
    model, x = nn.BatchNorm(2), np.array([[1.0, 4.0], [3.0, 8.0]])
    params = model.init(dtype="float64")
    state = nn.Parameters(space.array(params.state.vector), params.state.layout)
    params = nn.Parameters(space.array(params.vector), params.layout, state)
    y, backward = nn.vjp(model, params, space.array(x), wrt=0)
    grads = backward(y)
    close(nn.to_numpy(params.state["mean"]), [0, 0], 0, "a pass changes nothing")
    nn.SGD(0.1).step(params, grads)
    close(nn.to_numpy(params.state["mean"]), [0.2, 0.6], 1e-12, "mean")
    close(nn.to_numpy(params.state["variance"]), [0.9 + 0.2, 0.9 + 0.8], 1e-12, "variance")


@pytest.mark.parametrize("of_gradient", [True, False])
def test_a_state_that_one_of_the_two_has_not_is_left(of_gradient):
    """A gradient made by hand says nothing of what layers remember."""
    state = nn.Parameters(np.ones(2), {"mean": (2,)})
    states = (None, state) if of_gradient else (state, None)
    params, grads = (nn.Parameters(np.ones(3), {"W": (3,)}, its) for its in states)
    nn.SGD(0.1).step(params, grads)
    np.testing.assert_allclose(params.vector, 0.9)
    np.testing.assert_array_equal(state.vector, [1, 1])


@pytest.mark.parametrize("rate", [np.float64(0.1), np.float32(0.5), np.array(0.1), 1])
def test_a_learning_rate_becomes_a_number_of_python(rate):
    """A float64 of NumPy's would make a step of float32 parameters a float64 one."""
    for optimizer in (nn.SGD(rate), nn.Adam(rate)):
        assert type(optimizer.learning_rate) is float
        assert optimizer.learning_rate == float(rate)


class Away(nn.SGD):
    """A rule of the user's own."""

    def update(self, xp, theta, g, v=None):
        theta += self.rate * g


def test_a_rule_of_the_user_s_own_stays(space):
    params = nn.Parameters(space.array(np.zeros(3)), {"W": (3,)})
    Away(0.5).step(params, nn.Parameters(space.array(np.ones(3)), {"W": (3,)}))
    close(nn.to_numpy(params.vector), [0.5] * 3, 0, "the other way")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: nn.SGD(0.1).step(p.vector, p), TypeError, "SGD.step: params is ndarray, expec"),
        (lambda p: nn.SGD(0.1).step(p, p.vector), TypeError, "SGD.step: grads is ndarray, expect"),
        (lambda p: nn.Adam(p), TypeError, "Adam: learning_rate is Parameters, expected a number"),
        (lambda p: nn.Adam().nothing, AttributeError, "^Adam has no attribute 'nothing'$"),
    ],
)
def test_what_is_none(call, error, message):
    with pytest.raises(error, match=message):
        call(nn.Parameters(np.zeros(3), {"W": (3,)}))


@pytest.mark.parametrize("spike", [1e20, 3e38, -1e25])
def test_adam_outlives_one_huge_gradient(spike):
    """The spike moves its parameter by about one step, and later gradients still move it."""
    params, adam = nn.Parameters(np.zeros(2, "float32"), {"w": (2,)}), nn.Adam(1e-3)
    with np.errstate(over="raise"):
        adam.step(params, nn.Parameters(np.array([spike, 1], "float32"), params.layout))
        after = params.vector.copy()
        np.testing.assert_allclose(after, [-1e-3 * np.sign(spike), -1e-3], rtol=1e-3)
        for _ in range(3000):
            adam.step(params, nn.Parameters(np.array([1, 1], "float32"), params.layout))
    assert np.all(np.isfinite(params.vector))


def test_a_copied_optimizer_has_moved_nothing():
    """What it remembers is copied; whose steps those were is not."""
    params, adam = nn.Parameters(np.zeros(2), {"w": (2,)}), nn.Adam(1e-3)
    others = params.copy()
    assert not adam.moved_others_than(params)  # none yet
    adam.step(params, nn.Parameters(np.ones(2), params.layout))
    assert not adam.moved_others_than(params)
    assert adam.moved_others_than(others)
    for other in (copy.deepcopy(adam), pickle.loads(pickle.dumps(adam))):
        assert not other.moved_others_than(others)
        np.testing.assert_array_equal(other.memory["mean"], adam.memory["mean"])
    alive = weakref.ref(params)
    del params
    assert alive() is None  # the optimizer does not keep them
    assert adam.moved_others_than(others)  # which were others, too


def test_adam_clamps_nothing_else():
    """Gradients whose squares fit are used as they are."""
    theta = {}
    for dtype in ("float32", "float64"):
        params, adam = nn.Parameters(np.zeros(3, dtype), {"w": (3,)}), nn.Adam(1e-3)
        for gradient in ([1e15, -3.0, 0.0], [2e15, 1.0, 1e-20]):
            adam.step(params, nn.Parameters(np.array(gradient, dtype), params.layout))
        theta[dtype] = params.vector
    np.testing.assert_allclose(theta["float32"], theta["float64"], rtol=1e-4)


def test_forget():
    params, adam = nn.Parameters(np.zeros(2), {"w": (2,)}), nn.Adam(0.1)
    grads = nn.Parameters(np.array([1.0, -2.0]), params.layout)
    adam.step(params, grads)
    first = params.vector.copy()
    adam.forget()
    assert adam.steps == 0
    params.vector[:] = 0
    adam.step(params, grads)
    np.testing.assert_array_equal(params.vector, first)
