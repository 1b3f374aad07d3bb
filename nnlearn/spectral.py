"""Spectral normalization: a weight matrix divided by the most that it can stretch a vector."""

from nnlearn import initializers
from nnlearn.backend import array_namespace
from nnlearn.derivative import differentiable
from nnlearn.models import Layer
from nnlearn.shapes import as_rows


def power_iteration(W, u):
    """Take one step towards the directions in which W stretches most.

    Parameters
    ----------
    W : array, shape (M, D), floating-point
    u : array, shape (M,)
        What an earlier step gave, or any vector.

    Returns
    -------
    u : array, shape (M,)
    v : array, shape (D,)
        Of length 1 (or 0, where W is). With every step v comes nearer to the direction that W
        stretches most, and u to the one that it is turned into.

    Notes
    -----
    Source: eq-power-iteration.
    """
    v = _unit(W.T @ u)
    return _unit(W @ v), v


@differentiable("W (M, D), u (M), v (D) -> y (M, D)")
def spectral_norm(W, u, v):
    """Divide a matrix by σ = uᵀ W v, its largest singular value if u and v belong to it.

    Parameters
    ----------
    W : array, shape (M, D), floating-point
    u, v : array, shape (M,) and (D,)
        As `power_iteration` gives them. They count as constants and have no gradient.

    Returns
    -------
    array, shape (M, D)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Source: Miyato et al. :cite:`miyato2018`; eq-spectral-norm, eq-spectral-norm-gradient.
    """
    xp = array_namespace(W, u, v)
    sigma = u @ (W @ v)
    W_hat = W / sigma

    def backward(dW_hat):
        along = xp.sum(dW_hat * W_hat)  # how far the gradient only asks for a longer W
        return (dW_hat - along * (u[:, None] * v[None, :])) / sigma  # eq-spectral-norm-gradient

    return W_hat, backward


class SpectralNorm(Layer):
    """A layer whose weights are divided by the most that they can stretch an input.

    Parameters
    ----------
    layer : Dense, Conv2D
        Its first parameter is divided: W (M, D), or K (P, Q, C, F) as a matrix (P Q C, F).

    Notes
    -----
    A training pass takes a step of the power iteration; u and v are remembered in
    ``params.state``. Source: eq-spectral-norm, eq-power-iteration.
    """

    def __init__(self, layer):
        self.layer = layer
        self.shares_batch = layer.shares_batch
        self.name, (self.shape, _) = next(iter(layer.parameters().items()))

    def parameters(self):
        return self.layer.parameters()

    def state(self):
        rows = 1
        for size in self.shape[:-1]:
            rows *= size
        draw = initializers.normal(1.0)
        return {"u": ((rows,), draw), "v": ((self.shape[-1],), draw)}

    def operation(self, params, x, training, generator):
        xp = array_namespace(x)
        W = as_rows(params[self.name])
        state = params.state
        if training:
            state["u"], state["v"] = power_iteration(W, state["u"])
        W_hat, backward_norm = spectral_norm.forward(W, state["u"], state["v"])
        divided = {**params, self.name: xp.reshape(W_hat, self.shape)}
        y, backward_layer = self.layer.operation(divided, x, training, generator)

        def backward(dy):
            dx, dW_hat, *others = backward_layer(dy)

            def dW():
                dW = dW_hat() if callable(dW_hat) else dW_hat
                return xp.reshape(backward_norm(as_rows(dW)), self.shape)

            return dx, dW, *others

        return y, backward

    def __repr__(self):
        return f"SpectralNorm({self.layer!r})"


def _unit(a):
    """Return a vector of length 1, or 0 where there is nothing to make longer."""
    xp = array_namespace(a)
    return a / (xp.sqrt(xp.sum(a * a)) + 1e-12)
