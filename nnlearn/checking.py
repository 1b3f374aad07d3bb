"""Checking a derivation: the gradient that was derived against central differences."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from nnlearn.arrays.backend import array_namespace, to_numpy
from nnlearn.arrays.typing import Array
from nnlearn.derivative import vjp
from nnlearn.gradients import is_differentiable
from nnlearn.parameters import Parameters


class GradientError(AssertionError):
    """A gradient that was derived differs from the one that was measured."""


def central_difference(
    function: Callable[[Any], Any], vector: Any, direction: Any, step: float
) -> Any:
    """Measure the derivative of a scalar function along a direction.

    Parameters
    ----------
    function : callable
        Of a float64 NumPy vector, giving a number.
    vector, direction : ndarray, shape (P,)
    step : float
        h in (f(x + h d) - f(x - h d)) / 2h.

    Notes
    -----
    Source: eq-central-difference; the step is chosen by eq-optimal-step.
    """
    return (function(vector + step * direction) - function(vector - step * direction)) / (2 * step)


def check_gradients(
    f: Any,
    *args: Any,
    wrt: Any = None,
    tolerance: float = 1e-6,
    samples: int = 200,
    seed: int = 0,
    **kw: Any,
) -> float:
    """Compare every gradient of `f` with central differences, in float64.

    The outputs are weighted by random numbers and summed, so that each of them counts; every
    element of every argument is moved, or a random `samples` of them in a large one.

    Parameters
    ----------
    f, *args, wrt, **kw
        As in `nnlearn.vjp`. Arguments are taken in float64; a random generator among them starts
        from the same state at every evaluation.
    tolerance : float
        The largest difference allowed, relative to the larger of the two numbers and 1.
    samples : int
        How many elements of an argument are moved at most.
    seed : int
        Of the weights and of the choice of elements.

    Returns
    -------
    float
        The largest relative difference seen.

    Raises
    ------
    GradientError
        At the first gradient that differs, naming the argument, the index and both numbers.

    ValueError
        If there is nothing to check.

    Notes
    -----
    Source: eq-central-difference, eq-optimal-step.
    """
    rng = np.random.default_rng(seed)
    point = [_in_float64(a) for a in args]
    if wrt is None:
        wrt = [i for i, a in enumerate(point) if is_differentiable(a)]
    positions = [wrt] if isinstance(wrt, int) else list(wrt)
    if not any(_flat(point[i]).size for i in positions):
        name = getattr(f, "__name__", type(f).__name__)
        raise ValueError(
            f"check_gradients: {name} is given no number to move, expected at least one "
            "floating-point argument that is not empty"
        )
    if samples < 1:
        raise ValueError(f"check_gradients: samples is {samples}, expected at least 1")

    def outputs(arguments: Any) -> Any:
        arguments = [a if is_differentiable(a) else copy.deepcopy(a) for a in arguments]
        value, backward = vjp(f, *arguments, wrt=positions, **copy.deepcopy(kw))
        return (value if isinstance(value, tuple) else (value,)), backward

    values, backward = outputs(point)
    weights = [rng.uniform(0.5, 1.5, v.shape) * rng.choice([-1, 1], v.shape) for v in values]
    gradients = backward(*(_like(v, w) for v, w in zip(values, weights, strict=True)))
    worst = 0.0
    for i, gradient in zip(
        positions, gradients if len(positions) > 1 else (gradients,), strict=True
    ):

        def weighted_sum(vector: Any, i: Any = i) -> Any:
            moved = [*point[:i], _shaped(point[i], vector), *point[i + 1 :]]
            return sum(
                np.sum(to_numpy(v) * w) for v, w in zip(outputs(moved)[0], weights, strict=True)
            )

        derived = _flat(gradient) + 0.0  # a gradient of -0 is reported as 0
        for k in _choose(derived.size, samples, rng):
            measured = partial_derivative(weighted_sum, _flat(point[i]), k)
            error = abs(derived[k] - measured) / max(1.0, abs(derived[k]), abs(measured))
            if not error <= tolerance:
                name = getattr(f, "__name__", type(f).__name__)
                raise GradientError(
                    f"{name}: the gradient of argument {i} at {_where(point[i], k)} is "
                    f"{derived[k]:.8g}, but central differences measure {measured:.8g} "
                    f"(relative difference {error:.1e}, allowed {tolerance:.1e})"
                )
            worst = max(worst, error)
    return float(worst)


def partial_derivative(function: Callable[[Any], Any], vector: Any, k: int) -> Any:
    """Measure the derivative of a function of a vector by its k-th element."""
    direction = np.zeros(vector.size)
    direction[k] = 1.0
    step = np.finfo(float).eps ** (1 / 3) * max(1.0, abs(vector[k]))  # eq-optimal-step
    return central_difference(function, vector, direction, step)


def _choose(size: int, samples: int, rng: np.random.Generator) -> Any:
    """Choose which elements to move: all, or a random few of many."""
    if size <= samples:
        return np.arange(size)
    return np.sort(rng.choice(size, samples, replace=False))


def _in_float64(a: Any) -> Any:
    """Copy a floating-point argument to float64; leave others as they are."""
    if not is_differentiable(a):
        return a
    if isinstance(a, Parameters):
        return Parameters(_in_float64(a.vector), a.layout, _in_float64(a.state))
    xp = array_namespace(a)
    return xp.astype(a, xp.float64)


def _like(array: Array, values: Any) -> Any:
    """Put NumPy values where an array is."""
    return array_namespace(array).asarray(values, device=array.device)


def _flat(a: Any) -> Any:
    """Return an array's or parameters' values as a NumPy vector."""
    return to_numpy(a.vector if isinstance(a, Parameters) else a).astype(float).ravel()


def _shaped(a: Any, vector: Any) -> Any:
    """Return the vector in the form of an argument."""
    if isinstance(a, Parameters):
        return Parameters(_like(a.vector, vector), a.layout, a.state)
    return _like(a, vector.reshape(a.shape))


def _where(a: Any, k: int) -> Any:
    """Say in words which element the k-th one is."""
    if isinstance(a, Parameters):
        for name, where in a.layout.slices.items():
            if where.start <= k < where.stop:
                index = np.unravel_index(k - where.start, a.layout.shapes[name])
                return f"{name}[{', '.join(str(int(j)) for j in index)}]"
    return f"[{', '.join(str(int(j)) for j in np.unravel_index(k, a.shape))}]"
