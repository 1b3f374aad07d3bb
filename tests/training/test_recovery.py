"""Faults that a training survives: whatever happens, the last good checkpoint goes on, bit for bit.

Killed at any moment, on a full disk, without rights, with a file damaged afterwards, with a second
training that writes to the same place: nothing is lost, and what came of it has the same bits as
that of a run to which nothing happened. It is tried with trainings by `fit` and by `fit_gan`.
"""

import json
import os
import random
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import tally
from faults import Trainings, contents, without
from interrupted import same, train

from nnlearn.training import checkpoints, runs
from nnlearn.training.checkpoints import DamagedCheckpoint, load_checkpoint, save_checkpoint
from nnlearn.training.learners import whole_number
from nnlearn.training.recovery import load_last_good, put_back

MANY = bool(os.environ.get("NNLEARN_TRUST"))
KILLS = 5  # of a test, each at another moment
posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork and no SIGKILL on this system")


@pytest.fixture(scope="module", params=("fit", "fit_gan"))
def trainings(request):
    with Trainings(request.param) as ready:
        yield ready


@pytest.fixture(scope="module")
def undisturbed(trainings):
    """What a run ends with to which nothing happens, and which writes no checkpoint."""
    return trainings.train()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


def goes_on(trainings, path, undisturbed):
    """A training goes on to its end, and has lost nothing; nothing else lies about."""
    assert trainings.run(path, path.with_name("result")) == (0, None)
    with np.load(path.with_name("result.npz")) as found:
        same(dict(found), undisturbed)
    path.with_name("result.npz").unlink()
    left = set(os.listdir(path.parent))
    assert left <= {"run.npz", "run.previous.npz", "run.damaged.npz"}, left


def safe_in(path):
    """How many epochs or steps are safe; a kill is no damage: the file itself is whole."""
    if not path.exists():
        return 0
    _, facts, damage = load_last_good(path)
    assert damage is None
    return length_of(facts)


def length_of(facts):
    return facts["turn"] if facts["training"] == "fit_gan" else len(facts["history"]["loss"])


def seconds_of(function, *args):
    begin = time.monotonic()
    function(*args)
    return time.monotonic() - begin


# --- killed ---------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("seed", range(10 if MANY else 1))
def test_killed_at_random_moments(trainings, undisturbed, path, seed):
    """SIGKILL again and again: at the start, in an epoch, between two, while a file is written."""
    whole_run = min(seconds_of(trainings.run, path.with_name(name)) for name in "abc")
    chance, kills, safe = random.Random(seed), 0, trainings.length
    for _ in range(10 * KILLS):
        if safe == trainings.length:  # it came to its end: another one
            for file in path.parent.iterdir():
                file.unlink()
            safe = 0
        process = trainings.start(path)
        time.sleep(chance.uniform(0, whole_run))
        os.kill(process, signal.SIGKILL)  # if it has ended, it waits to be asked for its status
        status, _ = trainings.ended()
        assert status in (0, -signal.SIGKILL)
        kills += status != 0
        before, safe = safe, safe_in(path)
        assert safe >= before, "what was safe is lost"
        if kills == KILLS:
            break
    assert kills == KILLS
    goes_on(trainings, path, undisturbed)
    tally.count("faults survived", kills)


#: steps of writing (`faults.STEPS`): of the first checkpoint, and of each that follows
FIRST, LATER = 4, 6
WRITES = 8  # of a training that nothing happens to
KILLED_AT = range(1, FIRST + LATER * (WRITES - 1) + 1) if MANY else range(11, 11 + LATER)


@posix
@pytest.mark.parametrize("number", KILLED_AT)
def test_killed_at_each_step_of_writing(trainings, undisturbed, path, number):
    assert trainings.run(path, killed_at=number) == (-signal.SIGKILL, None)
    written, step = divmod(number - FIRST - 1, LATER)  # before that step, of the next checkpoint
    expected = 1 + written + (step == LATER - 1) if number > FIRST else int(number == FIRST)
    assert safe_in(path) == trainings.after(expected)
    goes_on(trainings, path, undisturbed)
    tally.count("faults survived")


# --- damaged afterwards ---------------------------------------------------------------------------


def damages(chance, whole):
    """Ways in which a disk or a copy damages a file, each a function of its bytes."""
    i, n = chance.randrange(len(whole)), chance.randint(1, 64)
    yield "cut off", whole[:i]
    yield "empty", b""
    yield "blank", bytes(len(whole))
    yield "a block of noise", whole[:i] + chance.randbytes(n) + whole[i + n :]
    yield "a block missing", whole[:i] + whole[i + 512 :]
    yield "another file", b"PNG, for instance"


@pytest.mark.parametrize("seed", range(20 if MANY else 1))
def test_a_damaged_checkpoint_goes_back_to_the_one_before(trainings, undisturbed, tmp_path, seed):
    begun = tmp_path / "begun" / "run.npz"
    trainings.train(begun, trainings.after(3))
    whole = begun.read_bytes()
    for kind, content in damages(random.Random(seed), whole):
        path = tmp_path / kind / "run.npz"
        path.parent.mkdir()
        for name, bits in contents(begun.parent).items():
            (path.parent / name).write_bytes(bits)
        path.write_bytes(content)
        if content == whole[: len(content)] and len(content) == len(whole):
            continue
        told = rf"{trainings.caller}: .*run\.npz .*damaged: .* goes on from .* run\.previous"
        with pytest.warns(UserWarning, match=told):
            same(trainings.train(path), undisturbed)
        assert (path.parent / "run.damaged.npz").read_bytes() == content
        assert sorted(os.listdir(path.parent)) == [
            "run.damaged.npz",
            "run.npz",
            "run.previous.npz",
        ]
        tally.count("faults survived")


@posix
@pytest.mark.parametrize("number", range(1, 9 if MANY else 5))
def test_killed_while_it_goes_back(trainings, undisturbed, path, number):
    """At every step of it, and of the first writing after it, a good checkpoint is there."""
    trainings.train(path, trainings.after(3))
    path.write_bytes(path.read_bytes()[:-40])
    assert trainings.run(path, killed_at=number)[0] == -signal.SIGKILL
    assert length_of(load_last_good(path)[1]) >= trainings.after(2)
    goes_on(trainings, path, undisturbed)
    tally.count("faults survived")


def test_the_one_before_takes_the_place_of_a_damaged_one(path):
    """At once, and not only when the next one is written."""
    previous = path.with_name("run.previous.npz")
    path.write_bytes(b"damaged")
    previous.write_bytes(b"good")
    with pytest.warns(
        UserWarning, match=r"fit: it is\. Training goes on .*run\.previous\.npz; the"
    ):
        put_back(path, DamagedCheckpoint("it is"), "fit")
    assert contents(path.parent) == {"run.npz": b"good", "run.damaged.npz": b"damaged"}


def test_none_counts_as_a_number_of_steps():
    assert whole_number({"steps": 0}, "steps") == 0
    for value in (-1, 1.0, "1", None):
        with pytest.raises(ValueError, match=r"steps is .*expected a whole number of at least 0"):
            whole_number({"steps": value}, "steps")


def test_where_both_are_damaged_nothing_is_changed(trainings, path):
    trainings.train(path, trainings.after(3))
    for file in path.parent.iterdir():
        file.write_bytes(file.read_bytes()[:-40])
    before = contents(path.parent)
    with pytest.raises(DamagedCheckpoint) as caught:
        trainings.train(path)
    assert contents(path.parent) == before
    told = str(caught.value)
    assert f"{path} is no checkpoint of nnlearn, or is damaged" in told
    assert f"Nor can the one before it be taken: load_checkpoint: {path.parent}" in told
    assert "or delete it to begin anew" in told
    path.unlink()
    trainings.train(path, trainings.after(1))  # as it says


def test_the_one_before_is_of_another_run(path):
    train(path, 2, "plain")
    path.unlink()
    train(path, 1, "scheduled")
    path.write_bytes(b"")
    before = contents(path.parent)
    with pytest.raises(ValueError, match=r"run\.previous\.npz is of another run: its optimizer"):
        train(path, 2, "scheduled")
    assert contents(path.parent) == before


def test_a_newer_version_s_checkpoint_is_not_taken_for_a_damaged_one(path, monkeypatch):
    train(path, 2, "scheduled")
    held = load_checkpoint(path)
    with monkeypatch.context() as later:
        later.setattr(checkpoints, "_FORMAT", 3)
        save_checkpoint(path, *held)
    before = contents(path.parent)
    with pytest.raises(ValueError, match=r"run\.npz has format 3, expected at most 2: nnlearn 0\."):
        train(path, 4, "scheduled")
    assert contents(path.parent) == before


def test_memory_that_runs_out_is_no_damage(path, monkeypatch):
    """Else a good file would be put aside because another program needs much."""
    train(path, 3, "scheduled")
    before = contents(path.parent)

    def full(*_):
        raise MemoryError

    monkeypatch.setattr(checkpoints, "read_archive", full)
    with pytest.raises(MemoryError):
        train(path, 4, "scheduled")
    assert contents(path.parent) == before


# --- a full disk, no rights -----------------------------------------------------------------------


@posix
@pytest.mark.parametrize("seed", range(40 if MANY else 4))
def test_a_file_that_cannot_be_finished(trainings, undisturbed, path, seed):
    """The system refuses to write on at a random byte; the old files stay as they are."""
    assert trainings.run(path, length=trainings.after(3)) == (0, None)
    before = contents(path.parent)
    limit = random.Random(seed).randrange(len(before["run.npz"]))
    status, told = trainings.run(path, longest_file=limit)
    assert status == 1
    assert told == f"OSError: [Errno 27] File too large: '{path}'"
    assert contents(path.parent) == before
    goes_on(trainings, path, undisturbed)
    tally.count("faults survived")


@contextmanager
def small_disk(folder, size):
    """Mount a disk of so many bytes; whether that was possible."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


@posix
@pytest.mark.parametrize("left", [0, 4096, 8192] if MANY else [4096])
def test_a_full_disk(trainings, undisturbed, tmp_path, left):
    """A real one, where root may mount it; the bytes that are left do not hold a checkpoint."""
    path = tmp_path / "disk" / "run.npz"
    with small_disk(path.parent, 2**18) as mounted:
        assert trainings.run(path, length=trainings.after(3)) == (0, None)
        if mounted:
            rest = path.with_name("rest")
            free = os.statvfs(path.parent)
            rest.write_bytes(bytes(free.f_bavail * free.f_frsize - left))
            before = contents(path.parent)
            status, told = trainings.run(path)
            assert status == 1
            assert told == f"OSError: [Errno 28] No space left on device: '{path}'"
            assert contents(path.parent) == before
            rest.unlink()
            tally.count("faults survived")
        goes_on(trainings, path, undisturbed)


@contextmanager
def another_user():
    """A folder of ours where others may look, and the faults that make a training another's."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            yield folder, {"user": 65534} if os.geteuid() == 0 else {}
        finally:
            folder.chmod(0o755)


@posix
def test_a_folder_without_the_right_to_write(trainings, undisturbed):
    with another_user() as (folder, faults):
        path = folder / "run.npz"
        assert trainings.run(path, length=trainings.after(3)) == (0, None)
        before = contents(folder)
        folder.chmod(0o555)
        status, told = trainings.run(path, **faults)
        assert status == 1
        assert told.startswith(
            f"PermissionError: {trainings.caller}: checkpoint is {path}, expected a place where"
        )
        assert contents(folder) == before
        folder.chmod(0o755)
        goes_on(trainings, path, undisturbed)
    tally.count("faults survived")


@posix
def test_a_file_without_the_right_to_read(trainings, undisturbed):
    """It is not damaged: it must be neither put aside nor written over."""
    with another_user() as (folder, faults):
        path = folder / "run.npz"
        assert trainings.run(path, length=trainings.after(3)) == (0, None)
        before = contents(folder)
        folder.chmod(0o777)
        path.chmod(0o000)
        status, told = trainings.run(path, **faults)
        path.chmod(0o644)
        assert status == 1
        assert told.startswith("PermissionError: [Errno 13] Permission denied: ")
        assert str(path) in told
        assert contents(folder) == before
        goes_on(trainings, path, undisturbed)
    tally.count("faults survived")


# --- two at one place -----------------------------------------------------------------------------


@posix
def test_a_second_training_is_refused_and_the_first_does_not_notice(trainings, undisturbed, path):
    process = trainings.start(path)
    lock = path.with_name(".run.npz.lock")
    while not (lock.exists() and lock.stat().st_size):
        time.sleep(0.001)
    os.kill(process, signal.SIGSTOP)
    for _ in range(3):
        with pytest.raises(BlockingIOError) as caught:
            trainings.train(path)
        told = str(caught.value)
        assert told.startswith(
            f"{trainings.caller}: checkpoint is {path}, which process {process} on "
        )
        assert told.endswith(" is writing; wait for its end, or give another")
    with pytest.raises(BlockingIOError):
        trainings.train(os.path.relpath(path))
    trainings.train(path.with_name("other.npz"), trainings.after(1))  # beside it is another place
    path.with_name("other.npz").unlink()
    os.kill(process, signal.SIGCONT)
    assert trainings.ended() == (0, None)
    goes_on(trainings, path, undisturbed)
    tally.count("faults survived")


@posix
def test_a_killed_training_locks_nothing(trainings, undisturbed, path):
    trainings.run(path, killed_at=20)
    assert path.with_name(".run.npz.lock").exists()
    goes_on(trainings, path, undisturbed)
    tally.count("faults survived")


# --- forged: checksums that are right, of what does not fit ---------------------------------------


def test_forged_facts_about_the_run(path):
    train(path, 2, "scheduled")
    arrays, facts = load_checkpoint(path)
    for identity in ([1, 2], None, {}, facts["identity"] | {"loss": "nnlearn.other"}):
        save_checkpoint(path, arrays, facts | {"identity": identity})
        with pytest.raises(ValueError, match=r"run\.npz is of another run: its"):
            train(path, optimizer="scheduled")
        tally.count("bad inputs refused")


FORGERIES = {
    "no parameters": lambda a, f: (without(a, "params"), f),
    "parameters of one number": lambda a, f: (a | {"params": a["params"][:1]}, f),
    "parameters that are one number": lambda a, f: (a | {"params": a["params"][0]}, f),
    "no state": lambda a, f: (without(a, "state"), f),
    "a text for a state": lambda a, f: (a | {"state": np.asarray("none")}, f),
    "no memory": lambda a, f: (without(a, "optimizer.mean"), f),
    "no state of the best": lambda a, f: (without(a, "best.state"), f),
    "no history": lambda a, f: (a, without(f, "history")),
    "a history of one": lambda a, f: (a, f | {"history": f["history"] | {"loss": [1.0]}}),
    "a history of words": lambda a, f: (a, f | {"history": f["history"] | {"loss": ["a", "b"]}}),
    "a history of lists": lambda a, f: (a, f | {"history": [1, 2]}),
    "no generators": lambda a, f: (a, without(f, "generators")),
    "a generator in no state": lambda a, f: (
        a,
        f | {"generators": f["generators"] | {"chance": {"bit_generator": "PCG64"}}},
    ),
    "no steps": lambda a, f: (a, without(f, "steps")),
    "steps that are none": lambda a, f: (a, f | {"steps": "many"}),
    "steps below zero": lambda a, f: (a, f | {"steps": -1}),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_checkpoint_changes_nothing(path, monkeypatch, name):
    """Neither the files, nor the parameters and the optimizer, which are still those of before."""
    train(path, 2, "scheduled")
    save_checkpoint(path, *FORGERIES[name](*load_checkpoint(path)))
    before, moved = contents(path.parent), []
    monkeypatch.setattr(runs.Parameters, "assign", lambda *_: moved.append("assigned"))
    monkeypatch.setattr(runs, "put_back", lambda *_: moved.append("put back"))
    with pytest.raises(ValueError, match=r"run\.npz does not hold what this run needs"):
        train(path, optimizer="scheduled")
    assert contents(path.parent) == before
    assert not moved
    tally.count("bad inputs refused")


def test_a_checkpoint_of_before_there_were_checksums_goes_on(path):
    train(path, 3, "scheduled")
    arrays, facts = load_checkpoint(path)
    text = np.asarray(json.dumps({"format": 1, **facts, "best_epoch": 2}))
    with path.open("wb") as file:
        np.savez(file, facts=text, **{f"array.{name}": a for name, a in arrays.items()})
    same(train(path, optimizer="scheduled"), train(optimizer="scheduled"))


def test_a_kill_leaves_nothing_that_the_next_training_does_not_remove(path):
    """Half written files of this checkpoint, and of no other."""
    others = [".run.npz.abcdefgh.txt", ".run.abcdefgh.tmp", ".run.npz.abcdefghi.tmp", "run.npz.tmp"]
    ours = [
        ".run.npz.abcdefgh.tmp",
        ".run.previous.npz.0a1b2c3d.tmp",
        ".run.damaged.npz.01234567.tmp",
    ]
    for name in others + ours:
        path.with_name(name).write_text("half")
    train(path, 1, "scheduled")
    assert sorted(os.listdir(path.parent)) == sorted([*others, "run.npz"])
