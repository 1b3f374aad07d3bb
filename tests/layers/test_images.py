"""The layers that see images: what they start with, what they compute, and that they learn."""

import numpy as np
import pytest
import torch
from witnesses import close

import nnlearn as nn


def small_network():
    return nn.Sequential(
        nn.Conv2D(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(36, 2)
    )


def test_a_layer_computes_its_operation(space):
    space.use()
    try:
        x = space.array(np.random.default_rng(0).normal(size=(2, 7, 6, 3)))
        layer = nn.Conv2D(3, 5, (3, 2), stride=(2, 1), padding=(1, 0))
        params = layer.init(seed=1, dtype="float64")
        assert list(params) == ["K", "b"]
        assert params["K"].shape == (3, 2, 3, 5)
        expected = nn.conv2d(x, params["K"], params["b"], (2, 1), (1, 0))
        np.testing.assert_array_equal(nn.to_numpy(layer(params, x)), nn.to_numpy(expected))
        for pool, operation in ((nn.MaxPool2D, nn.max_pool2d), (nn.AvgPool2D, nn.avg_pool2d)):
            found = pool(3, stride=2)(pool(3).init(), x)
            np.testing.assert_array_equal(nn.to_numpy(found), nn.to_numpy(operation(x, 3, 2)))
            found, expected = pool()(pool().init(), x), operation(x, 2, 2)
            np.testing.assert_array_equal(nn.to_numpy(found), nn.to_numpy(expected))
    finally:
        nn.use_backend("numpy")


def test_he_counts_the_window_and_the_channels():
    params = nn.Conv2D(20, 50, 5).init(seed=0, dtype="float64")
    assert params["K"].std() == pytest.approx(np.sqrt(2 / (5 * 5 * 20)), rel=0.02)
    assert not params["b"].any()
    seen = {}

    def initializer(generator, shape, fan_in, fan_out):
        seen.update(fan_in=fan_in, fan_out=fan_out)
        return np.zeros(shape)

    nn.Conv2D(2, 3, (4, 5), initializer=initializer).init()
    assert seen == {"fan_in": 40, "fan_out": 60}


def test_stamps_that_meet_are_the_inputs_of_a_transposed_convolution():
    """P Q / stride² of them, from each channel; an input reaches as many in each channel."""
    seen = {}

    def initializer(generator, shape, fan_in, fan_out):
        seen.update(shape=shape, fan_in=fan_in, fan_out=fan_out)
        return np.ones(shape)

    layer = nn.ConvTranspose2D(5, 7, (4, 6), stride=(2, 3), initializer=initializer)
    params = layer.init()
    assert seen == {"shape": (4, 6, 7, 5), "fan_in": 2 * 2 * 5, "fan_out": 2 * 2 * 7}
    assert not params["b"].any()
    params["K"][...] = 1
    inner = layer(params, np.ones((1, 5, 5, 5), "float32"))[:, 4:-4, 6:-6]
    np.testing.assert_array_equal(inner, seen["fan_in"])  # so many ones were added


@pytest.mark.parametrize(
    ("size", "padding"), [(1, (0, 0)), (3, (1, 1)), ((1, 3), (0, 1)), ((7, 5), (3, 2))]
)
def test_the_same_size(size, padding, rng):
    """Where the stride is one, "same" keeps the size of the image; PyTorch has it too."""
    layer = nn.Conv2D(2, 3, size, padding="same")
    assert layer.padding == padding
    params, x = layer.init(seed=0, dtype="float64"), rng.normal(size=(2, 8, 9, 2))
    theirs = torch.nn.Conv2d(2, 3, size, padding="same", dtype=torch.float64)
    theirs.load_state_dict({"weight": torch.tensor(params["K"].transpose(3, 2, 0, 1).copy()),
                            "bias": torch.tensor(params["b"])})  # fmt: skip
    expected = theirs(torch.tensor(x.transpose(0, 3, 1, 2).copy())).detach().numpy()
    close(layer(params, x), expected.transpose(0, 2, 3, 1), 1e-12, "value")


def test_names():
    assert repr(nn.Conv2D(1, 2, 3, padding=1)) == ("Conv2D(1, 2, 3, padding=1)")
    assert repr(nn.Conv2D(1, 2, 3, padding="same")) == ("Conv2D(1, 2, 3, padding=1)")
    assert repr(nn.Conv2D(1, 2, (3, 2), 2, (0, 1))) == (
        "Conv2D(1, 2, (3, 2), stride=2, padding=(0, 1))"
    )
    assert repr(nn.MaxPool2D(2)) == "MaxPool2D(size=(2, 2), stride=(2, 2))"
    assert repr(nn.AvgPool2D((2, 3), 1)) == "AvgPool2D(size=(2, 3), stride=(1, 1))"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2D(0, 1, 3), "Conv2D: inputs is 0"),
        (lambda: nn.Conv2D(1, 1, 0), "Conv2D: size is 0"),
        (lambda: nn.Conv2D(1, 1, 3, stride=0), "Conv2D: stride is 0"),
        (lambda: nn.Conv2D(1, 1, 3, padding=-1), "Conv2D: padding is -1"),
        (
            lambda: nn.Conv2D(1, 1, (3, 2), padding="same"),
            r"Conv2D: padding is 'same', size \(3, 2\); expected an odd size",
        ),
        (lambda: nn.Conv2D(1, 1, 6, padding="same"), r"size \(6, 6\); expected an odd size"),
        (lambda: nn.MaxPool2D(0), "MaxPool2D: size is 0"),
        (lambda: nn.AvgPool2D(2, "two"), "AvgPool2D: stride is 'two'"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_error_names_the_layer():
    model = small_network()
    with pytest.raises(ValueError, match=r"layer 0, Conv2D\(.*conv2d: x has shape \(2, 6, 6\)"):
        model(model.init(), np.ones((2, 6, 6), dtype="float32"))


@pytest.mark.parametrize("layer", [nn.Conv2D(3, 4, 2), nn.ConvTranspose2D(3, 4, 2)])
def test_channels_that_come_first_are_told(layer):
    """The picture is blamed, and not the kernel."""
    with pytest.raises(ValueError, match=r"x has shape \(2, 3, 6, 5\).*channels come last"):
        layer(layer.init(), np.ones((2, 3, 6, 5), dtype="float32"))


def test_pooling_and_relu_may_change_places():
    """Values and gradients, to the bit; zeros, ties and negative windows among them."""
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 3, size=(20, 6, 6, 1)).astype(float)
    relu_first = nn.Sequential(nn.ReLU(), nn.MaxPool2D(2))
    pool_first = nn.Sequential(nn.MaxPool2D(2), nn.ReLU())
    y, backward = nn.vjp(relu_first, relu_first.init(), x, wrt=1)
    same, same_backward = nn.vjp(pool_first, pool_first.init(), x, wrt=1)
    dy = rng.normal(size=y.shape)
    np.testing.assert_array_equal(y, same)
    np.testing.assert_array_equal(backward(dy), same_backward(dy))


def test_gradients_of_a_network():
    model = nn.Sequential(
        nn.Conv2D(2, 3, 3, stride=2, padding=1), nn.Tanh(), nn.AvgPool2D(2), nn.Conv2D(3, 2, 1)
    )
    x = np.random.default_rng(0).normal(size=(2, 7, 8, 2))
    nn.check_gradients(model, model.init(seed=0, dtype="float64"), x)


def test_a_network_tells_rows_from_columns():
    """Bright rows against bright columns, in places that no single weight can know."""
    rng = np.random.default_rng(0)
    x = 0.1 * rng.normal(size=(300, 6, 6, 1)).astype("float32")
    labels = rng.integers(0, 2, 300)
    for image, label, k in zip(x, labels, rng.integers(0, 6, 300), strict=True):
        image[(k, slice(None)) if label else (slice(None), k)] += 1
    model = small_network()
    params = model.init(seed=0)
    train, test = slice(200), slice(200, None)
    nn.fit(
        model,
        params,
        nn.softmax_cross_entropy,
        (x[train], labels[train]),
        nn.Adam(0.01),
        epochs=15,
        progress=False,
    )
    assert nn.accuracy(nn.predict(model, params, x[test]), labels[test]) > 0.95


def test_averages_see_the_mean():
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 1))
    pooled = nn.AvgPool2D(4)(nn.AvgPool2D(4).init(), x)
    close(pooled[:, 0, 0, 0], x.mean(axis=(1, 2, 3)), 1e-14, "mean")
