# %% 3.1 the gradient of w is not summed over the batch | used twice
def product_backward(x, w, dy):
    return dy * w, dy * x


# %% 3.1 mean instead of sum | a mean is not a sum
def product_backward(x, w, dy):
    return dy * w, np.mean(dy * x, axis=0)


# %% 3.1 the factors are exchanged | wrong factor
def product_backward(x, w, dy):
    return dy * x, np.sum(dy * w, axis=0)


# %% 3.1 the gradient that comes in is forgotten | missing in `dw`
def product_backward(x, w, dy):
    return dy * w, np.sum(x, axis=0)


# %% 3.2 transposed | rows and columns are exchanged
def full_jacobian(f, x):
    y, backward = nn.vjp(f, x)
    return np.stack([backward(unit) for unit in np.eye(y.size)], axis=1)


# %% 3.2 one call only | sum of the rows
def full_jacobian(f, x):
    y, backward = nn.vjp(f, x)
    return backward(np.ones_like(y))


# %% 3.2 the function is taken for an elementwise one | shape
def full_jacobian(f, x):
    y, backward = nn.vjp(f, x)
    return np.diag(backward(np.ones_like(y)))


# %% 3.2 measured with central differences | this is measured
def full_jacobian(f, x, h=1e-5):
    columns = [(f(x + h * unit) - f(x - h * unit)) / (2 * h) for unit in np.eye(x.size)]
    return np.stack(columns, axis=1)


# %% 3.3 the tanh is passed over on the way back | tanh's backward function is missing
def gradients(x, W, b, labels):
    z, backward_dense = nn.vjp(nn.dense, x, W, b)
    a, backward_tanh = nn.vjp(nn.tanh, z)
    loss, backward_loss = nn.vjp(nn.softmax_cross_entropy, a, labels)
    return backward_dense(backward_loss())


# %% 3.3 no tanh at all | left out, forwards and backwards
def gradients(x, W, b, labels):
    z, backward_dense = nn.vjp(nn.dense, x, W, b)
    loss, backward_loss = nn.vjp(nn.softmax_cross_entropy, z, labels)
    return backward_dense(backward_loss())


# %% 3.3 called in the order of the forward pass | backward
def gradients(x, W, b, labels):
    z, backward_dense = nn.vjp(nn.dense, x, W, b)
    a, backward_tanh = nn.vjp(nn.tanh, z)
    loss, backward_loss = nn.vjp(nn.softmax_cross_entropy, a, labels)
    return backward_loss(backward_tanh(backward_dense(np.ones_like(z))))


# %% 3.3 the loss is taken for its own gradient | is not the loss
def gradients(x, W, b, labels):
    z, backward_dense = nn.vjp(nn.dense, x, W, b)
    a, backward_tanh = nn.vjp(nn.tanh, z)
    loss, backward_loss = nn.vjp(nn.softmax_cross_entropy, a, labels)
    return backward_dense(backward_tanh(backward_loss(loss)))


# %% 3.4 the second use overwrites the first | direct one is lost
@nn.differentiable
def gate(x, W):
    g, backward_sigmoid = nn.vjp(nn.sigmoid, x @ W.T)

    def backward(dy):
        dx = dy * g
        ds = backward_sigmoid(dy * x)
        dx = ds @ W
        return dx, ds.T @ x

    return x * g, backward


# %% 3.4 W is transposed on the way back | wrong way round
@nn.differentiable
def gate(x, W):
    g, backward_sigmoid = nn.vjp(nn.sigmoid, x @ W.T)

    def backward(dy):
        ds = backward_sigmoid(dy * x)
        return dy * g + ds @ W.T, ds.T @ x

    return x * g, backward


# %% 3.4 as it was given | if W were zero
@nn.differentiable
def gate(x, W):
    g, backward_sigmoid = nn.vjp(nn.sigmoid, x @ W.T)

    def backward(dy):
        dx = dy * g
        ds = backward_sigmoid(dy * x)
        return dx, ds.T @ x

    return x * g, backward


# %% 3.5 the length is taken for a constant | not a constant
@nn.differentiable
def normalize(x):
    length = np.sqrt(np.sum(x * x))
    return x / length, lambda dy: dy / length


# %% 3.5 the division by the length is forgotten | divide by the length
@nn.differentiable
def normalize(x):
    y = x / np.sqrt(np.sum(x * x))
    return y, lambda dy: dy - y * np.sum(dy * y)


# %% 3.5 a sign | same sign
@nn.differentiable
def normalize(x):
    length = np.sqrt(np.sum(x * x))
    y = x / length
    return y, lambda dy: (dy + y * np.sum(dy * y)) / length


# %% 3.5 x where y should be | only one of x and y
@nn.differentiable
def normalize(x):
    length = np.sqrt(np.sum(x * x))
    return x / length, lambda dy: (dy - x * np.sum(dy * x)) / length


# %% 3.5 both terms with the length of one | divided by the length too seldom
@nn.differentiable
def normalize(x):
    length = np.sqrt(np.sum(x * x))
    return x / length, lambda dy: dy / length - x * np.sum(x * dy) / length**2


# %% 3.5 a gradient in place of a backward function | line 4 of the cell
@nn.differentiable
def normalize(x):
    length = np.sqrt(np.sum(x * x))
    return x / length, dy / length


# %% 3.6 the step of float64 | float64
best_step = (3 * 2.0**-52 / 24) ** (1 / 3)
truncation_grows = 100
rounding_grows = 10


# %% 3.6 the power of the forward difference | 1/2
best_step = (3 * 2.0**-23 / 24) ** (1 / 2)
truncation_grows = 100
rounding_grows = 10


# %% 3.6 the third derivative is forgotten | f''' is missing
best_step = (3 * 2.0**-23) ** (1 / 3)
truncation_grows = 100
rounding_grows = 10


# %% 3.6 the three is forgotten | before ε is missing
best_step = (2.0**-23 / 24) ** (1 / 3)
truncation_grows = 100
rounding_grows = 10


# %% 3.6 the second derivative | 12 is the second derivative
best_step = (3 * 2.0**-23 / 12) ** (1 / 3)
truncation_grows = 100
rounding_grows = 10


# %% 3.6 the first derivative | 4 is the first derivative
best_step = (3 * 2.0**-23 / 4) ** (1 / 3)
truncation_grows = 100
rounding_grows = 10


# %% 3.6 the size in the chapter | near 1. How large
best_step = 1e-2
truncation_grows = 100
rounding_grows = 10


# %% 3.6 epsilon alone | alone is the size
best_step = 2.0 ** (-23 / 3)
truncation_grows = 100
rounding_grows = 10


# %% 3.6 a guess | best_step is far too long
best_step = 0.1
truncation_grows = 100
rounding_grows = 10


# %% 3.6 a guess that is smaller | best_step is too short
best_step = 1e-3
truncation_grows = 100
rounding_grows = 10


# %% 3.6 no step at all | positive number
best_step = 0
truncation_grows = 100
rounding_grows = 10


# %% 3.6 truncation taken as linear | depend on h
best_step = (3 * 2.0**-23 / 24) ** (1 / 3)
truncation_grows = 10
rounding_grows = 10


# %% 3.6 rounding taken as quadratic | not by h²
best_step = (3 * 2.0**-23 / 24) ** (1 / 3)
truncation_grows = 100
rounding_grows = 100


# %% 3.7 forward difference | to both sides
def two_sides(f, x, v, u, h=1e-5):
    Jv = (f(x + h * v) - f(x)) / h
    y, backward = nn.vjp(f, x)
    return np.sum(Jv * u), np.sum(v * backward(u))


# %% 3.7 divided by h | 2h apart
def two_sides(f, x, v, u, h=1e-5):
    Jv = (f(x + h * v) - f(x - h * v)) / h
    y, backward = nn.vjp(f, x)
    return np.sum(Jv * u), np.sum(v * backward(u))


# %% 3.7 both sides measured | not from a measurement
def two_sides(f, x, v, u, h=1e-5):
    Jv = (f(x + h * v) - f(x - h * v)) / (2 * h)
    return np.sum(Jv * u), np.sum(Jv * u)


# %% 3.7 both sides from the backward function | must be measured
def two_sides(f, x, v, u, h=1e-5):
    y, backward = nn.vjp(f, x)
    J = np.stack([backward(unit) for unit in np.eye(y.size)])
    return np.sum(J @ v * u), np.sum(v * backward(u))


# %% 3.8 asked at zero | more than one row
verdicts = {"a": "right", "b": "wrong", "c": "right", "d": "wrong", "e": "right"}


# %% 3.8 asked with positive numbers | negative x
verdicts = {"a": "right", "b": "right", "c": "wrong", "d": "wrong", "e": "right"}


# %% 3.8 deceived by the kink | kink
verdicts = {"a": "right", "b": "wrong", "c": "wrong", "d": "wrong", "e": "wrong"}


# %% 3.9 the gradient by the first input is counted | before the first layer
def multiplications(sizes, batch):
    forward = sum(batch * D * M for D, M in zip(sizes, sizes[1:]))
    return forward, 2 * forward


# %% 3.9 the last layer is spared | not the last
def multiplications(sizes, batch):
    layers = [batch * D * M for D, M in zip(sizes, sizes[1:])]
    return sum(layers), 2 * sum(layers) - layers[-1]


# %% 3.9 the batch is forgotten | batch is missing
def multiplications(sizes, batch):
    layers = [D * M for D, M in zip(sizes, sizes[1:])]
    return sum(layers), 2 * sum(layers) - layers[0]
