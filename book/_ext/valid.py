"""What HTML does not allow, and tools that the book rests on write, mended on finished pages."""

import re
from xml.etree import ElementTree

#: A paragraph in a summary (MyST-NB), a list in a paragraph (Sphinx, where a field holds one), the
#: head of a column that has none.
_SUMMARY = re.compile(r'<p( class="(?:collapsed|expanded) admonition-title")>(.*?)</p>')
_LIST = re.compile(r"<p>(?=<ul\b)|(?<=</ul>)\s*</p>")
_NO_HEAD = re.compile(r"<th\b[^>]*>(?:<p></p>)?</th>")
#: Docutils gives entries of a bibliography roles that ARIA has given up.
_OLD_ROLE = re.compile(r' role="doc-biblioentry"| role="list"(?= class="citation-list")')
#: Each docstring counts its citations from 1, and many are on one page; nothing leads to them.
_CITATION = re.compile(r'(<span class="bibtex-citation") id="(id\d+)"')
#: KaTeX writes a height below zero, which a browser does not heed.
_NEGATIVE = re.compile(r"(?<=[\";])height:-[\d.]+em;")
#: A sign that holds other elements, and the unseen sign between a function and what it is of.
_APPLIED = "\N{FUNCTION APPLICATION}"
_MATH = re.compile(
    rf"<math\b[^>]*>(?:(?!</math>).)*?(?:<mo[^>]*><m|<mo>{_APPLIED}</mo>).*?</math>", re.DOTALL
)
_SCRIPTS = ("msub", "msup", "msubsup", "mover", "munder", "munderover")
_XMLNS = ' xmlns="http://www.w3.org/1998/Math/MathML"'


def valid(page):
    """Return a page's HTML as HTML allows it; on a screen it is the same page.

    Parameters
    ----------
    page : str
        HTML.
    """
    page = _NO_HEAD.sub("<td></td>", _SUMMARY.sub(r"<span\1>\2</span>", page))
    page = _LIST.sub("", _OLD_ROLE.sub("", page))
    page = _NEGATIVE.sub("", page)
    seen = set()

    def once(found):
        known = found[2] in seen
        seen.add(found[2])
        return found[1] if known else found[0]

    page = _CITATION.sub(once, page)
    return _MATH.sub(lambda found: mathml(found[0]), page)


def mathml(text):
    """Return a formula in which signs hold letters alone, and scripts as many parts as they have.

    Parameters
    ----------
    text : str
        One ``math`` element.
    """
    root = ElementTree.fromstring(text.replace(_XMLNS, "", 1))
    for element in root.iter():
        if element.tag == "mo" and len(element):
            element.tag, element.attrib = "mrow", {}
        if element.tag in _SCRIPTS:
            for child in list(element):
                if child.tag == "mo" and child.text == _APPLIED:
                    element.remove(child)
    text = ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)
    return text.replace("<math", f"<math{_XMLNS}", 1)
