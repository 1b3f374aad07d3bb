"""What changes while a model is trained, and how it is saved and taken up again, bit for bit."""

import copy
import functools
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.ranks import Ranks
from nnlearn.arrays.typing import Array
from nnlearn.parameters import Parameters, checksum
from nnlearn.training.checkpoints import beside, save_checkpoint, write_into
from nnlearn.training.history import History
from nnlearn.training.optimizers import Optimizer
from nnlearn.training.recovery import load_last_good, put_back
from nnlearn.training.schedules import Schedule


def shuffling_and_chance(
    seed: int | Sequence[int],
) -> tuple[np.random.Generator, np.random.Generator]:
    """Make two generators that know nothing of each other: of the shuffling, and of the rest."""
    shuffling, chance = np.random.SeedSequence(seed).spawn(2)
    return np.random.default_rng(shuffling), np.random.default_rng(chance)


def called(function: Any) -> str:
    """Name a function so that the same code has the same name in every process.

    Its ``repr`` would hold an address in memory, which differs from run to run.
    """
    if isinstance(function, functools.partial):
        settings = [repr(a) for a in function.args]
        settings += [f"{k}={v!r}" for k, v in sorted(function.keywords.items())]
        return f"{called(function.func)}({', '.join(settings)})"
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    if name and name.endswith("<lambda>"):  # all of a scope have one name: their code tells
        code = function.__code__
        name += f" {zlib.crc32(repr((code.co_code, code.co_names, code.co_consts)).encode()):08x}"
    kind = type(function)
    return f"{function.__module__}.{name}" if name else f"{kind.__module__}.{kind.__qualname__}"


def _described(setting: Any) -> Any:
    """Return an optimizer's setting as it is; of a function, what it is and where it begins."""
    if isinstance(setting, Schedule) or not callable(setting):
        return setting
    return f"{called(setting)}, {float(setting(1))!r} at first"


class Run:
    """What changes while training, and how to save it and take it up again."""

    def __init__(
        self,
        model: Any,
        params: Parameters,
        optimizer: Optimizer,
        seed: int | Sequence[int],
        ranks: Ranks | None = None,
    ) -> None:
        self.ranks = ranks or Ranks()
        self.model = model
        self.params = params
        self.optimizer = optimizer
        shuffling, chance = shuffling_and_chance(seed)
        self.generators = {"shuffling": shuffling, "chance": chance}
        self.history = History()
        self.best: Parameters | None = None
        self.identity: dict[str, Any] = {}

    def identify(
        self,
        loss: Any,
        data: Sequence[Array],
        validation: Sequence[Array] | None,
        metrics: Mapping[str, Any] | None,
        batch_size: int,
        clip_norm: float | None,
    ) -> None:
        """Say in a few facts which run this is, so that a checkpoint of another is refused."""
        settings = {
            name: _described(value)
            for name, value in vars(self.optimizer).items()
            if name not in ("memory", "steps") and not name.startswith("_")
        }
        self.identity = {
            "model": repr(self.model),
            "parameters": checksum(self.params.vector),
            "loss": called(loss),
            "optimizer": f"{type(self.optimizer).__name__} {settings}",
            "data": checksum(*data),
            "validation": checksum(*validation) if validation is not None else "none",
            "generators": str(self.generators["shuffling"].bit_generator.state),
            "metrics": {name: called(f) for name, f in sorted((metrics or {}).items())},
            "batch_size": batch_size,
            "clip_norm": clip_norm,
        }

    def check_ranks(self, **more: Any) -> None:
        """Refuse ranks that do not all have the same facts, `identify`'s and more."""
        if self.ranks.size == 1:
            return
        state, memory = self.params.state, self.optimizer.memory.values()
        more["library"] = array_namespace(self.params.vector).__name__
        more["state"] = None if state is None else checksum(state.vector)
        more["optimizer's memory"] = self.optimizer.steps, checksum(*memory)
        self.ranks.check_same("fit", more | self.identity)

    def check_optimizer(self) -> None:
        """Refuse an optimizer that remembers the steps of other parameters."""
        optimizer = self.optimizer
        if optimizer.moved_others_than(self.params):
            raise ValueError(
                f"fit: optimizer has taken {optimizer.steps} steps with other parameters, expected "
                f"a new one, such as nn.{type(optimizer).__name__}(...), or the parameters that it "
                "moved"
            )

    def record(self, record: Mapping[str, float], keep_best: bool) -> None:
        """Write down an epoch; keep the parameters if they are the best so far."""
        self.history.add(record)
        if keep_best and self.history.best_epoch == self.history.epochs - 1:
            self.best = self.params.copy()

    def out_of_patience(self, patience: int | None) -> bool:
        """Whether the validation loss has not fallen for `patience` epochs."""
        best = -1 if self.history.best_epoch is None else self.history.best_epoch
        return patience is not None and self.history.epochs - 1 - best >= patience

    def save(self, path: str | Path) -> None:
        """Write the checkpoint, and keep the one before."""
        arrays = {"params": self.params.vector}
        arrays |= {f"optimizer.{k}": v for k, v in self.optimizer.memory.items()}
        if self.params.state is not None:
            arrays["state"] = self.params.state.vector
        if self.best is not None:
            arrays["best"] = self.best.vector
            if self.best.state is not None:
                arrays["best.state"] = self.best.state.vector
        facts = {
            "identity": self.identity,
            "steps": self.optimizer.steps,
            "history": dict(self.history),
            "generators": {k: g.bit_generator.state for k, g in self.generators.items()},
        }
        self.ranks.on_first(lambda: save_checkpoint(path, arrays, facts))

    def load(self, path: str | Path) -> None:
        """Take up the run that the checkpoint is of; refuse another's.

        Where the file is damaged, the one before it takes its place, with a warning.
        """
        arrays, facts, damage = self.ranks.on_first(lambda: load_last_good(path))
        name = path if damage is None else beside(path, "previous")
        self._check_identity(name, arrays, facts)
        try:
            held = self._held(arrays, facts)
        except Exception as error:  # checksums let none come here but forged ones
            raise ValueError(
                f"fit: the checkpoint {name} does not hold what this run needs "
                f"({type(error).__name__}: {error})"
            ) from error
        if damage is not None:
            self.ranks.on_first(lambda: put_back(path, damage))
        params, self.best, memory, steps, self.generators, history = held
        self.params.assign(params)
        self.optimizer.memory.update(memory)
        self.optimizer.steps = steps
        self.history.update(history)
        self.history.best_epoch = history.best_epoch

    def _check_identity(
        self, path: str | Path, arrays: Mapping[str, Array], facts: Mapping[str, Any]
    ) -> None:
        """Refuse what is of another run."""
        known = facts.get("identity")
        known = known if isinstance(known, dict) else {}
        ends = {checksum(arrays[name]) for name in ("params", "best") if name in arrays}
        if self.identity["parameters"] in ends:  # a cell that is run again: they are where it ended
            self.identity["parameters"] = known.get("parameters")
        for name, value in self.identity.items():
            if known.get(name) != value:
                raise ValueError(
                    f"fit: the checkpoint {path} is of another run: its {name} is "
                    f"{known.get(name)!r}, here it is {value!r}. Name another file, "
                    "or delete that one; to run the same training again, make params anew "
                    "with model.init"
                )

    def _held(self, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> tuple[Any, ...]:
        """Make what a checkpoint holds, before any of it is put in place: it may not fit."""

        def params(name: str, state: str) -> Parameters:
            made = self.params.copy()
            write_into(made.vector, arrays[name])
            if made.state is not None:
                write_into(made.state.vector, arrays[state])
            return made

        xp = array_namespace(self.params.vector)
        memory = {name: xp.zeros_like(self.params.vector) for name in self.optimizer.remembers}
        for name, target in memory.items():
            write_into(target, arrays[f"optimizer.{name}"])
        steps = facts["steps"]
        if not isinstance(steps, int) or steps < 0:
            raise ValueError(f"steps is {steps!r}, expected a whole number of at least 0")
        generators = copy.deepcopy(self.generators)
        for name, generator in generators.items():
            generator.bit_generator.state = facts["generators"][name]
        history, lists = History(), facts["history"]
        for record in zip(*lists.values(), strict=True):
            history.add(dict(zip(lists, map(float, record), strict=True)))
        best = params("best", "best.state") if "best" in arrays else None
        return params("params", "state"), best, memory, steps, generators, history
