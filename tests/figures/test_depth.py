"""The figure of depth and scale computes what nnlearn computes with the same weights."""

import numpy as np
import pytest

import nnlearn as nn

#: The figure's stack, its typed arrays as lists; one of full size is too much to hand over.
STACK = """([size, bend, gain]) => {
    const seen = window.figure.functions.stack(size, bend, gain);
    const lists = Object.entries(seen).map(([k, v]) => [k, v.map((a) => Array.from(a))]);
    const sizes = { sizes: seen.activations.map(window.figure.functions.size) };
    return { ...Object.fromEntries(lists), ...sizes };
}"""


def stacked(page, width, rows, depth, bend, gain):
    size = {"width": width, "rows": rows, "depth": depth, "seed": 4}
    seen = page.evaluate(STACK, [size, bend, gain])
    weights = np.array(seen["weights"], dtype=float).reshape(depth, width, width)
    activations = np.array(seen["activations"], dtype=float).reshape(depth + 1, rows, width)
    gradients = np.array(seen["gradients"], dtype=float).reshape(depth + 1, rows, width)
    return weights, activations, gradients, seen["sizes"]


@pytest.mark.parametrize("bend", ["tanh", "relu"])
def test_activations_and_gradients_are_those_of_nnlearn(figure_page, bend):
    page = figure_page("depth")
    for gain, depth in [(1.0, 20), (2**0.5, 7), (3.0, 12), (0.3, 2)]:
        weights, activations, gradients, sizes = stacked(page, 24, 10, depth, bend, gain)
        a, backwards, bias = activations[0], [], np.zeros(24)
        for W, seen, size in zip(weights, activations[1:], sizes[1:], strict=True):
            z, back_dense = nn.vjp(nn.dense, a, W, bias, wrt=0)
            a, back_bend = nn.vjp(getattr(nn, bend), z)
            backwards.append(lambda g, d=back_dense, b=back_bend: d(b(g)))
            np.testing.assert_allclose(seen, a, rtol=1e-10, atol=1e-12)
            assert size == pytest.approx(np.sqrt(np.mean(a**2)), rel=1e-10)
        g = gradients[depth]
        for level in range(depth - 1, -1, -1):
            g = backwards[level](g)
            np.testing.assert_allclose(gradients[level], g, rtol=1e-8, atol=1e-12 * np.abs(g).max())


SIZES = """(cases) => cases.map(([bend, gain]) => {
    const { stack, size } = window.figure.functions;
    const seen = stack({ width: 128, rows: 32, depth: 10, seed: 4 }, bend, gain);
    return { weights: seen.weights.map(size), sizes: seen.activations.map(size) };
})"""


def test_the_predicted_factor_is_the_chapters_and_holds(figure_page, calls):
    page = figure_page("depth")
    gains = [0.3, 1.0, 2**0.5, 3.0]
    relu, tanh = (calls(page, "factor", [[bend, g] for g in gains]) for bend in ("relu", "tanh"))
    D, v = 128, np.square(gains) / 128
    np.testing.assert_allclose(relu, np.sqrt(D * v / 2))  # eq-variance-forward, eq-relu-half
    np.testing.assert_allclose(tanh, np.sqrt(D * v))  # the same where the slope is 1
    found = page.evaluate(SIZES, [["relu", g] for g in gains] + [["tanh", 0.3], ["tanh", 3.0]])
    for gain, factor, seen in zip(gains, relu, found, strict=False):
        np.testing.assert_allclose(seen["weights"], gain / np.sqrt(D), rtol=0.02)
        assert 0.6 < seen["sizes"][10] / seen["sizes"][0] / factor**10 < 1.6
    small, saturated = (seen["sizes"] for seen in found[4:])
    assert 0.75 < small[10] / small[3] / 0.3**7 < 1.25  # from layer 3 on z is small
    assert saturated[10] < 1 < saturated[0] * 3.0**10


def test_a_histogram_counts_as_numpy_does(figure_page, calls):
    values = [*np.random.default_rng(0).normal(size=500).tolist(), -1.0, 1.0, 0.0]
    found = calls(figure_page("depth"), "histogram", [[values, -1, 1, 41]])[0]
    expected = np.histogram(values, bins=41, range=(-1, 1))[0] / len(values)
    np.testing.assert_allclose(found, expected)


def test_he_keeps_the_signal_that_glorot_loses(figure_page):
    page = figure_page("depth")
    said = page.locator(".readout")
    assert f"{2**-10 * 1e4:.1f}·10⁻⁴" in said.inner_text()  # twenty layers of √½
    page.get_by_role("button", name="He").click()
    assert "20 layers by 1.0." in said.inner_text()
    page.locator("input[type=range]").last.focus()
    page.keyboard.press("ArrowLeft")
    assert "19 layers" in said.inner_text()
    assert page.locator(".shapes path").count() == 19
