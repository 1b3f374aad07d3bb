"""Count what one training step of each network of the benchmarks asks of a device.

``PYTHONPATH=tests/doubles NNLEARN_BACKEND=cupy python tests/doubles/steps.py`` prints a line of
JSON: for each network the kernels, the waits of the host, and whatever else the double counts.
With ``--plain`` nothing is fused: one kernel for each sign in the derivations.
"""

import json
import runpy
import sys

import cupy

from benchmarks import timing
from benchmarks.networks import NETWORKS


def count_steps():
    """Return the counts of the second step of each network: the first one sets things up."""
    found = {}
    for network in NETWORKS:

        def report(step, network=network):
            step()
            with cupy.counted() as counts:
                step()
            found[network] = dict(counts) | {"waits": dict(counts.waits)}

        timing.report = report
        runpy.run_module(f"benchmarks.{network}_nnlearn")
    return found


def fuse_nothing():
    """Have every formula run as its lines stand: a kernel for each sign."""
    from nnlearn.arrays import fused

    fused.is_fused = lambda array: False


if __name__ == "__main__":
    if "--plain" in sys.argv:
        fuse_nothing()
    print(json.dumps(count_steps()))
