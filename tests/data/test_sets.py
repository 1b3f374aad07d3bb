"""The data is what it says it is, on every backend."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from witnesses import close

import nnlearn as nn
from nnlearn.data.sets import batches, standardize_columns


def test_mnist(backend):
    (x, y), (x_test, y_test) = nn.data.load_mnist()
    assert x.shape == (8000, 28, 28)
    assert x_test.shape == (2000, 28, 28)
    assert y.shape == (8000,)
    assert y_test.shape == (2000,)
    for a, dtype in [(x, "float32"), (x_test, "float32"), (y, "int64"), (y_test, "int64")]:
        assert backend.holds(a)
        assert str(a.dtype).endswith(dtype)
    brightness, digits = nn.to_numpy(x), nn.to_numpy(y)
    assert brightness.min() == 0
    assert brightness.max() == 1
    assert set(digits) == set(range(10))
    assert np.bincount(digits).min() > 600  # no digit is rare
    # a one is narrow and a zero is not: the labels belong to the pictures
    width = (brightness.max(axis=1) > 0.5).sum(axis=1)
    assert width[digits == 1].mean() < 0.6 * width[digits == 0].mean()


def test_no_digit_is_in_both_parts():
    (x, _), (x_test, _) = nn.data.load_mnist()
    training = {picture.tobytes() for picture in x}
    assert len(training) == len(x)
    assert not any(picture.tobytes() in training for picture in x_test)


def test_breast_cancer(backend):
    x, y, names = nn.data.load_breast_cancer()
    assert backend.holds(x)
    assert str(x.dtype).endswith("float64")
    x, y = nn.to_numpy(x), nn.to_numpy(y)
    assert x.shape == (569, 30)
    assert y.dtype == np.int64
    assert (y == 1).sum() == 212  # malignant ones, as the source of the data says
    assert len(names) == 30
    assert all(type(name) is str for name in names)
    radius = x[:, names.index("mean radius")]
    assert radius[y == 1].mean() > radius[y == 0].mean()


def test_first_names():
    train, test = nn.data.load_first_names()
    assert (len(train), len(test)) == (4163, 1000)
    everything = train + test
    assert len(set(everything)) == 5163  # each once: no test name is in the training list
    letters = set("abcdefghijklmnopqrstuvwxyz")
    assert all(set(name) <= letters and 2 <= len(name) <= 11 for name in everything)
    assert {"mary", "james", "linda", "robert"} <= set(everything)  # the most frequent ones
    assert everything != sorted(everything)
    assert np.mean([name.endswith("a") for name in train]) == pytest.approx(
        np.mean([name.endswith("a") for name in test]), abs=0.05
    )


def test_oil_prices(backend):
    days, prices = nn.data.load_oil_prices()
    assert backend.holds(prices)
    assert str(prices.dtype).endswith("float64")
    prices = nn.to_numpy(prices)
    assert days.shape == prices.shape == (8321,)
    assert np.all(np.diff(days) > np.timedelta64(0, "D"))
    assert np.all(np.is_busday(days))
    by_day = dict(zip(days.astype(str), prices, strict=True))
    # as published: the first day, the highest price, the eve and the first day of the Gulf War
    published = {
        "1986-01-02": 25.56,
        "2008-07-03": 145.31,
        "1991-01-16": 32.25,
        "1991-01-17": 21.48,
    }
    for day, price in published.items():
        assert by_day[day] == pytest.approx(price)
    assert prices.max() == 145.31


def test_without_scikit_learn_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        nn.data.load_breast_cancer()


def test_standardize_columns(space, rng):
    x, other = rng.normal(3, 5, size=(40, 4)), rng.normal(size=(6, 4))
    x[:, 2] = 7.0  # a constant column
    ours = standardize_columns(space.array(x), space.array(other))
    scaler = StandardScaler().fit(x)
    for a, expected in zip(ours, [scaler.transform(x), scaler.transform(other)], strict=True):
        assert space.holds(a)
        close(nn.to_numpy(a), expected, 1e-12, "standardized")
    alone = standardize_columns(space.array(x))
    np.testing.assert_array_equal(nn.to_numpy(alone), nn.to_numpy(ours[0]))


def test_of_one_row_every_column_is_constant(space):
    x = space.array([[3.0, -1.5]])
    ours, other = standardize_columns(x, space.array([[4.0, -1.5]]))
    assert nn.to_numpy(ours).tolist() == [[0, 0]]
    assert nn.to_numpy(other).tolist() == [[1, 0]]


@given(n=st.integers(0, 20), size=st.integers(1, 25), shuffled=st.booleans())
def test_batches_give_every_example_once(space, n, size, shuffled):
    x = np.arange(2.0 * n).reshape(n, 2)
    labels = np.arange(n)
    generator = np.random.default_rng(n) if shuffled else None
    parts = list(batches([space.array(x), space.array(labels)], size, generator))
    assert len(parts) == -(-n // size)
    assert all(space.holds(a) for part in parts for a in part)
    sizes = [part[0].shape[0] for part in parts]
    assert sizes[:-1] == [size] * (len(sizes) - 1)
    seen = np.concatenate([np.zeros(0, int), *(nn.to_numpy(part[1]) for part in parts)])
    assert sorted(seen) == list(range(n))
    for rows, which in parts:  # rows and labels stay together
        np.testing.assert_array_equal(nn.to_numpy(rows), x[nn.to_numpy(which)])
    if not shuffled:
        assert list(seen) == list(range(n))


def test_the_generator_shuffles_anew_each_time():
    x = np.arange(50)
    generator = np.random.default_rng(0)
    first, second = (next(iter(batches([x], 50, generator)))[0] for _ in range(2))
    assert (first != second).any()
    (again,) = next(iter(batches([x], 50, np.random.default_rng(0))))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, np.random.default_rng(0).permutation(50))
    np.testing.assert_array_equal(x, np.arange(50))


def test_what_does_not_fit():
    with pytest.raises(ValueError, match=r"batches: arrays have lengths \[3, 2\], expected equal"):
        next(batches([np.ones(3), np.ones(2)], 1))
    with pytest.raises(ValueError, match="batches: size is 0, expected at least 1"):
        next(batches([np.ones(3)], 0))


# --- chorales ----------------------------------------------------------------------------------


def test_the_chorales():
    train, choice, test = nn.data.load_chorales()
    assert [len(some) for some in (train, choice, test)] == [181, 30, 60]
    names = [chorale.name for chorale in [*train, *choice, *test]]
    assert len(set(names)) == 271
    assert sum(len(chorale.notes) for chorale in [*train, *choice, *test]) == 13_443
    for chorale in [*train, *choice, *test]:
        assert chorale.notes.dtype == np.int64
        assert 0 <= chorale.upbeat < 16
        assert set(chorale.notes[:, 2]) <= {0, 1}
        assert chorale.notes[-1, 2] == 1 or len(chorale.notes) > 10


def test_a_chorale_as_it_is_sung():
    """The first line of "O Haupt voll Blut und Wunden", BWV 244.54, in E Phrygian or A minor."""
    by_name = {c.name: c for some in nn.data.load_chorales() for c in some}
    notes = by_name["244.54"].notes[:8]
    steps = np.diff(notes[:, 0])
    np.testing.assert_array_equal(steps[:3], [5, -2, -2])  # up a fourth, and down by steps
    assert notes[:6, 1].tolist() == [4, 4, 4, 4, 4, 8]


def test_no_tune_is_on_both_sides():
    """What shares seven steps in a row with a tune of another list does so by a little only."""

    def stretches(chorale):
        starts = np.cumsum([-chorale.upbeat, *chorale.notes[:-1, 1]])
        steps = np.diff(chorale.notes[starts % 4 == 0, 0])
        return {tuple(steps[i : i + 7]) for i in range(len(steps) - 6)}

    lists = [[stretches(chorale) for chorale in some] for some in nn.data.load_chorales()]
    for a, b in [(0, 1), (0, 2), (1, 2)]:
        for one in lists[a]:
            for other in lists[b]:
                fewest = max(1, min(len(one), len(other)))
                assert len(one & other) <= 0.2 * fewest


@pytest.mark.parametrize("value", [0.1, 14.62, 2.3, 1e30, 0.0])
def test_a_constant_column_becomes_zero_exactly(value):
    """Its deviation is rounding, and must not be divided by."""
    x = np.column_stack([np.full(50, value), np.arange(50.0)])
    unseen = x + 0.5
    a, b = nn.data.standardize_columns(x, unseen)
    np.testing.assert_array_equal(a[:, 0], 0)
    np.testing.assert_array_equal(b[:, 0], unseen[:, 0] - value)
    assert a[:, 1].std() == pytest.approx(1)
