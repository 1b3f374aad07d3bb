"""The training loop: forward pass, backward pass, step; and looking at how it goes."""

import math
import os
import sys
from pathlib import Path

from tqdm import tqdm

from nnlearn.arrays.backend import array_namespace
from nnlearn.data.sets import batches
from nnlearn.derivative import vjp
from nnlearn.operations.regularization import clip_gradient_norm
from nnlearn.training.runs import Run


def fit(
    model,
    params,
    loss,
    data,
    optimizer,
    epochs,
    *,
    batch_size=64,
    validation=None,
    metrics=None,
    seed=0,
    clip_norm=None,
    patience=None,
    checkpoint=None,
    progress=None,
):
    """Train a model: move `params`, in place, down the gradient of the loss.

    Parameters
    ----------
    model : layer or model
    params : Parameters
        As ``model.init`` gives them.
    loss : differentiable function
        Of ``(output, target)``, a mean over the batch.
    data : pair of array
        Inputs (N, ...) and targets (N, ...), on the same backend as the parameters.
    optimizer : Optimizer
        A fresh one.
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
        A file, written after every epoch. If it is there, training continues from it, to the
        same numbers bit for bit as if it had never stopped.
    progress : bool, optional
        Whether to show a bar; by default where somebody looks (a terminal or a notebook) unless
        the environment variable ``NNLEARN_PROGRESS`` is 0.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If an argument does not fit, or the checkpoint is of another run.
    """
    _check(data, validation, epochs, batch_size, metrics, patience)
    run = Run(model, params, optimizer, seed)
    if checkpoint is not None:
        run.identify(loss, data, validation, metrics, batch_size, clip_norm)
        if Path(checkpoint).exists():
            run.load(checkpoint)
    history = run.history
    hidden = not shows_progress(progress)
    with tqdm(
        total=epochs, initial=history.epochs, unit="epoch", leave=False, disable=hidden
    ) as bar:
        while history.epochs < epochs and not run.out_of_patience(patience):
            record = {"loss": _epoch(run, loss, data, batch_size, clip_norm)}
            if validation is not None:
                record |= _look(model, params, loss, validation, metrics or {})
            run.record(record, keep_best=patience is not None)
            if checkpoint is not None:
                run.save(checkpoint)
            bar.update()
            bar.set_postfix({name: f"{value:.4g}" for name, value in record.items()})
    if patience is not None and run.best is not None:
        params.assign(run.best)
    return history


def predict(model, params, x, batch_size=1024):
    """Compute the model's output in inference, batch by batch, so that memory stays small.

    Parameters
    ----------
    model : layer or model
    params : Parameters
    x : array, shape (N, ...)
    batch_size : int

    Returns
    -------
    array, shape (N, ...)
    """
    xp = array_namespace(x)
    outputs = [model(params, part) for (part,) in batches([x], batch_size)]
    return xp.concat(outputs, axis=0) if outputs else model(params, x)


def accuracy(logits, labels):
    """Return the share of rows whose largest logit is that of the label.

    Parameters
    ----------
    logits : array, shape (..., K)
        With K = 1, or without that axis, a positive logit says class 1.
    labels : array, shape (...)

    Returns
    -------
    float
    """
    xp = array_namespace(logits, labels)
    if logits.ndim == labels.ndim or logits.shape[-1] == 1:
        said = xp.reshape(logits, labels.shape) > 0
        right = said == (xp.astype(labels, xp.float32) > 0.5)
    else:
        right = xp.argmax(logits, axis=-1) == labels
    return float(xp.mean(xp.astype(right, xp.float32)))


def _epoch(run, loss, data, batch_size, clip_norm):
    """Go once through the data, a step a batch; return the mean loss."""
    total = 0.0  # becomes an array on the device: nothing waits for it before the epoch's end
    for x, target in batches(data, batch_size, run.generators["shuffling"]):
        rng = run.generators["chance"]
        output, backward = vjp(run.model, run.params, x, wrt=0, rng=rng)
        value, backward_loss = vjp(loss, output, target, wrt=0)
        grads = backward(backward_loss())
        if clip_norm is not None:
            clip_gradient_norm(grads, clip_norm)
        run.optimizer.step(run.params, grads)
        total = total + value * x.shape[0]
    return float(total) / data[0].shape[0]


def _look(model, params, loss, validation, metrics):
    """Return the validation loss and the metrics."""
    x, target = validation
    output = predict(model, params, x)
    record = {"validation_loss": float(loss(output, target))}
    return record | {name: float(metric(output, target)) for name, metric in metrics.items()}


def _check(data, validation, epochs, batch_size, metrics, patience):
    for name, pair in {"data": data, "validation": validation}.items():
        if name == "validation" and pair is None:
            continue
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"fit: {name} is {type(pair).__name__}, expected a pair (x, target)")
        lengths = [a.shape[0] if a.ndim else 0 for a in pair]
        if lengths[0] != lengths[1] or lengths[0] == 0:
            raise ValueError(f"fit: {name} has lengths {lengths}, expected two equal, not zero")
    if epochs < 0 or math.floor(epochs) != epochs:
        raise ValueError(f"fit: epochs is {epochs}, expected a whole number, not negative")
    if batch_size < 1:
        raise ValueError(f"fit: batch_size is {batch_size}, expected at least 1")
    if patience is not None and patience < 1:
        raise ValueError(f"fit: patience is {patience}, expected at least 1")
    for name, value in {"metrics": metrics, "patience": patience}.items():
        if value is not None and validation is None:
            raise ValueError(f"fit: {name} is given, expected validation data with it")


def shows_progress(progress):
    """Whether to show a progress bar."""
    if progress is not None:
        return progress
    if os.environ.get("NNLEARN_PROGRESS") == "0":
        return False
    return sys.stderr.isatty() or "ipykernel" in sys.modules
