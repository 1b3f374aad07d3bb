# %% 11.1 the root is forgotten | not divided by √d
weights = {
    "all": [1 / 30, 4 / 30, 25 / 30],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 divided by d | and not by its root
weights = {
    "all": [1 / 4.65, 2**0.5 / 4.65, 5**0.5 / 4.65],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 the exponentials | not divided by their sum
weights = {
    "all": [1, 2, 5],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 the scores | softmax is missing
weights = {
    "all": [0, np.log(2), np.log(5)],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 the products | √d and the softmax
weights = {
    "all": [0, 2 * np.log(2), 2 * np.log(5)],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 no exponentials | exponentials are missing
weights = {
    "all": [0, np.log(2) / np.log(10), np.log(5) / np.log(10)],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 masked, and not divided again | the sum 1 again
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 8, 2 / 8, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 a score of zero | e⁰ = 1
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 4, 2 / 4, 1 / 4],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 only two weights are left | expected shape (3,)
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 3, 2 / 3],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 nothing is masked | nothing is masked
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 8, 2 / 8, 5 / 8],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 what was masked is shared alike | do not share alike
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [7 / 16, 9 / 16, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 a longer query changes nothing | not nothing
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 8, 2 / 8, 5 / 8],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 the weights are doubled | still have the sum 1
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [2 / 8, 4 / 8, 10 / 8],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 the weights are squared | divided by their sum
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 64, 4 / 64, 25 / 64],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 moved keys change the weights | by the same number
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 3, 1 / 3, 1 / 3],
}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.1 the plain mean | counts with its weight
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [40 / 3, 4 / 3], "third masked": [8, 8]}


# %% 11.1 the plain sum | count fully
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [40, 4], "third masked": [8, 8]}


# %% 11.1 the best key's value | best key alone
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [16, -8], "third masked": [8, 8]}


# %% 11.1 weights not divided again for the output | the sum 1 again
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [3, 3]}


# %% 11.1 the masked value counts still | third value is not seen
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [13, -2], "third masked": [13, -2]}


# %% 11.1 exponentials as weights | take the weights
weights = {
    "all": [1 / 8, 2 / 8, 5 / 8],
    "third masked": [1 / 3, 2 / 3, 0],
    "query doubled": [1 / 30, 4 / 30, 25 / 30],
    "keys moved": [1 / 8, 2 / 8, 5 / 8],
}
outputs = {"all": [104, -16], "third masked": [8, 8]}


# %% 11.1 a name is lost | four names
weights = {"all": [1 / 8, 2 / 8, 5 / 8]}
outputs = {"all": [13, -2], "third masked": [8, 8]}


# %% 11.2 no scale | not divided by √d
def attention(q, k, v):
    scores = q @ k.T
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return p @ v, p


# %% 11.2 scaled by d | divided by d, and not
def attention(q, k, v):
    scores = q @ k.T / q.shape[1]
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return p @ v, p


# %% 11.2 scaled by the number of keys | root of the number of keys
def attention(q, k, v):
    scores = q @ k.T / len(k) ** 0.5
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return p @ v, p


# %% 11.2 scaled by the number of queries | root of the number of queries
def attention(q, k, v):
    scores = q @ k.T / len(q) ** 0.5
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return p @ v, p


# %% 11.2 the softmax along the queries | along the queries
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores - np.max(scores, axis=0))
    p = e / np.sum(e, axis=0)
    return p @ v, p


# %% 11.2 the softmax over everything | over all scores
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores)
    p = e / np.sum(e)
    return p @ v, p


# %% 11.2 nothing is taken away | of each row, not of all
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores)
    p = e / np.sum(e, axis=1, keepdims=True)
    return p @ v, p


# %% 11.2 the largest of all is taken away | of each row, not of all
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores - np.max(scores))
    p = e / np.sum(e, axis=1, keepdims=True)
    return p @ v, p


# %% 11.2 the sum is missing | not divided by their sum
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores)
    p = e
    return p @ v, p


# %% 11.2 the scores as weights | these are the scores
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = scores
    return p @ v, p


# %% 11.2 no exponentials | exponentials are missing
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = scores / np.sum(scores, axis=1, keepdims=True)
    return p @ v, p


# %% 11.2 the mean of the keys | mean of the keys
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return (p @ k if k.shape == v.shape else p @ v), p


# %% 11.2 the best value alone | best key alone
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return v[np.argmax(p, axis=1)], p


# %% 11.2 the plain mean | count alike
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return np.tile(v.mean(axis=0), (len(q), 1)), p


# %% 11.2 the output alone | return 2 results
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return p @ v


# %% 11.2 weights and output exchanged | shape
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return p, p @ v


# %% 11.2 keys along the rows | shape
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return p @ v, p.T


# %% 11.2 float64 on the way | dtype float64
def attention(q, k, v):
    scores = q @ k.T / np.sqrt(q.astype(float).shape[1] * np.ones(1))
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return p @ v, p


# %% 11.2 the package's | here you write it yourself
def attention(q, k, v):
    return nn.attention(q, k, v), nn.attention_weights(q, k)


# %% 11.2 the package's, through vjp | here you write it yourself
def attention(q, k, v):
    o, _ = nn.vjp(nn.attention, q, k, v)
    return o, nn.attention_weights(q, k)


# %% 11.2 keepdims is forgotten | operands could not be broadcast
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores - np.max(scores, axis=1))
    p = e / np.sum(e, axis=1)
    return p @ v, p


# %% 11.2 the exponential in place | gave back nothing
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    p @ v


# %% 11.3 the scale is missing | 1/√d is missing
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True))
    return ds @ k, ds.T @ q, p.T @ do


# %% 11.3 the scale twice | stands there twice
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True))
    return ds @ k * scale**2, ds.T @ q * scale**2, p.T @ do


# %% 11.3 the scale is missing in dk | 1/√d is missing
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True))
    return ds @ k * scale, ds.T @ q, p.T @ do


# %% 11.3 no second part | second part
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = p * dp
    return ds @ k * scale, ds.T @ q * scale, p.T @ do


# %% 11.3 summed over the queries | and not over the queries
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = p * (dp - np.sum(p * dp, axis=0))
    return ds @ k * scale, ds.T @ q * scale, p.T @ do


# %% 11.3 a plain mean | mean to be taken away is weighted
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = p * (dp - np.mean(dp, axis=1, keepdims=True))
    return ds @ k * scale, ds.T @ q * scale, p.T @ do


# %% 11.3 a plain sum | sum to be taken away is weighted
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = p * (dp - np.sum(dp, axis=1, keepdims=True))
    return ds @ k * scale, ds.T @ q * scale, p.T @ do


# %% 11.3 p in front is missing | in front of the bracket
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = dp - np.sum(p * dp, axis=1, keepdims=True)
    return ds @ k * scale, ds.T @ q * scale, p.T @ do


# %% 11.3 dp for ds | takes dp for ds
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = dp
    return ds @ k * scale, ds.T @ q * scale, p.T @ do


# %% 11.3 the sign | sign is the wrong way
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = p * (np.sum(p * dp, axis=1, keepdims=True) - dp)
    return ds @ k * scale, ds.T @ q * scale, p.T @ do


# %% 11.3 dv without weights | as much say as its weights
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True))
    return ds @ k * scale, ds.T @ q * scale, do.sum(axis=0) + 0 * v


# %% 11.3 ds not transposed | ValueError
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True))
    return ds @ k * scale, ds @ q * scale, p.T @ do


# %% 11.3 values first | shape
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True))
    return p.T @ do, ds.T @ q * scale, ds @ k * scale


# %% 11.3 two gradients | 3 results
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True))
    return ds @ k * scale, ds.T @ q * scale


# %% 11.3 it overflows | of each row, not of all
def attention_backward(q, k, v, do):
    scale = q.shape[1] ** -0.5
    scores = q @ k.T * scale
    e = np.exp(scores)
    p = e / np.sum(e, axis=1, keepdims=True)
    dp = do @ v.T
    ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True))
    return ds @ k * scale, ds.T @ q * scale, p.T @ do


# %% 11.3 measured | this is measured
def attention_backward(q, k, v, do):
    def attention(q, k, v):
        scores = q @ k.T / q.shape[1] ** 0.5
        e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True) @ v

    given, gradients = [q, k, v], []
    for i, array in enumerate(given):
        gradient = np.zeros(array.shape)
        for place in np.ndindex(array.shape):
            ends = []
            for h in (1e-6, -1e-6):
                moved = array.copy()
                moved[place] += h
                ends.append(np.sum(do * attention(*given[:i], moved, *given[i + 1 :])))
            gradient[place] = (ends[0] - ends[1]) / 2e-6
        gradients.append(gradient)
    return gradients


# %% 11.3 the package's | here you write it yourself
def attention_backward(q, k, v, do):
    _, backward = nn.vjp(nn.attention, q, k, v)
    return backward(do)


# %% 11.4 the variance | this is the variance
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sum(cov_q * cov_k) + mean_q @ cov_k @ mean_q + mean_k @ cov_q @ mean_k


larger = {"divided": 1 / (1 + np.exp(-(2**0.5))), "not divided": 1 / (1 + np.exp(-4))}


# %% 11.4 only the diagonals | correlated terms
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.sum(np.diag(cov_q) * np.diag(cov_k)))


larger = {"divided": 1 / (1 + np.exp(-(2**0.5))), "not divided": 1 / (1 + np.exp(-4))}


# %% 11.4 diagonals and means | do not add up
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.diag(cov_q) @ np.diag(cov_k) + np.diag(cov_q) @ mean_k**2 + np.diag(cov_k) @ mean_q**2)


larger = {"divided": 1 / (1 + np.exp(-(2**0.5))), "not divided": 1 / (1 + np.exp(-4))}


# %% 11.4 no means | means count too
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.sum(cov_q * cov_k))


larger = {"divided": 1 / (1 + np.exp(-(2**0.5))), "not divided": 1 / (1 + np.exp(-4))}


# %% 11.4 the keys' mean is missing | means count too
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.sum(cov_q * cov_k) + mean_q @ cov_k @ mean_q)


larger = {"divided": 1 / (1 + np.exp(-(2**0.5))), "not divided": 1 / (1 + np.exp(-4))}


# %% 11.4 the queries' mean is missing | means count too
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.sum(cov_q * cov_k) + mean_k @ cov_q @ mean_k)


larger = {"divided": 1 / (1 + np.exp(-(2**0.5))), "not divided": 1 / (1 + np.exp(-4))}


# %% 11.4 the mean of the square | never varies
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.sum(cov_q * cov_k) + mean_q @ cov_k @ mean_q + mean_k @ cov_q @ mean_k + (mean_q @ mean_k) ** 2)


larger = {"divided": 1 / (1 + np.exp(-(2**0.5))), "not divided": 1 / (1 + np.exp(-4))}


# %% 11.4 the product of the traces | variances that add up
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.trace(cov_q) * np.trace(cov_k))


larger = {"divided": 1 / (1 + np.exp(-(2**0.5))), "not divided": 1 / (1 + np.exp(-4))}


# %% 11.4 the mean variance of a component | terms in the sum
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.trace(cov_q) * np.trace(cov_k)) / len(mean_q)


larger = {"divided": 1 / (1 + np.exp(-(2**0.5))), "not divided": 1 / (1 + np.exp(-4))}


# %% 11.4 deviations are added | variances that add up
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sum(np.sqrt(np.diag(cov_q) * np.diag(cov_k)))


larger = {"divided": 1 / (1 + np.exp(-(2**0.5))), "not divided": 1 / (1 + np.exp(-4))}


# %% 11.4 each mean with its own matrix | other one's covariance
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.sum(cov_q * cov_k) + mean_q @ cov_q @ mean_q + mean_k @ cov_k @ mean_k)


larger = {"divided": 1 / (1 + np.exp(-(2**0.5))), "not divided": 1 / (1 + np.exp(-4))}


# %% 11.4 the root of d | right for variances of 1
def divisor(mean_q, cov_q, mean_k, cov_k):
    return len(mean_q) ** 0.5 * np.ones(())


larger = {"divided": 1 / (1 + np.exp(-(2**0.5))), "not divided": 1 / (1 + np.exp(-4))}


# %% 11.4 one score | difference of two varies more
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.sum(cov_q * cov_k) + mean_q @ cov_k @ mean_q + mean_k @ cov_q @ mean_k)


larger = {"divided": 1 / (1 + np.exp(-1)), "not divided": 1 / (1 + np.exp(-(8**0.5)))}


# %% 11.4 twice as far | its root is what
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.sum(cov_q * cov_k) + mean_q @ cov_k @ mean_q + mean_k @ cov_q @ mean_k)


larger = {"divided": 1 / (1 + np.exp(-2)), "not divided": 1 / (1 + np.exp(-2 * 8**0.5))}


# %% 11.4 the variance of the difference | that is the variance
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.sum(cov_q * cov_k) + mean_q @ cov_k @ mean_q + mean_k @ cov_q @ mean_k)


larger = {"divided": 1 / (1 + np.exp(-(2**0.5))), "not divided": 1 / (1 + np.exp(-16))}


# %% 11.4 the smaller weight | smaller one
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.sum(cov_q * cov_k) + mean_q @ cov_k @ mean_q + mean_k @ cov_q @ mean_k)


larger = {"divided": 1 / (1 + np.exp(2**0.5)), "not divided": 1 / (1 + np.exp(4))}


# %% 11.4 exchanged | other one of the two
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.sum(cov_q * cov_k) + mean_q @ cov_k @ mean_q + mean_k @ cov_q @ mean_k)


larger = {"divided": 1 / (1 + np.exp(-4)), "not divided": 1 / (1 + np.exp(-(2**0.5)))}


# %% 11.4 the differences themselves | what weight does it make
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.sum(cov_q * cov_k) + mean_q @ cov_k @ mean_q + mean_k @ cov_q @ mean_k)


larger = {"divided": 2**0.5, "not divided": 4}


# %% 11.4 a name is lost | two names
def divisor(mean_q, cov_q, mean_k, cov_k):
    return np.sqrt(np.sum(cov_q * cov_k) + mean_q @ cov_k @ mean_q + mean_k @ cov_q @ mean_k)


larger = {"divided": 0.804}


# %% 11.5 not itself | look at itself
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s < t) & (t - s <= back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 no look ahead is forbidden | what comes later
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (t - s <= back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 back counts itself | may be as large
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s < back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 one too far back | one position too far
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back + 1) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 no window | nothing is too far
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 the first of the padding | first position of the padding
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s <= lengths[:, None, None])


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 the last one is lost | last position of a sequence
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None, None] - 1)


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 the padding is seen | the padding is seen
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (lengths[:, None, None] > 0)


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 queries of the padding too | treated as any other
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None, None]) & (t < lengths[:, None, None])


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 rows and columns exchanged | yours are exchanged
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return ((s <= t) & (t - s <= back) & (s < lengths[:, None, None])).swapaxes(1, 2)


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 True is hidden | true is for what may be seen
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return ~((s <= t) & (t - s <= back) & (s < lengths[:, None, None]))


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 ones and zeros | expected bool
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return 1.0 * ((s <= t) & (t - s <= back) & (s < lengths[:, None, None]))


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 the lengths along the last axis | could not be broadcast
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None])


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 masked after the softmax | missing from the sum
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return mask * e / np.sum(e, axis=-1, keepdims=True)


# %% 11.5 nothing is masked | nothing is masked here
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


# %% 11.5 the sum is missing | not divided by their sum
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    return np.where(mask, np.exp(scores), 0)


# %% 11.5 scores times mask | e⁰ = 1
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    scores = scores * mask
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


# %% 11.5 a large negative number | all keys alike
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -1e30)
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


# %% 11.5 a large negative number is added | where its scores are large
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    scores = scores + np.where(mask, 0, -1e4)
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


# %% 11.5 minus infinity everywhere | less −∞, or 0/0
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


# %% 11.5 NaN made to zero afterwards | mind −∞ less −∞
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return np.nan_to_num(e / np.sum(e, axis=-1, keepdims=True))


# %% 11.5 exponentials times mask | choose before you compute
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    e = mask * np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    some = np.any(mask, axis=-1, keepdims=True)
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 minus ten thousand in place of infinity | may be the largest of its row
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    some = np.any(mask, axis=-1, keepdims=True)
    scores = np.where(mask, scores, -1e4)
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return some * e / np.sum(e, axis=-1, keepdims=True)


# %% 11.5 the mask the wrong way round | it is the wrong way round
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return (s <= t) & (t - s <= back) & (s < lengths[:, None, None])


def masked_softmax(scores, mask):
    mask = ~mask
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.5 the package's masks | here you write it yourself
def allowed(lengths, T, back):
    s = np.arange(T)
    t = s[:, None]
    return nn.causal_mask(T) & nn.padding_mask(lengths, T) & (t - s <= back)


def masked_softmax(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    some = np.any(mask, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(some, np.max(scores, axis=-1, keepdims=True), 0))
    return e / np.where(some, np.sum(e, axis=-1, keepdims=True), 1)


# %% 11.6 the scale is still there | number of components
def look(q, k, v, mask):
    scale = 1 / np.sqrt(len(k))
    scores = np.where(mask, q @ k.T * scale, -np.inf)
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) * scale
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 the number of queries | number of queries
def look(q, k, v, mask):
    scale = 1 / np.sqrt(len(q))
    scores = np.where(mask, q @ k.T * scale, -np.inf)
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) * scale
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 d without its root | and not by its root
def look(q, k, v, mask):
    scale = 1 / np.sqrt(k.shape[1] ** 2)
    scores = np.where(mask, q @ k.T * scale, -np.inf)
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) * scale
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 the scale is gone | not divided by √d any more
def look(q, k, v, mask):
    scale = 1 / np.sqrt(1)
    scores = np.where(mask, q @ k.T * scale, -np.inf)
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) * scale
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 the mask still comes after | comes after the softmax
def look(q, k, v, mask):
    scale = 1 / np.sqrt(k.shape[1])
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = mask * e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) * scale
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 scores times mask | e⁰ = 1
def look(q, k, v, mask):
    scale = 1 / np.sqrt(k.shape[1])
    scores = mask * (q @ k.T) * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) * scale
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 the mask is gone | nothing is masked any more
def look(q, k, v, mask):
    scale = 1 / np.sqrt(k.shape[1])
    scores = q @ k.T * scale
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) * scale
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 the mask is turned round | true where a query may look
def look(q, k, v, mask):
    scale = 1 / np.sqrt(k.shape[1])
    scores = np.where(mask, -1e300, q @ k.T * scale)
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) * scale
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 the softmax along the queries | it did
def look(q, k, v, mask):
    scale = 1 / np.sqrt(k.shape[1])
    scores = np.where(mask, q @ k.T * scale, -np.inf)
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = np.exp(scores) / np.sum(np.exp(scores), axis=0)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) * scale
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 the sum still goes over the queries | keys of one query
def look(q, k, v, mask):
    scale = 1 / np.sqrt(k.shape[1])
    scores = np.where(mask, q @ k.T * scale, -np.inf)
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=0)) * scale
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 no keepdims | stand in a column
def look(q, k, v, mask):
    scale = 1 / np.sqrt(k.shape[1])
    scores = np.where(mask, q @ k.T * scale, -np.inf)
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=1)) * scale
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 ds is not transposed | is to be transposed
def look(q, k, v, mask):
    scale = 1 / np.sqrt(k.shape[1])
    scores = np.where(mask, q @ k.T * scale, -np.inf)
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) * scale
        return ds @ k, ds @ q, p.T @ do

    return p @ v, backward


# %% 11.6 the scale twice | 1/√d twice
def look(q, k, v, mask):
    scale = 1 / np.sqrt(k.shape[1])
    scores = np.where(mask, q @ k.T * scale, -np.inf)
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) * scale**2
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 the scale is missing on the way back | 1/√d any more
def look(q, k, v, mask):
    scale = 1 / np.sqrt(k.shape[1])
    scores = np.where(mask, q @ k.T * scale, -np.inf)
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * (dp - np.sum(p * dp, axis=1, keepdims=True))
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 the sum is gone | not taken away any more
def look(q, k, v, mask):
    scale = 1 / np.sqrt(k.shape[1])
    scores = np.where(mask, q @ k.T * scale, -np.inf)
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)

    def backward(do):
        dp = do @ v.T
        ds = p * dp * scale
        return ds @ k, ds.T @ q, p.T @ do

    return p @ v, backward


# %% 11.6 the package's | here you write it yourself
def look(q, k, v, mask):
    return nn.vjp(nn.attention, q, k, v, mask=mask)


# %% 11.6 only the value | return 2 results
def look(q, k, v, mask):
    scale = 1 / np.sqrt(k.shape[1])
    scores = np.where(mask, q @ k.T * scale, -np.inf)
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return p @ v


# %% 11.7 one maximum for all rows | a maximum of its own
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.full(len(scores), np.max(scores))
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 nothing is taken away | score less m
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - 0)
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 o is divided at once | not divided by l yet
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v / np.sum(e, axis=1)[:, None]


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 minus infinity less minus infinity | mind −∞ less −∞
def finite(m):
    return m


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 the sums are added as they are | to the same m first
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, a[1] + b[1], a[2] + b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 only the l are rescaled | to the same m first
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], a[2] + b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 the exponent turned round | grows where it should shrink
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(finite(m) - a[0]), np.exp(finite(m) - b[0])
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 only the second is rescaled | first sum is not brought
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.ones(len(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 only the first is rescaled | second sum is not brought
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.ones(len(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 the first m stays | still that of the first
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = a[0]
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 the second m is taken | that of the second block
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = b[0]
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 the smaller m | smaller one of the two
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.minimum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 the maxima are added | maximum of both
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = a[0] + b[0]
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 divided by l while merging | only at the end
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], (of_a[:, None] * a[2] + of_b[:, None] * b[2]) / (of_a * a[1] + of_b * b[1])[:, None]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 l counts once more | holds its l already
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], (of_a * a[1])[:, None] * a[2] + (of_b * b[1])[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 the first o is forgotten | first a is not brought
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 the second a is forgotten | second a is not brought
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.7 nothing at the end | not divided by l
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o


# %% 11.7 nothing by nothing | 0/0
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / l[:, None]


# %% 11.7 nothing by nothing, mended afterwards | mind 0/0
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.sum(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return np.nan_to_num(o / l[:, None])


# %% 11.7 the mean of the exponentials | mean of the exponentials
def finite(m):
    return np.where(m == -np.inf, 0, m)


def begin(scores, v):
    m = np.max(scores, axis=1)
    e = np.exp(scores - finite(m)[:, None])
    return m, np.mean(e, axis=1), e @ v


def merge(a, b):
    m = np.maximum(a[0], b[0])
    of_a, of_b = np.exp(a[0] - finite(m)), np.exp(b[0] - finite(m))
    return m, of_a * a[1] + of_b * b[1], of_a[:, None] * a[2] + of_b[:, None] * b[2]


def finish(state):
    m, l, o = state
    return o / np.where(l > 0, l, 1)[:, None]


# %% 11.8 turned the other way | turns the other way
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(-1j * positions[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 pairs from two halves | one from each half
def turn(x, positions, frequencies):
    z = x[..., : x.shape[1] // 2] + 1j * x[..., x.shape[1] // 2 :]
    z = z * np.exp(1j * positions[:, None] * frequencies)
    return np.concatenate([z.real, z.imag], axis=-1)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 frequencies the other way | goes with the first frequency
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * positions[:, None] * frequencies[::-1])
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 counted from one | counted from 1
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * (positions[:, None] + 1) * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 sine and cosine exchanged | are exchanged
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * 1j * np.exp(-1j * positions[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 reflected | this is a reflection
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = np.conj(z) * np.exp(1j * positions[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 no minus | has a minus
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z.real * np.cos((1j * positions[:, None] * frequencies).imag) + z.imag * np.sin((1j * positions[:, None] * frequencies).imag) + 1j * (z.real * np.sin((1j * positions[:, None] * frequencies).imag) + z.imag * np.cos((1j * positions[:, None] * frequencies).imag))
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 the positions are not looked at | stood at 0, 1, 2
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * np.arange(len(x))[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 the first position for all | angle of the first
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * positions[0] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 only the cosine and the sine | goes with its neighbour
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z.real * np.cos((1j * positions[:, None] * frequencies).imag) + 1j * z.imag * np.sin((1j * positions[:, None] * frequencies).imag)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 waves are added | waves are added
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z + np.sin((1j * positions[:, None] * frequencies).imag) + 1j * np.cos((1j * positions[:, None] * frequencies).imag)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 turned on | turns dy on
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * positions[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 the gradient as it is | not the same as leaving it
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * positions[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return 1 * dy


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 the gradient doubled | no larger and no smaller
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * positions[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return 2 * turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 complex numbers | complex
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * positions[:, None] * frequencies)
    return z


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k


# %% 11.8 not turned | vectors as they were
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * positions[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return q @ k


# %% 11.8 the distance with the other sign | the other sign
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * positions[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(k[None], np.array([distance]), frequencies)[0] @ q


# %% 11.8 both are turned | vectors as they were
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * positions[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ turn(k[None], np.array([distance]), frequencies)[0]


# %% 11.8 divided by the root of d | divided by √d
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * positions[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies)[0] @ k / len(q) ** 0.5


# %% 11.8 not conjugated | to be conjugated
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * positions[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return np.sum((q[::2] + 1j * q[1::2]) * (k[::2] + 1j * k[1::2]) * np.exp(1j * distance * frequencies)).real


# %% 11.8 the imaginary part | imaginary part
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * positions[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return np.sum((q[::2] + 1j * q[1::2]) * (k[::2] - 1j * k[1::2]) * np.exp(1j * distance * frequencies)).imag


# %% 11.8 one frequency for all pairs | frequency of its own
def turn(x, positions, frequencies):
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * positions[:, None] * frequencies)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def turn_backward(dy, positions, frequencies):
    return turn(dy, -positions, frequencies)


def product(q, k, distance, frequencies):
    return turn(q[None], np.array([distance]), frequencies[0] + 0 * frequencies)[0] @ k


# %% 11.9 keys and values exchanged | keys and values are exchanged
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_v @ x]), np.vstack([cache[1], W_k @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 the newest in front | the newest comes last
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([W_k @ x, cache[0]]), np.vstack([W_v @ x, cache[1]])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 matrices transposed in the cache | a key is W_k x
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], x @ W_k]), np.vstack([cache[1], x @ W_v])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 the query transposed | the query is W_q x
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (x @ W_q, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 W_o transposed | y is W_o o
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return o @ W_o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 the newest does not see itself | sees itself too
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    if len(K) > 1:
        p = e[:-1] / e[:-1].sum(axis=0)
        o = (p[:, :, None] * v[:-1]).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 W_o is forgotten | W_o is missing
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 the scale of the whole width | divides its scores
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / len(x) ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 no scale | not divided
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2)
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 the softmax over the heads | goes over the heads
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 one head | its own softmax
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, 1, len(x)) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 heads with every h-th component | neighbouring components
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, len(x) // heads, heads).swapaxes(1, 2) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).T.reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 all as long as the last | as long as the last one
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = T * (4 * T * D**2 + 2 * T**2 * D)
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 the small network too | without the small network
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D + 2 * t * D * hidden for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 one step | one step, the last
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = 4 * D**2 + 2 * T * D
    return again, cached, 2 * D + hidden + 1


# %% 11.9 the whole, once | whole computation, once
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = 4 * T * D**2 + 2 * T**2 * D
    return again, cached, 2 * D + hidden + 1


# %% 11.9 without itself | looks at itself too
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(T))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 no maps for the newest | still to be done
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden + 1


# %% 11.9 where both are the same | cost the same
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + hidden


# %% 11.9 always six widths | hidden is 4 D
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 6 * D + 1


# %% 11.9 without the small network | part of the rest
def step(x, cache, W_q, W_k, W_v, W_o, heads):
    K, V = np.vstack([cache[0], W_k @ x]), np.vstack([cache[1], W_v @ x])
    q, k, v = (a.reshape(-1, heads, len(x) // heads) for a in (W_q @ x, K, V))
    scores = (q * k).sum(axis=2) / q.shape[2] ** 0.5
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    o = (p[:, :, None] * v).sum(axis=0).reshape(-1)
    return W_o @ o, (K, V)


def bill(T, D, hidden):
    again = sum(4 * t * D**2 + 2 * t**2 * D for t in range(1, T + 1))
    cached = sum(4 * D**2 + 2 * t * D for t in range(1, T + 1))
    return again, cached, 2 * D + 1


# %% 11.10 position 0 is forgotten | looks at position 0
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[before, token] = 1
    A2[token, before] = sharp
    B2[following, token] = 1
    return A1, B1, A2, B2


# %% 11.10 nothing at all | looks at all that it sees alike
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    
    return A1, B1, A2, B2


# %% 11.10 not sharp enough | what makes a softmax sharper
def circuit(K, T):
    D, sharp = 3 * K + T, 2
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[before, token] = 1
    A2[token, before] = sharp
    A2[token, position[0]] = -sharp
    B2[following, token] = 1
    return A1, B1, A2, B2


# %% 11.10 the first layer looks at itself | looks at itself
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position, position] = sharp
    B1[before, token] = 1
    A2[token, before] = sharp
    A2[token, position[0]] = -sharp
    B2[following, token] = 1
    return A1, B1, A2, B2


# %% 11.10 A1 transposed | A1 is the transpose
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[:-1], position[1:]] = sharp
    B1[before, token] = 1
    A2[token, before] = sharp
    A2[token, position[0]] = -sharp
    B2[following, token] = 1
    return A1, B1, A2, B2


# %% 11.10 two back | looks at position
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[2:], position[:-2]] = sharp
    B1[before, token] = 1
    A2[token, before] = sharp
    A2[token, position[0]] = -sharp
    B2[following, token] = 1
    return A1, B1, A2, B2


# %% 11.10 B1 transposed | B1 is the transpose
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[token, before] = 1
    A2[token, before] = sharp
    A2[token, position[0]] = -sharp
    B2[following, token] = 1
    return A1, B1, A2, B2


# %% 11.10 B1 writes to the next token's block | block of the token before
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[following, token] = 1
    A2[token, before] = sharp
    A2[token, position[0]] = -sharp
    B2[following, token] = 1
    return A1, B1, A2, B2


# %% 11.10 B1 copies too little | block of the token before
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[before, token] = 0.1
    A2[token, before] = sharp
    A2[token, position[0]] = -sharp
    B2[following, token] = 1
    return A1, B1, A2, B2


# %% 11.10 A2 transposed | A2 is the transpose
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[before, token] = 1
    A2[before, token] = sharp
    A2[position[0], token] = -sharp
    B2[following, token] = 1
    return A1, B1, A2, B2


# %% 11.10 the second layer finds the same token | where the same token stands
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[before, token] = 1
    A2[token, token] = sharp
    A2[token, position[0]] = -sharp
    B2[following, token] = 1
    return A1, B1, A2, B2


# %% 11.10 the second layer is open | looks at all that it sees alike
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[before, token] = 1
    B2[following, token] = 1
    return A1, B1, A2, B2


# %% 11.10 not sharp in the second layer | what makes a softmax sharper
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[before, token] = 1
    A2[token, before] = 3
    A2[token, position[0]] = -sharp
    B2[following, token] = 1
    return A1, B1, A2, B2


# %% 11.10 B2 transposed | B2 is the transpose
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[before, token] = 1
    A2[token, before] = sharp
    A2[token, position[0]] = -sharp
    B2[token, following] = 1
    return A1, B1, A2, B2


# %% 11.10 B2 writes nothing | what does B2 read
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[before, token] = 1
    A2[token, before] = sharp
    A2[token, position[0]] = -sharp
    return A1, B1, A2, B2


# %% 11.10 B2 copies the token before | what does B2 read
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[before, token] = 1
    A2[token, before] = sharp
    A2[token, position[0]] = -sharp
    B2[following, before] = 1
    return A1, B1, A2, B2


# %% 11.10 three matrices | return 4 results
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[before, token] = 1
    A2[token, before] = sharp
    A2[token, position[0]] = -sharp
    B2[following, token] = 1
    return A1, B1, A2


# %% 11.10 too small | expected shape
def circuit(K, T):
    D, sharp = 3 * K + T, 30
    A1, B1, A2, B2 = np.zeros((4, D, D))
    token = np.arange(K)
    before, following, position = token + K, token + 2 * K, np.arange(3 * K, D)
    A1[position[1:], position[:-1]] = sharp
    B1[before, token] = 1
    A2[token, before] = sharp
    A2[token, position[0]] = -sharp
    B2[following, token] = 1
    return A1[1:, 1:], B1[1:, 1:], A2[1:, 1:], B2[1:, 1:]


# %% 11.10 infinite scores | no finite number
def circuit(K, T):
    A1, B1, A2, B2 = np.zeros((4, 3 * K + T, 3 * K + T))
    position = np.arange(3 * K, 3 * K + T)
    A1[position[1:], position[:-1]] = np.inf
    return A1, B1, A2, B2


# %% 11.10 the tokens' order is learned by heart | looks at all that it sees alike
def circuit(K, T):
    A1, B1, A2, B2 = np.zeros((4, 3 * K + T, 3 * K + T))
    B2[2 * K + (np.arange(K) + 1) % K, np.arange(K)] = 1
    return A1, B1, A2, B2
