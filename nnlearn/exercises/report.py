"""What the command prints: one exercise after the other, as soon as each is judged."""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from nnlearn.exercises import plain
from nnlearn.exercises.notebook import Pristine
from nnlearn.exercises.verdict import Result

WORDS = {"right": "right", "wrong": "not right yet", "unanswered": "not answered yet"}
COLOURS = {"right": "32", "wrong": "31", "unanswered": "33"}


class Report:
    """Prints results in the order of the exercises, with a running line in a terminal."""

    def __init__(
        self, pristine: Pristine, wanted: list[str], cells: Mapping[str, int] | None = None
    ) -> None:
        self.pristine, self.wanted = pristine, wanted
        self.cells = cells or {}  # exercise number → how many cells its answer stands in
        self.results: dict[str, Result] = {}
        self.shown = 0
        self.live = sys.stdout.isatty()
        self.colour = self.live and "NO_COLOR" not in os.environ
        self.width = min(100, shutil.get_terminal_size().columns)

    def __enter__(self) -> Self:
        print(f"Exercises {self.pristine.path.stem}")
        print()
        return self

    def start(self, number: str) -> None:
        """Show, in a terminal, which exercise is running."""
        if self.live:
            done = len(self.results)
            text = f"  running {number} ({done + 1} of {len(self.wanted)}) …"
            print(f"\r\x1b[K{text[: self.width - 1]}", end="", flush=True)

    def result(self, result: Result) -> None:
        """Take a result, and print those whose turn it is."""
        self.results[result.number] = result
        while self.shown < len(self.wanted) and self.wanted[self.shown] in self.results:
            if self.live:
                print("\r\x1b[K", end="")
            self._print(self.results[self.wanted[self.shown]])
            self.shown += 1

    def _print(self, result: Result) -> None:
        exercise = self.pristine.exercises[result.number]
        words = WORDS[result.state]
        if self.colour:
            words = f"\x1b[{COLOURS[result.state]}m{words}\x1b[0m"
        print(f"  {result.number:<5} {exercise.title:<44} {words}", flush=True)
        if result.state == "wrong":
            for line in _without_first(result.message).splitlines():
                print(_filled(line, self.width))
            if (count := self.cells.get(result.number, 1)) > 1:
                text = f"Your answer stands in {count} cells; they were run in their order."
                print(_filled(text, self.width))
            hint = f"Hint: {_plain(exercise.folded('hint'))}"
            print(_filled(hint, self.width))
            print()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self.live:
            print("\r\x1b[K", end="")
        if kind is None:
            right = sum(result.state == "right" for result in self.results.values())
            print()
            print(f"{right} of {len(self.wanted)} right.")

    @property
    def all_right(self) -> bool:
        """Whether every exercise that was asked for is right."""
        return all(
            number in self.results and self.results[number].state == "right"
            for number in self.wanted
        )


def status_line(chapter: str, states: list[str]) -> str:
    """Return one chapter's line of `status`."""
    parts = [f"{states.count('right')} of {len(states)} right"]
    for state, words in (
        ("wrong", "not right yet"),
        ("unanswered", "not answered"),
        ("new", "changed since the last check"),
    ):
        if count := states.count(state):
            parts.append(f"{count} {words}")
    return f"{chapter:<22}{', '.join(parts)}"


def _without_first(message: str) -> str:
    """Leave out the line that the report itself already says."""
    first, _, rest = message.partition("\n")
    return rest if rest and first.startswith("Exercise ") else message


def _plain(text: str) -> str:
    """Return a hint's Markdown as one paragraph for a terminal."""
    text = re.sub(r"\{(?:eq|doc|ref)\}`([^`]*)`", r"\1", text)
    return " ".join(plain.from_tex(text).split())


def _filled(text: str, width: int) -> str:
    """Return a text under its exercise, broken between words only: labels stay whole."""
    indent = " " * 7
    return textwrap.fill(
        text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
