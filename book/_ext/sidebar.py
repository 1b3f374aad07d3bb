"""The side bar: one line for each page, and a chapter's exercises as a small mark beside it.

The theme lists every page of exercises as a line of its own, under a chapter that it repeats. Here
a page is a line. A chapter's number stands in a ring, which shows how much of the chapter was read,
and the ring of the mark shows how many exercises are done. Both are drawn by
`book/web/parts/progress.js`, from what the reader's browser remembers, and empty without it.
"""

import functools
import re
from dataclasses import dataclass

import equations
from sphinx import addnodes

_EXERCISES = "exercises/"
_EXERCISE = re.compile(r"^#+ Exercise (\d+\.\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """A line of the side bar."""

    page: str  # such as "05-cnn"
    title: str
    number: str  # "5"; empty where pages are not numbered
    exercises: str  # the page of its exercises; empty without any
    count: int  # how many exercises that page has


def statements(page, root=equations.ROOT):
    """Return the numbers of a page's exercises, such as ["5.1", "5.2"].

    Parameters
    ----------
    page : str
        Such as "exercises/05-cnn".
    """
    texts = equations.texts(root / "book" / f"{page}.ipynb")
    return [number for text in texts for number in _EXERCISE.findall(text)]


@functools.lru_cache(maxsize=1)
def course(env):
    """Return the book's parts: [(caption, [Line, …]), …].

    Parameters
    ----------
    env : sphinx.environment.BuildEnvironment
        Of a build that has read all pages.
    """
    root = env.get_doctree(env.config.root_doc)
    return [
        (node.get("caption") or "", [_line(env, page) for _, page in node["entries"]])
        for node in root.findall(addnodes.toctree)
        if node["entries"]
    ]


def _line(env, page):
    below = [p for p in env.toctree_includes.get(page, []) if p.startswith(_EXERCISES)]
    number = env.toc_secnumbers.get(page, {}).get("") or ()
    exercises = below[0] if below else ""
    return Line(
        page,
        env.titles[page].astext(),
        ".".join(map(str, number)),
        exercises,
        len(statements(exercises)) if exercises else 0,
    )


def add_course(app, pagename, templatename, context, doctree):
    """Give the template of the side bar what it lists."""
    context["course"] = functools.partial(course, app.env)


def setup(app):
    """Register it."""
    app.connect("html-page-context", add_course)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
