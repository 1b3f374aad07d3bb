"""The pictures of a page: small, with their size, and loaded when the reader comes near.

Matplotlib's PNGs become lossless WebP where that is smaller, as it nearly always is: the figures of
the book take two fifths of the bytes, and no pixel changes. What moves stays as it is.
"""

import functools
import io
import itertools
import re
from pathlib import Path
from urllib.parse import unquote

import assets
from PIL import Image

_IMAGE = re.compile(r"<img\b(?![^>]*\bwidth=)[^>]*\bsrc=\"([^\":]+)\"[^>]*?(?=\s*/?>)")
_VIEW_BOX = re.compile(r'<svg\b[^>]*\bviewBox="0 0 ([\d.]+) ([\d.]+)"')


@functools.cache
def lighter(path):
    """Write a picture as WebP beside it, if that is smaller; return the path of the smaller one.

    Parameters
    ----------
    path : Path
        A PNG.
    """
    with Image.open(path) as image:
        if getattr(image, "n_frames", 1) > 1:
            return path
        packed = io.BytesIO()
        image.save(packed, "WEBP", lossless=True, method=4, exact=True)
    if packed.tell() >= path.stat().st_size:
        return path
    smaller = path.with_suffix(".webp")
    assets.put(smaller, packed.getvalue())
    return smaller


@functools.cache
def size(path):
    """Return a picture's width and height in pixels."""
    if path.suffix == ".svg":
        box = _VIEW_BOX.search(path.read_text(encoding="utf-8"))
        if box is None:
            raise ValueError(f'{path.name}: expected a viewBox that begins with "0 0".')
        return tuple(round(float(side)) for side in box.groups())
    with Image.open(path) as image:
        return image.size


def pictures_sized(page, folder):
    """Return a page's HTML whose pictures have a size: no text jumps when one comes.

    All but the first are loaded when the reader comes near.

    Parameters
    ----------
    page : str
        HTML.
    folder : Path
        Where the page stands.
    """
    later = itertools.chain([""], itertools.repeat(' loading="lazy" decoding="async"'))

    def picture(match):
        path = folder / unquote(match[1])
        if path.parent.name != "_images":  # the logo, which the style sheet sizes
            return match[0]
        text = match[0]
        if path.suffix == ".png" and (smaller := lighter(path)) != path:
            text = text.replace(
                f'src="{match[1]}"', f'src="{Path(match[1]).parent}/{smaller.name}"'
            )
        width, height = size(path)
        return f'{text} width="{width}" height="{height}"{next(later)}'

    return _IMAGE.sub(picture, page)


def clear(folder, pages):
    """Remove each PNG that no page asks for any more, its WebP being there.

    Parameters
    ----------
    folder : Path
        The built ``_images``.
    pages : iterable of str
        HTML.
    """
    asked = {unquote(name) for page in pages for name in re.findall(r"_images/([^\"'\s)]+)", page)}
    for path in folder.glob("*.png"):
        if path.with_suffix(".webp").exists() and path.name not in asked:
            path.unlink()
