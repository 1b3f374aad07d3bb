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

# %% 4.1 no biases in the last layer | the last layer have biases
parameters = 784 * 256 + 256 + 256 * 10
rank = 5
lowest_loss = 0.69

# %% 4.1 all sizes multiplied | do their sizes multiply
parameters = 784 * 256 * 10
rank = 5
lowest_loss = 0.69

# %% 4.1 the sum over the four points | sum over the four
parameters = 203530
rank = 5
lowest_loss = 4 * np.log(2)

# %% 4.1 one digit only | rounded too far
parameters = 203530
rank = 5
lowest_loss = 0.7


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


# %% 4.3 the mask is taken from y | is y what the relu was given
def skip_backward(dy, x, W, b):
    y = x + np.maximum(x @ W.T + b, 0)
    dz = dy * (y > 0)
    return dy + dz @ W, dz.T @ x, dz.sum(axis=0)


# %% 4.3 the shortcut is masked as well | does the shortcut
def skip_backward(dy, x, W, b):
    dz = dy * (x @ W.T + b > 0)
    return dz + dz @ W, dz.T @ x, dz.sum(axis=0)


# %% 4.4 the negative side is ignored | right for relu
def leaky_variance(D, slope):
    return 2 / D


# %% 4.4 the slope is not squared | squared
def leaky_variance(D, slope):
    return 2 / ((1 + slope) * D)


# %% 4.4 standard deviation in place of variance | standard deviation
def leaky_variance(D, slope):
    return np.sqrt(2 / ((1 + slope**2) * D))


# %% 4.4 no activation at all | without a bend
def leaky_variance(D, slope):
    return 1 / D


# %% 4.4 each sign has all of the mean square | one half of the numbers
def leaky_variance(D, slope):
    return 1 / ((1 + slope**2) * D)


# %% 4.4 turned over | the smaller the weights
def leaky_variance(D, slope):
    return (1 + slope**2) / (2 * D)


# %% 4.4 the square of the sum of the slopes | square of a sum
def leaky_variance(D, slope):
    return 2 / ((1 + slope) ** 2 * D)


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


# %% 4.5 NumPy's own random numbers | generator that is given
def dropout(x, p, generator):
    factor = (np.random.random(x.shape) >= p) / (1 - p)
    return x * factor, lambda dy: dy * factor


# %% 4.5 a generator of its own | generator that is given
def dropout(x, p, generator):
    factor = (np.random.default_rng(0).random(x.shape) >= p) / (1 - p)
    return x * factor, lambda dy: dy * factor


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


# %% 4.6 sums in place of means | is not a mean yet
def batch_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / s
    g = gamma * dy
    return (g - g.sum(axis=0) - x_hat * (g * x_hat).sum(axis=0)) / s


# %% 4.6 the last term is added | wrong sign
def batch_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / s
    g = gamma * dy
    return (g - g.mean(axis=0) + x_hat * (g * x_hat).mean(axis=0)) / s


# %% 4.6 no x_hat in front of the mean | should it be?
def batch_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / s
    g = gamma * dy
    return (g - g.mean(axis=0) - (g * x_hat).mean(axis=0)) / s


# %% 4.6 no x_hat inside the mean | not the gradient alone
def batch_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / s
    g = gamma * dy
    return (g - g.mean(axis=0) - x_hat * g.mean(axis=0)) / s


# %% 4.6 no gamma in the last term | γ is missing in the last term
def batch_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / s
    g = gamma * dy
    return (g - g.mean(axis=0) - x_hat * (dy * x_hat).mean(axis=0)) / s


# %% 4.6 no gamma in the mean | γ is missing in the mean
def batch_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / s
    g = gamma * dy
    return (g - dy.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)) / s


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


# %% 4.7 the scale is a constant | scale depends on x
def layer_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / s
    g = gamma * dy
    return (g - g.mean(axis=1, keepdims=True)) / s


# %% 4.7 sums in place of means | is not a mean yet
def layer_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / s
    g = gamma * dy
    stretch = (g * x_hat).sum(axis=1, keepdims=True)
    return (g - g.sum(axis=1, keepdims=True) - x_hat * stretch) / s


# %% 4.7 the last term is added | wrong sign
def layer_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / s
    g = gamma * dy
    stretch = (g * x_hat).mean(axis=1, keepdims=True)
    return (g - g.mean(axis=1, keepdims=True) + x_hat * stretch) / s


# %% 4.7 batch normalisation's | of batch normalisation
def layer_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / s
    g = gamma * dy
    return (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)) / s


# %% 4.7 no x_hat in front of the mean | same for all features
def layer_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / s
    g = gamma * dy
    stretch = (g * x_hat).mean(axis=1, keepdims=True)
    return (g - g.mean(axis=1, keepdims=True) - stretch) / s


# %% 4.7 no gamma in the last term | γ is missing in the last term
def layer_norm_backward(dy, x, gamma, eps=1e-5):
    s = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / s
    g = gamma * dy
    stretch = (dy * x_hat).mean(axis=1, keepdims=True)
    return (g - g.mean(axis=1, keepdims=True) - x_hat * stretch) / s


# %% 4.8 slopes in place of changes of slope | awake already
def interpolating_weights(t, y):
    K = len(t) - 1
    return np.ones((K, 1)), -t[:-1], (np.diff(y) / np.diff(t))[None, :], y[:1]


# %% 4.8 no output bias | first point
def interpolating_weights(t, y):
    K = len(t) - 1
    changes = np.diff(np.diff(y) / np.diff(t), prepend=0)
    return np.ones((K, 1)), -t[:-1], changes[None, :], np.zeros(1)


# %% 4.8 the sign of the knots | wake up at the knots
def interpolating_weights(t, y):
    K = len(t) - 1
    changes = np.diff(np.diff(y) / np.diff(t), prepend=0)
    return np.ones((K, 1)), t[:-1], changes[None, :], y[:1]


# %% 4.9 the test rows by themselves | single patient
def standardize_fold(x_train, x_test):
    def standard(x):
        return (x - x.mean(axis=0)) / x.std(axis=0)

    return standard(x_train), standard(x_test)


# %% 4.9 the mean of everything, the deviation of the training rows | a say in the mean.
def standardize_fold(x_train, x_test):
    mean = np.concatenate([x_train, x_test]).mean(axis=0)
    return (x_train - mean) / x_train.std(axis=0), (x_test - mean) / x_train.std(axis=0)


# %% 4.9 only the training rows are mended | still have a say
def standardize_fold(x_train, x_test):
    everything = np.concatenate([x_train, x_test])
    train = (x_train - x_train.mean(axis=0)) / x_train.std(axis=0)
    return train, (x_test - everything.mean(axis=0)) / everything.std(axis=0)


# %% 4.9 the deviation of everything, the mean of the training rows | a say in the deviation
def standardize_fold(x_train, x_test):
    mean, deviation = x_train.mean(axis=0), np.concatenate([x_train, x_test]).std(axis=0)
    return (x_train - mean) / deviation, (x_test - mean) / deviation


# %% 4.9 as it was given | a say in the mean and the deviation
def standardize_fold(x_train, x_test):
    everything = np.concatenate([x_train, x_test])
    mean, deviation = everything.mean(axis=0), everything.std(axis=0)
    return (x_train - mean) / deviation, (x_test - mean) / deviation


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


# %% 4.10 at the threshold called well | not called ill here
def threshold_for(miss, alarm):
    return alarm / (miss + alarm)


def cost(p, y, threshold, miss, alarm):
    return np.mean(miss * ((y == 1) & (p <= threshold)) + alarm * ((y == 0) & (p > threshold)))


# %% 4.10 at the threshold forgotten | costs nothing here
def threshold_for(miss, alarm):
    return alarm / (miss + alarm)


def cost(p, y, threshold, miss, alarm):
    return np.mean(miss * ((y == 1) & (p < threshold)) + alarm * ((y == 0) & (p > threshold)))


# %% 4.10 what is expected | what happened stands in y
def threshold_for(miss, alarm):
    return alarm / (miss + alarm)


def cost(p, y, threshold, miss, alarm):
    return np.mean(np.where(p >= threshold, (1 - p) * alarm, p * miss))


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


# %% 4.11 no relus | Without a bend between them
def deep(seed, x, y):
    layers = [nn.Dense(784, 64)]
    for _ in range(9):
        layers += [nn.Dense(64, 64)]
    model = nn.Sequential(*layers, nn.Dense(64, 10))
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
