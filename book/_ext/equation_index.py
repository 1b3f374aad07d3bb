"""Two directives, built from `equations.py`: the index of all equations, and the page of proofs."""

import re
from itertools import groupby

import equations
from plain_tex import plain_tex
from sphinx.util.docutils import SphinxDirective

import nnlearn

#: How much of a formula in plain letters is shown before it is drawn.
LONGEST = 240


class EquationIndex(SphinxDirective):
    """Every equation, with links to its derivation, its function, its proofs and its exercises."""

    def run(self):
        self.env.note_reread()
        found = equations.collect().values()
        lines = []
        for page, group in groupby(found, key=lambda equation: equation.page):
            lines += [f"## {equations.title(page)}", ""]
            for equation in group:
                lines += _entry(equation)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def _entry(equation):
    links = [f"derived at {{eq}}`{equation.label}`"]
    if equation.functions:
        links.append("computed by " + ", ".join(_function(f) for f in equation.functions))
    tried = [] if equation.functions else [_function(f) for f in equation.tried]
    on = " on " + ", ".join(tried) if tried else ""
    if equation.proofs:
        links.append("proved by " + _links(equation.proofs) + on)
    if equation.checks:
        links.append("checked as mathematics by " + _links(equation.checks))
    if equation.exercises:
        exercises = ", ".join(f"[{title}](#{label})" for label, title in equation.exercises)
        links.append("practised in " + exercises)
    place = f":::{{container}} formula lines-{_height(equation.tex)}"
    formula = [place, f"``{_in_letters(equation.tex)}``", ":::"]
    text = [f"`{equation.label}`", "\n".join(formula), " · ".join(links)]
    return ["::::{container} equation", "\n\n".join(text), "::::", ""]


def _in_letters(tex):
    """Return a formula in plain letters; `book/web/parts/filter.js` draws it when it comes near."""
    text = plain_tex(tex)
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"


def _height(tex):
    """Return about how many lines of text the drawn formula takes: its place is kept free."""
    rows = tex.split(r"\\")
    high = sum(1 for row in rows if re.search(r"\\(?:[dt]?frac|sum|prod|int|begin\{p)", row))
    return min(len(rows) + high, 24)


def _links(proofs):
    return ", ".join(f"[`{p.name}`](#{p.anchor})" for p in proofs)


def _function(name):
    """Link a function of the package to its place in the API reference, if it is public."""
    public = name.rpartition(".")[2]
    if public in nnlearn.__all__ and callable(getattr(nnlearn, public)):
        return f"{{py:obj}}`nn.{public} <nnlearn.{public}>`"
    return f"`nn.{public}`" if public in nnlearn.__all__ else f"`nnlearn.{name}`"


class Proofs(SphinxDirective):
    """The source of every test of an equation, each with an anchor."""

    def run(self):
        self.env.note_reread()
        said = {}  # of each test: what it says of which equations
        for mark, verb in (("equation", "Proves"), ("theorem", "Checks as mathematics")):
            for label, proof in equations.marks(mark=mark):
                said.setdefault(proof, {}).setdefault(verb, []).append(label)
        lines = []
        tests = sorted(said.items(), key=lambda item: item[0].file)
        for file, group in groupby(tests, key=lambda item: item[0].file):
            lines += [f"## tests/{file}", ""]
            for proof, verbs in group:
                sentences = [f"{verb} {_references(labels)}." for verb, labels in verbs.items()]
                lines += [
                    f"({proof.anchor})=",
                    f"### {proof.name}",
                    "",
                    " ".join(sentences),
                    "",
                    f"````python\n{proof.source}\n````",
                    "",
                ]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def _references(labels):
    return ", ".join(f"{{eq}}`{label}`" for label in dict.fromkeys(labels))


def link_labels(app, what, name, obj, options, lines):
    """In a docstring of the API reference, make a link of every equation's label."""
    lines[:] = [equations.LABEL.sub(r":eq:`\g<0>`", line) for line in lines]


def setup(app):
    """Register the directives; give the API reference its links."""
    app.connect("autodoc-process-docstring", link_labels)
    app.add_directive("equation-index", EquationIndex)
    app.add_directive("proofs", Proofs)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
