// One neuron with two inputs: its sum, its line, its distance (chapter 1). No drawing here.
import { dot } from "./functions.js";

/** eq-neuron: z = Σ w_i x_i + b. */
export const weightedSum = (w, x, b) => dot(w, x) + b;

/** eq-threshold. */
export const threshold = (z) => (z > 0 ? 1 : 0);

/** ‖w‖, the length of the arrow. */
export const norm = (w) => Math.hypot(...w);

/** eq-boundary-distance: how far x is from the boundary; negative where z is. Not a number for w = 0. */
export const distance = (w, x, b) => weightedSum(w, x, b) / norm(w);

/** The point of the boundary that is nearest to x: walk t = z/‖w‖² times the arrow back. */
export function nearest(w, x, b) {
  const t = weightedSum(w, x, b) / dot(w, w);
  return x.map((v, i) => v - t * w[i]);
}

/**
 * The part of the boundary w₁x₁ + w₂x₂ + b = 0 that lies in a rectangle.
 * @param {number[]} xs the rectangle's first and last x₁; ys: the same of x₂
 * @returns two points, with the arrow of the weights to the right of the way from one to the other
 *   where x₂ points up; or null where the line does not pass through the rectangle
 */
export function boundary(w, b, xs, ys) {
  const length = norm(w);
  if (length === 0) return null;
  const middle = [(xs[0] + xs[1]) / 2, (ys[0] + ys[1]) / 2];
  const from = nearest(w, middle, b);
  const way = [-w[1] / length, w[0] / length];
  let [first, last] = [-Infinity, Infinity];
  for (const [i, [low, high]] of [xs, ys].entries()) {
    if (way[i] === 0) {
      if (from[i] < low || from[i] > high) return null;
      continue;
    }
    const ends = [(low - from[i]) / way[i], (high - from[i]) / way[i]].sort((p, q) => p - q);
    first = Math.max(first, ends[0]);
    last = Math.min(last, ends[1]);
  }
  if (first >= last) return null;
  return [first, last].map((t) => from.map((v, i) => v + t * way[i]));
}

/** The neuron (w, b) whose boundary goes from p to q and whose weights are so long; the inverse of `boundary`. */
export function through(p, q, length) {
  const [dx, dy] = [q[0] - p[0], q[1] - p[1]];
  const w = [dy, -dx].map((v) => (length * v) / Math.hypot(dx, dy));
  return { w, b: -dot(w, p) };
}
