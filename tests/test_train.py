"""``python -m nnlearn.train``: a chapter's network, on one process or on several."""

import inspect
import re
import subprocess
import sys
import threading
import types
from collections import Counter

import numpy as np
import pytest
from notebooks import cells_of, code_cells
from on_ranks import environment, run
from paths import BOOK
from threads import on_threads

import nnlearn as nn
from nnlearn import train
from nnlearn.arrays.launching import Launched
from nnlearn.arrays.processes import on_every_rank
from nnlearn.training import networks
from nnlearn.training.networks import NETWORKS

SMALL = ("--network", "mlp", "--epochs", 2, "--examples", 500)


def trained(ranks, *options, **more):
    """Run the command on so many ranks; without MPI where they are None."""
    if ranks is not None:
        return run(ranks, "-m", "nnlearn.train", *options, **more)
    command = [sys.executable, "-m", "nnlearn.train", *map(str, options)]
    settings = {"capture_output": True, "text": True, "check": False}
    return subprocess.run(command, env=environment(**more), **settings)


def told(capsys, *options):
    """Run the command in this process; return how it ends, what it prints, and tells of errors."""
    end = 0
    try:
        train.main([str(option) for option in options])
    except SystemExit as error:
        end = error.code
    return end, *capsys.readouterr()


def called(monkeypatch, *options):
    """Return the arguments with which the command calls `fit`, which does nothing."""
    seen = {}

    def fit(model, params, loss, data, optimizer, epochs, **settings):
        seen.update(settings, optimizer=optimizer, epochs=epochs, data=data, loss=loss)
        seen.update(model=model, params=params)
        return nn.History(loss=[1.0])

    monkeypatch.setattr(train, "fit", fit)
    train.main([str(option) for option in options])
    return seen


# --- what it trains -------------------------------------------------------------------------------


def test_the_networks_are_the_chapters():
    (cell,) = (c for c in code_cells(BOOK / "04-ann.ipynb") if c["id"] == "ann-mnist-train")
    layers = re.search(r"layers = (\[.*\])", "".join(cell["source"]))[1]
    assert repr(NETWORKS["mlp"].make()) == repr(nn.Sequential(*eval(layers, {"nn": nn})))
    chapter = cells_of("05-cnn")("cnn-mnist-model")["cnn"]
    assert repr(NETWORKS["cnn"].make()) == repr(chapter())


def test_the_readers_are_chapter_seven_s(monkeypatch):
    monkeypatch.syspath_prepend(BOOK / "studies")
    import lstm_memory

    for kind in ("rnn", "lstm", "gru"):
        first, *others = NETWORKS[kind].make().layers.values()
        assert isinstance(first, nn.TimeFirst)
        assert repr(nn.Sequential(*others)) == repr(lstm_memory.adder(kind.upper()))


@pytest.mark.parametrize(
    ("network", "data", "shape", "loss"),
    [
        ("mlp", None, (40, 784), nn.softmax_cross_entropy),
        ("cnn", "mnist", (40, 28, 28, 1), nn.softmax_cross_entropy),
        ("gru", None, (40, networks.STEPS, 2), nn.mean_squared_error),
        ("rnn", "bit", (40, networks.STEPS, 2), nn.sigmoid_cross_entropy),
    ],
)
def test_each_network_gets_data_that_it_takes(network, data, shape, loss, monkeypatch):
    options = ["--network", network, "--examples", 40]
    seen = called(monkeypatch, *options, *(["--data", data] if data else []))
    assert seen["data"][0].shape == shape
    assert seen["loss"] is loss
    for x, target in (seen["data"], seen["validation"]):
        model = seen["model"]
        assert np.isfinite(loss(model(model.init(), x[:40]), target[:40]))
    assert seen["epochs"] == NETWORKS[network].epochs


def test_the_sequences_are_those_of_the_two_tasks():
    """As many as are said, or else ten thousand, and a thousand to look at."""
    for kind, draw, steps in (("adding", nn.tasks.adding, 50), ("bit", nn.tasks.signals, 49)):
        task, rng = networks.sequences(kind, 30, 4), np.random.default_rng(4)
        for (x, target), count in ((task.data, 30), (task.validation, 1000)):
            drawn, told = draw(steps, count, rng)
            np.testing.assert_array_equal(x, np.moveaxis(drawn, 0, 1))
            np.testing.assert_array_equal(target, told)
    assert len(networks.sequences("bit", None, 0).data[0]) == 10_000


def test_the_digits_are_all_of_mnist_or_the_first():
    (x, y), (x_test, y_test) = nn.data.load_mnist()
    for examples, count in ((None, 8000), (8000, 8000), (3, 3)):
        task = networks.digits("mlp", examples)
        assert [len(a) for pair in (task.data, task.validation) for a in pair] == [
            *(count, count, len(x_test), len(x_test)),
        ]
        np.testing.assert_array_equal(task.data[1], y[:count])
        np.testing.assert_array_equal(task.validation[1], y_test)
    assert len(x) == 8000
    with pytest.raises(ValueError, match="--examples is 8001, expected at most 8000 for mnist"):
        networks.digits("cnn", 8001)


def test_each_is_trained_as_its_chapter_does(monkeypatch):
    """Chapter 4 and 5 by their cells; chapter 7 by the study that it reads."""
    text = {
        number: "".join("".join(c["source"]) for c in code_cells(BOOK / name))
        for number, name in ((4, "04-ann.ipynb"), (5, "05-cnn.ipynb"))
    }
    mlp, cnn = NETWORKS["mlp"], NETWORKS["cnn"]
    assert f'nn.Adam(learning_rate=2e-3), "batch_size": {mlp.batch_size}' in text[4]
    assert (mlp.learning_rate, cnn.learning_rate) == (0.002, 0.002)
    assert f"test_accuracy(plain_layers, all_digits, s, epochs={mlp.epochs})" in text[4]
    assert f"pictures_of(x_train), y_train, epochs=({cnn.epochs}, 3))" in text[5]
    assert f"learning_rate=2e-3, seed=0, batch_size={cnn.batch_size}):" in text[5]
    assert "with a learning rate of 0.002" in text[5]
    monkeypatch.syspath_prepend(BOOK / "studies")
    import lstm_memory

    source = inspect.getsource(lstm_memory)
    for kind in ("rnn", "lstm", "gru"):
        known = NETWORKS[kind]
        written = re.search(rf'rates.* = {{.*"{kind.upper()}": ([\d.e-]+)', source)[1]
        assert known.learning_rate == float(written)
        assert f"nn.tasks.adding(length, {known.batch_size}, generator)" in source
        assert f"nn.clip_gradient_norm(grads, {known.clip_norm})" in source
        assert known.epochs == 10  # of sequences that only this command draws


def test_options_reach_the_training(monkeypatch, tmp_path):
    options = {
        "--network": "lstm",
        "--examples": 30,
        "--epochs": 4,
        "--batch-size": 7,
        "--learning-rate": 0.25,
        "--optimizer": "momentum",
        "--seed": 11,
        "--clip-norm": 0.5,
        "--checkpoint": tmp_path / "run.npz",
    }
    seen = called(monkeypatch, *(part for option in options.items() for part in option))
    assert seen["epochs"] == 4
    assert seen["batch_size"] == 7
    assert (seen["optimizer"].learning_rate, seen["optimizer"].momentum) == (0.25, 0.9)
    assert seen["seed"] == 11
    assert seen["clip_norm"] == 0.5
    assert seen["checkpoint"] == str(tmp_path / "run.npz")
    assert seen["ranks"] is None
    assert seen["metrics"] == {}
    np.testing.assert_array_equal(seen["params"].vector, seen["model"].init(11).vector)
    known = called(monkeypatch, "--network", "lstm", "--examples", 30)
    assert known["batch_size"] == NETWORKS["lstm"].batch_size
    assert known["optimizer"].learning_rate == NETWORKS["lstm"].learning_rate
    assert known["clip_norm"] == 1.0
    assert not np.array_equal(known["data"][0], seen["data"][0])  # of another seed
    np.testing.assert_array_equal(known["params"].vector, known["model"].init(0).vector)
    assert called(monkeypatch, *SMALL)["metrics"] == {"accuracy": nn.accuracy}


def test_the_command_line_is_described(capsys, monkeypatch):
    """Each option with a word on it, and with what it is if it is not said."""
    monkeypatch.setenv("COLUMNS", "300")
    end, text, _ = told(capsys, "--help")
    assert end == 0
    assert text.startswith("usage: python -m nnlearn.train [-h] --network {mlp,cnn,rnn,lstm,gru} [")
    assert "\n  mpiexec -n 4 python -m nnlearn.train --network cnn --epochs 3\n" in text
    text, before = " ".join(text.split()), 0
    for line in (
        "--network {mlp,cnn,rnn,lstm,gru} of chapter 4, 5, or 6 and 7",
        "--data {mnist,adding,bit} mnist for mlp and cnn; for the others adding (default) or bit",
        f"--examples EXAMPLES to train with; default: mnist has 8000, others {networks.FRESH}",
        "--epochs EPOCHS default: mlp 8, cnn 7, rnn 10, lstm 10, gru 10",
        "--batch-size BATCH_SIZE default: mlp 128, cnn 64, rnn 32",
        "--learning-rate LEARNING_RATE default: mlp 0.002, cnn 0.002, rnn 0.001",
        "--optimizer {adam,sgd,momentum} default: adam",
        "--clip-norm CLIP_NORM the longest gradient allowed; default: for rnn, lstm and gru 1",
        "--seed SEED of parameters, order, dropout, and sequences",
        "--checkpoint FILE written after each epoch; if there, taken up",
        "--save FILE where to put the trained network, as safetensors",
        "--backend {numpy,cupy,torch} where the arrays are; on GPUs each process takes one of",
    ):
        assert (before := text.find(line, before)) >= 0, line  # in this order


@pytest.mark.parametrize("ranks", [None, 2])
def test_it_trains_prints_once_and_saves(ranks, tmp_path, capsys):
    path = tmp_path / "deep" / "digits.safetensors"
    if ranks is None:
        end, text, errors = told(capsys, *SMALL, "--save", path)
    else:
        done = trained(ranks, *SMALL, "--save", path)
        end, text, errors = done.returncode, done.stdout, done.stderr
    assert end == 0, errors
    first, *_, last = text.splitlines()
    assert first == "mlp on mnist"
    assert re.fullmatch(r"\d+\.\d seconds on (1 rank|2 ranks)", last)
    assert last.endswith(f"{ranks or 1} rank" + "s" * (ranks == 2))
    assert [line.split()[0] for line in text.splitlines()[2:-1]] == [
        *("epoch", "loss", "validation_loss", "accuracy"),
    ]
    model, params = nn.load(path)
    (x, y), _ = nn.data.load_mnist()
    again = NETWORKS["mlp"].make()
    expected = again.init(0)
    data = x[:500].reshape(500, 784), y[:500]
    settings = {"batch_size": 128, "progress": False}
    nn.fit(again, expected, nn.softmax_cross_entropy, data, nn.Adam(2e-3), 2, **settings)
    assert repr(model) == repr(again)
    np.testing.assert_allclose(params.vector, expected.vector, rtol=0, atol=1e-5)


def test_the_first_rank_alone_tells_what_was_trained_and_how_long_it_took(monkeypatch, capsys):
    monkeypatch.setattr(train, "fit", lambda *args, **settings: nn.History(loss=[1.0]))
    options = ["--network", "gru", "--data", "bit", "--examples", "30"]
    settings = train.parser().parse_args(options)
    clock = Counter()

    def seconds():
        """Each thread's next question comes 3.2 seconds after its last."""
        clock[threading.get_ident()] += 3.2
        return 100 + clock[threading.get_ident()]

    monkeypatch.setattr(train, "time", types.SimpleNamespace(perf_counter=seconds))
    for ranks, end in ((1, "3.2 seconds on 1 rank"), (2, "3.2 seconds on 2 ranks")):
        clock.clear()
        assert on_threads(ranks, lambda comm: train.train(settings, comm)) == [None] * ranks
        first, *between, last = capsys.readouterr().out.splitlines()
        assert first == "gru on bit"
        assert "\n".join(between) == str(nn.History(loss=[1.0]))
        assert last == end


def test_a_backend_is_taken(monkeypatch):
    try:
        seen = called(monkeypatch, *SMALL, "--backend", "torch")
    finally:
        nn.use_backend("numpy")
    assert type(seen["data"][0]).__module__ == "torch"


def test_the_digits_have_their_shapes_on_a_backend():
    nn.use_backend("torch")
    try:
        tasks = {name: networks.digits(name, 5) for name in ("mlp", "cnn")}
    finally:
        nn.use_backend("numpy")
    assert tuple(tasks["mlp"].data[0].shape) == (5, 784)
    assert tuple(tasks["cnn"].data[0].shape) == (5, 28, 28, 1)


# --- what goes wrong ------------------------------------------------------------------------------


WRONG = [
    (["--network", "transformer"], "invalid choice: 'transformer'"),
    ([], "the following arguments are required: --network"),
    ([*SMALL, "--optimizer", "lion"], "invalid choice: 'lion'"),
    ([*SMALL, "--backend", "jax"], "invalid choice: 'jax'"),
    ([*SMALL, "--data", "words"], "invalid choice: 'words'"),
    (["--network", "mlp", "--epochs", "0"], "invalid positive int value: '0'"),
    (["--network", "mlp", "--epochs", "1.5"], "invalid positive int value: '1.5'"),
    (["--network", "mlp", "--learning-rate", "nan"], "invalid positive float value: 'nan'"),
    (["--network", "mlp", "--clip-norm", "inf"], "invalid positive float value: 'inf'"),
    (["--network", "mlp", "--data", "bit"], "--data is 'bit', expected mnist for mlp"),
    (["--network", "rnn", "--data", "mnist"], "'mnist', expected adding or bit for rnn"),
    (["--network", "cnn", "--examples", "9000"], "--examples is 9000, expected at most 8000"),
    ([*SMALL, "--save", "/proc/never/x"], "--save is /proc/never/x, expected a place where"),
    ([*SMALL, "--checkpoint", "/proc/never/x"], "fit: checkpoint is /proc/never/x, expected"),
]


@pytest.mark.parametrize(("options", "said"), WRONG)
def test_what_a_user_can_mend_is_told(options, said, capsys, monkeypatch):
    if "--checkpoint" not in options:
        monkeypatch.setattr(train, "fit", None)  # it comes before any training
    end, text, errors = told(capsys, *options)
    assert text == ""
    told_once = errors if end == 2 else end  # Python prints a text with which a program ends
    assert told_once.count(said) == 1
    assert "Traceback" not in told_once


@pytest.mark.parametrize(("options", "said"), WRONG[-1:] + WRONG[-3:-2])
@pytest.mark.parametrize("ranks", [None, 2])
def test_several_processes_tell_it_once(options, said, ranks):
    done = trained(ranks, *options)
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.count(said) == 1
    assert "Traceback" not in done.stderr


def fails(monkeypatch, error, communicator=None):
    """Run the command with a training that fails."""

    def training(settings, given):
        assert given is communicator
        raise error

    monkeypatch.setattr(train, "train", training)
    if communicator is not None:
        launcher = Launched(communicator.rank, communicator.size)
        monkeypatch.setattr(train, "launched", lambda: launcher)
        monkeypatch.setattr(train, "world", lambda: communicator)


@pytest.mark.parametrize("kind", [ValueError, TypeError, OSError, RuntimeError, FloatingPointError])
def test_what_may_be_mended_is_told_without_the_way_that_led_there(kind, monkeypatch, capsys):
    fails(monkeypatch, kind("broken"))
    assert told(capsys, *SMALL) == (f"{kind.__name__}: broken", "", "")


def test_of_what_is_our_own_fault_the_way_is_told(monkeypatch, capsys):
    fails(monkeypatch, KeyError("broken"))
    end, text, errors = told(capsys, *SMALL)
    assert end.startswith("Traceback (most recent call last)")
    assert end.endswith("KeyError: 'broken'")
    assert text == errors == ""


class Member:
    """One of three processes: it notes what is asked of it."""

    size = 3

    def __init__(self, rank):
        self.rank, self.asked = rank, []

    def Abort(self, code):
        self.asked.append(("abort", code))


@pytest.mark.parametrize(("rank", "said"), [(0, "rank 0: ValueError: broken\n"), (1, "")])
def test_what_failed_on_every_rank_is_told_by_the_first(rank, said, monkeypatch, capsys):
    member = Member(rank)
    fails(monkeypatch, on_every_rank(ValueError("broken")), member)
    assert told(capsys, *SMALL) == (1, "", said)
    assert member.asked == []


@pytest.mark.parametrize("rank", [0, 2])
def test_what_failed_on_one_rank_is_told_by_it_and_ends_all(rank, monkeypatch, capsys):
    """After a second: what is printed would else be lost with the processes."""
    member = Member(rank)
    fails(monkeypatch, ValueError("broken"), member)
    rest = types.SimpleNamespace(sleep=lambda s: member.asked.append(("wait", s)))
    monkeypatch.setattr(train, "time", rest)
    assert told(capsys, *SMALL) == (0, "", f"rank {rank}: ValueError: broken\n")
    assert member.asked == [("wait", 1), ("abort", 1)]


@pytest.mark.parametrize("rank", [0, 1])
def test_a_wrong_option_is_told_by_the_first(rank, monkeypatch, capsys):
    fails(monkeypatch, ValueError("never"), Member(rank))
    end, text, errors = told(capsys, "--network", "transformer")
    assert (end, text) == (2, "")
    assert bool(errors) == (rank == 0)
    end, text, errors = told(capsys, "--help")
    assert (end, errors) == (0, "")
    assert bool(text) == (rank == 0)


def test_processes_that_do_not_meet_are_told(monkeypatch, capsys):
    def alone():
        raise RuntimeError("each is alone")

    fails(monkeypatch, ValueError("never"), Member(0))
    monkeypatch.setattr(train, "world", alone)
    assert told(capsys, *SMALL) == (1, "", "each is alone\n")


def test_what_fails_on_one_rank_ends_all():
    program = """
import os
from nnlearn import train
def broken(*args, ranks, **settings):
    if ranks.rank == 1:
        raise KeyError("broken")
    ranks.Barrier()
train.fit = broken
train.main(["--network", "mlp"])
"""
    done = run(3, "-c", program, limit=30)
    assert done.returncode != 0
    assert done.stderr.count("Traceback") == 1
    assert "rank 1: Traceback" in done.stderr
    assert "KeyError: 'broken'" in done.stderr


# --- who started it -------------------------------------------------------------------------------


def test_without_mpi4py_it_says_what_to_install(tmp_path):
    (tmp_path / "mpi4py.py").write_text("raise ImportError('it is not there')\n")
    done = trained(2, *SMALL, PYTHONPATH=tmp_path)
    assert done.returncode != 0
    assert done.stderr.count("pip install mpi4py, and mpich where the system has no MPI") == 1
    assert trained(None, *SMALL, PYTHONPATH=tmp_path).returncode == 0


def test_an_mpiexec_of_another_mpi_is_noticed():
    """As Open MPI's, when mpi4py uses MPICH: each process is then alone."""
    done = trained(None, *SMALL, OMPI_COMM_WORLD_RANK=0, OMPI_COMM_WORLD_SIZE=2)
    assert done.returncode != 0
    assert "2 processes were started, and mpi4py, with MPICH" in done.stderr
    assert "sees 1: the mpiexec is that of another MPI" in done.stderr
