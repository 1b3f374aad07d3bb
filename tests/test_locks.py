"""A lock: one process at a time, told at once, and gone with its process however that ends."""

import errno
import os
import platform
import signal
import stat
import subprocess
import sys
import threading
import types
from pathlib import Path

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


# --- who has it ----------------------------------------------------------------------------------


def ours():
    return f"process {os.getpid()} on {platform.node()}"


def test_what_a_killed_process_has_left_is_not_told_of_the_next(path):
    beside = path.with_name(".file.lock")
    beside.write_text("x" * 300)
    with locked(path):
        assert beside.read_text() == ours()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other locks")
@pytest.mark.parametrize(
    ("written", "told"),
    [
        (b"", "another process"),  # its disk is full
        (b"caf\xff", "caf\N{REPLACEMENT CHARACTER}"),
        (b"x" * 300, "x" * 200),
    ],
)
def test_who_has_it_is_told_as_far_as_it_can_be_read(path, written, told):
    import fcntl

    with open(path.with_name(".file.lock"), "wb") as other:
        other.write(written)
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError) as caught, locked(path):
            pytest.fail("both have it")
    assert f"is {path}, which {told} is writing; wait" in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_others_may_read_who_has_it(path):
    before = os.umask(0o022)
    try:
        with locked(path):
            assert stat.S_IMODE(path.with_name(".file.lock").stat().st_mode) == 0o644
    finally:
        os.umask(before)


# --- other systems -------------------------------------------------------------------------------


def test_where_there_are_no_locks_it_goes_on_without(path, monkeypatch):
    """As Python in a browser."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with locked(path) as sure:
        assert sure is False


@pytest.mark.skipif(sys.platform == "win32", reason="Windows takes a name away when it is closed")
def test_the_name_is_taken_away_once(path, monkeypatch):
    """When the lock is given back its name may be that of the next one's."""
    taken, unlink = [], Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda self: taken.append(self.name) or unlink(self))
    with locked(path):
        pass
    assert taken == [".file.lock"]


@pytest.fixture
def windows(monkeypatch):
    """What Windows does: it locks bytes, keeps the names of open files, and knows no O_NOFOLLOW.

    It gives the places that are locked.
    """
    import fcntl

    places, opened, unlink = [], set(), Path.unlink

    def locking(handle, mode, count):
        assert (mode, count) == ("no wait", 1)
        places.append(os.lseek(handle, 0, os.SEEK_CUR))
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PermissionError(errno.EACCES, "Permission denied") from error
        opened.add(handle)

    def unlink_closed(self):
        for handle in opened:
            try:
                held = os.path.samestat(os.fstat(handle), self.stat())
            except OSError:  # it is closed
                continue
            if held:
                raise PermissionError(errno.EACCES, "it is open", str(self))
        unlink(self)

    double = types.SimpleNamespace(LK_NBLCK="no wait", locking=locking)
    monkeypatch.setitem(sys.modules, "msvcrt", double)
    monkeypatch.setattr(Path, "unlink", unlink_closed)
    monkeypatch.delattr(os, "O_NOFOLLOW")
    monkeypatch.setattr(sys, "platform", "win32")
    return places


NOT_THERE = pytest.mark.skipif(sys.platform == "win32", reason="Windows itself is another test")


@NOT_THERE
def test_on_windows(path, windows):
    """A byte far behind is locked, so that others can read who has it; the name goes at the end."""
    beside = path.with_name(".file.lock")
    with locked(path) as sure:
        assert sure
        assert beside.read_text() == ours()
        with pytest.raises(BlockingIOError, match=ours()), locked(path):
            pytest.fail("both have it")
        assert beside.exists()
    assert windows == [2**30, 2**30]
    assert os.listdir(path.parent) == []


@NOT_THERE
def test_on_windows_a_name_that_someone_looks_at_is_left(path, windows, monkeypatch):
    def refuse(self):
        raise PermissionError(errno.EACCES, "it is open", str(self))

    monkeypatch.setattr(Path, "unlink", refuse)
    with locked(path):
        pass
    assert os.listdir(path.parent) == [".file.lock"]
    with locked(path) as sure:  # and locks nothing
        assert sure
