"""The figure of the cell computes what nnlearn's LSTM computes with these gates, both ways."""

import numpy as np
import pytest

import nnlearn as nn

ORDER = ("f", "i", "o", "candidate")


def drawn(seed, T=9):
    """Gates of one unit at T steps."""
    rng = np.random.default_rng(seed)
    gates = {name: rng.uniform(0.01, 0.99, T) for name in ORDER[:3]}
    return gates | {"candidate": rng.uniform(-0.99, 0.99, T)}


def layer(gates):
    """Arguments of nn.lstm that give these gates: step t reads column t of W_x, nothing reads h."""
    T = len(gates["f"])
    logits = [np.log(gates[name] / (1 - gates[name])) for name in ORDER[:3]]
    W_x = np.stack([*logits, np.arctanh(gates["candidate"])])
    zero = np.zeros((1, 1))
    return np.eye(T)[:, None], zero, zero, W_x, np.zeros((4, 1)), np.zeros(4)


def lists(gates):
    return {name: values.tolist() for name, values in gates.items()}


@pytest.fixture
def page(figure_page):
    return figure_page("cell")


def test_state_and_output_are_those_of_nnlearn(page, calls):
    all_gates = [drawn(seed) for seed in range(20)]
    for gates, found in zip(
        all_gates, calls(page, "forward", [[lists(g)] for g in all_gates]), strict=True
    ):
        h, C = nn.lstm(*layer(gates))
        np.testing.assert_allclose(found["C"], C.ravel(), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(found["h"], h.ravel(), rtol=1e-12, atol=1e-14)


def test_every_gradient_is_that_of_nnlearn(page, calls):
    rng = np.random.default_rng(1)
    all_gates = [drawn(seed) for seed in range(20)]
    dh = [rng.normal(size=9) for _ in all_gates]
    found = calls(
        page, "backward", [[lists(g), d.tolist()] for g, d in zip(all_gates, dh, strict=True)]
    )
    for gates, d, back in zip(all_gates, dh, found, strict=True):
        x, h0, c0, W_x, W_h, b = layer(gates)
        (_, C), backward = nn.vjp(nn.lstm, x, h0, c0, W_x, W_h, b)
        _, _, dC0, dz, *_ = backward(d[:, None, None])  # x is one-hot, so dW_x is dz_t, by columns
        slopes = [gates[k] * (1 - gates[k]) for k in ORDER[:3]] + [1 - gates["candidate"] ** 2]
        for name, row, slope in zip(ORDER, dz, slopes, strict=True):
            np.testing.assert_allclose(np.array(back[name]) * slope, row, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(gates["f"][0] * back["C"][0], dC0.item(), rtol=1e-12)
        for t in range(8):  # dC_t: what comes back from the steps behind t, and what is shown at t
            tail = x[t + 1 :], h0, C[t], W_x, W_h, b
            later = nn.vjp(nn.lstm, *tail, wrt=2)[1](d[t + 1 :, None, None]).item()
            shown = d[t] * gates["o"][t] * (1 - np.tanh(C[t].item()) ** 2)
            np.testing.assert_allclose(back["C"][t], later + shown, rtol=1e-10, atol=1e-13)


def test_what_arrives_is_the_product_of_the_forget_gates(page, calls):
    gates = drawn(3)
    found = calls(page, "road", [[gates["f"].tolist(), t] for t in range(9)])
    np.testing.assert_allclose(found, [gates["f"][t + 1 :].prod() for t in range(9)], rtol=1e-12)
    dh = [0.0] * 8 + [1.0]
    dC = calls(page, "backward", [[lists(gates), dh]])[0]["C"]
    np.testing.assert_allclose(np.array(dC) / dC[-1], found, rtol=1e-12)


def test_the_first_example_is_the_chapters(page, calls):
    gates = {name: np.array(v) for name, v in calls(page, "examples.kept", [[]])[0].items()}
    W_x, b = np.array([[0.0], [6.0], [0.0], [1.0]]), np.array([3.0, -3.0, 0.0, 0.0])
    knock = np.eye(1, 12).T[:, None]
    _, C = nn.lstm(knock, *np.zeros((2, 1, 1)), W_x, np.zeros((4, 1)), b)
    found = calls(page, "forward", [[lists(gates)]])[0]
    np.testing.assert_allclose(found["C"], C.ravel(), rtol=1e-12)
    assert np.allclose(C.ravel()[:3], [0.725, 0.691, 0.658], atol=5e-4)  # as on paper


def test_a_shut_gate_stops_the_gradient(page):
    said = page.locator(".readout")
    assert said.inner_text().count(f"{(1 / (1 + np.exp(-3))) ** 11:.3f}") == 2
    point = page.locator(".handle.f")
    point.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")  # to step 4, and no gate is changed by it
    assert "C4 =" in said.inner_text()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert said.inner_text().count("0.000") == 2  # of C_12's gradient nothing arrives at C_1


def test_the_mouse_moves_a_gate_and_a_tap_goes_to_a_step(page):
    point = page.locator(".handle.i circle:not(.reach)")
    box = point.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 100, steps=3)
    page.mouse.up()
    said = page.locator(".readout")
    assert "0.00 · 0.76 = 0.00" in said.inner_text()
    track = page.locator(".row.gradient .track").bounding_box()
    page.mouse.click(track["x"] + track["width"] * 11.5 / 12, track["y"] + 20)
    assert "C12 =" in said.inner_text()
