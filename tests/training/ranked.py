"""Trainings for `test_ranks`: of everything that does not split over ranks by itself.

Started on any number of ranks as ``python ranked.py FOLDER``; each rank writes what it ended with
to ``FOLDER/RANK.npz``. Of 101 examples in batches of 33 the last batch has two: of four ranks two
then have no example.
"""

import sys
from pathlib import Path

import numpy as np

import nnlearn as nn
from nnlearn.arrays.launching import started_mpi

DTYPES = ("float64", "float32")
BATCH, EPOCHS = 33, 8
#: of seven validation examples four ranks have one or two each
SEEN = 7

#: of the largest number of each array: what 32 steps leave of rounding
TOLERANCES = {"float64": 1e-12, "float32": 1e-5}


def tolerance(name):
    """Return how far an array may be off.

    Measured on two and four ranks: in float64 2e-13 at most, in float32 2e-6. Adam's moments are of
    gradients whose terms cancel: in float32 they were off by 1.5e-5 with BLIS, whose products round
    otherwise for each number of rows, and by more than 1e-5 without wide vectors.
    """
    moments = "float32 mean", "float32 square"
    return 5e-5 if name.endswith(moments) else TOLERANCES[name.split()[1]]


def pictures(count, seed):
    """Return pictures with a bright column, and which of three parts it stands in."""
    rng = np.random.default_rng(seed)
    x, column = rng.normal(size=(count, 8, 8, 1)), rng.integers(0, 8, count)
    x[np.arange(count), :, column] += 2
    return x, column * 3 // 8


def sequences(count, seed):
    """Return sequences, and what the first number and the last add up to."""
    x = np.random.default_rng(seed).normal(size=(count, 7, 2))
    return x, x[:, 0, :1] + x[:, -1, :1]


def mlp():
    # normalized after ReLU: before it the bias of Dense would have no effect, and Adam would blow
    # up the rounding errors that are all of its gradient
    return nn.Sequential(
        *(nn.Flatten(), nn.Dense(64, 16), nn.ReLU(), nn.BatchNorm(16), nn.Dropout(0.3)),
        *(nn.Dense(16, 8), nn.LayerNorm(8), nn.Tanh(), nn.Dense(8, 3)),
    )


def plain():
    return nn.Sequential(
        *(nn.Flatten(), nn.Dense(64, 16), nn.ReLU(), nn.BatchNorm(16), nn.Dense(16, 3)),
    )


def cnn():
    return nn.Sequential(
        *(nn.Conv2D(1, 4, 3), nn.BatchNorm(4), nn.ReLU(), nn.MaxPool2D(2), nn.Dropout(0.2)),
        *(nn.Conv2D(4, 6, 3), nn.BatchNorm(6), nn.ReLU(), nn.Flatten(), nn.Dense(6, 3)),
    )


def lstm():
    return nn.Sequential(
        *(nn.TimeFirst(), nn.LSTM(2, 8), nn.BatchNorm(8), nn.Dropout(0.2)),
        *(nn.LSTM(8, 6, last=True, learned_state=True), nn.Dense(6, 1)),
    )


CLASSES = {"loss": nn.softmax_cross_entropy, "metrics": {"accuracy": nn.accuracy}}
#: by name the model, its data, the optimizer, and other settings of `fit`
CASES = {
    "mlp": (mlp, pictures, lambda: nn.Adam(0.05), CLASSES | {"clip_norm": 0.5, "patience": 2}),
    "plain": (plain, pictures, lambda: nn.Adam(0.01), CLASSES | {"clip_norm": 0.2}),
    "cnn": (cnn, pictures, lambda: nn.SGD(0.01, momentum=0.9), CLASSES),
    "lstm": (lstm, sequences, lambda: nn.Adam(0.01), {"loss": nn.mean_squared_error}),
}


def train(case, ranks=None, dtype="float64", epochs=EPOCHS, array=nn.asarray, **more):
    """Train one of the cases; return the history, and everything that changed, as arrays."""
    make, draw, rule, settings = CASES[case]
    model, optimizer = make(), rule()
    params = model.init(seed=1, dtype=dtype)
    data, validation = (
        tuple(array(a.astype(dtype) if a.dtype.kind == "f" else a) for a in draw(count, seed))
        for count, seed in ((101, 0), (SEEN, 1))
    )
    settings = {"batch_size": BATCH, "seed": 3, "validation": validation} | settings | more
    loss = settings.pop("loss")
    history = nn.fit(
        model, params, loss, data, optimizer, epochs, ranks=ranks, progress=False, **settings
    )
    arrays = {"theta": params.vector, **optimizer.memory}
    if params.state is not None:
        arrays["state"] = params.state.vector
    return {name: nn.to_numpy(a) for name, a in arrays.items()} | {
        name: np.array(values) for name, values in history.items()
    }


def all_cases(ranks=None, **settings):
    """Train all cases in both precisions; return all results by ``case dtype name``."""
    return {
        f"{case} {dtype} {name}": value
        for case in CASES
        for dtype in DTYPES
        for name, value in train(case, ranks, dtype, **settings).items()
    }


if __name__ == "__main__":
    MPI = started_mpi()
    ended = all_cases(MPI.COMM_WORLD)
    np.savez(Path(sys.argv[1]) / f"{MPI.COMM_WORLD.rank}.npz", **ended)
