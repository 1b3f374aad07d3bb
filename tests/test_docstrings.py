"""The examples in the docstrings run, and give what they say."""

import doctest
import importlib

import pytest
from paths import PACKAGE

import nnlearn as nn

MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if path.name != "__main__.py" and ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # what an example writes
    monkeypatch.setenv("NNLEARN_PROGRESS", "0")
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert found.failed == 0


def test_there_are_examples():
    assert {"nnlearn.derivative", "nnlearn.layers.sequential", "nnlearn.parameters"} <= set(MODULES)


def test_every_public_name_says_what_it_is():
    for name in nn.__all__:
        assert (getattr(nn, name).__doc__ or "").strip(), name
