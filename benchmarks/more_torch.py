"""The same networks in PyTorch, eager: ``python -m benchmarks.more_torch gru``."""

import sys

import torch
from torch import nn

from benchmarks.networks import MORE
from benchmarks.timing import report

name = sys.argv[1]
shape = MORE[name].shape
torch.manual_seed(0)


class States(nn.Module):
    """A recurrent layer's states after each step, without the last ones beside them."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


def sequences(layer):
    """Return a model with classes at each step, its data and its optimizer."""
    model = nn.Sequential(States(layer), nn.Linear(shape.units, shape.classes))
    x = torch.rand(shape.steps, shape.batch, shape.inputs)
    labels = torch.randint(0, shape.classes, (shape.steps, shape.batch))
    return model, x, labels, torch.optim.Adam(model.parameters())


def colour():
    """Return the second CNN, pictures for it and its optimizer."""
    model = nn.Sequential(
        *(nn.Conv2d(3, shape.first, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(shape.first, shape.first, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(shape.first, shape.second, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(8 * 8 * shape.second, 10)),
    )
    x, labels = torch.rand(shape.batch, 3, 32, 32), torch.randint(0, 10, (shape.batch,))
    return model, x, labels, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


class Attention(nn.Module):
    """Causal attention in several heads, of sequences that are batch first."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        N, T, D = x.shape
        qkv = self.qkv(x).view(N, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        o = nn.functional.scaled_dot_product_attention(*qkv, is_causal=True)
        return self.out(o.transpose(1, 2).reshape(N, T, D))


class Block(nn.Module):
    """A block as nnlearn's. Its own `TransformerEncoderLayer` trains no faster."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.look = Attention(width, heads)
        self.think = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        x = x + self.look(self.norm1(x))
        return x + self.think(self.norm2(x))


def transformer():
    """Return a Transformer that tells of each token the next one, tokens and its optimizer."""
    model = nn.Sequential(
        nn.Embedding(shape.classes, shape.width),
        *(Block(shape.width, shape.heads) for _ in range(shape.depth)),
        nn.Linear(shape.width, shape.classes),
    )
    x, labels = torch.randint(0, shape.classes, (2, shape.batch, shape.steps))
    return model, x, labels, torch.optim.Adam(model.parameters())


MAKERS = {
    "gru": lambda: sequences(nn.GRU(shape.inputs, shape.units)),
    "stacked": lambda: sequences(nn.LSTM(shape.inputs, shape.units, num_layers=2)),
    "colour": colour,
    "transformer": transformer,
}
model, x, labels, optimizer = MAKERS[name]()
loss = nn.CrossEntropyLoss()


def step():
    optimizer.zero_grad()
    logits = model(x)
    loss(logits.reshape(-1, logits.shape[-1]), labels.flatten()).backward()
    optimizer.step()


report(step)
