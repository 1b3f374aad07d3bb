"""A pytest plugin beside nbval: it reports each cell as a line of JSON, and stops at dead kernels.

`run.py` starts pytest with it. nbval runs the cells and compares their outputs; this plugin adds
what a reader needs: which cell it was, the learner's own error, and no waiting for what is dead.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Generator
from queue import Empty
from typing import Any

import pytest

START = "\x1e"  # begins each of our lines in pytest's output (the record separator of RFC 7464)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class KernelDied(RuntimeError):
    """The kernel's process ended in the middle of a cell."""


def _await_reply(kernel: Any, original: Callable[..., Any], message: str, timeout: float) -> Any:
    """Wait for a cell's reply as nbval does, but look every half second whether anyone is there."""
    end = time.monotonic() + timeout
    while True:
        try:
            return original(message, timeout=min(0.5, max(0.0, end - time.monotonic())))
        except Empty:
            if not kernel.is_alive():
                raise KernelDied from None
            if time.monotonic() >= end:
                raise


def pytest_runtest_setup(item: Any) -> None:
    """Skip what follows a cell that failed: it would only say so again, or hang again."""
    if getattr(item.parent, "stopped", False):
        pytest.skip()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: Any) -> None:
    """Make nbval's waiting notice a dead kernel."""
    kernel = item.parent.kernel
    if not hasattr(kernel, "patient"):
        kernel.patient = kernel.await_reply
        kernel.await_reply = lambda message, timeout=None: _await_reply(
            kernel, kernel.patient, message, timeout or 30
        )


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
    event = {"file": item.path.name, "cell": item.cell.get("id", ""), "kind": "passed"}
    if call.excinfo is not None:
        if _only_printed_more(item):
            report.outcome = "passed"
        else:
            item.parent.stopped = True
            event.update(_failure(item, call))
    print(START + json.dumps(event), file=sys.__stdout__, flush=True)
    return report


def _only_printed_more(item: Any) -> bool:
    """Whether a check cell said that all is right, after prints of the learner's function."""
    outputs = item.test_outputs or []
    if "check" not in item.cell.metadata.get("tags", []) or _error(outputs):
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
    error = _error(item.test_outputs or [])
    if isinstance(raised, KernelDied) or text == "Kernel dead on test start":
        return {"kind": "died"}
    if text.startswith("Timeout of"):
        return {"kind": "timeout"}
    if error is not None:
        trace = COLOURS.sub("", "\n".join(error.traceback))
        return {"kind": "error", "name": error.ename, "text": error.evalue, "trace": trace}
    if text == "Cell outputs differ":
        printed = "".join(o.get("text", "") for o in item.test_outputs)
        return {"kind": "differs", "text": printed[-500:]}
    return {"kind": "no kernel" if call.when == "setup" else "broken", "text": text}
