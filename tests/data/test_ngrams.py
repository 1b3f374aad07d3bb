"""Counting: the estimates against sums written out, and what no estimate may do."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlearn as nn

sequences = st.lists(
    st.lists(st.integers(1, 3), max_size=6).map(lambda inner: [0, *inner, 0]), max_size=5
)


@given(group=sequences, n=st.integers(1, 4), alpha=st.floats(0.1, 20))
def test_the_probabilities_of_all_symbols_add_up_to_one(group, n, alpha):
    model = nn.NGram(group, n, alpha, 4)
    for beginning in ([0], [0, 2], [0, 1, 2, 3, 1]):
        p = model.probabilities(beginning)
        assert p.sum() == pytest.approx(1)
        assert np.all(p > 0)


def test_by_hand():
    """Two sequences, pairs, alpha = 2: first the shares of single symbols, then of pairs."""
    model = nn.NGram([[0, 1, 2, 0], [0, 1, 1, 0]], 2, 2.0, 3)
    single = (np.array([2, 3, 1]) + 2 / 3) / (6 + 2)  # what follows anywhere: 0, 0; 1, 1, 1; 2
    after_1 = (np.array([1, 1, 1]) + 2 * single) / (3 + 2)
    np.testing.assert_allclose(model.probabilities([0, 1]), after_1, rtol=1e-12)
    after_0 = (np.array([0, 2, 0]) + 2 * single) / (2 + 2)
    np.testing.assert_allclose(model.probabilities([0]), after_0, rtol=1e-12)
    assert model.log_probability([0, 1]) == pytest.approx(math.log(after_0[1]))
    assert type(model.log_probability([0, 1])) is float  # NumPy's own is printed as np.float64(…)


def test_without_anything_counted_it_knows_nothing():
    model = nn.NGram([], 3, 1.0, 5)
    np.testing.assert_allclose(model.probabilities([0, 4]), np.full(5, 0.2))
    assert model.log_probability(np.array([0, 1, 2, 0])) == pytest.approx(3 * math.log(0.2))


def test_arrays_are_sequences_too(space):
    """Of any library, and tuples; the contexts are of Python's own numbers, whatever came."""
    expected = nn.NGram([[0, 1, 2, 0]], 3, 1.0, 3)
    for sequence in (space.array([0, 1, 2, 0]), (0, 1, 2, 0)):
        model = nn.NGram([sequence], 3, 1.0, 3)
        assert repr(model.counts) == repr(expected.counts)
        for beginning in (space.array([0, 1]), (0, 1)):
            found = model.probabilities(beginning)
            np.testing.assert_array_equal(found, expected.probabilities([0, 1]))
        assert model.log_probability(sequence) == expected.log_probability([0, 1, 2, 0])


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="NGram: n is 0, expected at least 1"):
        nn.NGram([], 0, 1.0, 2)
    with pytest.raises(ValueError, match="NGram: alpha is 0, expected more than 0"):
        nn.NGram([], 1, 0, 2)


def test_what_is_no_symbol_is_refused():
    """-1 would count as the last symbol."""
    for symbol in (-1, 3):
        message = f"holds the symbol {symbol}, expected an integer from 0 to 2"
        with pytest.raises(ValueError, match=message):
            nn.NGram([[0, 1, symbol]], 1, 1.0, 3)
        with pytest.raises(ValueError, match=f"holds the symbol {symbol}"):
            nn.NGram([[0, 1]], 1, 1.0, 3).log_probability([0, symbol])
        with pytest.raises(ValueError, match=f"holds the symbol {symbol}"):
            nn.NGram([[0, 1]], 2, 1.0, 3).probabilities([0, symbol])


def test_numbers_that_are_no_integers_are_refused(space):
    """1.7 would count as 1."""
    for sequence in ([0, 1.7], [1.0, 2.0], space.array([1.0, 2.0])):
        with pytest.raises(ValueError, match=r"symbol [01]\.0, expected an integer from 0 to 2"):
            nn.NGram([sequence], 1, 1.0, 3)
