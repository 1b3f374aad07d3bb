"""A kernel that is watched while an answer runs: it cannot flood, fill the memory or play dead."""

import signal
import sys
import time
from collections import deque
from queue import Empty
from typing import Any

OUTPUT = 16 * 2**20  # characters that one exercise may print
GLANCE = 0.25  # seconds between two looks at a kernel that runs
GIB = 2**30
ROOM = 2  # GiB of addresses that Python and its libraries map and do not fill


class Stopped(Exception):
    """An answer's kernel has ended or was stopped; `kind` says why, as `verdict` names it."""

    def __init__(self, kind: str, text: str = "") -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


class Watch:
    """Takes the place of how nbval waits for a kernel.

    Parameters
    ----------
    kernel : nbval.kernel.RunningKernel
        Its `get_message` and `await_reply` become those of the watch.
    memory : float
        GiB that the kernel and the processes it started may fill together.
    """

    def __init__(self, kernel: Any, memory: float) -> None:
        self.kernel, self.memory = kernel, memory
        self.printed = 0
        self.status = ""  # of the last reply: "ok" or "error"
        self._kept: deque[Any] = deque()  # outputs that came while a cell still ran
        self._receive = kernel.get_message
        kernel.get_message, kernel.await_reply = self.get_message, self.await_reply

    def get_message(self, stream: str, timeout: float | None = None) -> Any:
        """Return the next message, as the kernel's own method does; count what is printed."""
        if stream == "iopub" and self._kept:
            return self._kept.popleft()
        message = self._receive(stream, timeout=timeout)
        if stream == "iopub":
            self._count(message)
        return message

    def await_reply(self, message: str, timeout: float | None = None) -> Any:
        """Wait for a cell's reply as nbval does, but look now and then at who is there.

        Raises
        ------
        queue.Empty
            After `timeout` seconds, as in nbval.
        Stopped
            If the kernel is dead, floods the output or fills the memory.
        """
        end = time.monotonic() + (timeout or 30)
        while True:
            left = end - time.monotonic()
            try:
                reply = self._receive("shell", timeout=min(GLANCE, max(0.0, left)))
            except Empty:
                self._look()
                if left <= 0:
                    raise
                continue
            if reply["parent_header"].get("msg_id") == message:
                self.status = reply["content"]["status"]
                return reply["content"]

    def ask(self, expressions: dict[str, str], timeout: float = 10.0) -> dict[str, Any]:
        """Return what these expressions are in the kernel, without a trace in the notebook."""
        message = self.kernel.kc.execute(
            "", silent=True, store_history=False, allow_stdin=False, stop_on_error=False,
            user_expressions=expressions,
        )  # fmt: skip
        reply = self.await_reply(message, timeout)
        found: dict[str, Any] = reply.get("user_expressions", {})
        return found

    def _look(self) -> None:
        while True:
            try:
                message = self._receive("iopub", timeout=0)
            except Empty:
                break
            self._count(message)
            self._kept.append(message)
        if not self.kernel.is_alive():
            raise Stopped("died", _ending(self.kernel))
        if _resident(self.kernel) > self.memory * GIB:
            self._stop("memory", f"{self.memory:g}")

    def _count(self, message: Any) -> None:
        content = message["content"]
        self.printed += len(content.get("text", ""))
        self.printed += sum(len(str(value)) for value in content.get("data", {}).values())
        if self.printed > OUTPUT:
            self._stop("flood")

    def _stop(self, kind: str, text: str = "") -> None:
        self.kernel.stop()
        raise Stopped(kind, text)


def limit_memory(memory: float) -> None:
    """Let an allocation beyond `memory` GiB fail, here and in all processes that are started here.

    Where the system knows no such limit (Windows), or does not keep it (macOS), only `Watch` looks:
    it stops a kernel that has filled the memory, up to a glance later.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in (
        (resource.RLIMIT_AS, int((memory + ROOM) * GIB)),
        (resource.RLIMIT_FSIZE, GIB),  # one file that grows for ever would fill the disk
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (allowed, hard))
        except (OSError, ValueError):  # macOS
            continue


def end_processes(mark: str) -> None:
    """End every process that has this text, "NAME=value", in its environment, but not this one."""
    import psutil

    name, _, value = mark.partition("=")
    for process in psutil.process_iter():
        try:
            if process.pid != psutil.Process().pid and process.environ().get(name) == value:
                process.kill()
        except (psutil.Error, OSError):  # it is another's, or gone already
            continue


def _resident(kernel: Any) -> int:
    """Return the bytes of memory of a kernel and of what it has started."""
    import psutil

    try:
        process = psutil.Process(kernel.km.provisioner.pid)
        family = [process, *process.children(recursive=True)]
        return sum(member.memory_info().rss for member in family)
    except (psutil.Error, AttributeError):
        return 0


def _ending(kernel: Any) -> str:
    """Return the name of the signal that ended a kernel's process, where it was one."""
    process = getattr(getattr(kernel.km, "provisioner", None), "process", None)
    code = process.poll() if process is not None else None
    if code is None or code >= 0 or sys.platform == "win32":
        return ""
    return signal.Signals(-code).name
