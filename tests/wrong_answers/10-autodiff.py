# %% 10.1 the use in the sum is forgotten | use in the sum is missing
gradients = {"v4": 1, "v3": 30, "v2": 30, "v1": 90, "v0": 120}


# %% 10.1 the sum takes the place of the product | use in the product is missing
gradients = {"v4": 1, "v3": 30, "v2": 30, "v1": 90, "v0": 30}


# %% 10.1 the factors are exchanged | which is w's
gradients = {"v4": 1, "v3": 30, "v2": 30, "v1": 120, "v0": 120}


# %% 10.1 the two of the square is forgotten | twice the value
gradients = {"v4": 1, "v3": 15, "v2": 15, "v1": 45, "v0": 75}


# %% 10.1 the values | that is the value
gradients = {"v4": 225, "v3": 15, "v2": 12, "v1": 4, "v0": 3}


# %% 10.1 nothing for y itself | if y itself moves
gradients = {"v4": 0, "v3": 30, "v2": 30, "v1": 90, "v0": 150}


# %% 10.1 uses are multiplied | added, not multiplied
gradients = {"v4": 1, "v3": 30, "v2": 30, "v1": 90, "v0": 3600}


# %% 10.1 a name is lost | five names
gradients = {"v4": 1, "v3": 30, "v2": 30, "x": 150, "w": 90}


# %% 10.2 always the first axis | expected shape (4, 1)
def summed_to(gradient, shape):
    if gradient.shape == shape:
        return gradient
    return gradient.sum(axis=0)


# %% 10.2 the mean | this is a mean
def summed_to(gradient, shape):
    while gradient.ndim > len(shape):
        gradient = gradient.mean(axis=0)
    for axis, size in enumerate(shape):
        if size == 1:
            gradient = gradient.mean(axis=axis, keepdims=True)
    return gradient


# %% 10.2 one copy | what one of the copies says
def summed_to(gradient, shape):
    while gradient.ndim > len(shape):
        gradient = gradient[0]
    for axis, size in enumerate(shape):
        if size == 1:
            gradient = np.take(gradient, [0], axis=axis)
    return gradient


# %% 10.2 only what was put in front | expected shape (4, 1)
def summed_to(gradient, shape):
    while gradient.ndim > len(shape):
        gradient = gradient.sum(axis=0)
    return gradient


# %% 10.2 only what was stretched | shape
def summed_to(gradient, shape):
    for axis, size in enumerate(shape):
        if size == 1:
            gradient = gradient.sum(axis=axis, keepdims=True)
    return gradient


# %% 10.2 the axis goes away | expected shape (4, 1)
def summed_to(gradient, shape):
    while gradient.ndim > len(shape):
        gradient = gradient.sum(axis=0)
    axes = tuple(i for i, size in enumerate(shape) if size == 1)
    return gradient.sum(axis=axes) if axes else gradient


# %% 10.2 new axes at the end | over the other axis
def summed_to(gradient, shape):
    while gradient.ndim > len(shape):
        gradient = gradient.sum(axis=0 if gradient.shape[0] != gradient.shape[-1] else -1)
    for axis, size in enumerate(shape):
        if size == 1:
            gradient = gradient.sum(axis=axis, keepdims=True)
    return gradient


# %% 10.2 what is too large is cut off | what one of the copies says
def summed_to(gradient, shape):
    return np.resize(gradient, shape) if shape else gradient


# %% 10.3 the later use overwrites | has overwritten the first
def read_back(tape, result, dresult):
    gradients = {result: dresult}
    for inputs, output, backward in reversed(tape):
        if output in gradients:
            for name, share in zip(inputs, backward(gradients[output])):
                gradients[name] = share
    return gradients


# %% 10.3 update overwrites | has overwritten the first
def read_back(tape, result, dresult):
    gradients = {result: dresult}
    for inputs, output, backward in tape[::-1]:
        if output in gradients:
            gradients.update(zip(inputs, backward(gradients[output])))
    return gradients


# %% 10.3 the first use stays | second share is lost
def read_back(tape, result, dresult):
    gradients = {result: dresult}
    for inputs, output, backward in reversed(tape):
        if output in gradients:
            for name, share in zip(inputs, backward(gradients[output])):
                gradients.setdefault(name, share)
    return gradients


# %% 10.3 lines that do not count | KeyError
def read_back(tape, result, dresult):
    gradients = {result: dresult}
    for inputs, output, backward in reversed(tape):
        for name, share in zip(inputs, backward(gradients[output])):
            gradients[name] = gradients.get(name, 0) + share
    return gradients


# %% 10.3 from the last line of the tape | the one that was given
def read_back(tape, result, dresult):
    gradients = {tape[-1][1]: dresult}
    for inputs, output, backward in reversed(tape):
        if output in gradients:
            for name, share in zip(inputs, backward(gradients[output])):
                gradients[name] = gradients.get(name, 0) + share
    return gradients


# %% 10.3 from the beginning | no gradient for 'p'
def read_back(tape, result, dresult):
    gradients = {result: dresult}
    for inputs, output, backward in tape:
        if output in gradients:
            for name, share in zip(inputs, backward(gradients[output])):
                gradients[name] = gradients.get(name, 0) + share
    return gradients


# %% 10.3 in place | changes an array that it was given
def read_back(tape, result, dresult):
    gradients = {result: dresult}
    for inputs, output, backward in reversed(tape):
        if output in gradients:
            for name, share in zip(inputs, backward(gradients[output])):
                if name in gradients:
                    gradients[name] += share
                else:
                    gradients[name] = share
    return gradients


# %% 10.3 in place, with a copy at the beginning | share one array
def read_back(tape, result, dresult):
    gradients = {result: np.array(dresult)}
    for inputs, output, backward in reversed(tape):
        if output in gradients:
            for name, share in zip(inputs, backward(gradients[output])):
                if name in gradients:
                    gradients[name] += share
                else:
                    gradients[name] = share
    return gradients


# %% 10.3 nothing returned for what is between | no gradient for
def read_back(tape, result, dresult):
    gradients = {result: dresult}
    for inputs, output, backward in reversed(tape):
        if output in gradients:
            for name, share in zip(inputs, backward(gradients.pop(output))):
                gradients[name] = gradients.get(name, 0) + share
    return gradients


# %% 10.3 a list of gradients | return a dictionary
def read_back(tape, result, dresult):
    return [dresult for line in tape]


# %% 10.3 a dead line is sent y's gradient | no say in y
def read_back(tape, result, dresult):
    gradients = {result: dresult}
    for inputs, output, backward in reversed(tape):
        dy = gradients.setdefault(output, dresult)
        if output == "b":
            continue
        for name, share in zip(inputs, backward(dy) if output != "a" else [0.0]):
            gradients[name] = gradients.get(name, 0) + share
    return gradients


# %% 10.4 all are right | verdict on 'a'
verdicts = {name: "right" for name in "abcde"}


# %% 10.4 asked about x x only | between x and y
verdicts = {"a": "right", "b": "overwrites", "c": "right", "d": "right", "e": "right"}


# %% 10.4 asked once | same question twice
verdicts = {"a": "too early", "b": "overwrites", "c": "right", "d": "right", "e": "right"}


# %% 10.4 x is never changed | if x is changed
verdicts = {"a": "too early", "b": "overwrites", "c": "right", "d": "remembers", "e": "right"}


# %% 10.4 two faults are exchanged | but another one
verdicts = {
    "a": "overwrites", "b": "too early", "c": "right", "d": "remembers", "e": "looks late"
}


# %% 10.4 an x that was changed before | an x that was fresh
verdicts = {
    "a": "too early", "b": "overwrites", "c": "looks late", "d": "remembers", "e": "looks late"
}


# %% 10.4 a word of one's own | should be one of
verdicts = {"a": "wrong", "b": "wrong", "c": "right", "d": "wrong", "e": "wrong"}


# %% 10.5 the tangents are multiplied | stands with ε²
def product(a, b):
    return a[0] * b[0], a[1] * b[1]


def quotient(a, b):
    return a[0] / b[0], (a[1] * b[0] - a[0] * b[1]) / b[0] ** 2


def tanh(a):
    y = np.tanh(a[0])
    return y, (1 - y**2) * a[1]


# %% 10.5 one factor only | b moves too
def product(a, b):
    return a[0] * b[0], a[1] * b[0]


def quotient(a, b):
    return a[0] / b[0], (a[1] * b[0] - a[0] * b[1]) / b[0] ** 2


def tanh(a):
    y = np.tanh(a[0])
    return y, (1 - y**2) * a[1]


# %% 10.5 ε² is kept | goes away
def product(a, b):
    return a[0] * b[0], a[1] * b[0] + a[0] * b[1] + a[1] * b[1]


def quotient(a, b):
    return a[0] / b[0], (a[1] * b[0] - a[0] * b[1]) / b[0] ** 2


def tanh(a):
    y = np.tanh(a[0])
    return y, (1 - y**2) * a[1]


# %% 10.5 the tangents are divided | quotient of the tangents
def product(a, b):
    return a[0] * b[0], a[1] * b[0] + a[0] * b[1]


def quotient(a, b):
    return a[0] / b[0], a[1] / b[1]


def tanh(a):
    y = np.tanh(a[0])
    return y, (1 - y**2) * a[1]


# %% 10.5 a plus in the quotient | look at a sign
def product(a, b):
    return a[0] * b[0], a[1] * b[0] + a[0] * b[1]


def quotient(a, b):
    return a[0] / b[0], (a[1] * b[0] + a[0] * b[1]) / b[0] ** 2


def tanh(a):
    y = np.tanh(a[0])
    return y, (1 - y**2) * a[1]


# %% 10.5 the square is forgotten | b stands squared
def product(a, b):
    return a[0] * b[0], a[1] * b[0] + a[0] * b[1]


def quotient(a, b):
    return a[0] / b[0], (a[1] * b[0] - a[0] * b[1]) / b[0]


def tanh(a):
    y = np.tanh(a[0])
    return y, (1 - y**2) * a[1]


# %% 10.5 the slope alone | that is the slope
def product(a, b):
    return a[0] * b[0], a[1] * b[0] + a[0] * b[1]


def quotient(a, b):
    return a[0] / b[0], (a[1] * b[0] - a[0] * b[1]) / b[0] ** 2


def tanh(a):
    y = np.tanh(a[0])
    return y, 1 - y**2


# %% 10.5 tanh of the tangent | never sees it
def product(a, b):
    return a[0] * b[0], a[1] * b[0] + a[0] * b[1]


def quotient(a, b):
    return a[0] / b[0], (a[1] * b[0] - a[0] * b[1]) / b[0] ** 2


def tanh(a):
    return np.tanh(a[0]), np.tanh(a[1])


# %% 10.5 no pair | 2 results
def product(a, b):
    return a[1] * b[0] + a[0] * b[1]


def quotient(a, b):
    return (a[1] * b[0] - a[0] * b[1]) / b[0] ** 2


def tanh(a):
    return (1 - np.tanh(a[0]) ** 2) * a[1]


# %% 10.6 forwards and backwards exchanged | it gives a column
forward = {"loss": 1, "losses": 32, "throw": 400, "logits": 10, "gradient": 50}
reverse = {"loss": 7850, "losses": 7850, "throw": 1, "logits": 784, "gradient": 50}
cheaper = {"loss": "forward", "losses": "forward", "throw": "reverse", "logits": "forward", "gradient": "either"}
diagonal = 1


# %% 10.6 no biases | biases move too
forward = {"loss": 7840, "losses": 7840, "throw": 1, "logits": 784, "gradient": 50}
reverse = {"loss": 1, "losses": 32, "throw": 400, "logits": 10, "gradient": 50}
cheaper = {"loss": "reverse", "losses": "reverse", "throw": "forward", "logits": "reverse", "gradient": "either"}
diagonal = 1


# %% 10.6 a pass back for each digit | a mean is one number
forward = {"loss": 7850, "losses": 7850, "throw": 1, "logits": 784, "gradient": 50}
reverse = {"loss": 32, "losses": 32, "throw": 400, "logits": 10, "gradient": 50}
cheaper = {"loss": "reverse", "losses": "reverse", "throw": "forward", "logits": "reverse", "gradient": "either"}
diagonal = 1


# %% 10.6 one number at each moment | there are two numbers
forward = {"loss": 7850, "losses": 7850, "throw": 1, "logits": 784, "gradient": 50}
reverse = {"loss": 1, "losses": 32, "throw": 200, "logits": 10, "gradient": 50}
cheaper = {"loss": "reverse", "losses": "reverse", "throw": "forward", "logits": "reverse", "gradient": "either"}
diagonal = 1


# %% 10.6 always backwards | fewest passes
forward = {"loss": 7850, "losses": 7850, "throw": 1, "logits": 784, "gradient": 50}
reverse = {"loss": 1, "losses": 32, "throw": 400, "logits": 10, "gradient": 50}
cheaper = {name: "reverse" for name in forward}
diagonal = 1


# %% 10.6 a gradient is one thing | as many numbers as
forward = {"loss": 7850, "losses": 7850, "throw": 1, "logits": 784, "gradient": 50}
reverse = {"loss": 1, "losses": 32, "throw": 400, "logits": 10, "gradient": 1}
cheaper = {"loss": "reverse", "losses": "reverse", "throw": "forward", "logits": "reverse", "gradient": "reverse"}
diagonal = 1


# %% 10.6 the diagonal by the general rule | one input only
forward = {"loss": 7850, "losses": 7850, "throw": 1, "logits": 784, "gradient": 50}
reverse = {"loss": 1, "losses": 32, "throw": 400, "logits": 10, "gradient": 50}
cheaper = {"loss": "reverse", "losses": "reverse", "throw": "forward", "logits": "reverse", "gradient": "either"}
diagonal = 100


# %% 10.7 column by column | it took 4 passes
def band_jacobian(f, x):
    return np.stack([nn.jvp(f, [x], [unit])[1] for unit in np.eye(x.size)], axis=1)


# %% 10.7 row by row | it took 4 passes
def band_jacobian(f, x):
    y, backward = nn.vjp(f, x)
    return np.stack([backward(unit) for unit in np.eye(y.size)])


# %% 10.7 two groups | met in a row
def band_jacobian(f, x):
    n = x.size
    J = np.zeros((n, n))
    for k in range(2):
        v = np.zeros(n)
        v[k::2] = 1
        _, Jv = nn.jvp(f, [x], [v])
        for j in range(k, n, 2):
            rows = slice(max(j - 1, 0), j + 2)
            J[rows, j] = Jv[rows]
    return J


# %% 10.7 one pass with all ones | sum of all columns
def band_jacobian(f, x):
    return nn.jvp(f, [x], [np.ones(x.size)])[1]


# %% 10.7 three passes, put on the diagonal | only the diagonal
def band_jacobian(f, x):
    n = x.size
    J = np.zeros((n, n))
    for k in range(3):
        v = (np.arange(n) % 3 == k) * 1.0
        _, Jv = nn.jvp(f, [x], [v])
        for j in range(k, n, 3):
            J[j, j] = Jv[j]
    return J


# %% 10.7 rows in place of columns | rows and columns are exchanged
def band_jacobian(f, x):
    n = x.size
    J = np.zeros((n, n))
    for k in range(3):
        v = (np.arange(n) % 3 == k) * 1.0
        _, Jv = nn.jvp(f, [x], [v])
        for j in range(k, n, 3):
            rows = slice(max(j - 1, 0), j + 2)
            J[j, rows] = Jv[rows]
    return J


# %% 10.7 measured | this is measured
def band_jacobian(f, x, h=1e-6):
    return np.stack([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(x.size)], axis=1)


# %% 10.8 the sum over the draws | not their mean
def trace(loss, theta, signs):
    return sum(v @ nn.hvp(loss, theta, direction=v) for v in signs)


spread = {"diagonal": 0, "one": 6, "many": 0.6}


# %% 10.8 the draws are normed | as long as they are
def trace(loss, theta, signs):
    rows = signs / np.linalg.norm(signs, axis=1, keepdims=True)
    return np.mean([v @ nn.hvp(loss, theta, direction=v) for v in rows])


spread = {"diagonal": 0, "one": 6, "many": 0.6}


# %% 10.8 the curvature along each draw | which is vᵀ v
def trace(loss, theta, signs):
    return np.mean([v @ nn.hvp(loss, theta, direction=v) / (v @ v) for v in signs])


spread = {"diagonal": 0, "one": 6, "many": 0.6}


# %% 10.8 normal numbers of its own | no row of `signs`
def trace(loss, theta, signs):
    draws = np.random.default_rng(0).normal(size=signs.shape)
    return np.mean([v @ nn.hvp(loss, theta, direction=v) for v in draws])


spread = {"diagonal": 0, "one": 6, "many": 0.6}


# %% 10.8 even numbers of its own | no row of `signs`
def trace(loss, theta, signs):
    draws = np.random.default_rng(0).uniform(-1, 1, size=signs.shape)
    return np.mean([v @ nn.hvp(loss, theta, direction=v) for v in draws])


spread = {"diagonal": 0, "one": 6, "many": 0.6}


# %% 10.8 the unit vectors | these few draws
def trace(loss, theta, signs):
    return sum(unit @ nn.hvp(loss, theta, direction=unit) for unit in np.eye(theta.size))


spread = {"diagonal": 0, "one": 6, "many": 0.6}


# %% 10.8 the whole Hessian | H is never made
def trace(loss, theta, signs):
    H = np.stack([nn.hvp(loss, theta, direction=unit) for unit in np.eye(theta.size)])
    return np.mean([v @ H @ v for v in signs])


spread = {"diagonal": 0, "one": 6, "many": 0.6}


# %% 10.8 measured | so this is measured
def trace(loss, theta, signs, h=1e-4):
    def gradient(theta):
        return nn.vjp(loss, theta)[1]()

    ends = [(gradient(theta + h * v), gradient(theta - h * v)) for v in signs]
    return np.mean([v @ (up - down) / (2 * h) for v, (up, down) in zip(signs, ends)])


spread = {"diagonal": 0, "one": 6, "many": 0.6}


# %% 10.8 the mean of the draws first | before the product
def trace(loss, theta, signs):
    v = signs.mean(axis=0)
    return v @ nn.hvp(loss, theta, direction=v)


spread = {"diagonal": 0, "one": 6, "many": 0.6}


# %% 10.8 one number for each draw | for each draw
def trace(loss, theta, signs):
    return np.array([v @ nn.hvp(loss, theta, direction=v) for v in signs])


spread = {"diagonal": 0, "one": 6, "many": 0.6}


# %% 10.8 not multiplied by v again | multiplied by its sign
def trace(loss, theta, signs):
    return np.mean([nn.hvp(loss, theta, direction=v).sum() for v in signs])


spread = {"diagonal": 0, "one": 6, "many": 0.6}


# %% 10.8 the mean over everything | add up over the parameters
def trace(loss, theta, signs):
    return np.mean([v * nn.hvp(loss, theta, direction=v) for v in signs])


spread = {"diagonal": 0, "one": 6, "many": 0.6}


# %% 10.8 it returns in the loop | first draw alone
def trace(loss, theta, signs):
    for v in signs:
        return v @ nn.hvp(loss, theta, direction=v)


spread = {"diagonal": 0, "one": 6, "many": 0.6}


# %% 10.8 the spread of the diagonal | square of a sign
def trace(loss, theta, signs):
    return np.mean([v @ nn.hvp(loss, theta, direction=v) for v in signs])


spread = {"diagonal": np.std(np.arange(1, 101)), "one": 6, "many": 0.6}


# %% 10.8 the variance | this is the variance
def trace(loss, theta, signs):
    return np.mean([v @ nn.hvp(loss, theta, direction=v) for v in signs])


spread = {"diagonal": 0, "one": 36, "many": 0.36}


# %% 10.8 each pair once | stands twice
def trace(loss, theta, signs):
    return np.mean([v @ nn.hvp(loss, theta, direction=v) for v in signs])


spread = {"diagonal": 0, "one": 3, "many": 0.3}


# %% 10.8 both halves as if apart | square the sum
def trace(loss, theta, signs):
    return np.mean([v @ nn.hvp(loss, theta, direction=v) for v in signs])


spread = {"diagonal": 0, "one": 18**0.5, "many": 18**0.5 / 10}


# %% 10.8 the sizes are added | variances that add up
def trace(loss, theta, signs):
    return np.mean([v @ nn.hvp(loss, theta, direction=v) for v in signs])


spread = {"diagonal": 0, "one": 10, "many": 1}


# %% 10.8 the rule of normal numbers | for normal numbers
def trace(loss, theta, signs):
    return np.mean([v @ nn.hvp(loss, theta, direction=v) for v in signs])


spread = {"diagonal": 0, "one": 136**0.5, "many": 136**0.5 / 10}


# %% 10.8 a hundredth | variance that is divided
def trace(loss, theta, signs):
    return np.mean([v @ nn.hvp(loss, theta, direction=v) for v in signs])


spread = {"diagonal": 0, "one": 6, "many": 0.06}


# %% 10.8 many draws as one | varies less
def trace(loss, theta, signs):
    return np.mean([v @ nn.hvp(loss, theta, direction=v) for v in signs])


spread = {"diagonal": 0, "one": 6, "many": 6}


# %% 10.8 a name is lost | three names
def trace(loss, theta, signs):
    return np.mean([v @ nn.hvp(loss, theta, direction=v) for v in signs])


spread = {"diagonal": 0, "one": 6}


# %% 10.9 the length is never mended | outgrown all numbers
def valley(f, theta, v, steps):
    def power(product, v):
        for _ in range(steps):
            v = product(v)
        return v @ product(v) / (v @ v)

    largest = power(lambda v: nn.hvp(f, theta, direction=v), v)
    moved = power(lambda v: nn.hvp(f, theta, direction=v) - largest * v, v)
    return largest, moved + largest, 2 / largest


# %% 10.9 no step is taken | where do the steps lead
def valley(f, theta, v, steps):
    v = v / np.linalg.norm(v)
    largest = v @ nn.hvp(f, theta, direction=v)
    return largest, largest, 2 / largest


# %% 10.9 not moved back | move it back
def valley(f, theta, v, steps):
    def power(product, v):
        for _ in range(steps):
            v = v / np.linalg.norm(v)
            w = product(v)
            found, v = v @ w, w
        return found

    largest = power(lambda v: nn.hvp(f, theta, direction=v), v)
    return largest, power(lambda v: nn.hvp(f, theta, direction=v) - largest * v, v), 2 / largest


# %% 10.9 the length in place of the curvature | the sign of what was moved
def valley(f, theta, v, steps):
    def power(product, v):
        for _ in range(steps):
            v = product(v / np.linalg.norm(v))
        return np.linalg.norm(v)

    largest = power(lambda v: nn.hvp(f, theta, direction=v), v)
    return largest, power(lambda v: nn.hvp(f, theta, direction=v) - largest * v, v), 2 / largest


# %% 10.9 the largest twice | the largest once more
def valley(f, theta, v, steps):
    for _ in range(steps):
        v = v / np.linalg.norm(v)
        w = nn.hvp(f, theta, direction=v)
        largest, v = v @ w, w
    return largest, largest, 2 / largest


# %% 10.9 the rate that is best for one direction | leads to the bottom
def valley(f, theta, v, steps):
    def power(product, v):
        for _ in range(steps):
            v = v / np.linalg.norm(v)
            w = product(v)
            found, v = v @ w, w
        return found

    largest = power(lambda v: nn.hvp(f, theta, direction=v), v)
    moved = power(lambda v: nn.hvp(f, theta, direction=v) - largest * v, v)
    return largest, moved + largest, 1 / largest


# %% 10.9 the best rate of the valley | before it breaks
def valley(f, theta, v, steps):
    def power(product, v):
        for _ in range(steps):
            v = v / np.linalg.norm(v)
            w = product(v)
            found, v = v @ w, w
        return found

    largest = power(lambda v: nn.hvp(f, theta, direction=v), v)
    smallest = largest + power(lambda v: nn.hvp(f, theta, direction=v) - largest * v, v)
    return largest, smallest, 2 / (largest + smallest)


# %% 10.9 the whole Hessian | no H is made
def valley(f, theta, v, steps):
    H = np.stack([nn.hvp(f, theta, direction=unit) for unit in np.eye(theta.size)])
    smallest, *_, largest = np.linalg.eigvalsh(H)
    return largest, smallest, 2 / largest


# %% 10.9 the size of the smallest | may bend down as well
def valley(f, theta, v, steps):
    def power(product, v):
        for _ in range(steps):
            v = v / np.linalg.norm(v)
            w = product(v)
            found, v = v @ w, w
        return found

    largest = power(lambda v: nn.hvp(f, theta, direction=v), v)
    moved = power(lambda v: nn.hvp(f, theta, direction=v) - largest * v, v)
    return largest, abs(moved + largest), 2 / largest


# %% 10.9 the length of v | length of v
def valley(f, theta, v, steps):
    for _ in range(steps):
        v = nn.hvp(f, theta, direction=v)
        v = v / np.linalg.norm(v)
    return np.linalg.norm(v), np.linalg.norm(v), 2 / np.linalg.norm(v)


# %% 10.10 it overflows | take the largest x away
@nn.differentiable
def log_sum_exp(x):
    xp = nn.array_namespace(x)
    e = xp.exp(x)
    total = xp.sum(e, axis=-1, keepdims=True)
    return xp.log(total)[..., 0], lambda dy: dy[..., None] * e / total


@nn.record
def cross_entropy(z, t):
    return (log_sum_exp(z) - (t * z).sum(axis=1)).mean()


# %% 10.10 dy for all alike | a larger share
@nn.differentiable
def log_sum_exp(x):
    xp = nn.array_namespace(x)
    top = xp.max(x, axis=-1, keepdims=True)
    total = xp.sum(xp.exp(x - top), axis=-1, keepdims=True)
    return (top + xp.log(total))[..., 0], lambda dy: dy[..., None] + 0 * x


@nn.record
def cross_entropy(z, t):
    return (log_sum_exp(z) - (t * z).sum(axis=1)).mean()


# %% 10.10 dy is forgotten | dy, is missing
@nn.differentiable
def log_sum_exp(x):
    xp = nn.array_namespace(x)
    top = xp.max(x, axis=-1, keepdims=True)
    e = xp.exp(x - top)
    total = xp.sum(e, axis=-1, keepdims=True)
    return (top + xp.log(total))[..., 0], lambda dy: e / total


@nn.record
def cross_entropy(z, t):
    return (log_sum_exp(z) - (t * z).sum(axis=1)).mean()


# %% 10.10 the largest is not added again | not added again
@nn.differentiable
def log_sum_exp(x):
    xp = nn.array_namespace(x)
    e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    total = xp.sum(e, axis=-1, keepdims=True)
    return xp.log(total)[..., 0], lambda dy: dy[..., None] * e / total


@nn.record
def cross_entropy(z, t):
    return (log_sum_exp(z) - (t * z).sum(axis=1)).mean()


# %% 10.10 the sum over all axes | only the last one
@nn.differentiable
def log_sum_exp(x):
    e = np.exp(x)
    return np.log(e.sum()), lambda dy: dy * e / e.sum()


@nn.record
def cross_entropy(z, t):
    return (log_sum_exp(z) - (t * z).sum(axis=1)).mean()


# %% 10.10 not divided by the sum | not divided by their sum
@nn.differentiable
def log_sum_exp(x):
    return np.log(np.exp(x).sum(axis=-1)), lambda dy: dy[..., None] * np.exp(x)


@nn.record
def cross_entropy(z, t):
    return (log_sum_exp(z) - (t * z).sum(axis=1)).mean()


# %% 10.10 NumPy's functions | dual numbers
@nn.differentiable
def log_sum_exp(x):
    top = np.max(x, axis=-1, keepdims=True)
    e = np.exp(x - top)
    total = np.sum(e, axis=-1, keepdims=True)
    return (top + np.log(total))[..., 0], lambda dy: dy[..., None] * e / total


@nn.record
def cross_entropy(z, t):
    return (log_sum_exp(z) - (t * z).sum(axis=1)).mean()


# %% 10.10 the sum of the losses | not their mean
@nn.differentiable
def log_sum_exp(x):
    xp = nn.array_namespace(x)
    top = xp.max(x, axis=-1, keepdims=True)
    e = xp.exp(x - top)
    total = xp.sum(e, axis=-1, keepdims=True)
    return (top + xp.log(total))[..., 0], lambda dy: dy[..., None] * e / total


@nn.record
def cross_entropy(z, t):
    return (log_sum_exp(z) - (t * z).sum(axis=1)).sum()


# %% 10.10 one loss for each example | loss for each example
@nn.differentiable
def log_sum_exp(x):
    xp = nn.array_namespace(x)
    top = xp.max(x, axis=-1, keepdims=True)
    e = xp.exp(x - top)
    total = xp.sum(e, axis=-1, keepdims=True)
    return (top + xp.log(total))[..., 0], lambda dy: dy[..., None] * e / total


@nn.record
def cross_entropy(z, t):
    return log_sum_exp(z) - (t * z).sum(axis=1)


# %% 10.10 the mean over the classes too | over the classes
@nn.differentiable
def log_sum_exp(x):
    xp = nn.array_namespace(x)
    top = xp.max(x, axis=-1, keepdims=True)
    e = xp.exp(x - top)
    total = xp.sum(e, axis=-1, keepdims=True)
    return (top + xp.log(total))[..., 0], lambda dy: dy[..., None] * e / total


@nn.record
def cross_entropy(z, t):
    return (log_sum_exp(z)[:, None] - t * z).mean()


# %% 10.10 not recorded | which is not differentiable
@nn.differentiable
def log_sum_exp(x):
    xp = nn.array_namespace(x)
    top = xp.max(x, axis=-1, keepdims=True)
    e = xp.exp(x - top)
    total = xp.sum(e, axis=-1, keepdims=True)
    return (top + xp.log(total))[..., 0], lambda dy: dy[..., None] * e / total


def cross_entropy(z, t):
    return (log_sum_exp(z) - (t * z).sum(axis=1)).mean()
