"""How a run on another machine is made, and what is read of it: `trust.machines` says which."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
MADE = ROOT / "_build/machines"
LIMIT = 1800  # seconds for a test or a cell: some of these machines are slow
#: asked in the environment itself
FOUND = """
import json, pathlib, platform, matplotlib, numpy, sklearn, threadpoolctl
loaded = map(pathlib.Path, open("/proc/self/maps", encoding="utf-8").read().split())
blas = [b for b in threadpoolctl.threadpool_info() if b["user_api"] == "blas"]
names = "internal_api", "version", "architecture", "num_threads"
print(json.dumps({
    "python": platform.python_version(), "numpy": numpy.__version__,
    "matplotlib": matplotlib.__version__, "scikit-learn": sklearn.__version__,
    "blas": [b.get(name) for b in blas for name in names],  # those that threadpoolctl knows
    "libraries": sorted({"/".join(p.parts[-2:]) for p in loaded if p.match("lib*blas*")}),
    "simd": numpy.show_config(mode="dicts")["SIMD Extensions"].get("found", []),
}))
"""


def interpreter(name, machine, clone):
    """Return the Python of a machine, in an environment that is made if it is not yet there."""
    if not machine.needs_environment:
        return Path(sys.executable)
    folder = MADE / name
    python = folder / "bin/python"
    project = tomllib.loads((clone / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]["test"]
    left_out = r"nnlearn" if machine.torch else r"nnlearn|torch"
    wanted = [text for text in extras if not re.match(left_out, text)]
    wanted += [f"{name}=={version}" for name, version in (machine.versions or {}).items()]
    lines = (clone / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.removesuffix(" \\") for line in lines if re.match(r"\w.*==", line)]  # no hashes
    other = "|".join([left_out, *(machine.versions or {})])
    pins = [] if machine.versions is None else [p for p in pins if not re.match(other, p)]
    made = folder / "made.txt"
    said = "\n".join([*project["dependencies"], *wanted, *machine.libraries, *pins])
    if made.exists() and made.read_text(encoding="utf-8") == said:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([machine.python or sys.executable, "-m", "venv", folder], check=True)
    (folder / "pins.txt").write_text("\n".join(pins), encoding="utf-8")
    pip = [python, "-m", "pip", "install", "--quiet", "-c", folder / "pins.txt"]
    if machine.libraries:
        pairs = zip(("blas", "lapack"), machine.libraries, strict=True)
        options = [f"-Csetup-args=-D{what}={library}" for what, library in pairs]
        subprocess.run([*pip, "--no-binary=numpy", *options, "numpy"], check=True)
    # Not the clone itself, which goes: PYTHONPATH brings it.
    subprocess.run([*pip, f"{clone}[book,mpi]", *wanted], check=True)
    made.write_text(said, encoding="utf-8")
    return python


def surroundings(machine, clone):
    """Return the environment variables of a machine, and make what they point to."""
    set_here = {"PYTHONPATH": str(clone), "NNLEARN_PROGRESS": "0", "OPENBLAS_NUM_THREADS": "1"}
    if locale := machine.environment.get("LC_ALL"):
        language, _, letters = locale.partition(".")
        set_here["LOCPATH"] = str(MADE / "locales")
        os.makedirs(MADE / "locales", exist_ok=True)
        command = ["localedef", "-i", language, "-f", letters, MADE / "locales" / locale]
        subprocess.run(command, check=True)
    if machine.without:
        programs = clone.parent / "bin"
        programs.mkdir()
        for path in [p for place in ("/usr/sbin", "/usr/bin") for p in Path(place).iterdir()]:
            if path.name not in machine.without and not (programs / path.name).is_symlink():
                (programs / path.name).symlink_to(path)
        set_here["PATH"] = str(programs)
    return os.environ | set_here | machine.environment


def command_of(part, machine, clone):
    """Return pytest's options for the chapters or for the tests."""
    limit = f"--timeout={LIMIT}"
    if part == "chapters":
        options = ["--nbval", "--nbval-current-env", f"--nbval-cell-timeout={LIMIT}", limit]
        return [*options, *(str(p) for p in sorted((clone / "book").glob("[0-9]*.ipynb")))]
    asks = re.compile(r"torch|witnesses|\bspace\b|\bbackend\b")
    files = [] if machine.torch else sorted((clone / "tests").rglob("test_*.py"))
    ignored = [f"--ignore={p}" for p in files if asks.search(p.read_text(encoding="utf-8"))]
    if machine.needs_environment:  # its environment is not the one that is locked
        ignored.append(f"--ignore={clone / 'tests/test_supply.py'}")
    if "OPENBLAS_CORETYPE" in machine.environment:  # no page depends on the processor
        ignored.append(f"--ignore={clone / 'tests/book'}")
    return ["--no-loadscope-reorder", limit, *ignored]


def play(name, machine, parts, tests=()):
    """Run the chapters, the tests, or both on a machine; return what came of it.

    Of the tests only some, where these are told by their names in pytest.
    """
    with tempfile.TemporaryDirectory(prefix="a folder with späces ") as folder:
        clone = Path(folder) / "a clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        python = interpreter(name, machine, clone)
        environment = surroundings(machine, clone)
        ask = [python, "-c", FOUND]
        run = {"env": environment, "cwd": clone, "umask": machine.umask}
        found = json.loads(subprocess.run(ask, check=True, capture_output=True, **run).stdout)
        simd = [s for s in found["simd"] if machine.wider and re.search(machine.wider, s)]
        environment["NPY_DISABLE_CPU_FEATURES"] = " ".join(simd)
        found["simd"] = [s for s in found["simd"] if s not in simd]
        # two processes of two threads each would wait for one another on two cores
        workers = 2 // int(environment["OPENBLAS_NUM_THREADS"])
        for part in parts:
            report, start = Path(folder) / f"{part}.xml", time.monotonic()
            command = [*machine.before, python, "-m", "pytest", "-n", str(workers), "-q"]
            command += ["--dist", "loadscope", "-p", "no:cacheprovider", f"--junitxml={report}"]
            subprocess.run([*command, *command_of(part, machine, clone), *tests], **run)
            found[part] = counted(report) | {"seconds": round(time.monotonic() - start)}
    return found


def counted(report):
    """Read pytest's report: how many tests passed, were skipped; which failed, and why."""
    suite = ElementTree.parse(report).getroot().find("testsuite")
    failed = [
        f"{case.get('classname')}::{case.get('name')}: {wrong.get('message')}".splitlines()[0]
        for case in suite.iter("testcase")
        for wrong in [*case.iter("failure"), *case.iter("error")][:1]
    ]
    skipped = int(suite.get("skipped"))
    passed = int(suite.get("tests")) - skipped - len(failed)
    return {"passed": passed, "skipped": skipped, "failed": failed}
