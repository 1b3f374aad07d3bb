"""Files are whole: what is written takes the old file's place at once, or not at all."""

import errno
import os
import stat

import numpy as np
import pytest

from nnlearn.files import atomic_file, name_also, write_atomically


@pytest.mark.parametrize("content", ["café\n∂L\n", b"\x00\xff\r\n", ""])
@pytest.mark.parametrize("old", [None, "a longer text that was there before"])
def test_it_writes_texts_and_bytes(tmp_path, content, old):
    path = tmp_path / "file"
    if old:
        path.write_text(old)
    write_atomically(path, content)
    expected = content if isinstance(content, bytes) else content.encode("utf-8")
    assert path.read_bytes() == expected
    assert os.listdir(tmp_path) == ["file"]


def test_an_open_file_takes_its_name_when_the_block_ends(tmp_path):
    path = tmp_path / "weights.npz"
    with atomic_file(str(path)) as file:
        np.savez(file, W=np.eye(2))
        assert not path.exists()
    with np.load(path) as arrays:
        assert np.array_equal(arrays["W"], np.eye(2))
    assert os.listdir(tmp_path) == ["weights.npz"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("old", [None, "old"])
def test_a_failure_half_way_leaves_the_old_file_and_no_other(tmp_path, error, old):
    path = tmp_path / "file"
    if old:
        path.write_text(old)

    def fail_half_way():
        with atomic_file(path, text=True) as file:
            file.write("half of the new")
            raise error

    with pytest.raises(error):
        fail_half_way()
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == ([("file", old)] if old else [])


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, name):
    def refuse(*_):
        raise OSError("no space")

    path = tmp_path / "file"
    write_atomically(path, "old")
    monkeypatch.setattr(os, name, refuse)
    with pytest.raises(OSError, match="no space"):
        write_atomically(path, "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "old")]


def test_everything_is_on_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace

    def synced(handle):
        found = os.fstat(handle)
        folder = stat.S_ISDIR(found.st_mode)
        done.append(("fsync", "folder" if folder else found.st_size))
        fsync(handle)

    def replaced(*paths):
        done.append(("replace", os.stat(paths[0]).st_size))
        replace(*paths)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write_atomically(tmp_path / "file", "seven..")
    assert done == [("fsync", 7), ("replace", 7), ("fsync", "folder")]


def test_a_missing_folder_is_said_before_the_work_begins(tmp_path):
    path, begun = tmp_path / "missing" / "file", []
    with pytest.raises(FileNotFoundError), atomic_file(path):
        begun.append(True)
    assert not begun
    with pytest.raises(FileNotFoundError):
        write_atomically(path, "new")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_a_new_file_has_the_permissions_that_the_umask_leaves_and_an_old_one_its_own(
    tmp_path, umask
):
    path, before = tmp_path / "file", os.umask(umask)
    try:
        write_atomically(path, "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    write_atomically(path, "newer")
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o600)
    write_atomically(path, "newest")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_while_a_private_file_is_written_anew_nobody_else_may_read_it(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o600)
    with atomic_file(path, text=True) as file:
        file.write("new")
        (temporary,) = set(tmp_path.iterdir()) - {path}
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600


# --- the file before, other names, leftovers ------------------------------------------------------


def no_links(*_):
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False])
def test_the_file_before_is_kept(tmp_path, monkeypatch, links):
    """By a second name, or where a file system has only one name for a file by a copy."""
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    path, previous = tmp_path / "file", tmp_path / "previous"
    for text in "abc":
        with atomic_file(path, text=True, previous=previous) as file:
            file.write(text)
    assert (path.read_text(), previous.read_text()) == ("c", "b")
    assert sorted(os.listdir(tmp_path)) == ["file", "previous"]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("number", [1, 2])
def test_a_failure_between_the_two_names_loses_neither(tmp_path, monkeypatch, links, number):
    path, previous, replace = tmp_path / "file", tmp_path / "previous", os.replace
    path.write_text("b")
    previous.write_text("a")
    left = [number]

    def refuse(*names):
        left[0] -= 1
        if left[0] == 0:
            raise OSError(errno.EIO, "Input/output error")
        replace(*names)

    monkeypatch.setattr(os, "replace", refuse)
    if not links:
        monkeypatch.setattr(os, "link", no_links)

    def write():
        with atomic_file(path, text=True, previous=previous) as file:
            file.write("c")

    with pytest.raises(OSError, match="Input/output error"):
        write()
    assert (path.read_text(), previous.read_text()) == ("b", "ab"[number - 1])
    assert sorted(os.listdir(tmp_path)) == ["file", "previous"]
    write()
    assert (path.read_text(), previous.read_text()) == ("c", "b")
    assert sorted(os.listdir(tmp_path)) == ["file", "previous"]


def test_a_second_name_is_made_beside_the_first_one(tmp_path, monkeypatch):
    """Where the process works may be read only, or another file system."""
    work, folder, replace = tmp_path / "work", tmp_path / "folder", os.replace
    work.mkdir()
    folder.mkdir()
    monkeypatch.chdir(work)
    seen = []
    monkeypatch.setattr(
        os, "replace", lambda a, b: seen.append(os.path.dirname(a)) or replace(a, b)
    )
    (folder / "file").write_text("a")
    name_also(str(folder / "file"), str(folder / "other"))
    assert seen == [str(folder)]
    assert (folder / "other").read_text() == "a"


def test_a_file_has_a_second_name_already(tmp_path):
    """Renaming one link of a file to another does nothing, and would leave a third."""
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_text("a")
    for _ in range(2):
        name_also(path, other)
        assert sorted(os.listdir(tmp_path)) == ["file", "other"]
    with pytest.raises(FileNotFoundError):
        name_also(tmp_path / "nothing", other)
    assert other.read_text() == "a"


def test_an_error_names_the_file_that_one_knows(tmp_path):
    """And not the temporary one; what another file's error says stays as it is."""
    path = tmp_path / "file"
    with pytest.raises(OSError, match="No space left") as caught, atomic_file(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(caught.value) == f"[Errno 28] No space left on device: '{path}'"
    with pytest.raises(FileNotFoundError, match="'elsewhere'"), atomic_file(path):
        raise FileNotFoundError(errno.ENOENT, "No such file", "elsewhere")
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(tmp_path / "missing" / "file", "new")
    assert caught.value.filename == str(tmp_path / "missing" / "file")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_device_that_is_full(tmp_path, monkeypatch):
    """The system itself refuses the bytes, when they are to leave the process."""
    path, opened = tmp_path / "file", os.open
    write_atomically(path, "old")

    def full(name, flags, *args, **kw):
        os.close(opened(name, flags, *args, **kw))
        return opened("/dev/full", os.O_WRONLY)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
            write_atomically(path, b"new" * 100_000)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "old")]


def test_the_folder_is_closed_again(tmp_path, monkeypatch):
    """Else a long training would run out of open files."""
    folders, fsync = [], os.fsync

    def synced(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            folders.append(handle)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", synced)
    write_atomically(tmp_path / "file", "new")
    (handle,) = folders
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)


def test_a_folder_that_may_not_be_read_need_not_be_synced(tmp_path, monkeypatch):
    """As on Windows, where no folder can be opened."""
    opened = os.open

    def refuse(name, *args, **kw):
        if os.path.isdir(name):
            raise PermissionError(errno.EACCES, "Permission denied", str(name))
        return opened(name, *args, **kw)

    monkeypatch.setattr(os, "open", refuse)
    write_atomically(tmp_path / "file", "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "new")]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO])
def test_a_folder_that_cannot_be_synced(tmp_path, monkeypatch, number):
    """Some file systems have no way to do it; an error of the disk is told."""
    fsync = os.fsync

    def refuse(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", refuse)
    path = tmp_path / "file"
    if number == errno.EIO:
        with pytest.raises(OSError, match="Input/output error"):
            write_atomically(path, "new")
    else:
        write_atomically(path, "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "new")]
