"""Accessibility, as axe-core sees it: what is wrong on a page that is open in a browser."""

from pathlib import Path

import axe_playwright_python

SCRIPT = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
#: The rules of WCAG 2.2, levels A and AA, and axe's best practices.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: A chapter has tens of thousands of elements of drawn formulas and of coloured code, and axe would
#: look at each for a minute. A word stands for a formula, which is hidden from those who listen and
#: has the colour of the text around it; of the listings the first twenty keep their colours.
LESS = """() => {
    for (const formula of document.querySelectorAll('.katex')) formula.replaceWith('formula');
    for (const code of [...document.querySelectorAll('.highlight pre')].slice(20)) {
        code.textContent = code.textContent;
    }
}"""

#: axe reads the same few colours a hundred thousand times on a chapter, a third of its time; here
#: each text of a colour is read once.
REMEMBER = """() => {
    const { prototype } = axe.commons.color.Color, read = prototype.parseString, known = new Map();
    prototype.parseString = function (text) {
        if (known.has(text)) {
            [this.r, this.g, this.b, this.alpha] = known.get(text);
        } else {
            read.call(this, text);
            known.set(text, [this.r, this.g, this.b, this.alpha]);
        }
        return this;
    };
}"""


def violations(page, rules=None, leave_out=()):
    """Return what axe finds: (rule, the first element's selector, how many).

    Parameters
    ----------
    page : playwright page
    rules : list of str, optional
        Only these rules; otherwise all of `TAGS`.
    leave_out : iterable of str
        Rules that do not fit the page.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(SCRIPT)
        page.evaluate(REMEMBER)
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
    settings = {
        "runOnly": only,
        "resultTypes": ["violations"],
        "iframes": False,  # it is not in them, and would wait for an answer; each has its own test
        "rules": {rule: {"enabled": False} for rule in leave_out},
    }
    page.evaluate(LESS)
    found = page.evaluate("settings => axe.run(document, settings)", settings)["violations"]
    return [(v["id"], v["nodes"][0]["target"], len(v["nodes"])) for v in found]
