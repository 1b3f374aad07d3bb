"""What a page may load and run, said to the browser: a content security policy.

It stands in the page, so that it also holds where no server adds a header, and from a disk. Nothing
comes from elsewhere; a script that stands in a page runs only if its SHA-256 is named.
"""

import base64
import hashlib
import re

#: The words that are names of no host or hash need no quotes; ``'self'`` does.
RULES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "style-src-attr": "'unsafe-inline'",  # KaTeX writes lengths into style attributes
    "img-src": "'self' data:",  # the style sheet holds small drawings
    "font-src": "'self'",
    "media-src": "'self'",
    "frame-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
}

_INLINE = {
    "script-src": re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL),
    "style-src": re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL),
}
_HEAD = re.compile(r"<head>\s*(<meta charset=[^>]*>)?")


def policy(page):
    """Return the policy of a page.

    Parameters
    ----------
    page : str
        HTML, as it will be served: each script and style in it gets its hash.
    """
    rules = dict(RULES)
    for name, pattern in _INLINE.items():
        for text in dict.fromkeys(pattern.findall(page)):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            rules[name] += f" 'sha256-{digest}'"
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def guarded(page):
    """Return a page's HTML with its policy, which binds all that comes after it."""
    element = f'<meta http-equiv="Content-Security-Policy" content="{policy(page)}" />'
    return _HEAD.sub(lambda match: f"{match[0]}\n    {element}", page, count=1)
