"""What the checks of the exercises are built from: properties, and messages that help."""

import copy
import reprlib
import warnings

import numpy as np

from nnlearn.checking import central_difference
from nnlearn.exercises import wording
from nnlearn.exercises.mismatch import agrees, explain, same, tolerance


class CheckFailed(AssertionError):
    """An answer is not right yet; the text says what was tried and what came of it."""

    def _render_traceback_(self) -> list[str]:
        """Return what Jupyter shows: the message alone, without the lines of the check."""
        return str(self).splitlines()


class NotAnswered(CheckFailed):
    """The answer cell is still as it was given."""


class Check:
    """The checks of one exercise; they stop at the first thing that is wrong.

    Parameters
    ----------
    number : str
        Chapter and exercise, such as "1.3". It also seeds `rng`: the cases are always the same.
    title : str
        A few words, for the messages and for the line that reports success.
    *answers
        What the learner wrote: functions or values.

    Raises
    ------
    NotAnswered
        If one of the answers is `None` or `...`.
    """

    def __init__(self, number: str, title: str, *answers):
        self.number, self.title = number, title
        self.rng = np.random.default_rng([int(part) for part in number.split(".")])
        self.count = 0
        self._case = ""
        self._warnings: list[str] = []
        if any(answer is None or answer is ... for answer in answers):
            self._not_answered()

    def call(self, function, *args, case=None, in_place=False, **kwargs):
        """Run the learner's `function` on copies of the arguments and return what it returns.

        It fails with a readable message if the function raises, returns nothing, or changes its
        arguments. With `in_place` the function gets the arguments themselves, may change them and
        may return nothing. Messages name `case` until the next call; without it they show the call.
        """
        if not callable(function):
            self.fail(f"Your answer should be a function; it is {wording.kind(function)}.")
        name = getattr(function, "__name__", "your function")
        self._case = case or wording.call(name, args, kwargs)
        given = (args, kwargs) if in_place else copy.deepcopy((args, kwargs))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = self._run(function, *given)
        self._warnings = sorted({str(warning.message) for warning in caught})
        if in_place:
            return result
        if not same((args, kwargs), given):
            self.fail(
                f"`{name}` changes an array that it was given. "
                "Make a new array instead: `y = 2 * x`, for example, and not `x *= 2`."
            )
        if result is None:
            self.fail(f"`{name}` gave back nothing. Is its `return` missing?")
        return result

    def _run(self, function, args, kwargs):
        try:
            return function(*args, **kwargs)
        except NotImplementedError:
            self._not_answered()
        except CheckFailed:
            raise
        except (Exception, SystemExit) as raised:
            self.fail(wording.error(raised, function))

    def no_warnings(self, hint="Find a form that does not overflow."):
        """Check that NumPy gave no warning, of an overflow for example, in the last call."""
        self.that(not self._warnings, f"It is not stable here. {hint}")

    def unpack(self, result, names: str) -> tuple:
        """Return the parts of a result that must be a tuple, one for each name in "dx, dW, db"."""
        count = len(names.split(","))
        if not isinstance(result, tuple | list):
            self.fail(f"Return {count} results, in this order: {names}. Yours is one alone.")
        if len(result) != count:
            self.fail(f"Return {count} results, in this order: {names}. Yours are {len(result)}.")
        return tuple(result)

    def number_of(self, value, name="Your answer") -> float:
        """Return the learner's value as a float, if it is one finite number."""
        array = self._array(value, name)
        if array.size != 1 or not np.all(np.isfinite(array)):
            self.fail(f"{name} should be one finite number; it is {wording.kind(value)}.")
        return float(array.reshape(()))

    def choice(self, value, options, name="Your answer"):
        """Return the learner's value, if it is one of the options."""
        if not any(type(value) is type(option) and value == option for option in options):
            listed = ", ".join(map(repr, options))
            self.fail(f"{name} should be one of {listed}; it is {reprlib.repr(value)}.")
        return value

    def shape(self, value, shape, dtype=None, name="The result", case=None):
        """Check that `value` is an array (or number) of this shape and, if given, dtype."""
        self._case = case or self._case
        array = self._array(value, name)
        if array.shape != tuple(shape):
            self.fail(f"{name} has shape {array.shape}; expected shape {tuple(shape)}.")
        if dtype is not None and array.dtype != dtype:
            self.fail(f"{name} has dtype {array.dtype}; expected {np.dtype(dtype)}.")
        self.count += 1

    def close(
        self, value, expected, hints=None, rtol=None, atol=1e-12, name="The result", case=None
    ):
        """Check that `value` is `expected`, up to rounding. The expected value is never shown.

        Parameters
        ----------
        value, expected : array_like
        hints : dict, optional
            For each usual mistake: the message → the value that the mistake leads to, or a function
            of no arguments that gives it. The first one that the learner's value equals is used.
        rtol : float, optional
            Relative to the largest expected entry. Default: 1e-7, or 1e-4 if either is float32.
        """
        self._case = case or self._case
        array, expected = self._array(value, name), np.asarray(expected)
        allowed = tolerance(array, expected, rtol, atol)
        if not agrees(array, expected, allowed):
            self.fail(f"{name} is not right. {explain(array, expected, allowed, hints or {})}")
        self.count += 1

    def gradient(
        self, value, function, *args, wrt=0, seed=None, hints=None, rtol=1e-5, name=None, case=None
    ):
        """Check that `value` is the gradient of sum(seed · function(*args)) by argument `wrt`.

        It is compared with central differences (eq-central-difference), in float64.
        """
        expected = numerical_gradient(function, *args, wrt=wrt, seed=seed)
        self.close(value, expected, hints, rtol, atol=1e-7, name=name or "The gradient", case=case)

    def adjoint(self, forward, backward, v_shape, u_shape, hint="", case=None):
        """Check the adjoint identity ⟨J v, u⟩ = ⟨v, Jᵀ u⟩ (eq-adjoint) of v ↦ J v and u ↦ Jᵀ u."""
        v, u = self.rng.standard_normal(v_shape), self.rng.standard_normal(u_shape)
        jv = self.call(forward, v, case=case)
        self.shape(jv, u.shape, name="J v")
        jtu = self.call(backward, u, case=case)
        self.shape(jtu, v.shape, name="Jᵀ u")
        left, right = float(np.sum(jv * u)), float(np.sum(v * jtu))
        near = abs(left - right) <= 1e-5 * (abs(left) + abs(right)) + 1e-9
        self.that(near, f"⟨J v, u⟩ and ⟨v, Jᵀ u⟩ differ by {abs(left - right):.3g}. {hint}".strip())

    def that(self, condition, message, case=None):
        """Check that `condition` holds; `message` says what is wrong when it does not."""
        self._case = case or self._case
        if not np.all(condition):
            self.fail(message)
        self.count += 1

    def fail(self, message):
        """Stop with this message, the case, and what NumPy warned of in the last call."""
        lines = [f"Exercise {self.number} ({self.title}) is not right yet.", message]
        lines += [f"Tried: {self._case}"] if self._case else []
        lines += [f"NumPy warned: {text}" for text in self._warnings]
        raise CheckFailed("\n".join(lines)) from None

    def _not_answered(self):
        raise NotAnswered(
            f"Exercise {self.number} is not answered yet.\n"
            "Write your answer in the cell above, run that cell, then run this one again."
        ) from None

    def done(self):
        """Print the line that says that all is right: the last line of every check."""
        if not self.count:
            raise ValueError(f"the check of exercise {self.number} has checked nothing")
        result = (
            "its one property holds" if self.count == 1 else f"all {self.count} properties hold"
        )
        print(f"{self.number} {self.title}: {result}")

    def _array(self, value, name):
        try:
            array = np.asarray(value)
        except ValueError:  # a list of lists of different lengths
            array = np.asarray(None)
        if array.dtype.kind not in "fiub":
            self.fail(f"{name} should be a number or numbers; it is {wording.kind(value)}.")
        return array


def numerical_gradient(function, *args, wrt=0, seed=None) -> np.ndarray:
    """Measure the gradient of sum(seed · function(*args)) by argument `wrt`, in float64.

    Source: eq-central-difference, with the step of eq-optimal-step.
    """
    x = np.asarray(args[wrt], dtype=np.float64)

    def scalar(vector):
        moved = vector.reshape(x.shape) if x.ndim else vector[0]
        value = np.asarray(function(*args[:wrt], moved, *args[wrt + 1 :]))
        return float(np.sum(value if seed is None else seed * value))

    measured = np.empty(x.size)
    for k, direction in enumerate(np.eye(x.size)):
        step = np.finfo(float).eps ** (1 / 3) * max(1.0, abs(x.flat[k]))
        measured[k] = central_difference(scalar, x.reshape(-1), direction, step)
    return measured.reshape(x.shape)
