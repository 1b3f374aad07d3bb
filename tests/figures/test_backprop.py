"""The figure of backpropagation computes what nnlearn's backward functions return."""

import numpy as np
import pytest

import nnlearn as nn

NAMES = ["x1", "x2", "w11", "w12", "w21", "w22", "w31", "w32", "b1", "b2", "b3", "t"]
CHAPTER = {  # chapter 3's sheet of paper: what its tables print
    "z1": 2, "z2": -1, "a1": 2, "a2": -0.1, "y": 1.5, "L": 2.25, "dy": -3, "dw31": -6, "dw32": 0.3,
    "db3": -3, "da1": -1.5, "da2": 6, "dz1": -1.5, "dz2": 0.6, "dw11": -1.5, "dw12": -3,
    "dw21": 0.6, "dw22": 1.2, "db1": -1.5, "db2": 0.6, "dx1": -2.1, "dx2": -0.45,
}  # fmt: skip


def by_nnlearn(v):
    """All values and gradients of the network, from nnlearn's functions."""
    x, t = np.array([[v["x1"], v["x2"]]]), np.array([[v["t"]]])
    W, b = np.array([[v["w11"], v["w12"]], [v["w21"], v["w22"]]]), np.array([v["b1"], v["b2"]])
    W_out, b_out = np.array([[v["w31"], v["w32"]]]), np.array([v["b3"]])
    z, backward_hidden = nn.vjp(nn.dense, x, W, b)
    a, backward_activation = nn.vjp(nn.leaky_relu, z, slope=0.1)
    y, backward_output = nn.vjp(nn.dense, a, W_out, b_out)
    loss, backward_loss = nn.vjp(nn.mean_squared_error, y, t, wrt=0)
    dy = backward_loss()
    da, dW_out, db_out = backward_output(dy)
    dz = backward_activation(da)
    dx, dW, db = backward_hidden(dz)
    arrays = [z, a, y, loss, dy, dW_out, db_out, da, dz, dW, db, dx]
    names = "z1 z2 a1 a2 y L dy dw31 dw32 db3 da1 da2 dz1 dz2 dw11 dw12 dw21 dw22 db1 db2 dx1 dx2"
    numbers = np.concatenate([np.ravel(array) for array in arrays])
    return dict(zip(names.split(), numbers, strict=True))


@pytest.fixture
def page(figure_page):
    """The figure, opened."""
    return figure_page("backprop")


def test_every_number_is_that_of_nnlearn(page, calls):
    rng = np.random.default_rng(0)
    given = [dict(zip(NAMES, rng.normal(size=12).tolist(), strict=True)) for _ in range(100)]
    given.append(dict.fromkeys(NAMES, 0.0))  # every z at the corner
    for values, found in zip(given, calls(page, "network", [[v] for v in given]), strict=True):
        for name, expected in by_nnlearn(values).items():
            assert found[name] == pytest.approx(expected, rel=1e-12, abs=1e-13), name


def test_measured_slopes_agree(page, calls):
    paper = page.evaluate("window.figure.functions.PAPER")
    names = NAMES[:-1]
    found = calls(page, "measured", [[paper, name] for name in names])
    np.testing.assert_allclose(found, [CHAPTER[f"d{name}"] for name in names], atol=1e-8)


def test_it_opens_with_the_numbers_of_the_chapter(page, calls):
    paper = page.evaluate("window.figure.functions.PAPER")
    values = calls(page, "network", [[paper]])[0]
    for name, expected in CHAPTER.items():
        assert values[name] == pytest.approx(expected), name
        below = "slope" if name[0] == "d" else "value"
        shown = page.locator(f".box.{name.removeprefix('d')} .{below}").text_content()
        assert shown == f"{expected:g}".replace("-", "−"), name


def test_the_steps_go_forwards_then_backwards_and_explain_themselves(page):
    bar = page.get_by_role("slider", name="step", exact=True)
    order = page.evaluate("window.figure.functions.STEPS.map((step) => step.of)")
    assert sorted(order) == sorted(CHAPTER)
    equation = page.locator(".equation")
    for name, says in (
        ("z1", "z₁ = w₁₁·x₁ + w₁₂·x₂ + b₁ = 1·1 + 0.5·2 + 0 = 2"),
        ("a2", "a₂ = φ(z₂) = 0.1·(−1) = −0.1"),
        ("dz2", "∂L/∂z₂ = ∂L/∂a₂·φ′(z₂) = 6·0.1 = 0.6"),
        ("dx2", "∂L/∂x₂ = ∂L/∂z₁·w₁₂ + ∂L/∂z₂·w₂₂ = −1.5·0.5 + 0.6·0.5 = −0.45"),
    ):
        bar.fill(str(order.index(name) + 1))
        assert equation.inner_text() == says
    bar.fill("6")  # after the loss, before the first step back
    assert page.locator(".box.L .value").text_content() == "2.25"
    assert page.locator(".box.y .slope").text_content() == ""


def test_a_changed_weight_changes_every_number(page):
    page.locator(".box.w21").click()
    for _ in range(20):
        page.keyboard.press("ArrowRight")  # w₂₁ = 1, and the second neuron becomes active
    values = dict(zip(NAMES, [1, 2, 1, 0.5, 1, 0.5, 0.5, -2, 0, -1, 0.3, 3], strict=True))
    expected = by_nnlearn({name: float(v) for name, v in values.items()})
    for name in ("z2", "a2", "y", "L", "dy", "dz2", "dw21", "dx1"):
        below = "slope" if name[0] == "d" else "value"
        shown = page.locator(f".box.{name.removeprefix('d')} .{below}").text_content()
        assert float(shown.replace("−", "-")) == pytest.approx(expected[name], rel=5e-3), name
    assert f"{expected['dw21']:.4f}".replace("-", "−") in page.locator(".readout").last.inner_text()
    page.get_by_role("slider", name="w₂₁").last.fill("-1")
    assert page.locator(".box.L .value").text_content() == "2.25"
