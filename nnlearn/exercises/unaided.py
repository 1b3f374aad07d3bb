"""Answers that are to be written by hand: while one runs, the package's own functions refuse.

What is watched is the code that runs, not a name. So a function of the package is known however
the answer came by it: `nn.lstm`, an import, an alias, `sys.modules`, a layer that calls it, or
`nn.vjp`. Nothing of the package is changed for it, and outside an answer all of it is at hand.

Who types the package's source into the cell has written it; and who knows debuggers can look away
from any watch inside his own Python. This is no lock: it says what the exercise is.
"""

import functools
import importlib
import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import nnlearn as nn

#: What an exercise may be without: modules (of a package all), or one function after a colon.
NUMPY_ONLY = ("nnlearn",)
TAPE = ("nnlearn.automatic.tape", "nnlearn.automatic.forward", "nnlearn.automatic.dual")
FORWARD_MODE = ("nnlearn.automatic.forward",)
GRADIENTS = (*TAPE, "nnlearn.derivative:vjp", "nnlearn.derivative:value_and_backward")
SUMMED_TO = ("nnlearn.operations.arithmetic:summed_to",)

_RECURRENT = "nnlearn.operations.few_kernels_recurrent"
RNN = ("nnlearn.operations.rnn", _RECURRENT)
LSTM = ("nnlearn.operations.lstm", _RECURRENT)
GRU = ("nnlearn.operations.gru", _RECURRENT)
EMBEDDING = ("nnlearn.operations.embedding",)

_FEW = "nnlearn.operations.few_kernels"
LOSSES = (
    *("nnlearn.operations.losses", "nnlearn.operations.gan"),
    *(f"{_FEW}:softmax_cross_entropy", f"{_FEW}:sigmoid_cross_entropy"),
)
LOGARITHMS = tuple(f"nnlearn.operations.activations:{name}" for name in ("log_softmax", "softplus"))
DENSE = ("nnlearn.operations.dense",)
DROPOUT = ("nnlearn.operations.regularization",)
NORMALIZATION = ("nnlearn.operations.normalization", "nnlearn.data.sets:standardize_columns")

CONVOLUTION = ("nnlearn.operations.convolution", "nnlearn.operations.upsampling")
CONV2D = ("nnlearn.operations.convolution:conv2d", "nnlearn.operations.upsampling")
TRANSPOSED = ("nnlearn.operations.convolution:input_gradient", "nnlearn.operations.upsampling")
WINDOWS = ("nnlearn.operations.windows",)
POOLING = ("nnlearn.operations.pooling", f"{_FEW}:max_pool2d")

ATTENTION = tuple(
    f"nnlearn.{name}"
    for name in (
        *("operations.attention", "operations.blockwise_attention", "operations.masks"),
        *("operations.positions", "layers.attention", "layers.transformer"),
    )
)
INITIALIZERS = ("nnlearn.layers.initializers",)
OPTIMIZERS = ("nnlearn.training.optimizers",)
GAN_STEPS = ("nnlearn.training.adversarial",)


class _Refused(BaseException):
    """Ends the call of what is to be written by hand; no `except Exception` holds it up."""


@contextmanager
def watched(without: tuple[str, ...]) -> Iterator[list[str]]:
    """Refuse, within the block, what an answer is to do without.

    Parameters
    ----------
    without : tuple of str
        Some of the names above, added up. Where there are none, nothing is watched.

    Yields
    ------
    list of str
        The names of what was called all the same, first of all the first; also by another thread,
        or where the refusal was caught.
    """
    used: list[str] = []
    codes, files = _refused(without)
    if not without:
        yield used
        return

    def watch(frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        if event == "call" and (code in codes or code.co_filename in files):
            used.append(_name(frame))
            raise _Refused

    before, before_in_threads = sys.getprofile(), threading.getprofile()
    sys.setprofile(watch)
    threading.setprofile(watch)
    try:
        yield used
    except _Refused:
        pass
    finally:
        sys.setprofile(before)
        threading.setprofile(before_in_threads)


@functools.cache
def _refused(without: tuple[str, ...]) -> tuple[frozenset[CodeType], frozenset[str]]:
    """Return the code of single functions, and the files of whole modules."""
    codes, files = set(), set()
    for entry in without:
        name, _, function = entry.partition(":")
        module = importlib.import_module(name)
        if function:
            codes.add(inspect.unwrap(getattr(module, function)).__code__)
        else:
            files |= _files(module)
    return frozenset(codes), frozenset(files)


def _files(module: ModuleType) -> set[str]:
    """Return the files of a module, or of all modules of a package but these exercises."""
    if not hasattr(module, "__path__"):
        return {str(module.__file__)}
    here = str(Path(__file__).parent)
    found = {str(module.__file__)}
    for folder in module.__path__:
        found |= {str(path) for path in Path(folder).rglob("*.py")}
    return {file for file in found if not file.startswith(here)}


def _name(frame: FrameType) -> str:
    """Return the name by which a reader knows a function: `nn.lstm`, where there is such."""
    module = frame.f_globals.get("__name__", "")
    operation = frame.f_locals.get("operation")  # of what `differentiable` has wrapped
    name = getattr(operation, "__name__", frame.f_code.co_qualname.partition(".")[0])
    return f"nn.{name}" if hasattr(nn, name) else f"{module}.{name}"
