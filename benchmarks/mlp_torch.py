"""MLP, Adam: one training step in PyTorch, eager."""

import torch
from torch import nn

from benchmarks.networks import chosen
from benchmarks.timing import report

shape = chosen("mlp").shape
pixels, first, second, classes = shape.sizes
torch.manual_seed(0)
x = torch.rand(shape.batch, pixels)
labels = torch.randint(0, classes, (shape.batch,))
model = nn.Sequential(
    nn.Linear(pixels, first),
    nn.ReLU(),
    nn.Linear(first, second),
    nn.ReLU(),
    nn.Linear(second, classes),
)
optimizer = torch.optim.Adam(model.parameters())
loss = nn.CrossEntropyLoss()


def step():
    optimizer.zero_grad()
    loss(model(x), labels).backward()
    optimizer.step()


report(step)
