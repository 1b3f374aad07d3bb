"""What a page shows of the machinery: set-up is folded, and a listing bears its name.

A notebook fetches the package's own source with a call, ``nn.source(nn.dense)``. A reader of the
page wants the name of what is listed, the file in which it stands and the equations that it
computes; the call is for whoever runs the notebook. The notebook itself stays as it is.
"""

import ast
import importlib
import inspect
from functools import cache
from pathlib import Path

import equations
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

SET_UP = "Set-up of this page: imports, and how figures look"


def parsed(source):
    """Return the statements of a cell; none if it is not plain Python."""
    try:
        return ast.parse(source).body
    except SyntaxError:
        return []


def imports(statements):
    """Return what each imported name stands for: ``{"nn": "nnlearn", …}``."""
    found = {}
    for statement in statements:
        if isinstance(statement, ast.Import):
            found.update({a.asname or a.name: a.name for a in statement.names})
        elif isinstance(statement, ast.ImportFrom):
            module = statement.module
            found.update({a.asname or a.name: f"{module}.{a.name}" for a in statement.names})
    return found


def listed(statements):
    """Return what a cell lists, such as ``"nn.dense"``, or None if it does something else."""
    *before, last = statements or [None]
    only_imports = all(isinstance(s, ast.Import | ast.ImportFrom) for s in before)
    if not only_imports or not isinstance(last, ast.Expr) or not isinstance(last.value, ast.Call):
        return None
    function = last.value.func
    is_source = isinstance(function, ast.Attribute) and function.attr == "source"
    return ast.unparse(last.value.args[0]) if is_source else None


def home(name, names):
    """Return ("nnlearn.operations.dense", "dense", file): where what a page lists stands.

    Parameters
    ----------
    name : str
        As the page writes it, such as ``"nn.dense"`` or ``"nn.SGD.update"``.
    names : dict of str
        What the page has imported, see `imports`.
    """
    first, _, path = name.partition(".")
    module = names[first]
    if module == "nnlearn":  # the package gathers its names: ask the object itself
        found = importlib.import_module("nnlearn")
        for part in path.split("."):
            found = getattr(found, part)
        found = inspect.unwrap(found)
        module, path = found.__module__, found.__qualname__
    base = equations.ROOT if module.startswith("nnlearn") else equations.ROOT / "book"
    return module, path, (base / Path(*module.split("."))).with_suffix(".py")


@cache
def computed():
    """Return the labels that each function of the package names, by its dotted path."""
    found = {}
    for label, function in equations.mentions():
        found.setdefault(f"nnlearn.{function}", []).append(label)
    return found


class Listings(SphinxPostTransform):
    """Fold the set-up, and put a listing's name in the place of the call that fetched it."""

    default_priority = 190  # before MyST-NB folds what is to be folded
    formats = ("html",)

    def run(self, **kwargs):
        """Go over the cells of a page."""
        names, first = {}, True
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") != "cell_code" or not cell.children:
                continue
            code = cell.children[0]
            if code.get("nb_element") != "cell_code_source":
                continue
            statements = parsed(code.astext())
            names.update(imports(statements))
            if first and len(cell.children) == 1 and imports(statements):
                cell["hide_mode"] = "input"
                cell["prompt_show"] = cell["prompt_hide"] = SET_UP
                cell["classes"].append("set-up")
            elif listed(statements):
                cell.replace(code, self.caption(listed(statements), names))
                cell["classes"].append("listing")
                if cell.get("hide_mode") == "output":
                    self.fold(cell)
            first = False

    def caption(self, name, names):
        """Return the line that stands above a listing."""
        module, path, file = home(name, names)
        shown = nodes.literal(name, name)
        objects = self.env.get_domain("py").objects
        entry = objects.get(f"nnlearn.{name.removeprefix('nn.')}")
        line = nodes.paragraph("", "", classes=["listing-name"])
        line += self.link(entry.docname, entry.node_id, shown) if entry else shown
        line += nodes.Text(f" in {file.relative_to(equations.ROOT).as_posix()}")
        labels = computed().get(f"{module}.{path}", [])
        found = sorted((e for e in map(self.equation, labels) if e), key=lambda e: e[0])
        for i, (_, reference) in enumerate(found):
            line += nodes.Text(", " if i else ": equations " if len(found) > 1 else ": equation ")
            line += reference
        return line

    def equation(self, label):
        """Return an equation's number and a reference to it; None if the book has it not."""
        entry = self.env.get_domain("math").equations.get(label)
        if entry is None:
            return None
        docname, anchor = entry[0], f"equation-{label}"
        number = self.env.toc_fignumbers[docname]["displaymath"][anchor]
        text = ".".join(map(str, number))
        return number, self.link(docname, anchor, nodes.inline("", f"({text})"))

    def link(self, docname, anchor, content):
        """Return a reference to a place in the book."""
        uri = self.app.builder.get_relative_uri(self.env.docname, docname)
        return nodes.reference("", "", content, internal=True, refuri=f"{uri}#{anchor}")

    @staticmethod
    def fold(cell):
        """Fold a long listing under its own name."""
        cell["hide_mode"] = ""
        line, output = cell.children[0], cell.children[-1]
        cell.children = [
            line,
            nodes.raw("", '<details class="listing"><summary>Show it</summary>', format="html"),
            output,
            nodes.raw("", "</details>", format="html"),
        ]


def setup(app):
    """Register the transform."""
    app.add_post_transform(Listings)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
