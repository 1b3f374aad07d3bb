"""fit on several ranks with CuPy's arrays: sums go from device to device, here on the double."""

import inspect
import json

import numpy as np
import pytest
import ranked
from on_double import DOUBLES
from on_ranks import run

from nnlearn.arrays.launching import started_mpi

DEVICE = {"PYTHONPATH": DOUBLES, "NNLEARN_BACKEND": "cupy"}
PROGRAM = "tests/training/ranked_device.py"


def on_devices(folder, ranks):
    """Run all trainings; return, for each rank, what it ends with and what an epoch asks for."""
    folder.mkdir()
    done = run(ranks, PROGRAM, folder, **DEVICE)
    assert done.returncode == 0, done.stderr
    paths = [folder / f"{rank}.npz" for rank in range(ranks)]
    counts = [json.loads(path.with_suffix(".json").read_text()) for path in paths]
    return [dict(np.load(path)) for path in paths], counts


@pytest.fixture(scope="module")
def by_ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    return {ranks: on_devices(folder / str(ranks), ranks) for ranks in (1, 2, 4)}


@pytest.mark.parametrize("ranks", [2, 4])
def test_it_is_the_training_of_one_process(ranks, by_ranks):
    """Dropout draws other numbers on a device, so that one process on it is the measure."""
    (alone,), _ = by_ranks[1]
    results, _ = by_ranks[ranks]
    for name, value in alone.items():
        off = np.abs(results[0][name] - value).max()
        assert off <= ranked.tolerance(name) * np.abs(value).max(), name
        for other in results[1:]:
            np.testing.assert_array_equal(other[name], results[0][name], name)


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_without_dropout_it_is_the_training_on_numpy(ranks, by_ranks):
    results, _ = by_ranks[ranks]
    for dtype, bound in (("float64", 1e-12), ("float32", 1e-4)):
        for name, value in ranked.train("plain", dtype=dtype).items():
            off = np.abs(results[0][f"plain {dtype} {name}"] - value).max()
            assert off <= bound * np.abs(value).max(), name


@pytest.mark.parametrize("ranks", [2, 4])
def test_no_step_waits_for_the_device(ranks, by_ranks):
    """As in one process: the one wait of an epoch is for its loss; sums are kernels more."""
    _, (alone,) = by_ranks[1]
    _, counts = by_ranks[ranks]
    for of_rank in counts:
        for case, asked in of_rank.items():
            assert asked["synchronizations"] == alone[case]["synchronizations"] == 1
            assert asked["waits"] == alone[case]["waits"]
            assert asked["kernels"] > alone[case]["kernels"]
            assert asked["uploads"] == alone[case]["uploads"]  # the order of the examples


PART = """
import numpy as np
import nnlearn as nn
from nnlearn.arrays.launching import started_mpi
MPI = started_mpi()
half = MPI.COMM_WORLD.Split(MPI.COMM_WORLD.rank % 2)
model = nn.Dense(3, 1)
data = nn.asarray(np.ones((8, 3))), nn.asarray(np.ones((8, 1)))
try:
    nn.fit(model, model.init(), nn.mean_squared_error, data, nn.SGD(0.1), 1, ranks=half)
except ValueError as error:
    assert "ranks are 2 of 4 processes, expected MPI.COMM_WORLD" in str(error), error
else:
    raise SystemExit("not refused")
"""
NO_NCCL = """
from nnlearn.arrays.launching import started_mpi
started_mpi()  # before CuPy does it, in a Turkish locale in vain
from cupyx import distributed
from nnlearn.arrays.processes import group_of_devices
def none(*args, **kw):
    raise RuntimeError("NCCL is not available")
distributed.init_process_group = none
try:
    group_of_devices(2, 0)
except RuntimeError as error:
    assert "cannot be joined (RuntimeError: NCCL is not available)" in str(error), error
    assert "nvidia-nccl-cu12" in str(error)
else:
    raise SystemExit("not refused")
"""


@pytest.mark.parametrize(("ranks", "program"), [(4, PART), (2, NO_NCCL)])
def test_what_cannot_be_is_told(ranks, program):
    done = run(ranks, "-c", program, **DEVICE)
    assert done.returncode == 0, done.stderr


@pytest.mark.filterwarnings("ignore")  # CuPy says that it finds no CUDA
def test_the_double_has_nothing_that_cupy_lacks():
    """The same arguments; and what the double leaves open, CuPy has too."""
    started_mpi()  # before CuPy does it, in a Turkish locale in vain
    from cupyx import distributed
    from cupyx.distributed import NCCLBackend

    assert str(DOUBLES) not in distributed.__file__, "this is to be compared with the real one"
    text = """
import inspect, json
from nnlearn.arrays.launching import started_mpi
started_mpi()
from cupyx import distributed
functions = {"group": distributed.init_process_group, "sum": distributed.NCCLBackend.all_reduce}
print(json.dumps({name: str(inspect.signature(f)) for name, f in functions.items()}))
"""
    done = run(1, "-c", text, **DEVICE)
    assert json.loads(done.stdout) == {
        "group": str(inspect.signature(distributed.init_process_group)),
        "sum": str(inspect.signature(NCCLBackend.all_reduce)),
    }
