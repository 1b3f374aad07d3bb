"""LSTM, 64 classes at each step, Adam: one training step in PyTorch, eager."""

import torch
from torch import nn

from benchmarks.timing import report

torch.manual_seed(0)
x = torch.rand(128, 32, 64)
labels = torch.randint(0, 64, (128, 32))
recurrent = nn.LSTM(64, 256)
dense = nn.Linear(256, 64)
optimizer = torch.optim.Adam([*recurrent.parameters(), *dense.parameters()])
loss = nn.CrossEntropyLoss()


def step():
    optimizer.zero_grad()
    states, _ = recurrent(x)
    loss(dense(states).flatten(0, 1), labels.flatten()).backward()
    optimizer.step()


report(step)
