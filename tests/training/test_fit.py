"""fit: it is the loop that one would write by hand, and it goes on where it was killed."""

import functools
import inspect
import io
import os
import subprocess
import sys
import zlib
from contextlib import nullcontext

import numpy as np
import pytest
from interrupted import EPOCHS, OPTIMIZERS, data, model, same, train
from witnesses import close

import nnlearn as nn
from nnlearn.data.sets import batches
from nnlearn.training import fit as training
from nnlearn.training import runs
from nnlearn.training.checkpoints import load_checkpoint, save_checkpoint
from nnlearn.training.learners import called, described


@pytest.fixture(scope="module")
def uninterrupted():
    return train()


# --- the loop ----------------------------------------------------------------------------------


def test_it_equals_the_loop_written_by_hand(uninterrupted):
    network = model()
    params, optimizer = network.init(seed=1), OPTIMIZERS["Adam"]()
    shuffling, chance = (np.random.default_rng(s) for s in np.random.SeedSequence(5).spawn(2))
    losses, looks, right, best = [], [], [], None
    while len(losses) < EPOCHS and (not looks or len(looks) - 1 - np.argmin(looks) < 3):
        total = 0.0
        for x, y in batches(data(100, 0), 16, shuffling):
            logits, backward = nn.vjp(network, params, x, wrt=0, rng=chance)
            loss, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, y)
            grads = backward(backward_loss())
            nn.clip_gradient_norm(grads, 1.5)
            optimizer.step(params, grads)
            total += loss * len(x)
        losses.append(float(total) / 100)
        x, y = data(60, 1)
        looks.append(float(nn.softmax_cross_entropy(network(params, x), y)))
        right.append(np.mean(network(params, x).argmax(1) == y))
        if looks[-1] == min(looks):
            best = params.copy()
    np.testing.assert_array_equal(uninterrupted["loss"], losses)
    np.testing.assert_array_equal(uninterrupted["validation_loss"], looks)
    close(uninterrupted["accuracy"], right, 1e-6, "accuracy")
    np.testing.assert_array_equal(uninterrupted["theta"], best.vector)
    np.testing.assert_array_equal(uninterrupted["state"], best.state.vector)


def test_it_works_wherever_arrays_live(space, uninterrupted):
    """The same numbers, up to rounding: initial values, batches and chance are the same."""
    space.use()
    try:
        network = model()
        params = network.init(seed=1)
    finally:
        nn.use_backend("numpy")
    history = nn.fit(
        network,
        params,
        nn.softmax_cross_entropy,
        [space.array(a) for a in data(100, 0)],
        nn.Adam(0.02, weight_decay=0.01),
        2,
        batch_size=16,
        validation=[space.array(a) for a in data(60, 1)],
        metrics={"accuracy": nn.accuracy},
        seed=5,
        clip_norm=1.5,
    )
    assert space.holds(params.vector)
    assert all(type(v) is float for values in history.values() for v in values)
    if space.name != "cupy":  # on a GPU the chance of dropout is drawn there
        close(history["loss"], uninterrupted["loss"][:2], 1e-4, "loss")
        # A bias before a batch norm has a gradient of rounding errors, and Adam makes whole steps
        # of it. Training does not feel them; the running mean, which lags behind, does.
        rounding = 1e-2 if space.name == "torch" else 1e-4
        close(history["validation_loss"], uninterrupted["validation_loss"][:2], rounding, "loss")


def test_a_straight_line_is_found(rng):
    """Least squares has an answer of its own: NumPy's solver."""
    x = rng.normal(size=(50, 3))
    y = x @ rng.normal(size=(3, 1)) + 0.7 + 0.1 * rng.normal(size=(50, 1))
    layer = nn.Dense(3, 1)
    params = layer.init(dtype="float64")
    history = nn.fit(layer, params, nn.mean_squared_error, (x, y), nn.SGD(0.1), 300, batch_size=50)
    solution = np.linalg.lstsq(np.hstack([x, np.ones((50, 1))]), y, rcond=None)[0]
    close(np.concatenate([params["W"][0], params["b"]]), solution[:, 0], 1e-6, "solution")
    assert list(history) == ["loss"]
    assert history.epochs == 300
    assert history.best_epoch is None
    assert history["loss"][-1] < history["loss"][0]


def test_a_last_batch_that_is_smaller_counts_by_its_size():
    """The recorded loss is the mean over examples, not over batches."""
    x, y = np.zeros((5, 1)), np.array([[0.0], [0.0], [0.0], [0.0], [10.0]])
    layer = nn.Dense(1, 1)
    params = layer.init(dtype="float64")
    history = nn.fit(layer, params, nn.mean_squared_error, (x, y), nn.SGD(0.0), 1, batch_size=3)
    assert history["loss"] == [20.0]


def test_the_seed_decides():
    first, again, other = (
        nn.fit(m, m.init(), nn.softmax_cross_entropy, data(50, 0), nn.SGD(0.1), 2, seed=seed)
        for m, seed in [(model(), 1), (model(), 1), (model(), 2)]
    )
    assert first == again
    assert first != other


def test_no_epochs():
    network = model()
    params = network.init()
    before = params.vector.copy()
    history = nn.fit(network, params, nn.softmax_cross_entropy, data(9, 0), nn.SGD(0.1), 0)
    assert history == {}
    np.testing.assert_array_equal(params.vector, before)


def test_no_epoch_was_the_best():
    """None was gone through, or no validation loss was a number: the parameters are the last."""
    model, (x, target) = regression()
    for epochs, validation in ((0, (x, target)), (2, (x, np.full_like(target, np.nan)))):
        params, plain = model.init(0), model.init(0)
        for moved, more in ((params, {"patience": 3}), (plain, {})):
            kw = {"validation": validation, "progress": False} | more
            nn.fit(model, moved, nn.mean_squared_error, (x, target), nn.SGD(0.1), epochs, **kw)
        np.testing.assert_array_equal(params.vector, plain.vector)


def test_how_many_are_in_a_batch_unless_it_is_said():
    assert inspect.signature(nn.fit).parameters["batch_size"].default == 64


def test_one_example_is_enough():
    model, (x, target) = regression()
    pair, settings = (x[:1], target[:1]), {"batch_size": 1, "progress": False}
    history = nn.fit(model, model.init(0), nn.mean_squared_error, pair, nn.SGD(0.1), 3, **settings)
    assert history["loss"][2] < history["loss"][0]


def test_whole_numbers_without_features():
    """Targets of which there are none tell nothing, and are no mistake."""
    model, (x, _) = regression()
    size = nn.differentiable(
        lambda y, t: ((y * y).sum() / len(y), lambda dv: (2 * dv * y / len(y), None))
    )
    data = x, np.zeros((len(x), 0), int)
    history = nn.fit(model, model.init(0), size, data, nn.SGD(0.01), 3, progress=False)
    assert history["loss"][2] < history["loss"][0]


def test_early_stopping_goes_back_to_the_best(rng):
    """A step that is far too long: the first epoch was the best, and its parameters come back."""
    layer = nn.Dense(2, 1)
    params = layer.init(dtype="float64")
    x = rng.normal(size=(20, 2))
    pair = x, x @ np.ones((2, 1))
    history = nn.fit(
        layer, params, nn.mean_squared_error, pair, nn.SGD(1.5), 50, validation=pair, patience=4
    )
    assert history.best_epoch == 0
    assert history.epochs == 5
    loss = float(nn.mean_squared_error(layer(params, x), pair[1]))
    assert loss == history["validation_loss"][0]


# --- going on, bit for bit ---------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("patience", [None, 3])
def test_stopped_after_any_epoch_it_goes_on(tmp_path, optimizer, patience):
    whole = train(optimizer=optimizer, patience=patience)
    for stop in range(EPOCHS + 1):
        path = tmp_path / f"{stop}.npz"
        train(path, stop, optimizer, patience)
        same(train(path, EPOCHS, optimizer, patience), whole)
        same(train(path, EPOCHS, optimizer, patience), whole)  # finished: nothing is left to do


def test_stopped_every_epoch(tmp_path, uninterrupted):
    for epochs in range(1, EPOCHS + 1):
        run = train(tmp_path / "run.npz", epochs)
    same(run, uninterrupted)


def test_a_checkpoint_without_the_best_parameters_has_no_patience(tmp_path):
    """As one of an early version, which kept them only where there was patience."""
    path = tmp_path / "run.npz"
    train(path, 2, patience=None)
    arrays, facts = load_checkpoint(path)
    held = {name: a for name, a in arrays.items() if not name.startswith("best")}
    save_checkpoint(path, held, facts)
    with pytest.raises(ValueError, match=r"patience is 3, but the checkpoint .*holds no best"):
        train(path, 3, patience=3)
    same(train(path, 3, patience=None), train(epochs=3, patience=None))


def test_an_exception_in_the_middle_of_an_epoch(tmp_path, monkeypatch, uninterrupted):
    """Ctrl-C while training: the half epoch is done again, from the checkpoint before it."""
    steps = iter(range(1000))
    step = nn.Adam.step

    def interrupted(self, params, grads):
        if next(steps) == 24:
            raise KeyboardInterrupt
        step(self, params, grads)

    with monkeypatch.context() as patch:
        patch.setattr(nn.Adam, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "run.npz")
    same(train(tmp_path / "run.npz"), uninterrupted)
    assert sorted(os.listdir(tmp_path)) == ["run.npz", "run.previous.npz"]


def test_a_checkpoint_written_on_one_backend_goes_on_there(space, tmp_path):
    """Saved and taken up on the same device; optimizer's memory and running statistics too."""

    def run(epochs, checkpoint):
        space.use()
        try:
            network = model()
            params = network.init(seed=1)
        finally:
            nn.use_backend("numpy")
        pair = [space.array(a) for a in data(40, 0)]
        optimizer = nn.Adam(0.02)
        nn.fit(
            network,
            params,
            nn.softmax_cross_entropy,
            pair,
            optimizer,
            epochs,
            validation=pair,
            patience=5,
            checkpoint=checkpoint,
        )
        assert space.holds(optimizer.memory["mean"])
        return params

    whole = run(3, None)
    run(1, tmp_path / "run.npz")
    resumed = run(3, tmp_path / "run.npz")
    assert space.holds(resumed.vector)
    assert space.holds(resumed.state.vector)
    np.testing.assert_array_equal(nn.to_numpy(resumed.vector), nn.to_numpy(whole.vector))
    np.testing.assert_array_equal(
        nn.to_numpy(resumed.state.vector), nn.to_numpy(whole.state.vector)
    )


def test_a_failed_write_leaves_the_last_checkpoint(tmp_path, monkeypatch, uninterrupted):
    path = tmp_path / "run.npz"
    train(path, 2)

    def fail(*args):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="no space left"):
            train(path)
    assert sorted(os.listdir(tmp_path)) == ["run.npz", "run.previous.npz"]
    same(train(path), uninterrupted)


# --- another run's checkpoint ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"optimizer": nn.Adam(0.01)}, "optimizer"),
        ({"optimizer": nn.SGD(0.02)}, "optimizer"),
        ({"model": nn.Sequential(nn.Dense(6, 3), nn.Dropout(0.2))}, "model"),
        ({"model": nn.Sequential(nn.Dense(6, 3), nn.BatchNorm(3, momentum=0.2))}, "model"),
        ({"model_seed": 2}, "parameters"),
        ({"loss": nn.differentiable(lambda z, y: nn.softmax_cross_entropy.forward(z, y))}, "loss"),
        ({"data": data(40, 8)}, "data"),
        ({"validation": data(30, 8)}, "validation"),
        ({"validation": None}, "validation"),
        ({"seed": 6}, "generators"),
        ({"batch_size": 17}, "batch_size"),
        ({"clip_norm": 2.0}, "clip_norm"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, change, what):
    network = nn.Sequential(nn.Dense(6, 3), nn.BatchNorm(3))
    settings = {
        "model": network,
        "model_seed": 1,
        "loss": nn.softmax_cross_entropy,
        "data": data(40, 0),
        "optimizer": nn.Adam(0.02),
        "validation": data(30, 1),
        "checkpoint": tmp_path / "run.npz",
    }

    def run(model, model_seed, loss, data, optimizer, **settings):
        params = model.init(seed=model_seed)
        before = params.vector.copy()
        try:
            nn.fit(model, params, loss, data, optimizer, 1, **settings)
        except ValueError:
            np.testing.assert_array_equal(params.vector, before, "refused, but changed")
            raise

    run(**settings)
    with pytest.raises(ValueError, match=rf"run\.npz is of another run: its {what} is .*, here"):
        run(**settings | {"optimizer": nn.Adam(0.02)} | change)


def test_a_reader_s_own_layer_can_go_on(tmp_path):
    """Its text has no address of memory, which would be another one tomorrow."""

    class Scale(nn.Layer):
        def __init__(self, factor):
            self.factor = factor

        def operation(self, params, x, training, generator):
            return x * self.factor, lambda dy: dy * self.factor

    for factor in (2.0, 2.0):
        network = nn.Sequential(Scale(factor), nn.Dense(6, 3))
        params, path = network.init(), tmp_path / "run.npz"
        nn.fit(
            network,
            params,
            nn.softmax_cross_entropy,
            data(20, 0),
            nn.SGD(0.1),
            2,
            checkpoint=path,
        )
    other = nn.Sequential(Scale(3.0), nn.Dense(6, 3))
    with pytest.raises(ValueError, match="its model is"):
        nn.fit(
            other,
            other.init(),
            nn.softmax_cross_entropy,
            data(20, 0),
            nn.SGD(0.1),
            2,
            checkpoint=path,
        )


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_a_damaged_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "run.npz"
    train(path, 1)
    path.write_bytes(content if content is not None else path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"run\.npz is no checkpoint of nnlearn"):
        train(path, 2)


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    runs.save_checkpoint(tmp_path / "run.npz", {}, {})
    with pytest.raises(ValueError, match="is of another run"):
        train(tmp_path / "run.npz", 2)


# --- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"data": np.ones((4, 6))}, TypeError, r"data is ndarray, expected a pair \(x, target\)"),
        ({"data": data(4, 0)[:1]}, TypeError, "data is tuple, expected a pair"),
        (
            {"data": (np.ones((4, 6)), np.ones(3, int))},
            ValueError,
            r"data has lengths \[4, 3\], expected two equal, not zero",
        ),
        ({"data": (np.ones((0, 6)), np.ones(0, int))}, ValueError, r"lengths \[0, 0\]"),
        ({"data": (np.array(1.0), np.array(1))}, ValueError, r"lengths \[0, 0\]"),
        ({"validation": data(4, 0)[0]}, TypeError, "validation is ndarray"),
        ({"data": np.ones((2, 6))}, TypeError, "data is ndarray, expected a pair"),
        ({"data": ([[1.0]], np.ones(1, int))}, TypeError, "x of data is list, expected an array"),
        (
            {"data": (memoryview(np.ones((4, 6))), np.ones(4, int))},  # has a shape
            TypeError,
            "x of data is memoryview, expected an array",
        ),
        (
            {"data": (np.ones((4, 6)), np.finfo("float32"))},  # has a dtype
            TypeError,
            "target of data is finfo, expected an array",
        ),
        ({"optimizer": range(3)}, TypeError, "optimizer is range, expected such as"),  # has a step
        ({"optimizer": "adam"}, TypeError, "optimizer is 'adam', expected such as"),
        ({"epochs": -1}, ValueError, "epochs is -1, expected a whole number from 0"),
        ({"epochs": 1.5}, ValueError, "epochs is 1.5"),
        ({"epochs": np.inf}, ValueError, "epochs is inf, expected a whole number"),
        ({"epochs": "3"}, TypeError, "epochs is '3', expected a whole number"),
        ({"epochs": np.ones(2)}, TypeError, "epochs is ndarray, expected a whole number"),
        ({"batch_size": 4.0}, ValueError, "batch_size is 4.0, expected a whole number from 1"),
        ({"batch_size": 0}, ValueError, "batch_size is 0, expected a whole number from 1"),
        ({"patience": 2}, ValueError, "patience is given, expected validation data"),
        ({"patience": 0, "validation": data(9, 1)}, ValueError, "patience is 0, expected a whole"),
        ({"metrics": {"a": nn.accuracy}}, ValueError, "metrics is given, expected validation data"),
        ({"metrics": {"a": "accuracy"}}, TypeError, "expected functions by name, such as"),
        ({"metrics": nn.accuracy}, TypeError, "expected functions by name, such as"),
        ({"clip_norm": 0}, ValueError, "clip_norm is 0, expected a positive number"),
    ],
)
def test_arguments_that_do_not_fit(change, error, message):
    network = model()
    params = network.init()
    before = params.vector.copy()
    settings = {"data": data(20, 0), "epochs": 1, "optimizer": nn.SGD(0.1)} | change
    with pytest.raises(error, match=message):
        nn.fit(network, params, nn.softmax_cross_entropy, **settings)
    np.testing.assert_array_equal(params.vector, before)


@pytest.mark.parametrize(
    ("name", "given", "kind"),
    [
        ("model", "mlp", "'mlp'"),
        ("model", None, "NoneType"),
        ("params", np.ones(3), "ndarray"),
        ("params", 5, "int"),
        ("params", None, "NoneType"),
    ],
)
def test_what_is_no_model_and_what_are_no_parameters(name, given, kind):
    arguments = {"model": (network := model()), "params": network.init()} | {name: given}
    with pytest.raises(TypeError, match=rf"fit: {name} is {kind}, expected \(model, params"):
        nn.fit(
            loss=nn.softmax_cross_entropy,
            data=data(20, 0),
            optimizer=nn.SGD(0.1),
            epochs=1,
            **arguments,
        )


def test_a_model_and_its_parameters_the_other_way_round():
    """The first that is wrong is the first that is read."""
    network = model()
    with pytest.raises(TypeError, match=r"fit: model is Parameters, expected \(model, params"):
        nn.fit(network.init(), network, nn.softmax_cross_entropy, data(9, 0), nn.SGD(0.1), 1)


# --- what is shown meanwhile -------------------------------------------------------------------


@pytest.mark.parametrize("shown", [True, False])
def test_the_bar_counts_epochs_and_says_how_they_went(bars, tmp_path, shown):
    """One that goes on begins where it was stopped."""
    model, pair = regression()
    kw = {"validation": pair, "checkpoint": tmp_path / "run.npz", "progress": shown}
    for epochs, before in ((2, 0), (5, 2)):
        params = model.init(0)
        history = nn.fit(model, params, nn.mean_squared_error, pair, nn.SGD(0.1), epochs, **kw)
        bar = bars.pop()
        told = {"total": epochs, "initial": before, "unit": "epoch", "leave": False}
        assert bar.settings == told | {"disable": not shown}
        assert bar.updates == epochs - before
        assert bar.told == [
            {name: f"{history[name][i]:.4g}" for name in ("loss", "validation_loss")}
            for i in range(before, epochs)
        ]


@pytest.mark.parametrize("shown", [True, False])
def test_the_bar_leaves_nothing_behind(monkeypatch, shown):
    """What a terminal shows at the end: carriage returns go back, later letters cover earlier."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    network = model()
    nn.fit(
        network,
        network.init(),
        nn.softmax_cross_entropy,
        data(20, 0),
        nn.SGD(0.1),
        3,
        progress=shown,
    )
    assert bool(stream.getvalue()) is shown
    line = ""
    for piece in stream.getvalue().split("\r"):
        line = piece + line[len(piece) :]
    assert line.strip() == ""


def test_when_the_bar_is_shown(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.delenv("NNLEARN_PROGRESS", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr(sys, "stderr", terminal)
    assert training.shows_progress(None)
    assert not training.shows_progress(False)
    monkeypatch.setenv("NNLEARN_PROGRESS", "0")
    assert not training.shows_progress(None)
    assert training.shows_progress(True)
    monkeypatch.delenv("NNLEARN_PROGRESS")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not training.shows_progress(None)
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    assert training.shows_progress(None)


def regression():
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    return nn.Sequential(nn.Dense(3, 4), nn.Dense(4, 1)), (x, x[:, :1] * 2)


@pytest.mark.parametrize("rate", [0.2, 0.3])  # in an epoch, and at its first batch
def test_a_loss_that_is_not_finite_stops(rate):
    """It says where, and gives back parameters at which the loss is finite."""
    model, pair = regression()
    params, optimizer = model.init(0), nn.SGD(rate, momentum=0.5)
    kw = {"batch_size": 8, "progress": False}
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match=r"epoch \d+, batch \d+.*layer [01]") as caught,
    ):
        nn.fit(model, params, nn.mean_squared_error, pair, optimizer, 100, **kw)
    losses = caught.value.history["loss"]
    assert losses
    assert all(map(np.isfinite, losses))
    assert np.isfinite(nn.mean_squared_error(model(params, pair[0]), pair[1]))
    assert (optimizer.steps, optimizer.memory) == (0, {})


def test_a_loss_that_breaks_within_an_epoch_goes_back_to_its_beginning():
    """Where its first batch breaks it, the epoch's beginning is not good, but the one before is."""
    model, pair = regression()

    def run(epochs, breaks=None):
        params, batch = model.init(0), None
        rule = nn.SGD(lambda step: 1e30 if step == breaks else 0.01)
        settings = {"batch_size": 8, "progress": False}  # five steps an epoch
        try:
            nn.fit(model, params, nn.mean_squared_error, pair, rule, epochs, **settings)
        except nn.TrainingDiverged as error:
            batch = error.batch
        return batch, params.vector

    for breaks, batch, good in ((12, 3, 2), (10, 1, 1), (5, 1, 0)):
        with np.errstate(all="ignore"):
            found, vector = run(9, breaks)
        assert found == batch
        np.testing.assert_array_equal(vector, run(good)[1])


class Steep(nn.Layer):
    """Gives on what it is given, and back a gradient that overflows."""

    def operation(self, params, x, training, generator):
        return x, lambda dy: dy * np.float32(1e38) * np.float32(1e38)


@pytest.mark.filterwarnings("ignore:invalid value")  # of what comes of an overflow
@pytest.mark.parametrize("value", [1.0, np.inf])
def test_numpy_warns_of_the_backward_pass_unless_the_loss_tells_it(value):
    """Of a loss that is not finite the gradient is no use, and what NumPy says of it no news."""
    model, (x, target) = nn.Sequential(nn.Dense(3, 1), Steep()), regression()[1]
    loss = nn.differentiable(lambda y, t: (np.float32(value), lambda dv: (np.ones_like(y), None)))
    seen = pytest.warns(RuntimeWarning, match="overflow") if value == 1 else nullcontext()
    with seen, pytest.raises(nn.TrainingDiverged):
        nn.fit(model, model.init(0), loss, (x, target), nn.SGD(0.1), 1, progress=False)


@pytest.mark.parametrize(("which", "said"), [(0, "in the data, x"), (1, "in the data, target")])
def test_data_that_are_no_numbers_are_named(which, said):
    model, pair = regression()
    pair[which][3] = np.nan
    params = model.init(0)
    before = params.vector.copy()
    with pytest.raises(FloatingPointError, match=said):
        nn.fit(model, params, nn.mean_squared_error, pair, nn.SGD(0.1), 2, progress=False)
    np.testing.assert_array_equal(params.vector, before)


def test_parameters_that_are_no_numbers_are_named():
    model, pair = regression()
    params = model.init(0)
    params["1.W"][...] = np.nan
    with pytest.raises(FloatingPointError, match=r"epoch 1, batch 1,.*in W of layer 1, Dense"):
        nn.fit(model, params, nn.mean_squared_error, pair, nn.SGD(0.1), 2, progress=False)


def test_validation_that_does_not_fit_is_told_first():
    model, pair = regression()
    params = model.init(0)
    wrong = pair[0][:, :2], pair[1]
    with pytest.raises(ValueError, match="layer 0") as caught:
        nn.fit(model, params, nn.mean_squared_error, pair, nn.SGD(0.1), 1, validation=wrong)
    told = "fit: this came up with some examples of validation, those at [0]"
    assert told in caught.value.__notes__
    np.testing.assert_array_equal(params.vector, model.init(0).vector)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_last_step_that_breaks_the_parameters_is_seen(space):
    """Every loss of the epoch was finite; what the last step made of the parameters is not."""
    model, pair = regression()
    params = nn.Parameters(space.array(model.init(0).vector), model.init(0).layout)
    start = nn.to_numpy(params.vector).copy()
    data = [space.array(100 * a) for a in pair]
    with pytest.raises(nn.TrainingDiverged, match=r"epoch 1, seen at its end, the loss.*in W"):
        nn.fit(model, params, nn.mean_squared_error, data, nn.SGD(1e38), 1, batch_size=1000)
    np.testing.assert_array_equal(nn.to_numpy(params.vector), start)


@pytest.mark.parametrize("which", ["data", "validation"])
@pytest.mark.parametrize("place", [0, 17, 29])
@pytest.mark.parametrize(
    ("side", "wrong", "message"), [(0, -1, "-1"), (0, 7, "7"), (1, 5, "5"), (1, -2, "-2")]
)
def test_a_token_or_label_that_is_none_is_told_before_the_first_step(
    backend, which, place, side, wrong, message
):
    """Wherever in the data it lies, on a device too; 7 tokens and 5 classes are known."""
    rng = np.random.default_rng(3)
    good = rng.integers(0, 7, (30, 4)), rng.integers(0, 5, (30, 4))
    bad = tuple(a.copy() for a in good)
    bad[side][place, 2] = wrong
    model = nn.Sequential(nn.Embedding(7, 3), nn.Dense(3, 5))
    params = model.init(0)
    pairs = {"data": good, "validation": good} | {which: bad}
    pairs = {name: tuple(map(backend.array, pair)) for name, pair in pairs.items()}
    with pytest.raises(ValueError, match=f"contains {message}, expected") as caught:
        nn.fit(
            model,
            params,
            nn.softmax_cross_entropy,
            optimizer=nn.SGD(0.1),
            epochs=1,
            batch_size=2,
            progress=False,
            **pairs,
        )
    assert any(f"of {which}, those at" in note for note in caught.value.__notes__)
    np.testing.assert_array_equal(nn.to_numpy(params.vector), nn.to_numpy(model.init(0).vector))


def test_a_label_that_is_none_in_a_column_of_its_own():
    """Of shape (N, 1); the examples that were tried are told in order."""
    rng = np.random.default_rng(3)
    x, target = rng.integers(0, 7, (30, 1)), rng.integers(1, 4, (30, 1))
    target[[21, 11], 0] = 5, 0  # no class, and the smallest
    x[:, 0] = 3
    model = nn.Sequential(nn.Embedding(7, 3), nn.Dense(3, 5))
    kw = {"optimizer": nn.SGD(0.1), "epochs": 1, "progress": False}
    with pytest.raises(ValueError, match="contains 5, expected") as caught:
        nn.fit(model, model.init(0), nn.softmax_cross_entropy, (x, target), **kw)
    assert "of data, those at [0, 11, 21]" in caught.value.__notes__[-1]


def test_an_optimizer_of_other_parameters_is_refused():
    """Its moments would go on; with the same parameters that is meant."""
    model, pair = regression()
    optimizer, first = nn.Adam(0.01), model.init(0)
    for params in (first, first):
        nn.fit(model, params, nn.mean_squared_error, pair, optimizer, 2, progress=False)
    second = model.init(0)
    with pytest.raises(ValueError, match="optimizer has taken 4 steps with other parameters"):
        nn.fit(model, second, nn.mean_squared_error, pair, optimizer, 2, progress=False)
    np.testing.assert_array_equal(second.vector, model.init(0).vector)


def test_an_optimizer_of_parameters_that_are_gone_is_refused():
    model, pair = regression()
    optimizer = nn.Adam(0.01)
    nn.fit(model, model.init(0), nn.mean_squared_error, pair, optimizer, 2, progress=False)
    with pytest.raises(ValueError, match="optimizer has taken 2 steps with other parameters"):
        nn.fit(model, model.init(0), nn.mean_squared_error, pair, optimizer, 2, progress=False)


def test_a_run_does_not_depend_on_which_object_its_optimizer_is(tmp_path):
    """The same object again, or a new one with the same settings: the same run."""
    model, pair = regression()
    kw, path = {"progress": False}, tmp_path / "a.npz"
    first, adam = model.init(0), nn.Adam(0.01)
    nn.fit(model, first, nn.mean_squared_error, pair, adam, 2, checkpoint=path, **kw)
    nn.fit(model, first, nn.mean_squared_error, pair, adam, 3, checkpoint=path, **kw)
    second = model.init(0)
    nn.fit(model, second, nn.mean_squared_error, pair, nn.Adam(0.01), 3, checkpoint=path, **kw)
    np.testing.assert_array_equal(second.vector, first.vector)


def test_lambdas_of_one_scope_are_told_apart():
    near, far, near_again = lambda x: x * 2.0, lambda x: x * 3.0, lambda x: x * 2.0
    assert called(near) == called(near_again) != called(far)


INNER = """
from nnlearn.training.learners import called
print(called(lambda o: max(v for v in o)), called(lambda o: o in {"a", "b", "c", "d"}))
print(called(lambda o: [sum(w for w in v) for v in o if v in {"ab", "cd", "ef"}]))
"""


def test_a_lambda_has_the_same_name_in_every_process():
    """What stands inside has an address in memory, and a set an order, which differ there."""
    seen = {
        subprocess.run(
            [sys.executable, "-c", INNER],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(seen) == 1
    assert len(set(seen.pop().split())) == 4  # "__main__.<lambda>" and three codes


def test_a_lambda_s_name_is_the_old_one():
    """So that a checkpoint of an earlier version goes on."""
    plain = lambda output, target: abs(output - 2.5).sum() + len("target")  # noqa: E731
    code = plain.__code__
    old = zlib.crc32(repr((code.co_code, code.co_names, code.co_consts)).encode())
    assert called(plain).endswith(f"<lambda> {old:08x}")
    inner = (lambda a: [v + 1 for v in a if v in {1}], lambda a: [v + 2 for v in a if v in {1}])
    other = lambda a: [v + 1 for v in a if v in {2}]  # noqa: E731
    assert len({called(f) for f in (*inner, other)}) == 3


@pytest.mark.parametrize("clip_norm", [1, np.float32(1.5), np.float64(1.5)])
def test_any_kind_of_number_goes_into_a_checkpoint(tmp_path, clip_norm):
    model, pair = regression()
    found = []
    for path, epochs in ((None, 3), (tmp_path / "a.npz", 2), (tmp_path / "a.npz", np.int64(3))):
        params = model.init(0)
        settings = {"batch_size": np.int32(16), "clip_norm": clip_norm, "checkpoint": path}
        nn.fit(model, params, nn.mean_squared_error, pair, nn.SGD(0.1), epochs, **settings)
        found.append(params.vector)
    np.testing.assert_array_equal(found[2], found[0])


def test_an_optimizer_that_a_checkpoint_was_read_into_goes_on(tmp_path):
    """It has moved other parameters; what it remembers now is of these."""
    model, pair = regression()
    optimizer, first, second = nn.Adam(0.01), model.init(0), model.init(0)
    run = functools.partial(nn.fit, model, progress=False)
    for params in (first, second):
        path = tmp_path / "a.npz"
        run(params, nn.mean_squared_error, pair, optimizer, 2, checkpoint=path)
    with pytest.raises(ValueError, match="has taken 2 steps with other parameters"):
        run(first, nn.mean_squared_error, pair, optimizer, 1)
    run(second, nn.mean_squared_error, pair, optimizer, 1)
    assert optimizer.steps == 3


@pytest.mark.parametrize("after", [10, 12])  # steps: of two epochs, and within the third
def test_a_run_that_went_on_diverges_to_where_it_would_have(tmp_path, after):
    """Where the first loss of an epoch is not finite, the parameters before it are not good."""
    model, pair = regression()

    def run(checkpoint=None, epochs=9):
        params, rule = model.init(0), nn.SGD(lambda step: 1e30 if step >= after else 0.01)
        settings = {"batch_size": 8, "checkpoint": checkpoint, "progress": False}
        with np.errstate(all="ignore"):
            try:
                nn.fit(model, params, nn.mean_squared_error, pair, rule, epochs, **settings)
            except nn.TrainingDiverged as error:
                return params.vector, str(error)

    whole, told = run()
    for epochs in (1, 2):
        path = tmp_path / f"{epochs}.npz"
        assert run(path, epochs) is None
        for _ in range(2):
            found, again = run(path)
            np.testing.assert_array_equal(found, whole)
            assert again == told
    assert np.isfinite(
        nn.mean_squared_error(model(nn.Parameters(whole, model.init().layout), pair[0]), pair[1])
    )


def test_a_checkpoint_that_cannot_be_written_is_told_first(tmp_path):
    model, pair = regression()
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "run.npz"):
        params = model.init(0)
        with pytest.raises(OSError, match="fit: checkpoint is"):
            nn.fit(model, params, nn.mean_squared_error, pair, nn.SGD(0.1), 1, checkpoint=path)
        np.testing.assert_array_equal(params.vector, model.init(0).vector)


def test_a_cell_run_again_ends_at_once(tmp_path):
    """The parameters are then those that the run ended with; a folder is made for it."""
    model, pair = regression()
    params, path = model.init(0), tmp_path / "runs" / "a.npz"

    def cell(epochs=3):
        kw = {"checkpoint": path, "progress": False}
        return nn.fit(model, params, nn.mean_squared_error, pair, nn.Adam(0.01), epochs, **kw)

    first, end = cell(), params.vector.copy()
    assert cell() == first
    np.testing.assert_array_equal(params.vector, end)
    assert cell(5)["loss"][:3] == first["loss"]
    assert cell(5).epochs == 5


def test_patience_given_when_a_run_is_taken_up(tmp_path):
    """The best parameters are in the checkpoint, whether patience was asked for or not.

    Without it, a training ends with the last ones, be they worse.
    """
    model, pair = nn.Dense(1, 1), (np.ones((8, 1), "float32"), np.zeros((8, 1), "float32"))
    kw = {"validation": pair, "progress": False, "checkpoint": tmp_path / "a.npz"}
    for more in ({}, {"patience": 1}):
        params = model.init(0)
        history = nn.fit(
            model, params, nn.mean_squared_error, pair, nn.SGD(0.6, momentum=0.9), 5, **kw, **more
        )
        losses = history["validation_loss"]
        assert min(losses) < losses[-1] / 2
        found = float(nn.mean_squared_error(model(params, pair[0]), pair[1]))
        close(found, min(losses) if more else losses[-1], 1e-6, "validation loss")


def test_the_history_holds_numbers_of_python():
    """Whatever kind of number a metric gives."""
    model, pair = nn.Dense(1, 1), (np.ones((8, 1), "float32"), np.zeros((8, 1), "float32"))
    metrics = {"first": lambda output, target: np.abs(output[0, 0] - target[0, 0])}
    history = nn.fit(
        model, model.init(0), nn.mean_squared_error, pair, nn.SGD(0.1), 1,
        validation=pair, metrics=metrics, progress=False,
    )  # fmt: skip
    assert [type(history[name][0]) for name in ("loss", "validation_loss", "first")] == [float] * 3


def test_the_name_of_a_function_holds_no_address():
    names = [
        runs.called(f)
        for f in (
            nn.mean_squared_error,
            lambda a, b: a,
            functools.partial(nn.leaky_relu, slope=0.1),
            nn.ReLU(),
        )
    ]
    assert not any("0x" in name for name in names), names
    assert "slope=0.1" in names[2]
    assert names[3] == "nnlearn.layers.dense.ReLU"
    assert called(nn.Layer.init) == "nnlearn.layers.layer.Layer.init"


def test_what_is_given_to_a_part_of_a_function_tells_it_apart():
    """In whatever order its settings are written."""
    names = [
        called(functools.partial(nn.leaky_relu, *args, **kw))
        for args, kw in (((), {}), ((1,), {}), ((2,), {"slope": 0.1}), ((), {"slope": 0.1}))
    ]
    assert len(set(names)) == 4
    settings = {"slope": 0.1, "other": 2}, {"other": 2, "slope": 0.1}
    assert len({called(functools.partial(nn.leaky_relu, **kw)) for kw in settings}) == 1


def test_a_function_that_has_only_a_short_name():
    class Loss:
        def __call__(self, output, target):
            return output

    loss = Loss()
    loss.__name__ = "mine"
    assert called(loss).endswith(".mine")


def test_a_rate_is_described_by_where_it_begins():
    assert described(lambda step: 1 / step).endswith(", 1.0 at first")
    assert described(0.1) == 0.1


def test_a_checkpoint_with_other_metrics_is_refused(tmp_path):
    """Else the lists of the history would be of unequal length."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)), rng.integers(0, 2, 8)
    model = nn.Sequential(nn.Dense(3, 2))

    def run(metrics, epochs):
        return nn.fit(
            model,
            model.init(dtype="float64"),
            nn.softmax_cross_entropy,
            (x, y),
            nn.SGD(0.1),
            epochs,
            validation=(x, y),
            metrics=metrics,
            checkpoint=tmp_path / "run.npz",
        )

    run({"accuracy": nn.accuracy}, 1)
    with pytest.raises(ValueError, match="metrics"):
        run({"other": nn.accuracy}, 2)
