"""Queues of kernels, and what was captured of one.

What is captured is computed at once, as ever, and counted; a launch of the graph counts as many
kernels, and computes nothing.
"""

from .._counting import capturing, count, counted


class Graph:
    """The kernels of a capture."""

    def __init__(self, *args, **kwargs):
        raise RuntimeError("currently this class cannot be initiated by the user")

    def launch(self, stream=None):
        count("kernels", self._kernels)
        count("launches")

    def upload(self, stream=None):
        return None


class Stream:
    """A queue of kernels."""

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.null, self._counting = null or not non_blocking, None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def synchronize(self):
        count("synchronizations")

    def begin_capture(self, mode=None):
        if self.null:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        self._counting = counted()
        self._counts = self._counting.__enter__()
        capturing.append(self)

    def end_capture(self):
        capturing.remove(self)
        self._counting.__exit__(None, None, None)
        graph = Graph.__new__(Graph)
        graph._kernels = self._counts["kernels"]
        return graph

    def is_capturing(self):
        return self in capturing


class ExternalStream(Stream):
    def __init__(self, ptr, device_id=-1):
        super().__init__()
        self.ptr = ptr
