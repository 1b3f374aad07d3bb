"""Animations as the reader meets them: still until played, stepped through, small, and exact."""

import base64
import io
import json
import re

import numpy as np
import pytest
from films import LIMIT, film, fitted, frames_of, strip
from paths import ROOT
from PIL import Image, ImageSequence


def animation(path, colors=((255, 0, 0), (0, 128, 0), (0, 0, 255)), size=(40, 30)):
    first, *others = [Image.new("RGB", size, color) for color in colors]
    first.save(path, save_all=True, append_images=others, duration=[250, 250, 2500])
    return path


def stored_frames(chapter):
    """Return the frames of each animated picture in a notebook, as uint8 (n, h, w, 3)."""
    notebook = json.loads((ROOT / "book" / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    outputs = [o for cell in notebook["cells"] for o in cell.get("outputs", [])]
    data = [
        base64.b64decode(o["data"]["image/png"])
        for o in outputs
        if "image/png" in o.get("data", {})
    ]
    pictures = [Image.open(io.BytesIO(bytes_)) for bytes_ in data]
    moving = [p for p in pictures if getattr(p, "n_frames", 1) > 1]
    return [np.stack([f.convert("RGB") for f in ImageSequence.Iterator(p)]) for p in moving]


# ---- made while building ------------------------------------------------------------------------


def test_a_strip_holds_every_frame_at_its_place(monkeypatch):
    monkeypatch.setattr("films.LONGEST", 100)
    frames = [Image.new("RGB", (40, 30), (i * 20, 0, 255 - i * 20)) for i in range(5)]
    picture, rows = strip(frames)
    assert (picture.size, rows) == ((80, 90), 3)
    for i, frame in enumerate(frames):
        left, top = i // rows * 40, i % rows * 30
        assert picture.crop((left, top, left + 40, top + 30)).tobytes() == frame.tobytes()


def test_a_strip_that_a_phone_could_not_show_is_refused():
    with pytest.raises(ValueError, match="80 frames of 640 x 400 are too many"):
        strip([Image.new("RGB", (640, 400))] * 80)


def test_a_film_is_its_last_frame_and_a_strip_both_exact(tmp_path):
    made = film(animation(tmp_path / "a.png"), tmp_path / "out")
    about = {key: made[key] for key in ("width", "height", "frames", "rows", "pace")}
    assert about == {"width": 40, "height": 30, "frames": 3, "rows": 3, "pace": 250}
    with Image.open(tmp_path / "out" / made["still"]) as still:
        assert still.convert("RGB").getcolors() == [(1200, (0, 0, 255))]
    with Image.open(tmp_path / "out" / made["strip"]) as whole:
        assert [whole.convert("RGB").getpixel((5, y)) for y in (5, 35, 65)] == [
            (255, 0, 0),
            (0, 128, 0),
            (0, 0, 255),
        ]


def test_another_animation_gets_other_names(tmp_path):
    one = film(animation(tmp_path / "a.png"), tmp_path)
    other = film(animation(tmp_path / "b.png", colors=((9, 9, 9), (0, 0, 9), (0, 9, 0))), tmp_path)
    assert not {one["still"], one["strip"]} & {other["still"], other["strip"]}


def test_a_picture_that_does_not_move_is_no_film(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "still.png")
    assert film(tmp_path / "still.png", tmp_path) is None


def test_a_strip_that_is_too_large_gets_fewer_colours_and_then_an_error():
    shades = np.random.default_rng(0).integers(0, 128, (200, 200), dtype=np.uint8)
    picture = Image.fromarray(shades).convert("RGB")
    whole = len(fitted(picture))
    data = fitted(picture, limit=whole - 1000)
    assert len(data) <= whole - 1000
    with Image.open(io.BytesIO(data)) as fewer:
        change = np.abs(np.asarray(fewer.convert("L"), dtype=int) - shades)
    assert 0 < change.max() <= 8
    with pytest.raises(ValueError, match="draw fewer frames"):
        fitted(picture, limit=1000)


# ---- on the pages -------------------------------------------------------------------------------


def test_every_animation_of_the_book_is_a_small_film(site):
    count = 0
    for path in sorted((ROOT / "book").glob("[0-9]*.ipynb")):
        frames = stored_frames(path.stem)
        page = (site / f"{path.stem}.html").read_text(encoding="utf-8")
        films = re.findall(r'<img class="film"[^>]*>', page)
        assert [int(re.search(r'data-frames="(\d+)"', f)[1]) for f in films] == [*map(len, frames)]
        for text in films:
            assert len(re.search(r' alt="([^"]*)"', text)[1]) > 50
            assert (site / re.search(r'data-strip="([^"]*)"', text)[1]).stat().st_size <= LIMIT
        count += len(films)
    assert count >= 8
    left = [p.name for p in (site / "_images").glob("*.png") if len(frames_of(p)[0]) > 1]
    assert left == []


def shown(found):
    """Return the frame that a film shows, as uint8 (h, w, 3)."""
    address = found.locator("canvas").evaluate("canvas => canvas.toDataURL('image/png')")
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.fixture
def player(chromium, address):
    """The film of chapter 5 in an open page, and the strips that were asked for."""
    page = chromium.new_page(viewport={"width": 1000, "height": 900})
    asked = []
    page.on("request", lambda request: "-film" in request.url and asked.append(request.url))
    page.goto(f"{address}/05-cnn.html", wait_until="load")
    found = page.locator(".film-player").first
    found.scroll_into_view_if_needed()
    yield page, found, asked
    page.close()


def at(found, frame):
    """Wait until a frame is shown, and told."""
    found.page.wait_for_function(
        """([player, n]) => !player.querySelector('canvas').hidden
            && player.querySelector('input').getAttribute('aria-valuetext') === `frame ${n} of 36`
            && player.querySelector('.film-count').textContent === `${n} of 36`""",
        arg=[found.element_handle(), frame],
    )


def playing(found, first, last):
    """Wait until a film that plays has come to a frame from `first` to `last`."""
    found.page.wait_for_function(
        """([player, first, last]) => !player.querySelector('canvas').hidden
            && first <= player.querySelector('input').value
            && player.querySelector('input').value <= last""",
        arg=[found.element_handle(), first, last],
    )


def test_a_film_rests_and_loads_nothing_until_the_reader_turns_to_it(player):
    page, found, asked = player
    page.wait_for_timeout(600)
    assert asked == []
    assert found.locator("canvas").is_hidden()
    assert found.locator("img").get_attribute("alt").startswith("An animation.")
    found.locator(".film-play").focus()
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some(e => /-film/.test(e.name))"
    )
    assert len(asked) == 1


def test_a_reader_plays_stops_steps_and_scrubs_by_keyboard_and_sees_the_very_frames(player):
    page, found, asked = player
    frames = stored_frames("05-cnn")[0]
    play, scrubber = found.locator(".film-play"), found.locator("input")
    assert scrubber.get_attribute("aria-valuetext") == "frame 36 of 36"
    play.focus()
    page.keyboard.press("Enter")
    playing(found, 3, 35)  # from the first on, by itself
    assert play.get_attribute("aria-label") == "Pause"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Home")  # who scrubs takes over
    at(found, 1)
    assert play.get_attribute("aria-label") == "Play"
    assert found.locator(".film-back").is_disabled()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    at(found, 3)
    found.locator(".film-forth").click()
    at(found, 4)
    assert np.array_equal(shown(found), frames[3])
    found.locator(".film-back").click()
    at(found, 3)
    scrubber.focus()
    page.keyboard.press("End")
    at(found, 36)
    assert np.array_equal(shown(found), frames[-1])
    page.keyboard.press(" ")
    playing(found, 2, 35)  # from the beginning again
    found.locator(".film-screen").click()
    assert play.get_attribute("aria-label") == "Play"
    assert len(asked) == 1


def test_a_frame_is_inverted_in_the_dark_like_any_figure_and_paper_has_the_still(player):
    page, found, _ = player
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    found.locator(".film-back").click()
    at(found, 35)
    filters = [
        found.locator(kind).evaluate("e => getComputedStyle(e).filter")
        for kind in ("img", "canvas")
    ]
    assert filters[0] == filters[1] != "none"
    page.emulate_media(media="print")
    assert found.locator("canvas").is_hidden()
    assert found.locator(".film-controls").is_hidden()
    assert found.locator("img").evaluate("e => getComputedStyle(e).opacity") == "1"


def test_a_film_that_cannot_be_loaded_says_so_and_may_be_tried_again(player):
    page, found, _ = player
    page.route("**/*-film*", lambda route: route.abort())
    found.locator(".film-play").click()
    page.wait_for_function(
        "() => document.querySelector('.film-count').textContent === 'not loaded'"
    )
    page.unroute("**/*-film*")
    found.locator(".film-forth").click()
    at(found, 2)


def test_without_javascript_there_is_the_still_picture(chromium, address):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/05-cnn.html", wait_until="load")
    picture = page.locator("img.film").first
    picture.scroll_into_view_if_needed()
    assert picture.is_visible()
    assert picture.get_attribute("src").endswith("-still.webp")
    assert page.locator(".film-controls").count() == 0
    context.close()
