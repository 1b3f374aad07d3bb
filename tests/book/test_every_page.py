"""What one visit to every page shows (`visits.py`): in one module, so that one process makes it."""

import pytest
from visits import NARROW, PAPER, PHONE, WIDE, ZOOMED

MOST_BYTES, MOST_REQUESTS = 250_000, 12


def test_the_first_view_of_a_page_is_light(visits):
    """What a phone asks for until the page is loaded, packed as servers pack text."""
    sizes = {name: (seen["requests"], seen["bytes"]) for name, seen in visits.items()}
    heavy = {name: s for name, s in sizes.items() if s[0] > MOST_REQUESTS or s[1] > MOST_BYTES}
    assert heavy == {}


def test_no_page_asks_another_host_or_complains(visits):
    assert {name: seen["strangers"] for name, seen in visits.items() if seen["strangers"]} == {}
    assert {name: seen["complaints"] for name, seen in visits.items() if seen["complaints"]} == {}


@pytest.mark.parametrize("width", [PHONE, WIDE])
def test_nothing_on_a_first_screen_is_a_guess_that_would_be_seen_to_jump(visits, width):
    guessed = {name: seen["guessed"][width] for name, seen in visits.items()}
    assert {name: found for name, found in guessed.items() if found} == {}


@pytest.mark.parametrize("width", [PHONE, NARROW, ZOOMED])
def test_no_page_scrolls_sideways(visits, width):
    """On a phone, in the narrowest window, and at 200 % zoom."""
    wide = {name: seen["width"][width] for name, seen in visits.items()}
    assert {name: found for name, found in wide.items() if found > width} == {}


@pytest.mark.parametrize("width", [NARROW, ZOOMED])
def test_no_text_is_cut_off(visits, width):
    cut = {name: seen["texts"][width] for name, seen in visits.items()}
    assert {name: found for name, found in cut.items() if found} == {}


def test_a_wide_equation_can_be_scrolled_to_both_ends(visits):
    """Its left end is inside its box, and the box scrolls as far as the equation reaches."""
    assert {name: seen["equations"] for name, seen in visits.items() if seen["equations"]} == {}


def test_the_comma_after_a_formula_stands_at_its_end(visits):
    """Behind the formula's last piece, also where the formula takes two lines of a phone."""
    assert {name: seen["commas"][1] for name, seen in visits.items() if seen["commas"][1]} == {}
    assert sum(seen["commas"][0] for seen in visits.values()) > 500


def test_what_scrolls_on_a_phone_is_reached_by_keyboard_and_has_a_name(visits):
    count, wrong = 0, {}
    for name, seen in visits.items():
        count += len(seen["scrollers"])
        for box in seen["scrollers"]:
            tab, role, label, tag, captioned = box
            named = captioned if tag == "FIGURE" else role == "group" and "scrolls" in label
            if tab != 0 or not named:
                wrong.setdefault(name, []).append(box)
    assert wrong == {}
    assert count > 1000


def test_nothing_is_cut_off_on_paper(visits):
    assert {name: seen["paper"] for name, seen in visits.items() if seen["paper"]} == {}
    wide = {name: seen["width"][PAPER] for name, seen in visits.items()}
    assert {name: found for name, found in wide.items() if found > PAPER} == {}
