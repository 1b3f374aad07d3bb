"""The five networks of the course, and how many operations one training step of each takes.

A step is forward, loss, backward and the optimizer's update. What counts is its matrix products:
a layer has one in the forward pass, one for the weights' gradient and one for its input's, which
the first layer does not need.
"""

import functools
import itertools
import os
from dataclasses import dataclass
from types import SimpleNamespace as Shape


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
    shape: Shape  # what its programs build

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


def mlp(batch, *sizes):
    title = f"MLP {_row(sizes)}, batch {batch}, Adam"
    return Network(title, layers(batch, *sizes), Shape(batch=batch, sizes=sizes))


def cnn(batch, first, second, hidden):
    title = (
        f"CNN 28×28, {first} of 5×5, {second} of 3×3, dense {hidden}, 10, batch {batch}, "
        "SGD with momentum"
    )
    products = [
        *convolution(batch, 28 * 28, 25, 1, first, first=True),
        *convolution(batch, 14 * 14, 9, first, second),
        *layer(batch, 7 * 7 * second, hidden),
        *layer(batch, hidden, 10),
    ]
    return Network(title, products, Shape(batch=batch, first=first, second=second, hidden=hidden))


def rnn(steps, inputs, units, batch):
    title = f"RNN, {steps} steps of {inputs}, {units} units, batch {batch}, last step, SGD"
    products = [*recurrent(steps, batch, inputs, units, blocks=1), *layer(batch, units, 10)]
    return Network(title, products, Shape(steps=steps, inputs=inputs, units=units, batch=batch))


def gated(kind, blocks, steps, inputs, units, batch, classes):
    title = (
        f"{kind}, {steps} steps of {inputs}, {units} units, batch {batch}, {classes} classes at "
        "each step, Adam"
    )
    products = [
        *recurrent(steps, batch, inputs, units, blocks),
        *layer(steps * batch, units, classes),
    ]
    shape = Shape(steps=steps, inputs=inputs, units=units, batch=batch, classes=classes)
    return Network(title, products, shape)


lstm = functools.partial(gated, "LSTM", 4)
gru = functools.partial(gated, "GRU", 3)


def stacked(steps, inputs, units, batch, classes):
    title = (
        f"two LSTMs, {steps} steps of {inputs}, {units} units each, batch {batch}, {classes} "
        "classes at each step, Adam"
    )
    second = [
        *recurrent(steps, batch, units, units, blocks=4),
        Product(steps * batch, 4 * units, units),  # of its input, which the first layer gives
    ]
    first = lstm(steps, inputs, units, batch, classes)
    return Network(title, [*first.products, *second], first.shape)


def colour(batch, first, second):
    title = (
        f"CNN 32×32×3, 3×3 kernels: {first}, {first}, pool, {second}, pool, dense 10, batch "
        f"{batch}, SGD with momentum"
    )
    products = [
        *convolution(batch, 32 * 32, 9, 3, first, first=True),
        *convolution(batch, 32 * 32, 9, first, first),
        *convolution(batch, 16 * 16, 9, first, second),
        *layer(batch, 8 * 8 * second, 10),
    ]
    return Network(title, products, Shape(batch=batch, first=first, second=second))


def transformer(steps, width, heads, depth, batch, classes):
    hidden = 4 * width
    title = (
        f"Transformer, {steps} steps, {depth} causal blocks of width {width}, {heads} heads, batch "
        f"{batch}, {classes} classes at each step, Adam"
    )
    rows, looks = steps * batch, depth * batch * heads
    products = [
        *(p for _ in range(depth) for p in layer(rows, width, 3 * width)),
        *(p for _ in range(depth) for p in layer(rows, width, width)),
        *(p for _ in range(depth) for p in layer(rows, width, hidden)),
        *(p for _ in range(depth) for p in layer(rows, hidden, width)),
        Product(steps, width // heads, steps, times=2 * looks),  # scores, gradient of the weights
        Product(steps, steps, width // heads, times=4 * looks),  # values; queries, keys, values
        *layer(rows, width, classes),
    ]
    names = ("steps", "width", "heads", "depth", "batch", "classes")
    values = (steps, width, heads, depth, batch, classes)
    return Network(title, products, Shape(**dict(zip(names, values, strict=True))))


def one_mlp(mlp):
    """Return what an MLP does with one example, without learning; so below."""
    sizes = mlp.shape.sizes
    products = [Product(1, a, b) for a, b in itertools.pairwise(sizes)]
    return Network(f"MLP {_row(sizes)}, forward, batch of 1", products, mlp.shape)


def one_cnn(cnn):
    first, second, hidden = cnn.shape.first, cnn.shape.second, cnn.shape.hidden
    products = [
        Product(28 * 28, 25, first),
        Product(14 * 14, 9 * first, second),
        Product(1, 7 * 7 * second, hidden),
        Product(1, hidden, 10),
    ]
    return Network(f"CNN 28×28, {first}, {second}, forward, batch of 1", products, cnn.shape)


def one_lstm(lstm):
    steps, units, gates = lstm.shape.steps, lstm.shape.units, 4 * lstm.shape.units
    products = [
        Product(steps, lstm.shape.inputs, gates),
        Product(1, units, gates, times=steps),
        Product(steps, units, lstm.shape.classes),
    ]
    title = f"LSTM, {steps} steps, {units} units, forward, batch of 1"
    return Network(title, products, lstm.shape)


def gan(batch, noise, hidden, pixels):
    generator = (noise, hidden, hidden, pixels)
    discriminator = (pixels, hidden, hidden, 1)
    title = (
        f"GAN {_row(generator)} against {_row(discriminator)}, batch {batch}, one step of each, "
        "Adam"
    )
    shape = Shape(batch=batch, noise=noise, hidden=hidden, pixels=pixels)
    return Network(title, game(batch, generator, discriminator), shape)


def _row(sizes):
    return "–".join(map(str, sizes))


NETWORKS = {
    "mlp": mlp(128, 784, 512, 256, 10),
    "cnn": cnn(64, first=32, second=64, hidden=128),
    "rnn": rnn(steps=64, inputs=64, units=128, batch=32),
    "lstm": lstm(steps=128, inputs=64, units=256, batch=32, classes=64),
    "gan": gan(64, noise=64, hidden=256, pixels=784),
}
#: others that users have; their programs are `more_nnlearn` and `more_torch`
MORE = {
    "gru": gru(steps=128, inputs=64, units=256, batch=32, classes=64),
    "stacked": stacked(steps=64, inputs=64, units=256, batch=32, classes=64),
    "colour": colour(batch=32, first=64, second=128),
    "transformer": transformer(steps=128, width=256, heads=4, depth=2, batch=32, classes=64),
}
#: models of NETWORKS that look at one example; their program is `one`
ONE = {
    "one_mlp": one_mlp(NETWORKS["mlp"]),
    "one_cnn": one_cnn(NETWORKS["cnn"]),
    "one_lstm": one_lstm(NETWORKS["lstm"]),
}
EVERY = NETWORKS | MORE | ONE
#: NETWORKS, of a size that fills a GPU: there the products count, not the launches of kernels
LARGE = {
    "mlp": mlp(4096, 784, 4096, 4096, 10),
    "cnn": cnn(1024, first=64, second=128, hidden=512),
    "rnn": rnn(steps=64, inputs=256, units=1024, batch=1024),
    "lstm": lstm(steps=128, inputs=256, units=1024, batch=512, classes=64),
    "gan": gan(2048, noise=64, hidden=2048, pixels=784),
}


def chosen(name):
    """Return the network that a program is to build: a large one if BENCHMARK_SIZE says so."""
    return (LARGE if os.environ.get("BENCHMARK_SIZE") == "large" else NETWORKS)[name]
