"""CNN, batch 64, SGD with momentum: one training step in PyTorch, eager."""

import torch
from torch import nn

from benchmarks.timing import report

torch.manual_seed(0)
x = torch.rand(64, 1, 28, 28)
labels = torch.randint(0, 10, (64,))
model = nn.Sequential(
    nn.Conv2d(1, 32, 5, padding=2),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(7 * 7 * 64, 128),
    nn.ReLU(),
    nn.Linear(128, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
loss = nn.CrossEntropyLoss()


def step():
    optimizer.zero_grad()
    loss(model(x), labels).backward()
    optimizer.step()


report(step)
