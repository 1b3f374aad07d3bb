"""A run for tests to interrupt: trains with everything that has a state, and a checkpoint."""

import numpy as np

import nnlearn as nn

EPOCHS = 8


def data(count, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 6)).astype(np.float32)
    return x, (np.abs(x[:, 0]) + x[:, 1] > 1).astype(np.int64) + (x[:, 2] > 0)


def model():
    return nn.Sequential(
        nn.Dense(6, 12), nn.BatchNorm(12), nn.ReLU(), nn.Dropout(0.3), nn.Dense(12, 3)
    )


OPTIMIZERS = {
    "Adam": lambda: nn.Adam(0.02, weight_decay=0.01),
    "momentum": lambda: nn.SGD(0.1, momentum=0.9, nesterov=True),
    "plain": lambda: nn.SGD(0.3),
}
SCHEDULED = {"scheduled": lambda: nn.Adam(nn.schedules.cosine(0.02, steps=50, warm_up=5))}


def train(checkpoint=None, epochs=EPOCHS, optimizer="Adam", patience=3, **settings):
    """Train the same network on the same data; return the history and everything that changed."""
    network = model()
    params = network.init(seed=1)
    rule = (OPTIMIZERS | SCHEDULED)[optimizer]()
    history = nn.fit(
        network,
        params,
        nn.softmax_cross_entropy,
        data(100, 0),
        rule,
        epochs,
        batch_size=16,
        validation=data(60, 1),
        metrics={"accuracy": nn.accuracy},
        seed=5,
        clip_norm=1.5,
        patience=patience,
        checkpoint=checkpoint,
        progress=False,
        **settings,
    )
    arrays = {"theta": params.vector, "state": params.state.vector, **rule.memory}
    facts = {**history, "best": history.best_epoch, "steps": rule.steps}
    return arrays | {name: np.asarray(value) for name, value in facts.items()}


def same(run, other):
    """Assert that every array and every number of two runs is the same, bit for bit."""
    assert set(run) == set(other)
    for name in run:
        np.testing.assert_array_equal(run[name], other[name], name)
