"""Exercise notebooks: finding them, taking them apart, putting a reader's answers in."""

import copy
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: A cell or a whole notebook, as its JSON is.
JSON = dict[str, Any]

HEADING = re.compile(r"^#+ +Exercise (\d+\.\d+)\b:?\s*(.*)$", re.MULTILINE)
LARGEST = 2**28  # bytes of a notebook; with outputs, such as pictures, it may be large
STATEMENT = re.compile(r"statement-(\d+)-(\d+)")


class NotebookProblem(Exception):
    """A notebook cannot be used; the text tells the reader what to do."""


@dataclass
class Exercise:
    """One exercise of a pristine notebook: its cells and what they hold."""

    number: str
    title: str
    cells: list[JSON] = field(repr=False)

    def cell(self, part: str) -> JSON:
        """Return its cell of this part: statement, answer, check, hint or solution."""
        wanted = f"{part}-{self.number.replace('.', '-')}"
        return next(cell for cell in self.cells if cell.get("id") == wanted)

    def folded(self, part: str) -> str:
        """Return the text of its folded hint or solution, without the folding."""
        text = source(self.cell(part))
        text = re.sub(r"<summary>.*?</summary>", "", text, flags=re.DOTALL)
        return re.sub(r"</?details>", "", text).strip()


@dataclass
class Pristine:
    """An exercise notebook as the course gives it: never a reader's copy."""

    path: Path
    raw: JSON = field(repr=False)
    setup: list[JSON] = field(repr=False)
    exercises: dict[str, Exercise]

    def with_answers(self, answers: dict[str, str], only: str | None = None) -> JSON:
        """Return a new notebook with these answers in it; `only` one exercise and the setup."""
        notebook = copy.deepcopy(self.raw)
        if only is not None:
            notebook["cells"] = copy.deepcopy(self.setup + self.exercises[only].cells)
        for cell in notebook["cells"]:
            number = cell.get("id", "").removeprefix("answer-").replace("-", ".")
            if number in answers:
                cell["source"] = answers[number]
                # What an answer prints is the reader's own affair: strict nbval looks elsewhere.
                cell["metadata"]["tags"] = ["answer", "nbval-ignore-output"]
        return notebook


def source(cell: JSON) -> str:
    """Return a cell's text: the file holds a string or a list of lines."""
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


def tags(cell: JSON) -> list[Any]:
    """Return a cell's tags."""
    found: list[Any] = cell.get("metadata", {}).get("tags", [])
    return found


def course_folder() -> Path:
    """Return the folder of the pristine notebooks: in the installed package or in the checkout."""
    here = Path(__file__).resolve()
    installed = here.parent / "notebooks"
    return installed if installed.is_dir() else here.parents[2] / "book" / "exercises"


def find(name: str, folder: Path) -> Path:
    """Return the pristine notebook that a reader means by "5", "05", "cnn" or "05-cnn"."""
    known = sorted(folder.glob("[0-9]*-*.ipynb"))
    wanted = Path(name).name.lower().removesuffix(".ipynb")
    for path in known:
        number, _, subject = path.stem.partition("-")
        if wanted in (path.stem, subject) or (wanted.isdecimal() and int(wanted) == int(number)):
            return path
    listed = "\n".join(f"  {path.stem}" for path in known) or "  (none)"
    raise NotebookProblem(f"There are no exercises called {name!r}. There are:\n{listed}")


def read_raw(path: Path) -> JSON:
    """Read a notebook file, of format 4 or older, or say in plain words why it is none."""
    try:
        if path.exists() and not path.is_file():
            raise NotebookProblem(f"{path} is not a file.")
        if path.stat().st_size > LARGEST:
            raise NotebookProblem(
                f"{path} has more than {LARGEST // 2**20} MB. In Jupyter, clear all outputs "
                "(Edit, Clear Outputs of All Cells), and save it."
            )
        data = path.read_bytes()
        # Windows programs put a byte-order mark before the text, or write UTF-16.
        notebook: JSON = json.loads(data.decode(json.detect_encoding(data)))
    except FileNotFoundError:
        raise NotebookProblem(f"There is no file {path}.") from None
    except OSError as error:
        raise NotebookProblem(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise NotebookProblem(
            f"{path} cannot be read: line {line} is not in UTF-8, as notebooks are. Did another "
            "program save it? There, save it once more in the encoding UTF-8."
        ) from None
    except json.JSONDecodeError as error:
        raise NotebookProblem(
            f"{path} is not a whole notebook: line {error.lineno} cannot be understood. Perhaps it "
            "was saved only in part. Open it in JupyterLab and save it again; if it does not open, "
            "rename it and start afresh."
        ) from None
    except (ValueError, RecursionError):  # a number of 5,000 digits, lists within lists for ever
        notebook = {}
    if isinstance(notebook, dict) and notebook.get("worksheets"):
        notebook = _upgraded(notebook)
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(_is_cell(cell) for cell in cells):
        raise NotebookProblem(f"{path} is not a Jupyter notebook (of format 4).")
    for cell in cells:
        _tidy(cell)
    return notebook


def _upgraded(notebook: JSON) -> JSON:
    """Return a notebook of format 3, or an older one, in format 4; without cells if it is none."""
    import nbformat

    try:
        older = nbformat.from_dict({"nbformat": 3, **notebook})  # type: ignore[no-untyped-call]
        upgraded: JSON = nbformat.convert(older, 4)  # type: ignore[no-untyped-call]
    except Exception:  # whatever a file that is no notebook makes of it
        return {}
    return upgraded


def _is_cell(cell: Any) -> bool:
    return (
        isinstance(cell, dict)
        and isinstance(cell.get("cell_type"), str)
        and isinstance(cell.get("source"), str | list)
        and all(isinstance(line, str) for line in cell["source"])
    )


def _tidy(cell: JSON) -> None:
    """Take out of a cell what other programs have made of its metadata, id and line ends."""
    metadata = cell.get("metadata")
    if not isinstance(metadata, dict):
        cell["metadata"] = metadata = {}
    if not isinstance(metadata.get("tags", []), list):
        del metadata["tags"]
    if not isinstance(cell.get("id", ""), str):
        del cell["id"]
    if "\r" in (text := source(cell)):
        cell["source"] = text.replace("\r\n", "\n").replace("\r", "\n")


def language(notebook: JSON) -> str:
    """Return the name of the language that a notebook's metadata tells, or an empty text."""
    metadata = notebook.get("metadata")
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        named = metadata.get(part) if isinstance(metadata, dict) else None
        if isinstance(named, dict) and isinstance(named.get(key), str):
            return str(named[key])
    return ""


def read_pristine(path: Path) -> Pristine:
    """Read a notebook of the course and take it apart into its exercises."""
    raw = read_raw(path)
    setup: list[JSON] = []
    exercises: dict[str, Exercise] = {}
    current = setup
    for cell in raw["cells"]:
        match = STATEMENT.fullmatch(cell.get("id", ""))
        if match:
            heading = HEADING.search(source(cell))
            number = ".".join(match.groups())
            exercise = Exercise(number, heading[2].strip() if heading else "", [])
            exercises[number] = exercise
            current = exercise.cells
        current.append(cell)
    return Pristine(path, raw, setup, exercises)


def stripped(notebook: JSON) -> JSON:
    """Return the notebook without outputs and execution counts."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    return notebook


def text_of(notebook: JSON) -> str:
    """Return the notebook as its file's text, in the form that Jupyter writes."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
