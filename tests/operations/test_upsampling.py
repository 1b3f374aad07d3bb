"""Transposed convolution and upsampling: loops, PyTorch and finite differences agree."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from witnesses import agree, close, dtypes, layouts, pairs, seeds

import nnlearn as nn
from nnlearn.arrays import parallel


def stamps(stride, padding):
    """The sum in loops: each pixel of x stamps the kernel; then the frame is cut off."""
    (s, t), (p, q) = stride, padding

    def conv_transpose2d(x, K, b):
        (N, H, W, F), (P, Q, C, _) = x.shape, K.shape
        full = np.zeros((N, (H - 1) * s + P, (W - 1) * t + Q, C))
        for e, i, j, f in np.ndindex(N, H, W, F):
            for m, n, c in np.ndindex(P, Q, C):
                full[e, i * s + m, j * t + n, c] += x[e, i, j, f] * K[m, n, c, f]
        rows, columns = full.shape[1] - 2 * p, full.shape[2] - 2 * q
        return full[:, p : p + rows, q : q + columns] + b

    return conv_transpose2d


def by_torch(stride, padding):
    def conv_transpose2d(x, K, b):
        first = x.permute(0, 3, 1, 2).contiguous(), K.permute(3, 2, 0, 1).contiguous()
        y = torch.nn.functional.conv_transpose2d(*first, b, stride=stride, padding=padding)
        return y.permute(0, 2, 3, 1)

    return conv_transpose2d


@st.composite
def geometries(draw, largest=4):
    """Shapes of x and K, stride and padding that leave at least one pixel."""
    H, W = draw(pairs(1, largest))
    (P, Q), (s, t) = draw(pairs(1, 4)), draw(pairs(1, 4))
    p = draw(st.integers(0, min(2, ((H - 1) * s + P - 1) // 2)))
    q = draw(st.integers(0, min(2, ((W - 1) * t + Q - 1) // 2)))
    N, C, F = (draw(st.integers(1, 3)) for _ in range(3))
    return (N, H, W, F), (P, Q, C, F), (s, t), (p, q)


@given(geometry=geometries(), dtype=dtypes, layout=layouts, seed=seeds)
def test_transposed_convolution(space, geometry, dtype, layout, seed):
    shape, kernel, stride, padding = geometry
    rng = np.random.default_rng(seed)
    agree(
        space,
        nn.conv_transpose2d,
        [rng.normal(size=s) for s in (shape, kernel, kernel[2:3])],
        stamps(stride, padding),
        by_torch(stride, padding),
        keywords={"stride": stride, "padding": padding},
        dtype=dtype,
        layout=layout,
    )


@settings(max_examples=50)
@given(geometry=geometries(), block=st.sampled_from([1, 200, 10**6]), seed=seeds)
def test_it_is_the_adjoint_of_the_convolution(geometry, block, seed):
    """⟨conv2d(v), x⟩ = ⟨v, conv_transpose2d(x)⟩, with the same kernel, in blocks of any size."""
    shape, kernel, stride, padding = geometry
    rng = np.random.default_rng(seed)
    x, K = rng.normal(size=shape), rng.normal(size=kernel)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "BLOCK", block)
        y, backward = nn.vjp(nn.conv_transpose2d, x, K, stride=stride, padding=padding)
        v = rng.normal(size=y.shape)
        dx, dK = backward(v)
    forward = nn.conv2d(v, K, stride=stride, padding=padding)
    assert forward.shape == x.shape
    close(dx, forward, 1e-12, "dx")
    close(np.sum(forward * x), np.sum(v * y), 1e-11, "inner products")
    close(np.sum(dK * K), np.sum(v * y), 1e-11, "it is linear in K")


@given(size=st.integers(1, 12), kernel=st.integers(1, 6), s=st.integers(1, 5), p=st.integers(0, 2))
def test_the_size_is_undone_by_the_convolution(size, kernel, s, p):
    large = nn.transposed_size(size, kernel, s, p)
    if large >= 1 and large + 2 * p >= kernel:
        assert nn.output_size(large, kernel, s, p) == size
    assert nn.transposed_size(size, kernel) == size + kernel - 1  # a stamp at each, and no border


@given(
    shape=st.tuples(*[st.integers(0, 3)] * 4), size=pairs(1, 3), dtype=dtypes, layout=layouts,
    seed=seeds,
)  # fmt: skip
def test_upsampling(space, shape, size, dtype, layout, seed):
    def literal(x):
        N, H, W, C = x.shape
        y = np.empty((N, H * size[0], W * size[1], C))
        for e, i, j, c in np.ndindex(*y.shape):
            y[e, i, j, c] = x[e, i // size[0], j // size[1], c]
        return y

    def torch_version(x):
        return x.repeat_interleave(size[0], dim=1).repeat_interleave(size[1], dim=2)

    agree(
        space,
        nn.upsample2d,
        [np.random.default_rng(seed).normal(size=shape)],
        literal,
        torch_version,
        keywords={"size": size},
        dtype=dtype,
        layout=layout,
    )


def test_no_example_and_no_bias(space):
    x, K = space.array(np.zeros((0, 3, 3, 2))), space.array(np.ones((2, 2, 1, 2)))
    y, backward = nn.vjp(nn.conv_transpose2d, x, K, stride=2)
    assert y.shape == (0, 6, 6, 1)
    dx, dK = backward(y)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(nn.to_numpy(dK), 0)


def test_the_layers_compute_the_operations(space):
    space.use()
    try:
        x = space.array(np.random.default_rng(0).normal(size=(2, 4, 3, 3)))
        layer = nn.ConvTranspose2D(3, 5, (4, 3), stride=(2, 1), padding=(1, 0))
        params = layer.init(seed=1, dtype="float64")
        assert params["K"].shape == (4, 3, 5, 3)
        expected = nn.conv_transpose2d(x, params["K"], params["b"], (2, 1), (1, 0))
        np.testing.assert_array_equal(nn.to_numpy(layer(params, x)), nn.to_numpy(expected))
        larger = nn.Upsample2D(3)
        found = nn.to_numpy(larger(larger.init(), x))
        np.testing.assert_array_equal(found, nn.to_numpy(nn.upsample2d(x, 3)))
    finally:
        nn.use_backend("numpy")


def test_he_counts_the_stamps_that_meet():
    """Inside the picture 4 × 4 stamps, two pixels apart, meet four at a time."""
    layer = nn.ConvTranspose2D(40, 50, 4, stride=2, padding=1)
    params = layer.init(seed=0, dtype="float64")
    assert params["K"].std() == pytest.approx(np.sqrt(2 / (4 * 40)), rel=0.02)
    y = layer(params, np.random.default_rng(1).normal(size=(2, 9, 9, 40)))
    assert y[:, 3:-3, 3:-3].var() == pytest.approx(2, rel=0.1)


def test_gradients_of_a_generator():
    model = nn.Sequential(
        nn.ConvTranspose2D(3, 4, 4, stride=2, padding=1),
        nn.Tanh(),
        nn.Upsample2D((2, 1)),
        nn.Conv2D(4, 1, 3, padding=1),
        nn.Sigmoid(),
    )
    x = np.random.default_rng(0).normal(size=(2, 2, 3, 3))
    nn.check_gradients(model, model.init(seed=0, dtype="float64"), x)


def test_names():
    assert repr(nn.ConvTranspose2D(1, 2, 4, stride=2, padding=1)) == (
        "ConvTranspose2D(1, 2, 4, stride=2, padding=1)"
    )
    assert repr(nn.Upsample2D()) == "Upsample2D(size=(2, 2))"


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (
            lambda: nn.conv_transpose2d(np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)), padding=2),
            r"conv_transpose2d: padding is \(2, 2\), which leaves -1 × -1 pixels",
        ),
        (
            lambda: nn.conv_transpose2d(np.ones((1, 2, 2, 3)), np.ones((2, 2, 1, 2))),
            r"conv_transpose2d: K has shape .* F = 3",
        ),
        (
            lambda: nn.conv_transpose2d(np.ones((1, 2, 2, 1)), np.ones((2, 2, 4, 1)), np.ones(3)),
            r"conv_transpose2d: b has shape \(3,\), .*C = 4",
        ),
        (
            lambda: nn.conv_transpose2d(np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)), stride=0),
            "conv_transpose2d: stride is 0",
        ),
        (lambda: nn.upsample2d(np.ones((1, 2, 2, 1)), 0), "upsample2d: size is 0"),
        (lambda: nn.upsample2d(np.ones((2, 2, 1))), r"upsample2d: x has shape \(2, 2, 1\)"),
        (lambda: nn.ConvTranspose2D(0, 1, 3), "ConvTranspose2D: inputs is 0"),
        (lambda: nn.Upsample2D((1, 2, 3)), "Upsample2D: size is"),
    ],
)
def test_refused(run, message):
    with pytest.raises(ValueError, match=message):
        run()
