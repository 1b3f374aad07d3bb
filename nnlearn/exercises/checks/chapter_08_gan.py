"""The checks of chapter 8's exercises: the generative adversarial network."""

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checking import Check


def values(value, best, apart):
    """8.1: what the game is worth."""
    check = Check("8.1", "what the game is worth", value, best, apart)
    check.close(
        check.number_of(value, "value"),
        (np.log(0.9) + np.log(0.6)) / 2 + (np.log(0.8) + np.log(0.5)) / 2,
        hints={
            "Each expectation is a mean over its own two examples, not a sum": (
                np.log(0.9) + np.log(0.6) + np.log(0.8) + np.log(0.5)
            ),
            "Of what was generated it is the logarithm of 1 - D": (
                (np.log(0.9) + np.log(0.6)) / 2 + (np.log(0.2) + np.log(0.5)) / 2
            ),
            "The logarithm is the natural one": (
                (np.log2(0.9) + np.log2(0.6)) / 2 + (np.log2(0.8) + np.log2(0.5)) / 2
            ),
        },
        rtol=1e-3,
        name="value",
    )
    check.close(
        check.number_of(best, "best"),
        0.2 / 0.8,
        hints={
            "This is the probability that it was generated": 0.6 / 0.8,
            "This is the ratio of the densities; a probability is at most 1": 0.2 / 0.6,
        },
        rtol=1e-3,
        name="best",
    )
    check.close(
        check.number_of(apart, "apart"),
        0.0,
        hints={
            "That is the value where the two are equal": -np.log(4),
            "That is the divergence. The value is twice that, less log 4": np.log(2),
        },
        atol=1e-3,
        name="apart",
    )
    check.done()


def slope_sampler(answer):
    """8.2: uniform numbers bent into the density 2 (1 - x)."""
    check = Check("8.2", "bent to order", answer)
    for u in (np.array([0.25, 0.75]), np.linspace(0, 0.999, 40), check.rng.random(7)):
        x = check.call(answer, u)
        check.shape(x, u.shape)
        check.close(
            x,
            1 - np.sqrt(1 - u),
            hints={
                "This has the density 2 x: most numbers near 1, not near 0": np.sqrt(u),
                "This is F itself. A draw is where F reaches u: the inverse": 1 - (1 - u) ** 2,
                "The density is right, but this g falls; the exercise asks for one that rises": (
                    1 - np.sqrt(u)
                ),
            },
        )
    check.done()


def discriminator_loss(answer):
    """8.3: the judge's loss and its gradients, from logits of any size."""
    check = Check("8.3", "a loss that does not overflow", answer)
    sizes = ((3, 3), (1, 4), (5, 2))
    batches = [(check.rng.normal(size=n), check.rng.normal(size=m)) for n, m in sizes]
    batches.append((np.array([1e4, -1e4, 0.0]), np.array([800.0, -1e4])))
    for real, fake in batches:
        found = check.unpack(check.call(answer, real, fake), "loss, dreal, dfake")
        check.no_warnings()
        expected, backward = nn.vjp(nn.discriminator_loss, real, fake)
        sums = np.logaddexp(0, -real).sum() + np.logaddexp(0, fake).sum()
        check.close(
            found[0],
            expected,
            hints={
                "That is V. The loss is what the judge wants to be small": -expected,
                "Take the mean over each batch": sums,
            },
            name="loss",
        )
        for name, value, right in zip(("dreal", "dfake"), found[1:], backward(), strict=True):
            check.shape(value, right.shape, name=name)
            check.close(
                value,
                right,
                hints={
                    "Its sign is that of V's gradient": -right,
                    "The mean has left its 1/N or 1/M in the gradient": right * right.size,
                },
                name=name,
            )
    check.done()


def best_answer(answer):
    """8.4: the best judge when the heap is not half and half."""
    check = Check("8.4", "an unequal heap", answer)
    for share in (0.5, 0.9, 0.2):
        p_data, p_g = check.rng.uniform(0.05, 2, size=(2, 6))
        case = f"densities of 6 points, share {share} real"
        D = check.call(answer, p_data, p_g, share, case=case)
        check.shape(D, p_data.shape)
        right = share * p_data / (share * p_data + (1 - share) * p_g)
        check.close(
            D,
            right,
            hints={
                "This is the best judge of a heap that is half and half": p_data / (p_data + p_g),
                "This is the share of what was generated": 1 - right,
                "Both terms of the value get their weight, share and 1 - share": (
                    share * p_data / (p_data + p_g)
                ),
            },
        )
        slope = share * p_data / D - (1 - share) * p_g / (1 - D)
        check.that(np.abs(slope) < 1e-6, "At the best answer the weighted value has no slope.")
    check.done()


def _players(seed):
    G = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 2))
    D = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 1))
    return G, G.init(seed, dtype="float64"), D, D.init(seed + 1, dtype="float64")


def generator_gradient(answer):
    """8.5: whose side is the generator on?"""
    check = Check("8.5", "whose side", answer)
    for seed, count in ((0, 4), (5, 1), (9, 6)):
        G, params_G, D, params_D = _players(seed)
        z = check.rng.normal(size=(count, 2))
        case = f"two small players, seed {seed}, z {z.shape}"
        grads = check.call(answer, G, params_G, D, params_D, z, case=case)
        if not hasattr(grads, "vector"):
            check.fail(
                "Return the gradient of the generator's parameters, as `backward_G` gives it."
            )
        fake, backward_G = nn.vjp(G, params_G, z, wrt=0)
        logits, backward_D = nn.vjp(D, params_D, fake, wrt=1)

        def back(kind, logits=logits, backward_D=backward_D, backward_G=backward_G):
            return backward_G(backward_D(nn.vjp(nn.generator_loss, logits, kind)[1]())).vector

        check.shape(grads.vector, params_G.vector.shape, name="The gradient")

        def loss(vector, G=G, D=D, params_G=params_G, params_D=params_D, z=z):
            params = nn.Parameters(vector, params_G.layout)
            return nn.generator_loss(D(params_D, G(params, z)))

        check.gradient(
            grads.vector,
            loss,
            params_G.vector,
            hints={
                "It still goes down the judge's loss: a step against it helps the judge": (
                    -back("minimax")
                ),
                "The sign is turned: a step against it raises the generator's loss": (
                    -back("non-saturating")
                ),
                "This is the gradient of the minimax loss, the one that stops teaching": (
                    back("minimax")
                ),
            },
        )
    check.done()


def through_the_judge(answer):
    """8.6: the generator's gradient through a judge, by hand."""
    check = Check("8.6", "through the judge", answer)
    for count, latent, size in ((1, 1, 1), (4, 2, 3), (6, 3, 2)):
        z, A, c, w = (
            check.rng.normal(size=s) for s in ((count, latent), (size, latent), (size,), (size,))
        )
        case = f"{count} examples, {latent} numbers in, {size} out"
        dA, dc = check.unpack(check.call(answer, z, A, c, w, case=case), "dA, dc")

        def loss(A, c, z=z, w=w):
            return np.mean(np.logaddexp(0, -np.tanh(z @ A.T + c) @ w))

        x = np.tanh(z @ A.T + c)
        du = -1 / (1 + np.exp(x @ w))
        flat, bent = du[:, None] * w, du[:, None] * w * (1 - x**2)
        usual = {
            "The loss is a mean: divide by the number of examples": bent,
            "The judge bends its input: the slope of tanh is missing": flat / count,
            "The signs are turned: a step against it would make D less sure": -bent / count,
        }
        for name, value, wrt, shape in (("dA", dA, 0, A.shape), ("dc", dc, 1, c.shape)):
            check.shape(value, shape, name=name)
            hints = {
                words: dx.T @ z if name == "dA" else dx.sum(axis=0) for words, dx in usual.items()
            }
            check.gradient(value, loss, A, c, wrt=wrt, name=name, hints=hints)
    check.done()


def look_ahead(answer):
    """8.7: the matrix of a step that looks ahead."""
    check = Check("8.7", "look before you step", answer)
    for rate in (0.1, 0.5, 0.9):
        matrix = check.call(answer, rate)
        check.shape(matrix, (2, 2))
        turn = np.array([[0.0, -1.0], [1.0, 0.0]])
        check.close(
            matrix,
            np.eye(2) + rate * turn @ (np.eye(2) + rate * turn),
            hints={
                "This is a step of both at once, without looking ahead": np.eye(2) + rate * turn,
                "This is two steps. Go back to the old point before the second": (
                    (np.eye(2) + rate * turn) @ (np.eye(2) + rate * turn)
                ),
                "This is a step of the two in turn": np.array([[1, -rate], [rate, 1 - rate**2]]),
            },
        )
        largest = np.abs(np.linalg.eigvals(np.asarray(matrix))).max()
        check.that(largest < 1, "Every step should come nearer to the solution.")
    check.done()


def _relative_entropy(p, m):
    kept = p > 0
    return np.sum(p[kept] * np.log(p[kept] / m[kept]))


def divergence(answer):
    """8.8: the Jensen-Shannon divergence of two lists of shares."""
    check = Check("8.8", "a divergence of shares", answer)
    pairs = [check.rng.dirichlet(np.ones(5), size=2) for _ in range(2)]
    pairs += [np.array([[0.5, 0.5, 0, 0], [0, 0, 0.25, 0.75]])]  # nowhere both
    pairs += [np.array([[0.2, 0.8, 0.0], [0.5, 0.25, 0.25]]), np.array([[0.3, 0.7], [0.3, 0.7]])]
    for p, q in pairs:
        value = check.call(answer, p, q)
        check.no_warnings("A share of 0 adds nothing: leave those places out of the sum.")
        m = (p + q) / 2
        right = (_relative_entropy(p, m) + _relative_entropy(q, m)) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            kl = np.sum(p * np.log(p / q))
        check.close(
            check.number_of(value, "The divergence"),
            right,
            hints={
                "Take half of each of the two": 2 * right,
                "The logarithm is the natural one": right / np.log(2),
                "This is KL(p, q). Compare each of the two with their mean": kl,
                "Only one of the two is compared with the mean": _relative_entropy(p, m),
            },
            atol=1e-9,
        )
        check.close(check.call(answer, q, p), right, atol=1e-9, name="With p and q exchanged, it")
    check.done()


def stamps(answer):
    """8.9: transposed convolution, stamp by stamp."""
    check = Check("8.9", "stamps", answer)
    for size, kernel, stride in [((2, 2), (2, 2), 1), ((2, 3), (3, 2), 2), ((3, 2), (2, 2), 3)]:
        x, K = check.rng.normal(size=size), check.rng.normal(size=kernel)
        case = f"a picture {size}, a kernel {kernel}, stride {stride}"
        y = check.call(answer, x, K, stride, case=case)
        right = nn.conv_transpose2d(x[None, :, :, None], K[:, :, None, None], stride=stride)
        right = right[0, :, :, 0]
        last = np.zeros(right.shape)
        for i, j in np.ndindex(size):
            place = np.s_[i * stride : i * stride + kernel[0], j * stride : j * stride + kernel[1]]
            last[place] = x[i, j] * K
        turned = nn.conv_transpose2d(x[None, :, :, None], K[::-1, ::-1, None, None], stride=stride)
        check.shape(y, right.shape)
        check.close(
            y,
            right,
            hints={
                "Where stamps overlap only the last one is left": last,
                "The kernel is turned. A stamp is laid down as it stands": turned[0, :, :, 0],
            },
        )
    check.done()


def frechet(answer):
    """8.10: a distance that sees how features hang together."""
    check = Check("8.10", "how things hang together", answer)
    for size in (1, 2, 4):
        A, B = check.rng.normal(size=(2, size, size))
        S1, S2 = A @ A.T + 0.1 * np.eye(size), B @ B.T + 0.1 * np.eye(size)
        m1, m2 = check.rng.normal(size=(2, size))
        value = check.call(answer, m1, S1, m2, S2, case=f"two Gaussians with {size} features")
        values, Q = np.linalg.eigh(S1)
        root = (Q * np.sqrt(values)) @ Q.T
        both = np.sqrt(np.linalg.eigvalsh(root @ S2 @ root)).sum()
        means, traces = np.sum((m1 - m2) ** 2), np.trace(S1 + S2)
        check.close(
            check.number_of(value, "The distance"),
            means + traces - 2 * both,
            hints={
                "It still takes the root of each entry; the root of a matrix is another": (
                    means + traces - 2 * np.sqrt(np.diag(S1 * S2)).sum()
                ),
                "The means are missing": traces - 2 * both,
                "The root of the means' distance was taken; it stands squared here": (
                    np.sqrt(means) + traces - 2 * both
                ),
            },
            rtol=1e-6,
        )
        zero = check.call(answer, m1, S1, m1, S1, case="twice the same Gaussian")
        check.close(check.number_of(zero, "The distance"), 0, atol=1e-6)
    check.done()
