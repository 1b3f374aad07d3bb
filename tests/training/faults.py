"""Trainings in processes of their own, each with a fault: killed, on a full disk, without rights.

Trainings of `fit` and of `fit_gan`, for both of which the same is promised.

As a program it has everything imported and waits for orders, one a line. It forks for each of them,
so that a training costs no start of Python.
"""

import functools
import json
import os
import signal
import subprocess
import sys
import traceback

import interrupted
import interrupted_game
import numpy as np

#: by the function that trains: a training, what it writes a checkpoint after, and how long it is
TRAININGS = {
    "fit": (functools.partial(interrupted.train, optimizer="scheduled"), 1, interrupted.EPOCHS),
    "fit_gan": (interrupted_game.play, interrupted_game.EVERY, interrupted_game.STEPS),
}
#: what writing goes through, in `atomic_file`, `name_also` and `put_back`
STEPS = ((np, "savez"), (os, "fsync"), (os, "link"), (os, "replace"))


def killed_at(number):
    """Let the process be killed before a step of writing, counted over all that it writes."""
    left = [number]

    def deadly(function, name):
        def call(*args, **kw):
            left[0] -= 1
            if left[0] == 0:
                if name == "savez":  # a part of it has left the process
                    args[0].write(b"PK a part")
                    args[0].flush()
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kw)

        return call

    for module, name in STEPS:
        setattr(module, name, deadly(getattr(module, name), name))


def longest_file(size):
    """Let the system refuse to make a file longer, as it does on a full disk."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def carry_out(caller, checkpoint, result, length, faults):
    """Train, with faults; write what it ended with to the result, and print an error."""
    for fault, value in faults.items():
        {"killed_at": killed_at, "longest_file": longest_file, "user": os.setuid}[fault](value)
    try:
        ended = TRAININGS[caller][0](checkpoint, length)
    except Exception as error:
        print(json.dumps(f"{type(error).__name__}: {error}"))
        return 1
    if result is not None:
        np.savez(result, **ended)
    return 0


def serve():
    """Carry out orders, each in a process of its own, which tells its number first.

    It keeps the number, dead or alive, until its end is asked for: who kills it kills no other.
    """
    lines = iter(sys.stdin)
    for line in lines:
        process = os.fork()
        if process == 0:
            status = 2
            try:
                print(os.getpid(), flush=True)
                status = carry_out(**json.loads(line))
                sys.stdout.flush()
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        next(lines)
        _, status = os.waitpid(process, 0)
        print(json.dumps({"ended": os.waitstatus_to_exitcode(status)}), flush=True)


class Trainings:
    """Where a test gives its orders; one training at a time.

    Parameters
    ----------
    caller : str
        The function that trains.
    """

    def __init__(self, caller):
        self.caller = caller
        self.train, self.every, self.length = TRAININGS[caller]  # the same in this process

    def after(self, writes):
        """Return how long a training has to be, or has been, for so many checkpoints."""
        return min(writes * self.every, self.length)

    def __enter__(self):
        known = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NNLEARN_PROGRESS": "0"}
        self._server = subprocess.Popen(
            [sys.executable, __file__],
            env=os.environ | known,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_):
        self._server.communicate()

    def start(self, checkpoint, result=None, length=None, **faults):
        """Begin a training; return the number of its process."""
        order = {"caller": self.caller, "checkpoint": str(checkpoint)}
        order |= {"result": result and str(result), "length": length or self.length}
        order |= {"faults": faults}
        print(json.dumps(order), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())

    def ended(self):
        """Wait for its end; return its exit status, and the error that it told."""
        print(file=self._server.stdin, flush=True)
        told = None
        for line in self._server.stdout:
            found = json.loads(line)
            if isinstance(found, dict):
                return found["ended"], told
            told = found
        raise EOFError("the trainings' server has died")

    def run(self, *order, **faults):
        """Train to the end, whatever it is; return what `ended` does."""
        self.start(*order, **faults)
        return self.ended()


def contents(folder):
    """Return what every file of a folder holds, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def without(mapping, name):
    """Return what a forger leaves of a checkpoint's arrays or facts."""
    return {k: v for k, v in mapping.items() if k != name}


if __name__ == "__main__":
    serve()
