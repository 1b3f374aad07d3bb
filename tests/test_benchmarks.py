"""The benchmarks: the same network in every library, operations counted right, results kept."""

import json
import runpy
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch

from benchmarks import drawing, fast_paths, measuring, networks, timing
from benchmarks.networks import LARGE, MORE, NETWORKS, ONE
from nnlearn.arrays import fast, recurrence

ROOT = Path(__file__).resolve().parents[1]
matplotlib.use("Agg")


def program(name, monkeypatch):
    """Run a program without its measurement; return its names."""
    monkeypatch.setattr(timing, "report", lambda step: step())
    return runpy.run_module(f"benchmarks.{name}")


@pytest.mark.parametrize("network", NETWORKS)
def test_nnlearn_and_pytorch_train_the_same_network(network, monkeypatch):
    ours = program(f"{network}_nnlearn", monkeypatch)
    theirs = program(f"{network}_torch", monkeypatch)
    sizes = sum(v.vector.size for k, v in ours.items() if k.startswith("params"))
    weights = {
        id(parameter): parameter.numel()
        for module in theirs.values()
        if isinstance(module, torch.nn.Module)
        for name, parameter in module.named_parameters()
        if "bias_hh" not in name  # the second bias of PyTorch's recurrent layers
    }
    assert sum(weights.values()) == sizes
    data = "real" if network == "gan" else "x"
    assert ours[data].size == theirs[data].numel()


SMALL_MORE = {
    "gru": networks.gru(steps=3, inputs=4, units=5, batch=2, classes=6),
    "stacked": networks.stacked(steps=3, inputs=4, units=5, batch=2, classes=6),
    "colour": networks.colour(batch=2, first=3, second=4),
    "transformer": networks.transformer(steps=3, width=8, heads=2, depth=2, batch=2, classes=6),
}


@pytest.mark.parametrize("network", MORE)
def test_the_other_networks_are_the_same_in_both_libraries(network, monkeypatch):
    monkeypatch.setitem(MORE, network, SMALL_MORE[network])
    monkeypatch.setattr("sys.argv", ["more", network])
    ours, theirs = program("more_nnlearn", monkeypatch), program("more_torch", monkeypatch)
    weights = [p.numel() for n, p in theirs["model"].named_parameters() if "bias_hh" not in n]
    assert sum(weights) == ours["params"].vector.size
    assert ours["params"].vector.size < 4_000  # the size that was asked for
    assert ours["x"].size == theirs["x"].numel()


@pytest.mark.parametrize("library", ["nnlearn", "torch"])
@pytest.mark.parametrize("network", ["mlp", "cnn", "lstm"])
def test_a_model_of_the_table_looks_at_one_example(network, library, monkeypatch):
    monkeypatch.setitem(NETWORKS, network, SMALL[network])
    monkeypatch.setattr("sys.argv", ["one", network, library])
    names = program("one", monkeypatch)
    shape = SMALL[network].shape
    expected = {"mlp": (1, 2), "cnn": (1, 10)}.get(network, (3, 1, 6))
    assert names["step"]().shape == expected
    assert names["x"].shape[1 if network == "lstm" else 0] == shape.batch  # which is not 1


def test_a_transformer_computes_the_same_in_both_libraries(monkeypatch):
    """The value, and what one step of Adam makes of it, from the same parameters."""
    monkeypatch.setitem(MORE, "transformer", SMALL_MORE["transformer"])
    monkeypatch.setattr("sys.argv", ["more", "transformer"])
    monkeypatch.setattr(timing, "report", lambda step: None)
    ours = runpy.run_module("benchmarks.more_nnlearn")
    theirs = runpy.run_module("benchmarks.more_torch")
    model, params = theirs["model"], ours["params"]
    with torch.no_grad():  # both declare them in the same order, but for a block's norms
        names = iter(params.values())
        for layer in model:
            parts = [layer] if not hasattr(layer, "look") else [
                *(layer.norm1, layer.look.qkv, layer.look.out, layer.norm2),
                *(layer.think[0], layer.think[2]),
            ]  # fmt: skip
            for p in (p for part in parts for p in part.parameters()):
                p.copy_(torch.tensor(next(names)))
        assert next(names, None) is None
    for seen in range(2):
        logits = theirs["model"](torch.tensor(ours["x"].T.copy())).detach().numpy()
        ours_logits = ours["model"](params, ours["x"])
        np.testing.assert_allclose(ours_logits, logits.transpose(1, 0, 2), atol=2e-5)
        if seen == 0:
            theirs["x"].copy_(torch.tensor(ours["x"].T.copy()))
            theirs["labels"].copy_(torch.tensor(ours["labels"].T.copy()))
            ours["step"]()
            theirs["step"]()
    assert not np.allclose(ours_logits, first_logits(ours), atol=1e-3)  # it has moved


def first_logits(ours):
    return ours["model"](ours["model"].init(seed=0), ours["x"])


def test_a_row_of_another_machine_says_so():
    path = ROOT / "benchmarks" / "results" / "more.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    row = found["networks"]["transformer"] | {"machine": "Elsewhere, 3 cores"}
    text = drawing.table(
        found | {"networks": {"transformer": row, "gru": found["networks"]["gru"]}}
    )
    assert text.count("Adam, on Elsewhere, 3 cores |") == 1
    assert "classes at each step, Adam | nnlearn" in text


def test_operations_of_the_other_networks():
    steps = 128 * 32
    gru = 2 * steps * (2 * 64 * 768 + 3 * 256 * 768 + 3 * 256 * 64)
    assert MORE["gru"].operations == gru
    steps = 64 * 32
    first, second = 2 * 64 * 1024 + 3 * 256 * 1024, 6 * 256 * 1024
    assert MORE["stacked"].operations == 2 * steps * (first + second + 3 * 256 * 64)
    pixels = 32 * 32 * 32
    convolutions = 2 * 27 * 64 * pixels + 3 * 576 * 64 * pixels + 3 * 576 * 128 * pixels // 4
    assert MORE["colour"].operations == 2 * (convolutions + 3 * 32 * 8192 * 10)
    steps, width = 128 * 32, 256
    block = 3 * 12 * width**2 + 6 * 128 * width  # 6 products of each head's T × T numbers
    assert MORE["transformer"].operations == 2 * steps * (2 * block + 3 * width * 64)
    assert ONE["one_mlp"].operations == 2 * (784 * 512 + 512 * 256 + 256 * 10)
    cnn = 784 * 25 * 32 + 196 * 288 * 64 + 3136 * 128 + 1280
    assert ONE["one_cnn"].operations == 2 * cnn
    assert ONE["one_lstm"].operations == 2 * 128 * ((64 + 256) * 1024 + 256 * 64)


SMALL = {
    "mlp": networks.mlp(3, 784, 5, 4, 2),
    "cnn": networks.cnn(2, first=3, second=4, hidden=5),
    "rnn": networks.rnn(steps=3, inputs=4, units=5, batch=2),
    "lstm": networks.lstm(steps=3, inputs=4, units=5, batch=2, classes=6),
    "gan": networks.gan(3, noise=2, hidden=4, pixels=784),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_a_program_builds_the_size_that_is_asked_for(network, monkeypatch):
    """In either library; for a GPU a larger one than here."""
    assert LARGE[network].operations > 20 * NETWORKS[network].operations
    monkeypatch.setenv("BENCHMARK_SIZE", "large")
    assert networks.chosen(network) is LARGE[network]
    monkeypatch.setitem(LARGE, network, SMALL[network])
    test_nnlearn_and_pytorch_train_the_same_network(network, monkeypatch)
    ours = program(f"{network}_nnlearn", monkeypatch)
    batch = ours["real"] if network == "gan" else ours["labels"]
    assert batch.shape[-1 if network == "lstm" else 0] == SMALL[network].shape.batch


def test_operations_of_a_step():
    """Twice the multiplications of each layer: forward, weights, and input but for the first."""
    mlp = 2 * 128 * (2 * 784 * 512 + 3 * 512 * 256 + 3 * 256 * 10)
    assert NETWORKS["mlp"].operations == mlp
    cnn = 2 * 64 * (2 * 784 * 25 * 32 + 3 * 196 * 288 * 64 + 3 * 3136 * 128 + 3 * 128 * 10)
    assert NETWORKS["cnn"].operations == cnn
    rnn = 2 * 64 * 32 * (2 * 64 * 128 + 3 * 128 * 128) + 2 * 32 * 3 * 128 * 10
    assert NETWORKS["rnn"].operations == rnn
    lstm = 2 * 128 * 32 * (2 * 64 * 1024 + 3 * 256 * 1024 + 3 * 256 * 64)
    assert NETWORKS["lstm"].operations == lstm
    generator, discriminator = (64 * 256, 256 * 256, 256 * 784), (784 * 256, 256 * 256, 256)
    gan = 2 * 64 * (3 * sum(generator) - generator[0] + 8 * sum(discriminator))
    assert NETWORKS["gan"].operations == gan - 2 * 128 * discriminator[0]


@pytest.fixture
def measured(monkeypatch):
    """Results of programs that took 1, 2, 3, … milliseconds."""
    calls = []

    def run(program, environment):
        calls.append((program, environment))
        return {"seconds": len(calls) / 1000, "mebibytes": 50, "products": 0.001, "operations": 7}

    monkeypatch.setattr(measuring, "run", run)
    return calls


def test_programs_run_in_turn(measured, tmp_path):
    environment = measuring.settings(2, "Haswell")
    found = measuring.steps(list(NETWORKS), 3, environment)
    names = list(found["networks"]["mlp"]["programs"])
    assert {"nnlearn", "torch", "products"} <= set(names)
    first = [program for program, _ in measured[: 2 * len(names)]]
    assert first[: len(names)] == first[len(names) :]  # a round after the other
    assert {*map(str, (e for _, e in measured))} == {str(environment)}
    assert environment["OPENBLAS_NUM_THREADS"] == "2"
    text = drawing.table(found)
    assert text.count("PyTorch |") == len(NETWORKS)
    assert "1.00 [1.00, 1.00]" in text
    others = [*MORE, *ONE]
    assert drawing.table(measuring.steps(others, 1, environment)).count("PyTorch |") == len(others)
    ran = [program for program, _ in measured]
    assert ["benchmarks.more_torch", "gru"] in ran
    assert ["benchmarks.one", "lstm", "nnlearn"] in ran
    assert ["benchmarks.products", "one_cnn"] in ran
    measuring.write(tmp_path / "new" / "steps.json", found)
    assert json.loads((tmp_path / "new" / "steps.json").read_text()) == found
    drawing.steps(found, tmp_path / "steps.png")
    drawing.growth(measuring.growth(1, environment), tmp_path / "growth.png")
    drawing.lengths(measuring.lengths(2, environment), tmp_path / "lengths.png")
    pictures = {"steps.png", "growth.png", "lengths.png"}
    assert {p.name for p in tmp_path.iterdir()} == {"new", *pictures}


@pytest.mark.parametrize("layer", ["rnn", "lstm"])
@pytest.mark.parametrize("library", ["nnlearn", "torch"])
def test_a_recurrent_layer_is_timed_by_its_length(layer, library, monkeypatch, capsys):
    monkeypatch.setattr(timing, "median_time", lambda step, **_: step() or 1.5)
    monkeypatch.setattr("sys.argv", ["reading", layer, library, "3"])
    names = runpy.run_module("benchmarks.reading")
    assert json.loads(capsys.readouterr().out) == {"seconds": 1.5}
    assert names["x"].shape == (3, 32, 64)


@pytest.mark.parametrize(
    ("grown", "told"),
    [("side=3", {"operations": 3 * 2 * 64 * 9 * (9 * 32) * 32}), ("units=5", {"parameters": 415})],
)
def test_what_grows_is_timed_beside_its_products(grown, told, monkeypatch, capsys):
    seconds = iter((2.5, 1.5))
    monkeypatch.setattr(timing, "median_time", lambda step, **_: step() or next(seconds))
    monkeypatch.setattr("sys.argv", ["growing", grown])
    runpy.run_module("benchmarks.growing")
    found = json.loads(capsys.readouterr().out)
    assert found | told | {"seconds": 2.5, "products": 1.5} == found


def test_a_library_that_is_not_there_is_left_out_aloud(monkeypatch, capsys):
    monkeypatch.setitem(measuring.LIBRARIES, "thinc", "no_such_library")
    assert "thinc" not in measuring.programs("mlp")
    assert "mlp: thinc is left out, because it is not installed" in capsys.readouterr().out


def test_a_program_that_fails_says_so():
    with pytest.raises(SystemExit, match=r"no_such_program failed:\n.*No module named"):
        measuring.run(["benchmarks.no_such_program"], {})


def test_the_time_is_a_median_of_at_least_five():
    steps = []
    seconds = timing.median_time(lambda: steps.append(1), warm_up=2, seconds=0)
    assert len(steps) == 7
    assert 0 <= seconds < 1


@pytest.mark.parametrize("name", ["steps", "more"])
def test_the_readme_shows_the_last_results(name):
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert drawing.table(found) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_fast_path_is_measured_beside_its_plain_lines(measured):
    found = fast_paths.measure(2, {}, seconds=0)
    rows = found["networks"]
    assert {name.split(",")[0] for name in rows} >= {
        *(name for name, f in vars(fast).items() if hasattr(f, "plain") and name != "blocks"),
        *(name for name, f in vars(recurrence).items() if hasattr(f, "plain")),
        *fast_paths.WITHOUT,
    }
    assert all(path > 0 and plain > 0 for path, plain in rows.values())
    alone = ["benchmarks.fast_paths", "cnn", "kept_memory"]
    assert alone in [program for program, _ in measured]
    assert "write, tanh of 1024 × 32" in fast_paths.table(found)


@pytest.mark.parametrize("way", fast_paths.WITHOUT)
def test_a_step_is_done_without(way, monkeypatch):
    """The name that is changed is one that a training step asks."""
    module, name, instead, networks = fast_paths.WITHOUT[way]
    asked = []
    monkeypatch.setattr(module, name, lambda *a: asked.append(name) or instead(*a))
    for network in networks:
        program(f"{network}_nnlearn", monkeypatch)
    assert len(asked) >= len(networks)
