"""Uses the installed package, and says what was done: run by trust/wheel.py, away from the tree.

    python trust/using.py ENVIRONMENT [book [chapters]]

`book`: with what the extra of this name brings; `chapters`: with the exercises of all chapters.
It imports nothing of this project's but `nnlearn`.
"""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import nnlearn as nn
from nnlearn.exercises import author, notebook

#: what who has only the package cannot do, or does not have
OF_A_CHECKOUT = re.compile(
    r"\bmake \w+$|\.venv\b|install -e\b|project's folder|\btests look\b", re.M
)
#: an answer to exercise 1.2, and what is wrong with it
WRONG, WHY = "def distance(x, w, b):\n    return x @ w + b", "not a distance"


def command(*arguments, expect=0, **environment):
    """Run `python -m …`; return what it wrote, once its exit status is the expected one."""
    result = subprocess.run(
        [sys.executable, "-m", *arguments], env=os.environ | environment,
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    said = (result.stdout + result.stderr).strip()
    if result.returncode != expect:
        raise RuntimeError(f"{arguments} ended with {result.returncode}, not {expect}:\n{said}")
    if found := OF_A_CHECKOUT.search(said):
        raise RuntimeError(f"{arguments} says {found[0]!r} to who has no checkout:\n{said}")
    return said


def refusal(action):
    """Return the text with which what needs a missing extra is refused."""
    try:
        action()
    except ImportError as error:
        return str(error)
    raise RuntimeError(f"{action} was not refused, though what it needs is not installed")


def train():
    """Train a small network on what comes with the package; its loss must fall."""
    (x, y), _ = nn.data.load_mnist()
    model = nn.Sequential(nn.Flatten(), nn.Dense(784, 16), nn.ReLU(), nn.Dense(16, 10))
    params = model.init(seed=0)
    data = x[:640], y[:640]
    loss = nn.softmax_cross_entropy
    losses = nn.fit(model, params, loss, data, nn.Adam(), epochs=3, progress=False)["loss"]
    if not losses[-1] < 0.9 * losses[0]:
        raise RuntimeError(f"the loss went from {losses[0]} to {losses[-1]}")
    return f"trained, loss {losses[0]:.2f} to {losses[-1]:.2f}"


def installed():
    """Say what is installed; the package must know its own version."""
    if metadata.version("nnlearn") != nn.__version__:
        raise RuntimeError(f"{metadata.version('nnlearn')} is installed, of {nn.__version__}")
    return f"{len(list(metadata.distributions()))} distributions"


def pristine(chapter):
    """Return a chapter's exercises as the package has them."""
    return notebook.read_pristine(notebook.find(chapter, notebook.course_folder()))


def answer(exercises, answers):
    """Write a reader's copy with these answers."""
    text = notebook.text_of(exercises.with_answers(answers))
    Path(exercises.path.name).write_text(text, encoding="utf-8")


def solved(chapter):
    """Answer a chapter's exercises as its solutions do; all must be right."""
    exercises = pristine(chapter)
    answer(exercises, author.solutions(exercises))
    said = command("nnlearn.exercises", "check", chapter).splitlines()[-1]
    count = len(exercises.exercises)
    if said != f"{count} of {count} right.":
        raise RuntimeError(f"the solutions of {chapter} are told: {said}")
    return f"{chapter}: {said}"


def judged():
    """Answer one exercise rightly and one wrongly: each must be told so, and remembered."""
    exercises = pristine("01")
    answer(exercises, {"1.1": author.solution(exercises.exercises["1.1"]), "1.2": WRONG})
    said = command("nnlearn.exercises", "check", "01", expect=1)
    status = command("nnlearn.exercises", "status").splitlines()[0]
    if WHY not in said or "1 of 9 right, 1 not right yet, 7 not answered" not in status:
        raise RuntimeError(f"of a right answer and a wrong one it is told:\n{said}\n{status}")
    return f"judged: {status}"


def main(environment, *what):
    """Use the package, and with the book's extra also what needs it."""
    home = Path(nn.__file__).resolve()
    if not home.is_relative_to(Path(environment).resolve()):
        raise RuntimeError(f"nnlearn came from {home}, not from {environment}")
    print(installed())
    print(train())
    small = ["--network", "mlp", "--examples", "640", "--epochs", "1"]
    print(f"train: {command('nnlearn.train', *small).splitlines()[0]}")
    print(f"{len(nn.data.load_first_names()[0])} names, {len(nn.data.load_oil_prices()[1])} prices")
    found = command("nnlearn.doctor", PATH="")  # on which nothing is: there is much to advise
    print(f"doctor: {len(found.splitlines())} lines")
    print(f"exercises: {command('nnlearn.exercises', 'start', '01').splitlines()[-1]}")
    print(f"status of {len(command('nnlearn.exercises', 'status').splitlines())} chapters")
    if "book" not in what:
        print(f"refused: {refusal(nn.data.load_breast_cancer)}")
        answer(pristine("01"), author.solutions(pristine("01")))
        print(f"refused: {command('nnlearn.exercises', 'check', '01', expect=2).splitlines()[-1]}")
        return
    print(f"{len(nn.data.load_breast_cancer()[1])} patients")
    print(judged())
    if "chapters" in what:
        for path in sorted(notebook.course_folder().glob("*.ipynb")):
            print(solved(path.stem))


if __name__ == "__main__":
    main(*sys.argv[1:])
