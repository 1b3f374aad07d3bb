"""Checks of the exercises of chapter 7 about what single gates do."""

import math
from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks import lstm_values as values


def road(answer: Any) -> None:
    """7.5: what the forget gates leave of the cell state of each time."""
    check = Check("7.5", "the road", answer)
    for T, N, H in [(4, 2, 3), (1, 1, 1), (6, 1, 2)]:
        x, W_x, b = check.normal((T, N, 2), (4 * H, 2), (4 * H,))
        f = nn.sigmoid(x @ W_x[:H].T + b[:H])
        case = f"T = {T} steps, N = {N} sequences, H = {H} units"
        shares = check.call(answer, f, case=case)
        if getattr(shares, "shape", None) == (T, N, H):
            check.fail("There is one cell state more than there are steps: C_0, …, C_T.")
        check.shape(shares, (T + 1, N, H), name="shares")
        right = np.array([np.prod(f[k:], axis=0) for k in range(T + 1)])
        one = np.ones((1, N, H))
        forwards = np.concatenate([one, np.cumprod(f, axis=0)])
        hints = {
            "This is what is left of C_0 at each time. Asked is what is left at the end": forwards,
            "The same, but from the last step to the first: turn it round": right[::-1],
            "C_k does not pass the gate of its own step any more, only those that follow": (
                np.array([np.prod(f[max(k - 1, 0) :], axis=0) for k in range(T + 1)])
            ),
            "Each C_k passes all gates that follow, and not only the next one": (
                np.concatenate([f, one])
            ),
        }
        check.close(shares, right, hints, name="shares")
        zero, none = np.zeros((N, H)), np.zeros((4 * H, H))
        for k in range(T):
            _, way_back = nn.vjp(nn.lstm, x[k:], zero, zero, W_x, none, b, wrt=2)
            dc = np.zeros((T - k, N, H))
            dc[-1] = 1
            check.close(shares[k], way_back(0 * dc, dc), name=f"Against the package, shares[{k}]")
    f = check.rng.uniform(0.2, 0.9, size=(10_000, 2, 3))
    f[-3:] = 0.5
    shares = check.call(answer, f, case="T = 10,000 steps")
    check.shape(shares, (10_001, 2, 3), name="shares")
    unstable = "Do not divide by a product that has become 0."
    check.that(np.isfinite(shares), f"Some shares are no numbers. {unstable}")
    ends = np.asarray(shares)[[0, -4, -1]]
    check.close(ends, np.multiply.outer([0, 0.125, 1], np.ones((2, 3))), name="shares")
    f = np.array([0.5, 0.0, 0.5, 0.25]).reshape(4, 1, 1)
    shares = check.call(answer, f, case="a gate that shuts completely, f = 0.5, 0, 0.5, 0.25")
    check.that(np.isfinite(shares), f"Some shares are no numbers. {unstable}")
    check.close(np.ravel(shares), [0, 0, 0.125, 0.25, 1], name="shares")
    check.done()


def bias_for(answer: Any) -> None:
    """7.6: the forget bias of a given half-life."""
    check = Check("7.6", "choose a bias", answer)
    some = check.rng.uniform(0.5, 50, size=(2, 3))
    for steps in (14.0, 3, some, np.array([0.1, 0.2]), np.array([1, 100, 1_000_000])):
        k = np.asarray(steps, dtype=float)
        bias = check.call(answer, steps)
        check.shape(bias, k.shape, name="The bias")
        gate = 0.5 ** (1 / k)
        right = np.log(gate / (1 - gate))
        hints = {
            "This is the approximation for long half-lives. Turn round the exact form": (
                np.log(k / math.log(2))
            ),
            "The approximation, with a number that was rounded. Turn round the exact form": (
                np.log(k / 0.69)
            ),
            "The chapter's rule, for long half-lives. Turn round the exact form": np.log(k) + 0.37,
            "Near, for long half-lives. Where is the log 2?": np.log(k),
            "With this bias 1/e is left after so many steps, and not one half": (
                -np.log(np.expm1(1 / k))
            ),
            "This is the gate. Asked is the number that the sigmoid turns into it": gate,
        }
        check.close(bias, right, hints, name="The bias")
        back = np.log(2) / np.log1p(np.exp(-np.asarray(bias, dtype=float)))
        check.close(back, k, name="The half-life of your bias")
    bias = check.call(answer, 1e12)
    check.no_warnings()
    # For a gate so near to 1 the approximation is exact: log(1 + ε) = ε to twelve digits.
    check.that(
        abs(check.number_of(bias, "The bias") - math.log(1e12 / math.log(2))) < 1e-10,
        "Digits are lost here: 1 was taken from a number that is nearly 1, or the reverse.",
    )
    for steps in (1, 20):
        bias = check.number_of(check.call(answer, steps), "The bias")
        b = np.array([bias, 0, 0, 0])
        zero, one = np.zeros((1, 1)), np.ones((1, 1))
        none = np.zeros((4, 1))
        _, c = nn.lstm(np.zeros((steps, 1, 1)), zero, one, none, none, b)
        check.close(c[-1, 0, 0], 0.5, name=f"What nn.lstm keeps after {steps} steps")
    check.done()


def tie(answer: Any) -> None:
    """7.9: an LSTM whose input gate is 1 − forget gate, and whose output gate is open."""
    check = Check("7.9", "tie the gates", answer)
    for D, H, dtype in [(3, 2, "float64"), (1, 1, "float64"), (2, 5, "float32")]:
        given = [a.astype(dtype) for a in check.normal((4 * H, D), (4 * H, H), (4 * H,))]
        case = f"D = {D} inputs, H = {H} units, {dtype}"
        found = check.unpack(check.call(answer, *given, case=case), "W_x, W_h, b")
        result = [np.asarray(new) for new in found]
        for name, old, new in zip(("W_x", "W_h", "b"), given, result, strict=True):
            check.shape(new, old.shape, dtype=dtype, name=name)
            _check_tied(check, name, np.split(old, 4), np.split(new, 4))
        x, h0, c0 = (a.astype(dtype) for a in check.normal((6, 2, D), (2, H), (2, H)))
        h, c = nn.lstm(x, h0, c0, *result)
        check.close(h, np.tanh(c), name="h, which with an open output gate is tanh C,")
        gates = values.gates(x, h0, h, *result)
        f, _, _, candidate = values.blocks(gates, 4)
        mean = f * np.concatenate([c0[None], c[:-1]]) + (1 - f) * candidate
        check.close(c, mean, name="The cell state of nn.lstm with your weights")
    check.done()


def _check_tied(check: Check, name: str, old: Any, new: Any) -> None:
    """Compare the four blocks of one array of the tied LSTM with what they should be."""
    bias = name == "b"
    check.close(
        new[0],
        old[0],
        {"It is the other way round: the input gate follows the forget gate": -old[1]},
        name=f"In {name}, the block of the forget gate, which should not change,",
    )
    opened = np.full_like(old[2], 30 * bias)
    check.close(
        new[3],
        old[3],
        {"The last of the four blocks is the candidate, and not the output gate": opened},
        name=f"In {name}, the block of the candidate, as it was,",
    )
    check.close(
        new[1],
        -old[0],
        {
            "It has not changed": old[1],
            "1 minus the weights does not give 1 minus the gate: what is sigmoid(−z)?": 1 - old[0],
            "This makes the input gate equal to the forget gate": old[0],
            "It should follow the forget gate, and not its own old values": -old[1],
        },
        name=f"In {name}, the block of the input gate",
    )
    check.close(
        new[2],
        opened,
        {
            "It has not changed": old[2],
            "A bias of 0 leaves the gate half open": np.full_like(old[2], 0 if bias else np.nan),
            "With bias 1 the gate is open to 73 %": np.full_like(old[2], 1 if bias else np.nan),
            "An open gate must not depend on what comes in": np.full_like(
                old[2], np.nan if bias else 30
            ),
        },
        name=f"In {name}, the block of the output gate",
    )
