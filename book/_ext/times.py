"""How long each chapter takes: written once, in the chapter, and read from there for the index.

A chapter says ``**First reading:** 80 minutes (sections without ☆). All of it: 2 hours.`` The index
shows it with the role ``{times}`01-neuron```; ``{times}`all``` is the sum of the first readings.
A section that a first reader may skip has a title that ends with a star.
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
    """Return, for each chapter such as "01-neuron", (minutes of a first reading, "2 hours").

    Raises
    ------
    ExtensionError
        If a chapter does not say it, or says it twice.
    """
    found = {}
    for path in sorted((root / "book").glob("[0-9]*.ipynb")):
        said = _LINE.findall("\n".join(equations.texts(path)))
        if len(said) != 1:
            raise ExtensionError(
                f"{path.name} should say once '**First reading:** 80 minutes (sections without "
                f"{STAR}). All of it: 2 hours.'; it does {len(said)} times."
            )
        found[path.stem] = int(said[0][0]), said[0][1]
    return found


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
            hours = round(2 * sum(minutes for minutes, _ in known.values()) / 60) / 2
            return [nodes.Text(f"{hours:g} hours")], []
        minutes, whole = known[self.text]
        whole = whole.replace(" ", "\N{NO-BREAK SPACE}")
        text = f"First reading {minutes}\N{NO-BREAK SPACE}minutes, all of it {whole}."
        return [nodes.Text(text)], []


def setup(app):
    """Register the role."""
    app.add_role("times", Times())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
