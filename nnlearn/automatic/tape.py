"""A tape: reverse mode for any function that is made of differentiable operations.

While the function runs, each call of an operation is written down: what went in, what came out,
and its backward function. Then the tape is read from its end, and what is known of each result is
sent on to what it came from: eq-vjp-composition and eq-fan-out, line after line.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from nnlearn.derivative import Backward, Recorded, value_and_backward, with_forward
from nnlearn.gradients import Waiting, is_differentiable, once
from nnlearn.operations import arithmetic


def _compare(name: str) -> Any:  # to compare is to look at the values: the answer is not recorded
    return lambda self, other: getattr(self.value, name)(getattr(other, "value", other))


class Variable(Recorded):
    """A value on a tape, with the leaves it depends on. What is done to it is written down."""

    __array_ufunc__ = None  # NumPy's arrays leave the arithmetic with variables to these
    __add__ = __radd__ = arithmetic.add
    __mul__ = __rmul__ = arithmetic.multiply
    __sub__, __rsub__ = arithmetic.subtract, arithmetic.swapped(arithmetic.subtract)
    __truediv__, __rtruediv__ = arithmetic.divide, arithmetic.swapped(arithmetic.divide)
    __matmul__, __rmatmul__ = arithmetic.matmul, arithmetic.swapped(arithmetic.matmul)
    __pow__, __neg__, __getitem__ = arithmetic.power, arithmetic.negative, arithmetic.item
    sum, mean, reshape = arithmetic.total, arithmetic.mean, arithmetic.reshape
    T = property(arithmetic.transpose)
    size = property(lambda self: math.prod(self.shape))  # of PyTorch's arrays it is a function

    def __init__(self, tape: "Tape", value: Any, leaves: Any = None) -> None:
        self.tape, self.value, self.name = tape, value, f"v{next(tape.numbers)}"
        self.leaves = frozenset([self]) if leaves is None else leaves

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "ndim", "dtype", "device"):
            return getattr(self.value, name)
        raise AttributeError(f"a recorded value has no {name!r}; operations of nnlearn take it")

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"{self.name} = {self.value!r}"

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError("a recorded value cannot be overwritten: its backward pass may need it")

    def __array__(self, *args: Any, **kw: Any) -> NoReturn:
        raise TypeError("a recorded value is no plain array or number: that is its .value")

    __bool__ = __float__ = __int__ = __array__
    __lt__, __le__, __gt__ = _compare("__lt__"), _compare("__le__"), _compare("__gt__")
    __ge__, __eq__, __ne__ = _compare("__ge__"), _compare("__eq__"), _compare("__ne__")
    __hash__ = object.__hash__  # one variable equals itself alone, as a key


class Call(NamedTuple):
    """One line of a tape: an operation, what went in, what came out, and its backward function."""

    operation: Any
    inputs: tuple[Any, ...]  # variables and constants
    outputs: tuple[Variable, ...]
    backward: Backward

    def back(self, gradients: dict[Variable, Waiting]) -> tuple[Waiting, ...]:
        """Call the backward function with the gradients of all that came out."""
        return self.backward(*(gradients[output]() for output in self.outputs))

    def share(self, back: Callable[[], tuple[Waiting, ...]], i: int) -> Any:
        """Compute what this use says of input number i."""
        if i >= len(back()):
            raise TypeError(f"{self!r} gives no gradient for its argument {i}, a recorded value")
        return back()[i]()

    def __repr__(self) -> str:
        """Write it as a line, such as v2 = multiply(v0, v1)."""
        names = [a.name if isinstance(a, Variable) else type(a).__name__ for a in self.inputs]
        name = getattr(self.operation, "__name__", type(self.operation).__name__)
        return f"{', '.join(a.name for a in self.outputs)} = {name}({', '.join(names)})"


class Tape(list[Call]):
    """The calls of one run, in order: each takes only what stands before it."""

    def __init__(self) -> None:
        self.numbers = itertools.count()

    def apply(self, f: Any, inputs: tuple[Any, ...], kw: dict[str, Any]) -> Any:
        """Call an operation or a layer with the values of variables, and write it down."""
        variables = [a for a in inputs if isinstance(a, Variable)]
        by_name = [a for a in kw.values() if isinstance(a, Variable)]
        if by_name or any(a.tape is not self for a in variables):
            raise TypeError("a recorded value comes by name, or from another recorded function")
        plain = [a.value if isinstance(a, Variable) else a for a in inputs]
        value, backward = value_and_backward(f, *plain, **kw)
        leaves = frozenset[Variable]().union(*(a.leaves for a in variables))
        several = value if isinstance(value, tuple) else (value,)
        outputs = tuple(Variable(self, v, leaves) for v in several)
        self.append(Call(f, inputs, outputs, backward))
        return outputs if isinstance(value, tuple) else outputs[0]

    def read_back(self, results: Any, dresults: Any) -> Callable[[Variable], Any]:
        """Return what gives the gradient of a leaf, from those of the results. Source: eq-tape."""
        shares: dict[Variable, list[Any]] = {}  # what each use of a variable says of it
        gradients: dict[Variable, Waiting] = {}
        for result, dresult in zip(results, dresults, strict=True):
            shares.setdefault(result, []).append(lambda dresult=dresult: dresult)
        for call in reversed(self):
            if not any(output in shares for output in call.outputs):
                continue  # nothing that counts was made of it
            for output in call.outputs:
                gradients[output] = _sum(output, shares.get(output, []))
            back = once(functools.partial(call.back, gradients))
            for i, a in enumerate(call.inputs):
                if isinstance(a, Variable):
                    shares.setdefault(a, []).append(functools.partial(call.share, back, i))

        def gradient(leaf: Variable) -> Any:
            for output, waiting in gradients.items():  # from the end on, none inside another
                if leaf in output.leaves:
                    waiting()
            return _sum(leaf, shares.get(leaf, []))()

        return gradient

    def __repr__(self) -> str:
        return "\n".join(map(repr, self))


def record(f: Callable[..., Any]) -> Any:
    """Turn a function that is made of differentiable operations into a differentiable one.

    Parameters
    ----------
    f : callable
        Of arrays and `Parameters`. It may use operations and layers of this package, + - * / @,
        ** with a number, indexing, sum, mean, reshape and T, and Python's own if and for.

    Returns
    -------
    differentiable function
        For `nnlearn.vjp`. Inside, a layer makes a training pass.

    Raises
    ------
    TypeError
        In `vjp`: if the result does not come from the arguments, or a value would be overwritten.

    Notes
    -----
    Source: eq-tape.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> @nn.record
    ... def f(x):
    ...     return x * nn.tanh(x)
    >>> value, backward = nn.vjp(f, np.array([0.0, 1.0]))
    >>> print(backward(np.ones(2)).round(4))
    [0.     1.1816]
    """

    def forward(*args: Any, **kw: Any) -> tuple[Any, Backward]:
        tape = Tape()
        inputs = [Variable(tape, a) if is_differentiable(a) else a for a in args]
        result = f(*inputs, **kw)
        results = result if isinstance(result, tuple) else (result,)
        if not all(isinstance(r, Variable) and r.tape is tape for r in results):
            kinds = ", ".join(type(r).__name__ for r in results)
            raise TypeError(f"record: f gives {kinds}, expected arrays made of its arguments")

        def backward(*dresults: Any) -> tuple[Waiting, ...]:
            gradient = tape.read_back(results, dresults)
            return tuple(functools.partial(gradient, a) for a in inputs)

        values = tuple(r.value for r in results)
        return values if isinstance(result, tuple) else values[0], backward

    return with_forward(f, forward)


def _sum(variable: Variable, shares: list[Any]) -> Waiting:
    """Return, to be computed once, the sum of what all uses say. Source: eq-fan-out."""
    if not shares:
        return once(lambda: arithmetic.zeros_of(variable.value))
    return once(lambda: functools.reduce(arithmetic.sum_of, [share() for share in shares]))
