"""GAN, batch 64, Adam: one step of the discriminator and one of the generator in PyTorch, eager."""

import torch
from torch import nn

from benchmarks.timing import report

torch.manual_seed(0)
real = torch.rand(64, 784)
G = nn.Sequential(
    nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 784), nn.Sigmoid()
)
D = nn.Sequential(
    nn.Linear(784, 256),
    nn.LeakyReLU(0.2),
    nn.Linear(256, 256),
    nn.LeakyReLU(0.2),
    nn.Linear(256, 1),
)
optimizer_G, optimizer_D = (torch.optim.Adam(model.parameters()) for model in (G, D))
softplus = nn.functional.softplus


def step():
    fake = G(torch.randn(64, 64))

    optimizer_D.zero_grad()
    logits = D(torch.cat([real, fake.detach()]))
    (softplus(-logits[:64]).mean() + softplus(logits[64:]).mean()).backward()
    optimizer_D.step()

    optimizer_G.zero_grad()
    D.requires_grad_(False)  # its weights' gradients are not wanted here
    softplus(-D(fake)).mean().backward()
    D.requires_grad_(True)
    optimizer_G.step()


report(step)
