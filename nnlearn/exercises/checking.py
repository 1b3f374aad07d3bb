"""What the checks of the exercises are built from: properties, and messages that help."""

import copy
import reprlib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from nnlearn.arrays.backend import to_numpy
from nnlearn.exercises import unaided, wording
from nnlearn.exercises.failures import CheckFailed, NotAnswered
from nnlearn.exercises.measuring import numerical_gradient
from nnlearn.exercises.mismatch import Hints, agrees, explain, numbers, part, same, tolerance

#: NumPy's own settings: a check is the same whatever `np.seterr` says in the reader's notebook.
_PLAIN: dict[str, Any] = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


class Check:
    """The checks of one exercise; they stop at the first thing that is wrong.

    Parameters
    ----------
    number : str
        Chapter and exercise, such as "1.3". It also seeds `rng`: the cases are always the same.
    title : str
        A few words, for the messages and for the line that reports success.
    *answers
        What the learner wrote: functions or values, or dictionaries of values.
    without : tuple of str, optional
        What of the package an answer is to be written without (see `nnlearn.exercises.unaided`).

    Raises
    ------
    NotAnswered
        If one of the answers is `None` or `...`.
    """

    def __init__(
        self, number: str, title: str, *answers: Any, without: tuple[str, ...] = ()
    ) -> None:
        self.number, self.title, self._without = number, title, without
        self.rng = np.random.default_rng([int(part) for part in number.split(".")])
        self.count = 0
        self._case = ""
        self._warnings: list[str] = []
        self._settings: dict[str, Any] = np.seterr(**_PLAIN)  # type: ignore[assignment]
        for answer in answers:
            parts = answer.values() if isinstance(answer, dict) else [answer]
            if any(part is None or part is ... for part in parts):
                self._not_answered()

    def normal(self, *shapes: int | tuple[int, ...]) -> list[Any]:
        """Return an array of normal random numbers of each shape."""
        return [self.rng.normal(size=shape) for shape in shapes]

    def call(
        self, function: Any, *args: Any, case: str | None = None, in_place: bool = False,
        **kwargs: Any,
    ) -> Any:  # fmt: skip
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

    def _run(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        stopped: BaseException | None = None
        with unaided.watched(self._without) as used, np.errstate(**_PLAIN):
            try:
                result = function(*args, **kwargs)
            except (Exception, SystemExit) as raised:
                stopped = raised
        if used:
            self.fail(f"`{used[0]}` is the package's. Here you write it yourself.")
        if isinstance(stopped, NotImplementedError):
            self._not_answered()
        if isinstance(stopped, CheckFailed):
            raise stopped
        if stopped is not None:
            self.fail(wording.error(stopped, function))
        return result

    def no_warnings(self, hint: str = "Find a form that does not overflow.") -> None:
        """Check that NumPy gave no warning, of an overflow for example, in the last call."""
        self.that(not self._warnings, f"It is not stable here. {hint}")

    def unpack(self, result: Any, names: str) -> tuple[Any, ...]:
        """Return the parts of a result that must be a tuple, one for each name in "dx, dW, db"."""
        count = len(names.split(","))
        if not isinstance(result, tuple | list):
            self.fail(f"Return {count} results, in this order: {names}. Yours is one alone.")
        if len(result) != count:
            self.fail(f"Return {count} results, in this order: {names}. Yours are {len(result)}.")
        return tuple(result)

    def number_of(self, value: Any, name: str = "Your answer") -> float:
        """Return the learner's value as a float, if it is one finite number."""
        array = self._array(value, name)
        if array.size != 1 or not np.all(np.isfinite(array)):
            self.fail(f"{name} should be one finite number; it is {wording.kind(value)}.")
        return float(array.reshape(()))

    def number_close(
        self, value: Any, expected: Any, hints: Hints | None = None, rtol: float | None = None,
        atol: float = 1e-12, name: str = "Your answer",
    ) -> float:  # fmt: skip
        """Return the learner's value, if it is one number that is `close` to what is expected."""
        number = self.number_of(value, name)
        self.close(np.reshape(value, ()), expected, hints, rtol, atol, name)
        return number

    def choice(self, value: Any, options: Sequence[Any], name: str = "Your answer") -> Any:
        """Return the option that the learner's value is: what NumPy gives counts by its value."""
        if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.size == 1):
            value = value.item()
        for option in options:
            if type(value) is type(option) and value == option:
                return option
        listed = ", ".join(map(repr, options))
        self.fail(f"{name} should be one of {listed}; it is {reprlib.repr(value)}.")

    def keys(self, value: Any, keys: Iterable[str], message: str) -> None:
        """Check that `value` is a dictionary with these keys; it does not count as a property."""
        if not isinstance(value, dict) or set(value) != set(keys):
            self.fail(message)

    def shape(
        self, value: Any, shape: Sequence[int], dtype: Any = None, name: str = "The result",
        case: str | None = None,
    ) -> None:  # fmt: skip
        """Check that `value` is an array (or number) of this shape and, if given, dtype."""
        self._case = case or self._case
        array = self._array(value, name)
        if array.shape != tuple(shape):
            self.fail(f"{name} has shape {array.shape}; expected shape {tuple(shape)}.")
        if dtype is not None and array.dtype != dtype:
            self.fail(f"{name} has dtype {array.dtype}; expected {np.dtype(dtype)}.")
        self.count += 1

    def shapes(self, values: Iterable[Any], like: Iterable[Any], names: str) -> None:
        """Check that each value has the shape of its partner in `like`; names as "dx, dW, db"."""
        for name, value, partner in zip(names.split(", "), values, like, strict=True):
            self.shape(value, np.shape(partner), name=name)

    def close(
        self, value: Any, expected: Any, hints: Hints | None = None, rtol: float | None = None,
        atol: float = 1e-12, name: str = "The result", case: str | None = None,
    ) -> None:  # fmt: skip
        """Check that `value` is `expected`, up to rounding. The expected value is never shown.

        Parameters
        ----------
        value, expected : array_like
        hints : dict, optional
            For each usual mistake: the message → the value that the mistake leads to, or a function
            of no arguments that gives it. The first one that the learner's value equals is used;
            a mistake that leads to the right value in this case, up to rounding, is passed over.
        rtol : float, optional
            Relative to the largest expected entry. Default: 1e-7, or 1e-4 if either is float32.
        """
        self._case = case or self._case
        given, expected = self._array(value, name), np.asarray(expected)
        array = numbers(given)
        allowed = tolerance(array, expected, rtol, atol)
        if not agrees(array, expected, allowed):
            text = f"{name} is not right. {explain(array, expected, allowed, hints or {})}"
            if given.dtype == bool and expected.dtype != bool:
                text += f" {wording.TRUTHS}"
            self.fail(text)
        self.count += 1

    def gradient(
        self, value: Any, function: Callable[..., Any], *args: Any, wrt: int = 0, seed: Any = None,
        hints: Hints | None = None, rtol: float = 1e-5, name: str = "The gradient",
        case: str | None = None,
    ) -> None:  # fmt: skip
        """Check that `value` is the gradient of sum(seed · function(*args)) by argument `wrt`.

        It is compared with central differences (eq-central-difference), in float64.
        """
        expected = numerical_gradient(function, *args, wrt=wrt, seed=seed)
        self.close(value, expected, hints, rtol, atol=1e-7, name=name, case=case)

    def gradients(
        self, values: Iterable[Any], names: str, function: Callable[..., Any], *args: Any,
        seed: Any = None, mistakes: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:  # fmt: skip
        """Check the gradients by the first arguments, one for each name in "dx, dW, db".

        `mistakes` are hints: the message → all the gradients that the mistake leads to.
        """
        for k, (name, value) in enumerate(zip(names.split(", "), values, strict=True)):
            hints = part(mistakes or {}, k)
            self.gradient(value, function, *args, wrt=k, seed=seed, hints=hints, name=name)

    def adjoint(
        self, forward: Callable[..., Any], backward: Callable[..., Any], v_shape: tuple[int, ...],
        u_shape: tuple[int, ...], hint: str = "", case: str | None = None,
    ) -> None:  # fmt: skip
        """Check the adjoint identity ⟨J v, u⟩ = ⟨v, Jᵀ u⟩ (eq-adjoint) of v ↦ J v and u ↦ Jᵀ u."""
        v, u = self.rng.standard_normal(v_shape), self.rng.standard_normal(u_shape)
        jv = self.call(forward, v, case=case)
        self.shape(jv, u.shape, name="J v")
        jtu = self.call(backward, u, case=case)
        self.shape(jtu, v.shape, name="Jᵀ u")
        left, right = float(np.sum(jv * u)), float(np.sum(v * jtu))
        near = abs(left - right) <= 1e-5 * (abs(left) + abs(right)) + 1e-9
        self.that(near, f"⟨J v, u⟩ and ⟨v, Jᵀ u⟩ differ by {abs(left - right):.3g}. {hint}".strip())

    def that(self, condition: Any, message: str, case: str | None = None) -> None:
        """Check that `condition` holds; `message` says what is wrong when it does not."""
        self._case = case or self._case
        if not np.all(condition):
            self.fail(message)
        self.count += 1

    def fail(self, message: str) -> NoReturn:
        """Stop with this message, the case, and what NumPy warned of in the last call."""
        lines = [f"Exercise {self.number} ({self.title}) is not right yet.", message]
        lines += [f"Tried: {self._case}"] if self._case else []
        lines += [f"NumPy warned: {text}" for text in self._warnings]
        np.seterr(**self._settings)
        raise CheckFailed("\n".join(lines)) from None

    def _not_answered(self) -> NoReturn:
        np.seterr(**self._settings)
        raise NotAnswered(
            f"Exercise {self.number} is not answered yet.\n"
            "Write your answer in the cell above, run that cell, then run this one again."
        ) from None

    def done(self) -> None:
        """Print the line that says that all is right: the last line of every check."""
        if not self.count:
            raise ValueError(f"the check of exercise {self.number} has checked nothing")
        np.seterr(**self._settings)
        result = (
            "its one property holds" if self.count == 1 else f"all {self.count} properties hold"
        )
        print(f"{self.number} {self.title}: {result}")

    def _array(self, value: Any, name: str) -> Any:
        try:
            array = to_numpy(value)  # it may lie on a device
        except ValueError:  # a list of lists of different lengths
            array = np.asarray(None)
        if array.dtype.kind not in "fiub":
            self.fail(f"{name} should be a number or numbers; it is {wording.kind(value)}.")
        return array
