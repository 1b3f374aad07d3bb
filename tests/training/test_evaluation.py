"""Looking at a model: predict gives what the model gives, accuracy counts what is right."""

import numpy as np
import pytest
import torch
from witnesses import close

import nnlearn as nn


@pytest.mark.parametrize("count", [0, 1, 5, 10, 11])
def test_predict(space, count, rng):
    network = nn.Sequential(nn.Dense(6, 3), nn.Tanh())
    here = network.init(dtype="float64")
    params = nn.Parameters(space.array(here.vector), here.layout)
    x = rng.normal(size=(count, 6))
    y = nn.predict(network, params, space.array(x), batch_size=5)
    assert space.holds(y)
    assert y.shape == (count, 3)
    close(nn.to_numpy(y), network(here, x), 1e-14, "in batches")


@pytest.mark.parametrize("axis", [0, 1])
def test_no_more_than_a_batch_is_computed_at_once(axis, rng):
    seen, dense = [], nn.Dense(2, 3)

    def model(params, x):
        seen.append(x.shape[axis])
        return dense(params, x)

    params, x = dense.init(dtype="float64"), rng.normal(size=(7, 7, 2))
    found = nn.predict(model, params, x, batch_size=3, batch_axis=axis)
    assert seen == [3, 3, 1]
    close(found, dense(params, x), 1e-14, "in batches")


def test_a_lone_number_has_no_batch():
    dense = nn.Dense(1, 1)
    with pytest.raises(ValueError, match=r"batch_axis is 0, expected an axis of \(\)"):
        nn.predict(dense, dense.init(), np.array(1.0))


def test_accuracy(space, rng):
    logits, labels = rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    share = sum(np.argmax(row) == label for row, label in zip(logits, labels, strict=True)) / 50
    result = nn.accuracy(space.array(logits), space.array(labels))
    assert type(result) is float
    assert abs(result - share) < 1e-6
    hits = torch.tensor(logits).argmax(dim=1) == torch.tensor(labels)
    assert abs(result - hits.double().mean().item()) < 1e-6


@pytest.mark.parametrize("shape", [(40,), (40, 1)])
@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_accuracy_of_yes_and_no(space, shape, dtype, rng):
    logits, labels = rng.normal(size=shape), rng.integers(0, 2, 40)
    share = np.mean((logits.ravel() > 0) == labels)
    for target in (labels, labels.reshape(shape)):
        result = nn.accuracy(space.array(logits), space.array(target.astype(dtype)))
        assert abs(result - share) < 1e-6


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_accuracy_of_yes_and_no_takes_no_class_numbers_for_logits(shape):
    with pytest.raises(TypeError, match=r"dtype int64.* order is accuracy\(logits, labels\)"):
        nn.accuracy(np.ones(shape, int), np.ones(shape))


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ((4, 3), (5,), r"labels has shape \(5,\), expected \(4,\)"),
        ((4, 3), (4, 3), "not one-hot"),
        ((4, 2), (4, 2), "not one-hot"),
        ((4, 3), (4, 1), r"expected \(4,\)"),
        ((4,), (5,), r"labels has shape \(5,\)"),
        ((4,), (4, 3), r"labels has shape \(4, 3\)"),
    ],
)
def test_accuracy_refuses_labels_that_do_not_fit(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        nn.accuracy(np.ones(logits), np.ones(labels, int))


def test_accuracy_of_steps_and_classes(space, rng):
    logits, labels = rng.normal(size=(5, 4, 3)), rng.integers(0, 3, (5, 4))
    share = np.mean(np.argmax(logits, axis=-1) == labels)
    assert abs(nn.accuracy(space.array(logits), space.array(labels)) - share) < 1e-6


def test_a_logit_of_zero_says_no(space):
    logits = space.array(np.array([0.0, 0.0, 1.0]))
    assert abs(nn.accuracy(logits, space.array(np.array([0, 1, 1]))) - 2 / 3) < 1e-6
    one = space.array(np.zeros((4, 2, 1)))  # labels of the same shape, a yes or no each
    assert nn.accuracy(one, space.array(np.zeros((4, 2, 1), dtype="int64"))) == 1


def test_accuracy_takes_arrays():
    for logits, labels, name in (([1.0], np.ones(1), "logits"), (np.ones(1), [1], "labels")):
        with pytest.raises(TypeError, match=f"accuracy: {name} is list, expected an array"):
            nn.accuracy(logits, labels)


def test_several_answers_of_yes_and_no_for_each_example(rng):
    """Shaped like one-hot labels, they are refused with the way to say what is meant."""
    logits, labels = rng.normal(size=(20, 3)), rng.integers(0, 2, (20, 3))
    with pytest.raises(ValueError, match=r"accuracy\(logits\[\.\.\., None\], labels\)"):
        nn.accuracy(logits, labels)
    share = np.mean((logits > 0) == labels)
    assert abs(nn.accuracy(logits[..., None], labels) - share) < 1e-6


@pytest.mark.parametrize(
    "layers",
    [
        (nn.RNN(2, 3), nn.Dense(3, 1)),
        (nn.Dense(2, 4), nn.Tanh(), nn.LSTM(4, 3)),
        (nn.Dense(2, 4), nn.TransformerBlock(4, 2, causal=True)),
        (nn.Dense(2, 4), nn.PositionalEncoding(4), nn.MultiHeadAttention(4, 2)),
        (nn.Sequential(nn.Dense(2, 4), nn.LayerNorm(4)), nn.Residual(nn.GRU(4, 4))),
    ],
)
def test_sequences_are_cut_between_them_and_not_in_time(layers):
    model = nn.Sequential(*layers)
    params = model.init(0, dtype="float64")
    x = np.random.default_rng(0).normal(size=(7, 5, 2))
    found = nn.predict(model, params, x, batch_size=2, batch_axis=1)
    np.testing.assert_allclose(found, model(params, x), rtol=0, atol=1e-14)
    for size in (2, 6):
        with pytest.raises(ValueError, match=r"predict: x has shape \(7, 5, 2\).*batch_axis=1"):
            nn.predict(model, params, x, batch_size=size)
    whole = nn.predict(model, params, x, batch_size=7)  # nothing is cut
    np.testing.assert_array_equal(whole, model(params, x))
    with pytest.raises(ValueError, match="batch_axis is 3"):
        nn.predict(model, params, x, batch_axis=3)


def test_what_is_turned_before_it_is_read_is_cut_as_it_comes(rng):
    block = nn.TransformerBlock(4, 2, causal=True)
    model = nn.Sequential(nn.TimeFirst(), block, nn.TimeFirst())
    params, x = model.init(0, dtype="float64"), rng.normal(size=(7, 5, 4))
    found = nn.predict(model, params, x, batch_size=2)
    np.testing.assert_allclose(found, model(params, x), rtol=0, atol=1e-14)
