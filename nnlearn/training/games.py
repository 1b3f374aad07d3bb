"""A game of two players while it goes on: what changes from turn to turn, and what is kept of it.

What a checkpoint has to hold so that the game goes on bit for bit: both players, the generators,
the place in the pass through the data, the sums since the last entry of the history, and the
parameters to which a game that diverges goes back.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nnlearn.arrays.backend import array_namespace, to_numpy
from nnlearn.arrays.typing import Array
from nnlearn.data.sets import batches
from nnlearn.parameters import Parameters, checksum
from nnlearn.training.divergence import TrainingDiverged, first_not_finite
from nnlearn.training.learners import Learner, called, described, whole_number
from nnlearn.training.optimizers import Optimizer
from nnlearn.training.runs import Resumable

Look = Callable[[], Mapping[str, Any]]


class Passes:
    """The batches of pass after pass through the data, each pass in a new order.

    Parameters
    ----------
    x : array, shape (N, ...)
    batch_size : int
    rng : numpy.random.Generator
        Shuffles.

    Attributes
    ----------
    began : dict
        The state of the generator at the beginning of this pass: its order follows from it.
    taken : int
        How many batches of this pass were taken.
    """

    def __init__(self, x: Array, batch_size: int, rng: np.random.Generator) -> None:
        self.x, self.batch_size, self._rng = x, batch_size, rng
        self.began, self.taken = rng.bit_generator.state, 0
        self._rest: Iterator[tuple[Array, ...]] = iter(())

    def next(self) -> Array:
        """Take the next batch; when the data have been gone through, shuffle and begin again."""
        batch = next(self._rest, None)
        if batch is None:
            self.began, self.taken = self._rng.bit_generator.state, 0
            self._rest = batches([self.x], self.batch_size, self._rng)
            batch = next(self._rest)
        self.taken += 1
        return batch[0]

    def resumed(self, rng: np.random.Generator, taken: int) -> "Passes":
        """Return passes that go on where others had taken so many batches of one.

        `rng` is in the state of the beginning of that pass.
        """
        most = math.ceil(self.x.shape[0] / self.batch_size)
        if taken > most:
            raise ValueError(f"{taken} batches were taken of a pass of {most}")
        passes = Passes(self.x, self.batch_size, rng)
        for _ in range(taken):
            passes.next()
        return passes


class Game(Resumable):
    """A training of two players, by `fit_gan`.

    Parameters
    ----------
    G, D : pair of a model and its Parameters
    optimizers : pair of Optimizer
    x : array, shape (N, ...)
    batch_size : int
    every : int
        How many turns one entry of the history is the mean of.
    seed : int or sequence of int

    Attributes
    ----------
    turn : int
        How many turns, a step of each player, were taken.
    """

    caller = "fit_gan"

    def __init__(
        self,
        G: tuple[Any, Parameters],
        D: tuple[Any, Parameters],
        optimizers: Sequence[Optimizer],
        x: Array,
        batch_size: int,
        every: int,
        seed: int | Sequence[int],
    ) -> None:
        self.G, self.D = Learner(*G, optimizers[0], "G"), Learner(*D, optimizers[1], "D")
        super().__init__([self.G, self.D], seed)
        self.data = Passes(x, batch_size, self.generators["shuffling"])
        self.every, self.seed = every, seed
        self.turn = 0
        self.sums: dict[str, Any] = {"value": 0.0, "generator_loss": 0.0}
        for player in self.learners:  # a mean tells of the steps before its last one
            player.kept = dict.fromkeys(("good", "before"), player.params.copy())

    def identify(
        self,
        steps: int,
        latent: int,
        kind: str,
        noise: Callable[[float], float] | None,
        look: Look | None,
    ) -> None:
        """Say in a few facts which game this is."""
        self.identity = {
            **self.G.identity(),
            **self.D.identity(),
            "data": checksum(self.data.x),
            "latent": int(latent),
            "batch_size": int(self.data.batch_size),
            "kind": kind,
            "noise": described(noise, 0.0),
            "steps": int(steps) if noise else None,  # the noise depends on how many there are
            "look": called(look) if look else None,  # else the lists would differ in length
            "every": int(self.every),
            "seed": str(np.asarray(self.seed).tolist()),
        }

    def count(self, value: Any, loss: Any) -> None:
        """Count a turn; V and the generator's loss stay on the device, and nothing waits."""
        told = {"value": value, "generator_loss": loss}
        self.sums = {name: total + told[name] for name, total in self.sums.items()}
        self.turn += 1

    def record(self, look: Look | None, real: Array) -> None:
        """Write down the means since the last entry, and what `look` gives.

        Raises
        ------
        TrainingDiverged
            If a mean is not finite; the players are put back. `real` are the last examples of the
            data.
        """
        means = {name: float(total) / self.every for name, total in self.sums.items()}
        if not all(map(math.isfinite, means.values())):
            raise self._diverged(means, real)
        record = {"step": self.turn, **means, **(look() if look else {})}
        if self.identity:  # a checkpoint has to hold it
            record = {name: _number(name, value) for name, value in record.items()}
        self.history.add(record)
        self.sums = dict.fromkeys(self.sums, 0.0)
        for player in self.learners:
            player.kept = {"good": player.kept["before"], "before": player.params.copy()}

    def _diverged(self, means: Mapping[str, float], real: Array) -> TrainingDiverged:
        """Put the players back to where all was finite, and make the error."""
        where = first_not_finite(self.D.model, self.D.params, real)
        for player in self.learners:
            player.params.assign(player.kept["good"])
            player.optimizer.forget()
        return TrainingDiverged(
            f"fit_gan: between steps {self.turn - self.every + 1} and {self.turn} the means are "
            f"{means}; with real examples into D, {where}",
            self.history,
        )

    def _content(self) -> tuple[dict[str, Array], dict[str, Any]]:
        arrays, facts = super()._content()
        if self.turn % self.every:
            arrays |= {f"sums.{name}": total for name, total in self.sums.items()}
        facts["generators"] |= {"shuffling": self.data.began}
        return arrays, facts | {"turn": self.turn, "taken": self.data.taken}

    def _kept(self, arrays: Mapping[str, Array]) -> Sequence[str]:
        return "good", "before"

    def _held(self, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> dict[str, Any]:
        held = super()._held(arrays, facts)
        turn, history = whole_number(facts, "turn"), held["history"]
        if history.epochs != turn // self.every:
            raise ValueError(f"history has {history.epochs} entries after {turn} steps")
        sums = dict.fromkeys(self.sums, 0.0)
        if turn % self.every:
            sums = {name: self._total(arrays[f"sums.{name}"]) for name in sums}
        data = self.data.resumed(held["generators"]["shuffling"], whole_number(facts, "taken"))
        return held | {"turn": turn, "sums": sums, "data": data}

    def _total(self, total: Array) -> Any:
        """Return a sum of a checkpoint where the players are; refuse what is none."""
        if total.shape != () or total.dtype.kind != "f":
            raise ValueError(f"a sum is {total!r}, expected a number")
        like = self.D.params.vector
        return array_namespace(like).asarray(total, device=like.device)


def _number(name: Any, value: Any) -> float:
    """Return a number as a checkpoint can hold it; refuse anything else."""
    number = to_numpy(value).item() if getattr(value, "shape", None) == () else value
    if not isinstance(name, str) or not isinstance(number, int | float):
        raise TypeError(
            f"fit_gan: look gives {name!r} of {type(value).__name__}, expected a number by a name, "
            "which the checkpoint can hold"
        )
    return number
