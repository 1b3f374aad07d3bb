# %% 5.1 rounded up | round down
side = 5
parameters = 24 * (9 * 12 + 1)
field = 17

# %% 5.1 no biases | has a bias
side = 4
parameters = 24 * 9 * 12
field = 17

# %% 5.1 one channel for each kernel | all channels
side = 4
parameters = 24 * (9 + 1)
field = 17

# %% 5.1 no padding | a border of padding
side = 3
parameters = 24 * (9 * 12 + 1)
field = 17

# %% 5.1 the first window is not counted | one more of them than steps
side = 1
parameters = 24 * (9 * 12 + 1)
field = 17

# %% 5.1 every step one pixel | more than one pixel
side = 4
parameters = 24 * (9 * 12 + 1)
field = 9

# %% 5.1 every layer with the stride of the one before alone | all layers after it
side = 4
parameters = 24 * (9 * 12 + 1)
field = 5 + 2 * 2 + 2 * 1

# %% 5.1 the stride of the pooling is forgotten | The pooling has a stride too
side = 4
parameters = 24 * (9 * 12 + 1)
field = 5 + 2 * 2 + 2 * 2

# %% 5.1 the stride before the window | not for itself
side = 4
parameters = 24 * (9 * 12 + 1)
field = 1 + 4 * 2 + 2 * 4 + 2 * 4


# %% 5.2 the kernel is not turned | indices run backwards
def convolution(I, K):
    (H, W), (P, Q) = I.shape, K.shape
    S = np.zeros((H + P - 1, W + Q - 1))
    for i, j in np.ndindex(*S.shape):
        for m, n in np.ndindex(P, Q):
            if 0 <= i - P + 1 + m < H and 0 <= j - Q + 1 + n < W:
                S[i, j] += I[i - P + 1 + m, j - Q + 1 + n] * K[m, n]
    return S


# %% 5.2 no lower limit | index −1
def convolution(I, K):
    (H, W), (P, Q) = I.shape, K.shape
    S = np.zeros((H + P - 1, W + Q - 1))
    for i, j in np.ndindex(*S.shape):
        for m, n in np.ndindex(H, W):
            if i - m < P and j - n < Q:
                S[i, j] += I[m, n] * K[i - m, j - n]
    return S


# %% 5.2 copies on top of each other | they add up
def convolution(I, K):
    (H, W), (P, Q) = I.shape, K.shape
    S = np.zeros((H + P - 1, W + Q - 1))
    for m, n in np.ndindex(H, W):
        S[m : m + P, n : n + Q] = I[m, n] * K
    return S


# %% 5.2 only whole overlaps | expected shape
def convolution(I, K):
    (H, W), (P, Q) = I.shape, K.shape
    S = np.zeros((max(H - P + 1, 0), max(W - Q + 1, 0)))
    for i, j in np.ndindex(*S.shape):
        S[i, j] = np.sum(I[i : i + P, j : j + Q] * K[::-1, ::-1])
    return S


# %% 5.3 the stride is forgotten | one stride apart
def kernel_gradient(I, dz, size, stride):
    rows, columns = dz.shape
    return np.array(
        [
            [np.sum(dz * I[m : m + rows, n : n + columns]) for n in range(size[1])]
            for m in range(size[0])
        ]
    )


# %% 5.3 turned | half a turn
def kernel_gradient(I, dz, size, stride):
    dK = np.zeros(size)
    for m, n in np.ndindex(*size):
        for i, j in np.ndindex(*dz.shape):
            dK[m, n] += dz[i, j] * I[i * stride + m, j * stride + n]
    return dK[::-1, ::-1]


# %% 5.3 the mean over the windows | this is their mean
def kernel_gradient(I, dz, size, stride):
    dK = np.zeros(size)
    for m, n in np.ndindex(*size):
        for i, j in np.ndindex(*dz.shape):
            dK[m, n] += dz[i, j] * I[i * stride + m, j * stride + n] / dz.size
    return dK


# %% 5.4 the kernel turned once more | wrong way round
def input_gradient(dz, K):
    return nn.convolve2d(dz, K[::-1, ::-1], mode="full")


# %% 5.4 the last window alone | keeps the last
def input_gradient(dz, K):
    (H, W), (P, Q) = dz.shape, K.shape
    dI = np.zeros((H + P - 1, W + Q - 1))
    for i in range(H):
        for j in range(W):
            dI[i : i + P, j : j + Q] = dz[i, j] * K
    return dI


# %% 5.4 as large as the output | expected shape
def input_gradient(dz, K):
    return nn.convolve2d(dz, K, mode="same")


# %% 5.5 the mean of the windows | not the mean
def scatter(drows, size, window, stride):
    dx, count = np.zeros(size), np.zeros(size)
    rows, columns, _ = drows.shape
    for i in range(rows):
        for j in range(columns):
            here = np.s_[i * stride : i * stride + window, j * stride : j * stride + window]
            dx[here] += drows[i, j].reshape(window, window)
            count[here] += 1
    return dx / np.maximum(count, 1)


# %% 5.5 the last one wins, written otherwise | the last one says
def scatter(drows, size, window, stride):
    dx = np.zeros(size)
    for i in range(drows.shape[0]):
        for j in range(drows.shape[1]):
            for m in range(window):
                for n in range(window):
                    dx[i * stride + m, j * stride + n] = drows[i, j, m * window + n]
    return dx


# %% 5.6 shared among equals | share the gradient
def pooling_backward(x, dy):
    y = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2).max(axis=(1, 3))
    wins = x == np.repeat(np.repeat(y, 2, axis=0), 2, axis=1)
    count = wins.reshape(y.shape[0], 2, y.shape[1], 2).sum(axis=(1, 3))
    return wins * np.repeat(np.repeat(dy / count, 2, axis=0), 2, axis=1)


# %% 5.6 the last of equals | here the last does
def pooling_backward(x, dy):
    dx = np.zeros_like(x)
    for i, j in np.ndindex(dy.shape):
        window = x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        m, n = np.argwhere(window == window.max())[-1]
        dx[2 * i + m, 2 * j + n] = dy[i, j]
    return dx


# %% 5.6 the losers get it too | losers
def pooling_backward(x, dy):
    return np.repeat(np.repeat(dy, 2, axis=0), 2, axis=1)


# %% 5.7 everything commutes | the same ones as before
answers = dict.fromkeys(
    [
        "relu, one pixel",
        "convolution, one pixel",
        "max pooling 2 × 2, one pixel",
        "max pooling 2 × 2, two pixels",
        "convolution with stride 3, two pixels",
        "convolution with stride 3, six pixels",
        "times a number for each place, one pixel",
    ],
    True,
)

# %% 5.7 pooling never commutes | max pooling 2 × 2, two pixels
answers = {
    "relu, one pixel": True,
    "convolution, one pixel": True,
    "max pooling 2 × 2, one pixel": False,
    "max pooling 2 × 2, two pixels": False,
    "convolution with stride 3, two pixels": False,
    "convolution with stride 3, six pixels": True,
    "times a number for each place, one pixel": False,
}

# %% 5.7 a number for each place commutes too | the same at every place
answers = {
    "relu, one pixel": True,
    "convolution, one pixel": True,
    "max pooling 2 × 2, one pixel": False,
    "max pooling 2 × 2, two pixels": True,
    "convolution with stride 3, two pixels": False,
    "convolution with stride 3, six pixels": True,
    "times a number for each place, one pixel": True,
}

# %% 5.8 not of size one | noise of variance 6, expected 1
K = np.array([[-1.0, -1.0, -1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])

# %% 5.8 upright edges | lies on equal pixels
K = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]) / np.sqrt(6)

# %% 5.8 a blur | add up to
K = np.ones((3, 3)) / 3

# %% 5.8 the mean of a row less that of another | noise of variance 0.667, expected 1
K = np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1]]) / 3

# %% 5.8 the other way up | Somewhere it answers -1.22
K = np.array([[1, 1, 1], [0, 0, 0], [-1, -1, -1]]) / np.sqrt(6)

# %% 5.8 divided by the sum of squares, not by its root | strongest answer
K = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]) / 12


# %% 5.9 the channels are mixed | mixes the channels
def pooling_kernel(size, channels):
    return np.ones((size, size, channels, channels)) / size**2


# %% 5.9 the mean over the channels too | not over the channels
def pooling_kernel(size, channels):
    return np.ones((size, size, channels, channels)) / (size**2 * channels)


# %% 5.9 the sum of a window | not its mean
def pooling_kernel(size, channels):
    return np.ones((size, size, 1, 1)) * np.eye(channels)


# %% 5.10 dense layers on a small picture | Where are the numbers spent
def small(seed, x, y):
    model = nn.Sequential(
        nn.AvgPool2D(4), nn.Flatten(), nn.Dense(49, 16), nn.ReLU(), nn.Dense(16, 10)
    )
    params = model.init(seed)
    settings = {"batch_size": 32, "seed": seed, "progress": False}
    nn.fit(model, params, nn.softmax_cross_entropy, (x, y), nn.Adam(1e-2), 25, **settings)
    return model, params


# %% 5.10 too many | expected at most 1,000
def small(seed, x, y):
    model = nn.Sequential(
        nn.Conv2D(1, 8, 5, stride=2, padding=2), nn.ReLU(),
        nn.Conv2D(8, 12, 3, stride=2, padding=1), nn.ReLU(),
        nn.MaxPool2D(2), nn.Flatten(), nn.Dense(108, 10),
    )  # fmt: skip
    params = model.init(seed)
    settings = {"batch_size": 32, "seed": seed, "progress": False}
    nn.fit(model, params, nn.softmax_cross_entropy, (x, y), nn.Adam(3e-3), 1, **settings)
    return model, params


# %% 5.10 hardly trained | expected more than 90
def small(seed, x, y):
    model = nn.Sequential(
        nn.Conv2D(1, 5, 5, stride=2, padding=2), nn.ReLU(),
        nn.Conv2D(5, 6, 3), nn.ReLU(),
        nn.MaxPool2D(4), nn.Flatten(), nn.Dense(54, 10),
    )  # fmt: skip
    params = model.init(seed)
    settings = {"batch_size": 32, "seed": seed, "progress": False}
    nn.fit(model, params, nn.softmax_cross_entropy, (x, y), nn.Adam(1e-2), 1, **settings)
    return model, params
