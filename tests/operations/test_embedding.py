"""Looking up rows: loops, PyTorch and finite differences agree; both ways of adding them up."""

import numpy as np
import pytest
import torch
from hypothesis import given
from witnesses import agree, batch_shapes, close, dtypes, layouts, seeds, sizes

import nnlearn as nn
from nnlearn.arrays.fast import add_rows


def embedding_literal(W, tokens):
    e = np.empty((*tokens.shape, W.shape[1]))
    for index in np.ndindex(*tokens.shape):
        for d in range(W.shape[1]):  # the product with the one-hot vector of the token
            e[(*index, d)] = sum(float(k == tokens[index]) * W[k, d] for k in range(W.shape[0]))
    return e


@given(shape=batch_shapes, D=sizes, dtype=dtypes, layout=layouts, seed=seeds)
def test_embedding(space, shape, D, dtype, layout, seed):
    rng = np.random.default_rng(seed)
    agree(
        space,
        nn.embedding,
        [rng.normal(size=(4, D))],
        embedding_literal,
        lambda W, tokens: torch.nn.functional.embedding(tokens, W),
        constants=[rng.integers(0, 4, shape)],
        dtype=dtype,
        layout=layout,
    )


@pytest.mark.parametrize("count", [1, 5, 256, 257, 1000])
def test_rows_are_added_into_their_places(space, count, rng):
    rows, places = rng.normal(size=(600, 3)), rng.integers(0, count, 600)
    expected = np.zeros((count, 3))
    for row, place in zip(rows, places, strict=True):
        expected[place] += row
    found = add_rows(space.array(rows), space.array(places), count)
    assert space.holds(found)
    close(nn.to_numpy(found), expected, 1e-13, "sums")


@pytest.mark.parametrize("token", [-1, 4])
def test_a_token_without_a_row_is_refused(token):
    with pytest.raises(
        ValueError, match=rf"embedding: tokens contains {token}, expected rows 0 to 3"
    ):
        nn.embedding(np.ones((4, 2)), np.array([0, token]))


def test_tokens_must_be_integers():
    with pytest.raises(TypeError, match="embedding: tokens has dtype float64, expected an integer"):
        nn.embedding(np.ones((4, 2)), np.array([0.0]))
