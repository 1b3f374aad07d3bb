# %% 2.1 the loss is a sum | a mean over the examples
def poisson_loss(z, y):
    return np.sum(np.exp(z) - y * z), np.exp(z) - y


# %% 2.1 the gradient is not divided by N | holds a 1/N
def poisson_loss(z, y):
    return np.mean(np.exp(z) - y * z), np.exp(z) - y


# %% 2.1 the sign of the gradient | sign
def poisson_loss(z, y):
    return np.mean(np.exp(z) - y * z), (y - np.exp(z)) / len(y)


# %% 2.1 the log-likelihood itself | minus the logarithm
def poisson_loss(z, y):
    return np.mean(y * z - np.exp(z)), (np.exp(z) - y) / len(y)


# %% 2.1 the exponential's derivative is forgotten | derivative of e^z
def poisson_loss(z, y):
    return np.mean(np.exp(z) - y * z), (1 - y) / len(y)


# %% 2.1 log y! is left in | does not depend on z
def poisson_loss(z, y):
    factorials = [np.sum(np.log(np.arange(1, count + 1))) for count in y]
    return np.mean(np.exp(z) - y * z + factorials), (np.exp(z) - y) / len(y)


# %% 2.2 only the diagonal of the Jacobian | sigmoid's derivative
def softmax_backward(p, dp):
    return p * (1 - p) * dp


# %% 2.2 the sum is missing | those ways are missing
def softmax_backward(p, dp):
    return p * dp


# %% 2.2 one sum for the whole batch | its own weighted mean
def softmax_backward(p, dp):
    return p * (dp - np.sum(p * dp))


# %% 2.2 summed over the batch | not over the batch
def softmax_backward(p, dp):
    return p * (dp - np.sum(p * dp, axis=0))


# %% 2.2 the mean is not weighted | weighted by p
def softmax_backward(p, dp):
    return p * (dp - np.mean(dp, axis=-1, keepdims=True))


# %% 2.2 the sum is not weighted | the sum to be subtracted
def softmax_backward(p, dp):
    return p * (dp - np.sum(dp, axis=-1, keepdims=True))


# %% 2.2 the factor in front is forgotten | factor p in front
def softmax_backward(p, dp):
    return dp - np.sum(p * dp, axis=-1, keepdims=True)


# %% 2.3 the probability is clipped | stops growing
def stable_cross_entropy(z, y):
    p = 1 / (1 + np.exp(-np.clip(z, -500, 500)))
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p))


# %% 2.3 a softplus that overflows | which exponential overflows
def stable_cross_entropy(z, y):
    return np.mean(np.log1p(np.exp(z)) - y * z)


# %% 2.3 a tiny loss is lost | log1p
def stable_cross_entropy(z, y):
    return np.mean(np.maximum(z, 0) + np.log(1 + np.exp(-np.abs(z))) - y * z)


# %% 2.3 yz is taken away last | what comes first?
def stable_cross_entropy(z, y):
    return np.mean(np.logaddexp(0, z) - y * z)


# %% 2.3 the package's loss | here you write it yourself
def stable_cross_entropy(z, y):
    return nn.sigmoid_cross_entropy(z, y)


# %% 2.3 a sign | The loss is not right
def stable_cross_entropy(z, y):
    return np.mean(np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))) + y * z)


# %% 2.4 the diagonal is taken for the eigenvalues | diagonal entries
largest_rate, best_rate, contraction, steps, momentum_contraction = 0.4, 0.2, 0.8, 31, 0.5


# %% 2.4 one over the largest eigenvalue | 1/λ_max
largest_rate, best_rate, contraction, steps, momentum_contraction = 1 / 9, 0.2, 0.8, 31, 0.5


# %% 2.4 the rate 1/λ_max is taken for the best | the flattest could go faster
largest_rate, best_rate, contraction, steps, momentum_contraction = 2 / 9, 1 / 9, 0.8, 31, 0.5


# %% 2.4 the gain instead of what is left | what is left
largest_rate, best_rate, contraction, steps, momentum_contraction = 2 / 9, 0.2, 0.2, 31, 0.5


# %% 2.4 with its sign | never negative
largest_rate, best_rate, contraction, steps, momentum_contraction = 2 / 9, 0.2, -0.8, 31, 0.5


# %% 2.4 not rounded | steps come whole
largest_rate, best_rate, contraction, steps, momentum_contraction = 2 / 9, 0.2, 0.8, 30.96, 0.5


# %% 2.4 rounded down | one too few
largest_rate, best_rate, contraction, steps, momentum_contraction = 2 / 9, 0.2, 0.8, 30, 0.5


# %% 2.4 μ instead of its root | √μ
largest_rate, best_rate, contraction, steps, momentum_contraction = 2 / 9, 0.2, 0.8, 31, 0.25


# %% 2.5 plain momentum | plain momentum
def nesterov_step(theta, v, gradient, rate, mu):
    v = mu * v + gradient(theta)
    return theta - rate * v, v


# %% 2.5 looks behind | wrong way
def nesterov_step(theta, v, gradient, rate, mu):
    v = mu * v + gradient(theta + rate * mu * v)
    return theta - rate * v, v


# %% 2.5 the rate is missing in the look ahead | η μ v
def nesterov_step(theta, v, gradient, rate, mu):
    v = mu * v + gradient(theta - mu * v)
    return theta - rate * v, v


# %% 2.5 starts from the point ahead | start from theta
def nesterov_step(theta, v, gradient, rate, mu):
    theta = theta - rate * mu * v
    v = mu * v + gradient(theta)
    return theta - rate * v, v


# %% 2.5 the rate in the velocity | η does not belong
def nesterov_step(theta, v, gradient, rate, mu):
    v = mu * v + rate * gradient(theta - mu * v)
    return theta - v, v


# %% 2.5 the rate in the velocity, downhill | neither η nor a minus
def nesterov_step(theta, v, gradient, rate, mu):
    v = mu * v - rate * gradient(theta + mu * v)
    return theta + v, v


# %% 2.5 the package's form | the package's step
def nesterov_step(theta, v, gradient, rate, mu):
    g = gradient(theta)
    v = mu * v + g
    return theta - rate * (g + mu * v), v


# %% 2.5 the old velocity is used | new velocity
def nesterov_step(theta, v, gradient, rate, mu):
    new_v = mu * v + gradient(theta - rate * mu * v)
    return theta - rate * v, new_v


# %% 2.6 as it is given | both faults
def adam_step(theta, m, s, g, t, rate, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    s_hat = s / (1 - beta1**t)
    theta = theta - rate * m_hat / np.sqrt(s_hat + eps)
    return theta, m, s


# %% 2.6 the correction of m instead | the β of s
def adam_step(theta, m, s, g, t, rate, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat = m / (1 - beta2**t)
    s_hat = s / (1 - beta2**t)
    return theta - rate * m_hat / (np.sqrt(s_hat) + eps), m, s


# %% 2.6 both corrections are exchanged | of the other one
def adam_step(theta, m, s, g, t, rate, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat = m / (1 - beta2**t)
    s_hat = s / (1 - beta1**t)
    return theta - rate * m_hat / (np.sqrt(s_hat) + eps), m, s


# %% 2.6 the unit of ε is mended inside the root | not as its square
def adam_step(theta, m, s, g, t, rate, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    s_hat = s / (1 - beta2**t)
    return theta - rate * m_hat / np.sqrt(s_hat + eps**2), m, s


# %% 2.6 only the root is mended | own β
def adam_step(theta, m, s, g, t, rate, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    s_hat = s / (1 - beta1**t)
    return theta - rate * m_hat / (np.sqrt(s_hat) + eps), m, s


# %% 2.6 only the correction is mended | outside the root
def adam_step(theta, m, s, g, t, rate, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    s_hat = s / (1 - beta2**t)
    return theta - rate * m_hat / np.sqrt(s_hat + eps), m, s


# %% 2.6 no correction of s | s is not corrected
def adam_step(theta, m, s, g, t, rate, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    return theta - rate * m_hat / (np.sqrt(s) + eps), m, s


# %% 2.6 the corrected moments are kept | without the correction
def adam_step(theta, m, s, g, t, rate, beta1, beta2, eps):
    m = (beta1 * m + (1 - beta1) * g) / (1 - beta1**t)
    s = (beta2 * s + (1 - beta2) * g**2) / (1 - beta2**t)
    return theta - rate * m / (np.sqrt(s) + eps), m, s


# %% 2.6 the gradient is not squared | squared
def adam_step(theta, m, s, g, t, rate, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g
    m_hat = m / (1 - beta1**t)
    s_hat = np.abs(s) / (1 - beta2**t)
    return theta - rate * m_hat / (np.sqrt(s_hat) + eps), m, s


# %% 2.7 Adam is thought to grow with the gradient | what does the rule do with it
sgd_factor, momentum_factor, adam_factor, first_step, noise_factor = 1000, 1000, 1000, 0.01, 0.5


# %% 2.7 Adam is thought to divide by the square | both moments grow
sgd_factor, momentum_factor, adam_factor, first_step, noise_factor = 1000, 1000, 0.001, 0.01, 0.5


# %% 2.7 momentum multiplies again | 1/(1 − μ)
sgd_factor, momentum_factor, adam_factor, first_step, noise_factor = 1000, 1e4, 1, 0.01, 0.5


# %% 2.7 the step of gradient descent | gradient descent's step
sgd_factor, momentum_factor, adam_factor, first_step, noise_factor = 1000, 1000, 1, 3e-5, 0.5


# %% 2.7 the variance instead of the deviation | variance
sgd_factor, momentum_factor, adam_factor, first_step, noise_factor = 1000, 1000, 1, 0.01, 0.25


# %% 2.7 four times is taken for twice | how many times
sgd_factor, momentum_factor, adam_factor, first_step, noise_factor = 1000, 1000, 1, 0.01, 0.707


# %% 2.8 gradient descent | κ is about 470
rate, momentum = 0.24, 0


# %% 2.8 the rate is too large | diverges
rate, momentum = 0.5, 0.8


# %% 2.8 the rate is too small | creeps
rate, momentum = 0.05, 0.8


# %% 2.8 too much momentum | swings
rate, momentum = 0.4, 0.99
