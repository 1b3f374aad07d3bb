"""What tools write and HTML does not allow is mended, and nothing else is changed."""

import re
from xml.etree import ElementTree

import pytest
from valid import mathml, valid

MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML">{}</math>'
TITLE, CITED = ' class="collapsed admonition-title"', '<span class="bibtex-citation"'
APPLIED = "\N{FUNCTION APPLICATION}"


@pytest.mark.parametrize(
    ("written", "allowed"),
    [
        (
            '<p class="collapsed admonition-title">x</p>',
            '<span class="collapsed admonition-title">x</span>',
        ),
        ("<dd><p><ul><li>x</li></ul>\n</p></dd>", "<dd><ul><li>x</li></ul></dd>"),
        ('<th class="head"><p></p></th>', "<td></td>"),
        ('<div class="citation" role="doc-biblioentry">', '<div class="citation">'),
        ('<span style="height:-0.5em;top:1em;">', '<span style="top:1em;">'),
        (
            f'{CITED} id="id1">a</span>{CITED} id="id1">b</span>',
            f'{CITED} id="id1">a</span>{CITED}>b</span>',
        ),
        (
            MATH.format("<mo stretchy='false'><mover><mo>=</mo><mo>!</mo></mover></mo>"),
            MATH.format("<mrow><mover><mo>=</mo><mo>!</mo></mover></mrow>"),
        ),
        (
            MATH.format(f"<msub><mi>λ</mi><mi>max</mi><mo>{APPLIED}</mo></msub><mo>{APPLIED}</mo>"),
            MATH.format(f"<msub><mi>λ</mi><mi>max</mi></msub><mo>{APPLIED}</mo>"),
        ),
    ],
)
def test_what_is_not_allowed_is_mended(written, allowed):
    assert valid(written) == allowed
    assert valid(allowed) == allowed


def test_a_formula_keeps_its_letters():
    text = MATH.format("<mo><mrow><mi>a</mi><mo>&lt;</mo><mtext>\u00a0b</mtext></mrow></mo>")
    assert "".join(ElementTree.fromstring(mathml(text)).itertext()) == "a<\u00a0b"


def test_nothing_is_left_to_mend(site, names):
    formulas = 0
    for name in names:
        page = (site / name).read_text(encoding="utf-8")
        assert valid(page) == page, name
        for text in re.findall(r"<math\b.*?</math>", page, re.DOTALL):
            formulas += 1
            for element in ElementTree.fromstring(text).iter():
                parts = {"msub": 2, "msup": 2, "msubsup": 3}.get(element.tag.rpartition("}")[2])
                assert parts in (None, len(element)), text
                assert not (element.tag.endswith("}mo") and len(element)), text
    assert formulas > 1000
