"""Where the project is: one home for the address, and a word in each downloaded notebook."""

import json
import re

import project
import pytest
from paths import ROOT

NEEDS_STUDIES = {"05-cnn", "06-rnn", "07-lstm", "08-gan", "09-gpu", "11-attention"}


@pytest.mark.parametrize("urls", ["", '[project.urls]\nRepository = "https://example.org/nn"\n'])
def test_the_address_comes_from_pyproject_and_everyone_says_it(tmp_path, urls):
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "nnlearn"\n{urls}')
    found = project.address(tmp_path)
    assert found == ("https://example.org/nn" if urls else "")
    notebook = {"cells": [{"cell_type": "code", "source": ["import nnlearn as nn\n"]}]}
    for text in (project.where(found), project.note(notebook, found)):
        assert "git clone" in text
        assert ("https://example.org/nn" in text) == bool(urls)
        assert ("README.md" in text) != bool(urls)


def test_no_other_place_names_an_address():
    """The README may: it is read where the project is. But then the one that is configured."""
    found = project.address()
    for path in (ROOT / "README.md", ROOT / "_config.yml", *(ROOT / "book").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        for host in ("github.com/", "gitlab.com/", "codeberg.org/"):
            assert host not in text.replace(found or "\0", ""), path.name
    assert "git clone" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "{get-project}" in (ROOT / "book" / "how-to.md").read_text(encoding="utf-8")


def test_a_downloaded_notebook_says_what_it_lacks(site):
    downloads = sorted((site / "_sources").rglob("*.ipynb"))
    assert len(downloads) >= 16
    for path in downloads:
        name = path.relative_to(site / "_sources")
        studies = str(name.with_suffix("")) in NEEDS_STUDIES
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert [cell.get("id") for cell in cells].count(project.NOTE) == 1, name
        assert cells[0]["source"].startswith("**Downloaded alone, this notebook does not run.**")
        assert project.where(project.address()) in cells[0]["source"]
        assert ("book/studies" in cells[0]["source"]) == studies
        here = json.loads((ROOT / "book" / name).read_text(encoding="utf-8"))["cells"]
        assert len(cells) == len(here) + 1 + bool(project.address())  # `running.py` adds one
        page = (site / name).with_suffix(".html").read_text(encoding="utf-8")
        assert f'_sources/{name.as_posix()}" download' in page


def test_the_how_to_page_says_where_the_project_is(site):
    page = (site / "how-to.html").read_text(encoding="utf-8")
    assert project.where(project.address()).replace("`", "") in " ".join(
        re.sub(r"<[^>]*>", "", page).replace("’", "'").split()
    )
