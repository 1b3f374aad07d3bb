"""The value of the game between a generator and a discriminator, and the losses of both.

All take logits, what the discriminator says before its sigmoid: D(x) = σ(logit). The logarithms
are written with softplus, log σ(z) = -softplus(-z), which neither overflows nor loses its digits.
"""

from nnlearn.arguments import count
from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.typing import Array, Gradients
from nnlearn.derivative import differentiable
from nnlearn.operations.activations import sigmoid, softplus


@differentiable("real_logits (...), fake_logits (...')")
def gan_value(real_logits: Array, fake_logits: Array) -> Array:
    """Value of the game: V(D, G) = mean log D(x) + mean log(1 - D(G(z))).

    Parameters
    ----------
    real_logits, fake_logits : array, any shape, floating-point
        What the discriminator says of real examples and of the generator's.

    Returns
    -------
    array, shape ()

    Raises
    ------
    ValueError
        If there is nothing to take a mean of.

    Notes
    -----
    The game of Goodfellow et al. :cite:`goodfellow2014`. Source: eq-gan-value, computed as
    eq-gan-value-logits; the gradients are eq-discriminator-gradient.
    """
    xp = array_namespace(real_logits, fake_logits)
    real = count("gan_value", "real_logits", real_logits.shape)
    fake = count("gan_value", "fake_logits", fake_logits.shape)
    value = -xp.sum(softplus(-real_logits)) / real - xp.sum(softplus(fake_logits)) / fake

    def backward(dvalue: Array) -> Gradients:
        return (
            # eq-discriminator-gradient: 1 - D(x), and -D(G(z))
            lambda: sigmoid(-real_logits) * (dvalue / real),
            lambda: -sigmoid(fake_logits) * (dvalue / fake),
        )

    return value, backward


@differentiable("real_logits (...), fake_logits (...')")
def discriminator_loss(real_logits: Array, fake_logits: Array) -> Array:
    """Loss of the discriminator, who wants the value to be large: -V(D, G).

    Parameters
    ----------
    real_logits, fake_logits : array, any shape, floating-point
        What the discriminator says of real examples and of the generator's.

    Returns
    -------
    array, shape ()
        The sum of two means, not half of it: 2 log 2 for a discriminator that knows nothing.

    Raises
    ------
    ValueError
        If there is nothing to take a mean of.

    Notes
    -----
    Source: eq-discriminator-loss, eq-discriminator-gradient.
    """
    value, value_backward = gan_value.forward(real_logits, fake_logits)

    def backward(dloss: Array) -> Gradients:
        return value_backward(-dloss)

    return -value, backward


def check_kind(owner: str, kind: str) -> None:
    """Refuse a kind of the generator's loss that is not known."""
    if kind not in ("non-saturating", "minimax"):
        raise ValueError(f"{owner}: kind is {kind!r}, expected 'non-saturating' or 'minimax'")


@differentiable("fake_logits (...)")
def generator_loss(fake_logits: Array, kind: str = "non-saturating") -> Array:
    """Loss of the generator: the share of the value that it can change, or one that teaches more.

    Parameters
    ----------
    fake_logits : array, any shape, floating-point
        What the discriminator says of the generator's examples.
    kind : {"non-saturating", "minimax"}
        mean -log D(G(z)), whose gradient is large where the discriminator is not deceived, or
        mean log(1 - D(G(z))), which is what V(D, G) holds of the generator.

    Returns
    -------
    array, shape ()

    Raises
    ------
    ValueError
        If the kind is not known, or there is nothing to take a mean of.

    Notes
    -----
    Source: eq-minimax-gradient, eq-non-saturating-gradient.
    """
    check_kind("generator_loss", kind)
    xp = array_namespace(fake_logits)
    n = count("generator_loss", "fake_logits", fake_logits.shape)
    sign = 1 if kind == "minimax" else -1
    loss = -sign * xp.sum(softplus(sign * fake_logits)) / n

    def backward(dloss: Array) -> Gradients:
        # eq-minimax-gradient, eq-non-saturating-gradient
        return sigmoid(sign * fake_logits) * (-dloss / n)

    return loss, backward
