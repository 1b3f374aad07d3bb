"""The figure's generator draws what nnlearn's draws with the same rounded weights."""

import base64
import importlib
import json
import re
import sys

import numpy as np
import pytest
from paths import ROOT

import nnlearn as nn

FIGURES = ROOT / "book" / "_static" / "figures"
sys.path.insert(0, str(ROOT / "book" / "studies"))
gan_digits = importlib.import_module("gan_digits")


@pytest.fixture(scope="module")
def data():
    """What the figure loads."""
    text = (FIGURES / "latent.data.js").read_text(encoding="utf-8")
    return json.loads(re.search(r"figureData\((.*)\);", text)[1])


def array(stored):
    """Read an array as the data script describes it."""
    if "float32" in stored:
        return np.frombuffer(base64.b64decode(stored["float32"]), "<f4").reshape(stored["shape"])
    numbers = np.frombuffer(base64.b64decode(stored["int8"]), "i1").reshape(stored["shape"])
    scales = np.frombuffer(base64.b64decode(stored["scales"]), "<f4")
    shape = [1] * numbers.ndim
    shape[stored["axis"]] = -1
    return numbers * scales.reshape(shape)


@pytest.fixture(scope="module")
def generator(data):
    """nnlearn's generator with the rounded weights: z (N, 64) to pictures (N, 28, 28)."""
    G, _ = gan_digits.players()
    params = G.init(seed=0)
    for name, stored in data["arrays"].items():
        holder = params if name in dict(params.items()) else params.state
        holder[name] = nn.asarray(array(stored))
    return lambda z: nn.to_numpy(nn.predict(G, params, nn.asarray(z, "float32")))[..., 0]


@pytest.fixture
def page(figure_page):
    return figure_page("latent")


def test_pictures_are_those_of_nnlearn(page, calls, data, generator):
    z = np.random.default_rng(3).normal(size=(12, 64))
    z[0], z[1], z[2] = 0, 3 * z[1], np.eye(64)[5]
    (found,) = calls(page, "generate", [[data["arrays"], data["eps"], z.tolist()]])
    np.testing.assert_allclose(found, generator(z), atol=1e-4)

    rng = np.random.default_rng(0)  # and the transposed convolution by itself, other strides too
    arrays = [rng.normal(size=s) for s in ((4, 3, 5), (4, 3, 2, 5), (2,))]
    given = [{"shape": a.shape, "data": a.ravel().tolist()} for a in arrays]
    settings = [(1, 0), (2, 1), (3, 1)]
    all_found = calls(page, "convTranspose2d", [[*given, *setting] for setting in settings])
    for (stride, padding), found in zip(settings, all_found, strict=True):
        y = nn.conv_transpose2d(arrays[0][None], *arrays[1:], stride=stride, padding=padding)[0]
        assert tuple(found["shape"]) == y.shape
        np.testing.assert_allclose(found["data"], y.ravel(), rtol=1e-10, atol=1e-12)


def test_rounding_hardly_changes_the_stored_players(data):
    params, _ = gan_digits.stored_players()  # before the last stretch, which moves them a little
    for name in ("0.W", "4.K", "7.K", "10.K"):
        a, b = nn.to_numpy(params[name]).ravel(), array(data["arrays"][name]).ravel()
        assert np.corrcoef(a, b)[0, 1] > 0.99, name


def test_plane_walk_and_correlation(page, calls):
    ends = np.random.default_rng(7).normal(size=(2, 2, 64))
    for z0, z1 in ends:
        (plane,) = calls(page, "plane", [[z0.tolist(), z1.tolist()]])
        axes = np.array(plane["axes"])
        np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-12)
        np.testing.assert_allclose(np.array(plane["ends"]) @ axes, [z0, z1], atol=1e-12)
        walked = np.array(calls(page, "walk", [[plane, True, 11]])[0])
        t = np.linspace(0, np.pi / 2, 12)[:, None]
        np.testing.assert_allclose(walked @ axes, np.cos(t) * z0 + np.sin(t) * z1, atol=1e-12)
        straight = np.array(calls(page, "walk", [[plane, False, 2]])[0])
        np.testing.assert_allclose(straight[1] @ axes, (z0 + z1) / 2, atol=1e-12)
        (at,) = calls(page, "noise", [[plane, 3.0, -2.0]])
        np.testing.assert_allclose(at, np.array([3.0, -2.0]) @ axes, atol=1e-12)

    a, b = np.random.default_rng(2).random((2, 28, 28))
    (found,) = calls(page, "correlation", [[a.tolist(), b.tolist()]])
    np.testing.assert_allclose(found, np.corrcoef(a.ravel(), b.ravel())[0, 1], rtol=1e-10)


def test_the_point_and_the_sliders_go_together(page):
    said = page.locator(".readout")
    page.wait_for_function("document.querySelector('.readout b') !== null")
    length = page.locator("input[type=range]").nth(1)
    length.evaluate("e => { e.value = 10; e.dispatchEvent(new Event('input')); }")
    page.wait_for_function("document.querySelector('.readout b').textContent === '10.0'")
    before = said.inner_text()
    page.locator(".handle.noise").focus()
    page.keyboard.press("Shift+ArrowLeft")
    page.wait_for_function("t => document.querySelector('.readout').innerText !== t", arg=before)
    assert float(said.inner_text().split("=")[1].split(";")[0]) != 10.0
