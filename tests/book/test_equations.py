"""Equations, proofs, code and exercises name each other by labels: here the names are checked."""

import collections
import re

import equations
import pytest
from paths import ROOT

BOOK = equations.collect()
LABELS = [label for label, _, _ in equations.labels()]


def test_the_first_chapters_have_at_least_45_equations():
    assert len(LABELS) >= 45


def test_no_label_stands_twice():
    assert [label for label, n in collections.Counter(LABELS).items() if n > 1] == []


@pytest.mark.parametrize("label", LABELS)
def test_every_equation_is_proved_by_a_test(label):
    assert BOOK[label].proofs, f"no test is marked @pytest.mark.equation({label!r})"


@pytest.mark.parametrize("label", LABELS)
def test_every_equation_is_referred_to(label):
    assert BOOK[label].references, f"no text and no exercise says {{eq}}`{label}`"


def test_every_mark_names_an_equation():
    assert sorted({label for label, _ in equations.marks()} - set(LABELS)) == []


def test_every_label_in_the_package_names_an_equation():
    assert sorted({label for label, _ in equations.mentions()} - set(LABELS)) == []


def test_every_reference_names_an_equation():
    assert sorted(set(equations.references()) - set(LABELS)) == []


def test_every_label_in_a_text_or_a_comment_names_an_equation():
    """Also where it is only written, as in a table or in the code of a cell."""
    unknown = [
        f"{path.name}: {label}"
        for path in equations.pages()
        for label in equations.LABEL.findall(path.read_text(encoding="utf-8"))
        if label not in LABELS
    ]
    assert sorted(set(unknown)) == []


def test_no_text_names_an_equation_by_number():
    pattern = re.compile(r"\b(?:[Ee]quation|[Ee]q\.) \(?\d+\.\d+\)?")
    found = [
        f"{path.name}: {match}"
        for path in [*equations.pages(), *(ROOT / "nnlearn").rglob("*.py")]
        for match in pattern.findall(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_every_public_operation_says_its_source():
    """A function that computes an equation leads from the index to the API reference and back."""
    computed = {name for entry in BOOK.values() for name in entry.functions}
    for operation in ("operations.activations.sigmoid", "operations.dense.dense"):
        assert operation in computed


def test_the_collector_sees_a_renamed_label(tmp_path):
    """What the tests above rely on: a label renamed on one side only is found out."""
    for folder in ("book/exercises", "tests", "nnlearn"):
        (tmp_path / folder).mkdir(parents=True)
    page = "# One\n\n$$\nz = 1\n$$ (eq-new)\n\nSee {eq}`eq-old`.\n"
    (tmp_path / "book" / "one.md").write_text(page, encoding="utf-8")
    test = 'import pytest\n\n@pytest.mark.equation("eq-old")\ndef test_it():\n    assert True\n'
    (tmp_path / "tests" / "test_one.py").write_text(test, encoding="utf-8")
    (tmp_path / "nnlearn" / "one.py").write_text("def f():\n    '''eq-old'''\n", encoding="utf-8")
    found = equations.collect(tmp_path)
    assert list(found) == ["eq-new"]
    assert (found["eq-new"].proofs, found["eq-new"].references) == ([], 0)
    assert [label for label, _ in equations.marks(tmp_path)] == ["eq-old"]
    assert equations.mentions(tmp_path) == [("eq-old", "one.f")]


def test_the_collector_takes_a_labelled_equation_alone(tmp_path):
    """An equation without a label before it does not run into it."""
    (tmp_path / "book").mkdir()
    page = "# One\n\n$$\na = 1\n$$\n\nSo\n\n$$\nb = 2\n$$ (eq-b)\n\n$$ c = 3 $$ (eq-c)\n"
    (tmp_path / "book" / "one.md").write_text(page, encoding="utf-8")
    assert equations.labels(tmp_path) == [("eq-b", "one", "b = 2"), ("eq-c", "one", "c = 3")]
