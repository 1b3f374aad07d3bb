"""How the book's figures look: one colour for each role; animations, and figures that answer.

It needs matplotlib, and is therefore not imported with the package, but by
``from nnlearn.book import figures``.
"""

import io
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from nnlearn.arrays.typing import Array
from nnlearn.book.frames import live as live

#: A colour keeps its role through the whole course. Okabe and Ito's palette, darkened for text.
COLORS = {
    "input": "#0072b2",  # blue
    "weights": "#8a5a00",  # brown
    "activation": "#00795c",  # green
    "gradient": "#c1440e",  # vermilion
    "target": "#111111",  # black
    "real": "#3b6fd4",  # lighter blue
    "fake": "#b0488a",  # purple
    "neutral": "#6b6b6b",  # grey: baselines, guides
}


def use_style() -> None:
    """Set matplotlib up for the book: readable on a phone, no frame that says nothing."""
    plt.rcParams.update(
        {
            "figure.figsize": (6.4, 3.6),
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "white",
            "font.size": 11,
            "axes.titlesize": 12,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e4e4e4",
            "grid.linewidth": 0.8,
            "axes.axisbelow": True,
            "lines.linewidth": 2.0,
            "legend.frameon": False,
            "image.cmap": "gray_r",
            "axes.prop_cycle": plt.cycler(  # type: ignore[attr-defined]
                color=[
                    COLORS[role]
                    for role in ("input", "gradient", "activation", "weights", "fake", "neutral")
                ]
            ),
        }
    )


def label_line(ax: Any, x: Array, y: Array, text: Any, color: Any, **settings: Any) -> None:
    """Write a line's name where the line ends, in its colour.

    Parameters
    ----------
    ax : matplotlib Axes
    x, y : float
        The line's end, in data units.
    text, color : str
    **settings
        For ``ax.annotate``.
    """
    settings = {"xytext": (5, 0), "va": "center", **settings}
    ax.annotate(text, (x, y), textcoords="offset points", color=color, **settings)


def animate(draw: Any, frames: Any, figsize: Any = (6.4, 3.6), fps: Any = 5, loops: Any = 2) -> Any:
    """Show an animation as one moving picture (an animated PNG, which every browser plays).

    Parameters
    ----------
    draw : callable
        ``draw(fig, frame)`` draws one frame on an empty figure.
    frames : sequence
        What `draw` gets in turn.
    figsize : pair of float
        Inches.
    fps : float
        Frames a second.
    loops : int
        How often it plays: it stops, and rests on the last frame.

    Returns
    -------
    IPython.display.Image
    """
    from IPython.display import Image
    from PIL import Image as PillowImage

    images = []
    for frame in frames:
        fig = Figure(figsize=figsize, dpi=100, layout="constrained")
        draw(fig, frame)
        page = io.BytesIO()
        fig.savefig(page, format="png", facecolor="white")
        images.append(PillowImage.open(page).convert("RGB"))
    images = _common_palette(images)
    movie = io.BytesIO()
    durations = [1000 / fps] * (len(images) - 1) + [2500]
    images[0].save(
        movie,
        format="PNG",
        save_all=True,
        append_images=images[1:],
        duration=durations,
        loop=loops,
    )
    return Image(data=movie.getvalue(), format="png")  # type: ignore[no-untyped-call]


def _common_palette(images: Any) -> Any:
    """Reduce frames to the same 128 colours: a sixth of the bytes, and no frame's colours drift."""
    from PIL import Image as PillowImage

    width, height = images[0].size
    sample = PillowImage.new("RGB", (width, 3 * height))  # the first, the middle, the last
    for k, i in enumerate((0, len(images) // 2, -1)):
        sample.paste(images[i], (0, k * height))
    plain = PillowImage.Dither.NONE
    palette = sample.quantize(128, dither=plain)
    # Nearly white becomes white: the picture's paper must be that of the page.
    colours = palette.getpalette() or []
    for i in range(0, len(colours), 3):
        if min(colours[i : i + 3]) >= 248:
            colours[i : i + 3] = [255, 255, 255]
    palette.putpalette(colours)
    return [image.quantize(palette=palette, dither=plain) for image in images]
