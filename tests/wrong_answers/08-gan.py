# %% 8.1 sums in place of means | mean over its own two examples
value = np.log(0.9 * 0.6 * 0.8 * 0.5)
best = 0.25
apart = 0.0

# %% 8.1 log D of the generated ones | logarithm of 1 - D
value = (np.log(0.9) + np.log(0.6)) / 2 + (np.log(0.2) + np.log(0.5)) / 2
best = 0.25
apart = 0.0

# %% 8.1 the probability of generated | probability that it was generated
value = (np.log(0.9) + np.log(0.6)) / 2 + (np.log(0.8) + np.log(0.5)) / 2
best = 0.75
apart = 0.0

# %% 8.1 the value of equal densities | where the two are equal
value = (np.log(0.9) + np.log(0.6)) / 2 + (np.log(0.8) + np.log(0.5)) / 2
best = 0.25
apart = -np.log(4)


# %% 8.2 the mirrored density | density 2 x
def sample(u):
    return np.sqrt(u)


# %% 8.2 the distribution function itself | F itself
def sample(u):
    return 1 - (1 - u) ** 2


# %% 8.2 it falls | this g falls
def sample(u):
    return 1 - np.sqrt(u)


# %% 8.3 the value, not the loss | judge wants to be small
def discriminator_loss(real_logits, fake_logits):
    V = -np.logaddexp(0, -real_logits).mean() - np.logaddexp(0, fake_logits).mean()
    N, M = len(real_logits), len(fake_logits)
    return V, nn.sigmoid(-real_logits) / N, -nn.sigmoid(fake_logits) / M


# %% 8.3 literally | not stable
def discriminator_loss(real_logits, fake_logits):
    real, fake = 1 / (1 + np.exp(-real_logits)), 1 / (1 + np.exp(-fake_logits))
    loss = -np.log(real).mean() - np.log(1 - fake).mean()
    return loss, -(1 - real) / len(real), fake / len(fake)


# %% 8.3 no mean | mean over each batch
def discriminator_loss(real_logits, fake_logits):
    real, fake = np.tanh(real_logits / 2) / 2 + 0.5, np.tanh(fake_logits / 2) / 2 + 0.5
    loss = np.logaddexp(0, -real_logits).sum() + np.logaddexp(0, fake_logits).sum()
    return loss, real - 1, fake


# %% 8.3 the gradients of V | sign is that of V
def discriminator_loss(real_logits, fake_logits):
    loss = np.logaddexp(0, -real_logits).mean() + np.logaddexp(0, fake_logits).mean()
    N, M = len(real_logits), len(fake_logits)
    return loss, nn.sigmoid(-real_logits) / N, -nn.sigmoid(fake_logits) / M


# %% 8.3 the means over both batches | own batch, and not over both
def discriminator_loss(real_logits, fake_logits):
    count = len(real_logits) + len(fake_logits)
    loss = (np.logaddexp(0, -real_logits).sum() + np.logaddexp(0, fake_logits).sum()) / count
    return loss, -nn.sigmoid(-real_logits) / count, nn.sigmoid(fake_logits) / count


# %% 8.3 the gradients divided by both batches | the mean is over its own batch
def discriminator_loss(real_logits, fake_logits):
    loss = np.logaddexp(0, -real_logits).mean() + np.logaddexp(0, fake_logits).mean()
    count = len(real_logits) + len(fake_logits)
    return loss, -nn.sigmoid(-real_logits) / count, nn.sigmoid(fake_logits) / count


# %% 8.3 the package's | here you write it yourself
def discriminator_loss(real_logits, fake_logits):
    loss, backward = nn.vjp(nn.discriminator_loss, real_logits, fake_logits)
    return loss, *backward()


# %% 8.4 half and half | half and half
def best_judge(p_data, p_g, share):
    return p_data / (p_data + p_g)


# %% 8.4 one weight only | Both terms
def best_judge(p_data, p_g, share):
    return share * p_data / (p_data + p_g)


# %% 8.4 the shares are exchanged | taken for the share
def best_judge(p_data, p_g, share):
    return (1 - share) * p_data / ((1 - share) * p_data + share * p_g)


# %% 8.5 only the sign is turned | stops teaching
def generator_gradient(G, params_G, D, params_D, z):
    fake, backward_G = nn.vjp(G, params_G, z, wrt=0)
    logits, backward_D = nn.vjp(D, params_D, fake, wrt=1)
    _, backward_loss = nn.vjp(nn.discriminator_loss, logits, logits, wrt=1)
    return backward_G(backward_D(-backward_loss()))


# %% 8.5 up its own loss | sign is turned
def generator_gradient(G, params_G, D, params_D, z):
    fake, backward_G = nn.vjp(G, params_G, z, wrt=0)
    logits, backward_D = nn.vjp(D, params_D, fake, wrt=1)
    _, backward_loss = nn.vjp(nn.generator_loss, logits)
    return backward_G(backward_D(-backward_loss()))


# %% 8.6 no mean | divide by the number
def gradients(z, A, c, w):
    a = np.tanh(z @ A.T + c)
    dx = -nn.sigmoid(-(a @ w))[:, None] * w * (1 - a**2)
    return dx.T @ z, dx.sum(axis=0)


# %% 8.6 the slope of tanh is forgotten | slope of tanh
def gradients(z, A, c, w):
    a = np.tanh(z @ A.T + c)
    dx = -nn.sigmoid(-(a @ w))[:, None] * w / len(z)
    return dx.T @ z, dx.sum(axis=0)


# %% 8.6 the sign | signs are turned
def gradients(z, A, c, w):
    a = np.tanh(z @ A.T + c)
    dx = nn.sigmoid(-(a @ w))[:, None] * w * (1 - a**2) / len(z)
    return dx.T @ z, dx.sum(axis=0)


# %% 8.6 the slope of tanh of what goes in | not of what goes in
def gradients(z, A, c, w):
    x = z @ A.T + c
    dx = -nn.sigmoid(-(np.tanh(x) @ w))[:, None] * w * (1 - x**2) / len(z)
    return dx.T @ z, dx.sum(axis=0)


# %% 8.7 no look | without looking ahead
def step_matrix(rate):
    return np.array([[1, -rate], [rate, 1]])


# %% 8.7 two steps | two steps
def step_matrix(rate):
    step = np.array([[1, -rate], [rate, 1]])
    return step @ step


# %% 8.7 in turn | two in turn
def step_matrix(rate):
    return np.array([[1, -rate], [rate, 1 - rate**2]])


# %% 8.7 in turn, the judge first | the judge first
def step_matrix(rate):
    return np.array([[1 - rate**2, -rate], [rate, 1]])


# %% 8.7 the chapter's sign | has the other sign
def step_matrix(rate):
    return np.array([[1 - rate**2, rate], [-rate, 1 - rate**2]])


# %% 8.7 no look, and the chapter's sign | here they look ahead
def step_matrix(rate):
    return np.array([[1, rate], [-rate, 1]])


# %% 8.8 the other divergence | KL(p, q)
def jensen_shannon(p, q):
    return np.sum(p * np.log(p / q))


# %% 8.8 not halved | half of each
def jensen_shannon(p, q):
    def kl(p, m):
        return np.sum(p[p > 0] * np.log(p[p > 0] / m[p > 0]))

    return kl(p, (p + q) / 2) + kl(q, (p + q) / 2)


# %% 8.8 a warning for a zero | adds nothing
def jensen_shannon(p, q):
    m = (p + q) / 2
    terms = p * np.log(p / m) + q * np.log(q / m)
    return np.nansum(np.nan_to_num(p * np.log(p / m)) + np.nan_to_num(q * np.log(q / m))) / 2


# %% 8.8 the sum for the mean | half their sum
def jensen_shannon(p, q):
    def kl(p, m):
        return np.sum(p[p > 0] * np.log(p[p > 0] / m[p > 0]))

    return (kl(p, p + q) + kl(q, p + q)) / 2


# %% 8.8 both ways, without the mean | with each other
def jensen_shannon(p, q):
    return (np.sum(p * np.log(p / q)) + np.sum(q * np.log(q / p))) / 2


# %% 8.9 the last stamp wins | only the last one
def transposed(x, K, stride):
    (H, W), (P, Q) = x.shape, K.shape
    y = np.zeros(((H - 1) * stride + P, (W - 1) * stride + Q))
    for i, j in np.ndindex(H, W):
        y[i * stride : i * stride + P, j * stride : j * stride + Q] = x[i, j] * K
    return y


# %% 8.9 a turned kernel | kernel is turned
def transposed(x, K, stride):
    (H, W), (P, Q) = x.shape, K.shape
    y = np.zeros(((H - 1) * stride + P, (W - 1) * stride + Q))
    for i, j in np.ndindex(H, W):
        y[i * stride : i * stride + P, j * stride : j * stride + Q] += x[i, j] * K[::-1, ::-1]
    return y


# %% 8.10 the root of each entry | root of each entry
def frechet(m1, S1, m2, S2):
    return np.sum((m1 - m2) ** 2) + np.trace(S1 + S2 - 2 * np.sqrt(np.abs(S1 * S2)))


# %% 8.10 the root of what is not symmetric | takes a symmetric matrix
def frechet(m1, S1, m2, S2):
    def root(S):
        values, Q = np.linalg.eigh(S)
        return (Q * np.sqrt(np.maximum(values, 0))) @ Q.T

    both = root(S1 @ S2)
    return np.sum((m1 - m2) ** 2) + np.trace(S1 + S2 - 2 * both)


# %% 8.10 the roots one by one | product of two roots
def frechet(m1, S1, m2, S2):
    def root(S):
        values, Q = np.linalg.eigh(S)
        return (Q * np.sqrt(np.maximum(values, 0))) @ Q.T

    both = root(S1) @ root(S2)
    return np.sum((m1 - m2) ** 2) + np.trace(S1 + S2 - 2 * both)


# %% 8.10 the last root is forgotten | root of the product is missing
def frechet(m1, S1, m2, S2):
    def root(S):
        values, Q = np.linalg.eigh(S)
        return (Q * np.sqrt(np.maximum(values, 0))) @ Q.T

    both = root(S1) @ S2 @ root(S1)
    return np.sum((m1 - m2) ** 2) + np.trace(S1 + S2 - 2 * both)


# %% 8.10 the root of the means' distance | stands squared
def frechet(m1, S1, m2, S2):
    def root(S):
        values, Q = np.linalg.eigh(S)
        return (Q * np.sqrt(np.maximum(values, 0))) @ Q.T

    both = root(root(S1) @ S2 @ root(S1))
    return np.linalg.norm(m1 - m2) + np.trace(S1 + S2 - 2 * both)


# %% 8.11 a straight judge | judge
def two_hills(seed, x):
    G = nn.Sequential(
        nn.Dense(4, 32), nn.ReLU(), nn.Dense(32, 32), nn.ReLU(), nn.Dense(32, 1)
    )  # fmt: skip
    D = nn.Dense(1, 1)
    params_G, params_D = G.init(seed), D.init(100 + seed)
    optimizers = nn.Adam(1e-3, betas=(0.5, 0.999)), nn.Adam(2e-3, betas=(0.5, 0.999))
    settings = {"latent": 4, "batch_size": 128, "seed": seed, "progress": False}
    nn.fit_gan(G, params_G, D, params_D, x, optimizers, 1500, **settings)
    return G, params_G


# %% 8.11 not trained | expected more than 85
def two_hills(seed, x):
    G = nn.Sequential(
        nn.Dense(4, 32), nn.ReLU(), nn.Dense(32, 32), nn.ReLU(), nn.Dense(32, 1)
    )  # fmt: skip
    D = nn.Sequential(
        nn.Dense(1, 32), nn.LeakyReLU(0.2), nn.Dense(32, 32), nn.LeakyReLU(0.2), nn.Dense(32, 1)
    )  # fmt: skip
    params_G, params_D = G.init(seed), D.init(100 + seed)
    optimizers = nn.Adam(1e-3, betas=(0.5, 0.999)), nn.Adam(2e-3, betas=(0.5, 0.999))
    settings = {"latent": 4, "batch_size": 128, "seed": seed, "progress": False}
    nn.fit_gan(G, params_G, D, params_D, x, optimizers, 0, **settings)
    return G, params_G
