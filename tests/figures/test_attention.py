"""The figure's Transformer looks where nnlearn's looks, with the same rounded weights."""

import base64
import importlib
import json
import re
import sys

import numpy as np
import pytest
from paths import ROOT

import nnlearn as nn
from nnlearn.book.browser import served

FIGURES = ROOT / "book" / "_static" / "figures"
SOURCES = ROOT / "book" / "web" / "figures"
sys.path.insert(0, str(ROOT / "book" / "studies"))
attention_figure = importlib.import_module("attention_figure")

LINES = ["charlotte", "", "a", "zz", "abcdefghijklmn", "wolfeschlegels"]
#: What a wrong formula could look like: in transformer.js, found once → put in its place.
WRONG = {
    "scores not divided": (" / Math.sqrt(size)", ""),
    "the head's width instead of its root": (" / Math.sqrt(size)", " / size"),
    "no mask": ("s <= t", "true"),
    "sees what comes next": ("s <= t", "s <= t + 1"),
    "does not see itself": ("s <= t", "s < t || s === 0"),
    "queries and keys exchanged": ("const [q, k, v] =", "const [k, q, v] ="),
    "keys and values exchanged": ("const [q, k, v] =", "const [q, v, k] ="),
    "one head twice": (
        "part * width + h * size, part * width + (h + 1)",
        "part * width, part * width + 1",
    ),
    "another cubic term": ("0.044715", "0.0447"),
    "another gate": ("Math.sqrt(2 / Math.PI)", "Math.sqrt(2 / 3.13)"),
    "no residual connection": ("return add(vector, dense(", "return ((_, y) => y)(vector, dense("),
    "the sample's variance": ("** 2, 0) / x.length", "** 2, 0) / (x.length - 1)"),
    "another epsilon": ("const EPS = 1e-5", "const EPS = 1e-3"),
    "places counted from one": ('row(arrays["1.P"], t)', 'row(arrays["1.P"], t + 1)'),
    "no last normalization": ("`${layer + 1}.b`], last(vector))", "`${layer + 1}.b`], vector)"),
}


@pytest.fixture(scope="module")
def data():
    """What the figure loads."""
    text = (FIGURES / "attention.data.js").read_text(encoding="utf-8")
    return json.loads(re.search(r"figureData\((.*)\);", text)[1])


def array(stored):
    """Read an array as the data script describes it."""
    if "float32" in stored:
        return np.frombuffer(base64.b64decode(stored["float32"]), "<f4").reshape(stored["shape"])
    numbers = np.frombuffer(base64.b64decode(stored["int8"]), "i1").reshape(stored["shape"])
    scales = np.frombuffer(base64.b64decode(stored["scales"]), "<f4")
    return numbers * scales[:, None]


@pytest.fixture(scope="module")
def network(data):
    """nnlearn's network with the rounded weights, which it computes with in float64."""
    model = attention_figure.reader()
    params = model.init(dtype="float64")
    assert set(data["arrays"]) == set(params)
    for name, stored in data["arrays"].items():
        params[name] = nn.asarray(array(stored), "float64")
    return model, params


@pytest.fixture(scope="module")
def expected(network):
    """For each line its weights (blocks, heads, T, T), and the next letter's probabilities."""
    model, params = network
    found = []
    for line in LINES:
        tokens = attention_figure.encode(line)[:-1, None]
        weights = attention_figure.looks(params, tokens)[:, 0]
        logits = nn.to_numpy(nn.predict(model, params, nn.asarray(tokens)))[:, 0]
        found.append((weights, nn.softmax(logits)))
    return found


def furthest(found, expected):
    """The largest difference of any weight or probability, or infinity if a shape is another."""
    most = 0.0
    for one, (weights, chances) in zip(found, expected, strict=True):
        for ours, theirs in ((weights, one["weights"]), (chances, one["next"])):
            theirs = np.array(theirs, dtype=float)
            if theirs.shape != ours.shape or not np.isfinite(theirs).all():
                return np.inf
            most = max(most, np.abs(theirs - ours).max())
    return most


@pytest.fixture
def page(figure_page):
    """The figure, its network there."""
    page = figure_page("attention")
    page.wait_for_function("document.documentElement.dataset.busy === undefined")
    return page


def test_weights_and_next_letters_are_those_of_nnlearn(page, calls, data, expected):
    (found,) = calls(page, "read", [[data["arrays"], data["heads"], LINES]])
    assert furthest(found, expected) < 1e-9  # both in float64
    for (weights, _), line in zip(expected, LINES, strict=True):
        assert weights.shape == (2, 2, len(line) + 1, len(line) + 1)
        np.testing.assert_allclose(weights.sum(axis=-1), 1)
    assert max(map(len, LINES)) == int(page.locator("input[type=text]").get_attribute("maxlength"))


def test_a_letter_changes_nothing_before_it(page, calls, data):
    (found,) = calls(page, "read", [[data["arrays"], data["heads"], ["marion", "marius"]]])
    one, other = found
    assert one["next"][:5] == other["next"][:5]
    assert one["next"][5] != other["next"][5]
    for block in range(2):
        for head in range(2):
            assert one["weights"][block][head][:5][-1][:5] == other["weights"][block][head][4][:5]


@pytest.mark.parametrize("wrong", [None, *WRONG])
def test_a_wrong_formula_is_noticed(chromium, data, expected, wrong):
    """The figure's own source, once as it is and then each time with one formula changed."""
    text = (SOURCES / "attention" / "transformer.js").read_text(encoding="utf-8")
    if wrong:
        old, new = WRONG[wrong]
        assert text.count(old) == 1
        text = text.replace(old, new)
    script = """async ([stored, heads, lines]) => {
        const { read } = await import("/attention/transformer.js");
        const { unpack } = await import("/draw/network.js");
        return lines.map((line) => read(unpack(stored), heads, line));
    }"""
    context = chromium.new_context()
    page = context.new_page()
    page.route("**/none.html", lambda route: route.fulfill(body="", content_type="text/html"))
    page.route(
        "**/attention/transformer.js",
        lambda route: route.fulfill(body=text, content_type="text/javascript"),
    )
    with served(SOURCES) as address:
        page.goto(f"{address}/none.html")
        found = page.evaluate(script, [data["arrays"], data["heads"], LINES])
    context.close()
    if wrong is None:
        assert furthest(found, expected) < 1e-9
    else:
        assert furthest(found, expected) > 1e-5


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("Charlotte", "charlotte"),
        ("JÜRGEN 7", "jurgen"),
        ("Zoë-Anaïs", "zoeanais"),
        ("Weiß", "weiss"),
        ("Søren Æble", "sorenaeble"),
        ("ÅSA", "asa"),
        ("R2-D2", "rd"),
        ("  . , 42 ", ""),
        ("", ""),
        ("İpek", "ipek"),
        ("Михаил", ""),
        ("<b>mia</b>", "bmiab"),
        ("abcdefghijklmnopq", "abcdefghijklmn"),
    ],
)
def test_what_is_typed_becomes_small_letters(page, calls, typed, line):
    assert calls(page, "clean", [[typed]]) == [line]


def settled(page):
    """What the figure says."""
    return page.locator(".readout").inner_text().replace("\xa0", " ")


def test_it_reads_what_is_typed(page, expected):
    field = page.get_by_label("name")
    field.fill("")
    assert "the start looks most at itself (100 %)." in settled(page)
    chances = expected[LINES.index("")][1][0]
    best = attention_figure.ALPHABET[chances.argmax()]
    assert f"Expected next: {best} ({100 * chances.max():.1f} %)" in settled(page)
    field.fill("Ä1")
    assert "Read as “a”" in settled(page)
    chances = expected[LINES.index("a")][1][1]
    assert f"Expected next: {attention_figure.ALPHABET[chances.argmax()]} (" in settled(page)
    assert field.input_value() == "Ä1"  # the caret stays where it is while somebody types
    field.blur()
    assert field.input_value() == "a"
    assert "Read as" not in settled(page)
    field.fill("wolfeschlegels")
    assert "has more than 11 letters" in settled(page)
    assert page.locator("g.columns > g").count() == 15
    assert page.locator("g.lines line").count() == 15 * 16 / 2


def test_keys_and_taps_choose_the_letter_and_the_head(page, expected):
    weights, chances = expected[LINES.index("charlotte")]
    names = ["the start", *"charlotte"]

    def says(block, head, t):
        row = weights[block, head, t]
        most = int(row.argmax())
        looked = "itself" if most == t else names[most]
        best = attention_figure.ALPHABET[chances[t].argmax()]
        said = settled(page)
        assert f"With head {head + 1} of layer {block + 1}, {names[t]} looks most at" in said
        assert f"looks most at {looked} (" in said
        assert f"Expected next: {best.replace('.', 'the end')} (" in said

    point = page.locator(".handle.looking")
    point.focus()
    for _ in range(9):
        page.keyboard.press("ArrowLeft")
    says(0, 0, 0)
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    says(0, 0, 3)
    assert "a, number 3 of 9" in point.get_attribute("aria-valuetext")
    page.keyboard.press("Shift+ArrowRight")
    says(0, 0, 9)
    page.get_by_label("looks with").select_option("1 0")
    says(1, 0, 9)
    page.locator("g.columns > g").nth(6).click()
    says(1, 0, 6)
    box = page.locator("g.map.m01 .edge").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 2.5 / 10)
    says(0, 1, 2)
    assert page.get_by_label("looks with").input_value() == "0 1"
    shown = page.locator("g.columns .share").all_text_contents()
    for text, share in zip(shown, weights[0, 1, 2], strict=True):
        assert text == (f"{np.floor(100 * share + 0.5):.0f}" if share >= 0.005 else "")


def test_it_says_how_good_the_network_is(data, page):
    """The perplexities that it states are those of the stored network, rounded and not."""
    stored_params = attention_figure.stored_reader()[1]
    choice = attention_figure.sets()[1]
    study = json.loads(attention_figure.RESULTS.read_text(encoding="utf-8"))
    assert data["names"] == len(choice)
    assert data["parameters"] == stored_params.vector.size == study["parameters"]
    unrounded = attention_figure.perplexity(stored_params, choice)
    assert abs(unrounded - data["perplexityUnrounded"]) < 2e-3
    assert abs(unrounded - study["perplexity"][0]["choice"]) < 2e-3
    after = stored_params.copy()
    for name, stored in data["arrays"].items():
        after[name] = nn.asarray(array(stored))
    assert abs(attention_figure.perplexity(after, choice) - data["perplexity"]) < 2e-3
    assert abs(data["perplexity"] - data["perplexityUnrounded"]) < 0.03
    assert f"perplexity {data['perplexity']:.2f}" in settled(page)
    assert data["longest"] == max(map(len, attention_figure.sets()[0])) - 2
    for habit, told in attention_figure.habits(stored_params, choice).items():
        np.testing.assert_allclose(told, study["weight"][habit], atol=2e-3, err_msg=habit)


def test_the_network_is_light():
    assert len((FIGURES / "attention.data.js").read_bytes()) <= 40_000
