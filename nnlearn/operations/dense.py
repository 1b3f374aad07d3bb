"""The dense layer's operation: every output sees every input.

This is how every operation is written. The declaration above the function says the shapes. The
body computes the value; `backward`, given dL/dz, gives the gradients of x, W and b, in that order.
A gradient that is work *waits* behind ``lambda:``, a function of no arguments that is called only
if somebody wants that gradient: the first layer of a network needs no dL/dx.
"""

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.layout import as_rows
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable


@differentiable("x (..., D), W (M, D), b (M) -> z (..., M)")
def dense(x: Array, W: Array, b: Array) -> Array:
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
    rows = as_rows(x)  # every leading dimension is a batch
    z = rows @ W.T
    z += b

    def backward(dz: Array) -> Gradients:
        dz = as_rows(dz)
        return (
            lambda: xp.reshape(dz @ W, x.shape),  # eq-dense-dx
            lambda: dz.T @ rows,  # eq-dense-dw
            lambda: xp.sum(dz, axis=0),  # eq-dense-db
        )

    return xp.reshape(z, (*x.shape[:-1], W.shape[0])), backward
