"""What a reader is told about one exercise."""

import ast
import re
import warnings
from dataclasses import dataclass

from nnlearn.exercises.notebook import Pristine, source


@dataclass(frozen=True)
class Result:
    """What came of one exercise: "right", "wrong" or "unanswered", and why."""

    number: str
    state: str
    message: str = ""


def before_running(pristine: Pristine, number: str, text: str) -> Result | None:
    """Judge what needs no kernel: an untouched answer, and one that is not Python."""
    if text.strip() == source(pristine.exercises[number].cell("answer")).strip():
        return Result(number, "unanswered", f"Exercise {number} is not answered yet.")
    if not text.strip():
        return Result(number, "unanswered", "The answer cell is empty.")
    try:
        from IPython.core.inputtransformer2 import TransformerManager

        code = TransformerManager().transform_cell(text)  # type: ignore[no-untyped-call]
        with warnings.catch_warnings(action="ignore"):
            compile(code, "answer", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (ValueError, RecursionError, MemoryError):  # a half letter; a thousand brackets
        return Result(number, "wrong", "This is not Python yet: it cannot be read at all.")
    except SyntaxError as error:
        where = f" in line {error.lineno}" if error.lineno else ""
        shown = f"\n    {error.text.strip()}" if error.text else ""
        told = f"This is not Python yet: {type(error).__name__}{where}.{shown}"
        return Result(number, "wrong", f"{told}\nPython says: {error.msg}.")
    return None


def message(event: dict[str, str], timeout: float) -> str:
    """Return what to tell the reader about a cell that did not pass; `event` is of `judge.py`."""
    kind, text = event["kind"], event.get("text", "")
    if kind == "timeout":
        return timed_out(timeout)
    if kind == "died":
        return ended_python(text)
    if kind == "differs":
        return f"The check ended otherwise than for a right answer. It printed:\n{text}".rstrip()
    if kind == "error" and event["name"] in ("CheckFailed", "NotAnswered"):
        return text
    if kind == "error":
        return _error(event["name"], text, event)
    return _STOPPED.get(kind, "The answer could not be run: {}").format(text)


#: What is told where it was not the check that found a fault.
_STOPPED = {
    "memory": "It filled {} GiB of memory and was stopped. Does something grow, or a loop print, "
    "for ever? (If it only is large: --memory gives it more.)",
    "flood": "It printed more than 16 million characters and was stopped. Does a loop print for "
    "ever?",
    "silent": "Python stopped answering after it. Does a thread of it run on, or hold the others "
    "up?",
    "altered": "Your answer changes `{}`, on which the check stands, so nothing can be checked. "
    "Leave the package, NumPy and Python as they are, and give what you write a name of its own.",
}


def ended_python(how: str = "") -> str:
    """Return what to tell about an answer that ended its own process; `how` is a signal's name."""
    named = f" ({how})" if how else ""
    return (
        f"Your answer ended Python itself{named}. Does it call exit(), quit() or os._exit(), "
        "or need more memory than there is?"
    )


#: The cell's own line in IPython's traceback. Where an error led to another, frames of elsewhere,
#: each with an arrow of its own, may stand above.
ARROW = re.compile(r"^(?:Cell|Input) In ?\[.*?^-+> *(\d+) ([^\n]*)$", re.MULTILINE | re.DOTALL)


def _error(name: str, text: str, event: dict[str, str]) -> str:
    """Return what to tell about an error that the answer cell itself raised."""
    told = f"It stopped with {name}: {text}" if text else f"It stopped with {name}."
    line = ARROW.search(event["trace"])
    if line and event["cell"].startswith("answer-"):
        told += f"\nIt happened in line {line[1]} of the answer cell: {line[2].strip()}"
    advice = {
        "NameError": "Only the answer cell is taken from your notebook: whatever it needs, imports "
        "and helping functions too, must stand in it.",
        "SystemExit": "Leave out the call of exit(), quit() or sys.exit().",
        "MemoryError": "That is more memory than an answer gets. Does something grow for ever? (If "
        "it only is large: --memory gives it more.)",
        "StdinNotImplementedError": "An answer cannot ask with input().",
    }
    return told + (f"\n{advice[name]}" if name in advice else "")


def timed_out(timeout: float) -> str:
    """Return what to tell about an answer that did not end in time."""
    return (
        f"It was still running after {timeout:g} seconds and was stopped. Does a loop never end? "
        "(If it only is slow: --timeout gives it more seconds.)"
    )
