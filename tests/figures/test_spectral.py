"""The figure of the spectral radius: nnlearn's recurrent network, the chapter's bound and law."""

import numpy as np
import pytest

import nnlearn as nn

#: The figure's measurement, its typed arrays as lists.
MEASURE = """(cases) => cases.map(([kind, radius, strength]) => {
    const seen = window.figure.functions.measure(kind, radius, strength);
    const lists = ["W", "x", "h"].map((key) => [key, seen[key].map((row) => Array.from(row))]);
    return { ...seen, ...Object.fromEntries(lists) };
})"""
CASES = [
    ("orthogonal", 1.0, 0.3),
    ("orthogonal", 1.5, 0.001),
    ("orthogonal", 0.5, 1.0),
    ("normal", 0.8, 0.001),
    ("normal", 1.6, 0.1),
]


@pytest.fixture
def measured(figure_page):
    """The figure's lists for each of CASES, as arrays of floats."""
    found = figure_page("spectral").evaluate(MEASURE, CASES)
    return [{key: np.array(value, dtype=float) for key, value in seen.items()} for seen in found]


def jacobians(x, W):
    """∂h_T/∂h_t for t = T, T − 1, …, 1: the vjp of `nn.rnn` for all directions at once."""
    T, H = x.shape
    rnn = (np.repeat(x[:, None], H, axis=1), np.zeros((H, H)), np.eye(H), W, np.zeros(H))
    h, backward = nn.vjp(nn.rnn, *rnn)
    g = np.zeros((T, H, H))
    g[-1] = np.eye(H)
    dz = backward(g)[0]  # W_xh is the identity: dx is dz
    dh = np.concatenate([dz[1:] @ W, g[-1:]])
    return h[:, 0], dh[::-1]


def test_states_and_lengths_are_those_of_nnlearn(measured):
    for seen in measured:
        h, roads = jacobians(seen["x"], seen["W"])
        np.testing.assert_allclose(seen["h"], h, rtol=1e-9, atol=1e-12)
        mean = np.linalg.norm(roads, axis=(1, 2)) / np.sqrt(h.shape[1])
        np.testing.assert_allclose(seen["mean"], mean, rtol=1e-8)
        # the power method stops where no digit changes that could be seen
        np.testing.assert_allclose(
            seen["largest"], np.linalg.norm(roads, 2, axis=(1, 2)), rtol=0.02
        )


def test_bound_and_law_are_those_of_the_chapter(measured):
    for (_, radius, _), seen in zip(CASES, measured, strict=True):
        s = np.linalg.norm(seen["W"], 2)
        slopes = 1 - seen["h"][:0:-1] ** 2
        bound = np.cumprod([1, *(s * slopes.max(axis=1))])  # eq-gradient-bound
        law = np.cumprod([1, *(radius * np.sqrt(np.mean(slopes**2, axis=1)))])  # eq-rms-slope
        assert seen["s"] == pytest.approx(s, rel=1e-9)
        np.testing.assert_allclose(seen["bound"], bound, rtol=1e-7)
        np.testing.assert_allclose(seen["law"], law, rtol=1e-9)
        assert np.all(seen["mean"] <= seen["largest"] * (1 + 1e-9))
        assert np.all(seen["largest"] <= seen["bound"] * (1 + 1e-9))


def test_the_matrices_are_what_they_are_called(measured):
    for (kind, radius, _), seen in zip(CASES, measured, strict=True):
        W = seen["W"]
        assert np.abs(np.linalg.eigvals(W)).max() == pytest.approx(radius, rel=1e-9)
        orthogonal = np.allclose(W @ W.T, radius**2 * np.eye(len(W)), atol=1e-12)
        assert orthogonal == (kind == "orthogonal")
    x = measured[2]["x"]  # inputs of size 1
    assert abs(x.mean()) < 0.05
    assert x.std() == pytest.approx(1, rel=0.05)


def test_gelfand_finds_the_spectral_radius(figure_page, calls):
    rng = np.random.default_rng(0)
    matrices = [rng.normal(size=(n, n)) for n in (1, 2, 5, 12)]
    matrices += [np.diag([0.5, -3.0]), np.array([[0.0, 1.0], [0.0, 0.0]]), np.zeros((2, 2))]
    found = calls(figure_page("spectral"), "spectralRadius", [[A.tolist()] for A in matrices])
    expected = [np.abs(np.linalg.eigvals(A)).max() for A in matrices]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_larger_radius_is_said_at_once(figure_page):
    page = figure_page("spectral")
    said = page.locator(".readout b.c-gradient")
    before = said.inner_text()
    page.locator("input[type=range]").first.focus()
    page.keyboard.press("Home")  # the least radius
    assert page.locator("output").first.inner_text() == "0.50"
    assert said.inner_text() != before
    assert int("".join(map(str, ["⁰¹²³⁴⁵⁶⁷⁸⁹".index(d) for d in said.inner_text()[7:]]))) > 18
