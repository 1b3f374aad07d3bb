"""The notation table of `book/notation.md` as data, and where in a chapter each row begins."""

import functools
import re
from dataclasses import dataclass

import equations
from atoms import Atom, atoms

_HEADING = re.compile(r"^## Chapter (\d+)")
_CELL = re.compile(r"(?<!\\) \| ")
_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)
_INDEX = re.compile(r"(?:[A-Za-z]|\d|\\ell|\\ldots|[-+,'<*()])*")  # a subscript that counts
_POWER = re.compile(r"[-+/\w()]*|'+")  # what may stand above a letter and leave its meaning


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    chapter: int
    number: int  # from 0, over the whole table
    symbols: tuple  # each a tuple of atoms
    meaning: str


@functools.cache
def table(path=equations.ROOT / "book" / "notation.md"):
    """Return the rows of the notation table, in order."""
    rows, chapter = [], 0
    for line in path.read_text(encoding="utf-8").splitlines():
        if heading := _HEADING.match(line):
            chapter = int(heading[1])
        elif chapter and line.startswith("| $"):
            cell, meaning = _CELL.split(line[2:])[:2]
            rows.append(Row(chapter, len(rows), tuple(symbols_of(cell)), meaning))
    return rows


def symbols_of(cell):
    """Yield the symbols of a cell: ``$x_i$, $x$`` has two, ``$(i, j)$`` too, ``$d(x)$`` one."""
    for formula in re.findall(r"\$(.+?)\$", cell):
        found = atoms(formula)
        if found[0].core == "(":
            found = [atom for atom in found if atom.core not in ("(", ")")]
        symbol, depth = [], 0
        for atom in [*found, Atom(",")]:
            depth += {"(": 1, ")": -1}.get(atom.core, 0)
            if depth == 0 and atom.core in (",", ";"):
                cores = [part.core for part in symbol]
                yield tuple(symbol[: cores.index("=")] if "=" in cores else symbol)
                symbol = []
            elif depth == 0 and atom.core != ")":
                symbol.append(atom)


@functools.cache
def formulas(page):
    """Return all formulas of a chapter, as TeX, in the order of the text."""
    path = equations.ROOT / "book" / f"{page}.ipynb"
    found = [match for text in equations.texts(path) for match in _FORMULA.findall(text)]
    return [(displayed or inline).strip() for displayed, inline in found]


@functools.cache
def since(page):
    """Return the place, among a chapter's formulas, where each of its rows begins to count.

    That is where the row's first symbol first stands as the table has it; a symbol that never does
    counts from the beginning.
    """
    places = {}  # of each core, the sequences of atoms that hold it
    for place, tex in enumerate(formulas(page)):
        for sequence in _sequences(atoms(tex)):
            for core in {atom.core for atom in sequence}:
                places.setdefault(core, []).append((place, sequence))
    return {
        row: next(
            (p for p, s in places.get(row.symbols[0][0].core, ()) if _holds(s, row.symbols[0])), 0
        )
        for row in table()
        if row.chapter == chapter_of(page)
    }


def _sequences(sequence):
    yield sequence
    for atom in sequence:
        for part in (atom.below, atom.above):
            if part:
                yield from _sequences(part)


def _holds(sequence, symbol):
    size = len(symbol)
    return any(fit(symbol, sequence[n : n + size]) == 3 for n in range(len(sequence) - size + 1))


def chapter_of(page):
    """Return the number of a chapter such as "05-cnn"."""
    return int(page.partition("-")[0])


def fit(symbol, sequence):
    """Return how well atoms are a symbol: 3 exactly, less with another index, 0 not at all."""
    if len(symbol) != len(sequence):
        return 0
    return min(map(_fit_atom, symbol, sequence))


def _fit_atom(known, atom):
    if known.core != atom.core or known.called > atom.called:
        return 0
    if known.core == "e" and atom.sup:  # the exponential
        return 0
    if known.sup != atom.sup and (known.sup or not _POWER.fullmatch(atom.sup)):
        return 0
    if known.sub == atom.sub:
        return 3 if known.sup == atom.sup or atom.sup == "2" else 2.9
    if not known.sub:
        return 1
    if not atom.sub or not (_INDEX.fullmatch(known.sub) and _INDEX.fullmatch(atom.sub)):
        return 0
    letters = [len(re.findall(r"[A-Za-z]", text)) for text in (known.sub, atom.sub)]
    return 2.5 if letters[0] == letters[1] > 1 else 2
