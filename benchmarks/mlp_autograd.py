"""MLP 784–512–256–10, batch 128, Adam: one training step in autograd."""

import itertools

import autograd.numpy as np
import numpy
from autograd import grad
from autograd.scipy.special import logsumexp

from benchmarks.timing import report

generator = numpy.random.default_rng(0)
x = generator.random((128, 784), dtype=numpy.float32)
one_hot = numpy.eye(10, dtype=numpy.float32)[generator.integers(0, 10, 128)]
params = [
    (generator.normal(size=(a, b)) * (2 / a) ** 0.5).astype("float32")
    if axis == 0
    else numpy.zeros(b, "float32")
    for a, b in itertools.pairwise([784, 512, 256, 10])
    for axis in (0, 1)
]
moments = [(numpy.zeros_like(p), numpy.zeros_like(p)) for p in params]
count = 0


def loss(params):
    a = x
    for W, b in zip(params[:-2:2], params[1:-2:2], strict=True):
        a = np.maximum(a @ W + b, 0)
    logits = a @ params[-2] + params[-1]
    return np.mean(logsumexp(logits, axis=1) - np.sum(logits * one_hot, axis=1))


gradient = grad(loss)


def step():
    global count
    count += 1
    for p, g, (m, v) in zip(params, gradient(params), moments, strict=True):
        m *= 0.9
        m += 0.1 * g
        v *= 0.999
        v += 0.001 * g * g
        p -= 0.001 * (m / (1 - 0.9**count)) / (numpy.sqrt(v / (1 - 0.999**count)) + 1e-8)


report(step)
