"""Notebooks are kept so that strict nbval compares all of them, and so that they diff well."""

import importlib
import inspect
import re
import textwrap
import types
from pathlib import Path

import pytest
from notebooks import CHAPTERS, NOTEBOOKS, code_cells, name, read, without_docstrings
from paths import BOOK, PACKAGE, ROOT, TESTS

import nnlearn as nn
from nnlearn.book.sources import source_text
from nnlearn.exercises.author import METADATA


def test_there_are_chapters_and_each_has_its_exercises_and_proofs():
    contents = (BOOK / "_toc.yml").read_text(encoding="utf-8")
    chapters = re.findall(r"file: (\d\d-[a-z]+)$", contents, re.MULTILINE)
    assert [path.stem for path in CHAPTERS] == chapters
    for folder, pattern in (
        (BOOK / "exercises", "(*).ipynb"),
        (PACKAGE / "exercises" / "checks", "chapter_(*).py"),
        (TESTS / "chapters", "test_(*).py"),
        (TESTS / "wrong_answers", "(*).py"),
    ):
        before, after = pattern.split("(*)")
        files = sorted(path.name for path in folder.glob(f"{before}*{after}"))
        found = [name.removeprefix(before).removesuffix(after) for name in files]
        named = [name.replace("_", "-") for name in found if name[:2].isdigit()]
        assert named == chapters, folder


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_every_cell_was_run_in_order(path):
    """A cell without an execution count is run by nbval but never compared."""
    counts = [c["execution_count"] for c in code_cells(path) if "".join(c["source"]).strip()]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_nothing_is_stored_that_should_not_be(path):
    for cell in code_cells(path):
        for output in cell["outputs"]:
            assert output["output_type"] != "error", cell["id"]
            assert output.get("name") != "stderr", cell["id"]
            text = "".join(output.get("text", output.get("data", {}).get("text/plain", "")))
            if "image/png" in output.get("data", {}):
                assert re.fullmatch(r"<(Figure size|IPython).*>", text), cell["id"]
                continue
            for bad in ("<Figure", "np.float", "<matplotlib", "Warning", "<Axes"):
                assert bad not in text, f"{cell['id']} stores {bad}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_no_cell_has_a_magic_or_hides_from_the_comparison(path):
    for cell in code_cells(path):
        source = "".join(cell["source"])
        assert not re.search(r"^\s*[%!]", source, re.MULTILINE), cell["id"]
        tags = cell["metadata"].get("tags", [])
        assert not {"raises-exception", "nbval-skip", "nbval-ignore-output"} & set(tags), cell["id"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_metadata_is_normalized(path):
    notebook = read(path)
    assert notebook["metadata"] == METADATA
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert not [i for i in ids if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]+)?", i)], "random ids"
    for cell in notebook["cells"]:
        assert set(cell["metadata"]) <= {"tags", "mystnb"}, cell["id"]


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_every_figure_has_a_caption_and_words_for_those_who_do_not_see_it(path):
    for cell in code_cells(path):
        pictures = [o for o in cell["outputs"] if "image/png" in o.get("data", {})]
        if pictures:
            settings = cell["metadata"].get("mystnb", {})
            assert len(settings.get("image", {}).get("alt", "")) > 20, cell["id"]
            assert len(settings.get("figure", {}).get("caption", "")) > 20, cell["id"]


def shown_sources():
    """Every expression whose source a chapter shows, with the text that is stored."""
    found = []
    for path in CHAPTERS:
        for cell in code_cells(path):
            match = re.search(r"nn\.source\(([\w.]+)\)", "".join(cell["source"]))
            if match:
                outputs = [o["data"]["text/markdown"] for o in cell["outputs"] if "data" in o]
                label = f"{path.stem}-{match[1]}"
                found.append(pytest.param(match[1], "".join(outputs[0]), id=label))
    return found


def look_up(expression):
    """Return the object that a chapter calls ``nn.dense`` or ``normalization._normalized``."""
    first, *rest = expression.split(".")
    things = [nn]
    if first != "nn":  # a module that the chapter imports from one of the rooms
        names = [".".join(f.relative_to(ROOT).with_suffix("").parts) for f in PACKAGE.rglob("*.py")]
        modules = [importlib.import_module(n) for n in names if n.endswith(f".{first}")]
        things = [module for module in modules if hasattr(module, rest[0])]
    (thing,) = things
    for part in rest:
        thing = getattr(thing, part)
    return thing


def compiled(code, name):
    """Find a function's code, by its qualified name, inside a module's."""
    for constant in reversed(code.co_consts):  # the last definition of a name is what runs
        if isinstance(constant, types.CodeType):
            found = constant if constant.co_qualname == name else compiled(constant, name)
            if found is not None:
                return found
    return None


@pytest.mark.parametrize(("expression", "shown"), shown_sources())
def test_the_source_that_is_shown_is_what_runs(expression, shown):
    """Shown block = the file's text; the file's text, compiled, = the code that runs."""
    thing = inspect.unwrap(look_up(expression))
    block = shown.removeprefix("```python\n").removesuffix("\n```")
    written = textwrap.dedent(inspect.getsource(thing))
    assert without_docstrings(block) == without_docstrings(written)
    file = Path(inspect.getsourcefile(thing))
    assert file.is_relative_to(ROOT / "nnlearn")
    if isinstance(thing, types.FunctionType):
        module = compile(file.read_text(encoding="utf-8"), str(file), "exec")
        assert compiled(module, thing.__qualname__).co_code == thing.__code__.co_code


def shown_studies():
    """Every function of a study whose source a chapter shows, with the text that is stored."""
    found = []
    for path in CHAPTERS:
        for cell in code_cells(path):
            match = re.search(r"sources\.source\((\w+)\.(\w+)\)", "".join(cell["source"]))
            if match:
                text = "".join(cell["outputs"][-1]["data"]["text/markdown"])
                label = f"{path.stem}-{match[1]}.{match[2]}"
                found.append(pytest.param(*match.groups(), text, id=label))
    return found


@pytest.mark.parametrize(("study", "function", "shown"), shown_studies())
def test_the_study_runs_what_the_chapter_shows(study, function, shown, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book")
    thing = getattr(importlib.import_module(f"studies.{study}"), function)
    assert shown == f"```python\n{source_text(thing)}\n```"


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_chapters_do_not_retype_the_package(path):
    """No cell defines a function with the body of one of the package's."""
    shown = {source_text(getattr(nn, n)) for n in nn.__all__ if callable(getattr(nn, n))}
    for cell in code_cells(path):
        source = "".join(cell["source"])
        for text in shown:
            body = text.partition(":\n")[2].strip()
            assert len(body) < 60 or body not in source, cell["id"]
