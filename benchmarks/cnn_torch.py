"""CNN, SGD with momentum: one training step in PyTorch, eager."""

import torch
from torch import nn

from benchmarks.networks import chosen
from benchmarks.timing import report

shape = chosen("cnn").shape
torch.manual_seed(0)
x = torch.rand(shape.batch, 1, 28, 28)
labels = torch.randint(0, 10, (shape.batch,))
model = nn.Sequential(
    nn.Conv2d(1, shape.first, 5, padding=2),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(shape.first, shape.second, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(7 * 7 * shape.second, shape.hidden),
    nn.ReLU(),
    nn.Linear(shape.hidden, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
loss = nn.CrossEntropyLoss()


def step():
    optimizer.zero_grad()
    loss(model(x), labels).backward()
    optimizer.step()


report(step)
