"""The training loop: forward pass, backward pass, step; and looking at how it goes."""

import contextlib
import functools
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnlearn.arguments import looking_at_devices
from nnlearn.arrays.backend import array_namespace, is_integer, on_host
from nnlearn.arrays.ranks import Ranks
from nnlearn.arrays.typing import Array
from nnlearn.data.sets import batches
from nnlearn.derivative import vjp
from nnlearn.parameters import Parameters
from nnlearn.training.arguments import FIT_ELSEWHERE, check_fit
from nnlearn.training.clipping import clip_gradient_norm
from nnlearn.training.divergence import TrainingDiverged, diverged, zero_if_finite
from nnlearn.training.evaluation import predict
from nnlearn.training.history import History
from nnlearn.training.optimizers import Optimizer
from nnlearn.training.runs import Run
from nnlearn.usage import usage

Loss = Callable[[Array, Array], Array]
Metrics = Mapping[str, Callable[[Array, Array], Any]]


@usage("nn.fit(model, params, loss, (x, target), optimizer, epochs)", **FIT_ELSEWHERE)
def fit(
    model: Any,
    params: Parameters,
    loss: Loss,
    data: Sequence[Array],
    optimizer: Optimizer,
    epochs: int,
    *,
    batch_size: int = 64,
    validation: Sequence[Array] | None = None,
    metrics: Metrics | None = None,
    seed: int | Sequence[int] = 0,
    clip_norm: float | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    progress: bool | None = None,
    ranks: Any = None,
) -> History:
    """Train a model: move `params`, in place, down the gradient of the loss.

    Parameters
    ----------
    model : layer or model
    params : Parameters
        As ``model.init`` gives them.
    loss : differentiable function
        Of ``(output, target)``, a mean over the batch, in which all examples count alike.
    data : pair of array
        Inputs (N, ...) and targets (N, ...), on the same backend as the parameters and best of
        their dtype: float64 data make a pass through float32 parameters a float64 one, and slower.
    optimizer : Optimizer
        A fresh one; or that of an earlier `fit` of the same `params`, whose memory then goes
        on, with another learning rate for instance. One that moved other parameters is refused.
    epochs : int
        How often to go through the data, in all: a resumed run does the rest.
    batch_size : int
    validation : pair of array, optional
        Data that is only looked at.
    metrics : dict of str to callable, optional
        Each of ``(output, target)`` over the whole validation data, giving a number, such as
        ``{"accuracy": nn.accuracy}``.
    seed : int
        Of the shuffling and of dropout.
    clip_norm : float, optional
        The longest gradient allowed.
    patience : int, optional
        Stop when the validation loss has not fallen for so many epochs, and go back to the
        parameters with the lowest one.
    checkpoint : path, optional
        A file, written after every epoch; its folder is made. If it is there, training continues
        from it, to the same numbers bit for bit as if it had never stopped. A cell that is run
        again, with `params` as this training left them, finds its run finished and ends at once.
        The one before stays beside it, as ``run.previous.npz`` of ``run.npz``: should the file be
        damaged, training warns, keeps it as ``run.damaged.npz`` and goes on from that one. To
        begin anew delete the file. One training writes it at a time.
        (On a GPU the gradient of an `Embedding` of more than 256 rows is added up in any order,
        and its last bits differ from run to run.)
    progress : bool, optional
        Whether to show a bar; by default where somebody looks (a terminal or a notebook) unless
        the environment variable ``NNLEARN_PROGRESS`` is 0.
    ranks : mpi4py communicator, optional
        The processes that train together, such as ``MPI.COMM_WORLD``: all call `fit` with the same
        arguments. Of each batch, whose size stays `batch_size`, each takes a shard of the rows.
        What comes of it is the same on all, and to rounding what one process gets; a checkpoint
        goes on with any number of them. Run the script as ``mpiexec -n 4 python -m mpi4py
        script.py``: a rank that fails alone then ends the others, too, which would wait for it. On
        GPUs each needs its own, by ``device`` of `use_backend`, before there are arrays.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, the checkpoint is of another run, of a newer version, or
        damaged as is the one before it, or `ranks` do not agree.
    OSError
        If the checkpoint cannot be written, or another training writes it (BlockingIOError); told
        before the first epoch. On a disk that gets full later the last one stays whole.
    TrainingDiverged
        A FloatingPointError, at the first loss that is not finite (on a GPU at the end of its
        epoch). It says epoch, batch and the first layer concerned; `params` are put back to those
        of the last epoch's beginning at which the loss was finite, the optimizer forgets what it
        remembers, and the error's ``history`` holds the epochs before.

    Examples
    --------
    >>> import numpy as np
    >>> import nnlearn as nn
    >>> x = np.random.default_rng(0).normal(size=(100, 3))
    >>> model = nn.Dense(3, 1)
    >>> params = model.init(dtype="float64")
    >>> data = x, x @ np.ones((3, 1))
    >>> history = nn.fit(model, params, nn.mean_squared_error, data, nn.SGD(0.1), 5)
    >>> history["loss"][-1] < 0.1 * history["loss"][0]
    True
    """
    every = Ranks(ranks)
    looked = functools.partial(check_fit, model, params, loss, data, optimizer, epochs)
    facts: dict[str, Any] = {"batch_size": batch_size, "clip_norm": clip_norm, "metrics": metrics}
    every.on_all(lambda: looked(validation=validation, patience=patience, **facts))
    run = every.on_all(lambda: Run(model, params, optimizer, seed, every))
    if checkpoint is not None or every.size > 1:
        run.identify(loss, data, validation, **facts)
    to_compare = {"seed": repr(seed), "epochs": epochs, "patience": patience}
    run.check_ranks(**to_compare, checkpoint=checkpoint is not None)
    with run.writing(checkpoint):
        run.take_up(checkpoint)
        history = run.history
        if patience is not None and run.best is None and history.best_epoch is not None:
            raise ValueError(
                f"fit: patience is {patience}, but the checkpoint {checkpoint} holds no best "
                "parameters; leave patience out, or delete that file"
            )
        for name, pair in {"data": data, "validation": validation}.items():
            if pair is not None:
                every.on_all(functools.partial(_try_out, name, model, params, loss, pair))
        run.learner.kept.setdefault("good", params.copy())
        shown = every.rank == 0 and shows_progress(progress)
        with progress_bar(shown, total=epochs, initial=history.epochs, unit="epoch") as bar:
            while history.epochs < epochs and not run.out_of_patience(patience):
                start = params.copy()
                try:
                    record = {"loss": _epoch(run, loss, data, batch_size, clip_norm)}
                except TrainingDiverged as error:
                    # where the very first loss fails, the step before the epoch has done it
                    params.assign(run.learner.kept["good"] if error.batch == 1 else start)
                    optimizer.forget()
                    raise
                run.learner.kept["good"] = start
                if validation is not None:
                    record |= _look(run, loss, validation, metrics or {})
                # with a checkpoint also without patience, which may be given when it is taken up
                run.record(record, keep_best=patience is not None or checkpoint is not None)
                if checkpoint is not None:
                    run.save(checkpoint)
                bar.update()
                bar.set_postfix({name: f"{value:.4g}" for name, value in record.items()})
    if patience is not None and run.best is not None:
        params.assign(run.best)
    return history


def _try_out(name: str, model: Any, params: Parameters, loss: Loss, pair: Sequence[Array]) -> None:
    """Take the loss of a few examples: what does not fit is told before the first epoch.

    The first one, and those with the smallest and the largest whole number: a label that is no
    class, or a token that is no symbol, is among them wherever it lies.
    """
    telling = sorted({0}.union(*map(_extremes, pair)))
    x, target = (array_namespace(a).stack([a[i, ...] for i in telling]) for a in pair)
    try:
        with looking_at_devices():
            loss(model(params, x), target)
    except Exception as error:
        error.add_note(f"fit: this came up with some examples of {name}, those at {telling}")
        raise


def _extremes(a: Array) -> set[int]:
    """Say which examples hold the smallest and the largest of whole numbers."""
    if not is_integer(a.dtype) or 0 in a.shape:
        return set()
    xp, each = array_namespace(a), math.prod(a.shape[1:])
    return {int(xp.argmin(a)) // each, int(xp.argmax(a)) // each}


def _epoch(
    run: Run, loss: Loss, data: Sequence[Array], batch_size: int, clip_norm: float | None
) -> float:
    """Go once through the data, a step a batch; return the mean loss."""
    total: Any = 0.0  # becomes an array on the device: nothing waits for it before the epoch's end
    looks = on_host(run.params.vector)  # on a GPU each look would wait for the device
    left = count = int(data[0].shape[0])
    parts = batches(data, batch_size, run.generators["shuffling"], run.ranks.shard)
    for number, (x, target) in enumerate(parts, start=1):
        n = min(batch_size, left)  # in the batch; x and target are this rank's part of it
        value, grads = _gradient(run, loss, x, target, n)
        if looks and not math.isfinite(value):
            raise diverged(run, loss, value, (x, target), number)
        if clip_norm is not None:
            clip_gradient_norm(grads, clip_norm)
        run.optimizer.step(run.params, grads)
        total, left = total + value * n, left - n
    seen = float(total + zero_if_finite(run.params.vector))  # the one look of the epoch
    if not math.isfinite(seen):
        raise diverged(run, loss, total, (x, target), None)
    return seen / count


def _gradient(run: Run, loss: Loss, x: Array, target: Array, n: int) -> tuple[Any, Parameters]:
    """Return the mean loss of a batch of n examples, and its gradient: the same on all ranks.

    Source: eq-sharded-gradient.
    """
    with run.ranks.sharing(n) as batch:
        output, backward = vjp(run.model, run.params, x, wrt=0, rng=run.generators["chance"])
        value, backward_loss = _of_shard(loss, output, target)
        told = on_host(run.params.vector) and not math.isfinite(value)  # once is enough
        with np.errstate(all="ignore") if told else contextlib.nullcontext():
            grads = backward(batch.weighted(backward_loss()))
    if run.ranks.size == 1:
        return value, grads
    g, xp = grads.vector, array_namespace(grads.vector)
    value = xp.asarray(batch.weighted(value), dtype=g.dtype, device=g.device)
    sums = run.ranks.sum(xp.concat([g, xp.reshape(value, (1,))]))
    grads.vector = sums[:-1]
    return sums[-1], grads


def _of_shard(loss: Loss, output: Array, target: Array) -> tuple[Any, Callable[[], Array]]:
    """Return the loss, and what gives its gradient; a shard of no examples has zeros."""
    if target.shape[0] == 0:
        xp = array_namespace(output)
        nothing = xp.zeros((), dtype=output.dtype, device=output.device)
        return nothing, lambda: xp.zeros_like(output)
    return vjp(loss, output, target, wrt=0)


def _look(run: Run, loss: Loss, validation: Sequence[Array], metrics: Metrics) -> dict[str, float]:
    """Return the validation loss and the metrics; each rank computes the output of its rows."""
    x, target = validation
    count = x.shape[0]
    own = predict(run.model, run.params, x[run.ranks.shard(count), ...])
    output = run.ranks.all_rows(own, count)
    record = {"validation_loss": float(loss(output, target))}
    return record | {name: float(metric(output, target)) for name, metric in metrics.items()}


def shows_progress(progress: bool | None) -> bool:
    """Whether to show a progress bar."""
    if progress is not None:
        return progress
    if os.environ.get("NNLEARN_PROGRESS") == "0":
        return False
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def progress_bar(shown: bool, **settings: Any) -> Any:
    """Return a bar of tqdm's, which goes away when it is full."""
    from tqdm import tqdm  # who only looks at a model need not wait for it

    return tqdm(leave=False, disable=not shown, **settings)
