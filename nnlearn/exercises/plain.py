"""Mathematics as plain text: TeX for a terminal, and letters that an encoding does not have."""

import codecs
import re
import unicodedata

#: The name under which `codecs` knows the replacement: a stream's `errors`.
ERRORS = "nnlearn-plain"

#: What neither the letter's name nor its decomposition says well.
_WORDS = {
    "−": "-", "–": "-", "—": "-", "→": "->", "←": "<-", "↦": "->", "⇒": "=>", "≤": "<=", "≥": ">=",
    "≠": "!=", "≈": "~", "×": "x", "·": "*", "⊙": "*", "∗": "*", "⟨": "<", "⟩": ">", "∂": "d",
    "∇": "grad ", "Σ": "sum ", "∑": "sum ", "∏": "prod ", "√": "sqrt ", "∞": "inf", "∈": " in ",
    "‖": "||", "ᵀ": "^T", "ᵗ": "^t", "′": "'", "‘": "'", "’": "'", "“": '"', "”": '"', "☆": "*",
    "±": "+-", "²": "^2", "³": "^3", "½": "1/2", "λ": "lambda", "Λ": "Lambda",
}  # fmt: skip
_GREEK = ("GREEK SMALL LETTER ", "GREEK CAPITAL LETTER ")


def spelled(letter: str) -> str:
    """Return one letter in ASCII: σ is "sigma", − is "-", ₁ is "1"; "?" where nothing is near."""
    if letter in _WORDS:
        return _WORDS[letter]
    name = unicodedata.name(letter, "")
    for beginning in _GREEK:
        if name.startswith(beginning) and name.removeprefix(beginning).isalpha():
            word = name.removeprefix(beginning).lower()
            return word.capitalize() if "CAPITAL" in beginning else word
    if unicodedata.combining(letter):  # an accent on the letter before
        return ""
    decomposed = unicodedata.normalize("NFKD", letter)
    return decomposed.encode("ascii", "ignore").decode() or "?"


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(spelled, error.object[error.start : error.end])), error.end


codecs.register_error(ERRORS, _replace)


#: What TeX's commands are, if they are neither a Greek letter nor, as `\log` is, their own name.
_COMMANDS = {
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "approx": "≈", "to": "→", "in": "∈",
    "cdot": "·", "times": "×", "odot": "⊙", "pm": "±", "dots": "…", "ldots": "…", "cdots": "…",
    "partial": "∂", "nabla": "∇", "sum": "∑", "prod": "∏", "sqrt": "√", "infty": "∞",
    "lambda": "λ", "Lambda": "Λ", "hat": "\u0302", "tilde": "\u0303", "bar": "\u0304",
}  # fmt: skip
_SILENT = ("mathrm", "mathsf", "mathbf", "operatorname", "text", "left", "right")


def from_tex(text: str) -> str:
    """Return Markdown whose short formulas, `$…$`, are plain text: `$e^{-z}$` is e^(-z)."""
    return re.sub(r"\$([^$]+)\$", lambda found: _formula(found[1]), text)


def _formula(tex: str) -> str:
    tex = re.sub(r"\^\{?\\(mathsf *\{?T\}?|top)\}?", "ᵀ", tex)
    tex = re.sub(r"\\[dt]?frac *(\{[^{}]*\}|\w) *(\{[^{}]*\}|\w)", r"{\1/\2}", tex)
    tex = re.sub(r"\\[,;: ]", " ", tex)
    tex = re.sub(r"\\([A-Za-z]+)( *)", _command, tex)
    while (simpler := re.sub(r"\{([^{}]*)\}", _group, tex)) != tex:
        tex = simpler
    return re.sub(r"([\u0302-\u0304]) *([^\W_])", r"\2\1", tex)  # an accent follows its letter


def _command(found: re.Match[str]) -> str:
    name, space = found.groups()
    if name in _SILENT:
        return ""
    size = "SMALL" if name.islower() else "CAPITAL"
    try:
        letter = unicodedata.lookup(f"GREEK {size} LETTER {name.removeprefix('var')}")
    except KeyError:
        letter = name
    return _COMMANDS.get(name, letter) + space


def _group(found: re.Match[str]) -> str:
    """Return what stands in braces, in round brackets where it is more than a word."""
    inside = found[1]
    return inside if re.fullmatch(r"\w*", inside) else f"({inside})"
