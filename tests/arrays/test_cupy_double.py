"""The double of CuPy: it has nothing that CuPy lacks, refuses what CuPy refuses, and counts.

The tests marked `gpu` run on it too, in a process of their own (``make test``); here stands what
makes that worth something.
"""

import inspect
import json
import re
from pathlib import Path

import pytest
from on_double import DOUBLES, ROOT, run


def value_of(text):
    """Evaluate an expression with `cupy`, `np` and a device array `a`; return value or error."""
    code = f"""
import numpy as np, cupy, json
a = cupy.asarray(np.arange(6.0).reshape(2, 3))
with cupy.counted() as counts:
    try:
        value = {text}
        kind = type(value).__module__.split(".")[0] + "." + type(value).__name__
    except Exception as error:
        kind = type(error).__name__ + ": " + str(error)
print(json.dumps([kind, dict(counts)]))
"""
    return json.loads(run("-c", code))


@pytest.mark.filterwarnings("ignore")  # CuPy says that it finds no CUDA
def test_it_has_nothing_that_cupy_lacks():
    import cupy
    import cupy.cuda.runtime
    import cupy.lib.stride_tricks

    assert DOUBLES not in Path(cupy.__file__).parents, "this is to be compared with the real one"
    names = json.loads(run("tests/doubles/names.py"))
    assert len(names) > 150
    for name, arguments in names.items():
        real = cupy
        for part in name.split("."):
            assert hasattr(real, part), f"CuPy has no {name}"
            real = getattr(real, part)
        try:
            theirs = list(inspect.signature(real).parameters)
        except (TypeError, ValueError):
            continue  # written in C, or a ufunc
        if arguments is not None and "args" not in theirs and "args" not in arguments:
            assert arguments == theirs[: len(arguments)], name


@pytest.mark.parametrize(
    "text",
    [
        "np.asarray(a)",
        "np.sum(a)",
        "np.exp(a)",
        "a + np.ones(3)",
        "np.ones(3) + a",
        "a.__iadd__(np.ones(3))",
        "a[np.array([0])]",
        "a.__setitem__(0, np.ones(3))",
        "cupy.maximum(a, np.ones(3))",
        "cupy.concatenate([a, np.ones((1, 3))])",
        "cupy.repeat(a, cupy.asarray([1, 2]), 0)",
        "cupy.multiply.at(a, cupy.asarray([0]), 1.0)",
        "a.__setitem__(..., [[0, 1, 2], [3, 4, 5]])",
        "cupy.cuda.Device(1)",
    ],
)
def test_it_refuses(text):
    kind, _ = value_of(text)
    assert "Error: " in kind, kind


@pytest.mark.parametrize(
    ("text", "kind", "counts"),
    [
        ("a + 1", "cupy.ndarray", {"kernels": 1}),
        ("np.float64(2) * a", "cupy.ndarray", {"kernels": 1}),
        ("cupy.sum(a)", "cupy.ndarray", {"kernels": 1}),
        ("a[0, 0]", "cupy.ndarray", {}),
        ("a[:, ::2].T", "cupy.ndarray", {}),
        ("a.reshape(3, 2)", "cupy.ndarray", {}),
        ("a.T.reshape(6)", "cupy.ndarray", {"kernels": 1}),
        ("float(cupy.sum(a))", "builtins.float", {"kernels": 1, "synchronizations": 1}),
        ("bool(a[0, 0] < 1)", "builtins.bool", {"kernels": 1, "synchronizations": 1}),
        ("a[0, 0].item()", "builtins.float", {"synchronizations": 1}),
        ("a[a > 1]", "cupy.ndarray", {"kernels": 2, "synchronizations": 1}),
        ("a.get()", "numpy.ndarray", {"synchronizations": 1}),
        ("cupy.asarray(np.ones(2))", "cupy.ndarray", {"uploads": 1}),
        ("cupy.asarray(a)", "cupy.ndarray", {}),
        ("cupy.random.default_rng(0)", "cupy.Generator", {"generators": 1, "kernels": 1}),
        ("cupy.take(a, cupy.arange(1), axis=0)", "cupy.ndarray", {"kernels": 2}),
    ],
)
def test_it_counts(text, kind, counts):
    found, counted = value_of(text)
    counted.pop("downloads", None)
    assert (found, counted) == (kind, counts)


def test_one_number_of_an_array_changes_with_it():
    code = """
import cupy
a = cupy.zeros(3)
view, copy = a[1], float(a[1])
a[1] = 5
print(float(view), copy)
"""
    assert run("-c", code).split() == ["5.0", "0.0"]


def test_a_training_step_never_waits_for_the_device():
    """Of each of the five networks; and it launches as many kernels as README says."""
    found = json.loads(run("tests/doubles/steps.py"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = re.findall(r"([\d,]+) \((MLP|CNN|RNN|LSTM|GAN)\)", readme)
    kernels = {name.lower(): int(count.replace(",", "")) for count, name in told}
    assert set(found) == set(kernels)
    for network, counts in found.items():
        assert counts.get("synchronizations", 0) == 0, counts["waits"]
        assert counts.get("downloads", 0) == 0, network
        assert counts.get("uploads", 0) == (network == "gan"), network  # that one draws noise
        assert counts["kernels"] == kernels[network], network


def test_an_epoch_of_training_waits_once():
    code = """
import numpy as np, cupy, json
import nnlearn as nn
x = nn.asarray(np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32))
y = nn.asarray(np.arange(64) % 3)
model = nn.Sequential(nn.Dense(5, 8), nn.ReLU(), nn.Dropout(0.5), nn.Dense(8, 3))
params = model.init()
waits = []
for epochs in (1, 4):
    optimizer = nn.Adam()
    with cupy.counted() as counts:
        nn.fit(model, params, nn.softmax_cross_entropy, (x, y), optimizer, epochs, batch_size=8,
               clip_norm=1.0, progress=False)
    waits.append([counts["synchronizations"], dict(counts.waits)])
print(json.dumps(waits))
"""
    (one, _), (four, lines) = json.loads(run("-c", code))
    assert four - one == 3, lines  # before the first epoch it looks at the labels
