"""History: what is recorded, how it prints, and the figure that it draws."""

import builtins
import math

import matplotlib.pyplot as plt
import nbclient
import nbformat
import pytest

import nnlearn as nn


def trained():
    history = nn.History()
    for loss, accuracy in ((3.0, 0.25), (1.0, 0.75), (2.0, 0.5)):
        history.add({"loss": loss / 2, "validation_loss": loss, "accuracy": accuracy})
    return history


def game():
    history = nn.History()
    for step in (100, 200):
        history.add({"step": step, "value": -1.5, "generator_loss": 0.5 * step, "seen": "ab"})
    return history


def test_history():
    history = nn.History()
    assert history.epochs == 0
    assert history.best_epoch is None
    for loss in (3.0, 1.0, 2.0, 1.0):
        history.add({"loss": loss / 2, "validation_loss": loss})
    assert history == {"loss": [1.5, 0.5, 1.0, 0.5], "validation_loss": [3.0, 1.0, 2.0, 1.0]}
    assert history.epochs == 4
    assert history.best_epoch == 1  # the first of equals


def test_a_loss_that_is_no_number_is_never_the_best():
    history = nn.History()
    for loss in (math.nan, 2.0, math.nan, 1.0, math.nan):
        history.add({"loss": loss, "validation_loss": loss})
    assert history.best_epoch == 3


def test_what_fit_gan_records_is_counted():
    assert game().epochs == 2
    assert game().best_epoch is None


def test_it_prints_as_a_table():
    assert repr(trained()).splitlines() == [
        "History of 3 epochs",
        "epoch            first 1  best 2  last 3",
        "loss                 1.5     0.5       1",
        "validation_loss        3       1       2",
        "accuracy            0.25    0.75     0.5",
    ]
    assert repr(game()).splitlines() == [
        "History of 2 entries",
        "step            first 100  last 200",
        "value                -1.5      -1.5",
        "generator_loss         50       100",
        "seen                   ab        ab",
    ]
    assert repr(nn.History()) == "History of 0 epochs"
    assert repr(nn.History(loss=[1.0])).startswith("History of 1 epoch\n")
    page = trained()._repr_html_()
    assert "<caption>History of 3 epochs</caption>" in page
    assert '<th scope="row">accuracy</th><td>0.25</td><td>0.75</td><td>0.5</td>' in page


def test_the_figure():
    figure = trained().plot()
    losses, accuracy = figure.axes
    assert [
        line.get_ydata().tolist() if hasattr(line.get_ydata(), "tolist") else list(line.get_ydata())
        for line in losses.lines[:2]
    ] == [[1.5, 0.5, 1.0], [3, 1, 2]]
    assert list(losses.lines[0].get_xdata()) == [1, 2, 3]
    assert losses.get_ylabel() == "loss"
    assert accuracy.get_ylabel() == "accuracy"
    assert accuracy.get_xlabel() == "epoch"
    assert [(t.get_text(), t.xy) for t in losses.texts] == [
        ("loss", (3, 1.0)),
        ("validation loss", (3, 2.0)),
    ]
    for ax in figure.axes:  # the best epoch is marked
        assert list(ax.lines[-1].get_xdata()) == [2, 2]
        assert not ax.spines["top"].get_visible()
        assert not ax.spines["right"].get_visible()
    assert "epoch 2" in losses.get_title(loc="left")


def test_one_value_alone_is_a_dot():
    (ax,) = nn.History(loss=[1.0]).plot().axes
    assert ax.lines[0].get_marker() == "o"
    (ax,) = nn.History(loss=[1.0, 2.0]).plot().axes
    assert ax.lines[0].get_marker() == "None"


def test_the_figure_of_a_game_goes_by_steps():
    value, loss = game().plot().axes  # what is no number is left out
    assert list(value.lines[0].get_xdata()) == [100, 200]
    assert loss.get_xlabel() == "step"
    assert len(loss.lines) == 1  # no best epoch


def test_names_that_would_lie_on_each_other_are_moved():
    history = nn.History(loss=[3.0, 1.0], validation_loss=[4.0, 1.05])
    lower, upper = history.plot().axes[0].texts
    assert lower.xyann[1] < 0 < upper.xyann[1]
    assert [text.xyann for text in trained().plot().axes[0].texts] == [(6, 0), (6, 0)]
    small = nn.History(loss=[0.03, 0.01], validation_loss=[0.04, 0.02])  # apart, where all is small
    assert [text.xyann for text in small.plot().axes[0].texts] == [(6, 0), (6, 0)]


def test_a_line_that_ends_in_no_number_has_its_name_at_the_last_one():
    history = nn.History(loss=[3.0, 1.0, math.nan], error=[math.nan] * 3)
    losses, errors = history.plot().axes
    assert losses.texts[0].xy == (2, 1.0)
    assert len(errors.texts) == 0


def test_a_notebook_shows_the_figure_once():
    """Also where nobody has imported matplotlib before; a figure left open would come twice."""
    lines = "import nnlearn as nn", "nn.History(loss=[2.0, 1.0]).plot()"
    cells = [nbformat.v4.new_code_cell(line) for line in lines]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    assert ["image/png" in output.data for output in notebook.cells[1].outputs] == [True]
    before = plt.get_fignums()
    trained().plot()
    assert plt.get_fignums() == before


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="nothing is recorded yet"):
        nn.History().plot()


def test_without_matplotlib(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kw):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kw)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"History\.plot: .*pip install matplotlib"):
        trained().plot()
