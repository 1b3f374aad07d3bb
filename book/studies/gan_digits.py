"""The digits of chapter 8: a GAN, trained with three seeds, and the reader that looks at its work.

    python book/studies/gan_digits.py

trains the CNN of chapter 5 and the GAN, and writes three files beside this one: the reader's
parameters, both players' shortly before the end of the training of seed 0, and all scores. The
chapter goes on from there: it plays the last stretch again.
"""

import json
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the number of threads is set

import nnlearn as nn
from nnlearn.files import atomic_file, write_atomically

try:
    from studies import cnn_digits
except ImportError:  # run as a script
    import cnn_digits

RESULTS = Path(__file__).with_suffix(".json")
PLAYERS = Path(__file__).with_name("gan_digits.npz")
READER = Path(__file__).with_name("gan_reader.npz")
SEEDS = (0, 1, 2)
LATENT, BATCH = 64, 64
STEPS, RATES = (4500, 1500), (2e-3, 5e-4)  # first and later
LAST_STEPS, LAST_RATE = 400, 2e-4
COUNT = 2000  # of samples, of test digits, and of what they are compared with


def players():
    """Return generator and discriminator: convolutions upwards, and convolutions downwards."""
    G = nn.Sequential(
        *(nn.Dense(LATENT, 7 * 7 * 32), nn.Unflatten(7, 7, 32), nn.BatchNorm(32), nn.ReLU()),
        *(nn.Conv2D(32, 32, size=3, padding=1), nn.BatchNorm(32), nn.ReLU()),
        *(nn.ConvTranspose2D(32, 16, size=4, stride=2, padding=1), nn.BatchNorm(16), nn.ReLU()),
        *(nn.ConvTranspose2D(16, 1, size=4, stride=2, padding=1), nn.Sigmoid()),
    )
    D = nn.Sequential(
        *(nn.Conv2D(1, 16, size=4, stride=2, padding=1), nn.LeakyReLU(0.2)),
        *(nn.Conv2D(16, 32, size=4, stride=2, padding=1), nn.LeakyReLU(0.2)),
        *(nn.Conv2D(32, 64, size=3, stride=2, padding=1), nn.LeakyReLU(0.2)),
        *(nn.Flatten(), nn.Dense(4 * 4 * 64, 1)),
    )
    return G, D


def play(params_G, params_D, images, steps, rate, seed, look=None, every=100):
    """Let both play some steps with fresh optimizers; return the history."""
    G, D = players()
    optimizers = [nn.Adam(rate, betas=(0.5, 0.99)) for _ in "GD"]
    return nn.fit_gan(
        *(G, params_G, D, params_D, nn.asarray(images[..., None]), optimizers, steps),
        **{"latent": LATENT, "batch_size": BATCH, "look": look, "every": every, "seed": seed},
        progress=False,
    )


def last_stretch(params_G, params_D, images):
    """Play the last stretch, in place, with small steps; return the history."""
    return play(params_G, params_D, images, LAST_STEPS, LAST_RATE, seed=99)


def samples(params_G, count=COUNT, seed=1):
    """Draw pictures (count, 28, 28) from the generator; they come to the host."""
    z = np.random.default_rng(seed).normal(size=(count, LATENT))
    return nn.to_numpy(nn.predict(players()[0], params_G, nn.asarray(z, "float32")))[..., 0]


# --- the reader -----------------------------------------------------------------------------------


def look(params_reader, images):
    """Return what the CNN of chapter 5 sees in pictures, on the host: 800 features, 10 logits."""
    reader = cnn_digits.cnn()
    *before, last = reader.layers
    features = nn.Sequential(*(reader.layers[name] for name in before))
    seen = nn.predict(features, params_reader, nn.asarray(images[..., None]))
    logits = reader.layers[last](params_reader.part(last), seen)
    return nn.to_numpy(seen), nn.to_numpy(logits)


def frechet(a, b):
    """Return the Fréchet distance of two clouds (N, D) and (M, D), as if they were Gaussian."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    S1, S2 = np.atleast_2d(np.cov(a.T)), np.atleast_2d(np.cov(b.T))
    values, Q = np.linalg.eigh(S1)
    root = (Q * np.sqrt(np.maximum(values, 0))) @ Q.T  # S1^(1/2)
    both = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ S2 @ root), 0))
    means = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    return float(means + np.trace(S1) + np.trace(S2) - 2 * both.sum())  # eq-frechet


def nearest(images, others):
    """Return for each picture the distance to the nearest of the others, and which it is."""
    a, b = (i.reshape(len(i), -1).astype(float) for i in (images, others))
    squares = np.sum(a * a, axis=1)[:, None] + np.sum(b * b, axis=1) - 2 * a @ b.T
    return np.sqrt(np.maximum(squares.min(axis=1), 0)), squares.argmin(axis=1)


def scores(images, params_reader, training, test_features):
    """Return what the chapter says of samples, in numbers."""
    features, logits = look(params_reader, images)
    shares = np.bincount(logits.argmax(axis=1), minlength=10) / len(images)
    confidence = nn.softmax(logits).max(axis=1)
    return {
        "frechet": round(frechet(features, test_features), 2),
        "smallest": round(float(shares.min()), 4),
        "largest": round(float(shares.max()), 4),
        "confidence": round(float(confidence.mean()), 3),
        "nearest": round(float(nearest(images, training)[0].mean()), 3),
    }


def gaussian_pixels(training, count=COUNT, seed=0):
    """Draw pictures whose pixels are Gaussian, each with its own mean and deviation."""
    noise = np.random.default_rng(seed).normal(size=(count, 28, 28))
    return (training.mean(axis=0) + training.std(axis=0) * noise).astype("float32")


# --- what is stored ------------------------------------------------------------------------------


def store(path, **parameters):
    """Write parameters, and what layers remember, in half precision."""
    arrays = {}
    for name, params in parameters.items():
        arrays[name] = nn.to_numpy(params.vector).astype("float16")
        if params.state is not None:
            arrays[f"{name}_state"] = nn.to_numpy(params.state.vector).astype("float16")
    with atomic_file(path) as file:
        np.savez_compressed(file, **arrays)


def stored(path, name, model):
    """Read the parameters of a model, as single precision."""
    params = model.init(seed=0)
    with np.load(path) as arrays:
        params.vector[...] = nn.asarray(arrays[name])
        if params.state is not None:
            params.state.vector[...] = nn.asarray(arrays[f"{name}_state"])
    return params


def stored_players(path=PLAYERS):
    """Return the parameters of both players before the last stretch, by default of seed 0."""
    return tuple(stored(path, name, model) for name, model in zip("GD", players(), strict=True))


def stored_reader():
    """Return the parameters of the CNN of chapter 5, seed 0."""
    return stored(READER, "reader", cnn_digits.cnn())


# --- the study -----------------------------------------------------------------------------------


def train(seed, images, judged):
    """Train both players up to the last stretch; return their parameters and the curves."""
    params_G, params_D = (model.init(10 * seed + k) for k, model in enumerate(players()))
    curves = {"step": [], "value": [], "judged_at": [], "judged": []}

    def look():
        curves["step"].append(100 * (len(curves["step"]) + 1))
        if curves["step"][-1] % 1000 == 0:
            curves["judged_at"].append(curves["step"][-1])
            curves["judged"].append(judged(params_G))
        return {}

    for phase, (rate, steps) in enumerate(zip(RATES, STEPS, strict=True)):
        history = play(params_G, params_D, images, steps, rate, 100 * seed + phase, look)
        curves["value"] += [round(value, 3) for value in history["value"]]
    return params_G, params_D, curves


def study():
    """Train the reader, then the players with all seeds, and write the files."""
    (x_train, y_train), (x_test, y_test) = nn.data.load_mnist()
    reader = cnn_digits.train(cnn_digits.cnn(), x_train[..., None], y_train, (7, 3), seed=0)
    store(READER, reader=reader)
    reader = stored_reader()  # as the chapter has it
    test, logits = look(reader, x_test)
    print("reader", nn.accuracy(logits, y_test), flush=True)

    training, _ = look(reader, x_train)
    result = {
        "seeds": SEEDS,
        "steps": [*STEPS, LAST_STEPS],
        "real": {
            "frechet": round(frechet(training[:COUNT], test), 1),
            "nearest": round(float(nearest(x_test, x_train)[0].mean()), 3),
        },
        "gaussian": scores(gaussian_pixels(x_train), reader, x_train, test),
        "runs": [],
    }
    for seed in SEEDS:
        result["runs"].append(run(seed, x_train, reader, test))
        print(seed, {k: v for k, v in result["runs"][-1].items() if not isinstance(v, list)})
        write_atomically(RESULTS, json.dumps(result, indent=1) + "\n")


def run(seed, images, reader, test):
    """Train with one seed, to the end; return the curves and the scores."""

    def judged(params_G):
        return round(frechet(look(reader, samples(params_G))[0], test), 1)

    start = time.perf_counter()
    params_G, params_D, curves = train(seed, images, judged)
    path = PLAYERS if seed == 0 else PLAYERS.with_name("another_seed.npz")
    store(path, G=params_G, D=params_D)
    params_G, params_D = stored_players(path)  # as the chapter has them
    last_stretch(params_G, params_D, images)
    seconds = round(time.perf_counter() - start, 1)
    if path != PLAYERS:
        path.unlink()
    return curves | scores(samples(params_G), reader, images, test) | {"seconds": seconds}


if __name__ == "__main__":
    study()
