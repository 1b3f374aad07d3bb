"""What the pages say about where they stand: nothing, until the site has an address.

The site's address is `html: baseurl:` in `_config.yml`. With it, each page names its canonical
address (Sphinx does that), says what a link to it looks like in other places (Open Graph), and
`sitemap.xml` and `robots.txt` are written. `404.html` is always there: for any address below its
own that leads nowhere, most servers show it.
"""

import html
import re
from pathlib import Path
from urllib.parse import quote

import assets
import policy
import social
from docutils import nodes
from search_records import words_of
from sphinx.errors import ExtensionError

#: How long a description may be before others cut it.
LONGEST = 200


def base_of(config):
    """Return the site's address with a slash at its end, or an empty text while it has none.

    Raises
    ------
    ExtensionError
        If it is not an address of the web.
    """
    base = config.html_baseurl
    if base and not re.match(r"https?://[^/\s]+", base):
        raise ExtensionError(
            f"html: baseurl: in _config.yml is {base!r}; an address was expected: https://…"
        )
    return base.rstrip("/") + "/" if base else ""


def description_of(doctree):
    """Return the beginning of a page's first paragraph, in plain letters."""
    paragraph = doctree.next_node(nodes.paragraph) if doctree else None
    text = words_of(paragraph) if paragraph else ""
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"


def preview(base, page, title, site, description, picture):
    """Return the elements that say what a link to a page looks like elsewhere.

    Parameters
    ----------
    base : str
        The site's address, with a slash at its end.
    page : str
        The page's name, such as ``"exercises/05-cnn"``.
    title, site, description : str
    picture : str
        The picture's path below the site's address.
    """
    says = {
        "og:type": "article" if page[:2].isdigit() else "website",
        "og:site_name": site,
        "og:title": title,
        "og:description": description,
        "og:url": f"{base}{quote(page)}.html",
        "og:image": f"{base}{quote(picture)}",
        "og:image:width": social.SIZE[0],
        "og:image:height": social.SIZE[1],
        "og:image:alt": f"{title}, and an equation",
        "twitter:card": "summary_large_image",
    }
    return "\n".join(
        f'<meta {"name" if name.startswith("twitter") else "property"}="{name}" '
        f'content="{html.escape(str(content), quote=True)}" />'
        for name, content in says.items()
        if content
    )


def sitemap(base, pages):
    """Return the list of pages for search engines, as XML."""
    places = "".join(
        f"  <url><loc>{html.escape(base + quote(page))}.html</loc></url>\n"
        for page in sorted(pages)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}</urlset>\n'
    )


def robots(base):
    """Return what search engines may read: all. (They ask for it at the root of a host only.)"""
    return f"User-agent: *\nAllow: /\n\nSitemap: {base}sitemap.xml\n"


def add_preview(app, pagename, templatename, context, doctree):
    """Let a page with text say what a link to it looks like, once the site has an address."""
    base = base_of(app.config)
    if base and doctree:
        title = re.sub(r"<[^>]*>", "", html.unescape(context.get("title", "")))
        picture = f"_static/{social.name_of(pagename)}"
        site = app.config.html_title or app.config.project
        elements = preview(base, pagename, title, site, description_of(doctree), picture)
        context["metatags"] = f"{context.get('metatags', '')}\n{elements}"


def page_404(app):
    """Give Sphinx the page for addresses that lead nowhere."""
    env = app.env
    chapters = [p for p in env.toctree_includes.get(env.config.root_doc, ()) if p[:2].isdigit()]
    folders = sorted({p.partition("/")[0] for p in env.found_docs if "/" in p})
    context = {
        "base": base_of(app.config),
        "chapters": [(page, env.titles[page].astext()) for page in chapters],
        "folders": [*folders, "_modules", "_static", "_images", "_sources"],
    }
    yield "404", context, "404.html"


def finish(app, exception):
    """Write what belongs to an address, or take away what an earlier build wrote of it."""
    if exception is not None or app.builder.format != "html":
        return
    base, out = base_of(app.config), Path(app.outdir)
    lost = out / "404.html"
    text = lost.read_text(encoding="utf-8")
    if "Content-Security-Policy" not in text:  # `pages.py` leaves it as it is
        assets.put(lost, policy.guarded(text))
    if not base:
        for name in ("sitemap.xml", "robots.txt"):
            (out / name).unlink(missing_ok=True)
        return
    for name, text in (
        ("sitemap.xml", sitemap(base, app.env.found_docs)),
        ("robots.txt", robots(base)),
    ):
        assets.put(out / name, text)
    social.draw_all(app.env, out / "_static")


def setup(app):
    """Say it on every page; write the files at the end."""
    app.connect("html-page-context", add_preview)
    app.connect("html-collect-pages", page_404)
    app.connect("build-finished", finish, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
