"""The networks of chapter 7 that read chorales, and the tunes that one of them continues.

    python book/studies/lstm_chorales.py

trains RNN, LSTM and GRU of equal size, three seeds each, beside models that count, and writes
their scores to ``lstm_chorales.json``. One LSTM is kept in ``lstm_chorales.npz``, before its last
two epochs, which the chapter repeats, and after them. What it makes of the beginnings of two tunes
is written as sound to ``book/_static/sound``. (That needs soundfile, which the tests bring.)
"""

import json
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the number of threads is set
import soundfile
from lstm_memory import rounded, write_npz

import nnlearn as nn
from nnlearn import music
from nnlearn.exercises.notebook import write_atomically

RESULTS = Path(__file__).with_suffix(".json")
WEIGHTS = Path(__file__).with_suffix(".npz")
SOUNDS = Path(__file__).parents[1] / "_static" / "sound"
SEEDS = (0, 1, 2)
EPOCHS, LAST_EPOCHS, RATE = 40, 2, 5e-3
HIDDEN = {"RNN": 195, "LSTM": 96, "GRU": 112}
GIVEN = 9  # notes of a tune that the network is given
TUNES = {"first": 0, "second": 6}  # of the test melodies; and the seeds of what is drawn


def reader(kind):
    """Return a network that reads tokens and says the next one: about 56,100 numbers."""
    layer, hidden = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}[kind], HIDDEN[kind]
    return nn.Sequential(
        *(nn.Embedding(music.TOKENS, 32), nn.Dropout(0.3)),
        *(layer(32, hidden), nn.Dropout(0.3), nn.Dense(hidden, music.TOKENS)),
    )


def side_by_side(melodies):
    """Put melodies into one array (T, N), padded with the end's sign, and a mask of what counts."""
    longest = max(len(tokens) for tokens in melodies)
    batch = np.full((longest, len(melodies)), music.END)
    for n, tokens in enumerate(melodies):
        batch[: len(tokens), n] = tokens
    counts = np.arange(1, longest)[:, None] < [len(tokens) for tokens in melodies]
    return batch, counts.astype("float32")


def train(model, params, melodies, epochs, generator):
    """Train in place for some of the epochs, counted from 0: the rate falls to zero."""
    optimizer = nn.Adam(RATE)
    for epoch in epochs:
        optimizer.learning_rate = RATE * (1 - epoch / EPOCHS)
        order = generator.permutation(len(melodies))
        for start in range(0, len(order), 16):
            batch, counts = side_by_side([melodies[i] for i in order[start : start + 16]])
            logits, backward = nn.vjp(model, params, batch[:-1], wrt=0, generator=generator)
            dlogits = nn.softmax(logits) - np.eye(music.TOKENS, dtype="float32")[batch[1:]]
            grads = backward(dlogits * (counts / counts.sum())[..., None])
            nn.clip_gradient_norm(grads, 1.0)
            optimizer.step(params, grads)


def log_probabilities(model, params, melodies):
    """Return log p of each melody."""
    batch, counts = side_by_side(melodies)
    said = np.take_along_axis(
        nn.log_softmax(model(params, batch[:-1]).astype("float64")), batch[1:, :, None], axis=-1
    )
    return (said[..., 0] * counts).sum(axis=0).tolist()


def continued(model, params, given, generator, longest=120):
    """Return the tokens of a tune that the network goes on with after its beginning."""
    memory, tokens = {}, given.tolist()
    logits = model(params, given[:, None], memory=memory)[-1, 0]
    while len(tokens) < longest:
        p = nn.softmax(logits.astype("float64"))
        tokens.append(int(np.searchsorted(np.cumsum(p), generator.random() * p.sum())))
        if tokens[-1] == music.END:
            break
        logits = model(params, np.array([[tokens[-1]]]), memory=memory)[0, 0]
    return np.array(tokens)


def half(vector):
    """Round weights to what sixteen bits hold: half of the file, and no visible difference."""
    return vector.astype("float16")


def networks(train_set, test_set):
    """Train all networks; keep the first LSTM. Return the scores."""
    found = {}
    for kind in HIDDEN:
        runs = []
        for seed in SEEDS:
            generator, model = np.random.default_rng(seed), reader(kind)
            params = model.init(seed)
            train(model, params, train_set, range(EPOCHS - LAST_EPOCHS), generator)
            before = half(params.vector)
            params.vector[:] = before
            last = np.random.default_rng(100 + seed)
            train(model, params, train_set, range(EPOCHS - LAST_EPOCHS, EPOCHS), last)
            if (kind, seed) == ("LSTM", 0):
                write_npz(WEIGHTS, {"before": before, "after": half(params.vector)})
            runs.append(log_probabilities(model, params, test_set))
            print(kind, seed, np.sum(runs[-1]), flush=True)
        found[kind] = {"parameters": int(params.vector.size), "log_p": runs}
    return found


def counting(train_set, choice, test_set):
    """Return the scores of models that count tokens; alpha is chosen for each order."""
    found = {}
    for n in range(1, 9):
        tried = [nn.NGram(train_set, n, alpha, music.TOKENS) for alpha in (1, 2, 4, 8, 16, 32)]
        best = max(tried, key=lambda model: sum(map(model.log_probability, choice)))
        log_p = [best.log_probability(tokens) for tokens in test_set]
        found[f"{n}-gram"] = {"alpha": best.alpha, "log_p": [log_p]}
        print(n, best.alpha, np.sum(log_p), flush=True)
    return found


def record(test_set):
    """Write what the kept LSTM makes of two beginnings as sound; return its notes."""
    model, found = reader("LSTM"), {}
    params = model.init(0)
    with np.load(WEIGHTS) as arrays:
        params.vector[:] = arrays["after"]
    SOUNDS.mkdir(exist_ok=True)
    for name, which in TUNES.items():
        given = test_set[which][: 1 + 2 * GIVEN]
        tokens = continued(model, params, given, np.random.default_rng(which))
        for kind, line in [("continued", tokens), ("bach", test_set[which])]:
            path = SOUNDS / f"chorale-{name}-{kind}.mp3"
            temporary = path.with_suffix(".tmp.mp3")
            soundfile.write(temporary, music.sound(music.decode(line)), 22_050, format="MP3")
            temporary.replace(path)
        found[name] = tokens.tolist()
    return found


if __name__ == "__main__":
    sets = [
        [music.encode(chorale.notes) for chorale in chorales] for chorales in nn.data.load_chorales()
    ]
    train_set, choice_set, test_set = sets
    scores = counting(*sets) | networks(train_set, test_set)
    tunes = record(test_set)
    write_atomically(RESULTS, json.dumps(rounded({"scores": scores, "tunes": tunes})) + "\n")
