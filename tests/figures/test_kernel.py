"""The figure of a kernel over a picture computes what nnlearn computes."""

import itertools

import numpy as np
import pytest

import nnlearn as nn

SHAPES = [
    ((28, 28), (3, 3)),
    ((7, 5), (2, 4)),
    ((6, 6), (1, 5)),
    ((3, 4), (3, 4)),
    ((2, 3), (4, 5)),
]


def drawn(seed, *shapes):
    """Arrays of normal numbers."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def said(page):
    """The number in the readout: the answer where the window stands."""
    return float(page.locator(".readout b").first.inner_text().replace("−", "-"))


@pytest.fixture
def page(figure_page):
    """The figure, with its digits."""
    page = figure_page("kernel")
    page.wait_for_function("document.querySelectorAll('select')[1].options.length > 3")
    return page


def test_convolution_and_correlation_are_those_of_nnlearn(page, calls):
    cases = [
        (*drawn(k, *shape), mode) for k, shape in enumerate(SHAPES) for mode in ("full", "same")
    ]
    cases += [(*drawn(9, *shape), "valid") for shape in SHAPES]
    arguments = [[I.tolist(), K.tolist(), mode] for I, K, mode in cases]
    for (I, K, mode), found in zip(cases, calls(page, "convolve2d", arguments), strict=True):
        np.testing.assert_allclose(found, nn.convolve2d(I, K, mode=mode), rtol=1e-12, atol=1e-12)
    for (I, K, mode), found in zip(cases, calls(page, "correlate2d", arguments), strict=True):
        expected = nn.convolve2d(I, np.flip(K), mode=mode)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_the_layer_is_that_of_nnlearn(page, calls):
    shapes = [((1, 9, 7, 3), (3, 2, 3, 4), 0), ((1, 6, 8, 1), (5, 5, 1, 2), 2)]
    shapes += [((1, 5, 5, 2), (1, 3, 2, 3), (0, 1))]
    for seed, (*two, padding) in enumerate(shapes):
        x, K, b = drawn(seed, *two, two[1][-1:])
        as_given = [{"shape": a.shape, "data": a.ravel().tolist()} for a in (x[0], K, b)]
        (found,) = calls(page, "conv2d", [[*as_given, padding]])
        expected = nn.conv2d(x, K, b, padding=padding).ravel()
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_the_products_in_the_window_add_up_to_the_answer(page, calls):
    (I, K) = drawn(4, (6, 7), (3, 3))
    for flip in (False, True):
        answers = nn.convolve2d(I, K if flip else np.flip(K), mode="same")
        places = [list(place) for place in np.ndindex(I.shape)]
        windows = calls(page, "window9", [[I.tolist(), K.tolist(), at, flip] for at in places])
        sums = [sum(term["product"] for term in window) for window in windows]
        np.testing.assert_allclose(sums, answers.ravel(), rtol=1e-12, atol=1e-12)


def test_the_kernels_are_those_of_the_chapter(page, calls):
    upright = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    chapter = {
        "upright": upright,
        "level": upright.T,
        "sharper": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
        "blur": np.outer([1, 2, 1], [1, 2, 1]) / 16,
    }
    found = calls(page, "kernel", [[name] for name in chapter])
    for name, kernel in zip(chapter, found, strict=True):
        np.testing.assert_array_equal(kernel, chapter[name])
        (bound,) = calls(page, "bound", [[kernel]])
        signs = [np.array(signs) for signs in itertools.product((0, 1), repeat=9)]
        assert bound == max(abs(np.ravel(kernel) @ picture) for picture in signs)


def test_one_bright_pixel_shows_the_kernel_turned_or_not(page):
    selects = page.locator("select")
    selects.nth(1).select_option("point")
    entries = page.locator(".entries input")
    for k in range(9):
        entries.nth(k).fill(str(k + 1))
    assert selects.nth(0).input_value() == "own"
    picture = page.locator(".paintable.picture")
    picture.focus()
    at = [int(v.strip(",:")) for v in page.locator(".readout").inner_text().split()[1:4:2]]
    keys = {-1: ("ArrowUp", "ArrowLeft"), 1: ("ArrowDown", "ArrowRight")}
    for k in (0, 1):  # to the corner of the 3 by 3 places that see pixel (14, 14)
        way = 1 if at[k] < 13 else -1
        for _ in range(abs(13 - at[k])):
            page.keyboard.press(keys[way][k])
    assert said(page) == 9  # correlation: the kernel, turned
    page.get_by_label("turned (∗)").check()
    assert said(page) == 1  # convolution: the kernel
    picture.focus()
    page.keyboard.press(" ")  # a second bright pixel, under the middle of the kernel
    assert said(page) == 1 + 5
    page.keyboard.press("Delete")
    assert said(page) == 1


def test_the_mouse_paints_and_wipes_and_the_answer_shows_the_same_place(page):
    selects = page.locator("select")
    selects.nth(0).select_option("sharper")
    selects.nth(1).select_option("empty")
    box = page.locator(".paintable.picture .edge").bounding_box()

    def place(row, column):
        unit = box["width"] / 28
        return box["x"] + (column + 0.5) * unit, box["y"] + (row + 0.5) * unit

    def line(*cells):
        page.mouse.move(*place(*cells[0]))
        page.mouse.down()
        page.mouse.move(*place(*cells[1]), steps=5)
        page.mouse.up()

    line((7, 5), (7, 20))
    page.mouse.move(*place(7, 10))  # hovering paints nothing and shows this place
    assert page.locator(".readout").inner_text().startswith("row 7, column 10")
    assert said(page) == 5 - 1 - 1
    page.get_by_role("radio", name="wipes").check()
    line((7, 9), (7, 9))
    page.mouse.move(*place(7, 10))
    assert said(page) == 5 - 1
    assert selects.nth(1).input_value() == "own"
