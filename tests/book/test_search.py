"""The search of the book: the section that defines a thing comes first.

The terms were chosen, and the sections that define them found, by reading the chapters.
"""

import json
import unicodedata

import pytest
import search_index
from paths import ROOT
from plain_tex import greek_name, plain_tex

#: What a learner types, and where the book defines it.
DEFINED = {
    "vanishing gradient": "06-rnn.html#sec-rnn-vanishing",
    "why divide by sqrt": "11-attention.html#sec-attention-root",
    "dead relu": "01-neuron.html#sec-dead",
    "forget gate bias": "07-lstm.html#sec-lstm-bias",
    "im2col": "05-cnn.html#sec-cnn-im2col",
    "JSD": "08-gan.html#sec-gan-distance",
    "exploding gradient": "06-rnn.html#sec-rnn-exploding",
    "gradient clipping": "04-ann.html#sec-ann-clipping",
    "xor": "01-neuron.html#sec-xor",
    "overfitting": "04-ann.html#sec-ann-overfitting",
    "dropout": "04-ann.html#dropout",
    "L2 regularization": "04-ann.html#weight-decay",
    "batch norm": "04-ann.html#sec-ann-normalisation",
    "layer norm": "04-ann.html#layer-normalisation",
    "he init": "04-ann.html#he-relu-throws-half-away",
    "xavier": "04-ann.html#glorot-a-compromise-for-tanh",
    "softmax": "02-learning.html#sec-softmax",
    "cross entropy loss": "02-learning.html#sec-cross-entropy",
    "logsumexp": "02-learning.html#sec-log-sum-exp",
    "momentum": "02-learning.html#sec-momentum",
    "adam": "02-learning.html#sec-adam",
    "nesterov": "02-learning.html#nesterov-look-before-you-leap",
    "gradient descent": "02-learning.html#sec-gradient-descent",
    "mini-batch": "02-learning.html#sec-stochastic",
    "chain rule": "03-backpropagation.html#one-function-after-the-other",
    "vjp": "03-backpropagation.html#the-vectorjacobian-product",
    "reverse mode": "03-backpropagation.html#and-the-parameters",
    "gradient check": "03-backpropagation.html#sec-gradient-checking",
    "universal approximation theorem": "04-ann.html#sec-ann-universal",
    "calibration": "04-ann.html#can-the-probabilities-be-taken-at-their-word",
    "cross-correlation": "05-cnn.html#sec-cnn-flip",
    "padding": "05-cnn.html#sec-cnn-padding",
    "receptive field": "05-cnn.html#sec-cnn-receptive",
    "max pooling": "05-cnn.html#sec-cnn-pooling",
    "bptt": "06-rnn.html#sec-rnn-bptt",
    "teacher forcing": "06-rnn.html#the-network",
    "perplexity": "06-rnn.html#sec-rnn-names",
    "GRU": "07-lstm.html#sec-lstm-gru",
    "temperature": "07-lstm.html#let-it-go-on",
    "constant error carousel": "07-lstm.html#sec-lstm-cell",
    "optimal discriminator": "08-gan.html#sec-gan-best",
    "mode collapse": "08-gan.html#sec-gan-ring",
    "non-saturating loss": "08-gan.html#sec-gan-saturation",
    "transposed convolution": "08-gan.html#sec-gan-pictures",
    "all reduce": "09-gpu.html#sec-gpu-ring",
    "roofline": "09-gpu.html#sec-gpu-roof",
    "kernel fusion": "09-gpu.html#sec-gpu-fusion",
    "perceptron": "01-neuron.html#sec-perceptron",
    "hessian": "01-neuron.html#sec-narrow-way",
    "sigmoid overflow": "01-neuron.html#sec-overflow",
    "self-attention": "11-attention.html#sec-attention-lookup",
    "positional encoding": "11-attention.html#sec-attention-order",
    "RoPE": "11-attention.html#sec-attention-shift",
    "multi-head attention": "11-attention.html#sec-attention-heads",
    "causal mask": "11-attention.html#sec-attention-heads",
    "skip connection": "11-attention.html#sec-attention-block",
    "GELU": "11-attention.html#sec-attention-block",
    "flash attention": "11-attention.html#sec-attention-blockwise",
    "KV cache": "11-attention.html#sec-attention-cache",
    "induction head": "11-attention.html#sec-attention-induction",
    "learning rate warm-up": "11-attention.html#sec-attention-training",
}
#: What somebody types who half knows the word: endings, slips, another country's spelling.
HALF_KNOWN = {
    "vanishi": "06-rnn.html#sec-rnn-vanishing",
    "clip the gradients": "04-ann.html#sec-ann-clipping",
    "normalization of a batch": "04-ann.html#sec-ann-normalisation",
    "momentun": "02-learning.html#sec-momentum",
    "log-sum-exp": "02-learning.html#sec-log-sum-exp",
    "what is overfitting?": "04-ann.html#sec-ann-overfitting",
    "he": "04-ann.html#he-relu-throws-half-away",
    "L2": "04-ann.html#weight-decay",
}
#: Symbols, with the chapter of the notation that lists them, and names that have one place.
SYMBOLS = {"σ": 1, "η": 1, "eta": 1, "W_hh": 6, "C_t": 7, "ρ": 2}
NAMES = {
    "eq-adam-step": "02-learning.html#equation-eq-adam-step",
    "nn.vjp": "api.html#nnlearn.vjp",
    "nn.softmax_cross_entropy": "api.html#nnlearn.softmax_cross_entropy",
    "test_adam_step": "proofs.html#test-adam-step",
}


@pytest.fixture(scope="module")
def found(chromium, address):
    """The answers to all questions of this file, from one page: addresses and titles."""
    page = chromium.new_page()
    page.goto(f"{address}/search.html?q=adam", wait_until="load")
    page.wait_for_selector("#search-results li a")
    script = """async (all) => Object.fromEntries(await Promise.all(all.map(async (query) =>
        [query, (await window.bookSearch.find(query)).map(a => [a.address, a.record.title])])))"""
    answers = page.evaluate(script, [*DEFINED, *HALF_KNOWN, *SYMBOLS, *NAMES, "2.33", "qqqq"])
    page.close()
    return answers


def first(found, query):
    return found[query][0][0] if found[query] else "nothing"


def test_the_section_that_defines_a_thing_comes_first(found):
    assert len(DEFINED) >= 30
    came = {query: first(found, query) for query in [*DEFINED, *HALF_KNOWN]}
    assert came == DEFINED | HALF_KNOWN


def test_every_place_of_the_tables_is_there(site):
    """Or a table would go on asking for a section that was renamed."""
    for place in (DEFINED | HALF_KNOWN | NAMES).values():
        page, _, anchor = place.partition("#")
        assert f'id="{anchor}"' in (site / page).read_text(encoding="utf-8"), place


def test_symbols_labels_numbers_and_names_are_found(found, site):
    for symbol, chapter in SYMBOLS.items():
        place, title = found[symbol][0]
        assert place.startswith("notation.html#"), symbol
        assert symbol in title.replace("η", "η eta")
        if not place.startswith("notation.html#row"):
            assert f"chapter-{chapter}-" in place, symbol
    assert {name: first(found, name) for name in NAMES} == NAMES
    number = first(found, "2.33").removeprefix("02-learning.html#")
    page = (site / "02-learning.html").read_text(encoding="utf-8")
    assert "(2.33)" in page[page.index(f'id="{number}"') :][:400]
    assert found["qqqq"] == []


def test_every_answer_leads_somewhere(site):
    text = (site / search_index.DATA).read_text(encoding="utf-8")
    data = json.loads(text.removeprefix("window.bookSearchData=").rstrip(";\n"))
    pages = {p["name"]: (site / f"{p['name']}.html").read_text("utf-8") for p in data["pages"]}
    lost = [
        (record["page"], record["anchor"])
        for record in data["records"]
        if record["anchor"] and f'id="{record["anchor"]}"' not in pages[record["page"]]
    ]
    assert lost == []
    kinds = {record["kind"] for record in data["records"]}
    assert kinds >= {"section", "exercise", "equation", "symbol", "term", "function", "proof"}
    assert "NotImplementedError" not in text  # code and its outputs are not the text


def test_no_solution_is_found(site):
    """Of an exercise the statement is found, not what is folded away."""
    text = (site / search_index.DATA).read_text(encoding="utf-8")
    data = json.loads(text.removeprefix("window.bookSearchData=").rstrip(";\n"))
    for record in data["records"]:
        if record["kind"] == "exercise":
            assert "<details" not in record["text"]
    notebook = json.loads((ROOT / "book/exercises/04-ann.ipynb").read_text(encoding="utf-8"))
    hints = [c for c in notebook["cells"] if "<summary>Hint" in "".join(c["source"])]
    hint = "".join(hints[0]["source"]).partition("</summary>")[2].split("\n\n")[1].split("$")[0]
    assert len(hint) > 15
    assert hint.strip() not in text


def test_the_dialog_by_keyboard(chromium, address):
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/exercises/05-cnn.html", wait_until="load")
    assert not any("search" in url for url in asked)  # nothing of it comes before it is wanted
    page.keyboard.press("Control+k")
    page.keyboard.type("mode coll")
    page.wait_for_selector("#pst-search-dialog li a")
    assert page.locator("#pst-search-dialog li mark").count() > 0
    assert "best first" in page.locator("#pst-search-dialog [role=status]").inner_text()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.href").endswith("08-gan.html#sec-gan-ring")
    page.keyboard.type("apse")  # a letter goes on in the field
    assert page.locator("#pst-search-dialog input").input_value() == "mode collapse"
    page.keyboard.press("ArrowDown")  # the answers to the last letters are still to come
    page.wait_for_timeout(200)
    assert page.evaluate("document.activeElement.href").endswith("08-gan.html#sec-gan-ring")
    page.keyboard.press("Escape")
    assert not page.locator("#pst-search-dialog").is_visible()
    page.keyboard.press("Control+k")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/08-gan.html#sec-gan-ring")
    page.close()


def test_the_page_says_what_to_use_without_javascript(chromium, address):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/search.html", wait_until="load")
    assert page.locator("main noscript").inner_text().startswith("The search needs JavaScript")
    assert not page.locator("main input[type=search]").is_visible()
    context.close()


@pytest.mark.parametrize(
    ("tex", "letters"),
    [
        (r"W_{hh}", "W_hh"),
        (r"\tilde C_t", "C\u0303_t"),
        (r"\frac{\hat m_t}{\sqrt{\hat s_t} + \varepsilon}", "m\u0302_t/(√s\u0302_t + ε)"),
        (r"\theta_{t-1} \leftarrow \lambda_{\max}", "θ_(t-1) ← λ_max"),
        (r"\lVert g \rVert \le \tfrac12", "‖ g ‖ ≤ 1/2"),
    ],
)
def test_a_formula_in_plain_letters(tex, letters):
    assert plain_tex(tex) == unicodedata.normalize("NFC", letters)


def test_greek_letters_have_their_names():
    assert [greek_name(letter) for letter in "ηλΛa"] == ["eta", "lambda", "lambda", ""]
