"""The numbers of the live figure ``attention``: a small Transformer that has read names.

    python book/web/data/attention.py

takes the network that ``book/studies/attention_figure.py`` has trained, rounds its matrices to
int8, one scale for each row, and writes ``attention.data.js``, with the perplexity before and
after. A row is what belongs to one output, to one letter, or to one position.
"""

from draw import base64_of, rounded, write  # sets the number of threads, so it comes before numpy

import numpy as np  # isort: skip
import attention_figure

import nnlearn as nn


def rounded_reader(params):
    """Return parameters with rounded matrices, and how all arrays are stored."""
    after, stored = params.copy(), {}
    for name, values in params.items():
        values = nn.to_numpy(values)
        if values.ndim == 1:
            stored[name] = {"shape": values.shape, "float32": base64_of(values.astype(np.float32))}
            continue
        numbers, scales = rounded(values, 0)
        after[name] = nn.asarray(numbers * scales)
        stored[name] = {
            "shape": values.shape,
            "axis": 0,
            "int8": base64_of(numbers),
            "scales": base64_of(scales.ravel()),
        }
    return after, stored


def main():
    """Round, measure, write."""
    _, params = attention_figure.stored_reader()
    after, stored = rounded_reader(params)
    names, choice, _ = attention_figure.sets()
    before, now = (attention_figure.perplexity(p, choice) for p in (params, after))
    print(f"perplexity on {len(choice)} names: {before:.3f}, rounded {now:.3f}")
    network = {
        "parameters": int(params.vector.size),
        "heads": attention_figure.HEADS,
        "names": len(choice),
        "perplexity": round(now, 3),
        "perplexityUnrounded": round(before, 3),
        "longest": max(map(len, names)) - 2,  # letters of a name that it learned from
        "arrays": stored,
    }
    write("attention", network, "Written by book/web/data/attention.py: a Transformer, seed 0.")


if __name__ == "__main__":
    main()
