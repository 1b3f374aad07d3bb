"""Where a reader gets the project, said in one way everywhere, and first of all in a notebook
that is downloaded alone: it does not run without the project.

The address is `Repository` under `[project.urls]` in pyproject.toml, and nowhere else. Until it is
there, the place is the one where the reader found these pages.
"""

import json
import tomllib
from pathlib import Path

from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
#: The id of the cell that a downloaded notebook begins with.
NOTE = "the-project"


def address(root=ROOT):
    """Return the project's address, or an empty text while it has none."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", "")


def where(found):
    """Return the sentence, in Markdown, that says where to get the project.

    Parameters
    ----------
    found : str
        The address, or an empty text.
    """
    if found:
        return f"Get it with `git clone {found}`, or from <{found}>."
    return (
        "Get it from the place where you found these pages, or from whoever gave them to you: it "
        "is the whole folder in which the file `README.md` stands (`git clone` with that place's "
        "address, or its download button)."
    )


def note(notebook, found):
    """Return what a downloaded notebook says first, in Markdown: what else it needs."""
    code = "\n".join(
        "".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"
    )
    needs = "the package `nnlearn`"
    if "studies/" in code or "from studies " in code:
        needs += ", and beside it the folder `book/studies`, whose stored trainings it reads"
    return (
        f"**Downloaded alone, this notebook does not run.** It needs the project: {needs}. "
        f"{where(found)} There, `make lab` opens all chapters, this one too."
    )


class GetProject(SphinxDirective):
    """The sentence that says where to get the project."""

    def run(self):
        self.env.note_dependency(str(ROOT / "pyproject.toml"))
        return self.parse_text_to_nodes(where(address()))


def finish(app, exception):
    """Give every notebook that can be downloaded its first cell."""
    if exception is not None or app.builder.format != "html":
        return
    for path in (Path(app.outdir) / "_sources").rglob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if notebook["cells"][0].get("id") == NOTE:  # done when it was built
            continue
        text = note(notebook, address())
        cell = {"cell_type": "markdown", "id": NOTE, "metadata": {}, "source": text}
        notebook["cells"].insert(0, cell)
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def setup(app):
    """Register the directive; go over the notebooks when the book is built."""
    app.add_directive("get-project", GetProject)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
