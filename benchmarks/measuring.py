"""Running the programs in turn, and what is kept of it."""

import importlib.util
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from benchmarks.networks import EVERY, MORE, ONE
from nnlearn.doctor import find_mpiexec
from nnlearn.files import write_atomically

HERE = Path(__file__).parent
#: a library's program is ``<network>_<library>.py``; what needs to be installed for it
LIBRARIES = {"nnlearn": "numpy", "torch": "torch", "thinc": "thinc", "autograd": "autograd"}

#: what grows: in a convolution with kernels of 3 × 3, where the others stay at 64 images, 14 pixels
#: and 32 channels; and in an MLP of two layers with so many units
GROWING = {
    "batch": (8, 16, 32, 64, 128, 256),
    "side": (7, 14, 28, 56),
    "channels": (8, 16, 32, 64, 128),
    "units": (64, 128, 256, 512, 1024, 2048),
}

#: steps of the sequences that a recurrent layer reads
LENGTHS = (10, 30, 100, 300, 1000, 2000)


def settings(threads, core_type=None):
    """Return the environment in which every program runs: the same for all."""
    environment = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    if core_type:
        environment["OPENBLAS_CORETYPE"] = core_type
    return environment


def programs(network):
    """Return what there is to run for a network, and say what is not installed."""
    found = {}
    for library, module in LIBRARIES.items():
        name, *arguments = _program(network, library)
        if (HERE / f"{name}.py").exists():
            if importlib.util.find_spec(module):
                found[library] = [f"benchmarks.{name}", *arguments]
            else:
                print(f"{network}: {library} is left out, because it is not installed")
    return {**found, "products": ["benchmarks.products", network]}


def _program(network, library):
    """Return the name of a program, if there is one, and its arguments."""
    if network in MORE:
        return [f"more_{library}", network]
    if network in ONE and library in ("nnlearn", "torch"):
        return ["one", network.removeprefix("one_"), library]
    return [f"{network}_{library}"]


def run(program, environment, limit=None, ranks=None):
    """Run one program for `limit` seconds; return what it reports.

    It has a process of its own, or `ranks` of them under ``mpiexec``, of which one reports.
    """
    launcher = [] if ranks is None else [find_mpiexec() or "mpiexec", "-n", str(ranks)]
    command = [*launcher, sys.executable, "-m", *program]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
        timeout=limit,
    )
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{result.stderr}")
    return json.loads(result.stdout.splitlines()[-1])


def steps(networks, rounds, environment):
    """Measure one training step of each network in every library, in turn.

    Returns
    -------
    dict
        ``machine``, ``settings``, ``versions``, ``rounds`` and, for each network, its title, its
        number of operations, and of each program the seconds and mebibytes of every round.
    """
    found = about(environment, rounds)
    for network in networks:
        runs = programs(network)
        reports = {name: [] for name in runs}
        for _ in range(rounds):
            for name, program in runs.items():
                reports[name].append(run(program, environment))
        found["networks"][network] = {
            "title": EVERY[network].title,
            "operations": EVERY[network].operations,
            "programs": {
                name: {key: [r[key] for r in rows] for key in ("seconds", "mebibytes")}
                for name, rows in reports.items()
            },
        }
    return found


def growth(rounds, environment):
    """Measure a convolution, and an MLP's training step, while one size grows.

    Returns
    -------
    dict
        As `steps`; for each size that grows, a row for each of its values: the value, the number
        of operations (for the MLP that of parameters, too), and the seconds of every round for
        the whole and for its products alone.
    """
    found = about(environment, rounds)
    for axis, values in GROWING.items():
        rows = []
        for value in values:
            program = ["benchmarks.growing", f"{axis}={value}"]
            reports = [run(program, environment) for _ in range(rounds)]
            row = {"value": value} | reports[0]
            row |= {key: [r[key] for r in reports] for key in ("seconds", "products")}
            rows.append(row)
        found["networks"][axis] = rows
    return found


def lengths(rounds, environment):
    """Measure recurrent layers' forward and backward pass while the sequence grows.

    Returns
    -------
    dict
        As `steps`; for each layer a row for each length: its value, and the seconds of every round
        in nnlearn and in PyTorch.
    """
    found = about(environment, rounds)
    for layer in ("rnn", "lstm"):
        rows = [{"value": length, "nnlearn": [], "torch": []} for length in LENGTHS]
        for row in rows:
            for _ in range(rounds):
                for library in ("nnlearn", "torch"):
                    program = ["benchmarks.reading", layer, library, str(row["value"])]
                    row[library].append(run(program, environment)["seconds"])
        found["networks"][layer] = rows
    return found


def about(environment, rounds):
    """Return where and with what something was measured."""
    versions = {"python": platform.python_version()}
    for library in ("numpy", *LIBRARIES):
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return {
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "settings": environment,
        "versions": versions,
        "rounds": rounds,
        "networks": {},
    }


def processor():
    """Return the processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def write(path, found):
    """Write results as JSON, all of them or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
