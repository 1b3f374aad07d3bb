"""Convolution: loops, PyTorch, SciPy and finite differences agree, at every edge."""

import math
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from witnesses import NUMPY, agree, close, dtypes, layouts, pairs, place, seeds, torch_gradients

import nnlearn as nn
from nnlearn.arrays import parallel
from nnlearn.arrays.fast import column_sums, sliding_windows

MODES = ("full", "same", "valid")


def conv2d_literal(stride, padding):
    (s, t), (p, q) = stride, padding

    def conv2d(x, K, b):
        (N, H, W, C), (P, Q, _, F) = x.shape, K.shape
        z = np.zeros((N, (H + 2 * p - P) // s + 1, (W + 2 * q - Q) // t + 1, F))
        for e, i, j, f in np.ndindex(*z.shape):
            z[e, i, j, f] = b[f]
            for m, n, c in np.ndindex(P, Q, C):
                row, column = i * s + m - p, j * t + n - q
                if 0 <= row < H and 0 <= column < W:
                    z[e, i, j, f] += x[e, row, column, c] * K[m, n, c, f]
        return z

    return conv2d


def conv2d_torch(stride, padding):
    def conv2d(x, K, b):
        first = x.permute(0, 3, 1, 2).contiguous(), K.permute(3, 2, 0, 1).contiguous()
        z = torch.nn.functional.conv2d(*first, b, stride=stride, padding=padding)
        return z.permute(0, 2, 3, 1)

    return conv2d


@st.composite
def geometries(draw, largest=5, most=3):
    """Shapes of x and K, stride and padding; kernels up to the whole image with its border."""
    H, W = draw(pairs(1, largest))
    p, q = draw(pairs(0, 2))
    P, Q = draw(st.integers(1, H + 2 * p)), draw(st.integers(1, W + 2 * q))
    N, C, F = (draw(st.integers(1, most)) for _ in range(3))
    return (N, H, W, C), (P, Q, C, F), draw(pairs(1, 4)), (p, q)


def normal(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


@given(geometry=geometries(largest=4, most=2), dtype=dtypes, layout=layouts, seed=seeds)
def test_conv2d(space, geometry, dtype, layout, seed):
    x, K, stride, padding = geometry
    agree(
        space,
        nn.conv2d,
        normal(seed, x, K, K[3:]),
        conv2d_literal(stride, padding),
        conv2d_torch(stride, padding),
        keywords={"stride": stride, "padding": padding},
        dtype=dtype,
        layout=layout,
    )


@settings(max_examples=300)
@given(geometry=geometries(largest=13, most=6), block=st.sampled_from([1, 60, 10**6]), seed=seeds)
def test_conv2d_equals_pytorch(geometry, block, seed):
    """Odd sizes, strides longer than the kernel, 1 × 1, kernels as large as the image."""
    x, K, stride, padding = geometry
    arrays = normal(seed, x, K, K[3:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "BLOCK", block)
        z, backward = nn.vjp(nn.conv2d, *arrays, stride=stride, padding=padding)
        (dz,) = normal(seed + 1, z.shape)
        gradients = backward(dz)
    expected, by_torch = torch_gradients(conv2d_torch(stride, padding), arrays, dz)
    close(z, expected, 1e-11, "z")
    for name, ours, theirs in zip("xKb", gradients, by_torch, strict=True):
        close(ours, theirs, 1e-11, f"d{name}")


@pytest.mark.parametrize("N", [0, 1, 7, 33, 70])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_blocks_fit_together(space, monkeypatch, N, stride):
    """Five images a block: the last one is not full, or there is one, or none."""
    x, K, b = normal(N, (N, 6, 5, 2), (3, 2, 2, 4), (4,))
    monkeypatch.setattr(parallel, "BLOCK", 5 * 6 * 6 * 12)
    z, backward = nn.vjp(nn.conv2d, *map(space.array, (x, K, b)), stride=stride, padding=1)
    (dz,) = normal(N + 1, z.shape)
    gradients = backward(space.array(dz))
    pieces = [nn.vjp(nn.conv2d, x[i : i + 1], K, b, stride=stride, padding=1) for i in range(N)]
    close(nn.to_numpy(z), np.reshape([v for v, _ in pieces], z.shape), 1e-12, "z")
    parts = [back(dz[i : i + 1]) for i, (_, back) in enumerate(pieces)]
    close(nn.to_numpy(gradients[0]), np.reshape([p[0] for p in parts], x.shape), 1e-12, "dx")
    for i, like in ((1, K), (2, b)):
        expected = sum((p[i] for p in parts), np.zeros(like.shape))
        close(nn.to_numpy(gradients[i]), expected, 1e-11, "dK, db")


def test_without_a_bias(space, rng):
    x, K = normal(0, (2, 4, 4, 1), (2, 2, 1, 3))
    z, backward = nn.vjp(nn.conv2d, space.array(x), space.array(K))
    close(nn.to_numpy(z), nn.conv2d(x, K, np.zeros(3)), 1e-14, "z")
    assert len(backward(z)) == 2  # of x and of K


def test_two_passes_do_not_touch_each_other():
    """Nothing that a pass gave is used again by the next, not even from another thread."""
    shapes = (40, 9, 9, 3), (3, 3, 3, 8)

    def run(seed):
        x, K = normal(seed, *shapes)
        z, backward = nn.vjp(nn.conv2d, x, K, padding=1)
        return z, *backward(np.cos(z))

    expected = [run(seed) for seed in range(4)]
    found = [None] * 4

    def store(seed):
        found[seed] = run(seed)

    threads = [threading.Thread(target=store, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ours, theirs in zip(found, expected, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            close(a, b, 1e-12, "from another thread")
    x, K = normal(9, *shapes)
    (z1, back1), (z2, back2) = (nn.vjp(nn.conv2d, a, K, padding=1) for a in (x, 2 * x))
    first, second = back1(z1), back2(z2)  # two forward passes, then two backward passes
    close(second[0], 2 * first[0], 1e-12, "dx")
    close(second[1], 4 * first[1], 1e-12, "dK")
    assert not any(np.shares_memory(a, b) for a in (z1, *first) for b in (z2, *second))


def test_single_precision_stays(rng):
    x, K, b = (a.astype("float32") for a in normal(0, (2, 5, 5, 1), (3, 3, 1, 2), (2,)))
    z, backward = nn.vjp(nn.conv2d, x, K, b)
    assert {a.dtype for a in (z, *backward(z))} == {np.dtype("float32")}
    assert nn.conv2d(x, K.astype("float64")).dtype == np.float64


@pytest.mark.parametrize(
    ("shapes", "keywords", "message"),
    [
        (
            [(2, 5, 5), (3, 3, 1, 1)],
            {},
            r"conv2d: x has shape \(2, 5, 5\), expected \(N, H, W, C\)",
        ),
        ([(2, 5, 5, 2), (3, 3, 1, 1)], {}, r"conv2d: K has shape .* C = 2"),
        ([(2, 5, 5, 1), (3, 3, 1, 4), (3,)], {}, r"conv2d: b has shape \(3,\), .*F = 4"),
        ([(2, 5, 5, 1), (6, 3, 1, 1)], {}, r"conv2d: the window is 6 × 3, the image .*5 × 5"),
        (
            [(2, 5, 5, 1), (3, 3, 1, 1)],
            {"stride": 0},
            r"conv2d: stride is 0, expected .*at least 1",
        ),
        ([(2, 5, 5, 1), (3, 3, 1, 1)], {"stride": (1, 2, 3)}, r"conv2d: stride is \(1, 2, 3\)"),
        ([(2, 5, 5, 1), (3, 3, 1, 1)], {"padding": -1}, r"conv2d: padding is -1, .*at least 0"),
        ([(2, 5, 5, 1), (3, 3, 1, 1)], {"padding": 0.5}, r"conv2d: padding is 0.5"),
    ],
)
def test_what_does_not_fit_is_refused(shapes, keywords, message):
    with pytest.raises(ValueError, match=message):
        nn.conv2d(*(np.ones(s) for s in shapes), **keywords)


# --- im2col -------------------------------------------------------------------------------------


@given(geometry=geometries(), dtype=dtypes, layout=layouts, seed=seeds)
def test_im2col_and_its_transpose(space, geometry, dtype, layout, seed):
    shape, (P, Q, C, _), stride, padding = geometry
    x = normal(seed, shape)[0].astype(dtype)
    rows, backward = nn.vjp(
        nn.im2col, place(space, x, layout), (P, Q), stride=stride, padding=padding
    )
    padded = np.pad(x, [(0, 0), *((p, p) for p in padding), (0, 0)])
    expected = np.empty((*rows.shape[:3], P, Q, C))
    for e, i, j, m, n, c in np.ndindex(*expected.shape):
        expected[e, i, j, m, n, c] = padded[e, i * stride[0] + m, j * stride[1] + n, c]
    np.testing.assert_array_equal(nn.to_numpy(rows), expected.reshape(rows.shape))
    (u,) = normal(seed + 1, rows.shape)
    dx = backward(place(space, u.astype(dtype), layout))
    assert space.holds(rows)
    assert space.holds(dx)
    v = np.random.default_rng(seed + 2).normal(size=shape)
    image = nn.im2col(v, (P, Q), stride, padding)
    inner = np.sum(v * nn.to_numpy(dx))
    assert math.isclose(np.sum(image * u), inner, rel_tol=1e-4, abs_tol=1e-3)
    if dtype == "float64":
        assert math.isclose(np.sum(image * u), inner, rel_tol=1e-9, abs_tol=1e-10)


def test_im2col_takes_each_place_and_no_border_unless_said(space):
    x = space.array(np.arange(24.0).reshape(1, 4, 6, 1))
    alone, said = nn.im2col(x, 2), nn.im2col(x, 2, stride=1, padding=0)
    np.testing.assert_array_equal(nn.to_numpy(alone), nn.to_numpy(said))


@given(geometry=geometries(), seed=seeds)
def test_sliding_windows_are_the_same_on_every_namespace(space, geometry, seed):
    shape, (P, Q, *_), stride, _ = geometry
    x = np.pad(normal(seed, shape)[0], [(0, 0), (2, 2), (2, 2), (0, 0)])
    found = sliding_windows(space.array(x), (P, Q), stride)
    view = np.lib.stride_tricks.sliding_window_view(x, (P, Q), axis=(1, 2))
    expected = np.moveaxis(view[:, :: stride[0], :: stride[1]], 3, -1)
    np.testing.assert_array_equal(nn.to_numpy(found), expected)


def test_column_sums(space, rng):
    rows = rng.normal(size=(5, 3))
    close(nn.to_numpy(column_sums(space.array(rows))), rows.sum(axis=0), 1e-14, "sums")
    assert column_sums(space.array(np.ones((0, 3)))).shape == (3,)


@given(size=st.integers(1, 40), kernel=st.integers(1, 9), s=st.integers(1, 6), p=st.integers(0, 4))
def test_output_size_counts_the_windows(size, kernel, s, p):
    starts = [i for i in range(0, size + 2 * p, s) if i + kernel <= size + 2 * p]
    if starts:
        assert nn.output_size(size, kernel, s, p) == len(starts)
    if kernel <= size:
        assert nn.output_size(size, kernel) == size - kernel + 1  # each place, and no border


# --- the source's convolution ---------------------------------------------------------------------


def convolve2d_literal(mode):
    def convolve2d(image, K):
        (H, W), (P, Q) = image.shape, K.shape
        S = np.zeros((H + P - 1, W + Q - 1))
        for i, j in np.ndindex(*S.shape):
            for m, n in np.ndindex(H, W):
                if 0 <= i - m < P and 0 <= j - n < Q:
                    S[i, j] += image[m, n] * K[i - m, j - n]
        if mode == "full":
            return S
        if mode == "same":
            return S[(P - 1) // 2 :, (Q - 1) // 2 :][:H, :W]
        (rows, P), (columns, Q) = (
            sorted(p, reverse=True) for p in zip((H, W), (P, Q), strict=True)
        )
        return S[P - 1 : rows, Q - 1 : columns]

    return convolve2d


def convolve2d_torch(mode):
    def convolve2d(image, K):
        (H, W), (P, Q) = image.shape, K.shape
        turned = torch.flip(K, (0, 1))[None, None]
        S = torch.nn.functional.conv2d(image[None, None], turned, padding=(P - 1, Q - 1))[0, 0]
        if mode == "full":
            return S
        if mode == "same":
            return S[(P - 1) // 2 :, (Q - 1) // 2 :][:H, :W]
        return S[min(H, P) - 1 : max(H, P), min(W, Q) - 1 : max(W, Q)]

    return convolve2d


images = st.tuples(pairs(1, 4), pairs(1, 4))


@pytest.mark.parametrize("mode", MODES)
@given(shapes=images, dtype=dtypes, layout=layouts, seed=seeds)
def test_convolve2d(space, mode, shapes, dtype, layout, seed):
    image, kernel = shapes
    holds = [all(a >= b for a, b in zip(*pair, strict=True)) for pair in (shapes, shapes[::-1])]
    if mode == "valid" and not any(holds):
        with pytest.raises(ValueError, match="one that holds the other in mode 'valid'"):
            nn.convolve2d(np.ones(image), np.ones(kernel), mode)
        with pytest.raises(ValueError, match="valid"):
            signal.convolve2d(np.ones(image), np.ones(kernel), mode)
        return
    agree(
        space,
        nn.convolve2d,
        normal(seed, image, kernel),
        convolve2d_literal(mode),
        convolve2d_torch(mode),
        keywords={"mode": mode},
        dtype=dtype,
        layout=layout,
    )


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=100)
@given(shapes=st.tuples(pairs(8, 20), pairs(1, 8)), turned=st.booleans(), seed=seeds)
def test_convolve2d_equals_scipy(mode, shapes, turned, seed):
    arrays = normal(seed, *(shapes[::-1] if turned else shapes))
    close(nn.convolve2d(*arrays, mode), signal.convolve2d(*arrays, mode), 1e-12, mode)


def test_convolve2d_refuses():
    with pytest.raises(ValueError, match="mode is 'half', expected 'full', 'same' or 'valid'"):
        nn.convolve2d(np.ones((3, 3)), np.ones((2, 2)), "half")
    with pytest.raises(ValueError, match=r"expected no empty array"):
        nn.convolve2d(np.ones((3, 0)), np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"convolve2d: K has shape \(2,\)"):
        nn.convolve2d(np.ones((3, 3)), np.ones(2))


def test_convolution_commutes():
    image, K = normal(0, (6, 7), (3, 2))
    close(nn.convolve2d(image, K), nn.convolve2d(K, image), 1e-13, "I * K = K * I")
    assert NUMPY.holds(nn.convolve2d(image, K))
