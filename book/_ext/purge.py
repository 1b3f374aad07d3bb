"""A style sheet without the rules that nothing on the pages can ever match.

A rule stays if each class, id and element that its selector asks for is on some page, or is a word
in one of the scripts: what a script sets later (an open side bar, a dialog) is kept so. What stands
inside `:not`, `:is`, `:has` and their like is not asked for. Then a variable goes that no rule
reads, an animation that none plays, a font that none sets.
"""

import html
import re

import tinycss2

_VARIABLE = re.compile(r"--[\w-]+")
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_ELEMENT = re.compile(r"<([a-z][\w-]*)")
_NAMES = re.compile(r"\s(?:class|id)=\"([^\"]*)\"")
_STYLE = re.compile(r"\sstyle=\"([^\"]*--[^\"]*)\"")
_ICON = re.compile(r"fa([bsrl]|-.*|[bsrl]-.*)?$")
_NESTING = ("media", "supports", "layer", "container")  # at-rules that hold rules


class Words:
    """What pages and scripts use: elements, classes, ids, and every word of a script."""

    def __init__(self):
        self.elements, self.names, self.free = {"html", "body"}, set(), set()

    def read_page(self, text):
        """Take the elements, classes and ids of a page, and the variables of its styles."""
        self.elements.update(_ELEMENT.findall(text))
        for value in set(_NAMES.findall(text)):
            self.names.update(html.unescape(value).split())
        self.free.update(*(_VARIABLE.findall(style) for style in set(_STYLE.findall(text))))

    def read_script(self, text):
        """Take every word of a script as one that it may set."""
        self.free.update(_WORD.findall(text), _VARIABLE.findall(text))

    def ask(self, kind, word):
        """Whether an element (kind "element"), or a class or an id, may be on a page."""
        return word in self.free or word in (self.elements if kind == "element" else self.names)


def used_rules(text, words, icons=True):
    """Return a style sheet without the rules that can match nothing on the pages.

    Parameters
    ----------
    text : str
        CSS.
    words : Words
        What the pages and the scripts use.
    icons : bool
        Whether rules of Font Awesome may stay: `styles/icons.css` draws the theme's icons.

    Raises
    ------
    ValueError
        If the text is not CSS.
    """

    def selector(tokens):
        asked = list(_asked(tokens))
        if not icons and asked and asked[0][0] == "class" and _ICON.match(asked[0][1]):
            return False
        return all(words.ask(kind, word) for kind, word in asked)

    def declaration(one):
        return icons or "Font Awesome" not in _text(one).replace("\\", "")

    return _write(text, selector=selector, declaration=declaration)


def read_rules(text, words):
    """Return a style sheet without variables, animations and fonts that no rule in it asks for.

    Parameters
    ----------
    text : str
        CSS: all of it, joined.
    words : Words
        What the pages and the scripts use.
    """
    while True:
        read = set(re.findall(r"var\(\s*(--[\w-]+)|@property\s+(--[\w-]+)", text))
        read = {name for pair in read for name in pair} | words.free | {None}
        played = set(_WORD.findall(" ".join(re.findall(r"animation(?:-name)?\s*:[^;}]*", text))))
        outside = re.sub(r"@font-face\s*{[^}]*}", "", text)
        fewer = _write(
            text,
            declaration=lambda one, read=read: _variable(one) in read,
            animation=lambda name, played=played: name in played,
            font=lambda family, outside=outside: family in outside,
        )
        if fewer == text:
            return text
        text = fewer


def _yes(_):
    return True


def _write(text, selector=_yes, declaration=_yes, animation=_yes, font=_yes):
    """Return a style sheet with the parts to which the questions say yes."""

    def rules(tokens):
        found = tinycss2.parse_rule_list(tokens, skip_comments=True, skip_whitespace=True)
        return "\n".join(filter(None, map(rule, found)))

    def rule(node):
        if node.type == "error":
            raise ValueError(f"Expected CSS, got at line {node.source_line}: {node.message}")
        if node.type == "at-rule":
            return at_rule(node)
        asked = ",".join(_text(one) for one in _split(node.prelude, ",") if selector(one))
        content = declarations(node.content)
        return f"{asked}{{{content}}}" if asked and content else ""

    def declarations(tokens):
        kept = []
        for one in _split(tokens, ";"):
            if _text(one) and declaration(one):
                kept.append(_text(one))
        return ";".join(kept)

    def at_rule(node):
        name, prelude = node.lower_at_keyword, _text(node.prelude)
        if node.content is None:
            return "" if name == "charset" else f"@{name} {prelude};"
        if name in _NESTING:
            content = rules(node.content)
            return f"@{name} {prelude}{{{content}}}" if content else ""
        content = tinycss2.serialize(node.content)
        if name.endswith("keyframes") and not animation(prelude):
            return ""
        if name == "font-face":
            family = re.search(r"font-family\s*:\s*[\"']?([^;\"'}]+)", content)[1]
            if not font(family.strip()):
                return ""
        return f"@{name} {prelude}{{{content}}}"

    return rules(text)


def _variable(tokens):
    """Return the name of the variable that a declaration sets; None if it sets none."""
    first = next(t for t in tokens if t.type not in ("whitespace", "comment"))
    return first.value if first.type == "ident" and first.value.startswith("--") else None


def _text(tokens):
    return tinycss2.serialize([t for t in tokens if t.type != "comment"]).strip()


def _split(tokens, mark):
    """Split tokens at a mark such as a comma."""
    one = []
    for token in tokens:
        if token.type == "literal" and token.value == mark:
            yield one
            one = []
        else:
            one.append(token)
    yield one


def _asked(tokens):
    """Yield (kind, word) for each element, class and id that a selector asks for."""
    before = None
    for token in tokens:
        if token.type == "hash":
            yield "id", token.value
        elif token.type == "ident" and before != ":":
            yield ("class" if before == "." else "element"), token.value
        before = token.value if token.type == "literal" else None
