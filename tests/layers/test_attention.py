"""Attention in several heads: PyTorch's layer, loops over the heads, and sequences in pieces."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from witnesses import NUMPY, close, placed

import nnlearn as nn

TOLERANCE = {"float32": 2e-5, "float64": 1e-10}
shapes = st.tuples(*(st.integers(1, n) for n in (7, 3, 3, 4)))  # T, N, heads, components of each


def by_torch(layer, params):
    """PyTorch's layer with the same parameters, in their dtype."""
    theirs = torch.nn.MultiheadAttention(layer.width, layer.heads).to(torch.float64)
    names = {"in_proj_weight": "W_qkv", "in_proj_bias": "b_qkv"}
    names |= {"out_proj.weight": "W_o", "out_proj.bias": "b_o"}
    theirs.load_state_dict(
        {n: torch.tensor(nn.to_numpy(params[ours]).astype(float)) for n, ours in names.items()}
    )
    return theirs, names


def run_torch(layer, params, x, dy):
    """Return the value and the gradients by name, the input's as ``"x"``."""
    theirs, names = by_torch(layer, params)
    x = torch.tensor(x.astype(float), requires_grad=True)
    T = x.shape[0]
    mask = torch.ones(T, T, dtype=torch.bool).triu(1) if layer.causal else None
    y, _ = theirs(x, x, x, attn_mask=mask, need_weights=False)
    y.backward(torch.tensor(dy.astype(float)))
    gradients = {ours: theirs.get_parameter(n).grad.numpy() for n, ours in names.items()}
    return y.detach().numpy(), gradients | {"x": x.grad.numpy()}


def literal(layer, params, x):
    """Eq. heads, number by number."""
    T, N, D = x.shape
    W, b = params["W_qkv"], params["b_qkv"]
    size = D // layer.heads
    joined = np.zeros((T, N, D))
    for n in range(N):
        for head in range(layer.heads):
            rows = range(head * size, (head + 1) * size)
            q, k, v = (
                np.array([[W[part * D + r] @ x[t, n] + b[part * D + r] for r in rows]
                          for t in range(T)])
                for part in range(3)
            )  # fmt: skip
            for t in range(T):
                seen = range(t + 1 if layer.causal else T)
                e = np.array([np.exp(q[t] @ k[s] / np.sqrt(size)) for s in seen])
                joined[t, n, list(rows)] = sum(e[s] / e.sum() * v[s] for s in seen)
    return joined @ params["W_o"].T + params["b_o"]


@pytest.mark.equation("eq-heads")
@pytest.mark.parametrize("causal", [False, True])
@given(shape=shapes, dtype=st.sampled_from(["float32", "float64"]), seed=st.integers(0, 99))
def test_heads(space, causal, shape, dtype, seed):
    T, N, heads, size = shape
    rng = np.random.default_rng(seed)
    layer = nn.MultiHeadAttention(heads * size, heads, causal=causal)
    x, dy = (rng.normal(size=(T, N, heads * size)).astype(dtype) for _ in range(2))
    params = placed(NUMPY, layer, seed)
    params = nn.Parameters(space.array(params.vector, dtype), params.layout)
    y, backward = nn.vjp(layer, params, space.array(x))
    assert space.holds(y)
    assert str(y.dtype).endswith(dtype)
    dparams, dx = backward(space.array(dy))
    expected, gradients = run_torch(layer, params, x, dy)
    close(nn.to_numpy(y), expected, TOLERANCE[dtype], "value against PyTorch")
    plain = {name: nn.to_numpy(a).astype(float) for name, a in params.items()}
    close(nn.to_numpy(y), literal(layer, plain, x.astype(float)), TOLERANCE[dtype], "loops")
    for name, ours in {**dparams, "x": dx}.items():
        assert str(ours.dtype).endswith(dtype)
        close(nn.to_numpy(ours), gradients[name], 10 * TOLERANCE[dtype], name)


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_the_weights_are_those_that_it_uses(space, causal, rotary, rng):
    """With them the values are added; PyTorch gives them too."""
    layer = nn.MultiHeadAttention(8, heads=2, causal=causal, rotary=rotary)
    params, x = placed(space, layer, seed=4), rng.normal(size=(5, 3, 8))
    p = layer.weights(params, space.array(x))
    assert space.holds(p)
    assert p.shape == (3, 2, 5, 5)
    p = nn.to_numpy(p)
    close(p.sum(axis=-1), np.ones((3, 2, 5)), 1e-12, "a row's sum")
    if causal:
        assert np.all(np.triu(p, 1) == 0)
    W, b = (nn.to_numpy(params[name]) for name in ("W_qkv", "b_qkv"))
    v = (x @ W[16:].T + b[16:]).reshape(5, 3, 2, 4)
    joined = np.einsum("nhts,snhi->tnhi", p, v).reshape(5, 3, 8)
    y = joined @ nn.to_numpy(params["W_o"]).T + nn.to_numpy(params["b_o"])
    close(nn.to_numpy(layer(params, space.array(x))), y, 1e-12, "the value")
    if not rotary:
        theirs, _ = by_torch(layer, params)
        mask = torch.ones(5, 5, dtype=torch.bool).triu(1) if causal else None
        given = torch.tensor(x)
        _, by_head = theirs(given, given, given, attn_mask=mask, average_attn_weights=False)
        close(p, by_head.detach().numpy(), 1e-12, "against PyTorch")


@pytest.mark.parametrize("wrt", [0, 1])
def test_one_gradient_alone_has_the_same_bits(wrt, rng):
    layer = nn.MultiHeadAttention(6, 2, causal=True, rotary=False)
    params, x = layer.init(seed=1), rng.normal(size=(5, 2, 6)).astype("float32")
    y, backward = nn.vjp(layer, params, x, wrt=wrt)
    both = nn.vjp(layer, params, x)[1](y)[wrt]
    alone = backward(y)
    if wrt == 0:
        both, alone = both.vector, alone.vector
    np.testing.assert_array_equal(alone, both)


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_gradients_by_differences(causal, rotary, rng):
    layer = nn.MultiHeadAttention(4, 2, causal=causal, rotary=rotary)
    params = layer.init(seed=3, dtype="float64")
    nn.check_gradients(layer, params, rng.normal(size=(4, 2, 4)))


def test_a_causal_layer_sees_nothing_of_what_comes(rng):
    layer = nn.MultiHeadAttention(6, 3, causal=True)
    params, x = layer.init(seed=1), rng.normal(size=(5, 2, 6)).astype("float32")
    y = layer(params, x)
    x[3:] = -1e3 * x[3:]
    np.testing.assert_array_equal(layer(params, x)[:3], y[:3])
    assert not np.allclose(layer(params, x)[3:], y[3:])


def test_rotary_positions_turn_queries_and_keys(rng):
    layer = nn.MultiHeadAttention(8, 2, causal=True, rotary=True)
    params, x = layer.init(seed=1, dtype="float64"), rng.normal(size=(6, 2, 8))
    qkv = nn.dense(x, params["W_qkv"], params["b_qkv"]).reshape(6, 2, 3, 2, 4)
    q, k, v = qkv.transpose(2, 1, 3, 0, 4)
    o = nn.attention(nn.rotary(q), nn.rotary(k), v, nn.causal_mask(6))
    y = nn.dense(o.transpose(2, 0, 1, 3).reshape(6, 2, 8), params["W_o"], params["b_o"])
    close(layer(params, x), y, 1e-12, "value")
    plain = nn.MultiHeadAttention(8, 2, causal=True)
    assert not np.allclose(plain(params, x), y)


# --- a sequence in pieces ----------------------------------------------------------------------

KINDS = {
    "rotary": lambda: nn.MultiHeadAttention(8, 2, causal=True, rotary=True),
    "plain": lambda: nn.MultiHeadAttention(8, 2, causal=True),
    "sinusoidal": lambda: nn.Sequential(
        nn.PositionalEncoding(8), nn.MultiHeadAttention(8, 2, causal=True)
    ),
    "learned": lambda: nn.Sequential(
        nn.PositionalEncoding(8, "learned", longest=12), nn.MultiHeadAttention(8, 2, causal=True)
    ),
    "blocks": lambda: nn.Sequential(
        nn.PositionalEncoding(8),
        nn.TransformerBlock(8, 2, causal=True, rotary=True),
        nn.TransformerBlock(8, 4, 5, causal=True, norm="post"),
    ),
}


def cuts(length, seed):
    """Lengths of pieces that together are so long."""
    rng = np.random.default_rng(seed)
    inner = np.flatnonzero(rng.random(length - 1) < 0.5) + 1
    return np.diff([0, *inner, length]).tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pieces", [[1] * 12, cuts(12, 1), cuts(12, 2), [12], [11, 1]])
def test_pieces_are_the_whole(space, kind, pieces, rng):
    model = KINDS[kind]()
    params, x = placed(space, model), rng.normal(size=(12, 3, 8))
    whole = nn.to_numpy(model(params, space.array(x)))
    memory, found, start = {}, [], 0
    for length in pieces:
        y = model(params, space.array(x[start : start + length]), memory=memory)
        found.append(nn.to_numpy(y))
        start += length
    close(np.concatenate(found), whole, 1e-10, "pieces")
    read = [a.shape[-2] for name, a in memory.items() if name.endswith("k")]
    assert set(read) == {12}


def test_a_memory_holds_keys_and_values(rng):
    layer = nn.MultiHeadAttention(8, 2, causal=True, rotary=True)
    params, x = layer.init(seed=1, dtype="float64"), rng.normal(size=(4, 3, 8))
    memory = {}
    layer(params, x, memory=memory)
    qkv = nn.dense(x, params["W_qkv"], params["b_qkv"])
    for i, name in enumerate(("k", "v"), 1):  # as projected, not turned
        heads = qkv[..., 8 * i : 8 * (i + 1)].reshape(4, 3, 2, 4).transpose(1, 2, 0, 3)
        np.testing.assert_array_equal(memory[name], heads)


@pytest.mark.parametrize("before", [1, 4])
def test_no_gradient_flows_into_what_was_read_before(before, rng):
    layer = nn.MultiHeadAttention(6, 2, causal=True)
    params, x = placed(NUMPY, layer), rng.normal(size=(before + 3, 2, 6))
    memory = {}
    layer(params, x[:before], memory=memory)
    y, backward = nn.vjp(layer, params, x[before:], memory=dict(memory))
    dy = rng.normal(size=y.shape)
    dparams, dx = backward(dy)

    theirs, names = by_torch(layer, params)
    new = torch.tensor(x[before:], requires_grad=True)
    qkv = torch.nn.functional.linear(new, theirs.in_proj_weight, theirs.in_proj_bias)
    q, k, v = (a.reshape(3, 2, 2, 3).permute(1, 2, 0, 3) for a in qkv.chunk(3, -1))
    k, v = (
        torch.cat([torch.tensor(memory[n]), a], -2) for n, a in {"k": k, "v": v}.items()
    )  # constants before, as if detached
    mask = torch.ones(3, before + 3, dtype=torch.bool).tril(before)
    o = torch.nn.functional.scaled_dot_product_attention(q, k, v, mask)
    expected = theirs.out_proj(o.permute(2, 0, 1, 3).reshape(3, 2, 6))
    expected.backward(torch.tensor(dy))
    close(y, expected.detach().numpy(), 1e-10, "value")
    close(dx, new.grad.numpy(), 1e-10, "dx")
    for n, ours in names.items():
        close(dparams[ours], theirs.get_parameter(n).grad.numpy(), 1e-10, ours)
    whole = nn.vjp(layer, params, x)[1](np.concatenate([np.zeros((before, 2, 6)), dy]))[1]
    assert np.any(whole[:before])  # there would have been one


def test_a_vjp_fills_the_memory_too(rng):
    layer = nn.MultiHeadAttention(6, 2, causal=True)
    params, x = layer.init(seed=1), rng.normal(size=(4, 3, 6)).astype("float32")
    called, differentiated = {}, {}
    layer(params, x, memory=called)
    nn.vjp(layer, params, x, memory=differentiated)
    assert called.keys() == differentiated.keys() == {"k", "v"}
    for name, a in called.items():
        np.testing.assert_array_equal(differentiated[name], a)


# --- the layer itself --------------------------------------------------------------------------


def test_it_draws_three_matrices_of_one_width():
    """Each as a dense layer of D by D would: one of 3 D by D would be drawn too small."""
    layer = nn.MultiHeadAttention(200, 2)
    params = layer.init(seed=0)
    limit = np.sqrt(6 / 400)
    for name, shape in {"W_qkv": (600, 200), "W_o": (200, 200)}.items():
        assert params[name].shape == shape
        assert limit * 0.999 < np.abs(params[name]).max() <= limit
    assert not params["b_qkv"].any()
    assert not params["b_o"].any()
    other = nn.MultiHeadAttention(4, 2, initializer=nn.initializers.fill(2.0)).init()
    assert np.all(other["W_qkv"] == 2)
    assert np.all(other["W_o"] == 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.MultiHeadAttention(6, 4), ValueError, "width is 6 and heads is 4, expected a"),
        (lambda: nn.MultiHeadAttention(0, 1), ValueError, "MultiHeadAttention: width is 0"),
        (lambda: nn.MultiHeadAttention(4, 0), ValueError, "MultiHeadAttention: heads is 0"),
        (lambda: nn.MultiHeadAttention(4, 1.5), ValueError, "MultiHeadAttention: heads is 1.5"),
        (lambda: nn.MultiHeadAttention(embed_dim=4, heads=2), TypeError, "'embed_dim': say width"),
        (
            lambda: called(np.ones((3, 4))),
            ValueError,
            r"x has shape \(3, 4\), expected \(T, N, D\)",
        ),
        (lambda: called(np.ones((3, 2, 5))), ValueError, r"x has shape \(3, 2, 5\), expected .*4"),
        (lambda: called(np.ones((3, 2, 4)), memory={}), ValueError, "only a causal layer reads in"),
        (lambda: nn.MultiHeadAttention(6, 2, rotary=True), ValueError, "an even number of comp"),
    ],
)
def test_what_it_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


def called(x, **kw):
    layer = nn.MultiHeadAttention(4, 2)
    return layer(layer.init(dtype="float64"), x, **kw)
