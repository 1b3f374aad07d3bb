// A stack of dense layers with random weights: what comes through it forwards and backwards.
import { normal } from "../lib/random.js";
import { relu } from "../lib/functions.js";

/** An activation function, and its slope told from its value. */
export const bends = {
  tanh: { f: Math.tanh, slope: (a) => 1 - a * a },
  relu: { f: relu, slope: (a) => (a > 0 ? 1 : 0) },
};

/** So many standard normal numbers from a seed. */
export function drawn(count, seed) {
  const next = normal(seed);
  return Float64Array.from({ length: count }, next);
}

/** x times the transpose of W: each row of x is an example, each row of W a neuron (eq-dense, no bias). */
function product(x, W, rows, width) {
  const z = new Float64Array(rows * width);
  for (let n = 0; n < rows; n++) {
    for (let i = 0; i < width; i++) {
      let sum = 0;
      for (let j = 0; j < width; j++) sum += W[i * width + j] * x[n * width + j];
      z[n * width + i] = sum;
    }
  }
  return z;
}

/** dz times W: the gradient by the input of a layer (eq-dense-dx). */
function productBack(dz, W, rows, width) {
  const dx = new Float64Array(rows * width);
  for (let n = 0; n < rows; n++) {
    for (let i = 0; i < width; i++) {
      const push = dz[n * width + i];
      if (push === 0) continue;
      for (let j = 0; j < width; j++) dx[n * width + j] += push * W[i * width + j];
    }
  }
  return dx;
}

/**
 * Random examples through the layers, and a random gradient back.
 * @param {object} size width: neurons a layer, and inputs; rows: examples; depth: layers; seed
 * @param {string} bend tanh or relu
 * @param {number} gain g: the weights have the standard deviation g/√D
 * @returns {{weights, activations, gradients}} of each layer, row by row; activations[0] is the input,
 *   gradients[l] the gradient by activations[l]
 */
export function stack({ width, rows, depth, seed }, bend, gain) {
  const { f, slope } = bends[bend];
  const scale = gain / Math.sqrt(width);
  const weights = unitWeights(width, depth, seed).map((unit) => unit.map((w) => w * scale));
  const activations = [drawn(rows * width, seed)];
  for (const W of weights) activations.push(product(activations.at(-1), W, rows, width).map(f));
  const gradients = [drawn(rows * width, seed + 1)];
  for (let l = depth; l > 0; l--) {
    const dz = gradients[0].map((da, i) => da * slope(activations[l][i]));
    gradients.unshift(productBack(dz, weights[l - 1], rows, width));
  }
  return { weights, activations, gradients };
}

const kept = new Map(); // the same numbers for every gain: only their scale changes

function unitWeights(width, depth, seed) {
  return Array.from({ length: depth }, (_, l) => {
    const key = `${width} ${seed + 2 + l}`;
    if (!kept.has(key)) kept.set(key, drawn(width * width, seed + 2 + l));
    return kept.get(key);
  });
}

/** The root of the mean of the squares. */
export function size(values) {
  let sum = 0;
  for (const v of values) sum += v * v;
  return Math.sqrt(sum / values.length);
}

/**
 * By which factor theory says that one layer multiplies the size, forwards and backwards, for D = M and v = g²/D.
 * relu: √(D v / 2), by eq-variance-forward with eq-relu-half, and by eq-variance-backward with half of the slopes 0.
 * tanh: √(D v), while z is so small that the slope is 1; since |tanh z| ≤ |z|, no more than that forwards.
 */
export function factor(bend, gain) {
  return bend === "relu" ? gain / Math.SQRT2 : gain;
}

/** Shares of the values in equal bins between low and high; what lies outside is in none. */
export function histogram(values, low, high, bins) {
  const shares = new Array(bins).fill(0);
  for (const v of values) {
    const bin = v === high ? bins - 1 : Math.floor(((v - low) / (high - low)) * bins);
    if (bin >= 0 && bin < bins) shares[bin] += 1 / values.length;
  }
  return shares;
}
