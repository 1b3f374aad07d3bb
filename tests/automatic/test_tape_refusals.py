"""The tape: what would give a wrong gradient, or none, is refused and says why."""

import math

import numpy as np
import pytest

import nnlearn as nn


def test_a_value_of_another_run_is_refused():
    """Its gradient would be lost without a word: a closure, a value that was kept, a result."""
    x, kept = np.array([1.0, 2.0]), []

    def closing(order):
        def outer(x):
            inner = nn.record(lambda y: y * x if order else x * y)
            return inner(x).sum()

        return nn.record(outer)

    nn.vjp(nn.record(lambda x: kept.append(x) or x), x)
    wrong = [closing(True), closing(False), nn.record(lambda y: y * kept[0])]
    for f in wrong:
        with pytest.raises(TypeError, match="recorded value comes by name, or from another"):
            nn.vjp(f, x)
    with pytest.raises(TypeError, match="f gives Variable, expected arrays made of its arguments"):
        nn.vjp(nn.record(lambda y: kept[0]), x)


def test_a_value_that_comes_by_name_is_refused():
    """The tape sees positions: a gradient by name would be lost."""
    x, W, b = np.ones((2, 3)), np.ones((1, 3)), np.ones(1)
    product = nn.differentiable(lambda x, y: (x * y, lambda dz: (dz * y, dz * x)))
    for f, args in [
        (lambda x, W, b: nn.dense(x, W=W, b=b), (x, W, b)),
        (lambda x, W, b: product(x, y=W), (x, W, b)),
    ]:
        with pytest.raises(TypeError, match="recorded value comes by name"):
            nn.vjp(nn.record(f), *args)


@pytest.mark.parametrize("result", [3.0, None, [1], np.ones(2), "x"])
def test_a_result_that_comes_from_nowhere_is_refused(result):
    f = nn.record(lambda x: (x, result) if isinstance(result, str) else result)
    with pytest.raises(TypeError, match=r"record: f gives .*, expected arrays made of its argum"):
        nn.vjp(f, np.ones(2))


def test_nothing_is_overwritten():
    """Not by an index; += makes a new value, and the old one stays."""
    x = np.array([1.0, 2.0])

    def overwriting(x):
        y = x * 2
        y[0] = 5.0
        return y

    def adding(x):
        y = x * 2
        kept = y
        y += x
        y *= kept
        return y

    with pytest.raises(TypeError, match="recorded value cannot be overwritten: its backward pass"):
        nn.vjp(nn.record(overwriting), x)
    value, backward = nn.vjp(nn.record(adding), x)
    assert value.tolist() == [6, 24]
    assert backward(np.ones(2)).tolist() == [12, 24]
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: np.exp(x), "does not support ufuncs"),
        (lambda x: np.add(x, x), "does not support ufuncs"),
        (lambda x: np.asarray(x), r"is no plain array or number: that is its \.value"),
        (lambda x: np.concatenate([x, x]), r"is no plain array or number"),
        (lambda x: np.zeros(2).__setitem__(..., x), r"is no plain array or number"),
        (lambda x: x * float(x.sum()), r"is no plain array or number"),
        (lambda x: x * int(x[0]), r"is no plain array or number"),
        (lambda x: x * math.exp(x[0]), r"is no plain array or number"),
        (lambda x: x if x else -x, r"is no plain array or number"),
        (lambda x: x**x, "power: exponent is a ndarray, expected a Python number"),
        (lambda x: x + None, "add: b is a NoneType, expected an array or a number"),
    ],
)
def test_what_cannot_be_recorded_says_so(wrong, message):
    with pytest.raises(TypeError, match=message):
        nn.vjp(nn.record(wrong), np.array([1.0, 2.0]))


def test_a_gradient_that_an_operation_does_not_give_is_said():
    forgetful = nn.differentiable(lambda x, y: (x * y, lambda dz: dz * y))
    _, backward = nn.vjp(nn.record(lambda x, y: forgetful(x, y)), np.ones(2), np.ones(2))
    message = r"v2 = <lambda>\(v0, v1\) gives no gradient for its argument 1, a recorded value"
    with pytest.raises(TypeError, match=message):
        backward(np.ones(2))


def test_what_a_recorded_value_does_not_have():
    for name in ("copy", "max", "vector", "state"):
        with pytest.raises(AttributeError, match=f"recorded value has no '{name}'; operations of"):
            nn.vjp(nn.record(lambda x, name=name: getattr(x, name)), np.ones(2))
