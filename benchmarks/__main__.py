"""Compare training steps: ``python -m benchmarks`` (or ``make bench``).

Each program runs in a process of its own, in turn, several rounds: machines are noisy, and two
BLAS libraries in one process slow each other down. A ratio is taken within a round; the table
shows medians over the rounds and, in brackets, the smallest and the largest.
"""

import argparse
from pathlib import Path

from benchmarks import drawing, fast_paths, measuring
from benchmarks.networks import MORE, NETWORKS, ONE

RESULTS = Path("_build") / "benchmarks"


def main():
    """Read the command line, measure, print the tables, write and draw the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(NETWORKS)}; by default all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2, help="of each program")
    parser.add_argument("--core-type", help="OPENBLAS_CORETYPE, such as SkylakeX")
    parser.add_argument("--more", action="store_true", help="other networks, and a batch of 1")
    parser.add_argument("--growth", action="store_true", help="times by what grows")
    parser.add_argument("--lengths", action="store_true", help="recurrent layers by length")
    parser.add_argument("--fast-paths", action="store_true", help="what each of them brings")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results go")
    options = parser.parse_args()
    settings = measuring.settings(options.threads, options.core_type)
    if options.growth:
        found = measuring.growth(options.rounds, settings)
        measuring.write(options.out / "growth.json", found)
        drawing.growth(found, options.out / "growth.png")
        return
    if options.lengths:
        found = measuring.lengths(options.rounds, settings)
        measuring.write(options.out / "lengths.json", found)
        drawing.lengths(found, options.out / "lengths.png")
        return
    if options.fast_paths:
        found = fast_paths.measure(options.rounds, settings)
        print(fast_paths.table(found))
        measuring.write(options.out / "fast_paths.json", found)
        return
    known = [*MORE, *ONE] if options.more else list(NETWORKS)
    for network in options.networks:
        if network not in known:
            parser.error(f"no network {network!r}; there are {', '.join(known)}")
    found = measuring.steps(options.networks or known, options.rounds, settings)
    print(drawing.table(found))
    if options.networks:
        return  # only a whole comparison replaces the last one
    measuring.write(options.out / f"{'more' if options.more else 'steps'}.json", found)
    if not options.more:
        drawing.steps(found, options.out / "steps.png")


if __name__ == "__main__":
    main()
