"""MLP 784-512-256-10, batch 128, Adam: one training step in PyTorch, eager."""

import torch
from torch import nn

from benchmarks.timing import report

torch.manual_seed(0)
x = torch.rand(128, 784)
labels = torch.randint(0, 10, (128,))
model = nn.Sequential(
    nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
)
optimizer = torch.optim.Adam(model.parameters())
loss = nn.CrossEntropyLoss()


def step():
    optimizer.zero_grad()
    loss(model(x), labels).backward()
    optimizer.step()


report(step)
