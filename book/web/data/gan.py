"""The numbers of the live figure ``gan``: chapter 8's game on a line, recorded as it is played.

    python book/web/data/gan.py

The data are the two hills of the chapter's section on the best judge. The players and their rates
are those of its ring, with one number for two coordinates; they play 1,000 steps, and 500 with a
small rate, twice: the judge at the generator's pace, and ten times as slow. ``gan.data.js`` gets,
every 25 steps, how many of 65,536 generated points lie in each of 80 bins, and the judge's logits
at the middles of the bins. The points are a Sobol sequence's, so that chance hardly shows.
"""

from draw import base64_of, write  # sets the number of threads, so it comes before numpy

import numpy as np  # isort: skip
import gan_ring
import scipy.stats
from gan_ring import BATCH, HIDDEN, LATENT, RATES, WAYS, first_values

import nnlearn as nn

SEED, STEPS, EVERY = 0, (1000, 500), 25
SHOWN = ("equal pace", "a slow judge")
HILLS = (
    (0.5, -1.5, 0.5),
    (0.5, 1.0, 0.8),
)  # share, mean and deviation of each: p_data of the chapter
EDGES = np.linspace(-5, 5, 81)
SAMPLES = 16  # the logarithm, base 2, of their number


def draw_real(count, generator):
    """Draw from the two hills, as the chapter does."""
    (_, *first), (_, *second) = HILLS
    at_first = generator.random((count, 1)) < HILLS[0][0]
    noise = generator.normal(size=(count, 1))
    return np.where(at_first, first[0] + first[1] * noise, second[0] + second[1] * noise)


def players():
    """Return generator and discriminator: those of the ring, on a line."""
    G, D = gan_ring.players()
    G = nn.Sequential(*list(G.layers.values())[:-1], nn.Dense(HIDDEN, 1))
    D = nn.Sequential(nn.Dense(1, HIDDEN), *list(D.layers.values())[1:])
    return G, D


def played(pace):
    """Play; return counts and logits, each (frames, bins), the first from before the first step."""
    G, D = players()
    params_G, params_D = first_values(G, SEED), first_values(D, SEED + 100)
    x = draw_real(20_000, np.random.default_rng(SEED))
    sobol = scipy.stats.qmc.Sobol(LATENT, rng=0).random_base2(SAMPLES)
    z, middles = scipy.stats.norm.ppf(sobol), (EDGES[1:] + EDGES[:-1]) / 2
    counts, logits = [], []

    def look():
        points = nn.to_numpy(nn.predict(G, params_G, z, batch_size=4096))
        counts.append(np.histogram(np.clip(points, EDGES[0], EDGES[-1]), EDGES)[0])
        logits.append(nn.to_numpy(D(params_D, middles[:, None]))[:, 0])
        return {}

    look()
    for phase, (rate, steps) in enumerate(zip(RATES, STEPS, strict=True)):
        optimizers = [nn.Adam(r, betas=(0.5, 0.99)) for r in (rate, pace * rate)]
        settings = {"latent": LATENT, "batch_size": BATCH, "look": look, "every": EVERY}
        nn.fit_gan(
            *(G, params_G, D, params_D, x, optimizers, steps),
            **settings,
            seed=10 * SEED + phase,
            progress=False,
        )
    return np.array(counts), np.array(logits)


def main():
    """Play both ways and write."""
    ways = {}
    for name in SHOWN:
        counts, logits = played(WAYS[name][0])
        most, thousandths = counts.max(), np.round(1000 * logits)
        print(f"{name}: at most {most:,} points in a bin, largest logit {abs(logits).max():.1f}")
        if most > np.iinfo(np.uint16).max or abs(thousandths).max() > np.iinfo(np.int16).max:
            raise ValueError(f"{name}: a number is too large for 16 bits")
        ways[name] = {
            "counts": base64_of(counts.astype(np.uint16)),
            "logits": base64_of(thousandths.astype(np.int16)),
        }
    recorded = {
        "hills": HILLS,
        "from": EDGES[0],
        "to": EDGES[-1],
        "bins": len(EDGES) - 1,
        "samples": 2**SAMPLES,
        "every": EVERY,
        "ways": ways,
    }
    write("gan", recorded, "Written by book/web/data/gan.py: a game of chapter 8, recorded.")


if __name__ == "__main__":
    main()
