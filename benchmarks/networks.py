"""The five networks of the course, and how many operations one training step of each takes.

A step is forward, loss, backward and the optimizer's update. What counts is its matrix products:
a layer has one in the forward pass, one for the weights' gradient and one for its input's, which
the first layer does not need.
"""

import itertools
from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """A product of (rows, inner) by (inner, columns), done `times` times in one step."""

    rows: int
    inner: int
    columns: int
    times: int = 1

    @property
    def operations(self):
        """Multiplications and additions."""
        return 2 * self.rows * self.inner * self.columns * self.times


@dataclass(frozen=True)
class Network:
    title: str
    products: list

    @property
    def operations(self):
        return sum(product.operations for product in self.products)


def layer(rows, inputs, outputs, first=False):
    """Return the products of one dense layer, or of a convolution written as one."""
    products = [Product(rows, inputs, outputs), Product(outputs, rows, inputs)]
    return products if first else [*products, Product(rows, outputs, inputs)]


def layers(rows, *sizes):
    """Return the products of dense layers in a row, of which the first sees the data."""
    return [
        product
        for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes))
        for product in layer(rows, inputs, outputs, first=i == 0)
    ]


def recurrent(steps, batch, inputs, hidden, blocks):
    """Return the products of a recurrent layer with `blocks` gates: those of the states wait."""
    outputs = blocks * hidden
    return [
        *layer(steps * batch, inputs, outputs, first=True),
        Product(batch, hidden, outputs, times=steps),  # forward, step by step
        Product(batch, outputs, hidden, times=steps),  # backward, step by step
        Product(outputs, steps * batch, hidden),
    ]


def game(batch, generator, discriminator):
    """Return the products of one step of the discriminator and one of the generator."""
    through = [  # the generator's loss goes through the discriminator, whose weights stay
        product
        for a, b in itertools.pairwise(discriminator)
        for product in (Product(batch, a, b), Product(batch, b, a))
    ]
    real_and_fake = layers(2 * batch, *discriminator)
    return [*layers(batch, *generator), *real_and_fake, *through]


def convolution(batch, pixels, kernel, inputs, outputs, first=False):
    """Return the products of a convolution: a row for each window."""
    return layer(batch * pixels, kernel * inputs, outputs, first)


NETWORKS = {
    "mlp": Network("MLP 784–512–256–10, batch 128, Adam", layers(128, 784, 512, 256, 10)),
    "cnn": Network(
        "CNN 28×28, 32 of 5×5, 64 of 3×3, dense 128, 10, batch 64, SGD with momentum",
        [
            *convolution(64, 28 * 28, 25, 1, 32, first=True),
            *convolution(64, 14 * 14, 9, 32, 64),
            *layer(64, 7 * 7 * 64, 128),
            *layer(64, 128, 10),
        ],
    ),
    "rnn": Network(
        "RNN, 64 steps of 64, 128 units, batch 32, last step, SGD",
        [*recurrent(64, 32, 64, 128, blocks=1), *layer(32, 128, 10)],
    ),
    "lstm": Network(
        "LSTM, 128 steps of 64, 256 units, batch 32, 64 classes at each step, Adam",
        [*recurrent(128, 32, 64, 256, blocks=4), *layer(128 * 32, 256, 64)],
    ),
    "gan": Network(
        "GAN 64–256–256–784 against 784–256–256–1, batch 64, one step of each, Adam",
        game(64, (64, 256, 256, 784), (784, 256, 256, 1)),
    ),
}
