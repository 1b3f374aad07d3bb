# %% 9.1 only the products | two operations
operations = 16 * 1024 * 256
moved = 4 * (16 * 1024 + 256 * 1024 + 256 + 16 * 256)
intensity = 2 * operations / moved
side = "left"

# %% 9.1 numbers, not bytes | how many bytes has each
operations = 2 * 16 * 1024 * 256
moved = 16 * 1024 + 256 * 1024 + 256 + 16 * 256
intensity = operations / moved / 4
side = "left"

# %% 9.1 no bias | bias is fetched
operations = 2 * 16 * 1024 * 256
moved = 4 * (16 * 1024 + 256 * 1024 + 16 * 256)
intensity = operations / moved
side = "left"

# %% 9.1 the weights for each example anew | fetched once
operations = 2 * 16 * 1024 * 256
moved = 4 * (16 * 1024 + 16 * 256 * 1024 + 256 + 16 * 256)
intensity = 7.4
side = "left"

# %% 9.1 upside down | bytes for each operation
operations = 2 * 16 * 1024 * 256
moved = 4 * (16 * 1024 + 256 * 1024 + 256 + 16 * 256)
intensity = moved / operations
side = "left"

# %% 9.1 the wrong side | than that of the ridge
operations = 2 * 16 * 1024 * 256
moved = 4 * (16 * 1024 + 256 * 1024 + 256 + 16 * 256)
intensity = operations / moved
side = "right"


# %% 9.1 the bias beside the sum | no more
operations = 2 * 16 * 1024 * 256 + 16 * 256
moved = 4 * (16 * 1024 + 256 * 1024 + 256 + 16 * 256)
intensity = operations / moved
side = "left"


# %% 9.1 a bias for each example | one bias
operations = 2 * 16 * 1024 * 256
moved = 4 * (16 * 1024 + 256 * 1024 + 16 * 256 + 16 * 256)
intensity = operations / moved
side = "left"


# %% 9.2 one time after the other | at the same time
def roof(F, Q, peak, bandwidth):
    seconds = F / peak + Q / bandwidth
    return seconds, F / seconds


def smallest_batch(D, M, ridge):
    return math.ceil(1 / (1 / (2 * ridge) - 1 / D - 1 / M))


# %% 9.2 the shorter time | the other is not done
def roof(F, Q, peak, bandwidth):
    seconds = np.minimum(F / peak, Q / bandwidth)
    return seconds, F / seconds


def smallest_batch(D, M, ridge):
    return math.ceil(1 / (1 / (2 * ridge) - 1 / D - 1 / M))


# %% 9.2 one time for all | time of its own
def roof(F, Q, peak, bandwidth):
    seconds = max((F / peak).max(), (Q / bandwidth).max())
    return seconds, F / seconds


def smallest_batch(D, M, ridge):
    return math.ceil(1 / (1 / (2 * ridge) - 1 / D - 1 / M))


# %% 9.2 a slope without end | faster than its peak
def roof(F, Q, peak, bandwidth):
    return np.maximum(F / peak, Q / bandwidth), bandwidth * F / Q


def smallest_batch(D, M, ridge):
    return math.ceil(1 / (1 / (2 * ridge) - 1 / D - 1 / M))


# %% 9.2 rounded down | still left of the ridge
def roof(F, Q, peak, bandwidth):
    return np.maximum(F / peak, Q / bandwidth), np.minimum(peak, bandwidth * F / Q)


def smallest_batch(D, M, ridge):
    return math.floor(1 / (1 / (2 * ridge) - 1 / D - 1 / M))


# %% 9.2 twice the ridge | D and M
def roof(F, Q, peak, bandwidth):
    return np.maximum(F / peak, Q / bandwidth), np.minimum(peak, bandwidth * F / Q)


def smallest_batch(D, M, ridge):
    return math.ceil(2 * ridge)


# %% 9.2 the layers that never reach it | however large the batch
def roof(F, Q, peak, bandwidth):
    return np.maximum(F / peak, Q / bandwidth), np.minimum(peak, bandwidth * F / Q)


def smallest_batch(D, M, ridge):
    return math.ceil(1 / (1 / (2 * ridge) - 1 / D - 1 / M))


# %% 9.2 the intensity in place of the rate | How many operations a second
def roof(F, Q, peak, bandwidth):
    return np.maximum(F / peak, Q / bandwidth), F / Q


def smallest_batch(D, M, ridge):
    room = 1 / (2 * ridge) - 1 / D - 1 / M
    return math.ceil(1 / room) if room > 0 else math.inf


# %% 9.2 peak and bandwidth exchanged | belongs to the operations
def roof(F, Q, peak, bandwidth):
    s = np.maximum(F / bandwidth, Q / peak)
    return s, F / s


def smallest_batch(D, M, ridge):
    room = 1 / (2 * ridge) - 1 / D - 1 / M
    return math.ceil(1 / room) if room > 0 else math.inf


# %% 9.3 a window for each pixel | only with padding
def convolution_work(N, H, W, C, P, Q, F):
    windows = N * H * W
    direct = 4 * (N * H * W * C + P * Q * C * F + F + windows * F)
    return 2 * windows * F * P * Q * C, direct, direct + 2 * 4 * windows * P * Q * C


# %% 9.3 the matrix is moved once | read again
def convolution_work(N, H, W, C, P, Q, F):
    windows = N * (H - P + 1) * (W - Q + 1)
    direct = 4 * (N * H * W * C + P * Q * C * F + F + windows * F)
    return 2 * windows * F * P * Q * C, direct, direct + 4 * windows * P * Q * C


# %% 9.3 a pixel for each window | however many windows see it
def convolution_work(N, H, W, C, P, Q, F):
    windows = N * (H - P + 1) * (W - Q + 1)
    direct = 4 * (windows * P * Q * C + P * Q * C * F + F + windows * F)
    return 2 * windows * F * P * Q * C, direct, direct + 4 * windows * P * Q * C


# %% 9.3 the matrix in place of the pictures | read the pictures
def convolution_work(N, H, W, C, P, Q, F):
    windows = N * (H - P + 1) * (W - Q + 1)
    direct = 4 * (N * H * W * C + P * Q * C * F + F + windows * F)
    im2col = 4 * (2 * windows * P * Q * C + P * Q * C * F + F + windows * F)
    return 2 * windows * F * P * Q * C, direct, im2col


# %% 9.3 one channel | in every channel
def convolution_work(N, H, W, C, P, Q, F):
    windows = N * (H - P + 1) * (W - Q + 1)
    direct = 4 * (N * H * W * C + P * Q * C * F + F + windows * F)
    return 2 * windows * F * P * Q, direct, direct + 2 * 4 * windows * P * Q * C


# %% 9.3 an operation for the bias | no operation more
def convolution_work(N, H, W, C, P, Q, F):
    w = N * (H - P + 1) * (W - Q + 1)
    d = 4 * (N * H * W * C + P * Q * C * F + F + w * F)
    return 2 * w * F * P * Q * C + w * F, d, d + 8 * w * P * Q * C


# %% 9.3 a window too few | fits once
def convolution_work(N, H, W, C, P, Q, F):
    w = N * (H - P) * (W - Q)
    d = 4 * (N * H * W * C + P * Q * C * F + F + w * F)
    return 2 * w * F * P * Q * C, d, d + 8 * w * P * Q * C


# %% 9.3 a matrix for each kernel | same for all kernels
def convolution_work(N, H, W, C, P, Q, F):
    w = N * (H - P + 1) * (W - Q + 1)
    d = 4 * (N * H * W * C + P * Q * C * F + F + w * F)
    return 2 * w * P * Q * C * F, d, d + 8 * w * P * Q * C * F


# %% 9.4 the waits are ignored | a wait changes nothing
def finish_times(launches, runs, waits_after):
    done, a, e = [], 0.0, 0.0
    for h, d in zip(launches, runs):
        a = a + h
        e = max(a, e) + d
        done.append(e)
    return np.array(done), e - np.sum(runs)


# %% 9.4 the device never busy | in front of it is done
def finish_times(launches, runs, waits_after):
    done, a, e = [], 0.0, 0.0
    for k, (h, d) in enumerate(zip(launches, runs)):
        a = a + h
        e = a + d
        done.append(e)
        if k in waits_after:
            a = e
    return np.array(done), e - np.sum(runs)


# %% 9.4 the host never late | before its note is in the queue
def finish_times(launches, runs, waits_after):
    done = np.cumsum(runs)
    return done, done[-1] - np.sum(runs)


# %% 9.4 a wait after every kernel | after every kernel
def finish_times(launches, runs, waits_after):
    done = np.cumsum(launches + runs)
    return done, np.sum(launches)


# %% 9.4 a wait before the kernel | not before them
def finish_times(launches, runs, waits_after):
    done, a, e = [], 0.0, 0.0
    for k, (h, d) in enumerate(zip(launches, runs)):
        if k in waits_after:
            a = max(a, e)
        a = a + h
        e = max(a, e) + d
        done.append(e)
    return np.array(done), e - np.sum(runs)


# %% 9.4 rest only between kernels | before the first kernel
def finish_times(launches, runs, waits_after):
    done, a, e, idle = [], 0.0, 0.0, 0.0
    for k, (h, d) in enumerate(zip(launches, runs)):
        a = a + h
        if k > 0:
            idle += max(a - e, 0)
        e = max(a, e) + d
        done.append(e)
        if k in waits_after:
            a = e
    return np.array(done), idle


# %% 9.4 the clocks are added | count from 0
def finish_times(launches, runs, waits_after):
    done = []
    a = e = idle = 0
    for k in range(len(runs)):
        a += launches[k]
        idle += max(0, a - e)
        e = max(a, e) + runs[k]
        done.append(e)
        if k in set(waits_after):
            a += e
    return done, idle


# %% 9.4 only its own run | longer than the kernel
def finish_times(launches, runs, waits_after):
    done = []
    a = e = idle = 0
    for k in range(len(runs)):
        a += launches[k]
        idle += max(0, a - e)
        e = max(a, e) + runs[k]
        done.append(e)
        if k in set(waits_after):
            a += runs[k]
    return done, idle


# %% 9.5 the question is left | to decide something
def train(theta, gradient, batches, rate, limit):
    xp = nn.array_namespace(theta)
    total = 0.0
    for batch in batches:
        loss, g = gradient(theta, batch)
        length = xp.sqrt(xp.sum(g**2))
        if length > limit:
            g = g * (limit / length)
        theta = theta - rate * g
        total = total + loss
    return theta, float(total) / len(batches)


# %% 9.5 max of Python asks too | to decide something
def train(theta, gradient, batches, rate, limit):
    total = 0.0
    for batch in batches:
        loss, g = gradient(theta, batch)
        length = (g**2).sum() ** 0.5
        theta = theta - rate * g * (limit / max(length, limit))
        total = total + loss
    return theta, float(total) / len(batches)


# %% 9.5 all losses at the end, one by one | × by `float`
def train(theta, gradient, batches, rate, limit):
    xp = nn.array_namespace(theta)
    losses = []
    for batch in batches:
        loss, g = gradient(theta, batch)
        length = xp.sqrt(xp.sum(g**2))
        theta = theta - rate * g * (limit / xp.maximum(length, limit))
        losses.append(loss)
    return theta, sum(float(loss) for loss in losses) / len(batches)


# %% 9.5 brought home in every step | by `nn.to_numpy`
def train(theta, gradient, batches, rate, limit):
    xp = nn.array_namespace(theta)
    total = 0.0
    for batch in batches:
        loss, g = gradient(theta, batch)
        length = xp.sqrt(xp.sum(g**2))
        theta = theta - rate * g * (limit / xp.maximum(length, limit))
        total = total + nn.to_numpy(loss)
    return theta, total / len(batches)


# %% 9.5 shown in every step | to show it
def train(theta, gradient, batches, rate, limit):
    xp = nn.array_namespace(theta)
    total = 0.0
    for batch in batches:
        loss, g = gradient(theta, batch)
        length = xp.sqrt(xp.sum(g**2))
        theta = theta - rate * g * (limit / xp.maximum(length, limit))
        total = total + loss
        print(f"loss {loss:.3f}")
    return theta, float(total) / len(batches)


# %% 9.5 nothing is shortened | no longer shortened
def train(theta, gradient, batches, rate, limit):
    total = 0.0
    for batch in batches:
        loss, g = gradient(theta, batch)
        theta = theta - rate * g
        total = total + loss
    return theta, float(total) / len(batches)


# %% 9.5 short ones are stretched | should stay as they are
def train(theta, gradient, batches, rate, limit):
    xp = nn.array_namespace(theta)
    total = 0.0
    for batch in batches:
        loss, g = gradient(theta, batch)
        theta = theta - rate * g * (limit / xp.sqrt(xp.sum(g**2)))
        total = total + loss
    return theta, float(total) / len(batches)


# %% 9.5 entry by entry | length of the gradient
def train(theta, gradient, batches, rate, limit):
    xp = nn.array_namespace(theta)
    total = 0.0
    for batch in batches:
        loss, g = gradient(theta, batch)
        theta = theta - rate * xp.clip(g, -limit, limit)
        total = total + loss
    return theta, float(total) / len(batches)


# %% 9.5 the sum | not their mean
def train(theta, gradient, batches, rate, limit):
    xp = nn.array_namespace(theta)
    total = 0.0
    for batch in batches:
        loss, g = gradient(theta, batch)
        length = xp.sqrt(xp.sum(g**2))
        theta = theta - rate * g * (limit / xp.maximum(length, limit))
        total = total + loss
    return theta, float(total)


# %% 9.5 nothing comes home | lies on the device still
def train(theta, gradient, batches, rate, limit):
    xp = nn.array_namespace(theta)
    total = 0.0
    for batch in batches:
        loss, g = gradient(theta, batch)
        length = xp.sqrt(xp.sum(g**2))
        theta = theta - rate * g * (limit / xp.maximum(length, limit))
        total = total + loss
    return theta, total / len(batches)


# %% 9.5 the wrong way round | stretched
def train(theta, gradient, batches, rate, limit):
    xp = nn.array_namespace(theta)
    total = 0
    for i, batch in enumerate(batches):
        loss, g = gradient(theta, batch)
        length = xp.sqrt(g @ g)
        theta = theta - rate * g * xp.maximum(1, limit / length)
        total = total + loss
    return theta, float(total) / len(batches)


# %% 9.5 to the length 1 | and not 1
def train(theta, gradient, batches, rate, limit):
    xp = nn.array_namespace(theta)
    total = 0
    for i, batch in enumerate(batches):
        loss, g = gradient(theta, batch)
        length = xp.sqrt(g @ g)
        theta = theta - rate * g / xp.maximum(length, limit)
        total = total + loss
    return theta, float(total) / len(batches)


# %% 9.5 theta in place | that it was given
def train(theta, gradient, batches, rate, limit):
    xp = nn.array_namespace(theta)
    total = 0
    for i, batch in enumerate(batches):
        loss, g = gradient(theta, batch)
        length = xp.sqrt(g @ g)
        theta -= rate * g * xp.minimum(1, limit / length)
        total = total + loss
    return theta, float(total) / len(batches)


# %% 9.5 a list of losses | one alone
def train(theta, gradient, batches, rate, limit):
    xp = nn.array_namespace(theta)
    L = []
    for i, batch in enumerate(batches):
        loss, g = gradient(theta, batch)
        length = xp.sqrt(xp.sum(g**2))
        theta = theta - rate * g * xp.minimum(1, limit / length)
        L.append(loss)
    return theta, L


# %% 9.5 an array of the host | on a device
def train(theta, gradient, batches, rate, limit):
    xp = nn.array_namespace(theta)
    L = []
    for i, batch in enumerate(batches):
        loss, g = gradient(theta, batch)
        length = xp.sqrt(xp.sum(g**2))
        theta = theta - rate * g * xp.minimum(1, limit / length)
        L.append(loss)
    return theta, np.mean(np.array(L))


# %% 9.6 in order | one number after the other
def sum_in_pairs(x):
    s = x.dtype.type(0)
    for number in x:
        s = s + number
    return s


# %% 9.6 in float64 | finer dtype
def sum_in_pairs(x):
    return x.dtype.type(math.fsum(x.tolist()))


# %% 9.6 in float64, and left there | a sum in float64
def sum_in_pairs(x):
    return np.sum(x, dtype="float64") if len(x) else x.dtype.type(0)


# %% 9.6 pairs of Python's floats | a sum in float64
def sum_in_pairs(x):
    if len(x) == 0:
        return x.dtype.type(0)
    numbers = x.tolist()
    while len(numbers) > 1:
        pairs = [sum(numbers[i : i + 2]) for i in range(0, len(numbers), 2)]
        numbers = pairs
    return numbers[0]


# %% 9.6 no numbers, no sum | IndexError
def sum_in_pairs(x):
    while len(x) > 1:
        if len(x) % 2:
            x = np.append(x, np.zeros(1, x.dtype))
        x = x[0::2] + x[1::2]
    return x[0]


# %% 9.6 the odd one is lost | a number is lost
def sum_in_pairs(x):
    if len(x) == 0:
        return x.dtype.type(0)
    while len(x) > 1:
        half = len(x) // 2
        x = x[:half] + x[half : 2 * half]
    return x[0]


# %% 9.6 what NumPy does | what `np.sum` gives
def sum_in_pairs(x):
    return np.sum(x)


# %% 9.6 runs of eight in order | passes through more
def sum_in_pairs(x):
    n = len(x)
    if n == 0:
        return x.dtype.type(0)
    if n <= 8:
        return np.add.accumulate(x)[-1]
    return sum_in_pairs(x[: n // 2]) + sum_in_pairs(x[n // 2 :])


# %% 9.6 the middle one twice | added twice
def sum_in_pairs(x):
    if len(x) == 0:
        return x.dtype.type(0)
    while len(x) > 1:
        half = (len(x) + 1) // 2
        x = x[:half] + x[-half:]
    return x[0]


# %% 9.7 zero times NaN | 0 times NaN
def shard_gradient(counts, gradients):
    return np.sum(counts[:, None] * gradients, axis=0) / np.sum(counts)


# %% 9.7 the shares are forgotten | plain mean over the ranks
def shard_gradient(counts, gradients):
    return np.nanmean(gradients, axis=0)


# %% 9.7 never divided | of the sum of all losses
def shard_gradient(counts, gradients):
    kept = counts > 0
    return counts[kept] @ gradients[kept]


# %% 9.7 divided twice | add up to 1 already
def shard_gradient(counts, gradients):
    kept = counts > 0
    return np.mean(counts[kept, None] / np.sum(counts) * gradients[kept], axis=0)


# %% 9.7 by the number of ranks | How many examples
def shard_gradient(counts, gradients):
    return np.nansum(counts[:, None] * gradients, axis=0) / len(counts)


# %% 9.8 only within | that is variance
def whole_moments(counts, means, variances):
    share = counts[:, None] / np.sum(counts)
    return np.sum(share * means, axis=0), np.sum(share * variances, axis=0)


# %% 9.8 plain means | plain mean over the ranks
def whole_moments(counts, means, variances):
    mean = means.mean(axis=0)
    return mean, (variances + (means - mean) ** 2).mean(axis=0)


# %% 9.8 not biased | divides by n - 1
def whole_moments(counts, means, variances):
    n = np.sum(counts)
    share = counts[:, None] / n
    mean = np.sum(share * means, axis=0)
    variance = np.sum(share * (variances + (means - mean) ** 2), axis=0)
    return mean, variance * n / max(n - 1, 1)


# %% 9.8 not squared | stands squared
def whole_moments(counts, means, variances):
    share = counts[:, None] / np.sum(counts)
    mean = np.sum(share * means, axis=0)
    return mean, np.sum(share * (variances + np.abs(means - mean)), axis=0)


# %% 9.8 between, and not weighted | weighted too
def whole_moments(counts, means, variances):
    share = counts[:, None] / np.sum(counts)
    mean = np.sum(share * means, axis=0)
    return mean, np.sum(share * variances, axis=0) + np.mean((means - mean) ** 2, axis=0)


# %% 9.8 the root | standard deviation
def whole_moments(counts, means, variances):
    w = counts / counts.sum()
    m = w @ means
    return m, np.sqrt(w @ (variances + means**2) - m**2)


# %% 9.8 plain variance of the means | takes them plain
def whole_moments(counts, means, variances):
    w = counts / counts.sum()
    m = w @ means
    return m, w @ variances + means.var(axis=0)


# %% 9.8 the mean of the squares | mean is not 0
def whole_moments(counts, means, variances):
    w = counts / counts.sum()
    m = w @ means
    return m, w @ (variances + means**2)


# %% 9.9 whole vectors go round | from rank to rank
def all_reduce(rank, p, vector, exchange):
    total, message = vector, vector
    for _ in range(p - 1):
        message = exchange(message)
        total = total + message
    return total


# %% 9.9 half way | one block of the sum
def all_reduce(rank, p, vector, exchange):
    blocks = np.split(vector.copy(), p)
    for k in range(p - 1):
        blocks[(rank - k - 1) % p] += exchange(blocks[(rank - k) % p])
    return np.concatenate(blocks)


# %% 9.9 added again on the second way round | is whole already
def all_reduce(rank, p, vector, exchange):
    blocks = np.split(vector.copy(), p)
    for k in range(2 * (p - 1)):
        blocks[(rank - k - 1) % p] += exchange(blocks[(rank - k) % p])
    return np.concatenate(blocks)


# %% 9.9 the second way begins with the wrong block | is not the sum
def all_reduce(rank, p, vector, exchange):
    blocks = np.split(vector.copy(), p)
    for k in range(p - 1):
        blocks[(rank - k - 1) % p] += exchange(blocks[(rank - k) % p])
    for k in range(p - 1):
        blocks[(rank - k - 1) % p] = exchange(blocks[(rank - k) % p])
    return np.concatenate(blocks)


# %% 9.9 the whole vector, all the way round | expected
def all_reduce(rank, p, vector, exchange):
    vectors = {rank: vector}
    for k in range(p - 1):
        vectors[(rank - k - 1) % p] = exchange(vectors[(rank - k) % p])
    total = 0
    for r in range(p):
        total = total + vectors[r]
    return total


# %% 9.9 whole vectors, once to gather and once more | messages of
def all_reduce(rank, p, vector, exchange):
    vectors = {rank: vector}
    for k in range(p - 1):
        vectors[(rank - k - 1) % p] = exchange(vectors[(rank - k) % p])
    total = 0
    for r in range(p):
        total = total + vectors[r]
    for k in range(p - 1):
        exchange(total)
    return total


# %% 9.9 it adds into what it was given | changes an array
def all_reduce(rank, p, vector, exchange):
    blocks = np.split(vector, p)
    for k in range(p - 1):
        blocks[(rank - k - 1) % p] += exchange(blocks[(rank - k) % p])
    for k in range(p - 1):
        blocks[(rank - k) % p] = exchange(blocks[(rank + 1 - k) % p])
    return np.concatenate(blocks)


# %% 9.9 rank 0 speaks to nobody | which has ended
def all_reduce(rank, p, vector, exchange):
    if rank == 0:
        return vector
    return vector + exchange(vector)


# %% 9.9 the mean | mean of all ranks
def all_reduce(rank, p, vector, exchange):
    b = vector.reshape(p, -1).copy()
    for k in range(p - 1):
        b[(rank - k - 1) % p] += exchange(b[(rank - k) % p])
    for k in range(p - 1):
        b[(rank - k) % p] = exchange(b[(rank - k + 1) % p])
    return b.ravel() / p


# %% 9.9 blocks in another order | not in their order
def all_reduce(rank, p, vector, exchange):
    b = np.split(vector, p)
    out = []
    for k in range(p - 1):
        b[(rank - k - 1) % p] = b[(rank - k - 1) % p] + exchange(b[(rank - k) % p])
    out = [b[(rank + 1) % p]]
    m = out[0]
    for k in range(p - 1):
        m = exchange(m)
        out.append(m)
    return np.concatenate(out)


# %% 9.9 a message of two things | of type tuple
def all_reduce(rank, p, vector, exchange):
    b = np.split(vector, p)
    for k in range(p - 1):
        i, m = exchange(((rank - k) % p, b[(rank - k) % p]))
        b[i] = b[i] + m
    for k in range(p - 1):
        i, m = exchange(((rank - k + 1) % p, b[(rank - k + 1) % p]))
        b[i] = m
    return np.concatenate(b)


# %% 9.10 not whole | no part of a machine
def best_ranks(t1, alpha):
    return math.sqrt(t1 / (2 * alpha))


def same_length(p, alpha, beta):
    rounds = math.ceil(math.log2(p))
    return alpha * beta * (p - 1 - rounds) / (rounds - (p - 1) / p)


# %% 9.10 the nearest | nearest to p*
def best_ranks(t1, alpha):
    return max(1, round(math.sqrt(t1 / (2 * alpha))))


def same_length(p, alpha, beta):
    rounds = math.ceil(math.log2(p))
    return alpha * beta * (p - 1 - rounds) / (rounds - (p - 1) / p)


# %% 9.10 rounded down | rounded down
def best_ranks(t1, alpha):
    return max(1, int(math.sqrt(t1 / (2 * alpha))))


def same_length(p, alpha, beta):
    rounds = math.ceil(math.log2(p))
    return alpha * beta * (p - 1 - rounds) / (rounds - (p - 1) / p)


# %% 9.10 rounded up | rounded up
def best_ranks(t1, alpha):
    return math.ceil(math.sqrt(t1 / (2 * alpha)))


def same_length(p, alpha, beta):
    rounds = math.ceil(math.log2(p))
    return alpha * beta * (p - 1 - rounds) / (rounds - (p - 1) / p)


# %% 9.10 a tree of parts of rounds | whole rounds
def best_ranks(t1, alpha):
    p = max(1, math.floor(math.sqrt(t1 / (2 * alpha))))
    return min((p, p + 1), key=lambda p: t1 / p + 2 * (p - 1) * alpha)


def same_length(p, alpha, beta):
    rounds = math.log2(p)
    return alpha * beta * (p - 1 - rounds) / (rounds - (p - 1) / p)


# %% 9.10 the whole vector round the ring | a block, not the whole vector
def best_ranks(t1, alpha):
    p = max(1, math.floor(math.sqrt(t1 / (2 * alpha))))
    return min((p, p + 1), key=lambda p: t1 / p + 2 * (p - 1) * alpha)


def same_length(p, alpha, beta):
    rounds = math.ceil(math.log2(p))
    return alpha * beta * (p - 1 - rounds) / (rounds - (p - 1))


# %% 9.10 one round too many | a round too many
def best_ranks(t1, alpha):
    def time(p):
        return t1 / p + 2 * (p - 1) * alpha

    below = max(1, math.floor(math.sqrt(t1 / (2 * alpha))))
    return below if time(below) <= time(below + 1) else below + 1


def same_length(p, alpha, beta):
    L = p.bit_length()
    return alpha * beta * (p - 1 - L) / (L - (p - 1) / p)


# %% 9.10 divided by the bandwidth | not bytes
def best_ranks(t1, alpha):
    def time(p):
        return t1 / p + 2 * (p - 1) * alpha

    below = max(1, math.floor(math.sqrt(t1 / (2 * alpha))))
    return below if time(below) <= time(below + 1) else below + 1


def same_length(p, alpha, beta):
    L = math.ceil(math.log2(p))
    return alpha / beta * (p - 1 - L) / (L - (p - 1) / p)


# %% 9.10 no -1 for the block | is not 1
def best_ranks(t1, alpha):
    def time(p):
        return t1 / p + 2 * (p - 1) * alpha

    below = max(1, math.floor(math.sqrt(t1 / (2 * alpha))))
    return below if time(below) <= time(below + 1) else below + 1


def same_length(p, alpha, beta):
    L = math.ceil(math.log2(p))
    return alpha * beta * (p - 1 - L) / (L - 1)


# %% 9.11 in proportion without end | without end
def best_rate(B, fastest, B_noise):
    return fastest * B / B_noise


def needed(B, B_noise):
    return 1 + B_noise / B, 1 + B / B_noise


both = 600


# %% 9.11 upside down | falls as the batch grows
def best_rate(B, fastest, B_noise):
    return fastest / (1 + B / B_noise)


def needed(B, B_noise):
    return 1 + B_noise / B, 1 + B / B_noise


both = 600


# %% 9.11 the gain in place of the steps | gain of a step
def best_rate(B, fastest, B_noise):
    return fastest / (1 + B_noise / B)


def needed(B, B_noise):
    return 1 / (1 + B_noise / B), 1 + B / B_noise


both = 600


# %% 9.11 examples, not relative | not relative yet
def best_rate(B, fastest, B_noise):
    return fastest / (1 + B_noise / B)


def needed(B, B_noise):
    return 1 + B_noise / B, B + B_noise


both = 600


# %% 9.11 always the same number of steps | number of steps changes
def best_rate(B, fastest, B_noise):
    return fastest / (1 + B_noise / B)


def needed(B, B_noise):
    return 1 + B_noise / B, B / B_noise


both = 600


# %% 9.11 twice the noise scale | less than twice
def best_rate(B, fastest, B_noise):
    return fastest / (1 + B_noise / B)


def needed(B, B_noise):
    return 1 + B_noise / B, 1 + B / B_noise


both = 1200


# %% 9.11 the root rule | root of the batch
def best_rate(B, fastest, B_noise):
    return fastest * np.sqrt(B / B_noise)


def needed(B, B_noise):
    return 1 + B_noise / B, 1 + B / B_noise


both = 600


# %% 9.11 an endless batch for nothing | no steps at all
def best_rate(B, fastest, B_noise):
    return fastest / (1 + B_noise / B)


def needed(B, B_noise):
    return B_noise / B, 1 + B / B_noise


both = 600


# %% 9.11 a batch of 1 | not the smallest
def best_rate(B, fastest, B_noise):
    return fastest / (1 + B_noise / B)


def needed(B, B_noise):
    return 1 + B_noise / B, (B + B_noise) / (1 + B_noise)


both = 600
