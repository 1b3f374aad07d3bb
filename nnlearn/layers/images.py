"""The layers that see images: (N, H, W, C), channels last."""

import functools
from typing import Any

import numpy as np

from nnlearn.arguments import initializer_of, pair, positive_integer
from nnlearn.arrays.typing import Array, Pair
from nnlearn.layers import initializers
from nnlearn.layers.dense import Activation
from nnlearn.layers.layer import Declaration, Draw, Layer
from nnlearn.layers.settings import SIZES
from nnlearn.operations.convolution import conv2d
from nnlearn.operations.pooling import avg_pool2d, max_pool2d
from nnlearn.operations.upsampling import conv_transpose2d, upsample2d
from nnlearn.parameters import Parameters
from nnlearn.usage import usage


class Conv2D(Layer):
    """Convolutional layer, `conv2d`, with parameters K (P, Q, inputs, outputs) and b (outputs,).

    Parameters
    ----------
    inputs, outputs : int
        Numbers of channels C and F.
    size : int or pair of int
        Of the kernels, (P, Q).
    stride : int or pair of int
        Steps of the window.
    padding : int, pair of int or "same"
        The border of zeros on either side. "same" keeps the size of the image where the stride is
        one: (P - 1) / 2 for a kernel of P rows, which must be odd.
    initializer : callable
        Of K, by default `initializers.he`; b starts at zero. An output sees P Q C inputs.

    Notes
    -----
    Source: eq-conv2d, eq-he.
    """

    shares_batch = True

    @usage("nn.{}(inputs, outputs, size)", **SIZES)
    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: Pair,
        stride: Pair = 1,
        padding: Pair | str = 0,
        initializer: Draw = initializers.he,
    ) -> None:
        name = type(self).__name__
        self.inputs = positive_integer(name, "inputs", inputs)
        self.outputs = positive_integer(name, "outputs", outputs)
        self.size = pair(name, "size", size, 1)
        self.stride = pair(name, "stride", stride, 1)
        self.padding = pair(name, "padding", self._same() if padding == "same" else padding, 0)
        self.initializer = initializer_of(name, "initializer", initializer)

    def parameters(self) -> Declaration:
        area = self.size[0] * self.size[1]
        draw = functools.partial(
            self.initializer, fan_in=area * self.inputs, fan_out=area * self.outputs
        )
        return {
            "K": ((*self.size, self.inputs, self.outputs), draw),
            "b": ((self.outputs,), initializers.fill(0.0)),
        }

    def _same(self) -> Any:
        """Return the padding that keeps the size of an image."""
        if any(size % 2 == 0 for size in self.size):
            raise ValueError(
                f"{type(self).__name__}: padding is 'same', size {self.size}; expected an odd size"
            )
        return tuple(size // 2 for size in self.size)

    def operation(
        self, params: Parameters, x: Array, training: bool, rng: np.random.Generator | None
    ) -> Any:
        self._check_channels(x)
        return conv2d.forward(x, params["K"], params["b"], self.stride, self.padding)

    def _check_channels(self, x: Array) -> None:
        """Blame the picture, and not the kernel, for channels that come first."""
        if x.ndim == 4 and x.shape[3] != self.inputs:
            raise ValueError(
                f"x has shape {x.shape}, that is {x.shape[3]} channels, expected {self.inputs}: "
                "channels come last, (N, H, W, C)"
            )


class ConvTranspose2D(Conv2D):
    """Transposed convolution, `conv_transpose2d`, with K (P, Q, outputs, inputs) and b (outputs,).

    Parameters
    ----------
    inputs, outputs : int
        Numbers of channels F and C.
    size : int or pair of int
        Of the kernels, (P, Q).
    stride, padding : int or pair of int
        Distance of the stamps, and what is cut off on either side.
    initializer : callable
        Of K, by default `initializers.he`; b starts at zero. P Q / stride² stamps of all input
        channels meet in an output.

    Notes
    -----
    Source: eq-conv-transpose, eq-he.
    """

    def parameters(self) -> Declaration:
        area = self.size[0] * self.size[1] / (self.stride[0] * self.stride[1])
        draw = functools.partial(
            self.initializer, fan_in=area * self.inputs, fan_out=area * self.outputs
        )
        return {
            "K": ((*self.size, self.outputs, self.inputs), draw),
            "b": ((self.outputs,), initializers.fill(0.0)),
        }

    def operation(
        self, params: Parameters, x: Array, training: bool, rng: np.random.Generator | None
    ) -> Any:
        self._check_channels(x)
        return conv_transpose2d.forward(x, params["K"], params["b"], self.stride, self.padding)


class Pooling(Activation):
    """What `MaxPool2D` and `AvgPool2D` share: the size of the window and of its steps.

    Parameters
    ----------
    size : int or pair of int
    stride : int or pair of int, optional
        By default the size.
    """

    pool: Any = None  # the operation

    def __init__(self, size: Pair = 2, stride: Pair | None = None) -> None:
        name = type(self).__name__
        super().__init__(
            self.pool,
            size=pair(name, "size", size, 1),
            stride=pair(name, "stride", size if stride is None else stride, 1),
        )


class MaxPool2D(Pooling):
    """Largest value of each window, `max_pool2d`. Source: eq-max-pool.

    Before a ReLU instead of behind it, it gives the same values and gradients, to the bit, and
    ReLU sees a quarter of the numbers.

    Parameters
    ----------
    size : int or pair of int
    stride : int or pair of int, optional
        By default the size.
    """

    pool = max_pool2d


class AvgPool2D(Pooling):
    """Mean of each window, `avg_pool2d`. Source: eq-avg-pool.

    Parameters
    ----------
    size : int or pair of int
    stride : int or pair of int, optional
        By default the size.
    """

    pool = avg_pool2d


class Upsample2D(Activation):
    """Every pixel becomes a block of equal ones, `upsample2d`. Source: eq-upsample.

    Parameters
    ----------
    size : int or pair of int
    """

    def __init__(self, size: Pair = 2) -> None:
        super().__init__(upsample2d, size=pair("Upsample2D", "size", size, 1))
