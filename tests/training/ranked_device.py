"""The trainings of `ranked` on the double of a GPU, and what an epoch of each asks of the device.

Started on ranks as ``python ranked_device.py FOLDER``, with the double of CuPy first on the path
and as the backend; each rank writes ``FOLDER/RANK.npz`` and ``FOLDER/RANK.json``.
"""

import json
import sys
from pathlib import Path

import cupy
import numpy as np
import ranked

import nnlearn as nn
from nnlearn.arrays.launching import own_device, started_mpi
from nnlearn.arrays.ranks import Ranks
from nnlearn.training import fit as training
from nnlearn.training.runs import Run

MPI = started_mpi()


def epoch_counts(case):
    """Return what the second epoch of a case asks of the device: the first one sets things up."""
    make, draw, rule, settings = ranked.CASES[case]
    model = make()
    params = model.init(1)
    data = [nn.asarray(a.astype("float32") if a.dtype.kind == "f" else a) for a in draw(101, 0)]
    run = Run(model, params, rule(), 0, Ranks(MPI.COMM_WORLD))
    for _ in range(2):
        with cupy.counted() as counts:
            training._epoch(run, settings["loss"], data, ranked.BATCH, settings.get("clip_norm"))
    return {**counts, "waits": sorted(counts.waits)}


if __name__ == "__main__":
    nn.use_backend("cupy", own_device(MPI.COMM_WORLD))
    path = Path(sys.argv[1]) / str(MPI.COMM_WORLD.rank)
    np.savez(f"{path}.npz", **ranked.all_cases(MPI.COMM_WORLD))
    Path(f"{path}.json").write_text(json.dumps({case: epoch_counts(case) for case in ranked.CASES}))
