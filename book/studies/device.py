"""Training loops, and what they ask of a device: launches and waits, counted on a double of CuPy.

    python book/studies/device.py

prints, as one line of JSON, the counts of the loops below; `count_loops` runs it where ``import
cupy`` gives the double of ``tests/doubles``, so that any machine can count. `count_steps` does the
same for a training step of the benchmarks' networks.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import nnlearn as nn

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES, BATCH = 1024, 128


def reads_every_step(model, params, data, optimizer):
    """Train for an epoch; write down the loss of every step as a number of Python."""
    losses = []
    for x, y in nn.data.batches(data, BATCH):
        logits, backward = nn.vjp(model, params, x, wrt=0)
        loss, d_loss = nn.vjp(nn.softmax_cross_entropy, logits, y, wrt=0)
        optimizer.step(params, backward(d_loss()))
        losses.append(float(loss))
    return losses


def reads_once(model, params, data, optimizer):
    """Train for an epoch; leave the losses where they are, and read their sum at the end."""
    total = 0.0
    for x, y in nn.data.batches(data, BATCH):
        logits, backward = nn.vjp(model, params, x, wrt=0)
        loss, d_loss = nn.vjp(nn.softmax_cross_entropy, logits, y, wrt=0)
        optimizer.step(params, backward(d_loss()))
        total = total + loss
    return float(total)


def asks_every_step(model, params, data, optimizer):
    """Train for an epoch; skip a step whose loss is not a number."""
    for x, y in nn.data.batches(data, BATCH):
        logits, backward = nn.vjp(model, params, x, wrt=0)
        loss, d_loss = nn.vjp(nn.softmax_cross_entropy, logits, y, wrt=0)
        if loss == loss:  # NaN is not equal to itself
            optimizer.step(params, backward(d_loss()))


def uploads_every_step(model, params, data, optimizer):
    """Train for an epoch; keep the data on the host, and send every batch when it is needed."""
    on_host = [nn.to_numpy(a) for a in data]
    for batch in nn.data.batches(on_host, BATCH):
        x, y = (nn.asarray(a) for a in batch)
        logits, backward = nn.vjp(model, params, x, wrt=0)
        d_loss = nn.vjp(nn.softmax_cross_entropy, logits, y, wrt=0)[1]
        optimizer.step(params, backward(d_loss()))


LOOPS = (reads_once, reads_every_step, asks_every_step, uploads_every_step)


def count_loops():
    """Return for each loop, by name, its counts over one epoch."""
    return _on_double(__file__)


def count_steps(fused=True):
    """Return for each network of the benchmarks the counts of one training step."""
    script = ROOT / "tests" / "doubles" / "steps.py"
    return _on_double(script) if fused else _on_double(script, "--plain")


def _on_double(script, *options):
    """Run a script where CuPy is the double, and return what its last line says."""
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT / 'tests' / 'doubles'}{os.pathsep}{ROOT}",
        "NNLEARN_BACKEND": "cupy",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, str(script), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{script} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def networks():
    """Return the five networks of the benchmarks, with the products of a training step."""
    sys.path.append(str(ROOT))  # benchmarks/ is no part of the package
    from benchmarks.networks import NETWORKS

    return NETWORKS


def measured_step(network):
    """Return the seconds of a network's training step, as `make bench` has stored them."""
    path = ROOT / "benchmarks" / "results" / "steps.json"
    found = json.loads(path.read_text(encoding="utf-8"))["networks"][network]
    return statistics.median(found["programs"]["nnlearn"]["seconds"])


def _count(loop):
    """Run one loop on the double, and return what it counted."""
    import cupy

    model = nn.Sequential(nn.Flatten(), nn.Dense(784, 64), nn.ReLU(), nn.Dense(64, 10))
    params, optimizer = model.init(), nn.Adam()
    data = tuple(a[:EXAMPLES] for a in nn.data.load_mnist()[0])
    loop(model, params, data, optimizer)  # the first epoch sets things up
    with cupy.counted() as counts:
        loop(model, params, data, optimizer)
    return dict(counts)


if __name__ == "__main__":
    print(json.dumps({loop.__name__: _count(loop) for loop in LOOPS}))
