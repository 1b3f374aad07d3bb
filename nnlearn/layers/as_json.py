"""A model written down in what JSON can hold, and made again from that.

Written down are the classes of the layers and what their constructors were given. Only classes
that are known by then are made, so that nothing of a stranger's file is run.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from nnlearn.layers import initializers
from nnlearn.layers.layer import Layer
from nnlearn.layers.sequential import Sequential


def described(value: Any) -> Any:
    """Write down a layer, or a setting of one, in what JSON can hold."""
    if isinstance(value, Sequential) and not value.settings():  # what it was given is its layers
        return {
            "layer": type(value).__name__,
            "layers": [described(v) for v in value.layers.values()],
        }
    if isinstance(value, Layer):
        settings = {name: described(v) for name, v in value.settings().items() if not _lost(v)}
        return {"layer": type(value).__name__, "settings": settings}
    if callable(value):
        return {"initializer": value.__name__}
    if isinstance(value, tuple | list):
        return [described(v) for v in value]
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, int | float | str):  # a bool is an int
        return value
    raise ValueError(f"save: a layer's setting is a {type(value).__name__}, which is not written")


def _lost(value: Any) -> bool:
    """Whether a setting is a function that has no name to write down."""
    name = getattr(value, "__name__", "")
    return callable(value) and not isinstance(value, Layer) and _initializer(name) is not value


def _initializer(name: str) -> Callable[..., Any] | None:
    """Return the initializer of this name, if `nn.initializers` has it."""
    found = vars(initializers).get(name)
    draws = inspect.isfunction(found) and "fan_in" in inspect.signature(found).parameters
    return found if draws else None


def made(description: Any, known: Mapping[str, type[Layer]]) -> Any:
    """Make the layer, or the setting, that `described` wrote down."""
    if isinstance(description, list):
        return tuple(made(d, known) for d in description)
    if not isinstance(description, dict):
        return description
    if "initializer" in description:
        found = _initializer(description["initializer"])
        if found is None:
            raise ValueError(f"the initializer {description['initializer']!r} is unknown")
        return found
    name = description["layer"]
    if name not in known:
        raise ValueError(
            f"the layer {name!r} is unknown; give its class, nn.load(path, layers=({name},))"
        )
    if "layers" in description:
        return known[name](*(made(d, known) for d in description["layers"]))
    settings = {key: made(d, known) for key, d in description["settings"].items()}
    several: tuple[Any, ...] = ()
    for key, parameter in inspect.signature(known[name]).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:  # such as Unflatten(*shape)
            several = settings.pop(key, ())
    return known[name](*several, **settings)


def classes(given: Iterable[type[Layer]]) -> dict[str, type[Layer]]:
    """Return by name the package's layers and those given; no two of one name."""
    known = {c.__name__: c for c in _subclasses(Layer) if c.__module__.startswith("nnlearn.")}
    for c in given:
        if known.setdefault(c.__name__, c) is not c:
            raise ValueError(f"there are two layers of the name {c.__name__!r}; rename yours")
    return known


def _subclasses(c: Any) -> Iterator[type[Layer]]:
    for inner in c.__subclasses__():
        yield inner
        yield from _subclasses(inner)


def all_layers(value: Any) -> Iterator[Layer]:
    """Go through a model: itself, and every layer that it holds, rows of layers included."""
    if isinstance(value, Layer):
        yield value
        inside = value.layers if isinstance(value, Sequential) else value.settings()
        value = list(inside.values())
    if isinstance(value, tuple | list):
        for inner in value:
            yield from all_layers(inner)
