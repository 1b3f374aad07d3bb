"""What the pages do for a reader: previews, symbols, times, progress, side bar, keyboard."""

import itertools
import json
import pickle
import re

import equations
import notation
import pytest
import reading
import sidebar
import symbols
import times
from atoms import Atom, atoms
from paths import BOOK

CHAPTERS = [path.stem for path in sorted(BOOK.glob("[0-9]*.ipynb"))]
LABELS = {label: (page, tex) for label, page, tex in equations.labels()}


# ---- symbols: the notation table and the equations ----------------------------------------------


def explaining(label):
    """The rows for an equation, each by its first symbol in the table."""
    rows = symbols.rows_of(label, *LABELS[label])
    return [f"{row.chapter}: {symbols.written(row.symbols[0][0])}" for row in rows]


def test_a_formula_is_read_as_atoms():
    found = atoms(
        r"\begin{aligned} \hat x_{t-1}' &= W^{\mathsf T}\,\sigma(z)^2 \\[4pt] \end{aligned}"
    )
    flat = [(a.core, a.sub, a.sup) for a in found]
    assert flat[:3] == [(r"\hat x", "t-1", "'"), ("=", "", ""), ("W", "", "")]
    assert found[3].called
    assert (found[-1].core, found[-1].sup) == (")", "2")
    assert atoms("x_i")[0] == Atom("x", "i", below=(Atom("i"),))


@pytest.mark.parametrize(
    ("label", "rows"),
    [
        ("eq-neuron", ["1: z", "1: n", "1: w_i", "1: x_i", "1: b"]),
        ("eq-dense", ["1: z", "1: x_i", "4: W", "1: b", "4: D", "1: x_ni"]),  # b is not the bump's
        ("eq-momentum", ["2: v", "2: t", "2: \\mu", "2: \\nabla", "2: \\theta", "1: \\eta"]),
        ("eq-convolution", ["5: S", "5: i", "5: m", "5: I", "5: K"]),
        ("eq-lstm-cell", ["7: C_t", "7: f_t", "7: \\tilde C_t"]),
        ("eq-frechet", ["8: d", "8: m_1"]),
        ("eq-tree-time", ["9: t", "9: p", "9: \\alpha", "9: \\pi"]),
    ],
)
def test_an_equation_is_explained_by_the_rows_that_mean_its_symbols(label, rows):
    assert explaining(label) == rows


def test_each_exception_to_the_rules_is_needed():
    for label, letters in symbols.ELSEWHERE.items():
        found = {symbols.written(atom) for atom, row in symbols.explained(*LABELS[label]) if row}
        assert set(letters.split()) <= found, label
    assert len(symbols.kept()) > 20


def test_most_equations_have_symbols_and_no_row_comes_from_a_later_chapter():
    counts = []
    for label, (page, tex) in LABELS.items():
        rows = symbols.rows_of(label, page, tex)
        assert all(row.chapter <= notation.chapter_of(page) for row in rows), label
        counts.append(len(rows))
    assert sum(count > 0 for count in counts) > 0.98 * len(counts)


def test_the_files_hold_each_equation_and_each_symbol(site):
    rows = notation.table()
    for page in CHAPTERS:
        found = {}
        for kind in ("previews", "symbols"):
            script = (site / "_static" / kind / f"{page}.js").read_text(encoding="utf-8")
            start = f'(window.asked ??= {{}})["{kind}/{page}"] = '
            assert script.startswith(start)
            found[kind] = json.loads(script.removeprefix(start).rstrip(";\n"))
        expected = [label for label, (where, _) in LABELS.items() if where == page]
        assert list(found["previews"]) == list(found["symbols"]["equations"]) == expected
        for label, entry in found["previews"].items():
            assert re.fullmatch(rf"\({int(page[:2])}\.\d+\)", entry["number"]), label
            assert "katex" in entry["drawn"]
            assert " id=" not in entry["drawn"]
        for number, (chapter, symbol, meaning, _) in found["symbols"]["rows"].items():
            assert rows[int(number)].chapter == chapter
            assert "katex" in symbol
            assert meaning


# ---- reading time -------------------------------------------------------------------------------


def test_minutes_are_shared_out_whole():
    assert reading.shared([1, 1, 2], 8) == [2, 2, 4]
    assert sum(reading.shared([0.3, 7, 2.2], 90)) == 90
    with pytest.raises(ValueError, match="3 sections cannot share 2 minutes"):
        reading.shared([1, 1, 1], 2)


def test_the_sections_without_a_star_take_what_the_chapter_states(site):
    for page, (first, _) in times.times().items():
        text = (site / f"{page}.html").read_text(encoding="utf-8")
        beginning = int(re.search(r'data-beginning="(\d+)"', text)[1])
        contents = text[text.index('id="pst-page-toc-nav"') :]
        entries = re.findall(r'<span class="minutes" data-minutes="(\d+)"( data-star)?', contents)
        assert beginning + sum(int(n) for n, star in entries if not star) == first, page
        assert len(entries) > 10
        assert sum(bool(star) for _, star in entries) >= len(times.starred(BOOK / f"{page}.ipynb"))


def test_our_rates_alone_come_within_a_third_of_what_each_chapter_states(site):
    for page, (first, _) in times.times().items():
        doctree = pickle.loads((site.parent / ".doctrees" / f"{page}.doctree").read_bytes())
        ours = sum(cost for _, skipped, cost in reading.costs(doctree) if not skipped)
        assert 2 / 3 < ours / first < 4 / 3, page


# ---- the side bar -------------------------------------------------------------------------------


def test_the_side_bar_has_a_line_for_each_page_and_a_mark_for_the_exercises(site):
    text = (site / "exercises" / "05-cnn.html").read_text(encoding="utf-8")
    bar = text[text.index('<nav class="bd-links bd-docs-nav course"') :]
    bar = bar[: bar.index("</nav>")]
    assert "Exercises:" not in re.sub(r"<[^>]*>", "", bar)
    for number, page in enumerate(CHAPTERS, 1):
        assert bar.count(f'class="page" href="../{page}.html"') == 1
        count = len(sidebar.statements(f"exercises/{page}"))
        assert f'aria-label="Exercises of chapter {number}, {count}"' in bar
        exercises = (site / "exercises" / f"{page}.html").read_text(encoding="utf-8")
        assert exercises.count("data-exercise=") == count >= 8
    assert bar.count('aria-current="page"') == 1


# ---- in a browser -------------------------------------------------------------------------------

REFERENCE = '.bd-article a.reference[href="#equation-eq-convolution"]'
KEPT = "JSON.parse(localStorage.getItem('equation-by-equation'))"


@pytest.fixture
def page(chromium):
    """A page of a new visitor; what fails in it fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    found = context.new_page()
    wrong = []
    found.on("pageerror", lambda error: wrong.append(str(error)))
    yield found
    context.close()
    assert wrong == []


def names_asked(page):
    asked = []
    page.on("request", lambda request: asked.append(re.sub(r".*/_static/", "", request.url)))
    return asked


def test_a_reference_shows_its_equation_and_escape_shuts_it(page, address):
    page.goto(f"{address}/05-cnn.html", wait_until="load")
    asked = names_asked(page)
    page.locator(REFERENCE).first.hover()
    preview = page.locator(".preview:popover-open")
    preview.wait_for()
    assert preview.locator("a").inner_text() == "Equation (5.3)"
    assert "One demand, and the convolution follows" in preview.inner_text()
    assert not [name for name in asked if "previews/" in name]  # it is on this page already
    ids = "[...document.querySelectorAll('[id]')].map(e => e.id)"
    found = page.evaluate(ids)
    assert len(found) == len(set(found))
    box = preview.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1280
    page.keyboard.press("Escape")
    preview.wait_for(state="hidden")
    page.mouse.move(5, 5)
    page.locator(REFERENCE).first.focus()  # after a key: as the Tab key gives it
    preview.wait_for()
    described = page.evaluate("document.activeElement.getAttribute('aria-describedby')")
    assert page.locator(f"#{described}").inner_text().startswith("Equation (5.3) in ")


def test_an_equation_of_another_chapter_comes_when_it_is_asked_for(page, address, site):
    for start in (address, f"file://{site}"):
        asked = names_asked(page)
        page.goto(f"{start}/exercises/05-cnn.html", wait_until="load")
        assert not [name for name in asked if "previews/" in name]
        page.locator('.bd-article a.reference[href$="#equation-eq-output-size"]').first.hover()
        preview = page.locator(".preview:popover-open")
        preview.wait_for()
        where = "The frame: padding, stride, size, 5. The convolutional neural network"
        assert preview.inner_text().endswith(f"Equation (5.10) in {where}")
        assert asked.count("previews/05-cnn.js") == 1
        page.mouse.move(5, 5)
        preview.wait_for(state="hidden")


def test_under_a_finger_the_first_tap_shows_and_the_second_follows(chromium, address):
    context = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(f"{address}/05-cnn.html", wait_until="load")
    before = page.url
    page.locator(REFERENCE).first.tap()
    page.locator(".preview:popover-open").wait_for()
    assert page.url == before
    page.locator(REFERENCE).first.tap()
    page.wait_for_url("**/05-cnn.html#equation-eq-convolution")
    context.close()


def test_an_equations_number_opens_the_list_of_its_symbols(page, address):
    page.goto(f"{address}/05-cnn.html", wait_until="load")
    button = page.get_by_role("button", name="Equation (5.11): its symbols")
    button.focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog", name="Symbols of (5.11)")
    panel.wait_for()
    assert panel.locator("dt").count() == len(explaining("eq-conv2d"))
    assert "stride; padding" in panel.inner_text()
    equation = page.locator("#equation-eq-conv2d > .katex-display").bounding_box()
    box = panel.bounding_box()
    above = box["y"] + box["height"] <= equation["y"] + 1
    assert above or box["y"] >= equation["y"] + equation["height"] - 1  # not over its equation
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    assert button.evaluate("button => button === document.activeElement")


def test_what_was_read_is_remembered_and_leads_back(page, address):
    page.goto(f"{address}/05-cnn.html", wait_until="load")
    page.locator("#further-reading").scroll_into_view_if_needed()  # a jump reads nothing between
    page.set_viewport_size({"width": 1280, "height": 6000})
    page.evaluate("scrollTo(0, 0)")
    entry = '#pst-page-toc-nav a[href="#a-network-that-does-not-see"] + .minutes.read'
    page.locator(entry, has_text="read").wait_for()
    assert "how-it-fails" not in page.evaluate(f"{KEPT}.read['05-cnn'].parts")
    left = int(
        re.fullmatch(r"About (\d+) minutes left", page.locator(".reading-time").inner_text())[1]
    )
    assert 40 < left < 90
    share = page.evaluate(f"{KEPT}.read['05-cnn'].share")
    assert share == pytest.approx(1 - left / 90, abs=0.006)
    page.goto(f"{address}/index.html", wait_until="load")
    back = page.locator(".way-back a")
    assert back.get_attribute("href").startswith(f"{address}/05-cnn.html#")
    back.click()
    page.wait_for_url("**/05-cnn.html#*")


def test_exercises_are_ticked_counted_taken_over_and_forgotten(page, address, tmp_path):
    page.goto(f"{address}/exercises/05-cnn.html", wait_until="load")
    page.get_by_label("Exercise 5.2 is done").check()
    count = len(sidebar.statements("exercises/05-cnn"))
    page.reload(wait_until="load")
    assert page.get_by_label("Exercise 5.2 is done").is_checked()
    assert page.get_by_role("link", name=f"Exercises of chapter 5, 1 of {count} done").count() == 1
    results = tmp_path / ".nnlearn-exercises.json"
    states = {"5.1": {"answer": "…", "state": "right"}, "5.3": {"answer": "…", "state": "wrong"}}
    results.write_text(json.dumps(states), encoding="utf-8")
    page.get_by_role("button", name="Your progress").click()
    window = page.get_by_role("dialog", name="Your progress")
    assert "on this device, and sends it nowhere" in window.inner_text()
    window.locator("input[type=file]").set_input_files(results)
    window.get_by_text("1 exercises of .nnlearn-exercises.json").wait_for()
    assert page.evaluate(f"Object.keys({KEPT}.done).sort()") == ["5.1", "5.2"]
    assert f"2 of {count}" in window.inner_text()
    window.get_by_role("button", name="Forget all of it").click()
    assert page.evaluate(f"{KEPT}.done") == {}
    assert not page.get_by_label("Exercise 5.2 is done").is_checked()


def test_without_storage_nothing_fails(page, address):
    refused = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})"
    page.add_init_script(refused)
    for name in ("05-cnn", "exercises/05-cnn"):
        page.goto(f"{address}/{name}.html", wait_until="load")
    page.get_by_label("Exercise 5.1 is done").check()
    assert page.get_by_role("link", name="Exercises of chapter 5, 1 of").count() == 1


def test_keys_lead_through_the_book_and_can_be_turned_off(page, address):
    page.goto(f"{address}/05-cnn.html", wait_until="load")
    focused = "document.activeElement.firstChild?.textContent"
    page.keyboard.press("j")
    assert page.evaluate(focused) == "A network that does not see"
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate(focused) == "A network that does not see"
    page.keyboard.press("n")
    page.wait_for_url(f"{address}/exercises/05-cnn.html")
    page.keyboard.press("p")
    page.wait_for_url(f"{address}/05-cnn.html")
    page.keyboard.press("?")
    window = page.get_by_role("dialog", name="Keys")
    window.wait_for()
    page.keyboard.press("n")  # not through an open window
    window.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    window.wait_for(state="hidden")
    page.keyboard.press("n")
    page.keyboard.press("?")
    page.wait_for_timeout(150)
    assert page.url.endswith("/05-cnn.html")
    assert window.count() == 0


def test_previous_and_next_go_through_chapters_and_exercises(site):
    order = [name for chapter in CHAPTERS for name in (chapter, f"exercises/{chapter}")]
    for name, following in itertools.pairwise(order):
        text = (site / f"{name}.html").read_text(encoding="utf-8")
        href = re.search(r'class="right-next"\s*href="([^"]*)"', text)[1]
        assert (site / f"{name}.html").parent.joinpath(href).resolve() == site / f"{following}.html"


def test_a_margin_note_stands_beside_its_paragraph_or_below_it(page, address):
    page.goto(f"{address}/07-lstm.html", wait_until="load")
    both = page.locator(".noted").first
    assert "no forget gate" in both.locator(".remark").text_content()
    for width, beside in ((1280, True), (390, False)):
        page.set_viewport_size({"width": width, "height": 800})
        both.scroll_into_view_if_needed()
        paragraph, remark = (
            both.locator("> p").bounding_box(),
            both.locator(".remark").bounding_box(),
        )
        assert (remark["x"] > paragraph["x"] + paragraph["width"]) == beside
        assert (remark["y"] >= paragraph["y"] + paragraph["height"]) == (not beside)
