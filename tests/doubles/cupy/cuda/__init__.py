"""One device, without a memory of its own."""

from . import device, runtime
from .device import Device


class Stream:
    """A queue of kernels."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def synchronize(self):
        from .._counting import count

        count("synchronizations")


class ExternalStream(Stream):
    def __init__(self, ptr, device_id=-1):
        self.ptr = ptr


__all__ = ["Device", "ExternalStream", "Stream", "device", "runtime"]
