"""Layers: each is its operation, with parameters of its own; training and inference differ."""

import warnings

import numpy as np
import pytest
import torch
from witnesses import close, placed

import nnlearn as nn
from nnlearn.layers.dense import Activation
from nnlearn.operations.normalization import moments

LAYERS = {
    "Dense": (nn.Dense(3, 2), (4, 3), lambda x, p: nn.dense(x, p["W"], p["b"])),
    "ReLU": (nn.ReLU(), (4, 3), lambda x, p: nn.relu(x)),
    "LeakyReLU": (nn.LeakyReLU(0.3), (4, 3), lambda x, p: nn.leaky_relu(x, slope=0.3)),
    "Sigmoid": (nn.Sigmoid(), (4, 3), lambda x, p: nn.sigmoid(x)),
    "Tanh": (nn.Tanh(), (4, 3), lambda x, p: nn.tanh(x)),
    "Flatten": (nn.Flatten(), (4, 3, 2), lambda x, p: x.reshape(4, 6)),
    "LayerNorm": (
        nn.LayerNorm(3, eps=0.1),
        (4, 3),
        lambda x, p: nn.layer_norm(x, p["gamma"], p["beta"], eps=0.1),
    ),
    "BatchNorm": (
        nn.BatchNorm(3, eps=0.1),
        (4, 3),
        lambda x, p: nn.batch_norm(x, p["gamma"], p["beta"], eps=0.1),
    ),
    "Dropout": (
        nn.Dropout(0.4),
        (4, 3),
        lambda x, p: nn.dropout(x, 0.4, np.random.default_rng(3)),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_training_pass_is_the_operation(space, name, rng):
    layer, shape, expected = LAYERS[name]
    params = placed(space, layer)
    here = nn.Parameters(nn.to_numpy(params.vector), params.layout)
    x = rng.normal(size=shape)
    y, backward = nn.vjp(layer, params, space.array(x), rng=np.random.default_rng(3))
    assert space.holds(y)
    if name != "Dropout" or space.name != "cupy":  # on a GPU the numbers are drawn there
        close(nn.to_numpy(y), expected(x, here), 1e-12, "value")
    grads, dx = backward(space.array(np.ones(y.shape)))
    assert space.holds(grads.vector)
    assert space.holds(dx)
    worst = nn.check_gradients(
        layer, params, space.array(x), rng=np.random.default_rng(3), tolerance=1e-5
    )
    assert worst < 1e-5


@pytest.mark.parametrize("name", LAYERS)
def test_inference_has_a_right_backward_too(space, name, rng):
    """Not used in training, but what is there is right: the GAN's discriminator, one day."""
    layer, shape, _ = LAYERS[name]
    params = placed(space, layer)

    @nn.differentiable
    def inference(x):
        y, backward, _ = layer.forward(params, x)
        return y, lambda dy: backward(lambda: dy)[1]

    nn.check_gradients(inference, space.array(rng.normal(size=shape)))


def test_the_default_initializer_is_he():
    a = nn.Dense(40, 30).init(seed=2, dtype="float64")
    expected = nn.initializers.he(np.random.default_rng(2), (30, 40), 40, 30)
    np.testing.assert_array_equal(a["W"], expected)
    np.testing.assert_array_equal(a["b"], np.zeros(30))
    assert nn.Dense(2, 2).init().vector.dtype == "float32"


def test_norms_start_as_the_identity():
    params = nn.BatchNorm(3).init()
    np.testing.assert_array_equal(params["gamma"], np.ones(3))
    np.testing.assert_array_equal(params["beta"], np.zeros(3))
    np.testing.assert_array_equal(params.state["mean"], np.zeros(3))
    np.testing.assert_array_equal(params.state["variance"], np.ones(3))
    assert nn.LayerNorm(3).init().state is None


def test_dropout_does_nothing_in_inference(space, rng):
    layer = nn.Dropout(0.9)
    x = space.array(rng.normal(size=(4, 3)))
    np.testing.assert_array_equal(nn.to_numpy(layer(placed(space, layer), x)), nn.to_numpy(x))


@pytest.mark.parametrize("shape", [(6, 3), (2, 4, 3)])
@pytest.mark.parametrize("momentum", [0.1, 0.7])
def test_batch_norm_remembers_as_torch_does(space, shape, momentum, rng):
    """Running statistics over several steps; then inference, with them."""
    layer = nn.BatchNorm(3, momentum=momentum, eps=1e-3)
    params = layer.init(dtype="float64")
    params = nn.Parameters(
        space.array(params.vector),
        params.layout,
        nn.Parameters(space.array(params.state.vector), params.state.layout),
    )
    theirs = torch.nn.BatchNorm1d(3, eps=1e-3, momentum=momentum, dtype=torch.float64)
    for _ in range(4):
        x = rng.normal(2.0, 3.0, size=shape)
        y, backward = nn.vjp(layer, params, space.array(x), wrt=0)
        nn.SGD(0.0).step(params, backward(y))  # takes the new statistics over
        expected = theirs(torch.tensor(x.reshape(-1, 3))).detach().numpy().reshape(shape)
        close(nn.to_numpy(y), expected, 1e-12, "training")
        close(nn.to_numpy(params.state["mean"]), theirs.running_mean.numpy(), 1e-12, "mean")
        close(nn.to_numpy(params.state["variance"]), theirs.running_var.numpy(), 1e-12, "variance")
    theirs.eval()
    before = nn.to_numpy(params.state.vector).copy()
    x = rng.normal(size=shape)
    expected = theirs(torch.tensor(x.reshape(-1, 3))).detach().numpy().reshape(shape)
    close(nn.to_numpy(layer(params, space.array(x))), expected, 1e-12, "inference")
    np.testing.assert_array_equal(nn.to_numpy(params.state.vector), before, "inference remembered")


def test_batch_norm_of_one_example_is_finite(space):
    """One example has no unbiased variance: PyTorch refuses it, here the running one stays."""
    layer = nn.BatchNorm(2)
    params = placed(space, layer)
    y, backward = nn.vjp(layer, params, space.array([[1.0, 2.0]]), wrt=0)
    state = backward(y).state
    np.testing.assert_array_equal(
        nn.to_numpy(state["variance"]), nn.to_numpy(params.state["variance"])
    )
    assert np.isfinite(nn.to_numpy(state.vector)).all()


def test_inference_does_not_look_at_the_batch(space, rng):
    layer = nn.BatchNorm(3)
    params = placed(space, layer)
    x = rng.normal(size=(5, 3))
    together = nn.to_numpy(layer(params, space.array(x)))
    for i in range(5):
        close(nn.to_numpy(layer(params, space.array(x[i : i + 1]))), together[i : i + 1], 0, "row")


def test_flatten(space):
    for shape in [(2, 3, 4), (3,), (0, 2), (2, 0, 3)]:
        x = np.arange(float(np.prod(shape))).reshape(shape)
        y = nn.flatten(space.array(x))
        assert y.shape == (shape[0], int(np.prod(shape[1:])))
        np.testing.assert_array_equal(nn.to_numpy(y).ravel(), x.ravel())
    with pytest.raises(ValueError, match=r"flatten: x has shape \(\), expected a batch dimension"):
        nn.flatten(np.array(1.0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Dense(0, 3), "Dense: inputs is 0, expected a whole number of at least 1"),
        (lambda: nn.Dense(3, 2.5), "Dense: outputs is 2.5, expected a whole number"),
        (lambda: nn.Dense("3", 2), "Dense: inputs is '3'"),
        (lambda: nn.BatchNorm(0), "BatchNorm: features is 0"),
        (lambda: nn.LayerNorm(-1), "LayerNorm: features is -1"),
        (lambda: nn.Dropout(1.0), r"Dropout: p is 1.0, expected a probability in \[0, 1\)"),
        (lambda: nn.Dropout(-0.5), "Dropout: p is -0.5"),
        (lambda: nn.LayerNorm(3, eps=-1), "LayerNorm: eps is -1, expected a finite number of at l"),
        (lambda: nn.BatchNorm(3, momentum=1.1), "BatchNorm: momentum is 1.1, .* from 0 to 1"),
        (lambda: nn.LeakyReLU(np.inf), "LeakyReLU: slope is inf, expected a finite number"),
        (lambda: nn.Unflatten(2, -1), "Unflatten: shape is -1, expected a whole number"),
    ],
)
def test_settings_that_do_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        make()
    assert nn.Dense(np.int64(3), 2).inputs == 3


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (nn.LeakyReLU, "LeakyReLU: slope"),
        (nn.Dropout, "Dropout: p"),
        (lambda a: nn.LayerNorm(3, a), "LayerNorm: eps"),
        (lambda a: nn.BatchNorm(3, eps=a), "BatchNorm: eps"),
        (lambda a: nn.BatchNorm(3, a), "BatchNorm: momentum"),
        (lambda a: nn.LSTM(3, 2, forget_bias=a), "LSTM: forget_bias"),
        (lambda a: nn.GRU(3, 2, update_bias=a), "GRU: update_bias"),
    ],
)
def test_settings_that_are_no_numbers(make, name):
    with pytest.raises(TypeError, match=f"{name} is '0.1', expected a number"):
        make("0.1")


SETTINGS = {
    "LeakyReLU": (lambda number: nn.LeakyReLU(number(0.5)), (4, 3)),
    "Dropout": (lambda number: nn.Dropout(number(0.5)), (4, 3)),
    "LayerNorm": (lambda number: nn.LayerNorm(3, number(0.5)), (4, 3)),
    "BatchNorm": (lambda number: nn.BatchNorm(3, number(0.5), number(0.25)), (4, 3)),
    "LSTM": (lambda number: nn.LSTM(3, 2, forget_bias=number(0.5)), (4, 1, 3)),
    "GRU": (lambda number: nn.GRU(3, 2, update_bias=number(0.5)), (4, 1, 3)),
    "TransformerBlock": (lambda number: nn.TransformerBlock(4, 2, dropout=number(0.5)), (3, 2, 4)),
    "Unflatten": (lambda number: nn.Unflatten(number(2), number(3)), (4, 6)),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_of_numpy_s_is_the_plain_one(name):
    """The text of a model says which model a checkpoint is of; and float32 stays float32."""
    make, shape = SETTINGS[name]
    plain, numpy_s = make(lambda number: number), make(lambda number: np.asarray(number)[()])
    assert repr(numpy_s) == repr(plain)
    params, x = numpy_s.init(seed=0), np.linspace(-1, 1, np.prod(shape), dtype="float32")
    x = x.reshape(shape)
    y, backward = nn.vjp(numpy_s, params, x, rng=np.random.default_rng(0))
    dparams, dx = backward(y)
    for a in (numpy_s(params, x), y, dx, dparams.vector):
        assert a.dtype == "float32"


def test_the_default_slope_is_that_of_torch(rng):
    x = rng.normal(size=(4, 3))
    expected = torch.nn.LeakyReLU()(torch.tensor(x)).numpy()
    close(nn.LeakyReLU()(nn.LeakyReLU().init(), x), expected, 1e-15, "value")


@pytest.mark.parametrize(
    "layer", [nn.Dense(3, 2), nn.LeakyReLU(0.1), nn.MaxPool2D(3), nn.Unflatten(2, 3)]
)
def test_settings_are_a_copy(layer):
    text = repr(layer)
    layer.settings().clear()
    assert repr(layer) == text


def test_repr_tells_layers_apart():
    """The text of a model says which model a checkpoint is of: no two that differ may share it."""
    layers = [
        nn.Dense(3, 2),
        nn.Dense(2, 3),
        nn.ReLU(),
        nn.LeakyReLU(0.01),
        nn.LeakyReLU(0.1),
        nn.Sigmoid(),
        nn.Tanh(),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Dropout(0.2),
        nn.LayerNorm(3),
        nn.LayerNorm(3, eps=0.1),
        nn.BatchNorm(3),
        nn.BatchNorm(3, eps=0.1),
        nn.BatchNorm(3, momentum=0.5),
        Activation(nn.relu),
        Activation(nn.softplus),
    ]
    assert len({repr(layer) for layer in layers}) == len(layers)
    assert repr(nn.Dense(3, 2)) == "Dense(3, 2)"
    assert repr(nn.LeakyReLU(0.1)) == "LeakyReLU(slope=0.1)"
    assert repr(nn.Dropout(0.1)) == "Dropout(0.1)"
    assert not any(" at 0x" in repr(layer) for layer in layers)


@pytest.mark.parametrize("shape", [(2, 1), (2, 4), (3,), (0, 3)])
def test_batch_norm_refuses_what_does_not_fit(shape):
    """In inference, too, where broadcasting would go through; a training pass before any mean."""
    layer = nn.BatchNorm(3)
    params, x = layer.init(), np.ones(shape, dtype="float32")
    with warnings.catch_warnings(action="error"):
        if shape[-1] != 3:
            with pytest.raises(ValueError, match=r"batch_norm: gamma has shape \(3,\)"):
                layer(params, x)
        with pytest.raises(ValueError, match="batch_norm: "):
            nn.vjp(layer, params, x)


def test_running_statistics_are_those_of_the_pass(rng):
    """The output and the averages come from one look at the batch; given moments change nothing."""
    x = rng.normal(3, 2, size=(5, 2, 4))
    gamma, beta = rng.normal(size=(2, 4))
    found = moments(x, (0, 1))
    alone, together = (
        nn.vjp(nn.batch_norm, x, gamma, beta, known=known) for known in (None, found)
    )
    np.testing.assert_array_equal(alone[0], together[0])
    for a, b in zip(alone[1](x), together[1](x), strict=True):
        np.testing.assert_array_equal(a, b)
