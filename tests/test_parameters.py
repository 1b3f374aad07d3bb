"""Parameters: one vector, and views into it, in every namespace."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlearn as nn
from nnlearn.parameters import Layout, checksum

SHAPES = {"0.W": (2, 3), "0.b": (2,), "10.gamma": (), "1.inner.W": (1, 2), "1.inner.b": (0,)}
SIZE = 6 + 2 + 1 + 2 + 0


def numbered(space, dtype="float64", state=None):
    return nn.Parameters(space.array(np.arange(SIZE), dtype), SHAPES, state)


def values(a):
    return nn.to_numpy(a).ravel().tolist()


def test_views_have_names_shapes_and_their_place(space):
    params = numbered(space)
    assert list(params) == list(SHAPES)
    assert len(params) == 5
    assert {name: a.shape for name, a in params.items()} == SHAPES
    assert values(params["0.W"]) == [0, 1, 2, 3, 4, 5]
    assert values(params["0.b"]) == [6, 7]
    assert values(params["10.gamma"]) == [8]
    assert values(params["1.inner.W"]) == [9, 10]
    assert "0.W" in params
    assert "0.V" not in params


def test_views_are_views(space):
    """Writing a view changes the vector, and the other way round."""
    params = numbered(space)
    view = params["0.b"]
    view += 10.0
    assert values(params.vector)[6:8] == [16, 17]
    params["0.W"][1, 0] = -1.0
    assert values(params.vector)[3] == -1
    params.vector[...] = 0.0 * params.vector
    assert values(view) == [0, 0]
    params["0.b"] *= 2.0
    params["0.b"] = space.array([5.0, 6.0])
    params["10.gamma"] = 7.0
    assert values(params.vector)[6:9] == [5, 6, 7]
    assert values(view) == [5, 6]


def test_a_part_is_a_view_too(space):
    params = numbered(space)
    part = params.part("1")
    assert list(part) == ["inner.W", "inner.b"]
    part["inner.W"] = space.array([[1.5, 2.5]])
    assert values(params["1.inner.W"]) == [1.5, 2.5]
    assert values(part.part("inner")["W"]) == [1.5, 2.5]
    assert list(params.part("10")) == ["gamma"]  # not mixed up with "1"
    assert list(params.part("nothing")) == []
    assert params.part("nothing").vector.shape == (0,)


def test_the_state_comes_along(space):
    state = nn.Parameters(space.array([1.0, 2.0]), {"0.mean": (2,)})
    params = numbered(space, state=state)
    params.part("0").state["mean"] += 1.0
    assert values(state.vector) == [2, 3]
    copied = params.copy()
    state["0.mean"] = 0.0
    assert values(copied.state.vector) == [2, 3]
    params.assign(copied)
    assert values(state.vector) == [2, 3]
    assert numbered(space).part("0").state is None


def test_copies_are_independent_and_stay_where_they_are(space):
    params = numbered(space, "float32")
    for other, expected in [
        (params.copy(), list(range(SIZE))),
        (params.zeros_like(), [0] * SIZE),
        (params.empty_like(), None),
    ]:
        assert space.holds(other.vector)
        assert str(other.vector.dtype).endswith("float32")
        assert list(other) == list(params)
        if expected:
            assert values(other.vector) == expected
        other["0.b"] = 99.0
        assert values(params["0.b"]) == [6, 7]


def test_a_state_is_taken_over_where_both_have_one():
    def stateful(value):
        state = nn.Parameters(np.full(2, value), {"0.mean": (1,), "0.variance": (1,)})
        return nn.Parameters(np.full(1, value), {"0.b": (1,)}, state)

    without = nn.Parameters(np.full(1, 5.0), {"0.b": (1,)})
    params = stateful(1.0)
    params.assign(without)
    assert (values(params.vector), values(params.state.vector)) == ([5], [1, 1])
    without.assign(stateful(2.0))
    assert (values(without.vector), without.state) == ([2], None)
    gradient = {"0.b": lambda: np.full(1, 7.0)}
    for state, expected in (
        (None, [1, 1]),
        ({}, [1, 1]),
        ({"0.variance": np.full(1, 3.0), "0.h": np.ones(4)}, [1, 3]),
    ):
        filled = params.filled(gradient, state)
        assert (values(filled.vector), values(filled.state.vector)) == ([7], expected)
    assert values(params.state.vector) == [1, 1]


def test_assign_keeps_the_vector(space):
    params, other = numbered(space), numbered(space)
    other.vector[...] = other.vector + 1
    vector, view = params.vector, params["0.b"]
    params.assign(other)
    assert params.vector is vector
    assert values(view) == [7, 8]


def test_astype(space):
    space.use()
    try:
        state = nn.Parameters(space.array([1.0], "float32"), {"0.mean": (1,)})
        wide = numbered(space, "float32", state).astype("float64")
    finally:
        nn.use_backend("numpy")
    assert space.holds(wide.vector)
    assert str(wide.vector.dtype).endswith("float64")
    assert str(wide.state.vector.dtype).endswith("float64")
    assert values(wide.vector) == list(range(SIZE))


def test_a_new_vector_gets_new_views(space):
    """Views into a vector that is no longer θ would go on as if nothing had happened."""
    params = numbered(space)
    assert values(params["0.b"]) == [6, 7]
    params.vector = params.vector + 1
    assert values(params["0.b"]) == [7, 8]
    with pytest.raises(ValueError, match=r"Parameters: vector has shape \(3,\), expected \(11,\)"):
        params.vector = space.array([1.0, 2.0, 3.0])
    assert values(params["0.b"]) == [7, 8]


def test_what_does_not_fit():
    with pytest.raises(ValueError, match=r"vector has shape \(3,\), expected \(2,\)"):
        nn.Parameters(np.ones(3), {"b": (2,)})
    with pytest.raises(ValueError, match=r"vector has shape \(1, 2\), expected \(2,\)"):
        nn.Parameters(np.ones((1, 2)), {"b": (2,)})
    params = nn.Parameters(np.ones(2), {"b": (2,)})
    with pytest.raises(ValueError, match=r"'b' is given shape \(1,\), expected \(2,\)"):
        params["b"] = np.ones(1)
    with pytest.raises(KeyError, match="no parameter 'W'; there are b"):
        params["W"]
    with pytest.raises(KeyError, match="there are none"):
        nn.Parameters(np.ones(0), {})["W"]


def test_they_are_compared_as_objects():
    a, b = nn.Parameters(np.ones(2), {"b": (2,)}), nn.Parameters(np.ones(2), {"b": (2,)})
    assert a == a
    assert a != b
    assert len({a, b}) == 2


def test_repr(space):
    state = nn.Parameters(space.array([1.0], "float32"), {"1.mean": (1,)})
    shapes = {"0.W": (200, 30), "0.b": (200,)}
    params = nn.Parameters(space.array(np.ones(6200), "float32"), shapes, state)
    caption, *lines = repr(params).splitlines()
    assert caption.startswith("Parameters: 6,200 numbers, float32, ")
    assert caption.endswith(f"on {params.vector.device}")
    assert lines == [
        "name  shape      numbers",
        "0.W   (200, 30)    6,000",
        "0.b   (200,)         200",
        "and 1 not learned: state",
    ]


def test_the_text_of_a_large_model_is_short():
    params = nn.Parameters(np.ones(100), {f"{i}.b": (1,) for i in range(100)})
    lines = repr(params).splitlines()
    assert len(lines) == 18
    assert [line.split()[0] for line in (lines[2], lines[-1])] == ["0.b", "99.b"]
    assert "… 85 more" in repr(params)


def test_the_table_of_a_notebook():
    page = nn.Parameters(np.ones(2), {"a<b": (2,)})._repr_html_()
    assert page.startswith("<table><caption>Parameters: 2 numbers, float64, numpy")
    assert '<th scope="col">shape</th>' in page
    assert '<th scope="row">a&lt;b</th><td>(2,)</td><td>2</td>' in page
    assert "style" not in page


def test_what_is_not_there_says_where_it_is():
    params = nn.Parameters(np.ones(2), {"b": (2,)})
    with pytest.raises(AttributeError, match=r"no attribute 'b'; the arrays .* params\['b'\]"):
        _ = params.b
    assert not hasattr(params, "__array__")
    for count in (12, 13):
        many = nn.Parameters(np.ones(count), {f"{i}.b": (1,) for i in range(count)})
        with pytest.raises(AttributeError, match=r"params\['11\.b'\]" + ", …" * (count > 12) + "$"):
            _ = many.b
    for again in (copy.deepcopy(params), pickle.loads(pickle.dumps(params))):
        assert values(again["b"]) == [1, 1]
        again["b"] = 0.0
        assert values(again.vector) == [0, 0]


def test_what_python_looks_for_is_answered_shortly():
    """Notebooks and copies ask for much that begins with _, and of objects that are half made."""
    params, half_made = nn.Parameters(np.ones(2), {"b": (2,)}), object.__new__(nn.Parameters)
    for asked in (params, half_made):
        for name in ("_repr_svg_", "__deepcopied__"):
            with pytest.raises(AttributeError, match=f"^{name}$"):
                getattr(asked, name)
    for name in ("layout", "vector", "anything"):
        with pytest.raises(AttributeError):
            getattr(half_made, name)


def test_shapes_of_any_kind_are_tuples():
    layout = Layout({"a": [2, 3], "b": range(1, 2)})
    assert layout.shapes == {"a": (2, 3), "b": (1,)}


@given(shapes=st.lists(st.lists(st.integers(0, 3), max_size=3).map(tuple), max_size=5))
def test_layout_covers_the_vector_once(shapes):
    layout = Layout({f"{i}.a": shape for i, shape in enumerate(shapes)})
    covered = [i for where in layout.slices.values() for i in range(where.start, where.stop)]
    assert covered == list(range(layout.size))
    params = nn.Parameters(np.arange(float(layout.size)), layout)
    together = [np.ravel(a) for a in params.values()]
    np.testing.assert_array_equal(np.concatenate([np.zeros(0), *together]), params.vector)


def test_checksum(space):
    a = np.arange(6.0)
    assert checksum(space.array(a), space.array(a)) == checksum(a, a)
    different = [a, a + 1e-12, a.reshape(2, 3), a.astype("float32"), a[::-1], a[:0], a[:5]]
    assert len({checksum(b) for b in different}) == len(different)
    assert checksum(a, a) != checksum(a)
    assert checksum(a[::2]) == checksum(a[::2].copy())
    assert checksum(np.zeros((0, 3))) != checksum(np.zeros((3, 0)))
    # what stands in files that were written before: it is never another
    assert checksum(a) == "55abf0e1"
    assert checksum(a, np.zeros((0, 3), "float32")) == "1a71f954"


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))]
)
def test_copies_look_into_their_own_vector(copied):
    """The views were looked at before; what is written into the copy's vector shows in them."""
    params = nn.Sequential(nn.Dense(3, 2), nn.BatchNorm(2)).init(seed=0)
    before = {name: np.array(params[name]) for name in params}
    other = copied(params)
    assert list(other) == list(params)
    assert list(other.state) == list(params.state)
    other.vector = np.array(other.vector)  # copy.copy shares it on purpose
    other.vector[...] = 0
    for name in params:
        assert np.all(other[name] == 0)
        np.testing.assert_array_equal(params[name], before[name])
