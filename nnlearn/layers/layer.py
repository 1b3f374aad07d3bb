"""What every layer is: a function of parameters and input that knows its derivation."""

import contextlib
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from nnlearn.arguments import check_numbers
from nnlearn.arrays.backend import asarray, on_host
from nnlearn.arrays.memory import keep_freed_memory
from nnlearn.arrays.parallel import all_cores
from nnlearn.arrays.typing import Array
from nnlearn.derivative import tape_of
from nnlearn.gradients import Waiting, once
from nnlearn.layers.settings import Described
from nnlearn.layers.summary import Summary, summarize
from nnlearn.parameters import Parameters
from nnlearn.usage import usage

#: An initializer of ``(rng, shape)``, and what a layer declares of its arrays by name.
Draw: TypeAlias = Callable[..., Any]
Declaration: TypeAlias = dict[str, tuple[tuple[int, ...], Draw]]
#: What a layer's backward gives: its parameters' gradients by name, and that of x. All wait.
Gradients: TypeAlias = tuple[dict[str, Waiting], Waiting]


class Layer(Described, ABC):
    """A function of parameters and input, ``layer(params, x)``, that `nnlearn.vjp` differentiates.

    A layer holds no arrays. A subclass gives `operation` and, where it has them, `parameters` and
    `state`: what is learned, and what is remembered without being learned.
    """

    shares_batch = False  # whether its work goes over all cores in blocks of examples

    def parameters(self) -> Declaration:
        """Declare by name each parameter's shape and its initializer of ``(rng, shape)``."""
        return {}

    def state(self) -> Declaration:
        """Declare the same for what is remembered without being learned."""
        return {}

    @abstractmethod
    def operation(
        self, params: Parameters, x: Array, training: bool, rng: np.random.Generator | None
    ) -> Any:
        """Return ``value, backward`` of an operation on x and the parameters, in their order.

        A layer that remembers something gives a third thing in training: its new state, by name.
        """

    def init(self, seed: int | np.random.Generator = 0, dtype: str = "float32") -> Parameters:
        """Make initial parameters on the current backend.

        Parameters
        ----------
        seed : int or numpy.random.Generator
            The values are drawn on the host: every backend starts from the same bits.
        dtype : {"float32", "float64"}

        Returns
        -------
        Parameters

        Raises
        ------
        ValueError
            If the dtype is another.
        """
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(f"init: dtype is {dtype!r}, expected 'float32' or 'float64'")
        rng = np.random.default_rng(seed)
        state = _draw(self.state(), rng, dtype) if self.state() else None
        return _draw(self.parameters(), rng, dtype, state)

    @usage("model(params, x), with params = model.init()")
    def __call__(
        self,
        params: Parameters,
        x: Array,
        memory: MutableMapping[str, Array] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Array:
        """Compute the value as in inference: dropout off, running statistics used.

        Inside a recorded function (`nnlearn.record`) it is a training pass, of which `rng` is the
        chance; elsewhere `rng` is not used. A layer that only moves numbers, or none, gives a view
        of x, or x itself.
        """
        if (tape := tape_of((params, x))) is not None:
            return tape.apply(self, (params, x), {"rng": rng, "memory": memory})
        _check_arguments(self, params, x)
        with self._resources(x):
            y, _, state = self.forward(params, x, memory=memory)
        _remember(memory, state, params)
        return y

    def forward(
        self,
        params: Parameters,
        x: Array,
        training: bool = False,
        rng: np.random.Generator | None = None,
        memory: Mapping[str, Array] | None = None,
    ) -> tuple[Array, Callable[[Waiting], Gradients], dict[str, Array]]:
        """Return the value, `backward`, and the new state.

        Parameters
        ----------
        params : Parameters
        x : array
        training : bool
        rng : numpy.random.Generator, optional
            Of dropout.
        memory : mapping of str to array, optional
            In which recurrent layers find the states to begin with.

        Returns
        -------
        y : array
        backward : callable
            Takes dL/dy, which waits, and gives a dict of the parameters' gradients by name, and
            the gradient of x. Each of them waits, and is computed once.
        state : dict of str to array
            What the layer remembers of this pass: running statistics, the last states.
        """
        return self._named(*self.operation(params, x, training, rng))

    def _named(
        self,
        y: Array,
        backward_operation: Callable[..., Any],
        state: dict[str, Array] | None = None,
    ) -> tuple[Array, Callable[[Waiting], Gradients], dict[str, Array]]:
        """Turn what an operation gives, in the order of its arguments, into gradients by name."""
        names = list(self.parameters())

        def backward(dy: Waiting) -> Gradients:
            gradients = once(lambda: _several(self, names, backward_operation(dy())))
            dx, *dparams = (
                once(functools.partial(_one_of, gradients, i)) for i in range(1 + len(names))
            )
            return dict(zip(names, dparams, strict=True)), dx

        return y, backward, state or {}

    def training_pass(
        self,
        params: Parameters,
        x: Array,
        rng: np.random.Generator | None = None,
        memory: MutableMapping[str, Array] | None = None,
    ) -> tuple[Array, Callable[[Array], tuple[Waiting, Waiting]]]:
        """Do what `nnlearn.vjp` asks: a pass with dropout on and the batch's own statistics.

        The gradient of `params` is `Parameters` of the same form; its ``state`` is the new one,
        which `Optimizer.step` takes over. A `memory` that is given gets the last states.
        """
        _check_arguments(self, params, x)
        with self._resources(x):
            y, backward_by_name, state = self.forward(params, x, True, rng, memory)
        _remember(memory, state, params)

        def backward(dy: Array) -> tuple[Waiting, Waiting]:
            dparams, dx = backward_by_name(lambda: dy)
            dtheta = functools.partial(params.filled, dparams, state)
            return self._holding(x, dtheta), self._holding(x, dx)

        return y, backward

    @usage("model.summary(input_shape), the shape of x with the batch, such as (1, 784)")
    def summary(self, input_shape: Sequence[int] | Array) -> Summary:
        """Tell, as a table, what shape each layer gives and how many parameters it has.

        Parameters
        ----------
        input_shape : tuple of int, or array
            The shape of x, batch included; or an array, as a model of tokens needs.

        Returns
        -------
        Summary
            It prints as a table, in a notebook too.
        """
        return summarize(self, input_shape)

    @contextlib.contextmanager
    def _resources(self, like: Array) -> Iterator[None]:
        """Hold, where the arrays are on the host, the memory and the cores for a pass."""
        keep_freed_memory(like)
        shared = self.shares_batch and on_host(like)
        with all_cores() if shared else contextlib.nullcontext():
            yield

    def _holding(self, like: Array, gradient: Waiting) -> Waiting:
        """Let a gradient be computed, when it is wanted, with these resources."""

        def value() -> Any:
            with self._resources(like):
                return gradient()

        return value


def _several(layer: Layer, names: list[str], gradients: Any) -> tuple[Any, ...]:
    """Return the gradients of an operation, one of x and one of each parameter."""
    several = gradients if isinstance(gradients, tuple) else (gradients,)
    if len(several) != 1 + len(names):
        raise ValueError(
            f"{layer!r}: its operation gives {len(several)} gradients, expected one of x"
            + "".join(f", one of {name}" for name in names)
        )
    return several


def _one_of(gradients: Callable[[], Any], i: int) -> Any:
    """Compute the i-th gradient of an operation; a layer's own may be there already."""
    gradient = gradients()[i]
    return gradient() if callable(gradient) else gradient


def _check_arguments(layer: Layer, params: Any, x: Any) -> None:
    if not isinstance(params, Parameters):
        raise TypeError(
            f"{type(layer).__name__}: params is a {type(params).__name__}, expected Parameters: a "
            "model is a function of (params, x), and params = model.init() makes them"
        )
    check_numbers(type(layer).__name__, "x", x)


def _remember(
    memory: MutableMapping[str, Array] | None, state: dict[str, Array], params: Parameters
) -> None:
    """Put the last states of recurrent layers into the memory of a call."""
    if memory is not None:
        kept = params.state if params.state is not None else {}
        memory.update({name: value for name, value in state.items() if name not in kept})


def _draw(
    entries: Declaration, rng: np.random.Generator, dtype: str, state: Parameters | None = None
) -> Parameters:
    """Make parameters by drawing each array in turn."""
    arrays = [draw(rng, shape) for shape, draw in entries.values()]
    vector = np.concatenate([np.zeros(0), *(np.ravel(a) for a in arrays)])
    shapes = {name: shape for name, (shape, _) in entries.items()}
    return Parameters(asarray(vector.astype(dtype)), shapes, state)
