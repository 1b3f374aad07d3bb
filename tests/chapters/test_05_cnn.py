"""The proofs of chapter 5: sums, package and another library agree, and so do the derivatives."""

import ast
import itertools
import json
import math

import numpy as np
import pytest
import scipy.signal
import torch
from notebooks import code_cells, without_docstrings
from paths import ROOT
from witnesses import difference_gradient, torch_gradients

import nnlearn as nn

# Kernel, stride and padding: a remainder, a stride beyond the kernel, 1 × 1, the whole image.
GEOMETRIES = [
    ((3, 3), 1, 0),
    ((3, 3), 1, 1),
    ((3, 2), 2, 0),
    ((2, 3), 2, 1),
    ((2, 2), 3, 0),
    ((1, 1), 1, 0),
    ((1, 1), 2, 0),
    ((5, 4), 3, 2),
    ((8, 7), 1, 0),
]
IMAGE = (8, 7)
CHANNELS, KERNELS = 3, 4


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture(params=GEOMETRIES, ids=lambda g: f"{g[0][0]}x{g[0][1]}-s{g[1]}-p{g[2]}")
def case(request, rng):
    """Images, kernels, biases, an arriving gradient, the stride and the padding."""
    size, s, p = request.param
    x = rng.normal(size=(2, *IMAGE, CHANNELS))
    K, b = rng.normal(size=(*size, CHANNELS, KERNELS)), rng.normal(size=KERNELS)
    counts = [(n + 2 * p - k) // s + 1 for n, k in zip(IMAGE, size, strict=True)]
    return x, K, b, rng.normal(size=(2, *counts, KERNELS)), s, p


def on_canvas(a):
    """A function of whole numbers that is zero outside an array."""

    def value(*index):
        inside = all(0 <= i < size for i, size in zip(index, a.shape, strict=True))
        return a[index] if inside else 0.0

    return value


def plane(a):
    """One image of one channel, as `nn.conv2d` takes it."""
    return np.asarray(a, dtype=float)[None, :, :, None]


def kernel(a):
    return np.asarray(a, dtype=float)[:, :, None, None]


# --- why a dense layer wastes images, and what one demand makes of it --------------------------


@pytest.mark.equation("eq-shuffled-dense")
def test_shuffled_dense(rng):
    x, W, b, dz = (rng.normal(size=shape) for shape in [(4, 9), (3, 9), (3,), (4, 3)])
    order = rng.permutation(9)
    Pi = np.eye(9)[order]
    np.testing.assert_array_equal(x @ Pi.T, x[:, order])
    literal = [[b[k] + sum(W[k, q] * row[q] for q in range(9)) for k in range(3)] for row in x]
    np.testing.assert_allclose(nn.dense(x @ Pi.T, W @ Pi.T, b), literal, rtol=1e-12)
    linear = torch.nn.functional.linear
    theirs = linear(*(torch.tensor(a) for a in (x[:, order], W[:, order], b)))
    np.testing.assert_allclose(theirs, literal, rtol=1e-12)
    dW = nn.vjp(nn.dense, x, W, b, wrt=1)[1](dz)
    shuffled = nn.vjp(nn.dense, x[:, order], W[:, order], b, wrt=1)[1](dz)
    np.testing.assert_allclose(shuffled, dW[:, order], rtol=1e-12)


@pytest.mark.equation("eq-shuffled-dense")
def test_training_on_shuffled_pixels_is_the_same_training(rng):
    x, t, order = rng.normal(size=(20, 9)), rng.integers(0, 3, size=20), rng.permutation(9)
    model = nn.Sequential(nn.Dense(9, 6), nn.ReLU(), nn.Dense(6, 3))
    plain, mixed = (model.init(seed=0, dtype="float64") for _ in range(2))
    mixed["0.W"] = mixed["0.W"][:, order]
    for params, inputs in ((plain, x), (mixed, x[:, order])):
        loss, optimizer = nn.softmax_cross_entropy, nn.Adam(0.01)
        nn.fit(model, params, loss, (inputs, t), optimizer, 20, batch_size=7, progress=False)
    np.testing.assert_allclose(mixed["0.W"], plain["0.W"][:, order], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(model(mixed, x[:, order]), model(plain, x), rtol=1e-8, atol=1e-9)


@pytest.mark.equation("eq-shift-weights")
def test_shift_weights(rng):
    """Every weight of an equivariant map is an entry of its answer to one bright pixel."""
    K = rng.normal(size=(3, 2))
    value = on_canvas(K)

    def weights(f, side):
        """The matrix of a linear map, one bright pixel after the other."""
        W = {}
        for m, n in np.ndindex(side, side):
            pixel = np.zeros((side, side))
            pixel[m, n] = 1
            for index, z in np.ndenumerate(f(pixel)):
                W[(*index, m, n)] = z
        return W

    for f in (nn.convolve2d, scipy.signal.convolve2d):
        for (i, j, m, n), weight in weights(lambda image, f=f: f(image, K), 4).items():
            assert weight == pytest.approx(value(i - m, j - n), abs=1e-14)


@pytest.mark.theorem("eq-shift-weights")
def test_a_map_that_nobody_built_from_a_kernel_has_one_all_the_same(rng):
    """On a ring there is no border: filter in the frequencies, and look at the weights."""
    side = 5
    gains = np.fft.fft2(rng.normal(size=(side, side))) ** 2

    def f(image):
        return np.fft.ifft2(np.fft.fft2(image) * gains).real

    image = rng.normal(size=(side, side))
    np.testing.assert_allclose(f(np.roll(image, 2, 1)), np.roll(f(image), 2, 1), rtol=1e-9)
    bright = np.zeros((side, side))
    bright[0, 0] = 1
    K = f(bright)
    for m, n in np.ndindex(side, side):
        z = f(np.roll(bright, (m, n), axis=(0, 1)))
        for i, j in np.ndindex(side, side):
            assert z[i, j] == pytest.approx(K[(i - m) % side, (j - n) % side], abs=1e-9)


# --- the source's equation ---------------------------------------------------------------------


def convolution_literal(image, K):
    """All (i, j) for which some term is not zero by being outside."""
    at = on_canvas(K)
    (H, W), (P, Q) = image.shape, K.shape
    return np.array(
        [
            [
                sum(image[m, n] * at(i - m, j - n) for m in range(H) for n in range(W))
                for j in range(W + Q - 1)
            ]
            for i in range(H + P - 1)
        ]
    )


SHAPES = [((3, 3), (2, 2)), ((6, 5), (3, 2)), ((4, 7), (1, 1)), ((5, 5), (5, 5)), ((1, 6), (1, 3))]


@pytest.mark.equation("eq-convolution")
@pytest.mark.parametrize(("image", "size"), SHAPES)
def test_convolution(image, size, rng):
    image, K = rng.normal(size=image), rng.normal(size=size)
    literal = convolution_literal(image, K)
    np.testing.assert_allclose(nn.convolve2d(image, K), literal, rtol=1e-12, atol=1e-13)
    for mode in ("full", "same", "valid"):
        ours, theirs = nn.convolve2d(image, K, mode=mode), scipy.signal.convolve2d(image, K, mode)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
        nn.check_gradients(nn.convolve2d, image, K, mode=mode)


@pytest.mark.equation("eq-convolution")
def test_convolution_on_paper():
    S = nn.convolve2d(np.array([[1.0, 2, 0], [0, 1, 3], [2, 0, 1]]), np.array([[1.0, 2], [3, 4]]))
    np.testing.assert_array_equal(S, [[1, 4, 4, 0], [3, 11, 13, 6], [2, 7, 14, 14], [6, 8, 3, 4]])


@pytest.mark.equation("eq-convolution-commutes")
@pytest.mark.parametrize(("image", "size"), SHAPES)
def test_convolution_commutes(image, size, rng):
    image, K = rng.normal(size=image), rng.normal(size=size)
    literal = convolution_literal(K, image)
    np.testing.assert_allclose(nn.convolve2d(image, K), literal, rtol=1e-12, atol=1e-13)
    theirs = scipy.signal.convolve2d(K, image)
    np.testing.assert_allclose(nn.convolve2d(K, image), theirs, rtol=1e-12, atol=1e-13)
    full = scipy.signal.correlate2d
    if image.shape != K.shape and size != (1, 1):  # correlation does not commute
        assert np.abs(full(image, K) - full(K, image)).max() > 0.01


# --- the flip ----------------------------------------------------------------------------------


def correlation_literal(image, K):
    (H, W), (P, Q) = image.shape, K.shape
    z = np.zeros((H - P + 1, W - Q + 1))
    for i, j in np.ndindex(*z.shape):
        for m, n in np.ndindex(P, Q):
            z[i, j] += image[i + m, j + n] * K[m, n]
    return z


@pytest.mark.equation("eq-cross-correlation")
@pytest.mark.parametrize(("image", "size"), SHAPES)
def test_cross_correlation(image, size, rng):
    image, K = rng.normal(size=image), rng.normal(size=size)
    literal = correlation_literal(image, K)
    ours = nn.conv2d(plane(image), kernel(K))[0, :, :, 0]
    np.testing.assert_allclose(ours, literal, rtol=1e-12, atol=1e-13)
    theirs = scipy.signal.correlate2d(image, K, "valid")
    np.testing.assert_allclose(theirs, literal, rtol=1e-12, atol=1e-13)


@pytest.mark.equation("eq-flip")
@pytest.mark.parametrize(("image", "size"), SHAPES)
def test_flip(image, size, rng):
    image, K = rng.normal(size=image), rng.normal(size=size)
    (P, Q), turned = size, np.empty(size)
    for m, n in np.ndindex(P, Q):
        turned[m, n] = K[P - 1 - m, Q - 1 - n]
    correlated = nn.conv2d(plane(image), kernel(turned))[0, :, :, 0]
    convolved = nn.convolve2d(image, K, mode="valid")
    np.testing.assert_allclose(convolved, correlated, rtol=1e-12, atol=1e-13)
    literal = convolution_literal(image, K)[P - 1 : image.shape[0], Q - 1 : image.shape[1]]
    np.testing.assert_allclose(correlated, literal, rtol=1e-12, atol=1e-13)
    theirs = scipy.signal.correlate2d(image, turned, "valid")
    np.testing.assert_allclose(convolved, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.equation("eq-flip-gradient")
def test_flip_gradient(rng):
    image, K, target = (rng.normal(size=shape) for shape in [(6, 5), (3, 2), (4, 4)])

    def gradient(operation, image, K, target, **settings):
        z, backward = nn.vjp(operation, image, K, wrt=1, **settings)
        return backward(
            nn.vjp(nn.mean_squared_error, nn.tanh(z), target, wrt=0)[1]() * tanh_slope(z)
        )

    def tanh_slope(z):
        return 1 - np.tanh(z) ** 2

    at_K = gradient(nn.convolve2d, image, K, target, mode="valid")
    turned = gradient(nn.conv2d, plane(image), kernel(np.flip(K)), plane(target))[:, :, 0, 0]
    np.testing.assert_allclose(at_K, np.flip(turned), rtol=1e-11, atol=1e-13)

    def boris(K):
        return np.mean((np.tanh(convolution_literal(image, K)[2:6, 1:5]) - target) ** 2)

    measured = difference_gradient(boris, [K], 0, 1.0)
    np.testing.assert_allclose(at_K, measured, rtol=1e-7, atol=1e-9)


@pytest.mark.equation("eq-flip-learning")
@pytest.mark.parametrize("optimizer", [nn.SGD(0.1), nn.SGD(0.1, momentum=0.9), nn.Adam(0.02)])
def test_flip_learning(optimizer, rng):
    """Two networks of two layers: one correlates, one convolves, from turned kernels."""
    import copy

    image, K1, K2, target = (rng.normal(size=s) for s in [(9, 8), (3, 3), (2, 3), (6, 4)])

    def train(turn, operation, settings, wrap, unwrap):
        params = nn.Parameters(np.zeros(15), {"K1": (3, 3), "K2": (2, 3)})
        params["K1"], params["K2"] = (np.flip(K) if turn else K for K in (K1, K2))
        steps, stepper = [], copy.deepcopy(optimizer)
        for _ in range(25):
            h, back_1 = nn.vjp(operation, wrap[0](image), wrap[1](params["K1"]), **settings)
            a, back_a = nn.vjp(nn.tanh, h)
            z, back_2 = nn.vjp(operation, a, wrap[1](params["K2"]), **settings)
            dz = nn.vjp(nn.mean_squared_error, z, wrap[0](target), wrt=0)[1]()
            grads = params.empty_like()
            da, dK2 = back_2(dz)
            grads["K1"], grads["K2"] = unwrap(back_1(back_a(da))[1]), unwrap(dK2)
            stepper.step(params, grads)
            steps.append((params["K1"].copy(), params["K2"].copy(), np.array(z)))
        return steps

    anna = train(False, nn.conv2d, {}, (plane, kernel), lambda g: g[:, :, 0, 0])
    boris = train(True, nn.convolve2d, {"mode": "valid"}, (np.array, np.array), np.array)
    for (A1, A2, z_a), (B1, B2, z_b) in zip(anna, boris, strict=True):
        np.testing.assert_allclose(B1, np.flip(A1), rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(B2, np.flip(A2), rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(z_b, z_a[0, :, :, 0], rtol=1e-9, atol=1e-11)
    assert np.abs(anna[-1][0] - K1).max() > 0.01  # they have learned something


@pytest.mark.equation("eq-kernel-noise")
def test_kernel_noise(rng):
    K, tau, side = rng.normal(size=(3, 4)), 0.7, 6
    predicted = tau**2 * sum(K[m, n] ** 2 for m in range(3) for n in range(4))
    # exactly: the covariance of the pixels through the layer, as a matrix
    rows = [nn.conv2d(plane(e.reshape(side, side)), kernel(K)).ravel() for e in np.eye(side**2)]
    A = np.array(rows).T
    np.testing.assert_allclose(np.diag(A @ (tau**2 * np.eye(side**2)) @ A.T), predicted, rtol=1e-12)
    noise = tau * rng.normal(size=(500, 500))  # 247,000 outputs: less than 1 % from chance
    assert nn.conv2d(plane(noise), kernel(K)).var() == pytest.approx(predicted, rel=0.02)
    assert scipy.signal.correlate2d(noise, K, "valid").var() == pytest.approx(predicted, rel=0.02)


# --- the layer ---------------------------------------------------------------------------------


@pytest.mark.equation("eq-output-size")
def test_output_size():
    checked = 0
    for H, P, s, p in itertools.product(range(1, 11), range(1, 6), range(1, 5), range(3)):
        if H + 2 * p < P:
            continue
        fits = [first for first in range(-p, H + p, s) if first + P - 1 <= H - 1 + p]
        assert nn.output_size(H, P, s, p) == len(fits)
        x, K = np.zeros((1, H, H, 1)), np.zeros((P, P, 1, 1))
        assert nn.conv2d(x, K, stride=s, padding=p).shape == (1, len(fits), len(fits), 1)
        theirs = torch.nn.functional.conv2d(
            torch.zeros(1, 1, H, H), torch.zeros(1, 1, P, P), stride=s, padding=p
        )
        assert theirs.shape[2] == len(fits)
        checked += 1
    assert checked > 400


def conv2d_literal(x, K, b, s, p):
    (N, H, W, C), (P, Q, _, F) = x.shape, K.shape
    value = on_canvas(x)
    z = np.zeros((N, (H + 2 * p - P) // s + 1, (W + 2 * p - Q) // s + 1, F))
    for e, i, j, f in np.ndindex(*z.shape):
        z[e, i, j, f] = b[f] + sum(
            value(e, i * s + m - p, j * s + n - p, c) * K[m, n, c, f]
            for m, n, c in np.ndindex(P, Q, C)
        )
    return z


def by_torch(s, p):
    """PyTorch's layer, with the axes of ours."""

    def f(x, K, b):
        z = torch.nn.functional.conv2d(
            x.permute(0, 3, 1, 2), K.permute(3, 2, 0, 1), b, stride=s, padding=p
        )
        return z.permute(0, 2, 3, 1)

    return f


@pytest.mark.equation("eq-conv2d")
def test_conv2d(case):
    x, K, b, _, s, p = case
    literal = conv2d_literal(x, K, b, s, p)
    ours = nn.conv2d(x, K, b, stride=s, padding=p)
    np.testing.assert_allclose(ours, literal, rtol=1e-11, atol=1e-12)
    theirs = by_torch(s, p)(*(torch.tensor(a) for a in (x, K, b)))
    np.testing.assert_allclose(theirs, literal, rtol=1e-11, atol=1e-12)


@pytest.mark.equation("eq-conv-parameters")
@pytest.mark.parametrize(("P", "Q", "C", "F"), [(3, 3, 1, 8), (5, 5, 16, 32), (1, 4, 3, 2)])
def test_conv_parameters(P, Q, C, F):
    layer = nn.Conv2D(C, F, size=(P, Q))
    theirs = torch.nn.Conv2d(C, F, (P, Q))
    assert layer.init().vector.size == F * (P * Q * C + 1)
    assert sum(t.numel() for t in theirs.parameters()) == F * (P * Q * C + 1)


class Counted(float):
    """A number that counts its multiplications."""

    count = 0

    def __mul__(self, other):
        Counted.count += 1
        return float(self) * other


@pytest.mark.equation("eq-conv-cost")
@pytest.mark.parametrize(("s", "p"), [(1, 0), (2, 0), (1, 1)])
def test_conv_cost(s, p, rng):
    N, H, P, C, F = 2, 6, 3, 2, 3
    x, K = rng.normal(size=(N, H, H, C)), rng.normal(size=(P, P, C, F))
    rows, columns = nn.conv2d(x, K, stride=s, padding=p).shape[1:3]
    padded = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    counted = np.array([Counted(v) for v in padded.ravel()], dtype=object).reshape(padded.shape)
    Counted.count = 0
    for e, i, j, f in np.ndindex(N, rows, columns, F):
        sum(counted[e, i * s + m, j * s + n, c] * K[m, n, c, f] for m, n, c in np.ndindex(P, P, C))
    assert Counted.count == N * rows * columns * F * P * P * C
    assert nn.im2col(x, size=P, stride=s, padding=p).size * F == Counted.count


# --- the backward pass -------------------------------------------------------------------------


@pytest.fixture
def one_channel(rng):
    return [rng.normal(size=shape) for shape in [(6, 5), (3, 2), (4, 4)]]


@pytest.mark.equation("eq-correlation-dk")
def test_correlation_dk(one_channel):
    image, K, dz = one_channel
    _, backward = nn.vjp(nn.conv2d, plane(image), kernel(K), wrt=1)
    dK = backward(plane(dz))[:, :, 0, 0]
    literal = np.zeros(K.shape)
    for (m, n), (i, j) in itertools.product(np.ndindex(3, 2), np.ndindex(4, 4)):
        literal[m, n] += dz[i, j] * image[i + m, j + n]
    np.testing.assert_allclose(dK, literal, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(dK, scipy.signal.correlate2d(image, dz, "valid"), rtol=1e-11)
    measured = difference_gradient(correlation_literal, [image, K], 1, dz)
    np.testing.assert_allclose(dK, measured, rtol=1e-7, atol=1e-8)


@pytest.mark.equation("eq-correlation-dx")
def test_correlation_dx(one_channel):
    image, K, dz = one_channel
    _, backward = nn.vjp(nn.conv2d, plane(image), kernel(K), wrt=0)
    dx, at = backward(plane(dz))[0, :, :, 0], on_canvas(K)
    literal = np.zeros(image.shape)
    for (r, t), (i, j) in itertools.product(np.ndindex(6, 5), np.ndindex(4, 4)):
        literal[r, t] += dz[i, j] * at(r - i, t - j)
    np.testing.assert_allclose(dx, literal, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(dx, nn.convolve2d(dz, K, mode="full"), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(dx, scipy.signal.convolve2d(dz, K), rtol=1e-11, atol=1e-12)
    measured = difference_gradient(correlation_literal, [image, K], 0, dz)
    np.testing.assert_allclose(dx, measured, rtol=1e-7, atol=1e-8)


@pytest.mark.equation("eq-correlation-dk", "eq-correlation-dx")
def test_the_backward_pass_on_paper():
    image, K = plane([[1, 2, 0], [0, 1, 3], [2, 0, 1]]), kernel([[1, 2], [3, 4]])
    dx, dK = nn.vjp(nn.conv2d, image, K)[1](plane([[1, 0], [0, 10]]))
    np.testing.assert_array_equal(dK[:, :, 0, 0], [[11, 32], [0, 11]])
    np.testing.assert_array_equal(dx[0, :, :, 0], [[1, 2, 0], [3, 14, 20], [0, 30, 40]])


def three_ways(case, position, literal):
    """One gradient of `nn.conv2d`, against its sum, PyTorch and finite differences."""
    x, K, b, dz, s, p = case
    ours = nn.vjp(nn.conv2d, x, K, b, wrt=position, stride=s, padding=p)[1](dz)
    np.testing.assert_allclose(ours, literal, rtol=1e-10, atol=1e-11)
    theirs = torch_gradients(by_torch(s, p), [x, K, b], dz)[1][position]
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-11)
    nn.check_gradients(nn.conv2d, x, K, b, wrt=position, stride=s, padding=p)


@pytest.mark.equation("eq-conv2d-dk")
def test_conv2d_dk(case):
    x, K, _, dz, s, p = case
    value, literal = on_canvas(x), np.zeros(K.shape)
    for m, n, c, f in np.ndindex(*K.shape):
        literal[m, n, c, f] = sum(
            dz[e, i, j, f] * value(e, i * s + m - p, j * s + n - p, c)
            for e, i, j in np.ndindex(*dz.shape[:3])
        )
    three_ways(case, 1, literal)


@pytest.mark.equation("eq-conv2d-dx")
def test_conv2d_dx(case):
    x, K, _, dz, s, p = case
    literal = np.zeros(x.shape)
    for r, t in np.ndindex(*IMAGE):
        for (i, m), (j, n) in itertools.product(
            np.ndindex(dz.shape[1], K.shape[0]), np.ndindex(dz.shape[2], K.shape[1])
        ):
            if i * s + m - p == r and j * s + n - p == t:
                literal[:, r, t] += dz[:, i, j] @ K[m, n].T  # the sum over f
    three_ways(case, 0, literal)


@pytest.mark.equation("eq-conv2d-db")
def test_conv2d_db(case):
    dz = case[3]
    literal = [sum(dz[e, i, j, f] for e, i, j in np.ndindex(*dz.shape[:3])) for f in range(KERNELS)]
    three_ways(case, 2, literal)


@pytest.mark.equation("eq-conv2d-dx-dilated")
def test_conv2d_dx_dilated(case):
    x, K, b, dz, s, p = case
    rows, columns = dz.shape[1:3]
    spread = np.zeros((2, (rows - 1) * s + 1, (columns - 1) * s + 1, KERNELS))
    spread[:, ::s, ::s] = dz
    expected = np.zeros(x.shape)
    for e, c, f in np.ndindex(2, CHANNELS, KERNELS):
        full = scipy.signal.convolve2d(spread[e, :, :, f], K[:, :, c, f])
        part = full[p : p + IMAGE[0], p : p + IMAGE[1]]
        expected[e, : part.shape[0], : part.shape[1], c] += part
    ours = nn.vjp(nn.conv2d, x, K, b, wrt=0, stride=s, padding=p)[1](dz)
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-11)
    rest = [(n + 2 * p - k) % s for n, k in zip(IMAGE, K.shape, strict=False)]
    theirs = torch.nn.functional.conv_transpose2d(
        torch.tensor(dz).permute(0, 3, 1, 2),
        torch.tensor(K).permute(3, 2, 0, 1),
        stride=s,
        padding=p,
        output_padding=rest,
        dilation=max(s, 1) if max(rest) >= s else 1,
    )
    np.testing.assert_allclose(ours, theirs.permute(0, 2, 3, 1), rtol=1e-10, atol=1e-11)


@pytest.mark.equation("eq-conv2d-dx")
def test_a_remainder_gets_no_gradient(rng):
    x, K = rng.normal(size=(1, 10, 9, 2)), rng.normal(size=(3, 3, 2, 4))
    z, backward = nn.vjp(nn.conv2d, x, K, stride=4)
    dx = backward(rng.normal(size=z.shape))[0]
    assert np.all(dx[:, 7:] == 0)  # windows begin in rows 0 and 4
    assert np.all(dx[:, 3] == 0)  # and between them one is left out
    assert np.all(dx[:, [0, 1, 2, 4, 5, 6]][:, :, [0, 1, 2, 4, 5, 6]] != 0)


@pytest.mark.equation("eq-conv2d-dk", "eq-conv2d-dx", "eq-conv2d-db")
def test_conv2d_inside_a_network(rng):
    """Something before and after, a remainder, and K and b used twice: their gradients add."""
    x, K, b = rng.normal(size=(2, 9, 8, 3)), rng.normal(size=(3, 2, 3, 3)), rng.normal(size=3)
    a, backward_tanh = nn.vjp(nn.tanh, x)
    h, backward_1 = nn.vjp(nn.conv2d, a, K, b, padding=1)
    g, backward_sigmoid = nn.vjp(nn.sigmoid, h)
    z, backward_2 = nn.vjp(nn.conv2d, g, K, b, stride=2)
    y, backward_pool = nn.vjp(nn.max_pool2d, z, size=2)
    dy = rng.normal(size=y.shape)
    dg, dK_2, db_2 = backward_2(backward_pool(dy))
    da, dK_1, db_1 = backward_1(backward_sigmoid(dg))

    def theirs(x, K, b):
        z = by_torch(2, 0)(torch.sigmoid(by_torch(1, 1)(torch.tanh(x), K, b)), K, b)
        return torch.nn.functional.max_pool2d(z.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)

    value, gradients = torch_gradients(theirs, [x, K, b], dy)
    ours = [backward_tanh(da), dK_1 + dK_2, db_1 + db_2]
    np.testing.assert_allclose(y, value, rtol=1e-11)
    for one, other in zip(ours, gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


# --- im2col ------------------------------------------------------------------------------------


@pytest.mark.equation("eq-im2col")
def test_im2col(case):
    x, K, b, dz, s, p = case
    value, size = on_canvas(x), K.shape[:2]
    rows = nn.im2col(x, size=size, stride=s, padding=p)
    places = list(np.ndindex(*K.shape[:3]))
    for e, i, j in np.ndindex(*dz.shape[:3]):
        literal = [value(e, i * s + m - p, j * s + n - p, c) for m, n, c in places]
        np.testing.assert_array_equal(rows[e, i, j], literal)
    Z = rows.reshape(-1, len(places)) @ K.reshape(-1, KERNELS) + np.ones((dz[..., 0].size, 1)) * b
    ours = nn.conv2d(x, K, b, stride=s, padding=p)
    np.testing.assert_allclose(Z.reshape(dz.shape), ours, rtol=1e-11, atol=1e-12)
    unfolded = torch.nn.functional.unfold(
        torch.tensor(x).permute(0, 3, 1, 2), size, stride=s, padding=p
    )  # (N, C P Q, H' W')
    theirs = unfolded.reshape(2, CHANNELS, *size, *dz.shape[1:3]).permute(0, 4, 5, 2, 3, 1)
    np.testing.assert_array_equal(rows, theirs.reshape(rows.shape))


@pytest.mark.equation("eq-im2col-gradient")
def test_im2col_gradient(case):
    x, K, b, dz, s, p = case
    rows, col2im = nn.vjp(nn.im2col, x, size=K.shape[:2], stride=s, padding=p)
    matrix, dZ = K.reshape(-1, KERNELS), dz.reshape(-1, KERNELS)
    dx, dK, _ = nn.vjp(nn.conv2d, x, K, b, stride=s, padding=p)[1](dz)
    ours = (rows.reshape(len(dZ), -1).T @ dZ).reshape(K.shape)
    np.testing.assert_allclose(ours, dK, rtol=1e-10, atol=1e-11)
    dX = (dZ @ matrix.T).reshape(rows.shape)
    np.testing.assert_allclose(col2im(dX), dx, rtol=1e-10, atol=1e-11)
    # the layer is the dense one of chapter 4, with the kernels' matrix turned
    X = rows.reshape(len(dZ), -1)
    dX_dense, dW, _ = nn.vjp(nn.dense, X, matrix.T, b)[1](dZ)
    np.testing.assert_allclose(dX_dense, dX.reshape(X.shape), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(dW.T.reshape(K.shape), dK, rtol=1e-10, atol=1e-11)


@pytest.mark.equation("eq-col2im")
def test_col2im(case, rng):
    x, K, _, dz, s, p = case
    rows, col2im = nn.vjp(nn.im2col, x, size=K.shape[:2], stride=s, padding=p)
    U = rng.normal(size=rows.shape)
    literal, parts = np.zeros(x.shape), U.reshape(*dz.shape[:3], *K.shape[:3])
    for i, j, m, n in np.ndindex(*dz.shape[1:3], *K.shape[:2]):
        r, t = i * s + m - p, j * s + n - p
        if 0 <= r < IMAGE[0] and 0 <= t < IMAGE[1]:
            literal[:, r, t] += parts[:, i, j, m, n]
    np.testing.assert_allclose(col2im(U), literal, rtol=1e-11, atol=1e-12)
    folded = torch.tensor(parts).permute(0, 5, 3, 4, 1, 2).reshape(2, -1, dz[0, :, :, 0].size)
    theirs = torch.nn.functional.fold(folded, IMAGE, K.shape[:2], stride=s, padding=p)
    np.testing.assert_allclose(col2im(U), theirs.permute(0, 2, 3, 1), rtol=1e-11, atol=1e-12)
    assert np.sum(rows * U) == pytest.approx(np.sum(x * col2im(U)))  # the adjoint


# --- moving the picture ------------------------------------------------------------------------


def move(images, a, b):
    """On a canvas with room, so that nothing falls off."""
    return np.roll(images, (a, b), axis=(1, 2))


@pytest.fixture
def canvas(rng):
    return np.pad(rng.normal(size=(2, 6, 6, 1)), ((0, 0), (12, 12), (12, 12), (0, 0)))


@pytest.mark.equation("eq-equivariance")
@pytest.mark.parametrize(("a", "b"), [(1, 0), (0, 1), (3, 2), (-4, 5)])
def test_equivariance(a, b, canvas, rng):
    K, bias = rng.normal(size=(3, 3, 1, 2)), rng.normal(size=2)
    moved = nn.relu(nn.conv2d(move(canvas, a, b), K, bias))
    np.testing.assert_allclose(moved, move(nn.relu(nn.conv2d(canvas, K, bias)), a, b), atol=1e-12)
    correlate = scipy.signal.correlate2d
    z = correlate(canvas[0, :, :, 0], K[:, :, 0, 0], "valid")
    other = correlate(move(canvas, a, b)[0, :, :, 0], K[:, :, 0, 0], "valid")
    np.testing.assert_allclose(other, np.roll(z, (a, b), axis=(0, 1)), atol=1e-12)
    literal = correlation_literal(move(canvas, a, b)[0, :, :, 0], K[:, :, 0, 0])
    np.testing.assert_allclose(np.roll(z, (a, b), axis=(0, 1)), literal, atol=1e-12)


@pytest.mark.equation("eq-equivariance")
def test_a_dense_layer_is_not_equivariant(rng):
    x, W = np.zeros((1, 12)), rng.normal(size=(12, 12))
    x[0, 3:6] = rng.normal(size=3)
    z, moved = nn.dense(x, W, np.zeros(12)), nn.dense(np.roll(x, 1), W, np.zeros(12))
    assert np.abs(moved - np.roll(z, 1)).max() > 0.1


@pytest.mark.equation("eq-stride-equivariance")
@pytest.mark.parametrize("s", [2, 3])
def test_stride_equivariance(s, canvas, rng):
    K = rng.normal(size=(3, 3, 1, 2))

    def strided(x):
        return nn.conv2d(x, K, stride=s)

    z = strided(canvas)
    np.testing.assert_allclose(z, nn.conv2d(canvas, K)[:, ::s, ::s], atol=1e-12)
    for a, b in [(1, 0), (1, 1), (2, -1)]:
        np.testing.assert_allclose(strided(move(canvas, s * a, s * b)), move(z, a, b), atol=1e-12)
    between = strided(move(canvas, 1, 0))
    for a, b in itertools.product(range(-2, 3), repeat=2):  # no move of z gives it
        assert np.abs(between - move(z, a, b)).max() > 0.1


@pytest.mark.equation("eq-stride-equivariance")
def test_two_pools_keep_every_fourth_move(canvas):
    def pooled(x):
        return nn.max_pool2d(nn.max_pool2d(nn.relu(x), size=2), size=2)

    z = pooled(canvas[:, :28, :28])
    for a in range(1, 9):
        moved = pooled(move(canvas[:, :28, :28], 0, a))
        same = any(np.allclose(moved, move(z, 0, b), atol=1e-12) for b in range(4))
        assert same == (a % 4 == 0)


# --- what a neuron sees ------------------------------------------------------------------------

STACKS = [
    [(5, 1), (2, 2), (5, 1), (2, 2)],
    [(3, 1), (3, 1), (3, 1)],
    [(3, 2), (3, 2), (3, 1)],
    [(7, 2), (2, 2), (1, 1), (3, 3)],
    [(2, 3), (2, 1)],  # a stride beyond the kernel: pixels that nobody sees lie between
]


def seen_rows(stack, shift=0, side=80):
    """Which rows of the image one neuron of the last layer sees, by its gradient."""
    x = np.ones((1, side, 1, 1))
    backwards = []
    for k, s in stack:
        x, backward = nn.vjp(nn.conv2d, x, np.ones((k, 1, 1, 1)), stride=(s, 1), wrt=0)
        backwards.append(backward)
    dx = np.zeros(x.shape)
    dx[0, x.shape[1] // 2 + shift] = 1
    for backward in reversed(backwards):
        dx = backward(dx)
    return dx[0, :, 0, 0]


@pytest.mark.equation("eq-receptive-field", "eq-receptive-jump")
@pytest.mark.parametrize("stack", STACKS)
def test_receptive_field(stack):
    r, q = 1, 1
    for k, s in stack:
        r, q = r + (k - 1) * q, s * q
    one, other = (np.flatnonzero(seen_rows(stack, shift)) for shift in (0, 1))
    assert one[-1] - one[0] + 1 == r
    assert other[0] - one[0] == q
    x = torch.ones(1, 1, 80, dtype=torch.float64, requires_grad=True)
    y = x
    for k, s in stack:
        y = torch.nn.functional.conv1d(y, torch.ones(1, 1, k, dtype=torch.float64), stride=s)
    y[0, 0, y.shape[2] // 2].backward()
    np.testing.assert_array_equal(np.flatnonzero(x.grad), one)


@pytest.mark.equation("eq-effective-field")
@pytest.mark.parametrize("stack", STACKS)
def test_effective_field(stack):
    profile, q, variance = seen_rows(stack), 1, 0.0
    for k, s in stack:
        variance += q**2 * (k**2 - 1) / 12
        q *= s
    rows = np.arange(len(profile))
    weights = profile / profile.sum()
    mean = np.sum(weights * rows)
    assert np.sum(weights * (rows - mean) ** 2) == pytest.approx(variance)


@pytest.mark.equation("eq-effective-field")
@pytest.mark.parametrize(("L", "k"), [(1, 3), (6, 3), (4, 5)])
def test_effective_field_of_equal_layers(L, k):
    profile = np.ones(1)
    for _ in range(L):
        profile = np.convolve(profile, np.ones(k) / k)
    rows = np.arange(len(profile)) - (len(profile) - 1) / 2
    width = math.sqrt(np.sum(profile * rows**2))
    assert width == pytest.approx(math.sqrt(L * (k**2 - 1) / 12))
    np.testing.assert_allclose(
        seen_rows([(k, 1)] * L)[np.flatnonzero(seen_rows([(k, 1)] * L))] / k**L, profile, rtol=1e-12
    )


# --- pooling -----------------------------------------------------------------------------------

POOLS = [(2, 2), (3, 2), (3, 1), (2, 3), ((2, 3), (2, 1)), (7, 7)]


def pool_literal(x, size, stride, reduce):
    (P, Q), (s, u) = (np.broadcast_to(v, 2) for v in (size, stride))
    N, H, W, C = x.shape
    y = np.empty((N, (H - P) // s + 1, (W - Q) // u + 1, C))
    for e, i, j, c in np.ndindex(*y.shape):
        y[e, i, j, c] = reduce([x[e, i * s + m, j * u + n, c] for m in range(P) for n in range(Q)])
    return y


def torch_pool(pool, size, stride):
    return lambda x: pool(x.permute(0, 3, 1, 2), size, stride).permute(0, 2, 3, 1)


@pytest.mark.equation("eq-max-pool")
@pytest.mark.parametrize(("size", "stride"), POOLS)
def test_max_pool(size, stride, rng):
    x = rng.normal(size=(2, 9, 8, 3))
    literal = pool_literal(x, size, stride, max)
    np.testing.assert_array_equal(nn.max_pool2d(x, size=size, stride=stride), literal)
    theirs = torch_pool(torch.nn.functional.max_pool2d, size, stride)(torch.tensor(x))
    np.testing.assert_array_equal(theirs, literal)


@pytest.mark.equation("eq-avg-pool")
@pytest.mark.parametrize(("size", "stride"), POOLS)
def test_avg_pool(size, stride, rng):
    x = rng.normal(size=(2, 9, 8, 3))
    literal = pool_literal(x, size, stride, np.mean)
    ours = nn.avg_pool2d(x, size=size, stride=stride)
    np.testing.assert_allclose(ours, literal, rtol=1e-12, atol=1e-13)
    theirs = torch_pool(torch.nn.functional.avg_pool2d, size, stride)(torch.tensor(x))
    np.testing.assert_allclose(theirs, literal, rtol=1e-12, atol=1e-13)


@pytest.mark.equation("eq-max-pool-gradient")
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("size", "stride"), POOLS)
def test_max_pool_gradient(size, stride, ties, rng):
    x = rng.normal(size=(2, 9, 8, 3))
    x = np.round(x) if ties else x
    y, backward = nn.vjp(nn.max_pool2d, x, size=size, stride=stride)
    dy, literal = rng.normal(size=y.shape), np.zeros(x.shape)
    (P, Q), (s, u) = (np.broadcast_to(v, 2) for v in (size, stride))
    for e, i, j, c in np.ndindex(*y.shape):
        window = x[e, i * s : i * s + P, j * u : j * u + Q, c]
        m, n = np.unravel_index(window.argmax(), window.shape)  # the first of equals
        literal[e, i * s + m, j * u + n, c] += dy[e, i, j, c]
    np.testing.assert_allclose(backward(dy), literal, rtol=1e-12, atol=1e-13)
    theirs = torch_gradients(torch_pool(torch.nn.functional.max_pool2d, size, stride), [x], dy)[1]
    np.testing.assert_allclose(backward(dy), theirs[0], rtol=1e-12, atol=1e-13)
    if not ties:
        nn.check_gradients(nn.max_pool2d, x, size=size, stride=stride)
    if size == stride == 2:
        assert np.all(backward(dy)[:, 8] == 0)  # the remainder


@pytest.mark.equation("eq-avg-pool-gradient")
@pytest.mark.parametrize(("size", "stride"), POOLS)
def test_avg_pool_gradient(size, stride, rng):
    x = rng.normal(size=(2, 9, 8, 3))
    y, backward = nn.vjp(nn.avg_pool2d, x, size=size, stride=stride)
    dy, literal = rng.normal(size=y.shape), np.zeros(x.shape)
    (P, Q), (s, u) = (np.broadcast_to(v, 2) for v in (size, stride))
    for i, j in np.ndindex(*y.shape[1:3]):
        for m, n in np.ndindex(P, Q):
            literal[:, i * s + m, j * u + n] += dy[:, i, j] / (P * Q)
    np.testing.assert_allclose(backward(dy), literal, rtol=1e-12, atol=1e-13)
    theirs = torch_gradients(torch_pool(torch.nn.functional.avg_pool2d, size, stride), [x], dy)[1]
    np.testing.assert_allclose(backward(dy), theirs[0], rtol=1e-12, atol=1e-13)
    nn.check_gradients(nn.avg_pool2d, x, size=size, stride=stride)


# --- the study that is too long for the chapter ------------------------------------------------

STUDY = ROOT / "book" / "studies" / "cnn_digits.py"


def functions(text):
    """The functions that a source defines, by name, without docstrings."""
    return {
        node.name: without_docstrings(ast.unparse(node))
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize("name", ["cnn", "moved", "turned", "noisy", "altered"])
def test_the_study_trained_what_the_chapter_shows(name):
    shown = {}
    for cell in code_cells(ROOT / "book" / "05-cnn.ipynb"):
        shown |= functions("".join(cell["source"]))
    assert functions(STUDY.read_text(encoding="utf-8"))[name] == shown[name]


def test_the_stored_study_is_complete():
    study = json.loads(STUDY.with_suffix(".json").read_text(encoding="utf-8"))
    networks = study["networks"]
    assert networks["CNN"]["parameters"] <= networks["ANN, 27 hidden"]["parameters"]
    for name, network in networks.items():
        assert len(network["runs"]) == len(study["seeds"]) == 3
        for run in network["runs"] if "shuffled" not in name else []:
            for kind, amounts in study["changes"].items():
                assert len(run[kind]) == len(amounts)
                assert run[kind][0] == pytest.approx(run["accuracy"], abs=1e-3)  # unchanged
