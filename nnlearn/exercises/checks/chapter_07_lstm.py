"""The checks of chapter 7's exercises: the LSTM and the GRU."""

import math

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checking import Check
from nnlearn.exercises.checks import lstm_values as values


def three_numbers(learned, half_life, error):
    """7.1: what an LSTM learns, how long a gate stays open, what half a memory is worth."""
    check = Check("7.1", "three numbers", learned, half_life, error)
    one_layer = 63 * (16 + 63 + 1)
    check.close(
        check.number_of(learned, "learned"),
        4 * one_layer,
        hints={
            "This is one layer, as in an RNN. How many does the cell have?": one_layer,
            "Three gates, and something else has weights too": 3 * one_layer,
            "Each unit of each of the four layers also has a bias": 4 * 63 * (16 + 63),
            "The state before is an input too, with a matrix of its own": 4 * 63 * (16 + 1),
        },
        name="learned",
    )
    check.close(
        check.number_of(half_life, "half_life"),
        math.log(2) / math.log1p(math.exp(-3)),
        hints={
            "Near, but not to 1 %. At this bias the approximation is too rough": (
                math.log(2) * math.exp(3)
            ),
            "After this many steps a share of 1/e is left. Half is reached sooner": (
                1 / math.log1p(math.exp(-3))
            ),
            "This is the gate itself, what is left after one step": 1 / (1 + math.exp(-3)),
            "This is the half-life of a gate with bias −3": math.log(2) / math.log1p(math.exp(3)),
        },
        rtol=0.01,
        name="half_life",
    )
    check.close(
        check.number_of(error, "error"),
        1 / 12,
        hints={
            "This is for somebody who knows neither of the two": 1 / 6,
            "The best guess for the other number is not 0, but its mean": 1 / 3,
            "This is its root. The mean of the squares is asked for": math.sqrt(1 / 12),
            "This is the mean of the absolute error, without the square": 1 / 4,
        },
        rtol=0.01,
        name="error",
    )
    check.done()


def step(answer):
    """7.2: one step of the LSTM."""
    check = Check("7.2", "one step", answer)
    for N, D, H in [(2, 3, 4), (1, 1, 1), (3, 2, 2)]:
        shapes = [(N, D), (N, H), (N, H), (4 * H, D), (4 * H, H), (4 * H,)]
        arguments = x, h, c, W_x, W_h, b = values.normal(check, *shapes)
        case = f"N = {N} sequences, D = {D} inputs, H = {H} units"
        result = check.unpack(check.call(answer, *arguments, case=case), "h, c")
        for name, part in zip("hc", result, strict=True):
            check.shape(part, (N, H), name=f"The new {name}")
        right = values.step(*arguments)
        mistakes = {
            "The first rows are the forget gate's, and those of the input gate come second": (
                values.step(*arguments, order=(1, 0, 2, 3))
            ),
            "The candidate is the last of the four blocks": values.step(
                *arguments, order=(0, 1, 3, 2)
            ),
            "This is another library's order of blocks. Here the candidate is last": values.step(
                *arguments, order=(1, 0, 3, 2)
            ),
            "The candidate is no gate: it goes through tanh": values.step(
                *arguments, bend=values.sigmoid
            ),
            "The candidate has no bend": values.step(*arguments, bend=lambda z: z),
            "The input gate does not let in its share: all of the candidate comes in": values.step(
                *arguments, gated=False
            ),
            "The state before plays no part: where is W_h?": values.step(x, 0 * h, c, W_x, W_h, b),
            "The forget gate keeps a share of the cell state c, and not of h": values.step(
                x, h, np.zeros_like(c), W_x, W_h, b
            )[1]
            + values.sigmoid(x @ W_x[:H].T + h @ W_h[:H].T + b[:H]) * h,
            "The bias is missing": values.step(x, h, c, W_x, W_h, 0 * b),
            "What is shown is tanh of the cell state": values.step(*arguments, shown=lambda z: z),
            "What is shown is the new cell state, and not the one before": values.step(
                *arguments, late=False
            ),
        }
        for k, name in [(1, "c"), (0, "h")]:
            hints = {text: w[k] if isinstance(w, tuple) else w for text, w in mistakes.items()}
            check.close(
                result[k], right[k], values.telling(hints, right[k]), name=f"The new {name}"
            )
        for name, part, ours in zip("hc", result, nn.lstm(x[None], *arguments[1:]), strict=True):
            check.close(part, ours[0], name=f"Against the package, the new {name}")
    check.done()


def cell_backward(answer):
    """7.3: the way back of one cell."""
    check = Check("7.3", "back through one cell", answer)
    for N, H in [(1, 1), (2, 3), (3, 2)]:
        z, c_before, dh, dc_later = values.normal(check, (N, 4 * H), *[(N, H)] * 3)
        f, i, o = map(values.sigmoid, values.blocks(z, 4)[:3])
        candidate, c = np.tanh(values.blocks(z, 4)[3]), values.cell(z, c_before)[1]
        given = dh, dc_later, f, i, o, candidate, c_before, c
        case = f"N = {N} sequences, H = {H} units"
        dz, dc_before = check.unpack(check.call(answer, *given, case=case), "dz, dc_before")
        check.shape(dz, z.shape, name="dz")
        check.shape(dc_before, c_before.shape, name="dc_before")
        mistakes: dict[str, dict] = {
            "The next cell reads the cell state too: its gradient has to be added": {
                "add": "shown"
            },
            "What is shown depends on the cell state too: its gradient has to be added": {
                "add": "later"
            },
            "On the way from h to the cell state the slope of tanh is missing": {"bent": False},
            "On the way from h to the cell state the output gate is missing": {"opened": False},
            "These are the gradients of the gates. The slopes of the four bends are missing": {
                "sloped": False
            },
            "The candidate comes out of tanh, and not out of a sigmoid: what is its slope?": {
                "a_gate": True
            },
            "The partner of the forget gate is the cell state before, and not the new one": {
                "kept": c
            },
            "Each factor of a product gets the gradient times the other one": {"mixed": True},
        }
        right = values.cell_back(*given)
        wrong = {text: values.cell_back(*given, **mistake) for text, mistake in mistakes.items()}
        for k, (name, part) in enumerate([("dz", dz), ("dc_before", dc_before)]):
            hints = values.telling({text: both[k] for text, both in wrong.items()}, right[k])
            if k == 1:
                hints["Between this cell and the one before stands the forget gate"] = right[1] / f
            check.gradient(
                part, values.cell, z, c_before, wrt=k, seed=np.stack([dh, dc_later]), hints=hints,
                name=name,
            )  # fmt: skip
    check.done()


def backward(answer):
    """7.4: the whole backward pass."""
    check = Check("7.4", "the whole way back", answer)
    names = "dx, dh0, dc0, dW_x, dW_h, db"
    for T, N, D, H in [(1, 1, 1, 1), (4, 2, 3, 2), (5, 1, 2, 3)]:
        shapes = [(T, N, D), (N, H), (N, H), (4 * H, D), (4 * H, H), (4 * H,)]
        arguments = x, h0, c0, W_x, W_h, b = values.normal(check, *shapes)
        h, c = nn.lstm(*arguments)
        g = check.rng.normal(size=h.shape)
        given = g, x, h0, c0, h, c, values.gates(x, h0, h, W_x, W_h, b), W_x, W_h
        result = check.call(answer, *given, case=values.sizes(T, N, D, H))
        parts = check.unpack(result, names)
        mistakes: dict[str, dict] = {
            "The next cell reads C_t too: what it gives back has to be added to dC_t": {
                "dc": "shown"
            },
            "dC_t was set to what the next cell says. What h_t says has to be added": {"dc": "set"},
            "The next cell's gradient comes through its own forget gate, that of time t + 1": {
                "dc": "own"
            },
            "h_t has a second user: the four layers of the next step, through W_h": {
                "states": False
            },
            "W_h met the state before this step, and not the one after it": {"off": 1},
            "The forget gate met the cell state before this step, and not the one after it": {
                "cell": 1
            },
            "The slopes of the four bends are missing": {"sloped": False},
            "The candidate comes out of tanh, and not out of a sigmoid: what is its slope?": {
                "a_gate": True
            },
            "On the way from h_t to C_t the slope of tanh is missing": {"bent": False},
        }
        wrong = {text: values.backward(*given, **mistake) for text, mistake in mistakes.items()}
        right = values.backward(*given)
        one_bias = "Each of the four layers has a bias of its own, and each gets a sum of its own"
        for k, (name, part) in enumerate(zip(names.split(", "), parts, strict=True)):
            check.that(name != "db" or getattr(part, "shape", None) != (H,), f"{one_bias}.")
            check.shape(part, shapes[k], name=name)
            hints = {text: gradients[k] for text, gradients in wrong.items()}
            if name == "db":
                hints[one_bias] = np.tile(right[k].reshape(4, H).sum(axis=0), 4)
            check.gradient(
                part, values.hidden_states, *arguments, wrt=k, seed=g, name=name,
                hints=values.telling(hints, right[k]),
            )  # fmt: skip
    check.done()


def road(answer):
    """7.5: what the forget gates leave of the cell state of each time."""
    check = Check("7.5", "the road", answer)
    for T, N, H in [(4, 2, 3), (1, 1, 1), (6, 1, 2)]:
        x, W_x, b = values.normal(check, (T, N, 2), (4 * H, 2), (4 * H,))
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
        check.close(shares, right, values.telling(hints, right), name="shares")
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


def bias_for(answer):
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
            "Near, for long half-lives. Where is the log 2?": np.log(k),
            "With this bias 1/e is left after so many steps, and not one half": (
                -np.log(np.expm1(1 / k))
            ),
            "This is the gate. Asked is the number that the sigmoid turns into it": gate,
        }
        check.close(bias, right, values.telling(hints, right), name="The bias")
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


def gru(answer):
    """7.7: the GRU over a sequence."""
    check = Check("7.7", "the GRU", answer)
    for T, N, D, H in [(4, 2, 3, 5), (1, 1, 1, 1), (6, 3, 2, 2)]:
        shapes = [(T, N, D), (N, H), (3 * H, D), (3 * H, H), (3 * H,)]
        arguments = x, h0, W_x, W_h, b = values.normal(check, *shapes)
        h = check.call(answer, *arguments, case=values.sizes(T, N, D, H))
        check.shape(h, (T, N, H), name="h")
        right = values.gru(*arguments)
        each = [values.gru(x_t[None], *arguments[1:])[0] for x_t in x]
        hints = {
            "The reset gate stands before the product, as in the paper. Here it stands behind it": (
                values.gru(*arguments, early=True)
            ),
            "u is the share of the old state, and 1 − u that of the candidate": (
                values.gru(*arguments, turned=True)
            ),
            "The reset gate's rows come first, then those of the update gate": (
                values.gru(*arguments, order=(1, 0, 2))
            ),
            "The reset gate plays no part": values.gru(*arguments, reset="none"),
            "The reset gate multiplies W_h h, and not the bias": values.gru(
                *arguments, reset="bias"
            ),
            "The reset gate multiplies what comes from the state, and not what comes from x": (
                values.gru(*arguments, reset="all")
            ),
            "The candidate is no gate: it goes through tanh": values.gru(
                *arguments, bend=values.sigmoid
            ),
            "It starts from zero, and not from h0": values.gru(x, 0 * h0, W_x, W_h, b),
            "Every step starts from h0. It should start from the state before": np.array(each),
            "The bias is missing": values.gru(x, h0, W_x, W_h, 0 * b),
        }
        check.close(h, right, values.telling(hints, right), name="h")
        check.close(h, nn.gru(*arguments), name="Against the package, h")
    x, h0, W_x, W_h, b = (
        3 * a for a in values.normal(check, (30, 2, 2), (2, 3), (9, 2), (9, 3), (9,))
    )
    h = check.call(answer, x, np.tanh(h0), W_x, W_h, b, case="30 steps, large weights")
    check.that(np.abs(h) < 1 + 1e-12, "A state leaves the interval from −1 to 1.")
    check.done()


def gru_backward(answer):
    """7.8: the way back of one step of a GRU."""
    check = Check("7.8", "back through a GRU", answer)
    for N, H in [(1, 1), (2, 3), (3, 2)]:
        a, h_before, W_h, dh = values.normal(check, (N, 3 * H), (N, H), (3 * H, H), (N, H))
        of_x, of_h = values.blocks(a, 3), values.blocks(h_before @ W_h.T, 3)
        r, u = (values.sigmoid(of_x[k] + of_h[k]) for k in range(2))
        candidate = np.tanh(of_x[2] + r * of_h[2])
        given = dh, h_before, r, u, candidate, of_h[2], W_h
        case = f"N = {N} sequences, H = {H} units"
        dz, dh_before = check.unpack(check.call(answer, *given, case=case), "dz, dh_before")
        check.shape(dz, a.shape, name="dz")
        check.shape(dh_before, h_before.shape, name="dh_before")
        mistakes: dict[str, dict] = {
            "The candidate has the share 1 − u, and not u": {"share": u},
            "The update gate's gradient has the wrong sign: what does a larger u keep?": {
                "difference": candidate - h_before
            },
            "The update gate stands there twice, as u and as −u": {"difference": h_before},
            "The reset gate multiplied s_c, and not the state": {"met": h_before},
            "The slopes of the two sigmoids are missing": {"sloped": False},
            "The slope of the candidate's tanh is missing": {"bent": False},
            "The candidate's part of ds comes through the reset gate": {"reset": False},
            "One way is missing: the state before is also kept, with the share u": {"ways": (0, 1)},
            "One way is missing: the three sums read the state before through W_h": {
                "ways": (1, 0)
            },
        }
        right = values.gru_back(*given)
        wrong = {text: values.gru_back(*given, **mistake) for text, mistake in mistakes.items()}
        for k, (name, part) in enumerate([("dz", dz), ("dh_before", dh_before)]):
            hints = values.telling({text: both[k] for text, both in wrong.items()}, right[k])
            check.gradient(
                part, values.gru_step, a, h_before, W_h, wrt=k, seed=dh, hints=hints, name=name
            )
    check.done()


def tie(answer):
    """7.9: an LSTM whose input gate is 1 − forget gate, and whose output gate is open."""
    check = Check("7.9", "tie the gates", answer)
    for D, H, dtype in [(3, 2, "float64"), (1, 1, "float64"), (2, 5, "float32")]:
        given = [a.astype(dtype) for a in values.normal(check, (4 * H, D), (4 * H, H), (4 * H,))]
        case = f"D = {D} inputs, H = {H} units, {dtype}"
        result = check.unpack(check.call(answer, *given, case=case), "W_x, W_h, b")
        for name, old, new in zip(("W_x", "W_h", "b"), given, result, strict=True):
            check.shape(new, old.shape, dtype=dtype, name=name)
            _check_tied(check, name, np.split(old, 4), np.split(np.asarray(new), 4))
        x, h0, c0 = (a.astype(dtype) for a in values.normal(check, (6, 2, D), (2, H), (2, H)))
        h, c = nn.lstm(x, h0, c0, *result)
        check.close(h, np.tanh(c), name="h, which with an open output gate is tanh C,")
        gates = values.gates(x, h0, h, *result)
        f, _, _, candidate = values.blocks(gates, 4)
        mean = f * np.concatenate([c0[None], c[:-1]]) + (1 - f) * candidate
        check.close(c, mean, name="The cell state of nn.lstm with your weights")
    check.done()


def _check_tied(check, name, old, new):
    """Compare the four blocks of one array of the tied LSTM with what they should be."""
    bias = name == "b"
    check.close(
        new[0],
        old[0],
        {"It is the other way round: the input gate follows the forget gate": -old[1]},
        name=f"In {name}, the block of the forget gate, which should not change,",
    )
    check.close(new[3], old[3], name=f"In {name}, the block of the candidate, as it was,")
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
        np.full_like(old[2], 30 * bias),
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


def draw(answer):
    """7.10: an index drawn from a softmax with a temperature."""
    check = Check("7.10", "draw with temperature", answer)

    def picked(z, uniform):
        """Go along the probabilities, one after the other."""
        found = []
        for z_n, u in zip(z, uniform, strict=True):
            p, k = np.exp(z_n - z_n.max()), 0
            p = p / p.sum()
            while k < len(p) - 1 and u >= p[: k + 1].sum():
                k += 1
            found.append(k)
        return np.array(found)

    for N, K, temperature in [(200, 5, 0.5), (200, 4, 2.0), (1, 1, 1.0), (50, 7, 1.0)]:
        logits, uniform = 2 * check.rng.normal(size=(N, K)), check.rng.uniform(size=N)
        case = f"{N} rows of {K} logits, temperature {temperature}"
        index = check.call(answer, logits, temperature, uniform, case=case)
        check.shape(index, (N,), name="The index")
        check.that(np.asarray(index).dtype.kind in "iu", "An index should be an integer.")
        right = picked(logits / temperature, uniform)
        hints = {
            "The logits are to be divided by the temperature": picked(
                logits * temperature, uniform
            ),
            "The temperature plays no part": picked(logits, uniform),
            "This is always the likeliest. It should be drawn": logits.argmax(axis=1),
            "This counts from the end. Begin with the first index": (
                K - 1 - picked(logits[:, ::-1] / temperature, uniform)
            ),
            "This is the index before": right - 1,
            "This is the index after": right + 1,
        }
        check.close(index, right, values.telling(hints, right), name="The index")
    z, M = np.array([0.0, 1.0, -1.0, 0.5]), 10_000
    case = f"{M} numbers at equal distances, temperature 0.7"
    index = check.call(answer, np.tile(z, (M, 1)), 0.7, (np.arange(M) + 0.5) / M, case=case)
    share = np.array([np.mean(np.equal(index, k)) for k in range(4)])
    apart = np.abs(share - nn.softmax(z / 0.7)).max()
    check.that(apart < 2 / M, f"The shares differ from the probabilities by up to {apart:.2g}.")
    large = np.array([[1e4, -1e4, 0.0], [-1e4, 0.0, 1e4], [-1e4, 1e4, 1e4]])
    index = check.call(answer, large, 0.7, np.array([0.5, 0.5, 0.75]), case="logits of ±10,000")
    check.no_warnings("nn.softmax is safe for every logit.")
    check.close(index, [0, 2, 2], name="The index")
    index = check.call(answer, large, 0.7, np.zeros(3), case="logits of ±10,000, uniform = 0")
    check.close(
        index,
        [0, 2, 1],
        {"With the number 0 it picks what has probability 0: is it < or ≤?": [0, 0, 0]},
        name="The index",
    )
    last = np.nextafter(1.0, 0.0)
    for K in (10, 49):
        case = f"{K} equal logits, and the largest number below 1"
        index = check.call(answer, np.zeros((1, K)), 1.0, np.array([last]), case=case)
        rounded = "The probabilities add up to a little less than 1, by rounding. Then"
        check.close(
            index,
            [K - 1],
            {
                f"{rounded} no sum is above the number, and this is index 0": [0],
                f"{rounded} the index runs over the end": [K],
            },
            name="The index",
        )
    check.done()
