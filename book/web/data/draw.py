"""The numbers of the live figures ``draw`` and ``kernel``: chapter 5's network, and test digits.

    python book/web/data/draw.py

trains the chapter's CNN with seed 0, as the chapter and ``book/studies/cnn_digits.py`` do (about a
minute on one core), rounds its weights to int8, one scale for each filter and each neuron, and
writes

- ``draw.data.js``: the rounded weights, and the shares of the test digits read right with them and
  without rounding,
- ``digits.data.js``: sixteen test digits, ten that the rounded network reads right and six that it
  does not, each with the network's probabilities.
"""

import base64
import json
import sys
from pathlib import Path

BOOK = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(BOOK / "studies"))
import cnn_digits  # noqa: E402  sets the number of threads, so it comes before numpy
import numpy as np  # noqa: E402

import nnlearn as nn  # noqa: E402
from nnlearn.files import write_atomically  # noqa: E402

FIGURES = BOOK / "_static" / "figures"
WRONG = 6
DIGITS_FROM = "Digits of MNIST: Yann LeCun, Corinna Cortes, Christopher Burges, CC BY-SA 3.0."


def base64_of(array):
    """Return the bytes of an array, little-endian, as text."""
    array = np.asarray(array)
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode("ascii")


def rounded(values, axis):
    """Round to whole numbers from -127 to 127, times one scale for each index of an axis.

    Parameters
    ----------
    values : array
    axis : int
        That of the filters, or neurons.

    Returns
    -------
    numbers : array of int8, of the shape of `values`
    scales : array of float32, with length one along the other axes
    """
    others = tuple(k for k in range(values.ndim) if k != axis % values.ndim)
    scales = (np.abs(values).max(axis=others, keepdims=True) / 127).astype(np.float32)
    return np.round(values / scales).astype(np.int8), scales


def rounded_network(params):
    """Return parameters with rounded weights, and how they are stored."""
    after, stored = params.copy(), {}
    for name, values in params.items():
        values = nn.to_numpy(values)
        if name.endswith(".b"):
            stored[name] = {"shape": values.shape, "float32": base64_of(values)}
            continue
        axis = -1 if name.endswith(".K") else 0  # K (P, Q, C, F), W (outputs, inputs)
        numbers, scales = rounded(values, axis)
        after[name] = nn.asarray(numbers * scales)
        stored[name] = {
            "shape": values.shape,
            "axis": axis % values.ndim,
            "int8": base64_of(numbers),
            "scales": base64_of(scales.ravel()),
        }
    return after, stored


def chosen(logits, labels):
    """Return the places of the first of each class that is read right, and of the worst errors."""
    said = logits.argmax(axis=1)
    first = [int(np.flatnonzero((labels == c) & (said == c))[0]) for c in range(10)]
    losses = -nn.log_softmax(logits)[np.arange(len(labels)), labels]
    return first + [int(n) for n in np.argsort(-losses)[:WRONG]]


def write(name, value, comment):
    """Write what a figure loads; say how large it is."""
    text = f"/* {comment} */\nfigureData({json.dumps(value, separators=(',', ':'))});\n"
    write_atomically(FIGURES / f"{name}.data.js", text)
    print(f"{name}.data.js: {len(text):,} bytes")


def main():
    """Train, round, measure, write."""
    (x, y), (x_test, y_test) = (tuple(map(nn.to_numpy, part)) for part in nn.data.load_mnist())
    model = cnn_digits.cnn()
    params = cnn_digits.train(model, x[..., None], y, (7, 3), seed=0)
    after, stored = rounded_network(params)
    before, logits = (
        nn.to_numpy(nn.predict(model, p, nn.asarray(x_test[..., None]))) for p in (params, after)
    )
    shares = [nn.accuracy(z, y_test) for z in (before, logits)]
    changed = int(np.sum(before.argmax(axis=1) != logits.argmax(axis=1)))
    print(f"right of {len(y_test)} test digits: {shares[0]:.2%}, rounded {shares[1]:.2%}")
    print(f"answers that rounding changed: {changed}")
    network = {
        "parameters": int(params.vector.size),
        "testDigits": len(y_test),
        "right": round(shares[1], 4),
        "rightUnrounded": round(shares[0], 4),
        "changed": changed,
        "arrays": stored,
    }
    write("draw", network, "Written by book/web/data/draw.py: the CNN of chapter 5, seed 0.")
    probabilities = nn.softmax(logits)
    digits = [
        {
            "index": n,
            "label": int(y_test[n]),
            "said": int(logits[n].argmax()),
            "pixels": base64_of(np.round(255 * x_test[n]).astype(np.uint8)),
            "probabilities": [round(float(p), 5) for p in probabilities[n]],
        }
        for n in chosen(logits, y_test)
    ]
    write("digits", digits, f"Written by book/web/data/draw.py. {DIGITS_FROM}")


if __name__ == "__main__":
    main()
