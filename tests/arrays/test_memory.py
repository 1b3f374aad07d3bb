"""Freed memory is kept by the process, so that the next array finds its pages; but not all."""

import ctypes
import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, resource, sys
import numpy as np
import nnlearn as nn
from nnlearn.arrays.memory import keep_freed_memory

def array(megabytes):
    return np.ones(megabytes * 2**20, dtype="uint8")  # every page is written

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        array(40)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "kept":
    keep_freed_memory(np.ones(1))
if sys.argv[1] == "a layer":
    nn.Flatten()(nn.Flatten().init(), np.ones((1, 1), dtype="float32"))
faults()
found = {"faults": faults(), "left": []}
for count, each in ((6, 30), (10, 30), (1, 100)):  # megabytes that are taken and freed
    before = resident()
    together = [array(each) for _ in range(count)]
    del together
    found["left"].append(resident() - before)
print(json.dumps(found))
"""


def measured(how):
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, how]
    return json.loads(subprocess.check_output(command, env=environment, text=True))


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc, which is Linux's")
def test_pages_are_kept_up_to_a_limit():
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        return  # musl has none: there nothing is kept
    assert measured("fresh")["faults"] >= 5 * 20  # at least one for each 2 MiB that are written
    assert measured("a layer")["faults"] < 20, "any layer's pass asks for it"
    kept = measured("kept")
    assert kept["faults"] < 20
    small, large, one = kept["left"]
    assert small > 100, "180 MB were freed, and are to be kept"
    assert small + large < 80, "300 MB were freed: more than is kept goes back to the system"
    assert one < 50, "a large array is the system's own again"
