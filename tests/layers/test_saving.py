"""Saved models: what is loaded computes the same bits, and a damaged file is refused."""

import json
import os
import random

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from witnesses import make_space

import nnlearn as nn
from nnlearn.layers import saving
from nnlearn.parameters import checksum

IMAGE, SEQUENCE, ROWS = (2, 6, 6, 2), (5, 2, 3), (4, 6)
MODELS = {
    "Dense": (nn.Dense(6, 3, initializer=nn.initializers.glorot), ROWS),
    "Conv2D": (nn.Conv2D(2, 3, (3, 2), stride=(2, 1), padding=1), IMAGE),
    "ConvTranspose2D": (nn.ConvTranspose2D(2, 3, 3, stride=2, padding=(1, 0)), IMAGE),
    "MaxPool2D": (nn.MaxPool2D((2, 3), stride=1), IMAGE),
    "AvgPool2D": (nn.AvgPool2D(3), IMAGE),
    "Upsample2D": (nn.Upsample2D((2, 1)), IMAGE),
    "BatchNorm": (nn.BatchNorm(6, momentum=0.3, eps=1e-3), ROWS),
    "LayerNorm": (nn.LayerNorm(6, eps=0.1), ROWS),
    "Dropout": (nn.Dropout(0.4), ROWS),
    "Embedding": (nn.Embedding(5, 3), None),
    "RNN": (nn.RNN(3, 4, last=True, initializer=nn.initializers.he), SEQUENCE),
    "LSTM": (nn.LSTM(3, 4, forget_bias=2.5, learned_state=True), SEQUENCE),
    "GRU": (nn.GRU(3, 4, update_bias=1.5, last=True), SEQUENCE),
    "MultiHeadAttention": (nn.MultiHeadAttention(4, 2, causal=True, rotary=True), (5, 2, 4)),
    "PositionalEncoding": (nn.PositionalEncoding(3, "learned", longest=7), SEQUENCE),
    "Residual": (
        nn.Residual(nn.LayerNorm(6), nn.Residual(nn.Dense(6, 6), nn.GELU()), nn.Dense(6, 6)),
        ROWS,
    ),
    "TransformerBlock": (
        nn.Sequential(
            nn.TransformerBlock(4, 2, hidden=5, causal=True, rotary=True, dropout=0.1),
            nn.Residual(nn.TransformerBlock(4, 1, norm="post"), nn.Dense(4, 4)),
        ),
        (5, 2, 4),
    ),
    "TimeFirst": (nn.TimeFirst(), SEQUENCE),
    "Flatten": (nn.Flatten(), IMAGE),
    "Unflatten": (nn.Unflatten(3, 2, 1), ROWS),
    "activations": (nn.Sequential(nn.ReLU(), nn.LeakyReLU(0.3), nn.Sigmoid(), nn.Tanh()), ROWS),
    "nested": (
        nn.Sequential(
            nn.Conv2D(2, 4, 3),
            nn.Sequential(nn.Flatten(), nn.Dense(64, 5), nn.Sequential(nn.BatchNorm(5))),
            nn.Dense(5, 2),
        ),
        IMAGE,
    ),
    "nothing": (nn.Sequential(), ROWS),
}


def test_every_layer_is_among_them():
    layers = {n for n in nn.__all__ if isinstance(getattr(nn, n), type)}
    layers = {n for n in layers if issubclass(getattr(nn, n), nn.Layer)}
    text = " ".join(repr(model) for model, _ in MODELS.values())
    assert [n for n in layers - {"Layer"} if f"{n}(" not in text] == []


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def moved(model, dtype):
    """Parameters and a state that are not those of the start."""
    rng, params = np.random.default_rng(1), model.init(seed=2, dtype=dtype)
    params.vector[...] = params.vector + 0.1 * rng.normal(size=params.vector.shape)
    if params.state is not None:
        params.state.vector[...] = rng.uniform(0.5, 2, size=params.state.vector.shape)
    return params


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_what_is_loaded_computes_the_same_bits(path, name, dtype):
    model, shape = MODELS[name]
    params = moved(model, dtype)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, (2, 3)) if shape is None else rng.normal(size=shape).astype(dtype)
    nn.save(path, model, params)
    again, loaded = nn.load(path)
    assert repr(again) == repr(model)
    assert loaded.vector.dtype == (params.vector.dtype if params.vector.size else np.float32)
    np.testing.assert_array_equal(loaded.vector, params.vector)
    np.testing.assert_array_equal(again(loaded, x), model(params, x))
    # the settings too: the same initial values
    np.testing.assert_array_equal(again.init(seed=3).vector, model.init(seed=3).vector)
    assert os.listdir(path.parent) == ["model.safetensors"]


def test_it_lives_where_the_current_backend_is(backend, path):
    model = MODELS["nested"][0]
    params = model.init(seed=2)
    nn.save(path, model, params)
    _, loaded = nn.load(path)
    assert backend.holds(loaded.vector)
    assert backend.holds(loaded.state.vector)
    np.testing.assert_array_equal(nn.to_numpy(loaded.vector), nn.to_numpy(params.vector))


def test_other_programs_can_read_it(path):
    model = MODELS["nested"][0]
    params = moved(model, "float32")
    nn.save(path, model, params)
    arrays = load_file(path)
    assert set(arrays) == {f"params.{n}" for n in params} | {"state.1.2.0.mean"} | {
        "state.1.2.0.variance"
    }
    np.testing.assert_array_equal(arrays["params.2.W"], params["2.W"])


def test_the_same_model_is_the_same_file(path):
    model = MODELS["nested"][0]
    contents = set()
    for _ in range(5):
        nn.save(path, model, model.init())
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_an_initializer_without_a_name_is_left_out(path):
    model = nn.Dense(2, 3, initializer=nn.initializers.fill(7.0))
    nn.save(path, model, model.init())
    again, params = nn.load(path)
    assert (params["W"] == 7).all()
    assert again.initializer is nn.initializers.he


class Scale(nn.Layer):
    def __init__(self, factors, inner=None):
        self.factors = factors
        self.inner = inner

    def operation(self, params, x, training, rng):
        return x * self.factors[0], lambda dy: dy * self.factors[0]


class Forgetful(nn.Layer):
    """Keeps nothing of what it was given."""

    def __init__(self, size=2):
        self.kept = size

    def parameters(self):
        return {"a": ((self.kept,), nn.initializers.fill(0.0))}

    def operation(self, params, x, training, rng):
        return x, lambda dy: dy


class Own(nn.Layer):
    """Any parameters: declared shapes by name, and what they are used for is nobody's business."""

    def __init__(self, shapes):
        self.shapes = shapes

    def parameters(self):
        return {f"p{i}": (shape, nn.initializers.fill(i)) for i, shape in enumerate(self.shapes)}

    def operation(self, params, x, training, rng):
        return x, lambda dy: (dy, *params.values())


def test_arrays_of_any_number_of_axes(path):
    """None among them, and shapes that are lists: as JSON gives them back."""
    model = Own([[], [3], (2, 1, 2)])
    params = moved(model, "float32")
    nn.save(path, model, params)
    again, loaded = nn.load(path, layers=[Own])
    assert again.shapes == ((), (3,), (2, 1, 2))
    assert {n: a.shape for n, a in loaded.items()} == {"p0": (), "p1": (3,), "p2": (2, 1, 2)}
    np.testing.assert_array_equal(loaded.vector, params.vector)


@pytest.mark.parametrize("step", [2, -1])
def test_a_vector_that_lies_scattered_in_memory(path, step):
    model = nn.Dense(3, 2)
    params = nn.Parameters(np.arange(16.0)[::step][:8], model.init().layout)
    nn.save(path, model, params)
    np.testing.assert_array_equal(nn.load(path)[1].vector, params.vector)


def test_settings_of_every_kind(path):
    """Rows of settings, layers among them, come back as tuples, and NumPy's numbers as Python's."""
    given = [np.int64(3), np.float32(0.5), np.bool_(True), True, "text", None]
    held = nn.Sequential(Own([[2], (1,)]))
    model = Scale([*given, (nn.initializers.he, nn.Dropout(0.5)), (1, held)], nn.ReLU())
    nn.save(path, model, model.init())
    *plain, (draw, dropout), (_, again) = nn.load(path, layers=[Scale, Own])[0].factors
    assert plain == [3, 0.5, True, True, "text", None]
    assert [type(v) for v in plain] == [int, float, bool, bool, str, type(None)]
    assert draw is nn.initializers.he
    assert repr(dropout) == "Dropout(0.5)"
    assert again.parameters().keys() == held.parameters().keys() == {"0.p0", "0.p1"}


def test_a_layer_of_a_layer_is_made_by_its_own_constructor(path):
    class Half(nn.Dense):
        def __init__(self, inputs):
            super().__init__(inputs, inputs // 2)

    params = moved(Half(4), "float32")
    nn.save(path, Half(4), params)
    again, loaded = nn.load(path, layers=[Half])
    assert isinstance(again, Half)
    np.testing.assert_array_equal(loaded.vector, params.vector)


def test_a_layer_of_one_s_own(path):
    model = nn.Sequential(Scale((np.float64(3.0), 1), nn.Dropout(0.5)))
    nn.save(path, model, model.init())
    with pytest.raises(ValueError, match=r"layer 'Scale' is unknown; .*layers=\(Scale,\)"):
        nn.load(path)
    again, params = nn.load(path, layers=[Scale])
    assert again.layers["0"].factors == (3.0, 1)
    assert again.layers["0"].inner.p == 0.5
    assert again(params, np.ones(1)) == 3


def test_two_layers_of_one_name(path):
    class Dense(nn.Layer):
        def operation(self, params, x, training, rng):
            return x, lambda dy: dy

    with pytest.raises(ValueError, match="two layers of the name 'Dense'"):
        nn.save(path, Dense(), Dense().init())


@pytest.mark.parametrize(
    ("model", "params", "error", "message"),
    [
        (nn.Dense(2, 3), nn.Dense(2, 4).init(), ValueError, r"params has W \(4, 2\).* W \(3, 2\)"),
        (nn.Dense(2, 3).init(), nn.Dense(2, 3), TypeError, r"expected save\(path, model, params\)"),
        (nn.Dense(2, 3), nn.Dense(2, 3).init().vector, TypeError, "params ndarray"),
        ("a model", nn.Dense(2, 3).init(), TypeError, "model is str and params Parameters"),
        (Scale(object()), Scale(1).init(), ValueError, "setting is a object, which is not written"),
        (Scale([object()]), Scale(1).init(), ValueError, "is a object, which is not written"),
        (nn.BatchNorm(2), nn.Dense(2, 3).init(), ValueError, r"save: params has W \(3, 2\), b"),
        (Forgetful(3), Forgetful(3).init(), ValueError, "cannot be made again from its settings"),
        (
            nn.BatchNorm(1),
            nn.Parameters(np.ones(2), {"gamma": (1,), "beta": (1,)}),
            ValueError,
            "params.state has none, expected what the model has, mean",
        ),
        (
            nn.Dense(1, 1),
            nn.Parameters(np.ones(2, "float16"), {"W": (1, 1), "b": (1,)}),
            ValueError,
            "dtype float16, expected float32 or float64",
        ),
    ],
)
def test_what_cannot_be_saved(path, model, params, error, message):
    with pytest.raises(error, match=message):
        nn.save(path, model, params)
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize("name", ["numpy", "strict", "torch"])
def test_what_is_refused_is_told_in_the_same_words_wherever_it_lives(path, name):
    space, params = make_space(name), nn.Dense(2, 4).init()
    there = nn.Parameters(space.array(params.vector), params.layout)
    with pytest.raises(ValueError, match="save: params") as caught:
        nn.save(path, nn.Dense(2, 3), there)
    assert str(caught.value) == (
        "save: params has W (4, 2), b (4,), expected what the model has, W (3, 2), b (3,)"
    )


# --- files of before ----------------------------------------------------------------------------


def test_a_file_that_an_earlier_nnlearn_wrote(path):
    """To the letter; another program may have sorted it, as it says nothing in JSON."""
    text = (
        '{"format": 2, "crc32": "cbee5370", "contents": {"model": {"layer": "Sequential", '
        '"layers": [{"layer": "Dense", "settings": {"inputs": 1, "outputs": 2, "initializer": '
        '{"initializer": "he"}}}, {"layer": "LeakyReLU", "settings": {"slope": 0.25}}]}, '
        '"crc32": {"params.0.W": "144c0cf7", "params.0.b": "e5874ef0"}}}'
    )
    W, b = np.array([[1.5], [-2]], "float32"), np.array([0.25, 3], "float32")
    for header in (text, json.dumps(json.loads(text), sort_keys=True)):
        save_file({"params.0.W": W, "params.0.b": b}, path, {"nnlearn": header})
        model, params = nn.load(path)
        assert repr(model) == "Sequential(Dense(1, 2), LeakyReLU(slope=0.25))"
        np.testing.assert_array_equal(params.vector, [1.5, -2, 0.25, 3])
    nn.save(path, model, params)
    with safe_open(path, "numpy") as file:
        assert file.metadata()["nnlearn"] == text


# --- files that are not whole -------------------------------------------------------------------


@pytest.fixture
def small(path):
    """A small file with everything in it: its content, and the bits that it gives."""
    model = nn.Sequential(nn.Dense(2, 1), nn.LeakyReLU(0.25), nn.BatchNorm(1))
    params = moved(model, "float32")
    nn.save(path, model, params)
    return path.read_bytes(), (repr(model), params.vector.tobytes(), params.state.vector.tobytes())


def test_cut_off_anywhere_it_is_refused(path, small):
    whole, _ = small
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"load: .*model\.safetensors cannot be read"):
            nn.load(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match="cannot be read"):
        nn.load(path)


def test_any_changed_byte_is_refused_or_says_nothing(path, small):
    """Every byte in turn. What is still read, such as a blank in the header, gives the same."""
    whole, expected = small
    chance, harmless = random.Random(0), 0
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ chance.randint(1, 255)]) + whole[i + 1 :])
        try:
            model, params = nn.load(path)
        except ValueError:
            continue
        assert (repr(model), params.vector.tobytes(), params.state.vector.tobytes()) == expected
        harmless += 1
    assert harmless < 0.05 * len(whole)


def rewritten(path, change, arrays=None):
    """Write the file again with another header, whose checksum is right, or other arrays."""
    with safe_open(path, "numpy") as file:
        header = json.loads(file.metadata()["nnlearn"])
    held = load_file(path)
    held = arrays(held) if arrays else held
    header = change(header) or header
    header["crc32"] = saving._checked_text(header.get("contents"))
    save_file(held, path, {"nnlearn": json.dumps(header)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda h: h | {"format": 3},
            "its format is 3, expected at most 2; a newer nnlearn wrote it",
        ),
        (
            lambda h: h["contents"]["model"].update({"layers": [{"layer": "os", "settings": {}}]}),
            "layer 'os' is unknown",
        ),
        (
            lambda h: h["contents"].update({"model": {"initializer": "fill"}}),
            "initializer 'fill' is unknown",
        ),
        (
            lambda h: h["contents"].update({"model": {"initializer": "np"}}),
            r"cannot be read: the initializer 'np' is unknown",
        ),
        (
            lambda h: h["contents"]["model"]["layers"][0]["settings"].update({"inputs": 10**12}),
            r"'params\.0\.W' has shape \(1, 2\) .*expected \(1, 1000000000000\)",
        ),
        (
            lambda h: h["contents"]["model"]["layers"][0]["settings"].update({"inputs": -1}),
            "inputs is -1",
        ),
        (lambda h: h["contents"].pop("model") and None, "KeyError: 'model'"),
        (lambda h: h | {"format": "2"}, "its format is '2', expected"),
        (
            lambda h: h["contents"]["crc32"].pop("params.0.b") and None,
            r"array 'params\.0\.b' has another",
        ),
    ],
)
def test_a_header_that_does_not_fit(path, small, change, message):
    rewritten(path, change)
    with pytest.raises(ValueError, match=message):
        nn.load(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (lambda a: {k: v for k, v in a.items() if k != "params.0.b"}, r"'params\.0\.b' is missing"),
        (lambda a: {k: v for k, v in a.items() if k != "state.2.mean"}, "'state.2.mean' is mis"),
        (lambda a: a | {"more": np.ones(1)}, "'more' is unknown"),
        (lambda a: a | {"params.0.W": np.ones((2, 1), "f4")}, r"0\.W' has shape \(2, 1\)"),
        (lambda a: a | {"params.0.W": np.ones((1, 2), int)}, "dtype int64, expected"),
        (lambda a: a | {"params.0.W": np.ones((1, 2), bool)}, "dtype bool, expected"),
        (
            lambda a: a | {"params.0.W": np.ones((1, 2), "f4")},
            r"array 'params\.0\.W' has another checksum",
        ),
    ],
)
def test_arrays_that_do_not_fit(path, small, arrays, message):
    rewritten(path, lambda header: None, arrays)
    with pytest.raises(ValueError, match=message):
        nn.load(path)


@pytest.mark.parametrize("damaged", [False, True])
def test_a_file_of_before_each_array_had_a_checksum(path, small, damaged):
    """Format 1: one checksum for all arrays, and the list of them in its order."""
    expected = small[1]

    def older(header):
        contents = header["contents"]
        arrays = load_file(path)
        contents["tensors"] = names = list(contents.pop("crc32"))
        contents["crc32"] = checksum(*(arrays[name] for name in names))
        return header | {"format": 1}

    rewritten(path, older)
    if damaged:
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(ValueError, match="its arrays have another checksum"):
            nn.load(path)
        return
    model, params = nn.load(path)
    assert (repr(model), params.vector.tobytes(), params.state.vector.tobytes()) == expected


def test_a_header_that_promises_terabytes(path):
    """It is refused for what is in the file, before anything is allocated."""
    for length, shape in ((2**63, None), (2**40, None), (None, [2**40]), (None, [2**62, 8])):
        count = shape and int(np.prod([float(n) for n in shape]))
        text = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, count]}})
        size = length if length is not None else len(text)
        path.write_bytes(size.to_bytes(8, "little") + text.encode() + bytes(16))
        with pytest.raises(ValueError, match="cannot be read"):
            nn.load(path)


def test_a_header_may_be_long_but_not_endless(path):
    """What reads it takes many times its size: more than 16 MiB are refused before that."""
    for length in (2**24 + 1, 2**63):
        path.write_bytes(length.to_bytes(8, "little") + bytes(8))
        told = f"cannot be read: its header has {length} bytes, expected at most 16777216$"
        with pytest.raises(ValueError, match=told):
            nn.load(path)
    path.write_bytes((2**24).to_bytes(8, "little") + bytes(8))
    with pytest.raises(ValueError, match="cannot be read: SafetensorError"):
        nn.load(path)


def test_foreign_files(path):
    for content in (b"", b"not a model", b"\x80\x04K\x01.", b"PK\x03\x04"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="cannot be read"):
            nn.load(path)
    save_file({"a": np.ones(2)}, path)
    with pytest.raises(ValueError, match=r"cannot be read: it was not written by nn\.save$"):
        nn.load(path)
    save_file({"a": np.ones(2)}, path, {"nnlearn": "[" * 100_000})
    with pytest.raises(ValueError, match="RecursionError"):
        nn.load(path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="there is no file"):
        nn.load(path)
    path.mkdir()
    with pytest.raises(ValueError, match="cannot be read"):
        nn.load(path)
    with pytest.raises(FileNotFoundError):
        nn.save(path.parent / "nowhere" / "x", nn.ReLU(), nn.ReLU().init())
