"""One training on 1, 2 and 4 ranks: how far the parameters end from those of one process.

    python book/studies/ranks_agree.py

runs itself under ``mpiexec`` and writes what came of it to ``ranks_agree.json``, beside this file.
Needs the extra ``mpi``.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the number of threads is set

import nnlearn as nn
from nnlearn.files import write_atomically

RESULTS = Path(__file__).with_suffix(".json")
RANKS = (1, 2, 4)
EXAMPLES, BATCH, EPOCHS = 1050, 100, 5  # the last batch has 50, which four ranks share unequally


def network():
    """Return a network with both things that do not split by themselves."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Dense(784, 32), nn.BatchNorm(32), nn.ReLU(), nn.Dropout(0.2)),
        nn.Dense(32, 10),
    )


def bias():
    """Return where in θ the bias before the batch normalization stands."""
    params = network().init()
    params.vector[...] = 0
    params["1.b"][...] = 1
    return params.vector == 1


def train(ranks=None, dtype="float64"):
    """Train with Adam; return the loss of each epoch, and the parameters."""
    x, y = (a[:EXAMPLES] for a in nn.data.load_mnist()[0])
    model = network()
    params = model.init(0, dtype=dtype)
    data, settings = (x.astype(dtype), y), {"batch_size": BATCH, "progress": False}
    history = nn.fit(
        model, params, nn.softmax_cross_entropy, data, nn.Adam(), EPOCHS, ranks=ranks, **settings
    )
    return history["loss"], params.vector


def one_run():
    """Train on the ranks of this run of ``mpiexec``; rank 0 prints a line of JSON."""
    from mpi4py import MPI

    found = {}
    for dtype in ("float64", "float32"):
        losses, theta = train(MPI.COMM_WORLD, dtype)
        found[dtype] = {"loss": losses, "parameters": theta.astype("float64").tolist()}
    if MPI.COMM_WORLD.rank == 0:
        print(json.dumps(found))


def main():
    """Run on each number of ranks; write losses, and the distances from one rank."""
    runs = {}
    for p in RANKS:
        mpiexec = str(Path(sys.executable).with_name("mpiexec"))
        command = [mpiexec, "-n", str(p), sys.executable, __file__, "--run"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        runs[p] = json.loads(done.stdout.splitlines()[-1])
    result = {"examples": EXAMPLES, "batch": BATCH, "epochs": EPOCHS, "runs": []}
    for dtype in ("float64", "float32"):
        alone = np.array(runs[1][dtype]["parameters"])
        for p in RANKS:
            off = np.array(runs[p][dtype]["parameters"]) - alone
            run = {"dtype": dtype, "ranks": p, "loss": runs[p][dtype]["loss"]}
            run["apart"] = float(np.linalg.norm(off) / np.linalg.norm(alone))
            off[bias()] = 0
            run["without_bias"] = float(np.linalg.norm(off) / np.linalg.norm(alone))
            result["runs"].append(run)
            print(dtype, p, f"{run['apart']:.1e} {run['without_bias']:.1e}")
    write_atomically(RESULTS, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    one_run() if "--run" in sys.argv else main()
