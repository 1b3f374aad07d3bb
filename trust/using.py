"""Uses the installed package, and says what was done: run by trust/wheel.py, away from the tree.

    python trust/using.py ENVIRONMENT [EXTRA …]

It imports nothing of this project's but `nnlearn`.
"""

import subprocess
import sys
from pathlib import Path

import nnlearn as nn


def command(*arguments, expect=0):
    """Run `python -m …`; return what it wrote, once its exit status is the expected one."""
    # fmt: off
    result = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, encoding="utf-8"
    )
    # fmt: on
    said = result.stdout + result.stderr
    if result.returncode != expect:
        raise RuntimeError(f"{arguments} ended with {result.returncode}, not {expect}:\n{said}")
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


def main(environment, *extras):
    """Use the package, and with the book's extra also what needs it."""
    home = Path(nn.__file__).resolve()
    if not home.is_relative_to(Path(environment).resolve()):
        raise RuntimeError(f"nnlearn came from {home}, not from {environment}")
    print(train())
    print(f"{len(nn.data.load_first_names()[0])} names, {len(nn.data.load_oil_prices()[1])} prices")
    print(f"doctor: {len(command('nnlearn.doctor').splitlines())} lines")
    print(f"exercises: {command('nnlearn.exercises', 'start', '01').splitlines()[0][:9]}")
    print(f"status of {len(command('nnlearn.exercises', 'status').splitlines())} chapters")
    if "book" not in extras:
        print(f"refused: {refusal(nn.data.load_breast_cancer)}")
        said = command("nnlearn.exercises", "check", "01", expect=2)
        print(f"refused: {said.strip().splitlines()[-1]}")
        return
    print(f"{len(nn.data.load_breast_cancer()[1])} patients")
    said = command("nnlearn.exercises", "check", "01", expect=1)  # nothing is answered yet
    print(f"check: {said.strip().splitlines()[0]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
