"""How one training step is timed inside a process of its own."""

import json
import resource
import statistics
import sys
import time


def report(step, warmup=30, steps=200):
    """Time a step many times and print one line of JSON: seconds (median) and peak memory.

    Parameters
    ----------
    step : callable
        One training step, without arguments.
    warmup, steps : int
        How many steps are not counted, and how many are.
    """
    for _ in range(warmup):
        step()
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mebibytes = peak / (1024 if sys.platform == "linux" else 1024**2)
    print(json.dumps({"seconds": statistics.median(seconds), "mebibytes": mebibytes}))
