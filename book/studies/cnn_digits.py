"""The networks of chapter 5, each with three seeds: what would take the chapter too long.

    python book/studies/cnn_digits.py [NAME ...]

trains them (or those that are named) and writes their scores to ``cnn_digits.json``, beside this
file. The chapter draws them, and trains seed 0 of the CNN again to see that they still hold.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the number of threads is set
from scipy import ndimage

import nnlearn as nn
from nnlearn.files import write_atomically

RESULTS = Path(__file__).with_suffix(".json")
SEEDS = (0, 1, 2)
RATES = (2e-3, 4e-4)  # of Adam, first and later
FROZEN = {"CNN, random first layer": 3}  # convolution, relu and pooling are not trained
MOVES = (0, 1, 2, 3, 4, 5, 6)  # pixels
TURNS = (0, 10, 20, 30, 40, 50, 60)  # degrees
NOISES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)  # standard deviation; a pixel is in [0, 1]


def cnn():
    """Return the chapter's network: 21,258 parameters."""
    return nn.Sequential(
        *(nn.Conv2D(1, 16, size=5, padding=2), nn.ReLU(), nn.MaxPool2D(size=2)),
        *(nn.Conv2D(16, 32, size=5), nn.ReLU(), nn.MaxPool2D(size=2)),
        *(nn.Flatten(), nn.Dropout(0.5), nn.Dense(5 * 5 * 32, 10)),
    )


def cnn_mean():
    """Return the same network with the mean over all places where the dense layer saw each."""
    return nn.Sequential(
        *(nn.Conv2D(1, 16, size=5, padding=2), nn.ReLU(), nn.MaxPool2D(size=2)),
        *(nn.Conv2D(16, 32, size=5), nn.ReLU(), nn.MaxPool2D(size=2)),
        *(nn.AvgPool2D(size=5), nn.Flatten(), nn.Dropout(0.5), nn.Dense(32, 10)),
    )


def split(model, params, layers):
    """Return the model's first layers with their parameters, and the rest without."""
    parts = list(model.layers.values())
    first, rest = nn.Sequential(*parts[:layers]), nn.Sequential(*parts[layers:])
    frozen = first.init()
    frozen.vector[...] = params.vector[: frozen.vector.size]
    return first, frozen, rest


def ann(hidden, dropout):
    """Return a network with one hidden layer."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Dense(784, hidden), nn.ReLU()),
        *(nn.Dropout(dropout), nn.Dense(hidden, 10)),
    )


def train(model, x, y, epochs, seed):
    """Train with Adam, `epochs` at each of the two rates; return the parameters."""
    params = model.init(seed)
    for phase, (rate, count) in enumerate(zip(RATES, epochs, strict=True)):
        settings = {"batch_size": 64, "seed": 100 * phase + seed, "progress": False}
        loss = nn.softmax_cross_entropy
        nn.fit(model, params, loss, (x, nn.asarray(y)), nn.Adam(rate), count, **settings)
    return params


def trained(model, x, y, epochs, seed, frozen_layers):
    """Train, the first layers left as they are drawn; return predict(x), and what was learned."""
    first, frozen, rest = split(model, model.init(seed), frozen_layers)

    def below(images):
        images = nn.asarray(images)
        return nn.predict(first, frozen, images) if frozen_layers else images

    params = train(rest, below(x), y, epochs, seed)
    return lambda images: nn.to_numpy(nn.predict(rest, params, below(images))), params.vector.size


def moved(images, down, right):
    """Move pictures (N, H, W); what is pushed out is lost, zeros come in."""
    return ndimage.shift(images, (0, down, right), order=0)


def turned(images, degrees):
    """Turn pictures about their middle."""
    return ndimage.rotate(images, degrees, axes=(2, 1), reshape=False, order=1)


def noisy(images, deviation, generator):
    """Add noise to every pixel, and keep it between 0 and 1."""
    noise = deviation * generator.normal(size=images.shape)
    return np.clip(images + noise, 0, 1).astype(np.float32)


def altered(images, generator, pixels=2, degrees=15):
    """Move and turn each picture by amounts of its own."""
    copies = np.empty_like(images)
    for image, copy in zip(images, copies, strict=True):
        angle = np.deg2rad(generator.uniform(-degrees, degrees))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = 13.5 + generator.uniform(-pixels, pixels, size=2)
        ndimage.affine_transform(image, turn, 13.5 - turn @ middle, order=1, output=copy)
    return copies


def with_copies(images, labels, generator, count=3, deviation=0.0):
    """Put altered copies beside the originals; with a deviation, every copy noisy up to it."""
    parts = [images]
    for _ in range(count):
        copy = altered(images, generator)
        if deviation:
            copy = noisy(copy, generator.uniform(0, deviation, (len(copy), 1, 1)), generator)
        parts.append(copy)
    return np.concatenate(parts), np.tile(labels, count + 1)


def scores(predict, x, y):
    """Return the share of digits right after every change."""

    def right(images):
        return nn.accuracy(predict(images[..., None]), y)

    ways = ((1, 0), (-1, 0), (0, 1), (0, -1))
    signs, generator = (1, -1), np.random.default_rng(0)
    return {
        "moved": [np.mean([right(moved(x, k * a, k * b)) for a, b in ways]) for k in MOVES],
        "turned": [np.mean([right(turned(x, k * sign)) for sign in signs]) for k in TURNS],
        "noisy": [right(noisy(x, deviation, generator)) for deviation in NOISES],
    }


def study(names=()):
    """Train networks with all seeds: all, or those named; return what the file will hold."""
    plain, test = (tuple(map(nn.to_numpy, part)) for part in nn.data.load_mnist())
    order = np.random.default_rng(5).permutation(784)

    def shuffled(images):
        return images.reshape(-1, 784)[:, order].reshape(images.shape)

    mixed, mixed_test = ((shuffled(x), y) for x, y in (plain, test))
    copies = with_copies(*plain, np.random.default_rng(0))
    noisy_copies = with_copies(*plain, np.random.default_rng(0), deviation=0.5)
    networks = {
        "ANN, 27 hidden": (ann(27, 0.0), plain, test, (7, 3)),
        "ANN, 256 hidden": (ann(256, 0.5), plain, test, (7, 3)),
        "ANN, altered copies": (ann(256, 0.5), copies, test, (2, 1)),
        "CNN, shuffled pixels": (cnn(), mixed, mixed_test, (7, 3)),
        "CNN": (cnn(), plain, test, (7, 3)),
        "CNN, random first layer": (cnn(), plain, test, (7, 3)),
        "CNN, mean over places": (cnn_mean(), plain, test, (7, 3)),
        "CNN, altered copies": (cnn(), copies, test, (2, 1)),
        "CNN, altered and noisy copies": (cnn(), noisy_copies, test, (2, 1)),
    }
    found = json.loads(RESULTS.read_text(encoding="utf-8"))["networks"] if names else {}
    for name in names or networks:
        model, (x, y), (x_test, y_test), epochs = networks[name]
        runs = []
        for seed in SEEDS:
            start = time.perf_counter()
            predict, learned = trained(model, x[..., None], y, epochs, seed, FROZEN.get(name, 0))
            run = {"seconds": round(time.perf_counter() - start, 1)}
            run["accuracy"] = nn.accuracy(predict(x_test[..., None]), y_test)
            if x_test is test[0]:  # a shuffled picture cannot be turned
                run |= scores(predict, x_test, y_test)
            runs.append(rounded(run))
            print(name, seed, runs[-1]["accuracy"], runs[-1]["seconds"], flush=True)
        found[name] = {"parameters": learned, "epochs": epochs, "runs": runs}
    changes = {"moved": MOVES, "turned": TURNS, "noisy": NOISES}
    found = {name: found[name] for name in networks}  # in their order
    return {"seeds": SEEDS, "changes": changes, "networks": found}


def rounded(numbers):
    """Round all scores: the last digits say nothing and fill the file."""
    return {
        name: round(float(v), 4) if np.ndim(v) == 0 else [round(float(a), 4) for a in v]
        for name, v in numbers.items()
    }


if __name__ == "__main__":
    write_atomically(RESULTS, json.dumps(study(sys.argv[1:]), indent=1) + "\n")
