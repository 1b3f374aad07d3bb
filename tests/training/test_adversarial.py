"""Training for two players: each step against PyTorch's, the history, and what it learns."""

import inspect
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid
from witnesses import close

import nnlearn as nn
from nnlearn.training import adversarial
from nnlearn.training.runs import shuffling_and_chance

LATENT = 3


def players(dtype="float64"):
    G = nn.Sequential(nn.Dense(LATENT, 5), nn.Tanh(), nn.Dense(5, 2))
    D = nn.Sequential(nn.Dense(2, 4), nn.LeakyReLU(0.2), nn.Dense(4, 1))
    return G, G.init(seed=1, dtype=dtype), D, D.init(seed=2, dtype=dtype)


def torch_player(params, bend):
    """The same network in PyTorch, as a function, with its parameters."""
    tensors = [torch.tensor(params[name].copy(), requires_grad=True) for name in params]

    def network(x):
        first, c, second, d = tensors
        return bend(x @ first.T + c) @ second.T + d

    return network, tensors


@pytest.fixture
def in_torch():
    _, params_G, _, params_D = players()
    return torch_player(params_G, torch.tanh), torch_player(
        params_D, lambda z: torch.nn.functional.leaky_relu(z, 0.2)
    )


def moved(tensors, rate):
    return np.concatenate([(t - rate * t.grad).detach().numpy().ravel() for t in tensors])


def test_a_step_of_the_discriminator(in_torch):
    _, _, D, params_D = players()
    _, (network, tensors) = in_torch
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(6, 2)), rng.normal(size=(4, 2))
    value = adversarial.discriminator_step(D, params_D, real, fake, nn.SGD(0.1))
    expected = logsigmoid(network(torch.tensor(real))).mean()
    expected = expected + logsigmoid(-network(torch.tensor(fake))).mean()
    (-expected).backward()
    close(value, expected.detach(), 1e-12, "V")
    close(params_D.vector, moved(tensors, 0.1), 1e-12, "parameters")


@pytest.mark.parametrize("kind", ["minimax", "non-saturating"])
@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_step_of_the_generator(in_torch, kind, strength):
    G, params_G, D, params_D = players()
    (generate, tensors), (judge, _) = in_torch
    rng = np.random.default_rng(0)
    z, blur = rng.normal(size=(6, LATENT)), strength * rng.normal(size=(6, 2))
    before = params_D.vector.copy()
    loss = adversarial.generator_step(G, params_G, D, params_D, z, nn.SGD(0.1), kind, blur)
    logits = judge(generate(torch.tensor(z)) + torch.tensor(blur))
    expected = logsigmoid(-logits).mean() if kind == "minimax" else -logsigmoid(logits).mean()
    expected.backward()
    close(loss, expected.detach(), 1e-12, "loss")
    close(params_G.vector, moved(tensors, 0.1), 1e-12, "parameters")
    np.testing.assert_array_equal(params_D.vector, before)  # the other player is held fixed


def data(count=50):
    return np.random.default_rng(0).normal(size=(count, 2))


def fitted(steps=12, x=None, space=None, **settings):
    G, params_G, D, params_D = players()
    if space is not None:
        params_G, params_D = (
            nn.Parameters(space.array(p.vector), p.layout) for p in (params_G, params_D)
        )
    x = data() if x is None else x
    optimizers = nn.Adam(0.01), nn.Adam(0.01)
    settings = {"batch_size": 16, "every": 4, "progress": False} | settings
    history = nn.fit_gan(G, params_G, D, params_D, x, optimizers, steps, latent=LATENT, **settings)
    return history, params_G.vector, params_D.vector, optimizers


def test_the_history_holds_means(monkeypatch):
    values = iter(range(100))
    monkeypatch.setattr(adversarial, "discriminator_step", lambda *a, **k: next(values))
    looks = iter("abc")
    history, *_ = fitted(look=lambda: {"seen": next(looks)})
    assert history["step"] == [4, 8, 12]
    assert history["value"] == [1.5, 5.5, 9.5]
    assert history["seen"] == ["a", "b", "c"]
    assert len(history["generator_loss"]) == 3


def test_both_take_every_step_and_the_seed_decides():
    history, G, D, optimizers = fitted()
    assert [o.steps for o in optimizers] == [12, 12]
    again, same_G, same_D, _ = fitted()
    assert again == history
    np.testing.assert_array_equal(same_G, G)
    np.testing.assert_array_equal(same_D, D)
    assert np.abs(fitted(seed=1)[1] - G).max() > 1e-4
    assert np.abs(fitted(kind="minimax")[1] - G).max() > 1e-4


def with_dropout():
    G = nn.Sequential(nn.Dense(LATENT, 5), nn.Tanh(), nn.Dropout(0.3), nn.Dense(5, 2))
    D = nn.Sequential(nn.Dense(2, 4), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Dense(4, 1))
    return G, G.init(seed=1, dtype="float32"), D, D.init(seed=2, dtype="float32")


@pytest.mark.parametrize("strength", [0.0, 0.25])
def test_a_turn_is_the_two_steps_with_noise_of_their_own(strength):
    """By hand, with the numbers that the generators give, D first: the same bits."""
    (G, params_G, D, params_D), (_, own_G, _, own_D) = with_dropout(), with_dropout()
    x, rate = data().astype("float32"), 0.05
    history = nn.fit_gan(
        *(G, params_G, D, params_D, x, (nn.SGD(rate), nn.SGD(rate)), 2),
        **{"latent": LATENT, "batch_size": 16, "every": 1, "seed": 7, "progress": False},
        noise=(lambda t: strength) if strength else None,
    )
    shuffling, chance = shuffling_and_chance(7)
    batches = nn.data.batches([x], 16, shuffling)

    def normal(shape):
        return chance.standard_normal(shape, dtype="float32")

    def blur():
        return np.float32(strength) * normal((16, 2)) if strength else 0.0

    for i, (real,) in zip(range(2), batches, strict=False):
        fake = G.forward(own_G, normal((16, LATENT)), True, chance)[0]
        real, fake = real + blur(), fake + blur()
        value = nn.discriminator_step(D, own_D, real, fake, nn.SGD(rate), chance)
        z, added = normal((16, LATENT)), blur()
        two = G, own_G, D, own_D
        loss = nn.generator_step(*two, z, nn.SGD(rate), "non-saturating", added, chance)
        assert history["value"][i] == float(value)
        assert history["generator_loss"][i] == float(loss)
    np.testing.assert_array_equal(params_G.vector, own_G.vector)
    np.testing.assert_array_equal(params_D.vector, own_D.vector)


def test_the_noise_may_be_numpys_number():
    """A float64 of NumPy's would make float32 noise float64, and the training slower."""
    found = []
    for number in (float, np.float64):
        G, params_G, D, params_D = with_dropout()
        seen, forward = [], D.forward
        D.forward = lambda p, x, *a, seen=seen, forward=forward: (
            seen.append(x.dtype) or forward(p, x, *a)
        )
        nn.fit_gan(
            *(G, params_G, D, params_D, data().astype("float32"), (nn.Adam(), nn.Adam()), 3),
            **{"latent": LATENT, "progress": False},
            noise=lambda t, number=number: number(0.1 * t),
        )
        assert set(seen) == {np.dtype("float32")}
        found.append(params_G.vector)
    np.testing.assert_array_equal(*found)


def test_the_bar_counts_steps_and_is_shown_where_somebody_looks(bars, monkeypatch):
    monkeypatch.delenv("NNLEARN_PROGRESS", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)  # whose notebooks show one
    for looked, shown in ((True, True), (False, False)):
        monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda looked=looked: looked))
        fitted(steps=12, progress=None)
        bar = bars.pop()
        expected = {"total": 12, "initial": 0, "unit": "step", "leave": False}
        assert bar.settings == expected | {"disable": not shown}
        assert bar.updates == 12


def test_how_many_unless_it_is_said():
    defaults = inspect.signature(nn.fit_gan).parameters
    assert (defaults["batch_size"].default, defaults["every"].default) == (64, 100)


def test_everywhere_the_same(space):
    history, G, D, _ = fitted()
    found, found_G, found_D, _ = fitted(x=space.array(data()), space=space)
    assert space.holds(found_G)
    if space.name != "cupy":  # on a GPU the noise is drawn there
        close(nn.to_numpy(found_G), G, 1e-12, "generator")
        close(nn.to_numpy(found_D), D, 1e-12, "discriminator")
        close(found["value"], history["value"], 1e-12, "value")


def test_noise_follows_its_schedule(monkeypatch):
    """What D sees has the strength asked for; no strength, no noise."""
    seen = []
    step = adversarial.discriminator_step

    def spy(D, params_D, real, fake, *rest):
        seen.append((real, fake))
        return step(D, params_D, real, fake, *rest)

    monkeypatch.setattr(adversarial, "discriminator_step", spy)
    zeros, times = np.zeros((2000, 2)), []

    def noise(t):
        times.append(t)
        return 3.0 if t <= 0.5 else 0.0

    fitted(steps=4, x=zeros, batch_size=2000, noise=noise)
    assert times == [0.25, 0.5, 0.75, 1.0]
    for real, _ in seen[:2]:
        assert real.std() == pytest.approx(3, rel=0.05)
    for real, _ in seen[2:]:
        np.testing.assert_array_equal(real, 0)
    assert seen[0][1].std() > 2.9 > 2.5 > seen[3][1].std()


def test_every_example_is_seen_once_a_round():
    seen = []
    step = adversarial.discriminator_step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            adversarial,
            "discriminator_step",
            lambda D, p, real, *rest: seen.append(real) or step(D, p, real, *rest),
        )
        fitted(steps=8)  # 50 examples: 16, 16, 16, 2, and again
    assert [len(batch) for batch in seen] == [16, 16, 16, 2] * 2
    for half in (seen[:4], seen[4:]):
        np.testing.assert_array_equal(np.sort(np.concatenate(half)[:, 0]), np.sort(data()[:, 0]))
    assert np.abs(seen[0] - seen[4]).max() > 0  # in another order


def test_dropout_of_both_players():
    G = nn.Sequential(nn.Dense(LATENT, 8), nn.Dropout(0.2), nn.Dense(8, 2))
    D = nn.Sequential(nn.Dense(2, 8), nn.ReLU(), nn.Dropout(0.2), nn.Dense(8, 1))
    x = data().astype("float32")
    players = G, G.init(0), D, D.init(1)
    history = nn.fit_gan(*players, x, (nn.Adam(), nn.Adam()), 4, latent=LATENT, every=2)
    assert np.isfinite(history["value"]).all()


def test_a_distribution_is_learned():
    """From one number of noise to numbers around 3 with standard deviation ½."""
    rng = np.random.default_rng(0)
    x = 3 + 0.5 * rng.normal(size=(4000, 1))
    G = nn.Dense(1, 1)
    D = nn.Sequential(nn.Dense(1, 16), nn.Tanh(), nn.Dense(16, 1))
    params_G, params_D = G.init(0, dtype="float64"), D.init(1, dtype="float64")
    optimizers = nn.Adam(2e-3, betas=(0.5, 0.99)), nn.Adam(4e-3, betas=(0.5, 0.99))
    settings = {"latent": 1, "batch_size": 128, "noise": lambda t: max(0.0, 1 - 2 * t)}
    nn.fit_gan(G, params_G, D, params_D, x, optimizers, 2500, progress=False, **settings)
    made = G(params_G, rng.normal(size=(5000, 1)))
    assert made.mean() == pytest.approx(3, abs=0.2)
    assert made.std() == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"x": np.zeros((0, 2))}, ValueError, r"fit_gan: x has shape \(0, 2\)"),
        ({"x": np.array(1.0)}, ValueError, r"fit_gan: x has shape \(\), expected at least one"),
        ({"steps": -1}, ValueError, "fit_gan: steps is -1"),
        ({"steps": 1.5}, ValueError, "fit_gan: steps is 1.5"),
        ({"batch_size": 0}, ValueError, "fit_gan: batch_size is 0"),
        ({"every": 0}, ValueError, "fit_gan: every is 0"),
        ({"kind": "loud"}, ValueError, "fit_gan: kind is 'loud'"),
    ],
)
def test_refused(settings, error, message):
    with pytest.raises(error, match=message):
        fitted(**settings)


G, PARAMS_G, D, PARAMS_D = players()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"G": "generator"}, "model is 'generator', expected"),
        ({"params_D": np.ones(3)}, "params is ndarray, expected"),
        ({"x": [[1.0, 2.0]]}, "x is list, expected an array"),
        ({"x": 3.0}, "x is float, expected an array"),
        ({"optimizers": (nn.Adam(), nn.Adam)}, "optimizer is the class Adam, expected an object"),
        ({"optimizers": (nn.Adam(),)}, "optimizers is .*, expected a pair"),
        ({"optimizers": {"G": nn.Adam(), "D": nn.Adam()}}, "optimizers is .*, expected a pair"),
    ],
)
def test_what_is_something_else_is_refused(change, message):
    known = {"G": G, "params_G": PARAMS_G, "D": D, "params_D": PARAMS_D, "x": data()}
    known |= {"optimizers": (nn.Adam(), nn.Adam()), "steps": 1, "latent": LATENT}
    with pytest.raises(TypeError, match=f"fit_gan: {message}"):
        nn.fit_gan(**known | change)


def test_one_number_of_noise_one_example_and_optimizers_in_a_list():
    G, D = nn.Dense(1, 2), nn.Dense(2, 1)
    params = G.init(0), D.init(1)
    history = nn.fit_gan(
        *(G, params[0], D, params[1], data(1).astype("float32"), [nn.SGD(0.1), nn.SGD(0.1)], 2),
        **{"latent": 1, "batch_size": 1, "every": 1, "progress": False},
    )
    assert history["step"] == [1, 2]


def test_no_step_changes_nothing():
    G, params_G, D, params_D = players()
    before = params_G.vector.copy(), params_D.vector.copy()
    history = nn.fit_gan(
        G, params_G, D, params_D, data(), (nn.Adam(), nn.Adam()), 0, latent=LATENT, progress=False
    )
    np.testing.assert_array_equal(params_G.vector, before[0])
    np.testing.assert_array_equal(params_D.vector, before[1])
    assert len(history) == 0


def test_two_optimizers_are_needed():
    with pytest.raises(TypeError, match=r"fit_gan: optimizers is .*expected a pair"):
        nn.fit_gan(*players(), data(), nn.Adam(), 1, latent=LATENT)


def test_one_optimizer_for_both_is_refused():
    """It would mix the moments of two networks."""
    G, params_G, D, params_D = players()
    x, optimizer = np.zeros((8, 2)), nn.SGD(0.1)
    with pytest.raises(ValueError, match="optimizers are one object twice"):
        nn.fit_gan(G, params_G, D, params_D, x, (optimizer, optimizer), 2, latent=LATENT)


def test_bytes_are_refused():
    G, params_G, D, params_D = players()
    x = np.zeros((8, 2), "uint8")
    with pytest.raises(TypeError, match="x has dtype uint8, expected floating-point"):
        nn.fit_gan(G, params_G, D, params_D, x, (nn.Adam(), nn.Adam()), 2, latent=LATENT)


def test_a_game_that_is_no_longer_finite_stops():
    G, params_G, D, params_D = players()
    x = np.full((8, 2), np.nan)
    with pytest.raises(FloatingPointError, match=r"fit_gan: between steps 1 and 2.*in the data, x"):
        nn.fit_gan(G, params_G, D, params_D, x, (nn.Adam(), nn.Adam()), 9, latent=LATENT, every=2)


def test_players_that_diverge_are_put_back():
    """Both go back to where all was finite; the optimizers begin anew."""
    G, D = nn.Dense(2, 3), nn.Dense(3, 1)
    params_G, params_D = G.init(0), D.init(1)
    optimizers, seen = (nn.SGD(1e-3, momentum=0.5), nn.SGD(1e-3, momentum=0.5)), []

    def look():
        seen.append((params_G.vector.copy(), params_D.vector.copy()))
        if len(seen) == 3:
            optimizers[1].learning_rate = 1e38  # from now on D's steps are too long
        return {}

    diverges = pytest.raises(nn.TrainingDiverged, match="between steps 7 and 8")
    with np.errstate(all="ignore"), diverges as caught:
        nn.fit_gan(
            *(G, params_G, D, params_D, np.ones((4, 3), "float32"), optimizers, 20),
            **{"latent": 2, "look": look, "every": 2, "progress": False},
        )
    assert caught.value.history["step"] == [2, 4, 6]
    np.testing.assert_array_equal(params_G.vector, seen[1][0])
    np.testing.assert_array_equal(params_D.vector, seen[1][1])
    assert [o.steps for o in optimizers] == [0, 0]
    assert not optimizers[0].memory
