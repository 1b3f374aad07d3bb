"""A small Transformer that reads the names of chapter 6: the one in the live figure ``attention``.

    python book/studies/attention_figure.py

trains it with three seeds, about a minute each on one core, as the networks of chapter 6 were: on
3,663 names, a batch of equal length at a time. It writes their perplexities, and how the heads of
the first one share out their weight, to ``attention_figure.json``, beside this file, and the
parameters of the first one to ``attention_figure.npz``. The settings were chosen on the 500 names.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the number of threads is set

import nnlearn as nn
from nnlearn.files import write_atomically

try:
    from studies.lstm_memory import ALPHABET, rounded, write_npz
except ImportError:  # run as a script
    from lstm_memory import ALPHABET, rounded, write_npz

RESULTS = Path(__file__).with_suffix(".json")
WEIGHTS = Path(__file__).with_suffix(".npz")
SEEDS = (0, 1, 2)
WIDTH, HEADS, BLOCKS, HIDDEN, LONGEST = 32, 2, 2, 64, 16
EPOCHS, BATCH, RATE, WARM_UP, DECAY, DROPOUT = 60, 32, 3e-3, 200, 0.1, 0.1


def encode(name):
    """Return the numbers of a name's letters, with the point that begins it and that ends it."""
    return np.array([ALPHABET.index(letter) for letter in f".{name}."])


def reader(dropout=0.0):
    """Return the network: letters so far (T, N) to logits of the next one (T, N, 27)."""
    settings = {"hidden": HIDDEN, "causal": True, "dropout": dropout}
    return nn.Sequential(
        *(nn.Embedding(27, WIDTH), nn.PositionalEncoding(WIDTH, "learned", longest=LONGEST)),
        *(nn.TransformerBlock(WIDTH, HEADS, **settings) for _ in range(BLOCKS)),
        *(nn.LayerNorm(WIDTH), nn.Dense(WIDTH, 27)),
    )


def stored_reader():
    """Return the network that was kept, and its parameters."""
    model = reader()
    params = model.init(seed=0)
    with np.load(WEIGHTS) as arrays:
        params.vector[:] = nn.asarray(arrays["vector"])
    return model, params


def sets():
    """Return the names to learn from, to choose by, and to test with: lists of lists of numbers."""
    names, test = nn.data.load_first_names()
    return [[encode(name) for name in group] for group in (names[:-500], names[-500:], test)]


def train(names, seed):
    """Return the parameters of a network that has learned names."""
    generator, model = np.random.default_rng(seed), reader(DROPOUT)
    steps = EPOCHS * len(nn.sequences.by_length(names, BATCH))
    rate = nn.schedules.cosine(RATE, steps, warm_up=WARM_UP)
    params, optimizer = model.init(seed), nn.Adam(rate, weight_decay=DECAY)
    for _ in range(EPOCHS):
        for batch in nn.sequences.by_length(names, BATCH, generator):
            logits, backward = nn.vjp(model, params, nn.asarray(batch[:-1]), wrt=0, rng=generator)
            _, d_loss = nn.vjp(nn.softmax_cross_entropy, logits, nn.asarray(batch[1:]))
            grads = backward(d_loss())
            nn.clip_gradient_norm(grads, 1.0)
            optimizer.step(params, grads)
    params.vector[:] = params.vector.astype("float16")  # half of the file, as good
    return params


def perplexity(params, names):
    """Return that of names, as chapter 6 counts it: eq-perplexity."""
    model, total, count = reader(), 0.0, 0
    for batch in nn.sequences.by_length(names, len(names)):
        log_p = nn.log_softmax(nn.to_numpy(model(params, nn.asarray(batch[:-1]))).astype("float64"))
        said = np.take_along_axis(log_p, batch[1:, :, None], axis=-1)
        total, count = total + said.sum(), count + said.size
    return float(np.exp(-total / count))


def looks(params, tokens):
    """Tell how much each letter looks at each: the weights of all blocks and heads.

    Parameters
    ----------
    params : Parameters
        Of `reader`.
    tokens : array of int, shape (T, N)

    Returns
    -------
    array, shape (blocks, N, heads, T, T)
    """
    x, found = nn.asarray(tokens), []
    mask = np.tri(len(tokens), dtype=bool)  # eq-causal-mask
    for name, layer in reader().layers.items():
        own = params.part(name)
        if isinstance(layer, nn.TransformerBlock):
            seen = nn.layer_norm(x, own["0.0.gamma"], own["0.0.beta"])
            z = nn.to_numpy(nn.dense(seen, own["0.1.W_qkv"], own["0.1.b_qkv"]))
            heads = z.reshape(*tokens.shape, 3, HEADS, WIDTH // HEADS)
            q, k, _ = heads.transpose(2, 1, 3, 0, 4)
            found.append(nn.attention_weights(q, k, mask))
        x = layer(own, x)
    return np.stack(found)


def habits(params, names):
    """Return where each head's weight goes, on average over all letters from the third on."""
    vowels = np.isin(np.arange(27), [ALPHABET.index(letter) for letter in "aeiou"])
    sums, count = {}, 0
    for batch in nn.sequences.by_length(names, len(names)):
        read = batch[:-1]
        weights = looks(params, read)[..., 3:, :]  # of letters that have two letters before them
        T, N = read.shape
        count += N * max(0, T - 3)
        t = np.arange(3, T)
        before = weights[..., t - 3, t - 1]
        so_far = np.cumsum(vowels[read], axis=0)[3:] / (t[:, None] + 1)  # (T - 3, N)
        parts = {
            "itself": weights[..., t - 3, t],
            "one before": before,
            "two before": weights[..., t - 3, t - 2],
            "start": weights[..., 0],
            "vowels": (weights * vowels[read].T[None, :, None, None, :]).sum(axis=-1),
            "the largest": weights.max(axis=-1),
            "one before is the largest": before == weights.max(axis=-1),
            "each, were all alike": np.broadcast_to(1 / (t + 1), before.shape),
            "vowels, were all alike": np.broadcast_to(so_far.T[None, :, None, :], before.shape),
        }
        for name, part in parts.items():
            sums[name] = sums.get(name, 0) + part.sum(axis=(1, 3))
    return {name: (total / count).tolist() for name, total in sums.items()}


def study():
    """Train all; keep the first. Return what the file will hold."""
    (names, choice, test), runs, kept = sets(), [], None
    for seed in SEEDS:
        params = train(names, seed)
        kept = params if kept is None else kept
        scores = {"fit": names, "choice": choice, "test": test}
        runs.append({"seed": seed} | {name: perplexity(params, s) for name, s in scores.items()})
        print(runs[-1], flush=True)
    write_npz(WEIGHTS, {"vector": nn.to_numpy(kept.vector).astype("float16")})
    size = int(kept.vector.size)
    return {"parameters": size, "perplexity": runs, "weight": habits(kept, choice)}


if __name__ == "__main__":
    write_atomically(RESULTS, json.dumps(rounded(study()), indent=1) + "\n")
