"""A training that goes wrong is told where: in the data, in a parameter, out of a layer."""

import warnings

import numpy as np
import pytest

import nnlearn as nn
from nnlearn.training.divergence import first_not_finite, is_finite, zero_if_finite


def moved(space, params):
    return nn.Parameters(space.array(params.vector), params.layout)


def network(space, w=2.0, b=1.0):
    """One neuron and its bend, whose numbers are easy to follow."""
    model = nn.Sequential(nn.Dense(1, 1), nn.ReLU())
    params = model.init(dtype="float64")
    params.vector[...] = w, b
    return model, moved(space, params)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_the_first_number_that_is_not_finite_is_found(space, bad):
    x, wrong = space.array(np.array([[3.0]])), space.array(np.array([[bad]]))
    stands = "the first number that is not finite stands in"
    model, params = network(space)
    assert first_not_finite(model, params, wrong) == f"{stands} the data, x"
    assert first_not_finite(model, params, x, wrong) == f"{stands} the data, target"
    model, params = network(space, b=bad)
    assert first_not_finite(model, params, x) == f"{stands} b of layer 0, Dense(1, 1)"
    lone = model.layers["0"]
    assert first_not_finite(lone, params.part("0"), x) == f"{stands} b of Dense(1, 1)"


def test_what_comes_out_of_a_layer_is_found(space):
    model, params = network(space, w=1e300)
    huge = space.array(np.array([[1e300]]))
    with np.errstate(over="ignore"):
        told = first_not_finite(model, params, huge)
    assert told == "the first number that is not finite comes out of layer 0, Dense(1, 1)"


def test_where_all_is_finite_the_last_and_its_size_are_told(space):
    x = space.array(np.array([[3.0], [1.0]]))
    told = "every layer gives finite numbers, of up to {} out of {}"
    model, params = network(space)
    assert first_not_finite(model, params, x) == told.format("7.0e+00", "layer 1, ReLU()")
    none = nn.Sequential()
    assert first_not_finite(none, moved(space, none.init()), x) == told.format(
        "0.0e+00", "Sequential()"
    )
    model, params = network(space, w=-2.0)
    lone = model.layers["0"]
    assert first_not_finite(lone, params.part("0"), x) == told.format("5.0e+00", "Dense(1, 1)")


def test_symbols_are_finite(space):
    model = nn.Embedding(3, 2)
    params = moved(space, model.init(dtype="float64"))
    told = first_not_finite(model, params, space.array(np.array([0, 2])))
    assert told.startswith("every layer gives finite numbers")


def test_it_is_asked_without_a_warning(space):
    with warnings.catch_warnings(action="error"):
        for bad in (np.inf, np.nan):
            a = space.array(np.array([1.0, bad]))
            assert is_finite(a) is False
            assert np.isnan(float(zero_if_finite(a)))
        assert is_finite(space.array(np.ones(2))) is True
        assert float(zero_if_finite(space.array(np.ones(2)))) == 0


class Squares:
    """A loss that is an object, without a name of its own."""

    def __call__(self, output, target):
        return nn.mean_squared_error(output, target)

    def forward(self, output, target):
        return nn.mean_squared_error.forward(output, target)


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_loss_without_a_name_is_told_by_its_kind():
    model = nn.Dense(1, 1)
    data = np.full((4, 1), 1e200), np.zeros((4, 1))
    params = model.init(dtype="float64")
    told = "in epoch 1, batch 1, the loss, Squares, is inf"
    with pytest.raises(nn.TrainingDiverged, match=told):
        nn.fit(model, params, Squares(), data, nn.SGD(0.1), 1, progress=False)
