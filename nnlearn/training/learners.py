"""A network that learns: a model, its parameters, and the optimizer that moves them.

What tells it from another, what a checkpoint keeps of it, and how it goes on from there.
"""

import functools
import zlib
from collections.abc import Iterable, Mapping
from types import CodeType
from typing import Any, NamedTuple

from nnlearn.arrays.backend import array_namespace
from nnlearn.arrays.typing import Array
from nnlearn.parameters import Parameters, checksum
from nnlearn.training.checkpoints import write_into
from nnlearn.training.optimizers import Optimizer
from nnlearn.training.schedules import Schedule


class Held(NamedTuple):
    """What a checkpoint holds of a learner."""

    params: Parameters
    kept: dict[str, Parameters]
    memory: dict[str, Array]
    steps: int


class Learner:
    """A model that learns: with its parameters, and the optimizer that moves them.

    Parameters
    ----------
    model : layer or model
    params : Parameters
    optimizer : Optimizer
    player : str, optional
        Its name in a game, which stands before the name of all that is said and saved of it.

    Attributes
    ----------
    kept : dict of str to Parameters
        By name, what the parameters were at moments to which training may go back.
    """

    def __init__(
        self, model: Any, params: Parameters, optimizer: Optimizer, player: str = ""
    ) -> None:
        self.model, self.params, self.optimizer = model, params, optimizer
        self.prefix = f"{player}." if player else ""
        self.kept: dict[str, Parameters] = {}

    def identity(self) -> dict[str, Any]:
        """Say in a few facts what learns, and where it begins."""
        settings = {
            name: described(value)
            for name, value in vars(self.optimizer).items()
            if name not in ("memory", "steps") and not name.startswith("_")
        }
        return {
            f"{self.prefix}model": repr(self.model),
            f"{self.prefix}parameters": checksum(self.params.vector),
            f"{self.prefix}optimizer": f"{type(self.optimizer).__name__} {settings}",
        }

    def check_optimizer(self, caller: str) -> None:
        """Refuse an optimizer that remembers the steps of other parameters."""
        optimizer = self.optimizer
        if optimizer.moved_others_than(self.params):
            raise ValueError(
                f"{caller}: {self.prefix}optimizer has taken {optimizer.steps} steps with other "
                f"parameters, expected a new one, such as nn.{type(optimizer).__name__}(...), or "
                "the parameters that it moved"
            )

    def content(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return what a checkpoint keeps of it, arrays and facts, by name."""
        arrays = {f"optimizer.{name}": a for name, a in self.optimizer.memory.items()}
        for name, params in {"params": self.params, **self.kept}.items():
            arrays[name] = params.vector
            if params.state is not None:
                arrays[_state_of(name)] = params.state.vector
        named = {self.prefix + name: a for name, a in arrays.items()}
        return named, {f"{self.prefix}steps": self.optimizer.steps}

    def is_at(self, name: str, arrays: Mapping[str, Array]) -> bool:
        """Whether its parameters are some that a checkpoint holds."""
        vector = arrays.get(self.prefix + name)
        return vector is not None and checksum(vector) == checksum(self.params.vector)

    def held(
        self, arrays: Mapping[str, Array], facts: Mapping[str, Any], kept: Iterable[str]
    ) -> Held:
        """Make what a checkpoint holds of it, and change nothing: it may not fit.

        Raises
        ------
        Exception
            Of any type, if something is missing or of another form.
        """

        def params(name: str) -> Parameters:
            made = self.params.copy()
            write_into(made.vector, arrays[self.prefix + name])
            if made.state is not None:
                write_into(made.state.vector, arrays[self.prefix + _state_of(name)])
            return made

        xp = array_namespace(self.params.vector)
        memory = {name: xp.zeros_like(self.params.vector) for name in self.optimizer.remembers}
        for name, target in memory.items():
            write_into(target, arrays[f"{self.prefix}optimizer.{name}"])
        steps = whole_number(facts, f"{self.prefix}steps")
        return Held(params("params"), {name: params(name) for name in kept}, memory, steps)

    def go_on_from(self, held: Held) -> None:
        """Put in place, for the model and the optimizer, what a checkpoint holds."""
        self.params.assign(held.params)
        self.kept = held.kept
        self.optimizer.go_on(self.params, held.memory, held.steps)


def _state_of(name: str) -> str:
    """Name the state of some parameters in a checkpoint."""
    return "state" if name == "params" else f"{name}.state"


def whole_number(facts: Mapping[str, Any], name: str) -> int:
    """Return a fact that counts something; refuse what does not."""
    value = facts[name]
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} is {value!r}, expected a whole number of at least 0")
    return value


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
        name += f" {zlib.crc32(repr(_in_every_process(function.__code__)).encode()):08x}"
    kind = type(function)
    return f"{function.__module__}.{name}" if name else f"{kind.__module__}.{kind.__qualname__}"


def _in_every_process(constant: Any) -> Any:
    """Return what a code is made of without addresses in memory, and sets in order."""
    if isinstance(constant, CodeType):  # of a function inside, or a comprehension
        return constant.co_code, constant.co_names, _in_every_process(constant.co_consts)
    if isinstance(constant, frozenset):
        return sorted(map(repr, constant))
    if isinstance(constant, tuple):
        return tuple(map(_in_every_process, constant))
    return constant


def described(setting: Any, first: float = 1) -> Any:
    """Return a setting as it is; of a function, what it is and where it begins."""
    if isinstance(setting, Schedule) or not callable(setting):
        return setting
    return f"{called(setting)}, {float(setting(first))!r} at first"
