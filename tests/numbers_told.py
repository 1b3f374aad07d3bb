"""The numbers that a chapter tells, and those that it prints: for `tests/book/test_numbers.py`."""

import re
from dataclasses import dataclass

_UNITS = dict(
    zip(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ],
        range(20),
        strict=True,
    )
)
_TENS = dict(
    zip(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"],
        range(20, 100, 10),
        strict=True,
    )
)
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_WORD = "|".join([*_UNITS, *_TENS, *_SCALES])
_DIGITS = r"(?<![\w.,])[-−+±]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-−+]?\d+)?(?![\w]|[.,]\d)"
_IN_WORDS = rf"\b(?:{_WORD})(?:[ -](?:and )?(?:{_WORD}))*\b"
_PERCENT = r"(?:\s*(?:%|per cent|percent|percentage|points?\b))"

#: What is no claim: references, dates, sizes such as 28 × 28 that are read off code.
_NO_CLAIM = re.compile(
    r"`[^`]*`"  # code
    r"|\{[\w:]+\}"  # a role's name
    r"|\]\([^)]*\)"  # a link's target
    r"|https?://\S+"
    r"|^\([\w-]+\)=$"  # a label
    r"|\b(?:[Cc]hapters?|[Ee]xercises?|[Ee]quations?|[Ss]ections?|[Pp]art|[Vv]ersion|[Ff]igures?)"
    r" \d[\d.]*(?:(?:, | and | to |–)\d[\d.]*)*"
    r"|\bBWV \d+"  # a catalogue's number
    r"|\*\*First reading:.*"  # how long the page takes
    r"|^\s*\d+\. "  # a list's number
    r"|(?<![\d,.])(?:1[6-9]|20)\d\d(?![\d,.]\d|\d)",  # a year
    re.MULTILINE,
)
_DISPLAY = re.compile(r"\$\$.*?\$\$", re.DOTALL)
_INLINE = re.compile(r"\$([^$]+)\$")
_SMALL = 12  # a digit or two says how many things there are: that stands in the same sentence


@dataclass(frozen=True)
class Told:
    """A number in a chapter's text: how it is written, its value, and how finely it is told."""

    text: str
    value: float
    step: float  # the place of its last digit
    percent: bool
    cell: str
    around: str

    def is_in(self, values):
        """Whether one of the values, rounded as this number is, is this number."""
        scales = (1, 100) if self.percent else (1,)
        return any(
            abs(abs(v) * scale - self.value) <= self.step / 2 * (1 + 1e-9)
            for v in values
            for scale in scales
        )


def _value(text):
    """Return the size of a number in digits, and the place of its last digit; signs are dropped."""
    text = text.replace("−", "-").replace(",", "").lstrip("+±-")
    mantissa, _, power = text.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return float(text), 10.0 ** (int(power or 0) - decimals)


def _value_in_words(text):
    total = part = 0
    for word in re.split(r"[ -]", text.lower()):
        if word in _SCALES and _SCALES[word] > 100:
            total, part = total + max(part, 1) * _SCALES[word], 0
        elif word == "hundred":
            part = max(part, 1) * 100
        elif word != "and":
            part += _UNITS.get(word, _TENS.get(word, 0))
    return float(total + part)


def _in_words(text):
    """As `_value`, for words; from a thousand on they are round: "fifty thousand" has one digit."""
    value = _value_in_words(text)
    digits = len(f"{value:.0f}".rstrip("0"))
    return value, 10.0 ** (len(f"{value:.0f}") - digits) if value >= 1000 else 1.0


def _plain(text):
    """Return the text without mathematics and references; a number alone in dollars stays."""
    text = _DISPLAY.sub(" ", text)
    number = re.compile(rf"\s*{_DIGITS}\s*(?:\\%)?\s*")
    text = _INLINE.sub(lambda m: m[1] if number.fullmatch(m[1].replace("{,}", ",")) else " ", text)
    return _NO_CLAIM.sub(" ", text.replace("{,}", ",").replace("\\%", "%"))


def told(text, cell=""):
    """Return the numbers that a text tells, beyond counts of a few things."""
    text = _plain(text)
    found = []
    for match in re.finditer(rf"({_DIGITS})|({_IN_WORDS})", text, re.IGNORECASE):
        percent = re.match(_PERCENT, text[match.end() :]) is not None
        times = re.match(r"[- ]?(?:times|fold)\b", text[match.end() :]) is not None
        value, step = _value(match[1]) if match[1] else _in_words(match[2])
        small = value == int(value) and value <= _SMALL and step == 1
        if small and not ((percent or times) and match[1] and value > 1):
            continue
        around = " ".join(text[max(0, match.start() - 40) : match.end() + 30].split())
        found.append(Told(match[0], value, step, percent, cell, around))
    return found


def numbers_in(text):
    """Return the sizes of all numbers in a text."""
    text = text.replace("{,}", ",").replace("\\,", "").replace("_", "")
    pattern = r"(?<![A-Za-z.\d])\d+(?:,\d{3})*(?:\.\d*)?(?:e[-−+]?\d+)?|(?<!\w)\.\d+(?:e[-−+]?\d+)?"
    return [_value(match.rstrip("."))[0] for match in re.findall(pattern, text)]


def texts(cell):
    """Return what a cell tells: its markdown, or its figure's caption and alternative text."""
    if cell["cell_type"] == "markdown":
        return ["".join(cell["source"])]
    figure = cell["metadata"].get("mystnb", {})
    return [
        text
        for text in (figure.get("figure", {}).get("caption"), figure.get("image", {}).get("alt"))
        if text
    ]


def printed(cells):
    """Return the numbers in outputs, equations and worked examples (tag `worked-example`)."""
    values = []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            for output in cell["outputs"]:
                text = output.get("text", output.get("data", {}).get("text/plain", ""))
                values += numbers_in("".join(text))
        else:
            equations = _DISPLAY.findall(source)
            equations += [
                m
                for m in _INLINE.findall(_DISPLAY.sub(" ", source))
                if re.search(r"=|\\approx|<|>|\\le|\\ge", m)
            ]
            values += [value for equation in equations for value in numbers_in(equation)]
            if "worked-example" in cell["metadata"].get("tags", []):
                values += numbers_in(source)
    return values


def settings(cells):
    """Return the numbers that stand in the cells' code: what was asked for, not what came."""
    return [v for c in cells if c["cell_type"] == "code" for v in numbers_in("".join(c["source"]))]


def sections(cells):
    """Return the cells of each section, in order."""
    found = [[]]
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and re.search(r"^##+ ", source, re.MULTILINE):
            found.append([])
        found[-1].append(cell)
    return found


def unfounded(cells):
    """Return the numbers that a chapter tells and neither prints, derives, nor sets beside them."""
    shown = printed(cells)
    missing = []
    for section in sections(cells):
        here = settings(section)
        for cell in section:
            for text in texts(cell):
                missing += [n for n in told(text, cell["id"]) if not n.is_in(shown + here)]
    return missing
