"""The committed bundles are those of the committed sources."""

import hashlib
import json

from paths import BOOK

WEB = BOOK / "web"


def test_make_web_was_run_after_the_last_change():
    """`build.mjs` has written the digest of each file that it read, and of each that it made."""
    said = json.loads((WEB / "made.json").read_text(encoding="utf-8"))
    changed = [
        path
        for path, digest in said.items()
        if hashlib.sha256((WEB / path).resolve().read_bytes()).hexdigest()[:16] != digest
    ]
    assert changed == [], "run: make web"
    here = {
        path.relative_to(WEB).as_posix()
        for folder in ("figures", "parts", "search")
        for path in (WEB / folder).rglob("*.*")
    }
    assert here - said.keys() == set(), "run: make web"
