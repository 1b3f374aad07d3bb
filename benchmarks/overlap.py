"""Does it pay to add up a layer's gradient while earlier layers still work out theirs?

``python -m benchmarks.overlap``: a step on two ranks with one all-reduce at the end, as `fit` does
it; with one for each layer, started without waiting as soon as its gradient is there; the same
with a thread of MPI's own that carries on meanwhile; and without any, which no way can beat.

On the two cores of a virtual machine, with MPICH 5.0.2, a sum for each layer took 0.94 to 1.02 of
the time of one at the end (medians of three runs), and no sum at all 0.68 to 0.87. MPI's thread,
which needs a core of its own, doubled the time at least. So `fit` adds up once, at the end.
"""

import argparse
import itertools
import json
import os
import statistics

import numpy as np

import nnlearn as nn
from benchmarks import measuring
from benchmarks.ranks import times
from nnlearn.arrays.launching import started_mpi

SIZES = {
    "784-1024-1024-1024-10": (784, 1024, 1024, 1024, 10),
    "784-512-256-10": (784, 512, 256, 10),
}
AT_END = "one at the end"
BATCH = 128  # of both ranks together
#: by name: the environment, and which way of `WAYS` it is
PROGRAMS = {
    "no all-reduce": ({}, "none"),
    AT_END: ({}, "end"),
    "one for each layer": ({}, "layers"),
    "one for each layer, MPI's thread": ({"MPIR_CVAR_ASYNC_PROGRESS": "1"}, "layers"),
    "one at the end, MPI's thread": ({"MPIR_CVAR_ASYNC_PROGRESS": "1"}, "end"),
}


class Overlapping(nn.Parameters):
    """Parameters whose gradients are added up over ranks, layer by layer from the last."""

    communicator = None

    def filled(self, gradients, state=None):
        """Start the sum of a layer's gradient as soon as it is there; wait for all in the end."""
        filled, requests = self.empty_like(), []
        layers = {}
        for name in gradients:
            layers.setdefault(name.partition(".")[0], []).append(name)
        for names in layers.values():
            for name in names:
                filled[name] = gradients[name]()
            first, last = (self.layout.slices[name] for name in (names[0], names[-1]))
            requests.append(self._summed(filled.vector[first.start : last.stop]))
            for request in requests:
                request.Test()  # without a thread of its own MPI works only when it is called
        for request in requests:
            request.Wait()
        return filled

    def _summed(self, part):
        from mpi4py import MPI

        return self.communicator.Iallreduce(MPI.IN_PLACE, part)


def one_run(way, seconds):
    """Time a step of each network in one way; rank 0 prints a line of JSON."""
    MPI = started_mpi()
    ranks, found = MPI.COMM_WORLD, {}
    Overlapping.communicator = ranks
    for title, sizes in SIZES.items():
        layers = []
        for inputs, outputs in itertools.pairwise(sizes):
            layers += [nn.Dense(inputs, outputs), nn.ReLU()]
        model = nn.Sequential(*layers[:-1])
        params = model.init(0)
        if way == "layers":
            params = Overlapping(params.vector, params.layout)
        check_sums(model, params, ranks)
        found[title] = times(step_of(model, params, way, ranks), ranks, seconds)
    if ranks.rank == 0:
        print(json.dumps(found))


def check_sums(model, params, ranks):
    """Compare the sums of all layers with the one at the end, on one example a rank."""
    x = np.ones((1, model.layers["0"].inputs), np.float32) * (1 + ranks.rank)
    gradients = []
    for theta in (params, nn.Parameters(params.vector, params.layout)):
        output, backward = nn.vjp(model, theta, x, wrt=0)
        gradients.append(backward(np.ones_like(output)).vector)
    if isinstance(params, Overlapping):
        total = np.empty_like(gradients[1])
        ranks.Allreduce(gradients[1], total)
        np.testing.assert_allclose(gradients[0], total, rtol=1e-5, atol=1e-5)


def step_of(model, params, way, ranks):
    """Return a training step of this rank's half of a batch."""
    rng, optimizer = np.random.default_rng(ranks.rank), nn.Adam()
    own = BATCH // ranks.size
    x = rng.random((own, model.layers["0"].inputs), dtype=np.float32)
    labels = rng.integers(0, 10, own)
    total = np.empty_like(params.vector)

    def step():
        logits, backward = nn.vjp(model, params, x, wrt=0)
        _, backward_loss = nn.vjp(nn.softmax_cross_entropy, logits, labels, wrt=0)
        grads = backward(backward_loss() * (own / BATCH))
        if way == "end":
            ranks.Allreduce(grads.vector, total)
            grads.vector = total
        optimizer.step(params, grads)

    return step


def started(name, seconds):
    """Run one of `PROGRAMS` on two ranks; return the seconds of a step, by network."""
    environment, way = PROGRAMS[name]
    program = ["benchmarks.overlap", "--way", way, "--seconds", str(seconds)]
    return measuring.run(program, measuring.settings(1) | environment, ranks=2)


def main():
    """Measure all ways in turn, several rounds; print medians, and ratios within a round."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overlap", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        one_run(options.way, options.seconds)
        return
    rounds = [
        {name: started(name, options.seconds) for name in PROGRAMS} for _ in range(options.rounds)
    ]
    print(f"{measuring.processor()}, {os.cpu_count()} cores; medians of {len(rounds)} rounds")
    for title in SIZES:
        print(f"MLP {title} on two ranks")
        for name in PROGRAMS:
            seconds = statistics.median(r[name][title] for r in rounds)
            ratios = [r[name][title] / r[AT_END][title] for r in rounds]
            between = f"[{min(ratios):.2f}, {max(ratios):.2f}]"
            print(f"  {name:34} {seconds * 1e3:7.2f} ms {statistics.median(ratios):6.2f} {between}")
        print(f"  {verdict(rounds, title)}")


def verdict(rounds, title):
    """Say whether adding up each layer on its own pays: it must save a tenth in every round."""
    ways = [name for name, (_, way) in PROGRAMS.items() if way == "layers"]
    best = min(max(r[name][title] / r[AT_END][title] for r in rounds) for name in ways)
    return "it pays" if best < 0.9 else "it does not pay"


if __name__ == "__main__":
    main()
