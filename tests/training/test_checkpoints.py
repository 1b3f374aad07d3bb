"""Checkpoints: all of it comes back, nothing is half written, what is none is refused."""

import io
import json
import os
import pickle
import random
import tracemalloc
import zipfile

import numpy as np
import pytest
import tally
from hypothesis import given, settings
from hypothesis import strategies as st

import nnlearn as nn
from nnlearn.training import checkpoints
from nnlearn.training.archives import read_archive
from nnlearn.training.checkpoints import load_checkpoint, save_checkpoint, write_into

ARRAYS = {"params": np.arange(6.0).reshape(2, 3), "optimizer.mean": np.float32([1, np.nan])}
FACTS = {"steps": 3, "history": {"loss": [0.1, 1 / 3]}, "best": None, "big": 2**127}
BITS = {name: (a.dtype, a.tobytes()) for name, a in ARRAYS.items()}
MANY = bool(os.environ.get("NNLEARN_TRUST"))


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


def test_a_checksum_is_the_same_in_every_version():
    """Else the files of today would seem to be damaged tomorrow."""
    a = np.arange(6.0).reshape(2, 3)
    assert checkpoints._checksum(a) == "4f7491a6f35bb3886c167fbac41937dd"
    assert checkpoints._checksum(np.asfortranarray(a)) == checkpoints._checksum(a)
    assert checkpoints._checksum(np.asarray("text")) == "a2a655015d3d922feb32632eef166a08"


def test_the_folder_is_made_and_has_to_be_one_for_files(tmp_path):
    for _ in range(2):
        checkpoints.check_writable(str(tmp_path / "a" / "b" / "run.npz"), "fit: checkpoint")
    assert os.listdir(tmp_path / "a" / "b") == []
    with pytest.raises(OSError, match=r"fit: checkpoint is .*, expected a place where a file can"):
        checkpoints.check_writable(tmp_path / ("x" * 300) / "run.npz", "fit: checkpoint")
    if os.path.isdir("/proc"):  # whose folders take no file, not even of root
        with pytest.raises(OSError, match=r"fit: checkpoint is /proc/run\.npz, expected a place"):
            checkpoints.check_writable("/proc/run.npz", "fit: checkpoint")


def test_an_array_with_a_long_header_is_read(tmp_path):
    """NumPy writes version 2.0 of its format where a header is too long for version 1.0."""
    archive = zipfile.ZipFile(tmp_path / "long.npz", "w")
    with archive, archive.open("a.npy", "w") as file:
        np.lib.format.write_array(file, ARRAYS["params"], version=(2, 0))
    np.testing.assert_array_equal(read_archive(tmp_path / "long.npz")["a"], ARRAYS["params"])


def test_a_reason_of_ours_is_told_without_its_type(path):
    save_checkpoint(path, ARRAYS, FACTS)
    with np.load(path) as held:
        content = dict(held)
    content["checksum"] = np.asarray("0" * 32)
    np.savez(path, **content)
    with pytest.raises(ValueError, match=r"or is damaged: its facts have another checksum"):
        load_checkpoint(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"or is damaged: BadZipFile: "):
        load_checkpoint(path)


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


# --- checksums ------------------------------------------------------------------------------------


def members(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def rewritten(path, change):
    """Write the file again with other content: the archive itself, and its CRCs, are in order."""
    content = members(path)
    content = change(content) or content
    with open(path, "wb") as file:
        np.savez(file, **content)


def one_bit(a, i):
    """Return an array with one bit changed, as a disk may do it."""
    changed = a.copy()
    changed.reshape(-1).view(np.uint8)[i // 8] ^= 1 << i % 8
    return changed


CHANGES = {
    "dtype": lambda c: c | {"array.params": c["array.params"].view(np.int64)},
    "byte order": lambda c: c | {"array.params": c["array.params"].astype(">f8")},
    "shape": lambda c: c | {"array.params": c["array.params"].reshape(3, 2)},
    "precision": lambda c: c | {"array.params": c["array.params"].astype(np.float32)},
    "exchanged": lambda c: c | {"array.params": c["array.optimizer.mean"]},
    "no number": lambda c: c | {"array.params": c["array.params"] * np.nan},
    "missing": lambda c: {k: a for k, a in c.items() if k != "array.params"},
    "more": lambda c: c | {"array.more": np.ones(1)},
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_array_that_was_changed_is_named(path, change):
    """Consistently: the archive's own CRC and length are right, the numbers are not."""
    save_checkpoint(path, ARRAYS, FACTS)
    rewritten(path, CHANGES[change])
    name = "more" if change == "more" else "params"
    kind = {"missing": "is missing", "more": "is unknown"}.get(change, "has another checksum")
    assert f"its array {name!r} {kind}" in refused(path)
    tally.count("bad inputs refused")


def test_every_bit_of_an_array_counts(path):
    save_checkpoint(path, ARRAYS, FACTS)
    content = members(path)
    for name, a in ARRAYS.items():
        for i in range(0, a.nbytes * 8, 1 if MANY else 7):
            changed = one_bit(a, i)
            rewritten(path, lambda _, name=name, a=changed: content | {f"array.{name}": a})
            assert f"its array {name!r} has another checksum" in refused(path)
            tally.count("bad inputs refused")


@pytest.mark.parametrize(
    ("old", "new"),
    [('"steps": 3', '"steps": 4'), ("0.1", "0.2"), ("format", "farmat"), ("}", "} ")],
)
def test_facts_that_were_changed_are_refused(path, old, new):
    save_checkpoint(path, ARRAYS, FACTS)
    rewritten(path, lambda c: c | {"facts": np.asarray(str(c["facts"]).replace(old, new))})
    expected = "KeyError: 'format'" if old == "format" else "its facts have another checksum"
    assert expected in refused(path)
    tally.count("bad inputs refused")


def test_a_checksum_that_is_gone_is_missed(path):
    """Nor does a newer file pass for one of before there were checksums."""
    save_checkpoint(path, ARRAYS, FACTS)
    rewritten(path, lambda c: {k: a for k, a in c.items() if k != "checksum"})
    assert "its facts have another checksum" in refused(path)
    save_checkpoint(path, ARRAYS, FACTS)
    text = '{"format": 1, "steps": 4}'
    rewritten(path, lambda c: c | {"facts": np.asarray(text)})
    assert "it has format 1, expected 1 or 2" in refused(path)


@pytest.mark.parametrize("facts", [7, None, "steps", [1, 2]])
def test_facts_that_are_none_are_refused(path, facts):
    """However well they are sealed."""
    save_checkpoint(path, ARRAYS, FACTS)

    def forged(content):
        about = json.loads(str(content["facts"])) | {"facts": facts}
        text = np.asarray(json.dumps(about))
        return content | {"facts": text, "checksum": np.asarray(checkpoints._checksum(text))}

    rewritten(path, forged)
    assert "no checkpoint of nnlearn, or is damaged: " in refused(path)
    tally.count("bad inputs refused")


def test_a_checksum_of_another_shape_is_none(path):
    """Compared with an array of texts, one text gives an array, which is false where it is not."""
    save_checkpoint(path, ARRAYS, FACTS)
    rewritten(path, lambda c: c | {"checksum": np.asarray([str(c["checksum"])])})
    assert "its facts have another checksum" in refused(path)
    rewritten(path, lambda c: c | {"checksum": np.asarray([], "U8")})
    assert "its facts have another checksum" in refused(path)


@pytest.mark.parametrize("seed", range(20 if MANY else 2))
def test_random_bytes_change_nothing_or_are_refused(path, seed):
    """One byte or several: never other numbers, never another error than ValueError."""
    save_checkpoint(path, ARRAYS, FACTS)
    whole, chance = path.read_bytes(), random.Random(seed)
    for _ in range(100):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 1, 1, 2, 8))):
            content[chance.randrange(len(whole))] = chance.randrange(256)
        path.write_bytes(content)
        try:
            arrays, facts = load_checkpoint(path)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017
            tally.count("bad inputs refused")
        else:  # bytes that mean nothing, such as a date
            assert facts == FACTS
            assert {n: (a.dtype, a.tobytes()) for n, a in arrays.items()} == BITS
            tally.count("cases tried")


def test_cut_off_anywhere_it_is_refused(path):
    save_checkpoint(path, ARRAYS, FACTS)
    whole = path.read_bytes()
    special = {0, 1, 4, 30, 128, len(whole) // 2, len(whole) - 22, len(whole) - 1}
    for length in sorted(special | set(range(0, len(whole), 1 if MANY else 41))):
        path.write_bytes(whole[:length])
        refused(path)
        tally.count("bad inputs refused")


# --- other versions -------------------------------------------------------------------------------


def older(path, facts=FACTS, **more):
    """Write what format 1 was, of before there were checksums."""
    text = np.asarray(json.dumps({"format": 1, **facts}))
    with open(path, "wb") as file:
        np.savez(file, facts=text, **{f"array.{k}": a for k, a in ARRAYS.items()}, **more)


def test_an_older_version_s_checkpoint_loads(path):
    older(path)
    arrays, facts = load_checkpoint(path)
    assert facts == FACTS
    assert {name: (a.dtype, a.tobytes()) for name, a in arrays.items()} == BITS


def test_it_says_which_versions_wrote_it(path):
    save_checkpoint(path, ARRAYS, FACTS)
    about = json.loads(str(members(path)["facts"]))
    assert about["nnlearn"] == nn.__version__
    assert about["numpy"] == np.__version__


def test_the_one_before_is_kept(path):
    for steps in range(3):
        save_checkpoint(path, ARRAYS, {"steps": steps})
    assert load_checkpoint(path)[1] == {"steps": 2}
    assert load_checkpoint(path.with_name("run.previous.npz"))[1] == {"steps": 1}
    assert len(os.listdir(path.parent)) == 2
