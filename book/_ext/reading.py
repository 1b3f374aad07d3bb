"""How long each section takes, beside its title in the page's contents.

A chapter states how long a first reading takes (`times.py`). That time is shared out over the
sections without ☆, in whole minutes: together they take what the chapter states. A section's share
is what its words, formulas, lines of code and pictures cost at the rates below, and a starred one
is measured by the same rates. The rates are ours: common speeds of reading, chosen so that they
alone come within a third of each time that a chapter states, which a test holds. "All of it" is
more than the starred sections read once, since it counts a pencil: it is not shared out.
"""

import re

import times
from docutils import nodes

#: Minutes: of a word, of a formula in the text, of a line of a displayed equation, of a line of
#: code or of what it prints, of a picture.
WORD, FORMULA, EQUATION, CODE, PICTURE = 1 / 200, 1 / 40, 1 / 5, 1 / 20, 1 / 2

_CODE_ROW = re.compile(r"\S")


def cost(node):
    """Return the minutes that a part of the page costs at our rates, its sections apart."""
    if isinstance(node, nodes.section | nodes.raw):
        return 0.0
    if isinstance(node, nodes.math):
        return FORMULA
    if isinstance(node, nodes.math_block):
        return EQUATION * (1 + node.astext().count(r"\\"))
    if isinstance(node, nodes.literal_block):
        return CODE * sum(map(bool, map(_CODE_ROW.search, node.astext().splitlines())))
    if isinstance(node, nodes.image):
        return PICTURE
    if isinstance(node, nodes.Text):
        return WORD * len(node.astext().split())
    return sum(map(cost, node.children))


def costs(doctree):
    """Return (anchor, whether a first reading skips it, minutes at our rates) of each section.

    What stands under a section's own title counts, and not what its sections say. The first entry
    is the chapter's beginning.
    """

    def walk(section, skipped):
        skipped = skipped or section.next_node(nodes.title).astext().endswith(times.STAR)
        yield section["ids"][0], skipped, sum(map(cost, section.children))
        for part in section.children:
            if isinstance(part, nodes.section):
                yield from walk(part, skipped)

    return [
        entry
        for section in doctree.children
        if isinstance(section, nodes.section)
        for entry in walk(section, False)
    ]


def shared(weights, total):
    """Share whole minutes out in proportion; each part gets one at least.

    Parameters
    ----------
    weights : list of float
        Positive.
    total : int
        At least the number of parts.

    Returns
    -------
    list of int
        Their sum is `total`.

    Raises
    ------
    ValueError
        If there are more parts than minutes.
    """
    if total < len(weights):
        raise ValueError(f"{len(weights)} sections cannot share {total} minutes.")
    left = total - len(weights)
    exact = [left * weight / sum(weights) for weight in weights]
    whole = [int(part) for part in exact]
    by_rest = sorted(range(len(exact)), key=lambda n: whole[n] - exact[n])
    for n in by_rest[: left - sum(whole)]:
        whole[n] += 1
    return [1 + part for part in whole]


def minutes(doctree, first):
    """Return the minutes of each section of a chapter.

    Parameters
    ----------
    doctree : docutils.nodes.document
    first : int
        Minutes of a first reading, as the chapter states them.

    Returns
    -------
    dict
        By anchor, in the page's order: (minutes, whether a first reading skips it).
    """
    parts = costs(doctree)
    read = [weight for _, skipped, weight in parts if not skipped]
    shares = iter(shared(read, first))
    pace = first / sum(read)
    return {
        anchor: (max(1, round(pace * weight)) if skipped else next(shares), skipped)
        for anchor, skipped, weight in parts
    }


def with_minutes(contents, known):
    """Return the HTML of a page's contents with the minutes of each section beside its title."""

    def entry(match):
        if match[1] not in known:
            return match[0]
        number, skipped = known[match[1]]
        star = " data-star" if skipped else ""
        return f'{match[0]}<span class="minutes" data-minutes="{number}"{star}>{number} min</span>'

    return re.sub(r'<a\b[^>]*href="#([^"]*)"[^>]*>.*?</a>', entry, str(contents), flags=re.DOTALL)


def add_minutes(app, pagename, templatename, context, doctree):
    """Give the template of the contents the chapter's times: see `_templates/page-toc.html`."""
    said = times.times().get(pagename) if doctree is not None else None
    if said is None:
        return
    known = minutes(doctree, said[0])
    context["reading_time"] = f"First reading: about {said[0]} minutes"
    context["reading_minutes"] = next(iter(known.values()))[0]  # before the first section
    context["with_minutes"] = lambda contents: with_minutes(contents, known)


def setup(app):
    """Register it."""
    app.connect("html-page-context", add_minutes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
