"""The checks of chapter 6's exercises: the recurrent neural network."""

import math

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checking import Check


def count_and_reach(parameters, steps, sigmoid_share):
    """6.1: what a recurrent layer learns, and how far its gradient reaches."""
    check = Check("6.1", "count and reach", parameters, steps, sigmoid_share)
    weights = 128 * 16 + 128 * 128
    check.close(
        check.number_of(parameters, "parameters"),
        weights + 128,
        hints={
            "These are the weights alone. Each unit also has a bias": weights,
            "The weights are the same at every step: the number of steps does not count": 10
            * (weights + 128),
            "The state is an input too, with a matrix of its own": 128 * 16 + 128,
        },
        name="parameters",
    )
    exact = math.log(100) / math.log(1 / 0.8)
    check.close(
        check.number_of(steps, "steps"),
        math.ceil(exact),
        hints={
            "A whole number of steps is asked for, and one at which it is below 1 %": exact,
            "After this many steps a little more than 1 % is left": math.floor(exact),
            "Below a tenth is not below a hundredth": math.ceil(exact / 2),
        },
        name="steps",
    )
    check.close(
        check.number_of(sigmoid_share, "sigmoid_share"),
        0.5**10,
        hints={
            "The slope of the bend is missing: the sigmoid's is never above a quarter": 2.0**10,
            "Ten steps, and each has its factor": 0.5,
            "This is for one unit of slope alone. The matrix can lengthen": 0.25**10,
        },
        rtol=0.02,
        name="sigmoid_share",
    )
    check.done()


def _case(check, T, N, D, H):
    shapes = [(T, N, D), (N, H), (H, D), (H, H), (H,)]
    return [check.rng.normal(size=shape) for shape in shapes]


def _sizes(T, N, D, H):
    return f"T = {T} steps, N = {N} sequences, D = {D} inputs, H = {H} units"


def _states(x, h0, W_xh, W_hh, b_h, bend=math.tanh):
    """Return all states after h0, one number after the other."""
    h, found = h0, []
    for x_t in x:
        z = np.array([W_hh @ h_n + W_xh @ x_n + b_h for h_n, x_n in zip(h, x_t, strict=True)])
        h = np.vectorize(bend)(z)
        found.append(h)
    return np.array(found)


def forward(answer):
    """6.2: the recurrence, step by step."""
    check = Check("6.2", "the recurrence", answer)
    for sizes in [(4, 2, 3, 5), (1, 1, 1, 1), (6, 3, 2, 4)]:
        x, h0, W_xh, W_hh, b_h = _case(check, *sizes)
        T, N, _, H = sizes
        h = check.call(answer, x, h0, W_xh, W_hh, b_h, case=_sizes(*sizes))
        check.shape(h, (T, N, H), name="h")
        right = _states(x, h0, W_xh, W_hh, b_h)
        hints = {
            "The bend is missing": _states(x, h0, W_xh, W_hh, b_h, lambda z: z),
            "The state before plays no part: where is W_hh": np.tanh(nn.dense(x, W_xh, b_h)),
            "It starts from zero, and not from h0": _states(x, 0 * h0, W_xh, W_hh, b_h),
            "Every step starts from h0. It should start from the state before": np.tanh(
                nn.dense(x, W_xh, b_h) + h0 @ W_hh.T
            ),
            "The bias is missing": _states(x, h0, W_xh, W_hh, 0 * b_h),
        }
        if H > 1:
            hints["A state is a row here: which side of it does W_hh go to, and turned or not"] = (
                _states(x, h0, W_xh, W_hh.T, b_h)
            )
        hints = {text: wrong for text, wrong in hints.items() if not np.allclose(wrong, right)}
        check.close(h, right, hints, name="h")
        check.close(h, nn.rnn(x, h0, W_xh, W_hh, b_h), name="Against the package, h")
    check.done()


def _backward(g, x, h0, h, W_xh, W_hh, slope=lambda h: 1 - h**2, off=0, carry=True, side=False):
    """Return the five gradients, or those of a usual mistake."""
    before = np.concatenate([h0[None], h])
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    dx, later = np.zeros_like(x), np.zeros_like(h0)
    for t in range(len(x) - 1, -1, -1):
        dz = slope(h[t]) * (g[t] + (later if carry else 0))
        later = dz @ (W_hh.T if side else W_hh)
        dx[t] = dz @ W_xh
        dW_xh, db = dW_xh + dz.T @ x[t], db + dz.sum(axis=0)
        dW_hh = dW_hh + dz.T @ before[t + off]
    return dx, later, dW_xh, dW_hh, db


def backward(answer):
    """6.3: backpropagation through time."""
    check = Check("6.3", "backpropagation through time", answer)
    names = "dx, dh0, dW_xh, dW_hh, db_h"
    for sizes in [(1, 1, 1, 1), (4, 2, 3, 2), (5, 1, 2, 3)]:
        arguments = _case(check, *sizes)
        x, h0, W_xh, W_hh, _ = arguments
        h = nn.rnn(*arguments)
        g = check.rng.normal(size=h.shape)
        result = check.call(answer, g, x, h0, h, W_xh, W_hh, case=_sizes(*sizes))
        parts = check.unpack(result, names)
        mistakes: dict[str, dict] = {
            "h_t has a second user, the next step: its gradient has to be added to g_t": {
                "carry": False
            },
            "The slope of tanh is missing": {"slope": np.ones_like},
            "The slope is 1 − h², and h is the state that comes out of tanh": {
                "slope": lambda h: 1 - np.tanh(h) ** 2
            },
            "W_hh met the state before this step, and not the one after it": {"off": 1},
            "W_hh is on the wrong side on the way back": {"side": True},
        }
        wrong = {
            text: _backward(g, x, h0, h, W_xh, W_hh, **mistake)
            for text, mistake in mistakes.items()
        }
        right = _backward(g, x, h0, h, W_xh, W_hh)
        for k, (name, part) in enumerate(zip(names.split(", "), parts, strict=True)):
            check.shape(part, arguments[k].shape, name=name)
            hints = {
                text: gradients[k]
                for text, gradients in wrong.items()
                if not np.allclose(gradients[k], right[k])
            }
            check.gradient(part, nn.rnn, *arguments, wrt=k, seed=g, hints=hints, name=name)
    check.done()


def truncated(answer):
    """6.4: truncated backpropagation through time."""
    check = Check("6.4", "truncated, but not forgetful", answer)
    for T, K in [(6, 3), (7, 3), (5, 1), (4, 9)]:
        x, h0, W_xh, W_hh, b_h = _case(check, T, 2, 3, 4)
        g = check.rng.normal(size=(T, 2, 4))

        def pieces(carry, whole_only=False, x=x, h0=h0, weights=(W_xh, W_hh, b_h), g=g, K=K):
            h, total, states = h0, np.zeros((4, 4)), []
            for start in range(0, len(x) - (len(x) % K if whole_only else 0), K):
                part = slice(start, start + K)
                value, way_back = nn.vjp(nn.rnn, x[part], h, *weights, wrt=3)
                total = total + way_back(g[part])
                states.append(value)
                h = value[-1] if carry else h0
            return np.concatenate(states) if states else np.zeros((0, 2, 4)), total

        case = f"{T} steps in pieces of K = {K}"
        result = check.call(answer, x, h0, W_xh, W_hh, b_h, g, K, case=case)
        h, dW_hh = check.unpack(result, "h, dW_hh")
        check.shape(h, (T, 2, 4), name="h")
        forgetful = "A piece should start from the last state of the piece before"
        full = nn.vjp(nn.rnn, x, h0, W_xh, W_hh, b_h, wrt=3)
        hints = {forgetful: pieces(carry=False)[0]} if T > K else {}
        check.close(h, full[0], hints, name="h")
        right = pieces(carry=True)[1]
        hints = {
            forgetful: pieces(carry=False)[1],
            "The last, shorter piece is missing": pieces(carry=True, whole_only=True)[1],
            "This is the whole gradient. Nothing has been cut": full[1](g),
        }
        hints = {text: wrong for text, wrong in hints.items() if not np.allclose(wrong, right)}
        check.close(dW_hh, right, hints, name="dW_hh")
    check.done()


def bound(answer):
    """6.5: the finer of the two bounds, from the slopes that there were."""
    check = Check("6.5", "a bound from the slopes", answer)
    for T, H, strength in [(2, 3, 0.5), (6, 4, 1.0), (12, 5, 0.1)]:
        x = strength * check.rng.normal(size=(T, 1, H))
        W = check.rng.normal(size=(H, H)) / math.sqrt(H)
        h = nn.rnn(x, np.zeros((1, H)), np.eye(H), W, np.zeros(H))[:, 0]
        case = f"{T} states of {H} units, inputs of size {strength}"
        value = check.number_of(check.call(answer, h, W, case=case), "The bound")
        road = np.eye(H)
        for h_j in h[:0:-1]:
            road = road @ np.diag(1 - h_j**2) @ W
        measured = np.linalg.norm(road, 2)
        s, slopes = np.linalg.norm(W, 2), 1 - h[1:] ** 2
        largest = slopes.max(axis=1)
        radius = np.abs(np.linalg.eigvals(W)).max()
        first_too = np.prod(s * (1 - h**2).max(axis=1))
        check.close(
            value,
            np.prod(s * largest),
            hints={
                "This is the coarse bound, with slope 1 everywhere": s ** (T - 1),
                "The spectral radius bounds long powers, not the product of different steps": (
                    np.prod(radius * largest)
                ),
                "The Frobenius norm is larger than needed": np.prod(np.linalg.norm(W) * largest),
                "A bound must hold for the unit with the largest slope, not on average": np.prod(
                    s * slopes.mean(axis=1)
                ),
                "From the first state to the last there is one step fewer than there are states": (
                    first_too
                ),
            },
            name="The bound",
        )
        check.that(
            value >= measured * (1 - 1e-9), f"The gradient that was measured, {measured:.3g}, "
            "is above it."
        )  # fmt: skip
    check.done()


def latch(state, gradient, least_weight):
    """6.6: one unit that keeps a bit."""
    check = Check("6.6", "a unit that keeps a bit", state, gradient, least_weight)
    h, slope = 0.1, 1.0
    for _ in range(100):
        h = math.tanh(2 * h)
        slope *= 2 * (1 - h * h)
    check.close(
        check.number_of(state, "state"),
        h,
        hints={
            "It does not fade: near zero each step doubles it": 0.0,
            "tanh never reaches 1. Where does h = tanh(2h) hold": 1.0,
            "This is where it starts": 0.1,
        },
        rtol=0.006,
        name="state",
    )
    said = check.choice(gradient, ["vanishes", "stays", "explodes"], "gradient")
    reasons = {
        "explodes": "The slope is 2 only at h = 0. What is 2 (1 − h²) where the unit stays",
        "stays": "For that, 2 (1 − h²) would have to be 1 where the unit stays",
    }
    check.that(said == "vanishes" and slope < 1e-20, reasons.get(said, ""), case="w = 2, 100 steps")
    check.close(
        check.number_of(least_weight, "least_weight"),
        1.0,
        hints={
            "With this weight it works. It works with a smaller one too": 2.0,
            "With this weight the unit forgets: h = 0 attracts it": 0.5,
            "At zero nothing of the state before arrives": 0.0,
        },
        name="least_weight",
    )
    check.done()


def alive(radius):
    """6.7: the radius at which the gradient survives 40 steps."""
    check = Check("6.7", "keep it alive", radius)
    value = check.number_of(radius, "radius")
    check.that(value > 0, "A radius is positive.")
    typical = math.exp(np.mean([math.log(surviving(value, seed)) for seed in range(4)]))
    case = f"radius {value:g}, four draws of the inputs"
    check.that(
        typical > 0.5,
        f"After 40 steps about {typical:.1g} of the gradient is left: it vanishes.",
        case=case,
    )
    check.that(
        typical < 2,
        f"After 40 steps the gradient is about {typical:.3g} times as long: it explodes.",
        case=case,
    )
    check.done()


def surviving(radius, seed, T=41, H=32, strength=0.1):
    """Return the gradient's length at the first state, for a gradient of length 1 at the last.

    The recurrent matrix is orthogonal times `radius`, the inputs are noise of size 0.1.
    """
    rng = np.random.default_rng(seed)
    W = radius * np.linalg.qr(rng.normal(size=(H, H)))[0]
    x = strength * rng.normal(size=(T, 1, H))
    h = nn.rnn(x, np.zeros((1, H)), np.eye(H), W, np.zeros(H))
    g = np.zeros((T - 1, 1, H))
    g[-1] = 1 / math.sqrt(H)
    _, backward = nn.vjp(nn.rnn, x[1:], h[0], np.eye(H), W, np.zeros(H), wrt=1)
    return float(np.linalg.norm(backward(g)))


def embedding_backward(answer):
    """6.8: the gradient of an embedding, with tokens that are read twice."""
    check = Check("6.8", "read twice", answer)
    for count, tokens in [(4, [0, 2, 3]), (5, [1, 1, 3, 1]), (6, [[2, 0], [2, 2], [5, 0]])]:
        tokens = np.array(tokens)
        dx = check.rng.normal(size=(*tokens.shape, 3))
        dE = check.call(answer, dx, tokens, count, case=f"tokens {tokens.tolist()}, {count} rows")
        check.shape(dE, (count, 3), name="dE")
        right, last = np.zeros((count, 3)), np.zeros((count, 3))
        for index in np.ndindex(tokens.shape):
            right[tokens[index]] += dx[index]
            last[tokens[index]] = dx[index]
        times = np.bincount(tokens.ravel(), minlength=count)[:, None]
        hints = {
            "Of a token that was read several times only one gradient arrived": last,
            "The gradients of one row are added, not averaged": right / np.maximum(times, 1),
        }
        hints = {text: wrong for text, wrong in hints.items() if not np.allclose(wrong, right)}
        check.close(dE, right, hints, name="dE")
        E = check.rng.normal(size=(count, 3))
        package = nn.vjp(nn.embedding, E, tokens, wrt=0)[1](dx)
        check.close(dE, package, name="Against the package, dE")
    check.done()


def perplexity(answer):
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
        hints = {text: wrong for text, wrong in hints.items() if not np.isclose(wrong, right)}
        check.close(check.number_of(value, "The perplexity"), right, hints, name="The perplexity")
    uniform = check.call(answer, [np.zeros((3, 27))], [np.array([0, 5, 26])], case="knows nothing")
    check.close(check.number_of(uniform), 27, name="The perplexity")
    large = [np.array([[1000.0, 0.0], [0.0, -1000.0]])]
    sure = check.call(answer, large, [np.array([0, 0])], case="logits of ±1000, always right")
    check.no_warnings("nn.log_softmax is safe for every logit.")
    check.close(check.number_of(sure), 1, name="The perplexity")
    check.done()


def both_ways(answer):
    """6.10: a network that reads forwards and backwards."""
    check = Check("6.10", "both ways", answer)
    for T, N, D, H in [(1, 1, 2, 2), (4, 2, 3, 2), (5, 1, 2, 3)]:
        x = check.rng.normal(size=(T, N, D))
        right = [check.rng.normal(size=shape) for shape in [(H, D), (H, H), (H,)]]
        left = [check.rng.normal(size=shape) for shape in [(H, D), (H, H), (H,)]]
        dy = check.rng.normal(size=(T, N, 2 * H))
        case = f"T = {T} steps, N = {N} sequences, D = {D} inputs, H = {H} units each way"
        y, backward = check.unpack(check.call(answer, x, right, left, case=case), "y, backward")
        check.shape(y, (T, N, 2 * H), name="y")
        h0 = np.zeros((N, H))

        def reading(x, right=right, left=left, h0=h0):
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
        }
        expected = reading(x)
        hints = {text: w for text, w in hints.items() if not np.allclose(w, expected)}
        check.close(y, expected, hints, name="y")
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
        }
        right_way = first + turned(dy[::-1, :, H:])[::-1]
        hints = {text: w for text, w in hints.items() if not np.allclose(w, right_way)}
        check.gradient(dx, reading, x, seed=dy, hints=hints, name="dx")
    check.done()


def no_look_ahead(answer):
    """6.11: examples for a forecast, without a look into the future."""
    check = Check("6.11", "no look ahead", answer)
    for length, first, window in [(30, 20, 3), (50, 30, 5), (12, 8, 1)]:
        v = 3 + 2 * check.rng.normal(size=length)
        case = f"{length} weeks, tested from week {first} on, windows of {window}"
        names = "x_train, y_train, x_test, y_test"
        parts = check.unpack(check.call(answer, v, first, window, case=case), names)

        def examples(mean, deviation, shift=0, v=v, first=first, window=window):
            u = (v - mean) / deviation
            weeks = np.arange(window, len(v))
            x = np.array([u[w - window + shift : w + shift] for w in weeks])
            return [x[: first - window], u[window:first], x[first - window :], u[first:]]

        right = examples(v[:first].mean(), v[:first].std())
        everything = examples(v.mean(), v.std())
        inside = examples(v[:first].mean(), v[:first].std(), shift=1)
        both = examples(v.mean(), v.std(), shift=1)
        leak = "The mean or the deviation has seen the test weeks"
        peek = "The window of a week contains that week itself: the answer is among the inputs"
        for k, (name, part) in enumerate(zip(names.split(", "), parts, strict=True)):
            check.shape(part, right[k].shape, name=name)
            hints = {leak: everything[k]}
            if name.startswith("x"):
                hints |= {peek: inside[k], f"{peek}. And {leak.lower()}": both[k]}
            check.close(part, right[k], hints, name=name)
        changed = v.copy()
        changed[first:] += check.rng.normal(size=length - first)
        case = "the same, with other test weeks"
        again = check.unpack(check.call(answer, changed, first, window, case=case), names)
        for name, one, other in zip(names.split(", ")[:2], parts, again, strict=False):
            check.that(
                np.array_equal(one, other), f"{name} changed when only the test weeks changed."
            )
    check.done()
