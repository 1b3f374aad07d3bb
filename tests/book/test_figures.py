"""Figures: colours that can be told apart and read, and animations that end."""

import io
import itertools
import re

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from paths import ROOT
from PIL import Image

from nnlearn.book import figures

ROLES = ("input", "weights", "activation", "gradient", "target", "real", "fake", "neutral")


@pytest.fixture(autouse=True)
def _style_afterwards():
    with mpl.rc_context():
        yield


def luminance(color):
    """Relative luminance, as WCAG 2.1 defines it."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


@pytest.mark.parametrize("role", ROLES)
def test_a_label_in_any_colour_can_be_read_on_white(role):
    """4.5 to 1 is what WCAG asks of text."""
    assert 1.05 / (luminance(figures.COLORS[role]) + 0.05) >= 4.5


def test_every_role_has_a_colour_of_its_own():
    assert set(figures.COLORS) == set(ROLES)
    for a, b in itertools.combinations(figures.COLORS.values(), 2):
        assert np.abs(np.subtract(to_rgb(a), to_rgb(b))).sum() > 0.2


def test_use_style():
    figures.use_style()
    assert mpl.rcParams["savefig.facecolor"] == "white"
    assert mpl.rcParams["font.size"] >= 10
    assert mpl.rcParams["figure.figsize"][0] <= 7.5
    colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    assert set(colors) <= set(figures.COLORS.values())


def test_label_line():
    figure = Figure()
    ax = figure.subplots()
    ax.plot([0, 1], [0, 2])
    figures.label_line(ax, 1, 2, "loss", figures.COLORS["gradient"], fontsize=12)
    (label,) = ax.texts
    assert label.get_text() == "loss"
    assert label.xy == (1, 2)
    assert label.get_color() == figures.COLORS["gradient"]
    assert label.get_va() == "center"
    assert label.get_fontsize() == 12


def draw(fig, height):
    ax = fig.subplots()
    ax.bar([0], [height], color=figures.COLORS["input"])
    ax.set_ylim(0, 5)


def frames_of(shown):
    assert re.match(rb"\x89PNG", shown.data)
    with Image.open(io.BytesIO(shown.data)) as movie:
        count = getattr(movie, "n_frames", 1)
        loops, durations, frames = movie.info.get("loop"), [], []
        for i in range(count):
            movie.seek(i)
            durations.append(movie.info.get("duration"))
            frames.append(np.asarray(movie.convert("RGB")))
    return loops, durations, frames


def test_animate_is_a_moving_picture():
    """All frames are there, each its own; it plays as often as it is told, and rests at the end."""
    shown = figures.animate(draw, [1, 2, 4], figsize=(3, 2), fps=4, loops=2)
    loops, durations, frames = frames_of(shown)
    assert len(frames) == 3
    assert loops == 2
    assert durations[:2] == [250, 250]
    assert durations[2] > 1000
    assert frames[0].shape == (200, 300, 3)
    blue = [(np.abs(f - np.array([0, 114, 178])).sum(axis=2) < 60).sum() for f in frames]
    assert blue[0] < blue[1] < blue[2]


def test_one_frame_is_a_picture():
    _, _, frames = frames_of(figures.animate(draw, [3], figsize=(3, 2)))
    assert len(frames) == 1


def test_no_figure_stays_open():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    figures.animate(draw, [1, 2], figsize=(3, 2))
    assert plt.get_fignums() == before


def test_frames_share_their_colours():
    """The same white in every frame: a palette of each frame's own would flicker."""
    _, _, frames = frames_of(figures.animate(draw, [1, 2, 4], figsize=(3, 2)))
    assert {tuple(f[0, 0]) for f in frames} == {(255, 255, 255)}


def test_a_live_figure_is_a_frame_with_a_name_and_a_caption():
    shown = figures.live("neuron", 'A "neuron" & its line', "Drag the <b>arrow</b>.", height=300)
    assert 'src="_static/figures/neuron.html"' in shown.data
    assert 'title="A &quot;neuron&quot; &amp; its line"' in shown.data
    assert "<figcaption>Drag the <b>arrow</b>.</figcaption>" in shown.data
    assert 'height="300"' in shown.data


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("../x", "a", "b"), "name"),
        (("neuron.html", "a", "b"), "name"),
        (("neuron", " ", "b"), "alt"),
        (("neuron", "a", ""), "caption"),
    ],
)
def test_a_live_figure_refuses_what_would_show_nothing(arguments, named):
    with pytest.raises(ValueError, match=f"^{named}: .* expected, got"):
        figures.live(*arguments)


def test_a_running_notebook_gets_a_live_figure_whole(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "book/01-neuron.ipynb")
    monkeypatch.chdir(ROOT / "book")
    shown = figures.live("activations", "alt", "caption").data
    assert 'srcdoc="' in shown
    assert "_static/figures" not in shown
    with pytest.raises(FileNotFoundError, match=r"^name: there is no figure 'nothing'"):
        figures.live("nothing", "alt", "caption")
