"""A chapter's network, trained on any number of processes: ``python -m nnlearn.train``."""

import argparse
import contextlib
import io
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nnlearn.arrays.backend import BACKENDS
from nnlearn.arrays.launching import launched, use_backend_on, world
from nnlearn.arrays.ranks import Ranks
from nnlearn.layers.saving import save
from nnlearn.training.checkpoints import check_writable
from nnlearn.training.fit import fit
from nnlearn.training.networks import (
    FRESH,
    NETWORKS,
    SEQUENCES,
    STEPS,
    Network,
    Task,
    digits,
    sequences,
)
from nnlearn.training.optimizers import SGD, Adam

#: what a user can mend: told without the way that led there
_TOLD_SHORTLY = ValueError, TypeError, OSError, RuntimeError, FloatingPointError

ABOUT = """\
Train a network of the course.

  python -m nnlearn.train --network mlp
  mpiexec -n 4 python -m nnlearn.train --network cnn --epochs 3

Under mpiexec all processes train one network: of each batch, whose size stays what it is, each has
a part, and the result is that of one process, to rounding. Each uses as many threads for matrix
products as it may. On one machine share its cores out: with four processes on eight cores set
OPENBLAS_NUM_THREADS=2 before. With more processes than cores MPICH needs
MPIR_CVAR_ENABLE_HEAVY_YIELD=1, or those that wait take the cores from those that work."""


OPTIMIZERS: dict[str, Callable[[float], Any]] = {
    "adam": Adam,
    "sgd": SGD,
    "momentum": lambda learning_rate: SGD(learning_rate, momentum=0.9),
}


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    p = argparse.ArgumentParser(
        "python -m nnlearn.train",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, whole, real = p.add_argument, _number(int), _number(float)
    add("--network", choices=NETWORKS, required=True, help="of chapter 4, 5, or 6 and 7")
    add(
        "--data",
        choices=("mnist", *SEQUENCES),
        help="mnist for mlp and cnn; for the others "
        f"adding (default) or bit, in sequences of {STEPS} steps",
    )
    add("--examples", type=whole, help=f"to train with; default: mnist has 8000, others {FRESH}")
    for name, kind in (("epochs", whole), ("batch-size", whole), ("learning-rate", real)):
        field = name.replace("-", "_")
        known = ", ".join(f"{k} {getattr(v, field):g}" for k, v in NETWORKS.items())
        add(f"--{name}", type=kind, help=f"default: {known}")
    add("--optimizer", choices=OPTIMIZERS, default="adam", help="default: %(default)s")
    add(
        "--clip-norm",
        type=real,
        help="the longest gradient allowed; default: for rnn, lstm and gru 1",
    )
    add("--seed", type=int, default=0, help="of parameters, order, dropout, and sequences")
    add("--checkpoint", metavar="FILE", help="written after each epoch; if there, taken up")
    add("--save", metavar="FILE", help="where to put the trained network, as safetensors")
    add(
        "--backend",
        choices=BACKENDS,
        help="where the arrays are; on GPUs each process takes one of its machine's",
    )
    return p


def _number(kind: Callable[[str], float]) -> Callable[[str], float]:
    """Return what reads a positive number of this kind."""

    def positive(text: str) -> float:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError(text)
        return value

    positive.__name__ = f"positive {kind.__name__}"  # argparse says "invalid ... value"
    return positive


def train(settings: argparse.Namespace, communicator: Any) -> None:
    """Do what the command line says; rank 0 prints the end of it."""
    network, ranks, start = NETWORKS[settings.network], Ranks(communicator), time.perf_counter()
    if settings.save is not None:
        ranks.on_first(lambda: check_writable(settings.save, "--save"))
    if settings.backend is not None:
        use_backend_on(settings.backend, communicator)
    rate, batch_size, epochs = (
        getattr(settings, name) or getattr(network, name)
        for name in ("learning_rate", "batch_size", "epochs")
    )
    task = ranks.on_all(lambda: _task(settings, network))
    model = network.make()
    params, optimizer = model.init(settings.seed), OPTIMIZERS[settings.optimizer](rate)
    history = fit(
        *(model, params, task.loss, task.data, optimizer, epochs),
        batch_size=batch_size,
        validation=task.validation,
        metrics=task.metrics,
        seed=settings.seed,
        clip_norm=settings.clip_norm or network.clip_norm,
        checkpoint=settings.checkpoint,
        ranks=communicator,
    )
    if settings.save is not None:
        ranks.on_first(lambda: save(settings.save, model, params))
    if ranks.rank == 0:
        seconds, s = time.perf_counter() - start, "s" if ranks.size > 1 else ""
        print(f"{settings.network} on {settings.data or network.data[0]}")
        print(history)
        print(f"{seconds:.1f} seconds on {ranks.size} rank{s}")


def _task(settings: argparse.Namespace, network: Network) -> Task:
    """Return what is to be learned."""
    kind = settings.data or network.data[0]
    if kind not in network.data:
        expected = " or ".join(network.data)
        raise ValueError(f"--data is {kind!r}, expected {expected} for {settings.network}")
    if kind == "mnist":
        return digits(settings.network, settings.examples)
    return sequences(kind, settings.examples, settings.seed)


@contextlib.contextmanager
def _silent(really: bool) -> Iterator[None]:
    """Print nothing, if really so: what all ranks would say, the first one says."""
    nowhere = io.StringIO()
    if really:
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield
    else:
        yield


def _failed(error: Exception, communicator: Any) -> None:
    """Tell an error once, and end all processes."""
    shortly = isinstance(error, _TOLD_SHORTLY)
    form = traceback.format_exception_only if shortly else traceback.format_exception
    text = "".join(form(error)).rstrip()
    if communicator is None:
        raise SystemExit(text)
    everywhere = getattr(error, "on_every_rank", False)
    if communicator.rank == 0 or not everywhere:
        print(f"rank {communicator.rank}: {text}", file=sys.stderr)
    if everywhere:  # all ranks come here
        raise SystemExit(1)
    time.sleep(1)  # what is printed reaches the launcher before it ends
    communicator.Abort(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; under ``mpiexec`` as one of its processes."""
    told = launched()
    with _silent(told is not None and told.rank > 0):
        settings = parser().parse_args(arguments)
        try:
            communicator = None if told is None else world()
        except RuntimeError as error:
            print(error, file=sys.stderr)
            raise SystemExit(1) from error
    try:
        train(settings, communicator)
    except Exception as error:
        _failed(error, communicator)


if __name__ == "__main__":
    main()
