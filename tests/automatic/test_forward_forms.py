"""Forward mode: what moves and what stays, the forms of results, and what is refused."""

import numpy as np
import pytest
from witnesses import close

import nnlearn as nn

pytestmark = pytest.mark.filterwarnings("ignore:You are comparing a array_api_strict dtype")


def test_what_stays_does_not_move(space, rng):
    """None for an argument, a constant by name, an array that is no argument."""
    x, W, b = (space.array(rng.normal(size=s)) for s in [(3, 2), (2, 2), (2,)])
    for tangents in ([None, None, None], [x, None, None], [None, W, b]):
        _, tangent = nn.jvp(nn.dense, [x, W, b], tangents)
        zero = space.xp.zeros_like
        full = [zero(a) if t is None else t for a, t in zip((x, W, b), tangents, strict=True)]
        expected = nn.jvp(nn.dense, [x, W, b], full)[1]
        np.testing.assert_array_equal(nn.to_numpy(tangent), nn.to_numpy(expected))
    by_closure = nn.jvp(lambda x: nn.dense(x, W, b), [x], [x])[1]
    by_argument = nn.jvp(nn.dense, [x, W, b], [x, None, None])[1]
    np.testing.assert_array_equal(nn.to_numpy(by_closure), nn.to_numpy(by_argument))
    _, tangent = nn.jvp(nn.leaky_relu, [x - 9], [x], slope=0.5)
    close(nn.to_numpy(tangent), 0.5 * nn.to_numpy(x), 0, "by name")


def test_parameters_and_several_results():
    """What comes out has the form of what f gives; a vector may stand for parameters."""
    model = nn.Dense(2, 1)
    params = model.init(dtype="float64")
    x = np.ones((3, 2))
    for moves in (params, params.vector):
        (y, z), (dy, dz) = nn.jvp(lambda p, x: (model(p, x), x * 2), [params, x], [moves, None])
        close(dy, x @ params["W"].T + params["b"], 1e-15, "dy")
        assert (y.shape, z.shape, dz.any()) == ((3, 1), (3, 2), False)
    grad = nn.record(lambda p: (p["W"] ** 3).sum())
    value, tangent = nn.jvp(lambda p: nn.vjp(grad, p)[1](), [params], [params])
    assert isinstance(value, nn.Parameters)
    assert isinstance(tangent, nn.Parameters)
    close(value["W"], 3 * params["W"] ** 2, 1e-14, "gradient")
    close(tangent["W"], 6 * params["W"] ** 2, 1e-14, "its change")


def test_a_recorded_function_along_a_direction(rng):
    x, v = rng.normal(size=(2, 3, 2))
    f = nn.record(lambda x: (nn.tanh(x[1:, :]) @ x.T).mean(axis=0) / 3)
    value, tangent = nn.jvp(f, [x], [v])
    close(value, f(x), 1e-15, "value")
    close(tangent, (f(x + 1e-5 * v) - f(x - 1e-5 * v)) / 2e-5, 1e-9, "tangent")


X = np.ones((2, 2))


@pytest.mark.parametrize(
    ("args", "tangents", "error", "message"),
    [
        ([X, X], [X], ValueError, "jvp: 1 tangents for 2 arguments, expected one each"),
        ([X], [X, None], ValueError, "jvp: 2 tangents for 1 arguments"),
        (
            [X],
            [X[0]],
            ValueError,
            r"tangent 0 has shape \(2,\) .* expected .*, \(2, 2\) and float64",
        ),
        ([X], [X.astype("float32")], ValueError, "dtype float32, expected those of its argument"),
        ([X, X], [X, 1.0], ValueError, "jvp: tangent 1 has shape None and dtype None"),
        (
            [X, 2.0],
            [X, 1.0],
            TypeError,
            "argument 1 is a float, no floating-point array, and cannot move; expected None",
        ),
        (
            [np.array([1, 2])],
            [np.array([1, 1])],
            TypeError,
            "argument 0 is a ndarray, no .*cannot move",
        ),
        ([X, 3], [X, 1], TypeError, "argument 1 is a int, .*cannot move"),
    ],
)
def test_tangents_that_do_not_fit(args, tangents, error, message):
    with pytest.raises(error, match=message):
        nn.jvp(lambda *a: a[0] * a[-1], args, tangents)


def test_tangents_of_parameters_that_do_not_fit():
    model = nn.Dense(2, 1)
    params, other = model.init(), nn.Dense(3, 1).init()
    with pytest.raises(ValueError, match=r"tangent 0 has shape \(4,\) .*, \(3,\) and float32"):
        nn.jvp(model, [params, X], [other, None])


@pytest.mark.parametrize("result", [3.0, None, X, [X], "x"])
def test_a_result_that_comes_from_nowhere(result):
    with pytest.raises(TypeError, match=r"jvp: f gives a \w+ that did not come from its arguments"):
        nn.jvp(lambda x: result, [X], [X])


def test_nothing_of_the_arguments_is_changed(rng):
    x, v = rng.normal(size=(2, 4, 3))
    kept = x.copy(), v.copy()
    nn.jvp(lambda x: nn.softmax(nn.relu(x) * x), [x], [v])
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(v, kept[1])
