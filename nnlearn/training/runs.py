"""What changes while a model is trained, and how it is saved and taken up again, bit for bit."""

import math

import numpy as np

from nnlearn.arrays.backend import array_namespace
from nnlearn.parameters import Parameters
from nnlearn.training.checkpoints import checksum, load_checkpoint, save_checkpoint, write_into


class History(dict):
    """What training recorded: lists by name, with one number an epoch.

    ``history["loss"]`` is the mean training loss, while the parameters moved; with validation
    data there is ``"validation_loss"``, and a list for each metric, taken after the epoch.

    Attributes
    ----------
    best_epoch : int or None
        Index of the epoch with the lowest validation loss.
    """

    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        self.best_epoch = None

    def add(self, record):
        """Append one epoch's numbers."""
        for name, value in record.items():
            self.setdefault(name, []).append(value)
        losses = self.get("validation_loss")
        if not losses or math.isnan(losses[-1]):
            return
        if self.best_epoch is None or losses[-1] < losses[self.best_epoch]:
            self.best_epoch = len(losses) - 1

    @property
    def epochs(self):
        """How many epochs are recorded."""
        return len(self.get("loss", ()))


class Run:
    """What changes while training, and how to save it and take it up again."""

    def __init__(self, model, params, optimizer, seed):
        self.model = model
        self.params = params
        self.optimizer = optimizer
        shuffling, chance = np.random.SeedSequence(seed).spawn(2)
        self.generators = {
            "shuffling": np.random.default_rng(shuffling),
            "chance": np.random.default_rng(chance),
        }
        self.history = History()
        self.best: Parameters | None = None
        self.identity: dict = {}

    def identify(self, loss, data, validation, metrics, batch_size, clip_norm):
        """Say in a few facts which run this is, so that a checkpoint of another is refused."""
        settings = {
            name: value
            for name, value in vars(self.optimizer).items()
            if name not in ("memory", "steps")
        }
        self.identity = {
            "model": repr(self.model),
            "parameters": checksum(self.params.vector),
            "loss": getattr(loss, "__name__", repr(loss)),
            "optimizer": f"{type(self.optimizer).__name__} {settings}",
            "data": checksum(*data),
            "validation": checksum(*validation) if validation is not None else "none",
            "generators": str(self.generators["shuffling"].bit_generator.state),
            "metrics": sorted(metrics or {}),
            "batch_size": batch_size,
            "clip_norm": clip_norm,
        }

    def record(self, record, keep_best):
        """Write down an epoch; keep the parameters if they are the best so far."""
        self.history.add(record)
        if keep_best and self.history.best_epoch == self.history.epochs - 1:
            self.best = self.params.copy()

    def out_of_patience(self, patience):
        """Whether the validation loss has not fallen for `patience` epochs."""
        best = -1 if self.history.best_epoch is None else self.history.best_epoch
        return patience is not None and self.history.epochs - 1 - best >= patience

    def save(self, path):
        """Write the checkpoint."""
        arrays = {"params": self.params.vector}
        arrays |= {f"optimizer.{k}": v for k, v in self.optimizer.memory.items()}
        if self.params.state is not None:
            arrays["state"] = self.params.state.vector
        if self.best is not None:
            arrays["best"] = self.best.vector
            if self.best.state is not None:
                arrays["best.state"] = self.best.state.vector
        facts = {
            "identity": self.identity,
            "steps": self.optimizer.steps,
            "history": dict(self.history),
            "best_epoch": self.history.best_epoch,
            "generators": {k: g.bit_generator.state for k, g in self.generators.items()},
        }
        save_checkpoint(path, arrays, facts)

    def load(self, path):
        """Take up the run that the checkpoint is of; refuse another's."""
        arrays, facts = load_checkpoint(path)
        known = facts.get("identity", {})
        for name, value in self.identity.items():
            if known.get(name) != value:
                raise ValueError(
                    f"fit: the checkpoint {path} is of another run: its {name} is "
                    f"{known.get(name)!r}, here it is {value!r}. Name another file, "
                    "or delete that one"
                )
        xp = array_namespace(self.params.vector)
        write_into(self.params.vector, arrays["params"])
        if self.params.state is not None:
            write_into(self.params.state.vector, arrays["state"])
        for name in self.optimizer.remembers:
            self.optimizer.memory[name] = xp.zeros_like(self.params.vector)
            write_into(self.optimizer.memory[name], arrays[f"optimizer.{name}"])
        self.optimizer.steps = facts["steps"]
        self.history.update(facts["history"])
        self.history.best_epoch = facts["best_epoch"]
        for name, state in facts["generators"].items():
            self.generators[name].bit_generator.state = state
        if "best" in arrays:
            self.best = self.params.copy()
            write_into(self.best.vector, arrays["best"])
            if self.best.state is not None:
                write_into(self.best.state.vector, arrays["best.state"])
