"""The plugin that compares what `make book` executed: it compares all, and trusts nothing old."""

import os
import subprocess
import sys

import executed
import nbformat
import pytest
from jupyter_cache.base import CacheBundleIn
from paths import TESTS

SOURCES = {"a": "1 + 1", "b": "2 + 2"}


def notebook(**results):
    cells = [
        nbformat.v4.new_code_cell(
            SOURCES[name],
            execution_count=count,
            outputs=[nbformat.v4.new_output("execute_result", {"text/plain": result})],
        )
        for count, (name, result) in enumerate(results.items(), 1)
    ]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("x"), *cells])


@pytest.fixture
def project(tmp_path):
    """A chapter, and its execution: no Python adds as this one did, so that one can tell it."""
    for folder in ("book", "nnlearn"):
        (tmp_path / folder).mkdir()
    for file in ("pyproject.toml", "requirements.txt", "nnlearn/a.py"):
        (tmp_path / file).touch()
    nbformat.write(notebook(a="3", b="5"), tmp_path / "book" / "01-a.ipynb")
    for place in tmp_path.rglob("*.*"):
        os.utime(place, (1e9, 1e9))
    ran = CacheBundleIn(notebook(a="3", b="4"), "01-a.ipynb", data={"execution_seconds": 10.0})
    with executed.executions(tmp_path) as cache:
        cache.cache_notebook_bundle(ran, check_validity=False)
    return tmp_path


def kept(project):
    return executed.kept(project / "book" / "01-a.ipynb", project)


def test_what_was_executed_last_of_all_is_taken(project):
    assert [cell.source for cell in kept(project)] == [*SOURCES.values()]


def test_nothing_is_taken_that_is_older_than_a_source(project):
    (kept_file,) = project.glob(f"{executed.KEPT}/executed/*/base.ipynb")
    ended = kept_file.stat().st_mtime
    for source in ("book/01-a.ipynb", "nnlearn/a.py", "requirements.txt"):
        os.utime(project / source, (ended - 5, ended - 5))  # while it was executed
        assert kept(project) is None, source
        os.utime(project / source, (ended - 15, ended - 15))
        assert kept(project) is not None, source


def test_nothing_is_taken_of_other_code_or_where_nothing_is(project, tmp_path_factory):
    nbformat.write(notebook(b="4"), project / "book" / "01-a.ipynb")
    os.utime(project / "book" / "01-a.ipynb", (1e9, 1e9))
    assert kept(project) is None
    empty = tmp_path_factory.mktemp("empty")
    assert executed.kept(project / "book" / "01-a.ipynb", empty) is None
    assert list(empty.iterdir()) == []


def test_a_cell_that_was_not_executed_is_told():
    replay = executed.Replay(notebook(a="2").cells[1:])
    replay.execute_cell_input(SOURCES["a"], allow_stdin=False)
    with pytest.raises(LookupError, match=r"no such cell:\n2 \+ 2"):
        replay.execute_cell_input(SOURCES["b"], allow_stdin=False)


@pytest.mark.parametrize(("old", "failed"), [(False, "Cell 1"), (True, "Cell 0")])
def test_nbval_compares_with_it_and_executes_what_is_old(project, old, failed):
    """It finds the cell that differs: of the execution that was kept, or of a new one."""
    if old:
        (project / "nnlearn" / "a.py").touch()
        nbformat.write(notebook(a="3", b="4"), project / "book" / "01-a.ipynb")
    command = "-m pytest -q -p executed --nbval --nbval-current-env -p no:cacheprovider --color=no"
    done = subprocess.run(
        [sys.executable, *command.split(), "--rootdir", ".", "book/01-a.ipynb"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert f"FAILED book/01-a.ipynb::{failed}" in done.stdout
