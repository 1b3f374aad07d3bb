"""The layers that move numbers and change none."""

from nnlearn.arguments import positive_integer
from nnlearn.layers.dense import Activation
from nnlearn.operations.reshaping import flatten, swap_time_and_batch, unflatten


class Flatten(Activation):
    """Each example becomes a vector, `flatten`."""

    def __init__(self) -> None:
        super().__init__(flatten)


class Unflatten(Activation):
    """Each vector becomes an array, `unflatten`, such as the first small picture of a generator.

    Parameters
    ----------
    shape : int, several
        Of an example: rows, columns, channels.
    """

    def __init__(self, *shape: int) -> None:
        sizes = tuple(positive_integer("Unflatten", "shape", size) for size in shape)
        super().__init__(unflatten, shape=sizes)


class TimeFirst(Activation):
    """Swap the axes of batch and time: `fit` cuts batches along the first axis, and recurrent
    layers read along it. It is its own inverse.

    Examples
    --------
    >>> import nnlearn as nn
    >>> model = nn.Sequential(nn.TimeFirst(), nn.LSTM(8, 32, last=True), nn.Dense(32, 10))
    """

    def __init__(self) -> None:
        super().__init__(swap_time_and_batch)
