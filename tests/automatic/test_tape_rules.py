"""The tape: what is computed and what is not, what a recorded value has, and the lines."""

import numpy as np
import pytest
from witnesses import close

import nnlearn as nn


def spy(counts, name):
    """Return an operation x · y that counts how often each of its gradients is computed."""

    @nn.differentiable
    def product(x, y):
        def asked(which, gradient):
            counts[name + which] = counts.get(name + which, 0) + 1
            return gradient

        return x * y, lambda dz: (lambda: asked("x", dz * y), lambda: asked("y", dz * x))

    return product


X, Y, Z = np.array(2.0), np.array(3.0), np.array(5.0)


@pytest.mark.parametrize(
    ("wrt", "gradients", "counts"),
    [
        (0, 15, {"2x": 1, "1x": 1}),
        (1, 10, {"2x": 1, "1y": 1}),
        (2, 6, {"2y": 1}),
        ((0, 1), (15, 10), {"2x": 1, "1x": 1, "1y": 1}),
        ((2, 0), (6, 15), {"2x": 1, "2y": 1, "1x": 1}),
        ((), (), {}),
    ],
)
def test_what_is_not_wanted_is_not_computed(wrt, gradients, counts):
    """Nor what nobody uses, and nothing is computed twice."""
    found = {}
    first, second, unused = (spy(found, name) for name in "12u")

    @nn.record
    def f(x, y, z):
        unused(unused(x, y), z)
        return second(first(x, y), z)

    value, backward = nn.vjp(f, X, Y, Z, wrt=wrt)
    assert (value, found) == (30, {})
    assert backward() == gradients
    assert found == counts


def test_what_is_used_often_is_gone_through_once():
    """Each of 40 nodes is used twice: 2⁴⁰ ways lead back, and 80 gradients are computed."""
    found = {}
    product = spy(found, "")

    @nn.record
    def f(x):
        for _ in range(40):
            x = product(x, x)
        return x

    x = np.array(1.0)
    assert nn.vjp(f, x)[1]() == 2.0**40
    assert found == {"x": 40, "y": 40}


def test_work_that_gradients_share_is_done_once():
    """The backward function of a call runs once, for all of its gradients."""
    calls = []

    @nn.differentiable
    def product(x, y):
        return x * y, lambda dz: calls.append(dz) or (dz * y, dz * x)

    _, backward = nn.vjp(nn.record(lambda x, y: product(product(x, y), y)), X, Y)
    assert backward() == (9, 12)
    assert len(calls) == 2


def test_backward_may_be_called_again(rng):
    x, W = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    _, backward = nn.vjp(nn.record(lambda x, W: nn.tanh(x @ W)), x, W)
    one, two = (rng.normal(size=(4, 2)) for _ in range(2))
    first = backward(one)
    for a, b in zip(backward(two), backward(2 * two), strict=True):
        close(2 * a, b, 1e-14, "another seed")
    for a, b in zip(first, backward(one), strict=True):
        np.testing.assert_array_equal(a, b)


def test_arguments_on_which_nothing_depends_get_zeros(space):
    params = nn.Dense(2, 1).init(dtype="float64")
    params = nn.Parameters(space.array(params.vector), params.layout)
    x, y = space.array(np.ones((3, 2))), space.array(np.ones(4), "float32")
    _, backward = nn.vjp(nn.record(lambda x, y, params: x * 2), x, y, params)
    dx, dy, dparams = backward(x)
    assert nn.to_numpy(dx).tolist() == [[2, 2]] * 3
    assert (space.holds(dy), nn.to_numpy(dy).tolist()) == (True, [0] * 4)
    assert str(dy.dtype).endswith("float32")
    assert isinstance(dparams, nn.Parameters)
    assert not nn.to_numpy(dparams.vector).any()


def test_an_argument_itself_may_be_the_result():
    x = np.array([1.0, 2.0])
    assert nn.vjp(nn.record(lambda x: x), x)[1](x).tolist() == [1, 2]
    _, backward = nn.vjp(nn.record(lambda x: (x, x, 3 * x)), x)
    assert backward(x, 2 * x, x).tolist() == [6, 12]
    assert backward(x).tolist() == [1, 2]  # trailing ones count as zero


def test_a_long_chain_does_not_nest_its_calls():
    """5,000 calls, five times what Python lets calls nest."""

    @nn.record
    def f(x, y):
        for _ in range(2500):
            x = (x + y) * 1.0
        return x

    assert nn.vjp(f, np.array(0.0), np.array(1.0))[1]() == (1, 2500)


def test_a_recorded_function_inside_another(rng):
    """It is one line on the outer tape, and may itself be differentiated there and alone."""
    x, y = rng.normal(size=(2, 3))
    tapes = []
    inner = nn.record(lambda a, b: (a * nn.tanh(b), a + b))

    @nn.record
    def outer(x, y):
        tapes.append(x.tape)
        product, total = inner(x, y * 2)
        return inner(product, total)[0]

    nn.check_gradients(outer, x, y)
    assert [line.split(" = ")[1].split("(")[0] for line in str(tapes[0]).splitlines()] == [
        *("multiply", "<lambda>", "<lambda>"),
    ]


def test_what_a_recorded_value_has(space):
    """Its shape is known, as an array's is."""
    x = space.array(np.ones((2, 3)), "float32")
    seen = {}

    @nn.record
    def f(x):
        names = ("shape", "ndim", "size", "dtype", "device")
        seen.update({name: getattr(x, name) for name in names}, text=repr(x))
        return x

    f(x)
    assert seen.pop("text").startswith("v0 = ")
    assert seen == {
        "shape": (2, 3),
        "ndim": 2,
        "size": 6,
        "dtype": x.dtype,
        "device": x.device,
    }
    assert nn.record(lambda x: x * len(x))(np.ones(3)).tolist() == [3, 3, 3]


def test_to_compare_is_to_look_at_the_values(space):
    """What decides an if is no part of the derivative; as a key a variable is itself alone."""
    x = space.array([1.0, 2.0])
    seen = []

    @nn.record
    def f(x):
        two, y = x[1], 2 * x
        seen.extend([two > 1, two > 2, two >= 1, two >= 2, two >= 3, two < 3, two < 2])
        seen.extend([two <= 3, two <= 2, two <= 1, two == 1, two == 2, two != 2, two == x[1]])
        return {x: 1, y: 2}[y] * x

    assert nn.to_numpy(f(x)).tolist() == [2, 4]
    assert [bool(s) for s in seen] == [
        *(True, False, True, True, False, True, False),
        *(True, True, False, False, True, False, True),
    ]


def test_the_lines_of_a_tape():
    tapes = []
    model = nn.Dense(2, 2)
    params = model.init(dtype="float64")

    @nn.record
    def f(params, x, labels):
        tapes.append(x.tape)
        logits = model(params, 2 * x)
        _, c = nn.lstm(
            x.reshape(1, 3, 2), *(np.zeros(s) for s in [(3, 1)] * 2 + [(4, 2), (4, 1), 4])
        )
        return nn.softmax_cross_entropy(logits, labels) + c[0].sum() - params["b"][0]

    nn.vjp(f, params, np.ones((3, 2)), np.array([0, 1, 1]))
    assert str(tapes[0]).splitlines() == [
        "v2 = multiply(v1, int)",
        "v3 = Dense(v0, v2)",
        "v4 = reshape(v1, int, int, int)",
        "v5, v6 = lstm(v4, ndarray, ndarray, ndarray, ndarray, ndarray)",
        "v7 = softmax_cross_entropy(v3, ndarray)",
        "v8 = item(v6, int)",
        "v9 = total(v8)",
        "v10 = add(v7, v9)",
        "v11 = item(v0, str)",
        "v12 = item(v11, int)",
        "v13 = subtract(v10, v12)",
    ]
