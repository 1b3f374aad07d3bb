"""Every layer over drawn settings, shapes, dtypes and layouts: the right result, or a clear no."""

import inspect

import numpy as np
import pytest
import tally
from generated import examples
from hypothesis import assume, given
from hypothesis import strategies as st
from layer_entries import LAYERS, MOVING, case
from registry import KINDS, LAYOUTS
from witnesses import TOLERANCE, close

import nnlearn as nn

#: Layers that have no parameters.
WITHOUT = (
    *("ReLU", "LeakyReLU", "Sigmoid", "Tanh", "GELU", "Dropout", "MaxPool2D", "AvgPool2D"),
    *("Upsample2D", "Flatten", "Unflatten", "TimeFirst"),
)
every_layer = pytest.mark.parametrize("name", LAYERS)


def drawn(name, data):
    """Draw a case that is not refused."""
    found = case(name, data.draw)
    assume(not found.drawn.small)
    tally.count("cases tried")
    return found


def test_every_layer_is_here():
    public = {n for n in nn.__all__ if inspect.isclass(getattr(nn, n))}
    layers = {n for n in public if issubclass(getattr(nn, n), nn.Layer)}
    assert layers - {"Layer"} == LAYERS.keys()


def test_what_gives_a_view_says_so():
    assert "a view" in nn.Layer.__call__.__doc__


@every_layer
@examples
@given(data=st.data())
def test_shapes_dtypes_and_memory(name, data):
    """In training and in inference; nothing is changed, nothing that comes out is what went in."""
    found = case(name, data.draw)
    layer, params, x = found.drawn.layer, found.params, found.x
    if found.drawn.small:
        calls = [lambda: found.vjp(params, x)]
        calls += [lambda: layer(params, x)] * (
            name != "BatchNorm"
        )  # in inference it needs no batch
        for call in calls:
            with pytest.raises(ValueError, match=r"\bx\b"):
                call()
            tally.count("bad inputs refused")
        return
    tally.count("cases tried")
    state = [] if params.state is None else [params.state.vector]
    dy = found.dvalue()
    inside = [params.vector, x, dy, *state]
    before = [a.tobytes() for a in inside]
    inferred = layer(params, x)
    value, backward = found.vjp(params, x)
    gradients = backward(dy)
    assert [a.tobytes() for a in inside] == before
    assert value.shape == inferred.shape == found.drawn.y
    grads = gradients[0]
    outside = [value, inferred, grads.vector, *gradients[1:]]
    assert {a.dtype for a in outside} == {params.vector.dtype}
    assert grads.vector.shape == params.vector.shape
    assert grads.layout.shapes == params.layout.shapes
    assert [g.shape for g in gradients[1:]] == [x.shape] * (len(gradients) - 1)
    for gradient in outside[2:]:
        assert not any(np.may_share_memory(gradient, a) for a in (x, params.vector, *state))
    assert not np.may_share_memory(grads.vector, dy)
    if name not in MOVING:
        assert not any(np.may_share_memory(v, a) for v in outside[:2] for a in inside)


@every_layer
@examples
@given(data=st.data())
def test_any_layout(name, data):
    """Value and gradients are those of plain copies, to rounding, as with operations.

    A normalization of a row that is nearly constant makes rounding large: how large is what a last
    digit of the arguments changes.
    """
    found = drawn(name, data)
    draw = lambda a: LAYOUTS[data.draw(st.sampled_from(list(LAYOUTS)))](a)  # noqa: E731
    x, dy, vector = draw(found.x), draw(found.dvalue()), draw(found.params.vector)
    params = nn.Parameters(vector, found.params.layout, found.params.state)
    ours, copied = results(found, params, x, dy), results(found, params.copy(), x.copy(), dy.copy())
    exact = results(found, *map(wide, (params, x, dy)))
    moved = results(found, *(nudged(wide(a), vector.dtype) for a in (params, x, dy)))
    for a, b, right, beside in zip(ours, copied, exact, moved, strict=True):
        digit = np.abs(beside - right).max(initial=0.0) / np.abs(right).max(initial=1.0)
        close(a, b, max(TOLERANCE[str(vector.dtype)], 8 * digit), "value or gradient")


def results(found, params, x, dy):
    """Give the value, the gradient of the parameters, and that of x, if it has one."""
    value, backward = found.vjp(params, x)
    grads, *dx = backward(dy)
    return [value, grads.vector, *dx]


def wide(a):
    """Give parameters or an array in float64; tokens stay."""
    return a if getattr(a, "dtype", None) == "int64" else a.astype("float64")


def nudged(a, dtype):
    """Move each number up or down by the last digit of a dtype."""
    if getattr(a, "dtype", None) == "int64":
        return a
    rng, moved = np.random.default_rng(0), a.copy()
    numbers = moved.vector if isinstance(moved, nn.Parameters) else moved
    numbers *= 1 + np.finfo(dtype).eps * rng.choice([-1, 1], numbers.shape)
    return moved


@pytest.mark.parametrize("name", [n for n in LAYERS if n not in (*WITHOUT, "Embedding")])
@examples
@given(data=st.data())
def test_float32_beside_float64_is_taken_for_float64(name, data):
    found = drawn(name, data)
    assume(found.params.vector.size)
    x, params = found.x.astype("float32"), found.params.astype("float64")
    if data.draw(st.booleans()):
        x, params = x.astype("float64"), params.astype("float32")
    value, backward = found.vjp(params, x)
    expected, wide_backward = found.vjp(params.astype("float64"), x.astype("float64"))
    assert value.dtype == found.drawn.layer(params, x).dtype == "float64"
    close(value, expected, 1e-12, "value")
    dy = found.dvalue().astype("float64")
    (grads, dx), (wide_grads, wide_dx) = backward(dy), wide_backward(dy)
    assert (grads.vector.dtype, dx.dtype) == (params.vector.dtype, x.dtype)
    close(grads.vector, wide_grads.vector, 2e-7, "gradient of the parameters")
    close(dx, wide_dx, 2e-7, "gradient of x")


@every_layer
@examples
@given(data=st.data())
def test_what_is_no_array_of_numbers_is_refused(name, data):
    found = drawn(name, data)
    kinds = set(KINDS) - ({"whole"} if found.drawn.tokens or name == "TimeFirst" else set())
    for kind in sorted(kinds - ({"true or false"} if name == "TimeFirst" else set())):
        x = KINDS[kind](found.x)
        for call in (found.drawn.layer, lambda *a: nn.vjp(found.drawn.layer, *a, wrt=0)):
            with pytest.raises(TypeError, match=r"\b(x|z|tokens) (is|has) "):
                call(found.params, x)
            tally.count("bad inputs refused")


#: Layers whose x may have any shape, or any last axis.
ANY_SHAPE = ("ReLU", "LeakyReLU", "Sigmoid", "Tanh", "GELU", "Dropout", "Embedding")
ANY_WIDTH = (*ANY_SHAPE, "MaxPool2D", "AvgPool2D", "Upsample2D", "Flatten", "TimeFirst")


@every_layer
@examples
@given(data=st.data())
def test_a_wrong_shape_is_refused(name, data):
    """An x of too few axes, or of another width: the message is about x."""
    found = drawn(name, data)
    shape = found.x.shape
    wrong = [] if name in ANY_WIDTH else [(*shape[:-1], shape[-1] + 1)]
    wrong += [] if name in ANY_SHAPE else [()]
    for bad in wrong:
        x = np.ones(bad, found.x.dtype)
        for call in (found.drawn.layer, lambda *a: nn.vjp(found.drawn.layer, *a, wrt=0)):
            with pytest.raises(ValueError, match=r"\bx\b"):
                call(found.params, x)
            tally.count("bad inputs refused")


#: Whose x is no number, or whose value may have places that see nothing of x, beyond its border and
#: between the stamps. Which places do see it is asked of the operations.
BLIND = ("Embedding", "Conv2D", "ConvTranspose2D")


@pytest.mark.parametrize("name", [n for n in LAYERS if n not in BLIND])
@examples
@given(data=st.data())
def test_nothing_known_of_x_is_nothing_known_of_the_value(name, data):
    """And NumPy has nothing to say of it."""
    found = drawn(name, data)
    with np.errstate(all="raise", under="ignore"):
        assert np.isnan(found.drawn.layer(found.params, np.full_like(found.x, np.nan))).all()


@pytest.mark.parametrize("name", [n for n in LAYERS if n not in WITHOUT])
@examples
@given(data=st.data())
def test_steps_and_clipping(name, data):
    """A step moves θ in place, in its dtype, and changes neither gradient nor x."""
    found = drawn(name, data)
    params = found.params.copy()
    _, backward = found.vjp(params, found.x)
    grads = backward(found.dvalue())[0]
    before, dtype = grads.vector.tobytes(), params.vector.dtype
    for optimizer in (nn.SGD(0.1, momentum=0.9), nn.Adam(0.01, weight_decay=0.1)):
        theta = params.vector
        optimizer.step(params, grads)
        assert params.vector is theta
        assert {a.dtype for a in (theta, *optimizer.memory.values())} == {dtype}
        assert not any(np.may_share_memory(m, grads.vector) for m in optimizer.memory.values())
    assert grads.vector.tobytes() == before
    assert nn.clip_gradient_norm(grads, 1.0).dtype == grads.vector.dtype == dtype
    assert np.linalg.norm(grads.vector) <= 1.0001
