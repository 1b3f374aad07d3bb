// The game on a line that is cut into bins: p and q are the probabilities of a bin, u the judge's logit in it.
import { bytes } from "../lib/data.js";
import { softplus } from "../lib/functions.js";

const sum = (p, term) => p.reduce((total, _, k) => total + term(k), 0);

/** The density of hills, each a share, a mean and a deviation. */
export function density(hills, x) {
  return sum(hills, (k) => {
    const [share, mean, deviation] = hills[k];
    return (share * Math.exp(-0.5 * ((x - mean) / deviation) ** 2)) / (deviation * Math.sqrt(2 * Math.PI));
  });
}

/** V of eq-gan-value-logits; the means are over p and q. */
export const value = (p, q, u) => -sum(p, (k) => p[k] * softplus(-u[k]) + q[k] * softplus(u[k]));

/** The generator's loss, eq-non-saturating-gradient. */
export const generatorLoss = (q, u) => sum(q, (k) => q[k] * softplus(-u[k]));

/** D* of eq-optimal-discriminator, where one of the two is not 0; elsewhere any judge is as good. */
export const best = (p, q) => p.map((v, k) => (v + q[k] > 0 ? v / (v + q[k]) : 0.5));

/** eq-jensen-shannon. */
export function divergence(p, q) {
  const term = (a, m) => (a > 0 ? a * Math.log(a / m) : 0);
  return sum(p, (k) => {
    const m = (p[k] + q[k]) / 2;
    return (term(p[k], m) + term(q[k], m)) / 2;
  });
}

/** The value against the best judge, by eq-value-at-optimum. */
export const valueAtBest = (p, q) => 2 * divergence(p, q) - Math.log(4);

/**
 * A recorded game: what gan.data.js holds of one way to play.
 * @returns {object} x: the middles of the bins, width: of a bin, p: of the data, frames: [{step, q, u}, …]
 */
export function unpack({ hills, from, to, bins, samples, every, ways }, way) {
  const width = (to - from) / bins;
  const x = Array.from({ length: bins }, (_, k) => from + (k + 0.5) * width);
  const [counts, logits] = [bytes(ways[way].counts, Uint16Array), bytes(ways[way].logits, Int16Array)];
  const part = (all, k, scale) => Array.from(all.subarray(k * bins, (k + 1) * bins), (v) => v / scale);
  const frames = Array.from({ length: counts.length / bins }, (_, k) => ({ step: k * every, q: part(counts, k, samples), u: part(logits, k, 1000) }));
  return { x, width, p: x.map((v) => width * density(hills, v)), frames };
}
