"""Every fast path gives what the plain code gives that it stands for."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from witnesses import close, seeds

import nnlearn as nn
from nnlearn.arrays import fast, recurrence
from nnlearn.arrays.recurrence import Columns, PlainColumns

PATHS = {
    name: path
    for module in (fast, recurrence)
    for name, path in vars(module).items()
    if hasattr(path, "plain")
}


def arguments(name, rng, draw):
    """Draw arguments for a fast path: NumPy arrays and settings."""
    m, n = draw(st.integers(1, 7)), draw(st.integers(1, 5))
    rows = rng.normal(size=(m, n))
    if name == "masked":
        return rows, rng.random((m, n)) > 0.5
    if name == "add_rows":
        count = draw(st.sampled_from([3, 300]))  # below and above where another way is taken
        return rows, rng.integers(0, count, m), count
    if name == "sliding_windows":
        size = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
        x = rng.normal(size=(2, size[0] + m, size[1] + n, 2))
        return x, size, draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    if name in ("lstm_gates", "lstm_slopes"):
        return (rng.uniform(-3, 3, size=(4 * m, n)),)
    return (rows,)


IN_PLACE = {"lstm_gates"}
ELSEWHERE = {"write", "blocks"}  # tested below: they give no array


def test_every_fast_path_has_its_case():
    assert set(PATHS) == {
        *("write", "masked", "column_sums", "add_rows", "sliding_windows", "blocks"),
        *("lstm_gates", "lstm_slopes"),
    }
    public = {
        name
        for name, thing in inspect.getmembers(fast, inspect.isfunction)
        if thing.__module__ == fast.__name__ and not name.startswith(("_", "plain_"))
    }
    assert public - {"fast"} <= set(PATHS), "a fast path without a plain one"


@pytest.mark.parametrize("name", sorted(set(PATHS) - ELSEWHERE))
@given(seed=seeds, data=st.data(), dtype=st.sampled_from(["float32", "float64"]))
def test_fast_and_plain_agree(space, name, seed, data, dtype):
    path = PATHS[name]
    drawn = arguments(name, np.random.default_rng(seed), data.draw)
    drawn = [a.astype(dtype) if getattr(a, "dtype", "") == "float64" else a for a in drawn]
    ours, plain = (
        [space.array(a) if isinstance(a, np.ndarray) else a for a in drawn] for _ in range(2)
    )
    value, expected = path(*ours), path.plain(*plain)
    if name in IN_PLACE:
        value, expected = ours[0], plain[0]
    assert space.holds(value)
    assert value.dtype == expected.dtype == ours[0].dtype
    tolerance = 1e-13 if dtype == "float64" else 1e-5
    close(nn.to_numpy(value), nn.to_numpy(expected), tolerance, name)


def test_write(space, rng):
    a, b = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
    for function, arrays in [("matmul", (a, b)), ("tanh", (a[:, :2],))]:
        places = [space.array(np.zeros((3, 2))) for _ in range(2)]
        for path, place in zip((fast.write, fast.write.plain), places, strict=True):
            path(place, getattr(space.xp, function), *map(space.array, arrays))
        np.testing.assert_array_equal(*map(nn.to_numpy, places))
        assert (nn.to_numpy(places[0]) != 0).all()


def test_blocks_cover_a_vector_once(space):
    vector = space.array(np.arange(10.0))
    parts = fast.blocks(vector, size=4)
    together = np.concatenate([nn.to_numpy(vector[part]) for part in parts])
    np.testing.assert_array_equal(together, np.arange(10.0))
    assert len(parts) == (3 if space.name == "numpy" else 1)
    assert [slice(0, 10)] == fast.blocks.plain(vector)


@pytest.mark.parametrize(("operation", "blocks"), [(nn.rnn, 1), (nn.lstm, 4), (nn.gru, 3)])
@given(T=st.integers(1, 4), N=st.integers(1, 3), D=st.integers(1, 3), H=st.integers(1, 3))
def test_recurrent_layers_in_columns_and_in_the_equations_order(operation, blocks, T, N, D, H):
    """The whole operation, forward and backward, on either of the two layouts."""
    rng = np.random.default_rng(0)
    states = 2 if operation is nn.lstm else 1
    weights = (blocks * H, D), (blocks * H, H), (blocks * H,)
    shapes = [(T, N, D), *[(N, H)] * states, *weights]
    arrays = [rng.normal(size=shape) for shape in shapes]
    dh = rng.normal(size=(T, N, H))
    found = []
    for layout in (Columns, PlainColumns):
        with pytest.MonkeyPatch.context() as patch:
            module = inspect.getmodule(inspect.unwrap(operation))
            patch.setattr(module, "Columns", layout)
            value, backward = nn.vjp(operation, *arrays)
            found.append([*(value if states == 2 else (value,)), *backward(dh)])
    for k, (ours, plain) in enumerate(zip(*found, strict=True)):
        close(ours, plain, 1e-12, f"array {k}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_masked_keeps_and_clears_whatever_it_is(space, dtype):
    """Infinite numbers and NaN too, which times zero are NaN."""
    values = space.array([np.inf, -np.inf, np.nan, 2.0, -0.0, 1e-45], dtype=dtype)
    for kept in (True, False):
        mask = space.array(np.full(6, kept))
        expected = nn.to_numpy(values) if kept else np.zeros(6)
        np.testing.assert_array_equal(nn.to_numpy(fast.masked(values, mask)), expected)


def test_masked_takes_numbers_that_no_integer_is_as_long_as():
    values = np.array([np.inf, 2.0], dtype=np.longdouble)
    np.testing.assert_array_equal(fast.masked(values, np.array([False, True])), [0, 2])
