"""History: what is recorded, how it prints, and the figure that it draws."""

import builtins
import io
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


def test_names_are_moved_by_how_far_they_are_apart_in_the_figure():
    """Not by how large the losses are; and whichever of the two is the lower one."""
    large = nn.History(loss=[103.0, 101.0], validation_loss=[104.0, 102.0])
    assert [text.xyann for text in large.plot().axes[0].texts] == [(6, 0), (6, 0)]
    below = nn.History(loss=[-101.0, -103.0], validation_loss=[-100.0, -102.0])
    assert [text.xyann for text in below.plot().axes[0].texts] == [(6, 0), (6, 0)]
    for ends in ((1.0, 1.05), (1.05, 1.0)):
        figure = nn.History(loss=[3.0, ends[0]], validation_loss=[4.0, ends[1]]).plot()
        figure.savefig(io.BytesIO())
        texts = sorted(figure.axes[0].texts, key=lambda text: text.xy[1])
        lower, upper = (text.get_window_extent() for text in texts)
        assert lower.y1 <= upper.y0 + 1


def test_a_name_stands_where_its_line_ends_in_its_colour():
    figure = trained().plot()
    figure.savefig(io.BytesIO())
    for ax in figure.axes:
        for line, text in zip(ax.lines, ax.texts, strict=False):  # the best epoch has none
            assert line.get_color() == text.get_color()
            box, end = text.get_window_extent(), ax.transData.transform(text.xy)
            assert 0 < box.x0 - end[0] < 20
            assert abs((box.y0 + box.y1) / 2 - end[1]) < 2
        *curves, best = ax.lines
        assert best.get_linestyle() == ":"
        assert best.get_color()[1:3] == best.get_color()[3:5] == best.get_color()[5:7]  # grey
        assert best.get_color() not in [line.get_color() for line in curves]


def test_axes_one_below_another_share_their_epochs():
    """Each as high as in a figure that has it alone, with nearly no room at the sides."""
    alone, figure = nn.History(loss=[3.0, 1.0]).plot(), trained().plot()
    assert [f.get_size_inches().tolist() for f in (alone, figure)] == [[6.4, 3.4], [6.4, 5.8]]
    figure.savefig(io.BytesIO())
    first, last = figure.axes
    assert first.get_shared_x_axes().joined(first, last)
    assert last.get_xlim() == pytest.approx((0.96, 3.04))
    assert all(float(tick).is_integer() for tick in last.get_xticks())
    box = figure.get_tightbbox()  # what is written at the sides is in the figure
    assert 0 <= box.x0 < box.x1 <= 6.4
    assert first.get_position().y0 > last.get_position().y1


def test_whole_numbers_are_drawn_and_written_as_others():
    history = nn.History(loss=[1.0, 2.0], seen=[100, 123456], more=[7])
    assert [ax.get_ylabel() for ax in history.plot().axes] == ["loss", "seen", "more"]
    assert [line.split() for line in repr(history).splitlines()[1:]] == [
        ["epoch", "first", "1", "last", "2"],
        ["loss", "1", "2"],
        ["seen", "100", "1.235e+05"],
        ["more", "7"],
    ]
    assert "(1, 2)" in repr(nn.History(shape=[(1, 2)]))


def test_what_other_libraries_have_is_explained():
    told = r"has no attribute 'history'; its lists are "
    with pytest.raises(AttributeError, match=told + "none yet"):
        nn.History().history  # noqa: B018
    with pytest.raises(AttributeError, match=told + r"history\['loss'\], history\['a'\]"):
        nn.History(loss=[1.0], a=[2.0]).history  # noqa: B018


def test_no_figure_is_left_open():
    before = plt.get_fignums()
    trained().plot()
    assert plt.get_fignums() == before


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
