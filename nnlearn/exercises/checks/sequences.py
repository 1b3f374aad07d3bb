"""Checks of the exercises of chapter 6 about what is read: tokens, names, a sequence both ways."""

import math
from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check
from nnlearn.exercises.mismatch import part


def embedding_backward(answer: Any) -> None:
    """6.8: the gradient of an embedding, with tokens that are read twice."""
    check = Check("6.8", "read twice", answer, without=unaided.GRADIENTS + unaided.EMBEDDING)
    for count, tokens in [(4, [0, 2, 3]), (5, [1, 1, 3, 1]), (6, [[2, 0], [2, 2], [5, 0]])]:
        tokens = np.array(tokens)
        dx = check.rng.normal(size=(*tokens.shape, 3))
        dE = check.call(answer, dx, tokens, count, case=f"tokens {tokens.tolist()}, {count} rows")
        check.shape(dE, (count, 3), name="dE")
        right, last, rows = (np.zeros((count, 3)) for _ in range(3))
        for index in np.ndindex(tokens.shape):
            right[tokens[index]] += dx[index]
            last[tokens[index]] = dx[index]
        for row, dx_row in zip(tokens, dx, strict=True):
            rows[row] += dx_row
        times = np.bincount(tokens.ravel(), minlength=count)[:, None]
        hints = {
            "Of a token that was read several times only one gradient arrived": last,
            "The gradients of one row are added, not averaged": right / np.maximum(times, 1),
            "tokens may have more than one axis: what stands twice in one of its rows got only "
            "one of its gradients": rows,
        }
        check.close(dE, right, hints, name="dE")
        E = check.rng.normal(size=(count, 3))
        package = nn.vjp(nn.embedding, E, tokens, wrt=0)[1](dx)
        check.close(dE, package, name="Against the package, dE")
    check.done()


def perplexity(answer: Any) -> None:
    """6.9: perplexity from logits, of names of different lengths."""
    check = Check("6.9", "perplexity", answer)
    for lengths, K in [((1,), 4), ((3, 5), 6), ((2, 7, 4), 27)]:
        logits = [2 * check.rng.normal(size=(length, K)) for length in lengths]
        targets = [check.rng.integers(0, K, size=length) for length in lengths]
        case = f"names of {', '.join(map(str, lengths))} symbols, {K} classes"
        value = check.call(answer, logits, targets, case=case)
        each = [
            np.array([math.log(sum(np.exp(z - z[y]))) for z, y in zip(zs, ys, strict=True)])
            for zs, ys in zip(logits, targets, strict=True)
        ]
        losses = np.concatenate(each)
        right = math.exp(losses.mean())
        hints = {
            "This is the mean loss. Perplexity is its exponential": losses.mean(),
            "Logarithm and exponential must have the same base": 2 ** losses.mean(),
            "Long names have more symbols: take the mean over all symbols, not over names": (
                math.exp(np.mean([loss.mean() for loss in each]))
            ),
            "The mean is taken of the logarithms, and then the exponential": np.exp(losses).mean(),
            "This is the sum of the losses in the exponent, not their mean": math.exp(losses.sum()),
        }
        check.number_close(value, right, hints, name="The perplexity")
    uniform = check.call(answer, [np.zeros((3, 27))], [np.array([0, 5, 26])], case="knows nothing")
    check.number_close(uniform, 27, name="The perplexity")
    large = [np.array([[1000.0, 0.0], [0.0, -1000.0]])]
    sure = check.call(answer, large, [np.array([0, 0])], case="logits of ±1000, always right")
    check.no_warnings("nn.log_softmax is safe for every logit.")
    check.number_close(sure, 1, name="The perplexity")
    check.done()


def both_ways(answer: Any) -> None:
    """6.10: a network that reads forwards and backwards."""
    check = Check("6.10", "both ways", answer)
    for T, N, D, H in [(4, 2, 3, 2), (1, 1, 2, 2), (5, 1, 2, 3)]:
        x = check.rng.normal(size=(T, N, D))
        right, left = (check.normal((H, D), (H, H), H) for _ in range(2))
        dy = check.rng.normal(size=(T, N, 2 * H))
        case = f"T = {T} steps, N = {N} sequences, D = {D} inputs, H = {H} units each way"
        y, backward = check.unpack(check.call(answer, x, right, left, case=case), "y, backward")
        check.shape(y, (T, N, 2 * H), name="y")
        h0 = np.zeros((N, H))

        def reading(x: Any, right: Any = right, left: Any = left, h0: Any = h0) -> Any:
            there, back = nn.rnn(x, h0, *right), nn.rnn(x[::-1], h0, *left)[::-1]
            return np.concatenate([there, back], axis=-1)

        there, back = nn.rnn(x, h0, *right), nn.rnn(x[::-1], h0, *left)
        hints = {
            "The states that were read backwards stand in the wrong order: y[t] belongs to x[t]": (
                np.concatenate([there, back], axis=-1)
            ),
            "Both halves read in the same direction": np.concatenate(
                [there, nn.rnn(x, h0, *left)], axis=-1
            ),
            "right and left are exchanged: which of them reads from x[0] on?": (
                reading(x, left, right)
            ),
            "The two halves of y are exchanged": np.concatenate([back[::-1], there], axis=-1),
        }
        check.close(y, reading(x), hints, name="y")
        dx = check.call(backward, dy, case=f"the backward function, {case}")
        check.shape(dx, x.shape, name="dx")
        first = nn.vjp(nn.rnn, x, h0, *right, wrt=0)[1](dy[..., :H])
        turned = nn.vjp(nn.rnn, x[::-1], h0, *left, wrt=0)[1]
        hints = {
            "x is read twice: the gradients of both readings add": first,
            "The gradient of the second reading has to be turned round again": first
            + turned(dy[::-1, :, H:]),
            "The gradient must be turned round before it goes into the second reading": first
            + turned(dy[..., H:])[::-1],
            "For the second reading x and the states were turned round, but its gradient never": (
                first + turned(dy[..., H:])
            ),
        }
        check.gradient(dx, reading, x, seed=dy, hints=hints, name="dx")
    check.done()


def _examples(v: Any, first: Any, window: Any, mean: Any, deviation: Any, shift: int = 0) -> Any:
    """Return the four arrays of examples; `shift` is how far a window reaches too far."""
    u = (v - mean) / deviation
    x = np.array([u[w - window + shift : w + shift] for w in range(window, len(v))])
    return x[: first - window], u[window:first], x[first - window :], u[first:]


def _looks_ahead(v: Any, first: Any, window: Any) -> dict[str, Any]:
    """Return what each of the usual mistakes leads to."""
    known, some = v[:first], v[window:first]
    mean, deviation = known.mean(), known.std()
    leak = "The mean or the deviation has seen the test weeks"
    peek = "The window of a week contains that week itself: the answer is among the inputs"
    mistakes = {
        leak: (v.mean(), v.std()),
        peek: (mean, deviation, 1),
        f"{peek}. And {leak.lower()}": (v.mean(), v.std(), 1),
        "The mean is right. The deviation has still seen the test weeks": (mean, v.std()),
        "The deviation is right. The mean has still seen the test weeks": (v.mean(), deviation),
        "This does not look ahead. But more weeks are known than those that are targets": (
            some.mean(), some.std(),
        ),
        "The deviation divides by the number of the known weeks, not by one less": (
            mean, known.std(ddof=1),
        ),
    }  # fmt: skip
    return {text: _examples(v, first, window, *how) for text, how in mistakes.items()}


def no_look_ahead(answer: Any) -> None:
    """6.11: examples for a forecast, without a look into the future."""
    check = Check("6.11", "no look ahead", answer)
    for length, first, window in [(30, 20, 3), (50, 30, 5), (12, 8, 1)]:
        v = 3 + 2 * check.rng.normal(size=length)
        case = f"{length} weeks, tested from week {first} on, windows of {window}"
        names = "x_train, y_train, x_test, y_test"
        parts = check.unpack(check.call(answer, v, first, window, case=case), names)
        right = _examples(v, first, window, v[:first].mean(), v[:first].std())
        mistakes = _looks_ahead(v, first, window)
        for k, name in enumerate(names.split(", ")):
            check.shape(parts[k], right[k].shape, name=name)
            check.close(parts[k], right[k], part(mistakes, k), name=name)
        changed = v.copy()
        changed[first:] += check.rng.normal(size=length - first)
        case = "the same, with other test weeks"
        again = check.unpack(check.call(answer, changed, first, window, case=case), names)
        for name, one, other in zip(names.split(", ")[:2], parts, again, strict=False):
            check.that(
                np.array_equal(one, other), f"{name} changed when only the test weeks changed."
            )
    check.done()
