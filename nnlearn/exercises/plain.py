"""Letters of mathematics in words, for a terminal or a file whose encoding does not have them."""

import codecs
import unicodedata

#: The name under which `codecs` knows the replacement: a stream's `errors`.
ERRORS = "nnlearn-plain"

#: What neither the letter's name nor its decomposition says well.
_WORDS = {
    "−": "-", "–": "-", "—": "-", "→": "->", "←": "<-", "↦": "->", "⇒": "=>", "≤": "<=", "≥": ">=",
    "≠": "!=", "≈": "~", "×": "x", "·": "*", "⊙": "*", "∗": "*", "⟨": "<", "⟩": ">", "∂": "d",
    "∇": "grad ", "Σ": "sum ", "∑": "sum ", "∏": "prod ", "√": "sqrt ", "∞": "inf", "∈": " in ",
    "‖": "||", "ᵀ": "^T", "ᵗ": "^t", "′": "'", "‘": "'", "’": "'", "“": '"', "”": '"', "☆": "*",
    "±": "+-", "²": "^2", "³": "^3", "½": "1/2",
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
