# %% 4.1 the biases are forgotten | has a bias
parameters = 784 * 256 + 256 * 10
rank = 5
lowest_loss = 0.69

# %% 4.1 biases for the pixels | no neurons
parameters = 784 * 256 + 256 * 10 + 784 + 256 + 10
rank = 5
lowest_loss = 0.69

# %% 4.1 the rank of the outer sizes | no higher rank
parameters = 203530
rank = 100
lowest_loss = 0.69

# %% 4.1 the probability in place of the loss | negative logarithm
parameters = 203530
rank = 5
lowest_loss = 0.5


# %% 4.2 no activation | activation is missing
def layer_in_columns(W, X, b):
    return W @ X + b


# %% 4.2 the examples taken as rows | stopped with
def layer_in_columns(W, X, b):
    return np.maximum(X @ W.T + b, 0)


# %% 4.2 the bias after the bend | after the activation
def layer_in_columns(W, X, b):
    return np.maximum(W @ X, 0) + b


# %% 4.3 only the way through the layer | does not pass W
def skip_backward(dy, x, W, b):
    dz = dy * (x @ W.T + b > 0)
    return dz @ W, dz.T @ x, dz.sum(axis=0)


# %% 4.3 the derivative of relu is forgotten | derivative too
def skip_backward(dy, x, W, b):
    return dy + dy @ W, dy.T @ x, dy.sum(axis=0)


# %% 4.3 W transposed | wrong side
def skip_backward(dy, x, W, b):
    dz = dy * (x @ W.T + b > 0)
    return dy + dz @ W.T, dz.T @ x, dz.sum(axis=0)


# %% 4.3 dW transposed | transpose
def skip_backward(dy, x, W, b):
    dz = dy * (x @ W.T + b > 0)
    return dy + dz @ W, x.T @ dz, dz.sum(axis=0)


# %% 4.3 db not summed | shape
def skip_backward(dy, x, W, b):
    dz = dy * (x @ W.T + b > 0)
    return dy + dz @ W, dz.T @ x, dz


# %% 4.4 the negative side is ignored | right for relu
def leaky_variance(D, slope):
    return 2 / D


# %% 4.4 the slope is not squared | squared
def leaky_variance(D, slope):
    return 2 / ((1 + slope) * D)


# %% 4.4 standard deviation in place of variance | standard deviation
def leaky_variance(D, slope):
    return np.sqrt(2 / ((1 + slope**2) * D))


# %% 4.5 no division | what is divided
def dropout(x, p, generator):
    m = generator.random(x.shape) >= p
    return x * m, lambda dy: dy * m


# %% 4.5 a new mask on the way back | mask of the way there
def dropout(x, p, generator):
    y = x * (generator.random(x.shape) >= p) / (1 - p)
    return y, lambda dy: dy * (generator.random(dy.shape) >= p) / (1 - p)


# %% 4.5 p is the share that is kept | is dropped
def dropout(x, p, generator):
    factor = (generator.random(x.shape) < p) / p
    return x * factor, lambda dy: dy * factor


# %% 4.5 the factor is forgotten on the way back | every entry is the right one times
def dropout(x, p, generator):
    m = generator.random(x.shape) >= p
    return x * m / (1 - p), lambda dy: dy * m


# %% 4.6 the mean is a constant | mean depends on x
def batch_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / s
    g = gamma * dy
    return (g - x_hat * (g * x_hat).mean(axis=0)) / s


# %% 4.6 mean and scale are constants | both the mean and the scale
def batch_norm_backward(dy, x, gamma, eps=1e-5):
    return gamma * dy / np.sqrt(x.var(axis=0) + eps)


# %% 4.6 the division by the scale is lost | factor is missing
def batch_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / s
    g = gamma * dy
    return g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)


# %% 4.7 gamma in front of the means | cannot stand in front
def layer_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / s
    stretch = (dy * x_hat).mean(axis=1, keepdims=True)
    return gamma * (dy - dy.mean(axis=1, keepdims=True) - x_hat * stretch) / s


# %% 4.7 gamma forgotten | γ is missing
def layer_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / s
    stretch = (dy * x_hat).mean(axis=1, keepdims=True)
    return (dy - dy.mean(axis=1, keepdims=True) - x_hat * stretch) / s


# %% 4.7 the means over the batch | over the examples
def layer_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / s
    g = gamma * dy
    return (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)) / s


# %% 4.8 slopes in place of changes of slope | awake already
def interpolating_weights(t, y):
    K = len(t) - 1
    return np.ones((K, 1)), -t[:-1], (np.diff(y) / np.diff(t))[None, :], y[:1]


# %% 4.8 no output bias | first point
def interpolating_weights(t, y):
    K = len(t) - 1
    changes = np.diff(np.diff(y) / np.diff(t), prepend=0)
    return np.ones((K, 1)), -t[:-1], changes[None, :], np.zeros(1)


# %% 4.8 the sign of the knots | is not right
def interpolating_weights(t, y):
    K = len(t) - 1
    changes = np.diff(np.diff(y) / np.diff(t), prepend=0)
    return np.ones((K, 1)), t[:-1], changes[None, :], y[:1]


# %% 4.9 the test rows by themselves | single patient
def standardize_fold(x_train, x_test):
    def standard(x):
        return (x - x.mean(axis=0)) / x.std(axis=0)

    return standard(x_train), standard(x_test)


# %% 4.9 the mean of everything, the deviation of the training rows | is not right
def standardize_fold(x_train, x_test):
    mean = np.concatenate([x_train, x_test]).mean(axis=0)
    return (x_train - mean) / x_train.std(axis=0), (x_test - mean) / x_train.std(axis=0)


# %% 4.10 the costs have changed places | changed places
def threshold_for(miss, alarm):
    return miss / (miss + alarm)


def cost(p, y, threshold, miss, alarm):
    return np.mean(miss * ((y == 1) & (p < threshold)) + alarm * ((y == 0) & (p >= threshold)))


# %% 4.10 the ratio of the costs | ratio of the costs
def threshold_for(miss, alarm):
    return alarm / miss


def cost(p, y, threshold, miss, alarm):
    return np.mean(miss * ((y == 1) & (p < threshold)) + alarm * ((y == 0) & (p >= threshold)))


# %% 4.10 the sum in place of the mean | mean per patient
def threshold_for(miss, alarm):
    return alarm / (miss + alarm)


def cost(p, y, threshold, miss, alarm):
    return np.sum(miss * ((y == 1) & (p < threshold)) + alarm * ((y == 0) & (p >= threshold)))


# %% 4.10 the mistakes are mixed up | changed their costs
def threshold_for(miss, alarm):
    return alarm / (miss + alarm)


def cost(p, y, threshold, miss, alarm):
    return np.mean(alarm * ((y == 1) & (p < threshold)) + miss * ((y == 0) & (p >= threshold)))


# %% 4.11 still small | what is left after ten
def deep(seed, x, y):
    start = nn.initializers.normal(0.01)
    layers = [nn.Dense(784, 64, initializer=start), nn.ReLU()]
    for _ in range(9):
        layers += [nn.Dense(64, 64, initializer=start), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Dense(64, 10, initializer=start))
    params = model.init(seed)
    settings = {"seed": seed, "progress": False}
    nn.fit(model, params, nn.softmax_cross_entropy, (x, y), nn.Adam(1e-3), 12, **settings)
    return model, params


# %% 4.11 a little larger | what is left after ten
def deep(seed, x, y):
    start = nn.initializers.normal(0.03)
    layers = [nn.Dense(784, 64, initializer=start), nn.ReLU()]
    for _ in range(9):
        layers += [nn.Dense(64, 64, initializer=start), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Dense(64, 10, initializer=start))
    params = model.init(seed)
    settings = {"seed": seed, "progress": False}
    nn.fit(model, params, nn.softmax_cross_entropy, (x, y), nn.Adam(1e-3), 12, **settings)
    return model, params


# %% 4.11 fewer layers | expected ten hidden ones
def deep(seed, x, y):
    layers = [nn.Dense(784, 64), nn.ReLU()]
    for _ in range(2):
        layers += [nn.Dense(64, 64), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Dense(64, 10))
    params = model.init(seed)
    settings = {"seed": seed, "progress": False}
    nn.fit(model, params, nn.softmax_cross_entropy, (x, y), nn.Adam(1e-3), 12, **settings)
    return model, params


# %% 4.11 zero | what is left after ten
def deep(seed, x, y):
    start = nn.initializers.fill(0.0)
    layers = [nn.Dense(784, 64, initializer=start), nn.ReLU()]
    for _ in range(9):
        layers += [nn.Dense(64, 64, initializer=start), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Dense(64, 10, initializer=start))
    params = model.init(seed)
    settings = {"seed": seed, "progress": False}
    nn.fit(model, params, nn.softmax_cross_entropy, (x, y), nn.Adam(1e-3), 12, **settings)
    return model, params
