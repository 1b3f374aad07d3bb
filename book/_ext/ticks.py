"""A box under the check of each exercise, for the reader to tick: see `book/web/parts/rings.js`.

It stands in the page from the start, so that nothing jumps when the script comes, and the style
sheet hides it where scripts are off. What is ticked stays in the reader's browser.
"""

import re

from docutils import nodes

_TITLE = re.compile(r"Exercise (\d+\.\d+)\b")


def box(number):
    """Return the box of an exercise such as "5.1"."""
    text = (
        f'<label class="exercise-done"><input type="checkbox" data-exercise="{number}" />'
        f" Exercise {number} is done</label>"
    )
    return nodes.raw("", text, format="html")


def add_boxes(app, doctree, docname):
    """Put a box under the check of each exercise of a page."""
    if not docname.startswith("exercises/"):
        return
    for section in doctree.findall(nodes.section):
        title = _TITLE.match(section.next_node(nodes.title).astext())
        checks = [
            cell
            for cell in section.children
            if isinstance(cell, nodes.container) and "tag_check" in cell["classes"]
        ]
        if title and checks:
            section.insert(section.index(checks[-1]) + 1, box(title[1]))


def setup(app):
    """Register it."""
    app.connect("doctree-resolved", add_boxes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
