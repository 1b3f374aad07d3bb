"""Break the package on purpose, everywhere, and count what the tests notice: `make mutants`.

    python -m trust.mutants                          all of nnlearn but its exercises and pages
    python -m trust.mutants 'nnlearn.layers.*'       some modules
    python -m trust.mutants --sample 40 --seed 7     as many, drawn at random
    python -m trust.mutants --sample 40 --room any   of one folder, judged by its own tests

What survives is either listed in `equivalent.toml`, with the reason why it changes nothing that
anyone could see, or it is a fault that the tests would not notice.
"""

import argparse
import ast
import datetime
import fnmatch
import json
import os
import random
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from tqdm import tqdm

from nnlearn.files import write_atomically

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).parent
DOUBLE = ROOT / "tests" / "doubles"  # of a GPU: its tests judge as well
sys.path.insert(0, str(ROOT / "tests"))
from mutate import broken, everywhere  # noqa: E402
from paths import newest  # noqa: E402

from trust.judging import Judge  # noqa: E402

#: what is only on pages, and what is checked by exercises of its own
LEFT_OUT = ("exercises", "book")
#: tests that read pages, drive browsers or start other processes see no fault in this one
_FOLDERS = ("arrays", "automatic", "chapters", "data", "layers", "operations", "training")
JUDGES = [*(f"tests/{name}" for name in _FOLDERS)]
JUDGES += sorted(f"tests/{path.name}" for path in ROOT.glob("tests/test_*.py"))
ROOMS = ("arrays", "automatic", "data", "layers", "operations", "training")
_NO_JUDGES = ("benchmarks", "benchmarks_ranks", "executed", "imports", "machines", "mutation")
_NO_JUDGES += ("skips", "supply", "tally", "trust")
NO_JUDGES = [f"tests/test_{name}.py" for name in _NO_JUDGES]
NO_JUDGES += ["tests/training/test_ranks_faults.py", "tests/training/test_ranks_device.py"]


@dataclass
class Mutant:
    """A fault that can be put into a module: the `i`-th of those that it has."""

    module: str
    file: str
    line: int
    what: str
    i: int

    @property
    def name(self):
        """What tells it from others of the same text, for a file of fates."""
        return f"{self.module}:{self.line}:{self.i}: {self.what}"

    @property
    def tree(self):
        """The module with the fault in it."""
        return broken(ast.parse(Path(self.file).read_text(encoding="utf-8")), self.i)

    @property
    def key(self):
        """What tells it from others, also when lines have moved."""
        text = Path(self.file).read_text(encoding="utf-8").splitlines()[self.line - 1].strip()
        return self.module, text, self.what


def candidates(patterns):
    """Give every mutant of the modules that match."""
    for path in sorted((ROOT / "nnlearn").rglob("*.py")):
        names = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(names).removesuffix(".__init__")
        if any(part in LEFT_OUT for part in names):
            continue
        if not patterns or any(fnmatch.fnmatch(module, pattern) for pattern in patterns):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for i, (line, what) in enumerate(everywhere(tree)):
                yield Mutant(module, str(path), line, what, i)


def reasons():
    """Read which survivors change nothing that anyone could see, and why."""
    told = tomllib.loads((HERE / "equivalent.toml").read_text(encoding="utf-8"))
    return {
        (m["module"], m["line"], what): why["why"]
        for why in told["because"]
        for m in why["mutants"]
        for what in m["what"]
    }


def options():
    parser = argparse.ArgumentParser(prog="python -m trust.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="names, with * for any part")
    parser.add_argument("--sample", type=int, help="draw as many mutants at random")
    parser.add_argument("--seed", type=int, help="of the drawing; otherwise the day's number")
    parser.add_argument("--room", choices=[*ROOMS, "any"], help="a folder; any: drawn as well")
    parser.add_argument("--patience", type=float, default=10.0, help="seconds of tests a mutant")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--tests", nargs="+", metavar="TEST", help="who judges, in place of all")
    parser.add_argument("--at-least", type=float, default=95.0, help="the score to reach, in %%")
    parser.add_argument("--fates", type=Path, default=ROOT / "_build/mutants/fates.json")
    parser.add_argument("--again", action="store_true", help="only those that survived before")
    parser.add_argument(
        "--go-on",
        action="store_true",
        help="an interrupted run, if nnlearn is still as it was then",
    )
    return parser.parse_args()


def main():
    """Judge, say what survived, and fail where the score is too low."""
    args = options()
    if args.seed is None:
        args.seed = datetime.date.today().toordinal()
    if args.room:
        room = ROOMS[args.seed % len(ROOMS)] if args.room == "any" else args.room
        args.modules, args.tests = [f"nnlearn.{room}.*"], [f"tests/{room}"]
    args.fates.parent.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(DOUBLE))
    paths = [str(DOUBLE), os.environ.get("PYTHONPATH")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    chosen = list(candidates(args.modules))
    fates = json.loads(args.fates.read_text()) if args.fates.exists() else {}
    # a fate is that of a line by its number: where nnlearn has changed, of another one
    known = fates if fates and args.fates.stat().st_mtime > newest([ROOT / "nnlearn"]) else {}
    if args.again:
        chosen = [m for m in chosen if fates.get(m.name) in ("survived", "not reached")]
    if args.sample and args.sample < len(chosen):
        chosen = random.Random(args.seed).sample(chosen, args.sample)
        print(f"{args.sample} mutants of {' '.join(args.modules)}, drawn with seed {args.seed}")

    asked = [m for m in chosen if m.name not in known] if args.go_on else chosen
    bar = tqdm(total=len(asked), mininterval=5)

    def told(mutant, verdict):
        fates[mutant.name] = verdict.fate
        bar.update()
        if bar.n % 100 == 0:
            write_atomically(args.fates, json.dumps(fates, indent=0, ensure_ascii=False))

    judge = Judge(asked, ROOT, args.fates.with_name("reach.json"), args.patience, args.jobs, told)
    tests = args.tests or [test for test in JUDGES if test not in NO_JUDGES]
    left_out = [f"--ignore={test}" for test in NO_JUDGES]
    pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *left_out, *tests], [judge])
    write_atomically(args.fates, json.dumps(fates, indent=0, ensure_ascii=False))
    score, counts, survivors = report(chosen, fates)
    if not (args.modules or args.sample or args.again):  # the whole package was asked for
        found = {"date": datetime.date.today().isoformat(), "score": round(score, 1), **counts}
        found["survivors"] = [text for text in survivors if not text.startswith("not judged")]
        text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        write_atomically(Path(__file__).with_suffix(".json"), text)
    print(json.dumps(counts))
    return score < args.at_least


def report(chosen, fates):
    """Print each survivor without a reason, and the score; return score, counts and survivors."""
    why = reasons()
    counts, survivors = Counter(), []
    for mutant in chosen:
        fate = fates.get(mutant.name, "not judged")
        if fate != "killed" and mutant.key in why:
            fate = "equivalent"
        elif fate != "killed":
            survivors.append(f"{fate}: {mutant.module}:{mutant.line}: {mutant.what}")
        counts[fate] += 1
    judged = len(chosen) - counts["equivalent"] - counts["not judged"]
    score = 100 * counts["killed"] / max(judged, 1)
    print("\n".join(survivors))
    print(f"{counts['killed']:,} of {judged:,} mutants killed: {score:.1f} %")
    return (
        score,
        {"mutants": len(chosen), **{f"mutants {k}": n for k, n in counts.items()}},
        survivors,
    )


if __name__ == "__main__":
    sys.exit(main())
