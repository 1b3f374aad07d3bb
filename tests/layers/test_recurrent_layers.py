"""Recurrent layers: their operation, its initial state, memory between calls, and training."""

import numpy as np
import pytest
from witnesses import NUMPY, close, placed

import nnlearn as nn

KINDS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
kinds = pytest.mark.parametrize("kind", KINDS)


def by_hand(layer, params, x, states=None):
    """Call the layer's operation on its parameters; the value is h alone."""
    name = type(layer).__name__.lower()
    count = 2 if name == "lstm" else 1
    zero = np.zeros((x.shape[1], layer.hidden))
    weights = [params[n] for n in list(params)[:3]]
    value = getattr(nn, name)(x, *(states or [zero] * count), *weights)
    return value[0] if count == 2 else value


@kinds
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("learned_state", [False, True])
def test_a_layer_is_its_operation(space, kind, last, learned_state, rng):
    layer = KINDS[kind](3, 4, last=last, learned_state=learned_state)
    params = placed(space, layer)
    here = nn.Parameters(nn.to_numpy(params.vector), params.layout)
    x = rng.normal(size=(5, 2, 3))
    states = None
    if learned_state:
        states = [np.tile(here[name], (2, 1)) for name in list(here)[3:]]
    expected = by_hand(layer, here, x, states)
    y, backward = nn.vjp(layer, params, space.array(x))
    assert space.holds(y)
    close(nn.to_numpy(y), expected[-1] if last else expected, 1e-14, "value")
    grads, dx = backward(space.xp.ones_like(y))
    assert space.holds(grads.vector)
    assert space.holds(dx)
    # wherever arrays live they are NumPy's, which differences hold to the layer: quickly there
    nn.check_gradients(layer, here, x, tolerance=1e-5)
    y, backward = nn.vjp(layer, here, x)
    of_numpy, dx_of_numpy = backward(np.ones_like(y))
    close(nn.to_numpy(grads.vector), of_numpy.vector, 1e-13, "gradient by the parameters")
    close(nn.to_numpy(dx), dx_of_numpy, 1e-13, "gradient by x")


def test_names_and_shapes_of_parameters():
    assert {n: p.shape for n, p in nn.RNN(3, 4).init().items()} == {
        "W_xh": (4, 3),
        "W_hh": (4, 4),
        "b_h": (4,),
    }
    assert {n: p.shape for n, p in nn.LSTM(3, 4, learned_state=True).init().items()} == {
        "W_x": (16, 3),
        "W_h": (16, 4),
        "b": (16,),
        "h0": (4,),
        "c0": (4,),
    }
    assert {n: p.shape for n, p in nn.GRU(3, 4).init().items()} == {
        "W_x": (12, 3),
        "W_h": (12, 4),
        "b": (12,),
    }


# --- initial values ----------------------------------------------------------------------------


@kinds
def test_each_block_of_recurrent_weights_is_orthogonal(kind):
    params = KINDS[kind](3, 5).init(dtype="float64")
    W = params[list(params)[1]].reshape(-1, 5, 5)
    for block in W:
        np.testing.assert_allclose(block @ block.T, np.eye(5), atol=1e-12)
    if len(W) > 1:
        assert not np.allclose(W[0], W[1])


def test_orthogonal_draws_are_uniform():
    """Without a sign's correction, one entry of the diagonal would never be positive."""
    rng = np.random.default_rng(0)
    draws = nn.initializers.orthogonal(rng, (4000 * 2, 2)).reshape(-1, 2, 2)
    angle = np.arctan2(draws[:, 1, 0], draws[:, 0, 0])
    counts = np.histogram(angle, bins=8, range=(-np.pi, np.pi))[0]
    assert np.all(np.abs(counts - 500) < 5 * np.sqrt(500))
    assert abs(np.mean(np.linalg.det(draws) > 0) - 0.5) < 0.05
    with pytest.raises(ValueError, match=r"orthogonal: shape is \(3, 2\), expected whole blocks"):
        nn.initializers.orthogonal(rng, (3, 2))


def test_the_forget_gate_starts_open():
    b = nn.LSTM(2, 3).init()["b"]
    np.testing.assert_array_equal(b, [1, 1, 1] + [0] * 9)
    b = nn.LSTM(2, 3, forget_bias=-2.5).init()["b"]
    np.testing.assert_array_equal(b, [-2.5] * 3 + [0] * 9)


def test_the_update_gate_starts_where_it_is_told():
    np.testing.assert_array_equal(nn.GRU(2, 3).init()["b"], np.zeros(9))
    b = nn.GRU(2, 3, update_bias=2.0).init()["b"]
    np.testing.assert_array_equal(b, [0] * 3 + [2] * 3 + [0] * 3)
    # With the gate wide open, the state is kept.
    layer = nn.GRU(1, 1, learned_state=True, last=True, update_bias=50.0)
    params = layer.init()
    params["h0"][...] = 0.25
    assert layer(params, np.ones((100, 1, 1), dtype="float32")).item() == 0.25


def test_initializers_may_be_chosen():
    spread = nn.initializers.normal(0.5)
    params = nn.GRU(40, 60, initializer=spread, recurrent_initializer=spread).init()
    assert abs(np.std(params["W_x"]) - 0.5) < 0.02
    assert abs(np.std(params["W_h"]) - 0.5) < 0.02
    limit = np.sqrt(6 / (40 + 60))  # Glorot's, for one gate
    assert 0.95 * limit < np.max(np.abs(nn.GRU(40, 60).init()["W_x"])) <= limit


@kinds
def test_each_initializer_is_told_of_one_gate(kind):
    """Also where it is chosen: an input reaches H units, and so does a unit's state."""
    seen = []

    def initializer(rng, shape, fan_in, fan_out):
        seen.append((fan_in, fan_out))
        return np.ones(shape)

    given = {"initializer": initializer, "recurrent_initializer": initializer}
    KINDS[kind](3, 5, **given).init()
    assert seen == [(3, 5), (5, 5)]


@kinds
def test_a_learned_state_starts_at_zero(kind):
    layer = KINDS[kind](3, 4, learned_state=True)
    params = layer.init()
    assert [n for n in params if n.endswith("0")] == [f"{name}0" for name in layer.states]
    for name in layer.states:
        np.testing.assert_array_equal(params[f"{name}0"], np.zeros(4))


def test_embeddings_start_standard_normal():
    W = nn.Embedding(200, 50).init(seed=0, dtype="float64")["W"]
    np.testing.assert_array_equal(W, np.random.default_rng(0).normal(size=(200, 50)))


# --- memory ------------------------------------------------------------------------------------


@kinds
def test_memory_carries_the_state_between_calls(space, kind, rng):
    layer = KINDS[kind]
    model = nn.Sequential(layer(3, 4), nn.Tanh(), layer(4, 2, last=True))
    params = placed(space, model)
    x = space.array(rng.normal(size=(6, 2, 3)))
    memory: dict = {}
    model(params, x[:4, ...], memory=memory)
    states = layer(1, 1).states
    assert sorted(memory) == sorted(f"{i}.{name}" for i in (0, 2) for name in states)
    y, backward = nn.vjp(model, params, x[4:, ...], memory=memory)
    close(nn.to_numpy(y), nn.to_numpy(model(params, x)), 1e-14, "in two calls")
    backward(y)
    again = model(params, x[:4, ...], memory={})
    close(nn.to_numpy(again), nn.to_numpy(model(params, x[:4, ...])), 0, "an empty memory")


@kinds
def test_the_gradient_does_not_flow_through_memory(kind, rng):
    """A step from a given state has the gradient of that step alone."""
    layer = KINDS[kind](3, 4, learned_state=True)
    params = layer.init(dtype="float64")
    given = {name: rng.normal(size=(2, 4)) for name in layer.states}
    x = rng.normal(size=(3, 2, 3))

    class FromGiven:
        """The layer, always from the same state."""

        @staticmethod
        def training_pass(params, x):
            return layer.training_pass(params, x, memory=dict(given))

        def __call__(self, params, x):
            return layer(params, x, memory=dict(given))

        forward = training_pass

    nn.check_gradients(FromGiven(), params, x)
    y, backward = nn.vjp(layer, params, x, wrt=0, memory=dict(given))
    grads = backward(np.ones_like(y))
    for name in layer.states:
        np.testing.assert_array_equal(grads[f"{name}0"], 0)  # not used, so no say in it
    expected = by_hand(layer, params, x, list(given.values()))
    np.testing.assert_array_equal(y, expected)


def test_the_states_of_an_lstm_have_their_names(space, rng):
    """h is what the layer gives, c what it keeps to itself; so they come in, too."""
    layer = nn.LSTM(3, 4)
    params, x = placed(space, layer), space.array(rng.normal(size=(5, 2, 3)))
    memory: dict = {}
    y = layer(params, x, memory=memory)
    h, c = nn.lstm(x, *(space.xp.zeros_like(y[0, ...]),) * 2, *params.values())
    assert list(memory) == ["h", "c"]
    close(nn.to_numpy(memory["h"]), nn.to_numpy(h[-1, ...]), 1e-14, "h")
    close(nn.to_numpy(memory["c"]), nn.to_numpy(c[-1, ...]), 1e-14, "c")
    first = layer(params, x[:1, ...], memory={"h": h[0, ...], "c": c[1, ...]})
    expected = nn.lstm(x[:1, ...], h[0, ...], c[1, ...], *params.values())[0]
    close(nn.to_numpy(first), nn.to_numpy(expected), 1e-14, "from given states")


def test_a_cell_state_that_nobody_sees_says_nothing(space, rng):
    """Its gradient is that of zeros, to the bit: in float32, nothing is done in float64."""
    layer = nn.LSTM(3, 4)
    params = layer.init(seed=0)
    params = nn.Parameters(space.array(params.vector), params.layout)
    x = space.array(rng.normal(size=(5, 2, 3)), "float32")
    y, backward = nn.vjp(layer, params, x, wrt=1)
    zeros = space.xp.zeros_like(y[0, ...])
    _, backward_operation = nn.vjp(nn.lstm, x, zeros, zeros, *params.values(), wrt=0)
    expected = backward_operation(y, space.xp.zeros_like(y))
    np.testing.assert_array_equal(nn.to_numpy(backward(y)), nn.to_numpy(expected))


def test_a_memory_of_one_layer_says_nothing_of_another(rng):
    """The others start as ever, whatever theirs and its names have in common."""
    inner = nn.Sequential(nn.RNN(2, 2), nn.RNN(2, 2))
    model = nn.Sequential(nn.RNN(2, 2), inner)
    params, x = model.init(seed=1, dtype="float64"), rng.normal(size=(3, 4, 2))
    given = rng.normal(size=(4, 2))
    first = model.layers["0"](params.part("0"), x, memory={"h": given})
    expected = inner(params.part("1"), first)
    np.testing.assert_array_equal(model(params, x, memory={"0.h": given}), expected)
    y = inner.layers["0"](params.part("1.0"), model.layers["0"](params.part("0"), x), {"h": given})
    expected = inner.layers["1"](params.part("1.1"), y)
    np.testing.assert_array_equal(model(params, x, memory={"1.0.h": given}), expected)


@pytest.mark.parametrize(
    "layer",
    [
        nn.RNN(4, 4),
        nn.LSTM(4, 4),
        nn.GRU(4, 4),
        nn.MultiHeadAttention(4, 2, causal=True),
        nn.PositionalEncoding(4),
        nn.PositionalEncoding(4, "learned", longest=3),
    ],
)
def test_as_an_operation_a_sequence_comes_whole(layer, rng):
    """In the place of `operation` such a layer gives `read`; to whoever asks, both are there."""
    params, x = placed(NUMPY, layer), rng.normal(size=(3, 2, 4))
    y, backward, *_ = layer.operation(params, x, False, None)
    np.testing.assert_array_equal(y, layer(params, x))
    dx = backward(y)[0] if params else backward(y)
    expected = nn.vjp(layer, params, x, wrt=1)[1](y)
    np.testing.assert_array_equal(dx() if callable(dx) else dx, expected)


def test_memory_is_a_copy(rng):
    layer = nn.RNN(2, 3)
    memory: dict = {}
    y = layer(layer.init(), rng.normal(size=(4, 2, 2)).astype("float32"), memory=memory)
    kept = memory["h"].copy()
    y *= 0
    np.testing.assert_array_equal(memory["h"], kept)


def test_a_memory_of_another_batch_is_refused(rng):
    layer = nn.LSTM(2, 3)
    memory: dict = {}
    layer(layer.init(), np.ones((4, 2, 2), "float32"), memory=memory)
    with pytest.raises(ValueError, match=r"lstm: h0 has shape \(2, 3\), expected \(N, H\) .*N = 5"):
        layer(layer.init(), np.ones((4, 5, 2), "float32"), memory=memory)


def test_input_without_time_is_refused():
    model = nn.Sequential(nn.RNN(2, 3))
    with pytest.raises(ValueError, match=r"layer 0, RNN\(2, 3\): x has shape \(4, 2\), expected"):
        model(model.init(), np.ones((4, 2), "float32"))


# --- the other layers --------------------------------------------------------------------------


def test_time_first_swaps_and_swaps_back(space, rng):
    layer = nn.TimeFirst()
    x = space.array(rng.normal(size=(2, 3, 4)))
    y = layer(layer.init(), x)
    np.testing.assert_array_equal(nn.to_numpy(y), nn.to_numpy(x).swapaxes(0, 1))
    np.testing.assert_array_equal(nn.to_numpy(layer(layer.init(), y)), nn.to_numpy(x))
    assert nn.vjp(layer, layer.init(), x, wrt=1)[1](y).shape == x.shape
    with pytest.raises(ValueError, match=r"swap_time_and_batch: x has shape \(3,\)"):
        layer(layer.init(), np.ones(3))


def test_a_token_model_has_a_gradient(space, rng):
    model = nn.Sequential(nn.Embedding(5, 3), nn.TimeFirst(), nn.GRU(3, 4, last=True))
    params, tokens = placed(space, model), rng.integers(0, 5, (2, 6))
    here = nn.Parameters(nn.to_numpy(params.vector), params.layout)
    nn.check_gradients(model, here, tokens, tolerance=1e-5)
    y, backward = nn.vjp(model, params, space.array(tokens), wrt=0)
    y_here, backward_here = nn.vjp(model, here, tokens, wrt=0)
    close(nn.to_numpy(y), y_here, 1e-14, "value")
    found, expected = backward(space.xp.ones_like(y)), backward_here(np.ones_like(y_here))
    close(nn.to_numpy(found.vector), expected.vector, 1e-13, "gradient by the parameters")


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.RNN(2, 3), "RNN(2, 3)"),
        (nn.GRU(2, 3, last=True), "GRU(2, 3, last=True)"),
        (nn.LSTM(2, 3, learned_state=True), "LSTM(2, 3, learned_state=True)"),
        (nn.LSTM(2, 3, forget_bias=0.0), "LSTM(2, 3, forget_bias=0.0)"),
        (nn.GRU(2, 3, update_bias=1.0), "GRU(2, 3, update_bias=1.0)"),
        (nn.Embedding(5, 2), "Embedding(5, 2)"),
        (nn.TimeFirst(), "TimeFirst()"),
    ],
)
def test_how_a_layer_is_written(layer, text):
    assert repr(layer) == text


@pytest.mark.parametrize("layer", [nn.RNN, nn.LSTM, nn.GRU, nn.Embedding])
def test_sizes_must_be_positive(layer):
    with pytest.raises(ValueError, match=f"{layer.__name__}: "):
        layer(0, 3)
    with pytest.raises(ValueError, match=f"{layer.__name__}: "):
        layer(3, 2.5)


# --- training ----------------------------------------------------------------------------------


@kinds
def test_a_network_learns_what_came_first(kind):
    """The label is the first of six inputs: only a network that remembers can say it."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (256, 6))
    model = nn.Sequential(
        nn.Embedding(2, 4), nn.TimeFirst(), KINDS[kind](4, 16, last=True), nn.Dense(16, 2)
    )
    params = model.init(seed=0)
    data = x, x[:, 0]
    history = nn.fit(model, params, nn.softmax_cross_entropy, data, nn.Adam(0.01), 12, clip_norm=1)
    assert history["loss"][0] > 0.5
    assert nn.accuracy(nn.predict(model, params, x), x[:, 0]) == 1


def test_windows_with_memory_learn_a_long_repetition():
    """Truncated backpropagation through time on one long sequence of period six."""
    tokens = np.tile([0, 0, 1, 0, 2, 1], 200)
    model = nn.Sequential(nn.Embedding(3, 8), nn.LSTM(8, 16), nn.Dense(16, 3))
    params, optimizer, memory = model.init(seed=0), nn.Adam(0.02), {}
    losses = []
    for _ in range(4):
        memory.clear()
        for x, target in nn.sequences.windows(nn.sequences.streams(tokens, 4), steps=10):
            logits, backward = nn.vjp(model, params, x, wrt=0, memory=memory)
            loss, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, target, wrt=0)
            grads = backward(backward_loss())
            nn.clip_gradient_norm(grads, 1.0)
            optimizer.step(params, grads)
            losses.append(float(loss))
    assert losses[0] > 1.0
    assert losses[-1] < 0.05
