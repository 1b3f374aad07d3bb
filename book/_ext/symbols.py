"""Which rows of the notation table explain the symbols of an equation.

At each place of an equation the most particular row wins: one for several atoms (``\\nabla L``)
before one for a single atom, the same subscript before another index (``h_t`` explains
``h_{t-1}``), the chapter's own row before one of an earlier chapter.

A wrong meaning is worse than none. So a row counts only from the place on where its chapter first
writes it; a row of an earlier chapter only for the symbols that later chapters keep, `KEPT`;
and the index of a sum is never explained by a row of an earlier chapter, or by one that says how
many things there are.
"""

import functools
from dataclasses import replace

from atoms import atoms
from notation import chapter_of, fit, formulas, since, symbols_of, table
from sphinx.errors import ExtensionError

#: What later chapters use in the meaning of an earlier one: (listed by, up to, symbols).
KEPT = (
    (1, 9, r"x_i, x, w_i, w, b, z, \sigma(z), \sigma', a, y, N, L, x_{ni}, y_n, \eta, P(A)"),
    (
        2,
        9,
        r"\theta, \hat y, p_k, \nabla L, \theta^*, \lambda_{\min}, \lambda_{\max}, \mathcal B, B",
    ),
    (2, 5, r"g"),
    (3, 9, r"J_f, f"),
    (4, 9, r"W, \delta_{ij}, \mathbf 1, \mathrm dz"),
    (6, 7, r"h_t, x_t, W_{hh}, T, D, H"),
)
#: Letters that mean something else in an equation than the rules find, by reading all equations.
ELSEWHERE = {
    "eq-universal-approximation": "v",
    "eq-equivariance": "a b",
    "eq-stride-equivariance": "a b",
    "eq-rnn-sigmoid": "s",
    "eq-lstm-dz": "f",
    "eq-adding-variance": "a",
    "eq-temperature": "z_i",
    "eq-instance-noise": "y",
    "eq-generator-backward": "p",
    "eq-conv-transpose": "m p",
    "eq-transposed-size": "p",
    "eq-conv-transpose-dx": "m p",
    "eq-conv-transpose-dk": "m p",
    "eq-upsample-gradient": "m",
    "eq-fused-bytes": "n",
    "eq-rounding": "a b",
    "eq-pairwise-depth": "n",
    "eq-sharded-gradient": "n",
    "eq-global-moments": "n",
    "eq-message-time": "b",
}
_SUMS = {r"\sum", r"\prod", r"\max", r"\min", r"\bigcup"}


@functools.cache
def kept():
    """Return the symbols that later chapters keep: (row, symbol, last chapter).

    Raises
    ------
    ExtensionError
        If the table does not list one of them in the chapter that `KEPT` says.
    """
    found = []
    for chapter, last, text in KEPT:
        for symbol in symbols_of(f"${text}$"):
            rows = [r for r in table() if r.chapter == chapter and _listed(symbol, r)]
            if len(rows) != 1:
                raise ExtensionError(
                    f"book/notation.md, chapter {chapter}, should have one row for a symbol that "
                    f"later chapters keep; it has {len(rows)} for {symbol}."
                )
            found.append((rows[0], symbol, last))
    return found


def _listed(symbol, row):
    plain = [[replace(atom, called=False) for atom in known] for known in (symbol, *row.symbols)]
    return plain[0] in plain[1:]


def rows_of(label, page, tex):
    """Return the rows that explain an equation's symbols, in the equation's order.

    Parameters
    ----------
    label : str
        Such as "eq-conv2d".
    page : str
        The chapter where it stands, such as "05-cnn".
    tex : str
        The equation itself, as `equations.labels` gives it.

    Returns
    -------
    list of Row
        Each row once.
    """
    other = ELSEWHERE.get(label, "").split()
    found = [row for atom, row in explained(page, tex) if row and written(atom) not in other]
    return list(dict.fromkeys(found))


def written(atom):
    """Return an atom as `ELSEWHERE` names it, such as "z_i"."""
    return f"{atom.core}_{atom.sub}" if atom.sub else atom.core


def explained(page, tex):
    """Yield (atom, its row or None) for each atom, and for those in subscripts and superscripts."""
    place = formulas(page).index(tex.strip())
    began = [(begins, row) for row, begins in since(page).items() if begins <= place]
    own = [(r, s) for _, r in sorted(began, key=lambda b: -b[0]) for s in r.symbols]  # last first
    earlier = [(r, s) for r, s, last in kept() if r.chapter < chapter_of(page) <= last]
    known = {}  # by the first atom's core: (row, symbol, whether it is the chapter's own)
    for pairs, nearest in ((own, True), (earlier, False)):
        for row, symbol in pairs:
            known.setdefault(symbol[0].core, []).append((row, symbol, nearest))
    if r"\int" in tex:  # there dz is no gradient
        known.pop(r"\mathrm d", None)
    sequence = atoms(tex)
    summed = {a.below[0].core for a in _all(sequence) if a.core in _SUMS and a.below}
    yield from _explain(sequence, known, summed)


def _all(sequence):
    for atom in sequence:
        yield atom
        yield from _all(atom.below + atom.above)


def _explain(sequence, known, summed, index=False):
    place = 0
    while place < len(sequence):
        counts = index or sequence[place].core in summed
        row, how, size = _best(sequence[place:], known, counts)
        yield sequence[place], row
        for atom in sequence[place : place + size] if how < 3 else ():  # its index, too
            yield from _explain(atom.below, known, summed, index=True)
            yield from _explain(atom.above, known, summed)
        place += size


def _best(sequence, known, counts):
    """Return (row, how well it fits, how many atoms it explains); row is None if none fits."""
    best, highest = (None, 0, 1), (1, 0, False)
    for row, symbol, nearest in known.get(sequence[0].core, ()):
        if counts and not (nearest and not row.meaning.startswith("how many")):
            continue
        how = fit(symbol, sequence[: len(symbol)])
        if not nearest and how == 2:  # another index: only where both have two letters
            continue
        rank = len(symbol), how, nearest
        if how and rank > highest:
            best, highest = (row, how, len(symbol)), rank
    return best
