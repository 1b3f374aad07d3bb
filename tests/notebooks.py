"""The book's notebooks, as the tests read them."""

import ast
import json

import numpy as np
from paths import BOOK

import nnlearn as nn

CHAPTERS = sorted(BOOK.glob("*.ipynb"))
NOTEBOOKS = CHAPTERS + sorted((BOOK / "exercises").glob("*.ipynb"))


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(path):
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def run(source, names, where):
    """Run the source of a cell, or a part of it; `where` says to `shipped` what it is."""
    exec(compile(source, str(BOOK / where), "exec"), names)


def cells_of(stem, **given):
    """Return a function that runs some of a chapter's cells, and gives what they define.

    It is called with the cells' ids, and with names that they need; what the reader sees is what
    is tested. `given` are the names that all of them get, besides `np` and `nn`.
    """
    sources = {cell["id"]: "".join(cell["source"]) for cell in code_cells(BOOK / f"{stem}.ipynb")}

    def chapter(*ids, **names):
        if missing := set(ids) - set(sources):
            raise KeyError(f"{stem} has no cells {sorted(missing)}")
        names = {"np": np, "nn": nn, **given, **names}
        for cell in (cell for cell in sources if cell in ids):  # in the book's order
            run(sources[cell], names, f"{stem}.ipynb#{cell}")
        return names

    return chapter


def name(path):
    return str(path.relative_to(BOOK))


def without_docstrings(text):
    """Return the syntax tree of a source, as text, without docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)
