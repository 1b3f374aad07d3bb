"""Animations become films: a still picture, and a strip of frames that the reader plays.

A cell that calls :func:`nnlearn.book.figures.animate` shows an animated PNG. It runs by itself and
cannot be stopped. On a page it is replaced by its last frame, as an ordinary picture, and by all
its frames in one lossless WebP, the *strip*, which ``book/web/parts/film.js`` loads and shows when
the reader asks. In a strip each frame finds the one before it within the reach of the format's
back-references, so that twelve films take 0.7 MB where their animated PNGs took 1.5 MB; lossy
WebP, AVIF and PNG strips were all larger. Without JavaScript, and on paper, the still picture
remains. JupyterLab shows the animated PNG as before.
"""

import hashlib
import html
import io
import posixpath
from pathlib import Path

from docutils import nodes
from PIL import Image, ImageSequence
from sphinx.errors import ExtensionError
from sphinx.util.osutil import relative_uri

from nnlearn.files import write_atomically

#: No film is larger, in bytes.
LIMIT = 300_000
#: Below this number of colours a figure would look different.
FEWEST_COLORS = 32
#: The format's longest side.
LONGEST = 16383
#: Phones draw larger pictures at a lower resolution, or not at all.
MOST_PIXELS = 16_000_000


def frames_of(path):
    """Return the frames of a picture, and how long one of them stands.

    Parameters
    ----------
    path : Path
        A PNG.

    Returns
    -------
    frames : list of PIL.Image.Image
        All of one size; one frame if the picture does not move.
    pace : int
        Milliseconds from the first frame to the second; 0 if there is no second.
    """
    with Image.open(path) as picture:
        if getattr(picture, "n_frames", 1) == 1:
            return [picture.convert("RGB")], 0
        pace = round(picture.info.get("duration", 0))
        return [frame.convert("RGB") for frame in ImageSequence.Iterator(picture)], pace


def strip(frames):
    """Return frames in one picture, one below the other in as few columns as possible.

    Parameters
    ----------
    frames : list of PIL.Image.Image
        All of one size.

    Returns
    -------
    picture : PIL.Image.Image
        Frame i stands in column ``i // rows``, row ``i % rows``.
    rows : int

    Raises
    ------
    ValueError
        If a phone could not show it.
    """
    width, height = frames[0].size
    columns = -(-len(frames) // (LONGEST // height))
    rows = -(-len(frames) // columns)
    if columns * width > LONGEST or columns * width * rows * height > MOST_PIXELS:
        raise ValueError(
            f"{len(frames)} frames of {width} x {height} are too many for one strip of at most "
            f"{MOST_PIXELS:,} pixels: draw fewer, or smaller ones."
        )
    picture = Image.new("RGB", (columns * width, rows * height), "white")
    for i, frame in enumerate(frames):
        picture.paste(frame, (i // rows * width, i % rows * height))
    return picture, rows


def lossless(picture):
    """Return a picture as the bytes of a lossless WebP."""
    file = io.BytesIO()
    picture.save(file, format="WEBP", lossless=True, quality=100)
    return file.getvalue()


def fitted(picture, limit=LIMIT):
    """Return a strip as a lossless WebP of at most `limit` bytes, in fewer colours if need be.

    Raises
    ------
    ValueError
        If not even ``FEWEST_COLORS`` colours are few enough.
    """
    data = lossless(picture)
    count = len(picture.getcolors(1 << 24)) if len(data) > limit else 0
    while len(data) > limit:
        count = count * 7 // 8
        if count < FEWEST_COLORS:
            raise ValueError(
                f"A film takes {len(data):,} bytes, more than {limit:,}: draw fewer frames, or "
                "areas of one colour instead of shades."
            )
        fewer = picture.quantize(count, dither=Image.Dither.NONE)
        data = lossless(fewer.convert("RGB"))
    return data


def film(path, folder):
    """Write the still and the strip of an animated PNG; return what a page must know of them.

    Parameters
    ----------
    path : Path
        A PNG.
    folder : Path
        Where the two files go, under names made of their source's content: what is there already is
        taken as it is.

    Returns
    -------
    dict or None
        ``still`` and ``strip`` (file names), ``width``, ``height``, ``frames``, ``rows``, ``pace``;
        None if the picture does not move.
    """
    frames, pace = frames_of(path)
    if len(frames) == 1:
        return None
    picture, rows = strip(frames)
    made_of = path.read_bytes() + Path(__file__).read_bytes()
    name = hashlib.sha256(made_of).hexdigest()[:20]
    files = {"still": f"{name}-still.webp", "strip": f"{name}-film.webp"}
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / files["still"]).exists():
        write_atomically(folder / files["still"], lossless(frames[-1]))
    if not (folder / files["strip"]).exists():
        write_atomically(folder / files["strip"], fitted(picture))
    width, height = frames[0].size
    return files | {
        "width": width,
        "height": height,
        "frames": len(frames),
        "rows": rows,
        "pace": pace,
    }


def element(made, folder, alt):
    """Return the HTML of a film: its still picture, with what the player needs.

    Its size and when it is loaded are added with those of all pictures, in `pictures.py`.
    """
    return (
        f'<img class="film" alt="{html.escape(alt, quote=True)}" src="{folder}{made["still"]}" '
        f'data-strip="{folder}{made["strip"]}" data-frames="{made["frames"]}" '
        f'data-rows="{made["rows"]}" data-pace="{made["pace"]}" />'
    )


def replace(app, doctree, name):
    """Put a film in the place of each animated PNG of a page."""
    builder = app.builder
    if builder.format != "html":
        return
    for node in list(doctree.findall(nodes.image)):
        path = Path(app.srcdir) / node["uri"]
        if path.suffix != ".png" or not path.exists():
            continue
        try:
            made = film(path, Path(app.outdir) / builder.imagedir)
        except ValueError as error:
            raise ExtensionError(f"{name}: {error}") from error
        if made is not None:
            page = builder.get_target_uri(name)
            folder = posixpath.join(relative_uri(page, builder.imagedir), "")
            node.replace_self(
                nodes.raw("", element(made, folder, node.get("alt", "")), format="html")
            )


def setup(app):
    """Look at each page before it is written."""
    app.connect("doctree-resolved", replace)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
