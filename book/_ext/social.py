"""The picture beside a link to a page, elsewhere: the page's title and its chapter's equation.

Drawn only when the site has an address (`address.py`). The equations are those of the map of
chapters on the first page, `book/index.md`, so that they have one home.
"""

import re
from pathlib import Path

from nnlearn.files import atomic_file

#: Width and height that the places where links are shared ask for, in pixels.
SIZE = (1200, 630)
#: At most so many bytes.
LIMIT = 100_000
#: What Matplotlib's mathematics writes otherwise than TeX.
NOT_MATHTEXT = {
    **{"\\bigl": "", "\\bigr": "", "\\,": "\\ "},
    **{"\\tfrac": "\\frac", "\\dfrac": "\\frac"},
}
INDEX = Path(__file__).resolve().parents[1] / "index.md"
_LINE = re.compile(r"^\d+\. \{doc\}`([\w-]+)` \$(.+)\$$", re.MULTILINE)


def chapter_of(page):
    """Return the name of the chapter that a page belongs to, or an empty text."""
    name = page.rpartition("/")[2]
    return name if name[:2].isdigit() else ""


def name_of(page):
    """Return the name of a page's picture, which all pages of a chapter share."""
    return f"social-{chapter_of(page) or 'book'}.png"


def equations(text):
    """Return the equation of each chapter, by the chapter's name, from the map of chapters.

    Raises
    ------
    ValueError
        If the text has none.
    """
    found = dict(_LINE.findall(text))
    if not found:
        raise ValueError("index.md: lines such as 1. {doc}`01-neuron` $a = …$ were expected")
    return found


def for_mathtext(tex):
    """Return TeX that Matplotlib's own mathematics understands."""
    for there, here in NOT_MATHTEXT.items():
        tex = tex.replace(there, here)
    return re.sub(r"\\mathsf (\w)", r"\\mathrm{\1}", tex)


def draw(path, title, tex, site):
    """Draw one picture.

    Parameters
    ----------
    path : Path
    title : str
    tex : str
        The equation, without dollar signs.
    site : str
        What stands small below: the book's title; empty where it is the title already.
    """
    from matplotlib.figure import Figure  # seconds to import, and seldom needed

    figure = Figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100, facecolor="#fbfaf7")
    size = 52 if len(title) < 30 else 40
    figure.text(
        0.07, 0.80, title, fontsize=size, weight="bold", color="#1d2433", va="center", wrap=True
    )
    figure.text(0.5, 0.46, f"${for_mathtext(tex)}$", fontsize=54, color="#1d2433", ha="center",
                va="center", math_fontfamily="cm")  # fmt: skip
    figure.text(
        0.07, 0.12, site or "with the proof that the code computes it", fontsize=24, color="#4b5563"
    )
    with atomic_file(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})
        if file.tell() > LIMIT:
            raise ValueError(
                f"{path.name} has {file.tell():,} bytes; at most {LIMIT:,} were expected"
            )


def draw_all(env, folder):
    """Draw the picture of the book, and one for each chapter; of the pages that there are."""
    site = env.titles[env.config.root_doc].astext()
    found = equations(INDEX.read_text(encoding="utf-8"))
    first = next(iter(found.values()))
    wanted = {
        name_of(page): (env.titles[page].astext(), tex, site)
        for page, tex in found.items()
        if page in env.titles
    }
    wanted[name_of("index")] = (site, first, "")
    for name, (title, tex, below) in wanted.items():
        draw(folder / name, title, tex, below)
