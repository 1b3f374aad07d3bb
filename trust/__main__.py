"""How far the course can be relied on, in one table: ``make trust``.

    python -m trust                      everything; hours on two cores
    python -m trust faults supply        some parts
    python -m trust --table              the table again, from what is stored

Each part counts what it tried, and fails when something was wrong. What a run found is stored in
`trust/results.json` with its date, its versions and how long it took; the other parts stay.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from nnlearn.files import write_atomically
from trust import machines

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "_build/trust"
RESULTS = Path(__file__).with_name("results.json")
TABLE = Path(__file__).with_name("README.md")
#: parts that are tests: with NNLEARN_TRUST they try many more cases than in `make test`
TESTS = {
    "generated": ["tests/operations", "tests/layers", "tests/arrays", "tests/automatic"],
    "faults": ["tests/training", "tests/layers/test_saving.py", "tests/test_files.py"],
    "exercises": ["tests/exercises"],
}
#: parts that are programs: each prints its counts as JSON on its last line
PROGRAMS = {
    "mutants": ["trust.mutants"],
    "machines": ["trust.machines"],
    "supply": ["trust.supply"],
}
WHAT = {
    "generated": "operations and layers, arguments drawn at random",
    "faults": "training interrupted, files damaged, disks full",
    "exercises": "readers with bad luck or bad ideas",
    "mutants": "the package broken on purpose",
    "machines": "other Pythons, libraries, processors, surroundings",
    "supply": "what is installed, and what is built to be installed",
}


def run_tests(part):
    """Run a part's tests with all their cases; return what they counted."""
    file = BUILT / f"{part}.json"
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadscope"]
    result = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--timeout=1800", "--tally", file, *TESTS[part]],
        cwd=ROOT,
        env=os.environ | {"NNLEARN_TRUST": "1"},
    )
    counts = json.loads(file.read_text()) if file.exists() else {}
    return result.returncode, {kind: n for kind, n in counts.items() if n}


def run_program(part):
    """Run a part's program; return what its last line says."""
    command = [sys.executable, "-m", *PROGRAMS[part]]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    print(result.stdout)
    lines = result.stdout.strip().splitlines()
    try:
        return result.returncode, json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError):
        return result.returncode or 1, {}


def versions():
    """Say on what this was found."""
    names = ("numpy", "scipy", "torch", "matplotlib", "scikit-learn", "hypothesis", "pytest")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def measure(part):
    """Run one part, store what it found, and return its exit status."""
    start = time.monotonic()
    status, counts = (run_tests if part in TESTS else run_program)(part)
    results = stored()
    results[part] = {
        "date": datetime.date.today().isoformat(),
        "minutes": round((time.monotonic() - start) / 60, 1),
        "passed": status == 0,
        "counts": counts,
        "versions": versions(),
    }
    write_atomically(RESULTS, json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return status


def stored():
    """Return what the last runs have found, by part."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def table(results):
    """Write the results as a table in Markdown, and below it what is noted of a row."""
    rows = ["| part | what it tries | found | minutes | date |", "| --- | --- | --- | --- | --- |"]
    for part, found in results.items():
        said = ", ".join(f"{n:,} {kind}" for kind, n in found["counts"].items())
        said += "" if found["passed"] else " **and something failed**"
        cells = part, WHAT[part], said, f"{found['minutes']}", found["date"]
        rows.append(f"| {' | '.join(cells)} |")
    if not results:
        return "\n".join(rows) + "\n"
    newest = max(results.values(), key=lambda found: found["date"])["versions"]
    took = sum(found["minutes"] for found in results.values()) / 60
    said = f"The rows took {took:.1f} hours in all, on "
    said += ", ".join(f"{k} {v}" for k, v in newest.items()) + "."
    notes = [f"{part}: {found['note']}" for part, found in results.items() if "note" in found]
    played = [machines.table()] if "machines" in results else []
    return "\n".join(rows) + "\n\n" + "\n\n".join([said, *notes, *played]) + "\n"


def main():
    """Run the parts that were asked for, store and print the table."""
    parts = [*TESTS, *PROGRAMS]
    parser = argparse.ArgumentParser(prog="python -m trust", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}")
    parser.add_argument("--table", action="store_true", help="only write the table again")
    options = parser.parse_args()
    for part in options.parts:
        if part not in parts:
            parser.error(f"no part {part!r}; there are {', '.join(parts)}")
    BUILT.mkdir(parents=True, exist_ok=True)
    chosen = [] if options.table else options.parts or parts
    statuses = [measure(part) for part in chosen]
    text = table(stored())
    before, _, _ = TABLE.read_text(encoding="utf-8").partition("| part |")
    write_atomically(TABLE, before + text)
    print(text)
    return any(statuses)


if __name__ == "__main__":
    sys.exit(main())
