"""An operation is a function that knows its derivation.

Its body gives two things: the value and a function `backward`, the vector-Jacobian product that
the book derives, closed over exactly what the derivation needs. Calling the operation gives the
value; `vjp` gives both. Nothing is recorded on a tape.
"""

import functools
from collections.abc import Iterable

from nnlearn.arrays.backend import array_namespace, is_floating
from nnlearn.shapes import Signature


def differentiable(shapes=None):
    """Turn a function whose body gives ``value, backward`` into an operation.

    Parameters
    ----------
    shapes : str, optional
        The shapes of its leading arguments, such as ``"x (..., D), W (M, D) -> z (..., M)"``,
        checked before any work (see `nnlearn.shapes`).

    Notes
    -----
    ``backward`` takes the gradient of every output and gives the gradient of every array argument,
    in order: one array, or a tuple. In place of a costly gradient it may give a function of no
    arguments, which `vjp` calls only if that gradient is wanted. Arguments that have no
    derivative (labels, say) come last and get none. Source: eq-vjp.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> @nn.differentiable("x (...)")
    ... def square(x):
    ...     return x * x, lambda dy: 2 * x * dy
    >>> value, backward = nn.vjp(square, np.array([3.0]))
    >>> print(value, backward(np.array([1.0])))
    [9.] [6.]
    """
    if callable(shapes):  # used bare, without brackets
        return differentiable()(shapes)

    def decorate(function):
        signature = Signature(function.__name__, shapes or "")

        def forward(*args, **kw):
            signature.check(args, kw)
            result = function(*args, **kw)
            if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
                raise TypeError(
                    f"{function.__name__}: its body gives a {type(result).__name__}, expected "
                    "value, backward with a function backward"
                )
            return result

        @functools.wraps(function)
        def operation(*args, **kw):
            return forward(*args, **kw)[0]

        operation.forward = forward  # type: ignore[attr-defined]
        return operation

    return decorate


def vjp(f, *args, wrt=None, **kw):
    """Compute ``f(*args, **kw)`` and its vector-Jacobian product.

    Parameters
    ----------
    f : differentiable function, layer or model
        What to differentiate. A layer or model takes ``(params, x)`` and makes a training pass.
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

    Notes
    -----
    Source: eq-vjp; composing two of them is eq-vjp-composition.
    """
    name = getattr(f, "__name__", type(f).__name__)
    if not hasattr(f, "forward"):
        raise TypeError(
            f"vjp: f is {name}, which is not differentiable; expected a function decorated with "
            "@nn.differentiable, a layer or a model"
        )
    positions, lone = _positions(name, args, wrt)
    if hasattr(f, "training_pass"):
        value, gradients_of = f.training_pass(positions, *args, **kw)
    else:
        value, gradients_of = f.forward(*args, **kw)

    def backward(*dvalues):
        gradients = gradients_of(*_output_gradients(name, value, dvalues))
        if not isinstance(gradients, tuple):
            gradients = (gradients,)
        wanted = tuple(_gradient(name, gradients, args, i) for i in positions)
        return wanted[0] if lone else wanted

    return value, backward


def is_differentiable(a):
    """Whether `vjp` differentiates by this argument unless told otherwise."""
    return hasattr(a, "vector") or (hasattr(a, "shape") and is_floating(a.dtype))


def _positions(name, args, wrt):
    """Turn `wrt` into a tuple of positions, and say whether one gradient is to come bare."""
    if wrt is None:
        positions = tuple(i for i, a in enumerate(args) if is_differentiable(a))
        if not positions:
            raise ValueError(f"vjp: {name} is given no floating-point array to differentiate by")
        return positions, len(positions) == 1
    if not isinstance(wrt, int | Iterable):
        raise TypeError(f"vjp: wrt is {wrt!r}, expected a position or several")
    positions = (wrt,) if isinstance(wrt, int) else tuple(wrt)
    for i in positions:
        if not (isinstance(i, int) and 0 <= i < len(args)):
            raise ValueError(
                f"vjp: wrt names argument {i!r} of {name}, expected positions 0 to {len(args) - 1}"
            )
        if not is_differentiable(args[i]):
            raise TypeError(
                f"vjp: wrt names argument {i} of {name}, a {type(args[i]).__name__} that is not "
                "floating-point"
            )
    return positions, len(positions) == 1


def _output_gradients(name, value, dvalues):
    """Check the gradients of the outputs; fill in those that were left out."""
    values = value if isinstance(value, tuple) else (value,)
    if len(dvalues) > len(values):
        raise TypeError(
            f"backward of {name}: {len(dvalues)} gradients came, expected at most {len(values)}"
        )
    if not dvalues and values[0].shape != ():
        raise TypeError(
            f"backward of {name}: the value has shape {values[0].shape}; its gradient is missing"
        )
    dvalues = list(dvalues)
    for i, v in enumerate(values):
        xp = array_namespace(v)
        if i >= len(dvalues):
            dvalues.append((xp.ones_like if v.shape == () and i == 0 else xp.zeros_like)(v))
        elif not hasattr(dvalues[i], "shape"):
            dvalues[i] = xp.asarray(dvalues[i], dtype=v.dtype, device=v.device)
        if dvalues[i].shape != v.shape:
            raise ValueError(
                f"backward of {name}: the gradient has shape {dvalues[i].shape}, expected the "
                f"shape of the value, {v.shape}"
            )
    return dvalues


def _gradient(name, gradients, args, i):
    """Pick the gradient of argument `i`, compute it if it waits to be, and check its shape."""
    if i >= len(gradients) or gradients[i] is None:
        raise TypeError(f"vjp: {name} gives no gradient for its argument {i}")
    gradient = gradients[i]() if callable(gradients[i]) else gradients[i]
    if hasattr(args[i], "shape") and gradient.shape != args[i].shape:
        raise ValueError(
            f"vjp: {name} gives a gradient of shape {gradient.shape} for its argument {i}, "
            f"which has shape {args[i].shape}"
        )
    return gradient
