"""Whatever has become of a notebook: its answers are found, or it is said why not; it is only read.

The answer that is looked for, `σ = (`, is no Python: so it is judged without a kernel, at once.
"""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
import tally
from exercise_course import RIGHT
from paths import ROOT

from nnlearn.exercises import __main__ as command
from nnlearn.exercises import notebook, progress
from nnlearn.exercises.verdict import Result

MANY = bool(os.environ.get("NNLEARN_TRUST"))
MINE = "σ = ("


def survives(reader, words=MINE, code=1, arguments=("--exercise", "1")):
    """The check says these words, and leaves the notebook and its folder alone."""
    before = reader.copy.read_bytes()
    got, text = reader("check", "5", *arguments)
    assert (got, words in text) == (code, True), text
    assert "Traceback" not in text
    assert reader.copy.read_bytes() == before
    left = {path.name for path in reader.copy.parent.iterdir()}
    assert left <= {progress.FILE, reader.copy.name}
    tally.count("faults survived" if words == MINE else "bad inputs refused")
    return text


def text_of(reader):
    reader.answer(a1=MINE)
    return json.dumps(json.loads(reader.copy.read_text()), ensure_ascii=False, indent=1)


BYTES = {
    "a byte-order mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "line ends of Windows": lambda text: text.replace("\n", "\r\n").encode(),
    "line ends of Windows within the cells": lambda text: text.replace("\\n", "\\r\\n").encode(),
    "line ends of old Macs within the cells": lambda text: text.replace("\\n", "\\r").encode(),
    "a key twice": lambda text: text.replace("{", '{"nbformat": 3,', 1).encode(),
}


@pytest.mark.parametrize("deed", BYTES)
def test_another_form_of_the_same_bytes_does_no_harm(reader, deed):
    reader.copy.write_bytes(BYTES[deed](text_of(reader)))
    survives(reader)
    if "within" in deed:  # what was not touched is not taken for an answer
        assert "not answered yet" in reader("check", "5", "--exercise", "2")[1]


NO_NOTEBOOK = {
    "Latin-1": (lambda text: text.replace("σ", "ä").encode("latin-1"), "is not in UTF-8"),
    "cut off": (lambda text: text.encode()[:-200], "saved only in part"),
    "empty": (lambda text: b"", "saved only in part"),
    "only blanks": (lambda text: b" \n" * 99, "saved only in part"),
    "no JSON": (lambda text: b"# My answers\n", "saved only in part"),
    "a script": (lambda text: b"guess = 7\n", "saved only in part"),
    "marks of a merge": (
        lambda text: text.replace("\n", "\n<<<<<<< HEAD\n", 1).encode(), "line 2",
    ),
    "a picture": (lambda text: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "cannot be read"),
    "zeros": (lambda text: bytes(1000), "saved only in part"),
    "null": (lambda text: b"null", "not a Jupyter notebook"),
    "a number": (lambda text: b"7", "not a Jupyter notebook"),
    "a number of 10,000 digits": (lambda text: b"7" * 10**4, "not a Jupyter notebook"),
    "lists in lists": (lambda text: b"[" * 10**5 + b"]" * 10**5, "not a Jupyter notebook"),
    "cells that are no list": (lambda text: b'{"cells": {"a": 1}}', "not a Jupyter notebook"),
    "cells that are no cells": (lambda text: b'{"cells": [1, null]}', "not a Jupyter notebook"),
    "sheets that are none": (lambda text: b'{"worksheets": [3]}', "not a Jupyter notebook"),
    "sheets of nothing": (lambda text: b'{"worksheets": {"a": []}}', "not a Jupyter notebook"),
}  # fmt: skip


@pytest.mark.parametrize("deed", NO_NOTEBOOK)
def test_what_is_no_notebook_is_refused_with_the_reason(reader, deed):
    change, words = NO_NOTEBOOK[deed]
    reader.copy.write_bytes(change(text_of(reader)))
    survives(reader, words, code=2)
    assert "cannot be read" in reader("status")[1]


def test_a_notebook_cut_off_anywhere_is_refused(reader):
    whole = text_of(reader).encode()
    for length in range(0, len(whole) - 2, max(1, len(whole) // (200 if MANY else 20))):
        reader.copy.write_bytes(whole[:length])
        code, text = reader("check", "5")
        assert code == 2
        assert "saved only in part" in text or "is not in UTF-8" in text
        assert reader.copy.read_bytes() == whole[:length]
        tally.count("bad inputs refused")


@pytest.mark.parametrize("version", [3, 2])
def test_older_formats_are_read(reader, version):
    text = text_of(reader)
    older = nbformat.convert(nbformat.reads(text, as_version=4), 3)
    older = {**older, "nbformat": version}
    reader.copy.write_text(json.dumps(older))
    survives(reader)


def each_cell(change):
    return lambda content: [change(cell) for cell in content["cells"]]


def take(*keys):
    return each_cell(lambda cell: [cell.pop(key, None) for key in keys])


def put(key, value):
    return each_cell(lambda cell: cell.__setitem__(key, value))


def tagged(value):
    return each_cell(lambda cell: cell["metadata"].__setitem__("tags", value))


#: What other programs, other versions and hands make of a notebook; its answer is still found.
EDITS = {
    "format 4.0": lambda content: (content.update(nbformat_minor=0), take("id")(content)),
    "format 4.4": lambda content: (content.update(nbformat_minor=4), take("id")(content)),
    "a format to come": lambda content: content.update(nbformat=9, nbformat_minor=99),
    "no format": lambda content: (content.pop("nbformat"), content.pop("nbformat_minor")),
    "no metadata of its own": lambda content: content.pop("metadata"),
    "metadata that is a list": lambda content: content.update(metadata=[1]),
    "another Python": lambda content: content.update(
        metadata={"kernelspec": {"name": "my-env", "display_name": "x", "language": "python"}}
    ),
    "a kernel that is a word": lambda content: content.update(metadata={"kernelspec": "python"}),
    "no metadata in the cells": take("metadata"),
    "metadata that is null": put("metadata", None),
    "tags that are a word": tagged("answer"),
    "tags that are null": tagged(None),
    "tags that are numbers": tagged([1, None]),
    "no ids": take("id"),
    "new ids": put("id", "the same"),
    "ids that are numbers": put("id", 7),
    "ids that are lists": put("id", ["answer-5-1"]),
    "no outputs": take("outputs", "execution_count"),
    "outputs that are a word": put("outputs", "none"),
    "text in lines": each_cell(
        lambda cell: cell.update(source=notebook.source(cell).splitlines(keepends=True))
    ),
    "all texts gone": lambda content: content.update(
        cells=[cell for cell in content["cells"] if cell["cell_type"] == "code"]
    ),
    "all checks gone": lambda content: content.update(
        cells=[cell for cell in content["cells"] if "check" not in cell["id"]]
    ),
    "the answer alone left": lambda content: content.update(
        cells=[cell for cell in content["cells"] if cell["id"] == "answer-5-1"]
    ),
    "upside down": lambda content: content["cells"].reverse(),
    "all cells twice": lambda content: content.update(
        cells=[cell for cell in content["cells"] for _ in range(2)]
    ),
    "the answer at the end": lambda content: content["cells"].append(content["cells"].pop(3)),
    "texts made code": each_cell(lambda cell: cell.update(cell_type="code")),
    "cells of a kind to come": lambda content: content["cells"].insert(
        0, {"cell_type": "sql", "source": "SELECT 1", "metadata": {}, "id": "x"}
    ),
    "a thousand other cells": lambda content: content["cells"].extend(
        {"cell_type": "code", "source": f"x = {k}", "metadata": {}, "id": f"x{k}"}
        for k in range(1000)
    ),
}  # fmt: skip


@pytest.mark.parametrize("deed", EDITS)
def test_an_answer_is_found_whatever_was_edited(reader, deed):
    reader.answer(a1=MINE)
    reader.edit(EDITS[deed])
    survives(reader)


def of_answer(change):
    """Change the cells of the first answer: a function of all cells and the place of it."""

    def edit(content):
        cells = content["cells"]
        change(cells, next(i for i, cell in enumerate(cells) if cell["id"] == "answer-5-1"))

    return edit


LOST = {
    "the answer deleted": (of_answer(lambda cells, i: cells.pop(i)), "`# Exercise 5.1`"),
    "all cells deleted": (lambda content: content.update(cells=[]), "`# Exercise 5.1`"),
    "turned into text": (
        of_answer(lambda cells, i: cells[i].update(cell_type="markdown")), "text cell",
    ),
    "turned raw": (of_answer(lambda cells, i: cells[i].update(cell_type="raw")), "text cell"),
    "emptied": (of_answer(lambda cells, i: cells[i].update(source="")), "not answered yet"),
}  # fmt: skip


@pytest.mark.parametrize("deed", LOST)
def test_it_is_said_which_exercise_has_lost_what(reader, deed):
    change, words = LOST[deed]
    reader.answer(a1=MINE)
    reader.edit(change)
    text = survives(reader, words)
    assert "5.1" in text


def test_split_answers_are_joined_and_moved_ones_found(reader):
    def split(cells, i):
        second = dict(cells[i], source="σ = (", id="new")
        cells[i]["source"] = "a = 1"
        cells.insert(i + 1, second)

    reader.answer(a1=MINE)
    reader.edit(of_answer(split))
    assert "2 cells" in survives(reader)


def test_another_language_is_named(reader):
    for metadata in (
        {"kernelspec": {"name": "ir", "language": "R"}, "language_info": {"name": "R"}},
        {"kernelspec": {"name": "ir", "language": "R"}},
    ):
        reader.answer(a1="f <- function(x) (")
        reader.edit(lambda content, metadata=metadata: content.update(metadata=metadata))
        survives(reader, "is set to run with R; answers are judged in Python")
        assert "not Python yet" in reader("check", "5", "--exercise", "1")[1]


NO_PYTHON = ["σ = '\ud800'", "x = '\0'", "(" * 10**4, "-" * 10**5 + "1", "if 1:\nx", "\ufeffσ = ("]


@pytest.mark.parametrize("text", NO_PYTHON, ids=lambda text: ascii(text[:9]))
def test_what_python_cannot_read_is_said_to_be_none(reader, text):
    reader.answer(a1=text)
    survives(reader, "This is not Python yet")


# ---- paths -----------------------------------------------------------------------------------

FOLDERS = ["Übung 中文 ☆", "two  spaces ", "a'b\"c", "-h", "%TEMP% $HOME", "line\nbreak", "x" * 200]


@pytest.mark.parametrize("name", FOLDERS)
def test_any_folder_will_do(reader, monkeypatch, name):
    folder = reader.copy.parent / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    reader.copy = folder / reader.copy.name
    reader.answer(a1=MINE)
    survives(reader)
    assert "1 not right yet" in reader("status")[1]


def test_any_name_will_do(reader):
    for name in ("mein Übungsheft ☆.ipynb", "--help", "notes", "05-cnn.ipynb.txt"):
        reader.answer(a1=MINE)
        reader.copy = reader.copy.rename(reader.copy.with_name(name))
        survives(reader, arguments=(f"--file={name}", "--exercise=1"))
        reader.copy = reader.copy.rename(reader.copy.with_name("05-cnn.ipynb"))


def test_a_link_is_followed_and_stays_one(reader, tmp_path_factory):
    reader.answer(a1=MINE)
    target = tmp_path_factory.mktemp("elsewhere") / "work.ipynb"
    reader.copy.rename(target)
    reader.copy.symlink_to(target)
    survives(reader)
    assert reader.copy.is_symlink()
    target.unlink()
    code, text = reader("check", "5")
    assert (code, "There is no 05-cnn.ipynb" in text) == (2, True)
    code, text = reader("start", "5")  # the link leads nowhere, and is not written through
    assert code == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_file_is_refused(reader):
    os.mkfifo("pipe")
    for name in ("pipe", ".", os.devnull):
        code, text = reader("check", "5", "--file", name)
        assert (code, "not a file" in text) == (2, True)
        tally.count("bad inputs refused")


def test_a_huge_notebook_is_refused_at_once(reader):
    with reader.copy.open("wb") as file:
        file.truncate(notebook.LARGEST + 1)
    code, text = reader("check", "5")
    assert (code, "clear all outputs" in text) == (2, True)
    assert reader.copy.stat().st_size == notebook.LARGEST + 1


def test_a_checkpoint_is_not_taken_for_the_notebook(reader, monkeypatch):
    reader.answer(a1=MINE)
    folder = reader.copy.parent / ".ipynb_checkpoints"
    folder.mkdir()
    old = reader.copy.rename(folder / "05-cnn.ipynb")
    code, text = reader("check", "5", "--file", str(old))
    assert (code, "in the folder above" in text) == (2, True)
    monkeypatch.chdir(folder)
    assert "in the folder above" in reader("check", "5")[1]


def test_where_nothing_is_answered_it_is_said_when_it_was_saved(reader):
    reader("start", "5")
    assert "was last saved at" in survives(reader, "not answered yet", arguments=())
    reader.answer(a1=MINE)
    assert "was last saved" not in survives(reader)


# ---- disks -----------------------------------------------------------------------------------


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_on_a_full_disk_start_leaves_nothing_half(reader, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(command, "write_atomically", no_space)
        code, text = reader("start", "5")
    assert (code, "No space left" in text) == (2, True)
    assert not reader.copy.exists()
    assert reader("start", "5")[0] == 0
    tally.count("faults survived")


def test_on_a_full_disk_the_check_still_says_what_it_found(reader, monkeypatch):
    reader.answer(a1=MINE)
    monkeypatch.setattr(progress, "write_atomically", no_space)
    assert "could not be remembered" in survives(reader)


def test_without_room_for_temporary_files_it_says_so(reader, monkeypatch):
    reader.answer(a1=RIGHT["5.1"])
    monkeypatch.setattr("tempfile.mkdtemp", no_space)
    text = survives(reader, "could not be run: No space left on device", code=2)
    assert "temporary files" in text


FULL_DISK = """
set -e
mount -t tmpfs -o size=128k none "$1"
cd "$1"
cp "$2" 05-cnn.ipynb
dd if=/dev/zero of=fill 2> fill.log || true
code=0; "$3" -m nnlearn.exercises check 5 --course "$4" --exercise 1 || code=$?
echo "check ended with $code"; cmp "$2" 05-cnn.ipynb
rm 05-cnn.ipynb; dd if=/dev/zero of=more 2> fill.log || true
code=0; "$3" -m nnlearn.exercises start 5 --course "$4" || code=$?
echo "start ended with $code"; ls -A
"""


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"]).returncode != 0,
    reason="a small disk of one's own takes a Linux that lets one mount it",
)
def test_on_a_disk_that_is_really_full(reader, tmp_path_factory):
    reader.answer(a1=MINE)
    disk = tmp_path_factory.mktemp("disk")
    told = subprocess.run(
        ["unshare", "-rm", "sh", "-c", FULL_DISK, "sh", disk, reader.copy, sys.executable,
         reader.course],
        capture_output=True, encoding="utf-8", check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    text = told.stdout + told.stderr
    assert told.returncode == 0, text
    assert MINE in text
    assert "check ended with 1" in text
    assert "start ended with 2" in text
    assert "could not be remembered for `status`: No space left on device" in text
    assert "05-cnn.ipynb cannot be written here: No space left on device" in text
    assert "Traceback" not in text
    assert "05-cnn.ipynb" not in told.stdout.rpartition("start ended")[2]
    tally.count("faults survived", 2)


def test_a_folder_in_the_place_of_what_is_remembered(reader):
    reader.answer(a1=MINE)
    (reader.copy.parent / progress.FILE).mkdir()
    assert "could not be remembered" in survives(reader)
    assert "changed since" in reader("status")[1]


@pytest.mark.parametrize(
    "content", [b"", b"{half", b"[]", b"\xff\xfe", b"[" * 10**5, b'{"5.1": 3}', b'{"5.1": {}}']
)
def test_what_is_remembered_may_be_damaged(reader, content):
    reader.answer(a1=MINE)
    (reader.copy.parent / progress.FILE).write_bytes(content)
    assert "1 changed since" in reader("status")[1]
    survives(reader)
    assert "1 not right yet" in reader("status")[1]


# ---- two at once -----------------------------------------------------------------------------


def test_checks_at_once_lose_no_result(reader, pristine):
    folder, numbers = reader.copy.parent, list(RIGHT)
    for _ in range(30 if MANY else 5):
        (folder / progress.FILE).unlink(missing_ok=True)
        start = threading.Barrier(len(numbers))

        def one(number, start=start):
            start.wait()
            progress.remember(folder, pristine, RIGHT, [Result(number, "right")])

        with ThreadPoolExecutor(len(numbers)) as pool:
            list(pool.map(one, numbers))
        assert progress.known(folder, pristine, RIGHT) == dict.fromkeys(numbers, "right")
        tally.count("faults survived")
    assert [path.name for path in folder.iterdir()] == [progress.FILE]


def test_the_lock_of_a_check_that_was_killed_holds_up_nobody(reader, pristine, monkeypatch):
    lock = reader.copy.parent / f"{progress.FILE}.lock"
    lock.touch()
    monkeypatch.setattr(progress, "PATIENCE", 0.1)
    progress.remember(lock.parent, pristine, RIGHT, [Result("5.1", "right")])
    assert progress.known(lock.parent, pristine, RIGHT)["5.1"] == "right"
    assert not lock.exists()


def test_two_commands_at_once_in_one_folder_and_on_one_notebook(reader):
    reader.answer(a1=MINE, a2="λ = (", a3="μ = (")
    before = reader.copy.read_bytes()
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "nnlearn.exercises", "check", "5", f"--exercise={k}",
             "--course", reader.course],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        )
        for k in (1, 2)
    ]  # fmt: skip
    for process, words in zip(started, (MINE, "λ = ("), strict=True):
        text, _ = process.communicate(timeout=120)
        assert (process.returncode, words in text) == (1, True), text
    assert reader.copy.read_bytes() == before
    assert "2 not right yet" in reader("status")[1]


# ---- words of the command --------------------------------------------------------------------


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "ten", ""])
@pytest.mark.parametrize("option", ["--timeout", "--memory"])
def test_limits_are_positive_numbers(reader, option, value):
    with pytest.raises(SystemExit) as left:
        reader("check", "5", f"{option}={value}")
    assert left.value.code == 2
    assert f"invalid positive number value: '{value}'" in reader.capsys.readouterr().err
    tally.count("bad inputs refused")


@pytest.mark.parametrize("name", ["²", "", "..", "/", "05-cnn.py", "5.1", "-5", "٥x"])
def test_a_chapter_that_is_none_is_refused(reader, name):
    for word in ("start", "check"):
        code, text = reader(word, "--", name)
        assert (code, "There are:" in text) == (2, True)
        tally.count("bad inputs refused")
