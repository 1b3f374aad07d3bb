# %% 7.1 one layer only | how many does the cell have
learned = 63 * (16 + 63 + 1)
half_life = 14.27
error = 1 / 12

# %% 7.1 three gates and no candidate | something else has weights
learned = 3 * 63 * (16 + 63 + 1)
half_life = 14.27
error = 1 / 12

# %% 7.1 the biases are forgotten | has a bias
learned = 4 * 63 * (16 + 63)
half_life = 14.27
error = 1 / 12

# %% 7.1 the approximation | too rough
learned = 4 * 63 * (16 + 63 + 1)
half_life = 13.9
error = 1 / 12

# %% 7.1 the chapter's rounded number | too rough
learned = 4 * 63 * (16 + 63 + 1)
half_life = 14
error = 1 / 12

# %% 7.1 the time to 1/e | 1/e is left
learned = 4 * 63 * (16 + 63 + 1)
half_life = 20.6
error = 1 / 12

# %% 7.1 knows nothing | neither of the two
learned = 4 * 63 * (16 + 63 + 1)
half_life = 14.27
error = 0.167

# %% 7.1 guesses zero | its mean
learned = 4 * 63 * (16 + 63 + 1)
half_life = 14.27
error = 0.333


# %% 7.2 another library's order | another library
def lstm_step(x, h, c, W_x, W_h, b):
    i, f, candidate, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    c = nn.sigmoid(f) * c + nn.sigmoid(i) * np.tanh(candidate)
    return nn.sigmoid(o) * np.tanh(c), c


# %% 7.2 the input gate first | come second
def lstm_step(x, h, c, W_x, W_h, b):
    i, f, o, candidate = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    c = nn.sigmoid(f) * c + nn.sigmoid(i) * np.tanh(candidate)
    return nn.sigmoid(o) * np.tanh(c), c


# %% 7.2 the sigmoid for all four | goes through tanh
def lstm_step(x, h, c, W_x, W_h, b):
    f, i, o, candidate = np.split(nn.sigmoid(x @ W_x.T + h @ W_h.T + b), 4, axis=1)
    c = f * c + i * candidate
    return o * np.tanh(c), c


# %% 7.2 the cell is shown without its bend | tanh of the cell state
def lstm_step(x, h, c, W_x, W_h, b):
    f, i, o, candidate = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    c = nn.sigmoid(f) * c + nn.sigmoid(i) * np.tanh(candidate)
    return nn.sigmoid(o) * c, c


# %% 7.2 the old cell is shown | not the one before
def lstm_step(x, h, c, W_x, W_h, b):
    f, i, o, candidate = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    h = nn.sigmoid(o) * np.tanh(c)
    return h, nn.sigmoid(f) * c + nn.sigmoid(i) * np.tanh(candidate)


# %% 7.2 the forget gate on h | and not of h
def lstm_step(x, h, c, W_x, W_h, b):
    f, i, o, candidate = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    c = nn.sigmoid(f) * h + nn.sigmoid(i) * np.tanh(candidate)
    return nn.sigmoid(o) * np.tanh(c), c


# %% 7.2 no input gate | its share
def lstm_step(x, h, c, W_x, W_h, b):
    f, i, o, candidate = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    c = nn.sigmoid(f) * c + np.tanh(candidate)
    return nn.sigmoid(o) * np.tanh(c), c


# %% 7.2 the cell state comes first | h first
def lstm_step(x, h, c, W_x, W_h, b):
    f, i, o, candidate = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    c = nn.sigmoid(f) * c + nn.sigmoid(i) * np.tanh(candidate)
    return c, nn.sigmoid(o) * np.tanh(c)


# %% 7.3 the next cell is forgotten | next cell reads
def cell_backward(dh, dc_later, f, i, o, candidate, c_before, c):
    dc = dh * o * (1 - np.tanh(c) ** 2)
    dz_f, dz_i = dc * c_before * f * (1 - f), dc * candidate * i * (1 - i)
    dz_o, dz_c = dh * np.tanh(c) * o * (1 - o), dc * i * (1 - candidate**2)
    return np.concatenate([dz_f, dz_i, dz_o, dz_c], axis=1), f * dc


# %% 7.3 the new cell state as the partner of f | partner of the forget gate
def cell_backward(dh, dc_later, f, i, o, candidate, c_before, c):
    dc = dc_later + dh * o * (1 - np.tanh(c) ** 2)
    dz_f, dz_i = dc * c * f * (1 - f), dc * candidate * i * (1 - i)
    dz_o, dz_c = dh * np.tanh(c) * o * (1 - o), dc * i * (1 - candidate**2)
    return np.concatenate([dz_f, dz_i, dz_o, dz_c], axis=1), f * dc


# %% 7.3 the slope of tanh C is forgotten | slope of tanh is missing
def cell_backward(dh, dc_later, f, i, o, candidate, c_before, c):
    dc = dc_later + dh * o
    dz_f, dz_i = dc * c_before * f * (1 - f), dc * candidate * i * (1 - i)
    dz_o, dz_c = dh * np.tanh(c) * o * (1 - o), dc * i * (1 - candidate**2)
    return np.concatenate([dz_f, dz_i, dz_o, dz_c], axis=1), f * dc


# %% 7.3 gradients of the gates, not of z | slopes of the four bends
def cell_backward(dh, dc_later, f, i, o, candidate, c_before, c):
    dc = dc_later + dh * o * (1 - np.tanh(c) ** 2)
    return np.concatenate([dc * c_before, dc * candidate, dh * np.tanh(c), dc * i], axis=1), f * dc


# %% 7.3 the candidate's slope is a sigmoid's | out of tanh
def cell_backward(dh, dc_later, f, i, o, candidate, c_before, c):
    dc = dc_later + dh * o * (1 - np.tanh(c) ** 2)
    gates = np.concatenate([f, i, o, candidate], axis=1)
    dgates = np.concatenate([dc * c_before, dc * candidate, dh * np.tanh(c), dc * i], axis=1)
    return dgates * gates * (1 - gates), f * dc


# %% 7.3 the whole dC goes back | stands the forget gate
def cell_backward(dh, dc_later, f, i, o, candidate, c_before, c):
    dc = dc_later + dh * o * (1 - np.tanh(c) ** 2)
    dz_f, dz_i = dc * c_before * f * (1 - f), dc * candidate * i * (1 - i)
    dz_o, dz_c = dh * np.tanh(c) * o * (1 - o), dc * i * (1 - candidate**2)
    return np.concatenate([dz_f, dz_i, dz_o, dz_c], axis=1), dc


# %% 7.3 the candidate before the output gate | last of the four blocks
def cell_backward(dh, dc_later, f, i, o, candidate, c_before, c):
    dc = dc_later + dh * o * (1 - np.tanh(c) ** 2)
    dz_f, dz_i = dc * c_before * f * (1 - f), dc * candidate * i * (1 - i)
    dz_o, dz_c = dh * np.tanh(c) * o * (1 - o), dc * i * (1 - candidate**2)
    return np.concatenate([dz_f, dz_i, dz_c, dz_o], axis=1), f * dc


# %% 7.3 another library's order | another library
def cell_backward(dh, dc_later, f, i, o, candidate, c_before, c):
    dc = dc_later + dh * o * (1 - np.tanh(c) ** 2)
    dz_f, dz_i = dc * c_before * f * (1 - f), dc * candidate * i * (1 - i)
    dz_o, dz_c = dh * np.tanh(c) * o * (1 - o), dc * i * (1 - candidate**2)
    return np.concatenate([dz_i, dz_f, dz_c, dz_o], axis=1), f * dc


# %% 7.4 the whole dC goes back | stands the forget gate
def lstm_backward(g, x, h0, c0, h, c, gates, W_x, W_h):
    h_before, c_before = np.concatenate([h0[None], h[:-1]]), np.concatenate([c0[None], c[:-1]])
    dx, dh, dc = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(c0)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    for t in reversed(range(len(x))):
        f, i, o, a = np.split(gates[t], 4, axis=1)
        dh = g[t] + dh
        dc = dc + dh * o * (1 - np.tanh(c[t]) ** 2)
        d = np.concatenate([dc * c_before[t], dc * a, dh * np.tanh(c[t]), dc * i], axis=1)
        dz = d * np.concatenate([f * (1 - f), i * (1 - i), o * (1 - o), 1 - a**2], axis=1)
        dx[t] = dz @ W_x
        dW_x += dz.T @ x[t]
        dW_h += dz.T @ h_before[t]
        db += dz.sum(axis=0)
        dh = dz @ W_h
    return dx, dh, dc, dW_x, dW_h, db


# %% 7.4 bent a second time | do not bend them again
def lstm_backward(g, x, h0, c0, h, c, gates, W_x, W_h):
    h_before, c_before = np.concatenate([h0[None], h[:-1]]), np.concatenate([c0[None], c[:-1]])
    dx, dh, dc = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(c0)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    for t in reversed(range(len(x))):
        f, i, o, a = np.split(gates[t], 4, axis=1)
        f, i, o, a = nn.sigmoid(f), nn.sigmoid(i), nn.sigmoid(o), np.tanh(a)
        dh = g[t] + dh
        dc = dc + dh * o * (1 - np.tanh(c[t]) ** 2)
        d = np.concatenate([dc * c_before[t], dc * a, dh * np.tanh(c[t]), dc * i], axis=1)
        dz = d * np.concatenate([f * (1 - f), i * (1 - i), o * (1 - o), 1 - a**2], axis=1)
        dx[t] = dz @ W_x
        dW_x += dz.T @ x[t]
        dW_h += dz.T @ h_before[t]
        db += dz.sum(axis=0)
        dh = dz @ W_h
        dc = f * dc
    return dx, dh, dc, dW_x, dW_h, db


# %% 7.4 what h says of the cell is overwritten | was set
def lstm_backward(g, x, h0, c0, h, c, gates, W_x, W_h):
    h_before, c_before = np.concatenate([h0[None], h[:-1]]), np.concatenate([c0[None], c[:-1]])
    dx, dh, dc = np.zeros_like(x), np.zeros_like(h0), None
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    for t in reversed(range(len(x))):
        f, i, o, a = np.split(gates[t], 4, axis=1)
        dh = g[t] + dh
        if dc is None:
            dc = dh * o * (1 - np.tanh(c[t]) ** 2)
        d = np.concatenate([dc * c_before[t], dc * a, dh * np.tanh(c[t]), dc * i], axis=1)
        dz = d * np.concatenate([f * (1 - f), i * (1 - i), o * (1 - o), 1 - a**2], axis=1)
        dx[t] = dz @ W_x
        dW_x += dz.T @ x[t]
        dW_h += dz.T @ h_before[t]
        db += dz.sum(axis=0)
        dh, dc = dz @ W_h, f * dc
    return dx, dh, dc, dW_x, dW_h, db


# %% 7.4 the next cell is not added | next cell reads C_t too
def lstm_backward(g, x, h0, c0, h, c, gates, W_x, W_h):
    h_before, c_before = np.concatenate([h0[None], h[:-1]]), np.concatenate([c0[None], c[:-1]])
    dx, dh = np.zeros_like(x), np.zeros_like(h0)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    for t in reversed(range(len(x))):
        f, i, o, a = np.split(gates[t], 4, axis=1)
        dh = g[t] + dh
        dc = dh * o * (1 - np.tanh(c[t]) ** 2)
        d = np.concatenate([dc * c_before[t], dc * a, dh * np.tanh(c[t]), dc * i], axis=1)
        dz = d * np.concatenate([f * (1 - f), i * (1 - i), o * (1 - o), 1 - a**2], axis=1)
        dx[t] = dz @ W_x
        dW_x += dz.T @ x[t]
        dW_h += dz.T @ h_before[t]
        db += dz.sum(axis=0)
        dh = dz @ W_h
    return dx, dh, f * dc, dW_x, dW_h, db


# %% 7.4 the forget gate of this step | its own forget gate
def lstm_backward(g, x, h0, c0, h, c, gates, W_x, W_h):
    h_before, c_before = np.concatenate([h0[None], h[:-1]]), np.concatenate([c0[None], c[:-1]])
    dx, dh, dc = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(c0)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    for t in reversed(range(len(x))):
        f, i, o, a = np.split(gates[t], 4, axis=1)
        dh = g[t] + dh
        dc = f * dc + dh * o * (1 - np.tanh(c[t]) ** 2)
        d = np.concatenate([dc * c_before[t], dc * a, dh * np.tanh(c[t]), dc * i], axis=1)
        dz = d * np.concatenate([f * (1 - f), i * (1 - i), o * (1 - o), 1 - a**2], axis=1)
        dx[t] = dz @ W_x
        dW_x += dz.T @ x[t]
        dW_h += dz.T @ h_before[t]
        db += dz.sum(axis=0)
        dh = dz @ W_h
    return dx, dh, f * dc, dW_x, dW_h, db


# %% 7.4 nothing comes back through h | second user
def lstm_backward(g, x, h0, c0, h, c, gates, W_x, W_h):
    h_before, c_before = np.concatenate([h0[None], h[:-1]]), np.concatenate([c0[None], c[:-1]])
    dx, dc = np.zeros_like(x), np.zeros_like(c0)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    for t in reversed(range(len(x))):
        f, i, o, a = np.split(gates[t], 4, axis=1)
        dh = g[t]
        dc = dc + dh * o * (1 - np.tanh(c[t]) ** 2)
        d = np.concatenate([dc * c_before[t], dc * a, dh * np.tanh(c[t]), dc * i], axis=1)
        dz = d * np.concatenate([f * (1 - f), i * (1 - i), o * (1 - o), 1 - a**2], axis=1)
        dx[t] = dz @ W_x
        dW_x += dz.T @ x[t]
        dW_h += dz.T @ h_before[t]
        db += dz.sum(axis=0)
        dc = f * dc
    return dx, dz @ W_h, dc, dW_x, dW_h, db


# %% 7.4 the states after the step in dW_h | before this step
def lstm_backward(g, x, h0, c0, h, c, gates, W_x, W_h):
    c_before = np.concatenate([c0[None], c[:-1]])
    dx, dh, dc = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(c0)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    for t in reversed(range(len(x))):
        f, i, o, a = np.split(gates[t], 4, axis=1)
        dh = g[t] + dh
        dc = dc + dh * o * (1 - np.tanh(c[t]) ** 2)
        d = np.concatenate([dc * c_before[t], dc * a, dh * np.tanh(c[t]), dc * i], axis=1)
        dz = d * np.concatenate([f * (1 - f), i * (1 - i), o * (1 - o), 1 - a**2], axis=1)
        dx[t] = dz @ W_x
        dW_x += dz.T @ x[t]
        dW_h += dz.T @ h[t]
        db += dz.sum(axis=0)
        dh, dc = dz @ W_h, f * dc
    return dx, dh, dc, dW_x, dW_h, db


# %% 7.4 the new cell state in df | forget gate met
def lstm_backward(g, x, h0, c0, h, c, gates, W_x, W_h):
    h_before = np.concatenate([h0[None], h[:-1]])
    dx, dh, dc = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(c0)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    for t in reversed(range(len(x))):
        f, i, o, a = np.split(gates[t], 4, axis=1)
        dh = g[t] + dh
        dc = dc + dh * o * (1 - np.tanh(c[t]) ** 2)
        d = np.concatenate([dc * c[t], dc * a, dh * np.tanh(c[t]), dc * i], axis=1)
        dz = d * np.concatenate([f * (1 - f), i * (1 - i), o * (1 - o), 1 - a**2], axis=1)
        dx[t] = dz @ W_x
        dW_x += dz.T @ x[t]
        dW_h += dz.T @ h_before[t]
        db += dz.sum(axis=0)
        dh, dc = dz @ W_h, f * dc
    return dx, dh, dc, dW_x, dW_h, db


# %% 7.4 one bias for all gates | bias of its own
def lstm_backward(g, x, h0, c0, h, c, gates, W_x, W_h):
    h_before, c_before = np.concatenate([h0[None], h[:-1]]), np.concatenate([c0[None], c[:-1]])
    dx, dh, dc = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(c0)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(h0.shape[1])
    for t in reversed(range(len(x))):
        f, i, o, a = np.split(gates[t], 4, axis=1)
        dh = g[t] + dh
        dc = dc + dh * o * (1 - np.tanh(c[t]) ** 2)
        d = np.concatenate([dc * c_before[t], dc * a, dh * np.tanh(c[t]), dc * i], axis=1)
        dz = d * np.concatenate([f * (1 - f), i * (1 - i), o * (1 - o), 1 - a**2], axis=1)
        dx[t] = dz @ W_x
        dW_x += dz.T @ x[t]
        dW_h += dz.T @ h_before[t]
        db += sum(np.split(dz.sum(axis=0), 4))
        dh, dc = dz @ W_h, f * dc
    return dx, dh, dc, dW_x, dW_h, db


# %% 7.5 from the first step on | left of C_0 at each time
def road(f):
    return np.concatenate([np.ones_like(f[:1]), np.cumprod(f, axis=0)])


# %% 7.5 not turned round | turn it round
def road(f):
    return np.concatenate([np.ones_like(f[:1]), np.cumprod(f[::-1], axis=0)])


# %% 7.5 the state itself is left out | one cell state more
def road(f):
    return np.cumprod(f[::-1], axis=0)[::-1]


# %% 7.5 one gate too many | its own step
def road(f):
    return np.array([np.prod(f[max(k - 1, 0) :], axis=0) for k in range(len(f) + 1)])


# %% 7.5 divided by what has become zero | do not divide
def road(f):
    forwards = np.concatenate([np.ones_like(f[:1]), np.cumprod(f, axis=0)])
    return forwards[-1] / forwards


# %% 7.6 the approximation | approximation for long
def bias_for(steps):
    return np.log(steps / np.log(2))


# %% 7.6 the rule of thumb | where is the log 2
def bias_for(steps):
    return np.log(steps)


# %% 7.6 the chapter's rule | chapter's rule
def bias_for(steps):
    return np.log(steps) + 0.37


# %% 7.6 the gate itself | sigmoid turns into it
def bias_for(steps):
    return 0.5 ** (1 / steps)


# %% 7.6 the sign | sign
def bias_for(steps):
    return np.log(np.expm1(np.log(2) / steps))


# %% 7.6 one is subtracted | digits are lost
def bias_for(steps):
    return -np.log(np.exp(np.log(2) / steps) - 1)


# %% 7.6 the gate first, then the sigmoid backwards | digits are lost
def bias_for(steps):
    f = 0.5 ** (1 / steps)
    return np.log(f / (1 - f))


# %% 7.7 the reset gate before the product | as in the paper
def gru(x, h0, W_x, W_h, b):
    H, h, states = h0.shape[1], h0, []
    for x_t in x:
        z = x_t @ W_x[: 2 * H].T + h @ W_h[: 2 * H].T + b[: 2 * H]
        r, u = np.split(nn.sigmoid(z), 2, axis=1)
        candidate = np.tanh(x_t @ W_x[2 * H :].T + b[2 * H :] + (r * h) @ W_h[2 * H :].T)
        h = u * h + (1 - u) * candidate
        states.append(h)
    return np.stack(states)


# %% 7.7 the update gate lets in | share of the old state
def gru(x, h0, W_x, W_h, b):
    h, states = h0, []
    for x_t in x:
        x_r, x_u, x_c = np.split(x_t @ W_x.T + b, 3, axis=1)
        s_r, s_u, s_c = np.split(h @ W_h.T, 3, axis=1)
        r, u = nn.sigmoid(x_r + s_r), nn.sigmoid(x_u + s_u)
        h = (1 - u) * h + u * np.tanh(x_c + r * s_c)
        states.append(h)
    return np.stack(states)


# %% 7.7 h0 is in the list | without h0
def gru(x, h0, W_x, W_h, b):
    states = [h0]
    for x_t in x:
        x_r, x_u, x_c = np.split(x_t @ W_x.T + b, 3, axis=1)
        s_r, s_u, s_c = np.split(states[-1] @ W_h.T, 3, axis=1)
        r, u = nn.sigmoid(x_r + s_r), nn.sigmoid(x_u + s_u)
        states.append(u * states[-1] + (1 - u) * np.tanh(x_c + r * s_c))
    return np.stack(states)


# %% 7.7 update first | rows come first
def gru(x, h0, W_x, W_h, b):
    h, states = h0, []
    for x_t in x:
        x_u, x_r, x_c = np.split(x_t @ W_x.T + b, 3, axis=1)
        s_u, s_r, s_c = np.split(h @ W_h.T, 3, axis=1)
        r, u = nn.sigmoid(x_r + s_r), nn.sigmoid(x_u + s_u)
        h = u * h + (1 - u) * np.tanh(x_c + r * s_c)
        states.append(h)
    return np.stack(states)


# %% 7.7 the bias is reset too | not the bias
def gru(x, h0, W_x, W_h, b):
    h, states = h0, []
    for x_t in x:
        x_r, x_u, x_c = np.split(x_t @ W_x.T, 3, axis=1)
        s_r, s_u, s_c = np.split(h @ W_h.T + b, 3, axis=1)
        r, u = nn.sigmoid(x_r + s_r), nn.sigmoid(x_u + s_u)
        h = u * h + (1 - u) * np.tanh(x_c + r * s_c)
        states.append(h)
    return np.stack(states)


# %% 7.7 every step from h0 | state before
def gru(x, h0, W_x, W_h, b):
    states = []
    for x_t in x:
        x_r, x_u, x_c = np.split(x_t @ W_x.T + b, 3, axis=1)
        s_r, s_u, s_c = np.split(h0 @ W_h.T, 3, axis=1)
        r, u = nn.sigmoid(x_r + s_r), nn.sigmoid(x_u + s_u)
        states.append(u * h0 + (1 - u) * np.tanh(x_c + r * s_c))
    return np.stack(states)


# %% 7.8 only the road | through W_h
def gru_backward(dh, h_before, r, u, candidate, s_c, W_h):
    dz_c = dh * (1 - u) * (1 - candidate**2)
    dz_u = dh * (h_before - candidate) * u * (1 - u)
    dz_r = dz_c * s_c * r * (1 - r)
    return np.concatenate([dz_r, dz_u, dz_c], axis=1), u * dh


# %% 7.8 only through the matrix | also kept
def gru_backward(dh, h_before, r, u, candidate, s_c, W_h):
    dz_c = dh * (1 - u) * (1 - candidate**2)
    dz_u = dh * (h_before - candidate) * u * (1 - u)
    dz_r = dz_c * s_c * r * (1 - r)
    ds = np.concatenate([dz_r, dz_u, dz_c * r], axis=1)
    return np.concatenate([dz_r, dz_u, dz_c], axis=1), ds @ W_h


# %% 7.8 dz instead of ds | comes through the reset gate
def gru_backward(dh, h_before, r, u, candidate, s_c, W_h):
    dz_c = dh * (1 - u) * (1 - candidate**2)
    dz_u = dh * (h_before - candidate) * u * (1 - u)
    dz_r = dz_c * s_c * r * (1 - r)
    dz = np.concatenate([dz_r, dz_u, dz_c], axis=1)
    return dz, u * dh + dz @ W_h


# %% 7.8 the sign of du | wrong sign
def gru_backward(dh, h_before, r, u, candidate, s_c, W_h):
    dz_c = dh * (1 - u) * (1 - candidate**2)
    dz_u = dh * (candidate - h_before) * u * (1 - u)
    dz_r = dz_c * s_c * r * (1 - r)
    ds = np.concatenate([dz_r, dz_u, dz_c * r], axis=1)
    return np.concatenate([dz_r, dz_u, dz_c], axis=1), u * dh + ds @ W_h


# %% 7.8 the reset gate and the state | multiplied s_c
def gru_backward(dh, h_before, r, u, candidate, s_c, W_h):
    dz_c = dh * (1 - u) * (1 - candidate**2)
    dz_u = dh * (h_before - candidate) * u * (1 - u)
    dz_r = dz_c * h_before * r * (1 - r)
    ds = np.concatenate([dz_r, dz_u, dz_c * r], axis=1)
    return np.concatenate([dz_r, dz_u, dz_c], axis=1), u * dh + ds @ W_h


# %% 7.8 ds instead of dz | This is ds
def gru_backward(dh, h_before, r, u, candidate, s_c, W_h):
    dz_c = dh * (1 - u) * (1 - candidate**2)
    dz_u = dh * (h_before - candidate) * u * (1 - u)
    dz_r = dz_c * s_c * r * (1 - r)
    ds = np.concatenate([dz_r, dz_u, dz_c * r], axis=1)
    return ds, u * dh + ds @ W_h


# %% 7.8 the reset gate outside the tanh | passes that slope
def gru_backward(dh, h_before, r, u, candidate, s_c, W_h):
    dz_c = dh * (1 - u) * (1 - candidate**2)
    dz_u = dh * (h_before - candidate) * u * (1 - u)
    dz_r = dh * (1 - u) * s_c * r * (1 - r)
    ds = np.concatenate([dz_r, dz_u, dz_c * r], axis=1)
    return np.concatenate([dz_r, dz_u, dz_c], axis=1), u * dh + ds @ W_h


# %% 7.8 the update gate first | block comes first
def gru_backward(dh, h_before, r, u, candidate, s_c, W_h):
    dz_c = dh * (1 - u) * (1 - candidate**2)
    dz_u = dh * (h_before - candidate) * u * (1 - u)
    dz_r = dz_c * s_c * r * (1 - r)
    ds = np.concatenate([dz_r, dz_u, dz_c * r], axis=1)
    return np.concatenate([dz_u, dz_r, dz_c], axis=1), u * dh + ds @ W_h


# %% 7.9 written into the originals | changes an array
def tie(W_x, W_h, b):
    H = W_h.shape[1]
    for weights, opened in [(W_x, 0), (W_h, 0), (b, 30)]:
        weights[H : 2 * H] = -weights[:H]
        weights[2 * H : 3 * H] = opened
    return W_x, W_h, b


# %% 7.9 one minus the weights | 1 minus the weights
def tie(W_x, W_h, b):
    H = W_h.shape[1]
    W_x, W_h, b = W_x.copy(), W_h.copy(), b.copy()
    for weights, opened in [(W_x, 0), (W_h, 0), (b, 30)]:
        weights[H : 2 * H] = 1 - weights[:H]
        weights[2 * H : 3 * H] = opened
    return W_x, W_h, b


# %% 7.9 equal and not opposite | equal to the forget gate
def tie(W_x, W_h, b):
    H = W_h.shape[1]
    W_x, W_h, b = W_x.copy(), W_h.copy(), b.copy()
    for weights, opened in [(W_x, 0), (W_h, 0), (b, 30)]:
        weights[H : 2 * H] = weights[:H]
        weights[2 * H : 3 * H] = opened
    return W_x, W_h, b


# %% 7.9 the bias of the input gate is not turned | has not changed
def tie(W_x, W_h, b):
    H = W_h.shape[1]
    W_x, W_h, b = W_x.copy(), W_h.copy(), b.copy()
    for weights in (W_x, W_h):
        weights[H : 2 * H] = -weights[:H]
        weights[2 * H : 3 * H] = 0
    b[2 * H : 3 * H] = 30
    return W_x, W_h, b


# %% 7.9 the candidate before the output gate | is the candidate
def tie(W_x, W_h, b):
    H = W_h.shape[1]
    W_x, W_h, b = W_x.copy(), W_h.copy(), b.copy()
    for weights, opened in [(W_x, 0), (W_h, 0), (b, 30)]:
        weights[H : 2 * H] = -weights[:H]
        weights[3 * H :] = opened
    return W_x, W_h, b


# %% 7.9 an output gate of bias 0 | half open
def tie(W_x, W_h, b):
    H = W_h.shape[1]
    W_x, W_h, b = W_x.copy(), W_h.copy(), b.copy()
    for weights in (W_x, W_h, b):
        weights[H : 2 * H] = -weights[:H]
        weights[2 * H : 3 * H] = 0
    return W_x, W_h, b


# %% 7.9 the forget gate follows | other way round
def tie(W_x, W_h, b):
    H = W_h.shape[1]
    W_x, W_h, b = W_x.copy(), W_h.copy(), b.copy()
    for weights, opened in [(W_x, 0), (W_h, 0), (b, 30)]:
        weights[:H] = -weights[H : 2 * H]
        weights[2 * H : 3 * H] = opened
    return W_x, W_h, b


# %% 7.10 multiplied by the temperature | divided by the temperature
def draw(logits, temperature, uniform):
    ends = np.cumsum(nn.softmax(logits * temperature), axis=1)
    return (ends / ends[:, -1:] <= uniform[:, None]).sum(axis=1)


# %% 7.10 no temperature | plays no part
def draw(logits, temperature, uniform):
    ends = np.cumsum(nn.softmax(logits), axis=1)
    return (ends / ends[:, -1:] <= uniform[:, None]).sum(axis=1)


# %% 7.10 the likeliest | always the likeliest
def draw(logits, temperature, uniform):
    return np.argmax(logits / temperature, axis=1)


# %% 7.10 the softmax written out | safe for every logit
def draw(logits, temperature, uniform):
    p = np.exp(logits / temperature)
    ends = np.cumsum(p / p.sum(axis=1, keepdims=True), axis=1)
    return (ends <= uniform[:, None]).sum(axis=1)


# %% 7.10 an empty piece is picked | is it < or ≤
def draw(logits, temperature, uniform):
    ends = np.cumsum(nn.softmax(logits / temperature), axis=1)
    return (ends < uniform[:, None]).sum(axis=1)


# %% 7.10 the index runs over | runs over the end
def draw(logits, temperature, uniform):
    ends = np.cumsum(nn.softmax(logits / temperature), axis=1)
    return (ends <= uniform[:, None]).sum(axis=1)


# %% 7.10 the first end above, of which there is none | this is index 0
def draw(logits, temperature, uniform):
    ends = np.cumsum(nn.softmax(logits / temperature), axis=1)
    return (ends > uniform[:, None]).argmax(axis=1)


# %% 7.10 the sum runs down the batch | is not right
def draw(logits, temperature, uniform):
    ends = np.cumsum(nn.softmax(logits / temperature), axis=0)
    return (ends <= uniform[:, None]).sum(axis=1)


# %% 7.11 the bias serves all gates | bias of its own
def mended_backward(g, x, h0, c0, h, c, gates, W_x, W_h):
    h_before = np.concatenate([h0[None], h[:-1]])
    c_before = np.concatenate([c0[None], c[:-1]])
    dx, later_h, later_c = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(c0)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    for t in reversed(range(len(x))):
        f, i, o, candidate = np.split(gates[t], 4, axis=1)
        dh = g[t] + later_h
        do = dh * np.tanh(c[t])
        dc = later_c + dh * o * (1 - np.tanh(c[t]) ** 2)
        df, di, dcandidate = dc * c_before[t], dc * candidate, dc * i
        slopes = [f * (1 - f), i * (1 - i), o * (1 - o), 1 - candidate**2]
        dz = np.concatenate([df, di, do, dcandidate], axis=1) * np.concatenate(slopes, axis=1)
        dx[t] = dz @ W_x
        dW_x += dz.T @ x[t]
        dW_h += dz.T @ h_before[t]
        db += np.tile(sum(np.split(dz.sum(axis=0), 4)), 4)
        later_h, later_c = dz @ W_h, f * dc
    return dx, later_h, later_c, dW_x, dW_h, db


# %% 7.11 the slope is missing | slope of tanh is missing
def mended_backward(g, x, h0, c0, h, c, gates, W_x, W_h):
    h_before = np.concatenate([h0[None], h[:-1]])
    c_before = np.concatenate([c0[None], c[:-1]])
    dx, later_h, later_c = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(c0)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    for t in reversed(range(len(x))):
        f, i, o, candidate = np.split(gates[t], 4, axis=1)
        dh = g[t] + later_h
        do = dh * np.tanh(c[t])
        dc = later_c + dh * o
        df, di, dcandidate = dc * c_before[t], dc * candidate, dc * i
        slopes = [f * (1 - f), i * (1 - i), o * (1 - o), 1 - candidate**2]
        dz = np.concatenate([df, di, do, dcandidate], axis=1) * np.concatenate(slopes, axis=1)
        dx[t] = dz @ W_x
        dW_x += dz.T @ x[t]
        dW_h += dz.T @ h_before[t]
        db += dz.sum(axis=0)
        later_h, later_c = dz @ W_h, f * dc
    return dx, later_h, later_c, dW_x, dW_h, db


# %% 7.11 the gradient of the cell is set | next cell reads C_t too
def mended_backward(g, x, h0, c0, h, c, gates, W_x, W_h):
    h_before = np.concatenate([h0[None], h[:-1]])
    c_before = np.concatenate([c0[None], c[:-1]])
    dx, later_h, later_c = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(c0)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    for t in reversed(range(len(x))):
        f, i, o, candidate = np.split(gates[t], 4, axis=1)
        dh = g[t] + later_h
        do = dh * np.tanh(c[t])
        dc = dh * o * (1 - np.tanh(c[t]) ** 2)
        df, di, dcandidate = dc * c_before[t], dc * candidate, dc * i
        slopes = [f * (1 - f), i * (1 - i), o * (1 - o), 1 - candidate**2]
        dz = np.concatenate([df, di, do, dcandidate], axis=1) * np.concatenate(slopes, axis=1)
        dx[t] = dz @ W_x
        dW_x += dz.T @ x[t]
        dW_h += dz.T @ h_before[t]
        db += dz.sum(axis=0)
        later_h, later_c = dz @ W_h, f * dc
    return dx, later_h, later_c, dW_x, dW_h, db


# %% 7.11 two of them | slope of tanh is missing
def mended_backward(g, x, h0, c0, h, c, gates, W_x, W_h):
    h_before = np.concatenate([h0[None], h[:-1]])
    c_before = np.concatenate([c0[None], c[:-1]])
    dx, later_h, later_c = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(c0)
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x))
    for t in reversed(range(len(x))):
        f, i, o, candidate = np.split(gates[t], 4, axis=1)
        dh = g[t] + later_h
        do = dh * np.tanh(c[t])
        dc = dh * o
        df, di, dcandidate = dc * c_before[t], dc * candidate, dc * i
        slopes = [f * (1 - f), i * (1 - i), o * (1 - o), 1 - candidate**2]
        dz = np.concatenate([df, di, do, dcandidate], axis=1) * np.concatenate(slopes, axis=1)
        dx[t] = dz @ W_x
        dW_x += dz.T @ x[t]
        dW_h += dz.T @ h_before[t]
        db += dz.sum(axis=0)
        later_h, later_c = dz @ W_h, f * dc
    return dx, later_h, later_c, dW_x, dW_h, db


# %% 7.12 bias 0 | no better than guessing
def remember(seed):
    generator, optimizer = np.random.default_rng(seed), nn.Adam(3e-3)
    model = nn.Sequential(nn.LSTM(2, 32, last=True, forget_bias=0.0), nn.Dense(32, 1))
    params = model.init(seed)
    for _ in range(100):
        x, bit = nn.tasks.signals(100, 32, generator)
        logits, backward = nn.vjp(model, params, x, wrt=0)
        _, d_loss = nn.vjp(nn.sigmoid_cross_entropy, logits, bit, wrt=0)
        grads = backward(d_loss())
        nn.clip_gradient_norm(grads, 1.0)
        optimizer.step(params, grads)
    return model, params


# %% 7.12 an RNN | no better than guessing
def remember(seed):
    generator, optimizer = np.random.default_rng(seed), nn.Adam(3e-3)
    model = nn.Sequential(nn.RNN(2, 32, last=True), nn.Dense(32, 1))
    params = model.init(seed)
    for _ in range(100):
        x, bit = nn.tasks.signals(100, 32, generator)
        logits, backward = nn.vjp(model, params, x, wrt=0)
        _, d_loss = nn.vjp(nn.sigmoid_cross_entropy, logits, bit, wrt=0)
        grads = backward(d_loss())
        nn.clip_gradient_norm(grads, 1.0)
        optimizer.step(params, grads)
    return model, params


# %% 7.12 not trained | expected more than 95
def remember(seed):
    model = nn.Sequential(nn.LSTM(2, 32, last=True, forget_bias=5.0), nn.Dense(32, 1))
    return model, model.init(seed)


# %% 7.12 the other way round | says the opposite
def remember(seed):
    generator, optimizer = np.random.default_rng(seed), nn.Adam(3e-3)
    model = nn.Sequential(nn.LSTM(2, 32, last=True, forget_bias=5.0), nn.Dense(32, 1))
    params = model.init(seed)
    for _ in range(100):
        x, bit = nn.tasks.signals(100, 32, generator)
        logits, backward = nn.vjp(model, params, x, wrt=0)
        _, d_loss = nn.vjp(nn.sigmoid_cross_entropy, logits, 1 - bit, wrt=0)
        grads = backward(d_loss())
        nn.clip_gradient_norm(grads, 1.0)
        optimizer.step(params, grads)
    return model, params
