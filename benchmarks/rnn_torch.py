"""RNN, the last step, SGD: one training step in PyTorch, eager."""

import torch
from torch import nn

from benchmarks.networks import chosen
from benchmarks.timing import report

shape = chosen("rnn").shape
torch.manual_seed(0)
x = torch.rand(shape.steps, shape.batch, shape.inputs)
labels = torch.randint(0, 10, (shape.batch,))
recurrent = nn.RNN(shape.inputs, shape.units)
dense = nn.Linear(shape.units, 10)
optimizer = torch.optim.SGD([*recurrent.parameters(), *dense.parameters()], lr=0.01)
loss = nn.CrossEntropyLoss()


def step():
    optimizer.zero_grad()
    states, _ = recurrent(x)
    loss(dense(states[-1]), labels).backward()
    optimizer.step()


report(step)
