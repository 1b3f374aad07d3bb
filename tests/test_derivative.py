"""vjp: what is differentiated, what is computed, and what is refused."""

import numpy as np
import pytest
from witnesses import close, difference_gradient

import nnlearn as nn


def boom():
    raise AssertionError("a gradient that nobody wants was computed")


class Calls:
    """Counts how often the gradient of each argument is computed."""

    def __init__(self, count):
        self.counts = [0] * count

    def product(self):
        """Return an operation x · y · t whose gradients are counted."""

        @nn.differentiable
        def product(x, y, t):
            def gradient(i, value):
                self.counts[i] += 1
                return value

            def backward(dz):
                return (
                    lambda: gradient(0, dz * y * t),
                    lambda: gradient(1, dz * x * t),
                    lambda: gradient(2, dz * x * y),
                )

            return x * y * t, backward

        return product


@nn.differentiable("x (N), y (N) -> total (N), ratio (N)")
def two_outputs(x, y):
    """x y and x / y: an operation with several outputs."""

    def backward(dtotal, dratio):
        return dtotal * y + dratio / y, dtotal * x - dratio * x / (y * y)

    return (x * y, x / y), backward


# --- which arguments ---------------------------------------------------------------------------


def test_by_default_every_floating_argument(space):
    x, y = space.array([1.0, 2.0]), space.array([3.0, 4.0])
    _, backward = nn.vjp(two_outputs, x, y)
    gradients = backward(x, y)
    assert isinstance(gradients, tuple)
    assert [space.holds(g) for g in gradients] == [True, True]
    logits, labels = space.array(np.zeros((2, 3))), space.array([0, 1])
    lone = nn.vjp(nn.softmax_cross_entropy, logits, labels)[1]()
    assert lone.shape == (2, 3)  # bare, and nothing for the labels


@pytest.mark.parametrize(
    ("wrt", "expected"),
    [
        (0, 12.0),
        ((0,), 12.0),
        ([1], 8.0),
        (2, 6.0),
        ((0, 1), (12.0, 8.0)),
        ([2, 0], (6.0, 12.0)),
        (range(3), (12.0, 8.0, 6.0)),
        (None, (12.0, 8.0, 6.0)),
        ((), ()),
    ],
)
def test_wrt(wrt, expected):
    calls = Calls(3)
    x, y, t = (np.array(v) for v in (2.0, 3.0, 4.0))
    value, backward = nn.vjp(calls.product(), x, y, t, wrt=wrt)
    assert value == 24
    assert calls.counts == [0, 0, 0]
    assert backward() == expected
    wanted = range(3) if wrt is None else (wrt,) if isinstance(wrt, int) else wrt
    assert calls.counts == [int(i in wanted) for i in range(3)]


def test_positions_may_come_once():
    """Of an iterator each position is read once."""
    x, y, t = (np.array(v) for v in (2.0, 3.0, 4.0))
    _, backward = nn.vjp(Calls(3).product(), x, y, t, wrt=iter([2, 0]))
    assert backward() == (6, 12)


def test_what_is_not_wanted_is_not_computed():
    @nn.differentiable
    def f(x, y):
        return x * y, lambda dz: (lambda: dz * y, boom)

    x, y = np.array(2.0), np.array(3.0)
    assert nn.vjp(f, x, y, wrt=0)[1]() == 3
    with pytest.raises(AssertionError, match="nobody wants"):
        nn.vjp(f, x, y)[1]()


def test_what_dense_leaves_out_costs_nothing():
    """An array that refuses products shows that no product is made for a gradient left out."""

    class NoProduct(np.ndarray):
        def __matmul__(self, other):
            boom()

        __rmatmul__ = __matmul__

    x, W, b = np.ones((2, 3)), np.ones((4, 3)), np.ones(4)
    _, backward = nn.vjp(nn.dense, x, W, b, wrt=2)
    close(backward(np.ones((2, 4)).view(NoProduct)), np.full(4, 2.0), 0, "db")
    _, backward = nn.vjp(nn.dense, x, W, b, wrt=1)
    with pytest.raises(AssertionError, match="nobody wants"):
        backward(np.ones((2, 4)).view(NoProduct))


def test_keyword_arguments_are_constants():
    z = np.array([-1.0, 2.0])
    value, backward = nn.vjp(nn.leaky_relu, z, slope=np.array(0.5))
    close(value, [-0.5, 2.0], 0, "value")
    close(backward(np.ones(2)), [0.5, 1.0], 0, "one gradient, of z alone")


def test_the_value_is_that_of_the_call(rng):
    x, W, b = rng.normal(size=(2, 3)), rng.normal(size=(4, 3)), rng.normal(size=4)
    np.testing.assert_array_equal(nn.vjp(nn.dense, x, W, b)[0], nn.dense(x, W, b))


# --- gradients of outputs ----------------------------------------------------------------------


def test_several_outputs(space, rng):
    x, y = rng.uniform(1, 2, 3), rng.uniform(1, 2, 3)
    dtotal, dratio = rng.normal(size=3), rng.normal(size=3)
    value, backward = nn.vjp(two_outputs, space.array(x), space.array(y))
    assert isinstance(value, tuple)
    for given, weights in [
        ((dtotal, dratio), (dtotal, dratio)),
        ((dtotal,), (dtotal, 0 * dratio)),  # a trailing one counts as zero
    ]:
        gradients = backward(*map(space.array, given))
        for i in range(2):
            measured = difference_gradient(
                lambda x, y: np.stack([x * y, x / y]), [x, y], i, np.stack(weights)
            )
            close(nn.to_numpy(gradients[i]), measured, 1e-8, f"gradient {i} of {len(given)}")


def test_of_several_scalars_only_the_first_counts_as_one():
    f = nn.record(lambda x: ((x * x).sum(), (5 * x).sum(), x))
    _, backward = nn.vjp(f, np.array([1.0, 2.0]))
    assert backward().tolist() == [2, 4]
    assert backward(0.0).tolist() == [0, 0]


def test_of_nothing_the_gradient_is_nothing(space):
    x = space.array(np.zeros((0, 3)))
    value, backward = nn.vjp(nn.tanh, x)
    assert backward(value).shape == (0, 3)


def test_each_gradient_has_the_dtype_of_its_argument(space, rng):
    """Though all is computed in the widest of them; of parameters as of arrays."""
    arrays = rng.normal(size=(2, 3)), rng.normal(size=(4, 3)), rng.normal(size=4)
    dtypes = ["float32", "float64", "float32"]
    placed = [space.array(a, dtype) for a, dtype in zip(arrays, dtypes, strict=True)]
    exact = [space.array(nn.to_numpy(a), "float64") for a in placed]
    value, backward = nn.vjp(nn.dense, *placed)
    assert str(value.dtype).endswith("float64")
    expected = nn.vjp(nn.dense, *exact)[1](value)
    for ours, theirs, dtype in zip(backward(value), expected, dtypes, strict=True):
        assert str(ours.dtype).endswith(dtype)
        close(nn.to_numpy(ours), nn.to_numpy(theirs), 1e-6, "gradient")
    layer = nn.Dense(3, 4)
    params = nn.Parameters(space.array(rng.normal(size=16), "float64"), {"W": (4, 3), "b": (4,)})
    value, backward = nn.vjp(layer, params, placed[0])
    dparams, dx = backward(value)
    assert str(dparams.vector.dtype).endswith("float64")
    assert str(dx.dtype).endswith("float32")


def test_a_dtype_that_creeps_into_a_gradient_stays_to_be_seen():
    """Where all arguments have one dtype, none is turned: labels and numbers are no others."""

    @nn.differentiable
    def creeping(x, labels, factor):
        return x * factor, lambda dy: dy.astype("float64") * factor

    x = np.ones(2, "float32")
    for args in [(x, np.array([0, 1]), 3), (x, None, 2.0)]:
        assert nn.vjp(creeping, *args)[1](x).dtype == "float64"


def test_a_scalar_needs_no_gradient(space):
    x = space.array([1.0, 2.0])
    target = space.array([0.0, 0.0])
    _, backward = nn.vjp(nn.mean_squared_error, x, target, wrt=0)
    for seed in ((), (1.0,), (1,), (space.array(1.0),)):
        gradient = backward(*seed)
        assert space.holds(gradient)
        close(nn.to_numpy(gradient), [1.0, 2.0], 0, "gradient")
    assert str(backward(1).dtype).endswith("float64")


def test_backward_may_be_called_again(rng):
    x, W, b = rng.normal(size=(2, 3)), rng.normal(size=(4, 3)), rng.normal(size=4)
    _, backward = nn.vjp(nn.dense, x, W, b)
    first = backward(np.ones((2, 4)))
    backward(np.zeros((2, 4)))
    for a, b in zip(first, backward(np.ones((2, 4))), strict=True):
        np.testing.assert_array_equal(a, b)


def test_composition_and_fan_out(rng):
    """One backward after the other; what is used twice is added: x · tanh(x), by hand."""
    x = rng.normal(size=4)

    @nn.differentiable
    def x_tanh_x(x):
        t, backward_t = nn.vjp(nn.tanh, x)
        return x * t, lambda dy: dy * t + backward_t(dy * x)

    dy = rng.normal(size=4)
    measured = difference_gradient(lambda x: x * np.tanh(x), [x], 0, dy)
    close(nn.vjp(x_tanh_x, x)[1](dy), measured, 1e-9, "composition")


# --- a reader's own functions ------------------------------------------------------------------


def test_decorated_bare_and_with_brackets():
    def cube(x):
        """The third power."""
        return x**3, lambda dy: 3 * x**2 * dy

    for f in (nn.differentiable(cube), nn.differentiable()(cube), nn.differentiable("x ()")(cube)):
        assert f(np.array(2.0)) == 8
        assert nn.vjp(f, np.array(2.0))[1]() == 12
        assert (f.__name__, f.__doc__) == ("cube", "The third power.")


def test_a_model_and_its_input(rng):
    model = nn.Sequential(nn.Dense(3, 2), nn.Tanh())
    params = model.init(dtype="float64")
    x = rng.normal(size=(4, 3))
    _, backward = nn.vjp(model, params, x)
    grads, dx = backward(np.ones((4, 2)))
    assert isinstance(grads, nn.Parameters)
    assert list(grads) == list(params)
    assert dx.shape == x.shape
    assert isinstance(nn.vjp(model, params, x, wrt=0)[1](np.ones((4, 2))), nn.Parameters)


# --- what is refused ---------------------------------------------------------------------------


def test_a_plain_function_is_no_operation():
    def plain(x):
        return x

    with pytest.raises(TypeError, match=r"vjp: f is plain, which is not .*@nn\.differentiable"):
        nn.vjp(plain, np.ones(2))


@pytest.mark.parametrize(
    ("wrt", "error", "message"),
    [
        (2, ValueError, "wrt names argument 2 of softmax_cross_entropy, expected positions 0 to 1"),
        (-1, ValueError, "wrt names argument -1 of softmax_cross_entropy"),
        ((0, 7), ValueError, "wrt names argument 7"),
        (1, TypeError, "argument 1 of softmax_cross_entropy, a ndarray that is not floating-point"),
        ("logits", ValueError, "wrt names argument 'l'"),
        (1.0, TypeError, "wrt is 1.0, expected a position or several"),
    ],
)
def test_wrt_that_names_nothing(wrt, error, message):
    with pytest.raises(error, match=message):
        nn.vjp(nn.softmax_cross_entropy, np.zeros((2, 3)), np.array([0, 1]), wrt=wrt)


def test_nothing_to_differentiate_by():
    @nn.differentiable
    def f(n, m):
        return n, lambda dn: dn

    message = "f is given no floating-point array .* its arguments are of int64, int$"
    with pytest.raises(ValueError, match=message):
        nn.vjp(f, np.array([1]), 3)


def test_gradients_that_do_not_fit():
    x = np.ones((2, 3))
    _, backward = nn.vjp(nn.tanh, x)
    with pytest.raises(ValueError, match=r"shape \(3, 2\), expected the shape .*, \(2, 3\)"):
        backward(np.ones((3, 2)))
    with pytest.raises(ValueError, match="backward of tanh: the gradient has shape"):
        backward(1.0)
    with pytest.raises(TypeError, match=r"value has shape \(2, 3\); its gradient is missing"):
        backward()
    with pytest.raises(TypeError, match="2 gradients came, expected at most 1"):
        backward(x, x)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_a_gradient_of_another_dtype_is_turned_into_the_value_s(space, dtype):
    x = space.array([0.0, 0.5], "float32")
    gradient = nn.vjp(nn.tanh, x)[1](space.array([1, 2], dtype))
    assert str(gradient.dtype).endswith("float32")
    close(nn.to_numpy(gradient), [1, 2 * (1 - np.tanh(0.5) ** 2)], 1e-6, "gradient")


@pytest.mark.parametrize("dtype", ["bool", "complex128"])
def test_a_gradient_that_is_no_real_number_is_refused(space, dtype):
    _, backward = nn.vjp(nn.tanh, space.array([0.0, 0.5]))
    with pytest.raises(TypeError, match=rf"the gradient has dtype .*{dtype}, expected that of"):
        backward(space.array([1, 0], dtype))


def test_a_gradient_of_a_wrong_shape_is_refused():
    @nn.differentiable
    def transposed(x):
        return x * 2, lambda dy: dy.T * 2

    _, backward = nn.vjp(transposed, np.ones((2, 3)))
    message = r"transposed gives a gradient of shape \(3, 2\) for its argument 0, .*\(2, 3\)"
    with pytest.raises(ValueError, match=message):
        backward(np.ones((2, 3)))


def test_a_missing_gradient_is_said():
    @nn.differentiable
    def f(x, y):
        return x * y, lambda dz: dz * y

    @nn.differentiable
    def g(x, y):
        return x * y, lambda dz: (dz * y, None)

    for operation in (f, g):
        _, backward = nn.vjp(operation, np.ones(2), np.ones(2))
        with pytest.raises(TypeError, match=r"gives no gradient for its argument 1"):
            backward(np.ones(2))
        nn.vjp(operation, np.ones(2), np.ones(2), wrt=0)[1](np.ones(2))


@pytest.mark.parametrize(
    "body",
    [
        lambda x: x * x,
        lambda x: (x, x),
        lambda x: (x, x, x),
        lambda x: [x, lambda dy: dy],
        lambda x: (x, lambda dy: dy, x),
    ],
)
def test_a_body_without_a_backward_is_said(body):
    @nn.differentiable
    def forgotten(x):
        return body(x)

    for call in (forgotten, lambda x: nn.vjp(forgotten, x)):
        with pytest.raises(
            TypeError, match=r"forgotten: its body gives .*expected value, backward"
        ):
            call(np.ones(3))


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 5000])
@pytest.mark.parametrize("layout", ["plain", "transposed", "strided"])
def test_what_is_changed_before_backward_is_noticed(size, layout):
    """The value, an argument, one that is not differentiated by, and parameters."""
    z = np.linspace(-2, 2, 2 * size).reshape(size, 2)
    z = {"plain": z, "transposed": z.T, "strided": np.repeat(z, 2, axis=0)[::2]}[layout]
    labels, model = np.zeros(z.shape[0], int), nn.Dense(z.shape[1], 1)
    params = model.init()
    cases = [
        (nn.sigmoid, (z.copy(),), "value"),
        (nn.tanh, (z.copy(order="K"),), 0),
        (nn.softmax_cross_entropy, (z.copy(), labels), 1),
        (model, (params, z.astype("float32")), 0),
    ]
    for f, args, which in cases:
        value, backward = nn.vjp(f, *args)
        backward(np.ones_like(value))  # untouched
        changed = value if which == "value" else getattr(args[which], "vector", args[which])
        changed += 1
        with pytest.raises(RuntimeError, match=r"(the value|argument \d) was changed in place"):
            backward(np.ones_like(value))


def test_every_value_of_several_is_looked_at():
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    for which in (0, 1):
        values, backward = nn.vjp(two_outputs, x, y)
        values[which][1] = 0.0
        with pytest.raises(RuntimeError, match="backward of two_outputs: the value was changed"):
            backward(x, y)


@pytest.mark.parametrize("size", [257, 1000])
def test_of_a_larger_array_256_numbers_at_most_are_looked_at(size):
    """So that looking costs the same however large it is; they are spread evenly."""
    z, noticed = np.zeros(size), []
    for i in range(size):
        _, backward = nn.vjp(nn.tanh, z)
        z[i] += 1.0
        try:
            backward(z)
        except RuntimeError:
            noticed.append(i)
    assert 128 <= len(noticed) <= 256
    assert len(set(np.diff(noticed))) == 1


def test_one_number_that_is_changed_in_a_small_array():
    """Up to 256 numbers all are looked at, NaN too; larger arrays in part."""
    z = np.zeros(256)
    z[3] = np.nan
    for i in range(256):
        _, backward = nn.vjp(nn.tanh, z)
        backward(z)
        z[i] = i + 1.0
        with pytest.raises(RuntimeError, match="argument 0"):
            backward(z)
