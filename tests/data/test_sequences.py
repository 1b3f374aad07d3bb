"""Sequences in batches: every element comes once, in order, and none is padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlearn as nn
from nnlearn.data.sequences import by_length, streams, windows


@given(length=st.integers(1, 60), count=st.integers(1, 7), rest=st.sampled_from([(), (2,), (1, 3)]))
def test_streams_are_stretches_side_by_side(space, length, count, rest):
    if length < count:
        return
    sequence = np.arange(length * int(np.prod(rest, dtype=int))).reshape(length, *rest)
    found = streams(space.array(sequence), count)
    assert space.holds(found)
    found = nn.to_numpy(found)
    size = length // count
    assert found.shape == (size, count, *rest)
    for n in range(count):
        np.testing.assert_array_equal(found[:, n], sequence[n * size : (n + 1) * size])


@given(length=st.integers(1, 40), steps=st.integers(1, 12))
def test_windows_show_every_step_and_what_follows(space, length, steps):
    columns = np.arange(length * 3).reshape(length, 3)
    pairs = list(windows(space.array(columns), steps))
    sizes = [x.shape[0] for x, _ in pairs]
    assert all(size == steps for size in sizes[:-1])
    assert all(0 < size <= steps for size in sizes)
    for part, expected in ((0, columns[:-1]), (1, columns[1:])):
        joined = [nn.to_numpy(pair[part]) for pair in pairs]
        np.testing.assert_array_equal(np.concatenate([columns[:0], *joined]), expected)


@given(
    lengths=st.lists(st.integers(0, 4), max_size=20),
    batch_size=st.integers(1, 5),
    shuffled=st.booleans(),
)
def test_batches_by_length(space, lengths, batch_size, shuffled):
    sequences = [np.full(length, i) for i, length in enumerate(lengths)]
    generator = np.random.default_rng(0) if shuffled else None
    batches = by_length([space.array(s) for s in sequences], batch_size, generator)
    found = []
    for batch in batches:
        assert space.holds(batch)
        assert 1 <= batch.shape[1] <= batch_size
        found += list(nn.to_numpy(batch).T)
    full = {length: -(-lengths.count(length) // batch_size) for length in lengths}
    assert len(batches) == sum(full.values())
    assert sorted(map(tuple, found)) == sorted(map(tuple, sequences))
    if not shuffled:
        assert [len(s) for s in found] == sorted(lengths)


def test_the_order_is_the_generator_s():
    sequences = [np.full(2, i) for i in range(50)]
    orders = [
        np.concatenate(by_length(sequences, 8, np.random.default_rng(seed)), axis=1)[0]
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])
    assert not np.array_equal(orders[0], np.arange(50))
    (batch,) = by_length(sequences, 50, np.random.default_rng(0))  # sequences change places, too
    assert not np.array_equal(batch[0], np.arange(50))


# --- what comes next ---------------------------------------------------------------------------


def successor_model():
    """A network that is nearly sure that k is followed by k + 1 (mod 5), whatever was before."""
    model = nn.Sequential(nn.Embedding(5, 5), nn.LSTM(5, 5), nn.Dense(5, 5))
    params = model.init(seed=0)
    params["0.W"][...] = nn.asarray(np.eye(5, dtype="float32"))
    params["1.W_x"][...] = nn.asarray(np.zeros((20, 5), dtype="float32"))
    params["1.W_x"][15:, :] = nn.asarray(10 * np.eye(5, dtype="float32"))
    params["1.W_h"][...] = nn.asarray(np.zeros((20, 5), dtype="float32"))
    params["1.b"][...] = nn.asarray(np.repeat([-20.0, 20, 20, 0], 5).astype("float32"))
    params["2.W"][...] = nn.asarray(50 * np.roll(np.eye(5, dtype="float32"), 1, axis=0))
    return model, params


def test_a_continuation_follows_the_network(backend):
    model, params = successor_model()
    settings = {"end": 4, "longest": 20}
    found = nn.sequences.continuation(model, params, [3, 0], np.random.default_rng(0), **settings)
    assert found.tolist() == [3, 0, 1, 2, 3, 4]  # and there it ends
    found = nn.sequences.continuation(
        model, params, np.array([4]), np.random.default_rng(0), end=9, longest=8
    )
    assert found.tolist() == [4, 0, 1, 2, 3, 4, 0, 1]
    found = nn.sequences.continuation(
        model, params, nn.asarray(np.array([4, 0])), np.random.default_rng(0), end=2, longest=8
    )
    assert found.tolist() == [4, 0, 1, 2]
    found = nn.sequences.continuation(
        model, params, [1, 2, 3], np.random.default_rng(0), end=9, longest=2
    )
    assert found.tolist() == [1, 2, 3]


def test_a_continuation_remembers_what_was_read():
    """One token at a time with a memory is the same as everything from the start each time."""
    model = nn.Sequential(nn.Embedding(6, 4), nn.GRU(4, 8), nn.Dense(8, 6))
    params = model.init(seed=1, dtype="float64")
    params["2.W"][...] *= 8
    found = nn.sequences.continuation(
        model, params, [0, 3], np.random.default_rng(5), end=7, longest=30, temperature=0.8
    )
    again, generator = [0, 3], np.random.default_rng(5)
    while len(again) < 30:
        p = nn.softmax(model(params, np.array(again)[:, None])[-1, 0] / 0.8)
        again.append(int(np.searchsorted(np.cumsum(p), generator.random())))
    assert found.tolist() == again


def test_by_default_a_continuation_is_drawn_as_the_network_says():
    model = nn.Sequential(nn.Embedding(6, 4), nn.GRU(4, 8), nn.Dense(8, 6))
    params = model.init(seed=1, dtype="float64")
    found = [
        nn.sequences.continuation(
            model, params, [0], np.random.default_rng(5), end=7, longest=40, **settings
        ).tolist()
        for settings in ({}, {"temperature": 1.0}, {"temperature": 2.0})
    ]
    assert found[0] == found[1] != found[2]


def test_the_largest_number_that_a_generator_draws_gives_a_token():
    """Probabilities add up to 1 but for rounding, and what is drawn may lie between."""

    class Largest:
        def random(self):
            return np.nextafter(1.0, 0.0)

    logits = np.zeros((1, 1, 7))
    assert np.cumsum(nn.softmax(logits[0, 0]))[-1] < Largest().random()
    found = nn.sequences.continuation(
        lambda params, x, memory: logits, None, [0], Largest(), end=7, longest=3
    )
    assert found.tolist() == [0, 6, 6]


def test_what_a_continuation_refuses():
    model, params = successor_model()
    settings = {"end": 4, "longest": 20}
    with pytest.raises(ValueError, match="continuation: the length of beginning is 0"):
        nn.sequences.continuation(model, params, [], np.random.default_rng(0), **settings)
    with pytest.raises(ValueError, match="continuation: temperature is 0, expected more than 0"):
        nn.sequences.continuation(
            model, params, [1], np.random.default_rng(0), temperature=0, **settings
        )


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"streams: sequence has shape \(3,\), .* 4 elements"):
        streams(np.arange(3), 4)
    with pytest.raises(ValueError, match="streams: count is 0, expected at least 1"):
        streams(np.arange(3), 0)
    with pytest.raises(ValueError, match="windows: steps is 0"):
        next(windows(np.ones((4, 2)), 0))
    with pytest.raises(ValueError, match="by_length: batch_size is -1"):
        by_length([np.arange(3)], -1)


def test_logits_that_are_no_numbers_give_no_tokens():
    model = nn.Sequential(nn.Embedding(5, 3), nn.RNN(3, 4), nn.Dense(4, 5))
    params = model.init(0)
    params.vector[...] = np.nan
    with pytest.raises(ValueError, match="largest logit after token 1 is nan"):
        nn.sequences.continuation(model, params, [1], np.random.default_rng(0), end=0, longest=4)
