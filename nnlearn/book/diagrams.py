"""Pictures of structure: boxes for values and operations, arrows for what flows between them.

Forward arrows are dark; backward arrows carry gradients, and are dashed and vermilion, so that the
two can be told apart without colour. Needs matplotlib: ``from nnlearn.book import diagrams``.
"""

import math
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from nnlearn.book.figures import COLORS

#: The height of a box in a diagram's units; a box with a name of one letter is a square.
_HEIGHT = 0.5
_INK = "#222222"


class Diagram:
    """A drawing of named boxes, and of arrows between them.

    One unit of the drawing is one inch, so letters have the same size in every diagram.

    Parameters
    ----------
    width, height : float
        Inches; the drawing's lower left corner is (0, 0).
    figure : Figure, optional
        An empty figure to draw on (for a frame of an animation); a new one if omitted.

    Examples
    --------
    >>> picture = Diagram(3, 1)
    >>> picture.box("x", (0.5, 0.5), color="input")
    >>> picture.circle("tanh", (2, 0.5))
    >>> picture.arrow("x", "tanh", "$W$")
    >>> picture.arrow("tanh", "x", "$dx$", backward=True, bend=-0.3)
    """

    def __init__(self, width: float, height: float, figure: Figure | None = None) -> None:
        self.figure = figure or plt.figure(figsize=(width, height), layout="none")
        self.ax: Any = self.figure.add_axes((0, 0, 1, 1))
        self.ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
        self.ax.axis("off")
        self._patches: dict[str, Any] = {}
        self._places: dict[str, tuple[float, float]] = {}

    def box(
        self,
        name: str,
        at: tuple[float, float],
        text: str | None = None,
        *,
        color: str = "neutral",
        width: float = _HEIGHT,
        height: float = _HEIGHT,
        fill: bool = False,
        size: float = 12,
    ) -> None:
        """Draw a box with rounded corners: a value, a layer, a network.

        Parameters
        ----------
        name : str
            What `arrow` calls it; also its text, unless `text` is given.
        at : pair of float
            Its centre.
        text : str, optional
            What stands in it; mathematics between dollar signs.
        color : str
            A role of `figures.COLORS`.
        width, height : float
            Inches.
        fill : bool
            Whether the box is filled with its colour, with white letters.
        size : float
            Of the letters, in points.
        """
        corner = (at[0] - width / 2, at[1] - height / 2)
        self._add(name, at, FancyBboxPatch(
            corner, width, height, boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=COLORS[color] if fill else "white", edgecolor=COLORS[color],
            linewidth=1.8, zorder=3,
        ), text, "white" if fill else _INK, size)  # fmt: skip

    def circle(
        self,
        name: str,
        at: tuple[float, float],
        text: str | None = None,
        *,
        color: str = "neutral",
        radius: float = 0.2,
        size: float = 12,
    ) -> None:
        """Draw a circle: an operation on numbers, such as × and +. Parameters as of `box`."""
        self._add(
            name,
            at,
            Circle(at, radius, facecolor="white", edgecolor=COLORS[color], linewidth=1.8, zorder=3),
            text,
            _INK,
            size,
        )

    def place(self, name: str, at: tuple[float, float], radius: float = 0.03) -> None:
        """Name a place without a mark, where an arrow may start, end, or turn."""
        self._add(name, at, Circle(at, radius, alpha=0), "", _INK, 1)

    def text(self, at: tuple[float, float], text: str, **settings: Any) -> None:
        """Write text; `settings` as for ``ax.text``, and ``color`` may be a role."""
        settings = {"ha": "center", "va": "center", "fontsize": 11, "zorder": 5, **settings}
        color = settings.pop("color", _INK)
        self.ax.text(*at, text, color=COLORS.get(color, color), **settings)

    def arrow(
        self,
        start: str,
        end: str,
        label: str = "",
        *,
        backward: bool = False,
        bend: float = 0.0,
        color: str | None = None,
        at: float = 0.5,
        offset: tuple[float, float] | None = None,
        size: float = 11,
    ) -> None:
        """Draw an arrow from one named thing to another, and write its label beside it.

        Parameters
        ----------
        start, end : str
            Names.
        label : str
            Beside the arrow.
        backward : bool
            A gradient's arrow: dashed, in the colour of gradients.
        bend : float
            How far the arrow bows out to its right, as a share of its length.
        color : str, optional
            A role of `figures.COLORS`.
        at : float
            How far along the arrow the label stands, from 0 to 1.
        offset : pair of float, optional
            From there to the label's middle, in inches; by default the label stands beside the
            arrow: on its left, and outside a bent one.
        size : float
            Of the label's letters, in points.
        """
        ink = COLORS[color or "gradient"] if color or backward else _INK
        self.ax.add_patch(FancyArrowPatch(
            self._named(start), self._named(end), patchA=self._patches[start],
            patchB=self._patches[end], connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>",
            mutation_scale=13, linewidth=1.6, linestyle=(0, (4, 2)) if backward else "-",
            color=ink, shrinkA=1, shrinkB=1, zorder=2,
        ))  # fmt: skip
        if label:
            (x, y), side = self._beside(start, end, bend, at)
            if offset is not None:
                middle = self._middle(start, end, bend, at)
                (x, y), side = (middle[0] + offset[0], middle[1] + offset[1]), "center"
            self.text((x, y), label, color=ink, fontsize=size, ha=side)

    def _add(
        self,
        name: str,
        at: tuple[float, float],
        patch: Any,
        text: str | None,
        ink: str,
        size: float,
    ) -> None:
        if name in self._patches:
            raise ValueError(f"the diagram has a {name!r} already; expected a new name")
        self._patches[name], self._places[name] = patch, at
        self.ax.add_patch(patch)
        self.text(at, name if text is None else text, color=ink, fontsize=size)

    def _middle(self, start: str, end: str, bend: float, at: float) -> tuple[float, float]:
        """Return the point of an arrow: matplotlib's `arc3` is a parabola."""
        (x0, y0), (x1, y1) = self._named(start), self._named(end)
        bow = 2 * bend * at * (1 - at)
        return x0 + at * (x1 - x0) + bow * (y1 - y0), y0 + at * (y1 - y0) - bow * (x1 - x0)

    def _beside(
        self, start: str, end: str, bend: float, at: float
    ) -> tuple[tuple[float, float], str]:
        """Return where an arrow's label stands, and how it is aligned: outside a bent arrow."""
        (x0, y0), (x1, y1) = self._named(start), self._named(end)
        x, y = self._middle(start, end, bend, at)
        away = (1 if bend > 0 else -1) / max(math.hypot(x1 - x0, y1 - y0), 1e-9)
        right, up = (y1 - y0) * away, -(x1 - x0) * away
        if abs(right) > abs(up):
            return (x + 0.09 * right, y), "left" if right > 0 else "right"
        return (x, y + 0.17 * up), "center"

    def _named(self, name: str) -> tuple[float, float]:
        if name not in self._places:
            raise KeyError(
                f"the diagram has no {name!r}; it has {', '.join(self._places) or 'none'}"
            )
        return self._places[name]
