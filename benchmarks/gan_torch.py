"""GAN, Adam: one step of the discriminator and one of the generator in PyTorch, eager."""

import torch
from torch import nn

from benchmarks.networks import chosen
from benchmarks.timing import report

shape = chosen("gan").shape
N = shape.batch
torch.manual_seed(0)
real = torch.rand(N, shape.pixels)
G = nn.Sequential(
    nn.Linear(shape.noise, shape.hidden),
    nn.ReLU(),
    nn.Linear(shape.hidden, shape.hidden),
    nn.ReLU(),
    nn.Linear(shape.hidden, shape.pixels),
    nn.Sigmoid(),
)
D = nn.Sequential(
    nn.Linear(shape.pixels, shape.hidden),
    nn.LeakyReLU(0.2),
    nn.Linear(shape.hidden, shape.hidden),
    nn.LeakyReLU(0.2),
    nn.Linear(shape.hidden, 1),
)
optimizer_G, optimizer_D = (torch.optim.Adam(model.parameters()) for model in (G, D))
softplus = nn.functional.softplus


def step():
    fake = G(torch.randn(N, shape.noise))

    optimizer_D.zero_grad()
    logits = D(torch.cat([real, fake.detach()]))
    (softplus(-logits[:N]).mean() + softplus(logits[N:]).mean()).backward()
    optimizer_D.step()

    optimizer_G.zero_grad()
    D.requires_grad_(False)  # its weights' gradients are not wanted here
    softplus(-D(fake)).mean().backward()
    D.requires_grad_(True)
    optimizer_G.step()


report(step)
