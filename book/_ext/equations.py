"""Which equations the book has, and who derives, computes, proves and practises each of them.

Read from the sources themselves: the labels of the chapters, the marks of the tests, the
docstrings and comments of nnlearn, the statements of the exercises. The index of equations and
the tests of the book both use it, so that they cannot disagree.
"""

import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LABEL = re.compile(r"\beq-[a-z0-9]+(?:-[a-z0-9]+)*\b")
#: What proofs of any equation use, and what therefore says nothing about one.
TOOLS = ("vjp", "check_gradients", "differentiable", "GradientError", "Parameters", "data")
_EQUATION = re.compile(r"^\$\$((?:(?!\$\$).)+)\$\$ *\((eq-[a-z0-9-]+)\)", re.MULTILINE | re.DOTALL)
_REFERENCE = re.compile(r"\{eq\}`(eq-[a-z0-9-]+)`")
_STATEMENT = re.compile(r"^\((ex-[a-z0-9-]+)\)=\s*^#+ (Exercise [\d.]+)", re.MULTILINE)


@dataclass(frozen=True)
class Proof:
    """A test that proves equations: where it stands, its name and its source."""

    file: str
    name: str
    source: str

    @property
    def anchor(self):
        """The name of its place on the page of proofs."""
        return f"proof-{Path(self.file).stem}-{self.name}".replace("_", "-").lower()


@dataclass
class Equation:
    """A labelled equation and all that refers to it."""

    label: str
    page: str
    tex: str
    functions: list[str] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)  # that our code computes it
    checks: list[Proof] = field(default_factory=list)  # as mathematics, where no code of ours does
    exercises: list[tuple[str, str]] = field(default_factory=list)  # (label, "Exercise 1.2")
    references: int = 0

    @property
    def tried(self):
        """The functions that the proofs run, in the order in which they name them."""
        names = [n for p in self.proofs for n in re.findall(r"(?<![\w.])nn\.(\w+)", p.source)]
        return [name for name in dict.fromkeys(names) if name not in TOOLS]


def pages(root=ROOT):
    """Return the pages of the book that a writer wrote, in order: notebooks and Markdown."""
    book = root / "book"
    files = [*book.glob("*.md"), *book.glob("*.ipynb"), *(book / "exercises").glob("*.ipynb")]
    return sorted(files)


def texts(path):
    """Return the Markdown of a page: its cells' texts, or the file's."""
    if path.suffix == ".md":
        return [path.read_text(encoding="utf-8")]
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


def title(page, root=ROOT):
    """Return a page's first heading."""
    path = next(
        p for p in pages(root) if p.relative_to(root / "book").with_suffix("") == Path(page)
    )
    return next(m[1] for text in texts(path) if (m := re.search(r"^# +(.+)$", text, re.MULTILINE)))


def labels(root=ROOT):
    """Return (label, page, TeX) of every labelled equation, in the book's order."""
    return [
        (label, str(path.relative_to(root / "book").with_suffix("")), tex.strip())
        for path in pages(root)
        for text in texts(path)
        for tex, label in _EQUATION.findall(text)
    ]


def marks(root=ROOT, mark="equation"):
    """Return (label, proof) for every label that a test is marked with.

    The mark is `equation` where the test proves that our code computes it, and `theorem` where it
    checks the mathematics alone.
    """
    found = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        file = path.relative_to(root / "tests").as_posix()
        text = path.read_text(encoding="utf-8")
        if f"pytest.mark.{mark}" not in text:  # most have none, and to parse all takes a second
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                for label in _marked(node, mark):
                    source = _with_decorators(text, node)
                    found.append((label, Proof(file, node.name, source)))
    return found


def _marked(node, mark):
    return [
        argument.value
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == f"pytest.mark.{mark}"
        for argument in decorator.args
        if isinstance(argument, ast.Constant)
    ]


def _with_decorators(text, node):
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno])


def mentions(root=ROOT):
    """Return (label, "module.function") for every label that nnlearn names; function may be ""."""
    found = []
    for path in sorted((root / "nnlearn").rglob("*.py")):
        if "exercises" in path.parts:
            continue
        module = ".".join(path.relative_to(root / "nnlearn").with_suffix("").parts)
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        owners = [""] * (len(lines) + 1)
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                    owners[number] = node.name
        for number, line in enumerate(lines, 1):
            found += [(label, f"{module}.{owners[number]}") for label in LABEL.findall(line)]
    return list(dict.fromkeys(found))


def exercises(root=ROOT):
    """Return (equation label, exercise label, "Exercise N.k") for what the exercises name."""
    found = []
    for path in sorted((root / "book" / "exercises").glob("*.ipynb")):
        for text in texts(path):
            match = _STATEMENT.search(text)
            if match:
                found += [(label, match[1], match[2]) for label in _REFERENCE.findall(text)]
    return list(dict.fromkeys(found))


def references(root=ROOT):
    """Return every label that a text refers to, as often as it does."""
    return [ref for path in pages(root) for text in texts(path) for ref in _REFERENCE.findall(text)]


def collect(root=ROOT):
    """Return all equations, by label, with everything that refers to them."""
    found = {label: Equation(label, page, tex) for label, page, tex in labels(root)}
    for label, proof in marks(root):
        if label in found:
            found[label].proofs.append(proof)
    for label, proof in marks(root, "theorem"):
        if label in found:
            found[label].checks.append(proof)
    for label, function in mentions(root):
        if label in found and not function.endswith("."):
            found[label].functions.append(function)
    for label, exercise, title in exercises(root):
        if label in found:
            found[label].exercises.append((exercise, title))
    for label in references(root):
        if label in found:
            found[label].references += 1
    return found
