"""Calls that do not fit a function: what it expects instead, in the names that it has here."""

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def usage(call: str, **names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function say how it is called, when it is called otherwise.

    Parameters
    ----------
    call : str
        How it is called, such as ``"nn.predict(model, params, x)"``.
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
        title = function.__qualname__.removesuffix(".__init__")

        @functools.wraps(function)
        def called(*args: P.args, **kw: P.kwargs) -> R:
            try:
                return function(*args, **kw)
            except TypeError:
                problem = _misfit(signature, names, args, kw)
                if problem is None:  # the call fits: the error comes from inside
                    raise
            raise TypeError(f"{title} {problem}. Expected {call}")

        return called

    return decorate


def _misfit(
    signature: inspect.Signature,
    names: dict[str, str],
    args: tuple[object, ...],
    kw: dict[str, object],
) -> str | None:
    """Say in what a call does not fit a signature; None if it does."""
    known = [name for name in signature.parameters if name != "self"]
    for name in kw:
        if name in known:
            continue
        if name in names:
            return f"has no argument {name!r}: {names[name]}"
        near = difflib.get_close_matches(name, known, n=1)
        guess = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        return f"has no argument {name!r}: {guess}"
    try:
        signature.bind(*args, **kw)
    except TypeError as error:
        return f"is called with {error}"
    return None
