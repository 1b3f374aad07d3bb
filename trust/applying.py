"""Put a mutant in the place of what is imported, in a process that ends after it.

A fault inside a function is put in by giving the living function the broken code: everyone who has
imported it runs the fault, whatever decorators stand around it, and nothing is imported again. A
fault in what runs while a module is imported (a constant, a default, a decorator) needs that import
again: then nnlearn and the tests are forgotten and read anew, with the broken module among them.
"""

import functools
import gc
import importlib.util
import itertools
import sys
import types
from collections import Counter
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path

CACHED = type(functools.cache(int))


def codes(code):
    """Give each function's code inside a code, with a key that a mutant of it has as well."""
    seen = Counter()

    def visit(code):
        for part in code.co_consts:
            if isinstance(part, types.CodeType):
                key = part.co_qualname, part.co_firstlineno
                seen[key] += 1
                yield (*key, seen[key]), part
                yield from visit(part)

    return dict(visit(code))


def living(files):
    """Find the functions that exist now, by the file that they stand in."""
    found = {str(file): [] for file in files}
    for thing in gc.get_objects():
        # not isinstance: some objects do work when they are asked for their class
        if type(thing) is types.FunctionType and thing.__code__.co_filename in found:
            found[thing.__code__.co_filename].append(thing)
    return found


def remembering():
    """Find the package's functions that remember their results (functools.cache)."""
    kinds = (thing for thing in gc.get_objects() if type(thing) is CACHED)
    return [thing for thing in kinds if thing.__module__.startswith("nnlearn")]


def swap(functions, right, broken):
    """Give living functions the code of a broken module; False if one of them cannot take it."""
    keys = {code: key for key, code in codes(right).items()}
    after = codes(broken)
    for function in functions:
        key = keys.get(function.__code__)
        if key is None or after.get(key) == function.__code__:
            continue
        if key not in after or len(after[key].co_freevars) != len(function.__code__.co_freevars):
            return False
        function.__code__ = after[key]
    return True


class Broken(SourceFileLoader):
    """Loads one module from a code of its own."""

    def __init__(self, name, path, code):
        super().__init__(name, path)
        self.code = code

    def get_code(self, fullname):
        return self.code


class Finder:
    """Finds that module, before anyone else does."""

    def __init__(self, name, code):
        self.name, self.code = name, code

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        spec = PathFinder.find_spec(name, path)
        loader = Broken(name, spec.origin, self.code)
        return importlib.util.spec_from_file_location(
            name,
            spec.origin,
            loader=loader,
            submodule_search_locations=spec.submodule_search_locations,
        )


def forget(root):
    """Forget nnlearn, the tests and their helpers: whatever was imported from the clone."""
    for name, module in list(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "/")
        ours = file.is_relative_to(root) and ".venv" not in file.parts
        if ours and name.partition(".")[0] not in ("trust", "__main__"):
            del sys.modules[name]


def import_broken(root, name, code):
    """From now on an import of `name` gives the broken module."""
    forget(root)
    sys.meta_path.insert(0, Finder(name, code))


def pairs(items):
    """Give each with the one after it, the last with None."""
    return itertools.pairwise([*items, None])
