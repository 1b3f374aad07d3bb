"""Ask the tests about mutants: a plugin that takes over pytest's loop once the tests are collected.

First every test runs once, watched: how long it takes, and which lines it reaches. Then each mutant
gets a process of its own, a fork of the one that has collected, in which those tests that reach its
line run, the likeliest first, until one fails or the patience for this mutant is used up.
"""

import gc
import json
import os
import resource
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import coverage
import pytest
from paths import newest

from nnlearn.files import write_atomically
from trust.applying import codes, import_broken, living, pairs, remembering, swap

IMPORT = "import"
#: tests that start other processes: of modules in which nobody sees what lines these reach
PROCESSES = {
    "tests/arrays/test_cupy_double.py::test_an_epoch_of_training_waits_once": ("fit",),
    "tests/training/test_fit.py::test_a_lambda_has_the_same_name_in_every_process": ("learners",),
    "tests/arrays/test_fused.py": ("fused", "few_kernels", "few_kernels_recurrent", "optimizers"),
    "tests/arrays/test_memory.py": ("memory",),
    "tests/training/test_hostile_files.py": ("archives", "checkpoints", "saving"),
    "tests/training/test_recovery.py": ("archives", "checkpoints", "files", "locks", "recovery"),
    "tests/training/test_ranks.py": (
        "divergence",
        "launching",
        "processes",
        "ranks",
        "runs",
        "train",
    ),
    "tests/test_train.py": ("launching", "networks", "train"),
    "tests/test_locks.py": ("locks",),
    "tests/test_doctor.py": ("doctor", "gpu"),
}
#: modules whose tests have the name of another one
PART_OF = {
    "games": ("adversarial",),
    "launching": ("launching", "train"),
    "learners": ("fit", "adversarial"),
    "networks": ("train",),
    "runs": ("fit", "recovery"),
}
PATIENCE = 20  # seconds, with these
MEMORY = 6 * 2**30  # bytes that a broken test may ask for beyond what it has when it begins


@dataclass
class Verdict:
    """What the tests said of a mutant: killed, survived or not reached, and after how long."""

    fate: str
    seconds: float = 0.0
    by: str = ""


def _quiet():
    """In a child: a process group of its own, its output nowhere, no more memory than is due."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))


def _fork(work):
    """Run `work()` in a child, and end it with the number that it returns."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        _quiet()
        status = work()
    finally:
        os._exit(status)


def _is_own(test, stem):
    """Whether a test stands in a file that is named after a module, or after what it is part of."""
    file = test.partition("::")[0]
    return any(f"/test_{name}" in file for name in PART_OF.get(stem, (stem,)))


def _compiled(mutant):
    """Give a module's code, and that of the mutant."""
    text = Path(mutant.file).read_text(encoding="utf-8")
    return compile(text, mutant.file, "exec"), compile(mutant.tree, mutant.file, "exec")


def _outside_functions(mutant):
    """Whether the code of no function differs."""
    right, broken = map(codes, _compiled(mutant))
    return right == broken


class Judge:
    """The plugin: `mutants` are judged by all tests that were collected."""

    def __init__(self, mutants, root, reach, patience, jobs, told):
        self.mutants, self.root, self.reach_file = mutants, Path(root), Path(reach)
        self.patience, self.jobs, self.told = patience, jobs, told
        self.reports = []

    def pytest_runtest_logreport(self, report):
        self.reports.append(report)

    def _ask(self, item, after):
        """Run one test as pytest does, warnings being errors; return its reports."""
        self.reports = []
        item.ihook.pytest_runtest_protocol(item=item, nextitem=after)
        return self.reports

    def pytest_runtestloop(self, session):
        if session.testsfailed:
            raise session.Interrupted("some tests cannot be collected, so they cannot judge")
        # else each child would tell of its tests, in the middle of the bar
        session.config.pluginmanager.unregister(name="terminalreporter")
        self.items = {item.nodeid: item for item in session.items}
        self.files = {str(mutant.file) for mutant in self.mutants}
        self.functions, self.caches = living(self.files), remembering()
        reach = self._known() or self._watch()
        self.seconds, self.lines = reach["seconds"], reach["lines"]
        self._judge_all()
        return True

    # --- which test reaches which line ---------------------------------------------------------

    def _known(self):
        """Return what an earlier run has seen, if nothing has changed since."""
        if not self.reach_file.exists():
            return None
        sources = newest([self.root / "nnlearn", self.root / "tests"])
        reach = json.loads(self.reach_file.read_text())
        current = self.reach_file.stat().st_mtime > sources
        return reach if current and reach["tests"] == list(self.items) else None

    def _watch(self):
        """Run every test once, in as many processes as jobs, and write what each reaches."""
        names = list(self.items)
        parts = [names[k :: self.jobs] for k in range(self.jobs)]
        files = [self.reach_file.with_suffix(f".{k}.json") for k in range(self.jobs)]
        children = [
            _fork(lambda n=n, f=f: self._watched(n, f)) for n, f in zip(parts, files, strict=True)
        ]
        for child in children:
            if os.waitpid(child, 0)[1]:
                raise RuntimeError("the tests could not be watched")
        seconds, lines = {}, {}
        for file in files:
            part = json.loads(file.read_text())
            seconds |= part["seconds"]
            for path, at in part["lines"].items():
                for line, contexts in at.items():
                    lines.setdefault(path, {}).setdefault(line, []).extend(contexts)
            file.unlink()
        reach = {"tests": names, "seconds": seconds, "lines": lines}
        write_atomically(self.reach_file, json.dumps(reach))
        return reach

    def _watched(self, names, file):
        watch = coverage.Coverage(source=[str(self.root / "nnlearn")], data_file=None)
        watch.start()
        watch.switch_context(IMPORT)
        self._import_again()
        seconds = {}
        items = [self.items[name] for name in names]
        for item, after in pairs(items):
            watch.switch_context(item.nodeid)
            self._forget_results()
            start = time.perf_counter()
            # what fails or is left out cannot judge
            if all(report.passed for report in self._ask(item, after)):
                seconds[item.nodeid] = time.perf_counter() - start
        watch.stop()
        data = watch.get_data()
        lines = {path: data.contexts_by_lineno(path) for path in data.measured_files()}
        file.write_text(json.dumps({"seconds": seconds, "lines": lines}))
        return 0

    def _forget_results(self):
        """Let functions compute what they remember: else one test alone would reach their lines."""
        for thing in self.caches:
            thing.cache_clear()

    def _import_again(self):
        """Import every module of the package afresh, only to see which lines that runs."""
        kept = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "nnlearn"}
        for name in kept:
            del sys.modules[name]
        for name in sorted(kept):
            __import__(name)
        sys.modules.update(kept)

    # --- the mutants -----------------------------------------------------------------------------

    def judges(self, mutant):
        """Return the tests that reach a mutant's line, the likeliest first, within the patience."""
        reached = self.lines.get(str(mutant.file), {})
        reaching = set(reached.get(str(mutant.line), ()))
        # of a constant of many lines Python runs the first alone
        at_import = IMPORT in reaching or (not reaching and _outside_functions(mutant))
        stem = Path(mutant.file).stem
        if at_import:  # whatever uses this module at all, if only a constant of it
            reaching = {name for at in reached.values() for name in at}
            reaching |= {name for name in self.seconds if _is_own(name, stem)}
        names = self._likeliest_first(reaching, stem)
        chosen, spent = [], 0.0
        for name in names:
            spent += self.seconds[name]
            if chosen and spent > self.patience:
                break
            chosen.append(name)
        spent = min(spent, self.patience)
        for name in self._in_processes(mutant):
            if name not in chosen and spent + self.seconds[name] <= PATIENCE:
                spent += self.seconds[name]
                chosen.append(name)
        return chosen, at_import, spent

    def _likeliest_first(self, names, stem):
        """Order tests: the quick ones first, those of the module's own file, and of each test one
        case before its second."""
        order, cases = {}, Counter()
        for name in sorted((n for n in names if n in self.seconds), key=self.seconds.get):
            file, _, test = name.partition("::")
            cases[file, test.partition("[")[0]] += 1
            own = 20 if _is_own(name, stem) else 1
            order[name] = self.seconds[name] * cases[file, test.partition("[")[0]] / own
        return sorted(order, key=order.get)

    def _in_processes(self, mutant):
        """Return the tests that may run a module in other processes, the quickest first."""
        stem = Path(mutant.file).stem
        files = tuple(file for file, modules in PROCESSES.items() if stem in modules)
        found = [name for name in self.seconds if files and name.startswith(files)]
        return sorted(found, key=self.seconds.get)

    def _judge_all(self):
        gc.freeze()  # else each child's first collection would copy all of its memory
        waiting, running = list(reversed(self.mutants)), {}
        while waiting or running:
            while waiting and len(running) < self.jobs:
                mutant = waiting.pop()
                names, at_import, spent = self.judges(mutant)
                if not names:
                    self.told(mutant, Verdict("not reached"))
                    continue
                child = _fork(lambda m=mutant, n=names, a=at_import: self._judged(m, n, a))
                # a broken program may take longer, but not for ever
                running[child] = mutant, time.monotonic(), 20 + 8 * spent
            for child in list(running):
                mutant, start, limit = running[child]
                done, status = os.waitpid(child, os.WNOHANG)
                took = time.monotonic() - start
                if not done and took < limit:
                    continue
                if not done:
                    os.killpg(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                del running[child]
                survived = done and status == 0
                by = "" if survived else "time" if not done else "test" if status == 256 else "end"
                self.told(mutant, Verdict("survived" if survived else "killed", took, by))
            time.sleep(0.002)

    def _judged(self, mutant, names, at_import):
        """In a child: put the fault in, run the tests; 0 if they see nothing."""
        os.environ["NNLEARN_MUTANT"] = f"{mutant.module}|{mutant.file}|{mutant.i}"
        paths = [str(Path(__file__).with_name("elsewhere")), os.environ.get("PYTHONPATH")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        right, broken = _compiled(mutant)
        functions = self.functions[str(mutant.file)]
        if at_import or not codes(broken) or not swap(functions, right, broken):
            import_broken(self.root, mutant.module, broken)
            options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
            return int(pytest.main([*options, *names]) != 0)
        self._forget_results()
        for item, after in pairs([self.items[name] for name in names]):
            if any(report.failed for report in self._ask(item, after)):
                return 1
        return 0
