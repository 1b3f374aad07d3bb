"""The summary: names, shapes and sizes of all layers, and errors that say which layer."""

import numpy as np
import pytest

import nnlearn as nn
from nnlearn.layers.summary import summarize


def nested():
    return nn.Sequential(
        nn.Conv2D(1, 8, 3, padding=1),
        nn.MaxPool2D(2),
        nn.Sequential(nn.Flatten(), nn.Dense(128, 4), nn.BatchNorm(4)),
        nn.Dense(4, 3),
    )


def test_every_layer_has_its_row():
    summary = summarize(nested(), (2, 8, 8, 1))
    assert [(row.name, row.shape, row.numbers) for row in summary.rows] == [
        ("0", (2, 8, 8, 8), 80),
        ("1", (2, 4, 4, 8), 0),
        ("2", (2, 4), 524),
        ("2.0", (2, 128), 0),
        ("2.1", (2, 4), 516),
        ("2.2", (2, 4), 8),
        ("3", (2, 3), 15),
    ]
    assert summary.rows[4].layer == "Dense(128, 4)"
    assert (summary.numbers, summary.bytes, summary.state) == (619, 4 * 619, 8)
    assert summary.input_shape == (2, 8, 8, 1)


def test_its_text():
    lines = repr(summarize(nested(), (2, 8, 8, 1))).splitlines()
    assert lines[0] == "Input of shape (2, 8, 8, 1)"
    assert lines[1].split() == ["name", "layer", "output", "shape", "parameters"]
    assert lines[5].startswith("  2.0  Flatten()")
    assert lines[5].endswith(" 0")
    assert len({len(line) for line in lines[1:9]}) == 1  # the columns are in line
    assert max(map(len, lines)) < 100
    assert lines[-2:] == [
        "Parameters: 619 numbers, 2,476 bytes as float32",
        "State, not learned: 8 numbers",
    ]


def test_its_html():
    page = summarize(nested(), (2, 8, 8, 1))._repr_html_()
    assert "<caption>Input of shape (2, 8, 8, 1)</caption>" in page
    assert page.count('<th scope="row">') == 7
    assert "color" not in page
    assert "Conv2D" in page


def test_a_lone_layer_and_the_size_of_the_batch():
    (row,) = summarize(nn.Dense(3, 2), [5, 3]).rows
    assert (row.name, row.shape, row.numbers) == ("-", (5, 2), 8)


def test_tokens_are_given_as_an_array():
    model = nn.Sequential(nn.TimeFirst(), nn.Embedding(5, 3), nn.LSTM(3, 4, last=True))
    tokens = np.zeros((2, 7), dtype=int)
    assert [row.shape for row in summarize(model, tokens).rows] == [(7, 2), (7, 2, 3), (2, 4)]
    with pytest.raises(TypeError, match=r"layer 1, Embedding.*tokens are given as an array of int"):
        summarize(model, (2, 7))


def test_it_is_where_the_current_backend_is(backend):
    assert summarize(nested(), (1, 8, 8, 1)).rows[-1].shape == (1, 3)


@pytest.mark.parametrize(
    ("model", "shape", "error", "message"),
    [
        (
            nested(),
            (2, 8, 9, 2),
            ValueError,
            r"summary: layer 0, Conv2D\(.*\): x has .* 2 channels",
        ),
        (nested(), (2, 10, 8, 1), ValueError, r"summary: layer 2\.1, Dense\(128, 4\): dense: "),
        (nn.Dense(3, 2), (1, 4), ValueError, r"summary: Dense\(3, 2\): dense: "),
        (nn.Dense(3, 2), 3, ValueError, "input_shape is 3, expected the shape of x, batch incl"),
        (nn.Dense(3, 2), (0, 3), ValueError, r"input_shape is \(0, 3\)"),
        (nn.Dense(3, 2), "ab", ValueError, "input_shape is 'ab'"),
        (nn.Dense(3, 2), range, ValueError, "input_shape is <class 'range'>"),
        (nn.relu, (1, 3), TypeError, "model is function, expected a layer or a model"),
    ],
)
def test_what_does_not_fit(model, shape, error, message):
    with pytest.raises(error, match=message):
        summarize(model, shape)
