"""A formula in one line of plain letters, as one would write it in a message: θ_t, W_hh, √(a + b).

For searching, and for what cannot draw mathematics. It is meant to be recognised, not to be exact.
"""

import re
import unicodedata

#: What a command of TeX looks like in plain letters; other commands keep their name.
SIGNS = {
    **{"odot": "⊙", "cdot": "·", "times": "×", "ast": "∗", "star": "⋆", "pm": "±", "mp": "∓"},
    **{"le": "≤", "ge": "≥", "ne": "≠", "approx": "≈", "sim": "∼", "propto": "∝", "in": "∈"},
    **{"leftarrow": "←", "to": "→", "rightarrow": "→", "uparrow": "↑", "Longrightarrow": "⟹"},
    **{
        "sum": "∑",
        "prod": "∏",
        "int": "∫",
        "partial": "∂",
        "nabla": "∇",
        "infty": "∞",
        "circ": "∘",
    },
    **{"mid": "|", "lvert": "|", "rvert": "|", "lVert": "‖", "rVert": "‖", "sqrt": "√"},
    **{"langle": "⟨", "rangle": "⟩", "dots": "…", "cdots": "⋯", "ldots": "…", "ell": "ℓ"},
    **{"varepsilon": "ε", "epsilon": "ε", "varphi": "φ", "quad": " ", "qquad": " "},
    **{"lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "{": "{", "}": "}", "|": "‖"},
}
ACCENTS = {"hat": "\u0302", "tilde": "\u0303", "bar": "\u0304", "widetilde": "\u0303"}
#: Commands that say how something is set, and not what it is.
LOOKS = re.compile(
    r"\\(?:(?:mathrm|mathbf|mathbb|mathcal|mathsf|mathbin|mathop|operatorname|text|texttt|textstyle"
    r"|displaystyle|left|right|[bB]igg?[lrm]?|limits|substack|boldsymbol|underbrace)(?![a-zA-Z])\*?"
    r"|(?:begin|end|hspace)\{[^}]*\}|[,;:!> ]|\\)"
)
_FRACTION = re.compile(r"\\[dt]?frac" + 2 * r"\s*(?:\{([^{}]*)\}|(\d|\\[a-zA-Z]+|[a-zA-Z]))")
_ACCENT = re.compile(rf"\\({'|'.join(ACCENTS)})\s*(?:\{{(\\?\w+)\}}|(\\?[a-zA-Z]+))")
_ROOT = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
_INDEX = re.compile(r"([_^])\s*\{([^{}]*)\}")
_COMMAND = re.compile(r"\\([a-zA-Z]+|[{}|%#&$])")


def plain_tex(tex):
    """Return a formula in plain letters.

    Parameters
    ----------
    tex : str
        TeX, as it stands between dollar signs.
    """
    text = LOOKS.sub(" ", tex.replace("&", " ").replace("~", " "))
    text = _ACCENT.sub(lambda m: f"{_letter(m[2] or m[3])}{ACCENTS[m[1]]}", text)
    before = None
    while before != text:  # from the inside out
        before = text
        text = _INDEX.sub(lambda m: f"{m[1]}{_index(m[2])} ", text)
        text = _ROOT.sub(lambda m: f"√{_bracketed(m[1])} ", text)
        text = _FRACTION.sub(lambda m: _quotient(m[1] or m[2] or "", m[3] or m[4] or ""), text)
        text = re.sub(r"(?<!\\)\{([^{}\\]*)\}", r"\1", text)
    text = _commands(text).replace("^T", "ᵀ")
    text = re.sub(r"[{}]", "", text)
    text = re.sub(r"\s+", " ", re.sub(r"\s+([,.;:)\]'′])", r"\1", text))
    return unicodedata.normalize("NFC", re.sub(r"([(\[⟨√])\s+", r"\1", text).strip())


def _index(text):
    text = re.sub(r"\s+", "", _commands(text))
    return f"({text})" if re.search(r"\w[-+=]|^-", text) else text


def _letter(name):
    return _commands(name).strip()


def _commands(text):
    return _COMMAND.sub(lambda m: _sign(m[1]), text)


def _sign(name):
    """Return what stands for a command: a sign, a Greek letter, or its name."""
    if name in SIGNS:
        return SIGNS[name]
    case = "CAPITAL" if name[0].isupper() else "SMALL"
    greek = "LAMDA" if name.lower() == "lambda" else name.upper()
    try:
        return unicodedata.lookup(f"GREEK {case} LETTER {greek}")
    except KeyError:
        return name


def _bracketed(text):
    text = text.strip()
    return text if re.fullmatch(r"\\?[\w\u0300-\u036f]+", text) else f"({text})"


def _quotient(above, below):
    return f"{_bracketed(above)}/{_bracketed(below)} "


def greek_name(letter):
    """Return how a Greek letter is called, such as ``"eta"``; an empty text for other letters."""
    words = unicodedata.name(letter, "").split()
    if words[:1] != ["GREEK"] or len(words) < 4:
        return ""
    return "lambda" if words[3] == "LAMDA" else words[3].lower()
