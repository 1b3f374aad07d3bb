"""Eight Gaussians on a ring, learned by a GAN in three ways, each with five seeds.

    python book/studies/gan_ring.py

trains them and writes their scores to ``gan_ring.json``, beside this file. Chapter 8 draws them,
and trains some of them again to see that they still hold.
"""

import json
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the number of threads is set

import nnlearn as nn
from nnlearn.files import write_atomically

RESULTS = Path(__file__).with_suffix(".json")
SEEDS = (0, 1, 2, 3, 4)
LATENT, HIDDEN, BATCH = 8, 64, 128
RADIUS, DEVIATION = 2.0, 0.15
STEPS, RATES = (2500, 1500), (3e-3, 5e-4)  # first and later
ANGLES = 2 * np.pi * np.arange(8) / 8
CENTRES = RADIUS * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
#: name: how fast D learns, compared with G, and the noise that D's eyes have at the beginning
WAYS = {
    "a slow judge": (0.1, 0.0),
    "equal pace": (1.0, 0.0),
    "equal pace, fading noise": (1.0, 0.5),
}


def ring(count, generator):
    """Draw points: one of eight places, equally likely, and a Gaussian around it."""
    places = CENTRES[generator.integers(0, 8, count)]
    return places + DEVIATION * generator.normal(size=(count, 2))


def players():
    """Return generator and discriminator: two hidden layers each."""
    hidden = nn.Dense(HIDDEN, HIDDEN)
    G = nn.Sequential(
        *(nn.Dense(LATENT, HIDDEN), nn.ReLU(), hidden, nn.ReLU(), nn.Dense(HIDDEN, 2)),
    )
    D = nn.Sequential(
        *(nn.Dense(2, HIDDEN), nn.LeakyReLU(0.2), hidden, nn.LeakyReLU(0.2)),
        nn.Dense(HIDDEN, 1),
    )
    return G, D


def first_values(model, seed):
    """Return a player's first parameters, on the host: so small a game is played there."""
    params = model.init(seed, dtype="float64")
    return nn.Parameters(nn.to_numpy(params.vector), params.layout)


def train(pace, noise, seed, look=None, steps=STEPS):
    """Train with Adam at the two rates; the noise fades during the first. Return G's parameters."""
    G, D = players()
    params_G, params_D = first_values(G, seed), first_values(D, seed + 100)
    x = ring(20_000, np.random.default_rng(seed))
    for phase, (rate, count) in enumerate(zip(RATES, steps, strict=True)):
        optimizers = [nn.Adam(r, betas=(0.5, 0.99)) for r in (rate, pace * rate)]
        nn.fit_gan(
            *(G, params_G, D, params_D, x, optimizers, count),
            latent=LATENT,
            batch_size=BATCH,
            noise=(lambda t: noise * (1 - t)) if noise and phase == 0 else None,
            look=(lambda: look(params_G, params_D) or {}) if look else None,
            seed=10 * seed + phase,
            progress=False,
        )
    return params_G


def samples(params_G, count=2000, seed=0):
    """Draw points from the generator."""
    z = np.random.default_rng(seed).normal(size=(count, LATENT))
    return players()[0](params_G, z)


def scores(points):
    """Return the modes covered (2 % of the points, a sixth of their due), and the good points.

    Good is a point within three standard deviations of a mode.
    """
    distance = np.linalg.norm(points[:, None] - CENTRES, axis=2)
    good = distance.min(axis=1) < 3 * DEVIATION
    shares = np.bincount(distance.argmin(axis=1)[good], minlength=8) / len(points)
    return {
        "modes": int(np.sum(shares >= 0.02)),
        "good": round(float(good.mean()), 3),
        "smallest": round(float(shares.min()), 3),
    }


def study():
    """Train all ways with all seeds; return what the file will hold."""
    found = {}
    for name, (pace, noise) in WAYS.items():
        found[name] = []
        for seed in SEEDS:
            start = time.perf_counter()
            run = scores(samples(train(pace, noise, seed)))
            found[name].append(run | {"seconds": round(time.perf_counter() - start, 1)})
            print(name, seed, found[name][-1], flush=True)
    real = scores(ring(2000, np.random.default_rng(1)))
    return {"seeds": SEEDS, "real": real, "ways": found}


if __name__ == "__main__":
    write_atomically(RESULTS, json.dumps(study(), indent=1) + "\n")
