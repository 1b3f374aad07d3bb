"""Losses: scalars, means over the batch, each the negative logarithm of a likelihood."""

from nnlearn.arguments import check_range, count
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable
from nnlearn.operations import few_kernels
from nnlearn.operations.activations import log_softmax
from nnlearn.operations.few_kernels import with_fused


@differentiable("prediction (...), target (...)")
def mean_squared_error(prediction: Array, target: Array) -> Array:
    """Mean of (prediction - target)² over all elements.

    Parameters
    ----------
    prediction, target : array, the same shape, floating-point

    Returns
    -------
    array, shape ()

    Raises
    ------
    ValueError
        If the shapes differ, or there is no element to take the mean of.

    Notes
    -----
    Differences above 1e19 have squares that float32 does not hold: the loss is then infinite,
    and its gradient still right. Source: eq-mean-squared-error, eq-mean-squared-error-gradient.
    """
    xp = array_namespace(prediction, target)
    n = count("mean_squared_error", "prediction", prediction.shape)
    error = prediction - target
    loss = xp.sum(error * error) / n

    def backward(dloss: Array) -> Gradients:
        gradient = error * (2 / n * dloss)  # eq-mean-squared-error-gradient
        return gradient, lambda: -gradient

    return loss, backward


@differentiable("logits (..., K), labels int (...)")
def softmax_cross_entropy(logits: Array, labels: Array) -> Array:
    """Mean of -log softmax(logits)[label]: the cross-entropy of K classes.

    Parameters
    ----------
    logits : array, shape (..., K), floating-point
    labels : array of int, shape (...)
        The true classes, 0 to K - 1.

    Returns
    -------
    array, shape ()

    Raises
    ------
    ValueError
        If the shapes do not fit, the batch is empty, or (where the labels are on the host: on a
        GPU looking would wait for the device) a label is no class.

    Notes
    -----
    A class whose logit is -∞ is one that cannot be: it costs nothing, and gets no gradient, unless
    it is the label. +∞ gives NaN.
    Source: eq-softmax-cross-entropy, eq-softmax-cross-entropy-gradient.
    """
    xp = array_namespace(logits, labels)
    n = count("softmax_cross_entropy", "labels", labels.shape)
    K = logits.shape[-1]
    check_range("softmax_cross_entropy", "labels", labels, K, "classes")
    log_p = log_softmax(logits)
    classes = xp.arange(K, device=labels.device)
    is_label = labels[..., None] == classes
    loss = -xp.sum(xp.where(is_label, log_p, 0.0)) / n

    def backward(dloss: Array) -> Gradients:
        p = xp.exp(log_p)
        return xp.where(is_label, p - 1, p) * (dloss / n)  # eq-softmax-cross-entropy-gradient

    return loss, backward


@differentiable("logits (...), targets (...)")
def sigmoid_cross_entropy(logits: Array, targets: Array) -> Array:
    """Mean of -y log σ(z) - (1 - y) log(1 - σ(z)): the cross-entropy of yes and no.

    Parameters
    ----------
    logits : array, any shape, floating-point
        z, before the sigmoid.
    targets : array, the same shape, floating-point
        y, in [0, 1].

    Returns
    -------
    array, shape ()

    Raises
    ------
    ValueError
        If the shapes differ, or the batch is empty.

    Notes
    -----
    The loss is softplus(z) - y z and its gradient σ(z) - y. Both are written so that the digits
    of a small result stay: where z is large and y = 1, max(z, 0) - y z is 0, and σ(z) - y is
    (1 - y) - σ(-z). An infinite logit gives NaN.
    Source: eq-sigmoid-cross-entropy, eq-sigmoid-cross-entropy-gradient.
    """
    xp = array_namespace(logits, targets)
    n = count("sigmoid_cross_entropy", "logits", logits.shape)
    e = xp.exp(-xp.abs(logits))
    loss = xp.sum(xp.maximum(logits, 0.0) - targets * logits + xp.log1p(e)) / n

    def backward(dloss: Array) -> Gradients:
        def dlogits() -> Array:  # eq-sigmoid-cross-entropy-gradient
            tail = e / (1 + e)  # σ(-|z|)
            slope = xp.where(logits > 0, 1 - targets - tail, tail - targets)
            return slope * (dloss / n)

        return dlogits, lambda: -logits * (dloss / n)

    return loss, backward


softmax_cross_entropy = with_fused(softmax_cross_entropy, few_kernels.softmax_cross_entropy)
sigmoid_cross_entropy = with_fused(sigmoid_cross_entropy, few_kernels.sigmoid_cross_entropy)
