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
        return (
            "Your answer ended Python itself. Does it call exit(), quit() or os._exit(), "
            "or need more memory than there is?"
        )
    if kind == "differs":
        return f"The check ended otherwise than for a right answer. It printed:\n{text}".rstrip()
    if kind == "broken":
        return f"The answer could not be run: {text}"
    if event["name"] in ("CheckFailed", "NotAnswered"):
        return text
    return _error(event["name"], text, event)


def _error(name: str, text: str, event: dict[str, str]) -> str:
    """Return what to tell about an error that the answer cell itself raised."""
    told = f"It stopped with {name}: {text}" if text else f"It stopped with {name}."
    line = re.search(r"^-+> *(\d+) (.*)$", event["trace"], re.MULTILINE)
    if line and event["cell"].startswith("answer-"):
        told += f"\nIt happened in line {line[1]} of the answer cell: {line[2].strip()}"
    advice = {
        "NameError": "Only the answer cell is taken from your notebook: whatever it needs, imports "
        "and helping functions too, must stand in it.",
        "SystemExit": "Leave out the call of exit(), quit() or sys.exit().",
        "StdinNotImplementedError": "An answer cannot ask with input().",
    }
    return told + (f"\n{advice[name]}" if name in advice else "")


def timed_out(timeout: float) -> str:
    """Return what to tell about an answer that did not end in time."""
    return (
        f"It was still running after {timeout:g} seconds and was stopped. Does a loop never end? "
        "(If it only is slow: --timeout gives it more seconds.)"
    )
