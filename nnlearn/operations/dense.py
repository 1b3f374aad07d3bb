"""The dense layer's operation: every output sees every input."""

from nnlearn.arrays.backend import array_namespace, product
from nnlearn.derivative import differentiable
from nnlearn.shapes import as_rows


@differentiable("x (..., D), W (M, D), b (M) -> z (..., M)")
def dense(x, W, b):
    """Affine map z = x Wᵀ + b of every row of x.

    Parameters
    ----------
    x : array, shape (..., D), floating-point
        Inputs, one a row; any number of leading dimensions.
    W : array, shape (M, D)
        Weights, one output a row.
    b : array, shape (M,)
        Biases.

    Returns
    -------
    array, shape (..., M)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Source: eq-dense; its gradients are eq-dense-dx, eq-dense-dw and eq-dense-db.
    """
    xp = array_namespace(x, W, b)
    z = x @ W.T
    z += b

    def backward(dz):
        return (
            lambda: dz @ W,  # eq-dense-dx
            product(as_rows(dz).T, as_rows(x)),  # eq-dense-dw
            lambda: xp.sum(as_rows(dz), axis=0),  # eq-dense-db
        )

    return z, backward
