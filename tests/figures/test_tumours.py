"""The figure of the lumps learns as chapter 1's neuron does, and knows the least loss."""

import re

import numpy as np
import pytest

import nnlearn as nn


@pytest.fixture(scope="module")
def lumps():
    """Chapter 1's 400 training lumps and 169 others, standardised."""
    x, y, names = nn.data.load_breast_cancer()
    x = x[:, [names.index("worst radius"), names.index("worst smoothness")]]
    order = np.random.default_rng(0).permutation(569)
    train, test = nn.data.standardize_columns(x[order[:400]], x[order[400:]])
    return {"train": (train, y[order[:400]]), "test": (test, y[order[400:]])}


@pytest.fixture
def page(figure_page):
    """The figure, opened."""
    return figure_page("tumours")


def loss_and_step(w, b, x, y, rate):
    """Chapter 1's `package_gradient`, and one step."""
    z, backward_sum = nn.vjp(nn.dense, x, w[None, :], np.array([b]))
    loss, backward_loss = nn.vjp(nn.sigmoid_cross_entropy, z[:, 0], y.astype(float), wrt=0)
    _, dW, db = backward_sum(backward_loss()[:, None])
    return loss, w - rate * dW[0], b - rate * db[0]


def test_the_lumps_are_the_chapters(page, lumps):
    given = page.evaluate("window.figure.functions.lumps()")
    for part, (x, y) in lumps.items():
        np.testing.assert_allclose(given[part]["x"], x, atol=1e-12)
        np.testing.assert_array_equal(given[part]["y"], y)


@pytest.mark.parametrize(("w", "b", "rate"), [([0, 0], 0, 1), ([-2.5, 4], 3, 10)])
def test_every_step_is_that_of_nnlearn(page, lumps, w, b, rate):
    script = """([neuron, rate]) => {
        const { descend, loss, lumps } = window.figure.functions;
        const path = descend(neuron, lumps().train, rate, 200);
        return path.map((n) => [...n.w, n.b, loss(n, lumps().train)]);
    }"""
    path = page.evaluate(script, [{"w": w, "b": b}, rate])
    w, b = np.array(w, dtype=float), float(b)
    for found in path:
        loss, next_w, next_b = loss_and_step(w, b, *lumps["train"], rate)
        np.testing.assert_allclose(found, [*w, b, loss], rtol=1e-9, atol=1e-11)
        w, b = next_w, next_b


def test_the_least_loss_is_where_the_slope_is_zero(page, lumps):
    best = page.evaluate("window.figure.functions.best()")
    w, b = np.array(best["w"]), best["b"]
    loss, next_w, next_b = loss_and_step(w, b, *lumps["train"], 1.0)
    assert abs(loss - best["loss"]) < 1e-12
    np.testing.assert_allclose([*next_w, next_b], [*w, b], atol=1e-12)


def test_it_learns_and_is_spoilt_and_learns_again(page, lumps):
    def now():
        return page.evaluate("window.figure.functions.now()")

    page.get_by_role("button", name="Learn").click()
    page.wait_for_function("window.figure.functions.now().losses.length > 12")
    page.get_by_role("button", name="Pause").click()
    learned = now()
    assert learned["losses"][-1] < 0.3 < learned["losses"][0]
    x, y = lumps["train"]
    right = np.mean((x @ learned["neuron"]["w"] + learned["neuron"]["b"] > 0) == y)
    said = re.search(r"right about ([\d.]+) %", page.locator(".readout").inner_text())
    assert float(said[1]) == pytest.approx(100 * right, abs=0.051)

    knob = page.locator(".handle.knob0").bounding_box()
    at = knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + 150, at[1] + 20, steps=3)
    page.mouse.up()
    spoilt = now()
    assert len(spoilt["losses"]) == 1
    assert spoilt["losses"][0] > learned["losses"][-1]
    lengths = [np.linalg.norm(state["neuron"]["w"]) for state in (learned, spoilt)]
    assert lengths[0] == pytest.approx(lengths[1])  # as sure as before
    page.get_by_role("button", name="One step").click()
    assert now()["losses"][1] < spoilt["losses"][0]

    page.get_by_role("button", name="Forget").click()
    assert now()["losses"] == pytest.approx([np.log(2)])
    assert not page.locator(".handle.knob0").is_visible()


def test_who_wants_no_motion_gets_few_pictures(page):
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("button", name="Learn").click()
    page.wait_for_function("window.figure.functions.now().losses.length > 1")
    assert page.evaluate("window.figure.functions.now().losses.length") % 30 == 1
