"""check_gradients: it lets right derivations pass, and finds every planted fault."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from witnesses import close

import nnlearn as nn
from nnlearn.checking import central_difference


def dense_with(gradients):
    """Return the dense operation with gradients of its own, ``gradients(dz, x, W)``."""

    @nn.differentiable
    def dense(x, W, b):
        return x @ W.T + b, lambda dz: gradients(dz, x, W)

    return dense


FAULTS = {
    "a sign": lambda dz, x, W: (-dz @ W, dz.T @ x, dz.sum(0)),
    "a transposition": lambda dz, x, W: (dz @ W, (dz.T @ x).T, dz.sum(0)),
    "W where its transpose belongs": lambda dz, x, W: (dz @ W.T, dz.T @ x, dz.sum(0)),
    "a bias that is not summed": lambda dz, x, W: (dz @ W, dz.T @ x, dz[0]),
    "a bias that is averaged": lambda dz, x, W: (dz @ W, dz.T @ x, dz.mean(0)),
    "a factor": lambda dz, x, W: (dz @ W, 2 * dz.T @ x, dz.sum(0)),
    "a gradient of zero": lambda dz, x, W: (dz @ W, dz.T @ x, 0 * dz.sum(0)),
    "not a number": lambda dz, x, W: (dz @ W, dz.T @ x, np.nan * dz.sum(0)),
    "a little": lambda dz, x, W: (dz @ W * (1 + 1e-4), dz.T @ x, dz.sum(0)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_of_a_dense_layer(fault, rng):
    x, W, b = rng.normal(size=(5, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)
    right = dense_with(lambda dz, x, W: (dz @ W, dz.T @ x, dz.sum(0)))
    assert nn.check_gradients(right, x, W, b) < 1e-7
    with pytest.raises(nn.GradientError):
        nn.check_gradients(dense_with(FAULTS[fault]), x, W, b)


def test_a_missing_term(rng):
    """The softmax without its sum, and the standardization without a mean's own gradient."""

    @nn.differentiable
    def softmax(z):
        p = nn.softmax(z)
        return p, lambda dp: p * dp

    @nn.differentiable
    def standardize(x):
        x_hat = nn.standardize(x)
        scale = 1 / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x_hat, lambda d: scale * (d - d.mean(-1, keepdims=True))

    for operation in (softmax, standardize):
        with pytest.raises(nn.GradientError):
            nn.check_gradients(operation, rng.normal(size=(2, 4)))


def test_a_value_used_twice_but_not_added(rng):
    @nn.differentiable
    def square(x):
        return x * x, lambda dy: dy * x

    with pytest.raises(nn.GradientError):
        nn.check_gradients(square, rng.normal(size=3))


@given(shape=st.sampled_from([(3,), (2, 3), (2, 1, 3)]), data=st.data())
def test_a_fault_in_one_element_is_found_and_named(space, shape, data):
    wrong = data.draw(st.tuples(*(st.integers(0, n - 1) for n in shape)))

    @nn.differentiable
    def almost_tanh(z):
        a = nn.tanh(z)

        def backward(da):
            gradient = da * (1 - a * a)
            gradient[wrong] += 0.01
            return gradient

        return a, backward

    z = space.array(np.random.default_rng(0).normal(size=shape))
    with pytest.raises(nn.GradientError) as caught:
        nn.check_gradients(almost_tanh, z)
    assert f"argument 0 at [{', '.join(map(str, wrong))}] is" in str(caught.value)


def test_the_message_names_both_numbers():
    @nn.differentiable
    def wrong(x, y):
        return x + y, lambda dz: (dz, 3 * dz)

    with pytest.raises(nn.GradientError) as caught:
        nn.check_gradients(wrong, np.array(1.0), np.array(2.0))
    assert str(caught.value).startswith("wrong: the gradient of argument 1 at [] is")
    derived, measured, _ = numbers_of(caught.value)
    assert abs(derived - 3 * measured) < 1e-6
    assert isinstance(caught.value, AssertionError)


def numbers_of(error):
    """Read what an error says: what was derived, what was measured, and their difference."""
    words = str(error).split()
    found = (words[words.index(word) + 1] for word in ("is", "measure", "difference"))
    return [float(number.strip(",")) for number in found]


@pytest.mark.parametrize("slope", [100.0, -100.0, 0.1, -0.1])
@pytest.mark.parametrize("factor", [0.0, -1.0, 50.0])
def test_the_difference_is_relative_to_the_larger_number_and_to_one(slope, factor):
    """Of either sign; what is below 1 is compared as it is."""

    @nn.differentiable
    def wrong(x):
        return slope * x, lambda dy: factor * slope * dy

    with pytest.raises(nn.GradientError) as caught:
        nn.check_gradients(wrong, np.array(1.0))
    derived, measured, difference = numbers_of(caught.value)
    assert derived == pytest.approx(factor * measured, rel=1e-6)
    expected = abs(derived - measured) / max(1.0, abs(derived), abs(measured))
    assert difference == pytest.approx(expected, rel=0.05)  # it is printed with two digits


def test_a_gradient_of_minus_zero_is_reported_as_zero():
    @nn.differentiable
    def wrong(x):
        return x * 1.0, lambda dy: -0.0 * np.abs(dy)

    with pytest.raises(nn.GradientError, match=r"at \[0\] is 0, but central"):
        nn.check_gradients(wrong, np.ones(2))


def test_the_message_names_an_element_of_a_matrix_among_parameters():
    """By its own row and column, not by its place in the vector."""

    @nn.differentiable
    def wrong(params):
        def backward(dy):
            gradient = params.zeros_like()
            gradient.vector[...] = dy
            gradient["W"][1, 2] += 1.0
            return gradient

        return params.vector * 1.0, backward

    params = nn.Parameters(np.ones(10), {"b": (4,), "W": (2, 3)})
    with pytest.raises(nn.GradientError, match=r"argument 0 at W\[1, 2\] is"):
        nn.check_gradients(wrong, params)


def weights_of(**settings):
    """Return the weights that `check_gradients` gives to 1,000 outputs."""
    seen = []

    @nn.differentiable
    def spread(x):
        return x * np.ones(1000), lambda dy: seen.append(dy) or dy.sum()

    nn.check_gradients(spread, np.array(1.0), **settings)
    return seen[0]


def test_every_output_counts_by_a_weight_of_its_own():
    """Of either sign, none near 0 and none alike: what is wrong in several does not cancel."""
    weights = weights_of()
    sizes = np.abs(weights)
    assert 0.5 <= sizes.min() < 0.51
    assert 1.49 < sizes.max() <= 1.5
    assert len(set(sizes)) == 1000
    assert 400 < (weights > 0).sum() < 600


def test_the_weights_are_the_seed_s():
    np.testing.assert_array_equal(weights_of(), weights_of(seed=0))
    assert not np.array_equal(weights_of(), weights_of(seed=1))


def test_parameters_and_the_name_in_the_message(space, rng):
    """A fault in a layer's parameter is named as the model names it."""

    class WrongDense(nn.Dense):
        def operation(self, params, x, training, generator):
            z, backward = super().operation(params, x, training, generator)

            def wrong(dz):
                dx, dW, db = backward(dz)
                return dx, dW, lambda: 2.0 * db()

            return z, wrong

    x = space.array(rng.normal(size=(4, 3)))
    space.use()
    try:
        good = nn.Sequential(nn.Dense(3, 2), nn.Tanh(), nn.Dense(2, 2))
        params = good.init(dtype="float64")
        bad = nn.Sequential(nn.Dense(3, 2), nn.Tanh(), WrongDense(2, 2))
        assert nn.check_gradients(good, params, x) < 1e-6
        with pytest.raises(nn.GradientError, match=r"argument 0 at 2\.b\[0\] is"):
            nn.check_gradients(bad, params, x)
    finally:
        nn.use_backend("numpy")


def test_every_layer_at_once(rng):
    """Dropout gets the same chance at every evaluation; batch norm's state is left alone."""
    model = nn.Sequential(
        nn.Dense(3, 4),
        nn.BatchNorm(4),
        nn.Tanh(),
        nn.Dropout(0.4),
        nn.Dense(4, 3),
        nn.LayerNorm(3),
        nn.Sigmoid(),
    )
    params = model.init(seed=1)
    before = params.copy()
    generator = np.random.default_rng(5)
    state = copy.deepcopy(generator.bit_generator.state)
    x = rng.normal(size=(6, 3)).astype("float32")
    assert nn.check_gradients(model, params, x, rng=generator) < 1e-6
    np.testing.assert_array_equal(params.vector, before.vector)
    np.testing.assert_array_equal(params.state.vector, before.state.vector)
    assert generator.bit_generator.state == state


def test_a_generator_among_the_arguments_starts_anew_too():
    assert nn.check_gradients(nn.dropout, np.ones(20), 0.5, np.random.default_rng(0)) < 1e-6


def test_arguments_are_taken_in_float64(space, rng):
    z = space.array(rng.normal(size=4), "float32")
    before = nn.to_numpy(z).copy()
    worst = nn.check_gradients(nn.sigmoid, z)
    assert type(worst) is float  # NumPy's own would be printed as np.float64(…)
    assert worst < 1e-8
    np.testing.assert_array_equal(nn.to_numpy(z), before)
    assert nn.check_gradients(nn.record(lambda z: (z * z).sum()), z) < 1e-8  # and a number's weight


def test_parameters_and_what_a_layer_remembers_are_taken_in_float64(rng):
    dtypes = set()

    class Watched(nn.BatchNorm):
        def operation(self, params, x, training, generator):
            dtypes.update({x.dtype, params.vector.dtype, params.state.vector.dtype})
            return super().operation(params, x, training, generator)

    layer, x = Watched(3), rng.normal(size=(4, 3)).astype("float32")
    assert nn.check_gradients(layer, layer.init(), x) < 1e-7
    assert dtypes == {np.dtype("float64")}


def test_what_a_function_overwrites_is_a_copy():

    @nn.differentiable
    def overwriting(x):
        x += 1
        return x * 2, lambda dy: 2 * dy

    x = np.zeros(3)
    nn.check_gradients(overwriting, x)
    assert x.tolist() == [0, 0, 0]


def test_wrt_and_constants(rng):
    @nn.differentiable
    def only_the_first(x, y):
        return x * y, lambda dz: (dz * y, lambda: 1 / 0)

    x, y = rng.normal(size=2), rng.normal(size=2)
    for wrt in (0, [0], iter([0])):
        assert nn.check_gradients(only_the_first, x, y, wrt=wrt) < 1e-8
    with pytest.raises(ZeroDivisionError):
        nn.check_gradients(only_the_first, x, y)
    labels = np.array([0, 2])
    assert nn.check_gradients(nn.softmax_cross_entropy, rng.normal(size=(2, 3)), labels) < 1e-8
    assert nn.check_gradients(nn.leaky_relu, x, slope=0.3) < 1e-8


def test_several_outputs(rng):
    def split(right):
        @nn.differentiable
        def operation(x):
            return (x * x, x**3), lambda a, b: 2 * x * a + (3 if right else 2) * x * x * b

        return operation

    x = rng.normal(size=3)
    assert nn.check_gradients(split(True), x) < 1e-7
    with pytest.raises(nn.GradientError):
        nn.check_gradients(split(False), x)


def test_a_large_argument_is_sampled(rng):
    """Only some elements are moved, but a fault in all of them does not hide."""
    moved = []

    @nn.differentiable
    def f(x):
        moved.append(x)
        return np.sum(x * x), lambda dy: 2 * x * dy

    assert nn.check_gradients(f, rng.normal(size=1000), samples=7) < 1e-6
    assert len(moved) == 1 + 2 * 7
    with pytest.raises(nn.GradientError):
        nn.check_gradients(FAULTY_SQUARE, rng.normal(size=1000), samples=7)


@nn.differentiable
def FAULTY_SQUARE(x):
    return x * x, lambda dy: x * dy


def moved_elements(count, **settings):
    """Return which of so many elements `check_gradients` moves, in the order of its choice."""
    moved = []

    @nn.differentiable
    def square(x):
        moved.extend(np.flatnonzero(x - 3.0))
        return x * x, lambda dy: 2 * x * dy

    nn.check_gradients(square, np.full(count, 3.0), **settings)
    assert moved[::2] == moved[1::2]  # forth and back
    return moved[::2]


def test_each_element_is_moved_once_at_most():
    assert moved_elements(4) == [0, 1, 2, 3]
    chosen = moved_elements(200, samples=150)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == 150
    assert len(moved_elements(200, samples=1)) == 1


def test_by_default_200_elements_of_a_large_argument_are_moved():
    assert len(moved_elements(200)) == 200
    assert len(moved_elements(203)) == 200


def test_the_first_element_that_is_wrong_is_named():
    first = min(moved_elements(1000, samples=7))
    with pytest.raises(nn.GradientError, match=rf"argument 0 at \[{first}\] is"):
        nn.check_gradients(FAULTY_SQUARE, np.full(1000, 3.0), samples=7)


def test_tolerance(rng):
    @nn.differentiable
    def roughly(x):
        return x * x, lambda dy: 2.001 * x * dy

    x = rng.normal(size=3)
    with pytest.raises(nn.GradientError, match=r"allowed 1\.0e-06"):
        nn.check_gradients(roughly, x)
    assert 1e-5 < nn.check_gradients(roughly, x, tolerance=1e-2) < 1e-2


def test_nothing_to_move():
    """A check of nothing would pass for every derivation."""
    with pytest.raises(ValueError, match="tanh is given no number to move"):
        nn.check_gradients(nn.tanh, np.zeros((0, 3)))
    with pytest.raises(ValueError, match="Tanh is given no number to move"):
        nn.check_gradients(nn.Tanh(), nn.Tanh().init(), np.zeros((0, 3)))
    with pytest.raises(ValueError, match="samples is 0"):
        nn.check_gradients(nn.tanh, np.ones(3), samples=0)


def test_central_difference():
    """Exact for a parabola, at any step; along any direction."""
    x, d = np.array([1.0, 2.0]), np.array([3.0, -1.0])
    for step in (0.5, 1e-3):
        slope = central_difference(lambda v: float(v @ v), x, d, step)
        close(slope, 2 * x @ d, 1e-10, "slope")
