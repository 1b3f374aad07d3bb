"""The book's notebooks, as the tests read them."""

import ast
import json

from paths import BOOK

CHAPTERS = sorted(BOOK.glob("*.ipynb"))
NOTEBOOKS = CHAPTERS + sorted((BOOK / "exercises").glob("*.ipynb"))


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(path):
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def name(path):
    return str(path.relative_to(BOOK))


def without_docstrings(text):
    """Return the syntax tree of a source, as text, without docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)
