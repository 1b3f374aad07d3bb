"""The figure of the activation functions computes what nnlearn computes."""

import numpy as np
import pytest

import nnlearn as nn

Z = np.concatenate([np.linspace(-6, 6, 41), [-800.0, 800.0, 1e-9]])
SLOPES = {"leaky_relu": {"slope": 0.01}}


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "leaky_relu", "softplus"])
def test_value_and_slope_are_those_of_nnlearn(figure_page, calls, name):
    page = figure_page("activations")
    z = Z[Z != 0]  # where relu has no slope, and nnlearn and the figure both say 0
    value, backward = nn.vjp(getattr(nn, name), z, **SLOPES.get(name, {}))
    arguments = [[float(v)] for v in z]
    np.testing.assert_allclose(calls(page, f"activations.{name}.f", arguments), value, rtol=1e-12)
    slopes = calls(page, f"activations.{name}.slope", arguments)
    np.testing.assert_allclose(slopes, backward(np.ones_like(z)), rtol=1e-9, atol=1e-12)


def test_the_point_moves_under_the_mouse_and_under_the_keys(figure_page):
    page = figure_page("activations")
    point = page.locator(".handle.point")
    said = page.locator(".readout")
    assert "1.00" in said.inner_text()
    point.focus()
    page.keyboard.press("ArrowLeft")
    assert "0.90" in said.inner_text()
    box = point.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 200, y, steps=4)
    page.mouse.up()
    z = float(said.inner_text().split("=")[1].split()[0].replace("−", "-"))
    assert z < -2
    assert f"{1 / (1 + np.exp(-z)):.3f}" in said.inner_text()
