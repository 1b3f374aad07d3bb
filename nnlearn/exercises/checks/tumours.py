"""The tumours of exercise 1.9: how they are split, and how well one neuron does on two columns."""

from typing import Any

import numpy as np

import nnlearn as nn


def split(seed: int, columns: Any) -> Any:
    """Return x_train, y_train, x_test, y_test of the tumours, as the chapter splits them."""
    x, y, names = nn.data.load_breast_cancer()
    x, y = nn.to_numpy(x), nn.to_numpy(y)
    order = np.random.default_rng(seed).permutation(len(y))
    train, test = order[:400], order[400:]
    x = x[:, [names.index(name) for name in columns]]
    return x[train], y[train].astype(float), x[test], y[test].astype(float)


def score(
    x_train: Any, y_train: Any, x_test: Any, y_test: Any, *, scaled_by: Any = "training"
) -> Any:
    """Train one neuron as exercise 1.9 says; return its accuracy on both parts."""
    both = np.concatenate([x_train, x_test])
    scale = {"training": x_train, "all": both}.get(scaled_by)
    if scale is not None:
        mean, deviation = scale.mean(axis=0), scale.std(axis=0)
        x_train, x_test = (x_train - mean) / deviation, (x_test - mean) / deviation
    w, b = np.zeros(x_train.shape[1]), 0.0
    for _ in range(300):
        error = (nn.sigmoid(x_train @ w + b) - y_train) / len(y_train)
        w, b = w - x_train.T @ error, b - error.sum()
    return np.mean((x_test @ w + b > 0) == y_test), np.mean((x_train @ w + b > 0) == y_train)
