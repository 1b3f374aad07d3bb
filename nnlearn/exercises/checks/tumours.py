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
    """Train one neuron as exercise 1.9 says; return its accuracy on both parts, the test first."""
    both = np.concatenate([x_train, x_test])
    scales = {"training": (x_train, x_train), "all": (both, both), "each": (x_train, x_test)}
    if scaled_by is not None:
        x_train, x_test = (
            (x - scale.mean(axis=0)) / scale.std(axis=0)
            for x, scale in zip((x_train, x_test), scales[scaled_by], strict=True)
        )
    w, b = np.zeros(x_train.shape[1]), 0.0
    for _ in range(300):
        error = (nn.sigmoid(x_train @ w + b) - y_train) / len(y_train)
        w, b = w - x_train.T @ error, b - error.sum()
    return np.mean((x_test @ w + b > 0) == y_test), np.mean((x_train @ w + b > 0) == y_train)


def mistakes(parts: Any) -> dict[str, Any]:
    """Return, as hints, what usual mistakes make of the accuracy on the test part."""
    right, on_training = score(*parts)

    def scaled(by: Any) -> Any:
        return lambda: score(*parts, scaled_by=by)[0]

    return {
        "This is the accuracy on the training set": on_training,
        "This is the share of wrong answers": 1 - right,
        "Return a share between 0 and 1, not per cent": 100 * right,
        "This is how many answers are right, not their share": right * len(parts[3]),
        "Standardise, with mean and deviation of the training set": scaled(None),
        "The test part was standardised by itself; take mean and deviation of the training part": (
            scaled("each")
        ),
        "Mean and deviation are not those of the training part alone": scaled("all"),
    }


def mean_score(columns: Any) -> float:
    """Return the mean accuracy on the test parts of the splits 0 to 4."""
    return float(np.mean([score(*split(seed, columns))[0] for seed in range(5)]))
