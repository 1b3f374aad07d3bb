"""Compare training steps: ``python -m benchmarks`` (or ``make bench``).

Each program runs in a process of its own, in turn, several rounds: machines are noisy, and two
BLAS libraries in one process slow each other down. A ratio is taken within a round; the table
shows medians over the rounds and, in brackets, the smallest and the largest.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from importlib import metadata

NETWORKS = {"mlp": "MLP 784-512-256-10, batch 128, Adam"}
PROGRAMS = ("torch", "nnlearn", "products")


def measure(network, program):
    """Run one program and return what it reports."""
    command = [sys.executable, "-m", f"benchmarks.{network}_{program}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{result.stderr}")
    return json.loads(result.stdout.splitlines()[-1])


def spread(values, unit="", scale=1.0, digits=2):
    """Write the median of some numbers, and their smallest and largest."""
    low, middle, high = (f"{f(values) * scale:.{digits}f}" for f in (min, statistics.median, max))
    return f"{middle}{unit} [{low}, {high}]"


def compare(network, rounds):
    """Measure all programs in turn and print a table."""
    found = {program: [] for program in PROGRAMS}
    for _ in range(rounds):
        for program in PROGRAMS:
            found[program].append(measure(network, program))
    torch = [f["seconds"] for f in found["torch"]]
    print(f"\n{NETWORKS[network]}, {rounds} rounds\n")
    print("| program | one step | peak memory | time / PyTorch's |")
    print("| --- | --- | --- | --- |")
    for program, reports in found.items():
        seconds = [r["seconds"] for r in reports]
        ratios = [s / t for s, t in zip(seconds, torch, strict=True)]
        memory = statistics.median(r["mebibytes"] for r in reports)
        print(
            f"| {program} | {spread(seconds, ' ms', 1e3)} | {memory:.0f} MiB | {spread(ratios)} |"
        )


def main():
    """Read the command line and run the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), help=f"of {list(NETWORKS)}")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    for network in options.networks:
        if network not in NETWORKS:
            parser.error(f"no network {network!r}; there are {', '.join(NETWORKS)}")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "torch"))
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"{machine}, Python {platform.python_version()}, {versions}")
    for network in options.networks:
        compare(network, options.rounds)


if __name__ == "__main__":
    main()
