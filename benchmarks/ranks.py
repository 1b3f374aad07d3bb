"""Time training steps on several ranks, and the all-reduce: ``python -m benchmarks.ranks``.

*Strong* scaling shares out one batch, *weak* gives each rank a batch of its own. In every round
each number of ranks has a run of ``mpiexec`` of its own, each rank one thread of BLAS. Where there
are fewer cores than ranks, these take turns: the results say how many cores there were.
"""

import argparse
import datetime
import json
import os
import runpy
import statistics
import time
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks import measuring, timing
from benchmarks.networks import NETWORKS
from nnlearn.arrays.launching import started_mpi
from nnlearn.arrays.ranks import Ranks
from nnlearn.training.fit import _gradient
from nnlearn.training.runs import Run

RESULTS = Path(__file__).resolve().parents[1] / "book" / "studies" / "ranks.json"
RANKS = (1, 2, 4)
#: where ranks take turns on a core, one that waits gives it away: MPICH's would keep it, spinning
YIELDING = {"MPIR_CVAR_ENABLE_HEAVY_YIELD": "1"}
#: how many float32 the vectors hold that are added up
LENGTHS = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)


def times(work, communicator, seconds, warm_up=3):
    """Do some work again and again on all ranks, as often on each; return the median time."""
    start = time.perf_counter()
    for _ in range(warm_up):
        work()
    each = (time.perf_counter() - start) / warm_up
    count = communicator.bcast(max(5, int(seconds / each)))
    found = []
    for _ in range(count):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def training_step(network, batches, communicator):
    """Return a step of a network of the benchmarks on ranks, and how many parameters it has.

    Parameters
    ----------
    network : str
    batches : int
        How many of the benchmark's batches make one of these.
    communicator : mpi4py communicator
    """
    with mock.patch.object(timing, "report"):  # its program would time a step alone
        names = runpy.run_module(f"benchmarks.{network}_nnlearn")
    params, optimizer = names["params"], names["optimizer"]
    run = Run(names["model"], params, optimizer, 0, Ranks(communicator))
    x, target = (np.concatenate([names[name]] * batches) for name in ("x", "labels"))
    rows, n = run.ranks.shard(len(x)), len(x)

    def step():
        _, grads = _gradient(run, names["nn"].softmax_cross_entropy, x[rows], target[rows], n)
        optimizer.step(params, grads)

    return step, params.vector.size


def one_run(seconds):
    """Measure everything on the ranks of this run; rank 0 prints a line of JSON."""
    MPI = started_mpi()
    ranks = MPI.COMM_WORLD
    library = MPI.Get_library_version().split("\n")[0].split()
    found = {"library": " ".join(library), "networks": {}, "all_reduce": {}}
    for network in ("mlp", "cnn"):
        rows = found["networks"][network] = {}
        for scaling, batches in (("strong", 1), ("weak", ranks.size)):
            step, rows["parameters"] = training_step(network, batches, ranks)
            rows[scaling] = times(step, ranks, seconds)
    for length in LENGTHS if ranks.size > 1 else ():
        own, total = np.ones(length, np.float32), np.empty(length, np.float32)
        work = lambda own=own, total=total: ranks.Allreduce(own, total)  # noqa: E731
        found["all_reduce"][length] = times(work, ranks, seconds / 4)
    if ranks.rank == 0:
        print(json.dumps(found))


def started(ranks, seconds, settings):
    """Run this program on so many ranks; return what rank 0 reports."""
    program = ["benchmarks.ranks", "--one-run", "--seconds", str(seconds)]
    yielding = YIELDING if ranks > os.cpu_count() else {}
    return measuring.run(program, settings | yielding, ranks=ranks)


def summary(rounds, settings):
    """Put the rounds together.

    Returns
    -------
    dict
        ``machine``, ``cores``, ``date``, ``versions``, ``rounds``, ``settings``, with those of more
        ranks than cores; in ``networks``, for each network and scaling, a row for each number of
        ranks, with the batch of all of them, and the seconds of a step in every round; and
        ``all_reduce``, a row for each number of ranks and length.
    """
    found = measuring.about(settings, len(rounds))
    found["date"], found["cores"] = datetime.date.today().isoformat(), os.cpu_count()
    found["settings_if_more_ranks_than_cores"] = YIELDING
    found["versions"]["MPI"] = rounds[0][1]["library"]
    for network in rounds[0][1]["networks"]:
        batch = NETWORKS[network].shape.batch
        known = {"title": NETWORKS[network].title}
        known["parameters"] = rounds[0][1]["networks"][network]["parameters"]
        for scaling in ("strong", "weak"):
            known[scaling] = [
                {
                    "ranks": ranks,
                    "batch": batch * (ranks if scaling == "weak" else 1),
                    "seconds": [r[ranks]["networks"][network][scaling] for r in rounds],
                }
                for ranks in RANKS
            ]
        found["networks"][network] = known
    found["all_reduce"] = [
        {
            "ranks": ranks,
            "numbers": length,
            "bytes": 4 * length,
            "seconds": [r[ranks]["all_reduce"][str(length)] for r in rounds],
        }
        for ranks in RANKS[1:]
        for length in LENGTHS
    ]
    return found


def table(found):
    """Return what was found, as lines to print: medians over the rounds."""
    lines = [f"{found['machine']}, {found['date']}; medians of {found['rounds']} rounds"]
    for name, network in found["networks"].items():
        for scaling in ("strong", "weak"):
            cells = [
                f"{row['ranks']}: {statistics.median(row['seconds']) * 1e3:.2f} ms"
                for row in network[scaling]
            ]
            lines.append(f"{name}, {scaling}, ranks {', '.join(cells)}")
    for row in found["all_reduce"]:
        micro = statistics.median(row["seconds"]) * 1e6
        lines.append(f"all-reduce, {row['ranks']} ranks, {row['numbers']:>10,}: {micro:.0f} µs")
    return "\n".join(lines)


def main():
    """Measure on each number of ranks, in rounds; write and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ranks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.2, help="of each measurement")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results go")
    parser.add_argument("--one-run", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one_run:
        one_run(options.seconds)
        return
    settings = measuring.settings(1)
    rounds = [
        {ranks: started(ranks, options.seconds, settings) for ranks in RANKS}
        for _ in range(options.rounds)
    ]
    found = summary(rounds, settings)
    measuring.write(options.out, found)
    print(table(found))


if __name__ == "__main__":
    main()
