"""The figure of the game computes what nnlearn and the chapter say, and its bounds hold."""

import json
import re

import numpy as np
import pytest
from paths import ROOT
from scipy.spatial import distance

import nnlearn as nn

DATA = ROOT / "book" / "_static" / "figures" / "gan.data.js"
NOTEBOOK = ROOT / "book" / "08-gan.ipynb"


@pytest.fixture
def page(figure_page):
    page = figure_page("gan")
    page.wait_for_function("window.figure.functions.game() !== null")
    return page


def drawn(seed, bins=12):
    """Counts of real and generated points in bins, some of them empty, and logits."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 5, bins), rng.integers(0, 5, bins), 4 * rng.normal(size=bins)


def cases():
    drawn_counts = [drawn(seed) for seed in range(20)]
    return [(real, fake, u, real / real.sum(), fake / fake.sum()) for real, fake, u in drawn_counts]


def test_value_and_loss_are_those_of_nnlearn(page, calls):
    found = calls(page, "value", [[p.tolist(), q.tolist(), u.tolist()] for *_, u, p, q in cases()])
    losses = calls(page, "generatorLoss", [[q.tolist(), u.tolist()] for *_, u, _, q in cases()])
    for (real, fake, u, *_), value, loss in zip(cases(), found, losses, strict=True):
        logits = np.repeat(u, real), np.repeat(u, fake)  # a logit for each point
        np.testing.assert_allclose(value, nn.gan_value(*logits), rtol=1e-12)
        np.testing.assert_allclose(loss, nn.generator_loss(logits[1]), rtol=1e-12)


def test_divergence_and_best_judge(page, calls):
    both = [[p.tolist(), q.tolist()] for *_, p, q in cases()]
    for (real, fake, _, p, q), best, jsd, value in zip(
        cases(),
        *(calls(page, name, both) for name in ("best", "divergence", "valueAtBest")),
        strict=True,
    ):
        np.testing.assert_allclose(jsd, distance.jensenshannon(p, q) ** 2, rtol=1e-9)
        some = p + q > 0
        np.testing.assert_allclose(np.array(best)[some], (p / (p + q + (~some)))[some], rtol=1e-12)
        with np.errstate(divide="ignore"):
            u = np.clip(np.log(p) - np.log(np.where(some, q, 1)), -800, 800)  # eq-optimal-logit
        of_best = nn.gan_value(np.repeat(u, real), np.repeat(u, fake))
        np.testing.assert_allclose(value, of_best, rtol=1e-9, atol=1e-12)


def test_the_data_are_the_chapters(page, calls):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    names = {"np": np}
    for beginning in ("def bend(z):", "def p_data(x):"):
        exec(next(s for s in sources if s.startswith(beginning)), names)
    x = np.linspace(-6, 6, 49)
    stored = re.search(r"figureData\((.*)\);", DATA.read_text(encoding="utf-8"))
    hills = json.loads(stored[1])["hills"]
    found = calls(page, "density", [[hills, v] for v in x.tolist()])
    np.testing.assert_allclose(found, names["p_data"](x), rtol=1e-12)


def test_the_recorded_game_keeps_the_bounds(page):
    for way in ("equal pace", "a slow judge"):
        page.locator(f'input[value="{way}"]').check()
        game = page.evaluate("window.figure.functions.game()")
        judged, ideal = np.array(game["judged"]), np.array(game["ideal"])
        assert abs(sum(game["p"]) - 1) < 1e-5
        assert all(abs(sum(frame["q"]) - 1) < 1e-12 for frame in game["frames"])
        assert np.all(judged < ideal)  # no judge is better than the best one
        assert np.all(ideal > -np.log(4) - 1e-9)
        assert np.all(ideal < 1e-9)
    assert len(game["frames"]) == 61


def test_the_steps_can_be_walked(page):
    said = page.locator(".readout")
    page.get_by_role("button", name="One picture on").click()
    assert said.inner_text().startswith("Step 125:")
    page.locator(".handle.step").focus()
    page.keyboard.press("ArrowLeft")
    assert said.inner_text().startswith("Step 100:")
