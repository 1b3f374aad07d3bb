"""Schedules against their formulas and PyTorch's; optimizers that take one; runs that go on."""

import copy
import functools
import math
import pickle
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import close

import nnlearn as nn
from nnlearn.training import few_kernels, runs

rates = st.floats(1e-6, 10)
counts = st.integers(1, 60)


def sampled(schedule, last=150):
    return [schedule(step) for step in range(1, last + 1)]


def by_torch(make, rate=1.0, last=150):
    """Rates before each of PyTorch's steps."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler, found = make(optimizer), []
    for _ in range(last + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def by_lambda(f, rate):
    """The rates of a factor of the step, which PyTorch counts from 0."""
    return by_torch(
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda count: f(count + 1)), rate
    )[:-1]


@pytest.mark.equation("eq-warm-up")
@given(rate=rates, steps=counts)
def test_warm_up(rate, steps):
    found = sampled(nn.schedules.warm_up(rate, steps))
    literal = [rate * s / steps if s < steps else rate for s in range(1, 151)]
    close(found, literal, 1e-12, "formula")
    close(found, by_lambda(lambda s: min(s / steps, 1), rate), 1e-12, "PyTorch")
    assert found[steps - 1] == rate


@pytest.mark.equation("eq-inverse-root")
@given(width=st.integers(1, 1024), steps=counts)
def test_inverse_root_is_vaswanis(width, steps):
    """Their formula, with the width of the vectors, where the highest rate is 1/√(D w)."""
    found = sampled(nn.schedules.inverse_root((width * steps) ** -0.5, steps))
    literal = [width**-0.5 * min(s**-0.5, s * steps**-1.5) for s in range(1, 151)]
    close(found, literal, 1e-12, "formula")
    assert max(found) == found[steps - 1]


def test_a_wave_between_equal_rates_is_flat():
    assert sampled(nn.schedules.cosine(0.1, 9, lowest=0.1)) == [0.1] * 150


def test_without_a_warm_up_the_first_step_has_come_down_the_wave():
    (first,) = sampled(nn.schedules.cosine(0.1, 2), 1)
    close(first, 0.05, 1e-12, "half way down")


@pytest.mark.equation("eq-cosine-schedule")
@given(rate=rates, steps=st.integers(2, 100), part=st.floats(0, 0.99), low=st.floats(0, 1))
def test_cosine(rate, steps, part, low):
    warm_up, lowest = int(part * steps), low * rate
    found = sampled(nn.schedules.cosine(rate, steps, warm_up, lowest))
    for s, value in enumerate(found, 1):
        if s <= warm_up:
            literal = rate * s / warm_up
        elif s < steps:
            angle = math.pi * (s - warm_up) / (steps - warm_up)
            literal = lowest + 0.5 * (rate - lowest) * (1 + math.cos(angle))
        else:
            literal = lowest
        assert value == pytest.approx(literal, rel=1e-12, abs=1e-15)
    annealing = by_torch(
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, steps - warm_up, lowest), rate
    )
    down = found[warm_up:steps]
    np.testing.assert_allclose(down, annealing[1 : len(down) + 1], rtol=1e-9, atol=1e-9 * rate)


@pytest.mark.equation("eq-step-decay")
@given(rate=rates, every=counts, factor=st.floats(0.1, 1))
def test_step_decay(rate, every, factor):
    found = sampled(nn.schedules.step_decay(rate, every, factor))
    literal = rate
    for s, value in enumerate(found, 1):
        if s > 1 and (s - 1) % every == 0:
            literal *= factor
        assert value == pytest.approx(literal, rel=1e-11)
    steps = by_torch(lambda o: torch.optim.lr_scheduler.StepLR(o, every, factor), rate)
    close(found, steps[:-1], 1e-11, "PyTorch")


# --- what a schedule is ------------------------------------------------------------------------

ALL = {
    "warm_up(rate=0.1, steps=4)": lambda: nn.schedules.warm_up(0.1, 4),
    "inverse_root(rate=0.1, steps=4)": lambda: nn.schedules.inverse_root(np.float64(0.1), 4),
    "cosine(rate=0.1, steps=9, warm_up=3, lowest=0.0)": lambda: nn.schedules.cosine(0.1, 9, 3),
    "step_decay(rate=0.1, every=3, factor=0.5)": lambda: nn.schedules.step_decay(
        0.1, factor=0.5, every=3
    ),
}


@pytest.mark.parametrize("name", ALL)
def test_a_schedule_says_what_it_is_and_can_be_copied(name):
    schedule = ALL[name]()
    assert repr(schedule) == name
    for other in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert repr(other) == name
        assert sampled(other) == sampled(schedule)
    assert all(type(rate) is float for rate in sampled(schedule))
    with pytest.raises(ValueError, match=r"step is 0, expected a whole number of at least 1"):
        schedule(0)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda s: s.warm_up(-0.1, 3), ValueError, r"warm_up: rate is -0.1, .*\[0, inf\)"),
        (lambda s: s.warm_up(math.nan, 3), ValueError, "warm_up: rate is nan"),
        (lambda s: s.inverse_root(math.inf, 3), ValueError, "inverse_root: rate is inf"),
        (lambda s: s.inverse_root("0.1", 3), TypeError, "inverse_root: rate is '0.1', expected a"),
        (lambda s: s.warm_up(0.1, 0), ValueError, "warm_up: steps is 0, expected a whole number"),
        (lambda s: s.warm_up(0.1, 2.5), ValueError, "warm_up: steps is 2.5, expected a whole"),
        (lambda s: s.inverse_root(0.1, 0), ValueError, "inverse_root: steps is 0, expected a"),
        (lambda s: s.cosine(0.1, 0), ValueError, "cosine: steps is 0, expected a whole number"),
        (lambda s: s.cosine(0.1, 5, 5), ValueError, "warm_up is 5, expected .* less than steps, 5"),
        (lambda s: s.cosine(0.1, 5, 1.5), ValueError, "cosine: warm_up is 1.5, expected a whole"),
        (lambda s: s.cosine(0.1, 5, 0, 0.2), ValueError, "lowest is 0.2, .*at most the rate, 0.1"),
        (lambda s: s.step_decay(0.1, 0, 0.5), ValueError, "step_decay: every is 0, expected a"),
        (lambda s: s.step_decay(0.1, 3, 1.5), ValueError, r"step_decay: factor is 1.5, .*\[0, 1\]"),
        (lambda s: s.cosine(0.1), TypeError, "missing a required argument: 'steps'"),
    ],
)
def test_settings_that_do_not_fit(make, error, message):
    with pytest.raises(error, match=message):
        make(nn.schedules)


# --- optimizers --------------------------------------------------------------------------------

RULES = {
    "SGD": (nn.SGD, lambda p: torch.optim.SGD(p, lr=1.0)),
    "momentum": (
        functools.partial(nn.SGD, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, lr=1.0, momentum=0.9, nesterov=True),
    ),
    "Adam": (nn.Adam, lambda p: torch.optim.Adam(p, lr=1.0)),
    "AdamW": (
        functools.partial(nn.Adam, weight_decay=0.3),
        lambda p: torch.optim.AdamW(p, lr=1.0, weight_decay=0.3),
    ),
}


def moved(optimizer, gradients, place=np.asarray):
    params = nn.Parameters(place(np.ones(3)), {"w": (3,)})
    for g in gradients:
        optimizer.step(params, nn.Parameters(place(g), params.layout))
    return nn.to_numpy(params.vector)


@pytest.mark.parametrize("schedule", ALL)
@pytest.mark.parametrize("rule", RULES)
def test_an_optimizer_follows_its_schedule(space, rule, schedule, rng):
    make, torch_make = RULES[rule]
    gradients, rate = rng.normal(size=(12, 3)), ALL[schedule]()
    found = moved(make(rate), gradients, space.array)
    by_hand, params = make(0.5), nn.Parameters(np.ones(3), {"w": (3,)})
    theta = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    theirs = torch_make([theta])
    scheduler = torch.optim.lr_scheduler.LambdaLR(theirs, lambda count: rate(count + 1))
    for step, g in enumerate(gradients, 1):
        by_hand.learning_rate = rate(step)
        by_hand.step(params, nn.Parameters(g, params.layout))
        theta.grad = torch.tensor(g)
        theirs.step()
        scheduler.step()
    close(found, params.vector, 1e-12, "rates that are set by hand")
    close(found, theta.detach().numpy(), 1e-9, "PyTorch")


@pytest.mark.parametrize("rule", RULES)
def test_the_one_kernel_follows_it_too(rule, rng):
    """What stands for the rule on a GPU, with its formulas run by NumPy."""
    gradients, rate = rng.normal(size=(12, 3)), nn.schedules.cosine(0.1, 9, 3)
    make = RULES[rule][0]
    plain, in_one = make(rate), make(rate)
    kernel = few_kernels.adam if isinstance(plain, nn.Adam) else few_kernels.sgd
    in_one.update = functools.partial(kernel, in_one)
    close(moved(in_one, gradients), moved(plain, gradients), 1e-12, "one kernel")


def test_rate_is_the_number_of_the_step():
    """During a step it is that step's, in every block; between steps that of the next one."""
    seen = []

    class Rule(nn.SGD):
        def update(self, xp, theta, g, *memory):
            seen.append((self.steps, self.rate))
            super().update(xp, theta, g, *memory)

    optimizer = Rule(nn.schedules.step_decay(1.0, 2, 0.5))
    assert optimizer.rate == 1.0
    big = nn.Parameters(np.zeros(200_000), {"w": (200_000,)})
    for _ in range(3):
        optimizer.step(big, big.zeros_like())
    assert set(seen) == {(1, 1.0), (2, 1.0), (3, 0.5)}
    assert len(seen) > 3  # there are several blocks
    assert (optimizer.steps, optimizer.rate) == (3, 0.5)
    optimizer.forget()
    assert optimizer.rate == 1.0
    optimizer.learning_rate = 0.25
    assert optimizer.rate == 0.25
    optimizer.learning_rate = lambda step: 7 * step
    assert (optimizer.rate, type(optimizer.rate)) == (7.0, float)


def test_a_step_that_fails_leaves_no_rate_behind():
    class Rule(nn.SGD):
        def update(self, *args):
            raise RuntimeError("no")

    optimizer = Rule(nn.schedules.warm_up(1.0, 10))
    params = nn.Parameters(np.zeros(3), {"w": (3,)})
    with pytest.raises(RuntimeError, match="no"):
        optimizer.step(params, params.zeros_like())
    assert optimizer.rate == 0.2  # of step 2


def test_float32_stays_float32():
    for rate in (lambda step: np.float64(0.1), lambda step: np.asarray(0.1)):
        params = nn.Parameters(np.ones(3, "float32"), {"w": (3,)})
        for optimizer in (nn.SGD(rate, momentum=0.9), nn.Adam(rate, weight_decay=0.1)):
            optimizer.step(params, nn.Parameters(np.ones(3, "float32"), params.layout))
            assert type(optimizer.rate) is float
        assert params.vector.dtype == np.float32


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (-0.5, ValueError, r"SGD: the learning_rate of step 3 is -0.5, expected a number in \[0, "),
        (math.nan, ValueError, "SGD: the learning_rate of step 3 is nan, expected a number"),
        (math.inf, ValueError, "SGD: the learning_rate of step 3 is inf, expected a number"),
        (None, TypeError, "SGD: the learning_rate of step 3 is NoneType, expected a number$"),
    ],
)
def test_a_rate_that_is_none_is_refused(bad, error, message):
    optimizer = nn.SGD(lambda step: bad if step == 3 else 0.1)
    params = nn.Parameters(np.ones(3), {"w": (3,)})
    for _ in range(2):
        optimizer.step(params, nn.Parameters(np.ones(3), params.layout))
    before = params.vector.copy()
    with pytest.raises(error, match=message):
        optimizer.step(params, nn.Parameters(np.ones(3), params.layout))
    np.testing.assert_array_equal(params.vector, before)
    assert optimizer.steps == 2  # what is refused is no step
    with pytest.raises(error, match=message.replace("step 3", "step 1")):
        nn.SGD(lambda step: bad)  # at once


def test_a_number_that_is_set_and_is_none_is_refused():
    optimizer, params = nn.Adam(), nn.Parameters(np.ones(3), {"w": (3,)})
    optimizer.learning_rate = math.nan
    with pytest.raises(ValueError, match="Adam: learning_rate is nan, expected a number"):
        optimizer.step(params, params.zeros_like())


@pytest.mark.parametrize("other", [nn.Dense(2, 3), nn.Dense, nn.SGD])
def test_not_all_that_can_be_called_is_a_schedule(other):
    with pytest.raises(TypeError, match=r"Adam: learning_rate is \w+, expected a number"):
        nn.Adam(other)


def test_an_error_inside_a_schedule_is_its_own():
    with pytest.raises(AttributeError, match="'int' object has no attribute 'real_part'"):
        nn.SGD(lambda step: step.real_part)


@pytest.mark.parametrize("rule", RULES)
def test_an_optimizer_with_a_schedule_can_be_pickled(rule, rng):
    gradients = rng.normal(size=(6, 3))
    optimizer = RULES[rule][0](nn.schedules.inverse_root(0.1, 3))
    moved(optimizer, gradients)
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert (other.steps, other.rate) == (6, optimizer.rate)
        assert vars(other).keys() == vars(optimizer).keys()


# --- runs --------------------------------------------------------------------------------------


def train(epochs, optimizer, checkpoint=None):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)).astype("float32"), rng.integers(0, 2, 40)
    model = nn.Sequential(nn.Dense(3, 8), nn.Tanh(), nn.Dense(8, 2))
    params = model.init(seed=0)
    history = nn.fit(
        model,
        params,
        nn.softmax_cross_entropy,
        (x, y),
        optimizer,
        epochs,
        batch_size=10,
        checkpoint=checkpoint,
        progress=False,
    )
    return params.vector, history


@pytest.mark.parametrize("rule", RULES)
def test_a_run_that_is_taken_up_again_gives_the_same_bits(rule, tmp_path):
    make = RULES[rule][0]
    whole, history = train(6, make(nn.schedules.cosine(0.1, 24, 5)))
    path = tmp_path / "run.npz"
    train(2, make(nn.schedules.cosine(0.1, 24, 5)), path)
    found, history_found = train(6, make(nn.schedules.cosine(0.1, 24, 5)), path)
    np.testing.assert_array_equal(found, whole)
    assert history_found["loss"] == history["loss"]
    constant, _ = train(6, make(0.1))
    assert not np.array_equal(constant, whole)


@pytest.mark.parametrize(
    "other",
    [
        nn.schedules.cosine(0.1, 25, 5),
        nn.schedules.warm_up(0.1, 5),
        0.1,
        lambda step: 0.02 * step,
        functools.partial(min, 0.1),
    ],
)
def test_another_schedule_is_another_run(other, tmp_path):
    path = tmp_path / "run.npz"
    train(1, nn.SGD(nn.schedules.cosine(0.1, 24, 5)), path)
    with pytest.raises(ValueError, match=r"is of another run: its optimizer is .*cosine\(rate=0.1"):
        train(2, nn.SGD(other), path)


def test_a_function_of_ones_own_is_known_again(tmp_path):
    """By its name, or its code, and by where it begins: what it closes over has no name."""

    def falling(first):
        return lambda step: first / step

    train(1, nn.SGD(falling(0.1)), tmp_path / "run.npz")
    train(2, nn.SGD(falling(0.1)), tmp_path / "run.npz")
    with pytest.raises(ValueError, match=re.escape("0.1 at first")):
        train(3, nn.SGD(falling(0.2)), tmp_path / "run.npz")
    with pytest.raises(ValueError, match="another run"):
        train(3, nn.SGD(lambda step: 0.1 / step**2), tmp_path / "run.npz")


def test_the_facts_of_a_run_with_a_number_are_the_old_ones():
    """So that a checkpoint of before there were schedules goes on."""
    run = runs.Run(nn.Dense(2, 2), nn.Dense(2, 2).init(), nn.SGD(0.1, momentum=0.9), 0)
    run.identify(nn.mean_squared_error, (np.ones(2), np.ones(2)), None, None, 1, None)
    assert run.identity["optimizer"] == (
        "SGD {'learning_rate': 0.1, 'weight_decay': 0.0, 'momentum': 0.9, 'nesterov': False, "
        "'remembers': ('velocity',)}"
    )


def test_a_game_of_two_schedules():
    x = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
    G = nn.Sequential(nn.Dense(2, 4), nn.ReLU(), nn.Dense(4, 2))
    D = nn.Sequential(nn.Dense(2, 4), nn.ReLU(), nn.Dense(4, 1))

    def play(*rates):
        players = G.init(seed=1), D.init(seed=2)
        pair = tuple(nn.Adam(rate) for rate in rates)
        nn.fit_gan(G, players[0], D, players[1], x, pair, 6, latent=2, every=3, progress=False)
        return [p.vector for p in players], pair

    constant, _ = play(0.01, 0.02)
    as_function, pair = play(lambda step: 0.01, nn.schedules.step_decay(0.02, 1, 1.0))
    np.testing.assert_array_equal(np.concatenate(constant), np.concatenate(as_function))
    assert [o.steps for o in pair] == [6, 6]
    falling, _ = play(nn.schedules.cosine(0.01, 6), 0.02)
    assert not np.array_equal(falling[0], constant[0])


@pytest.mark.parametrize(
    ("rate", "told"),
    [
        ("0.1", "'0.1'"),
        (np.str_("0.1"), r"np\.str_\('0\.1'\)"),
        (None, "NoneType"),
        ([0.1], "list"),
        (lambda step: 0.1, "function"),
    ],
)
def test_what_is_no_number_is_refused_by_name(rate, told):
    with pytest.raises(TypeError, match=rf"^warm_up: rate is {told}, expected a number$"):
        nn.schedules.warm_up(rate, 5)
