"""A forward pass with a batch of one: ``python -m benchmarks.one mlp torch``.

The model is that of the network's training step, whose program is run without being measured.
"""

import runpy
import sys

from benchmarks import timing

network, library = sys.argv[1:]
report, timing.report = timing.report, lambda step: None
program = runpy.run_module(f"benchmarks.{network}_{library}")
timing.report = report
model, x = program["model"], program["x"]
one = x[:, :1] if network == "lstm" else x[:1]  # sequences are time first

if library == "torch":
    import torch

    def step():
        with torch.inference_mode():
            return model(one)
else:

    def step():
        return model(program["params"], one)


report(step)
