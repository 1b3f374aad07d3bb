"""The networks of chapter 7 that read chorales, and the tunes that one of them continues.

    python book/studies/lstm_chorales.py [PART ...]

trains RNN, LSTM and GRU of equal size, three seeds each, beside models that count (or does the
parts that are named: ``counting``, ``networks``, ``tunes``), and writes their scores to
``lstm_chorales.json``. One LSTM is kept in ``lstm_chorales.npz``. What it makes of the beginnings
of two tunes is written as sound to ``book/_static/sound``. (That needs soundfile, which the tests
bring.)
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the number of threads is set

import nnlearn as nn
from nnlearn.book import music
from nnlearn.files import atomic_file, write_atomically

try:
    from studies import lstm_memory
except ImportError:  # run as a script
    import lstm_memory

RESULTS = Path(__file__).with_suffix(".json")
WEIGHTS = Path(__file__).with_suffix(".npz")
SOUNDS = Path(__file__).parents[1] / "_static" / "sound"
SEEDS = (0, 1, 2)
EPOCHS, RATE = 40, 5e-3
HIDDEN = {"RNN": 195, "LSTM": 96, "GRU": 112}
GIVEN = 9  # notes of a tune that the network is given
SETTINGS = {"end": music.END, "longest": 140, "temperature": 0.7}  # of what it draws
ALPHAS = (1, 2, 4, 8, 16, 32, 64, 128)  # how much a count may pretend
TUNES = {"first": 0, "second": 1}  # of the test melodies; and the seeds of what is drawn


def reader(kind):
    """Return a network that reads tokens and says the next one: about 56,100 numbers."""
    layer, hidden = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}[kind], HIDDEN[kind]
    return nn.Sequential(
        *(nn.Embedding(music.TOKENS, 32), nn.Dropout(0.3)),
        *(layer(32, hidden), nn.Dropout(0.3), nn.Dense(hidden, music.TOKENS)),
    )


def stored_reader():
    """Return the LSTM that was kept, and its parameters."""
    model = reader("LSTM")
    params = model.init(seed=0)
    with np.load(WEIGHTS) as arrays:
        params.vector[:] = nn.asarray(arrays["vector"])
    return model, params


def side_by_side(melodies):
    """Put melodies into one array (T, N), padded with the end's sign, and a mask of what counts."""
    longest = max(len(tokens) for tokens in melodies)
    batch = np.full((longest, len(melodies)), music.END)
    for n, tokens in enumerate(melodies):
        batch[: len(tokens), n] = tokens
    counts = np.arange(1, longest)[:, None] < [len(tokens) for tokens in melodies]
    return batch, counts.astype("float32")


def train(model, params, melodies, generator, epochs=EPOCHS, rate=None):
    """Train in place, with a rate that falls to zero, or another schedule."""
    batches = -(-len(melodies) // 16)
    optimizer = nn.Adam(rate or (lambda step: RATE * (1 - (step - 1) // batches / epochs)))
    for _ in range(epochs):
        order = generator.permutation(len(melodies))
        for start in range(0, len(order), 16):
            batch, counts = side_by_side([melodies[i] for i in order[start : start + 16]])
            logits, backward = nn.vjp(model, params, batch[:-1], wrt=0, rng=generator)
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


def networks(train_set, test_set):
    """Train all networks; keep the first LSTM. Return the scores."""
    found = {}
    for kind in HIDDEN:
        runs = []
        for seed in SEEDS:
            generator, model = np.random.default_rng(seed), reader(kind)
            params = model.init(seed)
            train(model, params, train_set, generator)
            params.vector[:] = params.vector.astype("float16")  # half of the file, as good
            if (kind, seed) == ("LSTM", 0):
                lstm_memory.write_npz(WEIGHTS, {"vector": params.vector.astype("float16")})
            runs.append(log_probabilities(model, params, test_set))
            print(kind, seed, np.sum(runs[-1]), flush=True)
        found[kind] = {"parameters": int(params.vector.size), "log_p": runs}
    return found


def whole_notes(tokens):
    """Join the two tokens of each note into one symbol: what a model may count instead."""
    lengths, pitches = tokens[1:-1:2] - 1, tokens[2:-1:2] - music.FIRST_PITCH
    return np.array([0, *(1 + lengths * len(music.PITCHES) + pitches), 0])


def counting(train_set, choice, test_set):
    """Return the scores of models that count tokens, and of such that count whole notes.

    How much is pretended, alpha, is chosen for each order.
    """
    found = {}
    ways = {
        "tokens": (lambda tokens: tokens, music.TOKENS, range(1, 9)),
        "notes": (whole_notes, 1 + 2 * len(music.LENGTHS) * len(music.PITCHES), range(1, 6)),
    }
    for way, (seen, symbols, orders) in ways.items():
        sets = [[seen(tokens) for tokens in some] for some in (train_set, choice, test_set)]
        for n in orders:
            tried = [nn.NGram(sets[0], n, a, symbols) for a in ALPHAS]
            best = max(tried, key=lambda model: sum(map(model.log_probability, sets[1])))
            log_p = [best.log_probability(tokens) for tokens in sets[2]]
            found[f"{n} {way}"] = {"alpha": best.alpha, "log_p": [log_p]}
            print(n, way, best.alpha, np.sum(log_p), flush=True)
    return found


def beginning(tokens):
    """Return the tokens of the notes that the network is given."""
    return tokens[: 1 + 2 * GIVEN]


def record(test_set):
    """Write what the kept LSTM makes of two beginnings as sound; return its notes."""
    import soundfile

    (model, params), found = stored_reader(), {}
    SOUNDS.mkdir(exist_ok=True)
    for name, which in TUNES.items():
        given = beginning(test_set[which])
        generator = np.random.default_rng(which)
        tokens = nn.sequences.continuation(model, params, given, generator, **SETTINGS)
        for kind, line in [("continued", tokens), ("bach", test_set[which])]:
            with atomic_file(SOUNDS / f"chorale-{name}-{kind}.mp3") as file:
                soundfile.write(file, music.sound(music.decode(line)), 22_050, format="MP3")
        found[name] = tokens.tolist()
    return found


if __name__ == "__main__":
    train_set, choice_set, test_set = (
        [music.encode(chorale.notes) for chorale in chorales]
        for chorales in nn.data.load_chorales()
    )
    PARTS = {
        "counting": lambda: counting(train_set, choice_set, test_set),
        "networks": lambda: networks(train_set, test_set),
        "tunes": lambda: record(test_set),
    }
    for part in sys.argv[1:] or PARTS:
        found = lstm_memory.rounded(PARTS[part]())
        stored = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        stored[part] = found
        write_atomically(RESULTS, json.dumps(stored) + "\n")
