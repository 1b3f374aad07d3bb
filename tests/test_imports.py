"""The house: which room may import from which, found in the sources.

Rooms stand on floors. A module may import from its own room and from floors below, never from
above, and modules never import one another in a circle.
"""

import ast
import subprocess
import sys

import pytest
from paths import PACKAGE

#: from the ground up; a room is a folder, or the modules that stand in none
FLOORS = [
    {"files", "locks", "tables", "usage"},  # tools that know nothing of networks
    {"arrays"},
    {"arguments", "shapes", "derivative", "gradients", "parameters", "checking"},  # the idea
    {"operations"},
    {"automatic"},  # derivatives of what is made of operations
    {"data"},
    {"layers"},
    {"training"},
    {"book", "exercises", "doctor", "train"},
    {"nnlearn"},  # the names that a user sees
]
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}


def module(path):
    """Return a file's name as one imports it, such as ``nnlearn.arrays.fast``."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(name):
    return name.split(".")[1] if "." in name else name


def arrows():
    """Return every import of one module of the package by another."""
    modules = {module(path): path for path in PACKAGE.rglob("*.py")}
    found = set()
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                aims = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                aims = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for aim in aims:
                aim = aim if aim in modules else aim.rpartition(".")[0]
                if aim in modules and aim != name:
                    found.add((name, aim))
    return found


ARROWS = arrows()


def upwards(found):
    """Return the arrows that lead to a floor above, or to another room on the same one."""
    return sorted(
        f"{a} imports {b}"
        for a, b in found
        if room(a) != room(b)
        and (FLOOR[room(b)] > FLOOR[room(a)])
        and not (room(a) == "exercises" and b == "nnlearn")  # checks call what a reader calls
    )


def circle(found):
    """Return the names of modules that import one another in a circle; empty if there are none."""
    below: dict = {}
    for a, b in found:
        below.setdefault(a, set()).add(b)
    done, way = set(), []

    def visit(name):
        if name in way:
            return way[way.index(name) :]
        if name not in done:
            way.append(name)
            for other in sorted(below.get(name, ())):
                if other != "nnlearn" and (back := visit(other)):
                    return back
            done.add(way.pop())
        return []

    return next((back for name in sorted(below) if (back := visit(name))), [])


def test_every_room_has_a_floor():
    names = {module(path) for path in PACKAGE.rglob("*.py")}
    assert {room(name) for name in names} == set(FLOOR)
    assert len(ARROWS) > 100


def test_no_import_runs_up():
    assert upwards(ARROWS) == []


def test_no_circle():
    assert circle(ARROWS) == []


@pytest.mark.parametrize(
    "arrow",
    [
        ("nnlearn.arrays.fast", "nnlearn.operations.rnn"),
        ("nnlearn.operations.dense", "nnlearn.layers.layer"),
        ("nnlearn.training.fit", "nnlearn.book.figures"),
        ("nnlearn.shapes", "nnlearn"),
    ],
)
def test_an_import_that_runs_up_is_seen(arrow):
    assert upwards(ARROWS | {arrow}) == [f"{arrow[0]} imports {arrow[1]}"]


def test_a_circle_is_seen():
    assert circle(ARROWS | {("nnlearn.operations.activations", "nnlearn.operations.losses")})


@pytest.mark.parametrize("late", ["tqdm", "concurrent.futures", "numpy.testing", "numpy.f2py"])
def test_who_imports_the_package_does_not_wait_for_what_comes_later(late):
    """A bar is for training, threads are for large work, and the rest nobody uses."""
    use = "import sys, nnlearn as nn; nn.array_namespace(nn.asarray([1.0]))"
    asks = f"{use}; print({late!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
