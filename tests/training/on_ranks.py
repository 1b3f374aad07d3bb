"""Running a script on several ranks, as ``mpiexec`` does, and stopping them all in the end."""

import os
import subprocess
import sys
from pathlib import Path

from paths import ROOT

HERE = Path(__file__).parent
#: beside the Python of the environment, where the package mpich puts it; else any on the path
_BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(_BESIDE) if _BESIDE.exists() else "mpiexec"


def command(ranks, *program):
    """Return the command that starts Python with a program on so many ranks."""
    return [MPIEXEC, "-n", str(ranks), sys.executable, *map(str, program)]


def environment(**more):
    """Return an environment of one thread of BLAS for each rank, and no progress bar.

    Ranks that wait let others have the core: MPICH's would spin, and where there are more of them
    than cores each message then takes milliseconds.
    """
    known = {"OPENBLAS_NUM_THREADS": "1", "NNLEARN_PROGRESS": "0"}
    known["MPIR_CVAR_ENABLE_HEAVY_YIELD"] = "1"
    return os.environ | known | {name: str(value) for name, value in more.items()}


def run(ranks, *program, limit=120, **more):
    """Run a program on so many ranks; return what came of it, whatever that is."""
    return subprocess.run(
        command(ranks, *program),
        env=environment(**more),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
