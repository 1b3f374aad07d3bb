"""The tape and networks: the same bits as the backward passes that are composed by hand."""

import numpy as np
import pytest
from witnesses import close

import nnlearn as nn


def sequences(layer):
    return nn.Sequential(nn.Embedding(5, 3), nn.TimeFirst(), layer, nn.Dense(4, 3))


NETWORKS = {
    "mlp": (
        nn.Sequential(nn.Dense(6, 5), nn.BatchNorm(5), nn.ReLU(), nn.Dense(5, 3)),
        lambda rng: rng.normal(size=(8, 6)).astype("float32"),
    ),
    "cnn": (
        nn.Sequential(
            *(nn.Conv2D(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten()),
            *(nn.LayerNorm(8), nn.Dense(8, 3)),
        ),
        lambda rng: rng.normal(size=(8, 4, 4, 1)).astype("float32"),
    ),
    "rnn": (sequences(nn.RNN(3, 4, last=True)), lambda rng: rng.integers(0, 5, (8, 6))),
    "lstm": (
        sequences(nn.LSTM(3, 4, last=True, learned_state=True)),
        lambda rng: rng.integers(0, 5, (8, 6)),
    ),
    "transformer": (
        nn.Sequential(
            *(nn.Embedding(5, 4), nn.TimeFirst(), nn.PositionalEncoding(4)),
            *(nn.TransformerBlock(4, 2, causal=True), nn.RNN(4, 3, last=True)),
        ),
        lambda rng: rng.integers(0, 5, (8, 6)),
    ),
}


def same_bits(ours, theirs):
    np.testing.assert_array_equal(ours.vector, theirs.vector)
    assert ours.vector.dtype == theirs.vector.dtype
    assert (ours.state is None) == (theirs.state is None)
    if ours.state is not None:
        np.testing.assert_array_equal(ours.state.vector, theirs.state.vector)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_classifier_has_the_bits_of_the_composition(name, rng):
    model, draw = NETWORKS[name]
    params, x, labels = model.init(seed=1), draw(rng), rng.integers(0, 3, 8)
    recorded = nn.record(lambda p, x, labels: nn.softmax_cross_entropy(model(p, x), labels))
    loss, backward = nn.vjp(recorded, params, x, labels, wrt=0)

    logits, backward_model = nn.vjp(model, params, x, wrt=0)
    by_hand, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, labels)
    assert loss == by_hand
    same_bits(backward(), backward_model(backward_loss()))


class Kept:
    """In the place of an optimizer: it keeps the gradient, and moves nothing."""

    def step(self, params, grads):
        self.grads = grads


@pytest.fixture
def game(rng):
    G = nn.Sequential(nn.Dense(2, 6), nn.BatchNorm(6), nn.Tanh(), nn.Dense(6, 3))
    D = nn.Sequential(nn.Dense(3, 6), nn.LayerNorm(6), nn.LeakyReLU(0.2), nn.Dense(6, 1))
    z, real = rng.normal(size=(5, 2)), rng.normal(size=(5, 3))
    return G, G.init(seed=1), D, D.init(seed=2), z.astype("float32"), real.astype("float32")


@pytest.mark.parametrize("kind", ["non-saturating", "minimax"])
def test_the_generator_through_the_discriminator(game, kind):
    """Gradients of G's parameters alone, through D, as `generator_step` composes them."""
    G, params_G, D, params_D, z, _ = game
    kept = Kept()
    by_hand = nn.generator_step(G, params_G, D, params_D, z, kept, kind)

    @nn.record
    def loss_G(params_G, params_D, z):
        return nn.generator_loss(D(params_D, G(params_G, z)), kind)

    loss, backward = nn.vjp(loss_G, params_G, params_D, z, wrt=0)
    assert loss == by_hand
    same_bits(backward(), kept.grads)


def test_the_discriminator_on_both(game):
    """D is used twice: its gradient is the sum of what the real and the fake examples say."""
    G, params_G, D, params_D, z, real = game
    fake = nn.vjp(G, params_G, z, wrt=0)[0]

    @nn.record
    def loss_D(params_D, params_G, real, z):
        return nn.discriminator_loss(D(params_D, real), D(params_D, G(params_G, z)))

    loss, backward = nn.vjp(loss_D, params_D, params_G, real, z, wrt=0)
    on_real, backward_real = nn.vjp(D, params_D, real, wrt=0)
    on_fake, backward_fake = nn.vjp(D, params_D, fake, wrt=0)
    by_hand, backward_loss = nn.vjp(nn.discriminator_loss, on_real, on_fake)
    d_real, d_fake = backward_loss()
    assert loss == by_hand
    expected = backward_real(d_real).vector + backward_fake(d_fake).vector
    np.testing.assert_array_equal(backward().vector, expected)
    kept = Kept()
    value = nn.discriminator_step(D, params_D, real, fake, kept)  # both in one batch
    close(-value, loss, 1e-6, "value of the game")
    close(backward().vector, kept.grads.vector, 1e-5, "gradient of one batch")


def test_all_arguments_of_a_game_at_once(game):
    G, params_G, D, params_D, z, real = game

    @nn.record
    def value(params_G, params_D, z, real):
        return nn.gan_value(D(params_D, real), D(params_D, G(params_G, z)))

    nn.check_gradients(value, params_G, params_D, z, real, samples=10)


@pytest.mark.parametrize("first", ["penalty", "model"])
def test_arrays_of_parameters_by_name(first, rng):
    """A penalty on some weights beside a model: both are uses of the same parameters.

    In either order, what batch normalization is to remember comes with the gradient.
    """
    model = nn.Sequential(nn.Dense(3, 4), nn.BatchNorm(4), nn.Tanh(), nn.Dense(4, 2))
    params = model.init(seed=0, dtype="float64")
    x, target = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))

    @nn.record
    def loss(params, x, target):
        y = model(params, x) if first == "model" else None
        penalty = (params["0.W"] ** 2).sum() + (params["3.W"] ** 2).mean()
        y = model(params, x) if y is None else y
        return nn.mean_squared_error(y, target) + 0.5 * penalty

    grads = nn.vjp(loss, params, x, target, wrt=0)[1]()
    y, backward = nn.vjp(model, params, x, wrt=0)
    expected = backward(nn.vjp(nn.mean_squared_error, y, target, wrt=0)[1]())
    for name in params:
        factor = {"0.W": 1.0, "3.W": 1 / 8}.get(name, 0.0)
        close(grads[name], expected[name] + factor * params[name], 1e-14, name)
    np.testing.assert_array_equal(grads.state.vector, expected.state.vector)
    nn.check_gradients(loss, params, x, target, wrt=0)


def test_an_optimizer_takes_over_the_new_state(rng):
    """What batch normalization remembers moves; the training of a recorded loss is that of all."""
    model = NETWORKS["mlp"][0]
    x, labels = rng.normal(size=(8, 6)).astype("float32"), rng.integers(0, 3, 8)
    recorded = nn.record(lambda p, x, labels: nn.softmax_cross_entropy(model(p, x), labels))
    ours, theirs = model.init(seed=1), model.init(seed=1)
    optimizers = nn.Adam(0.01), nn.Adam(0.01)
    for _ in range(3):
        optimizers[0].step(ours, nn.vjp(recorded, ours, x, labels, wrt=0)[1]())
        logits, backward = nn.vjp(model, theirs, x, wrt=0)
        optimizers[1].step(theirs, backward(nn.vjp(nn.softmax_cross_entropy, logits, labels)[1]()))
    same_bits(ours, theirs)
    assert (ours.state.vector != model.init(seed=1).state.vector).all()


def test_parameters_in_two_models(rng):
    """One set of parameters for two networks of the same form, one after the other."""
    first, second = nn.Sequential(nn.Dense(3, 3), nn.Tanh()), nn.Dense(3, 3)
    params = first.init(seed=3, dtype="float64")
    inner = nn.Parameters(params.vector, {"W": (3, 3), "b": (3,)})
    x = rng.normal(size=(4, 3))
    twice = nn.record(lambda params, x: second(params, nn.tanh(second(params, x))))
    nn.check_gradients(twice, inner, x)
    h, backward_h = nn.vjp(first, params, x)
    dy = rng.normal(size=(4, 3))
    later, dh = nn.vjp(second, inner, h)[1](dy)
    earlier = backward_h(dh)[0]
    grads = nn.vjp(twice, inner, x, wrt=0)[1](dy)
    np.testing.assert_array_equal(grads.vector, later.vector + earlier.vector)
    assert list(grads) == ["W", "b"]


def test_dropout_with_a_generator(rng):
    """A training pass: dropout is on, and the layer's call is given its chance."""
    model = nn.Sequential(nn.Dense(3, 20), nn.Dropout(0.5), nn.Dense(20, 1))
    params, x = model.init(dtype="float64"), rng.normal(size=(4, 3))
    dy = rng.normal(size=(4, 1))
    recorded = nn.record(lambda params, x, rng=None: model(params, x, rng=rng))
    y, backward = nn.vjp(recorded, params, x, rng=np.random.default_rng(7))
    by_hand, backward_by_hand = nn.vjp(model, params, x, rng=np.random.default_rng(7))
    np.testing.assert_array_equal(y, by_hand)
    for ours, theirs in zip(backward(dy), backward_by_hand(dy), strict=True):
        a, b = (getattr(g, "vector", g) for g in (ours, theirs))
        np.testing.assert_array_equal(a, b)
    assert (y != model(params, x)).any()
    with pytest.raises(TypeError, match="rng"):
        nn.vjp(recorded, params, x)


@pytest.mark.parametrize("layer", [nn.RNN(2, 3), nn.LSTM(2, 3), nn.GRU(2, 3)])
def test_the_memory_of_a_recurrent_layer(layer, rng):
    """It is read and written as in a pass without a tape; no gradient flows through it."""
    params, x = layer.init(dtype="float64"), rng.normal(size=(5, 4, 2))
    ours, theirs, dy = {}, {}, rng.normal(size=(5, 4, 3))
    recorded = nn.record(lambda params, x: layer(params, x, memory=ours))
    for _ in range(2):
        y, backward = nn.vjp(recorded, params, x)
        by_hand, backward_by_hand = nn.vjp(layer, params, x, memory=theirs)
        np.testing.assert_array_equal(y, by_hand)
        np.testing.assert_array_equal(backward(dy)[0].vector, backward_by_hand(dy)[0].vector)
        assert list(ours) == list(theirs) == list(layer.states)
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])
            assert isinstance(ours[name], np.ndarray)


def test_outside_of_a_tape_a_layer_computes_as_in_inference(rng):
    model = nn.Sequential(nn.Dense(3, 2), nn.Dropout(0.9))
    params, x = model.init(dtype="float64"), rng.normal(size=(4, 3))
    np.testing.assert_array_equal(model(params, x), x @ params["0.W"].T + params["0.b"])


def test_networks_on_every_namespace(space, rng):
    model, draw = NETWORKS["cnn"]
    params, x, labels = model.init(seed=1, dtype="float64"), draw(rng).astype(float), [0, 1, 2] * 2
    params = nn.Parameters(space.array(params.vector), params.layout)
    x, labels = space.array(x[:6]), space.array(labels)
    recorded = nn.record(lambda p, x, labels: nn.softmax_cross_entropy(model(p, x), labels))
    grads, dx = nn.vjp(recorded, params, x, labels)[1]()
    logits, backward = nn.vjp(model, params, x)
    expected, dx_expected = backward(nn.vjp(nn.softmax_cross_entropy, logits, labels)[1]())
    assert space.holds(grads.vector)
    np.testing.assert_array_equal(nn.to_numpy(grads.vector), nn.to_numpy(expected.vector))
    np.testing.assert_array_equal(nn.to_numpy(dx), nn.to_numpy(dx_expected))


def test_attention_written_out_and_in_one_line(space, rng):
    """Scores, weights and mean, line by line: the gradients that `nn.attention` derives."""
    arrays = [space.array(rng.normal(size=s)) for s in [(3, 4), (5, 4), (5, 2)]]
    mask = space.array(np.tri(3, 5, 2, bool))
    hidden = space.array(np.where(np.tri(3, 5, 2, bool), 0.0, -np.inf))
    cases = [
        (lambda q, k, v: nn.softmax(q @ k.T / 2) @ v, nn.attention),
        (lambda q, k, v: nn.softmax(q @ k.T / 2 + hidden) @ v, lambda *a: nn.attention(*a, mask)),
        (
            lambda q, k, v: nn.attention_weights(q, k, mask) @ v,
            lambda *a: nn.blockwise_attention(*a, causal=True, block=2),
        ),
    ]
    for written_out, in_one_line in cases:
        value, backward = nn.vjp(nn.record(written_out), *arrays)
        expected, expected_backward = nn.vjp(nn.record(in_one_line), *arrays)
        close(nn.to_numpy(value), nn.to_numpy(expected), 1e-14, "value")
        for ours, theirs in zip(backward(value), expected_backward(value), strict=True):
            close(nn.to_numpy(ours), nn.to_numpy(theirs), 1e-13, "gradient")
