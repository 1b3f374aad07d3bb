"""Write the lumps of the figure `tumours`: the two measurements of chapter 1, and the least loss.

    python book/web/data/tumours.py

The radii are given to 3 decimals and the roughnesses to 5, so whole numbers of 16 bits hold them
without any loss. The first 400 lumps are chapter 1's training lumps, in the order of its split.
"""

import base64
import json
from pathlib import Path

import numpy as np

import nnlearn as nn
from nnlearn.files import write_atomically

OUT = Path(__file__).resolve().parents[2] / "_static" / "figures" / "tumours.data.js"
#: Each column, and what one of its whole numbers counts.
COLUMNS = {"worst radius": 1e3, "worst smoothness": 1e5}


def lumps():
    """Return the lumps in the order of chapter 1's `split(0)`, training first.

    Returns
    -------
    x : array of float64, shape (569, 2)
    y : array of int64, shape (569,)
    """
    x, y, names = nn.data.load_breast_cancer()
    order = np.random.default_rng(0).permutation(569)
    return x[order][:, [names.index(name) for name in COLUMNS]], y[order]


def least_loss(x, y, steps=30):
    """Find the neuron with the least loss on the training lumps, by Newton's method.

    Its curvature along any direction v is the mean of a (1 - a) (x.v)^2, which is never negative.
    So the loss is convex, and where its slope is zero there is none lower.

    Parameters
    ----------
    x : array, shape (N, 2)
        Standardised.
    y : array, shape (N,)

    Returns
    -------
    w1, w2, b, loss : float

    Raises
    ------
    ValueError
        If the slope is not zero after so many steps.
    """
    inputs = np.column_stack([x, np.ones(len(x))])  # the bias is the weight of a constant input
    theta = np.zeros(3)
    for _ in range(steps):
        a = nn.sigmoid(inputs @ theta)
        slope = inputs.T @ (a - y) / len(y)  # eq-neuron-gradient
        curvature = (inputs * (a * (1 - a))[:, None]).T @ inputs / len(y)
        theta = theta - np.linalg.solve(curvature, slope)
    if np.abs(slope).max() > 1e-12:
        raise ValueError(f"least_loss: slope {slope} after {steps} steps, expected zero")
    return [*theta.tolist(), float(nn.sigmoid_cross_entropy(inputs @ theta, y.astype(float)))]


def main():
    """Write the data."""
    x, y = lumps()
    counts = np.round(x * list(COLUMNS.values()))
    if not np.allclose(counts / list(COLUMNS.values()), x, rtol=0, atol=1e-12):
        raise ValueError("tumours: a measurement has more decimals than COLUMNS says")
    data = {
        "columns": [base64.b64encode(c.astype("<u2").tobytes()).decode() for c in counts.T],
        "units": list(COLUMNS.values()),
        "malignant": "".join(map(str, y)),
        "train": 400,
        "least": least_loss(nn.data.standardize_columns(x[:400]), y[:400]),
    }
    write_atomically(OUT, f"figureData({json.dumps(data, separators=(',', ':'))});\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes, least loss {data['least'][3]:.6f}")


if __name__ == "__main__":
    main()
