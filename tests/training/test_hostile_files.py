"""Files that a stranger made to do harm: refused with a reason, nothing run, little memory taken.

Each is read in a process that may have little more memory than it began with: what would fill the
memory ends there with a MemoryError, which is no refusal.
"""

import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tally
from safetensors.numpy import save_file

import nnlearn as nn
from nnlearn.layers import saving
from nnlearn.layers.as_json import described
from nnlearn.training.checkpoints import save_checkpoint

SPARE = 96 * 2**20  # bytes
LARGEST = 16 * 2**20  # of the files here


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Read a file where there is little memory; the name of its folder must stay as it is."""
    folder = tmp_path_factory.mktemp("elsewhere")
    program = [sys.executable, str(Path(__file__).with_name("hostile.py")), str(SPARE)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(program, cwd=folder, env=environment, **pipes) as process:
        limited = json.loads(process.stdout.readline())
        assert limited or sys.platform != "linux"

        def read(kind, path):
            print(json.dumps([kind, str(path)]), file=process.stdin, flush=True)
            return json.loads(process.stdout.readline())

        yield read
    assert os.listdir(folder) == [], "something of a file was run"


def refused(reader, kind, path, reason):
    assert path.stat().st_size <= 1.01 * LARGEST
    error, is_value_error, text = reader(kind, path)
    assert is_value_error, f"{error}: {text}"
    assert str(path) in text
    assert reason in text
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    tally.count("bad inputs refused")


class Malice:
    def __reduce__(self):
        return os.mkdir, ("something-was-run",)


# --- checkpoints ----------------------------------------------------------------------------------


def header(shape="(2,)", dtype="'<f8'", version=1, length=None, text=None):
    """What an array begins with, whatever follows, as the bytes of the format."""
    text = text or f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n"
    length = len(text) if length is None else length
    return (
        b"\x93NUMPY"
        + struct.pack("<BB", version, 0)
        + struct.pack("<H" if version == 1 else "<I", length)
        + text.encode()
    )


def with_array(content, name="array.x.npy", method=zipfile.ZIP_STORED):
    """A good checkpoint to which a member was added."""

    def write(path):
        save_checkpoint(path, {"params": np.ones(3)}, {"steps": 3})
        with zipfile.ZipFile(path, "a", method) as archive:
            archive.writestr(name, content)

    return write


def with_facts(text):
    return lambda path: np.savez(path, facts=np.asarray(text))


def objects(**content):
    def write(path):
        with path.open("wb") as file:
            np.savez(file, **content)

    return write


def entry(name, place, size=80, packed=None, flags=0, extra=b""):
    """One entry of an archive's directory."""
    packed = size if packed is None else packed
    fixed = (b"PK\1\2", 45, 45, flags, 0, 0, 33, 0, packed, size, len(name), len(extra), 0, 0, 0, 0)
    return struct.pack("<4s6H3L5H2L", *fixed, place) + name + extra


def ending(count, size, place):
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, place, 0)


def archive(entries, data=b"", end=None):
    """An archive whose directory says what it likes of the data before it."""

    def write(path):
        directory = b"".join(entries)
        last = ending(len(entries) & 0xFFFF, len(directory), len(data)) if end is None else end
        path.write_bytes(data + directory + last)

    return write


def member(name, content, flags=0):
    """An archive's member with its own header, as it stands before the directory."""
    sizes = (zipfile.crc32(content), len(content), len(content), len(name), 0)
    return struct.pack("<4s5H3L2H", b"PK\3\4", 45, flags, 0, 0, 33, *sizes) + name + content


ONE = member(b"array.x.npy", header("(1000,)") + bytes(8000))
BIG64 = struct.pack("<HHQQ", 1, 16, 2**60, 2**60)
END64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, 2**60, 0)
LOCATOR64 = struct.pack("<4sLQL", b"PK\6\7", 0, len(ONE), 1)
BOMB = header("(2000000,)") + bytes(16_000_000)

ANY = "is damaged"  # the reason is NumPy's or Python's, and its words their own
CHECKPOINTS = {
    "a pickle": (lambda path: path.write_bytes(pickle.dumps(Malice())), ANY),
    "a pickled array": (objects(facts=np.asarray("{}"), x=np.array([Malice()])), "dtype object"),
    "pickled facts": (objects(facts=np.array(Malice(), dtype=object)), "dtype object"),
    "a dtype of code": (with_array(header(text="__import__('os').mkdir('run')\n")), ANY),
    "a shape of code": (with_array(header("__import__('os').mkdir('run')")), ANY),
    "nested records": (
        with_array(header("()", "[('a', '<f8', (1000000000000,))]") + bytes(8)),
        ANY,
    ),
    "an array of records": (with_array(header(dtype="[('a', '<i8')]") + bytes(16)), "numbers or a"),
    "a long text": (with_array(header("()", "'<U274877906'")), "promises an array"),
    "a long void": (with_array(header("()", "'|V2147483647'")), "expected numbers"),
    **{
        f"the shape {shape}": (with_array(header(shape) + bytes(64)), reason)
        for shape, reason in {
            "(1099511627776,)": "promises an array of shape (1099511627776,)",
            "(1000000, 1000000)": "promises an array",
            "(4611686018427387904, 4)": "promises an array",
            "(2305843009213693953,)": "promises an array",  # 8 bytes, if it is cut to 64 bits
            "(-1,)": "promises an array of shape (-1,)",
            "(-8, -1)": "promises an array of shape (-8, -1)",
            "(0, 9223372036854775808)": "promises an array",
            "(9,)": "promises an array",
            "(7,)": "promises an array",
            "8": ANY,
            "('8',)": ANY,
        }.items()
    },
    "too long an axis of none": (with_array(header("(0, 9223372036854775808)")), ANY),
    "a header of 64 KiB": (with_array(header(length=65535)), ANY),
    "a header of 4 GiB": (with_array(header(version=2, length=2**32 - 1)), ANY),
    "a header of version 9": (with_array(header(version=9)), "has version (9, 0)"),
    "a header of signs": (with_array(header(text="-" * 9000 + "1\n")), "nested too deeply"),
    "a header of brackets": (with_array(header(text="(" * 9000 + "\n")), ANY),
    "a header of zeros": (with_array(header(text="\0" * 100)), ANY),
    "no header": (with_array(b"what is this"), ANY),
    "nothing": (with_array(b""), ANY),
    "a bomb": (with_array(BOMB, method=zipfile.ZIP_DEFLATED), "x.npy is compressed"),
    "a bomb of bzip2": (with_array(BOMB, method=zipfile.ZIP_BZIP2), "x.npy is compressed"),
    "a bomb of LZMA": (with_array(BOMB, method=zipfile.ZIP_LZMA), "x.npy is compressed"),
    **{
        f"the name {name!r}": (with_array(header() + bytes(16), name), "is unknown")
        for name in ("../../evil.npy", "/etc/passwd.npy", "array.x", "array..npy", "C:\\x.npy", "é")
    },
    "another array": (with_array(header() + bytes(16)), "its array 'x' is unknown"),
    "an array of numbers that lie": (
        archive([entry(b"array.x.npy", 0, 2**31, 2**31)], ONE),
        "promise 2147483648 bytes",
    ),
    "two lengths": (archive([entry(b"array.x.npy", 0, 8128, 99)], ONE), "two lengths"),
    "one array a thousand times": (
        archive([entry(b"array.%04d.npy" % i, 0, len(ONE) - 41) for i in range(1000)], ONE),
        "its members promise",
    ),
    "one name twice": (
        archive([entry(b"array.x.npy", 0, 100)] * 2, ONE),
        "array.x.npy is there 2 times",
    ),
    "hundreds of thousands of members": (archive([entry(b"", 0, 0)] * 340_000), ANY),
    "a directory of 4 GiB": (archive([], ONE, ending(1, 2**32 - 2, 0)), ANY),
    "a directory that is elsewhere": (archive([], ONE, ending(1, 46, 2**31)), ANY),
    "a zip64 member of exabytes": (
        archive([entry(b"array.x.npy", 0, 2**32 - 1, 2**32 - 1, extra=BIG64)], ONE),
        "promise 1152921504606846976 bytes",
    ),
    "a zip64 directory of exabytes": (
        archive([], ONE + END64 + LOCATOR64, ending(2**16 - 1, 2**32 - 1, 2**32 - 1)),
        ANY,
    ),
    "a member beyond the end": (archive([entry(b"array.x.npy", 2**31)], ONE), ANY),
    "an encrypted member": (
        archive([entry(b"array.x.npy", 0, 100, flags=1)], member(b"array.x.npy", ONE, 1)),
        ANY,
    ),
    "an empty archive": (archive([]), "KeyError: 'facts'"),
    "nothing at all": (lambda path: path.write_bytes(b""), ANY),
    "zeros": (lambda path: path.write_bytes(bytes(LARGEST)), ANY),
    "facts that nest": (with_facts("[" * 1_000_000), ANY),
    "facts of a million lists": (with_facts("[" + "[]," * 400_000 + "[]]"), ANY),
    "facts of a long number": (with_facts('{"format": ' + "9" * 1_000_000 + "}"), ANY),
    "facts of no kind": (with_facts("7"), ANY),
    "facts that are no text": (objects(facts=np.ones(3)), ANY),
    "facts that are many": (objects(facts=np.array(["{}", "{}"])), ANY),
    "no facts": (objects(x=np.ones(3)), "KeyError: 'facts'"),
    "no format": (with_facts('{"steps": 3}'), "KeyError: 'format'"),
    "a format that is a text": (with_facts('{"format": "2"}'), "format '2', expected 1 or 2"),
    "a format that is negative": (with_facts('{"format": -1}'), "format -1, expected 1 or 2"),
    "a format to come": (with_facts('{"format": 3, "nnlearn": "9.1"}'), "nnlearn 9.1 wrote it"),
    "no checksum": (with_facts('{"format": 2, "checksums": {}, "facts": {}}'), "other checksum"),
    "a wrong checksum": (
        objects(facts=np.asarray('{"format": 2}'), checksum=np.asarray("0" * 32)),
        "its facts have another checksum",
    ),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_checkpoint(reader, tmp_path, name):
    write, reason = CHECKPOINTS[name]
    path = tmp_path / "run.npz"
    write(path)
    refused(reader, "checkpoint", path, reason)


# --- saved models ---------------------------------------------------------------------------------


def raw(text, length=None, data=b""):
    """A file of safetensors with any header."""
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    length = len(text) if length is None else length
    return lambda path: path.write_bytes(length.to_bytes(8, "little") + text + data)


def tensor(shape, end=8, start=0, dtype="F32"):
    return {"x": {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}}


def told(text):
    """Arrays with a text in the place where `nn.save` describes the model."""
    return lambda path: save_file({"x": np.ones(2)}, path, {"nnlearn": text})


def model(description, **arrays):
    """A file whose checksums are right, of a model that is described so."""
    known = {name: saving.checksum(a) for name, a in arrays.items()}
    contents = {"model": description, "crc32": known}
    header = {"format": 2, "crc32": saving._checked_text(contents), "contents": contents}
    return lambda path: save_file(arrays, path, {"nnlearn": json.dumps(header)})


def nested(depth):
    """The text of a model in a model in a model ..., without a checksum: it is read before."""
    text = '{"layer": "Sequential", "layers": [' * depth + "]}" * depth
    return f'{{"format": 2, "crc32": "0", "contents": {{"model": {text}}}}}'


MODELS = {
    "a pickle": (lambda path: path.write_bytes(pickle.dumps(Malice())), ""),
    "nothing at all": (lambda path: path.write_bytes(b""), ""),
    "an archive": (with_array(header() + bytes(16)), ""),
    "zeros": (lambda path: path.write_bytes(bytes(LARGEST)), ""),
    "a header of exabytes": (raw(b"{}", 2**63), "its header has 9223372036854775808 bytes"),
    "a header of terabytes": (raw(b"{}", 2**40), "its header has 1099511627776 bytes"),
    "a long header": (raw(b" " * 2**24 + b"{}"), "its header has 16777218 bytes, expected at most"),
    "a header beyond the end": (raw(b"{}", 1000), ""),
    "a header that nests": (raw(b"[" * 1_000_000), ""),
    "a header that is none": (raw(b"\xff" * 100), ""),
    "an array of terabytes": (raw(tensor([2**40], 2**42)), ""),
    "an array of terabytes in eight bytes": (raw(tensor([2**40]), data=bytes(8)), ""),
    "a shape that overflows": (raw(tensor([2**62, 8])), ""),
    "a negative shape": (raw(tensor([-2])), ""),
    "offsets that run back": (raw(tensor([2], 0, 8), data=bytes(8)), ""),
    "an unknown dtype": (raw(tensor([2], dtype="P64"), data=bytes(8)), ""),
    "two arrays of the same bytes": (
        raw(tensor([2]) | {"y": tensor([2])["x"]}, data=bytes(8)),
        "",
    ),
    "another program's": (told("{}"), "KeyError"),
    "a description that nests": (told("[" * 1_000_000), "RecursionError"),
    "a description of a long number": (told("9" * 100_000), ""),
    "a model in a model in a model": (told(nested(100_000)), "RecursionError"),
    "a layer that is no layer": (model({"layer": "os", "settings": {}}), "layer 'os' is unknown"),
    "a layer of the system": (
        model({"layer": "os.system", "settings": {"command": "mkdir run"}}),
        "'os.system' is unknown",
    ),
    "a layer's base class": (model({"layer": "Layer", "settings": {}}), ""),
    "an initializer that is none": (model({"initializer": "__import__"}), "is unknown"),
    "no model": (model({}), ""),
    "a model that is a number": (model(7), ""),
    "an unknown setting": (
        model({"layer": "ReLU", "settings": {"__class__": "x"}}),
        "unexpected keyword",
    ),
    "a hundred thousand axes": (
        model({"layer": "Unflatten", "settings": {"shape": [1] * 100_000}}, x=np.ones(2)),
        "'x' is unknown",
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model(reader, tmp_path, name):
    write, reason = MODELS[name]
    path = tmp_path / "model.safetensors"
    write(path)
    refused(reader, "model", path, reason)


def huge(description):
    """Every description in which one whole number is another one: huge, or below zero."""
    if isinstance(description, dict):
        for key, value in description.items():
            for other in huge(value):
                yield description | {key: other}
    elif isinstance(description, list):
        for i, value in enumerate(description):
            for other in huge(value):
                yield [*description[:i], other, *description[i + 1 :]]
    elif isinstance(description, int) and not isinstance(description, bool):
        yield from (10**12, 2**63, -1)


LAYERS = [
    nn.Dense(6, 3),
    nn.Conv2D(2, 3, (3, 2), stride=(2, 1), padding=1),
    nn.ConvTranspose2D(2, 3, 3, stride=2, padding=(1, 0)),
    nn.MaxPool2D((2, 3), stride=1),
    nn.Upsample2D((2, 1)),
    nn.BatchNorm(6),
    nn.Embedding(5, 3),
    nn.LSTM(3, 4),
    nn.GRU(3, 4),
    nn.MultiHeadAttention(4, 2),
    nn.PositionalEncoding(4, "learned", longest=7),
    nn.PositionalEncoding(4),
    nn.TransformerBlock(4, 2, hidden=5),
    nn.Unflatten(3, 2, 1),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_model_with_a_huge_or_negative_number(reader, tmp_path, layer):
    """It is refused as the arrays do not fit, or does not matter; no room is made for it before."""
    path, params = tmp_path / "model.safetensors", layer.init()
    arrays = {f"params.{name}": np.ascontiguousarray(a) for name, a in params.items()}
    if params.state is not None:
        arrays |= {f"state.{name}": np.ascontiguousarray(a) for name, a in params.state.items()}
    tried = 0
    for description in huge(described(layer)):
        model(description, **arrays)(path)
        error, is_value_error, text = reader("model", path)
        assert is_value_error or error == "nothing", f"{description}: {error}: {text}"
        assert "MemoryError" not in text, description
        tally.count("bad inputs refused" if is_value_error else "cases tried")
        tried += 1
    assert tried
