"""What an answer changes in the package, in NumPy or in Python is seen, and by its name."""

import builtins
import copy
import json
import math
import sys

import numpy as np
import pytest
import tally

import nnlearn as nn
from nnlearn.exercises import checking, marks, mismatch, watching
from nnlearn.exercises.checks import chapter_03_backpropagation as chapter
from nnlearn.operations import gru


def seen():
    return json.loads(marks.marks())


def other(*_, **__):
    return True


#: What is replaced: where it stands, its name, and the name that is told.
REPLACED = [
    (nn, "gru", "nnlearn.gru"),
    (gru, "gru", "nnlearn.operations.gru.gru"),
    (nn.gru, "forward", "nnlearn.gru"),
    (nn.gru.__wrapped__.__wrapped__, "__code__", "nnlearn.gru"),
    (nn.Dense, "forward", "nnlearn.layers.dense.Dense.forward"),
    (checking, "agrees", "nnlearn.exercises.checking.agrees"),
    (checking.Check, "close", "nnlearn.exercises.checking.Check.close"),
    (checking.Check, "done", "nnlearn.exercises.checking.Check.done"),
    (checking.Check.close, "__defaults__", "nnlearn.exercises.checking.Check.close"),
    (checking.Check.close, "__code__", "nnlearn.exercises.checking.Check.close"),
    (mismatch, "tolerance", "nnlearn.exercises.mismatch.tolerance"),
    (chapter, "gate", "nnlearn.exercises.checks.chapter_03_backpropagation.gate"),
    (chapter, "np", "nnlearn.exercises.checks.chapter_03_backpropagation.np"),
    (np, "linalg", "numpy.linalg"),
    (np, "all", "numpy.all"),
    (np, "allclose", "numpy.allclose"),
    (np.linalg, "norm", "numpy.linalg.norm"),
    (np.random, "default_rng", "numpy.random.default_rng"),
    (builtins, "abs", "builtins.abs"),
    (builtins, "print", "builtins.print"),
    (math, "isfinite", "math.isfinite"),
    (sys, "stdout", "sys.stdout"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("owner", "name", "told"), REPLACED, ids=lambda x: getattr(x, "__name__", x)
)
def test_what_is_replaced_is_seen(monkeypatch, owner, name, told):
    before = seen()
    instead = {"__code__": other.__code__, "__defaults__": (1,), "linalg": math}
    value = instead.get(name, other)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, value)
        now = seen()
    assert told in marks.changed(before, now)
    assert marks.changed(before, seen()) == []
    tally.count("bad inputs refused")


def test_a_name_put_before_python_s_own_is_seen(monkeypatch):
    before = seen()
    monkeypatch.setattr(mismatch, "abs", other, raising=False)
    assert marks.changed(before, seen()) == ["nnlearn.exercises.mismatch.abs"]


def test_what_is_put_into_a_table_of_the_check_is_seen(monkeypatch):
    before = seen()
    monkeypatch.setitem(chapter.suspects, "a", other)
    told = "nnlearn.exercises.checks.chapter_03_backpropagation.suspects"
    assert told in marks.changed(before, seen())


def test_use_changes_no_mark():
    before = seen()
    x = np.ones((2, 3))
    nn.vjp(nn.tanh, x)[1](x)
    with np.errstate(all="raise"):
        checking.Check("1.1", "title", 1).close(1, 1)
    nn.check_gradients(nn.sigmoid, x)
    copy.deepcopy(nn.Tanh())  # Python keeps something in the class for it
    import nnlearn.doctor  # noqa: F401 - a module more is no change

    assert marks.changed(before, seen()) == []


def test_without_limits_of_the_system_there_is_the_watch_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    watching.limit_memory(1.0)


def test_a_system_that_keeps_no_limit_is_no_fault(monkeypatch):
    resource = pytest.importorskip("resource")
    asked = []

    def refuse(kind, limits):
        asked.append(kind)
        raise ValueError("current limit exceeds maximum limit")  # macOS

    monkeypatch.setattr(resource, "setrlimit", refuse)
    watching.limit_memory(1.0)
    assert resource.RLIMIT_AS in asked
