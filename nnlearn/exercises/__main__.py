"""The command of the exercises: ``python -m nnlearn.exercises start 01``, ``check 01``, …"""

import argparse
import io
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from nnlearn.exercises import author, extra, notebook, plain, progress, report, run, transplant
from nnlearn.exercises.notebook import NotebookProblem, Pristine
from nnlearn.exercises.verdict import Result
from nnlearn.files import write_atomically

PROGRAM = "python -m nnlearn.exercises"


def start(args: argparse.Namespace) -> int:
    """Copy a chapter's exercises into the current folder, as a notebook without outputs."""
    path = notebook.find(args.chapter, args.course)
    copy = Path(path.name)
    text = notebook.text_of(notebook.stripped(notebook.read_raw(path)))
    try:
        with open(copy, "x"):  # the name is ours now; what was there would have stopped us
            pass
        try:
            write_atomically(copy, text)
        except BaseException:
            copy.unlink(missing_ok=True)  # or the next `start` would find it here
            raise
    except FileExistsError:
        raise NotebookProblem(
            f"{copy} is here already, and your work is never overwritten. Go on working in it; "
            "or, to begin afresh, give it another name first and run `start` again."
        ) from None
    except OSError as error:
        raise NotebookProblem(f"{copy} cannot be written here: {error.strerror}.") from None
    print(f"Your copy: {copy.resolve()}")
    print(f"Work on it:   jupyter lab {copy}")
    print(f"Check it:     {PROGRAM} check {path.stem.partition('-')[0]}")
    if extra.missing():
        print(f"Before both:  {extra.command()}")
    return 0


def check(args: argparse.Namespace) -> int:
    """Run a reader's answers in the pristine notebook and report on each exercise."""
    path = notebook.find(args.chapter, args.course)
    pristine = notebook.read_pristine(path)
    copy = _copy(args.file or Path(path.name), path)
    raw = notebook.read_raw(copy)
    spoken = notebook.language(raw)
    if spoken.lower() not in ("", "python", "ipython"):
        print(
            f"{copy} is set to run with {spoken}; answers are judged in Python. In Jupyter choose "
            "Kernel, Change Kernel…, Python 3, and save it.\n"
        )
    answers, problems = transplant.answers(pristine, raw)
    cells = transplant.counts(pristine, raw)
    wanted = _wanted(args.exercise, pristine)
    answers = {number: text for number, text in answers.items() if number in wanted}
    with report.Report(pristine, wanted, cells) as out:
        for number in wanted:
            if number in problems:
                out.result(Result(number, "wrong", problems[number]))
        results = run.judge(pristine, answers, args.timeout, out.start, out.result, args.memory)
    try:
        progress.remember(copy.parent, pristine, answers, results)
    except OSError as error:
        print(f"(The result could not be remembered for `status`: {error.strerror}.)")
    if all(result.state == "unanswered" for result in out.results.values()):
        saved = time.strftime("%H:%M on %d %B %Y", time.localtime(copy.stat().st_mtime))
        print(f"{copy} was last saved at {saved}. If you have answered since, save it first.")
    return 0 if out.all_right else 1


def status(args: argparse.Namespace) -> int:
    """Show how far the reader is, from the results of the last checks."""
    for path in sorted(args.course.glob("[0-9]*-*.ipynb")):
        pristine = notebook.read_pristine(path)
        copy = Path(path.name)
        try:
            answers, _ = transplant.answers(pristine, notebook.read_raw(copy))
            states = progress.known(copy.parent, pristine, answers)
            print(report.status_line(path.stem, list(states.values())))
        except NotebookProblem as problem:
            note = "not started" if not copy.exists() else f"cannot be read\n  {problem}"
            print(f"{path.stem:<22}{note}")
    return 0


def refresh(args: argparse.Namespace) -> int:
    """Store the outputs of right answers in the course's own notebook (for authors)."""
    path = notebook.find(args.chapter, args.course)
    author.refresh(path)
    print(f"refreshed {path}")
    return 0


def _copy(copy: Path, path: Path) -> Path:
    """Return the reader's notebook, once it is there and is not the course's own."""
    number = path.stem.partition("-")[0]
    if not copy.exists():
        raise NotebookProblem(
            f"There is no {copy} in this folder. Begin with `{PROGRAM} start {number}`, or go to "
            "the folder where your copy is. If you renamed it: --file NAME."
        )
    if copy.absolute().parent.name == ".ipynb_checkpoints":
        raise NotebookProblem(
            f"{copy} is a copy that Jupyter made by itself, perhaps an old one. Check your own, in "
            "the folder above."
        )
    if copy.samefile(path):
        raise NotebookProblem(
            f"{copy} is the course's own notebook, with which yours is compared. Work on a copy: "
            f"make a folder elsewhere, go there, and run `{PROGRAM} start {number}`."
        )
    return copy


def _wanted(exercise: str | None, pristine: Pristine) -> list[str]:
    known = list(pristine.exercises)
    if exercise is None:
        return known
    chapter = known[0].partition(".")[0] if known else ""
    number = exercise if "." in exercise else f"{chapter}.{exercise}"
    if number not in known:
        raise NotebookProblem(
            f"There is no exercise {exercise} here. There are {', '.join(known)}."
        )
    return [number]


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise ValueError
    return number


_positive.__name__ = "positive number"  # in the words of argparse: "invalid positive number value"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Do the exercises of the course in a folder of your own, and check them.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for function, summary in (
        (start, "copy a chapter's exercises into this folder"),
        (check, "check your answers; your notebook is only read"),
        (status, "show how far you are"),
        (refresh, "for authors: store the outputs of right answers in the course's notebook"),
    ):
        command = commands.add_parser(function.__name__, help=summary, description=summary)
        command.set_defaults(function=function)
        command.add_argument(
            "--course", type=Path, default=notebook.course_folder(), metavar="FOLDER",
            help="another folder of exercise notebooks, such as a teacher's own",
        )  # fmt: skip
        if function is not status:
            command.add_argument("chapter", help="a chapter: 5, 05, cnn or 05-cnn")
        if function is check:
            command.add_argument("--exercise", metavar="N.K", help="check this one only")
            command.add_argument("--file", type=Path, help="your notebook, if you renamed it")
            command.add_argument(
                "--timeout", type=_positive, default=30.0, metavar="SECONDS",
                help="time that one cell may take (default: 30)",
            )  # fmt: skip
            command.add_argument(
                "--memory", type=_positive, default=run.MEMORY, metavar="GIB",
                help=f"memory that one answer may fill (default: {run.MEMORY:g})",
            )  # fmt: skip
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 if all is right, 1 if an answer is not, 2 if it could not be done."""
    _speak_any_code_page()
    args = _parser().parse_args(argv)
    try:
        return int(args.function(args))
    except NotebookProblem as problem:
        print(problem, file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(
            f"{error.name} is not installed. The exercises need what this brings: "
            f"{extra.command()}",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `check 05 | head`: what is printed at the end goes nowhere as well
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _speak_any_code_page() -> None:
    """Put into words what the terminal's or the file's encoding has no letter for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=plain.ERRORS)


if __name__ == "__main__":
    sys.exit(main())
