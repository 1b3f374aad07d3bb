"""Margin notes: a remark beside its paragraph, and below it where there is no room beside.

A chapter writes the theme's ``{margin}`` directive after a paragraph. The theme lets it float into
the column of the contents, beside whatever comes next; here paragraph and note are put into one
container, and `_static/styles/margin.css` lays them side by side.
"""

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)


def is_note(node):
    """Whether a node is a margin note."""
    return isinstance(node, nodes.sidebar) and "margin" in node["classes"]


class BesideItsParagraph(SphinxPostTransform):
    """Join each margin note with the paragraph before it."""

    default_priority = 210
    formats = ("html",)

    def run(self, **kwargs):
        for note in list(self.document.findall(is_note)):
            place = note.parent.index(note)
            paragraph = note.parent[place - 1] if place else None
            if not isinstance(paragraph, nodes.paragraph):
                logger.warning("a margin note stands after a paragraph", location=note)
                continue
            remark = [child for child in note if not isinstance(child, nodes.title)]
            beside = nodes.container("", *remark, classes=["remark"])
            both = nodes.container("", paragraph, beside, classes=["noted"])
            note.parent[place - 1 : place + 1] = [both]


def setup(app):
    app.add_post_transform(BesideItsParagraph)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
