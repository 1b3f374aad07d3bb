"""A table of learned vectors, one for each token, and the gradient that goes back into it."""

from nnlearn.arguments import check_range
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.fast import add_rows
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable


@differentiable("W (K, D), tokens int (...) -> e (..., D)")
def embedding(W: Array, tokens: Array) -> Array:
    """Look up row k of W for every token k: the product of W with the token's one-hot vector.

    Parameters
    ----------
    W : array, shape (K, D), floating-point
        The table: one row for each of K tokens.
    tokens : array of int, shape (...)
        From 0 to K - 1.

    Returns
    -------
    array, shape (..., D)

    Raises
    ------
    ValueError
        If the shapes do not fit, or (where the tokens are on the host: on a GPU looking would
        wait for the device) a token has no row.

    Notes
    -----
    The gradient has no part for the tokens. A row that is looked up several times gets the sum.
    Source: eq-embedding, eq-embedding-gradient.
    """
    xp = array_namespace(W, tokens)
    check_range("embedding", "tokens", tokens, W.shape[0], "rows")
    flat = xp.reshape(tokens, (-1,))
    rows = xp.take(W, flat, axis=0)

    def backward(de: Array) -> Gradients:
        return add_rows(xp.reshape(de, rows.shape), flat, W.shape[0])

    return xp.reshape(rows, (*tokens.shape, W.shape[1])), backward
