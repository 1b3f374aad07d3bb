"""fit on several ranks: what one process gets, to rounding, and the same bits on every rank."""

import functools
import itertools

import numpy as np
import pytest
import ranked
from hypothesis import given
from hypothesis import strategies as st
from on_ranks import run
from threads import on_threads
from witnesses import close, make_space

import nnlearn as nn
from nnlearn.arrays import ranks as module
from nnlearn.arrays.ranks import Ranks, mean_over, shard, whole_batch
from nnlearn.data.sets import batches
from nnlearn.operations.normalization import moments
from nnlearn.training import fit as training
from nnlearn.training import runs
from nnlearn.training.runs import Run

sizes, counts = st.integers(2, 5), st.integers(1, 12)


@pytest.fixture(scope="module")
def alone():
    return ranked.all_cases()


@pytest.fixture(scope="module", params=(1, 2, 4))
def by_rank(request, tmp_path_factory):
    """What each rank ends with, on so many of them."""
    folder = tmp_path_factory.mktemp("ranks")
    done = run(request.param, ranked.__file__, folder)
    assert done.returncode == 0, done.stderr
    return [dict(np.load(folder / f"{r}.npz")) for r in range(request.param)]


# --- it is the training of one process ----------------------------------------------------------


def test_every_rank_has_the_same_bits(by_rank):
    for other in by_rank[1:]:
        assert set(other) == set(by_rank[0])
        for name, value in by_rank[0].items():
            np.testing.assert_array_equal(other[name], value, name)


@pytest.mark.parametrize("dtype", ranked.DTYPES)
@pytest.mark.parametrize("case", ranked.CASES)
def test_it_is_the_training_of_one_process(case, dtype, by_rank, alone):
    """With dropout, batch normalization, clipping, patience; shards unequal, and some empty."""
    names = [name for name in alone if name.startswith(f"{case} {dtype}")]
    assert len(names) >= 4
    for name in names:
        assert by_rank[0][name].shape == alone[name].shape, name
        if len(by_rank) == 1:
            np.testing.assert_array_equal(by_rank[0][name], alone[name], name)
        off = np.abs(by_rank[0][name] - alone[name]).max()
        assert off <= ranked.tolerance(name) * np.abs(alone[name]).max(), name


def test_patience_ended_a_run(alone):
    """Else the test above would not see whether all ranks stop at once, and at the best."""
    losses = alone["mlp float64 validation_loss"]
    assert len(losses) < ranked.EPOCHS
    assert len(losses) == np.argmin(losses) + 1 + ranked.CASES["mlp"][3]["patience"]


@pytest.mark.parametrize("library", ["strict", "strict-device1", "torch"])
def test_it_works_wherever_arrays_live(library, alone):
    """On threads, and through the host; CuPy's ranks are processes, see `test_ranks_device`."""
    space = make_space(library)
    train = functools.partial(ranked.train, "mlp", array=space.array)

    def on_rank(communicator):
        space.use()
        return train(communicator)

    try:
        ended = on_threads(2, on_rank)
    finally:
        nn.use_backend("numpy")
    for result in ended:
        assert isinstance(result, dict), result
        np.testing.assert_array_equal(result["theta"], ended[0]["theta"])
        off = np.abs(result["theta"] - alone["mlp float64 theta"]).max()
        assert off < 1e-9


# --- shards, and what they add up to --------------------------------------------------------------


@given(count=st.integers(0, 50), size=st.integers(1, 12))
def test_shards_are_all_rows_once_and_nearly_equal(count, size):
    parts = [shard(count, rank, size) for rank in range(size)]
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(count))
    lengths = {part.stop - part.start for part in parts}
    assert max(lengths) - min(lengths) <= 1


@given(count=st.integers(1, 20), size=st.integers(1, 7), p=sizes, seed=st.integers(0, 5))
def test_batches_of_all_ranks_are_those_of_one(count, size, p, seed):
    rows = np.arange(count)
    whole = [part for (part,) in batches([rows], size, np.random.default_rng(seed))]
    of_ranks = [
        [
            part
            for (part,) in batches(
                [rows], size, np.random.default_rng(seed), functools.partial(shard, rank=r, size=p)
            )
        ]
        for r in range(p)
    ]
    for together, *parts in zip(whole, *of_ranks, strict=True):
        np.testing.assert_array_equal(np.concatenate(parts), together)


def gradient_of(model, params, loss, data, communicator=None):
    """Return the loss of a batch, and its gradient, as `fit` computes it on these ranks."""
    ranks = Ranks(communicator)
    run = Run(model, params, nn.SGD(0.1), 0, ranks)
    rows, n = ranks.shard(len(data[0])), len(data[0])
    value, grads = training._gradient(run, loss, *(a[rows] for a in data), n)
    return float(value), grads


def case_of(model, n):
    """Return one of `ranked`'s models with parameters, its loss, and n examples."""
    make, draw, _, settings = ranked.CASES[model]
    x, target = draw(n, 5)
    return make(), make().init(seed=2, dtype="float64"), settings["loss"], (x, target)


@pytest.mark.equation("eq-sharded-gradient")
@given(n=counts, p=sizes, model=st.sampled_from(sorted(ranked.CASES)))
def test_sharded_gradient(n, p, model):
    """The weighted sum is the gradient of the whole batch, for any shards."""
    case = case_of(model, n)
    value, grads = gradient_of(*case)
    for found in on_threads(p, functools.partial(gradient_of, *case)):
        assert found[0] == pytest.approx(value, rel=1e-12)
        scale = np.abs(grads.vector).max()
        np.testing.assert_allclose(found[1].vector, grads.vector, rtol=0, atol=1e-9 * scale)
        if grads.state is not None:
            close(found[1].state.vector, grads.state.vector, 1e-11, "")


def test_a_loss_of_float64_leaves_a_gradient_of_float32():
    """They are sent together; parameters and their gradient keep their dtype."""
    model, (x, target) = nn.Dense(3, 1), (np.ones((5, 3), "float32"), np.zeros((5, 1), "float32"))
    loss = nn.differentiable(
        lambda y, t: (np.float64(nn.mean_squared_error(y, t)), lambda dv: (2 * y / len(y), None))
    )
    case = model, model.init(0), loss, (x, target)
    for _, grads in on_threads(2, functools.partial(gradient_of, *case)):
        assert grads.vector.dtype == np.float32


def test_a_plain_mean_of_gradients_would_be_wrong(monkeypatch):
    """Three examples on two ranks: the test above sees whether shares are forgotten."""
    monkeypatch.setattr(module.Batch, "weighted", lambda batch, a: a / batch.ranks.size)
    case = case_of("lstm", 3)
    found = on_threads(2, functools.partial(gradient_of, *case))[0][1].vector
    right = gradient_of(*case)[1].vector
    assert np.abs(found - right).max() > 0.01 * np.abs(right).max()


@pytest.mark.equation("eq-global-moments")
@given(n=counts, p=sizes, rest=st.sampled_from([(), (3,), (2, 4)]), seed=st.integers(0, 9))
def test_global_moments(n, p, rest, seed):
    """By the formula, and by NumPy over all rows; later ranks have larger ones."""
    x = (
        np.random.default_rng(seed).normal(size=(n, *rest, 2))
        + np.arange(n).reshape(-1, *rest and (1,) * len(rest), 1)
        + 1e3
    )
    axes = tuple(range(x.ndim - 1))

    def on_rank(communicator):
        ranks = Ranks(communicator)
        with ranks.sharing(n):
            return moments(x[ranks.shard(n)], axes)

    parts = [x[shard(n, r, p)] for r in range(p)]
    full = [part for part in parts if len(part)]
    share = [len(part) / n for part in full]
    mean = sum(s * part.mean(axes) for s, part in zip(share, full, strict=True))
    variance = sum(
        s * (part.var(axes) + (part.mean(axes) - mean) ** 2)
        for s, part in zip(share, full, strict=True)
    )
    close(mean, x.mean(axes), 1e-12, "")
    close(variance, x.var(axes), 1e-9, "")
    for part, (mu, sigma2, centered) in zip(parts, on_threads(p, on_rank), strict=True):
        close(mu.reshape(-1), mean, 1e-12, "")
        close(sigma2.reshape(-1), variance, 1e-9, "")
        close(centered, part - mean, 1e-10, "")


@given(n=counts, p=sizes, seed=st.integers(0, 9))
def test_batch_norm_backward_over_shards(n, p, seed):
    """Each rank's gradient of x is its rows of the whole one."""
    rng = np.random.default_rng(seed)
    x, dy = rng.normal(size=(2, n, 3, 2))
    gamma, beta = rng.normal(size=(2, 2))
    dx, dgamma, _ = nn.vjp(nn.batch_norm, x, gamma, beta)[1](dy)

    def on_rank(communicator):
        ranks = Ranks(communicator)
        rows = ranks.shard(n)
        with ranks.sharing(n):
            y, backward = nn.vjp(nn.batch_norm, x[rows], gamma, beta)
            return y, *backward(dy[rows])

    ended = on_threads(p, on_rank)
    close(np.concatenate([e[0] for e in ended]), nn.batch_norm(x, gamma, beta), 1e-12, "")
    close(np.concatenate([e[1] for e in ended]), dx, 1e-11, "")
    close(sum(e[2] for e in ended), dgamma, 1e-11, "")


class AmongOthers:
    """The end of the first of two ranks, whose other one sends zeros."""

    rank, size = 0, 2

    def Allreduce(self, sendbuf, recvbuf):
        recvbuf[...] = sendbuf


@pytest.mark.parametrize("shape", [(0, 2), (0, 3, 2), (3, 0, 2)])
def test_a_rank_without_rows_refuses_nothing_that_others_have(shape):
    """One example on two ranks; along all axes, and outside of the batch, there is nothing."""
    x = np.ones(shape)
    over_batch = tuple(range(x.ndim - 1))
    with Ranks(AmongOthers()).sharing(1):
        x_hat, backward = nn.vjp(nn.standardize, x, over_batch)
        assert x_hat.shape == backward(x).shape == shape
        with pytest.raises(ValueError, match="standardize: x, over these axes, has shape"):
            nn.standardize(x, (*over_batch, -1))
    with pytest.raises(ValueError, match="standardize: x, over these axes, has shape"):
        nn.standardize(x, over_batch)


def test_of_a_matrix_the_first_axis_is_over_the_batch(rng):
    x = rng.normal(size=(4, 3))

    def on_rank(communicator):
        ranks = Ranks(communicator)
        with ranks.sharing(4):
            return mean_over(x[ranks.shard(4)], 0)

    for mean in on_threads(2, on_rank):
        close(mean, x.mean(0, keepdims=True), 1e-14, "")


def test_one_rank_alone_shares_nothing():
    """Else a layer would refuse what may be examples or steps, where it need not know."""
    with Ranks().sharing(3):
        assert whole_batch((3, 3, 2)) == ((3, 3, 2), ...)
    a = np.ones(3)
    assert Ranks().sum(a) is a


def test_only_what_is_over_the_batch_is_shared(rng):
    """Layer normalization, and whatever lies outside, see this rank's rows."""
    x = rng.normal(size=(4, 3, 2))

    def on_rank(communicator):
        ranks = Ranks(communicator)
        rows = ranks.shard(4)
        with ranks.sharing(4):
            inside = [mean_over(x[rows], axis) for axis in (-1, 0, 1, (1, 2), (0, 1))]
            y = nn.layer_norm(x[rows], np.ones(2), np.zeros(2))
        return inside, mean_over(x[rows], (0, 1)), y

    for r, (inside, outside, y) in enumerate(on_threads(2, on_rank)):
        own = x[shard(4, r, 2)]
        for found, axis in zip(inside, (-1, 0, 1, (1, 2)), strict=False):
            np.testing.assert_array_equal(found, own.mean(axis, keepdims=True))
        close(inside[-1], x.mean((0, 1), keepdims=True), 1e-14, "")
        np.testing.assert_array_equal(outside, own.mean((0, 1), keepdims=True))
        np.testing.assert_array_equal(y, nn.layer_norm(own, np.ones(2), np.zeros(2)))


# --- dropout --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7, 5), (7, 4, 4, 2), (7, 5, 2), (5, 7, 2)])
@pytest.mark.parametrize("p", [2, 3])
def test_masks_are_those_of_the_whole_batch(shape, p):
    batch = 1 if shape == (5, 7, 2) else 0  # the last is time first
    x = np.ones(shape)
    whole = nn.dropout(x, 0.4, np.random.default_rng(8))

    def on_rank(communicator):
        ranks, rng = Ranks(communicator), np.random.default_rng(8)
        own = (slice(None),) * batch + (ranks.shard(7),)
        with ranks.sharing(7):
            return nn.dropout(x[own], 0.4, rng), rng.random()

    ended = on_threads(p, on_rank)
    np.testing.assert_array_equal(np.concatenate([e[0] for e in ended], axis=batch), whole)
    assert len({e[1] for e in ended}) == 1, "the generators go on alike"


def shape_refused(n, p, shape_of):
    """Return what each rank says of an array whose shape follows from its number of rows."""

    def on_rank(communicator):
        ranks = Ranks(communicator)
        rows = ranks.shard(n)
        with ranks.sharing(n):
            return whole_batch(shape_of(rows.stop - rows.start))

    return on_threads(p, on_rank)


def test_where_two_axes_may_count_the_examples_all_ranks_refuse():
    """Seven on two ranks are 3 and 4: with four steps the second rank could not tell."""
    for shape_of in (lambda n: (4, n, 2), lambda n: (n, 4, 2), lambda n: (3, n, 2)):
        for error in shape_refused(7, 2, shape_of):
            assert isinstance(error, ValueError)
            assert "each rank 3 or 4 of 7 examples" in str(error)
            assert "another batch_size" in str(error)
    for found in shape_refused(7, 2, lambda n: (5, n, 2)):
        assert found[0] == (5, 7, 2)


def test_where_no_axis_counts_the_examples_all_ranks_refuse():
    for shape_of in (
        lambda n: (n * 5, 2),
        lambda n: (5, n),
        lambda n: (2, 6, n),
        lambda n: (n + 1,),
    ):
        for error in shape_refused(7, 2, shape_of):
            assert isinstance(error, ValueError)
            assert "expected that its first axis counts them" in str(error)


# --- validation -----------------------------------------------------------------------------------


@given(n=counts, p=sizes)
def test_rows_of_all_ranks_come_back_in_order(n, p):
    rows = np.random.default_rng(0).normal(size=(n, 2)).astype("float32")

    def on_rank(communicator):
        ranks = Ranks(communicator)
        return ranks.all_rows(rows[ranks.shard(n)], n)

    for found in on_threads(p, on_rank):
        np.testing.assert_array_equal(found, rows)
        assert found.dtype == rows.dtype


@pytest.mark.parametrize("library", ["numpy", "strict", "strict-device1", "torch"])
def test_a_sum_is_where_its_arrays_are(library, rng):
    """Of a matrix's columns, too, which do not lie side by side; what is summed stays."""
    space, parts = make_space(library), rng.normal(size=(2, 3, 4))

    def on_rank(communicator):
        a = space.array(parts[communicator.rank]).T
        return Ranks(communicator).sum(a), a

    for rank, (total, a) in enumerate(on_threads(2, on_rank)):
        assert type(total) is type(a)
        assert total.device == a.device
        np.testing.assert_array_equal(nn.to_numpy(total), parts.sum(0).T)
        np.testing.assert_array_equal(nn.to_numpy(a), parts[rank].T)


def test_sums_on_devices_are_left_to_their_group(monkeypatch):
    """The group itself is the double's, see `test_ranks_device`."""

    class Group:
        def all_reduce(self, a, total):
            assert not np.shares_memory(a, total)
            total[...] = 3 * a

    monkeypatch.setattr(module, "is_cupy", lambda a: True)
    monkeypatch.setattr(module, "group_of_devices", lambda *who: {(2, 0): Group()}[who])
    np.testing.assert_array_equal(Ranks(AmongOthers()).sum(np.arange(4.0)), 3 * np.arange(4.0))


def test_an_output_that_does_not_count_examples_is_refused():
    """On all ranks, although on the second the count fits by chance."""
    ended = on_threads(2, lambda communicator: Ranks(communicator).all_rows(np.ones((4, 3)), 7))
    for error in ended:
        assert isinstance(error, ValueError)
        assert "shape (4, 3) for 3 examples" in str(error)


# --- agreement ------------------------------------------------------------------------------------


def line(**change):
    """Return the arguments of a small run, with a change."""
    x = np.random.default_rng(0).normal(size=(12, 3))
    model = nn.Dense(3, 1)
    known = {
        "model": model,
        "params": model.init(0, dtype="float64"),
        "loss": nn.mean_squared_error,
        "data": (x, x @ np.ones((3, 1))),
        "optimizer": nn.SGD(0.1),
        "epochs": 2,
        "batch_size": 5,
        "progress": False,
    }
    return known | {name: make() for name, make in change.items()}


def fit_line(change, communicator, only=1):
    """Fit, with the change on one rank; on all where `only` is None."""
    return nn.fit(
        **line(**(change if only in (None, communicator.rank) else {})), ranks=communicator
    )


def trained():
    """An optimizer that remembers steps."""
    optimizer = nn.SGD(0.1, momentum=0.5)
    nn.fit(**line(optimizer=lambda: optimizer))
    return optimizer


def wide(a=1.0):
    return np.full((12, 3), a), np.ones((12, 1))


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("data", wide, "data is '"),
        ("batch_size", lambda: 6, "batch_size is 5 on rank 0, and 6 on rank 1"),
        ("epochs", lambda: 3, "epochs is 2 on rank 0, and 3 on rank 1"),
        ("seed", lambda: 1, "seed is '0' on rank 0, and '1' on rank 1"),
        ("optimizer", lambda: nn.SGD(0.2), "optimizer is "),
        ("optimizer", lambda: nn.Adam(0.1), "optimizer is "),
        ("loss", lambda: lambda y, t: nn.mean_squared_error(y, t), "loss is "),
        ("params", lambda: nn.Dense(3, 1).init(1, dtype="float64"), "parameters is "),
        ("params", lambda: nn.Dense(3, 1).init(0), "parameters is "),
        ("clip_norm", lambda: 1.0, "clip_norm is None on rank 0, and 1.0 on rank 1"),
        ("validation", wide, "validation is 'none' on rank 0"),
        ("checkpoint", lambda: "never-written.npz", "checkpoint is False on rank 0"),
    ],
)
@pytest.mark.parametrize("p", [2, 3])
def test_ranks_that_do_not_agree_are_refused_on_all(name, make, said, p):
    for error in on_threads(p, functools.partial(fit_line, {name: make})):
        assert isinstance(error, ValueError), error
        assert f"fit: ranks do not agree: {said}" in str(error)
        assert error.__notes__ == ["this came up on rank 1"]


def test_what_an_optimizer_remembers_is_compared(monkeypatch):
    first = line(optimizer=lambda: nn.SGD(0.1, momentum=0.5))
    used, params = first["optimizer"], first["params"]
    nn.fit(**first)

    def on_rank(communicator):
        fresh = nn.SGD(0.1, momentum=0.5)
        rule = used if communicator.rank == 0 else fresh
        return nn.fit(**first | {"optimizer": rule, "params": params.copy()}, ranks=communicator)

    for error in on_threads(2, on_rank):
        assert "optimizer's memory is (6, " in str(error)


def test_the_state_of_layers_is_compared():
    def on_rank(communicator):
        model = nn.Sequential(nn.Dense(3, 2), nn.BatchNorm(2), nn.Dense(2, 1))
        params = model.init(0, dtype="float64")
        params.state.vector[...] += communicator.rank
        change = {"model": lambda: model, "params": lambda: params}
        return fit_line(change, communicator, only=None)

    for error in on_threads(2, on_rank):
        assert "ranks do not agree: state is " in str(error)


@pytest.mark.parametrize(
    ("name", "make", "kind", "said"),
    [
        ("batch_size", lambda: 0, ValueError, "batch_size is 0"),
        ("loss", lambda: "mse", TypeError, "loss is 'mse'"),
        ("data", lambda: (np.ones((12, 3)),) * 3, TypeError, "data is tuple"),
        ("seed", lambda: -1, ValueError, "non-negative"),
        ("optimizer", trained, ValueError, "optimizer"),
    ],
)
@pytest.mark.parametrize("rank", [0, 2])
def test_an_argument_that_fails_on_one_rank_fails_on_all(name, make, kind, said, rank):
    for error in on_threads(3, functools.partial(fit_line, {name: make}, only=rank)):
        assert isinstance(error, kind), error
        assert said in str(error)


def test_what_does_not_fit_the_model_fails_on_all():
    bad = {"data": lambda: (np.ones((12, 4)), np.ones((12, 1)))}
    for error in on_threads(2, functools.partial(fit_line, bad, only=None)):
        assert isinstance(error, ValueError)
        assert "this came up with some examples of data" in error.__notes__[0]


def test_each_raises_its_own_error_and_the_others_the_first_one():
    def fail(communicator):
        def work():
            if communicator.rank:
                raise (KeyError, ValueError)[communicator.rank - 1]("broken")

        return Ranks(communicator).on_all(work)

    ended = on_threads(3, fail)
    assert list(map(type, ended)) == [KeyError, KeyError, ValueError]
    assert [e.__notes__[-1] for e in ended] == [f"this came up on rank {r}" for r in (1, 1, 2)]


class TakesTwo(Exception):
    """It can be sent, but not made again from what was sent."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


class HasFunction(Exception):
    """It cannot be sent."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")
        self.function = lambda: a


@pytest.mark.parametrize("error", [TakesTwo, HasFunction])
@pytest.mark.parametrize(("call", "rank"), [("on_all", 1), ("on_first", 0)])
def test_an_error_that_cannot_travel_is_told_all_the_same(call, rank, error):
    def fail(communicator):
        def work():
            if communicator.rank == rank:
                raise error(1, 2)

        return getattr(Ranks(communicator), call)(work)

    ended = on_threads(2, fail)
    assert isinstance(ended[rank], error)
    other = ended[1 - rank]
    assert isinstance(other, RuntimeError)
    assert str(other) == f"{error.__name__}: 1 and 2"


@pytest.mark.parametrize("given", [4, "world", [0, 1]])
def test_what_is_no_communicator_is_refused(given):
    with pytest.raises(TypeError, match="expected a communicator of mpi4py"):
        nn.fit(**line(), ranks=given)


# --- during the training --------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_is_told_alike_by_all_ranks():
    x = np.random.default_rng(0).normal(size=(12, 3))
    x[7, 2] = np.nan
    bad = {"data": lambda: (x, x @ np.ones((3, 1)))}
    ended = on_threads(3, functools.partial(fit_line, bad, only=None))
    texts = {str(error) for error in ended}
    assert len(texts) == 1
    assert "the first number that is not finite stands in the data, x" in texts.pop()
    for error in ended:
        assert isinstance(error, nn.TrainingDiverged)
        assert error.batch == ended[0].batch
        assert error.on_every_rank


@pytest.mark.parametrize("ranks", [2, 3])
def test_every_rank_looks_at_the_validation_of_all(ranks):
    """Each computes the output of its rows; the loss and the metrics are of all of them."""
    x = np.random.default_rng(1).normal(size=(7, 3))
    more = {
        "validation": lambda: (x, x @ np.ones((3, 1))),
        "metrics": lambda: {"largest": lambda output, target: np.abs(output - target).max()},
    }
    ended = on_threads(ranks, functools.partial(fit_line, more, only=None))
    (alone,) = on_threads(1, functools.partial(fit_line, more, only=None))
    for history in ended:
        for name in ("validation_loss", "largest"):
            close(history[name], alone[name], 1e-12, name)


@pytest.mark.parametrize("ranks", [2, 3])
def test_a_rank_without_rows_says_nothing_of_them(ranks):
    """Two examples, of which the loss alone is not finite."""
    huge = {"data": lambda: (np.ones((2, 3)), np.full((2, 1), 1e200))}

    def on_rank(communicator):
        with np.errstate(over="ignore"):
            fit_line(huge, communicator, only=None)

    texts = {str(error) for error in on_threads(ranks, on_rank)}
    assert len(texts) == 1
    text = texts.pop()
    assert "is inf; every layer gives finite numbers, of up to " in text
    assert text.count("every layer") == 1


def test_exploding_on_all_ranks_alike():
    def on_rank(communicator):
        arguments = line(optimizer=lambda: nn.SGD(1e3), epochs=lambda: 100)
        try:
            with np.errstate(all="ignore"):
                nn.fit(**arguments, ranks=communicator)
        except nn.TrainingDiverged as error:
            return str(error), len(error.history["loss"]), arguments["params"].vector
        return None

    ended = on_threads(2, on_rank)
    alone = on_threads(1, on_rank)[0]
    assert ended[0][0] == ended[1][0]
    assert ended[0][1] == alone[1] > 0
    np.testing.assert_array_equal(ended[0][2], ended[1][2])
    np.testing.assert_allclose(ended[0][2], alone[2], rtol=1e-9)


def test_only_the_first_rank_shows_a_bar(bars):
    def on_rank(communicator):
        fit_line({"progress": lambda: communicator.rank != 2}, communicator, only=None)

    on_threads(3, on_rank)
    assert sorted(bar.settings["disable"] for bar in bars) == [False, True, True]
    on_threads(3, lambda c: fit_line({"progress": lambda: c.rank != 0}, c, only=None))
    assert all(bar.settings["disable"] for bar in bars[3:])


# --- checkpoints ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 3), (4, 2)])
def test_a_run_goes_on_with_another_number_of_ranks(tmp_path, first, then, alone):
    path = tmp_path / "deep" / "run.npz"
    for p, epochs in ((first, 2), (then, ranked.EPOCHS)):
        train = functools.partial(ranked.train, "lstm", epochs=epochs, checkpoint=path)
        ended = on_threads(p, train)
    for result in ended:
        assert isinstance(result, dict), result
        assert len(result["loss"]) == ranked.EPOCHS
        off = np.abs(result["theta"] - alone["lstm float64 theta"]).max()
        assert off < 1e-12


def test_only_the_first_rank_touches_the_file(tmp_path, monkeypatch):
    """The others' path may even lead nowhere: it is another machine's disk."""
    written = []
    save = runs.save_checkpoint
    monkeypatch.setattr(
        runs, "save_checkpoint", lambda path, *a: written.append(path) or save(path, *a)
    )

    def on_rank(communicator):
        path = tmp_path / "run.npz" if communicator.rank == 0 else "/nowhere/run.npz"
        return fit_line({"checkpoint": lambda: path}, communicator, only=None)

    for epochs, _ in itertools.product((2, 2), (0,)):
        assert all(history.epochs == epochs for history in on_threads(3, on_rank))
    assert written == [tmp_path / "run.npz"] * 2


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_a_checkpoint_that_fails_on_the_first_rank_fails_on_all(tmp_path, content):
    path = tmp_path / "run.npz"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    for error in on_threads(
        2, functools.partial(fit_line, {"checkpoint": lambda: path}, only=None)
    ):
        assert isinstance(error, IsADirectoryError if content is None else ValueError)
        assert error.__notes__ == ["this came up on rank 0"]


def test_a_write_that_fails_fails_on_all(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "no space left")

    monkeypatch.setattr(runs, "save_checkpoint", full)
    change = {"checkpoint": lambda: tmp_path / "run.npz"}
    for error in on_threads(2, functools.partial(fit_line, change, only=None)):
        assert isinstance(error, OSError)
        assert error.errno == 28
