"""Checks of the exercises of chapter 4 about data and decisions."""

from typing import Any

import numpy as np

import nnlearn as nn
from nnlearn.exercises import unaided
from nnlearn.exercises.checking import Check


def standardize_fold(answer: Any) -> None:
    """4.9: standardising without a look at the test set."""
    check = Check("4.9", "no leak", answer, without=unaided.NORMALIZATION)
    for N, D in [(40, 3), (7, 1)]:
        x_train = check.rng.normal(loc=5, scale=[[2.0]], size=(N, D))
        x_test = check.rng.normal(loc=9, scale=4, size=(6, D))
        case = f"{N} training rows, 6 test rows, {D} columns"
        train, test = check.unpack(check.call(answer, x_train, x_test, case=case), "train, test")
        right, expected = nn.data.standardize_columns(x_train, x_test)
        everything = np.concatenate([x_train, x_test])
        mean, deviation = everything.mean(axis=0), everything.std(axis=0)
        leaks = {
            "The test rows have a say in the mean and the deviation": (x_train - mean) / deviation,
            "The test rows have a say in the mean": (x_train - mean) / x_train.std(axis=0),
            "The test rows have a say in the deviation": (
                (x_train - x_train.mean(axis=0)) / deviation
            ),
        }
        check.close(train, right, hints=leaks, name="train")
        own = (x_test - x_test.mean(axis=0)) / x_test.std(axis=0)
        hints = {
            "The test rows are standardised by themselves; a single patient could not be": own,
            "The test rows still have a say in how they are standardised": (
                (x_test - mean) / deviation
            ),
        }
        check.close(test, expected, hints=hints, name="test")
        again, _ = check.unpack(
            check.call(answer, x_train, x_test + 100, case="the same, test rows moved by 100"),
            "train, test",
        )
        check.close(again, train, name="train")
    check.done()


def decisions(threshold_answer: Any, cost_answer: Any) -> None:
    """4.10: the threshold that the costs ask for, and the cost of decisions."""
    check = Check("4.10", "the cost of a threshold", threshold_answer, cost_answer)
    for miss, alarm in [(20, 1), (1, 1), (3, 7)]:
        t = check.call(threshold_answer, miss, alarm)
        check.number_close(
            t,
            alarm / (miss + alarm),
            hints={
                "The two costs have changed places": miss / (miss + alarm),
                "This is the ratio of the costs, not the probability at which both are equal": alarm
                / miss,
            },
            name="The threshold",
        )
    y = check.rng.integers(0, 2, size=30)
    p = np.round(check.rng.uniform(size=30), 1)
    for threshold, miss, alarm in [(0.5, 20, 1), (0.1, 4, 3), (0.0, 2, 5)]:
        cost = check.call(
            cost_answer, p, y, threshold, miss, alarm,
            case=f"30 patients, threshold {threshold}, miss costs {miss}, alarm costs {alarm}",
        )  # fmt: skip
        right, hints = _cost_and_slips(p, y, threshold, miss, alarm)
        check.number_close(cost, right, hints=hints, name="The cost")
    check.done()


def _cost_and_slips(
    p: Any, y: Any, threshold: float, miss: float, alarm: float
) -> tuple[float, dict[str, Any]]:
    """Return the mean cost and, as hints, what the usual slips make of it."""
    ill, called, edge = y == 1, p >= threshold, p == threshold
    missed, alarms = np.sum(ill & ~called), np.sum(~ill & called)
    edge_ill, edge_well = np.sum(ill & edge), np.sum(~ill & edge)
    total = miss * missed + alarm * alarms
    return total / len(p), {
        "The two kinds of mistake have changed their costs": (
            (alarm * missed + miss * alarms) / len(p)
        ),
        "This is the sum. The mean per patient is asked for": total,
        "Who is exactly at the threshold is not called ill here": (
            (total + miss * edge_ill - alarm * edge_well) / len(p)
        ),
        "A false alarm exactly at the threshold costs nothing here": (
            (total - alarm * edge_well) / len(p)
        ),
        "This is what is expected of each decision. What happened stands in y": np.mean(
            np.where(called, (1 - p) * alarm, p * miss)
        ),
    }
