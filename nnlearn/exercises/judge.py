"""A pytest plugin beside nbval: it reports each cell as a line of JSON, and watches the kernels.

`run.py` starts pytest with it. nbval runs the cells and compares their outputs; this plugin adds
what a reader needs: which cell it was, the learner's own error, no waiting for what is dead, and
a check that is still the course's own after the answer has run.
"""

import ast
import json
import os
import re
import sys
from collections.abc import Generator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from nnlearn.exercises import marks, run, watching
from nnlearn.exercises.watching import Stopped, Watch

# What begins each of our lines in pytest's output ends with a word that no kernel gets to know: so
# what an answer prints is never taken for what the judge says.
SEALED = run.START + os.environ.pop(run.SEAL, "")
DIFFERS = "Cell outputs differ"  # in nbval's words
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Altered(Exception):
    """An answer has changed what the check stands on; the text names it."""


def pytest_configure() -> None:
    """Limit the memory: the kernels inherit it."""
    watching.limit_memory(_memory())


def _memory() -> float:
    return float(os.environ.get(run.LIMIT, run.MEMORY))


def pytest_runtest_setup(item: Any) -> None:
    """Skip what follows a cell that failed: it would only say so again, or hang again."""
    if getattr(item.parent, "stopped", False):
        pytest.skip()
    if not hasattr(item.parent, "begun"):
        item.parent.begun = True
        _tell(item, {"kind": "begun"})


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: Any) -> Generator[None, Any, Any]:
    """Watch the kernel; and see to it that the check is the course's own, and stays it."""
    parent = item.parent
    if not hasattr(parent, "watch"):
        parent.watch = Watch(parent.kernel, _memory())
    part = str(item.cell.get("id", "")).partition("-")[0]
    if part == "answer":
        parent.marks = _marks(parent.watch)
    if part == "check":
        _expect_the_same(parent)
        _put_back(item)
    failed = None
    try:
        result = yield
    except Exception as error:
        result, failed = None, error
    if part == "check" and (failed is None or str(failed) == DIFFERS):
        status = parent.watch.status
        _expect_the_same(parent)
        if status != "ok":
            raise failed or Stopped("unfinished")
    if failed is None and parent.timed_out:  # the answer took the interruption for its own
        raise Stopped("timeout")
    if failed is not None:
        raise failed
    return result


def _marks(watch: Watch) -> dict[str, int]:
    """Return what stands where in the kernel (see `marks.py`)."""
    text = Path(marks.__file__).read_text(encoding="utf-8")
    look = f"(lambda names: (exec({text!r}, names), names['marks']())[1])({{}})"
    try:
        seen = watch.ask({"seen": look})["seen"]["data"]["text/plain"]
        found: dict[str, int] = json.loads(ast.literal_eval(seen))
    except Empty:
        raise Stopped("silent") from None
    except (KeyError, ValueError, SyntaxError, TypeError):
        raise Altered("Python's own functions") from None
    return found


def _expect_the_same(parent: Any) -> None:
    changed = marks.changed(parent.marks, _marks(parent.watch))
    if marks.EXIT in changed:
        raise Stopped("died")
    if changed:
        raise Altered(changed[0])


def _put_back(item: Any) -> None:
    """Give the names of the check cell, but those of the answer, what the setup gave them."""
    cells = [other.cell for other in item.parent.judged]
    setup = "\n".join(c.source for c in cells if "setup" in c.metadata.get("tags", []))
    check = ast.parse(_plain_python(item.cell.source))
    wanted = {node.id for node in ast.walk(check) if isinstance(node, ast.Name)}
    names = f"{{name: names[name] for name in {wanted!r} if name in names}}"
    run_again = f"exec({_plain_python(setup)!r}, names)"
    give = f"(lambda names: ({run_again}, globals().update({names})))({{}})"
    given = item.parent.watch.ask({"given": give}).get("given", {})
    if given.get("status") != "ok":
        raise RuntimeError(f"the setup does not run a second time: {given.get('evalue', '')}")


def _plain_python(text: str) -> str:
    """Return a cell's text with its magics as the calls that IPython makes of them."""
    from IPython.core.inputtransformer2 import TransformerManager

    return str(TransformerManager().transform_cell(text))  # type: ignore[no-untyped-call]


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Let each notebook know its own cells."""
    for item in items:
        item.parent.judged = [other for other in items if other.parent is item.parent]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: Any, nextitem: Any) -> Generator[None, None, None]:
    """End, with a notebook's kernel, all that it has started."""
    yield
    if (nextitem is None or nextitem.parent is not item.parent) and run.RUN in os.environ:
        watching.end_processes(f"{run.RUN}={os.environ[run.RUN]}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: Any, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report the cell, and forgive a right answer that prints something of its own."""
    report = yield
    if call.when == "teardown" or report.skipped:
        return report
    if call.when == "setup" and report.passed:
        return report
    event = {"kind": "passed"}
    if call.excinfo is not None:
        if _only_printed_more(item, str(call.excinfo.value)):
            report.outcome = "passed"
        else:
            item.parent.stopped = True
            event = _failure(item, call)
    _tell(item, event)
    return report


def _tell(item: Any, event: dict[str, str]) -> None:
    event = {"file": item.path.name, "cell": item.cell.get("id", ""), **event}
    print(SEALED + json.dumps(event), file=sys.__stdout__, flush=True)


def _only_printed_more(item: Any, failure: str) -> bool:
    """Whether a check cell said that all is right, after prints of the learner's function."""
    outputs = item.test_outputs or []
    if "check" not in item.cell.metadata.get("tags", []) or _error(outputs):
        return False
    if failure != DIFFERS or item.parent.watch.status != "ok":
        return False
    expected = "".join(output.get("text", "") for output in item.cell.outputs)
    printed = "".join(o.text for o in outputs if o.get("name") == "stdout")
    return bool(expected.strip()) and printed.endswith(expected)


def _error(outputs: list[Any]) -> Any:
    return next((output for output in outputs if output.output_type == "error"), None)


def _failure(item: Any, call: pytest.CallInfo[None]) -> dict[str, str]:
    """Say what kind of failure it was, with the learner's error if there is one."""
    raised = call.excinfo.value if call.excinfo else None
    text = str(raised)
    outputs = item.test_outputs or []
    error = _error(outputs)
    if isinstance(raised, Altered):
        return {"kind": "altered", "text": text}
    if isinstance(raised, Stopped) and raised.kind != "unfinished":
        return {"kind": raised.kind, "text": raised.text}
    if text == "Kernel dead on test start":
        return {"kind": "died"}
    if text.endswith("waiting for output."):
        return {"kind": "silent"}
    if item.parent.timed_out:  # also where the interruption shows as another error
        return {"kind": "timeout"}
    if error is not None:
        trace = COLOURS.sub("", "\n".join(error.traceback))
        return {"kind": "error", "name": error.ename, "text": error.evalue, "trace": trace}
    if text == DIFFERS or isinstance(raised, Stopped):
        printed = "".join(o.get("text", "") for o in outputs)
        return {"kind": "differs", "text": printed[-500:]}
    return {"kind": "no kernel" if call.when == "setup" else "broken", "text": text}
