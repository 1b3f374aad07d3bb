"""Training for two players: a step of the discriminator, a step of the generator, and so on.

The generator's gradient has to come through the discriminator: one backward function after the
other, of the loss, of D, and of G. Nothing else is needed for it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.randomness import normal
from nnlearn.arrays.typing import Array
from nnlearn.derivative import vjp
from nnlearn.operations.gan import discriminator_loss, generator_loss
from nnlearn.parameters import Parameters
from nnlearn.training.arguments import check_fit_gan
from nnlearn.training.fit import progress_bar, shows_progress
from nnlearn.training.games import Game
from nnlearn.training.history import History
from nnlearn.training.optimizers import Optimizer
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
    checkpoint: str | Path | None = None,
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
        It must not change the game, if that is to go on from a checkpoint.
    every : int
        How many steps one entry of the history is the mean of.
    seed : int
        Of the shuffling, of the noise and of dropout.
    checkpoint : path, optional
        A file, written after every `every` steps and at the end; its folder is made. If it is
        there, training continues from it, to the same numbers bit for bit as if it had never
        stopped. `steps` counts from the beginning, and may be more than before; not with `noise`,
        which depends on it. As in `fit`, a cell that is run again ends at once; the file before
        stays as ``run.previous.npz`` of ``run.npz``, and training goes on from that one where the
        file is damaged. To begin anew delete the file. One training writes it at a time.
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
        If an argument does not fit, or the checkpoint is of another run, of a newer version, or
        damaged as is the one before it, or cannot hold what `look` gives.
    OSError
        If the checkpoint cannot be written, or another training writes it (BlockingIOError); told
        before the first step. On a disk that gets full later the last one stays whole.
    TrainingDiverged
        A FloatingPointError, where the mean over `every` steps is not finite; its ``history``
        holds the entries before. Both players' parameters are put back to those of the last
        entry but one, whose steps were all good, and the optimizers forget what they remember.

    Notes
    -----
    The game of eq-gan-value; why neither waits for the other, and what it costs, see
    eq-bilinear-alternating.
    """
    check_fit_gan(G, params_G, D, params_D, x, optimizers, steps, latent, batch_size, every, kind)
    game = Game((G, params_G), (D, params_D), optimizers, x, batch_size, every, seed)
    if checkpoint is not None:
        game.identify(steps, latent, kind, noise, look)
    with game.writing(checkpoint):
        game.take_up(checkpoint)
        shown = shows_progress(progress)
        with progress_bar(shown, total=steps, initial=game.turn, unit="step") as bar:
            while game.turn < steps:
                t = (game.turn + 1) / steps
                real = _turn(game, latent, kind, float(noise(t)) if noise else 0.0)
                if game.turn % every == 0:
                    game.record(look, real)
                if checkpoint is not None and (game.turn % every == 0 or game.turn == steps):
                    game.save(checkpoint)
                bar.update()
    return game.history


def _turn(game: Game, latent: int, kind: str, strength: float) -> Array:
    """Let both players take a step, D first; return the real examples as D saw them."""
    G, D, chance = game.G, game.D, game.generators["chance"]
    real = game.data.next()
    size = (real.shape[0], latent)
    z = normal(chance, size, G.params.vector)
    fake = G.model.forward(G.params, z, True, chance)[0]
    real, fake = (a + _blur(chance, strength, a) for a in (real, fake))
    value = discriminator_step(D.model, D.params, real, fake, D.optimizer, chance)
    z, blur = normal(chance, size, G.params.vector), _blur(chance, strength, fake)
    players = G.model, G.params, D.model, D.params
    loss = generator_step(*players, z, G.optimizer, kind, blur, chance)
    game.count(value, loss)
    return real


def _blur(rng: np.random.Generator, strength: float, like: Array) -> Array | float:
    """Draw noise like some examples; nothing where there is to be none."""
    return strength * normal(rng, like.shape, like) if strength else 0.0
