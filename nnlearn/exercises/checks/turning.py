"""The check of exercise 11.8: vectors that are turned by their positions."""

from typing import Any

import numpy as np

from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.mismatch import outcomes


def _turned(
    x: Any, positions: Any, frequencies: Any, *, sign: int = 1, halves: bool = False,
    swap: bool = False, order: int = 1, first: int = 0, signs: tuple[int, int] = (-1, 1),
) -> Any:  # fmt: skip
    """Turn pair by pair; the keywords make mistakes."""
    y, half = np.empty(x.shape), x.shape[1] // 2
    frequencies = np.asarray(frequencies)[::order]
    for t, j in np.ndindex(len(x), half):
        a, b = (j, half + j) if halves else (2 * j, 2 * j + 1)
        angle = sign * (positions[t] + first) * frequencies[j]
        c, s = (np.sin(angle), np.cos(angle)) if swap else (np.cos(angle), np.sin(angle))
        y[t, a] = x[t, a] * c + signs[0] * x[t, b] * s
        y[t, b] = x[t, a] * s + signs[1] * x[t, b] * c
    return y


PAIRS = (
    "The pairs are neighbours: components 0 and 1, 2 and 3, and so on, and not one from each half"
)
MISTAKES: dict[str, Any] = {
    "This turns the other way": {"sign": -1},
    PAIRS: {"halves": True},
    "Sine and cosine are exchanged": {"swap": True},
    "The first pair goes with the first frequency": {"order": -1},
    "The positions are counted from 1 here. Take them as they are given": {"first": 1},
    "This is a reflection too. The minus belongs to a sine": {"signs": (1, -1)},
    "In a rotation one of the four products has a minus": {"signs": (1, 1)},
}


def turning(turn: Any, turn_backward: Any, product: Any) -> None:
    """11.8: turning, its way back, and what the product of two turned vectors depends on."""
    check = Check(
        "11.8",
        "turned by its position",
        turn,
        turn_backward,
        product,
        without=unaided.ATTENTION + unaided.GRADIENTS,
    )
    for T, d in ((3, 6), (1, 2), (5, 4)):
        x, dy = check.normal((T, d), (T, d))
        positions, frequencies = check.rng.integers(0, 50, size=T), check.rng.uniform(
            0.01, 1.0, size=d // 2
        )  # fmt: skip
        case = f"{T} vectors of {d} components"
        _turns(check, turn, x, positions, frequencies, case)
        _turns_back(check, turn_backward, x, dy, positions, frequencies, case)
    for d in (2, 4, 6):
        _depends_on_the_distance(check, product, d)
    check.done()


def _turns(check: Check, turn: Any, x: Any, positions: Any, frequencies: Any, case: str) -> None:
    y = check.call(turn, x, positions, frequencies, case=case)
    check.shape(y, x.shape, name="y")
    hints = outcomes(_turned, x, positions, frequencies, mistakes=MISTAKES)
    angles = np.repeat(positions[:, None] * frequencies, 2, axis=1)
    hints |= {
        "Waves are added here. A rotation multiplies": (
            x + np.where(np.arange(x.shape[1]) % 2, np.cos(angles), np.sin(angles))
        ),
        "Each component goes with its neighbour too: four products for a pair": (
            x * np.where(np.arange(x.shape[1]) % 2, np.sin(angles), np.cos(angles))
        ),
        "All vectors are turned by the angle of the first": (
            _turned(x, np.full(len(x), positions[0]), frequencies)
        ),
        "All vectors are turned as if they stood at 0, 1, 2, …": (
            _turned(x, np.arange(len(x)), frequencies)
        ),
    }
    check.close(y, _turned(x, positions, frequencies), hints, name="y")
    again = check.call(turn, y, 2 * positions, frequencies, case=f"{case}, turned twice")
    check.close(again, _turned(x, 3 * positions, frequencies), name="y")


def _turns_back(
    check: Check, backward: Any, x: Any, dy: Any, positions: Any, frequencies: Any, case: str
) -> None:
    case = f"{case}, the way back"
    dx = check.call(backward, dy, positions, frequencies, case=case)
    check.shape(dx, x.shape, name="dx")
    hints = outcomes(_turned, dy, -positions, frequencies, mistakes=MISTAKES)
    hints = {
        "This turns dy on, and not back": _turned(dy, positions, frequencies),
        "Turning is not the same as leaving it": dy,
        PAIRS: hints[PAIRS],
        "The gradient of a rotation is no larger and no smaller than dy": (
            2 * _turned(dy, -positions, frequencies)
        ),
    }
    arguments = x, positions, frequencies
    check.gradient(dx, _turned, *arguments, seed=dy, hints=hints, name="dx")
    check.close(np.sum(np.square(dx)), np.sum(dy * dy), name="The squared length of dx")


def _depends_on_the_distance(check: Check, product: Any, d: int) -> None:
    """Compare q · k at a distance with turned vectors that stand this far apart, near and far."""
    q, k = check.normal(d, d)
    frequencies = check.rng.uniform(0.05, 1.0, size=d // 2)
    for distance in (0, 1, 7, -3):
        case = f"d = {d}, the query stands {distance} after the key"
        found = check.call(product, q, k, distance, frequencies, case=case)
        check.number_of(found, "The product")
        for s in (3, 4, 100):
            t = s + distance

            def both(a: Any, b: Any, **mistake: Any) -> float:
                turned = [_turned(x[None], [p], frequencies, **mistake)[0] for x, p in (a, b)]
                return float(turned[0] @ turned[1])

            right = both((q, t), (k, s))
            hints = {
                "This is the product of the vectors as they were. Turned alike, they keep it": q
                @ k,
                "This is for the distance with the other sign: t − s, query less key": (
                    both((q, s), (k, t))
                ),
                "The scores are divided by √d. The product is asked for": right / d**0.5,
                "Each pair turns with a frequency of its own": (
                    float(_turned(q[None], [distance], np.full(d // 2, frequencies[0]))[0] @ k)
                ),
                PAIRS: both((q, t), (k, s), halves=True),
                "This is the imaginary part. The product of two vectors is the real part": (
                    _imaginary(q, k, distance, frequencies)
                ),
                "One of the two numbers is to be conjugated": (
                    _real_without_conjugate(q, k, distance, frequencies)
                ),
            }
            where = f"The product, for t = {t} and s = {s},"
            check.number_close(found, right, hints, rtol=1e-9, name=where)


def _complex(x: Any) -> Any:
    return x[0::2] + 1j * x[1::2]


def _imaginary(q: Any, k: Any, distance: int, frequencies: Any) -> float:
    turned = _complex(q) * np.conj(_complex(k)) * np.exp(1j * distance * frequencies)
    return float(np.sum(turned.imag))


def _real_without_conjugate(q: Any, k: Any, distance: int, frequencies: Any) -> float:
    turned = _complex(q) * _complex(k) * np.exp(1j * distance * frequencies)
    return float(np.sum(turned.real))
