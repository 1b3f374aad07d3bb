"""The networks of chapter 7 that take too long for a notebook: memory, and names.

    python book/studies/lstm_memory.py [PART ...]

trains them (all, or the parts that are named: ``bits``, ``adding``,
``shortcut``, ``copying``, ``names``, ``stacked``) and writes what came of it to
``lstm_memory.json``, beside this file. The LSTMs that have almost learned to add are
kept in ``lstm_adding.npz``: the chapter trains their last hundred steps.
"""

import functools
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the number of threads is set

import nnlearn as nn
from nnlearn.files import atomic_file, write_atomically

RESULTS = Path(__file__).with_suffix(".json")
WEIGHTS = Path(__file__).with_name("lstm_adding.npz")
SEEDS = (0, 1, 2)
ADDING_STEPS, LAST_STEPS = 2400, 100  # of training; the last ones are left to the chapter
LENGTHS = (25, 50, 100, 200)  # of the adding problem
BIT_GAPS = (10, 50, 100, 200, 400)  # of the task of one bit
GAPS = (10, 20, 40, 80, 160)  # of the copy task
RATES = (1e-3, 5e-3)  # of Adam: each network of the copy task gets the better one
ALPHABET = "abcdefghijklmnopqrstuvwxyz."


def adder(kind, **settings):
    """Return the network that adds: 32 units read, and a dense layer tells the sum."""
    layers = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
    return nn.Sequential(layers[kind](2, 32, last=True, **settings), nn.Dense(32, 1))


def train_adder(model, params, length, rate, steps, generator):
    """Train in place; return the loss of every step."""
    optimizer, losses = nn.Adam(rate), []
    for _ in range(steps):
        x, total = nn.tasks.adding(length, 32, generator)
        prediction, backward = nn.vjp(model, params, x, wrt=0)
        loss, d_loss = nn.vjp(nn.mean_squared_error, prediction, total, wrt=0)
        grads = backward(d_loss())
        nn.clip_gradient_norm(grads, 1.0)
        optimizer.step(params, grads)
        losses.append(loss)
    return [float(loss) for loss in losses]  # at the end: no step waits for a device


def test_error(model, params, length):
    """Return the mean squared error on 2,000 new sequences."""
    x, total = nn.tasks.adding(length, 2000, np.random.default_rng(99))
    return float(nn.mean_squared_error(model(params, x), total))


def adding():
    """Train RNN, LSTM and GRU to add, at each length and with each seed."""
    rates, runs, kept = {"RNN": 1e-3, "LSTM": 5e-3, "GRU": 5e-3}, [], {}
    for kind, length, seed in ((k, n, s) for k in rates for n in LENGTHS for s in SEEDS):
        generator, model = np.random.default_rng(seed), adder(kind)
        params = model.init(seed)
        steps = ADDING_STEPS - LAST_STEPS
        losses = train_adder(model, params, length, rates[kind], steps, generator)
        if (kind, length) == ("LSTM", LENGTHS[-1]):
            kept[f"seed{seed}"] = params.vector.copy()
        last = np.random.default_rng(100 + seed)
        losses += train_adder(model, params, length, 1e-3, LAST_STEPS, last)
        curve = np.mean(np.reshape(losses, (-1, 50)), axis=1)
        run = {"kind": kind, "length": length, "seed": seed}
        run |= {"error": test_error(model, params, length), "curve": curve.tolist()}
        runs.append(run)
        print(kind, length, seed, run["error"], flush=True)
    write_npz(WEIGHTS, kept)
    return runs


def write_npz(path, arrays):
    """Write arrays, all of them or none."""
    with atomic_file(path) as file:
        np.savez_compressed(file, **arrays)


def shortcut():
    """Train LSTMs to add over 50 steps, with the whole gradient and along the cell's road alone."""
    runs = []
    for whole, seed in ((w, s) for w in (True, False) for s in SEEDS):
        generator, model = np.random.default_rng(seed), adder("LSTM")
        params, optimizer, losses = model.init(seed), nn.Adam(5e-3), []
        for _ in range(1200):
            x, total = nn.tasks.adding(50, 32, generator)
            prediction, backward = nn.vjp(model, params, x, wrt=0)
            loss, d_loss = nn.vjp(nn.mean_squared_error, prediction, total, wrt=0)
            d_prediction = d_loss()
            grads = backward(d_prediction)
            if not whole:
                weights = [params[name] for name in ("0.W_x", "0.W_h", "0.b")]
                dh = np.zeros((50, 32, 32), dtype="float32")
                dh[-1] = d_prediction @ params["1.W"]
                for name, d in zip(
                    ("W_x", "W_h", "b"), along_the_road(x, *weights, dh), strict=True
                ):
                    grads[f"0.{name}"][...] = d
            nn.clip_gradient_norm(grads, 1.0)
            optimizer.step(params, grads)
            losses.append(float(loss))
        curve = np.mean(np.reshape(losses, (-1, 50)), axis=1).tolist()
        error = test_error(model, params, 50)
        runs.append({"whole": whole, "seed": seed, "error": error, "curve": curve})
        print(whole, seed, error, flush=True)
    return runs


def along_the_road(x, W_x, W_h, b, dh):
    """Return dW_x, dW_h and db, with nothing going back through the gates and h.

    The states are put beside the inputs as if they were given: the values are the same, and the
    only way left from one step to the one before is the cell.
    """
    zero = np.zeros((x.shape[1], W_h.shape[1]), dtype=x.dtype)
    h, _ = nn.lstm(x, zero, zero, W_x, W_h, b)
    given = np.concatenate([x, np.concatenate([zero[None], h[:-1]])], axis=2)
    joined = np.concatenate([W_x, W_h], axis=1)
    _, backward = nn.vjp(nn.lstm, given, zero, zero, joined, 0 * W_h, b, wrt=(3, 5))
    dW, db = backward(dh)
    return dW[:, : x.shape[2]], dW[:, x.shape[2] :], db


def told(layer, gap, seed, steps=150):
    """Train on the task of one bit; return the share of bits that it tells right afterwards."""
    generator = np.random.default_rng(seed)
    model, optimizer = nn.Sequential(layer, nn.Dense(32, 1)), nn.Adam(3e-3)
    params = model.init(seed)
    for _ in range(steps):
        x, bit = nn.tasks.signals(gap, 32, generator)
        logits, backward = nn.vjp(model, params, x, wrt=0)
        _, d_loss = nn.vjp(nn.sigmoid_cross_entropy, logits, bit, wrt=0)
        grads = backward(d_loss())
        nn.clip_gradient_norm(grads, 1.0)
        optimizer.step(params, grads)
    x, bit = nn.tasks.signals(gap, 1000, generator)
    return nn.accuracy(model(params, x), bit)


def bits():
    """Keep one bit over each gap: the RNN, and LSTMs whose forget gates start differently open."""
    layers = {"RNN": nn.RNN(2, 32, last=True)}
    for bias in (1.0, 3.0, 5.0):
        layers[f"LSTM, bias {bias:.0f}"] = nn.LSTM(2, 32, last=True, forget_bias=bias)
    runs = []
    for kind, gap in ((k, g) for k in layers for g in BIT_GAPS):
        right = [told(layers[kind], gap, seed) for seed in SEEDS]
        runs.append({"kind": kind, "gap": gap, "right": right})
        print(runs[-1], flush=True)
    return runs


def copier(kind):
    """Return the network that copies: 64 units, and 4 logits at every step."""
    layers = {
        "RNN": nn.RNN,
        "LSTM": functools.partial(nn.LSTM, forget_bias=5.0),
        "LSTM, bias 1": nn.LSTM,
        "GRU": functools.partial(nn.GRU, update_bias=5.0),
    }
    return nn.Sequential(layers[kind](6, 64), nn.Dense(64, 4))


def copied(kind, gap, rate, seed, steps=1500):
    """Train one network; return the share of symbols that it says right afterwards."""
    generator, model, optimizer = np.random.default_rng(seed), copier(kind), nn.Adam(rate)
    params = model.init(seed)
    for _ in range(steps):
        x, wanted = nn.tasks.copying(gap, 32, generator)
        logits, backward = nn.vjp(model, params, x, wrt=0)
        _, d_loss = nn.vjp(nn.softmax_cross_entropy, logits[-3:], wanted, wrt=0)
        dlogits = np.zeros_like(logits)
        dlogits[-3:] = d_loss()
        grads = backward(dlogits)
        nn.clip_gradient_norm(grads, 1.0)
        optimizer.step(params, grads)
    x, wanted = nn.tasks.copying(gap, 1000, np.random.default_rng(99))
    return float(np.mean(model(params, x)[-3:].argmax(axis=-1) == wanted))


def copying():
    """Train each network for each gap, with both rates; keep the rate that does better."""
    runs = []
    for kind in ("RNN", "LSTM", "LSTM, bias 1", "GRU"):
        for gap in GAPS:
            found = {rate: [copied(kind, gap, rate, seed) for seed in SEEDS] for rate in RATES}
            rate = max(RATES, key=lambda rate: np.mean(found[rate]))
            runs.append({"kind": kind, "gap": gap, "rate": rate, "right": found[rate]})
            print(runs[-1], flush=True)
    return runs


def encode(name):
    """Return a name's letters as numbers, with the point that begins and ends it."""
    return np.array([ALPHABET.index(c) for c in f".{name}."])


def namer(kind):
    """Return a network that reads names, with about 22,500 numbers to learn."""
    if kind == "two LSTMs":
        layers = nn.LSTM(16, 39), nn.LSTM(39, 39)  # the second reads the states of the first
        return nn.Sequential(nn.Embedding(27, 16), *layers, nn.Dense(39, 27))
    layer, hidden = {"RNN": (nn.RNN, 128), "LSTM": (nn.LSTM, 63), "GRU": (nn.GRU, 74)}[kind]
    return nn.Sequential(nn.Embedding(27, 16), layer(16, hidden), nn.Dense(hidden, 27))


def train_namer(kind, seed, epochs=12, rate=5e-3):
    """Train as chapter 6 does; return the perplexity on the test names."""
    names, test_names = nn.data.load_first_names()
    generator, model, optimizer = np.random.default_rng(seed), namer(kind), nn.Adam(rate)
    params, codes = model.init(seed), [encode(name) for name in names[:-500]]
    for epoch in range(epochs):
        optimizer.learning_rate = rate * (1 - epoch / epochs)
        for batch in nn.sequences.by_length(codes, 32, generator):
            logits, backward = nn.vjp(model, params, batch[:-1], wrt=0)
            _, d_loss = nn.vjp(nn.softmax_cross_entropy, logits, batch[1:], wrt=0)
            grads = backward(d_loss())
            nn.clip_gradient_norm(grads, 1.0)
            optimizer.step(params, grads)
    batches = nn.sequences.by_length([encode(name) for name in test_names], 1000)
    counts = [batch[1:].size for batch in batches]
    losses = [nn.softmax_cross_entropy(model(params, b[:-1]), b[1:]) for b in batches]
    return {
        "parameters": int(params.vector.size),
        "perplexity": float(np.exp(np.average(losses, weights=counts))),
    }


def naming():
    """Train the three networks of equal size on first names."""
    runs = []
    for kind, seed in ((k, s) for k in ("RNN", "LSTM", "GRU") for s in SEEDS):
        runs.append({"kind": kind, "seed": seed, **train_namer(kind, seed)})
        print(runs[-1], flush=True)
    return runs


def stacked():
    """Train one LSTM, and two on top of each other, of equal size, on first names."""
    runs = []
    for kind, seed in ((k, s) for k in ("LSTM", "two LSTMs") for s in (*SEEDS, 3, 4)):
        runs.append({"kind": kind, "seed": seed, **train_namer(kind, seed)})
        print(runs[-1], flush=True)
    return runs


def rounded(value):
    """Round all fractions: the last digits say nothing and fill the file."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return {k: rounded(v) for k, v in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    PARTS = {
        "bits": bits,
        "adding": adding,
        "shortcut": shortcut,
        "copying": copying,
        "names": naming,
        "stacked": stacked,
    }
    for part in sys.argv[1:] or PARTS:
        found = rounded(PARTS[part]())
        stored = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        stored[part] = found
        write_atomically(RESULTS, json.dumps(stored, indent=None) + "\n")
