"""What each fast path brings: its time beside that of the plain lines it stands for.

These are the figures of the docstrings in ``nnlearn.arrays``, measured again. What holds for a
whole process (memory that is kept, cores that are shared out) is measured as a training step in a
process of its own, with it and without: ``python -m benchmarks.fast_paths cnn kept_memory``.
"""

import contextlib
import runpy
import statistics
import sys
import time

import numpy as np

from benchmarks import measuring
from nnlearn.arrays import fast, memory, recurrence
from nnlearn.layers import layer
from nnlearn.training import optimizers


def recurrent_step(columns):
    """Return the product of one step of an LSTM of 256 units on 32 sequences of 64 inputs."""
    rng = np.random.default_rng(0)
    shapes = (8, 32, 64), (32, 256), (1024, 64), (1024, 256), (1024,)
    step = columns("lstm", *(rng.normal(size=s).astype(np.float32) for s in shapes))
    step.h[...] = 0.5
    z = np.empty((1024, 32), np.float32)
    return lambda: step.write_affine(3, z)


def on(function, *arrays):
    """Return a call of a fast path, and of its plain lines, with these arguments."""
    return (lambda: function(*arrays)), (lambda: function.plain(*arrays))


def kernels():
    """Return the pairs of calls, the fast path's and the plain one's, by name."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1024, 32)).astype(np.float32)
    mask = rng.random((128, 256)) < 0.5
    values = rng.normal(size=(128, 256)).astype(np.float32)
    images = rng.normal(size=(64, 28, 28, 8)).astype(np.float32)
    rows, wide = (rng.normal(size=s).astype(np.float32) for s in ((4096, 64), (50_176, 32)))
    few, many = rng.integers(0, 64, 4096), rng.integers(0, 1000, 4096)
    gates = rng.normal(size=(1024, 32)).astype(np.float32)

    def seen(windows):
        return lambda: np.ascontiguousarray(windows(images, (3, 3), (1, 1)))

    return {
        "write, tanh of 1024 × 32": on(fast.write, np.empty_like(z), np.tanh, z),
        "masked, 128 × 256": on(fast.masked, values, mask),
        "column_sums, 50,176 × 32": on(fast.column_sums, wide),
        "add_rows, 4,096 × 64 into 64": on(fast.add_rows, rows, few, 64),
        "add_rows, 4,096 × 64 into 1,000": on(fast.add_rows, rows, many, 1000),
        "sliding_windows, copied": (
            seen(fast.sliding_windows),
            seen(fast.sliding_windows.plain),
        ),
        "lstm_gates, 1024 × 32": on(recurrence.lstm_gates, gates),
        "lstm_slopes, 1024 × 32": on(recurrence.lstm_slopes, gates),
        "Columns, an LSTM's product": (
            recurrent_step(recurrence.Columns),
            recurrent_step(recurrence.PlainColumns),
        ),
    }


def compare(first, second, seconds=1.0):
    """Do two calls in turn, again and again; return the median time of each, in seconds."""
    found = ([], [])
    end = time.perf_counter() + seconds
    while len(found[0]) < 5 or time.perf_counter() < end:
        for times, call in zip(found, (first, second), strict=True):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    return tuple(map(statistics.median, found))


@contextlib.contextmanager
def all_threads():
    """Leave the cores to BLAS between the blocks of an operation."""
    yield 1


#: what holds for a whole process: the name that a training step asks, what stands there instead
#: where it is done without, and the networks that feel it
WITHOUT = {
    "kept_memory": (memory, "_raise_thresholds", lambda: None, ("cnn", "lstm")),
    "all_cores": (layer, "all_cores", all_threads, ("cnn",)),
    "blocks": (optimizers, "blocks", fast.blocks.plain, ("mlp", "gan")),
}


def measure(rounds, environment, seconds=1.0):
    """Measure all fast paths.

    Returns
    -------
    dict
        As of `measuring.steps`; for each path its seconds, and those without it.
    """
    found = measuring.about(environment, rounds)
    for name, (first, second) in kernels().items():
        found["networks"][name] = compare(first, second, seconds)
    for path, (_, _, _, networks) in WITHOUT.items():
        for network in networks:
            both = [], []
            for _ in range(rounds):
                for times, how in zip(both, ("", path), strict=True):
                    program = ["benchmarks.fast_paths", network, how]
                    times.append(measuring.run(program, environment)["seconds"])
            found["networks"][f"{path}, a step of the {network}"] = tuple(
                map(statistics.median, both)
            )
    return found


def table(found):
    """Write the results as lines of text: what, the path's time, the plain one's, their ratio."""
    lines = [f"{found['machine']}, {found['settings']}"]
    for name, (path, plain) in found["networks"].items():
        lines.append(f"{name:36} {path * 1e6:9.1f} µs {plain * 1e6:9.1f} µs {path / plain:6.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    network, path = sys.argv[1:]
    if path:
        setattr(*WITHOUT[path][:3])
    runpy.run_module(f"benchmarks.{network}_nnlearn")
