"""Showing the package's own source in the book, so that what is read is what runs."""

import ast
import inspect
import textwrap
from typing import Any


def source(f: Any, docstring: bool = False) -> Any:
    """Show the source of a function or class of this package, read from the file that runs.

    Parameters
    ----------
    f : function or class
    docstring : bool
        Whether to keep the docstrings, which stand in the API reference.

    Returns
    -------
    IPython.display.Markdown
        A block of Python.
    """
    from IPython.display import Markdown

    return Markdown(  # type: ignore[no-untyped-call]
        f"```python\n{source_text(f, docstring)}\n```"
    )


def source_text(f: Any, docstring: bool = False) -> str:
    """Return the same source as text, without leaving out or changing any other line."""
    text = textwrap.dedent(inspect.getsource(f)).rstrip()
    if docstring:
        return text
    dropped: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            first = node.body[0]
            dropped.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    lines = text.splitlines()
    return "\n".join(line for i, line in enumerate(lines, 1) if i not in dropped).strip()
