"""LSTM, classes at each step, Adam: one training step in PyTorch, eager."""

import torch
from torch import nn

from benchmarks.networks import chosen
from benchmarks.timing import report

shape = chosen("lstm").shape
torch.manual_seed(0)
x = torch.rand(shape.steps, shape.batch, shape.inputs)
labels = torch.randint(0, shape.classes, (shape.steps, shape.batch))
recurrent = nn.LSTM(shape.inputs, shape.units)
dense = nn.Linear(shape.units, shape.classes)
optimizer = torch.optim.Adam([*recurrent.parameters(), *dense.parameters()])
loss = nn.CrossEntropyLoss()


def model(x):
    states, _ = recurrent(x)
    return dense(states)


def step():
    optimizer.zero_grad()
    loss(model(x).flatten(0, 1), labels.flatten()).backward()
    optimizer.step()


report(step)
