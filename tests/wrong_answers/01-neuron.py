# %% 1.1 no activation | activation function is missing
def neuron(x, w, b):
    return x @ w + b


# %% 1.1 no bias | bias is missing
def neuron(x, w, b):
    return 1 / (1 + np.exp(-(x @ w)))


# %% 1.1 the sign in the exponential | sign of z
def neuron(x, w, b):
    return 1 / (1 + np.exp(x @ w + b))


# %% 1.1 the bias for each input | once for each input
def neuron(x, w, b):
    return 1 / (1 + np.exp(-np.sum(x * w + b, axis=1)))


# %% 1.1 added up over the examples | shape
def neuron(x, w, b):
    return 1 / (1 + np.exp(-(np.sum(x * w, axis=0) + b)))


# %% 1.2 the sum alone | not a distance
def distance(x, w, b):
    return x @ w + b


# %% 1.2 the square of the length | not by its square
def distance(x, w, b):
    return (x @ w + b) / np.sum(w * w)


# %% 1.2 without the side | side is lost
def distance(x, w, b):
    return np.abs(x @ w + b) / np.sqrt(np.sum(w * w))


# %% 1.2 the bias is added in the end | it is divided too
def distance(x, w, b):
    return x @ w / np.linalg.norm(w) + b


# %% 1.2 the length of the points | not of x
def distance(x, w, b):
    return (x @ w + b) / np.linalg.norm(x, axis=1)


# %% 1.2 the sides exchanged | points to it
def distance(x, w, b):
    return -(x @ w + b) / np.linalg.norm(w)


# %% 1.3 the limit in place of the bias | z = 1.5
gates = {
    "and": ([1, 1], 1.5),
    "nand": ([-1, -1], -1.5),
    "first only": ([1, -1], 0.5),
    "majority": ([1, 1, 1], 1.5),
}

# %% 1.3 a corner lies on the line | sum of exactly 0 counts as no
gates = {
    "and": ([1, 1], -1),
    "nand": ([-1, -1], 2),
    "first only": ([1, -1], 0),
    "majority": ([1, 1, 1], -2),
}

# %% 1.3 first only, but the second may be on | 'first only'
gates = {
    "and": ([1, 1], -1.5),
    "nand": ([-1, -1], 1.5),
    "first only": ([2, -1], -0.5),
    "majority": ([1, 1, 1], -1.5),
}


# %% 1.4 the derivative of the product as a product | not the product of the derivatives
def silu_slope(z):
    a = nn.sigmoid(z)
    return a * (1 - a)


# %% 1.4 only one term | product rule has two terms
def silu_slope(z):
    a = nn.sigmoid(z)
    return z * a * (1 - a)


# %% 1.4 a sign | wrong sign
def silu_slope(z):
    a = nn.sigmoid(z)
    return a - z * a * (1 - a)


# %% 1.4 with an exponential of its own that overflows | overflow
def silu_slope(z):
    a = 1 / (1 + np.exp(-z))
    return a + z * a * (1 - a)


# %% 1.5 only the other end | infinite
def log_sigmoid(z):
    return -np.log(1 + np.exp(-z))


# %% 1.5 softplus of the wrong sign | wrong place
def log_sigmoid(z):
    return -(np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))))


# %% 1.5 the small part is rounded away | small part is lost
def log_sigmoid(z):
    return np.minimum(z, 0) - np.log(1 + np.exp(-np.abs(z)))


# %% 1.5 both branches of a where are computed | overflow
def log_sigmoid(z):
    return np.where(z > 0, -np.log1p(np.exp(-z)), z - np.log1p(np.exp(z)))


# %% 1.6 the bias is still a sum | not a sum
def neuron_gradient(x, w, b, y):
    a = nn.sigmoid(x @ w + b)
    return x.T @ (a - y) / len(y), np.sum(a - y)


# %% 1.6 the slope of the sigmoid is still there | too many
def neuron_gradient(x, w, b, y):
    a = nn.sigmoid(x @ w + b)
    dz = (a - y) * a * (1 - a) / len(y)
    return x.T @ dz, np.sum(dz)


# %% 1.6 the error turned round | minus what was true
def neuron_gradient(x, w, b, y):
    a = nn.sigmoid(x @ w + b)
    dz = (y - a) / len(y)
    return x.T @ dz, np.sum(dz)


# %% 1.6 the slope of another activation, no constant factor | 3 of its 3 entries are wrong
def neuron_gradient(x, w, b, y):
    a = nn.sigmoid(x @ w + b)
    dz = (a - y) * (1 - a**2) / len(y)
    return x.T @ dz, np.sum(dz)


# %% 1.7 z in place of the distance | how long is w
origin_distance = -10
when_scaled = "stays"
steeper = 10
when_raised = "against w"

# %% 1.7 a scaled neuron draws another line | when_scaled
origin_distance = -2
when_scaled = "moves"
steeper = 10
when_raised = "against w"

# %% 1.7 the same line, so the same steepness | the line stays
origin_distance = -2
when_scaled = "stays"
steeper = 1
when_raised = "against w"

# %% 1.7 the bias pushes the line ahead | become positive
origin_distance = -2
when_scaled = "stays"
steeper = 10
when_raised = "along w"


# %% 1.8 the slope of the activation is forgotten | slope of the tanh is missing
def tanh_neuron_gradient(x, w, b, y):
    a = np.tanh(x @ w + b)
    dz = 2 * (a - y) / len(y)
    return x.T @ dz, np.sum(dz)


# %% 1.8 the sigmoid's slope | sigmoid's slope
def tanh_neuron_gradient(x, w, b, y):
    a = np.tanh(x @ w + b)
    dz = 2 * (a - y) * a * (1 - a) / len(y)
    return x.T @ dz, np.sum(dz)


# %% 1.8 the slope from z | of the activation and not of z
def tanh_neuron_gradient(x, w, b, y):
    z = x @ w + b
    dz = 2 * (np.tanh(z) - y) * (1 - z**2) / len(y)
    return x.T @ dz, np.sum(dz)


# %% 1.8 a sum in place of the mean | not a sum
def tanh_neuron_gradient(x, w, b, y):
    a = np.tanh(x @ w + b)
    dz = 2 * (a - y) * (1 - a**2)
    return x.T @ dz, np.sum(dz)


# %% 1.8 the square outside the bracket | 3 of its 3 entries are wrong
def tanh_neuron_gradient(x, w, b, y):
    a = np.tanh(x @ w + b)
    dz = 2 * (a - y) * (1 - a) ** 2 / len(y)
    return x.T @ dz, np.sum(dz)


# %% 1.9 scored on the training part | on the training set
def accuracy(x_train, y_train, x_test, y_test):
    x_train, x_test = nn.data.standardize_columns(x_train, x_test)
    w, b = np.zeros(2), 0.0
    for _ in range(300):
        error = (nn.sigmoid(x_train @ w + b) - y_train) / len(y_train)
        w, b = w - x_train.T @ error, b - np.sum(error)
    return np.mean((x_train @ w + b > 0) == y_train)


best_partner = "worst area"


# %% 1.9 not standardised | standardise
def accuracy(x_train, y_train, x_test, y_test):
    w, b = np.zeros(2), 0.0
    for _ in range(300):
        error = (nn.sigmoid(x_train @ w + b) - y_train) / len(y_train)
        w, b = w - x_train.T @ error, b - np.sum(error)
    return np.mean((x_test @ w + b > 0) == y_test)


best_partner = "worst area"


# %% 1.9 in per cent | not per cent
def accuracy(x_train, y_train, x_test, y_test):
    x_train, x_test = nn.data.standardize_columns(x_train, x_test)
    w, b = np.zeros(2), 0.0
    for _ in range(300):
        error = (nn.sigmoid(x_train @ w + b) - y_train) / len(y_train)
        w, b = w - x_train.T @ error, b - np.sum(error)
    return 100 * np.mean((x_test @ w + b > 0) == y_test)


best_partner = "worst area"


# %% 1.9 a count | not their share
def accuracy(x_train, y_train, x_test, y_test):
    x_train, x_test = nn.data.standardize_columns(x_train, x_test)
    w, b = np.zeros(2), 0.0
    for _ in range(300):
        error = (nn.sigmoid(x_train @ w + b) - y_train) / len(y_train)
        w, b = w - x_train.T @ error, b - np.sum(error)
    return np.sum((x_test @ w + b > 0) == y_test)


best_partner = "worst area"


# %% 1.9 the share of wrong answers | share of wrong
def accuracy(x_train, y_train, x_test, y_test):
    x_train, x_test = nn.data.standardize_columns(x_train, x_test)
    w, b = np.zeros(2), 0.0
    for _ in range(300):
        error = (nn.sigmoid(x_train @ w + b) - y_train) / len(y_train)
        w, b = w - x_train.T @ error, b - np.sum(error)
    return np.mean((x_test @ w + b > 0) != y_test)


best_partner = "worst area"


# %% 1.9 each part by itself | standardised by itself
def accuracy(x_train, y_train, x_test, y_test):
    x_train = (x_train - x_train.mean(axis=0)) / x_train.std(axis=0)
    x_test = (x_test - x_test.mean(axis=0)) / x_test.std(axis=0)
    w, b = np.zeros(2), 0.0
    for _ in range(300):
        error = (nn.sigmoid(x_train @ w + b) - y_train) / len(y_train)
        w, b = w - x_train.T @ error, b - np.sum(error)
    return np.mean((x_test @ w + b > 0) == y_test)


best_partner = "worst area"


# %% 1.9 both parts together | not those of the training part
def accuracy(x_train, y_train, x_test, y_test):
    both = np.concatenate([x_train, x_test])
    mean, deviation = both.mean(axis=0), both.std(axis=0)
    x_train, x_test = (x_train - mean) / deviation, (x_test - mean) / deviation
    w, b = np.zeros(2), 0.0
    for _ in range(300):
        error = (nn.sigmoid(x_train @ w + b) - y_train) / len(y_train)
        w, b = w - x_train.T @ error, b - np.sum(error)
    return np.mean((x_test @ w + b > 0) == y_test)


best_partner = "worst area"


# %% 1.9 the arguments in the wrong order | not those of the training part
def accuracy(x_train, y_train, x_test, y_test):
    x_test, x_train = nn.data.standardize_columns(x_test, x_train)
    w, b = np.zeros(2), 0.0
    for _ in range(300):
        error = (nn.sigmoid(x_train @ w + b) - y_train) / len(y_train)
        w, b = w - x_train.T @ error, b - np.sum(error)
    return np.mean((x_test @ w + b > 0) == y_test)


best_partner = "worst area"


# %% 1.9 a partner that says the same again | more lumps in 100
def accuracy(x_train, y_train, x_test, y_test):
    x_train, x_test = nn.data.standardize_columns(x_train, x_test)
    w, b = np.zeros(2), 0.0
    for _ in range(300):
        error = (nn.sigmoid(x_train @ w + b) - y_train) / len(y_train)
        w, b = w - x_train.T @ error, b - np.sum(error)
    return np.mean((x_test @ w + b > 0) == y_test)


best_partner = "mean concave points"
