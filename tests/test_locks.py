"""A lock: one process at a time, told at once, and gone with its process however that ends."""

import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

from nnlearn import locks
from nnlearn.locks import locked

HOLD = """
import sys
from nnlearn.locks import locked
with locked(sys.argv[1]) as sure:
    print(sure, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def holder(path):
    """A process that has the lock until its input ends."""
    command = [sys.executable, "-c", HOLD, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "True\n"
    return process


def test_another_process_is_refused_until_the_block_ends(path):
    with holder(path) as process:
        for name in (path, os.path.relpath(path)):
            with pytest.raises(BlockingIOError) as caught, locked(name, "here: path"):
                pytest.fail("both have it")
            assert f"here: path is {name}, which process {process.pid} on " in str(caught.value)
        with locked(path.with_name("other")):
            pass
        process.communicate()
    with locked(path) as sure:
        assert sure
    assert os.listdir(path.parent) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_process_has_it_no_more(path):
    with holder(path) as process:
        process.kill()
        process.wait()
        assert os.listdir(path.parent) == [".file.lock"]
        with locked(path):
            pass
    assert os.listdir(path.parent) == []


def test_in_one_process_it_is_had_once(path):
    told = f"process {os.getpid()} "
    with locked(path), pytest.raises(BlockingIOError, match=told), locked(path):
        pytest.fail("both have it")
    with pytest.raises(KeyError), locked(path):
        raise KeyError
    with locked(path):
        pass


def test_many_who_want_it_at_once_have_it_in_turn(path):
    """Its name comes and goes: nobody may lock a file that has no name any more."""
    inside, most, had = [], [], []

    def want():
        for _ in range(200):
            try:
                with locked(path):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
                    had.append(1)
            except BlockingIOError:
                pass

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert had
    assert max(most) == 1
    assert os.listdir(path.parent) == []


def test_a_name_that_is_taken_away_in_between(path, monkeypatch):
    """The one before has removed it after we opened it: another one is opened."""
    lock, looked = locks._lock, []

    def late(handle):
        looked.append(handle)
        if len(looked) == 1:
            path.with_name(".file.lock").unlink()
        return lock(handle)

    monkeypatch.setattr(locks, "_lock", late)
    with locked(path) as sure:
        assert sure
        assert path.with_name(".file.lock").exists()
    assert len(looked) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other locks")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_locks_is_no_reason_to_stop(path, monkeypatch, number):
    import fcntl

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(path) as sure:
        assert not sure


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="the system follows every link")
def test_it_writes_through_no_link(path):
    """In a folder of many, someone may put one there: our number must not land in that file."""
    precious = path.with_name("precious")
    precious.write_text("not to be cut")
    path.with_name(".file.lock").symlink_to(precious)
    with pytest.raises(OSError, match=r"\.file\.lock"), locked(path):
        pytest.fail("it followed the link")
    assert precious.read_text() == "not to be cut"
