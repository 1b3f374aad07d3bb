"""Forward mode: a derivative along a direction goes with the values; of a gradient, curvature."""

from collections.abc import Callable, Sequence
from typing import Any

from nnlearn.automatic.dual import Dual
from nnlearn.derivative import vjp
from nnlearn.gradients import is_differentiable
from nnlearn.parameters import Parameters


def jvp(
    f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any], **kw: Any
) -> tuple[Any, Any]:
    """Compute ``f(*args)`` and its Jacobian-vector product: how it changes along a direction.

    Parameters
    ----------
    f : callable
        Made of this package's operations, layers, and arithmetic with arrays. A layer computes as
        in inference.
    args : sequence
        Its arguments: arrays, `Parameters`, or constants.
    tangents : sequence
        How each of them moves: an array of its shape and dtype, `Parameters` of its form, or None
        for one that stays.
    **kw
        Constants: they are passed on.

    Returns
    -------
    value, tangent
        What ``f(*args, **kw)`` gives, and the same form again of its derivatives.

    Raises
    ------
    ValueError
        If there are not as many tangents as arguments, or one has another shape or dtype.
    TypeError
        If the result is no array that came from the arguments.

    Notes
    -----
    The arguments become dual numbers, and `f` runs as it is. Source: eq-jvp.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> value, tangent = nn.jvp(lambda x: x * x, [np.array([3.0])], [np.array([1.0])])
    >>> print(value, tangent)
    [9.] [6.]
    """
    if len(args) != len(tangents):
        raise ValueError(
            f"jvp: {len(tangents)} tangents for {len(args)} arguments, expected one each"
        )
    pairs = zip(args, tangents, strict=True)
    result = f(*(_lifted(i, a, t) for i, (a, t) in enumerate(pairs)), **kw)
    if isinstance(result, tuple):
        parts = [_parts(r) for r in result]
        return tuple(value for value, _ in parts), tuple(tangent for _, tangent in parts)
    return _parts(result)


def hvp(f: Any, *args: Any, direction: Any, wrt: int = 0, **kw: Any) -> Any:
    """Compute a Hessian-vector product: how the gradient of a scalar changes along a direction.

    Parameters
    ----------
    f : differentiable function
        As for `nnlearn.vjp`, with a scalar value: a loss.
    *args
        Its arguments.
    direction : array or Parameters
        v, of the form of the argument `wrt`.
    wrt : int
        The position of the argument that is moved.
    **kw
        Constants: they are passed on.

    Returns
    -------
    array or Parameters
        H v, of the form of that argument. H itself, with the square of its size, is never made.

    Raises
    ------
    ValueError
        If the value is no scalar, `wrt` names no argument, or the direction has another shape.
    TypeError
        If `f` is not differentiable.

    Notes
    -----
    The forward mode of the reverse mode: the backward pass runs on dual numbers. What a max, a
    comparison or a ReLU's kink does there has derivative 0. Source: eq-hvp.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> cube_sum = nn.record(lambda x: (x**3).sum())  # its Hessian is diagonal, 6 x
    >>> print(nn.hvp(cube_sum, np.array([1.0, 2.0]), direction=np.array([1.0, 1.0])))
    [ 6. 12.]
    """
    if not (isinstance(wrt, int) and 0 <= wrt < len(args)):
        raise ValueError(f"hvp: wrt is {wrt!r}, expected a position, 0 to {len(args) - 1}")

    def gradient(*moved: Any) -> Any:
        value, backward = vjp(f, *moved, wrt=wrt, **kw)
        if isinstance(value, tuple) or value.shape != ():
            raise ValueError("hvp: f gives more than one number, expected a scalar, such as a loss")
        return backward()

    tangents = [direction if i == wrt else None for i in range(len(args))]
    return jvp(gradient, args, tangents)[1]


def _lifted(i: int, a: Any, tangent: Any) -> Any:
    """Turn an argument into dual numbers; what has no numbers stays as it is."""
    if isinstance(a, Parameters):
        moves = getattr(tangent, "vector", tangent)
        state = _lifted(i, a.state, None)  # what a layer remembers does not move
        return Parameters(_lifted(i, a.vector, moves), a.layout, state)
    if tangent is not None and not is_differentiable(a):
        raise TypeError(
            f"jvp: argument {i} is a {type(a).__name__}, no floating-point array, and cannot move; "
            "expected None as its tangent"
        )
    if not is_differentiable(a):
        return a
    if tangent is None:
        return Dual(a, None)
    if getattr(tangent, "shape", None) != a.shape or tangent.dtype != a.dtype:
        raise ValueError(
            f"jvp: tangent {i} has shape {getattr(tangent, 'shape', None)} and dtype "
            f"{getattr(tangent, 'dtype', None)}, expected those of its argument, {a.shape} and "
            f"{a.dtype}"
        )
    return Dual(a, tangent)


def _parts(result: Any) -> tuple[Any, Any]:
    """Take dual numbers, or parameters of them, apart into values and tangents."""
    if isinstance(result, Parameters):
        value, tangent = _parts(result.vector)
        return Parameters(value, result.layout), Parameters(tangent, result.layout)
    if not isinstance(result, Dual):
        raise TypeError(
            f"jvp: f gives a {type(result).__name__} that did not come from its arguments by "
            "operations on arrays"
        )
    return result.value, result.tangent
