"""``make gpu`` on the double of CuPy: every stage runs, keeps its time, and tells what it found."""

import json
import time
from types import SimpleNamespace

import nbformat
import pytest
import torch
from on_double import run

from benchmarks import gpu, on_device


def test_a_network_is_timed_with_its_waits_and_as_a_graph():
    report = json.loads(
        run("-m", "benchmarks.on_device", "rnn", "nnlearn", "--seconds=0.01", "--graph")
    )
    assert 0 < report["seconds"] < 60
    assert set(report) == {"seconds", "mebibytes", "waits", "graph"}
    assert report["waits"] == []
    # A launch on the double computes nothing: it moves θ otherwise by the whole move.
    assert report["graph"]["differs"] == 1
    assert report["graph"]["seconds"] < report["seconds"]


def test_a_step_with_numbers_of_the_host_is_no_graph():
    report = json.loads(
        run("-m", "benchmarks.on_device", "gan", "nnlearn", "--seconds=0.01", "--graph")
    )
    why = "its noise comes from the host, and would be the same at each launch"
    assert report["graph"] == {"reason": f"RuntimeError: {why}"}


def test_what_a_step_waits_for_is_told():
    code = """
import cupy, json
from benchmarks import on_device
a = cupy.ones(3)
print(json.dumps([on_device.waits(lambda: a + 1), on_device.waits(lambda: float(cupy.sum(a)))]))
"""
    silent, waiting = json.loads(run("-c", code))
    assert silent == []
    assert len(waiting) == 1


@pytest.mark.parametrize("what", ["float(cupy.sum(a))", "cupy.asarray(np.ones(3))"])
def test_a_capture_refuses_the_host(what):
    code = f"""
import cupy, numpy as np
a, stream = cupy.ones(3), cupy.cuda.Stream(non_blocking=True)
with stream:
    stream.begin_capture()
    a + 1
    try:
        {what}
    except RuntimeError as error:
        print(error)
    graph = stream.end_capture()
with cupy.counted() as counts:
    graph.launch(stream)
print(counts["kernels"], counts["launches"])
"""
    error, counts = run("-c", code).splitlines()
    assert error.startswith("cudaErrorStreamCaptureUnsupported")
    assert counts.split()[1] == "1"
    with pytest.raises(AssertionError, match="cannot capture on the default"):
        run("-c", "import cupy; cupy.cuda.Stream().begin_capture()")


def test_adams_step_is_captured_where_it_no_longer_changes():
    """Its correction is 1 to the last digit there; at the first steps it is not."""
    assert 1 - 0.999**on_device.LATE == 1
    assert 1 - 0.999**100 < 0.1


def test_the_modules_of_pytorch_are_compiled(monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "compile", lambda module, mode: asked.append(mode) or module)
    names = {"model": torch.nn.Linear(2, 1), "loss": torch.nn.MSELoss(), "x": torch.ones(3, 2)}
    exec("def step(): return model(x)", names)
    assert on_device.compiled(names["step"]) is names["step"]
    assert asked == ["reduce-overhead"] * 2


def test_with_no_time_at_all_it_writes_what_was_left_out(tmp_path):
    path = tmp_path / "new" / "gpu.json"
    told = run("-m", "benchmarks.gpu", "--minutes", "0", "--out", str(path))
    found = json.loads(path.read_text(encoding="utf-8"))
    assert "double of a GPU" in found["gpu"]
    assert found["tests"] == {"ended": "stopped after 0 s"}
    assert found["networks"] == found["large"] == found["chapters"] == {}
    assert found["left out"] == [
        "networks: mlp and those after it",
        "large: mlp and those after it",
        "chapter 01-neuron and those after it",
    ]
    assert all(what in told for what in found["left out"])


def test_it_says_why_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(gpu.gpu, "trouble", lambda: "there is no driver")
    monkeypatch.setattr("sys.argv", ["gpu"])
    with pytest.raises(SystemExit, match="no GPU can be used: there is no driver"):
        gpu.main()


def test_each_stage_has_its_share_of_the_time(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    clock = gpu.Clock(minutes=10)
    assert [round(clock.left(stage)) for stage in gpu.SHARES] == [210, 390, 480, 600]
    now[0] += 400
    assert [round(clock.left(stage)) for stage in gpu.SHARES] == [0, 0, 80, 200]


def test_a_command_that_takes_too_long_ends():
    start = time.monotonic()
    assert gpu.limited(["http.server", "0", "--bind", "127.0.0.1"], 1, {}) is None
    assert time.monotonic() - start < 30
    code, out, _ = gpu.limited(["timeit", "-n1", "-r1", "pass"], 60, {})
    assert code == 0
    assert "best of 1" in out


def test_chapters_are_run_cell_by_cell(tmp_path, monkeypatch):
    """Cells whose outputs are others are named; the command goes on after them."""
    monkeypatch.setattr(gpu, "ROOT", tmp_path)
    (tmp_path / "book").mkdir()
    new = nbformat.v4
    stdout = new.new_output("stream", text="cupy\n")
    cells = [
        new.new_code_cell("import os\nprint(os.environ['NNLEARN_BACKEND'])", outputs=[stdout]),
        new.new_code_cell("print(2)", outputs=[stdout]),
    ]
    for cell in cells:
        cell.execution_count = 1
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    nbformat.write(new.new_notebook(cells=cells, metadata=kernel), tmp_path / "book" / "01-a.ipynb")
    found, saved = {"chapters": {}, "left out": []}, []
    gpu.chapters(found, gpu.Clock(2), lambda: saved.append(dict(found["chapters"])))
    assert found["chapters"]["01-a"]["failed"] == ["book/01-a.ipynb::Cell 1"]
    assert "1 failed, 1 passed" in found["chapters"]["01-a"]["ended"]
    assert len(saved) == 1
    assert found["left out"] == []


def test_the_networks_are_run_in_turn(monkeypatch, capsys):
    """A graph is asked for once; a program that fails is told, and the others go on."""
    commands = []

    def limited(command, limit, environment):
        commands.append((*command[1:], environment["BENCHMARK_SIZE"]))
        if command[1:3] == ["cnn", "torch"]:
            return 1, "", "Traceback\nRuntimeError: no cuDNN"
        graph = {"reason": "RuntimeError: why"} if "--graph" in command else None
        report = {"seconds": 0.001 * len(command[2]), "mebibytes": 1, "waits": ["fit.py:3"]}
        return 0, f"a warning\n{json.dumps(report | ({'graph': graph} if graph else {}))}\n", ""

    monkeypatch.setattr(gpu, "limited", limited)
    monkeypatch.setattr(gpu, "libraries", lambda: ["nnlearn", "torch"])
    found = {"networks": {}, "large": {}, "left out": []}
    clock = SimpleNamespace(left=lambda stage: 60)
    gpu.networks(found, "networks", 2, 0.5, clock, lambda: None)
    gpu.networks(found, "large", 1, 0.5, clock, lambda: None)
    assert commands[:4] == [
        ("mlp", "nnlearn", "--seconds=0.5", "--graph", "small"),
        ("mlp", "torch", "--seconds=0.5", "--graph", "small"),
        ("mlp", "nnlearn", "--seconds=0.5", "small"),
        ("mlp", "torch", "--seconds=0.5", "small"),
    ]
    assert list(found["networks"]) == list(found["large"]) == ["mlp", "cnn", "rnn", "lstm", "gan"]
    assert found["large"]["mlp"]["title"].endswith("batch 4096, Adam")
    assert len(found["networks"]["mlp"]["programs"]["torch"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "mlp   nnlearn 7.00 ms, no graph: RuntimeError: why, it waits at fit.py:3, torch 5.00 ms, "
        "no graph: RuntimeError: why, it waits at fit.py:3, 1.40 of PyTorch's"
    )
    assert "torch failed: RuntimeError: no cuDNN" in lines[1]


def test_a_graph_that_computes_something_else_is_told():
    graph = {"seconds": 0.002, "differs": 0.5}
    report = {"seconds": 0.004, "mebibytes": 1, "waits": [], "graph": graph}
    assert gpu.line("mlp", {"nnlearn": [report]}) == (
        "mlp   nnlearn 4.00 ms, as a graph 2.00 ms (which moves θ otherwise, by 0.5 of its move)"
    )
    report["graph"] = graph | {"differs": 1e-6}
    assert gpu.line("mlp", {"nnlearn": [report]}).endswith("as a graph 2.00 ms")
