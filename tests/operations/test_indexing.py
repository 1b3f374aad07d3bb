"""Indexing, reshaping and turning: what is taken, once or several times, and what it gets back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from witnesses import agree, close, dtypes, layouts, seeds, sizes

import nnlearn as nn
from nnlearn.operations import arithmetic


def taking(space, key):
    """Return the operation that takes one key, which lives where the arrays live."""
    here = space.array(key) if isinstance(key, np.ndarray) else key

    @nn.differentiable
    def taken(a):
        return arithmetic.item.forward(a, here)

    return taken


def check_key(space, shape, key, **options):
    """Let loops over the places, PyTorch's scatter-add and differences testify on one key."""
    a = np.random.default_rng(0).normal(size=shape)
    places = np.arange(a.size).reshape(shape)[key]

    def literal(a):
        y = np.empty(places.shape)
        for index in np.ndindex(*places.shape):
            y[index] = a.flat[places[index]]
        return y

    where = torch.tensor(np.array(places))
    by_torch = lambda a: a.reshape(-1)[where]  # noqa: E731
    agree(space, taking(space, key), [a], literal, by_torch, **options)


KEYS = {
    "a row": (1, ...),
    "the last": (-1, ...),
    "a number": (1, 1, 3),
    "a slice": (slice(1, 3), ...),
    "steps": (slice(None), slice(None, None, 2), ...),
    "two slices": (slice(0, 2), slice(1, None), ...),
    "from the end": (slice(-2, None), ...),
    "nothing": (slice(2, 2), ...),
    "a new axis": (None, ...),
    "new axes": (..., None, None),
    "new axes between": (0, None, ..., slice(1, 3), None),
    "all": ...,
    "the end and the beginning": (0, ..., -1),
    "a mask": np.arange(24).reshape(3, 2, 4) % 7 < 3,
    "an empty mask": np.zeros((3, 2, 4), bool),
    "rows": np.array([2, 0]),
    "rows twice": np.array([1, 1, 0, 1]),
    "rows from the end": np.array([-1, 2, -3, -1]),
    "rows in a table": np.array([[0, 2, 0], [1, -1, 0]]),
    "no rows": np.array([], int),
    "32 bits": np.array([2, 2, -1], "int32"),
    "bytes": np.array([2, 2, 0], "uint8"),
}


@pytest.mark.parametrize("name", KEYS)
def test_every_kind_of_key(space, name):
    dtype = "float32" if name.startswith("rows") else "float64"
    check_key(space, (3, 2, 4), KEYS[name], dtype=dtype)


BACKWARDS = [(slice(None, None, -1), ...), (slice(3, 0, -2), slice(None, None, -1))]


@pytest.mark.parametrize("key", BACKWARDS)
def test_steps_backwards(space, key):
    if space.name == "torch":  # it knows none
        with pytest.raises(ValueError, match="step must be greater than zero"):
            taking(space, key)(space.array(np.ones((4, 3))))
        return
    check_key(space, (4, 3), key)


@given(
    shape=st.tuples(st.integers(1, 4), sizes, sizes),
    places=st.lists(st.integers(-4, 3), max_size=6),
    layout=layouts,
)
def test_rows_that_are_taken_any_number_of_times(space, shape, places, layout):
    key = np.array([p for p in places if -shape[0] <= p < shape[0]], int)
    check_key(space, shape, key, layout=layout)


def test_more_rows_than_a_byte_can_name(space):
    """The number of rows does not fit into a byte, nor what a place from the end becomes."""
    a = space.array(np.arange(300.0)[:, None])
    for dtype, places in (("uint8", [0, 255, 255]), ("int8", [-1, 127, -1])):
        value, backward = nn.vjp(arithmetic.item, a, space.array(places, dtype))
        close(nn.to_numpy(value)[:, 0], np.arange(300.0)[places], 0, dtype)
        expected = np.zeros(300)
        np.add.at(expected, places, 1.0)
        da = nn.to_numpy(backward(space.array(np.ones((3, 1)))))
        close(da[:, 0], expected, 0, dtype)


@pytest.mark.parametrize("places", [[3], [0, -4], [-5], [-6, 1]])
def test_rows_that_are_not_there(space, places):
    """A row before the first is no row from the end a second time."""
    a, key = space.array(np.ones((3, 2))), space.array(places)
    if space.name == "cupy":  # to look would be to wait for the device
        assert arithmetic.item(a, key).shape == (len(places), 2)
        return
    with pytest.raises(IndexError):
        arithmetic.item(a, key)


@pytest.mark.parametrize(
    "key",
    [
        [0, 0],
        (np.array([0, 0]), np.array([1, 1])),
        (slice(None), np.array([0, 0])),
        ([0, 0], slice(None)),
        range(2),
        ((0, 0),),
    ],
)
def test_a_key_whose_gradient_would_be_wrong_is_refused(key):
    """What could be taken twice, and would get one of its gradients only."""
    with pytest.raises(IndexError, match=r"item: key is .*, expected .*one array of whole numbers"):
        arithmetic.item(np.ones((2, 2)), key)


def test_whole_numbers_of_numpy_are_whole_numbers():
    a = np.arange(6.0).reshape(3, 2)
    for key in (np.int64(1), np.array(1), (np.int64(1), 1)):
        da = nn.vjp(arithmetic.item, a, key, wrt=0)[1](np.ones(a[key].shape))
        assert da.sum() == a[key].size
        assert (da[key] == 1).all()


def test_what_is_taken_by_name_by_integers_and_by_slices_is_a_view():
    a = np.arange(6.0).reshape(3, 2)
    for key in (1, np.int64(1), (slice(1, 3), 1), (None, 0), (..., None)):
        assert np.shares_memory(arithmetic.item(a, key), a), key
    params = nn.Dense(2, 3).init(seed=0)
    assert np.shares_memory(arithmetic.item(params, "W"), params.vector)


def test_a_number_gets_axes(space):
    value, backward = nn.vjp(arithmetic.item, space.array(2.5), (None, None))
    np.testing.assert_array_equal(nn.to_numpy(value), [[2.5]])
    np.testing.assert_array_equal(nn.to_numpy(backward(space.array([[3.0]]))), 3.0)


def test_parameters_by_their_names(space):
    model = nn.Sequential(nn.Dense(2, 3), nn.Tanh())
    params = model.init(seed=0, dtype="float64")
    params = nn.Parameters(space.array(params.vector), params.layout)
    W, backward = nn.vjp(arithmetic.item, params, "0.W")
    np.testing.assert_array_equal(nn.to_numpy(W), nn.to_numpy(params["0.W"]))
    dW = np.arange(6.0).reshape(3, 2)
    grads = backward(space.array(dW))
    assert space.holds(grads.vector)
    np.testing.assert_array_equal(nn.to_numpy(grads["0.W"]), dW)
    np.testing.assert_array_equal(nn.to_numpy(grads["0.b"]), np.zeros(3))
    with pytest.raises(KeyError, match=r"no parameter '1\.W'; there are 0\.W, 0\.b"):
        arithmetic.item(params, "1.W")


@given(shape=array_shapes(max_dims=3, min_side=1, max_side=3), dtype=dtypes, seed=seeds)
def test_transpose(space, shape, dtype, seed):
    a = np.random.default_rng(seed).normal(size=shape)

    def literal(a):
        y = np.empty(a.shape[::-1])
        for index in np.ndindex(*a.shape):
            y[index[::-1]] = a[index]
        return y

    by_torch = lambda a: a.permute(*reversed(range(a.ndim)))  # noqa: E731
    agree(space, arithmetic.transpose, [a], literal, by_torch, dtype=dtype)


@given(
    shape=st.sampled_from([(3, 4), (-1,), (4, -1), (2, 1, 6), (3, 2, 2)]),
    one_by_one=st.booleans(),
    layout=layouts,
)
def test_reshape(space, shape, one_by_one, layout):
    @nn.differentiable
    def reshaped(a):
        return arithmetic.reshape.forward(a, *(shape if one_by_one else (shape,)))

    def literal(a):  # row by row, whatever the order in memory
        y = np.empty(np.empty(12).reshape(shape).shape)
        for there, here in zip(np.ndindex(*y.shape), np.ndindex(*a.shape), strict=True):
            y[there] = a[here]
        return y

    a = np.random.default_rng(0).normal(size=(2, 3, 2))
    agree(space, reshaped, [a], literal, lambda a: a.reshape(shape), layout=layout)


def test_reshape_to_no_axes(space):
    a = space.array([[2.5]])
    for shape in ((), ((),)):
        value, backward = nn.vjp(arithmetic.reshape, a, *shape)
        assert value.shape == ()
        np.testing.assert_array_equal(nn.to_numpy(backward(3.0)), [[3.0]])


def test_a_shape_beside_other_sizes_is_refused(space):
    """Which of them would count?"""
    a = space.array(np.ones((2, 3)))
    for shape in (((3, 2), 1), (1, (3, 2))):
        with pytest.raises((TypeError, ValueError)):
            arithmetic.reshape(a, *shape)
