"""A formula as atoms: each letter or sign with its accent, its subscript and its superscript.

Enough of TeX to tell which symbols an equation uses (see `symbols.py`), not to draw it: what only
spaces, aligns or colours is dropped, and every argument of a command is read as part of the line.
"""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\\(?:operatorname\*?|text|mathit|mathsf) *\{[^{}]*\}"
    r"|\\(?:begin|end) *\{[^{}]*\}(?: *\{[lcr]+\})?"
    r"|\\\\ *\[[^\]]*\]|\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S"
)
_NOTHING = re.compile(
    r"\\(?:[,;:!> ]|(?:q?quad|left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits)$)"
    r"|\\\\|&$|\\(?:begin|end) *\{"
)
_ACCENTS = {
    *(r"\hat", r"\tilde", r"\bar", r"\dot", r"\vec", r"\widehat", r"\widetilde"),
    *(r"\mathcal", r"\mathbf", r"\mathbb", r"\mathrm"),
}
_TRANSPOSED = [r"\mathsf", "T"]


@dataclass(frozen=True)
class Atom:
    """A letter or sign and what hangs on it, each written in one way."""

    core: str  # such as "x", "\\hat x", "\\sum"
    sub: str = ""  # such as "t-1"
    sup: str = ""  # such as "*"; a transposition does not count
    called: bool = False  # a bracket follows, as after a function's name
    below: tuple = ()  # the atoms of its subscript
    above: tuple = ()  # the atoms of its superscript


def atoms(tex):
    """Return the atoms of a formula, in order.

    Parameters
    ----------
    tex : str

    Returns
    -------
    list of Atom
    """
    return _read([token for token in _TOKEN.findall(tex) if not _NOTHING.match(token)])


def _read(tokens):
    found, place = [], 0
    while place < len(tokens):
        core, place = _core(tokens, place)
        scripts = {"_": [], "^": []}
        while place < len(tokens) and tokens[place] in ("_", "^", "'"):
            more, end = (["'"], place + 1) if tokens[place] == "'" else _group(tokens, place + 1)
            kind = "_" if tokens[place] == "_" else "^"
            scripts[kind] += [] if more == _TRANSPOSED else more
            place = end
        sub, sup = scripts["_"], scripts["^"]
        called = place < len(tokens) and tokens[place] == "("
        parts = tuple(_read(sub)), tuple(_read(sup)) if sup[:1] != ["'"] else ()
        found.append(Atom(core, "".join(sub), "".join(sup), called, *parts))
    return found


def _core(tokens, place):
    """Return what stands at a place, with its accent, and the place behind it."""
    token = tokens[place]
    if token in _ACCENTS and place + 1 < len(tokens):
        inner, end = _group(tokens, place + 1)
        return f"{token} {''.join(inner)}", end
    return token, place + 1


def _group(tokens, place):
    """Return the tokens of an argument without its braces, and the place behind it."""
    if place >= len(tokens):
        return [], place
    if tokens[place] in _ACCENTS | {r"\mathsf"}:
        inner, end = _group(tokens, place + 1)
        return [tokens[place], *inner], end
    if tokens[place] != "{":
        return [tokens[place]], place + 1
    depth, end = 1, place + 1
    while end < len(tokens) and depth:
        depth += {"{": 1, "}": -1}.get(tokens[end], 0)
        end += 1
    return tokens[place + 1 : end - 1], end
