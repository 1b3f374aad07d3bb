"""The built book as one archive that opens from disk: unpack it, open `index.html`.

    python book/_ext/offline.py [HTML [ZIP]]

The same pages give the same bytes: the files come in order, all with one date. What is of use only
on a server or at an address stays out.
"""

import sys
import zipfile
from pathlib import Path

from nnlearn.files import atomic_file

ROOT = Path(__file__).resolve().parents[2]
NAME = "equation-by-equation"
#: Before this date an archive cannot say when.
DATE = (1980, 1, 1, 0, 0, 0)
LEFT_OUT = {".buildinfo", "404.html", "objects.inv", "robots.txt", "sitemap.xml"}
#: Compressed already: to do it again takes time and gains nothing.
COMPRESSED = {".avif", ".gif", ".jpg", ".mp3", ".mp4", ".png", ".webm", ".webp", ".woff2", ".whl"}


def files_of(html):
    """Return the files of the built book that belong into the archive, in order.

    Parameters
    ----------
    html : Path

    Raises
    ------
    FileNotFoundError
        If there is no built book.
    """
    if not (html / "index.html").is_file():
        raise FileNotFoundError(f"There is no built book in {html}: make book builds it")
    files = sorted(path.relative_to(html) for path in html.rglob("*") if path.is_file())
    return [f for f in files if f.name not in LEFT_OUT and f.parts[0] != "lite"]


def pack(html, target):
    """Write the archive, whole or not at all.

    Parameters
    ----------
    html : Path
        The built pages.
    target : Path
        The archive.
    """
    with atomic_file(target) as whole, zipfile.ZipFile(whole, "w") as archive:
        for file in files_of(html):
            entry = zipfile.ZipInfo(f"{NAME}/{file.as_posix()}", DATE)
            stored = file.suffix in COMPRESSED
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (html / file).read_bytes(), compresslevel=9)


def main():
    """Read the command line; say where the archive is, and how large."""
    given = [Path(argument) for argument in sys.argv[1:]]
    html = given[0] if given else ROOT / "_build" / "html"
    target = given[1] if len(given) > 1 else ROOT / "_build" / f"{NAME}.zip"
    pack(html, target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB. Unpack it, open {NAME}/index.html")


if __name__ == "__main__":
    main()
