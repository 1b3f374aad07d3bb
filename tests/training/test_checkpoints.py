"""Checkpoints: all of it comes back, nothing is half written, what is none is refused."""

import io
import json
import os
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnlearn as nn
from nnlearn.training import checkpoints
from nnlearn.training.checkpoints import load_checkpoint, save_checkpoint, write_into

ARRAYS = {"params": np.arange(6.0).reshape(2, 3), "optimizer.mean": np.float32([1, np.nan])}
FACTS = {"steps": 3, "history": {"loss": [0.1, 1 / 3]}, "best": None, "big": 2**127}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


def test_what_is_saved_comes_back(path, space):
    save_checkpoint(path, {name: space.array(a) for name, a in ARRAYS.items()}, FACTS)
    arrays, facts = load_checkpoint(path)
    assert facts == FACTS
    assert set(arrays) == set(ARRAYS)
    for name, a in ARRAYS.items():
        assert arrays[name].dtype == a.dtype
        np.testing.assert_array_equal(arrays[name], a)
    assert os.listdir(path.parent) == ["run.npz"]


@given(numbers=st.lists(st.floats(), max_size=5))
def test_numbers_keep_every_bit(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("bits") / "run.npz"
    save_checkpoint(path, {"a": np.array(numbers)}, {"numbers": numbers})
    arrays, facts = load_checkpoint(path)
    assert arrays["a"].tobytes() == np.array(numbers, dtype=float).tobytes()
    np.testing.assert_array_equal(facts["numbers"], numbers)


def test_any_name_of_a_file(tmp_path):
    """NumPy adds .npz to a name of its own accord; a checkpoint is where it was asked for."""
    for name in ("run", "run.checkpoint", "läuft gut.npz"):
        save_checkpoint(str(tmp_path / name), ARRAYS, FACTS)
        assert load_checkpoint(str(tmp_path / name))[1] == FACTS
    assert len(os.listdir(tmp_path)) == 3


def fail(*args, **kw):
    raise OSError("no space left")


@pytest.mark.parametrize(
    ("module", "name"),
    [(os, "replace"), (os, "fsync"), (np, "savez"), (json, "dumps"), (checkpoints, "to_numpy")],
)
def test_a_failure_leaves_the_old_file_and_nothing_else(path, monkeypatch, module, name):
    save_checkpoint(path, ARRAYS, FACTS)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(module, name, fail)
        with pytest.raises(OSError, match="no space left"):
            save_checkpoint(path, {"params": np.zeros(9)}, {"steps": 4})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["run.npz"]


def test_a_failure_half_way_through_writing(path, monkeypatch):
    def half(file, **arrays):
        file.write(b"PK half of it")
        fail()

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(path, ARRAYS, FACTS)
    assert os.listdir(path.parent) == []


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        save_checkpoint(tmp_path / "nowhere" / "run.npz", ARRAYS, FACTS)
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "run.npz")


def refused(path):
    with pytest.raises(ValueError, match=r"load_checkpoint: .*run\.npz") as caught:
        load_checkpoint(path)
    return str(caught.value)


@settings(max_examples=40)
@given(data=st.data())
def test_a_damaged_file_is_refused(tmp_path_factory, data):
    """Cut off anywhere, it is no checkpoint; with a byte changed it is none, or all there."""
    path = tmp_path_factory.mktemp("damaged") / "run.npz"
    save_checkpoint(path, ARRAYS, FACTS)
    whole = path.read_bytes()
    i = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:i])
    refused(path)
    path.write_bytes(
        whole[:i] + bytes([whole[i] ^ data.draw(st.integers(1, 255))]) + whole[i + 1 :]
    )
    try:
        arrays, facts = load_checkpoint(path)
    except ValueError as error:
        assert "load_checkpoint" in str(error)  # noqa: PT017
    else:  # a byte that means nothing, such as a date
        assert facts == FACTS
        for name, a in arrays.items():
            np.testing.assert_array_equal(a, ARRAYS[name])


def test_a_foreign_file_is_refused(path):
    for write in (
        lambda: path.write_bytes(b""),
        lambda: path.write_text("weights: 1, 2, 3"),
        lambda: path.write_bytes(pickle.dumps({"steps": 3})),
        lambda: np.savez(path, a=np.ones(3)),
        lambda: np.savez(path, facts=np.asarray("[1, 2]")),
        lambda: np.savez(path, facts=np.asarray("{not json")),
        lambda: path.write_bytes(b"\x93NUMPY"),
        lambda: zipfile.ZipFile(path, "w").close(),
    ):
        write()
        assert "is no checkpoint of nnlearn" in refused(path)
    np.savez(path, facts=np.asarray('{"format": 99}'))
    assert "format 99, expected at most 2: nnlearn None wrote it" in refused(path)
    path.unlink()
    path.mkdir()
    assert "is no checkpoint of nnlearn" in refused(path)


def test_a_single_array_is_refused(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    assert "is no checkpoint of nnlearn" in refused(path)


class Malice:
    def __reduce__(self):
        return os.mkdir, ("pickle-was-run",)


def header(shape):
    """What an array's file begins with, whatever follows."""
    stream = io.BytesIO()
    facts = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, facts)
    return stream.getvalue()


@pytest.mark.parametrize("shape", [(10**12,), (10**6, 10**6), (2**62, 4), (2000,)])
def test_a_header_that_promises_more_than_there_is(path, shape):
    """Nothing of that size is ever asked for."""
    save_checkpoint(path, {}, FACTS)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("array.params.npy", header(shape) + bytes(80))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"params.npy promises an array of shape .* bytes"):
        load_checkpoint(path)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


def test_what_would_unpack_to_a_thousand_times_its_size(path):
    save_checkpoint(path, {}, FACTS)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("array.params.npy", header((10**6,)) + bytes(8 * 10**6))
    assert path.stat().st_size < 20_000
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"params.npy is compressed"):
        load_checkpoint(path)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


def test_pickle_is_never_run(path, monkeypatch):
    """A file that a stranger sent must not run what they like."""
    monkeypatch.chdir(path.parent)
    for content in ({"facts": np.array(Malice(), dtype=object)}, {"x": np.array([Malice()])}):
        with open(path, "wb") as file:
            np.savez(file, **{"facts": np.asarray('{"format": 1}'), **content})
        refused(path)
    path.write_bytes(pickle.dumps(Malice()))
    refused(path)
    assert os.listdir(path.parent) == ["run.npz"]
    save_checkpoint(path, ARRAYS, FACTS)
    with zipfile.ZipFile(path) as file:
        assert not any(b"pickle" in file.read(name) for name in file.namelist())


def test_write_into(space):
    target = space.array(np.zeros(3), "float32")
    write_into(target, np.array([1.0, 2.0, 3.0]))
    assert str(target.dtype).endswith("float32")
    np.testing.assert_array_equal(nn.to_numpy(target), [1, 2, 3])
