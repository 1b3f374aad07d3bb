"""Chapter 6's task of one bit over a gap of noise: what a recurrent network learns of it.

    python book/studies/rnn_gap.py

trains three seeds for each gap and writes the shares of bits told right, and the gradients that
reach the bit before training, to ``rnn_gap.json``, beside this file. Where the network fails,
success is luck and differs from machine to machine; so the chapter shows these runs, and trains
only the short gaps again.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the number of threads is set

import nnlearn as nn
from nnlearn.files import write_atomically

RESULTS = Path(__file__).with_suffix(".json")
GAPS = (5, 10, 20, 40, 60, 100, 150, 200)
SEEDS = (0, 1, 2)
STEPS = 300


def learn_gap(gap, seed, look=None):
    """Share of bits that it tells right afterwards, and the gradient at the bit before training."""
    generator = np.random.default_rng(seed)
    model = nn.Sequential(nn.RNN(2, 32, last=True), nn.Dense(32, 1))
    params, optimizer, norms = model.init(seed), nn.Adam(3e-3), None

    def right(x, bit):
        return nn.accuracy(model(params, x), bit)

    for step in range(1, STEPS + 1):
        x, bit = nn.tasks.signals(gap, 32, generator)
        logits, backward = nn.vjp(model, params, x)
        _, d_loss = nn.vjp(nn.sigmoid_cross_entropy, logits, bit, wrt=0)
        grads, dx = backward(d_loss())
        if norms is None:
            norms = np.sqrt(nn.to_numpy((dx**2).sum(axis=(1, 2))))
        nn.clip_gradient_norm(grads, 1.0)
        optimizer.step(params, grads)
        if look is not None:
            look(step, right)
    return right(*nn.tasks.signals(gap, 1000, generator)), float(norms[0] / norms[-1])


def last_steps(gap, seed, count=12):
    """The share of bits told right, of the same 1,000, after each of the last steps of training."""
    bits, shares = nn.tasks.signals(gap, 1000, np.random.default_rng(99)), []

    def look(step, right):
        if step > STEPS - count:
            shares.append(right(*bits))

    learn_gap(gap, seed, look)
    return shares


def study():
    """Train everything; return what the file will hold."""
    runs = [[learn_gap(gap, seed) for seed in SEEDS] for gap in GAPS]
    right, reaching = np.moveaxis(np.array(runs), 2, 0)
    lowest = np.unravel_index(right.argmin(), right.shape)
    gap, seed = GAPS[lowest[0]], SEEDS[lowest[1]]
    return {
        "gaps": GAPS,
        "seeds": SEEDS,
        "right": right.round(4).tolist(),
        "reaching": [[float(f"{r:.4g}") for r in row] for row in reaching],
        "lowest": {"gap": gap, "seed": seed, "last_steps": last_steps(gap, seed)},
    }


if __name__ == "__main__":
    write_atomically(RESULTS, json.dumps(study(), indent=1) + "\n")
