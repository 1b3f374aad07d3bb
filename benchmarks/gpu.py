"""One command on a GPU: ``make gpu``. Tests, the five networks beside PyTorch, the chapters.

Each network is timed as it is and as a graph, and then in a size that fills a device. Every stage
writes what there is so far, so that an end before the last leaves the stages before it. Nothing is
fetched. Where there is no GPU it says why and ends; with ``PYTHONPATH=tests/doubles`` it runs on
the double of CuPy, whose times mean nothing, to see that the command itself works.
"""

import argparse
import contextlib
import datetime
import importlib.util
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import measuring
from benchmarks.networks import LARGE, NETWORKS
from nnlearn import doctor
from nnlearn.arrays import gpu

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "gpu.json"
ON_GPU = {"NNLEARN_BACKEND": "cupy", "NNLEARN_PROGRESS": "0"}
SHARES = {"tests": 0.35, "networks": 0.65, "large": 0.8, "chapters": 1.0}  # of the time, at its end


class Clock:
    """How much of the time is left: for all, and until the share of a stage ends."""

    def __init__(self, minutes):
        self.start, self.whole = time.monotonic(), 60 * minutes

    def left(self, stage):
        return max(0.0, self.start + SHARES[stage] * self.whole - time.monotonic())


def limited(command, limit, environment):
    """Run a command; end it and all that it started after `limit` seconds: then, return None."""
    path = os.environ.get("PYTHONPATH", "")
    if path:  # a notebook runs in another folder
        parts = [os.path.abspath(part) for part in path.split(os.pathsep)]
        environment = environment | {"PYTHONPATH": os.pathsep.join(parts)}
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
        start_new_session=True,
    )
    try:
        out, error = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None
    return process.returncode, out, error


def libraries():
    """Return the libraries that find a GPU: CuPy has been asked before."""
    if importlib.util.find_spec("torch") is None:
        return ["nnlearn"]
    import torch

    return ["nnlearn", "torch"] if torch.cuda.is_available() else ["nnlearn"]


def pytest(arguments, limit, environment):
    """Run pytest; return the last line of what it says, and which tests failed."""
    done = limited(["pytest", "-q", "-p", "no:cacheprovider", *arguments], limit, environment)
    if done is None:
        return {"ended": f"stopped after {limit:.0f} s"}
    failed = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done[1], re.MULTILINE)
    said = (done[1].strip() or done[2].strip() or "nothing was said").splitlines()[-1]
    return {"ended": said, "failed": failed}


def chapters(found, clock, save):
    """Run every chapter with new arrays on the device, and compare what its cells print."""
    for path in sorted((ROOT / "book").glob("[0-9]*.ipynb")):
        if clock.left("chapters") == 0:
            found["left out"].append(f"chapter {path.stem} and those after it")
            break
        options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300"]
        name = path.relative_to(ROOT).as_posix()
        found["chapters"][path.stem] = pytest([*options, name], clock.left("chapters"), ON_GPU)
        save()
        print(f"chapter {path.stem}: {found['chapters'][path.stem]['ended']}")


def networks(found, stage, rounds, seconds, clock, save):
    """Time the five networks in each library, in turn, and save after every one."""
    size = "large" if stage == "large" else "small"
    for network, about in (LARGE if stage == "large" else NETWORKS).items():
        programs = {name: [] for name in libraries()}
        for name in list(programs) * rounds:
            first = not programs[name]  # a graph is compiled: once is enough
            command = ["benchmarks.on_device", network, name, f"--seconds={seconds}"]
            limit = clock.left(stage)
            environment = ON_GPU | {"BENCHMARK_SIZE": size}
            done = limited([*command, *["--graph"] * first], limit, environment) if limit else None
            if done is None:
                found["left out"].append(f"{stage}: {network} and those after it")
                return
            code, out, error = done
            report = json.loads(out.splitlines()[-1]) if code == 0 else {}
            programs[name].append(report or {"failed": (error.strip() or "?").splitlines()[-1]})
        found[stage][network] = {"title": about.title, "programs": programs}
        save()
        print(line(network, programs))


def line(network, programs):
    """Write what was found of one network."""
    words, medians = [], {}
    for name, reports in programs.items():
        failed = [r["failed"] for r in reports if "failed" in r]
        if failed:
            words.append(f"{name} failed: {failed[0]}")
            continue
        medians[name] = statistics.median(r["seconds"] for r in reports)
        words.append(f"{name} {medians[name] * 1e3:.2f} ms")
        graph, waits = reports[0].get("graph"), reports[0].get("waits")
        if graph is not None:
            words.append(_of_graph(graph))
        if waits:
            words.append(f"it waits at {', '.join(waits)}")
    if {"nnlearn", "torch"} <= set(medians):
        words.append(f"{medians['nnlearn'] / medians['torch']:.2f} of PyTorch's")
    return f"{network:5} {', '.join(words)}"


def _of_graph(graph):
    if "reason" in graph:
        return f"no graph: {graph['reason']}"
    otherwise = ""
    if graph.get("differs", 0) > 1e-3:
        otherwise = f" (which moves θ otherwise, by {graph['differs']:.1g} of its move)"
    return f"as a graph {graph['seconds'] * 1e3:.2f} ms{otherwise}"


def main():
    """Look, test, time, read; write after every stage; say what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each program and round")
    parser.add_argument("--minutes", type=float, default=8.0, help="for all of it")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results go")
    options = parser.parse_args()
    if why := gpu.trouble():
        sys.exit(f"no GPU can be used: {why}")
    clock = Clock(options.minutes)
    found = measuring.about(ON_GPU, options.rounds)
    found |= {"date": datetime.date.today().isoformat(), "gpu": gpu.described()}
    found["examined"] = {f.name: f.value for f in doctor.examine()}
    found |= {"large": {}, "chapters": {}, "left out": []}

    def save():
        measuring.write(options.out, found)

    save()
    print(found["gpu"])
    found["tests"] = pytest(["-m", "gpu"], clock.left("tests"), {})
    save()
    print("tests:", found["tests"]["ended"])
    networks(found, "networks", options.rounds, options.seconds, clock, save)
    networks(found, "large", 1, options.seconds, clock, save)
    chapters(found, clock, save)
    save()
    for what in found["left out"]:
        print("left out, because the time was over:", what)
    print(f"written: {options.out}")


if __name__ == "__main__":
    main()
