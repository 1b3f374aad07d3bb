"""Schedules: how long the steps are to be, told for each one in advance.

A schedule is a function of the number of the step that is about to be taken, counted from 1. Any
function of that kind will do; those that are made here also say which they are, so that a
checkpoint knows them again, and can be pickled.

    optimizer = nn.Adam(nn.schedules.cosine(1e-3, steps=5000, warm_up=200))
"""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, ParamSpec

from nnlearn.arguments import positive_integer

P = ParamSpec("P")
Rate = Callable[[int], float]


class Schedule:
    """What the functions of this module return: a learning rate for each step.

    Parameters
    ----------
    make : callable
        One of these functions, as it was before `describable` decorated it.
    settings : dict
        What it is called with.
    """

    def __init__(self, make: Callable[..., Rate], settings: dict[str, float]) -> None:
        self._make, self._settings = make, settings
        self._rate = make(**settings)

    def __call__(self, step: int) -> float:
        return self._rate(positive_integer(self._make.__name__, "step", step))

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self._settings.items())
        return f"{self._make.__name__}({settings})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self._make.__name__, self._settings)


def _made(name: str, settings: dict[str, float]) -> Any:
    """Make a schedule again, from what was pickled of it."""
    return globals()[name](**settings)


def describable(make: Callable[P, Rate]) -> Callable[P, Schedule]:
    """Let what a function returns say which function it was, and what it was given."""
    signature = inspect.signature(make)

    @functools.wraps(make)
    def made(*args: P.args, **kw: P.kwargs) -> Schedule:
        given = signature.bind(*args, **kw)
        given.apply_defaults()
        return Schedule(make, {k: _number(make.__name__, k, v) for k, v in given.arguments.items()})

    return made


def _number(schedule: str, name: str, value: Any) -> float:
    """Return a setting as a number of Python; refuse what is none, negative or not finite."""
    if isinstance(value, str) or not hasattr(value, "__float__"):
        kind = repr(value) if isinstance(value, str) else type(value).__name__
        raise TypeError(f"{schedule}: {name} is {kind}, expected a number")
    if not 0 <= value < math.inf:
        raise ValueError(f"{schedule}: {name} is {value}, expected a number in [0, inf)")
    return value if isinstance(value, int) else float(value)


@describable
def warm_up(rate: float, steps: int) -> Rate:
    """Grow linearly up to a rate, then stay there.

    Parameters
    ----------
    rate : float
        η, what is reached.
    steps : int
        w, the step that is the first to have it.

    Returns
    -------
    callable
        Takes the number of a step, from 1, and returns its rate.

    Raises
    ------
    ValueError
        If the rate is negative or not finite, or `steps` is no whole number of at least 1.

    Notes
    -----
    Source: eq-warm-up.

    Examples
    --------
    >>> import nnlearn as nn
    >>> rate = nn.schedules.warm_up(0.5, steps=5)
    >>> [rate(step) for step in (1, 2, 5, 100)]
    [0.1, 0.2, 0.5, 0.5]
    """
    steps = positive_integer("warm_up", "steps", steps)
    return lambda step: rate * min(step / steps, 1.0)  # eq-warm-up


@describable
def inverse_root(rate: float, steps: int) -> Rate:
    """Grow linearly up to a rate, then fall as 1/√step.

    Parameters
    ----------
    rate : float
        η, the highest rate.
    steps : int
        w, the step that has it.

    Returns
    -------
    callable
        Takes the number of a step, from 1, and returns its rate.

    Raises
    ------
    ValueError
        If the rate is negative or not finite, or `steps` is no whole number of at least 1.

    Notes
    -----
    After Vaswani et al. :cite:`vaswani2017`, whose highest rate is 1/√(D w) for vectors of D
    components. Source: eq-inverse-root.
    """
    steps = positive_integer("inverse_root", "steps", steps)
    return lambda step: rate * min(step / steps, math.sqrt(steps / step))  # eq-inverse-root


@describable
def cosine(rate: float, steps: int, warm_up: int = 0, lowest: float = 0.0) -> Rate:
    """Grow linearly up to a rate, fall along half a wave of the cosine to the lowest, stay there.

    Parameters
    ----------
    rate : float
        η, the highest rate.
    steps : int
        T, how many steps there are: the last of them, and all after it, have the lowest rate.
    warm_up : int
        w, the step that has the highest rate; by default none quite has it.
    lowest : float
        η_min, the rate of the last step and of all after it.

    Returns
    -------
    callable
        Takes the number of a step, from 1, and returns its rate.

    Raises
    ------
    ValueError
        If a rate is negative or not finite, the lowest is above the highest, or the warm-up leaves
        none of the steps.

    Notes
    -----
    After Loshchilov and Hutter :cite:`loshchilov2017`, without their restarts. Source:
    eq-cosine-schedule.
    """
    steps = positive_integer("cosine", "steps", steps)
    if not isinstance(warm_up, int) or warm_up >= steps:
        raise ValueError(
            f"cosine: warm_up is {warm_up}, expected a whole number less than steps, {steps}"
        )
    if lowest > rate:
        raise ValueError(f"cosine: lowest is {lowest}, expected at most the rate, {rate}")

    def rate_of(step: int) -> float:  # eq-cosine-schedule
        if step < warm_up:
            return rate * step / warm_up
        done = min((step - warm_up) / (steps - warm_up), 1.0)
        return lowest + (rate - lowest) * (1 + math.cos(math.pi * done)) / 2

    return rate_of


@describable
def step_decay(rate: float, every: int, factor: float) -> Rate:
    """Stay at a rate for some steps, then at a part of it for as many, and so on.

    Parameters
    ----------
    rate : float
        η, the first rate.
    every : int
        How many steps have the same rate.
    factor : float
        What a rate is multiplied by to be the next one, in [0, 1].

    Returns
    -------
    callable
        Takes the number of a step, from 1, and returns its rate.

    Raises
    ------
    ValueError
        If the rate is negative or not finite, `every` is no whole number of at least 1, or the
        factor is greater than 1.

    Notes
    -----
    Source: eq-step-decay.
    """
    every = positive_integer("step_decay", "every", every)
    if factor > 1:
        raise ValueError(f"step_decay: factor is {factor}, expected a number in [0, 1]")
    return lambda step: rate * factor ** ((step - 1) // every)  # eq-step-decay
