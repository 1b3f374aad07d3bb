"""Diagrams: what is drawn is what was asked for, and a wrong name is said at once."""

import matplotlib.pyplot as plt
import pytest

from nnlearn.book.diagrams import Diagram


@pytest.fixture
def diagram():
    picture = Diagram(4, 2)
    picture.box("x", (0.5, 1), "$x_1$", color="input")
    picture.circle("+", (2, 1))
    yield picture
    plt.close(picture.figure)


def extent(diagram, artist):
    diagram.figure.canvas.draw()
    return artist.get_window_extent()


def test_a_box_has_its_size_and_its_text(diagram):
    box = diagram.ax.patches[0]
    assert extent(diagram, box).width == pytest.approx(0.5 * diagram.figure.dpi, rel=0.1)
    assert [text.get_text() for text in diagram.ax.texts] == ["$x_1$", "+"]


@pytest.mark.parametrize("bend", [0, 0.4, -0.4])
@pytest.mark.parametrize(("start", "end"), [("x", "+"), ("+", "x"), ("x", "above"), ("above", "x")])
def test_a_label_touches_neither_its_arrow_nor_a_box(diagram, start, end, bend):
    diagram.box("above", (0.5, 1.9), color="activation")
    diagram.arrow(start, end, "$W_{xh}$", bend=bend)
    diagram.figure.canvas.draw()
    label, arrow = diagram.ax.texts[-1].get_window_extent(), diagram.ax.patches[-1]
    line = arrow.get_transform().transform_path(arrow.get_path())
    for points in line.to_polygons(closed_only=False):
        assert not label.count_contains(points)
    assert not any(label.overlaps(box.get_window_extent()) for box in diagram.ax.patches[:-1])


def test_backward_arrows_can_be_told_without_colour(diagram):
    diagram.arrow("x", "+")
    diagram.arrow("+", "x", backward=True, bend=0.3)
    forward, backward = diagram.ax.patches[-2:]
    assert forward.get_linestyle() == "-"
    assert backward.get_linestyle() != "-"


def test_wrong_names_are_said(diagram):
    with pytest.raises(KeyError, match="no 'y'; it has x, \\+"):
        diagram.arrow("x", "y")
    with pytest.raises(ValueError, match="'x' already"):
        diagram.box("x", (1, 1))
