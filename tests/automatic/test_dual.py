"""Dual numbers: the rules, one by one, and writing into arrays, on every namespace."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import close, dtypes, make_space, seeds

import nnlearn as nn
from nnlearn.arrays.backend import array_namespace
from nnlearn.automatic.dual import SLOPES, Dual, duals_of

# A dual number's type says nothing of its library, and the strict one warns of comparisons.
pytestmark = pytest.mark.filterwarnings("ignore:You are comparing a array_api_strict dtype")


def along(f, values, tangents, h=1e-6):
    """Measure how f changes along a direction."""
    ends = [f(*(v + s * h * t for v, t in zip(values, tangents, strict=True))) for s in (1, -1)]
    return (ends[0] - ends[1]) / (2 * h)


def check(space, f, by_numpy, *values, dtype="float64"):
    """Compare a function of dual numbers with the same by NumPy, and with differences."""
    rng = np.random.default_rng(1)
    values = [np.asarray(v, dtype) for v in values]
    tangents = [np.asarray(rng.normal(size=v.shape), dtype) for v in values]
    pairs = zip(values, tangents, strict=True)
    y = f(*(Dual(space.array(v), space.array(t)) for v, t in pairs))
    exact = [v.astype(float) for v in values], [t.astype(float) for t in tangents]
    for part, expected in ((y.value, by_numpy(*exact[0])), (y.tangent, along(by_numpy, *exact))):
        assert space.holds(part)
        assert str(part.dtype).endswith(dtype)
        close(nn.to_numpy(part), expected, 1e-8 if dtype == "float64" else 1e-5, "part")


RULES = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "matmul": lambda a, b: a @ b.T,
    "numbers": lambda a, b: 2 - 3 * a + b / 4 + (1 + b) - 0.5 + 2 / a,
    "powers": lambda a, b: a**2 + b**-1.5 + a**0 + b**1,
    "signs": lambda a, b: -(-a - b),
    "items": lambda a, b: a[0, ...] * b[..., 1:2] + b[1:2, ::2][:, 1:],
    "sums": lambda a, b: a.sum() * (a / b.sum(axis=1, keepdims=True)).sum(axis=0) + b.sum(axis=1),
    "means": lambda a, b: a.mean() * (a / b.mean(1, keepdims=True)).mean(axis=0) + b.mean(axis=1),
    "shapes": lambda a, b: a.reshape(1, 9) * b.reshape((9, 1)) - b.reshape(-1),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_rules(space, rule, dtype, rng):
    a, b = rng.uniform(0.5, 2, size=(2, 3, 3))
    check(space, RULES[rule], RULES[rule], a, b, dtype=dtype)


@given(left=st.booleans(), right=st.booleans(), dtype=dtypes, seed=seeds)
def test_repeated_sizes(space, left, right, dtype, seed):
    """A tangent is repeated as its value is."""
    rng = np.random.default_rng(seed)
    a = rng.uniform(1, 2, (3, 1) if left else (1,))
    b = rng.uniform(1, 2, (1, 2) if right else ())
    for f in (RULES["add"], RULES["multiply"], RULES["divide"], RULES["subtract"]):
        check(space, f, f, a, b, dtype=dtype)


WITH_CONSTANTS = {
    "add": lambda a, c: a + c,
    "subtract": lambda a, c: a - c,
    "multiply": lambda a, c: a * c,
    "divide": lambda a, c: a / c,
    "matmul": lambda a, c: a.T @ c[: a.shape[0], :],
}
FROM_THE_LEFT = {
    "add": lambda a, c: c + a,
    "subtract": lambda a, c: c - a,
    "multiply": lambda a, c: c * a,
    "divide": lambda a, c: c / a,
    "matmul": lambda a, c: c[: a.shape[0], :].T @ a,
}


@pytest.mark.parametrize("shape", [(2, 3), (2, 1), (1, 3)])
@pytest.mark.parametrize("rule", WITH_CONSTANTS)
def test_arrays_beside_dual_numbers_are_constants(space, rule, shape, rng):
    """On either side of each sign. The strict namespace refuses strangers on its right."""
    x, c = rng.uniform(0.5, 2, shape), rng.uniform(0.5, 2, (2, 3))
    sides = [WITH_CONSTANTS[rule]]
    if not space.name.startswith("strict"):
        sides.append(FROM_THE_LEFT[rule])
    for f in sides:
        check(space, lambda a, f=f: f(a, space.array(c)), lambda a, f=f: f(a, c), x)


def test_to_the_power_of_zero_nothing_moves(space):
    """x⁰ is 1 wherever x is, at 0 and at infinity, too."""
    y = dual(space, [0.0, -2.0, np.inf], [1.0, 3.0, 5.0]) ** 0
    assert nn.to_numpy(y.value).tolist() == [1, 1, 1]
    assert nn.to_numpy(y.tangent).tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", SLOPES)
def test_functions_of_one_number(space, name, rng):
    by_numpy = getattr(np, name)
    x = rng.uniform(0.3, 2, (2, 3)) * (rng.choice([-1, 1], (2, 3)) if name == "abs" else 1)
    check(space, lambda a: getattr(array_namespace(a), name)(a), by_numpy, x)


MOVING = {
    "flip": (lambda xp, a: xp.flip(a, axis=0), lambda a: np.flip(a, 0)),
    "matrix_transpose": (lambda xp, a: xp.matrix_transpose(a), np.matrix_transpose),
    "mean": (lambda xp, a: xp.mean(a, axis=1), lambda a: a.mean(1)),
    "sum": (lambda xp, a: xp.sum(a, axis=0, keepdims=True), lambda a: a.sum(0, keepdims=True)),
    "permute_dims": (lambda xp, a: xp.permute_dims(a, (1, 0)), lambda a: a.T),
    "repeat": (lambda xp, a: xp.repeat(a, 2, axis=1), lambda a: np.repeat(a, 2, 1)),
    "reshape": (lambda xp, a: xp.reshape(a, (3, 2)), lambda a: a.reshape(3, 2)),
    "take": (lambda xp, a: xp.take(a, INDEX(xp), axis=1), lambda a: a[:, [0, 2, 0]]),
    "broadcast_to": (
        lambda xp, a: xp.broadcast_to(a, (2, 2, 3)),
        lambda a: np.broadcast_to(a, (2, 2, 3)),
    ),
    "concat": (
        lambda xp, a: xp.concat([a, 2 * a], axis=1),
        lambda a: np.concatenate([a, 2 * a], 1),
    ),
    "stack": (lambda xp, a: xp.stack([a, a * a]), lambda a: np.stack([a, a * a])),
    "asarray": (lambda xp, a: xp.asarray(a, copy=True), lambda a: a),
    "max": (lambda xp, a: xp.max(a, axis=1), lambda a: a.max(1)),
    "max of all": (lambda xp, a: xp.max(a, keepdims=True), lambda a: a.max(keepdims=True)),
    "maximum": (lambda xp, a: xp.maximum(a, 0.2), lambda a: np.maximum(a, 0.2)),
    "minimum": (lambda xp, a: xp.minimum(a * a, a), lambda a: np.minimum(a * a, a)),
    "where": (lambda xp, a: xp.where(a > 0, a * a, 1.0), lambda a: np.where(a > 0, a * a, 1.0)),
    "matmul": (lambda xp, a: xp.matmul(a, a.T), lambda a: a @ a.T),
}


def INDEX(xp):
    """Return places on the device of the arrays of a namespace of dual numbers."""
    return PLACES[xp]


PLACES: dict = {}


@pytest.mark.parametrize("name", MOVING)
def test_functions_of_arrays(space, name, rng):
    ours, by_numpy = MOVING[name]
    PLACES[duals_of(array_namespace(space.array([1.0])))] = space.array([0, 2, 0])
    check(space, lambda a: ours(array_namespace(a), a), by_numpy, rng.normal(size=(2, 3)))


def dual(space, value, tangent=None, dtype="float64"):
    value = np.asarray(value, dtype)
    tangent = np.ones_like(value) if tangent is None else np.asarray(tangent, dtype)
    return Dual(space.array(value), space.array(tangent))


def test_writing_through_a_view(space):
    """What is written into a view stands in the array, its tangent with it; numbers stay."""
    a = dual(space, np.zeros((3, 2)), np.arange(6.0).reshape(3, 2))
    row = a[1, ...]
    row[...] = dual(space, [5.0, 6.0], [7.0, 8.0])
    a[0, 1] = 4.0
    view = a[2:, :]
    view += dual(space, [[1.0, 1.0]], [[10.0, 10.0]])
    view *= 2.0
    assert nn.to_numpy(a.value).tolist() == [[0, 4], [5, 6], [2, 2]]
    assert nn.to_numpy(a.tangent).tolist() == [[0, 0], [7, 8], [28, 30]]
    view /= dual(space, 2.0, 1.0)
    view -= 1.0
    assert nn.to_numpy(a.value)[2].tolist() == [0, 0]
    assert nn.to_numpy(a.tangent)[2].tolist() == [13.5, 14.5]


def test_elements_that_are_shared(space):
    """An array beside itself, its views and its transpose: every use moves."""
    a = dual(space, [[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 0.0]])
    y = a * a.T + a[0:1, :] * a[:, 0:1]
    assert nn.to_numpy(y.value).tolist() == [[2, 8], [9, 22]]
    assert nn.to_numpy(y.tangent).tolist() == [[4, 2], [3, 0]]


def test_a_number_of_numpy_takes_another_place():
    """What NumPy takes out of an array is no array: += makes a new one, and a keeps its own."""
    a = Dual(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    s = a[0]
    s += a[1]
    s *= 2
    assert (s.value, s.tangent) == (6, 14)
    assert a.value.tolist() == [1, 2]


def test_comparisons_have_no_tangent(space):
    a, b = dual(space, [1.0, 2.0, 3.0]), dual(space, [2.0, 2.0, 2.0])
    for found, expected in [
        (a > b, [0, 0, 1]),
        (a >= b, [0, 1, 1]),
        (a < b, [1, 0, 0]),
        (a <= 2.0, [1, 1, 0]),
        (a == b, [0, 1, 0]),
        (a != 2.0, [1, 0, 1]),
        (a != b, [1, 0, 1]),
    ]:
        assert space.holds(found)
        assert nn.to_numpy(found).tolist() == [bool(e) for e in expected]


def test_what_a_comparison_gives_is_looked_at_as_it_is(space):
    """`any` takes arrays of True and False, which are no dual numbers."""
    a = dual(space, [[1.0, 2.0], [3.0, 4.0]])
    found = array_namespace(a).any(a > 2.5, axis=-1)
    assert space.holds(found)
    assert nn.to_numpy(found).tolist() == [False, True]


def test_a_mask_of_dual_numbers_keeps_what_it_names(space):
    a = dual(space, [1.0, -2.0, 3.0], [4.0, 5.0, 6.0])
    kept = a[a > 0]
    assert nn.to_numpy(kept.value).tolist() == [1, 3]
    assert nn.to_numpy(kept.tangent).tolist() == [4, 6]


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_places_may_be_constants_among_dual_numbers(library):
    """Labels come beside dual numbers as such that do not move, and are places still."""
    space = make_space(library)
    a = dual(space, [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[1.0, 3.0], [5.0, 7.0], [9.0, 11.0]])
    rows, columns = a.constant(space.array([2, 0])), a.constant(space.array([1, 0]))
    for found, value, tangent in [
        (a[rows], [[5, 6], [1, 2]], [[9, 11], [1, 3]]),
        (a[rows, columns], [6, 1], [11, 1]),
    ]:
        assert nn.to_numpy(found.value).tolist() == value
        assert nn.to_numpy(found.tangent).tolist() == tangent
    a[rows] = 0.0
    a[rows, columns] = dual(space, [7.0, 8.0], [-1.0, -2.0])
    assert nn.to_numpy(a.value).tolist() == [[8, 0], [3, 4], [0, 7]]
    assert nn.to_numpy(a.tangent).tolist() == [[-2, 0], [5, 7], [0, -1]]


def test_a_constant_has_no_part_in_the_tangent(space):
    """Not even 0 times infinity, which is no number."""
    a, c = dual(space, [np.inf, 2.0], [3.0, 5.0]), space.array(np.array([4.0, 8.0]))
    for found, value, tangent in [
        (a * c, [np.inf, 16], [12, 40]),
        (4 * a, [np.inf, 8], [12, 20]),
        (a / c, [np.inf, 0.25], [0.75, 0.625]),
        (a.constant(c) / a, [0, 4], [0, -10]),
    ]:
        assert nn.to_numpy(found.value).tolist() == value
        assert nn.to_numpy(found.tangent).tolist() == tangent


def test_what_stays_costs_no_second_computation(space):
    """Functions of one argument and products of constants are constants, and carry no tangent."""
    a = dual(space, [[1.0, 2.0], [3.0, 4.0]])
    xp, c = array_namespace(a), a.constant(space.array([[0.5, 2.0], [4.0, 1.0]]))
    values = nn.to_numpy(c.value)
    for found, expected in [
        (c.T, values.T),
        (c @ c, values @ values),
        (c * c, values * values),
        (2 * c, 2 * values),
        (c / c, values / values),
        (xp.flip(c, axis=0), values[::-1]),
        *((getattr(xp, name)(c), getattr(np, name)(values)) for name in SLOPES),
    ]:
        assert not found.moves
        close(nn.to_numpy(found.value), expected, 1e-15, "value")
        zeros = nn.to_numpy(found.tangent)
        assert not zeros.any()
        assert not np.signbit(zeros).any()  # -0 would be printed so


def test_functions_take_plain_arrays_as_they_are(space):
    """What is given no dual number gives none: a mask, or what a formula has in its closure."""
    a, plain = dual(space, [[1.0, 2.0, 3.0]]), np.array([[0.5, 2.0, 1.0], [3.0, 1.0, 4.0]])
    xp, c = array_namespace(a), space.array(plain)
    for found, expected in [
        *((getattr(xp, name)(c), getattr(np, name)(plain)) for name in SLOPES),
        (xp.sum(c, axis=1, keepdims=True), plain.sum(1, keepdims=True)),
        (xp.max(c, axis=1), plain.max(1)),
        (xp.max(c, axis=0, keepdims=True), plain.max(0, keepdims=True)),
    ]:
        assert space.holds(found)
        close(nn.to_numpy(found), expected, 1e-15, "value")


def test_functions_of_several_arrays_take_plain_ones_among_dual_numbers(space):
    a, c = dual(space, [[1.0, 2.0]], [[3.0, 4.0]]), space.array([[5.0, 6.0]])
    xp = array_namespace(a)
    for found, value, tangent in [
        (xp.concat([c, a]), [[5, 6], [1, 2]], [[0, 0], [3, 4]]),
        (xp.stack([a, c], axis=1), [[[1, 2], [5, 6]]], [[[3, 4], [0, 0]]]),
        (xp.matmul(space.array([[2.0], [1.0]]), a), [[2, 4], [1, 2]], [[6, 8], [3, 4]]),
        (xp.matmul(a, space.array([[2.0], [1.0]])), [[4]], [[10]]),
    ]:
        assert nn.to_numpy(found.value).tolist() == value
        assert nn.to_numpy(found.tangent).tolist() == tangent


def test_asarray_copies_and_converts_both_parts(space):
    a, c = dual(space, [1.0, 2.0], [3.0, 4.0]), space.array([5.0, 6.0])
    xp = array_namespace(a)
    narrow = xp.asarray(a, dtype=xp.float32)
    assert narrow.value.dtype == narrow.tangent.dtype == xp.float32
    for source in (a, c):
        copied = xp.asarray(source, copy=True)
        copied += 1.0
    assert nn.to_numpy(a.value).tolist() == [1, 2]
    assert nn.to_numpy(c).tolist() == [5, 6]


def test_reshaped_to_no_size_it_is_a_number(space):
    y = dual(space, [[5.0]], [[2.0]]).reshape()
    assert (y.shape, float(y.value), float(y.tangent)) == ((), 5, 2)


def test_arrays_of_two_libraries_are_refused():
    x, W, b = np.ones((3, 2)), torch.ones((1, 2), dtype=torch.float64), np.ones(1)
    with pytest.raises(TypeError, match="arrays of one library are expected, and these came"):
        nn.jvp(nn.dense, [x, W, b], [x, None, None])


def test_what_is_not_a_number_stays_that(space):
    """Of a maximum and a minimum as NumPy's: what is NaN on either side comes out."""
    a, b = dual(space, [np.nan, 1.0, 2.0]), dual(space, [1.0, np.nan, 1.0])
    xp = array_namespace(a)
    assert np.isnan(nn.to_numpy(xp.maximum(a, b).value)).tolist() == [True, True, False]
    assert np.isnan(nn.to_numpy(xp.minimum(a, b).value)).tolist() == [True, True, False]
    assert np.isnan(nn.to_numpy(xp.maximum(a, 0.0).value)).tolist() == [True, False, False]


def test_of_equal_largest_the_mean_moves(space):
    a = dual(space, [[2.0, 2.0, 1.0], [1.0, 3.0, 2.0]], [[1.0, 3.0, 9.0], [9.0, 5.0, 9.0]])
    found = array_namespace(a).max(a, axis=1)
    assert nn.to_numpy(found.value).tolist() == [2, 3]
    assert nn.to_numpy(found.tangent).tolist() == [2, 5]


def test_constants_and_their_names(space):
    a = dual(space, [[1.0, 2.0]], dtype="float32")
    xp = array_namespace(a)
    assert xp is duals_of(array_namespace(a.value))
    for made in (
        xp.zeros_like(a),
        xp.ones((1, 2), dtype=a.dtype, device=a.device),
        xp.empty_like(a),
        xp.full((1, 2), 3.0, dtype=a.dtype, device=a.device),
    ):
        assert (made.shape, made.dtype, made.device) == (a.shape, a.dtype, a.device)
        assert not nn.to_numpy(made.tangent).any()
    assert (a.ndim, a.size, xp.float32) == (2, 2, array_namespace(a.value).float32)
    assert xp.__name__.startswith("duals of ")
    assert repr(a).startswith("Dual(")
    assert len(dual(space, np.ones((4, 2)))) == 4


def test_what_dual_numbers_cannot_do_says_so():
    a = Dual(np.ones(2), np.ones(2))
    with pytest.raises(AttributeError, match="dual numbers have no function 'sin'"):
        array_namespace(a).sin(a)
    with pytest.raises(TypeError, match="does not support ufuncs"):
        np.exp(a)
    with pytest.raises(TypeError, match="unhashable"):
        hash(a)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "relu", "leaky_relu", "tanh", "gelu"])
def test_at_zero_forward_mode_takes_the_slope_that_backward_takes(name):
    """Written with max, min and abs, whose kinks are at 0: the smooth ones stay smooth there."""
    f, zero, one = getattr(nn, name), np.zeros(1), np.ones(1)
    assert nn.jvp(f, [zero], [one])[1] == nn.vjp(f, zero)[1](one)
