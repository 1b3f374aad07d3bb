"""What happens to a training on several ranks when something happens to one of them.

All end within seconds, and say so; the last checkpoint is whole, and a run that goes on from it
ends with the numbers of one that nothing happened to.
"""

import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
from interrupted import train
from on_ranks import run

#: how often each fault happens, each time at another moment
TRIES = range(int(os.environ.get("NNLEARN_FAULT_TRIES", "2")))
SECONDS = 10  # in which all ranks must have ended; alone on a machine it takes less than one
PROGRAM = Path(__file__).with_name("interrupted_ranks.py")


def start(ranks, folder, fault="none", rank=0, when=0):
    """Run with a fault; return what came of it, and the seconds from the fault to the end."""
    options = (folder / "run.npz", folder / "result.npz", fault, rank, when)
    done = run(ranks, "-m", "mpi4py", PROGRAM, *options)
    ended = time.time()
    sign = folder / "result.npz.killed"
    done.seconds = ended - sign.stat().st_mtime if sign.exists() else None
    return done


def result(folder):
    with np.load(folder / "result.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module", params=(2, 3))
def undisturbed(request, tmp_path_factory):
    """The number of ranks, and how a run on them ends."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = start(request.param, folder)
    assert done.returncode == 0, done.stderr
    return request.param, result(folder)


def goes_on(folder, ranks, expected):
    """With as many ranks to the same bits; in one process to the same numbers, but for rounding."""
    before = (folder / "run.npz").read_bytes() if (folder / "run.npz").exists() else None
    done = start(ranks, folder)
    assert done.returncode == 0, done.stderr
    found = result(folder)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, name)
    if before is not None:
        (folder / "run.npz").write_bytes(before)
    alone = train(folder / "run.npz", optimizer="momentum")
    for name, value in expected.items():
        scale = max(1, np.abs(value).max())
        np.testing.assert_allclose(alone[name], value, rtol=0, atol=1e-4 * scale, err_msg=name)


@pytest.mark.parametrize("number", TRIES)
def test_a_rank_is_killed(number, undisturbed, tmp_path):
    ranks, expected = undisturbed
    chance = random.Random(number)
    steps = int(expected["steps"])
    done = start(ranks, tmp_path, "killed", chance.randrange(ranks), chance.randint(1, steps))
    assert done.returncode != 0
    assert done.seconds < SECONDS
    assert "Killed (signal 9)" in done.stdout + done.stderr
    goes_on(tmp_path, ranks, expected)


@pytest.mark.parametrize("number", TRIES)
def test_the_first_rank_is_killed_while_it_writes(number, undisturbed, tmp_path):
    ranks, expected = undisturbed
    write = random.Random(number).randint(1, len(expected["loss"]))
    done = start(ranks, tmp_path, "killed while writing", 0, write)
    assert done.returncode != 0
    assert done.seconds < SECONDS
    assert (tmp_path / "run.npz").exists() == (write > 1)
    goes_on(tmp_path, ranks, expected)


@pytest.mark.parametrize("number", TRIES)
def test_one_rank_raises(number, undisturbed, tmp_path):
    """Started by ``python -m mpi4py``, which ends the others."""
    ranks, expected = undisturbed
    chance = random.Random(number)
    rank, steps = chance.randrange(ranks), int(expected["steps"])
    done = start(ranks, tmp_path, "alone", rank, chance.randint(1, steps))
    assert done.returncode != 0
    assert done.seconds < SECONDS
    told = list(tmp_path.glob("result.npz.error.*"))
    assert [path.name for path in told] == [f"result.npz.error.{rank}"]
    assert told[0].read_text() == "KeyError: 'what one rank stumbles over'"
    goes_on(tmp_path, ranks, expected)


@pytest.mark.parametrize("number", TRIES)
def test_the_disk_is_full(number, undisturbed, tmp_path):
    """An error of rank 0's is one on all ranks, and the checkpoint before is whole."""
    ranks, expected = undisturbed
    write = random.Random(number).randint(2, len(expected["loss"]))
    done = start(ranks, tmp_path, "disk full", 0, write)
    assert done.returncode != 0
    told = {path.read_text() for path in tmp_path.glob("result.npz.error.*")}
    assert told == {f"OSError: [Errno 28] No space left on device: '{tmp_path / 'run.npz'}'"}
    assert len(list(tmp_path.glob("result.npz.error.*"))) == ranks
    goes_on(tmp_path, ranks, expected)


def test_a_place_where_nothing_can_be_written(tmp_path):
    options = ("/proc/never/run.npz", tmp_path / "result.npz", "none", 0, 0)
    done = run(2, "-m", "mpi4py", PROGRAM, *options)
    assert done.returncode != 0
    told = [path.read_text() for path in tmp_path.glob("result.npz.error.*")]
    assert len(told) == 2
    assert told[0] == told[1]
    assert "fit: checkpoint is /proc/never/run.npz, expected a place where" in told[0]


@pytest.mark.parametrize("rank", [0, 2])
def test_ranks_with_different_data(rank, tmp_path):
    done = start(3, tmp_path, "other data", rank)
    assert done.returncode != 0
    told = [path.read_text() for path in tmp_path.glob("result.npz.error.*")]
    assert len(told) == 3
    assert len(set(told)) == 1
    assert told[0].startswith("ValueError: fit: ranks do not agree: data is ")
    assert not (tmp_path / "run.npz").exists()
