"""The figure in which the chapter's CNN reads a drawing computes what nnlearn computes."""

import base64
import json
import re

import numpy as np
import pytest
from paths import ROOT

import nnlearn as nn

FIGURES = ROOT / "book" / "_static" / "figures"


def stored(name):
    """What a data script of the figures holds."""
    text = (FIGURES / f"{name}.data.js").read_text(encoding="utf-8")
    return json.loads(re.search(r"figureData\((.*)\);", text)[1])


def numbers(text, kind):
    """The numbers of a text in base64."""
    return np.frombuffer(base64.b64decode(text), dtype=kind)


@pytest.fixture(scope="module")
def network():
    """The chapter's network, with the rounded weights of the figure."""
    model = nn.Sequential(
        *(nn.Conv2D(1, 16, size=5, padding=2), nn.ReLU(), nn.MaxPool2D(size=2)),
        *(nn.Conv2D(16, 32, size=5), nn.ReLU(), nn.MaxPool2D(size=2)),
        *(nn.Flatten(), nn.Dropout(0.5), nn.Dense(5 * 5 * 32, 10)),
    )
    params = model.init(dtype="float64")
    for name, array in stored("draw")["arrays"].items():
        if "float32" in array:
            params[name] = numbers(array["float32"], "<f4").astype(float)
            continue
        scales = np.ones(len(array["shape"]), dtype=int)
        scales[array["axis"]] = -1
        whole = numbers(array["int8"], "i1").reshape(array["shape"])
        product = whole * numbers(array["scales"], "<f4").reshape(scales)
        params[name] = product.astype(float)
    return model, params


@pytest.fixture(scope="module")
def test_digits():
    """The package's test digits."""
    _, test = nn.data.load_mnist()
    return tuple(map(nn.to_numpy, test))


def logits_of(network, images):
    """What nnlearn's network says."""
    model, params = network
    return nn.to_numpy(nn.predict(model, params, nn.asarray(images[..., None].astype(float))))


@pytest.fixture
def page(figure_page):
    """The figure, with its test digits, its network not yet there."""
    page = figure_page("draw")
    page.wait_for_selector(".sample")
    return page


@pytest.fixture
def calls():
    """As the fixture of all figures, but pictures travel as one text: many times as fast."""

    def call(page, name, arguments):
        script = """([name, text]) => {
            const f = window.figure.functions[name];
            return JSON.stringify(JSON.parse(text).map((list) => f(...list)));
        }"""
        return json.loads(page.evaluate(script, [name, json.dumps(arguments)]))

    return call


def answer(page):
    """The digit that the figure says, once it has the network."""
    page.wait_for_function("document.querySelector('.readout').textContent.includes('parameters')")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    found = re.search(r"It says (\d)", page.locator(".readout").inner_text())
    return found and int(found[1])


def test_logits_and_accuracy_are_those_of_nnlearn(page, calls, network, test_digits):
    images, labels = (part[:200] for part in test_digits)
    arrays = stored("draw")["arrays"]
    (found,) = calls(page, "logits", [[arrays, images.astype(float).tolist()]])
    expected = logits_of(network, images)
    np.testing.assert_allclose(found[:20], expected[:20], rtol=1e-4)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)  # both in float64
    assert nn.accuracy(np.array(found), labels) == nn.accuracy(expected, labels)
    shares = calls(page, "softmax", [[z] for z in found])
    np.testing.assert_allclose(shares, nn.softmax(expected), rtol=1e-9, atol=1e-12)


def test_the_shares_that_the_figure_states_are_right(network, test_digits):
    images, labels = test_digits
    about = stored("draw")
    logits = logits_of(network, images)
    assert about["testDigits"] == len(labels)
    assert abs(nn.accuracy(logits, labels) - about["right"]) < 1e-6
    assert about["parameters"] == network[1].vector.size
    unrounded = about["rightUnrounded"]
    assert abs(about["right"] - unrounded) <= about["changed"] / len(labels) + 1e-9
    study = json.loads((ROOT / "book/studies/cnn_digits.json").read_text(encoding="utf-8"))
    assert abs(unrounded - study["networks"]["CNN"]["runs"][0]["accuracy"]) < 0.01


def test_the_digits_and_what_is_said_of_them_are_the_packages(network, test_digits):
    digits = stored("digits")
    at = [digit["index"] for digit in digits]
    pixels = np.array([numbers(digit["pixels"], "u1") for digit in digits]).reshape(-1, 28, 28)
    np.testing.assert_allclose(pixels / 255, test_digits[0][at], atol=1e-6)
    assert [digit["label"] for digit in digits] == test_digits[1][at].tolist()
    shares = nn.softmax(logits_of(network, pixels / 255))
    np.testing.assert_allclose([d["probabilities"] for d in digits], shares, atol=1e-5)
    assert [digit["said"] for digit in digits] == shares.argmax(axis=1).tolist()


def test_a_drawing_is_placed_as_mnists_makers_did(page, calls, test_digits):
    images = test_digits[0][:100].astype(float)
    as_they_are = calls(page, "likeMnist", [[image.tolist()] for image in images])
    np.testing.assert_array_equal(as_they_are, images)  # they are placed already
    moved = np.roll(images, (2, -2), axis=(1, 2))
    whole = [k for k in range(100) if images[k, -2:].sum() + images[k, :, :2].sum() == 0]
    back = calls(page, "likeMnist", [[moved[k].tolist()] for k in whole])
    np.testing.assert_array_equal(back, images[whole])
    half = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    small = np.pad(half, ((0, 0), (0, 14), (14, 0)))  # half as large, in a corner
    large = np.array(calls(page, "likeMnist", [[image.tolist()] for image in small]))
    mass, places = large.sum(axis=(1, 2)), np.arange(28)
    assert np.abs(large.sum(axis=2) @ places / mass - 14).max() <= 0.5 + 1e-9
    assert np.abs(large.sum(axis=1) @ places / mass - 14).max() <= 0.5 + 1e-9
    sides = [max(np.ptp(np.argwhere(image), axis=0)) + 1 for image in large]
    assert set(sides) == {20}
    empty = np.zeros((28, 28)).tolist()
    assert calls(page, "likeMnist", [[empty]]) == [empty]


def test_the_pen_leaves_a_line_with_a_soft_edge(page, calls):
    start, end, radius = np.array([4.2, 6.5]), np.array([17.0, 20.25]), 1.1
    there = np.stack(np.mgrid[:28, :28], axis=-1)
    along = np.clip((there - start) @ (end - start) / np.sum((end - start) ** 2), 0, 1)
    far = np.linalg.norm(there - start - along[..., None] * (end - start), axis=-1)
    ink = np.clip(radius + 0.5 - far, 0, 1)
    line = [start.tolist(), end.tolist(), radius]
    for paper, wipes, expected in ((0.0, False, ink), (1.0, True, 1 - ink)):
        (found,) = calls(page, "stroke", [[np.full((28, 28), paper).tolist(), *line, wipes]])
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_the_network_comes_when_the_reader_draws_and_reads_what_is_drawn(page):
    loaded = "performance.getEntriesByType('resource').some((e) => e.name.endsWith('draw.data.js'))"
    assert not page.evaluate(loaded)
    page.get_by_text("Clear").click()
    answer(page)
    assert page.evaluate(loaded)
    assert "empty" in page.locator(".readout").inner_text()
    box = page.locator(".paintable.drawing .edge").bounding_box()
    seven = [(0.3, 0.2), (0.7, 0.2), (0.45, 0.85)]
    places = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in seven]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()
    assert answer(page) == 7


def test_the_keys_draw_and_wipe(page):
    page.get_by_text("Clear").click()
    drawing = page.locator(".paintable.drawing")
    drawing.focus()
    for _ in range(9):
        page.keyboard.press("ArrowUp")
    page.keyboard.down(" ")
    for _ in range(17):
        page.keyboard.press("ArrowDown")
    page.keyboard.up(" ")
    assert answer(page) == 1
    page.get_by_text("Clear").click()
    drawing.focus()
    page.keyboard.press(" ")
    assert answer(page) is not None
    page.keyboard.down("Delete")
    for way in ("Up", "Left", "Down", "Down", "Right", "Right", "Up", "Up"):  # the dot and its edge
        page.keyboard.press(f"Arrow{way}")
    page.keyboard.up("Delete")
    assert answer(page) is None
    assert "empty" in page.locator(".readout").inner_text()


def test_a_test_digit_and_its_layers_are_shown(page):
    digits = stored("digits")
    page.get_by_text("Show the layers").click()
    samples = page.locator(".sample")
    for k in (2, len(digits) - 1):
        samples.nth(k).click()
        assert answer(page) == digits[k]["said"]
    assert f"It is a {digits[-1]['label']}" in page.locator(".readout").inner_text()
    assert page.locator(".layers image").count() == 4
    assert page.locator(".sample.wrong").count() == sum(d["said"] != d["label"] for d in digits)
