"""GAN, Adam: one step of the discriminator and one of the generator in nnlearn."""

import numpy as np

import nnlearn as nn
from benchmarks.networks import chosen
from benchmarks.timing import report

shape = chosen("gan").shape
generator = np.random.default_rng(0)
real = nn.asarray(generator.random((shape.batch, shape.pixels), dtype=np.float32))
G = nn.Sequential(
    nn.Dense(shape.noise, shape.hidden),
    nn.ReLU(),
    nn.Dense(shape.hidden, shape.hidden),
    nn.ReLU(),
    nn.Dense(shape.hidden, shape.pixels),
    nn.Sigmoid(),
)
D = nn.Sequential(
    nn.Dense(shape.pixels, shape.hidden),
    nn.LeakyReLU(0.2),
    nn.Dense(shape.hidden, shape.hidden),
    nn.LeakyReLU(0.2),
    nn.Dense(shape.hidden, 1),
)
params_G, params_D = G.init(seed=0), D.init(seed=1)
optimizer_G, optimizer_D = nn.Adam(), nn.Adam()
xp, N = nn.array_namespace(real), shape.batch


def step():
    z = nn.asarray(generator.standard_normal((N, shape.noise), dtype=np.float32))
    fake, backward_G = nn.vjp(G, params_G, z, wrt=0)

    logits, backward_D = nn.vjp(D, params_D, xp.concat([real, fake]), wrt=0)
    _, backward_loss = nn.vjp(nn.discriminator_loss, logits[:N, :], logits[N:, :])
    optimizer_D.step(params_D, backward_D(xp.concat(backward_loss())))

    logits, backward_D = nn.vjp(D, params_D, fake, wrt=1)
    _, backward_loss = nn.vjp(nn.generator_loss, logits)
    optimizer_G.step(params_G, backward_G(backward_D(backward_loss())))


report(step)
