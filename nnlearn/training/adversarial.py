"""Training for two players: a step of the discriminator, a step of the generator, and so on.

The generator's gradient has to come through the discriminator: one backward function after the
other, of the loss, of D, and of G. Nothing else is needed for it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nnlearn.arrays.backend import array_namespace, is_floating
from nnlearn.arrays.randomness import normal
from nnlearn.arrays.typing import Array
from nnlearn.data.sets import batches
from nnlearn.derivative import vjp
from nnlearn.operations.gan import discriminator_loss, generator_loss
from nnlearn.parameters import Parameters
from nnlearn.training.arguments import check_array, check_count, check_model, check_optimizer
from nnlearn.training.divergence import TrainingDiverged, first_not_finite
from nnlearn.training.fit import progress_bar, shows_progress
from nnlearn.training.history import History
from nnlearn.training.optimizers import Optimizer
from nnlearn.training.runs import shuffling_and_chance
from nnlearn.usage import usage


def discriminator_step(
    D: Any,
    params_D: Parameters,
    real: Array,
    fake: Array,
    optimizer: Optimizer,
    rng: np.random.Generator | None = None,
) -> Array:
    """Move the discriminator one step up the value of the game, the generator held fixed.

    Parameters
    ----------
    D : layer or model
        Gives one logit for each example.
    params_D : Parameters
        Moved in place.
    real, fake : array, shape (N, ...) and (M, ...)
        Examples of the data and of the generator. D sees them together, in one batch: batch
        normalization inside D would take mean and variance over both, and what D says of a real
        example would depend on the fake ones. Layer normalization does not mix them.
    optimizer : Optimizer
    rng : numpy.random.Generator, optional
        Of the discriminator's dropout.

    Returns
    -------
    array, shape ()
        V(D, G) on these examples, before the step.

    Notes
    -----
    Source: eq-gan-value, eq-discriminator-gradient.
    """
    xp = array_namespace(real, fake)
    n = real.shape[0]
    logits, backward_D = vjp(D, params_D, xp.concat([real, fake]), wrt=0, rng=rng)
    loss, backward_loss = vjp(discriminator_loss, logits[:n, ...], logits[n:, ...])
    optimizer.step(params_D, backward_D(xp.concat(backward_loss())))
    return -loss


def generator_step(
    G: Any,
    params_G: Parameters,
    D: Any,
    params_D: Parameters,
    z: Array,
    optimizer: Optimizer,
    kind: str = "non-saturating",
    blur: Array | float = 0.0,
    rng: np.random.Generator | None = None,
) -> Array:
    """Move the generator one step down its loss, the discriminator held fixed.

    Parameters
    ----------
    G, D : layer or model
    params_G, params_D : Parameters
        Those of G are moved in place.
    z : array, shape (N, ...)
        The noise that the generator turns into examples.
    optimizer : Optimizer
    kind : {"non-saturating", "minimax"}
        Of the loss, see `generator_loss`.
    blur : array, of the shape of the examples, optional
        Added to them before D sees them.
    rng : numpy.random.Generator, optional
        Of dropout.

    Returns
    -------
    array, shape ()
        The loss, before the step.

    Notes
    -----
    Source: eq-generator-backward.
    """
    fake, backward_G = vjp(G, params_G, z, wrt=0, rng=rng)
    logits, backward_D = vjp(D, params_D, fake + blur, wrt=1, rng=rng)
    loss, backward_loss = vjp(generator_loss, logits, kind)
    optimizer.step(params_G, backward_G(backward_D(backward_loss())))  # eq-generator-backward
    return loss


@usage("nn.fit_gan(G, params_G, D, params_D, x, (optimizer_G, optimizer_D), steps, latent=...)")
def fit_gan(
    G: Any,
    params_G: Parameters,
    D: Any,
    params_D: Parameters,
    x: Array,
    optimizers: Sequence[Optimizer],
    steps: int,
    *,
    latent: int,
    batch_size: int = 64,
    kind: str = "non-saturating",
    noise: Callable[[float], float] | None = None,
    look: Callable[[], Mapping[str, Any]] | None = None,
    every: int = 100,
    seed: int | Sequence[int] = 0,
    progress: bool | None = None,
) -> History:
    """Train a generator and a discriminator against each other, in place, step by step in turn.

    Parameters
    ----------
    G, D : layer or model
        G turns noise (N, latent) into examples, D examples into one logit each.
    params_G, params_D : Parameters
    x : array, shape (N, ...)
        The data.
    optimizers : pair of Optimizer
        Of G and of D.
    steps : int
        How many each of the two takes.
    latent : int
        How many numbers z has; they are drawn from the standard normal distribution.
    batch_size : int
    kind : {"non-saturating", "minimax"}
        Of the generator's loss.
    noise : callable, optional
        ``noise(t)``, t from 0 to 1 over the training, gives the standard deviation of noise that
        is added to all that the discriminator sees, real and fake (eq-instance-noise).
    look : callable, optional
        Called without arguments after every `every` steps; gives a dict of numbers to record.
    every : int
        How many steps one entry of the history is the mean of.
    seed : int
        Of the shuffling, of the noise and of dropout.
    progress : bool, optional
        Whether to show a bar, as in `fit`.

    Returns
    -------
    History
        Lists by name: ``"step"``, ``"value"`` (V, before the discriminator's steps),
        ``"generator_loss"``, and what `look` gives.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.
    TrainingDiverged
        A FloatingPointError, where the mean over `every` steps is not finite; its ``history``
        holds the entries before. Both players' parameters are put back to those of the last
        entry but one, whose steps were all good, and the optimizers forget what they remember.

    Notes
    -----
    The game of eq-gan-value; why neither waits for the other, and what it costs, see
    eq-bilinear-alternating.
    """
    for model, params in ((G, params_G), (D, params_D)):
        check_model("fit_gan", model, params)
    _check(x, optimizers, steps, latent, batch_size, every)
    shuffling, chance = shuffling_and_chance(seed)
    optimizer_G, optimizer_D = optimizers
    history, sums = History(), [0.0, 0.0]
    players = (params_G, params_D)
    good = before = [p.copy() for p in players]  # a mean tells of the steps before its last one
    data: Iterator[tuple[Array, ...]] = iter(())
    with progress_bar(shows_progress(progress), total=steps, unit="step") as bar:
        for step in range(1, steps + 1):
            real, data = _next_batch(x, data, batch_size, shuffling)
            size, strength = (real.shape[0], latent), float(noise(step / steps)) if noise else 0.0
            z = normal(chance, size, params_G.vector)
            fake = G.forward(params_G, z, True, chance)[0]
            real, fake = (a + _blur(chance, strength, a) for a in (real, fake))
            value = discriminator_step(D, params_D, real, fake, optimizer_D, chance)
            z, blur = normal(chance, size, params_G.vector), _blur(chance, strength, fake)
            loss = generator_step(G, params_G, D, params_D, z, optimizer_G, kind, blur, chance)
            sums = [sums[0] + value, sums[1] + loss]  # on the device: nothing waits for them
            if step % every == 0:
                names = ("value", "generator_loss")
                means = {n: float(total) / every for n, total in zip(names, sums, strict=True)}
                if not all(map(math.isfinite, means.values())):
                    where = first_not_finite(D, params_D, real)
                    for params, kept, optimizer in zip(players, good, optimizers, strict=True):
                        params.assign(kept)
                        optimizer.forget()
                    raise TrainingDiverged(
                        f"fit_gan: between steps {step - every + 1} and {step} the means are "
                        f"{means}; with real examples into D, {where}",
                        history,
                    )
                history.add({"step": step, **means, **(look() if look else {})})
                sums = [0.0, 0.0]
                good, before = before, [p.copy() for p in players]
            bar.update()
    return history


def _blur(rng: np.random.Generator, strength: float, like: Array) -> Array | float:
    """Draw noise like some examples; nothing where there is to be none."""
    return strength * normal(rng, like.shape, like) if strength else 0.0


def _next_batch(
    x: Array, data: Iterator[tuple[Array, ...]], batch_size: int, rng: np.random.Generator
) -> tuple[Array, Iterator[tuple[Array, ...]]]:
    """Take the next batch; when the data have been gone through, shuffle and begin again."""
    batch = next(data, None)
    if batch is None:
        data = batches([x], batch_size, rng)
        batch = next(data)
    return batch[0], data


def _check(x: Array, optimizers: Any, steps: int, latent: int, batch_size: int, every: int) -> None:
    check_array("fit_gan", "x", x)
    if x.ndim == 0 or x.shape[0] == 0:
        raise ValueError(f"fit_gan: x has shape {x.shape}, expected at least one example")
    if not is_floating(x.dtype):
        raise TypeError(
            f"fit_gan: x has dtype {x.dtype}, expected floating-point numbers in the range of what "
            "the generator gives: bytes for one that ends in tanh are x / 127.5 - 1"
        )
    if not isinstance(optimizers, tuple | list) or len(optimizers) != 2:
        raise TypeError(f"fit_gan: optimizers is {optimizers!r}, expected a pair, of G and of D")
    for optimizer in optimizers:
        check_optimizer("fit_gan", optimizer)
    if optimizers[0] is optimizers[1]:
        raise ValueError("fit_gan: optimizers are one object twice, expected one of G and one of D")
    check_count("fit_gan", "steps", steps, 0)
    for name, value in {"latent": latent, "batch_size": batch_size, "every": every}.items():
        check_count("fit_gan", name, value, 1)
