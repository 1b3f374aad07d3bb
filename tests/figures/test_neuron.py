"""The figure of the neuron computes chapter 1's sum, boundary and distance."""

import numpy as np
import pytest

import nnlearn as nn

RNG = np.random.default_rng(0)
PAPER = [
    ([0.5, 2.0], [3.0, -1.0], 1.0),
    ([3.0, 4.0], [3.0, 4.0], -5.0),
    ([0.0, 1.0], [0.0, 0.0], 0.0),
]
RANDOM = [tuple(RNG.normal(size=s).tolist() for s in (2, 2, ())) for _ in range(60)]
ARGUMENTS = [list(case) for case in PAPER + RANDOM]  # w, x, b
W, X, B = (np.array(column) for column in zip(*ARGUMENTS, strict=True))
Z = np.array([nn.dense(x[None], w[None], b[None])[0, 0] for w, x, b in zip(W, X, B, strict=True)])
LENGTH = np.sqrt(np.sum(W**2, axis=1))


@pytest.fixture
def page(figure_page):
    """The figure, opened."""
    return figure_page("neuron")


def test_sum_activation_and_distance(page, calls):
    np.testing.assert_allclose(calls(page, "weightedSum", ARGUMENTS), Z, rtol=1e-12, atol=1e-14)
    distances = Z / LENGTH  # eq-boundary-distance
    np.testing.assert_allclose(calls(page, "distance", ARGUMENTS), distances, atol=1e-13)
    z = np.array([*Z, 0.0, -800.0, 800.0])
    numbers = z[:, None].tolist()
    np.testing.assert_allclose(calls(page, "sigmoid", numbers), nn.sigmoid(z), rtol=1e-12)
    np.testing.assert_array_equal(calls(page, "threshold", numbers), z > 0)
    foot = np.array(calls(page, "nearest", ARGUMENTS))
    np.testing.assert_allclose(np.sum(W * foot, axis=1) + B, 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(X - foot, axis=1), np.abs(distances), atol=1e-12)


def test_the_boundary_is_the_line_of_zero_within_the_picture(page, calls):
    given = [[w, b, [-4, 4], [-2.8, 2.8]] for w, _, b in ARGUMENTS]
    found = calls(page, "boundary", given)
    corners = np.array([[u, v, 1] for u in (-4, 4) for v in (-2.8, 2.8)])
    crossed = [np.ptp(np.sign(corners @ [*w, b])) > 0 for w, _, b in ARGUMENTS]
    assert [ends is not None for ends in found] == crossed
    assert 3 < sum(crossed) < len(crossed), "lines in the picture and lines outside"
    seen = [(ends, w, b) for ends, w, b in zip(found, W, B, strict=True) if ends]
    for ends, w, b in seen:
        np.testing.assert_allclose(np.array(ends) @ w + b, 0, atol=1e-12)
        outside = np.abs(ends) / [4, 2.8]
        np.testing.assert_allclose(outside.max(axis=1), 1, rtol=1e-12)  # both ends at the edge
    again = calls(page, "through", [[*e, float(np.linalg.norm(w))] for e, w, _ in seen])
    np.testing.assert_allclose([n["w"] for n in again], [w for _, w, _ in seen], atol=1e-9)
    np.testing.assert_allclose([n["b"] for n in again], [b for *_, b in seen], atol=1e-9)
    assert calls(page, "boundary", [[[0, 0], 1, [-4, 4], [-4, 4]]]) == [None]


def test_it_opens_with_the_chapters_example_and_follows_hand_and_keys(page):
    said = page.locator(".readout")
    assert "0.5·3.0 + 2.0·(−1.0) + 1.0" in said.inner_text()
    assert "= 0.50" in said.inner_text()
    page.locator(".handle.input").focus()
    page.keyboard.press("Shift+ArrowDown")  # x₂ = −2: the chapter's second example
    assert "z = −1.50" in page.locator(".stage .stage svg").get_attribute("aria-label")
    assert "a = σ(z) = 0" in said.inner_text()
    head = page.locator(".handle.weights").bounding_box()
    x, y = head["x"] + head["width"] / 2, head["y"] + head["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=3)
    page.mouse.up()
    w = page.locator(".handle.weights").get_attribute("aria-valuetext")
    w1, w2 = (float(part.split()[1]) for part in w.split(", "))
    assert w1 > 0.5
    assert w2 < 2
    assert f"{np.hypot(w1, w2):.2f}" in said.inner_text()
