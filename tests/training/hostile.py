"""Reads files that strangers sent, with little memory to spare: a program for `test_hostile_files`.

Each line is the reader's name and a path; each answer is the kind of error, whether it is a
ValueError, and its text. The system refuses memory beyond the limit.
"""

import json
import sys

import nnlearn as nn
from nnlearn.training.checkpoints import load_checkpoint

READERS = {"checkpoint": load_checkpoint, "model": nn.load}


def limit(spare):
    """Refuse this process more memory than it has and `spare` bytes; false where none can be."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
        most = pages * resource.getpagesize() + spare
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except (ImportError, OSError, ValueError):
        return False
    return True


def answer(reader, path):
    """Return what came of reading a file."""
    try:
        READERS[reader](path)
    except BaseException as error:
        return [type(error).__name__, isinstance(error, ValueError), str(error)]
    return ["nothing", False, "it was read"]


if __name__ == "__main__":
    print(json.dumps(limit(int(sys.argv[1]))), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(*json.loads(line))), flush=True)
