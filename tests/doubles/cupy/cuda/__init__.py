"""One device, without a memory of its own."""

from . import device, runtime
from .device import Device
from .stream import ExternalStream, Graph, Stream

__all__ = ["Device", "ExternalStream", "Graph", "Stream", "device", "runtime"]
