"""What the search of the pages finds on one page: its sections and other places, as records.

A record is one place that a reader may want to be led to. A section comes with its text (without
the outputs of code) and with what it defines: the words that it emphasises, its label, the labels
of its equations. So do equations, symbols, words of the glossary and functions of nnlearn.
"""

import re

from docutils import nodes
from plain_tex import greek_name, plain_tex
from sphinx import addnodes

#: Pages that repeat what stands elsewhere: of these only the headings are found.
HEADINGS_ONLY = {"proofs", "equations"}
_ANCHOR = re.compile(r"^(?:sec|ex|fig)-")
#: A name in code that one may search for: of the package, or of several words.
_NAME = re.compile(r"\bnn\.\w+(?:\.\w+)*|\b\w+_\w+\b")
_OUTPUT = "cell_output"
#: What is no text, or is found by itself.
_SILENT = nodes.section | nodes.title | nodes.math_block | nodes.literal_block | nodes.raw


def words_of(node):
    """Return a node's text, formulas in plain letters, without the outputs of code and figures."""
    parts = []
    _gather(node, parts, displayed=False)
    return " ".join("".join(parts).split())


def _gather(node, parts, displayed):
    """Add the text of a node to `parts`; `displayed`: inside an output, where captions count."""
    if isinstance(node, nodes.Text):
        if not displayed:
            parts.append(node.astext())
    elif isinstance(node, nodes.math):
        # `prerender.py` has moved the punctuation beside a formula into these attributes
        parts += [node.get("opening", ""), plain_tex(node.astext()), node.get("closing", "")]
    elif isinstance(node, nodes.caption):
        _into(node, parts, False)
    elif _OUTPUT in node.get("classes", ()):
        _into(node, parts, True)
    elif not isinstance(node, _SILENT):
        _into(node, parts, displayed)


def _into(node, parts, displayed):
    for child in node.children:
        _gather(child, parts, displayed)
    if not isinstance(node, nodes.TextElement) or isinstance(node, nodes.paragraph | nodes.caption):
        parts.append(" ")


def own(section, kind):
    """Return the nodes of a kind that stand in a section, and in none of its subsections."""
    found = []
    for child in section.children:
        if not isinstance(child, nodes.section):
            found += child.findall(kind)
    return found


def anchor_of(node):
    """Return the best name of a place: the one that a writer gave, else the heading's."""
    return next((i for i in node["ids"] if _ANCHOR.match(i)), (node["ids"] or [""])[0])


def label_words(label, page=""):
    """Return how a writer calls a place: of ``"sec-rnn-vanishing"``, there, vanishing."""
    chapter = page.rpartition("-")[2]
    return label.partition("-")[2].removeprefix(f"{chapter}-").replace("-", " ")


def section_record(section, page, top):
    """Return the record of one section.

    Parameters
    ----------
    section : docutils.nodes.section
    page : str
        The page's name, such as ``"06-rnn"``.
    top : bool
        Whether it is the whole page: then it needs no anchor.
    """
    emphasised = [n for kind in (nodes.emphasis, nodes.strong) for n in own(section, kind)]
    defined = [n.astext() for n in emphasised if not re.search(r"[.:?!]$", n.astext())]
    labels = [i for i in section["ids"] if _ANCHOR.match(i)]
    equations = [n["label"] for n in own(section, nodes.math_block) if n.get("label")]
    code = " ".join(n.astext() for n in own(section, nodes.literal_block))
    formulas = " ".join(plain_tex(n.astext()) for n in own(section, nodes.math_block))
    bare = page in HEADINGS_ONLY
    return {
        "kind": "proof" if bare else _kind(page),
        "page": page,
        "anchor": "" if top else anchor_of(section),
        "title": words_of_title(section),
        "called": unique(label_words(label, page) for label in labels),
        "defines": unique([*defined, *map(label_words, equations)]),
        "names": "" if bare else " ".join(unique(_NAME.findall(code))),
        "formulas": "" if bare else " ".join(unique(formulas.split())),
        "text": "" if bare else words_of_own(section),
    }


def _kind(page):
    """Return what a page's sections are."""
    if page.startswith("exercises/"):
        return "exercise"
    return "section" if page[:2].isdigit() else "page"


def words_of_own(section):
    """Return the text that stands in a section itself, without hints and solutions."""
    shown, depth = [], 0
    for child in section.children:
        if isinstance(child, nodes.raw):
            depth += child.astext().count("<details") - child.astext().count("</details")
        elif not depth:
            shown.append(words_of(child))
    return " ".join(filter(None, shown))


def words_of_title(section):
    """Return a section's heading without the star that marks it as optional."""
    parts = []
    _into(section.next_node(nodes.title), parts, False)
    return "".join(parts).replace("☆", "").strip()


def unique(items):
    """Return the items, each once, in order."""
    return list(dict.fromkeys(items))


def equation_records(doctree, page, numbers):
    """Return a record for every labelled equation of a page."""
    found = []
    for node in doctree.findall(nodes.math_block):
        if label := node.get("label"):
            number = ".".join(map(str, numbers.get(f"equation-{label}", ())))
            found.append(
                {
                    "kind": "equation",
                    "page": page,
                    "anchor": f"equation-{label}",
                    "title": f"Equation ({number}): {label_words(label)}",
                    "names": f"{label} {number}",
                    "text": plain_tex(node.astext()),
                }
            )
    return found


def symbol_records(doctree, page):
    """Return a record for every row of the table of symbols."""
    found = []
    for section in doctree.findall(nodes.section):
        for row in (r for body in own(section, nodes.tbody) for r in body.children):
            symbols, meaning, code = (words_of(entry) for entry in row.children)
            spelled = {greek_name(letter) for letter in symbols} - {""}
            names = [*re.findall(r"[\w.]+", code), *sorted(spelled)]
            found.append(
                {
                    "kind": "symbol",
                    "page": page,
                    "anchor": row["ids"][0] if row["ids"] else anchor_of(section),
                    "place": words_of_title(section),
                    "title": symbols,
                    "names": " ".join([symbols, *names]),
                    "text": meaning + (f". In the code: {code}" if code else ""),
                }
            )
    return found


def term_records(doctree, page):
    """Return a record for every word of the glossary."""
    return [
        {
            "kind": "term",
            "page": page,
            "anchor": term["ids"][0],
            "title": term.astext(),
            "text": words_of(item.next_node(nodes.definition)),
        }
        for item in doctree.findall(nodes.definition_list_item)
        for term in item.findall(nodes.term)
    ]


def function_records(doctree, page):
    """Return a record for every function and class of the API reference."""
    found = []
    for node in doctree.findall(addnodes.desc):
        signature = node.next_node(addnodes.desc_signature)
        if node["domain"] == "py" and signature["ids"]:
            name = signature["ids"][0]
            first = node.next_node(addnodes.desc_content).next_node(nodes.paragraph)
            public = "nn." + name.removeprefix("nnlearn.")
            found.append(
                {
                    "kind": "function",
                    "page": page,
                    "anchor": name,
                    "title": public,
                    "names": f"{public} {name}",
                    "text": words_of(first) if first else "",
                }
            )
    return found


def records_of(doctree, page, numbers):
    """Return all records of a page.

    Parameters
    ----------
    doctree : docutils.nodes.document
        Resolved.
    page : str
    numbers : dict
        Of each equation's id: the parts of its number.
    """
    special = {"notation": symbol_records, "glossary": term_records, "api": function_records}
    sections = list(doctree.findall(nodes.section))
    found = [section_record(s, page, top=s is sections[0]) for s in sections]
    if page in special:
        for record in found:
            record["text"] = ""  # row by row, word by word: no section says it again
        found += special[page](doctree, page)
    return found + equation_records(doctree, page, numbers)
