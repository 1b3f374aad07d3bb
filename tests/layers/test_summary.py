"""The summary: names, shapes and sizes of all layers, and errors that say which layer."""

from types import SimpleNamespace as Like

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


def test_each_level_stands_further_in():
    model = nn.Sequential(nn.Sequential(nn.Sequential(nn.ReLU())))
    lines = repr(summarize(model, (1, 2))).splitlines()[2:-1]
    assert [line.split("  ReLU")[0].split("  Seq")[0].rstrip() for line in lines] == [
        *("0", "  0.0", "    0.0.0"),
    ]


def test_a_long_layer_is_cut_off_in_the_text_and_whole_in_html():
    layer = nn.Conv2D(100, 200, (3, 5), stride=(1, 2), padding=(1, 2))
    summary = summarize(nn.Sequential(layer), (1, 8, 8, 100))
    whole = "Conv2D(100, 200, (3, 5), stride=(1, 2), padding=(1, 2))"
    assert summary.rows[0].layer == whole
    assert summary.table().rows[0][1] == whole
    assert f"  {whole[:43]}…  (1, 8, 4, 200)" in repr(summary)
    fits = summarize(nn.Conv2D(10, 20, (3, 5), 2, padding=11), (1, 8, 8, 10))
    assert len(fits.rows[0].layer) == 44
    assert f"  {fits.rows[0].layer}  " in repr(fits)


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
    tokens = np.full((2, 7), 3)
    assert [row.shape for row in summarize(model, tokens).rows] == [(7, 2), (7, 2, 3), (2, 4)]
    with pytest.raises(TypeError, match=r"layer 1, Embedding.*tokens are given as an array of int"):
        summarize(model, (2, 7))


def test_it_is_where_the_current_backend_is(backend):
    """And says the same as on NumPy."""
    text = repr(summarize(nested(), (2, 8, 8, 1)))
    nn.use_backend("numpy")
    assert text == repr(summarize(nested(), (2, 8, 8, 1)))


def test_what_it_runs_on_is_in_the_dtype_of_the_parameters():
    class Looks(nn.Layer):
        def operation(self, params, x, training, rng):
            seen.append(str(x.dtype))
            return x, lambda dy: dy

    seen = []
    for shape in ((2, 3), [np.int64(2), 3], np.ones((2, 3))):
        assert summarize(Looks(), shape).input_shape == (2, 3)
    assert seen == ["float32", "float32", "float64"]


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
        (nn.Dense(3, 2), (1, 4), ValueError, r"summary: Dense\(3, 2\): dense: .* with D = 4 of x$"),
        (nn.Dense(3, 2), (1.0, 3), ValueError, r"input_shape is \(1.0, 3\), expected the shape"),
        (nn.Dense(3, 2), "", ValueError, "input_shape is ''"),
        (nn.Dense(3, 2), Like(shape=(1, 3)), ValueError, "input_shape is .*, expected the shape"),
        (nn.Dense(3, 2), Like(dtype="int64"), ValueError, "input_shape is .*, expected the shape"),
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
