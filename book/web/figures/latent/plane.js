// A plane through the noise: all that can be reached from 0 along two draws z.
import { dot } from "../lib/functions.js";

const length = (v) => Math.sqrt(dot(v, v));

/**
 * The plane through 0 and two draws, with the first draw on its first axis.
 * @returns {{axes: number[][], ends: number[][]}} two axes of length 1, and the places [a, b] of the draws
 */
export function plane(z0, z1) {
  const first = z0.map((v) => v / length(z0));
  const along = dot(first, z1);
  const rest = z1.map((v, k) => v - along * first[k]);
  return { axes: [first, rest.map((v) => v / length(rest))], ends: [[length(z0), 0], [along, length(rest)]] };
}

/** The noise at the place (a, b); its length is that of (a, b). */
export const noise = ({ axes: [first, second] }, a, b) => first.map((v, k) => a * v + b * second[k]);

/** The walk from one draw to the other: turned, cos t · z_0 + sin t · z_1, or straight. */
export function walk({ ends: [[a0, b0], [a1, b1]] }, turned, steps = 24) {
  return Array.from({ length: steps + 1 }, (_, k) => {
    const [u, v] = turned ? [Math.cos((k / steps) * (Math.PI / 2)), Math.sin((k / steps) * (Math.PI / 2))] : [1 - k / steps, k / steps];
    return [u * a0 + v * a1, u * b0 + v * b1];
  });
}

/** The correlation of the pixels of two pictures. */
export function correlation(first, second) {
  const [a, b] = [first, second].map((rows) => {
    const pixels = rows.flat();
    const mean = pixels.reduce((sum, v) => sum + v) / pixels.length;
    return pixels.map((v) => v - mean);
  });
  return dot(a, b) / (length(a) * length(b));
}
