"""Real data, small enough to ship, and what cuts them into batches."""

from nnlearn.data.sets import (
    Chorale,
    batches,
    load_breast_cancer,
    load_chorales,
    load_first_names,
    load_mnist,
    load_oil_prices,
    standardize_columns,
)

__all__ = [
    "Chorale",
    "batches",
    "load_breast_cancer",
    "load_chorales",
    "load_first_names",
    "load_mnist",
    "load_oil_prices",
    "standardize_columns",
]
