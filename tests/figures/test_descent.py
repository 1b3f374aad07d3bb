"""The figure of the four optimizers walks as nnlearn does, and its theory is the chapter's."""

import numpy as np
import pytest

import nnlearn as nn

BETAS = [0.8, 0.99]
METHODS = {
    "descent": lambda s: nn.SGD(s["rate"]),
    "momentum": lambda s: nn.SGD(s["rate"], momentum=s["momentum"]),
    "nesterov": lambda s: nn.SGD(s["rate"], momentum=s["momentum"], nesterov=True),
    "adam": lambda s: nn.Adam(s["rate"], betas=tuple(s["betas"])),
}


def walked(optimizer, start, curvatures, steps):
    params = nn.Parameters(np.array(start), {"theta": (2,)})
    path = [params.vector.copy()]
    for _ in range(steps):
        grads = nn.Parameters(np.array(curvatures) * params.vector, params.layout)
        optimizer.step(params, grads)
        path.append(params.vector.copy())
    return np.array(path)


def settings(rng):
    return {"rate": 10 ** rng.uniform(-3, -0.5), "momentum": rng.uniform(0.01, 0.98)}


def spectral_radius(method, s, curvatures):
    """Largest root over all directions, of companion matrices as the chapter writes them."""
    radii, mu = [], s["momentum"]
    for h in s["rate"] * np.array(curvatures):
        p, q = {
            "descent": (1 - h, 0),
            "momentum": (1 + mu - h, mu),  # eq-momentum-recursion
            "nesterov": ((1 + mu) * (1 - h), mu * (1 - h)),  # before eq-nesterov-rate
        }[method]
        radii.append(np.abs(np.linalg.eigvals([[p, -q], [1, 0]])).max())
    return max(radii)


@pytest.mark.parametrize("method", METHODS)
def test_a_walk_is_that_of_nnlearn(figure_page, calls, method):
    rng, arguments = np.random.default_rng(3), []
    for _ in range(30):
        s = settings(rng) | ({"betas": BETAS} if method == "adam" else {})
        start, curvatures = rng.uniform(-10, 4, 2).tolist(), [1.0, rng.uniform(1, 100)]
        arguments.append([method, s, start, curvatures, 60])
    for (_, s, start, curvatures, steps), path in zip(
        arguments, calls(figure_page("descent"), "walk", arguments), strict=True
    ):
        expected = walked(METHODS[method](s), start, curvatures, steps)
        # SGD's steps are the same to the last bit; Adam's powers of β may differ in the last one
        tolerance = 1e-10 if method == "adam" else 0
        path = np.array(path, dtype=float)
        np.testing.assert_allclose(path, expected[: len(path)], rtol=tolerance, atol=tolerance)
        assert len(path) == steps + 1 or np.linalg.norm(path[-1]) > 1e139


def test_theory_and_border_are_the_largest_root(figure_page, calls):
    page, rng = figure_page("descent"), np.random.default_rng(4)
    for method in ("descent", "momentum", "nesterov"):
        cases = [(settings(rng), [1.0, rng.uniform(1, 100)]) for _ in range(200)]
        found = calls(page, "theoryFactor", [[method, s, c] for s, c in cases])
        expected = [spectral_radius(method, s, c) for s, c in cases]
        np.testing.assert_allclose(found, expected, rtol=1e-7)
        borders = calls(page, "border", [[method, s["momentum"], c[1]] for s, c in cases])
        for (s, c), limit in zip(cases, borders, strict=True):
            assert spectral_radius(method, s | {"rate": limit * 0.999}, c) < 1
            assert spectral_radius(method, s | {"rate": limit * 1.001}, c) > 1


def test_the_best_settings_are_those_of_the_chapter(figure_page, calls):
    page = figure_page("descent")
    for kappa in (1.0, 20.0, 30.0, 500.0):
        for method, root in (("descent", kappa), ("momentum", np.sqrt(kappa))):
            best = calls(page, f"best.{method}", [[[1.0, kappa]]])[0]
            assert best["factor"] == pytest.approx((root - 1) / (root + 1))
            assert spectral_radius(method, best, [1.0, kappa]) == pytest.approx(
                best["factor"], abs=1e-6
            )
            others = [best | {"rate": best["rate"] * f} for f in (0.97, 1.03)]
            assert all(spectral_radius(method, o, [1.0, kappa]) > best["factor"] for o in others)


def test_what_is_measured_is_what_theory_says(figure_page):
    page, rng = figure_page("descent"), np.random.default_rng(5)
    for method in ("descent", "momentum", "nesterov"):
        cases = [(settings(rng), [1.0, rng.uniform(2, 100)]) for _ in range(60)]
        cases = [(s, c) for s, c in cases if 0.5 < spectral_radius(method, s, c) < 2]
        assert len(cases) > 20
        script = """([method, cases]) => {
            const { walk, measuredFactor } = window.figure.functions;
            return cases.map(([s, c]) => measuredFactor(walk(method, s, [-9, 2], c, 400)));
        }"""
        found = page.evaluate(script, [method, cases])
        expected = [spectral_radius(method, s, c) for s, c in cases]
        # 400 steps cannot tell two roots apart that differ by less than about 1/100
        np.testing.assert_allclose(found, expected, atol=0.01)


def row(page, name):
    cells = page.locator(".numbers tbody tr", has_text=name).locator("td").all_inner_texts()
    return [float(text) for text in cells]


def test_past_the_border_the_walk_is_thrown_out(figure_page):
    page = figure_page("descent")
    measured, theory, limit = row(page, "descent")
    assert measured == theory < 1
    assert limit == pytest.approx(2 / 30, abs=1e-4)
    page.locator("input[type=range]").nth(1).focus()
    for _ in range(2):  # each is a tenth of the slider: from 0.03 past 2/30, to 0.109
        page.keyboard.press("PageUp")
    measured, theory, _ = row(page, "descent")
    assert measured == theory > 1
    assert row(page, "momentum")[0] < 1 < row(page, "Nesterov")[0]


def test_the_start_follows_mouse_and_keys(figure_page):
    page = figure_page("descent")
    start = page.locator(".handle.start")
    place = start.get_attribute("aria-valuetext")
    start.focus()
    page.keyboard.press("ArrowRight")
    assert start.get_attribute("aria-valuetext") == "θ₁ −8.5, θ₂ 2.00" != place
    box = start.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y + 50, steps=3)
    page.mouse.up()
    said = start.get_attribute("aria-valuetext").replace("−", "-").split(", ")
    a, b = (float(part.split()[1]) for part in said)
    assert a > -6
    assert b < 1.6
