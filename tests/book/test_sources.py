"""What the book shows as source is the object that runs."""

import ast
import inspect
import textwrap

import numpy as np
import pytest
from IPython.display import Markdown

import nnlearn as nn
from nnlearn.book.sources import source_text
from nnlearn.operations import normalization

SHOWN = [
    nn.sigmoid,
    nn.softmax,
    nn.dense,
    nn.batch_norm,
    normalization._normalized,
    nn.dropout,
    nn.SGD,
    nn.SGD.update,
    nn.Adam.update,
    nn.Sequential.forward,
    nn.BatchNorm,
    nn.differentiable,
    nn.vjp,
]


def without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


@pytest.mark.parametrize("f", SHOWN, ids=lambda f: f.__qualname__)
def test_it_is_the_code_of_the_object_with_the_docstring_left_out(f):
    file = ast.parse(textwrap.dedent(inspect.getsource(f)))
    shown = ast.parse(source_text(f))
    assert ast.dump(shown) == ast.dump(without_docstrings(file))
    assert '"""' not in source_text(f)
    assert source_text(f, docstring=True) == textwrap.dedent(inspect.getsource(f)).rstrip()


@pytest.mark.parametrize("f", SHOWN, ids=lambda f: f.__qualname__)
def test_no_comment_is_lost_and_no_line_is_changed(f):
    shown = source_text(f).splitlines()
    whole = textwrap.dedent(inspect.getsource(f)).splitlines()
    lines = iter(whole)
    assert all(line in lines for line in shown)  # in order
    assert sum("#" in line for line in shown) == sum("# " in line for line in whole)


def test_what_is_shown_runs():
    """The text, run by itself, gives what the package gives."""
    names = dict(vars(inspect.getmodule(inspect.unwrap(nn.dense))))
    exec(source_text(nn.dense), names)
    x, W, b = np.ones((2, 3)), np.ones((4, 3)), np.arange(4.0)
    np.testing.assert_array_equal(names["dense"](x, W, b), nn.dense(x, W, b))


def test_source_is_markdown():
    shown = nn.source(nn.dense)
    assert isinstance(shown, Markdown)
    assert shown.data == f"```python\n{source_text(nn.dense)}\n```"
    assert shown.data.startswith("```python\n@differentiable(")
    assert "Parameters\n" in nn.source(nn.dense, docstring=True).data
