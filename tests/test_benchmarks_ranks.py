"""The benchmarks of several ranks: they measure what they say, and the results hold together."""

import json
import sys

import numpy as np
import pytest
from threads import on_threads

from benchmarks import overlap, ranks, timing
from benchmarks.networks import NETWORKS


def test_all_of_it_is_measured(tmp_path, monkeypatch, capsys):
    path = tmp_path / "deep" / "ranks.json"
    monkeypatch.setattr(ranks, "RANKS", (1, 2))
    options = ["ranks", "--rounds", "2", "--seconds", "0.01", "--out", str(path)]
    monkeypatch.setattr(sys, "argv", options)
    ranks.main()
    found = json.loads(path.read_text())
    assert found["rounds"] == 2
    assert "MPI" in found["versions"]["MPI"]
    assert found["settings"]["OPENBLAS_NUM_THREADS"] == "1"
    assert [row["numbers"] for row in found["all_reduce"]] == list(ranks.LENGTHS)
    for name, network in found["networks"].items():
        batch = NETWORKS[name].shape.batch
        assert [row["batch"] for row in network["strong"]] == [batch, batch]
        assert [row["batch"] for row in network["weak"]] == [batch, 2 * batch]
        for row in network["strong"] + network["weak"]:
            assert len(row["seconds"]) == 2
            assert min(row["seconds"]) > 0
    told = capsys.readouterr().out
    assert told.count("all-reduce, 2 ranks") == len(ranks.LENGTHS)
    assert "mlp, strong, ranks 1: " in told


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_the_step_of_ranks_is_the_step_of_one(network, monkeypatch):
    """The same batch leads to the same parameters, on one rank and on two."""
    monkeypatch.setattr(timing, "report", lambda step: None)  # threads must not put it back

    def after_one(communicator):
        step, size = ranks.training_step(network, 1, communicator)
        step()
        names = dict(zip(step.__code__.co_freevars, step.__closure__, strict=True))
        theta = names["params"].cell_contents.vector
        assert theta.size == size
        return theta

    (alone,) = on_threads(1, after_one)
    for theta in on_threads(2, after_one):
        np.testing.assert_allclose(theta, alone, rtol=0, atol=2e-3)
        close = np.isclose(theta, alone, rtol=0, atol=1e-6)
        assert close.mean() > 0.99  # Adam makes full steps of gradients that are all rounding


def test_overlapping_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["overlap", "--rounds", "1", "--seconds", "0.01"])
    overlap.main()
    told = capsys.readouterr().out
    for title in overlap.SIZES:
        assert f"MLP {title} on two ranks" in told
    for name in overlap.PROGRAMS:
        assert told.count(f"  {name} ") == len(overlap.SIZES)
    assert told.count("pay") == len(overlap.SIZES)


def test_it_pays_only_if_it_does_in_every_round():
    names = list(overlap.PROGRAMS)
    fast, slow = ({n: {"a": 1.0 if n == overlap.AT_END else t} for n in names} for t in (0.8, 0.95))
    assert overlap.verdict([fast, fast], "a") == "it pays"
    assert overlap.verdict([fast, slow], "a") == "it does not pay"
