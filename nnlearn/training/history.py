"""What training recorded: a dict of lists that prints as a short table and draws itself."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nnlearn.tables import Table

# Okabe and Ito's colours, darkened: told apart by everybody, on a light page and on a dark one.
_COLORS = ("#0072b2", "#c1440e", "#00795c", "#8a5a00", "#b0488a", "#6b6b6b")


class History(dict[str, list[Any]]):
    """What training recorded: lists by name, with one number an epoch.

    ``history["loss"]`` is the mean training loss, while the parameters moved; with validation
    data there is ``"validation_loss"``, and a list for each metric, taken after the epoch.
    `fit_gan` records every so many steps instead, which are the list ``"step"``.

    Attributes
    ----------
    best_epoch : int or None
        Index of the epoch with the lowest validation loss; the first epoch has index 0.

    Examples
    --------
    >>> import nnlearn as nn
    >>> history = nn.History()
    >>> for loss in (3.0, 1.0, 2.0):
    ...     history.add({"loss": loss, "validation_loss": loss + 1})
    >>> history
    History of 3 epochs
    epoch            first 1  best 2  last 3
    loss                   3       1       2
    validation_loss        4       2       3
    """

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.best_epoch: int | None = None

    @classmethod
    def of(cls, lists: Mapping[str, Sequence[float]]) -> "History":
        """Make one of its lists, as a checkpoint holds them; refuse what is no number."""
        made = cls()
        for name, values in lists.items():
            for value in values:
                if not isinstance(value, int | float):
                    raise ValueError(f"history has {value!r} in {name}, expected numbers")
                made.add({name: value})
        return made

    def add(self, record: Mapping[str, Any]) -> None:
        """Append one epoch's numbers."""
        for name, value in record.items():
            self.setdefault(name, []).append(value)
        losses = self.get("validation_loss")
        if not losses or math.isnan(losses[-1]):
            return
        if self.best_epoch is None or losses[-1] < losses[self.best_epoch]:
            self.best_epoch = len(losses) - 1

    @property
    def epochs(self) -> int:
        """How many entries there are: of `fit` the epochs, of `fit_gan` the means over steps."""
        return max(map(len, self.values()), default=0)

    def __getattr__(self, name: str) -> Any:
        """Explain: a History is a dict, and Keras' ``history.history`` is it itself."""
        names = ", ".join(f"history[{known!r}]" for known in self) or "none yet"
        raise AttributeError(f"History has no attribute {name!r}; its lists are {names}")

    def table(self) -> Table:
        """Return the first, the best and the last entry as a table."""
        unit, positions = self._axis()
        count = self.epochs
        one, several = ("epoch", "epochs") if unit == "epoch" else ("entry", "entries")
        caption = f"History of {count} {one if count == 1 else several}"
        shown = {"first": 0, "best": self.best_epoch, "last": count - 1}
        columns = {k: i for k, i in shown.items() if i is not None and count}
        head = (unit, *(f"{k} {positions[i]}" for k, i in columns.items()))
        rows = [
            (name, *(_text(values[i]) if i < len(values) else "" for i in columns.values()))
            for name, values in self.items()
            if name != "step"
        ]
        return Table(caption, head, rows)

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table().html()

    def plot(self) -> Any:
        """Draw the losses on one axis, and each metric on one of its own.

        Returns
        -------
        matplotlib Figure
            It belongs to the caller: a notebook shows it, ``figure.savefig(path)`` keeps it.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If nothing is recorded.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                "History.plot: matplotlib draws it; pip install matplotlib"
            ) from error
        panels = self._panels()
        if not panels:
            raise ValueError("History.plot: nothing is recorded yet")
        unit, positions = self._axis()
        # made by pyplot, which lets a notebook show it, and closed, so that it shows it only once
        figure = plt.figure(figsize=(6.4, 1.0 + 2.4 * len(panels)), layout="constrained")
        plt.close(figure)
        axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
        for ax, (title, names) in zip(axes, panels.items(), strict=True):
            for name, color in zip(names, _COLORS, strict=False):
                _draw(ax, positions, self[name], name.replace("_", " "), color)
            _keep_apart(ax)
            ax.set_ylabel(title)
            ax.spines[["top", "right"]].set_visible(False)
            ax.margins(x=0.02)
            if self.best_epoch is not None:
                ax.axvline(positions[self.best_epoch], color=_COLORS[-1], linestyle=":")
        if self.best_epoch is not None:
            axes[0].set_title(
                f"lowest validation loss: {unit} {positions[self.best_epoch]}", loc="left"
            )
        axes[-1].set_xlabel(unit)
        axes[-1].xaxis.get_major_locator().set_params(integer=True)
        return figure

    def _axis(self) -> tuple[str, Sequence[int]]:
        """Return what is counted, and the number of each entry."""
        if "step" in self:
            return "step", self["step"]
        return "epoch", range(1, self.epochs + 1)

    def _panels(self) -> dict[str, list[str]]:
        """Return by title the lists of numbers that share an axis."""
        panels: dict[str, list[str]] = {}
        for name, values in self.items():
            if name != "step" and all(isinstance(v, int | float) for v in values):
                title = "loss" if name in ("loss", "validation_loss") else name
                panels.setdefault(title.replace("_", " "), []).append(name)
        return panels


def _draw(
    ax: Any, positions: Sequence[int], values: Sequence[float], name: str, color: str
) -> None:
    """Draw a line, and write its name where it ends."""
    at = positions[-len(values) :]
    ax.plot(at, values, color=color, marker="o" if len(values) == 1 else None)
    finite = [i for i, value in enumerate(values) if math.isfinite(value)]
    if finite:
        end = (at[finite[-1]], values[finite[-1]])
        ax.annotate(name, end, (6, 0), textcoords="offset points", color=color, va="center")


def _keep_apart(ax: Any) -> None:
    """Move the names of two lines up and down, where they would lie on each other."""
    low, high = ax.get_ylim()
    names = sorted(ax.texts, key=lambda text: text.xy[1])
    if len(names) == 2 and names[1].xy[1] - names[0].xy[1] < 0.1 * (high - low):
        names[0].xyann, names[1].xyann = (6, -7), (6, 7)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)
