"""The losses of the game: logarithms, PyTorch and finite differences agree, up to ±1e4."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid
from witnesses import agree, batch_shapes, close, dtypes, layouts, place, seeds, torch_gradients

import nnlearn as nn

KINDS = ("non-saturating", "minimax")
shapes = batch_shapes.filter(lambda shape: 0 not in shape)


def D(logit):
    return 1 / (1 + np.exp(-logit))


def value_literal(real, fake):
    told_real = [np.log(D(z)) for z in real.flat]
    told_fake = [np.log(1 - D(z)) for z in fake.flat]
    return np.float64(sum(told_real) / real.size + sum(told_fake) / fake.size)


def value_torch(real, fake):
    return logsigmoid(real).mean() + logsigmoid(-fake).mean()


@pytest.mark.parametrize("sign", [1, -1])
@given(real=shapes, fake=shapes, dtype=dtypes, layout=layouts, seed=seeds)
def test_value_and_discriminator_loss(space, sign, real, fake, dtype, layout, seed):
    """The batches of the two may have different sizes."""
    rng = np.random.default_rng(seed)
    agree(
        space,
        nn.gan_value if sign == 1 else nn.discriminator_loss,
        [rng.normal(size=real), rng.normal(size=fake)],
        lambda *logits: sign * value_literal(*logits),
        lambda *logits: sign * value_torch(*logits),
        dtype=dtype,
        layout=layout,
    )


@pytest.mark.parametrize("kind", KINDS)
@given(shape=shapes, dtype=dtypes, layout=layouts, seed=seeds)
def test_generator_loss(space, kind, shape, dtype, layout, seed):
    def literal(fake):
        told = [np.log(1 - D(z)) if kind == "minimax" else -np.log(D(z)) for z in fake.flat]
        return np.float64(sum(told) / fake.size)

    def by_torch(fake):
        return logsigmoid(-fake).mean() if kind == "minimax" else -logsigmoid(fake).mean()

    agree(
        space,
        nn.generator_loss,
        [np.random.default_rng(seed).normal(size=shape)],
        literal,
        by_torch,
        keywords={"kind": kind},
        dtype=dtype,
        layout=layout,
    )


extremes = st.lists(st.sampled_from([-1e4, -800.0, -30.0, 0.0, 30.0, 800.0, 1e4]), min_size=1)


@given(real=extremes, fake=extremes)
def test_nothing_overflows(space, real, fake):
    real, fake = np.array(real), np.array(fake)
    one = np.array(1.0)
    for operation, by_torch, arrays in (
        (nn.gan_value, value_torch, (real, fake)),
        (nn.discriminator_loss, lambda *z: -value_torch(*z), (real, fake)),
        (nn.generator_loss, lambda z: -logsigmoid(z).mean(), (fake,)),
    ):
        value, backward = nn.vjp(operation, *(place(space, a) for a in arrays))
        gradients = backward(space.array(one))
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        expected, by_torch_gradients = torch_gradients(by_torch, arrays, one)
        close(nn.to_numpy(value), expected, 1e-12, operation.__name__)
        for ours, theirs in zip(gradients, by_torch_gradients, strict=True):
            close(nn.to_numpy(ours), theirs, 1e-12, operation.__name__)


def test_the_loss_is_two_cross_entropies():
    real, fake = np.random.default_rng(0).normal(size=(2, 7))
    as_torch = [torch.tensor(z) for z in (real, fake)]
    expected = binary_cross_entropy_with_logits(as_torch[0], torch.ones(7, dtype=torch.float64))
    expected += binary_cross_entropy_with_logits(as_torch[1], torch.zeros(7, dtype=torch.float64))
    close(nn.discriminator_loss(real, fake), expected, 1e-12, "loss")
    undecided = nn.discriminator_loss(np.zeros(3), np.zeros(5))
    assert undecided == pytest.approx(2 * np.log(2))


def test_refused():
    with pytest.raises(ValueError, match=r"generator_loss: kind is 'loud', expected 'non-sat"):
        nn.generator_loss(np.zeros(2), "loud")
    with pytest.raises(ValueError, match=r"gan_value: fake_logits has shape \(0,\)"):
        nn.gan_value(np.zeros(2), np.zeros(0))
    with pytest.raises(ValueError, match=r"gan_value: real_logits has shape \(0, 1\)"):
        nn.discriminator_loss(np.zeros((0, 1)), np.zeros(2))
    with pytest.raises(TypeError, match="generator_loss: fake_logits is a list"):
        nn.generator_loss([1.0])
