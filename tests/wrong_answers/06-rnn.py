# %% 6.1 the biases are forgotten | has a bias
parameters = 128 * (16 + 128)
steps = 21
sigmoid_share = 0.00098

# %% 6.1 new weights for every step | same at every step
parameters = 10 * 128 * (16 + 128 + 1)
steps = 21
sigmoid_share = 0.00098

# %% 6.1 rounded the wrong way | a little more than 1 %
parameters = 128 * (16 + 128 + 1)
steps = 20
sigmoid_share = 0.00098

# %% 6.1 the slope of the sigmoid is forgotten | slope of the bend
parameters = 128 * (16 + 128 + 1)
steps = 21
sigmoid_share = 1024

# %% 6.1 a bias for each matrix | one bias, not two
parameters = 128 * (16 + 128 + 2)
steps = 21
sigmoid_share = 0.00098

# %% 6.1 rounded to nothing | but not 0
parameters = 128 * (16 + 128 + 1)
steps = 21
sigmoid_share = 0.00

# %% 6.1 one digit | two significant digits
parameters = 128 * (16 + 128 + 1)
steps = 21
sigmoid_share = 0.001

# %% 6.1 in per cent | per cent
parameters = 128 * (16 + 128 + 1)
steps = 21
sigmoid_share = 0.098

# %% 6.1 the matrix is forgotten | the slopes alone
parameters = 128 * (16 + 128 + 1)
steps = 21
sigmoid_share = 0.25**10


# %% 6.2 the matrix is not turned | turned or not
def rnn(x, h0, W_xh, W_hh, b_h):
    h, states = h0, []
    for x_t in x:
        h = np.tanh(h @ W_hh + x_t @ W_xh.T + b_h)
        states.append(h)
    return np.stack(states)


# %% 6.2 every step starts from h0 | state before
def rnn(x, h0, W_xh, W_hh, b_h):
    return np.stack([np.tanh(h0 @ W_hh.T + x_t @ W_xh.T + b_h) for x_t in x])


# %% 6.2 starts from zero | not from h0
def rnn(x, h0, W_xh, W_hh, b_h):
    h, states = np.zeros_like(h0), []
    for x_t in x:
        h = np.tanh(h @ W_hh.T + x_t @ W_xh.T + b_h)
        states.append(h)
    return np.stack(states)


# %% 6.2 no bend | bend is missing
def rnn(x, h0, W_xh, W_hh, b_h):
    h, states = h0, []
    for x_t in x:
        h = h @ W_hh.T + x_t @ W_xh.T + b_h
        states.append(h)
    return np.stack(states)


# %% 6.2 the sigmoid in place of tanh | this network has another one
def rnn(x, h0, W_xh, W_hh, b_h):
    h, states = h0, []
    for x_t in x:
        h = nn.sigmoid(h @ W_hh.T + x_t @ W_xh.T + b_h)
        states.append(h)
    return np.stack(states)


# %% 6.3 the gradient from later steps is lost | second user
def rnn_backward(g, x, h0, h, W_xh, W_hh):
    before = np.concatenate([h0[None], h[:-1]])
    dz = (1 - h**2) * g
    dW_xh = sum(dz[t].T @ x[t] for t in range(len(x)))
    dW_hh = sum(dz[t].T @ before[t] for t in range(len(x)))
    return dz @ W_xh, dz[0] @ W_hh, dW_xh, dW_hh, dz.sum(axis=(0, 1))


# %% 6.3 the slope is forgotten | slope of tanh is missing
def rnn_backward(g, x, h0, h, W_xh, W_hh):
    before = np.concatenate([h0[None], h[:-1]])
    dx, later = np.zeros_like(x), np.zeros_like(h0)
    dW_xh, dW_hh, db_h = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    for t in reversed(range(len(x))):
        dz = g[t] + later
        dx[t] = dz @ W_xh
        dW_xh += dz.T @ x[t]
        dW_hh += dz.T @ before[t]
        db_h += dz.sum(axis=0)
        later = dz @ W_hh
    return dx, later, dW_xh, dW_hh, db_h


# %% 6.3 the state after the step in dW_hh | before this step
def rnn_backward(g, x, h0, h, W_xh, W_hh):
    dx, later = np.zeros_like(x), np.zeros_like(h0)
    dW_xh, dW_hh, db_h = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    for t in reversed(range(len(x))):
        dz = (1 - h[t] ** 2) * (g[t] + later)
        dx[t] = dz @ W_xh
        dW_xh += dz.T @ x[t]
        dW_hh += dz.T @ h[t]
        db_h += dz.sum(axis=0)
        later = dz @ W_hh
    return dx, later, dW_xh, dW_hh, db_h


# %% 6.3 the matrix is turned | wrong side
def rnn_backward(g, x, h0, h, W_xh, W_hh):
    before = np.concatenate([h0[None], h[:-1]])
    dx, later = np.zeros_like(x), np.zeros_like(h0)
    dW_xh, dW_hh, db_h = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    for t in reversed(range(len(x))):
        dz = (1 - h[t] ** 2) * (g[t] + later)
        dx[t] = dz @ W_xh
        dW_xh += dz.T @ x[t]
        dW_hh += dz.T @ before[t]
        db_h += dz.sum(axis=0)
        later = dz @ W_hh.T
    return dx, later, dW_xh, dW_hh, db_h


# %% 6.3 db_h not summed over the batch | shape
def rnn_backward(g, x, h0, h, W_xh, W_hh):
    before = np.concatenate([h0[None], h[:-1]])
    dx, later = np.zeros_like(x), np.zeros_like(h0)
    dW_xh, dW_hh, db_h = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros_like(h0)
    for t in reversed(range(len(x))):
        dz = (1 - h[t] ** 2) * (g[t] + later)
        dx[t] = dz @ W_xh
        dW_xh += dz.T @ x[t]
        dW_hh += dz.T @ before[t]
        db_h += dz
        later = dz @ W_hh
    return dx, later, dW_xh, dW_hh, db_h


# %% 6.3 the slope of the direct gradient alone | pass the bend of this step too
def rnn_backward(g, x, h0, h, W_xh, W_hh):
    before = np.concatenate([h0[None], h[:-1]])
    dx, later = np.zeros_like(x), np.zeros_like(h0)
    dW_xh, dW_hh, db_h = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    for t in reversed(range(len(x))):
        dz = (1 - h[t] ** 2) * g[t] + later
        dx[t] = dz @ W_xh
        dW_xh += dz.T @ x[t]
        dW_hh += dz.T @ before[t]
        db_h += dz.sum(axis=0)
        later = dz @ W_hh
    return dx, later, dW_xh, dW_hh, db_h


# %% 6.3 dh0 without the matrix | by which matrix does h0 come in
def rnn_backward(g, x, h0, h, W_xh, W_hh):
    before = np.concatenate([h0[None], h[:-1]])
    dx, later = np.zeros_like(x), np.zeros_like(h0)
    dW_xh, dW_hh, db_h = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    for t in reversed(range(len(x))):
        dz = (1 - h[t] ** 2) * (g[t] + later)
        dx[t] = dz @ W_xh
        dW_xh += dz.T @ x[t]
        dW_hh += dz.T @ before[t]
        db_h += dz.sum(axis=0)
        later = dz @ W_hh
    return dx, dz, dW_xh, dW_hh, db_h


# %% 6.4 nothing is cut | nothing has been cut
def truncated(x, h0, W_xh, W_hh, b_h, g, K):
    h, backward = nn.vjp(nn.rnn, x, h0, W_xh, W_hh, b_h, wrt=3)
    return h, backward(g)


# %% 6.4 the remainder is dropped | shape
def truncated(x, h0, W_xh, W_hh, b_h, g, K):
    K = min(K, len(x))
    h, dW_hh, state = [], np.zeros_like(W_hh), h0
    for start in range(0, len(x) - len(x) % K, K):
        piece = slice(start, start + K)
        states, backward = nn.vjp(nn.rnn, x[piece], state, W_xh, W_hh, b_h, wrt=3)
        dW_hh += backward(g[piece])
        h.append(states)
        state = states[-1]
    return np.concatenate(h), dW_hh


# %% 6.4 the first state goes on, not the last | from the first state of this one
def truncated(x, h0, W_xh, W_hh, b_h, g, K):
    h, dW_hh, state = [], np.zeros_like(W_hh), h0
    for start in range(0, len(x), K):
        piece = slice(start, start + K)
        states, backward = nn.vjp(nn.rnn, x[piece], state, W_xh, W_hh, b_h, wrt=3)
        dW_hh += backward(g[piece])
        h.append(states)
        state = states[0]
    return np.concatenate(h), dW_hh


# %% 6.5 the coarse bound | coarse
def gradient_bound(h, W_hh):
    return np.linalg.norm(W_hh, 2) ** (len(h) - 1)


# %% 6.5 the spectral radius | spectral radius
def gradient_bound(h, W_hh):
    radius = np.abs(np.linalg.eigvals(W_hh)).max()
    return np.prod(radius * (1 - h[1:] ** 2).max(axis=1))


# %% 6.5 one step too many | one step fewer
def gradient_bound(h, W_hh):
    return np.prod(np.linalg.norm(W_hh, 2) * (1 - h**2).max(axis=1))


# %% 6.5 the mean slope | not on average
def gradient_bound(h, W_hh):
    return np.prod(np.linalg.norm(W_hh, 2) * (1 - h[1:] ** 2).mean(axis=1))


# %% 6.5 the default norm | Frobenius
def gradient_bound(h, W_hh):
    return np.prod(np.linalg.norm(W_hh) * (1 - h[1:] ** 2).max(axis=1))


# %% 6.5 the slopes where the steps start | that the steps start from
def gradient_bound(h, W_hh):
    return np.prod(np.linalg.norm(W_hh, 2) * (1 - h[:-1] ** 2).max(axis=1))


# %% 6.5 the slope of the sigmoid | slope of the sigmoid
def gradient_bound(h, W_hh):
    return np.prod(np.linalg.norm(W_hh, 2) * (h[1:] * (1 - h[1:])).max(axis=1))


# %% 6.5 tanh of a tanh | one tanh too many
def gradient_bound(h, W_hh):
    return np.prod(np.linalg.norm(W_hh, 2) * (1 - np.tanh(h[1:]) ** 2).max(axis=1))


# %% 6.5 one slope for all steps | a largest slope of its own
def gradient_bound(h, W_hh):
    return (np.linalg.norm(W_hh, 2) * (1 - h[1:] ** 2).max()) ** (len(h) - 1)


# %% 6.5 the norm of each step as a whole | finer still
def gradient_bound(h, W_hh):
    return np.prod([np.linalg.norm(np.diag(1 - h_t**2) @ W_hh, 2) for h_t in h[1:]])


# %% 6.6 it is thought to fade | doubles it.
state = 0.0
gradient = "vanishes"
least_weight = 1.0

# %% 6.6 the slope is taken at zero | where the unit stays?
state = 0.957
gradient = "explodes"
least_weight = 1.0

# %% 6.6 what is kept must have a gradient of 1 | where the unit stays.
state = 0.957
gradient = "stays"
least_weight = 1.0

# %% 6.6 the weight of the example | smaller one
state = 0.957
gradient = "vanishes"
least_weight = 2.0

# %% 6.7 the radius of the chapter | vanishes
radius = 1.0

# %% 6.7 far too much | explodes
radius = 1.5


# %% 6.8 set, not added | only one gradient
def embedding_backward(dx, tokens, count):
    dE = np.zeros((count, dx.shape[-1]))
    dE[tokens] = dx
    return dE


# %% 6.8 averaged | not averaged
def embedding_backward(dx, tokens, count):
    dE = np.zeros((count, dx.shape[-1]))
    np.add.at(dE, tokens, dx)
    return dE / np.maximum(np.bincount(tokens.ravel(), minlength=count), 1)[:, None]


# %% 6.8 only as many rows as were read | shape
def embedding_backward(dx, tokens, count):
    dE = np.zeros((tokens.max() + 1, dx.shape[-1]))
    np.add.at(dE, tokens, dx)
    return dE


# %% 6.8 a loop over the first axis only | more than one axis
def embedding_backward(dx, tokens, count):
    dE = np.zeros((count, dx.shape[-1]))
    for token, d in zip(tokens, dx):
        dE[token] += d
    return dE


# %% 6.9 the mean over names | not over names
def perplexity(logits, targets):
    means = [-nn.log_softmax(z)[np.arange(len(y)), y].mean() for z, y in zip(logits, targets)]
    return np.exp(np.mean(means))


# %% 6.9 no exponential | its exponential
def perplexity(logits, targets):
    losses = [-nn.log_softmax(z)[np.arange(len(y)), y] for z, y in zip(logits, targets)]
    return np.concatenate(losses).mean()


# %% 6.9 base two for half of the way | same base
def perplexity(logits, targets):
    losses = [-nn.log_softmax(z)[np.arange(len(y)), y] for z, y in zip(logits, targets)]
    return 2 ** np.concatenate(losses).mean()


# %% 6.9 the softmax written out | safe for every logit
def perplexity(logits, targets):
    losses = []
    for z, y in zip(logits, targets):
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        losses.append(-np.log(p[np.arange(len(y)), y]))
    return np.exp(np.concatenate(losses).mean())


# %% 6.10 the second reading is not turned back | wrong order
def both_ways(x, right, left):
    H = len(right[2])
    h0 = np.zeros((x.shape[1], H))
    there, backward_there = nn.vjp(nn.rnn, x, h0, *right, wrt=0)
    back, backward_back = nn.vjp(nn.rnn, x[::-1], h0, *left, wrt=0)

    def backward(dy):
        return backward_there(dy[..., :H]) + backward_back(dy[..., H:])[::-1]

    return np.concatenate([there, back], axis=-1), backward


# %% 6.10 the gradient is not turned round on its way out | turned round again
def both_ways(x, right, left):
    H = len(right[2])
    h0 = np.zeros((x.shape[1], H))
    there, backward_there = nn.vjp(nn.rnn, x, h0, *right, wrt=0)
    back, backward_back = nn.vjp(nn.rnn, x[::-1], h0, *left, wrt=0)

    def backward(dy):
        return backward_there(dy[..., :H]) + backward_back(dy[::-1, :, H:])

    return np.concatenate([there, back[::-1]], axis=-1), backward


# %% 6.10 the gradient is not turned round on its way in | before it goes into
def both_ways(x, right, left):
    H = len(right[2])
    h0 = np.zeros((x.shape[1], H))
    there, backward_there = nn.vjp(nn.rnn, x, h0, *right, wrt=0)
    back, backward_back = nn.vjp(nn.rnn, x[::-1], h0, *left, wrt=0)

    def backward(dy):
        return backward_there(dy[..., :H]) + backward_back(dy[..., H:])[::-1]

    return np.concatenate([there, back[::-1]], axis=-1), backward


# %% 6.10 the second reading gives no gradient | read twice
def both_ways(x, right, left):
    H = len(right[2])
    h0 = np.zeros((x.shape[1], H))
    there, backward_there = nn.vjp(nn.rnn, x, h0, *right, wrt=0)
    back = nn.rnn(x[::-1], h0, *left)

    def backward(dy):
        return backward_there(dy[..., :H])

    return np.concatenate([there, back[::-1]], axis=-1), backward


# %% 6.10 right and left exchanged | which of them reads from x[0] on
def both_ways(x, right, left):
    H = len(right[2])
    h0 = np.zeros((x.shape[1], H))
    there, backward_there = nn.vjp(nn.rnn, x, h0, *left, wrt=0)
    back, backward_back = nn.vjp(nn.rnn, x[::-1], h0, *right, wrt=0)

    def backward(dy):
        return backward_there(dy[..., :H]) + backward_back(dy[::-1, :, H:])[::-1]

    return np.concatenate([there, back[::-1]], axis=-1), backward


# %% 6.10 the halves exchanged | two halves of y
def both_ways(x, right, left):
    H = len(right[2])
    h0 = np.zeros((x.shape[1], H))
    there, backward_there = nn.vjp(nn.rnn, x, h0, *right, wrt=0)
    back, backward_back = nn.vjp(nn.rnn, x[::-1], h0, *left, wrt=0)

    def backward(dy):
        return backward_there(dy[..., H:]) + backward_back(dy[::-1, :, :H])[::-1]

    return np.concatenate([back[::-1], there], axis=-1), backward


# %% 6.10 the gradient is not turned at all | but its gradient never
def both_ways(x, right, left):
    H = len(right[2])
    h0 = np.zeros((x.shape[1], H))
    there, backward_there = nn.vjp(nn.rnn, x, h0, *right, wrt=0)
    back, backward_back = nn.vjp(nn.rnn, x[::-1], h0, *left, wrt=0)

    def backward(dy):
        return backward_there(dy[..., :H]) + backward_back(dy[..., H:])

    return np.concatenate([there, back[::-1]], axis=-1), backward


# %% 6.11 the window still holds the week itself | that week itself
def examples(v, first, window):
    u = (v - v[:first].mean()) / v[:first].std()
    weeks = np.arange(window, len(v))
    x = np.array([u[w - window + 1 : w + 1] for w in weeks])
    train, test = weeks < first, weeks >= first
    return x[train], u[weeks[train]], x[test], u[weeks[test]]


# %% 6.11 the mean of all weeks | has seen the test weeks
def examples(v, first, window):
    u = (v - v.mean()) / v.std()
    weeks = np.arange(window, len(v))
    x = np.array([u[w - window : w] for w in weeks])
    train, test = weeks < first, weeks >= first
    return x[train], u[weeks[train]], x[test], u[weeks[test]]


# %% 6.11 not standardised at all | is not right
def examples(v, first, window):
    weeks = np.arange(window, len(v))
    x = np.array([v[w - window : w] for w in weeks])
    train, test = weeks < first, weeks >= first
    return x[train], v[weeks[train]], x[test], v[weeks[test]]


# %% 6.11 the deviation is not mended | the deviation has still seen
def examples(v, first, window):
    u = (v - v[:first].mean()) / v.std()
    weeks = np.arange(window, len(v))
    x = np.array([u[w - window : w] for w in weeks])
    train, test = weeks < first, weeks >= first
    return x[train], u[weeks[train]], x[test], u[weeks[test]]


# %% 6.11 the mean is not mended | the mean has still seen
def examples(v, first, window):
    u = (v - v.mean()) / v[:first].std()
    weeks = np.arange(window, len(v))
    x = np.array([u[w - window : w] for w in weeks])
    train, test = weeks < first, weeks >= first
    return x[train], u[weeks[train]], x[test], u[weeks[test]]


# %% 6.11 the first weeks are left out | more weeks are known
def examples(v, first, window):
    u = (v - v[window:first].mean()) / v[window:first].std()
    weeks = np.arange(window, len(v))
    x = np.array([u[w - window : w] for w in weeks])
    train, test = weeks < first, weeks >= first
    return x[train], u[weeks[train]], x[test], u[weeks[test]]


# %% 6.11 divided by one less | not by one less
def examples(v, first, window):
    u = (v - v[:first].mean()) / v[:first].std(ddof=1)
    weeks = np.arange(window, len(v))
    x = np.array([u[w - window : w] for w in weeks])
    train, test = weeks < first, weeks >= first
    return x[train], u[weeks[train]], x[test], u[weeks[test]]


# %% 6.12 one step ago | what it heard 1 step ago
def echo(seed):
    rng, optimizer = np.random.default_rng(seed), nn.Adam(5e-3)
    model = nn.Sequential(nn.RNN(1, 32), nn.Dense(32, 1))
    params = model.init(seed)
    for _ in range(400):
        x = nn.asarray(rng.uniform(-1, 1, size=(24, 32, 1)), "float32")
        said, backward = nn.vjp(model, params, x, wrt=0)
        _, d_loss = nn.vjp(nn.mean_squared_error, said[5:], x[4:-1], wrt=0)
        d_said = 0 * said
        d_said[5:] = d_loss()
        grads = backward(d_said)
        nn.clip_gradient_norm(grads, 1.0)
        optimizer.step(params, grads)
    return model, params


# %% 6.12 one step too far | what it heard 6 steps ago
def echo(seed):
    rng, optimizer = np.random.default_rng(seed), nn.Adam(5e-3)
    model = nn.Sequential(nn.RNN(1, 32), nn.Dense(32, 1))
    params = model.init(seed)
    for _ in range(400):
        x = nn.asarray(rng.uniform(-1, 1, size=(24, 32, 1)), "float32")
        said, backward = nn.vjp(model, params, x, wrt=0)
        _, d_loss = nn.vjp(nn.mean_squared_error, said[6:], x[:-6], wrt=0)
        d_said = 0 * said
        d_said[6:] = d_loss()
        grads = backward(d_said)
        nn.clip_gradient_norm(grads, 1.0)
        optimizer.step(params, grads)
    return model, params


# %% 6.12 no delay | what it heard 0 steps ago
def echo(seed):
    rng, optimizer = np.random.default_rng(seed), nn.Adam(5e-3)
    model = nn.Sequential(nn.RNN(1, 32), nn.Dense(32, 1))
    params = model.init(seed)
    for _ in range(400):
        x = nn.asarray(rng.uniform(-1, 1, size=(24, 32, 1)), "float32")
        said, backward = nn.vjp(model, params, x, wrt=0)
        _, d_loss = nn.vjp(nn.mean_squared_error, said[5:], x[5:], wrt=0)
        d_said = 0 * said
        d_said[5:] = d_loss()
        grads = backward(d_said)
        nn.clip_gradient_norm(grads, 1.0)
        optimizer.step(params, grads)
    return model, params


# %% 6.12 not trained | Does the loss fall
def echo(seed):
    rng, optimizer = np.random.default_rng(seed), nn.Adam(5e-3)
    model = nn.Sequential(nn.RNN(1, 32), nn.Dense(32, 1))
    params = model.init(seed)
    for _ in range(0):
        x = nn.asarray(rng.uniform(-1, 1, size=(24, 32, 1)), "float32")
        said, backward = nn.vjp(model, params, x, wrt=0)
        _, d_loss = nn.vjp(nn.mean_squared_error, said[5:], x[:-5], wrt=0)
        d_said = 0 * said
        d_said[5:] = d_loss()
        grads = backward(d_said)
        nn.clip_gradient_norm(grads, 1.0)
        optimizer.step(params, grads)
    return model, params
