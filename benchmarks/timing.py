"""How one training step is timed inside a process of its own."""

import json
import resource
import statistics
import sys
import time


def median_time(step, warm_up=20, seconds=3.0):
    """Do a step again and again; return its median time.

    Parameters
    ----------
    step : callable
        One training step, without arguments.
    warm_up : int
        How many steps are not counted.
    seconds : float
        How long to go on; at least five steps are counted.

    Returns
    -------
    float
        In seconds.
    """
    for _ in range(warm_up):
        step()
    found = []
    end = time.perf_counter() + seconds
    while len(found) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def report(step):
    """Time a step and print one line of JSON: its seconds and the process's peak memory."""
    seconds = median_time(step)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mebibytes = peak / (1024 if sys.platform == "linux" else 1024**2)
    print(json.dumps({"seconds": seconds, "mebibytes": mebibytes}))
