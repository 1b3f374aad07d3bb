"""Calls that do not fit a function: what it expects instead, in the names that it has here."""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def usage(call: str, **names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function say how it is called, when it is called otherwise.

    Parameters
    ----------
    call : str
        How it is called, such as ``"nn.predict(model, params, x)"``; of a constructor that other
        classes inherit, ``{}`` stands for the class.
    **names : str
        What other libraries call an argument, and what to do here instead of giving it.

    Returns
    -------
    callable
        A decorator. A call that fits costs nothing more.

    Examples
    --------
    >>> @usage("draw(line, width=1)", linewidth="say width")
    ... def draw(line, width=1):
    ...     return line * width
    >>> draw("-", linewidth=3)
    Traceback (most recent call last):
    TypeError: draw has no argument 'linewidth': say width. Expected draw(line, width=1)
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def called(*args: P.args, **kw: P.kwargs) -> R:
            try:
                return function(*args, **kw)
            except TypeError:
                title, known = _title_and_arguments(called, args)
                problem = _misfit(signature, known, names, args, kw)
                if problem is None:  # the call fits: the error comes from inside
                    raise
            raise TypeError(f"{title} {problem} Expected {call.format(title)}")

        return called

    return decorate


def constructor_arguments(classes: Iterable[type]) -> dict[str, Any]:
    """Return the arguments of a constructor with their defaults, those it passes on included.

    Parameters
    ----------
    classes : iterable of type
        A class and those it inherits from, in the order in which Python looks them up.
    """
    found: dict[str, Any] = {}
    for c in classes:
        if "__init__" in vars(c):
            own = inspect.signature(vars(c)["__init__"]).parameters.values()
            several = {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
            new = {p.name: p.default for p in own if p.kind not in several}
            found |= {name: default for name, default in new.items() if name not in found}
            if not any(p.kind is p.VAR_KEYWORD for p in own):
                break
    return found


def _title_and_arguments(
    function: Callable[..., Any], args: tuple[object, ...]
) -> tuple[str, Iterable[str]]:
    """Return what a function is called, and its arguments; of a constructor those of its class."""
    classes = type(args[0]).__mro__ if args else ()
    own = [i for i, c in enumerate(classes) if vars(c).get("__init__") is function]
    if not own:
        return function.__qualname__, inspect.signature(function).parameters
    first = next(i for i, c in enumerate(classes) if "__init__" in vars(c))
    named = classes[0 if own[0] == first else own[0]]  # who inherits it is who was called
    return named.__name__, constructor_arguments(classes[own[0] :])


def _misfit(
    signature: inspect.Signature,
    arguments: Iterable[str],
    names: dict[str, str],
    args: tuple[object, ...],
    kw: dict[str, object],
) -> str | None:
    """Say in what a call does not fit a signature; None if it does."""
    known = [name for name in arguments if name != "self"]
    for name in kw:
        if name in known:
            continue
        if name in names:
            return f"has no argument {name!r}: {names[name]}."
        near = difflib.get_close_matches(name, known)
        guess = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
        return f"has no argument {name!r}: {guess}"
    try:
        signature.bind(*args, **kw)
    except TypeError as error:
        return f"is called with {error}."
    return None
