"""Answers that are to be written by hand: meanwhile the package's own functions refuse."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import nnlearn as nn
from nnlearn.exercises.checking import Check

#: What an answer of chapter 11 may not call.
NAMES = (
    *("attention", "attention_weights", "blockwise_attention", "causal_mask", "padding_mask"),
    *("rotary", "MultiHeadAttention", "TransformerBlock"),
)


@contextmanager
def unaided(check: Check) -> Iterator[None]:
    """Let `nn.attention` and the like say, when an answer calls them, that this is no answer."""
    kept = {name: getattr(nn, name) for name in NAMES}
    for name in NAMES:
        setattr(nn, name, _Refusal(check, name))
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(nn, name, function)


class _Refusal:
    """Stands for a function of the package, and fails when it is called or asked for its parts.

    Parameters
    ----------
    check : Check
    name : str
        Of the function.
    """

    def __init__(self, check: Check, name: str) -> None:
        self._check, self._name = check, name

    def __call__(self, *args: Any, **settings: Any) -> Any:
        self._check.fail(f"`nn.{self._name}` is the package's. Here you write it yourself.")

    @property
    def forward(self) -> Any:
        """Refuse `nn.vjp`, which looks for it."""
        return self()
