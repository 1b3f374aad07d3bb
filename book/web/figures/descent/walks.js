// Four optimizers in a quadratic valley, and what the theory says of their rates.
// The valley is L = ½ (λ₁ θ₁² + λ₂ θ₂²), its bottom is 0, and its gradient is λ θ: eq-quadratic.

/** One step of each method, in place, as `nn.SGD` and `nn.Adam` take it; `t` counts from 1. */
const STEPS = {
  descent: ({ rate }) => (theta, g) => theta.forEach((_, i) => (theta[i] -= rate * g[i])), // eq-gradient-descent
  momentum: ({ rate, momentum }) => withVelocity(rate, momentum, (_, v) => v), // eq-momentum
  nesterov: ({ rate, momentum }) => withVelocity(rate, momentum, (g, v) => g + momentum * v), // eq-nesterov
  adam: ({ rate, betas: [beta1, beta2], eps = 1e-8 }) => {
    const [mean, square] = [[0, 0], [0, 0]];
    return (theta, g, t) =>
      theta.forEach((_, i) => {
        mean[i] += (1 - beta1) * (g[i] - mean[i]); // eq-adam-moments
        square[i] += (1 - beta2) * (g[i] * g[i] - square[i]);
        const root = Math.sqrt(square[i] / (1 - beta2 ** t)); // eq-adam-bias-correction
        theta[i] -= ((rate / (1 - beta1 ** t)) * mean[i]) / (root + eps); // eq-adam-step
      });
  },
};

function withVelocity(rate, momentum, push) {
  const v = [0, 0];
  return (theta, g) =>
    theta.forEach((_, i) => {
      v[i] = momentum * v[i] + g[i];
      theta[i] -= rate * push(g[i], v[i]);
    });
}

/**
 * The places that a method comes to. It stops early where a number would no longer be finite.
 * @param {string} method descent, momentum, nesterov or adam
 * @param {object} settings rate; momentum; betas and eps for adam
 * @param {number[]} start θ at step 0
 * @param {number[]} curvatures λ₁ and λ₂
 * @returns {number[][]} θ at the steps 0, 1, …, at most `steps`
 */
export function walk(method, settings, start, curvatures, steps) {
  const theta = [...start];
  const step = STEPS[method](settings);
  const path = [[...theta]];
  for (let t = 1; t <= steps && Math.hypot(...theta) < 1e140; t++) {
    step(theta, curvatures.map((lambda, i) => lambda * theta[i]), t);
    path.push([...theta]);
  }
  return path;
}

export const distances = (path) => path.map(([a, b]) => Math.hypot(a, b));

/**
 * By which factor a step multiplies the distance, measured where the walk has settled: the mean logarithm
 * over the last quarter against that over the quarter before. A distance of 0, or one about to leave the
 * range of the numbers, ends the walk for this.
 */
export function measuredFactor(path) {
  const all = distances(path);
  if (all.some((d) => d === 0)) return 0;
  const end = all.findIndex((d) => d < 1e-140);
  const logs = (end < 0 ? all : all.slice(0, end)).map(Math.log);
  const quarter = Math.floor(logs.length / 4);
  if (quarter < 2) return Math.exp((logs.at(-1) - logs[0]) / (logs.length - 1));
  const mean = (list) => list.reduce((sum, v) => sum + v, 0) / list.length;
  return Math.exp((mean(logs.slice(-quarter)) - mean(logs.slice(-2 * quarter, -quarter))) / quarter);
}

/** In one direction c(t+1) = p c(t) − q c(t−1), so r² − p r + q = 0: p and q of each method. */
const RECURSION = {
  descent: (h) => [1 - h, 0], // eq-gradient-descent-rate, h = η λ
  momentum: (h, mu) => [1 + mu - h, mu], // eq-momentum-recursion
  nesterov: (h, mu) => [(1 + mu) * (1 - h), mu * (1 - h)], // above eq-nesterov-rate
};

/** ρ, the size of the largest root over all directions: the spectral radius of [[p, −q], [1, 0]]. */
export function theoryFactor(method, { rate, momentum }, curvatures) {
  const roots = curvatures.map((lambda) => {
    const [p, q] = RECURSION[method](rate * lambda, momentum);
    const d = p * p - 4 * q;
    return d < 0 ? Math.sqrt(q) : (Math.abs(p) + Math.sqrt(d)) / 2;
  });
  return Math.max(...roots);
}

/**
 * The first η that diverges: where the steepest direction has the root r = −1, which is where 1 + p + q = 0.
 * (The other ways out, r = 1 and q = 1, need η λ = 0 and μ = 1 at the least.)
 */
export function border(method, mu, steepest) {
  const reach = { descent: 2, momentum: 2 * (1 + mu), nesterov: (2 * (1 + mu)) / (1 + 2 * mu) };
  return reach[method] / steepest;
}

/** The best settings in a bowl: the last line of eq-gradient-descent-rate, and eq-momentum-rate. */
export const best = {
  descent: ([low, high]) => ({ rate: 2 / (low + high), momentum: 0, factor: (high - low) / (high + low) }),
  momentum: ([low, high]) => {
    const factor = (Math.sqrt(high / low) - 1) / (Math.sqrt(high / low) + 1);
    return { rate: (2 / (Math.sqrt(low) + Math.sqrt(high))) ** 2, momentum: factor ** 2, factor };
  },
};
