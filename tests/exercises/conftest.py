"""A small course, and a reader with the command at hand."""

import json

import exercise_course
import pytest

from nnlearn.exercises import author, notebook
from nnlearn.exercises.__main__ import main


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """A folder with one refreshed exercise notebook, 05-cnn.ipynb."""
    path = exercise_course.write(tmp_path_factory.mktemp("course"))
    author.refresh(path)
    return path.parent


@pytest.fixture
def pristine(course):
    return notebook.read_pristine(course / "05-cnn.ipynb")


@pytest.fixture
def reader(course, tmp_path, monkeypatch, capsys):
    """A reader in an empty folder, with the command at hand."""
    monkeypatch.chdir(tmp_path)
    return Reader(course, tmp_path, capsys)


class Reader:
    def __init__(self, course, folder, capsys):
        self.course, self.capsys = course, capsys
        self.copy = folder / "05-cnn.ipynb"

    def __call__(self, *words):
        """Run the command; return its exit code and everything that it said."""
        self.capsys.readouterr()
        code = main([words[0], "--course", str(self.course), *words[1:]])
        out, err = self.capsys.readouterr()
        return code, out + err

    def edit(self, change):
        """Change the copy as an editor would, through its parsed form."""
        content = json.loads(self.copy.read_text())
        change(content)
        self.copy.write_text(json.dumps(content))

    def answer(self, **answers):
        """Start if need be, and write answers: `self.answer(a1="…")` answers exercise 5.1."""
        if not self.copy.exists():
            self("start", "5")
        texts = {f"answer-5-{key[1:]}": text for key, text in answers.items()}

        def change(content):
            for cell in content["cells"]:
                cell["source"] = texts.get(cell["id"], cell["source"])

        self.edit(change)
