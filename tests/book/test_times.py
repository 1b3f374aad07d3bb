"""The times that a reader plans with: one home each, and a path of ninety minutes in a chapter."""

import json
import re

import equations
import pytest
import times
from paths import BOOK

CHAPTERS = sorted(BOOK.glob("[0-9]*.ipynb"))


def article(page):
    text = page.read_text(encoding="utf-8")
    article = text[text.index("<article") : text.index("</article>")]
    return " ".join(re.sub(r"<[^>]*>", "", article).split())


def test_a_first_reading_takes_at_most_ninety_minutes():
    said = times.times()
    assert said
    for name, (minutes, whole) in said.items():
        assert 0 < minutes <= 90, name
        ending = r"(an|one|two|three|four|five|six|[\d.½]+) hours?( and a half)?$"
        assert re.search(ending, whole), name
        assert times.starred(BOOK / f"{name}.ipynb"), f"{name}: nothing to skip, yet two times"


def test_every_chapter_says_its_times():
    assert list(times.times()) == [path.stem for path in CHAPTERS]


def test_the_index_shows_the_times_that_the_chapters_say(site):
    page = article(site / "index.html")
    said = times.times()
    for minutes, whole in said.values():
        assert f"First reading {minutes} minutes, all of it {whole}." in page
    assert page.count("First reading") == len(said)
    assert times.total(said, len(CHAPTERS)) in page
    source = (BOOK / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"\{times\}`(\d.*?)`", source) == [path.stem for path in CHAPTERS]
    assert not re.search(r"\d+ minutes", source)  # or they would have two homes
    for name in ("index", "how-to"):
        assert times.STAR in article(site / f"{name}.html")


def test_the_sum_is_told_when_all_chapters_are_in():
    known = {"01-a": (80, "2 hours"), "02-b": (75, "3 hours")}
    assert times.total(known, 3) == ""
    assert "about 2.5 hours" in times.total(known, 2)


def test_a_star_shows_in_the_contents_and_does_not_change_the_anchor(site):
    count = 0
    for path in CHAPTERS:
        page = (site / f"{path.stem}.html").read_text(encoding="utf-8")
        contents = page[page.index("page-toc") :]
        for title in times.starred(path):
            if re.search(r"[$`{*]", title):
                continue
            shown = re.findall(rf'href="#([^"]*)">\s*{re.escape(title)} {times.STAR}</a>', contents)
            plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
            assert len(shown) == 1, title
            assert re.fullmatch(rf"{re.escape(plain)}|id\d+", shown[0]), title
            count += 1
    assert count >= 5


def sections(path):
    """Yield (whether a first reader may skip it, its text) for each section, tables left out."""
    level = 0
    for text in equations.texts(path):
        for part in re.split(r"^(?=#{1,6} )", text, flags=re.MULTILINE):
            heading = re.match(r"(#+) +(.+)", part)
            if heading:
                depth = len(heading[1])
                if level and depth <= level:
                    level = 0
                if not level and heading[2].rstrip().endswith(times.STAR):
                    level = depth
            yield bool(level), re.sub(r"^\|.*", "", part, flags=re.MULTILINE)


def test_what_a_first_reader_reads_rests_on_no_equation_that_was_skipped():
    """The tables at the end of a chapter list all equations, and are no argument."""
    parts = [(path.stem, *part) for path in CHAPTERS for part in sections(path)]
    label = re.compile(r"\$\$ *\((eq-[a-z0-9-]+)\)")
    skipped = {found for _, skip, text in parts if skip for found in label.findall(text)}
    assert len(skipped) >= 5
    resting = [
        f"{stem}: {found}"
        for stem, skip, text in parts
        for found in re.findall(r"\{eq\}`(eq-[a-z0-9-]+)`", text)
        if not skip and found in skipped
    ]
    assert resting == []


def test_a_chapter_says_its_times_once(tmp_path):
    (tmp_path / "book").mkdir()
    chapter = tmp_path / "book" / "01-x.ipynb"
    line = "**First reading:** 80 minutes (sections without ☆). All of it: 2.5 hours."
    for text, found in (("It takes long.", {}), (line, {"01-x": (80, "2.5 hours")})):
        chapter.write_text(notebook(text), encoding="utf-8")
        assert times.times(tmp_path) == found
    chapter.write_text(notebook(line, line), encoding="utf-8")
    with pytest.raises(times.ExtensionError, match=r"01-x\.ipynb should say its times once"):
        times.times(tmp_path)


def notebook(*texts):
    return json.dumps({"cells": [{"cell_type": "markdown", "source": [text]} for text in texts]})
