"""Figures that answer the reader, in frames: on a page of the book, and in a running notebook."""

import html
import os
import re
import sys
from pathlib import Path
from typing import Any

_SHEET = '<link rel="stylesheet" href="figure.css">'
_LOADER = re.compile(r'<script src="loader\.js"[^>]*></script>')


def live(name: str, alt: str, caption: str, height: int = 480) -> Any:
    """Show a figure that answers the reader: a page of its own, in a frame.

    The page and its scripts stand in ``book/_static/figures``, and a page of the book only names
    them. To a notebook that a reader runs they are given whole: Jupyter's server lets a framed page
    fetch nothing.

    Parameters
    ----------
    name : str
        Such as ``"neuron"``: letters, digits and hyphens.
    alt : str
        What the figure shows, for readers who do not see it.
    caption : str
        What to see in it; HTML.
    height : int
        Pixels, until the figure tells its own.

    Returns
    -------
    IPython.display.HTML

    Raises
    ------
    ValueError
        If `name` could not be a figure's name, or `alt` or `caption` is empty.
    FileNotFoundError
        If a reader runs the notebook and the figure is not in ``_static/figures`` beside it.
    """
    from IPython.display import HTML

    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise ValueError(f"name: a figure's name such as 'neuron' was expected, got {name!r}.")
    for argument, text in (("alt", alt), ("caption", caption)):
        if not text.strip():
            raise ValueError(f"{argument}: a text was expected, got {text!r}.")
    source = f'src="_static/figures/{name}.html"'
    # both say that a person's browser shows the outputs: a Jupyter server, or JupyterLite
    if os.environ.get("JPY_SESSION_NAME") or sys.platform == "emscripten":
        source = f'srcdoc="{html.escape(whole(name), quote=True)}"'
    return HTML(  # type: ignore[no-untyped-call]
        f'<figure class="live"><iframe class="live" {source} '
        f'title="{html.escape(alt, quote=True)}" height="{height}" loading="lazy" '
        f'style="border: 0; width: 100%"></iframe><figcaption>{caption}</figcaption></figure>'
    )


def whole(name: str, folder: Path = Path("_static/figures")) -> str:
    """Return a figure as one HTML text: its page with its style, its scripts and its data inside.

    Parameters
    ----------
    name : str
    folder : Path
        Where the figures stand; a chapter runs in the folder ``book``.

    Raises
    ------
    FileNotFoundError
        If there is no such figure.
    """
    if not (folder / f"{name}.html").exists():
        raise FileNotFoundError(
            f"name: there is no figure {name!r} in {folder.absolute()}. A chapter is run in the "
            "folder book, where _static/figures holds them."
        )

    def text(file: str) -> str:
        return (folder / file).read_text(encoding="utf-8")

    page = text(f"{name}.html")
    needs = re.search(r'data-needs="([^"]*)"', page)
    scripts = [text("loader.js"), "window.figureStore = {};"]
    for data in needs[1].split() if needs else ():
        scripts.append(
            f"window.figureData = (value) => {{ window.figureStore['{data}'] = value; }};"
        )
        scripts.append(text(f"{data}.data.js"))
    scripts.append(text(f"{name}.js"))
    scripts = [script.replace("</script", "<\\/script") for script in scripts]
    inside = "\n".join(f"<script>{script}</script>" for script in scripts)
    page = page.replace(_SHEET, f"<style>{text('figure.css')}</style>")
    page = _LOADER.sub("", page)
    return page.replace("</body>", f"{inside}\n</body>")
