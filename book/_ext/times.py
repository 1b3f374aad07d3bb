"""How long each chapter takes: written once, in the chapter, and read from there for the index.

A chapter says ``**First reading:** 80 minutes (sections without ☆). All of it: 2 hours.`` The
index shows it with the role ``{times}`01-neuron```; ``{times}`all``` adds up the first readings. A
chapter that does not say it yet shows nothing, and then there is no sum. A section that a first
reader may skip has a title that ends with a star.
"""

import re

import equations
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxRole

STAR = "☆"
_LINE = re.compile(
    rf"\*\*First reading:\*\* (\d+) minutes \(sections without {STAR}\)\. "
    r"All of it: (.+? hours?(?: and a half)?)\."
)


def times(root=equations.ROOT):
    """Return (minutes of a first reading, "2 hours") by chapter, such as "01-neuron".

    Raises
    ------
    ExtensionError
        If a chapter says it twice.
    """
    found = {}
    for path in sorted((root / "book").glob("[0-9]*.ipynb")):
        said = _LINE.findall("\n".join(equations.texts(path)))
        if len(said) > 1:
            raise ExtensionError(
                f"{path.name} should say its times once; it does {len(said)} times."
            )
        if said:
            found[path.stem] = int(said[0][0]), said[0][1]
    return found


def total(known, chapters):
    """Return the sentence on all first readings; nothing while a chapter is missing."""
    if len(known) < chapters:
        return ""
    hours = round(2 * sum(minutes for minutes, _ in known.values()) / 60) / 2
    return f"The first readings together take about {hours:g} hours, the exercises apart."


def starred(path):
    """Return the titles of a chapter's sections that a first reader may skip."""
    headings = re.findall(r"^#{2,} +(.+)$", "\n".join(equations.texts(path)), re.MULTILINE)
    return [title.removesuffix(STAR).strip() for title in headings if title.endswith(STAR)]


class Times(SphinxRole):
    """The two times of a chapter, or the sum of all first readings."""

    def run(self):
        """Return the text: read anew in each build, since another page decides it."""
        self.env.note_reread()
        known = times()
        if self.text == "all":
            chapters = len(list((equations.ROOT / "book").glob("[0-9]*.ipynb")))
            return [nodes.Text(total(known, chapters))], []
        if self.text not in known:
            return [], []
        minutes, whole = known[self.text]
        whole = whole.replace(" ", "\N{NO-BREAK SPACE}")
        text = f"First reading {minutes}\N{NO-BREAK SPACE}minutes, all of it {whole}."
        return [nodes.Text(text)], []


def setup(app):
    """Register the role."""
    app.add_role("times", Times())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
