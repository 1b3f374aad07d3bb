"""A game for tests to interrupt: two players with everything that has a state, and a checkpoint."""

import numpy as np

import nnlearn as nn

STEPS, EVERY, LATENT = 23, 3, 3


def data(count=50, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=(count, 2)).astype(dtype)


def generator(dropout=0.2):
    return nn.Sequential(
        nn.Dense(LATENT, 8), nn.BatchNorm(8), nn.ReLU(), nn.Dropout(dropout), nn.Dense(8, 2)
    )


def judge(dropout=0.3):
    return nn.Sequential(
        *(nn.Dense(2, 8), nn.LayerNorm(8), nn.LeakyReLU(0.2), nn.Dropout(dropout)),
        *(nn.Dense(8, 4), nn.BatchNorm(4), nn.Tanh(), nn.Dense(4, 1)),
    )


def rules():
    return nn.Adam(nn.schedules.cosine(0.02, steps=30, warm_up=4)), nn.SGD(0.05, momentum=0.9)


def fading(t):
    return 1 - t


def play(checkpoint=None, steps=STEPS, **changes):
    """Play the same game, but for changes; return the history and everything that changed."""
    settings = {"G": generator, "D": judge, "rules": rules, "dtype": "float32", "seeds": (1, 2)}
    settings |= {"latent": LATENT, "batch_size": 16, "every": EVERY, "seed": 5, "progress": False}
    settings |= changes
    G, D, dtype = settings.pop("G")(), settings.pop("D")(), settings.pop("dtype")
    x = settings.pop("x", data(dtype=dtype))
    seeds = zip((G, D), settings.pop("seeds"), strict=True)
    params = [player.init(seed, dtype=dtype) for player, seed in seeds]
    optimizers = settings.pop("rules")()
    settings.setdefault("look", lambda: {"first": float(params[0].vector[0])})
    history = nn.fit_gan(
        G, params[0], D, params[1], x, optimizers, steps, checkpoint=checkpoint, **settings
    )
    return history | ended(params, optimizers)


def ended(params, optimizers):
    """Return, by name, what a game leaves of its players."""
    found = {}
    for player, p, optimizer in zip("GD", params, optimizers, strict=True):
        arrays = {"theta": p.vector, **optimizer.memory, "steps": optimizer.steps}
        if p.state is not None:
            arrays["state"] = p.state.vector
        found |= {f"{player} {name}": np.array(nn.to_numpy(a)) for name, a in arrays.items()}
    return found
