"""How the checks put into words what a learner wrote, called and raised."""

import linecache
import reprlib
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

#: What is said where True and False stand for numbers, and are not the right ones.
TRUTHS = (
    "Yours is True and False, taken for 1 and 0: a comparison such as `z > 0` tells where "
    "something holds, not the value there."
)


def kind(value: Any) -> str:
    """Say what `value` is, as the end of a sentence "… ; it is …"."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}, dtype {value.dtype}"
    if callable(value):
        name = getattr(value, "__name__", "?")
        return f"the function `{name}` itself (is a call, with brackets, missing?)"
    if isinstance(value, str):
        text = f"the text {reprlib.repr(str(value))}"
        return text + (" (a number has no quotation marks)" if _is_number(value) else "")
    return f"of type {type(value).__name__}: {reprlib.repr(value)}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def call(name: str, args: Iterable[Any], kwargs: Mapping[str, Any]) -> str:
    """Write a call so that a learner can type it again, as far as its arguments are small."""
    parts = [_short(value) for value in args] + [f"{k}={_short(v)}" for k, v in kwargs.items()]
    return f"{name}({', '.join(parts)})"


def _short(value: Any) -> str:
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    if isinstance(value, np.ndarray | np.generic):
        if value.size > 6:
            return f"<array {value.shape}>"
        return np.array2string(np.asarray(value), precision=4, separator=", ").replace("\n", "")
    return reprlib.repr(value)


def error(raised: BaseException, function: Callable[..., Any]) -> str:
    """Say what the learner's function raised, with the line of its cell where it happened."""
    text = f"Your answer stopped with {type(raised).__name__}"
    text += f": {raised}" if str(raised) else "."
    own = _own_lines(raised, function)
    if own:
        # The answer is called first, perhaps through `nn.vjp`; other cells only from there.
        cell = own[0][0]
        number = [number for file, number in own if file == cell][-1]
        line = linecache.getline(cell, number).strip()
        text += f"\nIt happened in line {number} of the cell" + (f": {line}" if line else "")
    return text


def _own_lines(raised: BaseException, function: Callable[..., Any]) -> list[tuple[str, int]]:
    """Return file and line of each frame that is the learner's: a notebook is `__main__`."""
    modules = {"__main__", getattr(function, "__module__", None)}
    named = [
        (str(frame.f_globals.get("__name__")), frame.f_code.co_filename, number)
        for frame, number in traceback.walk_tb(raised.__traceback__)
    ]
    return [
        (file, number)
        for name, file, number in named
        if name in modules and name.partition(".")[0] != "nnlearn"
    ]


def sentence(text: str) -> str:
    """End a text with a full stop where it has no end yet."""
    text = text.strip()
    return text if text.endswith((".", "?", "!")) else text + "."
