"""Residual connections and Transformer blocks: PyTorch's, groups of sequences, and dropout."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from on_double import run
from paths import ROOT
from threadpoolctl import threadpool_info, threadpool_limits
from witnesses import NUMPY, close, placed

import nnlearn as nn
from nnlearn.arrays import parallel
from nnlearn.layers import transformer

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
#: what PyTorch calls the parameters of a block, and where ours stand: attention, first and second
#: dense layer, first and second normalization
PLACES = {
    "pre": ("0.1", "1.1", "1.3", "0.0", "1.0"),
    "post": ("0.0", "2.0", "2.2", "1", "3"),
}


def tanh_gelu(z):
    return torch.nn.functional.gelu(z, approximate="tanh")


def by_torch(block, params):
    """PyTorch's layer with the same parameters, in float64, and the names of these."""
    theirs = torch.nn.TransformerEncoderLayer(
        block.width,
        block.heads,
        block.hidden,
        dropout=0.0,
        activation=tanh_gelu,
        norm_first=block.norm == "pre",
        dtype=torch.float64,
    )
    attention, first, second, norm1, norm2 = PLACES[block.norm]
    names = {
        "self_attn.in_proj_weight": f"{attention}.W_qkv",
        "self_attn.in_proj_bias": f"{attention}.b_qkv",
        "self_attn.out_proj.weight": f"{attention}.W_o",
        "self_attn.out_proj.bias": f"{attention}.b_o",
    }
    for layer, ours in {"linear1": first, "linear2": second}.items():
        names |= {f"{layer}.weight": f"{ours}.W", f"{layer}.bias": f"{ours}.b"}
    for layer, ours in {"norm1": norm1, "norm2": norm2}.items():
        names |= {f"{layer}.weight": f"{ours}.gamma", f"{layer}.bias": f"{ours}.beta"}
    theirs.load_state_dict(
        {n: torch.tensor(nn.to_numpy(params[ours]).astype(float)) for n, ours in names.items()}
    )
    return theirs, names


@pytest.mark.equation("eq-pre-norm")
@pytest.mark.equation("eq-post-norm")
@pytest.mark.parametrize("norm", ["pre", "post"])
@given(
    sizes=st.tuples(*(st.integers(1, n) for n in (6, 4, 3, 3, 5))),
    causal=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 99),
)
def test_a_block(space, norm, sizes, causal, dtype, seed):
    T, N, heads, size, hidden = sizes
    width = max(2, heads * size)  # of one number a normalization leaves nothing
    heads = heads if width == heads * size else 1
    rng = np.random.default_rng(seed)
    block = nn.TransformerBlock(width, heads, hidden, causal=causal, norm=norm)
    params = placed(NUMPY, block, seed)
    x, dy = (rng.normal(size=(T, N, width)).astype(dtype) for _ in range(2))
    theirs, names = by_torch(block, params)
    there = torch.tensor(x.astype(float), requires_grad=True)
    mask = torch.ones(T, T, dtype=torch.bool).triu(1) if causal else None
    expected = theirs(there, src_mask=mask)
    expected.backward(torch.tensor(dy.astype(float)))

    params = nn.Parameters(space.array(params.vector, dtype), params.layout)
    y, backward = nn.vjp(block, params, space.array(x))
    dparams, dx = backward(space.array(dy))
    assert set(names.values()) == set(params)
    assert space.holds(y)
    close(nn.to_numpy(y), expected.detach().numpy(), TOLERANCE[dtype], "value")
    close(nn.to_numpy(dx), there.grad.numpy(), 10 * TOLERANCE[dtype], "dx")
    assert {str(a.dtype).split(".")[-1] for a in (y, dx, dparams.vector)} == {dtype}
    for n, ours in names.items():
        gradient = theirs.get_parameter(n).grad.numpy()
        close(nn.to_numpy(dparams[ours]), gradient, 10 * TOLERANCE[dtype], ours)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_gradients_by_differences(norm, rng):
    block = nn.TransformerBlock(4, 2, 3, causal=True, rotary=True, norm=norm)
    nn.check_gradients(block, placed(NUMPY, block), rng.normal(size=(3, 2, 4)))


# --- residual connections ----------------------------------------------------------------------


@pytest.mark.equation("eq-residual")
@pytest.mark.equation("eq-residual-gradient")
def test_residual(space, rng):
    f = nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 3))
    layer = nn.Residual(*f.layers.values())
    params, x, dy = placed(space, layer), rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    assert list(params) == list(f.init())
    y, backward = nn.vjp(layer, params, space.array(x))
    dparams, dx = backward(space.array(dy))
    inner, backward_inner = nn.vjp(f, params, space.array(x))
    dinner, dx_inner = backward_inner(space.array(dy))
    close(nn.to_numpy(y), x + nn.to_numpy(inner), 1e-14, "value")
    close(nn.to_numpy(dx), dy + nn.to_numpy(dx_inner), 1e-14, "dx")
    np.testing.assert_array_equal(nn.to_numpy(dparams.vector), nn.to_numpy(dinner.vector))


def test_a_gradient_that_waits_is_asked_for_once(rng):
    """Both ways back begin with it: in a deep model asking twice would be asking 2^L times."""
    model = nn.Residual(nn.Residual(nn.Residual(nn.Tanh())), nn.Dense(3, 3))
    params, x = model.init(dtype="float64"), rng.normal(size=(2, 3))
    y, backward, _ = model.forward(params, x, training=True)
    asked = []
    dparams, dx = backward(lambda: asked.append(1) or y)
    dx(), [waiting() for waiting in dparams.values()]
    assert asked == [1]


def test_a_residual_of_nothing_doubles(rng):
    layer, x = nn.Residual(), rng.normal(size=(2, 3))
    y, backward = nn.vjp(layer, layer.init(), x, wrt=1)
    np.testing.assert_array_equal(y, 2 * x)
    np.testing.assert_array_equal(backward(y), 2 * y)


def test_a_residual_passes_on_what_is_remembered(rng):
    layer = nn.Residual(nn.BatchNorm(3), nn.Residual(nn.GRU(3, 3)))
    params, x = layer.init(seed=1, dtype="float64"), rng.normal(size=(4, 2, 3))
    assert set(params.state) == {"0.mean", "0.variance"}
    dparams = nn.vjp(layer, params, x, wrt=0)[1](x)
    assert not np.array_equal(dparams.state.vector, params.state.vector)
    memory = {}
    pieces = [layer(params, piece, memory=memory) for piece in (x[:1], x[1:])]
    np.testing.assert_allclose(np.concatenate(pieces), layer(params, x), rtol=1e-12)
    assert memory


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: used(nn.Residual(nn.Dense(4, 3))), ValueError, r"shape \(2, 3\).* x, \(2, 4\)"),
        (lambda: used(nn.Residual(nn.Dense(4, 1))), ValueError, r"give shape \(2, 1\), expected"),
        (lambda: nn.Residual(nn.relu), TypeError, "nn.ReLU"),
        (
            lambda: nn.TransformerBlock(4, 3), ValueError,
            "TransformerBlock: width is 4 and heads is 3, expected a multiple",
        ),
        (
            lambda: nn.TransformerBlock(6, 2, rotary=True), ValueError,
            "TransformerBlock: width is 6 and heads is 2, expected an even number of components",
        ),
        (
            lambda: nn.TransformerBlock(4, 2, causal="no"), TypeError,
            "TransformerBlock: causal is 'no', expected True or False",
        ),
        (
            lambda: nn.TransformerBlock(4, 2, rotary=1), TypeError,
            "TransformerBlock: rotary is 1, expected True or False",
        ),
        (lambda: nn.TransformerBlock(4, 2, norm="both"), ValueError, "norm is 'both', expected"),
        (lambda: nn.TransformerBlock(4, 2, 0), ValueError, "TransformerBlock: hidden is 0"),
        (lambda: nn.TransformerBlock(4, 0), ValueError, "TransformerBlock: heads is 0"),
        (lambda: nn.TransformerBlock(-4, 2), ValueError, "TransformerBlock: width is -4"),
        (
            lambda: nn.TransformerBlock(4, 2, dropout=1), ValueError,
            r"TransformerBlock: dropout is 1, expected a probability in \[0, 1\)",
        ),
        (
            lambda: nn.TransformerBlock(4, 2, dropout="x"),
            TypeError,
            "TransformerBlock: dropout is .x., expected a number",
        ),
        (lambda: used(nn.TransformerBlock(4, 2)), ValueError, r"x has shape \(2, 4\), expected"),
        (
            lambda: nn.TransformerBlock(4, 2).forward(nn.TransformerBlock(4, 2).init(), PIECE,
                                                      memory={}),
            ValueError, "only a causal layer reads in pieces",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


PIECE = np.ones((2, 1, 4), "float32")


def used(layer):
    return layer(layer.init(), PIECE[:, 0])


# --- groups of sequences -----------------------------------------------------------------------


def grouped(monkeypatch, numbers):
    """Let a group be so many numbers."""
    monkeypatch.setattr(parallel, "BLOCK", numbers)


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_groups_of_sequences_give_what_all_together_give(norm, size, monkeypatch, rng):
    block = nn.TransformerBlock(4, 2, 6, causal=True, norm=norm)
    params = placed(NUMPY, block)
    x, dy = rng.normal(size=(5, 7, 4)), rng.normal(size=(5, 7, 4))
    seen = []
    monkeypatch.setattr(
        transformer, "in_blocks", lambda *a: seen.append(r := parallel.in_blocks(*a)) or r
    )
    grouped(monkeypatch, 1 << 30)
    y, backward = nn.vjp(block, params, x)
    dparams, dx = backward(dy)
    assert [len(groups) for groups in seen] == [1, 1]
    seen.clear()
    grouped(monkeypatch, size * (7 * 5 * 6 // 8))
    y_groups, backward = nn.vjp(block, params, x)
    dparams_groups, dx_groups = backward(dy)
    assert [len(groups) for groups in seen] == [-(-7 // size)] * 2
    close(y_groups, y, 1e-12, "value")
    close(dx_groups, dx, 1e-12, "dx")
    close(dparams_groups.vector, dparams.vector, 1e-12, "gradient")
    for wrt, both in ((0, dparams_groups.vector), (1, dx_groups)):
        alone = nn.vjp(block, params, x, wrt=wrt)[1](dy)
        np.testing.assert_array_equal(alone.vector if wrt == 0 else alone, both)
    np.testing.assert_array_equal(block(params, x), y_groups)


SCRIPT = """
import hashlib, threading
import numpy as np
import nnlearn as nn
from threadpoolctl import threadpool_info
seen = set()
model = nn.Sequential(*(nn.TransformerBlock(32, 4, causal=True) for _ in range(2)))
first = model.layers["0"].layers["0"].layers["1"]
attend = first.read
first.read = lambda *a: seen.add(threading.get_ident()) or attend(*a)
rng = np.random.default_rng(0)
x, dy = rng.normal(size=(2, 80, 120, 32)).astype("float32")
params, digest = model.init(seed=1), hashlib.sha256()
for _ in range(2):
    y, backward = nn.vjp(model, params, x)
    for a in (y, *(g if isinstance(g, np.ndarray) else g.vector for g in backward(dy))):
        digest.update(a.tobytes())
known = any(library["user_api"] == "blas" for library in threadpool_info())
print(digest.hexdigest(), len(seen), known)
"""


def test_the_bits_do_not_depend_on_the_number_of_threads():
    found = {}
    for threads in (1, 2, 3):
        environment = os.environ | {
            "OPENBLAS_NUM_THREADS": str(threads),
            "OMP_NUM_THREADS": str(threads),
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        digest, seen, known = done.stdout.split()
        found[threads] = digest
        if known == "True":  # else, as with Debian's BLIS, nobody can say how many are granted
            assert (int(seen) > 1) == (threads > 1)  # the groups were shared out
    assert len(set(found.values())) == 1, found


def test_it_takes_the_groups_one_pass_on_a_gpu():
    """On the double of CuPy: one group, and the numbers of NumPy."""
    script = (
        "import numpy as np, nnlearn as nn; from nnlearn.arrays import parallel; "
        "parallel.BLOCK = 1; rng = np.random.default_rng(0); "
        "block = nn.TransformerBlock(4, 2, causal=True, rotary=True); "
        "params = block.init(seed=1); x = rng.normal(size=(5, 3, 4)).astype('float32'); "
        "y, backward = nn.vjp(block, params, nn.asarray(x)); dparams, dx = backward(y); "
        "print([nn.to_numpy(a).tolist() for a in (y, dx, dparams.vector)])"
    )
    there = run("-c", script)
    block = nn.TransformerBlock(4, 2, causal=True, rotary=True)
    params, x = block.init(seed=1), np.random.default_rng(0).normal(size=(5, 3, 4))
    y, backward = nn.vjp(block, params, x.astype("float32"))
    dparams, dx = backward(y)
    for name, ours, theirs in zip("yxp", (y, dx, dparams.vector), eval(there), strict=True):
        close(theirs, ours, 2e-5, name)


# --- dropout -----------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_dropout_is_off_in_inference_and_explicit_in_training(norm, rng):
    block = nn.TransformerBlock(6, 2, causal=True, norm=norm, dropout=0.5)
    without = nn.TransformerBlock(6, 2, causal=True, norm=norm)
    x = rng.normal(size=(4, 3, 6))
    params = placed(NUMPY, without)
    theta = nn.Parameters(params.vector, block.init().layout)  # dropout has no parameters
    np.testing.assert_allclose(block(theta, x), without(params, x), rtol=1e-12)
    runs = [nn.vjp(block, theta, x, rng=np.random.default_rng(seed))[0] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.allclose(runs[0], runs[2])
    generator = np.random.default_rng(1)
    nn.vjp(block, theta, x, rng=generator)
    drawn = np.random.default_rng(1)
    for _ in range(2):  # one mask after attention, one after the small network
        nn.vjp(nn.Dropout(0.5), nn.Dropout(0.5).init(), x, rng=drawn)
    assert generator.bit_generator.state == drawn.bit_generator.state


@pytest.mark.parametrize("dropout", [0.1, 0.9])
def test_a_mask_is_drawn_for_the_whole_batch(dropout, monkeypatch, rng):
    """In groups the same chance would fall otherwise, and on several threads in any order."""
    block = nn.TransformerBlock(4, 2, 3, dropout=dropout)
    params, x = placed(NUMPY, block), rng.normal(size=(3, 5, 4))
    found = []
    for numbers in (1 << 30, 1):
        grouped(monkeypatch, numbers)
        found.append(nn.vjp(block, params, x, rng=np.random.default_rng(3))[0])
    close(found[1], found[0], 1e-12, "value")


def test_the_gradient_goes_through_the_mask_that_was_drawn(rng):
    """Measured, with the same chance each time."""
    block = nn.TransformerBlock(4, 2, 3, dropout=0.5)
    params, x, dy = placed(NUMPY, block), *rng.normal(size=(2, 3, 2, 4))

    def value(x):
        return np.sum(dy * nn.vjp(block, params, x, rng=np.random.default_rng(5))[0])

    dx = nn.vjp(block, params, x, rng=np.random.default_rng(5))[1](dy)[1]
    h = 1e-6
    for index in itertools.islice(np.ndindex(*x.shape), 0, None, 5):
        step = np.zeros_like(x)
        step[index] = h
        assert dx[index] == pytest.approx(
            (value(x + step) - value(x - step)) / (2 * h), rel=1e-5, abs=1e-7
        )


class Threads(nn.Sequential):
    """Nothing, but that it looks how many threads BLAS has while a model runs."""

    def forward(self, params, x, training=False, rng=None, memory=None):
        libraries = threadpool_info()
        self.seen = {e["num_threads"] for e in libraries if e["user_api"] == "blas"}
        return super().forward(params, x, training, rng, memory)


@pytest.mark.parametrize(("dropout", "threads"), [(0.0, 1), (0.1, 2)])
def test_the_cores_are_taken_from_blas_only_where_groups_use_them(dropout, threads, rng):
    """A block with dropout trains the batch as a whole: BLAS is to have the cores there."""
    look = Threads()
    model = nn.Sequential(nn.TransformerBlock(4, 2, dropout=dropout), look)
    x = rng.normal(size=(3, 2, 4))
    with threadpool_limits(2, user_api="blas"):
        nn.vjp(model, model.init(0, "float64"), x, wrt=0, rng=rng)
    assert look.seen == {threads}


def test_dropout_keeps_the_expectation(rng):
    """Of what the attention adds: the mean over many masks is the value without any."""
    block = nn.TransformerBlock(4, 2, dropout=0.4)
    params, x = placed(NUMPY, block), rng.normal(size=(3, 2, 4))
    first = nn.Sequential(*block.layers["0"].layers.values())
    part = params.part("0")
    chance = np.random.default_rng(0)
    draws = np.array([first.forward(part, x, True, chance)[0] for _ in range(4000)])
    exact = first.forward(part, x)[0]
    error = draws.std(axis=0) / np.sqrt(4000)
    assert np.all(np.abs(draws.mean(axis=0) - exact) < 5 * error + 1e-12)
    assert np.all(np.isclose(draws, 0) | np.isclose(draws, exact / 0.6))
    assert np.mean(np.isclose(draws, 0)) == pytest.approx(0.4, abs=0.01)


# --- a whole model -----------------------------------------------------------------------------


def language_model(**kw):
    return nn.Sequential(
        nn.Embedding(6, 8),
        nn.PositionalEncoding(8),
        nn.TransformerBlock(8, 2, causal=True, rotary=True, **kw),
        nn.TransformerBlock(8, 4, causal=True, norm="post", **kw),
        nn.Dense(8, 6),
    )


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_continuation_remembers_what_was_read(dropout):
    """One token at a time with keys and values kept: everything from the start each time."""
    model = language_model(dropout=dropout)
    params = placed(NUMPY, model, 3)
    settings = {"end": 7, "longest": 30, "temperature": 0.8}
    found = nn.sequences.continuation(
        model, params, [0, 3, 3], np.random.default_rng(5), **settings
    )
    again, generator = [0, 3, 3], np.random.default_rng(5)
    while len(again) < 30:
        p = nn.softmax(model(params, np.array(again)[:, None])[-1, 0] / 0.8)
        again.append(int(np.searchsorted(np.cumsum(p), generator.random())))
    assert found.tolist() == again
    assert len(set(again)) > 2


def test_a_recorded_model_has_the_same_bits(rng):
    model = language_model()
    params, x = model.init(seed=1), rng.integers(0, 6, (5, 3))
    labels = rng.integers(0, 6, (5, 3))
    recorded = nn.record(lambda p, x, labels: nn.softmax_cross_entropy(model(p, x), labels))
    loss, backward = nn.vjp(recorded, params, x, labels, wrt=0)
    logits, backward_model = nn.vjp(model, params, x, wrt=0)
    by_hand, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, labels)
    assert loss == by_hand
    np.testing.assert_array_equal(backward().vector, backward_model(backward_loss()).vector)


CURVED = {
    "block": lambda: nn.TransformerBlock(4, 2, 5, causal=True, rotary=True),
    "post": lambda: nn.TransformerBlock(4, 2, 5, norm="post"),
    "attention": lambda: nn.MultiHeadAttention(4, 2, causal=True),
    "residual": lambda: nn.Residual(nn.Dense(4, 4), nn.GELU()),
    "positions": lambda: nn.Sequential(nn.PositionalEncoding(4, "learned", longest=9), nn.Tanh()),
}


@pytest.mark.parametrize("name", CURVED)
def test_derivatives_along_a_direction(name, rng):
    """Forwards by input and parameters, and the curvature, against differences."""
    model = CURVED[name]()
    params, x = placed(NUMPY, model), rng.normal(size=(4, 2, 4))
    dx, target = rng.normal(size=(2, *x.shape))
    h = 1e-5
    y, dy = nn.jvp(lambda x: model(params, x), (x,), (dx,))
    close(y, model(params, x), 1e-12, "value")
    close(dy, (model(params, x + h * dx) - model(params, x - h * dx)) / (2 * h), 1e-6, "by x")

    loss = nn.record(lambda p: nn.mean_squared_error(model(p, x), target))
    direction = nn.Parameters(rng.normal(size=params.vector.shape), params.layout)
    ends, gradients = [], []
    for sign in (1, -1):
        there = nn.Parameters(params.vector + sign * h * direction.vector, params.layout)
        value, backward = nn.vjp(loss, there)
        ends.append(value)
        gradients.append(backward().vector)
    _, slope = nn.jvp(loss, (params,), (direction,))
    close(slope, (ends[0] - ends[1]) / (2 * h), 1e-6, "by the parameters")
    curved = nn.hvp(loss, params, direction=direction)
    close(curved.vector, (gradients[0] - gradients[1]) / (2 * h), 1e-5, "curvature")


def test_it_learns_to_copy():
    """A task that needs attention: say again the token of three steps ago."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, (12, 64))
    labels = np.concatenate([np.zeros((3, 64), int), x[:-3]])
    model = nn.Sequential(
        nn.Embedding(5, 16), nn.PositionalEncoding(16),
        nn.TransformerBlock(16, 2, causal=True), nn.Dense(16, 5),
    )  # fmt: skip
    params, adam = model.init(seed=0), nn.Adam(nn.schedules.cosine(2e-2, 150, 10))
    for _ in range(150):
        logits, backward = nn.vjp(model, params, x, wrt=0)
        loss, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, labels, wrt=0)
        adam.step(params, backward(backward_loss()))
    assert loss < 0.1  # by chance it would be ln 5 = 1.6
    fresh = rng.integers(0, 5, (12, 64))
    assert nn.accuracy(model(params, fresh)[3:], fresh[:-3]) > 0.9


def test_a_summary_counts():
    text = str(language_model().summary(np.zeros((5, 3), int)))
    block = 3 * 8 * 8 + 3 * 8 + 8 * 8 + 8 + 2 * 16 + 2 * 8 * 32 + 32 + 8
    assert text.count("TransformerBlock") == 2
    assert text.count("Residual") == 4
    assert f"{block:,}" in text
    assert f"{6 * 8 + 2 * block + 8 * 6 + 6:,}" in text


def test_what_a_block_says_of_itself():
    block = nn.TransformerBlock(8, 2, causal=True, norm="post")
    assert repr(block) == "TransformerBlock(8, 2, hidden=32, causal=True, norm='post')"
    assert block.settings() == {
        **{"width": 8, "heads": 2, "hidden": 32, "causal": True, "rotary": False},
        **{"norm": "post", "dropout": 0.0},
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_of_a_block_stays(dtype, rng):
    block = nn.TransformerBlock(8, 2, causal=True, dropout=0.1)
    params, x = block.init(seed=1, dtype=dtype), rng.normal(size=(4, 3, 8)).astype(dtype)
    y, backward = nn.vjp(block, params, x, rng=rng)
    dparams, dx = backward(y)
    memory = {}
    again = block(params, x, memory=memory)
    arrays = y, dx, dparams.vector, again, *memory.values()
    assert {a.dtype for a in arrays} == {np.dtype(dtype)}
