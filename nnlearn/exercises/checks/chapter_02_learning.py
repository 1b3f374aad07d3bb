"""Checks of the exercises of chapter 2, learning."""

import functools

import numpy as np

import nnlearn as nn
from nnlearn.exercises.checking import Check


def poisson_loss(answer):
    """Check exercise 2.1: the loss of counts, from the Poisson distribution, and its gradient."""
    check = Check("2.1", "a loss for counts", answer)
    for n in (1, 4):
        z, y = check.rng.normal(size=n), check.rng.poisson(2.0, size=n).astype(float)
        loss, gradient = check.unpack(check.call(answer, z, y), "loss, gradient")
        check.shape(loss, (), name="The loss")
        terms = np.exp(z) - y * z
        hints = {
            "A loss is a mean over the examples, not a sum": terms.sum(),
            "Minus the logarithm of the likelihood: something to be made small": -terms.mean(),
            "The mean count is e^z, not z": np.mean(z - y * np.log(np.abs(z))),
        }
        check.close(loss, terms.mean(), hints, name="The loss")
        errors = np.exp(z) - y
        hints = {
            "The loss is a mean, so its gradient holds a 1/N": errors,
            "Which way does the loss rise? The sign of the gradient is turned": -errors / n,
            "What is the derivative of e^z by z?": (1 - y) / n,
            "What the model expects is e^z, the mean count, not z": (z - y) / n,
        }
        check.close(gradient, errors / n, hints, name="The gradient")

        def only_the_loss(z, y=y):
            return check.unpack(answer(z, y), "loss, gradient")[0]

        check.gradient(gradient, only_the_loss, z)
    check.done()


def softmax_backward(answer):
    """Check exercise 2.2: the vector-Jacobian product of the softmax, for a batch."""
    check = Check("2.2", "backward of the softmax", answer)
    for shape in ((3,), (5, 3), (2, 3, 4)):
        z, dp = check.rng.normal(size=(2, *shape))
        p = nn.softmax(z)
        case = f"p and dp of shape {shape}"
        dz = check.call(answer, p, dp, case=case)
        check.shape(dz, shape, name="dz")
        hints = {
            "A probability falls when another one's logit rises: those ways are missing": p * dp,
            "That is the sigmoid's derivative; the softmax's Jacobian has more": p * (1 - p) * dp,
            "Each example (row) has its own weighted mean: sum over the classes only": p
            * (dp - np.sum(dp * p)),
            "Sum over the classes (the last axis), not over the batch": p
            * (dp - np.sum(dp * p, axis=0)),
            "The mean to be subtracted is weighted by p": p
            * (dp - np.mean(dp, axis=-1, keepdims=True)),
            "The factor p in front is missing": dp - np.sum(dp * p, axis=-1, keepdims=True),
        }
        _, backward = nn.vjp(nn.softmax, z)
        check.close(dz, backward(dp), hints, name="dz")
        check.gradient(dz, nn.softmax, z, seed=dp, name="dz")
    p = nn.softmax(check.rng.normal(size=(4, 5)))
    dz = check.call(answer, p, np.ones((4, 5)), case="dp is 1 everywhere")
    message = "All probabilities sum to 1, so a gradient that is the same for all moves nothing"
    check.that(np.abs(dz) < 1e-12, message)
    linear = functools.partial(answer, p)  # the Jacobian of the softmax is its own transpose
    check.adjoint(linear, linear, (4, 5), (4, 5), case="u and v for dp")
    check.done()


def stable_cross_entropy(answer):
    """Check exercise 2.3: the cross-entropy of logits, exact for small and for huge ones."""
    check = Check("2.3", "cross-entropy of huge logits", answer)
    z, y = check.rng.normal(size=6), np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.3])
    check.close(check.call(answer, z, y), nn.sigmoid_cross_entropy(z, y), name="The loss")
    for logit in (40.0, -40.0, 1e4, -1e4):
        for truth in (0.0, 1.0):
            z, y = np.array([logit]), np.array([truth])
            loss = check.call(answer, z, y)
            check.no_warnings("Which exponential overflows? Use one that never does, e^(-|z|).")
            expected = max(logit, 0) - truth * logit + np.log1p(np.exp(-abs(logit)))
            stuck = np.size(loss) == 1 and 10 < np.max(loss) < expected - 1
            hints = {
                "A small loss is not zero: log(1 + e) forgets a tiny e, np.log1p does not": 0.0,
                "It stops growing: a probability kept away from 0 forgets how wrong it is": (
                    loss if stuck else np.nan
                ),
            }
            tiny = 1e-30 if logit < 0 and truth == 0 else 1e-12
            check.close(loss, expected, hints, atol=tiny, name="The loss")
    z, y = np.array([1e4, -1e4, 1e4]), np.array([1.0, 0.0, 0.0])
    check.close(check.call(answer, z, y), 1e4 / 3, name="The loss of three")
    check.done()


def stretched_valley(largest_rate, best_rate, contraction, steps, momentum_contraction):
    """Check exercise 2.4: five predictions about a valley, against walks of the package."""
    answers = (largest_rate, best_rate, contraction, steps, momentum_contraction)
    check = Check("2.4", "a valley, predicted", *answers)
    A = np.array([[5.0, 4.0], [4.0, 5.0]])
    low, high = 1.0, 9.0

    rate = check.number_of(largest_rate, "largest_rate")
    hints = {
        "The eigenvalues of A are not its diagonal entries": 2 / 5,
        "1/λ_max is the rate at which the steepest direction is solved in one step": 1 / high,
        "The steepest direction breaks first: which eigenvalue is that?": 2 / low,
        "That is the best rate; how far can one go before it breaks?": 2 / (low + high),
    }
    check.close(rate, 2 / high, hints, rtol=1e-3, name="largest_rate")
    ends = [np.linalg.norm(_walk(nn.SGD(rate * f), A, 400)[-1]) for f in (0.98, 1.02)]
    check.that(ends[0] < 1e-2 < 1e2 < ends[1], "A walk does not confirm largest_rate")

    rate = check.number_of(best_rate, "best_rate")
    hints = {
        "With the largest rate the steepest direction does not shrink at all": 2 / high,
        "1/λ_max solves the steepest direction; the flattest could go faster": 1 / high,
        "The mean of the eigenvalues, but half of what the two extremes allow": 1 / (low + high),
    }
    check.close(rate, 2 / (low + high), hints, rtol=1e-3, name="best_rate")

    rho = check.number_of(contraction, "contraction")
    hints = {
        "That is the gain of a step; what is left of the distance?": 1
        - (high - low) / (high + low),
        "That is momentum's, with √κ": 0.5,
        "That is the rate 1/λ_max, not the best one": 1 - low / high,
    }
    check.close(rho, (high - low) / (high + low), hints, rtol=1e-3, name="contraction")
    distance = np.linalg.norm(_walk(nn.SGD(rate), A, 60), axis=1)
    check.close(rho, (distance[60] / distance[40]) ** 0.05, rtol=1e-3, name="contraction")

    needed = check.number_of(steps, "steps")
    hints = {
        "One too few: that is not yet a thousandth": 30.0,
        "A power of ten is not a power of e: use one logarithm for both numbers": np.ceil(
            3 / -np.log(0.8)
        ),
        "ρᵗ = 1/1000: the logarithm of 1000 is in the numerator": np.ceil(1000 * (1 - 0.8)),
    }
    check.close(needed, 31.0, hints, atol=0.01, rtol=0, name="steps")

    rho = check.number_of(momentum_contraction, "momentum_contraction")
    hints = {
        "Momentum puts √κ in place of κ": 0.8,
        "That is μ; the distance shrinks by √μ a step": 0.25,
    }
    check.close(rho, 0.5, hints, rtol=1e-3, name="momentum_contraction")
    check.done()


def nesterov_step(answer):
    """Check exercise 2.5: Nesterov's momentum, as it was written: the gradient taken ahead."""
    check = Check("2.5", "Nesterov looks ahead", answer)
    A = np.array([[3.0, 1.0], [1.0, 2.0]])
    rate, mu = 0.2, 0.6
    theta, v = check.rng.normal(size=(2, 2))
    for case, start in {"the first step, v = 0": 0 * v, "a later step": v}.items():
        result = check.call(answer, theta, start, A.__matmul__, rate, mu, case=case)
        new_theta, new_v = check.unpack(result, "theta, v")

        def rule(gradient, start=start):
            v = mu * start + gradient
            return v, theta - rate * v

        at, ahead, behind = (A @ (theta - s * rate * mu * start) for s in (0, 1, -1))
        expected_v, expected_theta = rule(ahead)
        hints = {
            "Plain momentum: the gradient is to be taken where the velocity carries us": rule(at)[
                0
            ],
            "The look ahead goes the wrong way: a step is minus η v": rule(behind)[0],
            "Look ahead by η μ v: the gradient was taken one whole μ v away": rule(
                A @ (theta - mu * start)
            )[0],
            "Look ahead by η μ v, not by η v": rule(A @ (theta - rate * start))[0],
            "The velocity is μ times the old one plus the whole gradient": mu * start
            + (1 - mu) * ahead,
        }
        check.close(new_v, expected_v, hints, name="The new velocity")
        hints = {
            "The step uses the new velocity, not the old one": theta - rate * start,
            "The velocity is a sum of gradients: it points uphill": theta + rate * expected_v,
            "Start from theta, not from the point ahead": theta
            - rate * mu * start
            - rate * expected_v,
        }
        check.close(new_theta, expected_theta, hints, name="The new theta")

    points, v = theta, np.zeros(2)
    for _ in range(6):
        points, v = answer(points, v, A.__matmul__, rate, mu)
    optimizer = nn.SGD(rate, momentum=mu, nesterov=True)
    shifted = _walk(optimizer, A, 6, start=theta)[-1]
    check.close(
        points - rate * mu * v, shifted, name="θ - η μ v", case="six steps, then the package"
    )
    check.done()


def adam_step(answer):
    """Check exercise 2.6: a step of Adam, and its memory."""
    check = Check("2.6", "Adam repaired", answer)
    settings = {"rate": 0.1, "beta1": 0.8, "beta2": 0.9, "eps": 0.01}
    params = nn.Parameters(check.rng.normal(size=3), {"theta": (3,)})
    optimizer = nn.Adam(0.1, betas=(0.8, 0.9), eps=0.01)
    m, s = np.zeros(3), np.zeros(3)
    for t in (1, 2, 3):
        g, theta = check.rng.normal(size=3) * [0.1, 1, 10], params.vector.copy()
        case = f"step t = {t}, gradient {np.round(g, 2)}"
        result = check.call(answer, theta, m, s, g, t, **settings, case=case)
        new_theta, new_m, new_s = check.unpack(result, "theta, m, s")
        optimizer.step(params, nn.Parameters(g, params.layout))
        old_m, old_s = m, s
        m, s = (optimizer.memory[name].copy() for name in ("mean", "square"))
        hints = {
            "Return m as it is kept, without the correction": m / (1 - 0.8**t),
            "That is a sum of gradients, as in momentum; m is a running mean": 0.8 * old_m + g,
            "m has the wrong β": 0.9 * old_m + 0.1 * g,
        }
        check.close(new_m, m, hints, name="m")
        hints = {
            "Return s as it is kept, without the correction": s / (1 - 0.9**t),
            "s is the mean of the *squared* gradient": 0.9 * old_s + 0.1 * g,
            "s has the wrong β": 0.8 * old_s + 0.2 * g**2,
        }
        check.close(new_s, s, hints, name="s")
        check.close(new_theta, params.vector, _adam_mistakes(theta, m, s, t), name="theta")
    check.done()


def _adam_mistakes(theta, m, s, t):
    """Return what the usual mistakes in the step lead to."""
    rate, eps, m_hat, s_hat = 0.1, 0.01, m / (1 - 0.8**t), s / (1 - 0.9**t)
    return {
        "m is not corrected for its start at zero": theta - rate * m / (np.sqrt(s_hat) + eps),
        "s is not corrected for its start at zero": theta - rate * m_hat / (np.sqrt(s) + eps),
        "Neither m nor s is corrected for its start at zero": theta - rate * m / (np.sqrt(s) + eps),
        "Each moment has its own β in the correction": theta
        - rate * m_hat / (np.sqrt(s / (1 - 0.8**t)) + eps),
        "Steps count from 1: t is the step that is being taken": theta
        - rate * (m / (1 - 0.8 ** (t + 1))) / (np.sqrt(s / (1 - 0.9 ** (t + 1))) + eps),
        "ε stands outside the root": theta - rate * m_hat / np.sqrt(s_hat + eps),
        "The root of s is missing": theta - rate * m_hat / (s_hat + eps),
        "The step goes uphill": theta + rate * m_hat / (np.sqrt(s_hat) + eps),
    }


def factors(sgd_factor, momentum_factor, adam_factor, first_step, noise_factor):
    """Check exercise 2.7: what a change of scale does to a step, measured on the package."""
    answers = (sgd_factor, momentum_factor, adam_factor, first_step, noise_factor)
    check = Check("2.7", "what a step sees", *answers)
    gradients = check.rng.normal(size=(20, 4))
    rules = {
        "sgd_factor": (sgd_factor, nn.SGD(0.1), nn.SGD(0.1)),
        "momentum_factor": (momentum_factor, *(nn.SGD(0.1, momentum=0.9) for _ in range(2))),
        "adam_factor": (adam_factor, *(nn.Adam(0.1, eps=0) for _ in range(2))),
    }
    for name, (answer, one, other) in rules.items():
        moves = [_move(rule, c * gradients) for rule, c in ((one, 1), (other, 1000))]
        measured = float(np.mean(moves[1] / moves[0]))
        hints = {
            "The gradient grows by 1,000; what does the rule do with it?": (
                1.0 if measured > 1 else 1000.0
            ),
            "Both moments grow, the mean by c and the mean square by c²: divide": 1e-3,
            "The velocity is a sum of gradients, not of their squares": 1e6,
            "1/(1 − μ) is the same before and after": 1e4,
        }
        check.close(check.number_of(answer, name), measured, hints, rtol=1e-6, name=name)
    step = -_move(nn.Adam(0.01), np.full((1, 1), 0.003))[0]
    hints = {
        "That is gradient descent's step, η g": 3e-5,
        "Without the bias correction it would be 3.16 times too long": 0.0316,
        "Not corrected for the start at zero? Then m is 0.1 g": 1e-3,
        "theta moves against the gradient, and the *length* is asked": -0.01,
        "The gradient divided by its own size is 1": 0.003,
    }
    check.close(
        check.number_of(first_step, "first_step"), step, hints, rtol=0.01, name="first_step"
    )
    hints = {
        "That is the factor of the variance; the deviation is its root": 0.25,
        "Larger batches are less noisy, not more": 2.0,
        "Larger batches are less noisy, not more; and the deviation is a root": 4.0,
    }
    answer = check.number_of(noise_factor, "noise_factor")
    check.close(answer, 0.5, hints, rtol=0.01, name="noise_factor")
    each, deviations = check.rng.normal(size=100_000), []
    for size in (32, 128):
        part = each[: each.size // size * size].reshape(-1, size)
        deviations.append(part.mean(axis=1).std())
    measured = deviations[1] / deviations[0]
    check.that(abs(answer - measured) < 0.1, "100,000 draws do not confirm noise_factor")
    check.done()


def faster_than_descent(rate, momentum):
    """Check exercise 2.8: settings that walk the patients' valley in 250 steps."""
    check = Check("2.8", "faster than gradient descent", rate, momentum)
    rate, momentum = check.number_of(rate, "rate"), check.number_of(momentum, "momentum")
    check.that(rate > 0, "rate must be greater than 0.")
    check.that(0 <= momentum < 1, "momentum must lie between 0 and 1, without 1.")
    A = patients_valley()
    low, *_, high = np.linalg.eigvalsh(A)
    case = f"rate = {rate:.4g}, momentum = {momentum:.4g}"
    message = "The walk diverges: the rate is too large for the steepest direction."
    check.that(rate * high < 2 * (1 + momentum), message, case=case)
    start = np.ones(len(A))
    distance = np.linalg.norm(_walk(nn.SGD(rate, momentum=momentum), A, 250, start), axis=1)
    left = distance[-1] / distance[0]
    slow = "" if momentum else " Gradient descent cannot do it at any rate: κ is 500."
    if momentum and rate * low < (1 - np.sqrt(momentum)) ** 2:
        slow = " The flattest direction still creeps: more momentum, or a larger rate."
    elif momentum:
        slow = " The flattest direction swings: all are as slow as √μ; less momentum would do."
    message = f"After 250 steps {left:.1e} of the distance is left; a millionth is asked.{slow}"
    check.that(left < 1e-6, message)
    check.done()


def patients_valley():
    """Return A of eq-quadratic for all 442 patients with diabetes, standardized."""
    from sklearn.datasets import load_diabetes

    x = nn.data.standardize_columns(load_diabetes(scaled=False).data)
    X = np.hstack([x, np.ones((len(x), 1))])
    return 2 / len(X) * X.T @ X


def _walk(optimizer, A, steps, start=(3.0, -1.0)):
    """Return the points of a walk down ½ θᵀ A θ."""
    params = nn.Parameters(np.array(start, dtype=float), {"theta": (len(A),)})
    path = [params.vector.copy()]
    for _ in range(steps):
        optimizer.step(params, nn.Parameters(A @ params.vector, params.layout))
        path.append(params.vector.copy())
    return np.array(path)


def _move(optimizer, gradients):
    """Return how far a stream of gradients moves parameters that begin at zero."""
    params = nn.Parameters(np.zeros(gradients.shape[1]), {"theta": gradients.shape[1:]})
    for g in gradients:
        optimizer.step(params, nn.Parameters(g, params.layout))
    return params.vector
