"""Every line of every backward pass, broken on purpose, is caught.

The judge is a short battery for each operation: finite differences through a composition with
something before the operation (which uses its argument twice) and something after it, shapes that
tell every axis from every other, exactly the kink, each choice of `wrt`, and what must not be
computed. A fault that no battery sees is a survivor, and fails the test.
"""

import ast

import numpy as np
import pytest
from mutate import backwards, lines, load, mutants, read
from paths import PACKAGE

import nnlearn as nn
from nnlearn.arrays import parallel

RNG = np.random.default_rng(0)
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if "exercises" not in path.parts
    if list(backwards(ast.parse(path.read_text())))
)


def normal(*shape):
    return RNG.normal(size=shape)


# --- the judges --------------------------------------------------------------------------------


def in_a_composition(operation, *arrays, **keywords):
    """Check Σ sin(operation(x² / 2 + x, …)): something before, used twice, and something after."""

    @nn.differentiable
    def composition(*arguments):
        before = [x * x / 2 + x for x in arguments]
        value, backward = nn.vjp(operation, *before, **keywords)
        after = np.sum(np.sin(value))

        def gradients(dafter):
            found = backward(np.cos(value) * dafter)
            found = found if isinstance(found, tuple) else (found,)
            return tuple(d * x + d for d, x in zip(found, arguments, strict=True))

        return after, gradients

    nn.check_gradients(composition, *arrays)


def each_alone(operation, *arrays, dvalue):
    """Each choice of `wrt` gives the same as all together."""
    together = nn.vjp(operation, *arrays)[1](dvalue)
    for i, expected in enumerate(together):
        alone = nn.vjp(operation, *arrays, wrt=i)[1](dvalue)
        np.testing.assert_array_equal(alone, expected)


def activation(name, at_zero=None, **keywords):
    def judge(module):
        operation = getattr(module, name)
        in_a_composition(operation, 3 * normal(2, 3), **keywords)
        in_a_composition(operation, normal(2, 1, 4), **keywords)
        if at_zero is not None:
            gradient = nn.vjp(operation, np.zeros(1), **keywords)[1](np.ones(1))
            assert gradient[0] == at_zero

    return judge


def dense(module):
    for shape in [(5, 3), (2, 4, 3)]:
        in_a_composition(module.dense, normal(*shape), normal(2, 3), normal(2))
    x, W, b, dz = normal(5, 3), normal(2, 3), normal(2), normal(5, 2)
    each_alone(module.dense, x, W, b, dvalue=dz)
    np.testing.assert_array_equal(nn.vjp(module.dense, x, W, b, wrt=1)[1](dz), dz.T @ x)


def loss(name):
    def judge(module):
        in_a_composition(getattr(module, name), normal(2, 3), normal(2, 3))
        in_a_composition(getattr(module, name), normal(4), normal(4))

    return judge


def two_players(name):
    """Batches of two sizes, and each loss alone."""

    def judge(module):
        operation = getattr(module, name)
        in_a_composition(operation, normal(2, 3), normal(4))
        gradients = operation.forward(normal(2), normal(3))[1](1.0)
        assert all(callable(gradient) for gradient in gradients)

    return judge


def generator_loss(module):
    for kind in ("minimax", "non-saturating"):
        in_a_composition(module.generator_loss, normal(2, 3), kind=kind)


def softmax_cross_entropy(module):
    for shape in [(4,), (2, 2)]:
        labels = RNG.integers(0, 3, shape)

        @nn.differentiable
        def operation(logits, labels=labels):
            return module.softmax_cross_entropy.forward(logits, labels)

        in_a_composition(operation, normal(*shape, 3))


def normalization(name):
    def judge(module):
        operation = getattr(module, name)
        for shape in [(5, 3), (2, 4, 3)]:
            in_a_composition(operation, normal(*shape), normal(3), normal(3))
        each_alone(operation, normal(5, 3), normal(3), normal(3), dvalue=normal(5, 3))

    return judge


def both_normalizations(module):
    normalization("batch_norm")(module)
    normalization("layer_norm")(module)


def standardize(module):
    for axis in (-1, 0, (0, 1), (0, 2)):
        in_a_composition(module.standardize, normal(2, 3, 4), axis=axis)


def dropout(module):
    @nn.differentiable
    def operation(x):
        return module.dropout.forward(x, 0.4, np.random.default_rng(0))

    in_a_composition(operation, normal(4, 5))


def recurrent(name, blocks, states=1):
    """Several steps, and one; both outputs at once; each gradient alone, with what is not idle."""

    def judge(module):
        operation = getattr(module, name)

        @nn.differentiable
        def all_outputs(*arrays):
            value, backward = operation.forward(*arrays)
            if states == 1:
                return value, backward
            H = value[0].shape[-1]
            both = np.concatenate(value, axis=-1)
            return both, lambda dy: backward(dy[..., :H], dy[..., H:])

        for T, N, D, H in [(3, 2, 1, 2), (1, 1, 2, 3)]:
            weights = normal(blocks * H, D), normal(blocks * H, H), normal(blocks * H)
            arrays = [normal(T, N, D), *normal(states, N, H), *weights]
            in_a_composition(all_outputs, *arrays)
        each_alone(all_outputs, *arrays, dvalue=normal(T, N, H * states))

    return judge


def embedding(module):
    tokens = np.array([[0, 2, 2], [3, 0, 2]])

    @nn.differentiable
    def operation(W):
        return module.embedding.forward(W, tokens)

    in_a_composition(operation, normal(4, 3))


def recurrent_layers(module):
    """First or last states, learned or not, in rows: gradients of the parameters and the input."""
    for layer in [
        module.RNN(2, 3, last=True),
        module.RNN(2, 3),
        module.LSTM(2, 3, last=True, learned_state=True),
        module.LSTM(2, 3),
        module.GRU(2, 3, learned_state=True),
    ]:
        params = layer.init(seed=1, dtype="float64")
        params.vector[...] += 0.3 * RNG.normal(size=params.vector.shape)
        nn.check_gradients(layer, params, normal(4, 5, 2))
        y, backward = nn.vjp(layer, params, normal(4, 5, 2))
        dy = normal(*y.shape)
        kept = dy.copy()
        backward(dy)
        np.testing.assert_array_equal(dy, kept)
        if layer.learned_state:  # from a memory on, the learned state has no say
            memory = {name: normal(5, 3) for name in layer.states}
            grads = nn.vjp(layer, params, normal(4, 5, 2), wrt=0, memory=memory)[1](dy)
            assert not any(grads[f"{name}0"].any() for name in layer.states)


def embedding_layer(module):
    layer = module.Embedding(4, 3)
    nn.check_gradients(layer, layer.init(dtype="float64"), np.array([[0, 2, 2], [3, 0, 2]]))


def swap(module):
    in_a_composition(module.swap_time_and_batch, normal(2, 3, 4))


def flatten(module):
    in_a_composition(module.flatten, normal(2, 3, 4))


def unflatten(module):
    in_a_composition(module.unflatten, normal(2, 6), shape=(3, 2))


def im2col(module):
    in_a_composition(module.im2col, normal(2, 4, 5, 2), size=(2, 3), stride=(1, 2), padding=(1, 0))
    in_a_composition(module.im2col, normal(2, 3, 3, 1), size=2)


def conv2d(module):
    """Steps of one pixel and longer, a border wider than the kernel, with a bias and without."""
    for keywords in (
        {"padding": (1, 0)},
        {"stride": (2, 1), "padding": 1},
        {"padding": (3, 0)},
    ):
        arrays = normal(2, 5, 4, 2), normal(3, 2, 2, 3), normal(3)
        in_a_composition(module.conv2d, *arrays, **keywords)
        in_a_composition(module.conv2d, *arrays[:2], **keywords)
    x, K, b = arrays
    each_alone(module.conv2d, x, K, b, dvalue=normal(2, 3, 3, 3))
    gradients = module.conv2d.forward(x, K, b)[1](normal(2, 3, 3, 3))
    assert all(callable(gradient) for gradient in gradients)  # what is not wanted costs nothing


def conv_transpose2d(module):
    """Stamps that overlap and that leave gaps, a cut frame, with a bias and without."""
    for keywords in ({"padding": (1, 0)}, {"stride": (2, 1), "padding": 1}, {"stride": 3}):
        arrays = normal(2, 3, 4, 3), normal(3, 2, 2, 3), normal(2)
        in_a_composition(module.conv_transpose2d, *arrays, **keywords)
        in_a_composition(module.conv_transpose2d, *arrays[:2], **keywords)
    x, K, b = arrays
    y, backward = module.conv_transpose2d.forward(x, K, b)
    each_alone(module.conv_transpose2d, x, K, b, dvalue=normal(*y.shape))
    assert all(callable(gradient) for gradient in backward(y))


def upsample2d(module):
    for size in ((2, 2), (3, 1), (1, 2)):
        in_a_composition(module.upsample2d, normal(2, 3, 4, 2), size=size)


def convolve2d(module):
    for mode in ("full", "same", "valid"):
        in_a_composition(module.convolve2d, normal(4, 5), normal(3, 2), mode=mode)
    I, K = single(normal(4, 5), normal(3, 2))
    S, backward = nn.vjp(module.convolve2d, I, K)
    assert backward(S)[0].dtype == "float32"
    gradients = module.convolve2d.forward(normal(4, 5), normal(3, 2))[1](normal(6, 6))
    assert all(callable(gradient) for gradient in gradients)


def pooling(name):
    def judge(module):
        for size, stride in (((2, 2), (2, 2)), ((2, 3), (1, 2)), ((1, 2), (2, 3))):
            operation = getattr(module, name)
            in_a_composition(operation, normal(2, 4, 6, 2), size=size, stride=stride)
            in_a_composition(operation, normal(1, 5, 7, 1), size=size, stride=stride)
        dx = nn.vjp(operation, np.ones((1, 2, 2, 1)))[1](np.full((1, 1, 1, 1), 8.0))
        expected = [8, 0, 0, 0] if name == "max_pool2d" else [2, 2, 2, 2]
        np.testing.assert_array_equal(dx.ravel(), expected)  # of equal values the first
        x = np.array([1.0, np.nan, 5.0, 6.0]).reshape(1, 2, 2, 1)
        dx = nn.vjp(operation, x)[1](np.full((1, 1, 1, 1), 8.0))
        expected = [0, 8, 0, 0] if name == "max_pool2d" else [2, 2, 2, 2]
        np.testing.assert_array_equal(dx.ravel(), expected)  # NaN is the largest

    return judge


def pooling_in_place(module):
    """As all pooling; and dy stays as it is, and its dtype that of the gradient."""
    pooling("max_pool2d")(module)
    x, dy = single(normal(1, 4, 4, 1), normal(1, 2, 2, 1))
    kept = dy.copy()
    dx = nn.vjp(module.max_pool2d, x)[1](dy)
    assert dx.dtype == "float32"
    np.testing.assert_array_equal(dy, kept)


def inference(layer_of):
    """The backward pass of a layer that is not in training."""

    def judge(module):
        layer = layer_of(module)
        state = layer.init(dtype="float64").state
        if state is not None:
            state.vector[...] = RNG.uniform(0.5, 2, state.vector.shape)

        @nn.differentiable
        def operation(x, gamma, beta):
            params = nn.Parameters(
                np.concatenate([gamma, beta]), {"gamma": (3,), "beta": (3,)}, state
            )
            if not layer.parameters():
                params = nn.Parameters(np.zeros(0), {})
            y, backward, _ = layer.forward(params, x)

            def gradients(dy):
                grads, dx = backward(lambda: dy)
                zero = np.zeros(3)
                return dx(), *(grads[n]() if n in grads else zero for n in ("gamma", "beta"))

            return y, gradients

        in_a_composition(operation, normal(4, 3), normal(3), normal(3))

    return judge


def around(name, **instead):
    """Load a module of the package around others: ``around("layers.dense", layer=mutated)``."""
    replaced = {module.__name__: module for module in instead.values()}
    return load(f"nnlearn.{name}", read(f"nnlearn.{name}"), replaced)


def base(layer):
    """Judge what every layer is, with layers in a row on it."""
    model(layer, around("layers.sequential", layer=layer))


def in_a_row(sequential):
    model(sequential, sequential)


def model(module, sequential):
    """Layers in a row: right in every choice of `wrt`, and idle where nothing is wanted."""
    Layer = module.Layer
    dense = normalization = nn
    if module is not sequential:  # the base class is another: so are all layers
        dense = around("layers.dense", layer=module)
        normalization = around("layers.normalization", layer=module)
    Flatten = flattening(Layer)

    class Lazy(Layer):
        """y = w x, which counts what it computes, and refuses what is not to be computed."""

        def __init__(self, *refused):
            self.refused, self.count, self.passes = refused, 0, 0

        def parameters(self):
            return {"w": ((1,), nn.initializers.fill(3.0))}

        def operation(self, params, x, training, rng):
            def gradient(name, value):
                assert name not in self.refused, "a gradient that nobody wants was computed"
                self.count += 1
                return value

            def backward(dy):
                self.passes += 1
                return (
                    lambda: gradient("x", dy * params["w"]),
                    lambda: gradient("w", np.sum(dy * x).reshape(1)),
                )

            return x * params["w"], backward

    class Bare(Lazy):
        """The same, with gradients that do not wait."""

        def operation(self, params, x, training, rng):
            w = params["w"]
            return x * w, lambda dy: (dy * w, np.sum(dy * x).reshape(1))

    class Short(Lazy):
        def operation(self, params, x, training, rng):
            return x, lambda dy: dy

    network = sequential.Sequential(
        Flatten(), dense.Dense(6, 4), dense.Tanh(), normalization.LayerNorm(4), dense.Dense(4, 3)
    )
    params = network.init(seed=1, dtype="float64")
    x, dy = normal(5, 2, 3), normal(5, 3)
    nn.check_gradients(network, params, x)
    grads, dx = nn.vjp(network, params, x)[1](dy)
    np.testing.assert_array_equal(nn.vjp(network, params, x, wrt=0)[1](dy).vector, grads.vector)
    np.testing.assert_array_equal(nn.vjp(network, params, x, wrt=1)[1](dy), dx)
    one = np.ones((2, 1))
    for row, wrt, counts in [
        ([Lazy("x"), Lazy()], 0, [1, 2]),
        ([Flatten(), Lazy("x"), Lazy()], 0, [None, 1, 2]),
        ([Lazy("w"), Lazy("w")], 1, [1, 1]),
        ([Lazy(), Lazy()], (0, 1), [2, 2]),
        ([Lazy("x", "w"), Lazy("x", "w")], (), [0, 0]),
    ]:
        together = sequential.Sequential(*row)
        nn.vjp(together, together.init(dtype="float64"), one, wrt=wrt)[1](one)
        assert [getattr(layer, "count", None) for layer in row] == counts
        assert all(getattr(layer, "passes", 1) <= 1 for layer in row)
    bare = sequential.Sequential(Bare(), Lazy())
    grads, dx = nn.vjp(bare, bare.init(dtype="float64"), one)[1](one)
    np.testing.assert_array_equal(dx, 9 * one)
    np.testing.assert_array_equal(grads.vector, [6, 6])
    short = Short()
    with pytest.raises(ValueError, match="gives 1 gradients"):
        nn.vjp(short, short.init(dtype="float64"), one, wrt=0)[1](one)
    deep = sequential.Sequential(*(Lazy() for _ in range(600)))
    deep_params = deep.init()
    deep_params.vector[...] = 1.0
    nn.vjp(deep, deep_params, one, wrt=1)[1](one)


def flattening(Layer):
    """Give a class of layers that flatten, on another base class."""

    class Flatten(Layer):
        def operation(self, params, x, training, rng):
            return nn.flatten.forward(x)

    return Flatten


def filled(module):
    """Parameters from gradients that wait, and a new state beside them."""
    state = module.Parameters(normal(2), {"mean": (1,), "variance": (1,)})
    params = module.Parameters(normal(5), {"W": (1, 3), "b": (2,)}, state)
    W, b, mean = normal(1, 3), normal(2), normal(1)
    new = {"mean": mean, "h": normal(4)}
    found = params.filled({"b": lambda: b, "W": lambda: W}, new)
    np.testing.assert_array_equal(found.vector, np.concatenate([W[0], b]))
    np.testing.assert_array_equal(found.state.vector, [mean[0], state.vector[1]])
    assert found.state.vector is not state.vector
    assert state.vector[0] != mean[0]
    np.testing.assert_array_equal(params.filled({}, {}).state.vector, state.vector)
    np.testing.assert_array_equal(params.filled({}).state.vector, state.vector)
    bare = module.Parameters(normal(1), {"b": (1,)})
    assert bare.filled({"b": lambda: b[:1]}, new).state is None


def recurrence(layout):
    """All three recurrent operations on a layout, in both precisions."""

    def judge(module):
        instead = {"recurrence": module}
        module.Columns = getattr(module, layout)
        for name, blocks, states in (("rnn", 1, 1), ("lstm", 4, 2), ("gru", 3, 1)):
            recurrent(name, blocks, states)(around(f"operations.{name}", **instead))

    return judge


def made_of(formulas, operations, judge):
    """Judge formulas in the operations that are made of them."""

    def judged(module):
        made = around(f"operations.{operations}")
        setattr(made, formulas, module)
        judge(made)

    return judged


def single(*arrays):
    return [np.asarray(a, dtype="float32") for a in arrays]


def column_sums(module):
    (rows,) = single(RNG.integers(-9, 9, (5, 3)))
    sums = module.column_sums(rows)
    assert sums.dtype == "float32"
    np.testing.assert_array_equal(sums, rows.sum(axis=0))


def scatter(module):
    im2col(module)
    conv2d(around("operations.convolution", windows=module))
    (x,) = single(normal(1, 3, 3, 1))
    rows, backward = nn.vjp(module.im2col, x, size=2)
    assert backward(rows).dtype == "float32"


def input_gradient(module):
    conv2d(module)
    conv_transpose2d(around("operations.upsampling", convolution=module))
    x, K, dz = single(normal(2, 5, 4, 2), normal(3, 2, 2, 3), normal(2, 2, 2, 3))
    assert nn.vjp(module.conv2d, x, K, stride=2, wrt=0)[1](dz).dtype == "float32"


def vjp(module):
    """The machine that calls the backward functions."""

    @module.differentiable
    def operation(x, y, z):
        def backward(da, db):
            return lambda: da * y, lambda: da * x + 2 * y * db, -db

        return (x * y, y * y - z), backward

    @module.differentiable
    def lone(x):
        return 2 * x, lambda dy: 2 * dy

    x, y, z, da, db = normal(5, 3)
    expected = [da * y, da * x + 2 * y * db, -db]
    for wrt in [(0, 1, 2), (1, 0), (2,), (0,), 1, None]:
        found = module.vjp(operation, x, y, z, wrt=wrt)[1](da, db)
        positions = range(3) if wrt is None else (wrt,) if isinstance(wrt, int) else wrt
        if len(positions) == 1:
            assert isinstance(found, np.ndarray)
            found = (found,)
        for i, gradient in zip(positions, found, strict=True):
            np.testing.assert_array_equal(gradient, expected[i])
    np.testing.assert_array_equal(module.vjp(lone, x)[1](da), 2 * da)
    without = module.vjp(operation, x, y, z, wrt=2)[1](da)
    np.testing.assert_array_equal(without, np.zeros(3))
    _, backward = module.vjp(operation, x, y, z)
    x += 1  # what backward reads
    with pytest.raises(RuntimeError, match="argument 0 was changed in place"):
        backward(da)


def positive(*shape):
    return RNG.uniform(0.3, 2, size=shape)


def two_arrays(name):
    """Both repeated, one of them, neither; and what is not wanted waits."""

    def judge(module):
        operation = getattr(module, name)
        for shapes in [((2, 3), (2, 3)), ((2, 1, 4), (3, 1)), ((1,), (2, 3)), ((), (2,))]:
            in_a_composition(operation, *(positive(*shape) for shape in shapes))
        each_alone(operation, positive(2, 3), positive(3), dvalue=normal(2, 3))
        gradients = operation.forward(positive(2), positive(2))[1](normal(2))
        assert all(callable(gradient) for gradient in gradients)

    return judge


def summed_to(module):
    two_arrays("multiply")(module)
    a = normal(2, 3)
    assert module.summed_to(a, (2, 3)) is a
    assert module.summed_to(a, (1, 1)).shape == (1, 1)


def power(module):
    for exponent in (3, 0.5, -1, 0):
        in_a_composition(module.power, positive(2, 3), exponent=exponent)
    _, backward = nn.vjp(module.power, np.zeros(2), 0)
    np.testing.assert_array_equal(backward(np.ones(2)), np.zeros(2))  # and not 0 / 0


def matmul(module):
    for shapes in [((2, 3), (3, 4)), ((2, 1, 2, 3), (4, 3, 1)), ((3, 2), (5, 2, 2))]:
        in_a_composition(module.matmul, *(normal(*shape) for shape in shapes))
    gradients = module.matmul.forward(normal(2, 3), normal(3, 2))[1](normal(2, 2))
    assert all(callable(gradient) for gradient in gradients)


def over_axes(name):
    def judge(module):
        for keywords in ({}, {"axis": 1}, {"axis": (0, -1), "keepdims": True}):
            in_a_composition(getattr(module, name), normal(2, 3, 4), **keywords)

    return judge


def with_arguments(name, *arguments):
    """Judge an operation of one array whose other arguments come by position."""

    def judge(module):
        for given in arguments:

            @nn.differentiable
            def operation(a, given=given):
                return getattr(module, name).forward(a, *given)

            in_a_composition(operation, normal(3, 4))

    return judge


ROWS = with_arguments("item", *[(np.array(key),) for key in ([0, 2, 0], [[-1, 1], [-1, 0]])])
MASK = np.arange(12).reshape(3, 4) % 3 > 0


def item(module):
    keys = [(1,), ((slice(None, None, 2), 3),), (MASK,), ((None, slice(1, 3)),), ((..., None),)]
    with_arguments("item", *keys)(module)
    ROWS(module)
    single_rows(module)
    for shape in ((3,), (3, 2, 2)):
        a, key = normal(*shape), np.array([2, 0, 2])
        value, backward = nn.vjp(module.item, a, key)
        assert backward(value).shape == a.shape


def single_rows(module):
    (a,) = single(normal(3, 2))
    for key in (np.array([0, 0]), 1, None):
        value, backward = nn.vjp(module.item, a, key, wrt=0)
        assert backward(value).dtype == "float32"


LOOK = (2, 3, 4), (2, 5, 4), (2, 5, 2)  # queries, keys, values
MAY = np.arange(30).reshape(2, 3, 5) % 7 > 1
MAY[0, 1] = False  # this query may look at nothing


def attention_weights(module):
    """With a mask and without; both gradients wait."""
    for keywords in ({}, {"mask": MAY}):
        in_a_composition(module.attention_weights, *(normal(*s) for s in LOOK[:2]), **keywords)
    q, k = (normal(*s) for s in LOOK[:2])
    each_alone(module.attention_weights, q, k, dvalue=normal(2, 3, 5))
    gradients = module.attention_weights.forward(q, k)[1](normal(2, 3, 5))
    assert all(callable(gradient) for gradient in gradients)


def attention(module):
    """The same; and the way back to the scores is gone once for two, and for dv not at all."""
    for keywords in ({}, {"mask": MAY}):
        in_a_composition(module.attention, *(normal(*s) for s in LOOK), **keywords)
    arrays, do, passes = [normal(*s) for s in LOOK], normal(2, 3, 2), []
    each_alone(module.attention, *arrays, dvalue=do)
    weights = module.attention_weights

    class Counted:
        def forward(*args):
            p, backward = weights.forward(*args[1:])
            return p, lambda dp: passes.append("back") or backward(dp)

    module.attention_weights = Counted()
    dq, dk, dv = module.attention.forward(*arrays)[1](do)
    dv()
    assert not passes
    dq(), dk()
    assert len(passes) == 1


def blockwise_attention(module):
    """Blocks that leave a remainder, causal and not; one way back for all gradients."""
    operation = module.blockwise_attention
    for keywords in ({"block": 2}, {"block": 2, "causal": True}, {}):
        in_a_composition(operation, *(normal(*s) for s in LOOK), **keywords)
    arrays, do = [normal(*s) for s in LOOK], normal(2, 3, 2)
    each_alone(operation, *arrays, dvalue=do)
    waiting = operation.forward(*arrays)[1](do)
    assert all(gradient() is gradient() for gradient in waiting)


def rotary(module):
    in_a_composition(module.rotary, normal(2, 3, 4), start=2)


def attention_layer(module):
    """All forms, and from a memory on, into which no gradient flows."""
    x, before = normal(3, 2, 4), normal(2, 2, 4)
    for causal, turned in ((False, False), (True, False), (True, True)):
        layer = module.MultiHeadAttention(4, 2, causal=causal, rotary=turned)
        params = layer.init(seed=1, dtype="float64")
        params.vector[...] += 0.3 * RNG.normal(size=params.vector.shape)
        nn.check_gradients(layer, params, x)
    memory = {}
    layer(params, before, memory=memory)

    @nn.differentiable
    def later(vector, x):
        here = nn.Parameters(vector, params.layout)
        y, backward, _ = layer.forward(here, x, memory=dict(memory))

        def gradients(dy):
            dparams, dx = backward(lambda: dy)
            return here.filled(dparams).vector, dx()

        return y, gradients

    in_a_composition(later, params.vector, x)


def positions_layer(module):
    """Sinusoids, which have no gradient, and learned positions, of which some are used."""
    for layer in (
        module.PositionalEncoding(4),
        module.PositionalEncoding(4, "learned", longest=5),
    ):
        params, (x,) = layer.init(seed=1, dtype="float64"), single(normal(3, 2, 4))
        nn.check_gradients(layer, params, normal(3, 2, 4))
        y, backward = nn.vjp(layer, params, normal(3, 2, 4), memory={"read": np.asarray(1)})
        dy = normal(*y.shape)
        grads, dx = backward(dy)
        np.testing.assert_array_equal(dx, dy)
        if "P" in grads:
            np.testing.assert_allclose(grads["P"][1:4], dy.sum(axis=1), rtol=1e-14)
            assert not grads["P"][[0, 4]].any()
            dP = layer.forward(layer.init(), x)[1](lambda x=x: x)[0]["P"]()
            assert dP.dtype == "float32"


def residual(module):
    """Two ways back; what comes in is computed once, and not before it is wanted."""
    layer = module.Residual(nn.Dense(3, 3), nn.Tanh())
    params, x, asked = layer.init(seed=1, dtype="float64"), normal(5, 3), []
    nn.check_gradients(layer, params, x)
    nn.check_gradients(module.Residual(layer, nn.Dense(3, 3)), init_of(layer, nn.Dense(3, 3)), x)
    y, backward, _ = layer.forward(params, x)
    dy = normal(*y.shape)
    dparams, dx = backward(lambda: asked.append("dy") or dy)
    assert not asked
    dx()
    for gradient in dparams.values():
        gradient()
    assert len(asked) == 1


def init_of(*layers):
    return nn.Sequential(*layers).init(seed=2, dtype="float64")


def by_sequences(module):
    """In groups of one sequence: the gradients of all add up, each is computed once."""
    block = module.TransformerBlock(4, 2, causal=True)
    nn.check_gradients(block, block.init(seed=1, dtype="float64"), normal(3, 3, 4))
    w, passes = normal(2), []

    def run(x):
        def backward(dy):
            passes.append("back")
            dw = {
                "a": lambda: np.sum(dy() * x).reshape(1),
                "b": lambda: 2 * np.sum(dy()).reshape(1),
            }
            return dw, lambda: dy() * w[0]

        return x * w[0] + 2 * w[1], backward, {}

    x, dy = normal(2, 3, 4), normal(2, 3, 4)
    y, backward = module.by_sequences(run, x, ["a", "b"], 1)
    np.testing.assert_array_equal(y, x * w[0] + 2 * w[1])
    dparams, dx = backward(lambda: dy)
    assert not passes
    for _ in range(2):
        np.testing.assert_allclose(dparams["a"](), [np.sum(dy * x)], rtol=1e-13)
        np.testing.assert_allclose(dparams["b"](), [2 * np.sum(dy)], rtol=1e-13)
        np.testing.assert_array_equal(dx(), dy * w[0])
    assert list(dparams) == ["a", "b"]
    assert len(passes) == 3


def shared_parameters(module):
    """Parameters that two models use, and one of which remembers something."""
    state = nn.Parameters(normal(1), {"mean": (1,)})
    a, b = (nn.Parameters(normal(3), {"W": (3,)}, s) for s in (state, None))
    for first, second in ((a, b), (b, a)):
        total = module.sum_of(first, second)
        np.testing.assert_array_equal(total.vector, a.vector + b.vector)
        assert total.state is state
    np.testing.assert_array_equal(module.sum_of(a.vector, b.vector), a.vector + b.vector)


def tape(module):
    """Fan-out, several outputs and results, what is unused, and nothing that is not wanted."""
    asked, passes = [], []

    @nn.differentiable
    def halves(x):
        def gradient(da, db):
            asked.append("halves")
            return np.concatenate([da, db])

        n = x.shape[0] // 2
        return (x[:n], x[n:]), lambda da, db: lambda: gradient(da, db)

    @nn.differentiable
    def product(x, y):
        def gradient(name, value):
            asked.append(name)
            return value

        def backward(dz):
            passes.append("product")
            return lambda: gradient("x", dz * y), lambda: gradient("y", dz * x)

        return x * y, backward

    @module.record
    def f(x, y, z):
        a, b = halves(x)
        halves(y)
        c = product(a, b) + a * y
        return product(c, c), c - 3 * y, a

    x, y, z = normal(6), normal(3), normal(2)
    nn.check_gradients(f, x, y, z)
    dvalues = normal(3, 3)
    passes.clear()
    together = nn.vjp(f, x, y, z)[1](*dvalues)
    assert len(passes) == 2  # however many gradients of a call are wanted
    np.testing.assert_array_equal(together[2], np.zeros(2))
    for wrt, names in [(0, ["x", "y", "x", "y", "halves"]), (1, ["x", "y"]), (2, [])]:
        asked.clear()
        found = nn.vjp(f, x, y, z, wrt=wrt)[1](*dvalues)
        np.testing.assert_array_equal(found, together[wrt])
        assert sorted(asked) == sorted(names)
    one = module.record(lambda x: halves(x)[1])
    nn.check_gradients(one, x)
    nn.check_gradients(module.record(lambda x: x), x)

    @module.record
    def deep(x):
        for _ in range(1200):
            x = x * 1.0
        return x

    assert nn.vjp(deep, np.array(1.0))[1]() == 1


#: operations of which there are two: the derivation, and what stands for it on a GPU
IN_FEW_KERNELS = {
    "sigmoid": activation("sigmoid"),
    "tanh": activation("tanh"),
    "relu": activation("relu", at_zero=0),
    "leaky_relu": activation("leaky_relu", at_zero=0.3, slope=0.3),
    "softplus": activation("softplus"),
    "softmax_cross_entropy": softmax_cross_entropy,
    "sigmoid_cross_entropy": loss("sigmoid_cross_entropy"),
    "max_pool2d": pooling_in_place,
}
RECURRENT_IN_FEW_KERNELS = {
    "rnn": recurrent("rnn", blocks=1),
    "lstm": recurrent("lstm", blocks=4, states=2),
    "gru": recurrent("gru", blocks=3),
}
#: which judge hears about which backward function
JUDGES = {
    "nnlearn.arrays.fast": {"column_sums": column_sums},
    "nnlearn.arrays.fused": {
        formula: made_of("fused", "few_kernels", IN_FEW_KERNELS[operation])
        for formula, operation in {
            "sigmoid_slope": "sigmoid",
            "tanh_slope": "tanh",
            "relu_slope": "relu",
            "leaky_relu_slope": "leaky_relu",
            "softplus_slope": "softplus",
            "cross_entropy_slope": "softmax_cross_entropy",
            "binary_cross_entropy_slope": "sigmoid_cross_entropy",
            "take_largest": "max_pool2d",
        }.items()
    },
    "nnlearn.arrays.fused_steps": {
        f"{name}_step_back": made_of("fused_steps", "few_kernels_recurrent", judge)
        for name, judge in RECURRENT_IN_FEW_KERNELS.items()
    },
    "nnlearn.operations.few_kernels": IN_FEW_KERNELS,
    "nnlearn.operations.few_kernels_recurrent": RECURRENT_IN_FEW_KERNELS,
    "nnlearn.arrays.recurrence": {
        "Columns.gradients": recurrence("Columns"),
        "PlainColumns.gradients": recurrence("PlainColumns"),
        "lstm_slopes": recurrence("Columns"),
    },
    "nnlearn.automatic.tape": {"Tape.read_back": tape, "record.forward": tape, "_sum": tape},
    "nnlearn.derivative": {"vjp": vjp},
    "nnlearn.layers.attention": {
        f"MultiHeadAttention.{part}": attention_layer for part in ("read", "_projected", "_placed")
    },
    "nnlearn.layers.dense": {
        "Dropout.operation": inference(lambda module: module.Dropout(0.5)),
    },
    "nnlearn.layers.layer": {
        "Layer._named": base,
        "Layer.training_pass": base,
        "_one_of": base,
    },
    "nnlearn.layers.normalization": {
        "BatchNorm._inference": inference(lambda module: module.BatchNorm(3, eps=0.1)),
    },
    "nnlearn.layers.positions": {"PositionalEncoding._added": positions_layer},
    "nnlearn.layers.recurrent": {
        "Recurrent.read": recurrent_layers,
        "_over_batch": recurrent_layers,
        "Embedding.operation": embedding_layer,
    },
    "nnlearn.layers.sequential": {"Sequential.forward": in_a_row, "_in_turn": in_a_row},
    "nnlearn.layers.transformer": {
        "Residual.forward": residual,
        "by_sequences": by_sequences,
        "_summed": by_sequences,
    },
    "nnlearn.operations.activations": {
        **{n: IN_FEW_KERNELS[n] for n in ("sigmoid", "tanh", "relu", "leaky_relu", "softplus")},
        "softmax": activation("softmax"),
        "log_softmax": activation("log_softmax"),
    },
    "nnlearn.operations.arithmetic": {
        **{name: two_arrays(name) for name in ("add", "subtract", "multiply", "divide")},
        **{name: activation(name) for name in ("negative", "exp")},
        "log": lambda module: in_a_composition(module.log, positive(2, 3)),
        "summed_to": summed_to,
        "power": power,
        "matmul": matmul,
        "total": over_axes("total"),
        "mean": over_axes("mean"),
        "reshape": with_arguments("reshape", (2, 6), (-1,)),
        "transpose": with_arguments("transpose", ()),
        "item": item,
        "_rows": item,
        "_with_new_axes": item,
        "sum_of": shared_parameters,
    },
    "nnlearn.operations.attention": {
        "attention_weights": attention_weights,
        "attention": attention,
    },
    "nnlearn.operations.blockwise_attention": {"blockwise_attention": blockwise_attention},
    "nnlearn.operations.convolution": {
        "conv2d": conv2d,
        "input_gradient": input_gradient,
        "convolve2d": convolve2d,
        "_among_zeros": convolve2d,
    },
    "nnlearn.operations.dense": {"dense": dense},
    "nnlearn.operations.embedding": {"embedding": embedding},
    "nnlearn.operations.gan": {
        "gan_value": two_players("gan_value"),
        "discriminator_loss": two_players("discriminator_loss"),
        "generator_loss": generator_loss,
    },
    "nnlearn.operations.gelu": {"gelu": activation("gelu", at_zero=0.5)},
    "nnlearn.operations.gru": {"gru": RECURRENT_IN_FEW_KERNELS["gru"]},
    "nnlearn.operations.losses": {
        "mean_squared_error": loss("mean_squared_error"),
        "softmax_cross_entropy": softmax_cross_entropy,
        "sigmoid_cross_entropy": IN_FEW_KERNELS["sigmoid_cross_entropy"],
    },
    "nnlearn.operations.lstm": {"lstm": RECURRENT_IN_FEW_KERNELS["lstm"]},
    "nnlearn.operations.normalization": {
        "standardize": standardize,
        "scale_and_shift": normalization("scale_and_shift"),
        "_normalized": both_normalizations,
    },
    "nnlearn.operations.pooling": {
        "max_pool2d": pooling("max_pool2d"),
        "avg_pool2d": pooling("avg_pool2d"),
    },
    "nnlearn.operations.positions": {"rotary": rotary},
    "nnlearn.operations.regularization": {"dropout": dropout},
    "nnlearn.operations.reshaping": {
        "flatten": flatten,
        "unflatten": unflatten,
        "swap_time_and_batch": swap,
    },
    "nnlearn.operations.rnn": {"rnn": RECURRENT_IN_FEW_KERNELS["rnn"]},
    "nnlearn.operations.upsampling": {
        "conv_transpose2d": conv_transpose2d,
        "upsample2d": upsample2d,
    },
    "nnlearn.operations.windows": {
        "Windows.scatter": scatter,
        "im2col": im2col,
    },
    "nnlearn.parameters": {"Parameters.filled": filled},
}
#: faults that change no value, by the line on which they stand: all of one choice or argument
_CHOICE = (
    "border = [size - 1 - p for size, p in zip(windows.size, windows.padding, strict=True)]",
    "if windows.stride == (1, 1) and min(border) >= 0:  # eq-conv2d-dx",
)
_BLOCKS = "in_blocks(part, dz, math.prod(windows.counts) * matrix.shape[0])"
_ENTRIES = "math.prod(windows.counts) * matrix.shape[0]"
_POWER = "return dy * (exponent * a ** (exponent - 1)) if exponent else dy * 0"
_ZEROS = "lambda: arithmetic.zeros_of(variable.value)"
EQUIVALENT = {
    # which of two right ways is taken
    (_CHOICE[0], "size - 1 - p  →  p - (size - 1)"),
    (_CHOICE[0], "size - 1 - p  →  -(size - 1 - p)"),
    (_CHOICE[0], "size - 1  →  1 - size"),
    (_CHOICE[0], "size - 1  →  -(size - 1)"),
    (_CHOICE[1], "0  →  1"),
    (_CHOICE[1], "1  →  2"),
    # both axes are turned, in either order; the product takes more dimensions, more slowly
    ("turned = xp.permute_dims(xp.flip(K, axis=(0, 1)), (0, 1, 3, 2))", "(0, 1)  →  (1, 0)"),
    (
        "dx[n, ...] = windows.scatter(as_rows(dz[n, ...]) @ matrix.T, shape[3])",
        "as_rows(dz[n, ...])  →  dz[n, ...]",
    ),
    # both are a half there
    (
        "slope = xp.where(logits > 0, 1 - targets - tail, tail - targets)",
        "logits > 0  →  logits >= 0",
    ),
    # a mask is true or false: twice a mask is none, and costs a last bit
    (
        "taken = masked(left, (here == y[n, ...]) | (here != here))  # NaN is not itself",
        "(here == y[n, ...]) | (here != here)  →  2 * ((here == y[n, ...]) | (here != here))",
    ),
    # the same two, on a GPU
    ("return xp.where(z > 0, 1 - y - tail, tail - y) * (dloss * share)", "z > 0  →  z >= 0"),
    (
        "taken = xp.where((here == y) | (here != here), left, 0.0)",
        "(here == y) | (here != here)  →  2 * ((here == y) | (here != here))",
    ),
    # only the shape is asked for, what is added is zero, and sums may be in any order
    ("if gradient.shape == shape:", "gradient  →  -gradient"),
    ("added = gradient.ndim - len(shape)", "gradient  →  -gradient"),
    (
        "repeated = [i for i, size in enumerate(shape, added) if size == 1 != gradient.shape[i]]",
        "gradient  →  -gradient",
    ),
    (
        "return xp.reshape(xp.sum(gradient, axis=(*range(added), *repeated)), shape)",
        "(*range(added), *repeated)  →  (*repeated, *range(added))",
    ),
    ("return xp.reshape(dy, kept.shape) + xp.zeros_like(a)", "kept  →  -kept"),
    (
        "return xp.reshape(dy, kept.shape) + xp.zeros_like(a)",
        "xp.reshape(dy, kept.shape) + xp.zeros_like(a)  →  "
        "xp.reshape(dy, kept.shape) - xp.zeros_like(a)",
    ),
    # zero is zero with either sign, and however often; of waiting nobody takes the value
    *((_POWER, f"dy * 0  →  {zero}") for zero in ("-(dy * 0)", "2 * (dy * 0)")),
    (_POWER, "dy  →  -dy"),
    *(
        (f"return once({_ZEROS})", after)
        for after in (f"once({_ZEROS})  →  {_ZEROS}", f"{_ZEROS}  →  {_ZEROS.replace(' ', ' -')}")
    ),
    ("waiting()", "waiting()  →  -waiting()"),
    # how many images make a block, and what tells where they are
    (_BLOCKS, f"{_ENTRIES}  →  math.prod(windows.counts)"),
    (_BLOCKS, f"{_ENTRIES}  →  matrix.shape[0]"),
    (_BLOCKS, f"{_ENTRIES}  →  math.prod(windows.counts) / matrix.shape[0]"),
    (_BLOCKS, f"{_ENTRIES}  →  -({_ENTRIES})"),
    (_BLOCKS, f"{_ENTRIES}  →  2 * ({_ENTRIES})"),
    (_BLOCKS, "0  →  1"),
    (_BLOCKS, "dz  →  -dz"),
}
CASES = [(module, where) for module, judges in JUDGES.items() for where in judges]


def test_every_backward_function_has_a_judge():
    found = {(m, where) for m in MODULES for where, _ in backwards(read(m))}
    assert sorted(found) == sorted(CASES)


@pytest.mark.parametrize(("module", "where"), CASES)
def test_every_broken_line_is_caught(monkeypatch, module, where):
    monkeypatch.setattr(parallel, "BLOCK", 1)  # one example a block
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(0))  # whatever ran before
    tree, judge = read(module), JUDGES[module][where]
    text = (PACKAGE.parent / f"{module.replace('.', '/')}.py").read_text().splitlines()
    judge(load(module, tree))  # what is right passes
    broken_lines, survivors = set(), []
    for mutant in mutants(tree, where):
        broken_lines.add(mutant.line)
        if (text[mutant.line - 1].strip(), mutant.what) in EQUIVALENT:
            continue
        try:
            with np.errstate(all="ignore"):
                judge(load(module, mutant.tree))
        except (Exception, pytest.fail.Exception):
            continue
        survivors.append(f"{module}:{mutant.line}: {mutant.what}")
    assert not survivors, "not caught:\n" + "\n".join(survivors)
    computing = {n for name, f in backwards(tree) if name == where for n in lines(f)}
    assert broken_lines == computing, f"lines never broken: {sorted(computing - broken_lines)}"


def test_a_weak_judge_lets_faults_through():
    """The test can fail: a judge that looks at the value alone sees no fault at all."""
    tree = read("nnlearn.operations.dense")
    x, W, b = normal(5, 3), normal(2, 3), normal(2)
    every = list(mutants(tree, "dense"))
    assert len(every) >= 10
    for mutant in every:
        module = load("nnlearn.operations.dense", mutant.tree)
        np.testing.assert_array_equal(module.dense(x, W, b), nn.dense(x, W, b))
