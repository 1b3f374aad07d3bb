"""What the tests of training share: a bar that writes down what it shows."""

import pytest
import tqdm


class Bar:
    """Stands for one of tqdm's bars."""

    def __init__(self, **settings):
        self.settings, self.updates, self.told = settings, 0, []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def update(self):
        self.updates += 1

    def set_postfix(self, told):
        self.told.append(told)


@pytest.fixture
def bars(monkeypatch):
    """The bars that are shown from now on."""
    made = []
    monkeypatch.setattr(tqdm, "tqdm", lambda **settings: made.append(Bar(**settings)) or made[-1])
    return made
