"""Which object stands where in the package, NumPy and Python: looked at in an answer's kernel.

The judge sends this file's text to the kernel, before the answer, before the check and after it,
and compares what comes back. So an answer finds there neither a function of this file that it
could replace, nor what was seen before.
"""

import contextlib
import json
import sys
from types import FunctionType, ModuleType
from typing import Any

#: What a check stands on.
ROOTS = ("nnlearn", "numpy", "builtins", "copy", "functools", "itertools", "math", "operator")
SHELL = "IPython"
EXIT = f"{SHELL}.exit"  # whether an answer has called `exit()`, which ends Python a little later


def marks() -> str:
    """Return JSON: a dictionary, "module.name" → a number that changes with what stands there."""
    found = {"sys.stdout": id(sys.stdout), "sys.stderr": id(sys.stderr)}
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and name.partition(".")[0] in ROOTS:
            found[f"sys.modules[{name!r}]"] = id(module)
            _mark_module(found, name, module)
    python = sys.modules.get("IPython")
    if python is not None and (shell := python.get_ipython()) is not None:
        _mark_shell(found, shell)
    return json.dumps(found)


def changed(before: dict[str, int], now: dict[str, int]) -> list[str]:
    """Return the names of what has changed, the shortest first; a module more is no change."""
    names = [name for name in before if now.get(name) != before[name]]
    owners = {name.rpartition(".")[0] for name in before}
    names += [
        name
        for name in now
        if name not in before
        and name.startswith("nnlearn.")
        and name.rpartition(".")[0] in owners
        and f"sys.modules[{name!r}]" not in now
    ]
    return sorted(names, key=len)


def _mark_module(found: dict[str, int], name: str, module: ModuleType) -> None:
    ours = name.partition(".")[0] == "nnlearn"
    constants = name.startswith("nnlearn.exercises")
    for key, value in list(vars(module).items()):
        if key.startswith("_") and not ours:
            continue  # `_` is the notebook's last result
        if callable(value) or isinstance(value, ModuleType):
            found[f"{name}.{key}"] = _mark(value, deep=ours)
            if ours and isinstance(value, type) and value.__module__ == name:
                for part, inner in list(vars(value).items()):
                    if hasattr(inner, "__get__"):  # a method; not what `copy` keeps in a class
                        found[f"{name}.{key}.{part}"] = _mark(inner, deep=True)
        elif constants and not key.startswith("__"):
            found[f"{name}.{key}"] = _mark(value, deep=True)


def _mark(value: Any, deep: bool) -> int:
    """Return a number for an object; `deep`, also for what it is made of."""
    parts = [id(value)]
    if deep and isinstance(value, dict):
        parts += [*map(id, value), *map(id, value.values())]
    elif deep and isinstance(value, list | tuple | set | frozenset):
        parts += map(id, value)
    elif deep:
        left, known = [value], set()
        while left:  # an operation is a function of functions: its body, its `forward`, …
            function = left.pop()
            if isinstance(function, FunctionType) and id(function) not in known:
                known.add(id(function))
                inside = _inside(function)
                parts += map(id, inside)
                left += inside
    return hash(tuple(parts))


def _inside(function: FunctionType) -> list[Any]:
    """Return what a function is made of: code, defaults, attributes, and what it encloses."""
    inside = [function.__code__, *(function.__defaults__ or ())]
    inside += [*(function.__kwdefaults__ or {}).values(), *vars(function).values()]
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # it may be empty still
            inside.append(cell.cell_contents)
    return inside


def _mark_shell(found: dict[str, int], shell: Any) -> None:
    """Mark what IPython does with a cell's text before it runs, with errors, and with `exit()`."""
    found[EXIT] = int(bool(shell.exit_now))
    for name in ("input_transformers_cleanup", "input_transformers_post", "ast_transformers"):
        found[f"{SHELL}.{name}"] = _mark(getattr(shell, name), deep=True)
    for owner in (shell, *type(shell).__mro__[:-1]):
        for key, value in list(vars(owner).items()):
            if isinstance(value, FunctionType):
                found[f"{SHELL}.{key}"] = hash((found.get(f"{SHELL}.{key}", 0), id(value)))
