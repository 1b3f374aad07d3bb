"""Every operation of the package, and what its declaration of shapes does not say.

`test_generated.py` fails for an operation that is missing here.
"""

import math

import numpy as np
from hypothesis import strategies as st
from registry import KINDS, SIZES, Entry

import nnlearn as nn
from nnlearn.operations import arithmetic, normalization, reshaping

PAIRS = st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3)))
BORDERS = st.one_of(st.integers(0, 2), st.tuples(st.integers(0, 2), st.integers(0, 2)))


def scalar(sizes, settings):
    return ((),)


def empty(name, *letters):
    """Refuse an argument if one of these sizes is 0, for there is nothing to take a mean of."""

    def refused(sizes, settings):
        dots = sizes["..."] if "..." in letters else ()
        return name if 0 in (*dots, *(sizes[l] for l in letters if l != "...")) else None

    return refused


# --- windows -----------------------------------------------------------------------------------


def window(*names):
    return lambda draw, sizes: {n: draw(BORDERS if n == "padding" else PAIRS) for n in names}


def pair_of(a):
    """Return (rows, columns) of a setting that may be one number for both."""
    return a if isinstance(a, tuple) else (a, a)


def _counts(sizes, size, settings):
    """Return H' and W', how many windows of a size fit."""
    stride, padding = pair_of(settings.get("stride", 1)), pair_of(settings.get("padding", 0))
    axes = zip((sizes["H"], sizes["W"]), size, stride, padding, strict=True)
    return [(n + 2 * p - k) // s + 1 for n, k, s, p in axes]


def convolved(sizes, settings):
    counts = _counts(sizes, (sizes["P"], sizes["Q"]), settings)
    return ((sizes["N"], *counts, sizes["F"]),)


def pooled(sizes, settings):
    return ((sizes["N"], *_counts(sizes, pair_of(settings["size"]), settings), sizes["C"]),)


def unrolled(sizes, settings):
    N, *counts, C = pooled(sizes, settings)[0]
    return ((N, *counts, math.prod(pair_of(settings["size"])) * C),)


def stamped(sizes, settings):
    stride, padding = pair_of(settings["stride"]), pair_of(settings["padding"])
    axes = zip("HW", "PQ", stride, padding, strict=True)
    large = ((sizes[n] - 1) * s + sizes[k] - 2 * p for n, k, s, p in axes)
    return ((sizes["N"], *large, sizes["C"]),)


def enlarged(sizes, settings):
    rows, columns = pair_of(settings["size"])
    return ((sizes["N"], sizes["H"] * rows, sizes["W"] * columns, sizes["C"]),)


def no_window(shapes):
    """Refuse a picture that holds no window."""

    def refused(sizes, settings):
        return "x" if min(shapes(sizes, settings)[0][1:3]) < 1 else None

    return refused


def no_pixels(sizes):
    """Refuse a picture or a kernel without pixels."""
    for name, (rows, columns) in {"x": "HW", "K": "PQ"}.items():
        if 0 in (sizes[rows], sizes[columns]):
            return name
    return None


def no_convolution(sizes, settings):
    return no_pixels(sizes) or no_window(convolved)(sizes, settings)


def no_stamp(sizes, settings):
    """Refuse, too, a border that cuts all of the large picture off."""
    cut = "padding" if min(stamped(sizes, settings)[0][1:3]) < 1 else None
    return no_pixels(sizes) or cut


def modes(draw, sizes):
    return {"mode": draw(st.sampled_from(["full", "same", "valid"]))}


def of_mode(sizes, settings):
    of = {
        "full": lambda n, k: n + k - 1,
        "same": lambda n, k: n,
        "valid": lambda n, k: abs(n - k) + 1,
    }[settings["mode"]]
    return ((of(sizes["H"], sizes["P"]), of(sizes["W"], sizes["Q"])),)


def no_mode(sizes, settings):
    """Refuse an empty image or kernel, and two of which none holds the other where it must."""
    down, right = sizes["H"] - sizes["P"], sizes["W"] - sizes["Q"]
    fits = settings["mode"] != "valid" or down * right >= 0
    return "I" if not fits or 0 in [sizes[l] for l in "HWPQ"] else None


# --- what is looked at, looked up, left out, and divided by ------------------------------------


def maybe_masked(draw, sizes):
    if not draw(st.booleans()):
        return {}
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    leading = sizes["..."] if draw(st.booleans()) else ()
    return {"mask": rng.random((*leading, sizes["T"], sizes["S"])) < 0.7}


def in_blocks(draw, sizes):
    causal = sizes["S"] >= sizes["T"] and draw(st.booleans())
    return {"causal": causal, "block": draw(st.sampled_from([1, 2, 128]))}


def no_label(sizes, settings):
    return "labels" if 0 in (*sizes["..."], sizes["K"]) else None


def no_token(sizes, settings):
    return "tokens" if sizes["K"] == 0 and 0 not in sizes["..."] else None


def no_logits(sizes, settings):
    if 0 in sizes["..."]:
        return "real_logits"
    return "fake_logits" if 0 in sizes["...'"] else None


def no_batch(sizes, settings):
    return None if sizes["..."] and 0 not in sizes["..."] else "x"


def chance(draw, sizes):
    seed = draw(st.integers(0, 99))
    return {"p": draw(st.sampled_from([0.0, 0.5])), "rng": lambda: np.random.default_rng(seed)}


def axes(draw, sizes):
    n = len(sizes["..."])
    return {"axis": draw(st.sampled_from([*range(-n, n), tuple(range(n))]))}


def _along(sizes, settings):
    """Return the axes that a mean or a sum is along."""
    n, axis = len(sizes["..."]), settings["axis"]
    several = range(n) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return {i % n for i in several}


def no_mean(name):
    """Refuse axes along which there is nothing."""

    def refused(sizes, settings):
        return name if 0 in [sizes["..."][i] for i in _along(sizes, settings)] else None

    return refused


# --- arithmetic --------------------------------------------------------------------------------


def _stacks(draw):
    """Draw two shapes that broadcast."""
    a = tuple(draw(st.lists(SIZES, max_size=3)))
    b = tuple(1 if draw(st.booleans()) else n for n in a)[draw(st.integers(0, len(a))) :]
    return draw(st.permutations([a, b]))


def two(draw, sizes):
    a, b = _stacks(draw)
    sizes["result"] = np.broadcast_shapes(a, b)
    return {"a": a, "b": b}


def matrices(draw, sizes):
    (a, b), (M, K, N) = _stacks(draw), draw(st.tuples(SIZES, SIZES, SIZES))
    sizes["result"] = (*np.broadcast_shapes(a, b), M, N)
    return {"a": (*a, M, K), "b": (*b, K, N)}


def sequences(draw, sizes):
    sizes["N"], sizes["T"] = draw(SIZES), draw(SIZES)
    return {"x": (sizes["N"], sizes["T"], *sizes["..."])}


def rows(draw, sizes):
    sizes["result"] = (draw(SIZES), *sizes["..."])
    return {"a": sizes["result"]}


def vectors(draw, sizes):
    sizes["d"] = draw(st.sampled_from([0, 1, 2, 4, 4, 6, 131]))
    return {"x": (*sizes["..."], sizes["T"], sizes["d"])}


def odd(sizes, settings):
    return None if sizes["d"] in (2, 4, 6) else "x"


def result(sizes, settings):
    return (sizes["result"],)


def sums(draw, sizes):
    axis = draw(st.sampled_from([None, axes(draw, sizes)["axis"]]))
    return {"axis": axis, "keepdims": draw(st.booleans())}


def summed(sizes, settings):
    gone, kept = _along(sizes, settings), settings["keepdims"]
    sizes = [1 if i in gone else n for i, n in enumerate(sizes["..."]) if kept or i not in gone]
    return (tuple(sizes),)


def split(draw, sizes):
    D = sizes["D"]
    return {"shape": draw(st.sampled_from([(D,), (1, D), (D, 1, 1)]))}


def flat(sizes, settings):
    shape = sizes["..."]
    return ((shape[0], math.prod(shape[1:])) if shape else (),)


def chosen(**values):
    """Draw settings, each from a few values."""
    return lambda draw, sizes: {k: draw(st.sampled_from(v)) for k, v in values.items()}


NUMBERS = frozenset({"whole", "true or false"})
FORMULA = NUMBERS | {"a number"}  # what stands in a formula beside an array

ENTRIES = [
    *map(Entry, (nn.sigmoid, nn.tanh, nn.relu, nn.softplus, nn.gelu, nn.exp)),
    Entry(nn.log, positive=True),
    Entry(nn.leaky_relu, chosen(slope=[0.0, 0.01, 1.5])),
    Entry(nn.softmax, refused=empty("z", "K")),
    Entry(nn.log_softmax, refused=empty("z", "K")),
    Entry(nn.mean_squared_error, shapes=scalar, refused=empty("prediction", "...")),
    Entry(nn.softmax_cross_entropy, shapes=scalar, refused=no_label),
    Entry(nn.sigmoid_cross_entropy, shapes=scalar, refused=empty("logits", "...")),
    Entry(nn.gan_value, shapes=scalar, refused=no_logits),
    Entry(nn.discriminator_loss, shapes=scalar, refused=no_logits),
    Entry(
        nn.generator_loss,
        chosen(kind=["minimax", "non-saturating"]),
        scalar,
        empty("fake_logits", "..."),
    ),
    Entry(nn.dense),
    Entry(nn.embedding, refused=no_token),
    Entry(nn.dropout, chance),
    Entry(nn.conv2d, window("stride", "padding"), convolved, no_convolution, optional=("b",)),
    Entry(nn.conv_transpose2d, window("stride", "padding"), stamped, no_stamp, optional=("b",)),
    Entry(nn.convolve2d, modes, of_mode, no_mode),
    Entry(nn.max_pool2d, window("size", "stride"), pooled, no_window(pooled)),
    Entry(nn.avg_pool2d, window("size", "stride"), pooled, no_window(pooled)),
    Entry(nn.im2col, window("size", "stride", "padding"), unrolled, no_window(unrolled), view=True),
    Entry(nn.upsample2d, window("size"), enlarged),
    Entry(nn.attention_weights, maybe_masked, refused=empty("q", "d")),
    Entry(nn.attention, maybe_masked, refused=empty("q", "d")),
    Entry(nn.blockwise_attention, in_blocks, refused=empty("q", "d")),
    Entry(nn.batch_norm, refused=no_batch),
    Entry(nn.layer_norm, refused=empty("x", "D")),
    Entry(nn.standardize, axes, refused=no_mean("x")),
    Entry(normalization.scale_and_shift),
    Entry(nn.rotary, chosen(start=[0, 1, 9]), refused=odd, arrays=vectors),
    Entry(nn.rnn, refused=empty("x", "T")),
    Entry(nn.gru, refused=empty("x", "T")),
    Entry(nn.lstm, refused=empty("x", "T")),
    Entry(nn.flatten, shapes=flat, refused=lambda s, _: None if s["..."] else "x", view=True),
    Entry(nn.unflatten, split, lambda s, settings: ((s["N"], *settings["shape"]),), view=True),
    Entry(
        reshaping.swap_time_and_batch,
        shapes=lambda s, _: ((s["T"], s["N"], *s["..."]),),
        arrays=sequences,
        view=True,
        takes=NUMBERS,
    ),
    *(
        Entry(operation, shapes=result, arrays=two, takes=FORMULA)
        for operation in (
            arithmetic.add,
            arithmetic.subtract,
            arithmetic.multiply,
            arithmetic.divide,
        )
    ),
    Entry(arithmetic.matmul, shapes=result, arrays=matrices, takes=FORMULA),
    Entry(arithmetic.negative),
    Entry(arithmetic.power, chosen(exponent=[0, 1, 2, 3.0])),
    Entry(arithmetic.total, sums, summed),
    Entry(arithmetic.mean, sums, summed, no_mean("a")),
    Entry(arithmetic.transpose, shapes=lambda s, _: (s["..."][::-1],), view=True),
    Entry(
        arithmetic.item,
        chosen(key=[..., slice(None, None, -1), None]),
        lambda s, settings: ((1,) * (settings["key"] is None) + s["result"],),
        arrays=rows,
        view=True,
        takes=frozenset(KINDS),  # it stands for a[key], of whatever a
    ),
]
#: Operations that have no place above, and why.
ELSEWHERE = {"reshape": "takes its sizes one by one: test_arithmetic.py"}
OPERATIONS = {entry.operation.__name__: entry for entry in ENTRIES}
