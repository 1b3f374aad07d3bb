"""Equations, proofs, code and exercises name each other by labels: here the names are checked."""

import collections
import os
import re
import shutil
import subprocess
import sys
import types

import equations
import pytest
from paths import ROOT, TESTS

import nnlearn as nn

#: Statements that no code of ours computes: only their mathematics is checked.
MATHEMATICS_ALONE: set[str] = set()
#: Operations that only move numbers: no equation says what they do.
WITHOUT_EQUATION = {"flatten", "unflatten"}
BOOK = equations.collect()
LABELS = [label for label, _, _ in equations.labels()]


def test_the_collector_finds_every_label_that_stands_after_an_equation():
    written = [
        label
        for path in equations.pages()
        for text in equations.texts(path)
        for label in re.findall(r"\$\$ *\((eq-[a-z0-9-]+)\)", text)
    ]
    assert written == LABELS
    chapters = {path.stem for path in equations.pages() if re.match(r"\d\d-", path.stem)}
    assert {page for _, page, _ in equations.labels()} >= chapters


def test_no_label_stands_twice():
    assert [label for label, n in collections.Counter(LABELS).items() if n > 1] == []


@pytest.mark.parametrize("label", LABELS)
def test_every_equation_is_proved_by_a_test(label):
    assert BOOK[label].proofs or BOOK[label].checks, (
        f"no test is marked @pytest.mark.equation({label!r}) or theorem({label!r})"
    )


def test_few_equations_are_checked_as_mathematics_alone():
    assert {label for label in LABELS if not BOOK[label].proofs} == MATHEMATICS_ALONE


PROOFS = """
import numpy as np
import nnlearn as nn
import pytest
from notebooks import cells_of

def proves(function):
    return pytest.mark.equation("eq-one")(function)

@proves
def test_operation():
    nn.vjp(nn.tanh, np.ones(2))

@proves
def test_cell():
    cells_of("01-neuron")("neuron-sum-literal")

@proves
def test_error_of_its_own():
    assert np.ones(2).sum() == 3

@pytest.mark.theorem("eq-one")
def test_mathematics():
    assert np.tanh(0) == 0

@proves
def test_alone():
    assert np.tanh(0) == 0

@proves
def test_only_made():
    nn.to_numpy(nn.asarray([1.0]))
    nn.Sequential(nn.Dense(2, 1))
    nn.data.load_mnist()
"""


def test_a_proof_that_runs_nothing_of_ours_fails(tmp_path):
    shutil.copy(TESTS / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(PROOFS)
    command = [sys.executable, "-m", "pytest", "-q", "-rfp", "-p", "no:cacheprovider", "."]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(ROOT)])}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    outcomes = collections.defaultdict(set)
    for outcome, name in re.findall(r"^(PASSED|FAILED) \S+::test_(\w+)", done.stdout, re.MULTILINE):
        outcomes[outcome].add(name)
    assert outcomes["PASSED"] == {"operation", "cell", "mathematics"}, done.stdout
    assert outcomes["FAILED"] == {"error_of_its_own", "alone", "only_made"}
    reason = "marked equation, but runs neither nnlearn, nor a cell, nor a study"
    assert len(re.findall(f"^E +Failed: {reason}", done.stdout, re.MULTILINE)) == 2


@pytest.mark.parametrize("label", LABELS)
def test_every_equation_is_referred_to(label):
    assert BOOK[label].references, f"no text and no exercise says {{eq}}`{label}`"


def test_every_mark_names_an_equation():
    marked = [*equations.marks(), *equations.marks(mark="theorem")]
    assert sorted({label for label, _ in marked} - set(LABELS)) == []


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
    operations = {
        name: function
        for name in nn.__all__
        if isinstance(function := getattr(nn, name), types.FunctionType)
        and hasattr(function, "forward")
    }
    assert operations.keys() >= WITHOUT_EQUATION | {"dense", "conv2d", "lstm"}
    computed = {name.rpartition(".")[2] for entry in BOOK.values() for name in entry.functions}
    for name, function in operations.items():
        named = set(equations.LABEL.findall(function.__doc__ or ""))
        assert named <= set(LABELS), name
        assert bool(named) == (name not in WITHOUT_EQUATION), f"{name} names {sorted(named)}"
        assert (name in computed) == bool(named)


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
    assert equations.marks(tmp_path, "theorem") == []
    assert equations.mentions(tmp_path) == [("eq-old", "one.f")]


def test_the_collector_tells_a_theorem_from_a_proof(tmp_path):
    for folder in ("book/exercises", "tests", "nnlearn"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "book" / "one.md").write_text("# One\n\n$$\nz = 1\n$$ (eq-one)\n")
    test = 'import pytest\n\n@pytest.mark.theorem("eq-one")\ndef test_it():\n    assert True\n'
    (tmp_path / "tests" / "test_one.py").write_text(test)
    found = equations.collect(tmp_path)["eq-one"]
    assert found.proofs == []
    assert [check.name for check in found.checks] == ["test_it"]


def test_the_collector_takes_a_labelled_equation_alone(tmp_path):
    """An equation without a label before it does not run into it."""
    (tmp_path / "book").mkdir()
    page = "# One\n\n$$\na = 1\n$$\n\nSo\n\n$$\nb = 2\n$$ (eq-b)\n\n$$ c = 3 $$ (eq-c)\n"
    (tmp_path / "book" / "one.md").write_text(page, encoding="utf-8")
    assert equations.labels(tmp_path) == [("eq-b", "one", "b = 2"), ("eq-c", "one", "c = 3")]
