"""What changes while models are trained, and how it is saved and taken up again, bit for bit."""

import contextlib
import copy
import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.ranks import Ranks
from nnlearn.arrays.typing import Array
from nnlearn.parameters import Parameters, checksum
from nnlearn.training.checkpoints import beside, save_checkpoint
from nnlearn.training.history import History
from nnlearn.training.learners import Learner, called
from nnlearn.training.optimizers import Optimizer
from nnlearn.training.recovery import load_last_good, only_writer, put_back


def shuffling_and_chance(
    seed: int | Sequence[int],
) -> tuple[np.random.Generator, np.random.Generator]:
    """Make two generators that know nothing of each other: of the shuffling, and of the rest."""
    shuffling, chance = np.random.SeedSequence(seed).spawn(2)
    return np.random.default_rng(shuffling), np.random.default_rng(chance)


class Resumable(ABC):
    """A training that can be saved, and go on in another process as if it had never stopped.

    Parameters
    ----------
    learners : sequence of Learner
    seed : int or sequence of int
    ranks : Ranks, optional

    Attributes
    ----------
    identity : dict
        A few facts that say which training this is, so that a checkpoint of another is refused.
    """

    #: the function that trains, for what is told of it
    caller: str

    def __init__(
        self, learners: Sequence[Learner], seed: int | Sequence[int], ranks: Ranks | None = None
    ) -> None:
        self.learners = learners
        self.ranks = ranks or Ranks()
        shuffling, chance = shuffling_and_chance(seed)
        self.generators = {"shuffling": shuffling, "chance": chance}
        self.history = History()
        self.identity: dict[str, Any] = {}

    @contextlib.contextmanager
    def writing(self, checkpoint: str | Path | None) -> Iterator[None]:
        """Be the only writer of the checkpoint, if there is to be one, until the block ends."""
        with contextlib.ExitStack() as held:
            if checkpoint is not None:
                lock = only_writer(checkpoint, self.caller)
                self.ranks.on_first(lambda: held.enter_context(lock))
            yield

    def take_up(self, checkpoint: str | Path | None) -> None:
        """Go on from the checkpoint if it is there, on all ranks alike; else begin."""
        if checkpoint is not None and self.ranks.on_first(lambda: Path(checkpoint).exists()):
            self.load(checkpoint)  # the optimizers' memory, too, comes from there
        else:
            for learner in self.learners:
                self.ranks.on_all(functools.partial(learner.check_optimizer, self.caller))

    def save(self, path: str | Path) -> None:
        """Write the checkpoint, and keep the one before."""
        arrays, facts = self._content()
        self.ranks.on_first(lambda: save_checkpoint(path, arrays, facts))

    def _content(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return all that changes, as the arrays and the facts of a checkpoint."""
        arrays: dict[str, Array] = {}
        facts: dict[str, Any] = {
            "training": self.caller,
            "identity": self.identity,
            "history": dict(self.history),
            "generators": {k: g.bit_generator.state for k, g in self.generators.items()},
        }
        for learner in self.learners:
            own, more = learner.content()
            arrays, facts = arrays | own, facts | more
        return arrays, facts

    def load(self, path: str | Path) -> None:
        """Go on from a checkpoint; refuse another training's.

        Where the file is damaged, the one before it takes its place, with a warning.
        """
        arrays, facts, damage = self.ranks.on_first(lambda: load_last_good(path))
        name = path if damage is None else beside(path, "previous")
        self._check_identity(name, arrays, facts)
        try:
            held = [learner.held(arrays, facts, self._kept(arrays)) for learner in self.learners]
            more = self._held(arrays, facts)
        except Exception as error:  # checksums let none come here but forged ones
            raise ValueError(
                f"{self.caller}: the checkpoint {name} does not hold what this run needs "
                f"({type(error).__name__}: {error})"
            ) from error
        if damage is not None:
            self.ranks.on_first(lambda: put_back(path, damage, self.caller))
        for learner, its in zip(self.learners, held, strict=True):
            learner.go_on_from(its)
        vars(self).update(more)

    def _check_identity(
        self, path: str | Path, arrays: Mapping[str, Array], facts: Mapping[str, Any]
    ) -> None:
        """Refuse what is of another training."""
        writer, known = facts.get("training", "fit"), facts.get("identity")
        known = known if isinstance(known, dict) else {}
        for name in ("params", *self._kept(arrays)):
            if all(learner.is_at(name, arrays) for learner in self.learners):
                # a cell that is run again: all are where it ended
                names = [f"{learner.prefix}parameters" for learner in self.learners]
                self.identity |= {name: known.get(name) for name in names}
        different = [
            f"its {name} is {known.get(name)!r}, here it is {value!r}"
            for name, value in self.identity.items()
            if known.get(name) != value
        ]
        if writer != self.caller:
            different = [f"{writer} wrote it, expected one of {self.caller}"]
        if different:
            raise ValueError(
                f"{self.caller}: the checkpoint {path} is of another run: {different[0]}. Name "
                "another file, or delete that one; to run the same training again, make params "
                "anew with model.init"
            )

    @abstractmethod
    def _kept(self, arrays: Mapping[str, Array]) -> Sequence[str]:
        """Return which parameters of each learner a checkpoint has to hold, beside those of now."""

    def _held(self, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> dict[str, Any]:
        """Make what a checkpoint holds beside the learners, as attributes by name; it may not fit.

        Nothing of it is put in place here.
        """
        generators = copy.deepcopy(self.generators)
        for name, generator in generators.items():
            generator.bit_generator.state = facts["generators"][name]
        return {"generators": generators, "history": History.of(facts["history"])}


class Run(Resumable):
    """A training of one model, by `fit`."""

    caller = "fit"

    def __init__(
        self,
        model: Any,
        params: Parameters,
        optimizer: Optimizer,
        seed: int | Sequence[int],
        ranks: Ranks | None = None,
    ) -> None:
        self.model, self.params, self.optimizer = model, params, optimizer
        self.learner = Learner(model, params, optimizer)
        super().__init__([self.learner], seed, ranks)

    @property
    def best(self) -> Parameters | None:
        """What the parameters were when the validation loss was lowest."""
        return self.learner.kept.get("best")

    def identify(
        self,
        loss: Any,
        data: Sequence[Array],
        validation: Sequence[Array] | None,
        metrics: Mapping[str, Any] | None,
        batch_size: int,
        clip_norm: float | None,
    ) -> None:
        """Say in a few facts which run this is."""
        self.identity = {
            **self.learner.identity(),
            "loss": called(loss),
            "data": checksum(*data),
            "validation": checksum(*validation) if validation is not None else "none",
            "generators": str(self.generators["shuffling"].bit_generator.state),
            "metrics": {name: called(f) for name, f in sorted((metrics or {}).items())},
            "batch_size": int(batch_size),
            "clip_norm": None if clip_norm is None else float(clip_norm),
        }

    def check_ranks(self, **more: Any) -> None:
        """Refuse ranks that do not all have the same facts, `identify`'s and more."""
        if self.ranks.size == 1:
            return
        state, memory = self.params.state, self.optimizer.memory.values()
        more["library"] = array_namespace(self.params.vector).__name__
        more["state"] = None if state is None else checksum(state.vector)
        more["optimizer's memory"] = self.optimizer.steps, checksum(*memory)
        self.ranks.check_same(self.caller, more | self.identity)

    def record(self, record: Mapping[str, float], keep_best: bool) -> None:
        """Write down an epoch; keep the parameters if they are the best so far."""
        self.history.add(record)
        if keep_best and self.history.best_epoch == self.history.epochs - 1:
            self.learner.kept["best"] = self.params.copy()

    def out_of_patience(self, patience: int | None) -> bool:
        """Whether the validation loss has not fallen for `patience` epochs."""
        best = -1 if self.history.best_epoch is None else self.history.best_epoch
        return patience is not None and self.history.epochs - 1 - best >= patience

    def _kept(self, arrays: Mapping[str, Array]) -> Sequence[str]:
        return [name for name in ("best", "good") if name in arrays]  # older ones have no good

    def _held(self, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> dict[str, Any]:
        held = super()._held(arrays, facts)
        lengths = {name: len(values) for name, values in held["history"].items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"history has lists of lengths {lengths}, expected equal ones")
        return held
