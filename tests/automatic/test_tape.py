"""The tape: any function of operations against PyTorch and differences, on every namespace."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import close, seeds

import nnlearn as nn

#: what a node of a generated graph may be: ours, and PyTorch's
ONE = [
    (nn.tanh, torch.tanh),
    (nn.sigmoid, torch.sigmoid),
    (lambda a: -a, lambda a: -a),
    (lambda a: nn.exp(-a * a), lambda a: torch.exp(-a * a)),
    (lambda a: a**3 * 0.1, lambda a: a**3 * 0.1),
    (lambda a: a[1:, ...].sum() + a, lambda a: a[1:, ...].sum() + a),
    (lambda a: a.mean(axis=0) - a, lambda a: a.mean(dim=0) - a),
    (lambda a: 1 - a.T.reshape(*a.shape), lambda a: 1 - a.T.reshape(*a.shape)),
    (lambda a: nn.softmax(a) * 2.5, lambda a: torch.softmax(a, -1) * 2.5),
]
TWO = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (2 + b * b),
    lambda a, b: a @ b.T @ a * 0.1,
]
nodes = st.lists(
    st.tuples(st.integers(0, len(ONE) + len(TWO) - 1), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=9,
)


def graph(steps, results, which):
    """Return a function of two arrays: each node takes any before it, once, often, or never."""

    def f(x, y):
        values = [x, y]
        for kind, i, j in steps:
            a, b = values[i % len(values)], values[j % len(values)]
            values.append(ONE[kind][which](a) if kind < len(ONE) else TWO[kind - len(ONE)](a, b))
        chosen = tuple(values[-1 - k % len(values)] for k in results)
        return chosen if len(chosen) > 1 else chosen[0]

    return f


@given(steps=nodes, results=st.lists(st.integers(0, 99), min_size=1, max_size=3), seed=seeds)
def test_generated_graphs_against_torch(space, steps, results, seed):
    """With fan-out, branches that nobody uses, several results, and the same one twice."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 3, 2))
    weights = rng.normal(size=(len(results), 3, 2))
    args = [space.array(a) for a in (x, y)]
    value, backward = nn.vjp(nn.record(graph(steps, results, 0)), *args)
    gradients = backward(*(space.array(w) for w in weights))

    tensors = [torch.tensor(a, requires_grad=True) for a in (x, y)]
    theirs = graph(steps, results, 1)(*tensors)
    several = theirs if isinstance(theirs, tuple) else (theirs,)
    sum((v * torch.tensor(w)).sum() for v, w in zip(several, weights, strict=True)).backward()
    for ours, v in zip(value if isinstance(value, tuple) else (value,), several, strict=True):
        assert space.holds(ours)
        close(nn.to_numpy(ours), v.detach().numpy(), 1e-12, "value")
    for gradient, t in zip(gradients, tensors, strict=True):
        assert space.holds(gradient)
        expected = np.zeros((3, 2)) if t.grad is None else t.grad.numpy()
        close(nn.to_numpy(gradient), expected, 1e-10, "gradient")


@given(steps=nodes, seed=seeds)
def test_generated_graphs_against_differences(steps, seed):
    x, y = np.random.default_rng(seed).normal(size=(2, 3, 2))
    assert nn.check_gradients(nn.record(graph(steps, [0, 1], 0)), x, y) < 1e-6


def test_several_outputs_of_one_operation(space, rng):
    """Both of an LSTM's, one of them, in either order: h and c have gradients of their own."""
    arrays = [rng.normal(size=s) for s in [(3, 2, 2), (2, 1), (2, 1), (4, 2), (4, 1), (4,)]]
    placed = [space.array(a) for a in arrays]
    _, by_hand = nn.vjp(nn.lstm, *placed)
    dh, dc = (space.array(rng.normal(size=(3, 2, 1))) for _ in range(2))
    zero = space.xp.zeros_like(dh)
    for read, given_to, expected in [
        (lambda h, c: (h, c), (dh, dc), (dh, dc)),
        (lambda h, c: (c, h), (dc, dh), (dh, dc)),
        (lambda h, c: h, (dh,), (dh, zero)),
        (lambda h, c: c, (dc,), (zero, dc)),
    ]:
        f = nn.record(lambda *a, read=read: read(*nn.lstm(*a)))
        gradients = nn.vjp(f, *placed)[1](*given_to)
        for ours, theirs in zip(gradients, by_hand(*expected), strict=True):
            np.testing.assert_array_equal(nn.to_numpy(ours), nn.to_numpy(theirs))


def test_float32_stays_float32(space):
    x = space.array(np.linspace(-1, 1, 6).reshape(2, 3), "float32")

    @nn.record
    def f(x):
        y = 2 - x * 0.5 + x**2 / 3 - (1 / (x + 3)).mean() + x[:1, ...].sum() * 2
        return (y @ x.T).mean(axis=0)

    value, backward = nn.vjp(f, x)
    for array in (value, backward(space.xp.ones_like(value))):
        assert space.holds(array)
        assert str(array.dtype).endswith("float32")


def test_arrays_that_are_no_arguments_are_constants(space):
    """On either side of each sign. The strict namespace refuses strangers on its right."""
    x, c = space.array([[1.0, 2.0]]), space.array([[4.0, 8.0]])
    cases = [
        (lambda x: x + c, [[1, 1]]),
        (lambda x: x - c, [[1, 1]]),
        (lambda x: x * c, [[4, 8]]),
        (lambda x: x / c, [[0.25, 0.125]]),
        (lambda x: x @ c.T + 0 * x, [[4 * 2, 8 * 2]]),
    ]
    reflected = [
        (lambda x: c + x, [[1, 1]]),
        (lambda x: c - x, [[-1, -1]]),
        (lambda x: c * x, [[4, 8]]),
        (lambda x: c / x, [[-4, -2]]),
        (lambda x: c.T @ x, [[12, 12]]),
    ]
    for f, expected in cases + reflected * (not space.name.startswith("strict")):
        value, backward = nn.vjp(nn.record(f), x)
        close(nn.to_numpy(backward(space.xp.ones_like(value))), expected, 1e-15, "gradient")
    numbers = [(lambda x: 3 - x, -1), (lambda x: 2 / x, -2), (lambda x: 3 + x, 1)]
    for f, expected in numbers:
        assert float(nn.vjp(nn.record(f), space.array(1.0))[1]()) == expected


def test_if_and_for_of_python():
    """What runs is what is recorded: the same function, another graph."""

    @nn.record
    def f(x, n):
        y = x
        for k in range(n):
            y = y * x if k % 2 == 0 else nn.tanh(y)
        if y.sum() > 0:
            return y
        return -3 * y

    x = np.array([0.5, 1.5])
    assert nn.vjp(f, x, 0)[1](np.ones(2)).tolist() == [1, 1]
    close(nn.vjp(f, x, 1)[1](np.ones(2)), 2 * x, 1e-15, "x²")
    close(nn.vjp(f, -x, 0)[1](np.ones(2)), [-3, -3], 0, "-3 x")
    for n in range(6):
        nn.check_gradients(f, x, n)


def test_rows_of_a_variable_in_a_loop(rng):
    x = rng.normal(size=(4, 3))
    f = nn.record(lambda x: sum(i * row for i, row in enumerate(x)))
    close(nn.vjp(f, x)[0], np.arange(4.0) @ x, 1e-14, "value")
    close(nn.vjp(f, x)[1](np.ones(3)), np.repeat(np.arange(4.0)[:, None], 3, 1), 0, "dx")


def test_the_function_is_called_as_it_was():
    """A call gives the value; constants go on; the name and the text stay."""

    def scaled(x, *, by=2.0):
        """Twice, or as said."""
        return x * by

    f = nn.record(scaled)
    x = np.array([1.0, 2.0])
    assert (f.__name__, f.__doc__) == ("scaled", "Twice, or as said.")
    np.testing.assert_array_equal(f(x, by=3.0), [3, 6])
    np.testing.assert_array_equal(nn.vjp(f, x, by=5)[1](x), [5, 10])
