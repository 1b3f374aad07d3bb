"""An operation is a function that knows its derivation.

Its body gives two things: the value and a function `backward`, the vector-Jacobian product that
the book derives, closed over exactly what the derivation needs. Calling the operation gives the
value; `vjp` gives both. Nothing is recorded on a tape, unless `nnlearn.record` asks for it.

There is one protocol, for operations, layers and models alike: ``f.forward(*args)`` gives the
value and `backward`, which takes the gradient of every output and gives one gradient for every
argument, in order. Each *waits*: it is a function of no arguments, and costs nothing until
somebody calls it.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar, overload

from nnlearn.arrays.typing import Array
from nnlearn.gradients import (
    Waiting,
    check_unchanged,
    gradient_of,
    output_gradients,
    positions_of,
    sampled,
)
from nnlearn.shapes import Signature

#: What gives a waiting gradient for every argument.
Backward: TypeAlias = Callable[..., tuple[Waiting, ...]]

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class Operation(Protocol[P, R_co]):
    """A function that knows its derivation: called it gives the value, `forward` gives both."""

    __name__: str
    signature: Signature

    def __call__(self, *args: P.args, **kw: P.kwargs) -> R_co:
        """Return the value."""

    def forward(self, *args: P.args, **kw: P.kwargs) -> tuple[Any, Backward]:
        """Return the value, and what gives one waiting gradient for every argument."""


@overload
def differentiable(shapes: Callable[P, R_co]) -> Operation[P, R_co]: ...
@overload
def differentiable(shapes: str = "") -> Callable[[Callable[P, R_co]], Operation[P, R_co]]: ...
def differentiable(shapes: Any = "") -> Any:
    """Turn a function whose body gives ``value, backward`` into an operation.

    Parameters
    ----------
    shapes : str, optional
        The shapes of its leading arguments, such as ``"x (..., D), W (M, D) -> z (..., M)"``,
        checked before any work (see `nnlearn.shapes`).

    Raises
    ------
    TypeError
        When it is called, if its body does not give ``value, backward``.
    ValueError
        If the shapes cannot be read.

    Notes
    -----
    ``backward`` takes the gradient of every output and gives the gradient of every array argument,
    in order: one, or a tuple. Where a gradient is work that may not be wanted, ``lambda:`` before
    it lets it wait. Arguments that have no derivative (labels, say) come last and get none.
    Source: eq-vjp.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> @nn.differentiable("x (...), y (...)")
    ... def times(x, y):
    ...     return x * y, lambda dz: (lambda: dz * y, lambda: dz * x)
    >>> value, backward = nn.vjp(times, np.array([3.0]), np.array([5.0]))
    >>> print(value, *backward(np.array([1.0])))
    [15.] [5.] [3.]
    """
    if callable(shapes):  # used bare, without brackets
        return differentiable()(shapes)

    def decorate(function: Callable[..., Any]) -> Any:
        name = function.__name__
        signature = Signature(name, shapes, _required(function))

        def forward(*args: Any, **kw: Any) -> tuple[Any, Backward]:
            args, kw = signature.fitting(_of_one_kind(args), kw)
            value, backward = _checked(name, function(*args, **kw))
            return value, lambda *dvalues: _all_wait(backward(*dvalues))

        operation = with_forward(function, forward)
        operation.signature = signature
        return operation

    return decorate


def _required(function: Callable[..., Any]) -> set[str]:
    """Name the parameters of a function that have no default."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name for p in parameters if p.default is p.empty}


def _of_one_kind(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Turn constants beside dual numbers (`nnlearn.automatic.dual`) into such that do not move."""
    for a in args:
        if hasattr(a, "constant"):
            return tuple(map(a.constant, args))
    return args


def with_forward(function: Callable[..., Any], forward: Callable[..., Any]) -> Any:
    """Return an operation with the name and text of a function, which `forward` computes."""

    @functools.wraps(function)
    def operation(*args: Any, **kw: Any) -> Any:
        if (tape := tape_of(args)) is not None:
            return tape.apply(operation, args, kw)
        return forward(*args, **kw)[0]

    operation.forward = forward  # type: ignore[attr-defined]
    return operation


def vjp(
    f: Any, *args: Any, wrt: int | Sequence[int] | None = None, **kw: Any
) -> tuple[Any, Callable[..., Any]]:
    """Compute ``f(*args, **kw)`` and its vector-Jacobian product.

    Parameters
    ----------
    f : differentiable function, layer or model
        What to differentiate. A layer or model takes ``(params, x)`` and makes a training pass:
        dropout is on, and batch normalization uses the batch.
    *args
        Its arguments.
    wrt : int or sequence of int, optional
        Positions of the arguments to differentiate by; by default every floating-point array
        and every `Parameters` among them. What is left out is not computed.
    **kw
        Constants: they are passed on and never differentiated by.

    Returns
    -------
    value
        What ``f(*args, **kw)`` gives: an array, or a tuple of several outputs.
    backward : callable
        ``backward(*dvalues)`` takes the gradient of each output, and gives the gradient of each
        argument in `wrt`: a lone one bare, several as a tuple. The gradient of a scalar value may
        be left out and counts as one; a trailing output's may be left out and counts as zero.

    Raises
    ------
    TypeError
        If `f` is not differentiable, or gives no gradient for an argument in `wrt`.
    ValueError
        If `wrt` names no argument, or a gradient does not have its array's shape.
    RuntimeError
        In backward, if an argument or the value was changed in place since.

    Notes
    -----
    Nothing is changed, neither the arguments nor what a layer remembers; only a `memory` that is
    given to recurrent layers gets their last states.

    Arrays of float32 beside float64 are computed with in float64. A gradient has the shape and the
    dtype of its argument. Where an operation only moves or adds numbers, it may share memory with
    the gradients that `backward` was given, and so with other gradients: to write into it, copy it.

    The backward function keeps the arguments and the value, and does not copy them: the gradient
    would be wrong if they were changed in place before it is called. On the CPU it looks at up
    to 256 numbers of each, spread evenly, and raises RuntimeError where one has changed. What
    changes fewer numbers of a large array, or an array on a GPU, is not noticed.
    Source: eq-vjp; composing two of them is eq-vjp-composition.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> a, backward = nn.vjp(nn.tanh, np.array([0.0, 1.0]))
    >>> print(backward(np.ones(2)).round(2))
    [1.   0.42]
    """
    name = getattr(f, "__name__", type(f).__name__)
    if not hasattr(f, "forward"):
        raise TypeError(
            f"vjp: f is {name}, which is not differentiable; expected a function decorated with "
            "@nn.differentiable or @nn.record, a layer or a model"
        )
    positions = positions_of(name, args, wrt)
    value, waiting = value_and_backward(f, *args, **kw)
    kept = sampled(args, value)

    def backward(*dvalues: Array) -> Any:
        check_unchanged(name, kept)
        gradients = waiting(*output_gradients(name, value, dvalues))
        wanted = tuple(gradient_of(name, gradients, args, i) for i in positions)
        return wanted[0] if len(wanted) == 1 else wanted

    return value, backward


def value_and_backward(f: Any, *args: Any, **kw: Any) -> tuple[Any, Backward]:
    """Run the protocol: a layer or a model makes a training pass, anything else its `forward`."""
    value, backward = getattr(f, "training_pass", f.forward)(*args, **kw)
    return value, backward


class Recorded:
    """A value on a tape (see `nnlearn.automatic.tape`), which writes down what is done to it."""

    tape: Any


def tape_of(args: Sequence[Any]) -> Any:
    """Return the tape on which one of the arguments is a value, or None."""
    for a in args:
        if isinstance(a, Recorded):
            return a.tape
    return None


def _checked(name: str, result: Any) -> tuple[Any, Callable[..., Any]]:
    if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
        raise TypeError(
            f"{name}: its body gives a {type(result).__name__}, expected value, backward with a "
            "function backward"
        )
    return result


def _all_wait(gradients: Any) -> tuple[Waiting, ...]:
    """Give the gradients of a body, one or several, there already or waiting, as a protocol's."""
    several = gradients if isinstance(gradients, tuple) else (gradients,)
    return tuple(g if callable(g) else functools.partial(_give, g) for g in several)


def _give(gradient: Array) -> Array:
    return gradient
