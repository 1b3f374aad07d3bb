"""One command on a GPU: ``make gpu``. Tests, then the five networks beside PyTorch on the device.

Every stage writes what there is so far, so that an end before the last leaves the stages before it.
Nothing is fetched. Where there is no GPU it says why and ends; with ``PYTHONPATH=tests/doubles`` it
runs on the double of CuPy, whose times mean nothing, to see that the command itself works.
"""

import argparse
import datetime
import importlib.util
import json
import re
import runpy
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import measuring, timing
from benchmarks.networks import NETWORKS
from nnlearn import doctor
from nnlearn.arrays import gpu

RESULTS = Path(__file__).parent / "results" / "gpu.json"
BLOCK = 10  # steps between two waits for the device: one wait a step would be part of the time


def timed(step, settle, seconds):
    """Return the median time of a step, in seconds, where `settle` waits for the device."""
    for _ in range(BLOCK):
        step()
    settle()
    found = []
    end = time.perf_counter() + seconds
    while len(found) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(BLOCK):
            step()
        settle()
        found.append((time.perf_counter() - start) / BLOCK)
    return statistics.median(found)


def run_program(network, library, seconds):
    """Run a network's program on the device, in this process; print a line of JSON."""
    if library == "torch":
        import torch

        torch.set_default_device("cuda")
        settle, peak = torch.cuda.synchronize, torch.cuda.max_memory_allocated
    else:
        import cupy

        settle = cupy.cuda.Device().synchronize
        peak = cupy.get_default_memory_pool().total_bytes

    def report(step):
        found = timed(step, settle, seconds)
        print(json.dumps({"seconds": found, "mebibytes": peak() / 2**20}))

    timing.report = report
    runpy.run_module(f"benchmarks.{network}_{library}")


def libraries():
    """Return the libraries that find a GPU: CuPy has been asked before."""
    if importlib.util.find_spec("torch") is None:
        return ["nnlearn"]
    import torch

    return ["nnlearn", "torch"] if torch.cuda.is_available() else ["nnlearn"]


def tests(limit):
    """Run every test that is marked `gpu`; return the last line of what pytest says, in words."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"ended": f"stopped after {limit:.0f} s"}
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return {"ended": done.stdout.strip().splitlines()[-1], "failed": failed}


def networks(found, rounds, seconds, end, save):
    """Time the five networks in each library, in turn, and save after every one."""
    names = libraries()
    for network in NETWORKS:
        programs = {name: {"seconds": [], "mebibytes": []} for name in names}
        try:
            for name, report in list(programs.items()) * rounds:
                program = ["benchmarks.gpu", "--program", network, name, str(seconds)]
                left = max(0.0, end - time.monotonic())
                told = measuring.run(program, {"NNLEARN_BACKEND": "cupy"}, left)
                for key, values in report.items():
                    values.append(told[key])
        except subprocess.TimeoutExpired:
            found["left out"] = f"{network} and those after it: the time was over"
            return
        found["networks"][network] = {"title": NETWORKS[network].title, "programs": programs}
        save()


def table(found):
    """Write the networks as lines of text."""
    lines = []
    for name, network in found["networks"].items():
        medians = {k: statistics.median(p["seconds"]) for k, p in network["programs"].items()}
        words = [f"{library} {seconds * 1e3:.2f} ms" for library, seconds in medians.items()]
        if "torch" in medians:
            words.append(f"{medians['nnlearn'] / medians['torch']:.2f} of PyTorch's")
        lines.append(f"{name:5} {', '.join(words)}")
    return "\n".join(lines)


def main():
    """Look, test, time; write after every stage; say what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--program", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each program and round")
    parser.add_argument("--minutes", type=float, default=8.0, help="for all of it")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results go")
    options = parser.parse_args()
    if options.program:
        network, library, seconds = options.program
        run_program(network, library, float(seconds))
        return
    if why := gpu.trouble():
        sys.exit(f"no GPU can be used: {why}")
    end = time.monotonic() + 60 * options.minutes
    found = measuring.about({"NNLEARN_BACKEND": "cupy"}, options.rounds)
    found |= {"date": datetime.date.today().isoformat(), "gpu": gpu.described()}
    found["examined"] = {f.name: f.value for f in doctor.examine()}

    def save():
        measuring.write(options.out, found)

    save()
    print(found["gpu"])
    found["tests"] = tests(limit=0.5 * 60 * options.minutes)
    save()
    print("tests:", found["tests"]["ended"])
    networks(found, options.rounds, options.seconds, end, save)
    save()
    print(table(found))
    print(found.get("left out", "every stage was reached"))
    print(f"written: {options.out}")


if __name__ == "__main__":
    main()
