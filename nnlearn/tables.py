"""A small table, as text for the terminal and as HTML for a notebook."""

import html
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows.

    Parameters
    ----------
    caption : str
    head : sequence of str
        The names of the columns.
    rows : sequence of sequence of str
        A name that begins with spaces is indented.
    foot : sequence of str
        Lines below the table.
    left : int
        How many columns, from the left, hold text; the others hold numbers, aligned right.

    Examples
    --------
    >>> print(Table("Two fruits", ("name", "price"), [("apple", "1"), ("fig", "12")]))
    Two fruits
    name   price
    apple      1
    fig       12
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    foot: Sequence[str] = ()
    left: int = 1

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if i < self.left else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in ((self.head, *self.rows) if self.rows else ())
        ]
        return "\n".join((self.caption, *lines, *self.foot))

    def html(self) -> str:
        """Return the table as HTML, without colours: those of the page hold."""
        head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in self.head)
        body = "".join(
            f'<tr><th scope="row">{_indented(name)}</th>'
            + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
            + "</tr>"
            for name, *cells in self.rows
        )
        foot = "".join(
            f'<tr><td colspan="{len(self.head)}">{html.escape(line)}</td></tr>'
            for line in self.foot
        )
        return (
            f"<table><caption>{html.escape(self.caption)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
            + (f"<tfoot>{foot}</tfoot>" if foot else "")
            + "</table>"
        )


def shortened(rows: Sequence[Sequence[str]], most: int) -> list[Sequence[str]]:
    """Leave out the middle of long tables: the first rows, how many are left out, the last."""
    if len(rows) <= most:
        return list(rows)
    kept = most - 1
    first, last = kept - kept // 3, kept // 3
    gap = (f"… {len(rows) - kept} more", *("" for _ in rows[0][1:]))
    return [*rows[:first], gap, *rows[len(rows) - last :]]


def _indented(name: str) -> str:
    rest = name.lstrip(" ")
    return "&nbsp;" * (len(name) - len(rest)) + html.escape(rest)
