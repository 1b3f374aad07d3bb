"""A game that stops goes on as if it had not: every bit of both players, and of the history.

What happens to files, and to processes that are killed, is in `test_recovery`, for `fit` as well.
"""

import functools
import os
import tempfile
from pathlib import Path

import interrupted
import interrupted_game
import numpy as np
import pytest
import tally
from faults import contents, without
from hypothesis import given, settings
from hypothesis import strategies as st
from interrupted import same
from interrupted_game import EVERY, STEPS, data, fading, generator, judge, play

import nnlearn as nn
from nnlearn.training import adversarial, runs
from nnlearn.training.checkpoints import load_checkpoint, save_checkpoint
from nnlearn.training.games import Game
from nnlearn.training.optimizers import Optimizer

MANY = bool(os.environ.get("NNLEARN_TRUST"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


# --- stopped --------------------------------------------------------------------------------------


def test_stopped_after_any_step(tmp_path):
    """Within an entry of the history or after it, within a pass through the data or after it."""
    whole = play()
    for stop in range(STEPS + 1 if MANY else 13):  # 12: the steps of 4 entries, and of 3 passes
        path = tmp_path / f"{stop}.npz"
        play(path, stop)
        same(play(path), whole)
        tally.count("cases tried")


def plain_players():
    """Two networks without anything that has a state, or that is drawn."""
    return {
        "G": lambda: nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 2)),
        "D": lambda: nn.Dense(2, 1),
    }


RULES = {
    "with a schedule, and with momentum": interrupted_game.rules,
    "Adam twice": lambda: [nn.Adam(0.01, betas=(0.5, 0.99)), nn.Adam(0.02, weight_decay=0.1)],
    "without memory": lambda: (nn.SGD(0.05), nn.SGD(0.1)),
    "Nesterov": lambda: (nn.SGD(0.01, momentum=0.9, nesterov=True), nn.Adam(lambda k: 0.1 / k)),
}


@settings(max_examples=150 if MANY else 12)
@given(
    stops=st.lists(st.integers(0, 20), max_size=3).map(sorted),
    every=st.sampled_from((1, 3, 7, 30)),
    batch_size=st.integers(1, 60),
    kind=st.sampled_from(("minimax", "non-saturating")),
    players=st.sampled_from(({}, plain_players())),
    rules=st.sampled_from(sorted(RULES)),
    dtype=st.sampled_from(("float32", "float64")),
)
def test_any_game_stopped_anywhere(stops, every, batch_size, kind, players, rules, dtype):
    game = functools.partial(play, every=every, batch_size=batch_size, kind=kind, **players)
    game = functools.partial(game, rules=RULES[rules], dtype=dtype)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.npz"
        for stop in stops:
            game(path, stop)
        same(game(path, 20), game(None, 20))
    tally.count("cases tried")


class Stop(Exception):
    pass


def stopping(function, number):
    """Return a function that does the same, but for its call of this number, which it raises."""
    left = [number]

    def call(*args, **kw):
        left[0] -= 1
        if left[0] == 0:
            raise Stop
        return function(*args, **kw)

    return call


@pytest.mark.parametrize("step", ["discriminator_step", "generator_step"])
@pytest.mark.parametrize("noise", [None, fading])
def test_an_exception_within_a_turn(path, monkeypatch, step, noise):
    """At every sixth: what came after the last entry is done again."""
    whole = play(noise=noise)
    for number in range(1, STEPS + 1, 1 if MANY else 6):
        with monkeypatch.context() as patch:
            patch.setattr(adversarial, step, stopping(getattr(adversarial, step), number))
            with pytest.raises(Stop):
                play(path, noise=noise)
        assert path.exists() == (number > EVERY)
        same(play(path, noise=noise), whole)
        for file in path.parent.iterdir():
            file.unlink()
        tally.count("faults survived")


def test_an_exception_of_look(path):
    with pytest.raises(Stop):
        play(path, look=stopping(lambda: {"a": 1}, 3))
    assert load_checkpoint(path)[1]["history"]["step"] == [3, 6]


def test_it_goes_on_where_arrays_live(space, path):
    """On every library and device, to the same bits."""

    def game(checkpoint, steps):
        space.use()
        try:
            players = generator(), judge()
            params = [player.init(seed) for player, seed in zip(players, (1, 2), strict=True)]
        finally:
            nn.use_backend("numpy")
        rules = interrupted_game.rules()
        history = nn.fit_gan(
            *(players[0], params[0], players[1], params[1], space.array(data()), rules, steps),
            **{"latent": 3, "every": 3, "batch_size": 16, "checkpoint": checkpoint},
        )
        assert space.holds(params[0].vector)
        assert space.holds(rules[0].memory["mean"])
        return history | interrupted_game.ended(params, rules)

    game(path, 10)
    same(game(path, 14), game(None, 14))


# --- what is written, and when --------------------------------------------------------------------


def test_it_is_written_at_each_entry_and_at_the_end(path, monkeypatch):
    written = []
    save = runs.save_checkpoint

    def spy(path, arrays, facts):
        written.append(facts["turn"])
        save(path, arrays, facts)

    monkeypatch.setattr(runs, "save_checkpoint", spy)
    play(path, 0)
    assert not path.exists()
    play(path, 8)
    assert written == [3, 6, 8]
    play(path, 8)
    play(path, 5)  # it has more already
    assert written == [3, 6, 8]
    play(path, 9)
    assert written == [3, 6, 8, 9]


def test_the_bar_begins_where_the_game_goes_on(path, monkeypatch):
    begun, bar = [], adversarial.progress_bar
    monkeypatch.setattr(
        adversarial, "progress_bar", lambda *a, **kw: begun.append(kw["initial"]) or bar(*a, **kw)
    )
    play(path, 8)
    play(path)
    assert begun == [0, 8]


def test_a_cell_run_again_ends_at_once(path):
    """With the players as they ended, or were where a game that diverged went back to."""
    params = fresh()
    run = functools.partial(cell, path, params=params)
    first, ended = run(interrupted_game.rules(), steps=STEPS), [p.copy() for p in params]
    assert run(interrupted_game.rules(), steps=STEPS) == first
    for p, its in zip(params, ended, strict=True):
        np.testing.assert_array_equal(p.vector, its.vector)
        np.testing.assert_array_equal(p.state.vector, its.state.vector)
    more = run(interrupted_game.rules(), steps=STEPS + 4)
    assert more["step"] == list(range(EVERY, STEPS + 4 + 1, EVERY))
    assert {name: values[: len(first["step"])] for name, values in more.items()} == first
    arrays, _ = load_checkpoint(path)
    for name in ("good", "before"):
        for player, p in zip("GD", params, strict=True):
            p.vector[...] = arrays[f"{player}.{name}"]
        assert run(interrupted_game.rules(), steps=STEPS + 4) == more
    params[1].vector[...] += 1  # of the other one alone it is not enough
    with pytest.raises(ValueError, match=r"its G\.parameters is"):
        run(interrupted_game.rules(), steps=STEPS + 4)


def test_the_history_keeps_its_kinds_of_numbers(path):
    """Whole ones stay whole; a list that is shorter than the others stays that."""
    counts = iter((1, True, np.int64(3), np.float32(0.5), 0.1))

    def look():
        found = {"all": next(counts)}
        return found if len(found["all"].__class__.__name__) > 3 else found | {"int": 2}

    play(path, 15, look=look)
    history = load_checkpoint(path)[1]["history"]
    assert history["step"] == [3, 6, 9, 12, 15]
    assert [*map(type, history["all"])] == [int, bool, int, float, float]
    assert history["int"] == [2]
    again = play(path, 15, look=look)
    assert [*map(type, again["step"])] == [int] * 5
    assert again["all"] == [1, True, 3, 0.5, 0.1]
    assert again["int"] == [2]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("good", "str"),
        (None, "NoneType"),
        ([1.0, 2.0], "list"),
        (np.ones(2), "ndarray"),
        (1j, "complex"),
        (np.complex64(1), "complex64"),
        (np.str_("a"), "str_"),
    ],
)
def test_what_a_checkpoint_cannot_hold_is_refused(path, value, kind):
    """At the first look, and only where there is a checkpoint to hold it."""
    told = rf"fit_gan: look gives 'seen' of {kind}, expected a number by a name"
    with pytest.raises(TypeError, match=told):
        play(path, look=lambda: {"seen": value})
    assert not path.exists()
    assert play(look=lambda: {"seen": value})["seen"][0] is value
    tally.count("bad inputs refused")


def test_names_are_texts(path):
    """Others would come back as texts, and the lists be cut in two."""
    with pytest.raises(TypeError, match="fit_gan: look gives 1 of float, expected a number by a"):
        play(path, look=lambda: {1: 0.5})
    for look in (lambda: None, lambda: 0.5):
        with pytest.raises(TypeError, match="mapping"):
            play(path, look=look)
    assert not path.exists()


def test_arrays_of_one_number_are_numbers(path, space):
    found = play(path, look=lambda: {"seen": space.array(np.array(0.25))})
    assert found["seen"][0] == 0.25
    same(play(path, look=lambda: {"seen": space.array(np.array(0.25))}), found)


# --- diverged -------------------------------------------------------------------------------------


def too_long(after):
    """Two rules whose steps are far too long after so many."""
    return lambda: (nn.SGD(0.01, momentum=0.5), nn.SGD(lambda k: 1e38 if k > after else 0.01))


@pytest.mark.parametrize("after", [9, 10, 11])
def test_it_diverges_to_where_it_would_have_without_a_stop(tmp_path, after):
    def diverging(checkpoint=None, steps=STEPS):
        params, rules = fresh(), too_long(after)()
        with np.errstate(all="ignore"):
            try:
                cell(checkpoint, rules, params, steps)
            except nn.TrainingDiverged as error:
                return dict(error.history) | interrupted_game.ended(params, rules), str(error)

    whole, told = diverging()
    assert told.startswith("fit_gan: between steps")
    for stop in range(0 if MANY else 8, after + 1):
        path = tmp_path / f"{stop}.npz"
        assert diverging(path, stop) is None
        for _ in range(2):  # and again, with the same error
            found, again = diverging(path)
            same(found, whole)
            assert again == told
        tally.count("faults survived")


# --- the checkpoint of another run ----------------------------------------------------------------


def shifted(shift, t):
    return shift - t


OTHERS = [
    ({"G": functools.partial(generator, 0.1)}, "G.model"),
    ({"D": functools.partial(judge, 0.1)}, "D.model"),
    ({"seeds": (3, 2)}, "G.parameters"),
    ({"seeds": (1, 3)}, "D.parameters"),
    ({"dtype": "float64"}, "G.parameters"),
    ({"rules": lambda: (nn.Adam(0.02), interrupted_game.rules()[1])}, "G.optimizer"),
    ({"rules": lambda: (interrupted_game.rules()[0], nn.SGD(0.05, momentum=0.8))}, "D.optimizer"),
    ({"x": data(seed=1)}, "data"),
    ({"x": data(51)}, "data"),
    ({"latent": 4, "G": lambda: nn.Dense(4, 2)}, "G.model"),
    ({"batch_size": 17}, "batch_size"),
    ({"kind": "minimax"}, "kind"),
    ({"noise": functools.partial(shifted, 2)}, "noise"),
    ({"noise": None}, "noise"),
    ({"noise": lambda t: 1 - t}, "noise"),
    ({"steps": STEPS + 1}, "steps"),
    ({"look": None}, "look"),
    ({"every": 4}, "every"),
    ({"seed": 6}, "seed"),
    ({"seed": [5, 1]}, "seed"),
]


@pytest.mark.parametrize(("change", "fact"), OTHERS)
def test_the_checkpoint_of_another_game_is_refused(path, monkeypatch, change, fact):
    """By the name of what differs; neither the players nor the files are changed."""
    play(path, noise=fading)
    before, moved = contents(path.parent), []
    monkeypatch.setattr(nn.Parameters, "assign", lambda *_: moved.append("assigned"))
    monkeypatch.setattr(Optimizer, "go_on", lambda *_: moved.append("remembered"))
    told = rf"fit_gan: the checkpoint .*run\.npz is of another run: its {fact} is .*, here it is"
    with pytest.raises(ValueError, match=told):
        play(path, **{"noise": fading} | change)
    assert contents(path.parent) == before
    assert not moved
    tally.count("bad inputs refused")


def test_latent_alone_tells_games_apart(path):
    """Of generators that take any number of numbers."""

    class Sum(nn.Layer):
        def init(self, seed=None, dtype=None):
            return nn.Dense(1, 1).init(seed, dtype)

        def operation(self, params, x, training, generator):
            return x[:, :2] * params["W"], lambda dy: (params.zeros_like(), dy)

    play(path, 4, G=Sum, rules=lambda: (nn.SGD(0.1), nn.SGD(0.1)))
    with pytest.raises(ValueError, match="its latent is 3, here it is 4"):
        play(path, 6, G=Sum, rules=lambda: (nn.SGD(0.1), nn.SGD(0.1)), latent=4)


def test_noise_is_known_by_where_it_begins(path):
    """What a function closes over has no name."""

    def falling(first):
        return lambda t: first - t / 2

    play(path, noise=falling(1.0))
    same(play(path, noise=falling(1.0)), play(noise=falling(1.0)))
    with pytest.raises(ValueError, match=r"its noise is .* 1.0 at first', here it is '.* 2.0"):
        play(path, noise=falling(2.0))


def test_the_same_seed_in_another_kind_of_number(path):
    whole = play(seed=7)
    play(path, 4, seed=7, batch_size=np.int64(16), every=np.int32(EVERY), latent=np.int16(3))
    same(play(path, np.int64(STEPS), seed=np.int64(7)), whole)
    with pytest.raises(ValueError, match=r"its seed is '7', here it is '\[7, 0\]'"):
        play(path, seed=(7, 0))


def test_what_a_game_has_not_is_written_as_nothing(path):
    """As it always was, so that a checkpoint of an earlier version goes on."""
    play(path, 4, noise=None, look=None)
    identity = load_checkpoint(path)[1]["identity"]
    assert [identity[name] for name in ("noise", "steps", "look")] == [None] * 3


def test_a_number_of_steps_of_numpy_s_goes_into_a_checkpoint(path):
    whole = play(noise=fading)
    play(path, np.int64(STEPS), noise=fading)
    same(play(path, STEPS, noise=fading), whole)


def test_the_sums_go_on_where_the_players_are(space, path):
    """Between two entries of the history they are arrays on the device."""
    kw = {"latent": 3, "every": 3, "batch_size": 16}
    players = [(make(), make().init(seed)) for make, seed in ((generator, 1), (judge, 2))]
    for _, params in players:
        params.vector = space.array(params.vector)
        params.state.vector = space.array(params.state.vector)
    (G, params_G), (D, params_D) = players
    x, rules = space.array(data()), interrupted_game.rules()
    start = [params.copy() for _, params in players]
    nn.fit_gan(G, params_G, D, params_D, x, rules, 4, **kw, checkpoint=path, progress=False)
    game = Game((G, start[0]), (D, start[1]), interrupted_game.rules(), x, 16, 3, 0)
    game.identify(4, 3, "non-saturating", None, None)
    game.load(path)
    assert game.turn == 4
    assert all(space.holds(total) for total in game.sums.values())


def test_a_checkpoint_of_fit_is_none_of_a_game(path):
    interrupted.train(path, 2)
    before = contents(path.parent)
    told = r"^fit_gan: the checkpoint .*run\.npz is of another run: fit wrote it, expected one of "
    with pytest.raises(ValueError, match=told + "fit_gan"):
        play(path)
    assert contents(path.parent) == before
    arrays, facts = load_checkpoint(path)
    save_checkpoint(path, arrays, without(facts, "training"))  # as an older version wrote it
    with pytest.raises(ValueError, match=told + "fit_gan"):
        play(path)


def test_a_checkpoint_of_a_game_is_none_of_fit(path):
    play(path, 2)
    before = contents(path.parent)
    told = r"^fit: the checkpoint .*run\.npz is of another run: fit_gan wrote it, expected one of "
    with pytest.raises(ValueError, match=told + "fit"):
        interrupted.train(path)
    assert contents(path.parent) == before


def test_an_older_checkpoint_of_fit_goes_on(path):
    """One that does not say who wrote it, nor holds the parameters of the last good epoch."""
    whole = interrupted.train()
    interrupted.train(path, 3)
    arrays, facts = load_checkpoint(path)
    arrays = {name: a for name, a in arrays.items() if not name.startswith("good")}
    save_checkpoint(path, arrays, without(facts, "training"))
    same(interrupted.train(path), whole)


# --- forged ---------------------------------------------------------------------------------------


def with_state(name, state):
    """Put another state into a generator."""
    return lambda a, f: (a, f | {"generators": f["generators"] | {name: state}})


def with_history(**lists):
    return lambda a, f: (a, f | {"history": f["history"] | lists})


FORGERIES = {
    "no parameters": lambda a, f: (without(a, "D.params"), f),
    "parameters of one number": lambda a, f: (a | {"G.params": a["G.params"][:1]}, f),
    "parameters that are a text": lambda a, f: (a | {"G.params": np.asarray("none")}, f),
    "no state": lambda a, f: (without(a, "D.state"), f),
    "no memory": lambda a, f: (without(a, "D.optimizer.velocity"), f),
    "memory of one number": lambda a, f: (a | {"G.optimizer.mean": np.ones(1)}, f),
    "no parameters to go back to": lambda a, f: (without(a, "G.good"), f),
    "no state to go back to": lambda a, f: (without(a, "G.before.state"), f),
    "no sums": lambda a, f: (without(a, "sums.value"), f),
    "sums of two": lambda a, f: (a | {"sums.value": np.ones(2)}, f),
    "a whole number for a sum": lambda a, f: (a | {"sums.generator_loss": np.asarray(3)}, f),
    "a text for a sum": lambda a, f: (a | {"sums.value": np.asarray("none")}, f),
    "no steps": lambda a, f: (a, without(f, "G.steps")),
    "steps below zero": lambda a, f: (a, f | {"D.steps": -1}),
    "no turn": lambda a, f: (a, without(f, "turn")),
    "half a turn": lambda a, f: (a, f | {"turn": 8.5}),
    "other turns than entries": lambda a, f: (a, f | {"turn": 10}),
    "no place in the data": lambda a, f: (a, without(f, "taken")),
    "a place before the data": lambda a, f: (a, f | {"taken": -1}),
    "a place behind the data": lambda a, f: (a, f | {"taken": 5}),
    "no history": lambda a, f: (a, without(f, "history")),
    "a history that is none": lambda a, f: (a, f | {"history": 3}),
    "a history of numbers": with_history(value=3),
    "a history of words": with_history(value=["a", "b"]),
    "a history of nothing": with_history(first=[None, None]),
    "a history that is too long": with_history(first=[1, 2, 3]),
    "no generators": lambda a, f: (a, without(f, "generators")),
    "a generator in no state": with_state("chance", {"bit_generator": "PCG64"}),
    "another generator": with_state("shuffling", np.random.MT19937(0).state["bit_generator"]),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_checkpoint_changes_nothing(path, monkeypatch, name):
    """Its checksums are right, and what it holds does not fit: no file and no player changes."""
    play(path, 8)
    save_checkpoint(path, *FORGERIES[name](*load_checkpoint(path)))
    before, moved = contents(path.parent), []
    monkeypatch.setattr(nn.Parameters, "assign", lambda *_: moved.append("assigned"))
    monkeypatch.setattr(Optimizer, "go_on", lambda *_: moved.append("remembered"))
    told = r"fit_gan: the checkpoint .*run\.npz does not hold what this run needs"
    with pytest.raises(ValueError, match=told):
        play(path)
    assert contents(path.parent) == before
    assert not moved
    tally.count("bad inputs refused")


def test_generators_too_stay_as_they_were(path):
    """What is refused has moved nothing, even of a game that has not begun."""
    G, D = generator(), judge()
    game = Game((G, G.init(1)), (D, D.init(2)), interrupted_game.rules(), data(), 16, EVERY, 5)
    game.identify(STEPS, 3, "non-saturating", None, None)
    play(path, 8, look=None)
    arrays, facts = load_checkpoint(path)
    save_checkpoint(path, arrays, without(facts, "turn"))
    states = [repr(rng.bit_generator.state) for rng in game.generators.values()]
    with pytest.raises(ValueError, match="does not hold what this run needs"):
        game.load(path)
    assert [repr(rng.bit_generator.state) for rng in game.generators.values()] == states
    save_checkpoint(path, arrays, facts)
    game.load(path)
    assert [repr(rng.bit_generator.state) for rng in game.generators.values()] != states


# --- optimizers -----------------------------------------------------------------------------------


def cell(checkpoint, pair, params, steps):
    """Play with these players, as a cell of a notebook that is run again does."""
    settings = {"latent": 3, "batch_size": 16, "every": EVERY, "checkpoint": checkpoint}
    return nn.fit_gan(generator(), params[0], judge(), params[1], data(), pair, steps, **settings)


def fresh():
    return generator().init(1), judge().init(2)


def test_an_optimizer_of_other_parameters_is_refused():
    """Its memory is not of these: also where the two were exchanged."""
    pair, params = interrupted_game.rules(), fresh()
    cell(None, pair, params, 4)
    cell(None, pair, params, 2)
    for G, D, told in ((*fresh(), "G"), (params[0], fresh()[1], "D")):
        told = (
            rf"fit_gan: {told}\.optimizer has taken 6 steps with other parameters, expected a new"
        )
        with pytest.raises(ValueError, match=told):
            cell(None, pair, (G, D), 2)
        tally.count("bad inputs refused")
    with pytest.raises(ValueError, match=r"G\.optimizer has taken 6 steps"):
        cell(None, pair[::-1], params, 2)


def test_an_optimizer_that_a_checkpoint_was_read_into_goes_on(path):
    """It has moved other parameters; what it remembers now is of these."""
    pair, first, second = interrupted_game.rules(), fresh(), fresh()
    cell(path, pair, first, 9)
    cell(path, pair, second, 9)  # nothing is left to do
    with pytest.raises(ValueError, match="has taken 9 steps with other parameters"):
        cell(None, pair, first, 2)
    cell(None, pair, second, 2)
    assert [optimizer.steps for optimizer in pair] == [11, 11]
