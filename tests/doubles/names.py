"""Print the names of the double of CuPy, and the arguments of each: a line of JSON."""

import inspect
import json

import cupy


def arguments(thing):
    """Return the names of a function's arguments; None where it tells none."""
    if isinstance(thing, type) or not callable(thing):
        return None
    try:
        return list(inspect.signature(thing).parameters)
    except ValueError:
        return None


def names():
    """Return the arguments of every public name, those of arrays and of generators included."""
    parts = {
        "": cupy,
        "ndarray.": cupy.ndarray,
        "random.": cupy.random,
        "random.Generator.": cupy.random.Generator,
        "cuda.": cupy.cuda,
        "lib.stride_tricks.": cupy.lib.stride_tricks,
    }
    own = {"count", "counted", "functools", "np", "to_device", "unwrap", "wrap", "UFUNCS", "device"}
    own |= {"call_reduction", "call_where", "is_fusing"}
    return {
        prefix + name: arguments(getattr(part, name))
        for prefix, part in parts.items()
        for name in vars(part)
        if not name.startswith("_") and name not in own and (not prefix or name != "ndarray")
    }


if __name__ == "__main__":
    print(json.dumps(names()))
