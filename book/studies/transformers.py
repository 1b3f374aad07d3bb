"""The networks of chapter 11 that take too long for a notebook.

    python book/studies/transformers.py [PART ...]

trains them (all, or the parts that are named: ``copying``, ``lstm``, ``induction``, ``warming``,
``names``, ``same_time``, ``chorales``, ``recurrent_time``) and writes what came of it to
``transformers.json``, beside this file. One network of the part ``induction`` is kept in
``transformers.npz``.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the number of threads is set

import nnlearn as nn
from nnlearn.book import music
from nnlearn.files import write_atomically

try:
    from studies import lstm_chorales, lstm_memory
except ImportError:  # run as a script
    import lstm_chorales
    import lstm_memory

RESULTS = Path(__file__).with_suffix(".json")
WEIGHTS = Path(__file__).with_suffix(".npz")
SEEDS = (0, 1, 2)
GAPS = (40, 160, 400)  # of the copy task
COPY_STEPS, LSTM_STEPS = 400, 1500  # of training for it
JUDGED = 1000  # sequences, of the copy task, 50 at a time
PERIODS, SYMBOLS, STEPS = (8, 20), 24, 40  # of the sequences that repeat themselves
KINDS = ("RNN", "LSTM", "GRU", "Transformer")
ENCODINGS = ("none", "sinusoidal", "learned", "rotary")
NAME_RATES = (5e-3, 1e-2)  # of Adam: each network that reads names gets the better one


def transformer(front, width, heads, blocks, classes, positions="rotary", longest=None, **settings):
    """Return a Transformer that reads: `front` makes vectors, and each becomes logits."""
    encoding = []
    if positions in ("sinusoidal", "learned"):
        longest = longest if positions == "learned" else None
        encoding = [nn.PositionalEncoding(width, positions, longest)]
    settings |= {"causal": True, "rotary": positions == "rotary"}
    stack = [nn.TransformerBlock(width, heads, **settings) for _ in range(blocks)]
    return nn.Sequential(front, *encoding, *stack, nn.LayerNorm(width), nn.Dense(width, classes))


def gradient(model, params, x, targets, generator=None, answers=None):
    """Return the loss, its gradient, and the logits; only the last `answers` outputs count."""
    logits, backward = nn.vjp(model, params, x, wrt=0, rng=generator)
    part = slice(None) if answers is None else slice(-answers, None)
    loss, d_loss = nn.vjp(nn.softmax_cross_entropy, logits[part], targets, wrt=0)
    dlogits = nn.array_namespace(logits).zeros_like(logits)
    dlogits[part] = d_loss()
    return float(loss), backward(dlogits), logits


def descend(model, params, optimizer, *data, **settings):
    """Take one step, of a gradient that is clipped; return the loss and the logits."""
    loss, grads, logits = gradient(model, params, *data, **settings)
    nn.clip_gradient_norm(grads, 1.0)
    optimizer.step(params, grads)
    return loss, logits


# --- copying -----------------------------------------------------------------------------------


def copier(blocks=1, **settings):
    """Return a Transformer for the copy task."""
    return transformer(nn.Dense(6, 32), 32, 2, blocks, 4, "sinusoidal", **settings)


def train_copier(model, params, gap, seed, steps, optimizer):
    """Train in place; return the loss of every step."""
    generator = np.random.default_rng(seed)
    batches = (nn.tasks.copying(gap, 32, generator) for _ in range(steps))
    return [descend(model, params, optimizer, *batch, answers=3)[0] for batch in batches]


def said_right(model, params, gap):
    """Return the share of symbols that a network says right, in new sequences."""
    generator, right = np.random.default_rng(99), []
    for _ in range(JUDGED // 50):
        x, wanted = nn.tasks.copying(gap, 50, generator)
        said = nn.to_numpy(model(params, x))[-3:].argmax(axis=-1)
        right.append(np.mean(said == nn.to_numpy(wanted)))
    return float(np.mean(right))


def copying():
    """Train Transformers to copy over each gap."""
    runs = []
    for gap, seed in ((g, s) for g in GAPS for s in SEEDS):
        model, optimizer = copier(), nn.Adam(nn.schedules.warm_up(3e-3, 100))
        params, start = model.init(seed), time.process_time()
        losses = train_copier(model, params, gap, seed, COPY_STEPS, optimizer)
        run = {"gap": gap, "seed": seed, "parameters": int(params.vector.size)}
        run |= {"seconds": time.process_time() - start, "losses": losses[::10]}
        runs.append(run | {"right": said_right(model, params, gap)})
        print(gap, seed, runs[-1]["right"], runs[-1]["seconds"], flush=True)
    return runs


def lstm():
    """Train chapter 7's LSTM to copy over the longest gap, with both rates."""
    runs = []
    for rate in lstm_memory.RATES:
        start = time.process_time()
        right = [lstm_memory.copied("LSTM", GAPS[-1], rate, s, LSTM_STEPS) for s in SEEDS]
        seconds = (time.process_time() - start) / len(SEEDS)
        runs.append({"gap": GAPS[-1], "rate": rate, "right": right, "seconds": seconds})
        print(runs[-1], flush=True)
    return runs


def warming():
    """Train twelve blocks to copy over 20 steps, with and without warm-up, both norms."""
    runs = []
    for norm, steps, seed in ((n, w, s) for n in ("pre", "post") for w in (0, 100) for s in SEEDS):
        model = copier(blocks=12, norm=norm)
        rate = nn.schedules.warm_up(3e-3, steps) if steps else 3e-3
        params, optimizer = model.init(seed), nn.Adam(rate)
        losses = train_copier(model, params, 20, seed, 300, optimizer)
        runs.append({"norm": norm, "steps": steps, "seed": seed, "losses": losses[::5]})
        print(norm, steps, seed, np.mean(losses[-20:]), flush=True)
    return runs


# --- sequences that repeat themselves ----------------------------------------------------------


def repeating(count, generator, steps=STEPS):
    """Draw symbols (steps + 1, N) that repeat: each sequence has a period of its own, (N,).

    In one period each symbol stands at most once.
    """
    periods = generator.integers(PERIODS[0], PERIODS[1] + 1, count)
    draws = (generator.permutation(SYMBOLS)[:period] for period in periods)
    return np.stack([np.resize(drawn, steps + 1) for drawn in draws], axis=1), periods


def inducer(blocks):
    """Return a Transformer with one head a block, which reads sequences that repeat themselves."""
    return transformer(nn.Embedding(SYMBOLS, 32), 32, 1, blocks, SYMBOLS)


def repeat_reader():
    """Return an LSTM that reads them, with as many numbers as two blocks."""
    return nn.Sequential(nn.Embedding(SYMBOLS, 32), nn.LSTM(32, 65), nn.Dense(65, SYMBOLS))


def looks(model, params, x):
    """Return the attention weights (N, h, T, T) of each block, first to last."""
    found, h = [], x
    for name, layer in model.layers.items():
        part = params.part(name)
        if isinstance(layer, nn.TransformerBlock):  # layer normalization, then attention
            norm, look = layer.layers["0"].layers.values()
            found.append(look.weights(part.part("0.1"), norm(part.part("0.0"), h)))
        h = layer(part, h)
    return found


def head_scores(model, params):
    """Return for each block the mean weight one place back, and one period back, plus one.

    The latter is the place after the last one with the same symbol.
    """
    x, periods = repeating(200, np.random.default_rng(98))
    found = []
    for weights in looks(model, params, x[:-1]):
        last, followed = [], []
        for n, period in enumerate(periods):
            t = np.arange(period, len(x) - 1)  # the second time has begun
            last.append(np.mean(weights[n, 0, t, t - 1]))
            followed.append(np.mean(weights[n, 0, t, t - period + 1]))
        found.append({"last": float(np.mean(last)), "followed": float(np.mean(followed))})
    return found


def foreseen(logits, x, periods):
    """Return the share of symbols told right among those that come a second time."""
    again = np.arange(1, len(x))[:, None] >= periods
    return float(np.mean((logits.argmax(axis=-1) == x[1:])[again]))


def induction():
    """Train one block, two blocks, and an LSTM; measure the heads every 50 steps."""
    models = {"1 block": inducer(1), "2 blocks": inducer(2), "LSTM": repeat_reader()}
    runs = []
    for kind, seed in ((k, s) for k in models for s in SEEDS):
        model, generator = models[kind], np.random.default_rng(seed)
        params, optimizer = model.init(seed), nn.Adam(nn.schedules.warm_up(3e-3, 100))
        curve, scores = [], []
        for step in range(1500):
            x, periods = repeating(32, generator)
            _, logits = descend(model, params, optimizer, x[:-1], x[1:])
            curve.append(foreseen(logits, x, periods))
            if step % 50 == 49 and kind != "LSTM":
                scores.append(head_scores(model, params))
        x, periods = repeating(1000, np.random.default_rng(99))
        run = {"kind": kind, "seed": seed, "parameters": int(params.vector.size)}
        run |= {"right": foreseen(model(params, x[:-1]), x, periods), "scores": scores}
        runs.append(run | {"curve": np.mean(np.reshape(curve, (-1, 50)), axis=1).tolist()})
        print(kind, seed, run["parameters"], run["right"], scores[-1:], flush=True)
        if (kind, seed) == ("2 blocks", 0):
            lstm_memory.write_npz(WEIGHTS, {"induction": params.vector.astype("float16")})
    return runs


def stored_inducer():
    """Return the network that was kept, and its parameters."""
    model = inducer(2)
    params = model.init(seed=0)
    with np.load(WEIGHTS) as arrays:
        params.vector[:] = nn.asarray(arrays["induction"].astype("float32"))
    return model, params


# --- names -------------------------------------------------------------------------------------


def namer(kind, positions="rotary"):
    """Return a network that reads names, with about 22,000 numbers to learn."""
    if kind != "Transformer":
        return lstm_memory.namer(kind)
    return transformer(nn.Embedding(27, 28), 28, 2, 2, 27, positions, longest=16)


def train_namer(model, seed, epochs, rate):
    """Train with a rate that warms up and then falls; return the parameters and the seconds."""
    names, _ = nn.data.load_first_names()
    codes = [lstm_memory.encode(name) for name in names[:-500]]
    generator, params = np.random.default_rng(seed), model.init(seed)
    steps = epochs * len(nn.sequences.by_length(codes, 32, np.random.default_rng(0)))
    optimizer = nn.Adam(nn.schedules.cosine(rate, steps, warm_up=100))
    start = time.process_time()
    for _ in range(epochs):
        for batch in nn.sequences.by_length(codes, 32, generator):
            descend(model, params, optimizer, batch[:-1], batch[1:], generator)
    return params, time.process_time() - start


def name_perplexity(model, params, chosen):
    """Return the perplexity on the 500 names for choosing, or on the test names."""
    names, test_names = nn.data.load_first_names()
    group = names[-500:] if chosen else test_names
    batches = nn.sequences.by_length([lstm_memory.encode(name) for name in group], 1000)
    counts = [batch[1:].size for batch in batches]
    losses = [nn.softmax_cross_entropy(model(params, b[:-1]), b[1:]) for b in batches]
    return float(np.exp(np.average(losses, weights=counts)))


def best_setting(model, settings):
    """Return the (epochs, rate) with which seed 0 is best on the 500 names."""

    def score(setting):
        return name_perplexity(model, train_namer(model, 0, *setting)[0], chosen=True)

    return min(settings, key=score)


def name_runs(kind, settings, positions="rotary"):
    """Train five seeds with the best of some settings; return what came of it."""
    model = namer(kind, positions)
    epochs, rate = best_setting(model, settings)
    runs = [train_namer(model, seed, epochs, rate) for seed in (*SEEDS, 3, 4)]
    found = {
        "kind": kind,
        "positions": positions if kind == "Transformer" else None,
        "epochs": epochs,
        "rate": rate,
    }
    found |= {
        "parameters": int(runs[0][0].vector.size),
        "seconds": float(np.mean([s for _, s in runs])),
    }
    found["perplexity"] = [name_perplexity(model, params, chosen=False) for params, _ in runs]
    print(found, flush=True)
    return found


def names():
    """Train all kinds for twelve epochs, and the Transformer with each encoding."""
    settings = [(12, rate) for rate in NAME_RATES]
    runs = [name_runs(kind, settings) for kind in ("RNN", "LSTM", "GRU")]
    return runs + [name_runs("Transformer", settings, positions) for positions in ENCODINGS]


def same_time():
    """Give each kind the time that the Transformer's twelve epochs take, or parts of it."""
    seconds = {kind: train_namer(namer(kind), 0, 2, 5e-3)[1] / 2 for kind in KINDS}
    runs = []
    for kind in KINDS:
        most = 12 * seconds["Transformer"] / seconds[kind]
        tried = {round(most * share) for share in (0.25, 0.5, 1)}
        runs.append(name_runs(kind, [(e, rate) for e in sorted(tried) for rate in NAME_RATES]))
    return runs


# --- chorales ----------------------------------------------------------------------------------


def chorale_reader(positions, dropout):
    """Return a Transformer that reads chorales: as many numbers as the networks of chapter 7."""
    settings = {"hidden": 198, "dropout": dropout, "longest": 256}
    front = nn.Sequential(nn.Embedding(music.TOKENS, 44), nn.Dropout(dropout))
    return transformer(front, 44, 2, 2, music.TOKENS, positions, **settings)


def train_singer(sets, judged, positions, epochs, seed, rate, dropout):
    """Train one on the chorales; return its parameters' number, the seconds, and log p of each."""
    generator, model = np.random.default_rng(seed), chorale_reader(positions, dropout)
    params, start = model.init(seed), time.process_time()
    steps = epochs * -(-len(sets[0]) // 16)
    schedule = nn.schedules.cosine(rate, steps, warm_up=50)
    lstm_chorales.train(model, params, sets[0], generator, epochs, schedule)
    seconds = time.process_time() - start
    log_p = lstm_chorales.log_probabilities(model, params, sets[judged])
    return {"parameters": int(params.vector.size), "seconds": seconds, "log_p": log_p}


def chorales():
    """Choose rate and dropout on the 30 melodies; then train with each encoding, and longer."""
    sets = [[music.encode(c.notes) for c in some] for some in nn.data.load_chorales()]
    tried = {
        (rate, dropout): np.sum(train_singer(sets, 1, "rotary", 40, 0, rate, dropout)["log_p"])
        for rate in (2e-3, 5e-3)
        for dropout in (0.1, 0.3)
    }
    rate, dropout = max(tried, key=tried.get)
    print(tried, rate, dropout, flush=True)
    runs = []
    for positions, epochs in [*((p, 40) for p in ENCODINGS), ("rotary", 80)]:
        for seed in SEEDS:
            run = {"positions": positions, "epochs": epochs, "seed": seed}
            run |= {"rate": rate, "dropout": dropout}
            runs.append(run | train_singer(sets, 2, positions, epochs, seed, rate, dropout))
            print(run, np.sum(runs[-1]["log_p"]), flush=True)
    return runs


def recurrent_time():
    """Return the seconds that the LSTM of chapter 7 takes for its forty epochs."""
    train_set = [music.encode(chorale.notes) for chorale in nn.data.load_chorales()[0]]
    model, start = lstm_chorales.reader("LSTM"), time.process_time()
    lstm_chorales.train(model, model.init(0), train_set, np.random.default_rng(0))
    return time.process_time() - start


if __name__ == "__main__":
    PARTS = {
        "copying": copying,
        "lstm": lstm,
        "induction": induction,
        "warming": warming,
        "names": names,
        "same_time": same_time,
        "chorales": chorales,
        "recurrent_time": recurrent_time,
    }
    for part in sys.argv[1:] or PARTS:
        found = lstm_memory.rounded(PARTS[part]())
        stored = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        stored[part] = found
        write_atomically(RESULTS, json.dumps(stored) + "\n")
