"""Files are whole: what is written takes the old file's place at once, or not at all."""

import os
import stat

import numpy as np
import pytest

from nnlearn.files import atomic_file, write_atomically


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
