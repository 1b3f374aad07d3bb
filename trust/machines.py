"""All tests and all chapters on other machines, as far as this one (a Linux) can play them.

    python -m trust.machines                     every machine of the table
    python -m trust.machines haswell bare        some of them
    python -m trust.machines --list              the table, and what is missing here
    python -m trust.machines haswell --only chapters
    python -m trust.machines haswell --again     the tests that failed there, after mending

Each run takes a clone of what is committed, in a folder whose name has spaces and letters beyond
ASCII, and adds its result to `machines.json`; the results of other machines stay. An environment
that a machine needs is made once, in `_build/machines/`.
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from nnlearn.files import write_atomically
from trust.playing import MADE, play

RESULTS = Path(__file__).with_suffix(".json")
PARTS = ("chapters", "tests")
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0  # Windows has no such question
#: no network but the machine's own, over which a notebook talks to its kernel
NO_NETWORK = ("unshare", "--net", *(() if IS_ROOT else ("--map-root-user",)))
NO_NETWORK += ("sh", "-c", 'ip link set lo up && exec "$@"', "sh")


@dataclass(frozen=True)
class Machine:
    """A machine that this one can play.

    Parameters
    ----------
    why : str
        What may break there.
    environment : dict
        Variables to set.
    python : str
        The name of a Python that gets an environment of its own; empty for the one that runs this.
    versions : dict or None
        Versions other than the pinned ones; None for the newest of everything.
    libraries : tuple of str
        The BLAS and the LAPACK with which NumPy is built from its source; empty for its wheel.
    wider : str
        A pattern of vector instructions that NumPy's loops are to leave alone, in NumPy's names.
    before : tuple of str
        A command that runs the command.
    without : tuple of str
        Programs that are not on the path.
    umask : int
        What a new file's permissions lack.
    torch : bool
        Whether to install PyTorch. Without it the tests that ask it are left out.
    """

    why: str
    environment: dict[str, str] = field(default_factory=dict)
    python: str = ""
    versions: dict[str, str] | None = field(default_factory=dict)
    libraries: tuple[str, ...] = ()
    wider: str = ""
    before: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    umask: int = 0o022
    torch: bool = True

    @property
    def needs_environment(self):
        """Whether the environment that runs this does not do."""
        return bool(self.python or self.versions is None or self.versions or self.libraries)


OLDEST = {"numpy": "2.1.*", "matplotlib": "3.9.*", "scikit-learn": "1.5.*"}
MACHINES = {
    "haswell": Machine(
        "an Intel processor of 2013: AVX2, and with it another exp and another tanh",
        {"OPENBLAS_CORETYPE": "Haswell"}, wider="AVX512|V4",
    ),
    "zen": Machine(
        "an AMD processor (for OpenBLAS it is a Haswell), two threads: products are cut elsewhere",
        {"OPENBLAS_CORETYPE": "Zen", "OPENBLAS_NUM_THREADS": "2"}, wider="AVX512|V4",
    ),
    "skylakex": Machine(
        "an Intel server, two threads",
        {"OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "2"},
    ),
    "prescott": Machine(
        "an Intel processor of 2004: no vectors wider than SSE",
        {"OPENBLAS_CORETYPE": "Prescott"}, wider=".",
    ),
    "abroad": Machine(
        "i and I are no pair, a number has a comma, the time is three quarters of an hour off, "
        "nobody else may read a new file",
        {"LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Chatham"}, umask=0o077,
    ),
    "bare": Machine(
        "no home (Matplotlib and CuPy are told where to write, as they then ask), no network, "
        "neither a browser nor Node on the path",
        {
            "HOME": "/dev/null/nobody",
            "MPLCONFIGDIR": str(MADE / "matplotlib"), "CUPY_CACHE_DIR": str(MADE / "cupy"),
        },
        before=NO_NETWORK,
        without=("chromium", "chromium-browser", "google-chrome", "node"),
    ),
    "oldest": Machine("the oldest NumPy, Matplotlib and scikit-learn allowed", versions=OLDEST),
    "newest": Machine("the newest of everything allowed", versions=None),
    "python3.12": Machine("another Python", python="python3.12", torch=False),
    "python3.13": Machine("another Python", python="python3.13", torch=False),
    "python3.14": Machine("another Python", python="python3.14", torch=False),
    "system-blas": Machine(
        "NumPy built from its source, with the BLAS that the system has",
        libraries=("blas", "lapack"),
    ),
}  # fmt: skip


def missing(machine):
    """Say what this machine lacks to play another; nothing if it can."""
    flags = set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text(encoding="utf-8")))
    needed = {"Haswell": "avx2", "Zen": "avx2", "SkylakeX": "avx512f"}
    kernel = needed.get(machine.environment.get("OPENBLAS_CORETYPE", ""))
    if kernel and kernel not in flags:
        return f"this processor has no {kernel}"
    asked = [[machine.python or sys.executable, "-c", ""]]
    asked += [[*machine.before, "true"]] if machine.before else []
    asked += [["localedef", "--version"]] if "LC_ALL" in machine.environment else []
    asked += [["pkg-config", "--exists", *machine.libraries]] if machine.libraries else []
    lacking = [" ".join(command) for command in asked if not _runs(command)]
    return f"it does not run: {', '.join(lacking)}" if lacking else ""


def _runs(command):
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def main(arguments=None):
    """Play machines, and add what came of it to `machines.json`; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m trust.machines", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MACHINES))
    parser.add_argument("--only", choices=PARTS, help="the chapters or the tests alone")
    parser.add_argument("--again", action="store_true", help="only the tests that failed before")
    parser.add_argument("--list", action="store_true", help="run nothing")
    args = parser.parse_args(arguments)
    if unknown := set(args.names) - set(MACHINES):
        parser.error(f"there is no machine {', '.join(sorted(unknown))}")
    failed = False
    for name in args.names or MACHINES:
        machine = MACHINES[name]
        lack = missing(machine)
        print(f"{name:12} {machine.why}{f' (not run: {lack})' if lack else ''}", flush=True)
        wrong = stored().get(name, {}).get("tests", {}).get("failed", [])
        if args.list or (args.again and (lack or not wrong)):
            continue
        result = {"why": machine.why, "date": datetime.date.today().isoformat()}
        parts = [] if lack else [args.only] if args.only else PARTS
        if args.again:
            parts, result = ["tests"], {"tests": played_again(name, machine, wrong)}
        else:
            result |= play(name, machine, parts) if parts else {"not run": lack}
        failed |= any(result[part]["failed"] for part in parts)
        results = stored()
        before = results.get(name, {})
        kept = before if args.again else PARTS
        results[name] = {part: before[part] for part in kept if part in before} | result
        write_atomically(RESULTS, json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    if not args.list:
        print(json.dumps(counts()))
    return int(failed)


def played_again(name, machine, wrong):
    """Run the tests that failed on a machine; count what passes now among what has passed.

    Raises
    ------
    RuntimeError
        If as many as failed cannot be run.
    """
    run = stored()[name]["tests"]
    tests = [
        re.sub(r"^([\w.]+)::(\w+(?:\[.*?\])?): .*$", _as_asked_for, text, flags=re.S)
        for text in wrong
    ]
    found = play(name, machine, ["tests"], tests)["tests"]
    ran = found["passed"] + len(found["failed"])
    if ran != len(wrong):
        raise RuntimeError(f"{name}: {len(wrong)} tests failed, and {ran} could be run again")
    sums = {key: run[key] + found[key] for key in ("passed", "seconds")}
    mended = run.get("mended", 0) + found["passed"]
    return run | sums | {"failed": found["failed"], "mended": mended}


def _as_asked_for(told):
    """Turn a test's name in a report into the one by which pytest is asked for it."""
    return f"{told[1].replace('.', '/')}.py::{told[2]}"


def stored():
    """Return what came of each machine when it was played last."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def table():
    """Write that as a table in Markdown."""
    rows = ["| machine | what may break there | cells of the chapters | tests | date |"]
    rows += ["| --- | --- | --- | --- | --- |"]
    for name, result in stored().items():
        said = [_of_all(result[part]) if part in result else "" for part in PARTS]
        if "not run" in result:
            said[0] = result["not run"]
        rows.append(f"| {' | '.join([name, result['why'], *said, result['date']])} |")
    return "\n".join(rows)


def _of_all(run):
    """Say how many passed of those that ran; which did not is in the file."""
    mended = f" ({run['mended']} after mending)" if run.get("mended") else ""
    return f"{run['passed']:,} of {run['passed'] + len(run['failed']):,}{mended}"


def counts():
    """Count the machines that were played, and what passed and failed on them."""
    results = stored()
    runs = [result[part] for result in results.values() for part in PARTS if part in result]
    return {
        "machines": sum(any(part in result for part in PARTS) for result in results.values()),
        "machines not to be had": sum("not run" in result for result in results.values()),
        "cells and tests passed": sum(run["passed"] for run in runs),
        "failed": sum(len(run["failed"]) for run in runs),
    }


if __name__ == "__main__":
    sys.exit(main())
