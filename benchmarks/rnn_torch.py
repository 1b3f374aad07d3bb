"""RNN, the last of 64 steps, SGD: one training step in PyTorch, eager."""

import torch
from torch import nn

from benchmarks.timing import report

torch.manual_seed(0)
x = torch.rand(64, 32, 64)
labels = torch.randint(0, 10, (32,))
recurrent = nn.RNN(64, 128)
dense = nn.Linear(128, 10)
optimizer = torch.optim.SGD([*recurrent.parameters(), *dense.parameters()], lr=0.01)
loss = nn.CrossEntropyLoss()


def step():
    optimizer.zero_grad()
    states, _ = recurrent(x)
    loss(dense(states[-1]), labels).backward()
    optimizer.step()


report(step)
